"""Shingles and MinHash of Chinese text: the folded view as code points, hashes of its n-grams, signatures, band keys.

The unit is the code point, not the word: five Han characters are two to three words, and no segmenter, whose
version would decide what a duplicate is, stands in between. The folded view is the shadow (half-width, lower case, no
invisible characters) without punctuation and blanks; symbols stay, so that "C++" is not "C".

A text of fewer code points than a shingle is one shingle, whole. A text whose folded view is empty ("！！！") keeps its
own characters, marked, as one shingle: it equals only a text of the same characters. There is no sentinel.

Everything is whole-number arithmetic modulo 2⁶⁴; the compiled loops and the numpy path give the same bytes (tested),
on every machine. A signature is told by {algorithm, VERSION, seed, bands × rows, shingle size, folding}: signatures
of other libraries are other functions and must never be compared with these.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from quanheng.text.compiled import load
from quanheng.text.normalise import NOTHING, UNFOLDED, USUAL, fold_table, learn_folds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    U32 = NDArray[np.uint32]
    U64 = NDArray[np.uint64]
    I64 = NDArray[np.int64]

#: A change of any function's result is a new version, and so of the operators that keep its results.
VERSION = 1
SHINGLE = 5

#: Multiplier of the polynomial hash: 2⁶⁴ divided by the golden ratio, odd.
_BASE = 0x9E3779B97F4A7C15
#: Set on the code points of a text whose folded view is empty; above every code point.
_OWN = 1 << 31
_UNKNOWN = 0xFFFFFFFF
_CODE_POINTS = 0x110000


class Packed(NamedTuple):
    """Many sequences in one array: sequence i is `values[offsets[i]:offsets[i + 1]]`."""

    values: Any
    offsets: I64

    @property
    def n(self) -> int:
        """Return how many sequences there are."""
        return len(self.offsets) - 1

    def part(self, i: int) -> Any:
        """Return sequence i."""
        return self.values[self.offsets[i] : self.offsets[i + 1]]


def encode(texts: Sequence[str]) -> Packed:
    """Return the texts as code points (uint32)."""
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=offsets[1:])
    return Packed(np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32), offsets)


@cache
def _table() -> U32:
    """Return the folded code point of each code point, 0 where it is left out; filled as characters are met."""
    table = np.full(_CODE_POINTS, _UNKNOWN, np.uint32)
    for first, last in UNFOLDED:
        table[first : last + 1] = np.arange(first, last + 1)
    _learn(table, np.array(USUAL))
    return table


def _kept(folded: int) -> int:
    """Return a folded code point, 0 where it is punctuation, a blank or nothing."""
    category = "Cc" if folded == NOTHING else unicodedata.category(chr(folded))
    return 0 if category[0] in "PZ" or category == "Cc" else folded


def fold(texts: Packed, *, plain: bool = False) -> Packed:
    """Return the folded view of texts as code points; where it is empty, the text's own, each with bit 31 set.

    plain: take the numpy path, which gives the same and needs no compiler.

    >>> fold(encode(["Ａ，b！", "！"])).values.tolist() == [ord("a"), ord("b"), ord("！") | 1 << 31]
    True
    """
    points, offsets = texts
    table = _table()
    kernels = None if plain else _kernels()
    if kernels and len(points):
        out, starts = np.empty(len(points), np.uint32), np.zeros(len(offsets), np.int64)
        given = points, offsets, texts.n, table, _UNKNOWN, _OWN, out, starts
        count = kernels.fold(*given)
        if count < 0:
            _learn(table, points)
            count = kernels.fold(*given)
        return Packed(out[:count], starts)
    _learn(table, points)
    folded = table[points]
    stays = folded != 0
    before = np.zeros(len(points) + 1, np.int64)
    np.cumsum(stays, out=before[1:])
    kept = np.diff(before[offsets])
    for i in np.flatnonzero((kept == 0) & (np.diff(offsets) > 0)).tolist():
        own = slice(offsets[i], offsets[i + 1])
        folded[own] = points[own] | np.uint32(_OWN)
        stays[own] = True
        kept[i] = offsets[i + 1] - offsets[i]
    starts = np.zeros_like(offsets)
    np.cumsum(kept, out=starts[1:])
    return Packed(folded[stays], starts)


def _learn(table: U32, points: U32) -> None:
    """Enter the code points that the table does not know yet."""
    codes, folds = np.array([*set(points[table[points] == _UNKNOWN].tolist())], np.int64), fold_table()
    learn_folds(folds, codes)
    table[codes] = [_kept(folded) for folded in folds[codes].tolist()]


def hash_shingles(folded: Packed, size: int = SHINGLE, *, plain: bool = False) -> Packed:
    """Return the hashes (uint64) of every text's shingles of `size` code points, in order, repeats too; never none.

    plain: take the numpy path, which gives the same and needs no compiler.
    """
    points, offsets = folded
    lengths = np.diff(offsets)
    whole = lengths < size
    some = np.flatnonzero(lengths > 0)
    whole[some] |= points[offsets[some]] >= _OWN
    starts = np.zeros(len(offsets), np.int64)
    np.cumsum(np.where(whole, 1, lengths - size + 1), out=starts[1:])
    hashes = np.empty(starts[-1], np.uint64)
    kernels = None if plain else _kernels()
    if kernels:
        kernels.hash_shingles(points, offsets, starts, folded.n, size, _BASE, _OWN, hashes)
    else:
        _hash_plainly(folded, starts, whole, size, hashes)
    return Packed(hashes, starts)


def _hash_plainly(folded: Packed, starts: I64, whole: NDArray[np.bool_], size: int, hashes: U64) -> None:
    points, offsets = folded
    places = len(points) - size + 1
    if places > 0:
        windows = np.ones(places, np.uint64)
        for j in range(size):
            windows = windows * np.uint64(_BASE) + points[j : j + places]
        for i in np.flatnonzero(~whole).tolist():
            hashes[starts[i] : starts[i + 1]] = windows[offsets[i] : offsets[i + 1] - size + 1]
    for i in np.flatnonzero(whole).tolist():
        value = 1
        for code in folded.part(i).tolist():
            value = (value * _BASE + code) & 0xFFFFFFFFFFFFFFFF
        hashes[starts[i]] = value
    hashes[:] = mix(hashes)


def mix(values: U64) -> U64:
    """Return the finaliser of splitmix64 of each value; a bijection of 64 bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _stream(seed: int, n: int) -> U64:
    """Return `n` values of splitmix64 from `seed`."""
    steps = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(_BASE)
    return mix(steps + np.uint64(seed & 0xFFFFFFFFFFFFFFFF))


