"""The rules of an assessment as a page shows them: the table, and one rule with all that its verdict rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.utils.html import format_html
from django.utils.safestring import SafeString

from quanheng.core import shown
from quanheng.core.pages import View
from quanheng.core.shown import Shown, Word
from quanheng.kinds.oversight import Counted, Floor, Result, Rule, Threshold
from quanheng.oversight.page_items import drawn, fill, items, source_title, word_of
from quanheng.oversight.page_queries import Evidence, rule_of
from quanheng.oversight.report import rules_table
from quanheng.oversight.report.blocks import RuleRow
from quanheng.oversight.report.drawings import TONES
from quanheng.oversight.report.figures import scale, share_bar
from quanheng.oversight.report.html import Html
from quanheng.oversight.report.words import Tongue

#: Verdicts of rules in the order in which one looks at them.
VERDICTS = ("fails", "pending", "conforms", "not_applicable")
#: In the table a rule tells so many reasons; the rest is one click deeper.
REASONS_SHOWN = 2
#: Notes that only repeat the tag beside the verdict.
TAGGED = {"thin_margin", "below_recommended", "missing_evidence"}


@dataclass(frozen=True)
class Row:
    """One rule of the table, ready for its template."""

    id: str
    href: str
    title: Shown
    clause: SafeString
    measured: Shown | str
    of: SafeString | str
    figure: SafeString | str
    below: SafeString | str
    verdict: Word
    tags: Sequence[SafeString | str]
    reasons: Sequence[Shown]
    more: bool


class Rules:
    """Builds the rows of an assessment's table: what is said of rule `i` stands at /results/i of the assessment."""

    def __init__(self, view: View, evidence: Evidence) -> None:
        self.view, self.evidence = view, evidence
        self.tongue = Tongue(view.language)
        pack = evidence.first("rulepack")
        self.pack = pack.digest if pack else ""
        self.rules = {rule.id: rule for rule in evidence.rulepack.rules} if evidence.rulepack else {}
        self.places = {rule: place for place, rule in enumerate(self.rules)}

    def families(self, verdict: str = "") -> list[tuple[str, list[Row]]]:
        """Return the rows under the titles of their families, of one verdict or of all."""
        results = self.evidence.assessment.results
        wanted = tuple(r for r in results if verdict in ("", r.verdict) and r.rule in self.rules)
        found = rules_table.families(self.rules, wanted, self.tongue)
        return [(family.title, [self.row(row) for row in family.rows]) for family in found]

    def row(self, row: RuleRow) -> Row:
        """Return one row with the place of every number in it."""
        place = self.evidence.place(row.id)
        result, rule = self.evidence.assessment.results[place], self.rules[row.id]
        reasons = self.reasons(place)
        return Row(
            id=row.id,
            href="?" + urlencode({"tab": "rules", "rule": row.id}),
            title=self.of_rule(rule, "title"),
            clause=format_html("{} · {}", self.of_rule(rule, "clause"), self.of_rule(rule, "threshold")),
            measured=self.measured(place),
            of=self.k_of_n(place) if row.of else "",
            figure=self.figure(row, rule),
            below=self.bound(place) if row.drawing and result.bound else row.below,
            verdict=word_of(result.verdict, self.tongue),
            tags=self.tags(place, rule),
            reasons=reasons[:REASONS_SHOWN],
            more=len(reasons) > REASONS_SHOWN,
        )

    def of_rule(self, rule: Rule, name: str) -> Shown:
        """Return what the rule pack says: a text, or one in both languages."""
        value, place = getattr(rule, name), f"/rules/{self.places[rule.id]}/{name}"
        if isinstance(value, str):
            return shown.quote(value, place, self.pack)
        return shown.quote(self.tongue.say(value), f"{place}/{self.view.language}", self.pack)

    def of_result(self, place: int, name: str, value: int) -> Shown:
        """Return an integer of a result."""
        return shown.count(value, f"/results/{place}/{name}")

    def measured(self, place: int) -> Shown | str:
        """Return the share, or the count where there is no share."""
        result = self.evidence.assessment.results[place]
        if result.k is None:
            return "—"
        if result.n is None or result.value is None:
            return self.of_result(place, "k/value", result.k.value)
        return shown.share(result.k.value, result.n.value, *_k_n(place))

    def k_of_n(self, place: int) -> SafeString:
        """Return "k / n"."""
        result = self.evidence.assessment.results[place]
        k, n = (result.k.value if result.k else 0), (result.n.value if result.n else 0)
        return format_html("{} / {}", self.of_result(place, "k/value", k), self.of_result(place, "n/value", n))

    def bound(self, place: int) -> SafeString | str:
        """Return the one-sided bound with its name."""
        result = self.evidence.assessment.results[place]
        if result.bound is None or result.k is None or result.n is None:
            return ""
        side = result.bound.side
        told = shown.bound(side, result.k.value, result.n.value, *_k_n(place), value=result.bound.value)
        return format_html("{} {}", self.tongue(side), told)

    def figure(self, row: RuleRow, rule: Rule) -> SafeString | str:
        """Return the drawing of a row; the threshold in it names its place."""
        if row.drawing:
            drawing = replace(row.drawing, limit_label=Html(self.limit(rule, tag="tspan").markup))
            return drawn(scale(drawing))
        return drawn(share_bar(row.bar, class_=row.tone)) if row.bar is not None else ""

    def limit(self, rule: Rule, *, tag: str = "data") -> Shown:
        """Return the threshold of a rule: a percentage, or how many there should be."""
        at = f"{self.pack} /rules/{self.places[rule.id]}".strip()
        if rule.test:
            return shown.limit(rule.test.num, rule.test.den, f"{at}/test/num", f"{at}/test/den", tag=tag)
        total = rule.floor.total if rule.floor and rule.floor.total else 0
        return shown.count(total, f"{at}/floor/total", tag=tag)

    def tags(self, place: int, rule: Rule) -> list[SafeString | str]:
        """Return the words below a verdict."""
        result, tongue = self.evidence.assessment.results[place], self.tongue
        found: list[SafeString | str] = []
        if result.has("thin_margin"):
            found.append(tongue("thin_margin"))
            if result.required_k is not None:
                at_most = rule.test is not None and rule.test.form == "at_most"
                needed = self.of_result(place, "required_k", result.required_k)
                found.append(fill(tongue("needs_at_most" if at_most else "needs"), n=needed))
        found += [tongue("below_recommended")] if result.has("below_recommended") else []
        return found + ([tongue("warn")] if rule.force == "warn" else [])

    def reasons(self, place: int) -> list[Shown]:
        """Return notes and details as the assessment has them, none twice."""
        result, language = self.evidence.assessment.results[place], self.view.language
        at = f"/results/{place}"
        said = {
            getattr(note, language): f"{at}/notes/{number}/{language}"
            for number, note in enumerate(result.notes)
            if note.code not in TAGGED
        }
        for number, detail in enumerate(result.details):
            said.setdefault(self.tongue.say(detail), f"{at}/details/{number}/{language}")
        return [shown.quote(text, where) for text, where in said.items()]


