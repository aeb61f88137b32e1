"""A character n-gram model: how surprising a text is. Interpolated modified Kneser-Ney over hashed n-grams.

Source: Chen & Goodman 1999, "An empirical study of smoothing techniques", section 3. Differs in: n-grams stand as
64-bit hashes; every text is preceded by order - 1 start marks and has no end mark; pruned n-grams give their mass to
the context's back-off weight, so that probabilities still sum to 1; costs are kept as whole millionths of a bit, so
that sums are the same on every machine and in every order.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from quanheng.errors import Invalid
from quanheng.text.arrays import bad_model, read_arrays, write_arrays

FORM = "quanheng.ngram_model/1"
Array = np.ndarray[Any, Any]
#: Costs are whole numbers of this part of a bit.
PER_BIT = 1_000_000
#: No cost of a trained model is near this; seven of them still make a finite perplexity.
_MOST = 100 * PER_BIT
#: The beginning of a text is judged: enough to tell, and no book holds up a batch.
MODEL_CHARACTERS = 20_000
ORDERS = range(2, 7)
_START = sys.maxunicode + 1
_BASE = 0x9E3779B97F4A7C15
_GRAM, _CONTEXT = 0, 1
#: The discounts where the counts of counts are too few to estimate them (as KenLM's fallback).
_DISCOUNTS = (0.5, 1.0, 1.5)


@cache
def kernels() -> ModuleType | None:
    """Return the compiled functions, None where numba is not installed."""
    try:
        from quanheng.text import ngram_kernels
    except ImportError:
        return None
    return ngram_kernels


def mix(values: Array) -> Array:
    """Return 64-bit hashes of numbers. Source: splitmix64, Steele, Lea & Flood 2014."""
    mixed = values.astype(np.uint64) * np.uint64(_BASE) + np.uint64(_BASE)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@cache
def _character_hashes() -> Array:
    """Return the hash of each code point, and of the start mark; blanks, digits and cases count as one."""
    folded = np.arange(_START + 1)
    for point in range(_START):
        character = chr(point)
        if character.isspace():
            folded[point] = ord(" ")
        elif character.isdecimal():
            folded[point] = ord("0")
    folded[ord("A") : ord("Z") + 1] += 32
    return mix(folded)


def hashes_of(points: Array) -> Array:
    """Return a 64-bit hash per character, equal for all blanks, for all digits, and for both cases of ASCII."""
    return _character_hashes()[points]


def powers(count: int) -> Array:
    """Return the first `count` powers of the base of the polynomial hash, modulo 2^64."""
    return np.array([pow(_BASE, exponent, 1 << 64) for exponent in range(count)], np.uint64)


def _salts(order: int) -> Array:
    return mix(np.arange(2 * (order + 1)) + (1 << 40)).reshape(2, order + 1)


@dataclass(frozen=True, eq=False)
class NgramModel:
    """A trained model. `keys`: sorted hashes of n-grams and of contexts; `values`: their costs in millionths of a bit.

    `unknown`: the cost of a character that was never seen, after the back-off weights of its contexts.
    """

    order: int
    unknown: int
    keys: Array
    values: Array

    def write(self) -> bytes:
        """Return the model as bytes, the same for the same model."""
        header = {"order": self.order, "unknown": self.unknown}
        return write_arrays(FORM, header, {"keys": self.keys, "values": self.values})

    @classmethod
    def read(cls, data: bytes) -> NgramModel:
        """Return the model that `write` wrote. Raises Invalid "bad_model"."""
        header, arrays = read_arrays(FORM, data)
        order, unknown = header.get("order"), header.get("unknown")
        if type(order) is not int or order not in ORDERS or type(unknown) is not int or not 0 <= unknown <= _MOST:
            raise bad_model(FORM, "its order or unknown cost is out of range", "阶数或未知字代价超出范围")
        keys, values = arrays.get("keys"), arrays.get("values")
        if keys is None or values is None or keys.dtype != np.uint64 or values.dtype != np.int32:
            raise bad_model(FORM, "an array is missing or of another type", "缺少数组或类型不符")
        if (
            keys.ndim != 1
            or keys.shape != values.shape
            or (keys[1:] <= keys[:-1]).any()
            or (values < 0).any()
            or (values > _MOST).any()
        ):
            raise bad_model(FORM, "its keys are not sorted or a cost is out of range", "键未排序或代价超出范围")
        return cls(order, unknown, keys, values)

    def bits(self, points: Array, offsets: Array, cap: int = MODEL_CHARACTERS) -> Array:
        """Return the cost of the first `cap` characters of every text, int64 in millionths of a bit.

        Text i is `points[offsets[i]:offsets[i + 1]]`, in code points.
        """
        compiled = kernels()
        if compiled is None:
            parts = [points[start : min(end, start + cap)] for start, end in pairwise(offsets)]
            grams = _Grams(parts, self.order)
            ends = np.cumsum([0, *map(len, parts)])
            sums = np.concatenate([[0], np.cumsum(self._costs(grams, self.order, grams.events))])
            return np.diff(sums[ends])
        table, size = self._table
        start = _character_hashes()[_START]
        given = (hashes_of(points), offsets, start, powers(self.order + 1), _salts(self.order))
        costs: Array = compiled.model_bits(*given, table, size, self.unknown, cap)
        return costs

    def perplexity(self, points: Array, offsets: Array, cap: int = MODEL_CHARACTERS) -> Array:
        """Return the perplexity per character of every text's beginning, float64; 0 for an empty text."""
        lengths = np.minimum(np.diff(offsets), cap)
        bits = self.bits(points, offsets, cap) / PER_BIT
        mean = np.divide(bits, lengths, out=np.zeros(len(lengths)), where=lengths > 0)
        return np.where(lengths > 0, np.exp2(mean), 0.0)

    @cached_property
    def _table(self) -> tuple[Array, int]:
        from quanheng.text.ngram_kernels import hash_table

        size = max(4, (2 * len(self.keys)).bit_length())
        return hash_table(self.keys, self.values, size), size

    def _costs(self, grams: _Grams, size: int, at: Array) -> Array:
        """Return the cost of the characters at the places `at`, given the size - 1 before each."""
        costs = np.zeros(len(at), np.int64)
        left = np.arange(len(at))
        for length in range(size, 0, -1):
            places, found = self._find(grams.keys(length, at[left]))
            costs[left[found]] += self.values[places[found]]
            left = left[~found]
            if length > 1:
                places, found = self._find(grams.contexts(length, at[left]))
                costs[left[found]] += self.values[places[found]]
        costs[left] += self.unknown
        return costs

    def _find(self, wanted: Array) -> tuple[Array, Array]:
        if len(self.keys) == 0:
            return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
        places = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return places, self.keys[places] == wanted


