"""The report as one page that needs nothing else: no script, no request, printable as it is."""

from __future__ import annotations

import re
from importlib.resources import files

from quanheng.kinds.oversight import Assessment
from quanheng.oversight.report import sections
from quanheng.oversight.report.context import ReportContext
from quanheng.oversight.report.figures import lineage
from quanheng.oversight.report.html import Html, el, join
from quanheng.oversight.report.rules_table import rules_table
from quanheng.oversight.report.sections import digest_mark
from quanheng.oversight.report.todo import SHOWN, steps
from quanheng.oversight.report.words import Tongue, number, short_digest

#: Nothing may be fetched, whatever stands in a title.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
MARK = (
    '<svg class="mark" viewBox="0 0 26 26" fill="none" stroke="currentColor" stroke-width="1.6" '
    'stroke-linecap="round" aria-hidden="true"><path d="M13 4v18M8 22h10"/><path d="M3.5 9.2 22.5 6.2"/>'
    '<path d="M1.5 16a3.2 3.2 0 0 0 5 0L4 9.3 1.5 16Z"/>'
    '<path class="pan" d="M19.5 13a3.2 3.2 0 0 0 5 0L22 6.3 19.5 13Z"/></svg>'
)


def render(assessment: Assessment, context: ReportContext, language: str = "zh") -> str:
    """Return the report as self-contained HTML in `language`, "zh" or "en".

    The same arguments give the same bytes: no clock and no random number is asked. Everything that comes from an
    artifact is escaped.
    """
    tongue = Tongue("zh" if language.startswith("zh") else "en")
    body = el(
        "body",
        _header(tongue),
        el(
            "main",
            _head(assessment, context, tongue),
            _columns(assessment, context, tongue),
            _rest(assessment, context, tongue),
        ),
        _footer(context, tongue),
    )
    return f'<!doctype html>\n<html lang="{"zh-Hans" if tongue.zh else "en"}">{_meta(context, tongue)}{body}</html>\n'


def _meta(context: ReportContext, tongue: Tongue) -> Html:
    css = files("quanheng.oversight.report").joinpath("report.css").read_text("utf-8")
    return el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width,initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("link", rel="icon", href="data:,"),
        el("title", f"{tongue('document')} {context.report_id} · {context.project}"),
        el("style", Html(css + _page_footer(context, tongue))),
    )


def _page_footer(context: ReportContext, tongue: Tongue) -> str:
    """Return the CSS that prints report id, root and page number on every sheet."""
    parts = [f"{tongue('report')} {context.report_id}"]
    if context.proof:
        parts.append(f"{tongue('root')} {short_digest(context.proof.root)}")
    left = _css_string(" · ".join([*parts, tongue("working_paper")]))
    return f'@page{{@bottom-left{{content:{left}}}@bottom-right{{content:counter(page) " / " counter(pages)}}}}\n'


def _css_string(text: str) -> str:
    """Return `text` as a CSS string; anything but letters, digits and plain marks is written as an escape."""
    return '"' + re.sub(r"[^\w .:·/-]", lambda match: f"\\{ord(match[0]):x} ", text) + '"'


def _header(tongue: Tongue) -> Html:
    brand = el("span", Html(MARK), tongue("brand"), class_="brand")
    kind = el("span", f"{tongue('document')} · {tongue('working_paper')}", class_="who")
    return el("header", el("div", brand, kind, class_="bar"))


def _head(assessment: Assessment, context: ReportContext, tongue: Tongue) -> Html:
    subtitle = [
        tongue.labelled("model", context.model_name) if context.model_name else None,
        _corpus_line(context, tongue),
        tongue.labelled("rulepack", context.rulepack.id),
    ]
    line = join([part for part in subtitle if part], Html(" · "))
    pack = assessment.rulepack.digest
    return join(
        [
            el("div", f"{context.project} / {tongue('document')} / {context.made_on}", class_="crumb"),
            el("h1", tongue("title")),
            el("div", line, " ", digest_mark(pack) if pack else None, class_="sub"),
            _verdict_bar(assessment, tongue),
            el("p", tongue("self_drawn_banner"), class_="banner") if assessment.self_drawn else None,
            _redraws(assessment, tongue),
        ]
    )


def _redraws(assessment: Assessment, tongue: Tongue) -> Html | None:
    """Return the line that names the purposes for which samples were drawn more than once, and how often."""
    purposes = [draw.purpose for draw in assessment.draws]
    times = {
        purpose: max(purposes.count(purpose), *(d.draw_no for d in assessment.draws if d.purpose == purpose))
        for purpose in sorted(set(purposes))
    }
    which = [
        tongue("redraws", purpose=sections.purpose_name(purpose, tongue), n=number(n))
        for purpose, n in times.items()
        if n > 1
    ]
    return el("p", tongue("redraws_banner", which=tongue.listed(*which)), class_="banner") if which else None


