"""The reviewer against a slow one that tries every span, and its rules one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.errors import Invalid
from quanheng.text.evasion import SUSPECT, looks_like, simplified
from quanheng.text.lexicon import Matcher
from quanheng.text.lexicon_review import Reviewer, ReviewHit
from quanheng.text.normalise import shadow
from quanheng.text.pinyin import readings

FIRM = ("traditional", "inserted", "lookalike")
ALL = (*FIRM, "pinyin", "homophone", "split", "reversed")


@dataclass(frozen=True)
class Rule:
    term: str
    risk: str = "A.1.h"
    mode: str = "review"
    weight: int = 10
    with_terms: tuple[str, ...] = ()
    within: int = 30
    unless: tuple[str, ...] = ()
    evasion: tuple[str, ...] = FIRM


def reviewer(*rules: Rule) -> Reviewer:
    return Reviewer(rules)  # type: ignore[arg-type]


def found(text: str, *rules: Rule) -> list[tuple[str, str]]:
    return [(text[hit.start : hit.end], hit.evasion) for hit in reviewer(*rules).review(text).hits]


# A slow reviewer: every span of the shadow, letters of it, compared with every written form.

WORD = "0123456789abcdefghijklmnopqrstuvwxyz"
STOPS = "，。、；：！？…\n"


def is_word(character: str) -> bool:
    return character.isalnum()


def slow(term: str, evasion: tuple[str, ...], text: str) -> set[tuple[int, int, str]]:
    """Return the hits of a term of letters by plain, traditional, look-alike, inserted and reversed."""
    view = shadow(text)
    seen = view.text
    meant = shadow(term).text.strip()
    result: dict[tuple[int, int], str] = {}
    for wanted, name in [(meant, ""), *([(simplified(meant)[::-1], "reversed")] if "reversed" in evasion else [])]:
        if name and wanted == simplified(meant):
            continue
        for start, end in combinations(range(len(seen) + 1), 2):
            inside = seen[start:end]
            kept = [place for place in range(start, end) if is_word(seen[place])]
            if not kept or kept[0] != start or kept[-1] != end - 1 or len(kept) != len(wanted):
                continue
            if start and seen[start - 1] in WORD and inside[0] in WORD:
                continue
            if end < len(seen) and seen[end] in WORD and inside[-1] in WORD:
                continue
            needed = {""} | ({name} if name else set())
            if len(kept) != end - start:
                gaps = [seen[one + 1 : other] for one, other in pairwise(kept)]
                if any(len(gap) > 2 for gap in gaps) or not ascii_runs_are_even(wanted, gaps):
                    continue
                spans = [(place_of(view, one) + 1, place_of(view, other)) for one, other in pairwise(kept)]
                stopped = any(set(text[first:last]) & set(STOPS) for first, last in spans)
                if stopped and not (len(gaps) > 1 and all(gaps)):
                    continue
                needed.add("inserted")
            letters = [seen[place] for place in kept]
            for one, other in zip(letters, wanted, strict=True):
                if one == other:
                    continue
                if simplified(one) == simplified(other):
                    needed.add("traditional")
                elif looks_like(simplified(one), simplified(other)):
                    needed.add("lookalike")
                else:
                    break
            else:
                if "lookalike" in needed and (name or "".join(letters).isdigit()):
                    continue
                if needed - {""} <= set(evasion):
                    order = ["", "traditional", "lookalike", "inserted", "reversed"]
                    best = max(needed, key=order.index)
                    span = view.span(start, end)
                    if span not in result or order.index(best) < order.index(result[span]):
                        result[span] = best
    return {(*span, name) for span, name in result.items()}


def place_of(view, place: int) -> int:  # type: ignore[no-untyped-def]
    return view.offsets[place] if view.offsets else place


def ascii_runs_are_even(wanted: str, gaps: list[str]) -> bool:
    at = 0
    while at < len(wanted):
        end = at
        while end < len(wanted) and wanted[end] in WORD:
            end += 1
        inner = gaps[at : max(end - 1, at)]
        # Of the signs in TEXTS only the star and the face stand in no ordinary word.
        long_word = end - at >= 4 and set("".join(inner)) <= {"*", "😀"}
        if any(inner) and not all(inner) and not long_word:
            return False
        at = max(end, at + 1)
    return True


TERMS = st.text(st.sampled_from("诈骗騙毒口ab0oil1枪"), min_size=1, max_size=4)
TEXTS = st.text(st.sampled_from("诈骗騙詐毒毐口囗ロabо0oil16Ａ *，。\n\u200b😀枪"), max_size=14)


@settings(max_examples=400)
@given(st.lists(TERMS, min_size=1, max_size=4), TEXTS, st.sets(st.sampled_from((*FIRM, "reversed"))))
def test_it_finds_what_a_slow_one_finds(terms: list[str], text: str, allowed: set[str]) -> None:
    evasion = tuple(sorted(allowed))
    rules = [Rule(term, evasion=evasion) for term in terms]
    hits = reviewer(*rules).review(text).hits
    expected = {
        (start, end, place, name) for place, term in enumerate(terms) for start, end, name in slow(term, evasion, text)
    }
    assert set(hits) == expected
    assert [hit[:3] for hit in hits] == sorted(hit[:3] for hit in hits)


@given(st.lists(st.text(st.sampled_from("诈骗a1 *-"), min_size=1, max_size=4), max_size=5), TEXTS)
def test_without_evasions_it_is_the_plain_matcher(terms: list[str], text: str) -> None:
    terms = [term for term in terms if shadow(term).text.strip()]
    hits = reviewer(*(Rule(term, evasion=()) for term in terms)).review(text).hits
    assert [hit[:3] for hit in hits] == sorted(tuple(hit) for hit in Matcher(terms).find(text))


@given(st.text(st.sampled_from("诈骗炸片扎偏弹蛋谈a"), max_size=8))
def test_homophones_are_those_of_the_readings(text: str) -> None:
    term = "炸弹"
    hits = reviewer(Rule(term, evasion=("homophone",))).review(text).hits
    expected = set()
    for at in range(len(text) - 1):
        pair = text[at : at + 2]
        if pair == term:
            expected.add((at, at + 2, 0, ""))
        elif any(
            [(readings(c) or (c,))[min(place, len(readings(c)) - 1)] for c in pair]
            in ([["zha", "dan"], ["zha", "tan"]])
            for place in (0, 1)
        ):
            expected.add((at, at + 2, 0, "homophone"))
    assert set(hits) == expected


@pytest.mark.parametrize(
    ("text", "evasion"),
    [
        ("说诈骗了", ""),
        ("说诈\u200b骗了", ""),
        ("说詐騙了", "traditional"),
        ("说诈*骗了", "inserted"),
        ("说诈 - 骗", None),
        ("说诈😀骗了", "inserted"),
        ("说诈😀😀骗了", "inserted"),
        ("说诈😀😀😀骗了", None),
        ("有诈，骗了", None),
        ("诈\n骗", None),
        ("说zhapian了", "pinyin"),
        ("说Zha Pian了", "pinyin"),
        ("说z h a p i a n了", "pinyin"),
        ("说zh apian了", None),
        ("说zhapians了", None),
        ("说zha骗了", "pinyin"),
        ("说z骗了", "pinyin"),
        ("说zp了", None),
        ("说炸片了", "homophone"),
        ("说言乍马扁了", "split"),
        ("说诈马扁了", "split"),
        ("说骗诈了", "reversed"),
        ("说骗*诈了", "reversed"),
        ("说騙詐了", "reversed"),
        ("说诈取了", None),
    ],
)
def test_each_disguise_is_found_and_named(text: str, evasion: str | None) -> None:
    result = reviewer(Rule("诈骗", evasion=ALL)).review(text)
    # "z h a p i a n" holds "z h a p" (zha and an initial) as well, so there may be several.
    assert {hit.evasion for hit in result.hits} == (set() if evasion is None else {evasion})
    assert result.decision == ("keep" if evasion is None else "review")
    if evasion:  # and only where the term asks for it
        others = tuple(name for name in ALL if name != evasion)
        assert not reviewer(Rule("诈骗", evasion=others)).review(text).hits


@pytest.mark.parametrize(
    ("term", "text", "evasion"),
    [
        ("sex", "s.e.x", "inserted"),
        ("sex", "a s ex-wife", None),
        ("sex", "ѕех", "lookalike"),
        ("sex", "ｓｅｘ", ""),
        ("sex", "sexual", None),
        ("sex", "se*x", None),
        ("porn", "po*rn", "inserted"),
        ("porn", "po-rn", None),
        ("porn", "po rn", None),
        ("m16", "mib", None),
        ("m16", "mi6", "lookalike"),
        ("porn", "p0rn", "lookalike"),
        ("porn", "роrn", "lookalike"),
        ("kill", "k1ll", "lookalike"),
        ("kill", "klil", None),
        ("100", "1oo", "lookalike"),
        ("gg", "99", None),
        ("口交", "囗交", "lookalike"),
        ("代开发票", "代，开，发，票", "inserted"),
        ("代开发票", "代开，发票", None),
        ("代开发票", "dkfp", "pinyin"),
        ("代开发票", "dai kai fa piao", "pinyin"),
        ("3.15", "3.15", ""),
        ("3.15", "3 .15", None),
        ("詐騙", "诈骗", "traditional"),
        ("枪", "qiang", None),
        ("a\u3164b", "a\u3164b", ""),
    ],
)
def test_traps(term: str, text: str, evasion: str | None) -> None:
    hits = reviewer(Rule(term, evasion=ALL)).review(text).hits
    assert [hit.evasion for hit in hits] == ([] if evasion is None else [evasion])


def test_a_letter_that_nobody_sees_is_a_gap() -> None:
    assert found("诈\u3164骗", Rule("诈骗")) == [("诈\u3164骗", "inserted")]


def test_what_is_found_in_two_ways_is_named_by_the_plainer() -> None:
    assert found("l1", Rule("1l", evasion=("lookalike", "reversed"))) == [("l1", "lookalike")]
    assert found("l1", Rule("1l", evasion=("reversed",))) == [("l1", "reversed")]


def test_a_combined_term_counts_only_near_its_partner() -> None:
    rule = Rule("价格", mode="combine", with_terms=("代考", "包过"), within=5)
    assert found("价格表", rule) == []
    assert found("代考，价格面议", rule) == [("价格", "")]
    assert found("價格1234代考", rule) == [("價格", "traditional")]
    assert found("价格12345包*过", rule) == [("价格", "")]
    assert found("价格123456包过", rule) == []
    assert found("包过123456价格", rule) == []


def test_a_partner_inside_the_term_is_none() -> None:
    rule = Rule("代考价格", mode="combine", with_terms=("代考",), within=5)
    assert found("代考价格", rule) == []
    assert found("代考代考价格", rule) == [("代考价格", "")]


def test_a_context_excuses_what_it_contains_or_touches() -> None:
    rule = Rule("诈骗", unless=("反诈骗宣传", "防范"))
    assert found("反诈骗宣传", rule) == found("防范诈骗", rule) == found("诈骗防范", rule) == []
    assert found("反詐騙宣傳", rule) == []
    assert found("防范：诈骗", rule) == [("诈骗", "")]
    assert found("反诈骗宣传，诈骗", rule) == [("诈骗", "")]
    # An excuse must stand there as it is written: a disguised one would excuse a disguised hit.
    assert found("反*诈骗宣传", rule) == [("诈骗", "")]


def test_counting_terms_are_no_reason_to_look_but_suspicions_are() -> None:
    rule = Rule("诈骗", mode="count", weight=7, evasion=ALL)
    plain = reviewer(rule).review("诈骗" + "好" * 998)
    assert (plain.decision, plain.weighted, plain.characters, plain.density) == ("keep", 7, 1000, 7.0)
    for text in ("炸片", "骗诈", "zhapian", "言乍马扁"):
        suspect = reviewer(rule).review(text)
        assert suspect.decision == "review" and suspect.weighted == 0 and suspect.hits[0].evasion in SUSPECT


def test_risks_and_terms_are_counted() -> None:
    result = reviewer(Rule("诈骗"), Rule("枪支", risk="A.1.f", weight=3), Rule("诈骗集团")).review(
        "诈骗集团，诈骗，枪支"
    )
    assert result.risks == {"A.1.f": 1, "A.1.h": 3}
    assert (result.hit_terms, result.weighted) == (3, 33)
    assert result.hits[0] == ReviewHit(0, 2, 0, "")


def test_nothing_and_empty_terms() -> None:
    assert reviewer().review("任何文本").decision == "keep"
    result = reviewer(Rule("诈骗")).review("")
    assert (result.hits, result.density) == ((), 0.0)
    for rule in (Rule("\u200b"), Rule("好", with_terms=(" ",)), Rule("好", unless=("\u200b",))):
        with pytest.raises(Invalid) as caught:
            reviewer(replace(rule))
        assert caught.value.code == "empty_term"


def test_lone_surrogates_do_no_harm() -> None:
    assert found("\ud800诈骗\udfff", Rule("诈骗")) == [("诈骗", "")]


def test_a_hostile_text_is_linear() -> None:
    rules = [Rule("诈", mode="combine", with_terms=("骗",), within=1000), Rule("骗", unless=("骗",))]
    assert len(reviewer(*rules).review("诈骗" * 20_000).hits) == 20_000
