"""What the oversight wing adds to the pages of its kinds: assessments, verdicts and rule packs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from django.utils.html import format_html

from quanheng.core import shown
from quanheng.core.call import ask
from quanheng.core.pages import Action, Bar, Tone, View, aside, bar, tab, title
from quanheng.errors import Text
from quanheng.kinds.oversight import Assessment, Rule, RulePack, Verdicts
from quanheng.kinds.risks import RISKS
from quanheng.oversight import page_evidence, page_next, page_rules
from quanheng.oversight.page_items import PAGE, item_word, judged, kind_name, number_of
from quanheng.oversight.page_queries import VERDICT_WORDS, Evidence, Judged, evidence_of
from quanheng.oversight.report import rules_table
from quanheng.oversight.report.drawings import TONES
from quanheng.oversight.report.words import Tongue


def _evidence(view: View) -> Evidence:
    return evidence_of(view.session, view.artifact)


def _assessment(view: View) -> Assessment:
    assert isinstance(view.artifact.model, Assessment)  # noqa: S101 - registered for this kind
    return view.artifact.model


@title("assessment")
def assessment_title(view: View) -> str:
    """Return what an assessment is called."""
    return Tongue(view.language)("title")


@bar("assessment")
def assessment_bar(view: View) -> Bar:
    """Return the overall verdict with the tally, and the report and the evidence to take away."""
    tongue, model, digest = Tongue(view.language), _assessment(view), view.artifact.digest
    counts = tuple(
        (shown.count(getattr(model.tally, verdict), f"/tally/{verdict}", digest), tongue(verdict), TONES[verdict])
        for verdict in ("conforms", "fails", "pending", "not_applicable")
    )
    said: list[str] = [tongue(f"overall_{model.overall}")]
    among = [
        format_html("{} {}", tongue(name), shown.count(n, f"/tally/{name}", digest))
        for name, n in (
            ("below_recommended", model.tally.below_recommended),
            ("thin_margin", model.tally.thin_margin),
        )
        if n
    ]
    if among:
        said.append(format_html(tongue("among") + tongue.listed(*["{}"] * len(among)), *among))
    return Bar(
        tongue(model.overall),
        TONES[model.overall],
        counts,
        tuple(said),
        (
            Action("assessment.bundle", Text("Evidence (sealed)", "证明材料包（不含原文）"), _sealed(digest)),
            Action(
                "assessment.report",
                Text("Report (PDF)", "评估报告（PDF）"),
                {"assessment": digest, "format": "pdf", "language": view.language},
                main=True,
            ),
        ),
    )


def _sealed(digest: str) -> dict[str, str]:
    return {"assessment": digest, "sealed": "true"}


def _rule_count(view: View) -> str:
    return shown.count(len(_assessment(view).results), "/results", view.artifact.digest)


@tab("assessment", "rules", title=("Rules", "规则"), template="oversight/rules.html", count=_rule_count)
def assessment_rules(view: View) -> Mapping[str, Any]:
    """Return the table of rules, of one verdict or all, or one rule with what its verdict rests on."""
    evidence = _evidence(view)
    head = {"from": view.artifact.digest, "here": _whereof(view, evidence)}
    if view.query.get("rule"):
        return {**head, **page_rules.one_rule(view, evidence)}
    chosen = view.query.get("verdict", "")
    chosen = chosen if chosen in page_rules.VERDICTS else ""
    tongue, model = Tongue(view.language), evidence.assessment
    return {
        **head,
        "heads": rules_table.heads(tongue),
        "families": page_rules.Rules(view, evidence).families(chosen),
        "filters": page_rules.filters(view, evidence, chosen),
        "self_drawn": tongue("self_drawn_banner") if model.self_drawn else "",
    }


def _whereof(view: View, evidence: Evidence) -> list[tuple[str, Any, str]]:
    """Return what the assessment is about as (word, value, address): the model, the corpus, the rule pack."""
    tongue, root = Tongue(view.language), f"/p/{view.project}/a"
    endpoint, model = page_next.answered_by(view, evidence)
    corpus, pack = evidence.first("corpus"), evidence.first("rulepack")
    found: list[tuple[str, Any, str]] = []
    asked = endpoint or model
    if asked:
        field = "model" if endpoint else "name"
        name = shown.quote(str(getattr(asked.model, field, "")), f"/{field}", asked.digest)
        found.append((tongue("model"), name, f"{root}/{asked.digest}"))
    if corpus:
        n = shown.count(getattr(corpus.model, "totals").documents, "/totals/documents", corpus.digest)  # noqa: B009
        said = format_html(view.say("{} documents", "{} 条", n), n)
        found.append((tongue("corpus"), said, f"{root}/{corpus.digest}"))
    if pack and isinstance(pack.model, RulePack):
        found.append((tongue("rulepack"), shown.quote(pack.model.id, "/id", pack.digest), f"{root}/{pack.digest}"))
    return found


def _risk_count(view: View) -> str:
    n = len(RISKS)
    return shown.Shown(str(n), f'<data value="{n}" data-fixed="risks">{n}</data>')


@tab("assessment", "risks", title=("By risk", "按风险"), template="oversight/risks.html", count=_risk_count)
def assessment_risks(view: View) -> Mapping[str, Any]:
    """Return the 31 risks with what there is and what was found."""
    return {"from": view.artifact.digest, **page_evidence.risks(view)}


@tab("assessment", "draws", title=("Samples and judges", "抽样与复核"), template="oversight/draws.html")
def assessment_draws(view: View) -> Mapping[str, Any]:
    """Return draws and judges."""
    return {"from": view.artifact.digest, **page_evidence.draws(view, _evidence(view))}


@tab("assessment", "sources", title=("Sources and licences", "来源与许可"), template="oversight/sources.html")
def assessment_sources(view: View) -> Mapping[str, Any]:
    """Return the sources of the corpus with their licences as found."""
    return {"from": view.artifact.digest, **page_evidence.sources(view, _evidence(view))}


@aside("assessment", "next", title=("What to do next", "接下来"), template="oversight/next.html")
def assessment_next(view: View) -> Mapping[str, Any]:
    """Return the first steps with the verbs that do them."""
    return {"from": view.artifact.digest, **page_next.todo(view, _evidence(view))}


@aside("assessment", "way", title=("From text to verdict", "从文本到结论"), template="oversight/way.html")
def assessment_way(view: View) -> Mapping[str, Any]:
    """Return the drawing of how it came about."""
    return {"from": view.artifact.digest, **page_next.way(view, _evidence(view))}


@aside("assessment", "take", title=("Take away", "报告与证明材料"), template="oversight/take.html")
def assessment_take(view: View) -> Mapping[str, Any]:
    """Return the reports and bundles."""
    return page_next.downloads(view)


def _verdicts(view: View) -> Verdicts:
    assert isinstance(view.artifact.model, Verdicts)  # noqa: S101 - registered for this kind
    return view.artifact.model


@bar("verdicts")
def verdicts_bar(view: View) -> Bar:
    """Return what most items were judged to be, and how many of each."""
    model, digest, tongue = _verdicts(view), view.artifact.digest, Tongue(view.language)
    counts = {str(word): n for word, n in model.counts.items()}
    order = [word for word in VERDICT_WORDS if word in counts]
    words = {word: item_word(view, word, model.purpose) for word in order}
    n = shown.count(model.n, "/n", digest)
    return Bar(
        format_html(view.say("{} judged", "已判定 {}"), n),
        "na",
        tuple(
            (shown.count(counts[word], f"/counts/{word}", digest), words[word].text, words[word].tone) for word in order
        ),
        (f"{tongue(f'judged_{model.purpose}')} · {tongue(f'method_{model.judge.method}')}",),
    )


@tab("verdicts", "items", title=("Items", "逐条"), template="oversight/verdicts.html")
def verdicts_items(view: View) -> Mapping[str, Any]:
    """Return who judged, the share of each verdict with its exact interval, and the rows with their texts."""
    model, digest, tongue = _verdicts(view), view.artifact.digest, Tongue(view.language)
    after, chosen = number_of(view.query.get("after", "")), view.query.get("verdict", "")
    chosen = chosen if chosen in VERDICT_WORDS else ""
    group = view.query.get("group", "")
    data = {"verdicts": digest, "verdict": chosen or "all", "group": group, "after": after, "limit": PAGE}
    found = ask(view.session, "verdicts.items", data)
    about = Judged.of(view.session, view.artifact)
    base = {"tab": "items", **({"group": group} if group else {})}
    return {
        "from": digest,
        "judge": tongue(f"method_{model.judge.method}"),
        "judge_name": f"{model.judge.name} {model.judge.version}",
        "validation": page_evidence.validation(model.judge, "/judge", tongue),
        "subject": about.subject.digest,
        "subject_kind": kind_name(about.subject.kind, view.language),
        "shares": [_share(view, model, word) for word in VERDICT_WORDS if word in model.counts],
        "items": judged(view, found, base, chosen, after, lambda group: _title(about, group)),
    }


def _title(about: Judged, group: str) -> shown.Shown | str:
    """Return the title of a source that judged documents came from, "" for any other group."""
    return shown.quote(about.titles[group], "/title", group) if group in about.titles else ""


def _share(view: View, model: Verdicts, word: str) -> dict[str, Any]:
    """Return one verdict with its count, its share of all and the bounds of that."""
    k, n = {str(name): count for name, count in model.counts.items()}[word], model.n
    at = f"/counts/{word}", "/n"
    return {
        "word": item_word(view, word, model.purpose),
        "href": "?" + urlencode({"tab": "items", "verdict": word}),
        "k": shown.count(k, at[0]),
        "n": shown.count(n, at[1]),
        "share": shown.share(k, n, *at),
        "interval": shown.interval(k, n, *at),
    }


def _pack(view: View) -> RulePack:
    assert isinstance(view.artifact.model, RulePack)  # noqa: S101 - registered for this kind
    return view.artifact.model


@title("rulepack")
def rulepack_title(view: View) -> str:
    """Return what a rule pack is called."""
    return Tongue(view.language).say(_pack(view).title)


@bar("rulepack")
def rulepack_bar(view: View) -> Bar:
    """Return whether somebody compared the pack with the text, and how many rules it has of each force."""
    model, tongue, digest = _pack(view), Tongue(view.language), view.artifact.digest
    checked = bool(model.text_checked_by)
    forces = Counter(rule.force for rule in model.rules)
    counts: list[tuple[str, str, Tone | Literal[""]]] = [
        (shown.count(len(model.rules), "/rules", digest), view.say("rules", "规则"), ""),
        *((shown.count(n, f"/rules?force={force}", digest), tongue(force), "") for force, n in sorted(forces.items())),
    ]
    said = (
        tongue("text_checked_by", who=model.text_checked_by, when=model.text_checked_on)
        if checked
        else tongue("text_unchecked"),
        shown.quote(tongue.say(model.instrument), f"/instrument/{view.language}", digest),
    )
    word = view.say("Checked against the text", "已对照原文") if checked else view.say("Not yet checked", "原文待核")
    return Bar(word, "ok" if checked else "wait", tuple(counts), said)


@tab("rulepack", "rules", title=("Rules", "规则"), template="oversight/rulepack.html")
def rulepack_rules(view: View) -> Mapping[str, Any]:
    """Return every rule with its clause, threshold and basis."""
    model, tongue = _pack(view), Tongue(view.language)
    return {
        "from": view.artifact.digest,
        "rows": [_rule(view, rule, place, tongue) for place, rule in enumerate(model.rules)],
        "note": shown.quote(tongue.say(model.note), f"/note/{view.language}"),
        "read_from": shown.quote(tongue.say(model.read_from), f"/read_from/{view.language}"),
    }


def _rule(view: View, rule: Rule, place: int, tongue: Tongue) -> dict[str, Any]:
    def said(name: str) -> shown.Shown:
        return shown.quote(tongue.say(getattr(rule, name)), f"/rules/{place}/{name}/{view.language}")

    return {
        "id": rule.id,
        "title": said("title"),
        "clause": shown.quote(rule.clause, f"/rules/{place}/clause"),
        "clause_final": said("clause_final"),
        "threshold": said("threshold"),
        "measure": said("measure"),
        "force": tongue(rule.force),
        "basis": tongue(f"basis_{rule.basis}"),
        "basis_note": said("basis_note"),
        "checked": rule.clause_checked,
    }
