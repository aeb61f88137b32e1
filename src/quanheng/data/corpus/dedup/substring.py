"""Passages that an earlier document holds, character for character: found by winnowing, then compared and extended.

A passage of `least` characters has a window of n-grams of half that length, of which at least one is picked, in both
documents; it is compared in full, with the earliest eight places where that n-gram stands. So no passage of the length
is missed unless eight others share its picked n-grams but not its length. The later document loses it.

What is picked is the sketch of a document (12 bytes for each of about 2 / `least` of its characters), so that a text
is hashed once, and read again only where a picked n-gram of it repeats.
"""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quanheng.data.corpus.dedup.order import Order, Progress, phase
from quanheng.data.corpus.dedup.spill import Noted, Spill, group_starts
from quanheng.data.corpus.dedup.verify import Arrays
from quanheng.data.corpus.operator import Known, Sketch, Texts, Verdict
from quanheng.text.shingles import Packed, encode, hash_shingles, winnow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.uint32]

REASON = "repeated_passage"
#: Picked n-grams read from a sketch at a time.
_PICKED = 2**18
#: A picked n-gram is compared with this many of its earliest occurrences: the first may be of a shorter passage.
_OCCURRENCES = 8


def pick(texts: Packed, least: int) -> tuple[Packed, Packed]:
    """Return the n-grams picked of each text of `least` characters or more, and where each begins."""
    size, lengths = least // 2, np.diff(texts.offsets)
    long = np.flatnonzero(lengths >= least)
    hashes = hash_shingles(_some(texts, long), size)
    places = [winnow(hashes.part(i), least - size + 1) for i in range(len(long))]
    offsets = np.zeros(texts.n + 1, np.int64)
    offsets[long + 1] = np.fromiter(map(len, places), np.int64, len(places))
    np.cumsum(offsets, out=offsets)
    keys = [hashes.part(i)[found] for i, found in enumerate(places)]
    return (
        Packed(np.concatenate([*keys, np.empty(0, np.uint64)]), offsets),
        Packed(np.concatenate([*places, np.empty(0, np.int64)]).astype(np.uint32), offsets),
    )


def _some(texts: Packed, rows: NDArray[np.int64]) -> Packed:
    """Return these texts."""
    if len(rows) == texts.n:
        return texts
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.diff(texts.offsets)[rows], out=offsets[1:])
    parts = [texts.part(row) for row in rows.tolist()]
    return Packed(np.concatenate([*parts, np.empty(0, texts.values.dtype)]), offsets)


def find_passages(
    sketches: Sequence[Sketch],
    texts: Texts,
    scratch: Path,
    progress: Progress,
    *,
    least: int,
    known: Known | None = None,
) -> Iterator[list[Verdict]]:
    """Yield per unit the spans of `least` characters or more that a document of a lower number holds.

    `measure` is the share of the document's characters. What a span repeats may itself be taken out of that document
    as a repetition of a third: of every passage the copy with the lowest number stays. known: of the first documents
    the spans are taken from there.
    """
    order = Order.of(sketches)
    first = order.after(known)
    picked = _read(sketches, order, scratch, phase(progress, 0, 4), first)
    anchors = _find_anchors(picked, order.total, scratch, phase(progress, 1, 4), first)
    wanted = np.zeros(max(order.total, 1), bool)
    for records in anchors.ordered(remove=False):
        wanted[records["number"]] = True
        wanted[records["of"]] = True
    points = Arrays(scratch / "points", "uint32")
    points.fill(order, wanted, texts, _code_points, phase(progress, 2, 4))
    found = _Found()
    if known:
        found.take(known, order)
    extended = phase(progress, 3, 4)
    for number, places, ofs, ofs_places in _by_document(anchors):
        _extend(number, places, ofs, ofs_places, points, least, found)
        extended(number, order.total)
    points.close()
    shutil.rmtree(anchors.folder)
    yield from found.verdicts(order)


def _code_points(texts: Sequence[str]) -> list[Points]:
    packed = encode(texts)
    return [packed.part(i) for i in range(packed.n)]


def _read(sketches: Sequence[Sketch], order: Order, scratch: Path, progress: Progress, first: int) -> Spill:
    """Return the n-grams picked from every document, by hash.

    Of documents before number `first` those that one from there on has too, and few others.
    """
    counts = [sketch.column("picked") for sketch in sketches]
    sums = [int(column.sum(dtype=np.int64)) for column in counts]
    expected = sum(size for size, start in zip(sums, order.starts, strict=True) if start >= first)
    picked = Spill(scratch / "picked", {"number": "uint32", "place": "uint32"}, expected=expected)
    noted = Noted(expected) if first else None
    for done, unit in enumerate(reversed(order.units.tolist())):  # those from `first` on stand at the end
        numbers = np.repeat(np.arange(len(counts[unit])) + order.starts[unit], counts[unit])
        keys, places = sketches[unit].column("keys"), sketches[unit].column("places")
        for at in range(0, len(keys), _PICKED):
            some = np.arange(at, min(at + _PICKED, len(keys)))
            if noted and order.starts[unit] < first:
                some = at + noted.among(keys[some])
            elif noted:
                noted.add(keys[some])
            picked.add(key=keys[some], number=numbers[some], place=places[some])
        progress(done + 1, len(sketches))
    return picked


def _find_anchors(picked: Spill, total: int, scratch: Path, progress: Progress, first: int) -> Spill:
    """Return where a picked n-gram of a document from `first` on stands in earlier ones, those of lowest numbers."""
    columns = {"number": "uint32", "place": "uint32", "of": "uint32", "of_place": "uint32"}
    anchors = Spill(scratch / "anchors", columns, expected=picked.records // 4, bits=max(total, 1).bit_length())
    for done, records in enumerate(picked.repeated()):
        progress(done + 1, picked.partitions)
        starts = group_starts(records["key"])
        begin = np.repeat(starts[:-1], np.diff(starts))
        place = np.arange(len(begin)) - begin
        for earlier in range(_OCCURRENCES):
            later = np.flatnonzero((place > earlier) & (records["number"] >= first))
            of = begin[later] + earlier
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

    def take(self, known: Known, order: Order) -> None:
        """Add what an earlier resolution found on the first documents."""
        for unit, verdicts in zip(order.units.tolist(), known.verdicts(), strict=False):
            first = int(order.starts[unit])
            for one in verdicts:
                of = int(order.starts[one.of[0]]) + one.of[1]
                self.add(first + one.row, one.start, one.end, of, one.measure)

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