def _k_n(place: int) -> tuple[str, str]:
    return f"/results/{place}/k/value", f"/results/{place}/n/value"


def filters(view: View, evidence: Evidence, chosen: str) -> list[dict[str, Any]]:
    """Return the links that show only rules of one verdict, each with how many there are."""
    tongue, tally = Tongue(view.language), evidence.assessment.tally
    whole = shown.count(len(evidence.assessment.results), "/results")
    found = [{"href": "?tab=rules", "text": view.say("All", "全部"), "n": whole, "on": not chosen, "tone": ""}]
    for verdict in VERDICTS:
        n = getattr(tally, verdict)
        found.append(
            {
                "href": "?" + urlencode({"tab": "rules", "verdict": verdict}),
                "text": tongue(verdict),
                "n": shown.count(n, f"/tally/{verdict}"),
                "on": chosen == verdict,
                "tone": TONES[verdict],
            }
        )
    return found


def one_rule(view: View, evidence: Evidence) -> dict[str, Any]:
    """Return the page of one rule; QuanhengError when the assessment has no such rule."""
    rules = Rules(view, evidence)
    rule_id = view.query.get("rule", "")
    place = evidence.place(rule_id)
    result = evidence.assessment.results[place]
    rule = rule_of(evidence, rule_id)
    if rule is None:
        return {"rule": {"id": rule_id, "title": rule_id, "verdict": word_of(result.verdict, rules.tongue)}}
    (row,) = (rules.row(r) for f in rules_table.families(rules.rules, (result,), rules.tongue) for r in f.rows)
    return {
        "rule": row,
        "facts": [
            (view.say("Measured", "测量"), rules.of_rule(rule, "measure")),
            (view.say("Threshold", "阈值"), rules.of_rule(rule, "threshold")),
            (rules.tongue("force"), f"{rules.tongue(rule.force)}"),
            (rules.tongue("clause"), rules.of_rule(rule, "clause")),
            (rules.tongue("clause_final"), rules.of_rule(rule, "clause_final")),
            (rules.tongue("basis"), _basis(rules, rule)),
            (view.say("Wanted when missing", "缺少时应提供"), rules.of_rule(rule, "provide")),
        ],
        "law": law(rules, place, rule),
        "reasons": rules.reasons(place),
        "counts": list(counts(rules, place)),
        **items(view, evidence, rules, rule_id),
    }


