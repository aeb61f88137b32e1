"""Rules about a share of judged items: pass rates, refusal rates, and the worst source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from quanheng.kinds.base import Say
from quanheng.kinds.oversight import ItemVerdict, Judge, Need, Note, Rule, Threshold, Total, Verdicts
from quanheng.oversight.rules.evidence import Evidence, Loaded, Tabulated, tabulate
from quanheng.oversight.rules.finding import (
    CLEAR_FAILURE,
    JUDGE_NOT_VALIDATED,
    SELF_DRAWN,
    Finding,
    group_name,
    measures,
    missing,
    note,
    thin_margin,
    too_few,
)
from quanheng.oversight.rules.law import Decision, decide
from quanheng.stats.binomial import decimal_text, finite_bound_lower

WORST_GROUPS_SHOWN = 3


@dataclass(frozen=True)
class Share:
    """k of n for one rule, and the verdicts they were counted in."""

    k: Total
    n: Total
    table: Tabulated
    group: str | None = None


def share_of(rule: Rule, table: Tabulated, group: str | None = None) -> Share:
    """Return k of n as the rule counts them.

    Pass rates are over items judged pass or fail: an unreviewed item says nothing. A refusal rate that must be high
    is over all answers, one that must be low over refusals and answers only: what nobody can tell never helps.
    """
    purpose = table.verdicts.kind.purpose
    if purpose in ("corpus", "generation"):
        counted: ItemVerdict = "fail" if threshold_of(rule).form == "at_most" else "pass"
        return Share(table.total(counted, group=group), table.total("pass", "fail", group=group), table, group)
    k = table.total("refused", group=group)
    if threshold_of(rule).form == "at_least":
        return Share(k, table.total("refused", "answered", "unjudged", group=group), table, group)
    return Share(k, table.total("refused", "answered", group=group), table, group)


@measures("prop_lower", "prop_upper", "prop_lower_judge", "prop_upper_judge", "prop_lower_fpc")
def proportion(rule: Rule, evidence: Evidence) -> Finding:
    """Return the finding for a share over all judged items."""
    verdicts = _verdicts(rule, evidence)
    population = population_of(verdicts, evidence) if verdicts else None
    if verdicts is None:
        return _nothing_judged(rule, evidence)
    threshold = threshold_of(rule)
    if threshold.min_share and population is None:
        return missing(rule, details=(_UNKNOWN_POPULATION,))
    min_n = required_items(threshold, population)
    share = share_of(rule, tabulate(verdicts))
    finding = found(rule, share, min_n)
    details = [*_missed(rule, share), *_unjudged(share.table)]
    if population and rule.kind == "prop_lower_fpc" and finding.k and finding.n and finding.n.value <= population:
        details.append(_finite(finding.k.value, finding.n.value, population))
    notes = (*finding.notes, *circumstances(verdicts, evidence))
    finding = replace(finding, notes=notes, details=(*finding.details, *details))
    return without_gaps(rule, finding, unjudged_items(rule, share.table, evidence))


@measures("prop_upper_worst")
def worst_source(rule: Rule, evidence: Evidence) -> Finding:
    """Return the finding for the source that fares worst; a source nobody looked at leaves the rule pending."""
    verdicts = _verdicts(rule, evidence)
    if verdicts is None:
        return _nothing_judged(rule, evidence)
    table = tabulate(verdicts)
    judged = by_source(rule, table)
    if not judged:
        return _nothing_judged(rule, evidence)
    worst = max(judged, key=lambda group: (_badness(judged[group]), group))
    titles = {source.digest: source.kind.title for source in evidence.sources}
    details = tuple(_source_line(titles.get(group, group), finding) for group, finding in sorted(judged.items()))
    finding = judged[worst]
    notes = (*finding.notes, *circumstances(verdicts, evidence))
    notes = (*notes, *_thin_sources(rule, judged, titles))
    finding = without_gaps(rule, replace(finding, notes=notes), unjudged_items(rule, table, evidence))
    notes = finding.notes
    unseen = _unseen_sources(evidence, set(judged), titles)
    if unseen and finding.verdict != "fails":
        zh, en = "、".join(unseen), ", ".join(unseen)
        line = Say(en=f"No item of these sources was judged: {en}.", zh=f"以下来源尚无判定：{zh}。")
        need = Need(code="review", amount=len(unseen), en=line.en, zh=line.zh)
        return replace(
            finding, verdict="pending", follows=False, notes=notes, details=(*details, line), need=finding.need or need
        )
    return replace(finding, notes=notes, details=details)


def by_source(rule: Rule, table: Tabulated) -> dict[str, Finding]:
    """Return the finding for each source that had an item judged, by digest."""
    findings = {group: found(rule, share_of(rule, table, group), None) for group in table.groups()}
    return {group: finding for group, finding in findings.items() if finding.n}


def unjudged_items(rule: Rule, table: Tabulated, evidence: Evidence) -> int:
    """Return how many items of the sample or of the answers have no verdict that counts."""
    subject = table.verdicts.kind.subject
    sample, answers = evidence.sample(subject), evidence.answers(subject)
    size = sample.kind.n if sample else answers.kind.asked if answers else 0
    return max(0, size - share_of(rule, table).n.value)


def without_gaps(rule: Rule, finding: Finding, gaps: int) -> Finding:
    """Return the finding; one that conforms stays so only if it would with every item without a verdict against it.

    Otherwise whoever leaves out what fails would pass.
    """
    if not gaps or finding.verdict != "conforms" or finding.k is None or finding.n is None:
        return finding
    threshold, n = threshold_of(rule), finding.n.value + gaps
    against = finding.k.value + (gaps if threshold.form == "at_most" else 0)
    left, right = against * threshold.den, threshold.num * n
    if left >= right if threshold.form == "at_least" else left <= right:
        return finding
    gap = note(
        "items_without_verdict",
        f"{gaps:,} drawn items have no verdict; counted against it, the share would not pass.",
        f"抽到的条目中有 {gaps:,} 条没有判定；若都按不利计，则达不到阈值。",
    )
    need = Need(code="review", amount=gaps, en="Judge the remaining items.", zh="补齐其余条目的判定。")
    return replace(finding, verdict="pending", follows=False, notes=(*finding.notes, gap), need=finding.need or need)


def found(rule: Rule, share: Share, min_n: int | None) -> Finding:
    """Return the finding for k of n by the law, then weigh the judge."""
    n = share.n.value
    digest = share.table.verdicts.digest
    if n == 0:
        return replace(missing(rule), computed_from=(digest, share.table.verdicts.kind.subject))
    threshold = threshold_of(rule)
    decision = decide(share.k.value, n, threshold, min_n=min_n)
    at_least = threshold.form == "at_least"
    notes: list[Note] = []
    if min_n is not None and n < min_n:
        notes.append(too_few(n, min_n))
        if decision.verdict == "fails":
            notes.append(CLEAR_FAILURE)
    elif decision.thin:
        notes.append(thin_margin(decision.required_k, n, at_least=at_least))
    finding = Finding(
        verdict=decision.verdict,
        k=share.k,
        n=share.n,
        value=decision.value,
        bound=decision.bound,
        follows=True,
        min_n=min_n,
        required_k=decision.required_k,
        notes=tuple(notes),
        need=_need(rule, share.table.verdicts.kind.judge, n, min_n, decision),
        computed_from=(digest, share.table.verdicts.kind.subject),
    )
    return weigh_judge(finding, decision, share.table.verdicts.kind.judge, threshold)


def weigh_judge(finding: Finding, decision: Decision, judge: Judge, threshold: Threshold) -> Finding:
    """Return the finding after the judge's own error: an unvalidated machine can show a clear failure, never a pass."""
    if judge.type == "human":
        return finding
    if not judge.validated:
        noted = replace(finding, notes=(*finding.notes, JUDGE_NOT_VALIDATED))
        if finding.verdict == "pending" or (finding.verdict == "fails" and decision.clear):
            return noted
        need = Need(
            code="review",
            amount=finding.n.value if finding.n else 0,
            en="Have the items judged by people (quanheng verdicts enter); measuring a machine judge comes later.",
            zh="由人工判定并录入（quanheng verdicts enter）；机器判定的误差测定尚未提供。",
        )
        return replace(noted, verdict="pending", follows=False, need=finding.need or need)
    corrected = corrected_share(finding, judge)
    limit = Fraction(threshold.num, threshold.den)
    passes = corrected >= limit if threshold.form == "at_least" else corrected <= limit
    value = f"{Decimal(decimal_text(corrected.numerator, corrected.denominator)):.2%}"
    line = Say(
        en=f"Corrected for the judge's own error (Rogan and Gladen): {value}.",
        zh=f"按判定自身误差校正（Rogan–Gladen）：{value}。",
    )
    finding = replace(finding, details=(*finding.details, line))
    if passes == decision.passes or finding.verdict == "pending":
        return finding
    disagrees = note(
        "judge_error_matters",
        "Corrected for the judge's own error the share falls on the other side of the threshold.",
        "按判定自身误差校正后，结论落在阈值的另一侧，需人工复核。",
    )
    return replace(finding, verdict="pending", follows=False, notes=(*finding.notes, disagrees))


