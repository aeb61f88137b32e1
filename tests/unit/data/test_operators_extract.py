"""The operators over HTML and mojibake in a text field."""

from __future__ import annotations

import pytest

from quanheng.data.corpus.operator import Batch, Editor, make

pa = pytest.importorskip("pyarrow")


def edit(name: str, *texts: str, **params: object) -> tuple[list[str | None], dict[str, list[object]]]:
    operator = make(name, params, {})
    assert isinstance(operator, Editor)
    batch = Batch(pa.record_batch({"text": list(texts)}))
    edited, columns = operator.edit(batch)
    return [None if one is None else one.text for one in edited], {key: list(value) for key, value in columns.items()}


def test_pages_become_text_and_text_stays() -> None:
    page = "<html><head><title>题</title></head><body><nav>首页</nav><article><p>正文很好。</p></article></body></html>"
    texts, columns = edit("extract", page, "a < b，不是网页 <好>")
    assert texts == ["正文很好。", None] and columns == {"was_html": [True, False]}
    assert edit("extract", page, mode="all", title=True)[0] == ["题\n\n首页\n\n正文很好。"]


def test_mojibake_is_mended_and_losses_are_counted() -> None:
    wrong = "中文网站".encode().decode("latin-1")
    texts, columns = edit("repair_mojibake", wrong, "好的", "锟斤拷锟斤拷")
    assert texts == ["中文网站", None, None]
    assert columns == {"lost_characters": [0, 0, 6], "mojibake": ["utf8_as_latin1", "", "lost"]}
