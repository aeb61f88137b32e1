"""Texts as UTF-8 in one array, as Arrow has them, and as code points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from quanheng.text.compiled import Kernels, load


class Utf8(NamedTuple):
    """Text i is the UTF-8 `data[offsets[i]:offsets[i + 1]]` (uint8, int32)."""

    data: np.ndarray[Any, np.dtype[np.uint8]]
    offsets: np.ndarray[Any, np.dtype[np.int32]]


Points = np.ndarray[Any, np.dtype[np.uint32]]
Ints = np.ndarray[Any, np.dtype[np.int64]]


def utf8(texts: Sequence[str]) -> Utf8:
    """Return the texts as UTF-8; of a lone surrogate, which has none, the three bytes that it would have.

    >>> utf8(["a", "一"]).offsets.tolist()
    [0, 1, 4]
    """
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    return Utf8(np.frombuffer(b"".join(parts), np.uint8), np.cumsum([0, *map(len, parts)], dtype=np.int32))


def decode(given: Utf8, *, plain: bool = False) -> tuple[Points, Ints]:
    """Return the code points of all texts, and where each text begins in them and the last one ends.

    plain: take the path that needs no compiler, and gives the same.

    >>> [each.tolist() for each in decode(utf8(["a", "一"]))]
    [[97, 19968], [0, 1, 2]]
    """
    data, offsets = given
    kernels = None if plain else kernels_of_utf8()
    if kernels is None:
        texts = [data[start:end].tobytes().decode("utf-8", "surrogatepass") for start, end in pairwise(offsets)]
        points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
        return points, np.cumsum([0, *map(len, texts)], dtype=np.int64)
    points, starts = np.empty(int(offsets[-1] - offsets[0]), np.uint32), np.empty(len(offsets), np.int64)
    kernels.decode(data, offsets, len(offsets) - 1, points, starts)
    return points[: starts[-1]], starts


def lengths(given: Utf8, *, plain: bool = False) -> Ints:
    """Return how many characters each text has. plain: take the path that needs no compiler, and gives the same.

    >>> lengths(utf8(["a一", ""])).tolist()
    [2, 0]
    """
    data, offsets = given
    kernels = None if plain else kernels_of_utf8()
    if kernels is None:
        return np.array([np.count_nonzero(data[a:b] & 0xC0 != 0x80) for a, b in pairwise(offsets)], np.int64)
    found = np.empty(len(offsets) - 1, np.int64)
    kernels.lengths(data, offsets, len(found), found)
    return found


def kernels_of_utf8() -> Kernels | None:
    """Return the compiled loops, None where numba is not installed."""
    return load("utf8_kernels")