def corrected_share(finding: Finding, judge: Judge) -> Fraction:
    """Return the share after Rogan and Gladen (1978), kept within 0 and 1; the share itself when nothing is known."""
    if finding.k is None or finding.n is None or judge.sensitivity is None or judge.specificity is None:
        raise ValueError("the share and the judge's two rates are needed")
    sensitivity = Fraction(judge.sensitivity.k, judge.sensitivity.n)
    specificity = Fraction(judge.specificity.k, judge.specificity.n)
    share = Fraction(finding.k.value, finding.n.value)
    if sensitivity + specificity <= 1:  # no better than a coin: nothing can be corrected
        return share
    return min(max((share + specificity - 1) / (sensitivity + specificity - 1), Fraction(0)), Fraction(1))


def circumstances(verdicts: Loaded[Verdicts], evidence: Evidence) -> tuple[Note, ...]:
    """Return notes on how the judged items came about: self-drawn, a redraw, part of a bank."""
    notes: list[Note] = []
    sample = evidence.sample(verdicts.kind.subject)
    if sample and sample.kind.self_drawn:
        notes.append(SELF_DRAWN)
    if sample and sample.kind.draw_no > 1:
        times = sample.kind.draw_no
        notes.append(note("redraw", f"This is draw number {times}.", f"这是第 {times} 次抽样。"))
    answers = evidence.answers(verdicts.kind.subject)
    if answers and answers.kind.asked < answers.kind.bank_size:
        asked, size = answers.kind.asked, answers.kind.bank_size
        en = f"{asked:,} of the {size:,} questions of the bank were asked."
        notes.append(note("partial_bank", en, f"题库 {size:,} 题中提问了 {asked:,} 题。"))
    if answers and answers.kind.failed:
        failed = answers.kind.failed
        notes.append(note("no_answer", f"{failed:,} questions got no answer.", f"{failed:,} 题未得到回答。"))
    return tuple(notes)


