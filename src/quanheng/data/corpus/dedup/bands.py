"""Pairs of documents that share a band of their signatures."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quanheng.data.corpus.dedup.order import STAYS, Kept, Progress
from quanheng.data.corpus.dedup.spill import Arrays, Spill, group_starts
from quanheng.data.corpus.operator import Sketch
from quanheng.text.shingles import sorted_set

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Rows of a sketch read at a time.
_ROWS = 2**16


def find_pairs(
    sketches: Sequence[Sketch],
    column: str,
    width: int,
    kept: Kept,
    scratch: Path,
    progress: Progress,
    *,
    representatives: int,
) -> tuple[Spill, int]:
    """Return the pairs as a spill of keys, later × total + earlier, over documents that `kept` lets stay; and total.

    width: band keys of a document.

    In a bucket of more than `representatives` members each is paired with that many of the lowest numbers only, so
    that boilerplate shared by m documents costs representatives × m pairs and not m².
    """
    order, total = kept.order, max(kept.order.total, 1)
    buckets = Spill(scratch / "bands", {"number": "uint32"}, expected=order.total * width)
    for done, unit in enumerate(order.units.tolist()):
        values, numbers = sketches[unit].column(column), order.numbers(unit)
        for at in range(0, len(values), _ROWS):
            stays = np.flatnonzero(kept.of[numbers][at : at + _ROWS] == STAYS)
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
