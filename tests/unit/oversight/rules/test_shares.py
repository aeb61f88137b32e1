"""Coverage of sources and documents, and the overseas share, on the corpus' own numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quanheng.kinds.oversight import Rule
from quanheng.oversight.rules import Evidence, load
from quanheng.oversight.rules.engine import measure

if TYPE_CHECKING:
    from conftest import Kit

RULES: dict[str, Rule] = {rule.id: rule for rule in load().rules}


def test_licences_complete(kit: Kit) -> None:
    sources = (kit.source("甲"), kit.source("乙"))
    corpus = kit.corpus([(sources[0], 30), (sources[1], 20)])
    result = measure(RULES["COR-SRC-05"], Evidence(sources=sources, corpus=corpus))
    assert (result.verdict, result.value, result.test.form) == ("conforms", "1.000000", "at_least")
    assert result.k and [count.pointer for count in result.k.counts] == [
        "/per_source/0/documents_kept",
        "/per_source/1/documents_kept",
    ]


def test_unclear_licence_fails_and_is_named(kit: Kit) -> None:
    sources = (kit.source("甲"), kit.source("乙", clear=False))
    corpus = kit.corpus([(sources[0], 30), (sources[1], 20)])
    result = measure(RULES["COR-SRC-05"], Evidence(sources=sources, corpus=corpus))
    assert (result.verdict, result.value) == ("fails", "0.600000")
    assert any("乙：许可不明（未写明许可）" in detail.zh for detail in result.details)
    assert result.need and (result.need.code, result.need.amount) == ("licence", 1)
    assert set(result.computed_from) == {corpus.digest, *(source.digest for source in sources)}


def test_source_without_documents_does_not_matter(kit: Kit) -> None:
    sources = (kit.source("甲"), kit.source("乙", clear=False))
    corpus = kit.corpus([(sources[0], 30), (sources[1], 0)])
    assert measure(RULES["COR-SRC-05"], Evidence(sources=sources, corpus=corpus)).verdict == "conforms"


def test_source_missing_from_the_evidence_is_pending(kit: Kit) -> None:
    given, absent = kit.source("甲"), kit.source("乙")
    corpus = kit.corpus([(given, 30), (absent, 20)])
    result = measure(RULES["COR-SRC-05"], Evidence(sources=(given,), corpus=corpus))
    assert result.verdict == "pending"
    assert "乙" in result.details[0].zh


def test_no_self_collected_source_is_not_applicable(kit: Kit) -> None:
    source = kit.source("甲")
    result = measure(RULES["COR-SRC-06"], Evidence(sources=(source,), corpus=kit.corpus([(source, 3)])))
    assert (result.verdict, result.test.form) == ("not_applicable", "none")


@pytest.mark.parametrize(("record", "verdict"), [(True, "conforms"), (False, "fails")])
def test_collection_record(kit: Kit, record: bool, verdict: str) -> None:
    source = kit.source("甲", origin="self_collected", record=record)
    result = measure(RULES["COR-SRC-06"], Evidence(sources=(source,), corpus=kit.corpus([(source, 3)])))
    assert result.verdict == verdict


@pytest.mark.parametrize(("filtered", "verdict"), [(True, "conforms"), (False, "fails")])
def test_filter_coverage(kit: Kit, filtered: bool, verdict: str) -> None:
    source = kit.source()
    corpus = kit.corpus([(source, 50)], filtered=filtered)
    result = measure(RULES["COR-CON-01"], Evidence(corpus=corpus))
    assert result.verdict == verdict
    assert result.n and result.n.counts[0].pointer == "/filtered/documents"
    assert result.has("small_lexicon") == filtered  # the corpus was filtered with 40 terms


def test_masking_alone_proves_nothing(kit: Kit) -> None:
    corpus = kit.corpus([(kit.source(), 50)], masked=7)
    result = measure(RULES["COR-CON-03"], Evidence(corpus=corpus))
    assert (result.verdict, result.test.form) == ("pending", "none")
    assert result.k and (result.k.value, result.k.counts[0].pointer) == (7, "/masked_documents")
    assert result.has("recall_unknown")


@pytest.mark.parametrize(("overseas", "form", "noted"), [(30, "at_most", False), (31, "none", True)])
def test_overseas_share_only_warns(kit: Kit, overseas: int, form: str, noted: bool) -> None:
    home, abroad = kit.source("甲"), kit.source("乙", region="overseas")
    corpus = kit.corpus([(home, 100 - overseas), (abroad, overseas)])
    result = measure(RULES["COR-SRC-04"], Evidence(corpus=corpus))
    assert (result.verdict, result.test.form, result.has("office_practice")) == ("conforms", form, noted)
    assert not result.decisive


def test_unknown_region_is_pending(kit: Kit) -> None:
    corpus = kit.corpus([(kit.source("甲"), 90), (kit.source("乙", region="unknown"), 10)])
    result = measure(RULES["COR-SRC-04"], Evidence(corpus=corpus))
    assert result.verdict == "pending"
    assert "乙" in result.details[-1].zh


@pytest.mark.parametrize("rule", ["COR-SRC-04", "COR-SRC-05", "COR-SRC-06", "COR-CON-01", "COR-CON-03"])
def test_without_a_corpus_it_is_pending(rule: str) -> None:
    result = measure(RULES[rule], Evidence())
    assert result.verdict == "pending"
    assert result.details[-1] == RULES[rule].provide
