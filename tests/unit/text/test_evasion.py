"""The folds keep places, the tables are sound, and written forms are what they say."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.text.evasion import (
    coarse,
    is_letter,
    letters_of,
    looks_like,
    pinyin_forms,
    plain_form,
    reversed_forms,
    simplified,
    split_forms,
)
from quanheng.text.evasion_tables import LOOK_ALIKES, splits
from quanheng.text.normalise import shadow
from quanheng.text.pinyin import readings, sign, sounds, spellings
from quanheng.text.pinyin_table import FIRST, SECOND

ANY = st.text(st.characters() | st.sampled_from("诈騙骗😀*０а囗"), max_size=60)


@given(ANY)
def test_folds_are_one_to_one_and_idempotent(text: str) -> None:
    assert len(sounds(text)) == len(text)
    for fold in (simplified, coarse):
        assert len(fold(text)) == len(text)
        assert fold(fold(text)) == fold(text)
    assert coarse(simplified(text)) == coarse(text)


@given(ANY)
def test_letters_are_those_of_the_coarse_view_and_keep_their_places(text: str) -> None:
    folded = coarse(text)
    letters, places = letters_of(text)
    assert letters == "".join(character for character in folded if is_letter(character))
    if places is None:
        assert letters == folded
    else:
        assert [folded[place] for place in places] == list(letters)
        assert bool(np.all(np.diff(places) > 0))


def test_both_ways_to_the_coarse_view_agree_on_every_character() -> None:
    for codes in (range(0x3000), range(0x2E80, 0xA000), range(0xD700, 0x10000), range(0x1F600, 0x20100)):
        text = "".join(map(chr, codes))
        assert letters_of(text).text == "".join(filter(is_letter, coarse(text)))


def test_look_alikes_are_classes_of_the_shadow_view() -> None:
    members = "".join(LOOK_ALIKES)
    assert len(set(members)) == len(members), "a character is in two classes"
    assert shadow(members).text == members, "the shadow would fold it before"
    assert [group for group in LOOK_ALIKES if simplified(group) != group and group[0] not in "卖发弹"] == []
    for group in LOOK_ALIKES:
        assert {coarse(member) for member in group} == {group[0]}
    assert looks_like("1", "i") and looks_like("1", "l") and looks_like("і", "l")
    assert not looks_like("b", "6") and looks_like("6", "b") and looks_like("o", "0")
    assert not looks_like("i", "l") and not looks_like("0", "6") and not looks_like("诈", "骗")


def test_the_readings_are_those_of_gb_2312() -> None:
    characters = [
        found
        for lead in range(0xB0, 0xF8)
        for trail in range(0xA1, 0xFF)
        if len(found := bytes((lead, trail)).decode("gb2312", "ignore")) == 1
    ]
    assert len(characters) == 6763
    assert all(1 <= len(readings(character)) <= 2 for character in characters)
    assert readings("诈") == ("zha",) and readings("行")[0] in ("xing", "hang") and readings("骗") == ("pian",)
    assert spellings("女") == ("nv", "nu") and readings("a") == () and readings("騙") == ()


def test_a_sound_stands_for_one_reading() -> None:
    words = f"{FIRST} {SECOND}".split()
    signs = {syllable: sign(syllable) for syllable in words[::2]}
    assert len(set(signs.values())) == len(signs) > 400
    assert set(sounds("".join(signs.values()))) == {"\ufffd"}, "a text cannot bring signs of its own"
    for character in "".join(words[1::2]):
        assert sounds(character) == signs[readings(character)[0]]
        assert sounds(character, second=True) == signs[readings(character)[-1]]


def test_level_one_of_gb_2312_is_sorted_by_the_readings() -> None:
    """An independent answer: the standard orders its first 3,755 characters by pinyin, so they rise."""
    level_one = [
        bytes((lead, trail)).decode("gb2312")
        for lead in range(0xB0, 0xD8)
        for trail in range(0xA1, 0xFF)
        if lead < 0xD7 or trail < 0xFA
    ]
    assert len(level_one) == 3755
    # The longest chain of rising syllables, by patience sorting: what is left out is read otherwise than in 1980.
    chain: list[str] = []
    for syllable in (readings(character)[0] for character in level_one):
        at = bisect_right(chain, syllable)
        chain[at : at + 1] = [syllable]
    assert len(chain) >= 0.97 * 3755, len(chain)


def test_splits_are_of_simplified_characters() -> None:
    assert len(splits()) > 300
    for character, ways in splits().items():
        assert len(character) == 1 and simplified(character) == character
        assert all(len(way) > 1 and character not in way and all(map(is_letter, way)) for way in ways), character


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        (pinyin_forms("枪"), []),
        (pinyin_forms("枪a"), []),
        (split_forms("一二"), []),
        (reversed_forms("口"), []),
        (reversed_forms("abba"), []),
        (reversed_forms("毒品"), ["品毒"]),
    ],
)
def test_terms_that_have_no_such_form(forms: list[object], expected: list[str]) -> None:
    assert [form.text for form in forms] == expected  # type: ignore[attr-defined]


@given(st.text(st.sampled_from("诈骗代开发票行长绿强奸a1"), min_size=2, max_size=12))
def test_forms_are_bounded_and_never_the_term_itself(term: str) -> None:
    for make in (pinyin_forms, split_forms, reversed_forms):
        texts = [form.text for form in make(term)]
        assert len(texts) == len(set(texts)) <= 200
        assert term not in texts


def test_runs_that_have_gaps_everywhere_or_nowhere() -> None:
    assert plain_form("诈骗").weak == ()
    assert plain_form("k粉").weak == ()
    assert plain_form("sex片ab").weak == ((0, 2),)
    assert {form.text: form.weak for form in pinyin_forms("诈骗")}["zhapian"] == ((0, 2), (3, 6))
