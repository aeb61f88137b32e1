"""The report as an archival PDF: PDF/A-2a and PDF/UA-1, set in pinned fonts, the same bytes each time."""

from __future__ import annotations

import json
from functools import partial
from importlib.resources import files

from quanheng.kinds.oversight import Assessment
from quanheng.oversight.report.content import Content, contents
from quanheng.oversight.report.context import ReportContext
from quanheng.oversight.report.drawings import PATHS
from quanheng.oversight.report.fonts import can_show, font_folder
from quanheng.oversight.report.literal import literal
from quanheng.oversight.report.plain import plain

#: The words of the template itself.
_WORDS = (
    "brand",
    "document",
    "lineage",
    "lineage_alt",
    "next",
    "next_action",
    "next_effort",
    "nothing_next",
    "page_of",
    "root",
    "rule",
    "rules_title",
    "title",
    "working_paper",
)


def render_pdf(assessment: Assessment, context: ReportContext, language: str = "zh") -> bytes:
    """Return the report as PDF/A in `language`, "zh" or "en".

    The same arguments give the same bytes: its date is the time of the checkpoint, and neither a clock, a font nor a
    file of the system is asked. A character the fonts lack stands as its number. Needs the extra [report].
    """
    import typst

    template = files("quanheng.oversight.report").joinpath("report.typ").read_bytes()
    return typst.compile(
        template,
        format="pdf",
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=[str(font_folder())]),
        ignore_system_fonts=True,
        sys_inputs={"content": _json(contents(assessment, context, language))},
        # 2a: archival, tagged, all text as Unicode, no attachments. UA-1: a screen reader finds order and tables.
        pdf_standards=["a-2a", "ua-1"],
        timestamp=int(context.made_at.timestamp()),
    )


def _json(content: Content) -> str:
    """Return the content for the template. JSON escapes whatever could end a text."""
    say = partial(literal, can_show=can_show)
    data = plain(content, say)
    assert isinstance(data, dict)  # noqa: S101 - a dataclass
    data["words"] = {key: content.tongue(key) for key in _WORDS}
    return json.dumps({**data, "paths": PATHS}, ensure_ascii=True)
