"""Training with a part held out: what is counted, what the card says, and that it is the same every time."""

from __future__ import annotations

import json
import random

import pytest

from quanheng.data.corpus.train import (
    HELD_OUT_PARTS,
    Labelled,
    coded,
    interval,
    is_held_out,
    ratio,
    train_classifier,
    train_perplexity,
)
from quanheng.errors import Invalid
from quanheng.store import canonical_json
from quanheng.text.linear import LinearClassifier
from quanheng.text.ngram_model import NgramModel

SUBJECTS = {"法律": "法条规定处罚", "医疗": "医院病人药品", "教育": "学校老师课程"}


def rows(count: int = 300) -> list[Labelled]:
    rng = random.Random(1)
    made = []
    for _ in range(count):
        own = tuple(sorted(rng.sample(list(SUBJECTS), rng.choice((0, 1, 1, 2)))))
        letters = "".join(SUBJECTS[name] for name in own) + "的了是在有"
        if rng.random() < 0.15:  # labelled wrongly, so that no classifier is right about all
            own = ("教育",) if own != ("教育",) else ()
        made.append(Labelled("".join(rng.choices(letters, k=40)), own))
    return made


def test_the_card_counts_what_the_model_says_of_texts_held_out() -> None:
    given = rows()
    trained = train_classifier(given, seed="1", bits=12, epochs=10)
    model, card = LinearClassifier.read(trained.data), trained.card
    held_out = [row for row in given if is_held_out(row.text, "1")]
    assert card["held_out"] == len(held_out)
    assert card["trained_on"] + card["held_out"] == len(given)
    assert len(given) / HELD_OUT_PARTS * 0.6 < len(held_out) < len(given) / HELD_OUT_PARTS * 1.4
    for place, label in enumerate(model.labels):
        guessed = [row for row in held_out if model.scores([row.text])[0, place] >= 0.5]
        hits = sum(label in row.labels for row in guessed)
        there = sum(label in row.labels for row in held_out)
        said = card["per_label"][label]
        assert (said["true_positives"], said["predicted"], said["actual"]) == (hits, len(guessed), there)
        assert said["precision"] == interval(hits, len(guessed))
        assert said["recall"] == interval(hits, there)
        assert hits > 0.6 * there
    # Of every sort of mistake there are some, else the counts above could be mixed up unseen.
    said = card["per_label"].values()
    assert any(one["true_positives"] < one["predicted"] for one in said)
    assert any(one["true_positives"] < one["actual"] for one in said)


def test_copies_of_a_text_are_held_out_together_and_counted_once() -> None:
    given = rows()
    assert train_classifier(given * 2, seed="1", bits=12) == train_classifier(given, seed="1", bits=12)
    assert train_classifier(given[::-1], seed="1", bits=12) == train_classifier(given, seed="1", bits=12)


def test_a_card_has_no_floats_and_both_languages() -> None:
    cards = (
        train_classifier(rows(60), seed="1", bits=10).card,
        train_perplexity([r.text for r in rows()], seed="1").card,
    )
    for card in cards:
        canonical_json(card)
        assert json.loads(canonical_json(card)) == card
        assert set(card["title"]) == set(card["limits"]) == {"en", "zh"}


def test_an_interval_is_the_exact_one() -> None:
    from scipy.stats import binomtest

    expected = binomtest(45, 50).proportion_ci(0.95, method="exact")
    found = interval(45, 50)
    assert found is not None
    assert (found["share"], found["k"], found["n"]) == ("0.900000", 45, 50)
    assert float(found["lower"]) == pytest.approx(expected.low, abs=1e-6)
    assert float(found["upper"]) == pytest.approx(expected.high, abs=1e-6)
    assert interval(0, 0) is None


def test_the_perplexity_card_says_the_cost_of_the_texts_held_out() -> None:
    texts = [row.text for row in rows()]
    trained = train_perplexity(texts, seed="1", order=3)
    model, card = NgramModel.read(trained.data), trained.card
    held_out = [text for text in texts if is_held_out(text, "1")]
    costs, lengths = coded(model, held_out)
    characters = sum(lengths)
    assert card["held_out_characters"] == characters == 40 * len(held_out)
    bits = float(card["bits_per_character"]["value"])
    assert bits == pytest.approx(sum(costs) / characters / 1e6, abs=1e-6)
    assert float(card["perplexity"]["value"]) == pytest.approx(2**bits, abs=1e-3)
    assert card["entries"] == len(model.keys)
    # Fewer than 24 different characters: a model that learned anything needs fewer bits than their number.
    assert 2 < bits < 4.5
    assert float(card["bits_per_character"]["lower"]) < bits < float(card["bits_per_character"]["upper"])
    assert trained.data == train_perplexity(texts[::-1], seed="1", order=3).data


def test_the_interval_of_a_ratio_holds_the_truth_19_times_in_20() -> None:
    """Documents of unequal length, cost proportional to length with noise of their own: the true ratio is 3."""
    import numpy as np

    random, held, trials = np.random.default_rng(5), 0, 400
    for _ in range(trials):
        lengths = random.integers(20, 400, 80)
        costs = (lengths * random.normal(3_000_000, 400_000, 80)).astype(int)
        value, lower, upper = ratio(costs.tolist(), lengths.tolist())
        assert lower is not None and upper is not None and lower < value < upper
        held += lower <= 3_000_000 <= upper
    assert 0.92 <= held / trials <= 0.98
    assert ratio([7], [2]) == (3.5, None, None)


def test_the_interval_of_a_ratio_does_not_depend_on_the_order() -> None:
    tops, bottoms = [3, 8, 5, 11, 4], [1, 2, 2, 4, 1]
    assert ratio(tops, bottoms) == ratio(tops[::-1], bottoms[::-1])


def test_too_few_texts_are_refused() -> None:
    for given in (lambda: train_classifier(rows(1), seed="1"), lambda: train_perplexity(["好"], seed="1")):
        with pytest.raises(Invalid) as caught:
            given()
        assert caught.value.code in ("too_few_texts", "nothing_to_train_on")
    with pytest.raises(Invalid) as caught:
        train_classifier([], seed="1")
    assert caught.value.code == "nothing_to_train_on"