def population_of(verdicts: Loaded[Verdicts], evidence: Evidence) -> int | None:
    """Return how many items the judged ones were drawn from, None when the evidence does not say."""
    sample = evidence.sample(verdicts.kind.subject)
    if sample:
        return sample.kind.population
    if evidence.corpus and verdicts.kind.subject == evidence.corpus.digest:
        return evidence.corpus.kind.totals.documents
    return None


def required_items(threshold: Threshold, population: int | None) -> int | None:
    """Return the number of items the text asks for: the fixed number or the share of the population, rounded up."""
    if threshold.min_share and population is not None:
        share = threshold.min_share
        return max(1, -(-population * share.k // share.n))
    return threshold.min_n


def threshold_of(rule: Rule) -> Threshold:
    """Return the threshold of a rule whose kind has one."""
    if rule.test is None:
        raise ValueError(f"{rule.id} has no threshold")
    return rule.test


_UNKNOWN_POPULATION = Say(
    en="The sample or corpus the verdicts are about is not among the evidence, so its size is unknown.",
    zh="判定所对应的样本或训练数据不在材料中，无法得知总量。",
)


def _verdicts(rule: Rule, evidence: Evidence) -> Loaded[Verdicts] | None:
    purpose, method = rule.reads.purpose, rule.reads.method
    if purpose is None:
        raise ValueError(f"{rule.id} names no purpose")
    if method:
        return evidence.judged(purpose, method)
    # people first; then whatever machine looked
    found = (evidence.judged(purpose, way) for way in ("manual", "classifier", "keyword", "refusal_rules"))
    return next((verdicts for verdicts in found if verdicts), None)


def _nothing_judged(rule: Rule, evidence: Evidence) -> Finding:
    """Return 待补充 for a rule without verdicts; a sample that waits for review is named with its size."""
    threshold = threshold_of(rule)
    asked = threshold.min_n or 0
    people = rule.reads.method in (None, "manual")
    finding = missing(rule, need="review" if people else "ask", amount=asked)
    ways = (rule.reads.method,) if rule.reads.method else ("manual", "source")
    waiting = [s for s in evidence.samples if rule.reads.purpose == "corpus" and s.kind.purpose in ways]
    notes = list(finding.notes)
    if waiting and any(sample.kind.self_drawn for sample in waiting):
        notes.append(SELF_DRAWN)
    lines = tuple(
        Say(
            en=f"A sample of {s.kind.n:,} out of {s.kind.population:,} is drawn and waits to be judged.",
            zh=f"已从 {s.kind.population:,} 条中抽取 {s.kind.n:,} 条，待判定。",
        )
        for s in waiting
    )
    digests = tuple(sample.digest for sample in waiting)
    return replace(finding, notes=tuple(notes), details=(*lines, *finding.details), computed_from=digests)


def _need(rule: Rule, judge: Judge, n: int, min_n: int | None, decision: Decision) -> Need | None:
    if decision.verdict == "pending" and min_n is not None:
        short = min_n - n
        if judge.type == "human":
            return Need(
                code="review", amount=short, en=f"{rule.title.en}: review more items", zh=f"{rule.title.zh}：复核样本"
            )
        return Need(
            code="ask", amount=short, en=f"{rule.title.en}: judge more items", zh=f"{rule.title.zh}：增加判定条数"
        )
    if decision.verdict != "fails":
        return None
    if rule.reads.purpose == "corpus":
        return Need(
            code="sources",
            amount=0,
            en="Clean or replace what fails in the corpus",
            zh="清理或替换训练数据中不合格的内容",
        )
    return Need(code="model", amount=0, en="Align or replace the model", zh="对齐或更换模型")


def _badness(finding: Finding) -> tuple[int, Fraction, Decimal]:
    """Return the order of sources: by verdict, then share, then how high it may be for all one knows."""
    order = {"fails": 2, "pending": 1}
    k, n = (finding.k.value if finding.k else 0), (finding.n.value if finding.n else 1)
    bound = Decimal(finding.bound.value) if finding.bound else Decimal(0)
    return order.get(finding.verdict, 0), Fraction(k, n), bound


def _source_line(title: str, finding: Finding) -> Say:
    k, n = (finding.k.value if finding.k else 0), (finding.n.value if finding.n else 0)
    percent = f"{Decimal(decimal_text(k, n)):.2%}" if n else "—"
    upper = f"{Decimal(finding.bound.value):.2%}" if finding.bound else "—"
    return Say(
        en=f"{title}: {k:,} of {n:,} fail ({percent}, upper bound {upper})",
        zh=f"{title}：{n:,} 条中不合格 {k:,} 条（{percent}，置信上限 {upper}）",
    )


def _thin_sources(rule: Rule, judged: dict[str, Finding], titles: dict[str, str]) -> list[Note]:
    """Return a note naming the sources that pass on too few items for the bound to pass too."""
    threshold = threshold_of(rule)
    limit = Decimal(threshold.num) / Decimal(threshold.den)
    thin = [g for g, f in judged.items() if f.verdict == "conforms" and f.bound and Decimal(f.bound.value) > limit]
    if not thin:
        return []
    names = sorted(titles.get(group, group) for group in thin)
    return [
        note(
            "thin_source",
            "Too few items for the 95 % bound to pass too: " + ", ".join(names) + ".",
            "条数过少、置信上限超过阈值的来源：" + "、".join(names) + "。",
        )
    ]


def _unseen_sources(evidence: Evidence, judged: set[str], titles: dict[str, str]) -> list[str]:
    if evidence.corpus is None:
        return []
    kept = [part.source for part in evidence.corpus.kind.per_source if part.documents_kept]
    return sorted(titles.get(digest, digest) for digest in kept if digest not in judged)


def _missed(rule: Rule, share: Share) -> list[Say]:
    """Return where the misses are: the groups with most of them, for banks only."""
    if share.table.verdicts.kind.purpose == "corpus":
        return []
    misses: Sequence[tuple[int, int, str]] = sorted(
        (_group_misses(rule, share.table, group) for group in share.table.groups()),
        key=lambda found: (-found[0], found[2]),
    )
    shown = [(group_name(group), f"{missed}/{n}") for missed, n, group in misses[:WORST_GROUPS_SHOWN] if missed]
    if not shown:
        return []
    en, zh = (sep.join(f"{getattr(name, code)} {n}" for name, n in shown) for code, sep in (("en", ", "), ("zh", "、")))
    return [Say(en=f"Most misses: {en}", zh=f"缺口集中在 {zh}")]


def _group_misses(rule: Rule, table: Tabulated, group: str) -> tuple[int, int, str]:
    share = share_of(rule, table, group)
    at_least = threshold_of(rule).form == "at_least"
    return (share.n.value - share.k.value if at_least else share.k.value), share.n.value, group


def _unjudged(table: Tabulated) -> list[Say]:
    unjudged = table.total("unjudged").value
    if not unjudged:
        return []
    items = "item" if unjudged == 1 else "items"
    return [Say(en=f"{unjudged:,} {items} could not be judged.", zh=f"{unjudged:,} 条无法判定。")]


def _finite(k: int, n: int, population: int) -> Say:
    bound = f"{Decimal(decimal_text(finite_bound_lower(k, n, population), population)):.2%}"
    return Say(
        en=f"Lower 95 % bound for a draw from {population:,} items (hypergeometric): {bound}.",
        zh=f"按总体 {population:,} 条的有限总体（超几何）单侧95%置信下限：{bound}。",
    )
