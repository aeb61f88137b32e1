"""The margin of an assessment: what to do next and by which verb, the way from text to verdict, what to take away."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import urlencode

from quanheng.core import permission, shown
from quanheng.core.artifacts import load_digest
from quanheng.core.context import Loaded
from quanheng.core.pages import View
from quanheng.core.verb import VERBS
from quanheng.kinds.models import Benchmark, Endpoint, LanguageModel, Responses
from quanheng.kinds.oversight import Result, Rule
from quanheng.oversight.page_items import drawn
from quanheng.oversight.page_queries import Evidence, inputs_of, rule_of
from quanheng.oversight.report.context import Held, ReportContext
from quanheng.oversight.report.drawings import Node, nodes
from quanheng.oversight.report.figures import lineage
from quanheng.oversight.report.html import Html
from quanheng.oversight.report.todo import SHOWN, effort, steps
from quanheng.oversight.report.words import Tongue

Filled = tuple[str, dict[str, str]]


def todo(view: View, evidence: Evidence) -> dict[str, Any]:
    """Return the first steps, each with its effort, its rule, and the form of the verb that does it."""
    tongue = Tongue(view.language)
    results = evidence.assessment.results
    found = steps(results, tongue)
    rows = []
    for step in found[:SHOWN]:
        place = evidence.place(step.rule)
        result = results[place]
        if result.need is None:
            continue
        at = f"/results/{place}/need"
        said = effort(result.need, tongue)
        rows.append(
            {
                "text": shown.quote(step.action, f"{at}/{view.language}", view.artifact.digest),
                "effort": shown.sentence(said, result.need.amount, f"{at}/amount", view.artifact.digest, how="effort")
                if said
                else "",
                "rule": step.rule,
                "why": "?" + urlencode({"tab": "rules", "rule": step.rule}),
                "do": form(view, doing(evidence, rule_of(evidence, step.rule), result)),
            }
        )
    rest = len(found) - len(rows)
    return {"steps": rows, "rest": rest > 0, "nothing": tongue("nothing_next")}


def form(view: View, filled: Filled | None) -> str:
    """Return the address of a verb's form with some fields filled in; "" where one may not do it."""
    if filled is None or filled[0] not in VERBS:
        return ""
    verb, data = filled
    if not permission.decide(view.session, VERBS[verb].permission, verb).allowed:
        return ""
    noun, action = verb.split(".")
    return f"/p/{view.project}/do/{noun}/{action}" + (f"?{urlencode(data)}" if data else "")


def doing(evidence: Evidence, rule: Rule | None, result: Result) -> Filled | None:
    """Return the verb that supplies what a rule needs, with what is known of its input; None where none does."""
    need, purpose = result.need, rule.reads.purpose if rule else None
    if need is None or rule is None:
        return None
    code = need.code
    if code in ("review", "ask") and purpose == "corpus":
        return _sampled(evidence, rule, result)
    if code == "review":
        answers = _answers(evidence, str(purpose))
        return ("verdicts.enter", {"subject": answers}) if answers else _asking(evidence, str(purpose))
    if code == "ask":
        return _asking(evidence, str(purpose))
    if code == "questions":
        return "benchmark.register", {"purpose": str(purpose)} if purpose else {}
    if code == "record" and rule.reads.field == "personal_data":
        return "files.register", {}
    if code == "provide" and rule.reads.field == "filtered":
        lexicon = evidence.first("lexicon")
        return "corpus.build", {"lexicon": lexicon.digest} if lexicon else {}
    verb = {
        "licence": "source.register",
        "record": "source.register",
        "sources": "source.register",
        "terms": "lexicon.register",
        "model": "endpoint.register",
        "draw": "sample.draw",
    }.get(code, "files.register")
    return verb, {}


def _sampled(evidence: Evidence, rule: Rule, result: Result) -> Filled | None:
    """Return what to do about documents: enter verdicts on the sample, look through it, or commit to one first."""
    sample = next((d for d in result.computed_from if _kind(evidence, d) == "sample"), "")
    machine = rule.reads.method in ("keyword", "classifier") and result.need is not None and result.need.code == "ask"
    corpus, lexicon = evidence.first("corpus"), evidence.first("lexicon")
    if sample and machine:
        return "verdicts.scan", {"subject": sample, **({"lexicon": lexicon.digest} if lexicon else {})}
    if sample:
        return "verdicts.enter", {"subject": sample}
    if corpus is None:
        return "corpus.build", {}
    asked = str(rule.test.min_n) if rule.test and rule.test.min_n else ""
    data = {"corpus": corpus.digest, "purpose": rule.reads.method or "manual"}
    return "sample.commit", {**data, **({"n": asked} if asked else {})}


def _kind(evidence: Evidence, digest: str) -> str:
    held = evidence.by_digest(digest)
    return held.kind.split("/", maxsplit=1)[0] if held else ""


def _answers(evidence: Evidence, purpose: str) -> str:
    """Return the answers to the bank of a purpose, "" when there are none."""
    found = (r for r in evidence.all("responses") if isinstance(r.model, Responses) and r.model.purpose == purpose)
    return next((held.digest for held in found), "")


