"""Exact one-sided bounds of a share, and the exact decimal a share is printed as. Standard library only.

Clopper & Pearson 1934: the lower bound at `confidence` is the p at which k or more of n has probability
1 - confidence; the upper bound the p at which k or fewer has it. Both are found by bisection on the exact tail,
which is summed in log space from its largest term, so that n in the millions neither overflows nor underflows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from quanheng.errors import Invalid

#: 95 %, the confidence of every bound in a report.
CONFIDENCE = Fraction(95, 100)
#: Halvings of [0, 1]: 2**-60 is far below the promised 1e-9 and above the noise of doubles.
_HALVINGS = 60
#: Terms smaller than the largest by this factor cannot change a double.
_NEGLIGIBLE = math.exp(-45.0)
#: Two probabilities closer than this, relatively, may be equal: log-gamma loses about four digits of sixteen.
_TIE = 1e-9


def _check(k: int, n: int, confidence: Fraction | float) -> float:
    if n < 1 or not 0 <= k <= n:
        raise Invalid(
            f"{k} of {n} is not a share",
            f"{n} 中的 {k} 不是一个比例",
            hint=("n must be at least 1 and k between 0 and n.", "n 至少为 1，k 须在 0 与 n 之间。"),
            code="not_a_share",
        )
    level = float(confidence)
    if not 0.0 < level < 1.0:
        raise Invalid(
            f"confidence {confidence} is not between 0 and 1",
            f"置信度 {confidence} 不在 0 与 1 之间",
            hint=("Give it as a fraction, for example 19/20.", "请用分数给出，例如 19/20。"),
            code="not_a_confidence",
        )
    return level


def _log_pmf(n: int, i: int, p: float) -> float:
    choose = math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
    return choose + i * math.log(p) + (n - i) * math.log1p(-p)


def _tail(n: int, first: int, step: int, p: float) -> float:
    """Return P(X >= first) for step 1 or P(X <= first) for step -1, X binomial(n, p), 0 < p < 1.

    Sums ratios of neighbouring terms from the largest term outwards; `math.lgamma` enters once.
    """
    mode = min(n, int((n + 1) * p))
    start = max(first, mode) if step > 0 else min(first, mode)
    odds = p / (1.0 - p)
    total = 1.0
    for direction in (1, -1):
        term, i = 1.0, start
        while term > _NEGLIGIBLE * total:
            if direction > 0:
                if i == n or (step < 0 and i == first):
                    break
                term *= (n - i) / (i + 1) * odds
            else:
                if i == 0 or (step > 0 and i == first):
                    break
                term *= i / (n - i + 1) / odds
            i += direction
            total += term
    return math.exp(_log_pmf(n, start, p)) * total


def _bisect(above: Callable[[float], bool]) -> float:
    """Return the p in (0, 1) at which `above` turns from False to True."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if above(middle):
            high = middle
        else:
            low = middle
    return (low + high) / 2


def bound_lower(k: int, n: int, confidence: Fraction | float = CONFIDENCE) -> float:
    """Return the exact one-sided lower Clopper-Pearson bound of k/n, correct to 1e-9; 0 when k is 0.

    >>> f"{bound_lower(3861, 4000):.4f}"
    '0.9601'
    """
    alpha = 1.0 - _check(k, n, confidence)
    if k == 0:
        return 0.0
    if k == n:
        return float(alpha ** (1.0 / n))
    return _bisect(lambda p: _tail(n, k, 1, p) > alpha)


def bound_upper(k: int, n: int, confidence: Fraction | float = CONFIDENCE) -> float:
    """Return the exact one-sided upper Clopper-Pearson bound of k/n, correct to 1e-9; 1 when k is n."""
    return 1.0 - bound_lower(n - k, n, confidence)


def required_k(n: int, num: int, den: int, confidence: Fraction | float = CONFIDENCE) -> int | None:
    """Return the smallest k whose lower bound over n reaches num/den; None when even k = n does not.

    Source of the checks: 4000 at 96 % needs 3861, 1000 at 90 % 916, 300 at 95 % 292.

    >>> required_k(300, 95, 100)
    292
    """
    _check(0, n, confidence)
    target = num / den
    if bound_lower(n, n, confidence) < target:
        return None
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if bound_lower(middle, n, confidence) >= target:
            high = middle
        else:
            low = middle + 1
    return low