def _basis(rules: Rules, rule: Rule) -> SafeString:
    said = rules.of_rule(rule, "basis_note")
    return format_html("{} <span class='cl'>{}</span>", rules.tongue(f"basis_{rule.basis}"), said)


def law(rules: Rules, place: int, rule: Rule) -> dict[str, Any] | None:
    """Return how the verdict follows from k, n and the threshold; None where there is nothing to compare."""
    result = rules.evidence.assessment.results[place]
    test = rule.test
    if isinstance(rule.floor, Floor):
        return _floor_law(rules, place, result, rule.floor) if result.k else None
    if result.k is None or result.n is None or not isinstance(test, Threshold):
        return None
    k, n, at = result.k.value, result.n.value, f"/results/{place}"
    left, right = k * test.den, test.num * n
    meets = left >= right if test.form == "at_least" else left <= right
    sign = ("≥" if meets else "<") if test.form == "at_least" else ("≤" if meets else ">")
    count = shown.count
    least = result.test.min_n
    return {
        "k": count(k, f"{at}/k/value"),
        "n": count(n, f"{at}/n/value"),
        "num": count(test.num, f"{at}/test/num"),
        "den": count(test.den, f"{at}/test/den"),
        "left": count(left, f"{at}/k/value * {at}/test/den"),
        "right": count(right, f"{at}/test/num * {at}/n/value"),
        "asked": "≥" if test.form == "at_least" else "≤",
        "sign": sign,
        "meets": meets,
        "follows": result.test.form != "none",
        "min_n": None if least is None else count(least, f"{at}/test/min_n"),
        "enough": least is None or n >= least,
        "bound": rules.bound(place),
        "exhaustive": result.bound is None,
        "limit": rules.limit(rule),
        "verdict": word_of(result.verdict, rules.tongue),
        "because": _because(result, meets),
    }


#: Why a verdict does not follow from k and n alone, by the note that says so.
BECAUSE = {
    "items_without_verdict": ("items without a verdict are left", "仍有条目没有判定"),
    "judge_not_validated": ("the machine judge was not checked against people", "机器判定未经人工校验"),
    "judge_error_matters": ("the judge's own error decides", "判定自身的误差影响结论"),
    "below_recommended": ("the text only recommends it", "原文仅为“宜”"),
    "office_practice": ("it is practice, not in the text", "属实务尺度，原文未作规定"),
    "clear_failure": ("even the favourable bound misses the threshold", "即使按有利一侧的置信限也达不到阈值"),
    "too_few": ("fewer items were judged than asked for", "已判定的条数少于要求"),
}


def _because(result: Result, meets: bool) -> tuple[str, str]:
    """Return why the verdict is another than the comparison alone would give; nothing where it is the same."""
    if result.verdict == ("conforms" if meets else "fails"):
        return BECAUSE["clear_failure"] if result.has("clear_failure") else ("", "")
    return next((words for code, words in BECAUSE.items() if result.has(code)), ("", ""))


def _floor_law(rules: Rules, place: int, result: Result, floor: Floor) -> dict[str, Any] | None:
    if result.k is None or not floor.total:
        return None
    at = f"/results/{place}"
    meets = result.k.value >= floor.total
    wanted = f"{rules.pack} /rules/{rules.places[result.rule]}/floor/total".strip()
    return {
        "stock": True,
        "k": shown.count(result.k.value, f"{at}/k/value"),
        "num": shown.count(floor.total, wanted),
        "sign": "≥" if meets else "<",
        "meets": meets,
        "follows": True,
        "verdict": word_of(result.verdict, rules.tongue),
        "because": _because(result, meets),
    }


def counts(rules: Rules, place: int) -> Iterator[dict[str, Any]]:
    """Yield every count that k and n are the sums of, each where anybody can count it again."""
    result = rules.evidence.assessment.results[place]
    for name, total in (("k", result.k), ("n", result.n)):
        for counted in total.counts if total else ():
            held = rules.evidence.by_digest(counted.artifact)
            yield {
                "of": name,
                "artifact": counted.artifact,
                "href": f"/p/{rules.view.project}/a/{counted.artifact}",
                "kind": held.kind.split("/")[0] if held else "",
                "layer": counted.layer or "",
                "pointer": counted.pointer or "",
                "where": [(field, _value(rules, str(value))) for field, value in counted.where.items()],
                "value": shown.count(counted.value, place_of(counted), counted.artifact),
            }


def place_of(counted: Counted) -> str:
    """Return the place of a count, as core.shown writes places."""
    if counted.pointer is not None:
        return counted.pointer
    return shown.where(str(counted.layer), **{name: str(value) for name, value in counted.where.items()})


def _value(rules: Rules, value: str) -> str:
    title = source_title(rules.evidence, value)
    return title or value
