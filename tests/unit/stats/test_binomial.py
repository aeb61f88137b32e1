"""The bounds against scipy, closed forms, published numbers, and the definition itself."""

from __future__ import annotations

import doctest
import math
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from quanheng.errors import Invalid
from quanheng.stats import binomial
from quanheng.stats.binomial import (
    allowed_k,
    bound_lower,
    bound_upper,
    decimal_text,
    finite_bound_lower,
    finite_bound_upper,
    float_text,
    required_k,
)


@pytest.mark.parametrize("n", [1, 2, 3, 20, 50, 300, 1000, 4000, 100_000, 3_000_000])
@pytest.mark.parametrize("confidence", [Fraction(9, 10), Fraction(19, 20), 0.99])
def test_bounds_equal_the_beta_quantiles(n: int, confidence: Fraction | float) -> None:
    for k in sorted({0, 1, n // 20, n // 3, n // 2, n * 96 // 100, n - 1, n}):
        level = float(confidence)
        lower = beta.ppf(1 - level, k, n - k + 1) if k else 0.0
        upper = beta.ppf(level, k + 1, n - k) if k < n else 1.0
        assert bound_lower(k, n, confidence) == pytest.approx(lower, abs=1e-9)
        assert bound_upper(k, n, confidence) == pytest.approx(upper, abs=1e-9)


@given(st.integers(1, 10**6))
def test_closed_forms_at_the_ends(n: int) -> None:
    assert bound_lower(0, n) == 0.0
    assert bound_upper(n, n) == 1.0
    assert bound_lower(n, n) == pytest.approx(0.05 ** (1 / n), abs=1e-12)
    assert bound_upper(0, n) == pytest.approx(1 - 0.05 ** (1 / n), abs=1e-12)


@given(st.integers(1, 40), st.data())
def test_the_lower_bound_is_where_the_exact_tail_is_five_percent(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, n))
    p = Fraction(bound_lower(k, n))
    tail = sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))
    assert float(tail) == pytest.approx(0.05, abs=1e-9)


def test_published_numbers() -> None:
    # oversight study, 3.3
    assert required_k(4000, 96, 100) == 3861
    assert required_k(1000, 90, 100) == 916
    assert required_k(300, 95, 100) == 292
    assert allowed_k(300, 5, 100) == 8
    assert round(bound_lower(3840, 4000) * 100, 2) == 95.45
    assert round(bound_lower(900, 1000) * 100, 2) == 88.30
    assert round(bound_lower(285, 300) * 100, 2) == 92.41
    assert round(bound_upper(15, 300) * 100, 2) == 7.59
    assert round(bound_upper(0, 50) * 100, 1) == 5.8
    assert [round(bound_upper(k, 20) * 100, 1) for k in (0, 1)] == [13.9, 21.6]


@given(st.integers(1, 400), st.integers(0, 100))
def test_required_k_is_the_smallest(n: int, percent: int) -> None:
    needed = required_k(n, percent, 100)
    if needed is None:
        assert bound_lower(n, n) < percent / 100
    else:
        assert bound_lower(needed, n) >= percent / 100
        assert needed == 0 or bound_lower(needed - 1, n) < percent / 100
    allowed = allowed_k(n, percent, 100)
    if allowed is not None:
        # 1 - x rounds in the last place of a double, so the threshold itself is compared with that much room
        assert bound_upper(allowed, n) <= percent / 100 + 1e-12
        assert allowed == n or bound_upper(allowed + 1, n) > percent / 100 - 1e-12


def brute_finite_lower(k: int, n: int, population: int) -> int:
    for marked in range(k, population - (n - k) + 1):
        tail = sum(
            Fraction(comb(marked, i) * comb(population - marked, n - i), comb(population, n))
            for i in range(k, min(n, marked) + 1)
        )
        if tail > Fraction(5, 100):
            return marked
    raise AssertionError("no number of marked items is compatible")


def test_a_tail_of_exactly_five_per_cent_is_a_tie_that_floats_cannot_tell() -> None:
    """C(4, 2) / C(16, 2) = 6 / 120: not more than 5 %, so 4 marked items are ruled out."""
    assert finite_bound_lower(2, 2, 16) == 5
    assert finite_bound_upper(0, 2, 16) == 11


@given(st.integers(1, 30), st.data())
def test_the_finite_bound_against_exact_fractions(population: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, population))
    k = data.draw(st.integers(0, n))
    assert finite_bound_lower(k, n, population) == brute_finite_lower(k, n, population)
    assert finite_bound_upper(k, n, population) == population - brute_finite_lower(n - k, n, population)


def test_the_finite_bound_tends_to_the_binomial_one_and_is_exact_for_a_census() -> None:
    assert finite_bound_lower(48, 50, 10**7) / 10**7 == pytest.approx(bound_lower(48, 50), abs=1e-4)
    assert finite_bound_lower(48, 50, 50) == 48
    assert finite_bound_lower(96, 100, 150) / 150 > bound_lower(96, 100)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_what_is_no_share_is_refused(k: int, n: int) -> None:
    with pytest.raises(Invalid) as caught:
        bound_lower(k, n)
    assert caught.value.code == "not_a_share"
    assert caught.value.hint


def test_other_refusals() -> None:
    for confidence in (0.0, 1.0, -1, 2):
        with pytest.raises(Invalid, match="confidence"):
            bound_lower(1, 2, confidence)
    with pytest.raises(Invalid) as caught:
        finite_bound_lower(1, 10, 5)
    assert caught.value.code == "sample_too_large"
    with pytest.raises(Invalid):
        decimal_text(1, 0)


def test_decimal_text_rounds_half_to_even_on_the_exact_fraction() -> None:
    assert decimal_text(1, 3) == "0.333333"
    assert decimal_text(2, 3) == "0.666667"
    assert decimal_text(1, 8, 2) == "0.12"
    assert decimal_text(3, 8, 2) == "0.38"
    assert decimal_text(5, 5) == "1.000000"
    assert decimal_text(7, 2, 0) == "4"
    assert decimal_text(5, 2, 0) == "2"


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(0, 9))
def test_decimal_text_is_within_half_a_unit(k: int, n: int, places: int) -> None:
    text = decimal_text(k, n, places)
    assert abs(Fraction(text) - Fraction(k, n)) <= Fraction(1, 2 * 10**places)


@given(st.floats(0, 1))
def test_float_text_is_the_nearest_decimal(value: float) -> None:
    text = float_text(value)
    assert abs(Fraction(text) - Fraction(value)) <= Fraction(1, 2 * 10**6)
    assert len(text.split(".")[1]) == 6


def test_the_log_of_a_term_survives_millions() -> None:
    assert math.isfinite(bound_lower(1, 3_000_000))


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(binomial).failed == 0
