"""A multi-label linear classifier over hashed character n-grams of 1 to 3 characters. No model library needed.

A text's features are the counts of its n-grams' buckets over the square root of how many n-grams it has; the score of
a label is the logistic function of their weighted sum. Weights are whole numbers, so that sums are the same on every
machine. Training: one logistic regression per label, by stochastic gradient descent with AdaGrad step sizes.
Source: Duchi, Hazan & Singer 2011, "Adaptive subgradient methods", equation 1 (diagonal).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from quanheng.errors import Invalid
from quanheng.stats.sampling import below, words
from quanheng.text import ngram_model
from quanheng.text.arrays import bad_model, read_arrays, write_arrays
from quanheng.text.ngram_model import hashes_of, mix, powers

FORM = "quanheng.linear_classifier/1"
Array = np.ndarray[Any, Any]
SIZES = 3
#: The beginning of a text is judged; so a long text is not the sum of many subjects.
CLASSIFIER_CHARACTERS = 2_000
#: Weights are whole multiples of 1 / SCALE: up to ±32 in 16 bits.
SCALE = 1_000
BUCKET_BITS = range(8, 23)
_SPREAD = np.uint64(0xD6E8FEB86659FD93)
_LABELS = 1_000
_EPSILON = 1e-6


def _codes(texts: Sequence[str]) -> tuple[Array, Array]:
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32), offsets


def _salts() -> Array:
    return mix(np.arange(SIZES) + (1 << 41))


def buckets_of(points: Array, bits: int) -> Array:
    """Return the buckets of all n-grams of one text's code points, unsorted, each in [0, 2^bits)."""
    hashes, salts, found = hashes_of(points), _salts(), []
    rolling = np.zeros(len(points), np.uint64)
    for size, power in enumerate(powers(SIZES)):
        if size >= len(points):
            break
        rolling[size:] += hashes[: len(points) - size] * power
        found.append(((rolling[size:] ^ salts[size]) * _SPREAD) >> np.uint64(64 - bits))
    return np.concatenate(found).astype(np.int64) if found else np.zeros(0, np.int64)


def _grams(lengths: Array) -> Array:
    """Return how many n-grams texts of these lengths have."""
    total: Array = sum((np.maximum(lengths - size, 0) for size in range(SIZES)), np.zeros(len(lengths), np.int64))
    return total


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """A trained classifier. `weights`: int16 of shape (2^bits, labels), in thousandths; `biases`: int32, likewise."""

    labels: tuple[str, ...]
    weights: Array
    biases: Array

    def write(self) -> bytes:
        """Return the classifier as bytes, the same for the same classifier."""
        return write_arrays(FORM, {"labels": self.labels}, {"weights": self.weights, "biases": self.biases})

    @classmethod
    def read(cls, data: bytes) -> LinearClassifier:
        """Return the classifier that `write` wrote. Raises Invalid "bad_model"."""
        header, arrays = read_arrays(FORM, data)
        labels, weights, biases = header.get("labels"), arrays.get("weights"), arrays.get("biases")
        if not isinstance(labels, list) or not 1 <= len(labels) <= _LABELS:
            raise bad_model(FORM, "its labels are missing", "缺少标签")
        if not all(isinstance(label, str) and label for label in labels) or len(set(labels)) != len(labels):
            raise bad_model(FORM, "a label is empty or stands twice", "标签为空或重复")
        if weights is None or biases is None or weights.dtype != np.int16 or biases.dtype != np.int32:
            raise bad_model(FORM, "an array is missing or of another type", "缺少数组或类型不符")
        if weights.shape not in [(1 << bits, len(labels)) for bits in BUCKET_BITS] or biases.shape != (len(labels),):
            raise bad_model(FORM, "an array has another shape", "数组形状不符")
        return cls(tuple(labels), weights, biases)

    def scores(self, texts: Sequence[str]) -> Array:
        """Return the score of every label for every text, float64 in 0..1, shape (texts, labels)."""
        return self.scores_of(*_codes(texts))

    def scores_of(self, points: Array, offsets: Array) -> Array:
        """Return the scores of texts given as code points: text i is `points[offsets[i]:offsets[i + 1]]`."""
        bits = len(self.weights).bit_length() - 1
        compiled = ngram_model.kernels()
        if compiled:
            given = (hashes_of(points), offsets, powers(SIZES), _salts(), _SPREAD)
            sums = compiled.weight_sums(*given, self.weights, bits, CLASSIFIER_CHARACTERS)
        else:
            sums = np.zeros((len(offsets) - 1, len(self.labels)), np.int64)
            for row, (start, end) in enumerate(pairwise(offsets)):
                buckets = buckets_of(points[start : min(end, start + CLASSIFIER_CHARACTERS)], bits)
                sums[row] = self.weights[buckets].sum(axis=0, dtype=np.int64)
        norms = np.sqrt(np.maximum(_grams(np.minimum(np.diff(offsets), CLASSIFIER_CHARACTERS)), 1))
        found: Array = 1 / (1 + np.exp(-(sums / norms[:, None] + self.biases) / SCALE))
        return found


