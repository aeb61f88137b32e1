"""The blocks of a report as markup: cells, tables, facts, and the table of rules."""

from __future__ import annotations

from collections.abc import Iterable

from quanheng.oversight.report.blocks import (
    Block,
    Cell,
    Facts,
    Family,
    Lines,
    Paragraph,
    Piece,
    RuleRow,
    Section,
    Table,
)
from quanheng.oversight.report.figures import scale, share_bar
from quanheng.oversight.report.html import Child, Html, el, join

SPACE = Html(" ")


def section(part: Section) -> Html:
    """Return a titled section."""
    return el("section", el("h2", part.title), [block(item) for item in part.blocks])


def block(item: Block) -> Html:
    """Return one block of a section."""
    if isinstance(item, Table):
        return _grid(item)
    if isinstance(item, Facts):
        return facts(item, class_="facts")
    return paragraph(item, class_="small")


def facts(item: Facts, *, class_: str | None = None) -> Html:
    """Return names and values as a list of definitions."""
    return el("dl", [[el("dt", fact.name), el("dd", _lines(fact.value))] for fact in item.facts], class_=class_)


def paragraph(item: Paragraph, *, class_: str | None = None) -> Html:
    """Return a remark; a command in it stands on lines of its own."""
    return el("p", inline(item.pieces), class_=class_)


def inline(pieces: Iterable[Piece]) -> Html:
    """Return pieces side by side."""
    return join([piece(item) for item in pieces], SPACE)


def piece(item: Piece) -> Html:
    """Return one piece as markup."""
    match item.role:
        case "mark":
            return el("span", item.text, class_=f"v {item.tone}")
        case "note":
            return el("span", item.text, class_="cl")
        case "small":
            return el("small", item.text)
        case "digest":
            return el("span", item.text, class_="hash", title=item.whole)
        case "hex":
            return el("span", item.text, class_="hash long")
        case "code":
            return el("code", item.text)
        case "rule":
            return el("a", item.text, href=f"#{item.text}", class_="id")
    return join([item.text])


def _lines(lines: Lines) -> Html:
    """Return lines below each other; notes are blocks already."""
    made: list[Child] = []
    for number, pieces in enumerate(lines):
        made.append(el("br") if number and pieces[0].role != "note" else None)
        made.append(inline(pieces))
    return join(made)


def _cell(item: Cell) -> Html:
    return share_bar(item) if isinstance(item, float) else _lines(item)


def _grid(table: Table) -> Html:
    """Return a table whose cells carry their head, so that narrow screens can stack them."""
    sides = ["r" if place in table.numeric else None for place in range(len(table.heads))]
    heads = [el("th", head, scope="col", class_=side) for head, side in zip(table.heads, sides, strict=True)]
    rows = [
        el(
            "tr",
            [
                el("td", _cell(item), data_label=head, class_=side)
                for item, head, side in zip(row, table.heads, sides, strict=True)
            ],
        )
        for row in table.rows
    ]
    grid = el("table", el("thead", el("tr", heads)), el("tbody", rows), class_="grid")
    return el("div", grid, class_=f"scroll {table.name}" if table.name else "scroll")


def rules_table(heads: tuple[str, ...], families: tuple[Family, ...]) -> Html:
    """Return the rules under their families."""
    bodies = [
        el(
            "tbody",
            el("tr", el("th", family.title, colspan=4, scope="rowgroup"), class_="family"),
            [_rule(row) for row in family.rows],
        )
        for family in families
    ]
    columns = el("colgroup", [el("col", class_=f"c{i}") for i in range(1, 5)])
    head = el("thead", el("tr", [el("th", head, scope="col") for head in heads]))
    return el("table", columns, head, bodies, class_="rules")


def _rule(row: RuleRow) -> Html:
    """Return the row of one rule, and a second one with the reasons, which needs the width."""
    reasons = el("ul", [el("li", reason) for reason in row.reasons], class_="why") if row.reasons else None
    title = el(
        "td",
        el("span", row.title, class_="rt"),
        el("span", row.clause, class_="cl"),
        el("span", row.id, class_="id"),
        rowspan=2 if reasons else None,
        class_="what",
    )
    first = el(
        "tr",
        title,
        el("td", _measured(row), class_="num"),
        el("td", _figure(row), class_="fig"),
        el("td", piece(row.verdict), [el("span", tag, class_="tag") for tag in row.tags], class_="vd"),
        id=row.id,
        class_="has-more" if reasons else None,
    )
    return join([first, el("tr", el("td", reasons, colspan=3), class_="more") if reasons else None])


def _measured(row: RuleRow) -> Html:
    """Return the share on one line and k of n below; a count alone when there is no share."""
    big = el("span", row.measured, class_="big")
    return el("span", big, el("span", row.of, class_="kn")) if row.of else big


def _figure(row: RuleRow) -> Html | None:
    if row.drawing:
        drawn = scale(row.drawing)
        return el("span", drawn, el("span", row.below, class_="bound")) if row.below else drawn
    if row.bar is None:
        return None
    return el("span", share_bar(row.bar, class_=row.tone), el("span", row.below, class_="cl"))
