"""Workbooks and tables: fields, nested columns, rows that are odd, sheets without end."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.data.corpus.samples import parquet, xlsx, zipped

from quanheng.data.corpus.lines import Broken, Document
from quanheng.data.corpus.read import FileReader
from quanheng.errors import Invalid
from quanheng.kinds.sources import FileFormat, Reading

pytest.importorskip("openpyxl")
pytest.importorskip("pyarrow")


def read(data: bytes, format: FileFormat, limit: int = 1 << 20, **reading: Any) -> list[Document | Broken]:
    return list(FileReader(Reading(**reading), limit=limit).read(io.BytesIO(data), format))


def test_sheets_are_tables() -> None:
    data = xlsx(
        [["编号", "正文"], [1, "甲"], [2, None], [None, None], [3, 4.5]],
        [[None, "text", "url"], [0, "乙", "http://a/"]],
    )
    assert read(data, "xlsx") == [
        Document("1.2", "甲"),
        Broken("1.3", "no_text_field", "2"),
        Document("1.5", "4.5"),
        Document("2.2", "乙", "http://a/"),
    ]
    assert read(data, "xlsx", text_fields=("编号", "正文"))[0] == Document("1.2", "1\n甲")


def test_a_sheet_without_text_is_told_and_a_book_without_is_an_error() -> None:
    found = read(xlsx([["a"], ["x"]], [["text"], ["乙"]]), "xlsx")
    assert found == [Broken("1.1", "no_text_field", "s1"), Document("2.2", "乙")]
    with pytest.raises(Invalid) as caught:
        read(xlsx([["a", "b"], ["x", "y"]]), "xlsx")
    assert caught.value.code == "no_text_field"
    assert read(xlsx([]), "xlsx") == []


def test_a_row_far_down_does_not_make_the_sheet_endless() -> None:
    data = xlsx([["text"], ["甲"]])
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in parts if name.endswith("sheet1.xml"))
    parts[name] = parts[name].replace(
        b"</sheetData>", b'<row r="999999999999"><c r="A999999999999"><v>1</v></c></row></sheetData>'
    )
    assert read(zipped(parts), "xlsx") == [Document("1.2", "甲")]
    parts[name] = parts[name][: len(parts[name]) // 2]
    assert any(isinstance(row, Broken) for row in read(zipped(parts), "xlsx"))
    assert read(b"no book", "xlsx") == [Broken("0", "not_a_zip", "", 0)]
    assert read(zipped({"a": "b"}), "xlsx")[0][1] == "not_xlsx"
    [found] = read(xlsx([["text"], ["长" * 90]]), "xlsx", limit=50)
    assert isinstance(found, Broken) and found.reason == "too_large"


def test_nested_columns_of_parquet() -> None:
    data = parquet(
        {
            "meta": [{"body": "甲", "url": "http://a/"}, {"body": None, "url": None}, None],
            "messages": [[{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}], [], None],
        }
    )
    found = read(data, "parquet", text_field="meta.body", url_field="meta.url")
    assert found[0] == Document("1", "甲", "http://a/")
    assert [row.reason for row in found if isinstance(row, Broken)] == ["text_is_not_text", "no_text_field"]
    assert read(data, "parquet", text_field="dialogue")[0] == Document("1", "用户：问\n助手：答")


def test_columns_of_csv_are_joined_and_have_addresses() -> None:
    data = "title,body,link\n标题,正文,http://a/\n只有\n".encode()
    found = read(data, "csv", text_fields=("title", "body"))
    assert found == [Document("2", "标题\n正文", "http://a/"), Document("3", "只有")]
    dialogue = "instruction,output\n问,答\n".encode()
    assert read(dialogue, "csv", text_field="dialogue") == [Document("2", "用户：问\n助手：答")]


CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), max_size=6)
)


@settings(max_examples=10)
@given(st.lists(st.lists(CELLS, max_size=3), max_size=5))
def test_any_cells(rows: list[list[Any]]) -> None:
    found = read(xlsx([["text", "x", "url"], *rows]), "xlsx")
    assert len(found) == sum(any(value not in (None, "") for value in row) for row in rows)
