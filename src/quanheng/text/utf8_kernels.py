"""Loops over texts as UTF-8, to be compiled (`compiled.py`): code points, and what cannot be in normal form already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Bytes = np.ndarray[Any, np.dtype[np.uint8]]
    Offsets = np.ndarray[Any, np.dtype[np.int32]]
    Points = np.ndarray[Any, np.dtype[np.uint32]]
    Ints = np.ndarray[Any, np.dtype[np.int64]]

KERNELS = {
    "decode": "u1* i4* i8 u4* i8*",
    "lengths": "u1* i4* i8 i8*",
    "irregular": "u1* i4* i8 u1* u1* -> i8",
    "well_formed": "u1* i8 -> i8",
}

#: What a character is: one that normalising may change, a blank, a line end; not known yet.
ODD, BLANK, LINE_END, UNKNOWN = 1, 2, 4, 8


def width_of(first: int) -> int:
    """Return the bytes of a character, from the first one."""
    if first < 0x80:
        return 1
    if first >= 0xF0:
        return 4
    return 3 if first >= 0xE0 else 2


def code_at(data: Bytes, at: int, width: int) -> int:
    """Return the code point of a character."""
    first = int(data[at])
    if width == 1:
        return first
    if width == 3:
        return (first & 15) << 12 | (int(data[at + 1]) & 63) << 6 | (int(data[at + 2]) & 63)
    if width == 2:
        return (first & 31) << 6 | (int(data[at + 1]) & 63)
    low = (int(data[at + 1]) & 63) << 12 | (int(data[at + 2]) & 63) << 6 | (int(data[at + 3]) & 63)
    return (first & 7) << 18 | low


def decode(data: Bytes, offsets: Offsets, documents: int, points: Points, starts: Ints) -> None:
    """Fill `points` with the code points of the texts data[offsets[i]:offsets[i + 1]], `starts` with where each begins.

    starts: one more than texts; the last one says how many code points there are.
    """
    count = 0
    starts[0] = 0
    for row in range(documents):
        at, end = int(offsets[row]), int(offsets[row + 1])
        while at < end:
            width = width_of(data[at])
            points[count] = code_at(data, at, width)
            at += width
            count += 1
        starts[row + 1] = count


def lengths(data: Bytes, offsets: Offsets, documents: int, found: Ints) -> None:
    """Fill `found` with how many characters each text has: as many as bytes that are not the second or later of one."""
    for row in range(documents):
        count = 0
        for at in range(offsets[row], offsets[row + 1]):
            count += data[at] & 0xC0 != 0x80
        found[row] = count


def irregular(data: Bytes, offsets: Offsets, documents: int, classes: Bytes, flags: Bytes) -> int:
    """Set `flags` to 1 for every text that normalising may change, else to 0; return whether a character is unknown.

    classes: what each code point is. A text with an unknown character counts as one that may be changed.
    """
    unknown = 0
    for row in range(documents):
        at, end = int(offsets[row]), int(offsets[row + 1])
        before, line_ends, found = BLANK, 0, 0
        kind = 0
        while at < end and found == 0:
            width = width_of(data[at])
            kind = classes[code_at(data, at, width)]
            at += width
            if kind == 0:
                before = line_ends = 0
                continue
            if kind & (ODD | UNKNOWN):
                found = 1
                unknown |= kind & UNKNOWN
            elif kind & LINE_END:
                line_ends += 1
                # A blank before a line end, a third line end, the line end that a text begins with.
                if before & BLANK or line_ends == 3:
                    found = 1
            else:
                line_ends = 0
                if before & BLANK and at - width == offsets[row]:
                    found = 1
            before = kind
        flags[row] = 1 if found or kind & (BLANK | LINE_END) else 0
    return unknown


def _is_second(first: int, second: int) -> bool:
    """Return whether a byte may follow the first one of a character of three or four (Unicode, table 3-7)."""
    if first == 0xE0:
        return 0xA0 <= second <= 0xBF
    if first == 0xED:
        return 0x80 <= second <= 0x9F
    if first == 0xF0:
        return 0x90 <= second <= 0xBF
    if first == 0xF4:
        return 0x80 <= second <= 0x8F
    return 0x80 <= second <= 0xBF


def well_formed(data: Bytes, size: int) -> int:
    """Return how many of the first bytes are whole characters of UTF-8."""
    at = 0
    while at < size:
        first = int(data[at])
        if first < 0x80:
            at += 1
            continue
        width = width_of(first)
        if first < 0xC2 or first > 0xF4 or at + width > size:
            return at
        if width > 2 and not _is_second(first, int(data[at + 1])):
            return at
        for step in range(1, width):
            if data[at + step] & 0xC0 != 0x80:
                return at
        at += width
    return size
