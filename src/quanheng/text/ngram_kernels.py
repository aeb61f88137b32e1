"""Compiled look-ups for `ngram_model.py` and `linear.py`; the same whole numbers as their plain functions, faster."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit  # noqa: TID253 - this module is imported inside functions

Array = np.ndarray[Any, Any]
_ONE = np.uint64(1)
#: No value is as large: costs are below 2^31.
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


@njit(cache=True, nogil=True)
def hash_table(keys: Array, values: Array, bits: int) -> Array:
    """Return an open-addressing table of 2^bits places: key and value side by side, so that a look-up is one read."""
    table = np.full((1 << bits, 2), _EMPTY, np.uint64)
    mask, shift = (_ONE << np.uint64(bits)) - _ONE, np.uint64(64 - bits)
    for index in range(len(keys)):
        slot = keys[index] >> shift
        while table[slot, 1] != _EMPTY:
            slot = (slot + _ONE) & mask
        table[slot, 0] = keys[index]
        table[slot, 1] = values[index]
    return table


@njit(cache=True, nogil=True)
def _find(table: Array, bits: int, key: np.uint64) -> np.int64:
    mask = (_ONE << np.uint64(bits)) - _ONE
    slot = key >> np.uint64(64 - bits)
    while table[slot, 1] != _EMPTY:
        if table[slot, 0] == key:
            return np.int64(table[slot, 1])
        slot = (slot + _ONE) & mask
    return np.int64(-1)


@njit(cache=True, nogil=True)
def model_bits(
    hashes: Array, offsets: Array, start: np.uint64, powers: Array, salts: Array, table: Array, bits: int,
    unknown: int, cap: int,
) -> Array:  # fmt: skip
    """Return the cost of every text in millionths of a bit: see `NgramModel.bits`.

    `hashes`: of the folded characters. `salts`: shape (2, order + 1), of grams and of contexts. `table`: of costs,
    made by `hash_table`.
    """
    order = len(powers) - 1
    found = np.zeros(len(offsets) - 1, np.int64)
    before, now = np.zeros(order + 1, np.uint64), np.zeros(order + 1, np.uint64)
    for row in range(len(offsets) - 1):
        first, last = offsets[row], min(offsets[row + 1], offsets[row] + cap)
        for size in range(1, order + 1):
            before[size] = before[size - 1] + start * powers[size - 1]
        for at in range(first, last):
            for size in range(1, order + 1):
                past = hashes[at - size + 1] if at - size + 1 >= first else start
                now[size] = now[size - 1] + past * powers[size - 1]
            cost = np.int64(unknown)
            for size in range(order, 0, -1):
                known = _find(table, bits, now[size] ^ salts[0, size])
                if known >= 0:
                    cost = known
                    break
                if size > 1:
                    known = _find(table, bits, before[size - 1] ^ salts[1, size])
                    if known >= 0:
                        found[row] += known
            found[row] += cost
            before[:] = now
    return found


@njit(cache=True, nogil=True)
def weight_sums(
    hashes: Array, offsets: Array, powers: Array, salts: Array, spread: np.uint64, weights: Array, bits: int, cap: int
) -> Array:
    """Return the sum of the weights of every text's n-grams, shape (texts, labels): see `LinearClassifier`."""
    order, labels = len(powers), weights.shape[1]
    sums = np.zeros((len(offsets) - 1, labels), np.int64)
    shift = np.uint64(64 - bits)
    for row in range(len(offsets) - 1):
        first, last = offsets[row], min(offsets[row + 1], offsets[row] + cap)
        for at in range(first, last):
            rolling = np.uint64(0)
            for size in range(min(order, at - first + 1)):
                rolling += hashes[at - size] * powers[size]
                bucket = ((rolling ^ salts[size]) * spread) >> shift
                for label in range(labels):
                    sums[row, label] += weights[bucket, label]
    return sums
