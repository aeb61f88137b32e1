"""The report as a Word document: real headings, tables whose heads repeat, and the same bytes each time."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZipFile

from quanheng.kinds.oversight import Assessment
from quanheng.oversight.report.content import contents
from quanheng.oversight.report.context import ReportContext
from quanheng.store.canonical_zip import write_zip

if TYPE_CHECKING:
    from docx.document import Document


def render_docx(assessment: Assessment, context: ReportContext, language: str = "zh") -> bytes:
    """Return the report as DOCX in `language`, "zh" or "en".

    The same arguments give the same bytes: its dates are the time of the checkpoint, and its members are written in
    order, without compression. Characters that XML or a reader's eye cannot take stand as their number. Needs the
    extra [report].
    """
    from quanheng.oversight.report.docx_body import write_body
    from quanheng.oversight.report.docx_sheet import new_document

    content = contents(assessment, context, language)
    document = new_document(content, context.made_at)
    write_body(document, content)
    return _packed(document)


def _packed(document: Document) -> bytes:
    """Return the document as the one zip of its parts; "[Content_Types].xml" sorts before them all, as readers like."""
    written, packed = BytesIO(), BytesIO()
    document.save(written)
    with ZipFile(written) as zipped:
        write_zip(packed, {name: zipped.read(name) for name in zipped.namelist()})
    return packed.getvalue()
