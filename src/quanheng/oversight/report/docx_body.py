"""The content of a report as headings, tables and remarks of a Word document."""

from __future__ import annotations

from typing import Literal

from docx.document import Document
from docx.text.paragraph import Paragraph

from quanheng.oversight.report.blocks import Block, Cell, Facts, Lines, Piece, RuleRow, Section, Table
from quanheng.oversight.report.content import Content
from quanheng.oversight.report.docx_parts import (
    HAIRLINE,
    Box,
    Grid,
    Place,
    Side,
    Write,
    add_picture,
    add_run,
    add_tab,
    head_box,
)
from quanheng.oversight.report.docx_sheet import WIDTH_MM
from quanheng.oversight.report.docx_styles import COLOURS, FAINT, INK, SOFT, WASH
from quanheng.oversight.report.drawings import READING_ORDER, Drawing, Tone
from quanheng.oversight.report.png import bar_png, scale_png

#: The mark before a word; each is in GB 2312, so every Chinese font has it.
MARKS: dict[Tone, str] = {"ok": "●", "no": "◆", "wait": "○", "na": "□"}
#: Columns of the table of rules, in millimetres.
RULE_WIDTHS = (58, 27, 46, WIDTH_MM - 131)
DRAWING_MM, SCALE_MM, BAR_MM = 40, 5.3, 3.6
#: Characters of reasons from which a row may be torn apart.
LONG = 900
_SHARE = 0.01
SIDES: dict[str, Literal["left", "center", "right"]] = {"start": "left", "middle": "center", "end": "right"}


def write_body(document: Document, content: Content) -> None:
    """Write everything between header and footer."""
    tongue = content.tongue
    _line(document, tongue("title"), "Title")
    _facts(document, content.facts)
    _verdict(document, content)
    _line(document, tongue("next"), "Heading 1")
    _steps(document, content)
    _line(document, tongue("rules_title"), "Heading 1")
    _rules(document, content)
    _line(document, tongue("lineage"), "Heading 1")
    _nodes(document, content)
    for section in (content.proof, *content.sections, content.digests):
        _section(document, section)
    _gap(document)  # a document ends with a paragraph, not with a table


def _line(document: Document, text: str, style: str) -> Paragraph:
    paragraph = document.add_paragraph(style=style)
    add_run(paragraph, text)
    return paragraph


def _gap(document: Document) -> None:
    """Two tables that touch would become one."""
    document.add_paragraph(style="Gap")


def _section(document: Document, section: Section) -> None:
    if section.blocks:
        _line(document, section.title, "Heading 1")
    for number, block in enumerate(section.blocks):
        if number and isinstance(block, Table):
            _gap(document)
        _block(document, block)


def _block(document: Document, block: Block) -> None:
    if isinstance(block, Table):
        _table(document, block)
    elif isinstance(block, Facts):
        _facts(document, block)
    else:
        paragraph = document.add_paragraph(style="Remark")
        for piece in block.pieces:
            if piece.role == "code":
                paragraph = document.add_paragraph(style="Code")
            _piece(paragraph, piece)


def _facts(document: Document, facts: Facts) -> None:
    grid = Grid(document, (36, WIDTH_MM - 36))
    for number, fact in enumerate(facts.facts, 1):
        keep = number < len(facts.facts)
        grid.row((Box(_writes(fact.name, "Note", keep=keep), below=0), Box(_lines(fact.value, keep=keep), below=0)))


def _table(document: Document, table: Table) -> None:
    widths = [WIDTH_MM * share * _SHARE for share in table.widths]
    grid = Grid(document, widths)
    sides: list[Side] = ["right" if place in table.numeric else "left" for place in range(len(widths))]
    lasts = [False] * (len(widths) - 1) + [True]
    heads = zip(table.heads, sides, lasts, strict=True)
    grid.row([head_box(head, side=side, last=last) for head, side, last in heads], head=True)
    for row in table.rows:
        cells = zip(row, sides, widths, lasts, strict=True)
        grid.row(
            [Box(_cell(cell, side, width - 6), apart=side == "right" and not last) for cell, side, width, last in cells]
        )


def _cell(cell: Cell, side: Side, width_mm: float) -> Write:
    if not isinstance(cell, float):
        return _lines(cell, side)

    def write(place: Place) -> None:
        percent = f"{cell:.1%}"
        add_picture(place.line(), bar_png(cell, int(SOFT, 16)), width_mm, BAR_MM, percent)

    return write


def _writes(text: str, style: str = "Cell", side: Side = "left", *, keep: bool = False) -> Write:
    return lambda place: place.text(text, style, side=side, keep=keep)


def _lines(lines: Lines, side: Side = "left", *, keep: bool = False) -> Write:
    def write(place: Place) -> None:
        for line in lines:
            paragraph = place.line("Note" if line[0].role == "note" else "Cell", side=side, keep=keep)
            for piece in line:
                _piece(paragraph, piece)

    return write


def _piece(paragraph: Paragraph, piece: Piece) -> None:
    """Add a piece after those that are there, with a space between."""
    if paragraph.runs:
        add_run(paragraph, " ")
    match piece.role:
        case "mark":
            add_run(paragraph, f"{MARKS[piece.tone or 'na']} {piece.text}", colour=COLOURS[piece.tone or "na"])
        case "digest" | "hex" | "rule":
            add_run(paragraph, piece.text, face="mono", size=7.5)
        case "small":
            add_run(paragraph, piece.text, size=8.5, colour=SOFT)
        case _:
            add_run(paragraph, piece.text)


