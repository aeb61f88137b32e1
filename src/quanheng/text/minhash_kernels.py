"""Compiled loops of `shingles`: hashes of n-grams, minima per permutation, band keys, common elements, winnowing.

Imported inside functions only, because numba is heavy. Whole-number arithmetic modulo 2⁶⁴ throughout, so that every
machine and the plain numpy path in `shingles` give the same bytes. The loops let go of the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 - this module is imported inside functions


def compiled(function: Callable[..., Any]) -> Any:
    """Return `function` compiled, with the machine code kept on disk where there is a place for it.

    numba keeps it beside the module, else in the user's cache folder, or in NUMBA_CACHE_DIR when that is set; a
    read-only installation without any of these still runs and compiles once a process.
    """
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        return njit(nogil=True)(function)


@compiled
def mix(x: Any) -> Any:
    """Return the finaliser of splitmix64 of `x` (Steele, Lea & Flood 2014; constants of Stafford's variant 13)."""
    x = np.uint64(x)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@compiled
def hash_shingles(points: Any, offsets: Any, starts: Any, size: int, base: Any, whole_from: Any, out: Any) -> None:
    """Fill `out` with the hashes of document i's n-grams at [starts[i], starts[i + 1])."""
    base = np.uint64(base)
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        at = starts[i]
        if last - first < size or points[first] >= whole_from:
            h = np.uint64(1)
            for k in range(first, last):
                h = h * base + np.uint64(points[k])
            out[at] = mix(h)
        else:
            for k in range(first, last - size + 1):
                h = np.uint64(1)
                for j in range(size):
                    h = h * base + np.uint64(points[k + j])
                out[at] = mix(h)
                at += 1


@compiled
def minima(hashes: Any, offsets: Any, multiply: Any, add: Any, out: Any) -> None:
    """Fill out[i, p] with the least (x · multiply[p] + add[p]) >> 32 over the hashes x of document i."""
    permutations = len(multiply)
    least = np.empty(permutations, np.uint64)
    for i in range(len(offsets) - 1):
        least[:] = np.uint64(0xFFFFFFFFFFFFFFFF)
        for k in range(offsets[i], offsets[i + 1]):
            x = hashes[k]
            for p in range(permutations):
                # Compared before the shift: the upper half decides, and the shift is done once a document.
                v = x * multiply[p] + add[p]
                least[p] = min(least[p], v)
        for p in range(permutations):
            out[i, p] = np.uint32(least[p] >> np.uint64(32))


@compiled
def band_keys(signatures: Any, bands: int, rows: int, seeds: Any, out: Any) -> None:
    """Fill out[i, b] with the hash of rows [b · rows, (b + 1) · rows) of signature i, seeded by seeds[b]."""
    for i in range(len(signatures)):
        for b in range(bands):
            h = np.uint64(seeds[b])
            for r in range(rows):
                h = mix(h ^ np.uint64(signatures[i, b * rows + r]))
            out[i, b] = h


@compiled
def count_common(one: Any, other: Any) -> int:
    """Return how many values two sorted arrays without repeats have in common."""
    i = j = common = 0
    while i < len(one) and j < len(other):
        if one[i] == other[j]:
            common += 1
            i += 1
            j += 1
        elif one[i] < other[j]:
            i += 1
        else:
            j += 1
    return common


@compiled
def winnow(hashes: Any, window: int, out: Any) -> int:
    """Fill `out` with the places that winnowing picks from one document's hashes; return how many."""
    count, least = 0, -1
    for end in range(window - 1, len(hashes)):
        start = end - window + 1
        if least < start:  # the last one left the window: the rightmost least of this window
            least = start
            for k in range(start + 1, end + 1):
                if hashes[k] <= hashes[least]:
                    least = k
        elif hashes[end] < hashes[least]:
            least = end
        else:
            continue
        out[count] = least
        count += 1
    return count
