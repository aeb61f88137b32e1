"""The kept text and its shadow: laws over any text, and the traps of Chinese input."""

from __future__ import annotations

import doctest
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.text import normalise as module
from quanheng.text.normalise import normalise, shadow

#: Any code point, lone surrogates too.
ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)
#: Texts made of what the two views care about.
NASTY = st.text(
    st.sampled_from(
        list("好评aé１Ａ， 　\t\n\r\x00\x0b\x85\u2028\u200b\u200d\ufeff\xad\u0301\u202e\ud800\U000e0041—－①")
    )
)


@given(ANY | NASTY)
def test_normalise_is_idempotent_and_clean(text: str) -> None:
    found = normalise(text)
    assert normalise(found) == found
    assert unicodedata.is_normalized("NFC", found)
    assert found == found.strip()
    found.encode("utf-8")
    assert not set(found) & set("\r\x00\x0b\x0c\x85\u2028\u200b\ufeff\xad\u202e")
    assert "\n\n\n" not in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("好评，１２３！", "好评，１２３！"),
        ("a\r\nb\rc\x0bd", "a\nb\nc\nd"),
        ("好\u200b评\ufeff", "好评"),
        ("a \t\nb", "a\nb"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("e\u0301", "é"),
        ("断\ud83d", "断\ufffd"),
        ("\x00\x00好\x00", "好"),
        ("👨\u200d👩", "👨\u200d👩"),
        ("⽂字⼀样，⻓⻔⻛⻢⻥⻦⻩⻬⻰⻳", "文字一样，长门风马鱼鸟黄齐龙龟"),
        ("", ""),
    ],
)
def test_normalise_examples(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_no_radical_stays_but_those_without_a_character() -> None:
    radicals = [chr(code) for code in range(0x2E80, 0x2FD6) if unicodedata.name(chr(code), "")]
    left = [one for one in radicals if normalise(one) == one]
    # Their equivalents are parts, beyond the basic plane; U+2E80 has none.
    assert "".join(left) == "⺀⺇⺑⺕⺪⺮⺵⺷⺸⺽⻇⻊⻕⻞⻡"
    assert all("\u4e00" <= normalise(one) <= "\u9fff" or one in "⺋⺳" for one in radicals if one not in left)
    kangxi = [one for one in radicals if one >= "\u2f00"]
    assert [normalise(one) for one in kangxi] == [unicodedata.normalize("NFKC", one) for one in kangxi]


@given(ANY | NASTY)
def test_shadow_maps_every_character_back(text: str) -> None:
    view = shadow(text)
    if view.offsets is None:
        assert len(view.text) == len(text)
    else:
        assert len(view.offsets) == len(view.text) < len(text)
        assert list(view.offsets) == sorted(set(view.offsets))
    for place, character in enumerate(view.text):
        start, end = view.span(place, place + 1)
        assert end == start + 1
        assert shadow(text[start:end]).text == character


@given(ANY | NASTY)
def test_shadow_of_a_shadow_is_itself(text: str) -> None:
    once = shadow(text).text
    assert shadow(once).text == once


def test_shadow_folds_width_case_digits_and_dashes() -> None:
    assert shadow("ＡbＣ１２３：（—－–）　①𝟏٣").text == "abc123:(---) 113"
    assert shadow("好\u200b评").offsets == (0, 2)
    assert shadow("好\u200b评").span(0, 2) == (0, 3)


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0
