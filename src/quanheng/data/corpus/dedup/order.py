"""The order of preference: a number per document, lower ones stay; and the verdicts that follow from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quanheng.data.corpus.operator import Known, Sketch, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

Progress = Callable[[int, int | None], None]

#: In `Kept.of`: the document stays.
STAYS = 2**32 - 1
#: What a phase of a resolution counts to.
_PHASE = 1000


def phase(progress: Progress, number: int, of: int) -> Progress:
    """Return the progress of phase `number` (from 0) of `of` phases that take about as long, as a part of the whole."""

    def told(done: int, total: int | None) -> None:
        share = min(_PHASE, _PHASE * done // total) if total else 0
        progress(number * _PHASE + share, of * _PHASE)

    return told


@dataclass(frozen=True)
class Order:
    """Documents numbered by (rank, unit, row): `starts[unit]` is the number of the unit's first row."""

    units: NDArray[np.int64]  # in order of preference
    starts: NDArray[np.int64]  # by unit
    rows: NDArray[np.int64]  # by unit
    total: int

    @staticmethod
    def of(sketches: Sequence[Sketch]) -> Order:
        """Return the order of the documents of all sketches. At most 2³² - 1 of them."""
        rows = np.array([sketch.rows for sketch in sketches], np.int64)
        units = np.array(sorted(range(len(sketches)), key=lambda unit: sketches[unit].rank), np.int64)
        starts = np.zeros(len(sketches), np.int64)
        ends = np.cumsum(rows[units])
        starts[units] = ends - rows[units]
        total = int(ends[-1]) if len(units) else 0
        if total >= STAYS:
            raise OverflowError(f"{total} documents: numbers have 32 bits")
        return Order(units, starts, rows, total)

    def locate(self, numbers: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (units, rows) of document numbers."""
        # Of units that begin at the same number all but the last are empty.
        units = self.units[np.searchsorted(self.starts[self.units], numbers, side="right") - 1]
        return units, numbers.astype(np.int64) - self.starts[units]

    def after(self, known: Known | None) -> int:
        """Return how many documents an earlier resolution knew, and so the number of the first new one."""
        return self.numbers(int(self.units[known.units - 1])).stop if known else 0

    def numbers(self, unit: int) -> slice:
        """Return the numbers of a unit's documents."""
        return slice(int(self.starts[unit]), int(self.starts[unit] + self.rows[unit]))


class Kept:
    """For each document the one that it repeats, or `STAYS`, and how alike they are. On disk, 12 bytes a document."""

    def __init__(self, order: Order, scratch: Path) -> None:
        self.order = order
        shape = (max(order.total, 1),)
        self.of = mapped(scratch / "kept_of", np.uint32, shape)
        self.of[:] = STAYS
        self.measure = mapped(scratch / "kept_measure", np.float64, shape)

    def take(self, known: Known) -> None:
        """Set what an earlier resolution found on the first documents."""
        for unit, verdicts in zip(self.order.units.tolist(), known.verdicts(), strict=False):
            numbers = self.order.numbers(unit)
            self.of[numbers] = STAYS
            if verdicts:
                gone = np.array([verdict.row for verdict in verdicts]) + numbers.start
                places = np.array([verdict.of for verdict in verdicts])
                self.of[gone] = self.order.starts[places[:, 0]] + places[:, 1]
                self.measure[gone] = [verdict.measure for verdict in verdicts]

    def follow(self) -> None:
        """Point copies of a document that itself went at the one that stayed for it; it is as like them."""
        for unit in range(len(self.order.rows)):
            numbers = self.order.numbers(unit)
            gone = np.flatnonzero(self.of[numbers] != STAYS) + numbers.start
            roots = self.of[self.of[gone]]
            chained = roots != STAYS
            self.measure[gone[chained]] = self.measure[self.of[gone[chained]]]
            self.of[gone[chained]] = roots[chained]

    def verdicts(self, reason: str) -> Iterator[list[Verdict]]:
        """Yield the documents to drop of each unit."""
        for unit in range(len(self.order.rows)):
            numbers = self.order.numbers(unit)
            rows = np.flatnonzero(self.of[numbers] != STAYS)
            units_of, rows_of = self.order.locate(self.of[numbers][rows])
            measures = self.measure[numbers][rows]
            yield [
                Verdict(row, -1, -1, reason, (unit_of, row_of), measure)
                for row, unit_of, row_of, measure in zip(
                    rows.tolist(), units_of.tolist(), rows_of.tolist(), measures.tolist(), strict=True
                )
            ]


def mapped(path: Path, kind: Any, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Return a mapped file whose blocks are there already: a disk that fills up under a mapping ends the process."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.posix_fallocate(handle, 0, prod(shape) * np.dtype(kind).itemsize)
    finally:
        os.close(handle)
    return np.memmap(path, kind, "r+", shape=shape)
