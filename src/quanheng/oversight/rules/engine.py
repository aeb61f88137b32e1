"""From a rule pack and the evidence to an assessment: pure, and the same for the same artifacts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from quanheng.kinds.oversight import (
    Assessment,
    Draw,
    JudgeUse,
    Result,
    Rule,
    RulePack,
    RulePackRef,
    Tally,
    Test,
    Verdict,
)
from quanheng.oversight.rules import counts, proportions, shares
from quanheng.oversight.rules.evidence import Evidence
from quanheng.oversight.rules.finding import MEASURES, Finding, note

#: The modules whose import fills MEASURES.
MEASURED_BY = (counts, proportions, shares)

BELOW_RECOMMENDED = note(
    "below_recommended",
    "Below the recommended value (the text says “should”).",
    "未达推荐值（原文为“宜”）。",
)
OFFICE_PRACTICE = note(
    "office_practice",
    "Outside what filing offices accept in practice; the text itself does not say so.",
    "超出备案实务中的通常尺度；原文未作规定，仅作提示。",
)
NOT_DECISIVE = note(
    "not_decisive",
    "The wording of this rule is recalled and was not read; a person must look before it counts.",
    "本条内容凭记忆整理、未见原文，须人工核对后才能据以判定。",
)


def assess(
    rulepack: RulePack, evidence: Evidence, *, rulepack_digest: str | None = None, withdrawn_draws: int = 0
) -> Assessment:
    """Return every rule of `rulepack` measured on `evidence`, the tally, and the overall verdict."""
    results = tuple(measure(rule, evidence) for rule in rulepack.rules)
    return Assessment(
        rulepack=RulePackRef(
            digest=rulepack_digest,
            id=rulepack.id,
            title=rulepack.title,
            instrument=rulepack.instrument,
            text_checked_by=rulepack.text_checked_by,
            text_checked_on=rulepack.text_checked_on,
        ),
        results=results,
        tally=tally(results),
        overall=overall(results),
        self_drawn=any(sample.kind.self_drawn for sample in evidence.samples),
        draws=_draws(evidence),
        withdrawn_draws=withdrawn_draws,
        judges=_judges(evidence),
    )


def measure(rule: Rule, evidence: Evidence) -> Result:
    """Return one rule measured, with its force and basis weighed."""
    finding = weigh_force(rule, MEASURES[rule.kind](rule, evidence))
    return Result(
        rule=rule.id,
        verdict=finding.verdict,
        k=finding.k,
        n=finding.n,
        value=finding.value,
        bound=finding.bound,
        test=_test(rule, finding),
        recommended=None if finding.follows else rule.test or rule.floor,
        force=rule.force,
        decisive=is_decisive(rule),
        required_k=finding.required_k,
        notes=finding.notes,
        details=finding.details,
        need=finding.need,
        computed_from=tuple(dict.fromkeys(finding.computed_from)),
    )


def is_decisive(rule: Rule) -> bool:
    """Return whether a failure of this rule alone fails the assessment: 应, and read somewhere, with its clause."""
    return rule.force == "shall" and rule.basis != "R" and bool(rule.clause)


def weigh_force(rule: Rule, finding: Finding) -> Finding:
    """Return the finding after 应 / 宜 / 提示: what is only recommended conforms with a note when it is missed."""
    if finding.verdict != "fails":
        return finding
    if rule.force == "shall":
        return finding if is_decisive(rule) else replace(finding, notes=(*finding.notes, NOT_DECISIVE))
    said = BELOW_RECOMMENDED if rule.force == "should" else OFFICE_PRACTICE
    return replace(finding, verdict="conforms", follows=False, notes=(said, *finding.notes))


def tally(results: tuple[Result, ...]) -> Tally:
    """Return how many results have each verdict, and what stands among those that conform."""
    n = Counter(result.verdict for result in results)
    conform = [result for result in results if result.verdict == "conforms"]
    return Tally(
        conforms=n["conforms"],
        fails=n["fails"],
        not_applicable=n["not_applicable"],
        pending=n["pending"],
        below_recommended=sum(r.has("below_recommended") for r in conform),
        thin_margin=sum(r.has("thin_margin") for r in conform),
    )


def overall(results: tuple[Result, ...]) -> Verdict:
    """Return the overall verdict: a decisive failure fails; else what is open leaves it pending; else it conforms.

    A failure that is not decisive leaves it pending, because a person has to look. A rule that only warns never
    holds the assessment up.
    """
    binding = [result for result in results if result.force != "warn"]
    if any(result.verdict == "fails" and result.decisive for result in binding):
        return "fails"
    if any(result.verdict in ("fails", "pending") for result in binding):
        return "pending"
    return "conforms" if any(result.verdict == "conforms" for result in binding) else "not_applicable"


def _test(rule: Rule, finding: Finding) -> Test:
    if rule.test is None:
        total = rule.floor.total if rule.floor else None
        return Test(form="none", num=total or 0, den=1)
    form = rule.test.form if finding.follows else "none"
    return Test(form=form, num=rule.test.num, den=rule.test.den, min_n=finding.min_n)


def _draws(evidence: Evidence) -> tuple[Draw, ...]:
    draws = (
        Draw(
            sample=sample.digest,
            purpose=sample.kind.purpose,
            n=sample.kind.n,
            population=sample.kind.population,
            draw_no=sample.kind.draw_no,
            self_drawn=sample.kind.self_drawn,
        )
        for sample in evidence.samples
    )
    return tuple(sorted(draws, key=lambda draw: (draw.purpose, draw.draw_no, draw.sample)))


def _judges(evidence: Evidence) -> tuple[JudgeUse, ...]:
    uses = (
        JudgeUse(
            verdicts=verdicts.digest,
            purpose=verdicts.kind.purpose,
            judge=verdicts.kind.judge,
            n=verdicts.kind.n,
            unjudged=verdicts.kind.counts.get("unjudged", 0),
        )
        for verdicts in evidence.verdicts
    )
    return tuple(sorted(uses, key=lambda use: (use.purpose, use.judge.method, use.verdicts)))
