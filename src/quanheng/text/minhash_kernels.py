"""Loops of `shingles`, to be compiled (`compiled.py`): hashes of n-grams, minima, band keys, common values, winnowing.

Whole-number arithmetic modulo 2⁶⁴ throughout, so that every machine and the plain numpy path in `shingles` give the
same bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

KERNELS = {
    "fold": "u4* i8* i8 u4* u4 u4 u4* i8* -> i8",
    "hash_shingles": "u4* i8* i8* i8 i8 u8 u4 u8*",
    "minima": "u8* i8* i8 u8* u8* i8 u8* u4*",
    "band_keys": "u4* i8 i8 i8 i8 u8* u8*",
    "count_common": "u8* i8 u8* i8 -> i8",
    "winnow": "u8* i8 i8 i8* -> i8",
}


_BLOCK = 512


def mix(x: Any) -> Any:
    """Return the finaliser of splitmix64 of `x` (Steele, Lea & Flood 2014; constants of Stafford's variant 13)."""
    x = np.uint64(x)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def fold(points: Any, offsets: Any, documents: int, table: Any, unknown: Any, own: Any, out: Any, starts: Any) -> int:
    """Fill `out` with the folded code points of every document and `starts` with where each begins; return how many.

    What the table makes 0 is left out; a document of which nothing is left keeps its own, each with `own` set. -1 when
    the table does not know a code point yet.
    """
    count = 0
    starts[0] = 0
    for i in range(documents):
        first, unknowns = count, 0
        for k in range(offsets[i], offsets[i + 1]):
            folded = table[points[k]]
            unknowns += folded == unknown
            # Written in any case, and written over when it is left out: a branch would be guessed wrong too often.
            out[count] = folded
            count += folded != 0
        if unknowns:
            return -1
        if count == first:
            for k in range(offsets[i], offsets[i + 1]):
                out[count] = points[k] | own
                count += 1
        starts[i + 1] = count
    return count


def hash_shingles(
    points: Any, offsets: Any, starts: Any, documents: int, size: int, base: Any, whole_from: Any, out: Any
) -> None:
    """Fill `out` with the hashes of document i's n-grams at [starts[i], starts[i + 1])."""
    base = np.uint64(base)
    for i in range(documents):
        first, last = offsets[i], offsets[i + 1]
        at = starts[i]
        if last - first < size or points[first] >= whole_from:
            h = np.uint64(1)
            for k in range(first, last):
                h = h * base + np.uint64(points[k])
            out[at] = mix(h)
        else:
            # Step by step over a block that stays near: a step is the same for all, so that several are done at once.
            for begin in range(first, last - size + 1, _BLOCK):
                end = min(begin + _BLOCK, last - size + 1)
                for k in range(begin, end):
                    out[at - first + k] = 1
                for j in range(size):
                    for k in range(begin, end):
                        out[at - first + k] = out[at - first + k] * base + np.uint64(points[k + j])
                for k in range(begin, end):
                    out[at - first + k] = mix(out[at - first + k])


def minima(
    hashes: Any, offsets: Any, documents: int, multiply: Any, add: Any, permutations: int, least: Any, out: Any
) -> None:
    """Fill out[i · permutations + p] with the least (x · multiply[p] + add[p]) >> 32 over the hashes x of document i.

    least: room for `permutations` numbers.
    """
    for i in range(documents):
        for p in range(permutations):
            least[p] = np.uint64(0xFFFFFFFFFFFFFFFF)
        k, last = offsets[i], offsets[i + 1]
        # Four hashes in one walk over the permutations: what those are is then loaded once for four, twice as fast.
        while k + 4 <= last:
            w, x, y, z = hashes[k], hashes[k + 1], hashes[k + 2], hashes[k + 3]
            for p in range(permutations):
                # Compared before the shift: the upper half decides, and the shift is done once a document.
                m, a = multiply[p], add[p]
                least[p] = min(least[p], w * m + a, x * m + a, y * m + a, z * m + a)
            k += 4
        while k < last:
            x = hashes[k]
            for p in range(permutations):
                least[p] = min(least[p], x * multiply[p] + add[p])
            k += 1
        for p in range(permutations):
            out[i * permutations + p] = np.uint32(least[p] >> np.uint64(32))


def band_keys(signatures: Any, documents: int, width: int, bands: int, rows: int, seeds: Any, out: Any) -> None:
    """Fill out[i · bands + b] with the hash of rows [b · rows, (b + 1) · rows) of signature i, seeded by seeds[b].

    width: numbers of a signature.
    """
    for i in range(documents):
        for b in range(bands):
            h = np.uint64(seeds[b])
            for r in range(rows):
                h = mix(h ^ np.uint64(signatures[i * width + b * rows + r]))
            out[i * bands + b] = h


def count_common(one: Any, ones: int, other: Any, others: int) -> int:
    """Return how many values two sorted arrays without repeats have in common."""
    i = j = common = 0
    while i < ones and j < others:
        if one[i] == other[j]:
            common += 1
            i += 1
            j += 1
        elif one[i] < other[j]:
            i += 1
        else:
            j += 1
    return common


def winnow(hashes: Any, n: int, window: int, out: Any) -> int:
    """Fill `out` with the places that winnowing picks from one document's hashes; return how many."""
    count, least = 0, -1
    for end in range(window - 1, n):
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
