"""What a Word document is made of: runs whose fonts are named, fields, and tables of fixed widths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from docx.enum.text import WD_PARAGRAPH_ALIGNMENT, WD_TAB_ALIGNMENT
from docx.oxml.ns import qn
from docx.oxml.parser import OxmlElement
from docx.shared import Mm, Pt, RGBColor
from docx.text.paragraph import Paragraph

from quanheng.oversight.report.docx_styles import FACE_OF, FACES, HAIR, INK, TWIPS, Face
from quanheng.oversight.report.literal import literal

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.run import Run

Side = Literal["left", "right"]
#: Eighths of a point: a hairline, the line below heads, the edge of the verdict.
HAIRLINE, LINE, EDGE = 4, 6, 24
APART = 320  # twips


def add_run(
    paragraph: Paragraph, text: str, *, face: Face | None = None, size: float | None = None, colour: str | None = None
) -> Run:
    """Return a new run with `text`; its fonts are those of `face`, else of the paragraph's style."""
    run = paragraph.add_run(literal(text))
    name_fonts(run, face or FACE_OF[str(paragraph.style.name) if paragraph.style else "Normal"])
    if size is not None:
        run.font.size = Pt(size)
    if colour is not None:
        run.font.color.rgb = RGBColor.from_string(colour)
    return run


def name_fonts(run: Run, face: Face) -> None:
    """Name the four fonts of a run."""
    latin, han = FACES[face]
    run.font.name = latin
    fonts: Any = run._element.rPr.rFonts  # type: ignore[union-attr]
    fonts.set(qn("w:eastAsia"), han)
    fonts.set(qn("w:cs"), latin)


def add_field(paragraph: Paragraph, code: str) -> None:
    """Add a field such as PAGE; Word and LibreOffice fill it in whenever they lay out the page."""
    field = element("w:fldSimple", instr=f" {code} ")
    run = add_run(paragraph, "1")
    paragraph._p.append(field)
    field.append(run._r)


def add_tab(paragraph: Paragraph, position_mm: float, side: Literal["left", "center", "right"]) -> None:
    """Set a tab stop and go there."""
    sides = {"left": WD_TAB_ALIGNMENT.LEFT, "center": WD_TAB_ALIGNMENT.CENTER, "right": WD_TAB_ALIGNMENT.RIGHT}
    paragraph.paragraph_format.tab_stops.add_tab_stop(Mm(position_mm), sides[side])
    run = paragraph.add_run()
    run.add_tab()
    name_fonts(run, "body")


def add_picture(paragraph: Paragraph, png: bytes, width_mm: float, height_mm: float, alt: str) -> None:
    """Add a picture with the words that stand for it."""
    name_fonts(run := paragraph.add_run(), "body")
    shape = run.add_picture(BytesIO(png), Mm(width_mm), Mm(height_mm))
    shape._inline.docPr.set("descr", literal(alt))
    for side in ("distT", "distB", "distL", "distR"):  # LibreOffice takes an eighth of an inch where none is said
        shape._inline.set(side, "0")


def element(tag: str, **attributes: str | int) -> Any:
    """Return an element of WordprocessingML with attributes of the same namespace."""
    made = OxmlElement(tag)
    for name, value in attributes.items():
        made.set(qn(f"w:{name}"), str(value))
    return made


class Place:
    """A cell that is being written: paragraphs go below each other."""

    def __init__(self, cell: Any, document: Document) -> None:
        self._cell = cell
        self._parent = document._body

    def line(self, style: str = "Cell", *, side: Side = "left", keep: bool = False) -> Paragraph:
        """Return a new paragraph at the end of the cell; `keep` ties it to what follows."""
        paragraph = Paragraph(self._cell.add_p(), self._parent)
        paragraph.style = style
        if side == "right":
            paragraph.alignment = WD_PARAGRAPH_ALIGNMENT.RIGHT
        if keep:
            paragraph.paragraph_format.keep_with_next = True
        return paragraph

    def text(self, text: str, style: str = "Cell", *, side: Side = "left", keep: bool = False) -> None:
        """Write one paragraph of plain text."""
        add_run(self.line(style, side=side, keep=keep), text)


