"""The law of a verdict against an independent one: Fractions, scipy's beta quantiles, and published numbers."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from quanheng.kinds.oversight import Threshold
from quanheng.oversight.rules.law import decide
from quanheng.store.assessment_check import required_verdicts


def at_least(num: int, den: int = 100) -> Threshold:
    return Threshold(form="at_least", num=num, den=den)


def at_most(num: int, den: int = 100) -> Threshold:
    return Threshold(form="at_most", num=num, den=den)


@pytest.mark.parametrize(
    ("k", "n", "percent", "needed", "bound"),
    # research/oversight.md 3.3: bare pass, count at which the exact bound passes, bound at the bare pass
    [(3840, 4000, 96, 3861, "0.9545"), (900, 1000, 90, 916, "0.8830"), (285, 300, 95, 292, "0.9241")],
)
def test_published_lower(k: int, n: int, percent: int, needed: int, bound: str) -> None:
    bare = decide(k, n, at_least(percent), min_n=n)
    assert (bare.verdict, bare.thin, bare.required_k) == ("conforms", True, needed)
    assert bare.bound.side == "lower"
    assert f"{float(bare.bound.value):.4f}" == bound
    assert decide(k - 1, n, at_least(percent), min_n=n).verdict == "fails"
    enough = decide(needed, n, at_least(percent), min_n=n)
    assert (enough.verdict, enough.thin, enough.required_k) == ("conforms", False, None)
    assert decide(needed - 1, n, at_least(percent), min_n=n).thin


def test_published_upper() -> None:
    bare = decide(15, 300, at_most(5), min_n=300)
    assert (bare.verdict, bare.thin, bare.required_k) == ("conforms", True, 8)
    assert bare.bound.value.startswith("0.0759")
    assert decide(16, 300, at_most(5), min_n=300).verdict == "fails"
    assert not decide(8, 300, at_most(5), min_n=300).thin
    assert decide(9, 300, at_most(5), min_n=300).thin


def test_too_few_is_pending_unless_clear() -> None:
    assert decide(20, 20, at_least(95), min_n=300).verdict == "pending"
    assert decide(18, 20, at_least(95), min_n=300).verdict == "pending"  # fails at the point, but not clearly
    assert decide(0, 20, at_least(95), min_n=300).verdict == "fails"
    assert decide(20, 20, at_most(5), min_n=300).verdict == "fails"
    assert decide(0, 20, at_most(5), min_n=300).verdict == "pending"


def test_margin_that_no_count_can_reach() -> None:
    # 59 items are the fewest with which 0 failures show 5 % at 95 % confidence: 0.95**59 < 0.05 < 0.95**58
    assert decide(0, 58, at_most(5)).thin
    assert decide(0, 58, at_most(5)).required_k is None
    assert not decide(0, 59, at_most(5)).thin


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_law_equals_an_independent_one(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 1500))
    k = data.draw(st.integers(0, n))
    den = data.draw(st.integers(2, 1000))
    num = data.draw(st.integers(1, den - 1))
    min_n = data.draw(st.none() | st.integers(1, 2000))
    lower_form = data.draw(st.booleans())
    decision = decide(k, n, at_least(num, den) if lower_form else at_most(num, den), min_n=min_n)

    share, limit = Fraction(k, n), Fraction(num, den)
    low = 0.0 if k == 0 else float(beta.ppf(0.05, k, n - k + 1))
    high = 1.0 if k == n else float(beta.ppf(0.95, k + 1, n - k))
    passes = share >= limit if lower_form else share <= limit
    far_misses = high < float(limit) if lower_form else low > float(limit)
    if min_n is None or n >= min_n:
        expected = "conforms" if passes else "fails"
    else:
        expected = "fails" if not passes and far_misses else "pending"
    assert decision.verdict == expected
    assert abs(float(decision.bound.value) - (low if lower_form else high)) < 2e-6
    assert Fraction(decision.value) - share < Fraction(1, 10**6)
    form = "at_least" if lower_form else "at_most"
    assert decision.verdict in required_verdicts(form, num, den, min_n, k, n)
