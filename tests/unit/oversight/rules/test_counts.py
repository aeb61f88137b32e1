"""Sizes of banks and lexicons, per risk and aspect, and sources per data type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quanheng.kinds.oversight import Rule
from quanheng.kinds.risks import ASPECTS, RISKS
from quanheng.oversight.rules import Evidence, load
from quanheng.oversight.rules.engine import measure

if TYPE_CHECKING:
    from conftest import Kit

RULES: dict[str, Rule] = {rule.id: rule for rule in load().rules}
CORE17 = [risk for risk in RISKS if risk.startswith(("A.1", "A.2"))]


def full_lexicon() -> dict[str, int]:
    return {risk: 600 for risk in CORE17}


@pytest.mark.parametrize(("spare", "short"), [(0, False), (-1, True)])
def test_keyword_total(kit: Kit, spare: int, short: bool) -> None:
    lexicon = kit.lexicon({"A.1.f": 10_000 + spare})
    result = measure(RULES["BNK-KW-01"], Evidence(lexicon=lexicon))
    assert result.verdict == "conforms"  # 宜: below is 未达推荐值
    assert result.has("below_recommended") is short
    assert result.k and result.k.counts[0].pointer == "/terms"
    assert (result.test.form, result.test.num) == ("none", 10_000)


@pytest.mark.parametrize(("risk", "minimum"), [("A.1.c", 200), ("A.2.c", 100)])
def test_keywords_per_risk(kit: Kit, risk: str, minimum: int) -> None:
    enough = measure(RULES["BNK-KW-02"], Evidence(lexicon=kit.lexicon(full_lexicon() | {risk: minimum})))
    assert not enough.has("below_recommended")
    short = measure(RULES["BNK-KW-02"], Evidence(lexicon=kit.lexicon(full_lexicon() | {risk: minimum - 1})))
    assert short.has("below_recommended")
    assert any(f"{risk} {minimum - 1}/{minimum}" in detail.zh for detail in short.details)
    assert any("17 类中 16 类" in detail.zh for detail in short.details)


def test_generation_bank(kit: Kit) -> None:
    full = {risk: 50 if risk in CORE17 else 20 for risk in RISKS}
    bank = kit.bank("generation", full | {"A.1.a": 1000, "A.5.b": 20})
    assert not measure(RULES["BNK-GEN-02"], Evidence(banks=(bank,))).has("below_recommended")
    bank = kit.bank("generation", full | {"A.5.b": 19})
    assert measure(RULES["BNK-GEN-02"], Evidence(banks=(bank,))).has("below_recommended")
    assert measure(RULES["BNK-GEN-01"], Evidence(banks=(bank,))).has("below_recommended")


def test_must_refuse_total_and_each_risk_count_apart(kit: Kit) -> None:
    # 17 x 20 = 340 reaches every minimum per risk and still not the total
    bank = kit.bank("must_refuse", {risk: 20 for risk in CORE17})
    result = measure(RULES["BNK-REF-01"], Evidence(banks=(bank,)))
    assert result.has("below_recommended")
    assert result.need and result.need.amount == 160
    full = kit.bank("must_refuse", {risk: 20 for risk in CORE17} | {"A.1.f": 180})
    assert not measure(RULES["BNK-REF-01"], Evidence(banks=(full,))).has("below_recommended")


def test_must_not_refuse_aspects_in_both_languages(kit: Kit) -> None:
    bank = kit.bank("must_not_refuse", None, {aspect: 40 for aspect in ASPECTS if aspect != "健康"})
    result = measure(RULES["BNK-NRF-01"], Evidence(banks=(bank,)))
    assert any("健康 0/20" in detail.zh and "health 0/20" in detail.en for detail in result.details)


def test_of_two_banks_the_larger_counts(kit: Kit) -> None:
    small, large = kit.bank("generation", {"A.5.a": 3}), kit.bank("generation", {"A.5.a": 2000})
    for banks in ((small, large), (large, small)):
        result = measure(RULES["BNK-GEN-01"], Evidence(banks=banks))
        assert result.k and result.k.value == 2000


@pytest.mark.parametrize(("titles", "verdict"), [(["甲"], "fails"), (["甲", "乙"], "conforms")])
def test_sources_of_one_type(kit: Kit, titles: list[str], verdict: str) -> None:
    sources = tuple(kit.source(title) for title in titles)
    corpus = kit.corpus([(source, 5) for source in sources])
    result = measure(RULES["COR-SRC-03"], Evidence(sources=sources, corpus=corpus))
    assert result.verdict == verdict
    assert result.k and (result.k.value, result.k.counts[0].pointer) == (len(titles), "/per_source")


def test_each_language_is_a_type_of_its_own(kit: Kit) -> None:
    sources = (kit.source("甲"), kit.source("乙"), kit.source("丙", language="en"))
    corpus = kit.corpus([(source, 5) for source in sources])
    result = measure(RULES["COR-SRC-03"], Evidence(sources=sources, corpus=corpus))
    assert (result.verdict, result.k) == ("fails", None)
    assert [detail.zh for detail in result.details] == ["文本（en）：1 个来源", "文本（zh）：2 个来源"]


@pytest.mark.parametrize("rule", [r.id for r in load().rules if r.floor])
def test_without_evidence_it_is_pending(rule: str) -> None:
    result = measure(RULES[rule], Evidence())
    assert result.verdict == "pending"
    assert result.details[-1] == RULES[rule].provide
    assert result.need
