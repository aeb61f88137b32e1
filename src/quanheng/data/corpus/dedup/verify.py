"""Pairs made sure of: exact Jaccard of the shingle sets, earlier documents first, against those that stay."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quanheng.data.corpus.dedup.order import STAYS, Kept, Order, Progress, phase
from quanheng.data.corpus.dedup.spill import Spill
from quanheng.data.corpus.operator import Texts
from quanheng.text.shingles import common

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Makes an array of each text, all of one type: its shingle set, its code points.
Make = Callable[[Sequence[str]], Sequence["NDArray[Any]"]]

#: Texts asked for at a time.
_ROWS = 1024


class Arrays:
    """An array for each of some documents, in a file; 20 bytes of memory a document.

    Every text is read once, unit by unit, in ascending rows.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._type = path, np.dtype(kind)
        self._numbers = np.empty(0, np.int64)
        self._starts = np.zeros(1, np.int64)

    def fill(self, order: Order, wanted: NDArray[np.bool_], texts: Texts, make: Make, progress: Progress) -> None:
        """Keep what `make` gives for every document that is wanted."""
        lengths: list[NDArray[np.int64]] = []
        with self._path.open("wb") as file:
            for done, unit in enumerate(order.units.tolist()):
                rows = np.flatnonzero(wanted[order.numbers(unit)]).tolist()
                for at in range(0, len(rows), _ROWS):
                    arrays = make(texts(unit, rows[at : at + _ROWS]))
                    file.write(np.concatenate(arrays).astype(self._type, copy=False).tobytes())
                    lengths.append(np.fromiter(map(len, arrays), np.int64, len(arrays)))
                progress(done + 1, len(order.units))
        self._numbers = np.flatnonzero(wanted)
        self._starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate([*lengths, np.empty(0, int)]))])
        self._file = os.open(self._path, os.O_RDONLY)

    def length(self, number: int) -> int:
        """Return the length of a document's array."""
        at = int(np.searchsorted(self._numbers, number))
        return int(self._starts[at + 1] - self._starts[at])

    def get(self, number: int) -> NDArray[Any]:
        """Return a document's array."""
        at = int(np.searchsorted(self._numbers, number))
        start, end = int(self._starts[at]), int(self._starts[at + 1])
        size = self._type.itemsize
        return np.frombuffer(os.pread(self._file, (end - start) * size, start * size), self._type)

    def close(self) -> None:
        """Remove the file."""
        os.close(self._file)
        self._path.unlink()


def keep_roots(
    pairs: Spill,
    total: int,
    kept: Kept,
    texts: Texts,
    make: Make,
    threshold: Fraction,
    scratch: Path,
    progress: Progress,
    *,
    first: int = 0,
) -> int:
    """Set in `kept` what every document repeats; return how many pairs were compared.

    Documents are taken in the order of preference. One goes when its shingle set and that of a document that *stays*
    have a Jaccard of `threshold` or more; the lowest such number is named. So there are no chains: of A ~ B ~ C with
    A and C unlike, B goes and C stays. And no false drops: the sets are compared, not their signatures.

    first: of the documents before it `kept` knows already, and only those that stay are looked at.
    """
    wanted = np.zeros(total, bool)
    for keys in pairs.distinct(remove=False):
        new = keys[keys // np.uint64(total) >= first]
        earlier_ones = new % np.uint64(total)
        wanted[new // np.uint64(total)] = True
        wanted[earlier_ones[(earlier_ones >= first) | (kept.of[earlier_ones] == STAYS)]] = True
    sets = Arrays(scratch / "sets", "uint64")
    sets.fill(kept.order, wanted, texts, make, phase(progress, 0, 2))
    compared = 0
    settled = phase(progress, 1, 2)
    for later, earlier in _in_order(pairs, total, first):
        compared += _settle(later, earlier, kept, sets, threshold)
        settled(later, total)
    sets.close()
    shutil.rmtree(pairs.folder)
    return compared


def _in_order(pairs: Spill, total: int, first: int) -> Iterator[tuple[int, list[int]]]:
    """Yield each later document from `first` on with its earlier ones, both ascending."""
    for every in pairs.distinct():
        keys = every[every // np.uint64(total) >= first]
        if not len(keys):
            continue
        laters = keys // np.uint64(total)
        starts = np.flatnonzero(np.concatenate([[True], laters[1:] != laters[:-1]]))
        earliers = np.split(keys % np.uint64(total), starts[1:])
        for later, some in zip(laters[starts].tolist(), earliers, strict=True):
            yield later, some.tolist()


def _settle(later: int, earlier: list[int], kept: Kept, sets: Arrays, threshold: Fraction) -> int:
    """Compare `later` with each earlier one that stays until one is alike; return how many were compared."""
    if kept.of[later] != STAYS:  # a partition ended inside this document's pairs
        return 0
    own = sets.get(later)
    compared = 0
    for other in earlier:
        if kept.of[other] != STAYS:
            continue
        short, long = sorted((len(own), sets.length(other)))
        if short * threshold.denominator < threshold.numerator * long:
            continue  # J ≤ short / long
        compared += 1
        shared = common(own, sets.get(other))
        union = short + long - shared
        if shared * threshold.denominator >= threshold.numerator * union:
            kept.of[later], kept.measure[later] = other, shared / union
            break
    return compared
