"""Train a classifier or an n-gram model from texts, measure it on texts held out, and say so on a card.

A card holds whole numbers, decimal strings and words in both languages: it can stand in an artifact's config.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from quanheng.errors import Invalid
from quanheng.stats.binomial import bound_lower, bound_upper, decimal_text, float_text
from quanheng.text.linear import FORM as CLASSIFIER_FORM
from quanheng.text.linear import LinearClassifier, train_linear
from quanheng.text.ngram_model import FORM as NGRAM_FORM
from quanheng.text.ngram_model import MODEL_CHARACTERS, PER_BIT, NgramModel, train_ngram_model

Card = dict[str, Any]
#: The share held out: every text whose seeded hash falls into one of so many parts.
HELD_OUT_PARTS = 5
#: Both bounds at this confidence make an exact (Clopper-Pearson) interval of 95 %.
_EACH_SIDE = Fraction(39, 40)
_THRESHOLD = 0.5
#: The quantile of the normal distribution for an interval of 95 %.
_NORMAL = 1.959963984540054

_LIMITS = {
    "en": "Held-out texts come from the same rows; copies of a text are held out together, near copies may not be.",
    "zh": "留出文本与训练文本同源；完全相同的文本不会分到两边，近似重复的文本则可能。",
}


class Labelled(NamedTuple):
    """A text and its labels; a text without any is an example of none of them."""

    text: str
    labels: tuple[str, ...]


class Trained(NamedTuple):
    """The bytes of a model, the same for the same input, and its card."""

    data: bytes
    card: Card


def is_held_out(text: str, seed: str) -> bool:
    """Return whether a text is kept for the evaluation: by its contents, so that all its copies are."""
    digest = hashlib.sha256(f"{seed}\n{text}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_PARTS == 0


def train_classifier(rows: Sequence[Labelled], *, seed: str, epochs: int = 5, bits: int = 18) -> Trained:
    """Return a classifier of all labels in `rows`, with precision and recall of each on a fifth held out.

    The card's `per_label` says, at a score of 0.5 and over: true positives, predicted, actual, precision and recall
    with exact 95 % intervals; null where nothing was predicted or nothing was there.
    Raises Invalid "nothing_to_train_on", and "too_few_texts" when either part would be empty.
    """
    labels = tuple(sorted({label for row in rows for label in row.labels}))
    learned = [row for row in rows if not is_held_out(row.text, seed)]
    held_out = sorted({row for row in rows if is_held_out(row.text, seed)})
    if rows and labels and not (learned and held_out):
        raise _too_few(len(rows))
    model = train_linear(
        [row.text for row in learned], [row.labels for row in learned], labels, seed=seed, epochs=epochs, bits=bits
    )
    card = {
        "form": CLASSIFIER_FORM,
        "title": {"en": "Linear classifier over character n-grams", "zh": "基于字符 n 元的线性分类器"},
        "labels": list(labels),
        "trained_on": len({row.text for row in learned}),
        "per_label_trained": {name: sum(name in row.labels for row in set(learned)) for name in labels},
        "held_out": len(held_out),
        "threshold": "0.5",
        "per_label": _evaluated(model, held_out),
        "parameters": {"seed": seed, "epochs": epochs, "bits": bits},
        "limits": _LIMITS,
    }
    return Trained(model.write(), card)


def _evaluated(model: LinearClassifier, rows: Sequence[Labelled]) -> dict[str, Card]:
    predicted = model.scores([row.text for row in rows]) >= _THRESHOLD
    actual = np.array([[label in row.labels for label in model.labels] for row in rows], np.bool_)
    found = {}
    for place, label in enumerate(model.labels):
        hits = int((predicted[:, place] & actual[:, place]).sum())
        guessed, there = int(predicted[:, place].sum()), int(actual[:, place].sum())
        found[label] = {
            "true_positives": hits,
            "predicted": guessed,
            "actual": there,
            "precision": interval(hits, guessed),
            "recall": interval(hits, there),
        }
    return found


def interval(k: int, n: int) -> Card | None:
    """Return k of n as a share with its exact 95 % interval (Clopper-Pearson), in decimal text; None when n is 0."""
    if n == 0:
        return None
    return {
        "share": decimal_text(k, n),
        "lower": float_text(bound_lower(k, n, _EACH_SIDE)),
        "upper": float_text(bound_upper(k, n, _EACH_SIDE)),
        "k": k,
        "n": n,
    }


def train_perplexity(
    texts: Sequence[str], *, seed: str, order: int = 4, least: Sequence[int] = (1, 1, 2, 2)
) -> Trained:
    """Return an n-gram model of four fifths of the texts; the card says what it costs to code the fifth held out.

    The card's `bits_per_character` and `perplexity` have 95 % intervals over documents: bits per character is a ratio
    of two sums, its variance is linearised and its distribution taken as normal; the bounds are null for one text held
    out. Source: Cochran 1977, "Sampling techniques", section 6.4.
    Raises Invalid "bad_order", "nothing_to_train_on", and "too_few_texts" when either part would be empty.
    """
    distinct = sorted(set(texts))
    learned = [text for text in distinct if not is_held_out(text, seed)]
    held_out = [text for text in distinct if is_held_out(text, seed)]
    if distinct and not (any(learned) and any(held_out)):
        raise _too_few(len(distinct))
    model = train_ngram_model(learned, order=order, least=least)
    costs, lengths = coded(model, held_out)
    bits = ratio(costs, lengths)
    card = {
        "form": NGRAM_FORM,
        "title": {"en": "Character n-gram model, modified Kneser-Ney", "zh": "字符 n 元模型（修正 Kneser-Ney 平滑）"},
        "order": order,
        "entries": len(model.keys),
        "trained_on": len(learned),
        "trained_on_characters": sum(map(len, learned)),
        "held_out": len(held_out),
        "held_out_characters": sum(lengths),
        "bits_per_character": estimate(tuple(None if value is None else value / PER_BIT for value in bits)),
        "perplexity": estimate(tuple(None if value is None else 2.0 ** (value / PER_BIT) for value in bits), places=3),
        "parameters": {"seed": seed, "least": list(least)},
        "limits": _LIMITS,
    }
    return Trained(model.write(), card)


def coded(model: NgramModel, texts: Sequence[str], cap: int = MODEL_CHARACTERS) -> tuple[list[int], list[int]]:
    """Return for each text the cost of its beginning, in millionths of a bit, and the characters of that."""
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    return model.bits(points, offsets, cap).tolist(), [min(len(text), cap) for text in texts]


def ratio(tops: Sequence[int], bottoms: Sequence[int]) -> tuple[float, float | None, float | None]:
    """Return sum(tops) / sum(bottoms) and the bounds of its 95 % interval, None for less than two pairs.

    >>> ratio([2, 4, 6], [1, 2, 3])
    (2.0, 2.0, 2.0)
    """
    n, top, bottom = len(tops), sum(tops), sum(bottoms)
    value = top / bottom
    if n < 2:
        return value, None, None
    # Whole numbers up to the root, so that no order of the texts gives other digits.
    squares = sum((a * bottom - b * top) ** 2 for a, b in zip(tops, bottoms, strict=True))
    spread = _NORMAL * math.sqrt(Fraction(n * squares, (n - 1) * bottom**4))
    return value, max(0.0, value - spread), value + spread


def estimate(found: Sequence[float | None], places: int = 6) -> Card:
    """Return value and bounds in decimal text."""
    texts = [None if value is None else float_text(value, places) for value in found]
    return dict(zip(("value", "lower", "upper"), texts, strict=True))


def _too_few(count: int) -> Invalid:
    return Invalid(
        f"{count} texts are too few: one part to learn from or to measure on is empty",
        f"仅有 {count} 篇文本，不足以同时用于训练与评估",
        hint=("Give at least a few dozen different texts.", "请至少提供几十篇不同的文本。"),
        code="too_few_texts",
    )
