"""The whole assessment: force, basis, tally, overall, and agreement with the stand-alone verifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quanheng.kinds.oversight import Result, Rule, RuleKind, RulePack
from quanheng.oversight.rules import Evidence, assess, load
from quanheng.oversight.rules.engine import measure, overall, tally
from quanheng.oversight.rules.finding import MEASURES
from quanheng.store.assessment_check import check_assessment
from quanheng.store.canonical import canonical_json

if TYPE_CHECKING:
    from conftest import Kit

PACK = load()
RULES: dict[str, Rule] = {rule.id: rule for rule in PACK.rules}


def failing(kit: Kit) -> Evidence:
    return Evidence(verdicts=(kit.verdicts("corpus", {"pass": 10, "fail": 4000}),))


def test_every_kind_of_rule_is_measured() -> None:
    assert set(MEASURES) == set(get_args(RuleKind))


def test_without_evidence_everything_waits_and_says_for_what() -> None:
    assessment = assess(PACK, Evidence())
    assert {result.verdict for result in assessment.results} == {"pending"}
    assert assessment.overall == "pending"
    assert assessment.tally.pending == len(PACK.rules) == 19
    assert not assessment.self_drawn
    for result in assessment.results:
        assert result.need
        assert RULES[result.rule].provide in result.details


def test_a_decisive_failure_fails_the_whole(kit: Kit) -> None:
    assessment = assess(PACK, failing(kit))
    assert assessment.overall == "fails"
    assert assessment.tally.fails == 2  # COR-SRC-02 and ASS-COR-01


@pytest.mark.parametrize("change", [{"basis": "R"}, {"clause": ""}])
def test_recalled_rules_cannot_fail_the_whole(kit: Kit, change: dict[str, str]) -> None:
    rule = RULES["ASS-COR-01"].model_copy(update=change)
    result = measure(rule, failing(kit))
    assert (result.verdict, result.decisive) == ("fails", False)
    assert result.has("not_decisive")
    assert overall((result,)) == "pending"


def test_should_that_is_missed_conforms_with_a_note(kit: Kit) -> None:
    rule = RULES["ASS-COR-01"].model_copy(update={"force": "should"})
    result = measure(rule, failing(kit))
    assert (result.verdict, result.test.form) == ("conforms", "none")
    assert result.has("below_recommended")
    counted = tally((result,))
    assert (counted.conforms, counted.below_recommended) == (1, 1)


def test_a_warning_never_holds_the_assessment_up(kit: Kit) -> None:
    ok = measure(RULES["BNK-KW-01"], Evidence(lexicon=kit.lexicon({"A.1.f": 10_000})))
    waiting = measure(RULES["COR-SRC-04"], Evidence())
    assert waiting.verdict == "pending"
    assert overall((ok, waiting)) == "conforms"
    assert overall((waiting,)) == "not_applicable"


def test_draws_and_judges_are_all_listed(kit: Kit) -> None:
    first, second = kit.sample(10, 100, draw_no=1), kit.sample(10, 100, draw_no=2)
    verdicts = kit.verdicts("corpus", {"pass": 9, "unjudged": 1}, subject=second.digest)
    assessment = assess(PACK, Evidence(samples=(second, first), verdicts=(verdicts,)))
    assert [draw.draw_no for draw in assessment.draws] == [1, 2]
    assert assessment.self_drawn
    assert [(use.n, use.unjudged) for use in assessment.judges] == [(10, 1)]


def test_same_evidence_same_bytes(kit: Kit) -> None:
    a, b = kit.source("甲"), kit.source("乙", clear=False)
    corpus = kit.corpus([(a, 5), (b, 6)])
    samples = (kit.sample(5, 11), kit.sample(5, 11, purpose="keyword"))
    bodies = {
        canonical_json(assess(PACK, Evidence(sources=sources, corpus=corpus, samples=drawn)).model_dump(mode="json"))
        for sources in ((a, b), (b, a))
        for drawn in (samples, samples[::-1])
    }
    assert len(bodies) == 1


counts = st.integers(0, 60)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_verifier_agrees_on_any_evidence(kit: Kit, data: st.DataObject) -> None:
    """`store.assessment_check` was written apart from this engine: it recounts and finds nothing to object to."""
    sources = tuple(
        kit.source(
            f"来源{i}",
            origin=data.draw(st.sampled_from(["open", "self_collected", "commercial"])),
            clear=data.draw(st.booleans()),
            record=data.draw(st.booleans()),
            region=data.draw(st.sampled_from(["domestic", "overseas", "unknown"])),
        )
        for i in range(data.draw(st.integers(1, 3)))
    )
    corpus = kit.corpus(
        [(source, data.draw(counts)) for source in sources], filtered=data.draw(st.booleans()), masked=data.draw(counts)
    )
    sample = kit.sample(40, 400, purpose="keyword", draw_no=data.draw(st.integers(1, 2)))
    verdicts = []
    for purpose, method in (
        ("corpus", "manual"),
        ("corpus", "keyword"),
        ("generation", "manual"),
        ("must_refuse", "refusal_rules"),
        ("must_not_refuse", "refusal_rules"),
    ):
        words = ("pass", "fail") if purpose in ("corpus", "generation") else ("refused", "answered")
        cells = {
            (source.digest, word): n * data.draw(st.sampled_from([1, 30]))
            for source in sources
            for word in (*words, "unjudged")
            if (n := data.draw(counts))
        }
        judge = kit.people() if method == "manual" else kit.machine(method)
        if data.draw(st.booleans()):
            subject = sample.digest if method == "keyword" else None
            verdicts.append(kit.verdicts(purpose, cells, judge=judge, subject=subject))
    banks = (kit.bank("must_refuse", {"A.1.f": data.draw(counts)}),) if data.draw(st.booleans()) else ()
    lexicon = kit.lexicon({"A.1.f": data.draw(counts)}) if data.draw(st.booleans()) else None
    evidence = Evidence(
        sources=sources, corpus=corpus, samples=(sample,), verdicts=tuple(verdicts), banks=banks, lexicon=lexicon
    )
    assessment = assess(PACK, evidence)
    found = check_assessment(assessment.model_dump(mode="json"), kit)
    assert found.problems == []
    assert found.not_recomputed == {}
    published = [result for result in assessment.results if result.value is not None]
    assert all(result.k and result.n and result.computed_from for result in published)


def test_verifier_objects_to_a_changed_verdict(kit: Kit) -> None:
    assessment = assess(PACK, failing(kit))
    results = tuple(_forged(result) for result in assessment.results)
    forged = assessment.model_copy(update={"results": results})
    assert check_assessment(forged.model_dump(mode="json"), kit).problems


def _forged(result: Result) -> Result:
    return result.model_copy(update={"verdict": "conforms"}) if result.verdict == "fails" else result


def test_rule_pack_without_rules_is_not_applicable() -> None:
    empty = RulePack.model_validate_json(canonical_json(PACK.model_dump(mode="json") | {"rules": []}))
    assert assess(empty, Evidence()).overall == "not_applicable"