def train_linear(
    texts: Sequence[str], labelled: Sequence[Sequence[str]], labels: Sequence[str], *, seed: str,
    epochs: int = 5, rate: float = 0.5, bits: int = 18,
) -> LinearClassifier:  # fmt: skip
    """Return a classifier of `labels`, trained on texts each of which has some of them; text order does not matter.

    The same arguments give the same weights. `rate`: the first step size. `bits`: 2^bits buckets, 8 to 22.
    Raises Invalid "nothing_to_train_on" when there is no text or no label, "unknown_label" for one not in `labels`.
    """
    _check(texts, labelled, labels)
    examples = sorted(
        {(text[:CLASSIFIER_CHARACTERS], tuple(sorted(set(own)))) for text, own in zip(texts, labelled, strict=True)}
    )
    features = [_features(text, bits) for text, _ in examples]
    targets = np.array([[label in own for label in labels] for _, own in examples], np.float64)
    weights, biases = np.zeros((1 << bits, len(labels))), np.zeros(len(labels))
    squares, bias_squares = np.zeros_like(weights), np.zeros_like(biases)
    for place in _order(seed, len(examples), epochs):
        buckets, values = features[place]
        error = _logistic(_weighted(weights[buckets], values) + biases) - targets[place]
        slope = values[:, None] * error
        squares[buckets] += slope * slope
        weights[buckets] -= rate * slope / (np.sqrt(squares[buckets]) + _EPSILON)
        bias_squares += error * error
        biases -= rate * error / (np.sqrt(bias_squares) + _EPSILON)
    limit = np.iinfo(np.int16).max
    whole = np.clip(np.round(weights * SCALE), -limit, limit).astype(np.int16)
    return LinearClassifier(tuple(labels), whole, np.round(biases * SCALE).astype(np.int32))


def _check(texts: Sequence[str], labelled: Sequence[Sequence[str]], labels: Sequence[str]) -> None:
    if not texts or not labels or len(texts) != len(labelled):
        raise Invalid(
            f"cannot train {len(labels)} labels on {len(texts)} texts and {len(labelled)} rows of labels",
            f"无法用 {len(texts)} 篇文本、{len(labelled)} 行标签训练 {len(labels)} 个标签",
            hint=("Give as many rows of labels as texts, at least one.", "文本与标签行数须一致，且至少一行。"),
            code="nothing_to_train_on",
        )
    known = set(labels)
    for own in labelled:
        for label in own:
            if label not in known:
                raise Invalid(
                    f"a text has the label {label!r}, which is not one of those to train",
                    f"有文本带标签 {label!r}，但它不在待训练的标签之中",
                    hint=(f"Labels: {', '.join(labels)}", f"标签：{'、'.join(labels)}"),
                    code="unknown_label",
                )


def _features(text: str, bits: int) -> tuple[Array, Array]:
    """Return the distinct buckets of a text and the value of each."""
    points, offsets = _codes([text])
    buckets, counts = np.unique(buckets_of(points, bits), return_counts=True)
    return buckets, counts / math.sqrt(max(int(_grams(np.diff(offsets))[0]), 1))


def _weighted(weights: Array, values: Array) -> Array:
    """Return the weighted sums, added one after the other: a faster order differs between processors."""
    if len(values) == 0:
        return np.zeros(weights.shape[1])
    found: Array = np.cumsum(weights * values[:, None], axis=0)[-1]
    return found


def _logistic(sums: Array) -> Array:
    return np.array([1 / (1 + math.exp(-min(max(value, -500.0), 500.0))) for value in sums.tolist()])


def _order(seed: str, count: int, epochs: int) -> Iterator[int]:
    """Yield the places of `count` examples in a new seeded order, `epochs` times. Source: Fisher & Yates."""
    stream, places = words(seed), list(range(count))
    for _ in range(epochs):
        for top in range(count - 1, 0, -1):
            pick = below(stream, top + 1)
            places[top], places[pick] = places[pick], places[top]
        yield from places
