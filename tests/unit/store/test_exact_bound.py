from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from quanheng.store.exact_bound import exact_bound


@given(st.integers(1, 20_000), st.data())
def test_against_the_beta_quantile(n, data):
    k = data.draw(st.integers(0, n))
    lower = 0.0 if k == 0 else beta.ppf(0.05, k, n - k + 1)
    upper = 1.0 if k == n else beta.ppf(0.95, k + 1, n - k)
    assert exact_bound(k, n, "lower") == pytest.approx(lower, abs=1e-9)
    assert exact_bound(k, n, "upper") == pytest.approx(upper, abs=1e-9)


@pytest.mark.parametrize("n", [9_999_999, 10_000_001, 2**40])
@pytest.mark.parametrize("share", [0.5, 0.001, 0.98])
def test_large_n_within_the_tolerance(n, share):
    k = int(n * share)
    assert exact_bound(k, n, "lower") == pytest.approx(beta.ppf(0.05, k, n - k + 1), abs=1e-6)
    assert exact_bound(k, n, "upper") == pytest.approx(beta.ppf(0.95, k + 1, n - k), abs=1e-6)


@given(st.integers(1, 10_000))
def test_closed_forms(n):
    assert exact_bound(0, n, "lower") == 0.0
    assert exact_bound(n, n, "upper") == 1.0
    assert exact_bound(n, n, "lower") == pytest.approx(0.05 ** (1 / n), abs=1e-12)
    assert exact_bound(0, n, "upper") == pytest.approx(1 - 0.05 ** (1 / n), abs=1e-12)


@pytest.mark.parametrize(("k", "n", "num", "den"), [(3861, 4000, 96, 100), (916, 1000, 90, 100), (292, 300, 95, 100)])
def test_published_smallest_passing_counts(k, n, num, den):
    # research/oversight.md section 3.3
    assert exact_bound(k, n, "lower") >= num / den > exact_bound(k - 1, n, "lower")


def test_published_largest_passing_count():
    assert exact_bound(8, 300, "upper") <= 0.05 < exact_bound(9, 300, "upper")


@given(st.integers(1, 30), st.data())
def test_it_solves_its_equation(n, data):
    k = data.draw(st.integers(1, n))
    p = Fraction(exact_bound(k, n, "lower"))
    tail = sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))
    assert float(tail) == pytest.approx(0.05, abs=1e-9)
