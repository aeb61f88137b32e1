"""Many texts at once: code points as Python has them, and no text passed over that normalising changes."""

from __future__ import annotations

import doctest
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quanheng.text import normalise as module
from quanheng.text import utf8 as utf8_module
from quanheng.text import utf8_kernels as kinds
from quanheng.text.compiled import load
from quanheng.text.normalise import irregular, normalise
from quanheng.text.utf8 import decode, lengths, utf8

_ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
_NASTY = st.text(
    st.sampled_from(
        list(
            "好评aé１Ａ，　 \t\n\n\n\r\x00\x0b\x85\u2028\u200b\u200d\ufeff\xad\u0301\u202e\ud800\U000e0041—⼯⺁か\u3099"
        )
        + list("\u1100\u1161\u11a8각Å\u212b\ufe0f😀\U00016d67\U00016d63ก\u0e33क\u093c")
    ),
    max_size=12,
)
_TEXTS = st.lists(_ANY | _NASTY, max_size=6)


def test_doctests() -> None:
    assert doctest.testmod(utf8_module).failed == 0


@given(_TEXTS)
@example(["一", "\U0001f600\u00e9", "", "a\ud800"])
def test_texts_as_code_points(texts: list[str]) -> None:
    for plain in (False, True):
        points, offsets = decode(utf8(texts), plain=plain)
        assert points.tolist() == [ord(character) for text in texts for character in text]
        assert np.diff(offsets).tolist() == list(map(len, texts)) and offsets[0] == 0
        assert lengths(utf8(texts), plain=plain).tolist() == list(map(len, texts))


@given(_TEXTS)
@settings(max_examples=400)
def test_texts_that_are_passed_over_are_normal_already(texts: list[str]) -> None:
    rows = irregular(texts, utf8(texts))
    assert rows == sorted(set(rows))
    for row in set(range(len(texts))) - set(rows):
        assert normalise(texts[row]) == texts[row]


def test_usual_text_is_passed_over() -> None:
    if load("utf8_kernels") is None:
        pytest.skip("numba is not installed")
    texts = [
        "今天天气“很好”——我们去公园。\n\n第二段：ABC，１２３ ﹙é﹚ 한국 ひらがな 😀❤\ufe0f",
        " 前空",
        "后空　",
        "a \nb",
        "a\n\n\nb",
        "a\n",
    ]
    irregular(texts, utf8(texts))  # what is met for the first time is looked at
    assert irregular(texts, utf8(texts)) == [1, 2, 3, 4, 5]


def test_whatever_can_be_the_second_of_two_that_compose_is_odd() -> None:
    for code in range(0x110000):
        parts = unicodedata.decomposition(chr(code))
        if parts and parts[0] != "<" and " " in parts:
            second = chr(int(parts.split()[-1], 16))
            assert module._class_of(second) == kinds.ODD, hex(ord(second))
    for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)):
        assert module._class_of(chr(code)) == kinds.ODD


def test_the_classes_are_those_of_each_character() -> None:
    # What is entered without a look is right as well.
    table = module._classes()
    for code in (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000), *range(0xAC00, 0xD7A4), *range(0x20000, 0x2F800, 7)):
        character = chr(code)
        assert table[code] == 0 and normalise(character) == character
        assert unicodedata.combining(character) == 0 and not character.isspace()


@given(st.text(st.sampled_from("a\r\n\x0b\x0c\x85\u2028\u2029"), max_size=12))
def test_line_ends_are_those_of_every_system(text: str) -> None:
    plain = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
    assert module._NEWLINES.sub("\n", text) == plain.sub("\n", text)
