"""The matcher against brute force, and its places in the original text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.errors import Invalid
from quanheng.text.lexicon import Hit, Matcher
from quanheng.text.normalise import shadow

LETTERS = st.text(st.sampled_from("诈骗a"), max_size=12) | st.text(
    st.sampled_from("诈骗爆炸物ab Ａ１\u200b，"), max_size=40
)
TERMS = st.lists(st.text(st.sampled_from("诈骗a"), min_size=1, max_size=4), max_size=8) | st.lists(
    st.text(st.sampled_from("诈骗爆炸物abA1"), min_size=1, max_size=4), max_size=8
)


def brute_force(terms: list[str], text: str) -> list[Hit]:
    view = shadow(text)
    word = "0123456789abcdefghijklmnopqrstuvwxyz"
    hits = []
    for place, term in enumerate(terms):
        folded = shadow(term).text.strip()
        for start in range(len(view.text)):
            end = start + len(folded)
            if view.text[start:end] != folded:
                continue
            if folded[0] in word and start and view.text[start - 1] in word:
                continue
            if folded[-1] in word and end < len(view.text) and view.text[end] in word:
                continue
            hits.append(Hit(*view.span(start, end), place))
    return sorted(hits)


@given(TERMS, LETTERS)
def test_every_occurrence_is_found(terms: list[str], text: str) -> None:
    assert sorted(Matcher(terms).find(text)) == brute_force(terms, text)


@given(TERMS, LETTERS)
def test_hits_are_ordered(terms: list[str], text: str) -> None:
    hits = Matcher(terms).find(text)
    assert [hit[:2] for hit in hits] == sorted(hit[:2] for hit in hits)


def test_width_case_and_invisible_characters_do_not_hide_a_term() -> None:
    matcher = Matcher(["诈骗", "ABC"])
    assert matcher.find("电信诈\u200b骗！") == [Hit(2, 5, 0)]
    assert matcher.find("说ａｂｃ了") == [Hit(1, 4, 1)]
    assert matcher.find("abcd") == []
    assert len(matcher) == 2


def test_a_short_term_at_the_end_is_found_once_beside_a_longer_one() -> None:
    assert Matcher(["诈骗", "诈骗集团"]).find("谨防诈骗") == [Hit(2, 4, 0)]
    assert Matcher(["诈骗", "诈骗集团"]).find("诈骗集团") == [Hit(0, 2, 0), Hit(0, 4, 1)]


def test_no_terms_and_empty_terms() -> None:
    assert Matcher([]).find("任何文本") == []
    with pytest.raises(Invalid) as caught:
        Matcher(["好", "\u200b"])
    assert caught.value.code == "empty_term" and "2" in str(caught.value)


def test_a_view_that_is_at_hand_is_used() -> None:
    text = "电信诈骗"
    assert Matcher(["诈骗"]).find(text, shadow(text)) == [Hit(2, 4, 0)]