def signatures(hashes: Packed, permutations: int = 128, seed: int = 1, *, plain: bool = False) -> U32:
    """Return the MinHash signature of each set of hashes, shape (texts, permutations).

    The share of equal places of two signatures estimates their Jaccard J with standard error √(J(1 - J) / n).
    """
    drawn = _stream(seed, 2 * permutations)
    multiply, add = drawn[:permutations] | np.uint64(1), drawn[permutations:]
    out = np.empty((hashes.n, permutations), np.uint32)
    kernels = None if plain else _kernels()
    if kernels:
        kernels.minima(*hashes, hashes.n, multiply, add, permutations, np.empty(permutations, np.uint64), out)
        return out
    for i in range(hashes.n):
        least = np.full(permutations, 0xFFFFFFFFFFFFFFFF, np.uint64)
        part = hashes.part(i)
        for at in range(0, len(part), 4096):  # bounds the matrix of all products
            np.minimum(least, (part[at : at + 4096, None] * multiply + add).min(axis=0), out=least)
        out[i] = least >> np.uint64(32)
    return out


def band_keys(signatures: U32, bands: int, rows: int, seed: int = 1, *, plain: bool = False) -> U64:
    """Return a 64-bit key for each band of each signature, shape (texts, bands); keys of different bands differ."""
    seeds = _stream(seed ^ _BASE, bands)
    out = np.empty((len(signatures), bands), np.uint64)
    kernels = None if plain else _kernels()
    if kernels:
        kernels.band_keys(signatures, *signatures.shape, bands, rows, seeds, out)
        return out
    out[:] = seeds
    for r in range(rows):
        out = mix(out ^ signatures[:, r : bands * rows : rows])
    return out


def distinct(hashes: Packed) -> list[U64]:
    """Return each set of hashes sorted and without repeats."""
    return [sorted_set(hashes.part(i)) for i in range(hashes.n)]


def sorted_set(values: U64) -> U64:
    """Return the values sorted and without repeats; `numpy.unique` does the same with a hash table, four times slower.

    >>> sorted_set(np.array([3, 1, 3], np.uint64)).tolist()
    [1, 3]
    """
    values = np.sort(values)
    first = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return values[first]


def common(one: U64, other: U64) -> int:
    """Return how many values two sorted arrays without repeats have in common."""
    kernels = _kernels()
    if kernels:
        return int(kernels.count_common(one, len(one), other, len(other)))
    return len(np.intersect1d(one, other, assume_unique=True))


def winnow(hashes: U64, window: int, *, plain: bool = False) -> I64:
    """Return the places of the hashes that are the least of some `window` in a row; none when there are fewer.

    Two texts that share `window` hashes in a row share one that is picked. About 2 / (window + 1) of them are picked.
    Source: Schleimer, Wilkerson & Aiken 2003, robust winnowing.
    """
    kernels = None if plain else _kernels()
    if kernels:
        out = np.empty(len(hashes), np.int64)
        return out[: kernels.winnow(hashes, len(hashes), window, out)].copy()
    picked: list[int] = []
    for start in range(len(hashes) - window + 1):
        part = hashes[start : start + window]
        if not picked or picked[-1] < start:
            picked.append(start + window - 1 - int(part[::-1].argmin()))
        elif part[-1] < hashes[picked[-1]]:
            picked.append(start + window - 1)
    return np.array(picked, np.int64)


def chance_of_candidate(jaccard: float, bands: int, rows: int) -> float:
    """Return the probability that two texts share a band: 1 - (1 - Jʳ)ᵇ (Leskovec et al., Mining of Massive Datasets).

    >>> round(chance_of_candidate(0.85, 16, 8), 4)
    0.9938
    """
    return -math.expm1(bands * math.log1p(-(jaccard**rows))) if jaccard < 1 else 1.0


def _kernels() -> Any:
    """Return the compiled loops, or None where numba is not installed."""
    return load("minhash_kernels")
