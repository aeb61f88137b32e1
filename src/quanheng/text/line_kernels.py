"""Loops over the lines of texts, to be compiled (`compiled.py`)."""

from __future__ import annotations

from typing import Any

KERNELS = {"filled_lines": "u4* i8* i8 i8* i8* i8* -> i8"}


def is_blank(code: int) -> bool:
    """Return whether a code point is one that `str.isspace` is true of."""
    if code < 0x80:
        return 9 <= code <= 13 or 28 <= code <= 32
    if code < 0x2000:
        return code == 0x85 or code == 0xA0 or code == 0x1680
    return code <= 0x200A or 0x2028 <= code <= 0x2029 or code == 0x202F or code == 0x205F or code == 0x3000


def filled_lines(points: Any, offsets: Any, documents: int, starts: Any, ends: Any, firsts: Any) -> int:
    """Fill in where each line that is not blank begins, behind its blanks, and ends; return how many there are.

    firsts: the number of the first line of each document, and at the end that of all.
    """
    count = 0
    for i in range(documents):
        firsts[i] = count
        start = -1
        for k in range(offsets[i], offsets[i + 1]):
            if points[k] == 10:
                if start >= 0:
                    starts[count] = start
                    ends[count] = k
                    count += 1
                    start = -1
            elif start < 0 and not is_blank(points[k]):
                start = k
        if start >= 0:
            starts[count] = start
            ends[count] = offsets[i + 1]
            count += 1
    firsts[documents] = count
    return count
