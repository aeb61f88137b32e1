"""An assessment as a self-contained, printable page: `render(assessment, context, "zh")`."""

from __future__ import annotations

from quanheng.oversight.report.context import Held, Proof, ReportContext
from quanheng.oversight.report.page import render

__all__ = ["Held", "Proof", "ReportContext", "render"]
