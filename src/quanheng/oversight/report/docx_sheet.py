"""An empty Word document of ours: A4, our styles and no others, header and footer on every sheet."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import docx
from docx.document import Document
from docx.oxml.parser import parse_xml
from docx.shared import Mm

from quanheng.oversight.report.content import Content
from quanheng.oversight.report.docx_parts import add_field, add_run, add_tab
from quanheng.oversight.report.docx_styles import settings_xml, styles_xml
from quanheng.oversight.report.literal import literal

MARGIN_MM, TOP_MM, BOTTOM_MM = 20, 25, 26
WIDTH_MM = 210 - 2 * MARGIN_MM
#: Parts of python-docx's template that say nothing here: a picture of another document, and formats of Word 2007.
_NEEDLESS = (
    "stylesWithEffects",
    "customXml",
    "numbering",
    "webSettings",
    "fontTable",
    "thumbnail",
    "extended-properties",  # says that Word for Macintosh made it
)


def new_document(content: Content, made_at: datetime) -> Document:
    """Return an empty document with its styles, properties, header and footer."""
    document = docx.Document()
    language = "zh-CN" if content.tongue.zh else "en-US"
    _replace(document.styles.element, styles_xml())
    _replace(document.settings.element, settings_xml(language))
    _drop_needless(document)
    _properties(document, content, made_at, language)
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(MARGIN_MM)
    section.top_margin, section.bottom_margin = Mm(TOP_MM), Mm(BOTTOM_MM)
    section.header_distance = section.footer_distance = Mm(12)
    section.different_first_page_header_footer = True
    _header(section.header, content)
    _header(section.first_page_header, content)
    _footer(section.footer, content)
    _footer(section.first_page_footer, content, whole_root=True)
    return document


def _replace(part: Any, xml: str) -> None:
    """Put the children of `xml` in place of those of a part's root."""
    for child in list(part):
        part.remove(child)
    part.extend(list(parse_xml(xml)))


def _drop_needless(document: Document) -> None:
    """Let go of parts of the template; only what is related to is written."""
    for rels in (document.part.rels, document.part.package.rels):
        for rel_id in [key for key, rel in rels.items() if any(word in rel.reltype for word in _NEEDLESS)]:
            del rels[rel_id]


def _properties(document: Document, content: Content, made_at: datetime, language: str) -> None:
    """Fix everything that python-docx would take from its template or from the clock."""
    core, tongue = document.core_properties, content.tongue
    moment = made_at.replace(tzinfo=None)  # core.xml has UTC only
    core.title = literal(content.name)[:255]
    core.subject = tongue("title")
    core.author = core.last_modified_by = tongue("brand")
    core.created = core.modified = moment
    core.keywords = literal(" ".join(part for part in (content.report_id, content.root) if part))[:255]
    core.comments = core.category = ""
    core.language, core.revision = language, 1


def _header(header: Any, content: Content) -> None:
    tongue = content.tongue
    paragraph = header.paragraphs[0]
    add_run(paragraph, tongue("title"))
    add_tab(paragraph, WIDTH_MM, "right")
    add_run(paragraph, f"{tongue('brand')} · {tongue('document')}")


def _footer(footer: Any, content: Content, *, whole_root: bool = False) -> None:
    paragraph = footer.paragraphs[0]
    add_run(paragraph, " · ".join(content.sheet))
    add_tab(paragraph, WIDTH_MM, "right")
    for part in re.split(r"(\{pages?\})", content.tongue("page_of")):
        if part.startswith("{"):
            add_field(paragraph, "PAGE" if part == "{page}" else "NUMPAGES")
        elif part:
            add_run(paragraph, part)
    if whole_root and content.root:
        second = footer.add_paragraph(style="Footer")
        add_run(second, f"{content.tongue('root')} ")
        add_run(second, content.root, face="mono", size=7.5)
