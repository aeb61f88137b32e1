"""Exact copies: equal 128-bit digests, found by sorting."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quanheng.data.corpus.dedup.order import Kept, Progress
from quanheng.data.corpus.dedup.spill import Spill, group_starts
from quanheng.data.corpus.operator import Sketch

if TYPE_CHECKING:
    from numpy.typing import NDArray


def digests(contents: Iterable[bytes | memoryview]) -> NDArray[np.uint64]:
    """Return BLAKE2b-128 of each content as two uint64, shape (n, 2)."""
    joined = b"".join(hashlib.blake2b(content, digest_size=16).digest() for content in contents)
    return np.frombuffer(joined, "<u8").reshape(-1, 2)


def find_copies(
    sketches: Sequence[Sketch],
    column: str,
    kept: Kept,
    scratch: Path,
    progress: Progress,
    among: NDArray[np.bool_] | None = None,
) -> None:
    """Set in `kept` for every document whose digest in `column` occurs before which one it repeats, measure 1.

    among: by number, the documents that are looked at; None for all.
    """
    folder = scratch / "digests"
    spill = Spill(folder, {"low": "uint64", "number": "uint32"}, expected=kept.order.total)
    for done, unit in enumerate(kept.order.units.tolist()):
        values = sketches[unit].column(column)
        numbers = kept.order.numbers(unit)
        rows = np.arange(len(values)) if among is None else np.flatnonzero(among[numbers])
        spill.add(key=values[rows, 0], low=values[rows, 1], number=rows + numbers.start)
        progress(done + 1, 2 * len(sketches))
    for done, records in enumerate(spill.repeated()):
        progress(spill.partitions + done, 2 * spill.partitions)
        starts = group_starts(records["key"], records["low"])
        first = np.repeat(records["number"][starts[:-1]], np.diff(starts))
        copies = records["number"] != first
        kept.of[records["number"][copies]] = first[copies]
        kept.measure[records["number"][copies]] = 1.0
    shutil.rmtree(folder)
