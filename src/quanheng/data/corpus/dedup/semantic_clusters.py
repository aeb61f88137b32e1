"""Clusters of vectors by k-means, the same on every machine.

Vectors and centres are float16 numbers of length about 1: their products, and sums of these, have at most 49 bits and
are exact as float64 in whatever order a BLAS adds them. So an assignment is a matter of arithmetic, not of the library.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUNDS = 10
#: Vectors that the centres are learnt from: so many for each, and at most so many.
SAMPLE_EACH = 64
MOST_SAMPLE = 262_144
_ROWS = 2048


def normalised(vectors: NDArray[np.floating]) -> NDArray[np.float16]:
    """Return the vectors at length 1 as float16; zeros stay zeros."""
    wide = vectors.astype(np.float64)
    largest = np.abs(wide).max(axis=1, keepdims=True, initial=0)
    # First near 1, so that squares neither vanish nor overflow.
    scaled = np.divide(wide, largest, out=np.zeros_like(wide), where=largest > 0)
    length = np.sqrt((scaled * scaled).sum(axis=1, keepdims=True))
    made: NDArray[np.float64] = np.divide(scaled, length, out=np.zeros_like(wide), where=length > 0)
    return made.astype(np.float16)


def products(left: NDArray[np.float16], right: NDArray[np.float16]) -> NDArray[np.float64]:
    """Return the dot products of all pairs, exact for vectors of length about 1."""
    found: NDArray[np.float64] = left.astype(np.float64) @ right.astype(np.float64).T
    return found


def nearest(vectors: NDArray[np.float16], centres: NDArray[np.float16]) -> NDArray[np.int32]:
    """Return the number of the nearest centre of each vector; of equally near ones the first."""
    found = np.empty(len(vectors), np.int32)
    for start, end in _blocks(len(vectors)):
        found[start:end] = products(vectors[start:end], centres).argmax(axis=1)
    return found


def learn_centres(sample: NDArray[np.float16], count: int, seed: int) -> NDArray[np.float16]:
    """Return `count` centres by Lloyd's rounds from vectors that a seed picks; at most as many as there are vectors.

    Spherical: a centre is the mean of its vectors at length 1. One that is left without vectors becomes the vector
    that is furthest from its own centre.
    """
    count = min(count, len(sample))
    picked = np.sort(np.random.Generator(np.random.PCG64(seed)).permutation(len(sample))[:count])
    centres = sample[picked]
    before: NDArray[np.int32] | None = None
    for _ in range(ROUNDS):
        own = nearest(sample, centres)
        if before is not None and np.array_equal(own, before):
            break
        before = own
        centres = _means(sample, own, centres)
    return centres


def _means(sample: NDArray[np.float16], own: NDArray[np.int32], centres: NDArray[np.float16]) -> NDArray[np.float16]:
    order = np.argsort(own, kind="stable")
    ends = np.cumsum(np.bincount(own, minlength=len(centres)))
    new = np.zeros(centres.shape)
    empty = []
    start = 0
    for number, end in enumerate(ends.tolist()):
        if end > start:
            # Sums of float16 numbers are exact too; only the length is rounded, and that correctly.
            total = sample[order[start:end]].astype(np.float64).sum(axis=0)
            length = math.sqrt(math.fsum((total * total).tolist()))
            new[number] = total / length if length else 0
        else:
            empty.append(number)
        start = end
    made = new.astype(np.float16)
    if empty:
        close = np.concatenate(
            [
                (sample[start:end].astype(np.float64) * made[own[start:end]].astype(np.float64)).sum(axis=1)
                for start, end in _blocks(len(sample))
            ]
        )
        made[empty] = sample[np.argsort(close, kind="stable")[: len(empty)]]
    return made


def _blocks(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, _ROWS):
        yield start, min(start + _ROWS, count)