def _verdict(document: Document, content: Content) -> None:
    verdict, tongue = content.verdict, content.tongue
    colour = COLOURS[verdict.tone]
    wide = 46 if tongue.zh else 90
    columns = len(verdict.counts)
    _gap(document)

    def word(place: Place) -> None:
        add_run(place.line("Verdict"), f"{MARKS[verdict.tone]} {verdict.word}", colour=colour)

    def said(place: Place) -> None:
        place.text(verdict.said)
        if verdict.among:
            place.text(verdict.among, "Note")

    first = Grid(document, (wide, WIDTH_MM - wide), edge=colour)
    first.row((Box(word, below=0), Box(said, below=0)))
    _gap(document)
    counts = Grid(document, (WIDTH_MM / columns,) * columns)

    def counted(n: str, name: str, tone: Tone) -> Write:
        def write(place: Place) -> None:
            place.text(n, "Count")
            _piece(place.line("Note"), Piece(name, "mark", tone))

        return write

    counts.row([Box(counted(*count), below=0) for count in verdict.counts])
    for banner in content.banners:
        counts.row((Box(_writes(banner), span=columns, below=0, shade=WASH),))


def _steps(document: Document, content: Content) -> None:
    tongue = content.tongue
    if not content.steps:
        _line(document, tongue("nothing_next"), "Remark")
        return
    grid = Grid(document, (9, WIDTH_MM - 91, 58, 24))
    heads = (tongue("next_action"), tongue("next_effort"), tongue("rule"))
    grid.row([head_box(""), *(head_box(head) for head in heads)], head=True)
    for number, step in enumerate(content.steps, 1):
        rule = _lines(((Piece(step.rule, "rule"),),))
        grid.row((Box(_writes(str(number))), Box(_writes(step.action)), Box(_writes(step.effort)), Box(rule)))


def _rules(document: Document, content: Content) -> None:
    grid = Grid(document, RULE_WIDTHS)
    sides: tuple[Side, ...] = ("left", "right", "left", "left")
    heads = zip(content.rule_heads, sides, strict=True)
    grid.row([head_box(head, side=side) for head, side in heads], head=True)
    for family in content.families:
        grid.row((Box(_writes(family.title, "Heading 2"), span=len(RULE_WIDTHS)),))
        for row in family.rows:
            _rule(grid, row)


def _rule(grid: Grid, row: RuleRow) -> None:
    """Add the row of one rule, and a second one with its reasons, kept together."""
    more = bool(row.reasons)
    merge: Literal["restart"] | None = "restart" if more else None
    below = 0 if more else HAIRLINE

    def name(place: Place) -> None:
        place.text(row.title, keep=more)
        place.text(row.clause, "Note", keep=more)
        add_run(place.line("Note", keep=more), row.id, face="mono", size=7.5, colour=FAINT)

    def measured(place: Place) -> None:
        place.text(row.measured, side="right", keep=more)
        if row.of:
            place.text(row.of, "Note", side="right", keep=more)

    def verdict(place: Place) -> None:
        _piece(place.line(keep=more), row.verdict)
        for tag in row.tags:
            place.text(tag, "Note", keep=more)

    def reasons(place: Place) -> None:
        for reason in row.reasons:
            place.text(f"· {reason}", "Note")

    left = (Box(name, merge=merge), Box(measured, merge=merge, apart=True))
    grid.row((*left, Box(_shown(row, keep=more), below=below), Box(verdict, below=below)))
    if more:
        rest = (Box(None, merge="continue"), Box(None, merge="continue", apart=True), Box(reasons, span=2))
        grid.row(rest, breakable=sum(map(len, row.reasons)) > LONG)


def _shown(row: RuleRow, *, keep: bool) -> Write:
    """Return the writer of a rule's drawing, the numbers under it, and the bound in words."""

    def write(place: Place) -> None:
        ink = int(COLOURS[row.tone], 16)
        if row.drawing:
            picture = place.line(keep=keep)
            add_picture(picture, scale_png(row.drawing, ink), DRAWING_MM, SCALE_MM, row.drawing.alt)
            _labels(place.line("Note", keep=keep), row.drawing)
        elif row.bar is not None:
            add_picture(place.line(keep=keep), bar_png(row.bar, ink), DRAWING_MM, BAR_MM, f"{row.measured} · {row.of}")
        if row.below:
            place.text(row.below, "Note", keep=keep)

    return write


def _labels(paragraph: Paragraph, drawing: Drawing) -> None:
    """Write the ends of the scale and the limit where they belong, by tab stops."""
    start, end = drawing.ends
    add_run(paragraph, start, size=7, colour=FAINT)
    add_tab(paragraph, max(drawing.limit * DRAWING_MM, 0.5), SIDES[drawing.limit_side])
    add_run(paragraph, drawing.limit_label, size=7, colour=INK)
    if end:
        add_tab(paragraph, DRAWING_MM, "right")
        add_run(paragraph, end, size=7, colour=FAINT)


def _nodes(document: Document, content: Content) -> None:
    """Write what fed the assessment, and how much of it there is."""
    nodes = sorted(content.nodes, key=lambda node: READING_ORDER.index((node.column, node.row)))
    grid = Grid(document, (WIDTH_MM / len(nodes),) * len(nodes))
    grid.row([head_box(node.label) for node in nodes], head=True)
    grid.row([Box(_writes(node.number if node.there else "—")) for node in nodes])