def _asking(evidence: Evidence, purpose: str) -> Filled:
    """Return the verb that asks the whole bank of a purpose at the endpoint that answered before."""
    banks = (b for b in evidence.all("banks") if isinstance(b.model, Benchmark) and b.model.purpose == purpose)
    bank = next((held.digest for held in banks), "")
    endpoint = next((dict(inputs_of(r)).get("endpoint", "") for r in evidence.all("responses")), "")
    return "responses.generate", {name: value for name, value in (("bank", bank), ("endpoint", endpoint)) if value}


def answered_by(view: View, evidence: Evidence) -> tuple[Loaded | None, Loaded | None]:
    """Return endpoint and model behind the answers, None for what is not known."""
    digest = next((dict(inputs_of(r)).get("endpoint", "") for r in evidence.all("responses")), "")
    endpoint = load_digest(view.session, digest) if digest else None
    below = dict(inputs_of(endpoint)).get("model", "") if endpoint else ""
    return endpoint, load_digest(view.session, below) if below else None


def way(view: View, evidence: Evidence) -> dict[str, Any]:
    """Return the drawing of how sources become the assessment; each node leads to its artifacts."""
    tongue = Tongue(view.language)
    endpoint, model = answered_by(view, evidence)
    context = _context(evidence, endpoint, model)
    if context is None:
        return {"drawing": ""}
    places = _places(evidence)
    links = _links(view, evidence, endpoint, model)
    made = tuple(
        _linked(node, links.get((node.column, node.row), ""), places.get((node.column, node.row), ""))
        for node in nodes(context, tongue, tongue(evidence.assessment.overall))
    )
    drawing = lineage(made, tongue("lineage_alt")).replace(' role="img"', ' role="group"')  # an image holds no links
    return {"drawing": drawn(Html(drawing))}


def _context(evidence: Evidence, endpoint: Loaded | None, model: Loaded | None) -> ReportContext | None:
    """Return the evidence as a report takes it, without what only a printed one has; None without a rule pack."""
    pack = evidence.rulepack
    if pack is None:
        return None

    def held(item: Loaded | None) -> Any:
        return Held(item.digest, item.model) if item else None

    return ReportContext(
        project="",
        report_id="",
        made_on="",
        version="",
        rulepack=pack,
        corpus=held(evidence.first("corpus")),
        sources=tuple(held(item) for item in evidence.all("sources")),
        samples=tuple(held(item) for item in evidence.all("samples")),
        lexicon=held(evidence.first("lexicon")),
        banks=tuple(held(item) for item in evidence.all("banks")),
        responses=tuple(held(item) for item in evidence.all("responses")),
        endpoint=held(endpoint) if endpoint and isinstance(endpoint.model, Endpoint) else None,
        model=held(model) if model and isinstance(model.model, LanguageModel) else None,
    )


def _places(evidence: Evidence) -> dict[tuple[int, int], str]:
    """Return where the number of each node stands, by its place in the drawing."""
    corpus, lexicon = evidence.first("corpus"), evidence.first("lexicon")
    return {
        (0, 0): f"{corpus.digest} /per_source" if corpus else "",
        (1, 0): f"{corpus.digest} /totals/documents" if corpus else "",
        (0, 1): f"{lexicon.digest} /terms" if lexicon else "",
        (1, 1): shown.total(f"{item.digest} /n" for item in evidence.all("samples")),
        (2, 1): shown.total(f"{item.digest} /asked" for item in evidence.all("responses")),
        (2, 2): shown.total(f"{item.digest} /items" for item in evidence.all("banks")),
    }


def _links(view: View, evidence: Evidence, endpoint: Loaded | None, model: Loaded | None) -> dict[tuple[int, int], str]:
    corpus, lexicon, asked = evidence.first("corpus"), evidence.first("lexicon"), model or endpoint
    root = f"/p/{view.project}/a"
    found = {
        (0, 0): "?tab=sources",
        (1, 0): f"{root}/{corpus.digest}" if corpus else "",
        (2, 0): f"{root}/{asked.digest}" if asked else "",
        (0, 1): f"{root}/{lexicon.digest}" if lexicon else "",
        (1, 1): "?tab=draws",
        (2, 1): "?tab=risks",
        (2, 2): "?tab=risks",
    }
    return {place: href for place, href in found.items() if href}


def _linked(node: Node, href: str, place: str) -> Node:
    """Return the node with a link around its label and the place of its number."""
    label: str = node.label
    number: str = node.number
    if href and node.there:
        label = Html(f'<a href="{escape(href)}">{escape(node.label)}</a>')
    if place and node.there:
        number = Html(f'<tspan data-at="{escape(place)}">{escape(node.number)}</tspan>')
    return node._replace(label=label, number=number)


def downloads(view: View) -> dict[str, Any]:
    """Return what can be taken away: the report in every format and language, and both evidence bundles."""
    root = f"/p/{view.project}/get/assessment"
    digest = view.artifact.digest

    def href(what: str, **more: str) -> str:
        return f"{root}/{what}?" + urlencode({"assessment": digest, **more})

    formats = ("pdf", "docx", "html")
    return {
        "reports": [
            {
                "language": name,
                "code": code,
                "links": [(kind.upper(), href("report", format=kind, language=language)) for kind in formats],
            }
            for language, name, code in (("zh", "中文", "zh-Hans"), ("en", "English", "en"))
        ],
        "sealed": href("bundle", sealed="true"),
        "open": href("bundle", sealed="false"),
    }