class _Grams:
    """The hashes of all n-grams of some texts. `events`: the places of the characters that are predicted."""

    def __init__(self, texts: Sequence[Array], order: int) -> None:
        start = np.full(order - 1, _START, np.uint32)
        symbols = np.concatenate([start[:0], *(part for text in texts for part in (start, text))])
        self.events = np.flatnonzero(symbols != _START)
        characters = hashes_of(symbols)
        self.salts = _salts(order)
        self._hashes = [np.zeros(len(symbols), np.uint64)]
        for size, power in enumerate(powers(order)):
            longer = self._hashes[-1].copy()
            longer[size:] += characters[: len(symbols) - size] * power
            self._hashes.append(longer)

    def keys(self, size: int, at: Array) -> Array:
        """Return the keys of the n-grams of this size that end at these places."""
        found: Array = self._hashes[size][at] ^ self.salts[_GRAM, size]
        return found

    def contexts(self, size: int, at: Array) -> Array:
        """Return the keys of the contexts of these n-grams: the size - 1 characters before."""
        found: Array = self._hashes[size - 1][at - 1] ^ self.salts[_CONTEXT, size]
        return found


def train_ngram_model(texts: Sequence[str], *, order: int = 4, least: Sequence[int] = (1, 1, 2, 2)) -> NgramModel:
    """Return a model of order 2 to 6 of these texts. Needs about 100 bytes of memory a character.

    `least`: an n-gram of size i + 1 is kept when its count is at least least[i]; the last is that of all longer ones.
    Raises Invalid "nothing_to_train_on" when there is no character, "bad_order".
    """
    if order not in ORDERS:
        raise Invalid(
            f"an n-gram model has an order from 2 to 6, not {order}",
            f"n 元模型的阶数须为 2 至 6，而非 {order}",
            hint=("Use 4.", "建议使用 4。"),
            code="bad_order",
        )
    parts = [np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32) for text in texts]
    grams = _Grams(parts, order)
    if len(grams.events) == 0:
        raise Invalid(
            "there is no text to train on",
            "没有可用于训练的文本",
            hint=("Give at least one text that is not empty.", "请至少提供一篇非空文本。"),
            code="nothing_to_train_on",
        )
    levels = _levels(grams, order)
    model = _unigrams(levels[0], least[0])
    for size in range(2, order + 1):
        model = _with_level(model, grams, size, levels[size - 1], least[min(size, len(least)) - 1])
    return NgramModel(order, model.unknown, model.keys, model.values)