Write = Callable[[Place], None]


@dataclass(frozen=True)
class Box:
    """One cell of a row: who writes it, how many columns it takes, and whether it goes on from the row above.

    `apart` leaves more room to its right: between a number and the words of the next column.
    """

    write: Write | None
    span: int = 1
    merge: Literal["restart", "continue"] | None = None
    below: int = HAIRLINE
    below_colour: str = HAIR
    shade: str = ""
    apart: bool = False


class Grid:
    """A table of fixed column widths at the end of the document, with hairlines between its rows only."""

    def __init__(self, document: Document, widths_mm: Sequence[float], *, edge: str = "") -> None:
        self._document = document
        self._widths = [round(width * TWIPS) for width in widths_mm]
        self._table: Any = element("w:tbl")
        self._table.append(_table_properties(sum(self._widths), edge))
        columns = element("w:tblGrid")
        columns.extend(element("w:gridCol", w=width) for width in self._widths)
        self._table.append(columns)
        document.element.body.sectPr.addprevious(self._table)

    def row(self, boxes: Sequence[Box], *, head: bool = False, breakable: bool = False) -> None:
        """Add a row; `head` repeats it on every page. A row is not torn apart unless `breakable`."""
        row = OxmlElement("w:tr")
        properties = element("w:trPr")
        if not breakable:
            properties.append(element("w:cantSplit"))
        if head:
            properties.append(element("w:tblHeader"))
        row.append(properties)
        at = 0
        for box in boxes:
            row.append(self._cell(box, sum(self._widths[at : at + box.span])))
            at += box.span
        self._table.append(row)

    def _cell(self, box: Box, width: int) -> Any:
        cell = OxmlElement("w:tc")
        properties = element("w:tcPr")
        properties.append(element("w:tcW", w=width, type="dxa"))
        if box.span > 1:
            properties.append(element("w:gridSpan", val=box.span))
        if box.merge:
            properties.append(element("w:vMerge", val=box.merge))
        borders = element("w:tcBorders")
        borders.append(_border("w:bottom", box.below, box.below_colour))
        properties.append(borders)
        if box.shade:
            properties.append(element("w:shd", val="clear", color="auto", fill=box.shade))
        if box.apart:
            margins = element("w:tcMar")
            margins.append(element("w:right", w=APART, type="dxa"))
            properties.append(margins)
        cell.append(properties)
        place = Place(cell, self._document)
        if box.write:
            box.write(place)
        if cell.find(qn("w:p")) is None:
            place.line()
        return cell


def _table_properties(width: int, edge: str) -> Any:
    properties = element("w:tblPr")
    properties.append(element("w:tblW", w=width, type="dxa"))
    if edge:  # a frame whose left side has the colour of the verdict
        borders = element("w:tblBorders")
        borders.append(_border("w:top", HAIRLINE, HAIR))
        borders.append(_border("w:left", EDGE, edge))
        borders.append(_border("w:bottom", HAIRLINE, HAIR))
        borders.append(_border("w:right", HAIRLINE, HAIR))
        properties.append(borders)
    properties.append(element("w:tblLayout", type="fixed"))
    margins = element("w:tblCellMar")
    sides = (("top", 40), ("left", 160 if edge else 0), ("bottom", 40), ("right", 120))
    margins.extend(element(f"w:{side}", w=twips, type="dxa") for side, twips in sides)
    properties.append(margins)
    properties.append(element("w:tblLook", val="0620", firstRow=1, noHBand=1, noVBand=1))
    return properties


def _border(side: str, eighths: int, colour: str) -> Any:
    if not eighths:
        return element(side, val="nil")
    return element(side, val="single", sz=eighths, space=0, color=colour)


def head_box(text: str, *, side: Side = "left", last: bool = False) -> Box:
    """Return a cell of a head row."""
    return Box(
        lambda place: place.text(text, "Head", side=side),
        below=LINE,
        below_colour=INK,
        apart=side == "right" and not last,
    )
