"""Counts over code points for `quality.py`, to be compiled (`compiled.py`); the same as its plain functions give."""

from __future__ import annotations

from typing import Any

import numpy as np

Ints = np.ndarray[Any, np.dtype[np.int64]]
Points = np.ndarray[Any, np.dtype[np.uint32]]
Flags = np.ndarray[Any, np.dtype[np.uint8]]
Slots = np.ndarray[Any, np.dtype[np.int32]]

KERNELS = {
    "histogram": "u1* u4* i8* i8 i8 i8*",
    "repeated_pieces": "u4* i8* i8 i8 i8 i4* i8*",
    "line_counts": "u1* u4* i8* i8 i8* i8* i8* i8* i8*",
}

_BASE = np.uint64(0x9E3779B97F4A7C15)
_SPREAD = np.uint64(0xD6E8FEB86659FD93)
_NEWLINE = np.uint32(10)
#: Slots for each piece, once more than `size_for` has: most slots then are empty when asked first, which is guessed.
SPARSE = 4
#: The flags of a character in a line; `quality.line_flags` sets them.
BLANK, BULLET, ENDING, CLOSER = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8)


def histogram(classes: Flags, points: Points, offsets: Ints, documents: int, width: int, counts: Ints) -> None:
    """Add to counts[document · width + class] how many characters of each class every document has."""
    for row in range(documents):
        for at in range(offsets[row], offsets[row + 1]):
            counts[row * width + classes[points[at]]] += 1


def size_for(items: int) -> int:
    """Return how many slots a table of so many items has."""
    size = 16
    while size < 2 * items:
        size *= 2
    return size


def _same(points: Points, one: int, other: int, length: int) -> bool:
    for step in range(length):
        if points[one + step] != points[other + step]:
            return False
    return True


def repeated_pieces(
    points: Points, offsets: Ints, documents: int, piece: int, cap: int, table: Slots, repeated: Ints
) -> None:
    """Add to `repeated` how many pieces of `piece` characters stood earlier among the first `cap`, per document.

    table: room for `size_for(SPARSE * cap)` slots.
    """
    out = np.uint64(1)
    for _ in range(piece - 1):
        out *= _BASE
    for row in range(documents):
        start = offsets[row]
        total = min(offsets[row + 1] - start, cap) - piece + 1
        if total < 1:
            continue
        size = size_for(SPARSE * total)
        for place in range(size):
            table[place] = -1
        mask = np.uint64(size - 1)
        rolling = np.uint64(0)
        for at in range(start, start + piece - 1):
            rolling = rolling * _BASE + np.uint64(points[at])
        for at in range(total):
            rolling = rolling * _BASE + np.uint64(points[start + at + piece - 1])
            mixed = rolling * _SPREAD
            slot = (mixed ^ (mixed >> np.uint64(32))) & mask
            while table[slot] >= 0 and not _same(points, start + table[slot], start + at, piece):
                slot = (slot + np.uint64(1)) & mask
            if table[slot] >= 0:
                repeated[row] += 1
            else:
                table[slot] = at
            rolling -= out * np.uint64(points[start + at])


def _stood_before(points: Points, spans: Ints, count: int, table: Ints, size: int, start: int, end: int) -> bool:
    """Return whether the span [start, end) equals one of the first `count` spans; enter it when it does not."""
    # Two chains side by side: one would wait for its own product at every character.
    mixed, other_half = np.uint64(end - start), _SPREAD
    for at in range(start, end - 1, 2):
        mixed = (mixed ^ np.uint64(points[at])) * _BASE
        other_half = (other_half ^ np.uint64(points[at + 1])) * _BASE
    mixed = (mixed ^ other_half ^ np.uint64(points[end - 1])) * _BASE
    mask = np.uint64(size - 1)
    slot = (mixed ^ (mixed >> np.uint64(32))) & mask
    while table[slot] >= 0:
        other = table[slot]
        if spans[2 * other + 1] - spans[2 * other] == end - start and _same(
            points, spans[2 * other], start, end - start
        ):
            return True
        slot = (slot + np.uint64(1)) & mask
    table[slot] = count
    spans[2 * count] = start
    spans[2 * count + 1] = end
    return False


def _trimmed(flags: Flags, points: Points, start: int, end: int) -> tuple[int, int]:
    while start < end and flags[points[start]] & BLANK:
        start += 1
    while end > start and flags[points[end - 1]] & BLANK:
        end -= 1
    return start, end


def _is_ended(flags: Flags, points: Points, start: int, end: int) -> bool:
    while end > start and flags[points[end - 1]] & CLOSER:
        end -= 1
    return end > start and flags[points[end - 1]] & ENDING != 0


def _lines_of(
    flags: Flags,
    points: Points,
    first: int,
    last: int,
    counts: Ints,
    of: int,
    line_table: Ints,
    paragraph_table: Ints,
    line_spans: Ints,
    paragraph_spans: Ints,
) -> None:
    """Add to counts[of + …] for the document [first, last): see `quality.Lines`; the rest is room."""
    breaks = 1
    for at in range(first, last):
        breaks += points[at] == _NEWLINE
    size = size_for(breaks)
    for slot in range(size):
        line_table[slot] = -1
        paragraph_table[slot] = -1
    lines, paragraphs, begun, ended, at = 0, 0, -1, -1, first
    while at <= last:
        stop = at
        while stop < last and points[stop] != _NEWLINE:
            stop += 1
        start, end = _trimmed(flags, points, at, stop)
        if start < end:
            counts[of] += 1
            counts[of + 1] += end - start
            if _stood_before(points, line_spans, lines, line_table, size, start, end):
                counts[of + 2] += end - start
            else:
                lines += 1
            counts[of + 5] += flags[points[start]] & BULLET != 0
            counts[of + 6] += _is_ended(flags, points, start, end)
            begun = start if begun < 0 else begun
            ended = end
        if begun >= 0 and (start == end or stop == last):
            counts[of + 3] += ended - begun
            if _stood_before(points, paragraph_spans, paragraphs, paragraph_table, size, begun, ended):
                counts[of + 4] += ended - begun
            else:
                paragraphs += 1
            begun = -1
        at = stop + 1


def line_counts(
    flags: Flags,
    points: Points,
    offsets: Ints,
    documents: int,
    counts: Ints,
    line_table: Ints,
    paragraph_table: Ints,
    line_spans: Ints,
    paragraph_spans: Ints,
) -> None:
    """Add to `counts`, seven a document, those of `quality.Lines`.

    Of the document with the most lines, n with blank ones: the tables are room for `size_for(n)` slots, the spans for
    the beginning and the end of each of n.
    """
    for row in range(documents):
        _lines_of(
            flags,
            points,
            offsets[row],
            offsets[row + 1],
            counts,
            7 * row,
            line_table,
            paragraph_table,
            line_spans,
            paragraph_spans,
        )
