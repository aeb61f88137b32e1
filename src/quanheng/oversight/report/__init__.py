"""An assessment as a page, as PDF/A and as DOCX: `render(assessment, context, "zh")`, `render_pdf`, `render_docx`."""

from __future__ import annotations

from quanheng.oversight.report.context import Held, Proof, ReportContext
from quanheng.oversight.report.docx import render_docx
from quanheng.oversight.report.page import render
from quanheng.oversight.report.pdf import render_pdf

__all__ = ["Held", "Proof", "ReportContext", "render", "render_docx", "render_pdf"]
