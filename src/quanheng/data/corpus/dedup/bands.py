"""Pairs of documents that share a band of their signatures."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quanheng.data.corpus.dedup.order import STAYS, Kept, Order, Progress
from quanheng.data.corpus.dedup.spill import Arrays, Noted, Spill, group_starts
from quanheng.data.corpus.operator import Sketch
from quanheng.text.shingles import sorted_set

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Rows of a sketch read at a time.
_ROWS = 2**16


def sharing(sketches: Sequence[Sketch], column: str, width: int, order: Order, first: int) -> NDArray[np.bool_]:
    """Return the documents from number `first` on, all that share a band key with one of them, and few others.

    width: band keys of a document. Of the others no pair with a document from `first` on is made.
    """
    found = np.zeros(order.total, bool)
    found[first:] = True
    units = order.units.tolist()
    noted = Noted((order.total - first) * width)
    for unit in reversed(units):  # those from `first` on stand at the end
        values, start = sketches[unit].column(column), order.numbers(unit).start
        for at in range(0, len(values), _ROWS):
            keys = values[at : at + _ROWS].ravel()
            if start >= first:
                noted.add(keys)
            else:
                found[start + at + noted.among(keys) // width] = True
    return found


def find_pairs(
    sketches: Sequence[Sketch],
    column: str,
    width: int,
    kept: Kept,
    scratch: Path,
    progress: Progress,
    *,
    representatives: int,
    among: NDArray[np.bool_] | None = None,
) -> tuple[Spill, int]:
    """Return the pairs as a spill of keys, later × total + earlier, over documents that `kept` lets stay; and total.

    width: band keys of a document. among: by number, the documents that are looked at; None for all.

    In a bucket of more than `representatives` members each is paired with that many of the lowest numbers only, so
    that boilerplate shared by m documents costs representatives × m pairs and not m².
    """
    order, total = kept.order, max(kept.order.total, 1)
    number = order.total if among is None else int(among.sum())
    buckets = Spill(scratch / "bands", {"number": "uint32"}, expected=number * width)
    for done, unit in enumerate(order.units.tolist()):
        values, numbers = sketches[unit].column(column), order.numbers(unit)
        for at in range(0, len(values), _ROWS):
            some = slice(numbers.start + at, min(numbers.start + at + _ROWS, numbers.stop))
            is_one = kept.of[some] == STAYS
            stays = np.flatnonzero(is_one if among is None else is_one & among[some])
            keys = values[at : at + _ROWS][stays]  # one band comes without its axis
            buckets.add(key=keys.ravel(), number=np.repeat(stays + (numbers.start + at), width))
        progress(done + 1, 2 * len(sketches))
    # Pairs of a partition are made distinct before they are written, so a quarter of the records is plenty.
    pairs = Spill(scratch / "pairs", {}, expected=buckets.records // 4, bits=(total * total).bit_length())
    for done, records in enumerate(buckets.repeated()):
        progress(buckets.partitions + done, 2 * buckets.partitions)
        for keys in _pairs(records, representatives, total):
            pairs.add(key=keys)
    shutil.rmtree(scratch / "bands")
    return pairs, total


def _pairs(records: Arrays, representatives: int, total: int) -> list[NDArray[np.uint64]]:
    """Return the distinct pairs of each step: every member with the first of its bucket, the second, and so on."""
    numbers = records["number"].astype(np.uint64)
    starts = group_starts(records["key"])
    first = np.repeat(starts[:-1], np.diff(starts))
    place = np.arange(len(numbers)) - first
    found: list[NDArray[Any]] = []
    for earlier in range(representatives):
        later = np.flatnonzero(place > earlier)
        if not len(later):
            break
        keys = numbers[later] * np.uint64(total) + numbers[first[later] + earlier]
        # The same document twice in a bucket: two bands of it have one key.
        found.append(sorted_set(keys[numbers[later] != numbers[first[later] + earlier]]))
    return found
