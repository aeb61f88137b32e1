"""Operators that make readable text of what the text field held: pages of HTML, text decoded with the wrong table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from quanheng.data.corpus.extract import VERSION as EXTRACT_VERSION
from quanheng.data.corpus.extract import Mode, extract
from quanheng.data.corpus.operator import Batch, Column, Edited, Editor, Gives, Params, operator
from quanheng.kinds.base import Say
from quanheng.text.mojibake import VERSION as MOJIBAKE_VERSION
from quanheng.text.mojibake import repair

#: A tag that only a page has; "a < b" and "<some words>" are text.
_PAGE = re.compile(r"<(?:!doctype html|html|body|head|div|p|br|table|span|article|h[1-6]|li|a)[\s/>]", re.IGNORECASE)


class ExtractParams(Params):
    """`mode`: main content fast, the same with more care, or all that is visible. `title`: its first line."""

    mode: Mode = "fast"
    title: bool = False


@operator
class ExtractText(Editor):
    """Takes the text out of documents that are pages of HTML, as a JSON field with raw pages holds them."""

    name = "extract"
    version = EXTRACT_VERSION
    help = Say(
        en="The text of HTML pages, without navigation; mode: fast, precise or all; title: keep the title",
        zh="提取 HTML 网页的正文，去除导航等；mode：fast 快速、precise 精细、all 全部可见文字；title：保留标题",
    )
    gives: ClassVar[Gives] = (("was_html", "bool"),)

    Params = ExtractParams

    def edit(self, batch: Batch) -> tuple[list[Edited | None], Mapping[str, Column]]:
        """Return the text of those that are pages, None for others; a page without main text becomes empty."""
        pages = [_PAGE.search(text) is not None for text in batch.texts]
        edited = [
            Edited(extract(text, self.params.mode, title=self.params.title)) if page else None
            for text, page in zip(batch.texts, pages, strict=True)
        ]
        return edited, {"was_html": pages}


@operator
class RepairMojibake(Editor):
    """Mends text that was decoded with the wrong table; files are mended when read, this is for what edits revealed."""

    name = "repair_mojibake"
    version = MOJIBAKE_VERSION
    help = Say(
        en="Mends text that was decoded with the wrong table, where nothing is lost; counts characters that are",
        zh="修复因用错编码而成的乱码（仅限可完全还原的），并统计无法还原的字符数",
    )
    gives: ClassVar[Gives] = (("lost_characters", "int64"), ("mojibake", "string"))

    def edit(self, batch: Batch) -> tuple[list[Edited | None], Mapping[str, Column]]:
        """Return the mended texts, None for those that were right or cannot be mended."""
        found = [repair(text) for text in batch.texts]
        edited = [
            None if after.text == text else Edited(after.text) for text, after in zip(batch.texts, found, strict=True)
        ]
        return edited, {
            "lost_characters": [after.lost for after in found],
            "mojibake": [after.kind or "" for after in found],
        }