def _corpus_line(context: ReportContext, tongue: Tongue) -> str | None:
    if context.corpus is None:
        return None
    documents = number(context.corpus.kind.totals.documents)
    return tongue.labelled("corpus", f"{documents} 条" if tongue.zh else f"{documents} items")


def _verdict_bar(assessment: Assessment, tongue: Tongue) -> Html:
    tally = assessment.tally
    mark = {"conforms": "ok", "fails": "no", "pending": "wait", "not_applicable": "na"}
    counts = [
        el("div", el("b", number(n), class_=mark[verdict]), el("span", tongue(verdict)))
        for verdict, n in (
            ("conforms", tally.conforms),
            ("fails", tally.fails),
            ("pending", tally.pending),
            ("not_applicable", tally.not_applicable),
        )
    ]
    among = [
        f"{tongue(key)} {number(n)}"
        for key, n in (("below_recommended", tally.below_recommended), ("thin_margin", tally.thin_margin))
        if n
    ]
    said = [el("span", tongue(f"overall_{assessment.overall}"))]
    if among:
        said.append(el("span", tongue("among") + tongue.listed(*among), class_="cl"))
    return el(
        "div",
        el("div", tongue(assessment.overall), class_="word"),
        el("div", counts, class_="counts"),
        el("div", said, class_="said"),
        class_=f"verdict {mark[assessment.overall]}",
    )


def _columns(assessment: Assessment, context: ReportContext, tongue: Tongue) -> Html:
    rules = {rule.id: rule for rule in context.rulepack.rules}
    graph = el(
        "section", el("h2", tongue("lineage")), lineage(context, tongue, tongue(assessment.overall)), class_="way"
    )
    return el(
        "div",
        el("div", rules_table(rules, assessment.results, tongue), class_="main"),
        el("aside", _next(assessment, tongue), graph, _proof(context, tongue)),
        class_="cols",
    )


def _next(assessment: Assessment, tongue: Tongue) -> Html:
    found = steps(assessment.results, tongue)
    items = [
        el(
            "li",
            el("a", step.action, href=f"#{step.rule}"),
            el("span", step.effort, class_="cl") if step.effort else None,
        )
        for step in found[:SHOWN]
    ]
    rest = len(found) - SHOWN
    more = el("p", tongue("more_below", n=number(rest)), class_="small") if rest > 0 else None
    body = el("ol", items) if items else el("p", tongue("nothing_next"), class_="small")
    return el("section", el("h2", tongue("next")), body, more, class_="next")


def _proof(context: ReportContext, tongue: Tongue) -> Html:
    proof = context.proof
    if proof is None:
        lines = [el("p", tongue("no_proof"))]
    else:
        witness = tongue.say(proof.witness) if proof.witness else el("span", tongue("no_witness"), class_="v wait")
        pairs = (
            (tongue("entries", n=number(proof.entries)), el("span", proof.root, class_="hash long")),
            (tongue("checkpoint_time"), proof.time),
            (tongue("fingerprint"), el("span", proof.fingerprint, class_="hash long")),
            (tongue("witness"), witness),
        )
        lines = [el("dl", [[el("dt", name), el("dd", value)] for name, value in pairs])]
        key = f"--key {proof.fingerprint}"
        command = f"python -I -m quanheng.store.verify {context.bundle_name} {key}"
        lines.append(el("p", tongue("verify_offline"), el("code", command)))
    return el("section", el("h2", tongue("verifiable")), lines, class_="proof")


def _rest(assessment: Assessment, context: ReportContext, tongue: Tongue) -> Html:
    parts = (
        sections.sources(context, tongue),
        sections.funnel(context.corpus, tongue),
        sections.asked(context, tongue),
        sections.drawn(assessment, tongue),
        sections.basis(context.rulepack, tongue),
    )
    return el("div", [part for part in parts if part], class_="rest")


def _footer(context: ReportContext, tongue: Tongue) -> Html:
    parts = [f"{tongue('report')} {context.report_id}"]
    if context.proof:
        parts.append(f"{tongue('root')} {short_digest(context.proof.root)}")
    if context.assessment_digest:
        parts.append(f"{tongue('assessment')} {short_digest(context.assessment_digest)}")
    parts += [tongue("working_paper"), tongue("made_with", version=context.version)]
    return el("footer", " · ".join(parts))
