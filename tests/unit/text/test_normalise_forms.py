"""Forms beside the plain normal one, and the shadow of long texts, which is made another way than of short ones."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.text import normalise as module
from quanheng.text.normalise import Shadow, normalise, shadow, to_simplified, with_chinese_punctuation

MARKS = st.text(st.sampled_from("好评,.:;?!()“”a1 \n，。"), max_size=30)


def one_by_one(text: str) -> Shadow:
    folded = [module.fold_character(character) for character in text]
    places = tuple(at for at, one in enumerate(folded) if one is not None)
    return Shadow("".join(one for one in folded if one is not None), None if len(places) == len(text) else places)


@given(st.text(max_size=60), st.sampled_from(["好", "Ａ\u200b", "１\n", "\u0301", "𠀀", "\U0001f600", "\U000e0041"]))
def test_the_shadow_of_a_long_text_is_that_of_its_characters(text: str, filler: str) -> None:
    long = text + filler * 300 + text
    assert shadow(long) == one_by_one(long)
    assert shadow(long[:100]) == one_by_one(long[:100])


def test_the_shadow_of_every_character_is_the_same_both_ways() -> None:
    for start in range(0, sys.maxunicode + 1, 0x8000):
        text = "".join(map(chr, range(start, min(start + 0x8000, sys.maxunicode + 1))))
        assert shadow(text) == one_by_one(text)


def test_spans_of_a_long_shadow_lead_back_to_the_text() -> None:
    text = "前\u200b" * 200 + "ＴＥＬ"
    view = shadow(text)
    at = view.text.index("tel")
    assert text[slice(*view.span(at, at + 3))] == "ＴＥＬ"
    assert all(type(offset) is int for offset in view.offsets or ())


@given(MARKS)
def test_chinese_punctuation_is_idempotent_and_keeps_the_length(text: str) -> None:
    once = with_chinese_punctuation(text)
    assert with_chinese_punctuation(once) == once
    assert len(once) == len(text)
    assert shadow(once).text.replace("。", ".") == shadow(text).text.replace("。", ".")


@pytest.mark.parametrize("text", ["好...", "v1.2", "a,b", "3:00", "(a)", "好,a", "（好)"])
def test_punctuation_that_is_not_between_han_stays(text: str) -> None:
    assert with_chinese_punctuation(text) == text


def test_simplified_forms_go_by_phrase() -> None:
    pytest.importorskip("opencc_pyo3")
    assert to_simplified("乾隆皇帝曬乾衣服，髮型與發展") == "乾隆皇帝晒干衣服，发型与发展"
    simplified = "这个软件很好，一分钱一分货"
    assert to_simplified(simplified) == simplified


@given(st.text(max_size=60))
def test_normal_text_made_simplified_is_normal_after_one_more_pass(text: str) -> None:
    pytest.importorskip("opencc_pyo3")
    once = normalise(to_simplified(normalise(text)))
    assert normalise(once) == once