@dataclass(frozen=True)
class _Level:
    """The distinct n-grams of one size: keys, a place where each ends, counts (below the top: of continuations)."""

    keys: Array
    at: Array
    counts: Array


def _levels(grams: _Grams, order: int) -> list[_Level]:
    levels, at = list[_Level](), grams.events
    for size in range(order, 0, -1):
        keys, first, counts = np.unique(grams.keys(size, at), return_index=True, return_counts=True)
        at = at[first]
        levels.append(_Level(keys, at, counts))
    return levels[::-1]


def _discounted(counts: Array) -> Array:
    """Return the counts less the discounts of modified Kneser-Ney."""
    n1, n2, n3, n4 = (int((counts == count).sum()) for count in (1, 2, 3, 4))
    discounts = _DISCOUNTS
    if min(n1, n2, n3, n4) > 0:
        y = n1 / (n1 + 2 * n2)
        estimated = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        if all(0 < discount < place + 1 for place, discount in enumerate(estimated)):
            discounts = estimated
    found: Array = counts - np.array((0.0, *discounts))[np.minimum(counts, 3)]
    return found


def _cost(probabilities: Array) -> Array:
    costs: Array = np.round(-np.log2(probabilities) * PER_BIT).astype(np.int32)
    return costs


def _unigrams(level: _Level, least: int) -> NgramModel:
    kept = level.counts >= least
    shares = _discounted(level.counts) / level.counts.sum()
    # What the discounts free is spread evenly over the characters seen and one for all others.
    rest = (1 - shares[kept].sum()) / (int(kept.sum()) + 1)
    return NgramModel(1, int(_cost(np.array([rest]))[0]), level.keys[kept], _cost(shares[kept] + rest))


def _with_level(model: NgramModel, grams: _Grams, size: int, level: _Level, least: int) -> NgramModel:
    """Return the model with the n-grams of one more size, and the back-off weights of their contexts."""
    contexts, member = np.unique(grams.contexts(size, level.at), return_inverse=True)
    totals = np.bincount(member, level.counts)
    kept = level.counts >= least
    shares = np.where(kept, _discounted(level.counts) / totals[member], 0.0)
    weights = 1 - np.bincount(member, shares)
    lower = np.exp2(model._costs(grams, size - 1, level.at[kept]) / -PER_BIT)
    probabilities = shares[kept] + weights[member[kept]] * lower
    # A context without a kept n-gram has weight 1, a cost of nothing, and is left out.
    used = np.bincount(member, kept) > 0
    keys = np.concatenate([model.keys, level.keys[kept], contexts[used]])
    values = np.concatenate([model.values, _cost(probabilities), _cost(weights[used])])
    keys, first = np.unique(keys, return_index=True)
    return NgramModel(size, model.unknown, keys, values[first])
