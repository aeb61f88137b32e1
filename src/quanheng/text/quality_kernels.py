"""Compiled counting over code points for `quality.py`; the same results as its plain functions, much faster.

Compiled once per machine and kept beside this file, or where NUMBA_CACHE_DIR says.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 - this module is imported inside functions

Ints = np.ndarray[Any, np.dtype[np.int64]]
Points = np.ndarray[Any, np.dtype[np.uint32]]
Flags = np.ndarray[Any, np.dtype[np.uint8]]

_BASE = np.uint64(0x9E3779B97F4A7C15)
_SPREAD = np.uint64(0xD6E8FEB86659FD93)
_NEWLINE = np.uint32(10)
#: The flags of a character in a line; `quality.line_flags` sets them.
BLANK, BULLET, ENDING, CLOSER = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8)


@njit(cache=True, nogil=True)
def histogram(classes: Flags, points: Points, offsets: Ints, width: int) -> Ints:
    """Return how many characters of each class every document has, shape (documents, width)."""
    counts = np.zeros((len(offsets) - 1, width), np.int64)
    for row in range(len(offsets) - 1):
        for at in range(offsets[row], offsets[row + 1]):
            counts[row, classes[points[at]]] += 1
    return counts


@njit(cache=True, nogil=True)
def _size_for(items: int) -> int:
    size = 16
    while size < 2 * items:
        size *= 2
    return size


@njit(cache=True, nogil=True)
def _same(points: Points, one: int, other: int, length: int) -> bool:
    for step in range(length):
        if points[one + step] != points[other + step]:
            return False
    return True


@njit(cache=True, nogil=True)
def repeated_pieces(points: Points, offsets: Ints, piece: int, cap: int) -> Ints:
    """Return how many pieces of `piece` characters stood earlier among the first `cap` characters, per document."""
    repeated = np.zeros(len(offsets) - 1, np.int64)
    table = np.empty(_size_for(cap), np.int32)
    out = np.uint64(1)
    for _ in range(piece - 1):
        out *= _BASE
    for row in range(len(offsets) - 1):
        start = offsets[row]
        total = min(offsets[row + 1] - start, cap) - piece + 1
        if total < 1:
            continue
        size = _size_for(total)
        table[:size] = -1
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
    return repeated


@njit(cache=True, nogil=True)
def _stood_before(points: Points, spans: Ints, count: int, table: Ints, size: int, start: int, end: int) -> bool:
    """Return whether the span [start, end) equals one of the first `count` spans; enter it when it does not."""
    mixed = np.uint64(end - start)
    for at in range(start, end):
        mixed = (mixed ^ np.uint64(points[at])) * _BASE
    mask = np.uint64(size - 1)
    slot = (mixed ^ (mixed >> np.uint64(32))) & mask
    while table[slot] >= 0:
        other = table[slot]
        if spans[other, 1] - spans[other, 0] == end - start and _same(points, spans[other, 0], start, end - start):
            return True
        slot = (slot + np.uint64(1)) & mask
    table[slot] = count
    spans[count, 0] = start
    spans[count, 1] = end
    return False


@njit(cache=True, nogil=True)
def _trimmed(flags: Flags, points: Points, start: int, end: int) -> tuple[int, int]:
    while start < end and flags[points[start]] & BLANK:
        start += 1
    while end > start and flags[points[end - 1]] & BLANK:
        end -= 1
    return start, end


@njit(cache=True, nogil=True)
def _is_ended(flags: Flags, points: Points, start: int, end: int) -> bool:
    while end > start and flags[points[end - 1]] & CLOSER:
        end -= 1
    return end > start and flags[points[end - 1]] & ENDING != 0


@njit(cache=True, nogil=True)
def _lines_of(flags: Flags, points: Points, first: int, last: int, counts: Ints) -> None:
    """Fill `counts` for the document [first, last): see `quality.Lines`."""
    breaks = 1
    for at in range(first, last):
        breaks += points[at] == _NEWLINE
    size = _size_for(breaks)
    line_table, paragraph_table = np.full(size, -1, np.int64), np.full(size, -1, np.int64)
    line_spans, paragraph_spans = np.empty((breaks, 2), np.int64), np.empty((breaks, 2), np.int64)
    lines, paragraphs, begun, ended, at = 0, 0, -1, -1, first
    while at <= last:
        stop = at
        while stop < last and points[stop] != _NEWLINE:
            stop += 1
        start, end = _trimmed(flags, points, at, stop)
        if start < end:
            counts[0] += 1
            counts[1] += end - start
            if _stood_before(points, line_spans, lines, line_table, size, start, end):
                counts[2] += end - start
            else:
                lines += 1
            counts[5] += flags[points[start]] & BULLET != 0
            counts[6] += _is_ended(flags, points, start, end)
            begun = start if begun < 0 else begun
            ended = end
        if begun >= 0 and (start == end or stop == last):
            counts[3] += ended - begun
            if _stood_before(points, paragraph_spans, paragraphs, paragraph_table, size, begun, ended):
                counts[4] += ended - begun
            else:
                paragraphs += 1
            begun = -1
        at = stop + 1


@njit(cache=True, nogil=True)
def line_counts(flags: Flags, points: Points, offsets: Ints) -> Ints:
    """Return the counts of `quality.Lines` of every document, shape (documents, 7)."""
    counts = np.zeros((len(offsets) - 1, 7), np.int64)
    for row in range(len(offsets) - 1):
        _lines_of(flags, points, offsets[row], offsets[row + 1], counts[row])
    return counts
