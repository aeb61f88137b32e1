"""Documents out of DOCX and PDF: one file is one document."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO, Literal
from xml.parsers import expat

from quanheng.data.corpus.extract import markdown_table
from quanheng.data.corpus.lines import Broken, Document, Found, excerpt
from quanheng.data.corpus.zips import DAMAGE, Forbidden, open_zip, strict_parser
from quanheng.errors import Unavailable

Ocr = Literal["never", "when_missing", "always"]

PDF_MOST_BYTES = 512 * 1024 * 1024
PDF_MOST_PAGES = 10_000
#: Of a PDF with pages but fewer characters than this on each, the text is in pictures.
_PDF_LEAST_CHARACTERS_PER_PAGE = 2
_PDF_PASSWORD_ERROR = 4  # FPDF_ERR_PASSWORD
_DOCX_MOST_DEPTH = 2000
_CHUNK = 64 * 1024
#: Text that is not the document's: deleted, field codes, and the older copy of a drawing.
_DOCX_SKIPPED = frozenset(("del", "moveFrom", "instrText", "delText", "Fallback"))
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_LINE_ENDS = re.compile("\r\n?|\ufffe")


class _Docx:
    """Handlers that gather paragraphs and tables of word/document.xml; names are taken without their prefix."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._depth = 0
        self._skipped = 0
        self._in_text = False
        self._paragraph: list[str] = []
        #: Where paragraphs go: the document, or the cell that is open.
        self._targets: list[list[str]] = [[]]
        self._tables: list[list[list[str]]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        self._depth += 1
        if self._depth > _DOCX_MOST_DEPTH:
            raise _TooDeep
        if self._skipped or local in _DOCX_SKIPPED:
            self._skipped += 1
        elif local == "t":
            self._in_text = True
        elif local in _BREAKS:
            self._paragraph.append(_BREAKS[local])
        elif local == "tbl":
            self._tables.append([])
        elif local == "tr" and self._tables:
            self._tables[-1].append([])
        elif local == "tc" and self._tables:
            self._targets.append([])

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        self._depth -= 1
        if self._skipped:
            self._skipped -= 1
        elif local == "t":
            self._in_text = False
        elif local == "p":
            self._end_paragraph()
        elif local == "tc" and self._tables and len(self._targets) > 1:
            cell = " ".join(self._targets.pop())
            if self._tables[-1]:
                self._tables[-1][-1].append(cell)
        elif local == "tbl" and self._tables:
            rows = self._tables.pop()
            # A table inside a cell, or of one column, becomes lines.
            text = "" if self._tables else markdown_table(rows)
            self._targets[-1].append(text or "\n".join(" ".join(row) for row in rows))

    def data(self, text: str) -> None:
        if self._in_text and not self._skipped:
            self._size += len(text)
            if self._size > self._limit:
                raise _TooLarge
            self._paragraph.append(text)

    def _end_paragraph(self) -> None:
        text = "".join(self._paragraph)
        self._paragraph.clear()
        if text.strip():
            self._targets[-1].append(text)

    def text(self) -> str:
        return "\n".join(self._targets[0])


class _TooDeep(ValueError):
    pass


class _TooLarge(ValueError):
    pass


def read_docx(stream: BinaryIO, limit: int) -> Iterator[Found]:
    """Yield the text of a Word document: paragraphs as lines, tables as Markdown; headers and notes are left out.

    Reasons: those of `open_zip`, and "not_docx", "damaged_docx", "too_large", "no_text".
    """
    archive = open_zip(stream)
    if isinstance(archive, Broken):
        yield archive
        return
    with archive:
        gathered = _Docx(limit)
        reason = _parse_docx(archive, gathered)
        text = gathered.text()
        if reason:
            yield Broken("1", reason, excerpt(text))
        elif not text.strip():
            yield Broken("1", "no_text", "")
        else:
            yield Document("1", text)


def _parse_docx(archive: zipfile.ZipFile, gathered: _Docx) -> str:
    parser = strict_parser()
    parser.buffer_text = True
    parser.StartElementHandler = gathered.start
    parser.EndElementHandler = gathered.end
    parser.CharacterDataHandler = gathered.data
    try:
        with archive.open("word/document.xml") as part:
            while chunk := part.read(_CHUNK):
                parser.Parse(chunk)
            parser.Parse(b"", True)
    except KeyError:
        return "not_docx"
    except Forbidden:
        return "xml_with_entities"
    except _TooLarge:
        return "too_large"
    except (expat.ExpatError, *DAMAGE):
        return "damaged_docx"
    return ""


def read_pdf(stream: BinaryIO, limit: int, ocr: Ocr = "never") -> Iterator[Found]:
    """Yield the text layer of a PDF, its pages with a blank line between.

    Reasons: "not_pdf", "encrypted", "too_large" (bytes, pages or text), "no_text_layer" (pages are pictures). With
    `ocr` pages are recognised and have reasons of their own: `read_scanned_pdf`.
    """
    data = stream.read(PDF_MOST_BYTES + 1)
    if len(data) > PDF_MOST_BYTES:
        yield Broken("0", "too_large", "", 0)
        return
    document = _open_pdf(data)
    if isinstance(document, Broken):
        yield document
        return
    try:
        if ocr == "never":
            yield _pdf_text(document, limit)
        elif len(document) > PDF_MOST_PAGES:
            yield Broken("1", "too_large", "")
        else:
            from quanheng.data.corpus.ocr_pages import read_scanned_pdf

            yield from read_scanned_pdf(document, limit, ocr)
    finally:
        document.close()


def _pdfium() -> Any:
    try:
        import pypdfium2
    except ImportError as error:
        raise Unavailable(
            "PDF cannot be read: the package pypdfium2 is not installed",
            "无法读取 PDF：未安装 pypdfium2",
            hint=("Install quanheng[data].", "请安装 quanheng[data]。"),
            code="missing_extra",
        ) from error
    return pypdfium2


def _open_pdf(data: bytes) -> Any:
    pdfium = _pdfium()
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        reason = "encrypted" if getattr(error, "err_code", None) == _PDF_PASSWORD_ERROR else "not_pdf"
        return Broken("0", reason, "", 0)


def _pdf_text(document: Any, limit: int) -> Found:
    pages = len(document)
    if pages > PDF_MOST_PAGES:
        return Broken("1", "too_large", "")
    texts: list[str] = []
    size = unreadable = 0
    for number in range(pages):
        text = _page(document, number)
        if text is None:
            unreadable += 1
            continue
        size += len(text)
        if size > limit:
            return Broken("1", "too_large", excerpt(texts[0] if texts else text))
        if text.strip():
            texts.append(text.strip())
    if unreadable == pages and pages:
        return Broken("1", "damaged_pdf", "")
    if size < _PDF_LEAST_CHARACTERS_PER_PAGE * pages or not texts:
        return Broken("1", "no_text_layer", "")
    return Document("1", "\n\n".join(texts))


def _page(document: Any, number: int) -> str | None:
    """Return the text of a page; None for one that pdfium cannot load."""
    pdfium = _pdfium()
    try:
        page = document[number]
    except pdfium.PdfiumError:
        return None
    try:
        layer = page.get_textpage()
        try:
            return _LINE_ENDS.sub("\n", layer.get_text_range(errors="replace")).replace("\x00", "")
        finally:
            layer.close()
    except pdfium.PdfiumError:
        return None
    finally:
        page.close()