def allowed_k(n: int, num: int, den: int, confidence: Fraction | float = CONFIDENCE) -> int | None:
    """Return the largest k whose upper bound over n stays at or below num/den; None when even k = 0 does not.

    >>> allowed_k(300, 5, 100)
    8
    """
    needed = required_k(n, den - num, den, confidence)
    return None if needed is None else n - needed


def finite_bound_lower(k: int, n: int, population: int, confidence: Fraction | float = CONFIDENCE) -> int:
    """Return the least number of successes in the population that k of a sample of n is compatible with.

    The exact hypergeometric bound for sampling without replacement: the smallest K with
    P(X >= k | population, K, n) > 1 - confidence. As a share divide by `population`. Correct as integers.
    """
    alpha = 1.0 - _check(k, n, confidence)
    if n > population:
        raise Invalid(
            f"a sample of {n} cannot come from a population of {population}",
            f"总体只有 {population} 项，抽不出 {n} 项",
            hint=("Check which corpus was sampled.", "请核对抽样所用的语料。"),
            code="sample_too_large",
        )
    low, high = k, population - (n - k)
    while low < high:
        middle = (low + high) // 2
        tail = _hypergeometric_tail(k, n, middle, population)
        if abs(tail - alpha) <= _TIE * alpha:  # as good as equal in floats: only integers can tell
            above = _exact_tail(k, n, middle, population) > 1 - Fraction(confidence).limit_denominator(10**9)
        else:
            above = tail > alpha
        if above:
            high = middle
        else:
            low = middle + 1
    return low


def finite_bound_upper(k: int, n: int, population: int, confidence: Fraction | float = CONFIDENCE) -> int:
    """Return the greatest number of successes in the population that k of a sample of n is compatible with."""
    return population - finite_bound_lower(n - k, n, population, confidence)


def _exact_tail(k: int, n: int, marked: int, population: int) -> Fraction:
    """Return P(X >= k) as `_hypergeometric_tail` does, exactly."""
    first, last = max(k, n - (population - marked), 0), min(n, marked)
    ways = sum(math.comb(marked, i) * math.comb(population - marked, n - i) for i in range(first, last + 1))
    return Fraction(ways, math.comb(population, n))


def _hypergeometric_tail(k: int, n: int, marked: int, population: int) -> float:
    """Return P(X >= k) where X counts marked items in a sample of n without replacement."""
    last = min(n, marked)
    if k <= max(0, n - (population - marked)):
        return 1.0
    if k > last:
        return 0.0
    mode = (n + 1) * (marked + 1) // (population + 2)
    start = min(max(k, mode), last)
    total = 1.0
    term, i = 1.0, start
    while i < last and term > _NEGLIGIBLE * total:
        term *= (marked - i) * (n - i) / ((i + 1) * (population - marked - n + i + 1))
        i += 1
        total += term
    term, i = 1.0, start
    while i > k and term > _NEGLIGIBLE * total:
        term *= i * (population - marked - n + i) / ((marked - i + 1) * (n - i + 1))
        i -= 1
        total += term
    log_start = _log_choose(marked, start) + _log_choose(population - marked, n - start) - _log_choose(population, n)
    return math.exp(log_start) * total


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def decimal_text(k: int, n: int, places: int = 6) -> str:
    """Return k/n as a decimal string with `places` digits, rounded half to even on the exact fraction.

    >>> decimal_text(2, 3)
    '0.666667'
    """
    if n < 1:
        raise Invalid(
            f"{k} of {n} is not a share",
            f"{n} 中的 {k} 不是一个比例",
            hint=("n must be at least 1.", "n 至少为 1。"),
            code="not_a_share",
        )
    scaled = round(Fraction(k, n) * 10**places)  # Fraction.__round__ is exact and rounds half to even
    return _plain(scaled, places)


def float_text(value: float, places: int = 6) -> str:
    """Return a computed bound as a decimal string with `places` digits, rounded half to even on the double."""
    exact = Decimal(value).scaleb(places, Context(prec=400)).to_integral_value(rounding=ROUND_HALF_EVEN)
    return _plain(int(exact), places)


def _plain(scaled: int, places: int) -> str:
    sign = "-" if scaled < 0 else ""
    digits = str(abs(scaled)).rjust(places + 1, "0")
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
