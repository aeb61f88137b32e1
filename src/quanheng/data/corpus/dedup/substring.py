"""Passages that an earlier document holds, character for character: found by winnowing, then compared and extended.

A passage of `least` characters has a window of n-grams of half that length, of which at least one is picked, in both
documents; it is compared in full, with the earliest eight places where that n-gram stands. So no passage of the length
is missed unless eight others share its picked n-grams but not its length. The later document loses it.
"""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quanheng.data.corpus.dedup.order import Order
from quanheng.data.corpus.dedup.spill import Spill, group_starts
from quanheng.data.corpus.dedup.verify import Arrays
from quanheng.data.corpus.operator import Sketch, Texts, Verdict
from quanheng.text.shingles import encode, hash_shingles, winnow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.uint32]

REASON = "repeated_passage"
_ROWS = 1024
#: Picked n-grams per character with n-grams of half a passage of 100; for the number of partitions only.
_DENSITY = 1 / 25
#: A picked n-gram is compared with this many of its earliest occurrences: the first may be of a shorter passage.
_OCCURRENCES = 8


def find_passages(
    sketches: Sequence[Sketch], texts: Texts, scratch: Path, progress: Callable[[int, int | None], None], *, least: int
) -> Iterator[list[Verdict]]:
    """Yield per unit the spans of `least` characters or more that a document of a lower number holds.

    `measure` is the share of the document's characters. What a span repeats may itself be taken out of that document
    as a repetition of a third: of every passage the copy with the lowest number stays.
    """
    order = Order.of(sketches)
    anchors = _find_anchors(_pick(sketches, order, texts, scratch, least, progress), order.total, scratch)
    wanted = np.zeros(max(order.total, 1), bool)
    for records in anchors.ordered(remove=False):
        wanted[records["number"]] = True
        wanted[records["of"]] = True
    points = Arrays(scratch / "points", "uint32")
    points.fill(order, wanted, texts, _code_points, progress)
    found = _Found()
    for number, places, ofs, ofs_places in _by_document(anchors):
        _extend(number, places, ofs, ofs_places, points, least, found)
    points.close()
    shutil.rmtree(anchors.folder)
    yield from found.verdicts(order)


def _code_points(texts: Sequence[str]) -> list[Points]:
    packed = encode(texts)
    return [packed.part(i) for i in range(packed.n)]


def _pick(
    sketches: Sequence[Sketch],
    order: Order,
    texts: Texts,
    scratch: Path,
    least: int,
    progress: Callable[[int, int | None], None],
) -> Spill:
    """Return the n-grams picked from every document of `least` characters or more, by hash."""
    size = least // 2
    lengths = [sketch.column("characters") for sketch in sketches]
    characters = sum(int(column.sum(dtype=np.int64)) for column in lengths)
    picked = Spill(scratch / "picked", {"number": "uint32", "place": "uint32"}, expected=int(characters * _DENSITY))
    for done, unit in enumerate(order.units.tolist()):
        rows = np.flatnonzero(lengths[unit] >= least).tolist()
        for at in range(0, len(rows), _ROWS):
            some = rows[at : at + _ROWS]
            hashes = hash_shingles(encode(texts(unit, some)), size)
            for i, row in enumerate(some):
                part = hashes.part(i)
                places = winnow(part, least - size + 1)
                numbers = np.full(len(places), order.starts[unit] + row)
                picked.add(key=part[places], number=numbers, place=places)
        progress(done + 1, len(sketches))
    return picked


def _find_anchors(picked: Spill, total: int, scratch: Path) -> Spill:
    """Return where a picked n-gram of a document stands in earlier ones, those with the lowest numbers."""
    columns = {"number": "uint32", "place": "uint32", "of": "uint32", "of_place": "uint32"}
    anchors = Spill(scratch / "anchors", columns, expected=picked.records // 4, bits=max(total, 1).bit_length())
    for records in picked.repeated():
        starts = group_starts(records["key"])
        first = np.repeat(starts[:-1], np.diff(starts))
        place = np.arange(len(first)) - first
        for earlier in range(_OCCURRENCES):
            later = np.flatnonzero(place > earlier)
            of = first[later] + earlier
            other = records["number"][later] != records["number"][of]
            later, of = later[other], of[other]
            anchors.add(
                key=records["number"][later],
                number=records["number"][later],
                place=records["place"][later],
                of=records["number"][of],
                of_place=records["place"][of],
            )
    shutil.rmtree(picked.folder)
    return anchors


def _by_document(anchors: Spill) -> Iterator[tuple[int, list[int], list[int], list[int]]]:
    """Yield each document's anchors: places, the earlier document of each, the place there. A partition cuts none."""
    for records in anchors.ordered():
        for start, end in pairwise(group_starts(records["number"]).tolist()):
            part = {name: values[start:end].tolist() for name, values in records.items()}
            yield part["number"][0], part["place"], part["of"], part["of_place"]


class _Found:
    """Spans in the order of the documents' numbers."""

    def __init__(self) -> None:
        self.numbers, self.starts, self.ends, self.ofs = (array("q") for _ in range(4))
        self.shares = array("d")

    def add(self, number: int, start: int, end: int, of: int, share: float) -> None:
        for column, value in ((self.numbers, number), (self.starts, start), (self.ends, end), (self.ofs, of)):
            column.append(value)
        self.shares.append(share)

    def verdicts(self, order: Order) -> Iterator[list[Verdict]]:
        numbers = np.array(self.numbers, np.int64)
        units_of, rows_of = order.locate(np.array(self.ofs, np.int64)) if len(numbers) else (numbers, numbers)
        for unit in range(len(order.rows)):
            span = order.numbers(unit)
            first, last = np.searchsorted(numbers, [span.start, span.stop]).tolist()
            yield [
                Verdict(
                    self.numbers[i] - span.start,
                    self.starts[i],
                    self.ends[i],
                    REASON,
                    (int(units_of[i]), int(rows_of[i])),
                    self.shares[i],
                )
                for i in range(first, last)
            ]


def _extend(
    number: int, places: list[int], ofs: list[int], ofs_places: list[int], points: Arrays, least: int, found: _Found
) -> None:
    own, size, covered = points.get(number), least // 2, 0
    for place, of, of_place in zip(places, ofs, ofs_places, strict=True):
        if place + size <= covered:
            continue
        other: Any = points.get(of)
        after = same(own[place:], other[of_place:])
        before = same(own[:place][::-1], other[:of_place][::-1])
        if before + after < least:  # a shorter passage, or equal hashes of unequal text
            continue
        start = max(place - before, covered)
        covered = place + after
        found.add(number, start, covered, of, (covered - start) / len(own))


def same(one: Points, other: Points) -> int:
    """Return how many elements two arrays have in common at their beginning."""
    most = min(len(one), len(other))
    at, step = 0, 256
    while at < most:
        unequal = np.flatnonzero(one[at : min(at + step, most)] != other[at : min(at + step, most)])
        if len(unequal):
            return at + int(unequal[0])
        at, step = at + step, step * 2
    return most
