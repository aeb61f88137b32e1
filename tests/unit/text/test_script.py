"""Scripts: the comments that language models lose, forms of Chinese, and other scripts."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.text import script as module
from quanheng.text.script import Letters, chinese_form, count_letters, is_chinese, script_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The corpus study, 0.1e: fastText drops such comments.
        ("一分钱一分货，质量太差！", "zh-Hans"),
        ("好吃", "zh"),
        ("這個東西很不錯", "zh-Hant"),
        ("这个 這個", "mixed"),
        ("苹果iPhone手机很便宜吗", "zh-Hans"),
        ("waste of my money", "other"),
        ("にほんごの文章です", "other"),
        ("한국어 문장입니다 中文", "other"),
        ("ภาษาไทย", "other"),
        ("12345！？", "other"),
        ("", "other"),
        ("𠀀𠀁𠀂", "zh"),
    ],
)
def test_scripts(text: str, expected: str) -> None:
    assert script_of(text) == expected


def test_one_traditional_name_does_not_change_a_simplified_text() -> None:
    assert script_of("这是一个关于张學友的故事，他们说这样写没问题，读者觉得还应该继续写下去。") == "zh-Hans"


def test_the_rule_compares_integers() -> None:
    assert not is_chinese(Letters(4, 1, 0))  # a quarter is not more than a quarter
    assert is_chinese(Letters(4, 2, 0))
    assert not is_chinese(Letters(100, 90, 2))
    assert is_chinese(Letters(100, 90, 1))
    assert not is_chinese(Letters(0, 0, 0))
    assert is_chinese(Letters(10, 2, 0), min_han=(1, 10))


@given(st.text(max_size=100))
def test_counts_are_those_of_single_characters(text: str) -> None:
    counted = count_letters(text)
    each = [count_letters(character) for character in text]
    assert counted == Letters(
        sum(one.letters for one in each), sum(one.han for one in each), sum(one.foreign for one in each)
    )
    assert counted.han + counted.foreign <= counted.letters <= len(text)
    assert chinese_form(text) in ("zh-Hans", "zh-Hant", "mixed", "zh")


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0
