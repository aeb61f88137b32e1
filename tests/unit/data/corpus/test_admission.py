"""The admission test: common words lose their mode, not their place; disguises that cry wolf are dropped."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.data.corpus.admission import LIMIT, admit
from quanheng.errors import Invalid
from quanheng.kinds.base import Rate
from quanheng.kinds.lexicons import LexiconTerm
from quanheng.stats import bound_upper, float_text
from quanheng.store import canonical_json
from quanheng.text.lexicon_review import Reviewer

TENTH = Rate(k=1, n=10)


def term(text: str, **fields: object) -> LexiconTerm:
    return LexiconTerm.model_validate({"term": text, "risk": "A.1.h", **fields})


def benign() -> list[str]:
    words = "我们 没有 一个 其他 价格 办法 生活 天气 今天 学习 因为 所以 可以 喜欢 城市 道路 先生 医院".split()
    rng = random.Random(7)
    return ["".join(rng.choice(words) for _ in range(12)) + f"第{number}篇。" for number in range(300)]


def test_public_lists_hold_ordinary_words_and_they_stop_listing_documents() -> None:
    terms = [
        term("没有"),
        term("一个", with_terms=("迷药",), within=5),
        term("价格", mode="combine", with_terms=("办法",), within=200),
        term("其他", mode="count"),
        term("雇凶杀人"),
    ]
    admission = admit(terms, benign())
    assert [found.term for found in admission.terms] == [found.term for found in terms]
    assert [found.mode for found in admission.terms] == ["count", "combine", "count", "count", "review"]
    assert (admission.documents, admission.demoted, admission.limit) == (300, 3, LIMIT)
    documents = Reviewer(terms).review
    flagged = sum(documents(text).decision == "review" for text in benign())
    assert flagged > 150  # the study: 60 % of ordinary documents
    assert sum(Reviewer(admission.terms).review(text).decision == "review" for text in benign()) == 0


def test_evidence_says_how_often_of_how_many_and_shows_three() -> None:
    texts = benign()
    (line,) = admit([term("没有")], texts).evidence
    k = sum("没有" in text for text in texts)
    assert (line.alone, line.k, line.n, line.together) == (k, k, 300, 0)
    assert line.upper == float_text(bound_upper(k, 300), 8) and not line.proven
    assert len(line.excerpts) == 3 and all("没有" in excerpt for excerpt in line.excerpts)
    assert (line.mode_before, line.mode) == ("review", "count")
    json.loads(canonical_json(line.model_dump(mode="json")))  # no float in it


def test_no_hit_in_a_small_corpus_passes_but_proves_little() -> None:
    small = admit([term("雇凶杀人")], ["今天天气很好"] * 300).evidence[0]
    assert (small.k, small.mode, small.proven) == (0, "review", False)
    hundredth = Rate(k=1, n=100)  # no hit in 299 documents proves less than 1 %, as no hit in 29,956 does 0.01 %
    assert admit([term("雇凶杀人")], ["好"] * 299, limit=hundredth).evidence[0].proven
    assert not admit([term("雇凶杀人")], ["好"] * 298, limit=hundredth).evidence[0].proven
    assert bound_upper(0, 29_956) <= 1e-4 < bound_upper(0, 29_955)


def test_the_limit_itself_is_within() -> None:
    texts = ["有诈骗", *["好"] * 9]
    assert admit([term("诈骗")], texts, limit=TENTH).terms[0].mode == "review"
    assert admit([term("诈骗")], texts[:-1], limit=TENTH).terms[0].mode == "count"


def test_a_disguise_that_cries_wolf_is_dropped_and_the_term_stays() -> None:
    texts = ["炸片" if number < 3 else "詐騙" if number == 3 else "好" for number in range(20)]
    given = term("诈骗", evasion=("traditional", "inserted", "homophone", "reversed"))
    admission = admit([given], texts, limit=TENTH)
    (found,), (line,) = admission.terms, admission.evidence
    assert (found.mode, found.evasion) == ("review", ("traditional", "inserted", "reversed"))
    assert line.per_evasion == {"traditional": 1, "homophone": 3} and line.evasion_before == given.evasion
    assert (line.k, admission.demoted, admission.narrowed) == (1, 0, 1)


def test_disguises_together_stay_within_the_limit() -> None:
    texts = ["诈骗", "詐騙", "诈*骗", *["好"] * 17]
    found = admit([term("诈骗")], texts, limit=TENTH).terms[0]
    assert (
        found.evasion == ("traditional", "lookalike") or found.evasion == ("traditional", "lookalike", "inserted")[:2]
    )
    hit = sum(bool(Reviewer([found]).review(text).hits) for text in texts)
    assert hit == 2


def test_a_counted_term_keeps_no_suspicion_that_lists_too_much() -> None:
    found = admit([term("诈骗", mode="count", evasion=("inserted", "homophone"))], ["炸片", "诈*骗"], limit=TENTH)
    assert found.terms[0].evasion == ("inserted",)


def test_excused_hits_count_for_nothing() -> None:
    admission = admit([term("诈骗", unless=("反诈骗宣传",))], ["反诈骗宣传"] * 50)
    assert admission.terms[0].mode == "review" and admission.evidence[0].excerpts == ()


def test_excerpts_hold_no_personal_data() -> None:
    text = "说明" * 30 + "联系13812345678，诈骗，" + "邮箱zhang@example.com" + "说明" * 30
    (line,) = admit([term("诈骗")], [text]).evidence
    (shown,) = line.excerpts
    assert "诈骗" in shown and "138" not in shown and "5678" not in shown and "example" not in shown
    # Where the cut goes through it as well.
    for pad in range(30):
        text = "好" * 50 + "13812345678" + "好" * pad + "诈骗" + "好" * pad + "13812345678" + "好" * 50
        shown = admit([term("诈骗")], [text]).evidence[0].excerpts[0]
        assert not any(character.isdigit() for character in shown), pad


def test_no_texts_is_an_error() -> None:
    with pytest.raises(Invalid) as caught:
        admit([term("诈骗")], [])
    assert caught.value.code == "no_benign_texts"


RULES = st.builds(
    lambda text, mode, partners, evasion: term(
        text,
        mode=mode if partners or mode != "combine" else "review",
        with_terms=partners,
        evasion=tuple(sorted(evasion)),
    ),
    st.text(st.sampled_from("诈骗价格"), min_size=1, max_size=2),
    st.sampled_from(("review", "count", "combine")),
    st.sampled_from(((), ("办",), ("骗",))),
    st.sets(st.sampled_from(("traditional", "inserted", "homophone", "reversed"))),
)


@settings(max_examples=100)
@given(st.lists(RULES, max_size=4), st.lists(st.text(st.sampled_from("诈骗炸片价格办*詐"), max_size=8), min_size=1))
def test_what_is_admitted_keeps_the_limit_and_nothing_is_lost(rules: list[LexiconTerm], texts: list[str]) -> None:
    admission = admit(rules, texts, limit=TENTH)
    assert len(admission.terms) == len(rules)
    for before, after, line in zip(rules, admission.terms, admission.evidence, strict=True):
        assert after.model_copy(update={"mode": before.mode, "evasion": before.evasion}) == before
        assert set(after.evasion) <= set(before.evasion)
        assert before.mode != "count" or after.mode == "count"
        LexiconTerm.model_validate_json(after.model_dump_json())
        reviews = [Reviewer([after]).review(text) for text in texts]
        assert sum(bool(review.hits) for review in reviews) == line.k
        if after.mode != "count":
            assert 10 * sum(review.decision == "review" for review in reviews) <= len(texts)
