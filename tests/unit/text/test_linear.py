"""The linear classifier: compiled and plain scores, the gradient, what it learns, its bytes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.errors import Invalid
from quanheng.text import linear, ngram_model
from quanheng.text.linear import SCALE, LinearClassifier, train_linear

GOOD = ["服务很好，下次再来", "质量不错，很满意", "味道好极了", "物流快，包装好"]
BAD = ["质量太差，退货", "味道很差，不会再来", "太慢了，很失望", "包装破损，差评"]


def small(seed: int = 1, labels: tuple[str, ...] = ("甲", "乙")) -> LinearClassifier:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-3000, 3000, (256, len(labels))).astype(np.int16)
    return LinearClassifier(labels, weights, np.arange(len(labels), dtype=np.int32))


def trained(**given: Any) -> LinearClassifier:
    texts, labelled = GOOD + BAD, [["好"]] * 4 + [["差", "投诉"], ["差"], ["差"], ["差", "投诉"]]
    return train_linear(texts, labelled, ["好", "差", "投诉"], **{"seed": "1", "bits": 12, **given})


def test_a_score_is_the_logistic_function_of_the_weighted_counts() -> None:
    model = small()
    buckets = [int(bucket) for bucket in linear.buckets_of(np.array([ord(one) for one in "好评好"], np.uint32), 8)]
    assert len(buckets) == 3 + 2 + 1
    assert buckets[0] == buckets[2]
    for label in range(2):
        total = sum(int(model.weights[bucket, label]) for bucket in buckets)
        expected = 1 / (1 + math.exp(-(total / math.sqrt(6) + label) / SCALE))
        assert model.scores(["好评好"])[0, label] == pytest.approx(expected, rel=1e-12)


@settings(deadline=None)
@given(st.lists(st.text(max_size=40)))
def test_compiled_and_plain_scores_are_equal(texts: list[str]) -> None:
    pytest.importorskip("numba")
    model, asked = small(), [*texts, "好" * 2_100, "", "a"]
    compiled = model.scores(asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngram_model, "kernels", lambda: None)
        plain = model.scores(asked)
    np.testing.assert_array_equal(compiled, plain)
    assert compiled.shape == (len(asked), 2)


def test_it_learns_what_it_was_shown() -> None:
    found = trained(epochs=30).scores(GOOD + BAD)
    assert (found.argmax(axis=1)[:4] == 0).all()
    assert (found[:4, 1] < 0.5).all()
    assert (found[4:, 1] > 0.5).all()
    assert (found[[4, 7], 2] > found[[5, 6], 2].max()).all()


def test_one_step_goes_down_the_gradient_of_the_log_loss() -> None:
    """After one example the weights are those of AdaGrad's first step: minus the rate times the gradient's sign."""
    model = train_linear(["好评"], [["好"]], ["好", "差"], seed="1", epochs=1, rate=0.25, bits=12)
    buckets = np.unique(linear.buckets_of(np.array([ord(one) for one in "好评"], np.uint32), 12))
    assert len(buckets) == 3
    assert model.weights[buckets].tolist() == [[250, -250]] * 3
    assert np.count_nonzero(model.weights) == 6
    assert model.biases.tolist() == [250, -250]


def test_an_unseen_text_is_judged_by_the_biases_alone() -> None:
    texts, labelled = ["一", "二", "三", "四"], [["好"], ["好"], ["好"], []]
    model = train_linear(texts, labelled, ["好"], seed="1", epochs=300, bits=12)
    found = model.scores(texts)[:, 0]
    assert (found[:3] > 0.9).all()
    assert found[3] < 0.1
    assert model.scores(["囧"])[0, 0] == pytest.approx(1 / (1 + math.exp(-model.biases[0] / SCALE)))


def test_the_same_seed_gives_the_same_bytes_in_any_order_of_the_texts() -> None:
    data = trained().write()
    texts, labelled = (GOOD + BAD)[::-1], ([["好"]] * 4 + [["投诉", "差"], ["差"], ["差"], ["差", "投诉"]])[::-1]
    assert train_linear(texts, labelled, ["好", "差", "投诉"], seed="1", bits=12).write() == data
    assert trained(seed="2").write() != data
    assert LinearClassifier.read(data).write() == data
    assert LinearClassifier.read(data).labels == ("好", "差", "投诉")


@settings(max_examples=200)
@given(st.data())
def test_damaged_bytes_are_refused_or_read(data: st.DataObject) -> None:
    good = small().write()
    head = good.index(b"\n", good.index(b"\n") + 1)
    place, byte = data.draw(st.integers(0, head + 20)), data.draw(st.integers(0, 255))
    for damaged in (good[:place], good[:place] + bytes([byte]) + good[place + 1 :], good + bytes([byte])):
        try:
            model = LinearClassifier.read(damaged)
        except Invalid as error:
            assert error.code == "bad_model"
        else:
            assert np.isfinite(model.scores(["好"])).all()


def test_what_cannot_be_trained_is_refused() -> None:
    for texts, labelled, labels, code in (
        ([], [], ["好"], "nothing_to_train_on"),
        (["一"], [[]], [], "nothing_to_train_on"),
        (["一"], [], ["好"], "nothing_to_train_on"),
        (["一"], [["坏"]], ["好"], "unknown_label"),
    ):
        with pytest.raises(Invalid) as caught:
            train_linear(texts, labelled, labels, seed="1")  # type: ignore[arg-type]
        assert caught.value.code == code


def test_bytes_that_are_cut_short_or_too_long_are_refused() -> None:
    good = small().write()
    for damaged in (b"", good[:20], good[:-1], good + b"x", good.replace(b"/1\n", b"/2\n", 1)):
        with pytest.raises(Invalid) as caught:
            LinearClassifier.read(damaged)
        assert caught.value.code == "bad_model"
