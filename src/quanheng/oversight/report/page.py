"""The report as one page that needs nothing else: no script, no request, printable as it is."""

from __future__ import annotations

import re

from quanheng.kinds.oversight import Assessment
from quanheng.look import house_css
from quanheng.oversight.report.blocks import Facts, Paragraph
from quanheng.oversight.report.content import Content, Verdict, contents
from quanheng.oversight.report.context import ReportContext
from quanheng.oversight.report.figures import lineage
from quanheng.oversight.report.html import Html, el, join
from quanheng.oversight.report.page_blocks import facts, inline, paragraph, rules_table, section
from quanheng.oversight.report.todo import SHOWN
from quanheng.oversight.report.words import number

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
    content = contents(assessment, context, language)
    rest = el("div", [section(part) for part in content.sections], class_="rest")
    body = el("body", _header(content), el("main", _head(content), _columns(content), rest), _footer(content))
    lang = "zh-Hans" if content.tongue.zh else "en"
    return f'<!doctype html>\n<html lang="{lang}">{_meta(content)}{body}</html>\n'


def _meta(content: Content) -> Html:
    return el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width,initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("link", rel="icon", href="data:,"),
        el("title", content.name),
        el("style", Html(house_css() + _page_footer(content))),
    )


def _page_footer(content: Content) -> str:
    """Return the CSS that prints report id, root and page number on every sheet."""
    left = _css_string(" · ".join(content.sheet))
    return f'@page{{@bottom-left{{content:{left}}}@bottom-right{{content:counter(page) " / " counter(pages)}}}}\n'


def _css_string(text: str) -> str:
    """Return `text` as a CSS string; anything but letters, digits and plain marks is written as an escape."""
    return '"' + re.sub(r"[^\w .:·/-]", lambda match: f"\\{ord(match[0]):x} ", text) + '"'


def _header(content: Content) -> Html:
    tongue = content.tongue
    brand = el("span", Html(MARK), tongue("brand"), class_="brand")
    kind = el("span", f"{tongue('document')} · {tongue('working_paper')}", class_="who")
    return el("header", el("div", brand, kind, class_="bar"))


def _head(content: Content) -> Html:
    return join(
        [
            el("div", content.crumb, class_="crumb"),
            el("h1", content.tongue("title")),
            el("div", inline(content.subtitle), class_="sub"),
            _verdict_bar(content.verdict),
            [el("p", banner, class_="banner") for banner in content.banners],
        ]
    )


def _verdict_bar(verdict: Verdict) -> Html:
    counts = [el("div", el("b", count.n, class_=count.tone), el("span", count.word)) for count in verdict.counts]
    among = el("span", verdict.among, class_="cl") if verdict.among else None
    return el(
        "div",
        el("div", verdict.word, class_="word"),
        el("div", counts, class_="counts"),
        el("div", el("span", verdict.said), among, class_="said"),
        class_=f"verdict {verdict.tone}",
    )


def _columns(content: Content) -> Html:
    tongue = content.tongue
    graph = el("section", el("h2", tongue("lineage")), lineage(content.nodes, tongue("lineage_alt")), class_="way")
    return el(
        "div",
        el("div", rules_table(content.rule_heads, content.families), class_="main"),
        el("aside", _next(content), graph, _proof(content)),
        class_="cols",
    )


def _next(content: Content) -> Html:
    tongue = content.tongue
    items = [
        el(
            "li",
            el("a", step.action, href=f"#{step.rule}"),
            el("span", step.effort, class_="cl") if step.effort else None,
        )
        for step in content.steps[:SHOWN]
    ]
    rest = len(content.steps) - SHOWN
    more = el("p", tongue("more_below", n=number(rest)), class_="small") if rest > 0 else None
    body = el("ol", items) if items else el("p", tongue("nothing_next"), class_="small")
    return el("section", el("h2", tongue("next")), body, more, class_="next")


def _proof(content: Content) -> Html:
    blocks = [
        facts(item) if isinstance(item, Facts) else paragraph(item)
        for item in content.proof.blocks
        if isinstance(item, Facts | Paragraph)
    ]
    return el("section", el("h2", content.proof.title), blocks, class_="proof")


def _footer(content: Content) -> Html:
    return el("footer", " · ".join(content.end))
