"""The law of a verdict: from k of n and a threshold to 符合 / 不符合 / 待补充. Integers decide, bounds explain.

1. The point passes iff k*den >= num*n (at least), or k*den <= num*n (at most).
2. With fewer items than the text asks for, the verdict is pending; it is "fails" only when the point fails
   and the opposite one-sided 95 % bound misses the threshold too, so that more items could hardly save it.
3. Otherwise the point decides. When it passes while its own one-sided 95 % bound does not, the margin is thin.
Source: TC260-003-2024 clause 9 gives n and the share; the bounds are ours (research/oversight.md 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from quanheng.kinds.oversight import Bound, Threshold, Verdict
from quanheng.stats.binomial import allowed_k, bound_lower, bound_upper, decimal_text, float_text, required_k

CONFIDENCE = Fraction(95, 100)
#: Bounds are right to this much, so that one which only touches the threshold misses nothing: 0 of 1 against 95 %.
ACCURACY = 1e-9


@dataclass(frozen=True)
class Decision:
    """What follows from k, n and the threshold. `clear`: the opposite 95 % bound misses the threshold too."""

    verdict: Verdict
    value: str
    bound: Bound
    passes: bool
    thin: bool
    clear: bool
    required_k: int | None


def decide(k: int, n: int, threshold: Threshold, *, min_n: int | None = None) -> Decision:
    """Return the verdict on k of n (n > 0); `min_n` is the number of items the text asks for, if any."""
    at_least = threshold.form == "at_least"
    limit = Fraction(threshold.num, threshold.den)
    passes = k * threshold.den >= threshold.num * n if at_least else k * threshold.den <= threshold.num * n
    lower, upper = bound_lower(k, n, CONFIDENCE), bound_upper(k, n, CONFIDENCE)
    clear = not passes and (upper < float(limit) - ACCURACY if at_least else lower > float(limit) + ACCURACY)
    own = (lower < limit) if at_least else (upper > limit)
    verdict: Verdict
    if min_n is not None and n < min_n:
        verdict = "fails" if clear else "pending"
    else:
        verdict = "conforms" if passes else "fails"
    bound = Bound(side="lower", value=float_text(lower)) if at_least else Bound(side="upper", value=float_text(upper))
    thin = passes and own and 0 < limit < 1
    return Decision(verdict, decimal_text(k, n), bound, passes, thin, clear, _needed(n, threshold) if thin else None)


def _needed(n: int, threshold: Threshold) -> int | None:
    """Return the k of `n` at which the own-side bound reaches the threshold; None when no k of n does."""
    needed = required_k if threshold.form == "at_least" else allowed_k
    return needed(n, threshold.num, threshold.den, CONFIDENCE)
