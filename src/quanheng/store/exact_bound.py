"""The exact one-sided binomial bound, a second time: the verifier must not trust the code that made the number."""

from __future__ import annotations

import math

#: From here on log-gamma loses the digits needed; the normal bound is then right to 1e-6 (its error is O(1/n)).
_LARGE_N = 10_000_000
#: The 95 % point of the standard normal distribution.
_Z_95 = 1.6448536269514722
#: A term smaller than e**-40 of the largest adds nothing to a sum that is compared with 0.05.
_NEGLIGIBLE = 40.0


def exact_bound(k: int, n: int, side: str, alpha: float = 0.05) -> float:
    """Return the Clopper–Pearson bound on the share behind `k` of `n`, `side` "lower" or "upper", in [0, 1].

    The lower bound is the share at which P(X >= k) = alpha, the upper the one at which P(X <= k) = alpha; found by
    bisection to 1e-12. For n > 10,000,000 the normal bound (alpha 0.05 only). Source: Clopper & Pearson 1934.

    >>> round(exact_bound(3840, 4000, "lower"), 6)
    0.954523
    """
    if side == "upper":
        return 1.0 - exact_bound(n - k, n, "lower", alpha)
    if k == 0:
        return 0.0
    if k == n:
        return float(alpha ** (1.0 / n))
    if n > _LARGE_N:
        share = k / n
        return max(0.0, share - _Z_95 * math.sqrt(share * (1.0 - share) / n))
    low, high = 0.0, k / n  # at the share k/n itself the tail is near one half, above every alpha in use
    while high - low > 1e-12:
        middle = (low + high) / 2.0
        if _upper_tail(k, n, middle) > alpha:
            high = middle
        else:
            low = middle
    return (low + high) / 2.0


def _upper_tail(k: int, n: int, p: float) -> float:
    """Return P(X >= k) for X ~ Binomial(n, p), p < k/n: terms fall from k on, so that few are needed."""
    if p <= 0.0:
        return 0.0
    first = (
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p)
    )
    odds = p / (1.0 - p)
    total = term = 1.0
    for i in range(k, n):
        term *= (n - i) / (i + 1) * odds
        total += term
        if term < total * math.exp(-_NEGLIGIBLE):
            break
    return math.exp(first) * total
