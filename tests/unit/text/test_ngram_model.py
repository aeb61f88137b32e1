"""The n-gram model: probabilities sum to 1 and are those of a plain Kneser-Ney written with dictionaries."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.errors import Invalid
from quanheng.text import ngram_model
from quanheng.text.ngram_model import PER_BIT, NgramModel, train_ngram_model

START = "\u0002"
TINY = ["好好学习天天向上", "好好休息", "天天好心情，天天学习", "学习学习再学习"]


def codes(texts: Sequence[str]) -> tuple[Any, Any]:
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32), offsets


def probability(model: NgramModel, before: str, character: str) -> float:
    """Return p(character | before) at the beginning of a text, as the difference of two costs."""
    bits = model.bits(*codes([before + character, before]))
    return float(2.0 ** (-(int(bits[0]) - int(bits[1])) / PER_BIT))


class Plain:
    """Modified Kneser-Ney with dictionaries and the fallback discounts."""

    def __init__(self, texts: Sequence[str], order: int, least: int) -> None:
        self.order, self.levels = order, dict[int, Counter[str]]()
        top = Counter((START * (order - 1) + text)[at : at + order] for text in texts for at in range(len(text)))
        for size in range(order, 0, -1):
            self.levels[size] = top
            top = Counter(gram[1:] for gram in top)
        self.least = {size: least if size == order else 1 for size in self.levels}

    @staticmethod
    def discount(count: int) -> float:
        return (0.5, 1.0, 1.5)[min(count, 3) - 1]

    def p(self, before: str, character: str) -> float:
        size = len(before) + 1
        level = self.levels[size]
        followers = {gram[-1]: count for gram, count in level.items() if gram[:-1] == before}
        lower = self.p(before[1:], character) if size > 1 else 1 / (len(followers) + 1)
        if not followers:
            return lower
        total = sum(followers.values())
        kept = {one: count for one, count in followers.items() if count >= self.least[size]}
        own = {one: (count - self.discount(count)) / total for one, count in kept.items()}
        return own.get(character, 0.0) + (1 - sum(own.values())) * lower


@pytest.mark.parametrize(("order", "least"), [(2, 1), (3, 1), (4, 1), (3, 2)])
def test_probabilities_are_those_of_a_plain_kneser_ney(order: int, least: int) -> None:
    model = train_ngram_model(TINY, order=order, least=[1] * (order - 1) + [least])
    plain = Plain(TINY, order, least)
    for before in ("", "好", "天天", "学习学", "向上天", "没见过"):
        context = (START * order + before)[-(order - 1) :]
        for character in "好天学习，情囧":
            assert probability(model, before, character) == pytest.approx(plain.p(context, character), rel=2e-5)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.text("甲乙丙丁", min_size=1, max_size=30), min_size=1, max_size=8), st.integers(2, 5), st.integers(1, 3)
)
def test_probabilities_sum_to_one(texts: list[str], order: int, least: int) -> None:
    model = train_ngram_model(texts, order=order, least=[1, least])
    seen = sorted(set("".join(texts)))
    for before in ("", texts[0][:2], "乙甲丁", "囧"):
        total = sum(probability(model, before, character) for character in seen) + probability(model, before, "囧")
        assert total == pytest.approx(1, abs=2e-5)


def test_the_discounts_are_those_of_the_paper() -> None:
    counts = np.array([1] * 40 + [2] * 15 + [3] * 6 + [4] * 3 + [9])
    y = 40 / 70
    expected = {1: 1 - 2 * y * 15 / 40, 2: 2 - 3 * y * 6 / 15, 3: 3 - 4 * y * 3 / 6}
    found = ngram_model._discounted(counts)
    for count in (1, 2, 3, 4, 9):
        assert found[list(counts).index(count)] == pytest.approx(count - expected[min(count, 3)])


@given(st.lists(st.text(max_size=50)), st.integers(1, 30))
@settings(deadline=None, max_examples=50)
def test_compiled_and_plain_costs_are_equal(texts: list[str], cap: int) -> None:
    pytest.importorskip("numba")
    model = train_ngram_model([*TINY, *texts])
    asked = codes([*(text.encode("utf-8", "ignore").decode() for text in texts), *TINY, ""])
    compiled = model.bits(*asked, cap=cap)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngram_model, "kernels", lambda: None)
        plain = model.bits(*asked, cap=cap)
    np.testing.assert_array_equal(compiled, plain)


def test_text_like_the_training_text_is_less_surprising() -> None:
    model = train_ngram_model(TINY * 3)
    usual, other, none = model.perplexity(*codes(["天天学习", "锟斤拷烫烫", ""]))
    assert 1 < usual < 10 < other
    assert none == 0


def test_a_uniform_text_has_the_perplexity_of_its_alphabet() -> None:
    rng = np.random.default_rng(3)
    texts = ["".join(map(chr, rng.integers(0x4E00, 0x4E00 + 8, 20_000))) for _ in range(2)]
    found = train_ngram_model(texts[:1], order=2).perplexity(*codes(texts[1:]))
    assert found[0] == pytest.approx(8, rel=0.01)


def test_blanks_digits_and_cases_are_one() -> None:
    model = train_ngram_model(["a 1"])
    assert len({int(bits) for bits in model.bits(*codes(["a 1", "A\n7", "a\u3000９"]))}) == 1


def test_bytes_are_the_same_and_read_back() -> None:
    model = train_ngram_model(TINY)
    data = model.write()
    assert data == train_ngram_model(TINY).write() == NgramModel.read(data).write()
    assert data.startswith(b"quanheng.ngram_model/1\n{")
    np.testing.assert_array_equal(NgramModel.read(data).bits(*codes(TINY)), model.bits(*codes(TINY)))


@given(st.data())
def test_damaged_bytes_are_refused_or_read(data: st.DataObject) -> None:
    good = train_ngram_model(TINY, order=2).write()
    place, byte = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(0, 255))
    for damaged in (good[:place], good[:place] + bytes([byte]) + good[place + 1 :], good + bytes([byte])):
        try:
            model = NgramModel.read(damaged)
        except Invalid as error:
            assert error.code == "bad_model"
        else:
            assert math.isfinite(model.perplexity(*codes(["好"]))[0])


def test_nothing_and_bad_orders_are_refused() -> None:
    for texts, order, code in (
        ([], 3, "nothing_to_train_on"),
        ([""], 3, "nothing_to_train_on"),
        (["a"], 1, "bad_order"),
    ):
        with pytest.raises(Invalid) as caught:
            train_ngram_model(texts, order=order)
        assert caught.value.code == code


def test_bytes_that_are_cut_short_or_too_long_are_refused() -> None:
    good = train_ngram_model(TINY).write()
    for damaged in (b"", good[:20], good[:-1], good + b"x", good.replace(b"/1\n", b"/2\n", 1)):
        with pytest.raises(Invalid) as caught:
            NgramModel.read(damaged)
        assert caught.value.code == "bad_model"


def test_costs_out_of_range_are_refused() -> None:
    model = train_ngram_model(TINY, order=2)
    for unknown, values in ((101 * PER_BIT, model.values), (-1, model.values), (1, model.values + 100 * PER_BIT)):
        with pytest.raises(Invalid) as caught:
            NgramModel.read(NgramModel(2, unknown, model.keys, values).write())
        assert caught.value.code == "bad_model"
