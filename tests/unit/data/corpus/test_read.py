"""Every reader: what it reads, what it keeps aside, and that no bytes at all make it fall over."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus.lines import Broken
from quanheng.data.corpus.read import Document, FileReader
from quanheng.errors import Invalid
from quanheng.kinds.sources import FileFormat, Reading
from quanheng.store import write_zip

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufffd"), max_size=20)


def read(data: bytes, format: FileFormat, *, limit: int | None = None, **reading: Any) -> list[Document | Broken]:
    reader = FileReader(Reading(**reading))
    if limit is not None:
        reader.limit = limit
    return list(reader.read(io.BytesIO(data), format))


def parquet(column: Any, name: str = "text") -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table({name: column, "other": pa.nulls(len(column))}), target)
    return target.getvalue()


def test_txt_by_line_paragraph_and_file() -> None:
    data = "\ufeff第一行\r\n\r\n第二行\n第三行\n \n\n第四行".encode()
    assert read(data, "txt", document="line") == [
        Document("1", "第一行"),
        Document("3", "第二行"),
        Document("4", "第三行"),
        Document("7", "第四行"),
    ]
    assert read(data, "txt", document="paragraph") == [
        Document("1", "第一行"),
        Document("3", "第二行\n第三行"),
        Document("7", "第四行"),
    ]
    assert read(data, "txt", document="file") == [Document("1", "第一行\n\n第二行\n第三行\n \n\n第四行")]
    assert read(b"", "txt") == [] and read(b"\n \n", "txt") == []


@pytest.mark.parametrize(("codec", "name"), [("gb18030", "gb18030"), ("utf-16", "utf-16"), ("utf-8-sig", "utf-8")])
def test_encodings_are_told_and_counted(codec: str, name: str) -> None:
    reader = FileReader(Reading(document="line"))
    text = "我们的生活很好，大家都说没有问题。"
    found = list(reader.read(io.BytesIO(f"{text}\n第二行".encode(codec)), "txt"))
    assert found == [Document("1", text), Document("2", "第二行")]
    assert reader.encodings == {name: 1}


def test_a_named_encoding_is_used_even_where_it_does_not_fit() -> None:
    assert read("鑫".encode("big5"), "txt", encoding="big5") == [Document("1", "鑫")]
    assert read("好".encode("utf-16-le"), "txt", encoding="utf-16") == [Document("1", "好")]
    assert read(b"ok\n\xff\xff", "txt", document="line", encoding="utf-8") == [
        Document("1", "ok"),
        Broken("2", "undecodable", "\ufffd\ufffd", 3),
    ]


def test_what_is_no_text_is_kept_aside_as_a_file() -> None:
    [found] = read(bytes(range(256)) * 9, "txt")
    assert isinstance(found, Broken) and found.reason == "unknown_encoding"


def test_tagged_text_by_line_and_by_article() -> None:
    plain = "甲/n  乙/n\n丙/n\n".encode()
    assert read(plain, "txt", markup="pku_tagged", document="line") == [Document("1", "甲乙"), Document("2", "丙")]
    assert read(plain, "txt", markup="pku_tagged", document="file") == [Document("1", "甲乙\n丙")]
    numbered = "\n19980101-01-001-001/m  甲/n\n\n19980101-01-001-002/m  乙/n\n19980101-01-002-001/m  丙/n\n".encode()
    for document in ("line", "file", "paragraph"):
        assert read(numbered, "txt", markup="pku_tagged", document=document) == [
            Document("2", "甲\n乙"),
            Document("5", "丙"),
        ]
    assert read(b"\n\n", "txt", markup="pku_tagged") == []


def test_broken_rows_of_jsonl_are_counted_and_kept_aside() -> None:
    rows = [
        '{"text": "好评"}',
        "",
        '{"text": "half',
        "[1, 2]",
        '{"other": 1}',
        '{"text": 5}',
        '{"text": "电话13812345678", "broken": ',
        "[" * 3000,
        '{"text": "' + "1" * 5000 + '", "n": ' + "9" * 5000 + "}",
        '{"content": "正文"}',
    ]
    found = read("\n".join(rows).encode(), "jsonl")
    assert [row for row in found if isinstance(row, Document)] == [Document("1", "好评"), Document("10", "正文")]
    broken = [row for row in found if isinstance(row, Broken)]
    assert [(row.row, row.reason) for row in broken] == [
        ("3", "not_json"),
        ("4", "not_an_object"),
        ("5", "no_text_field"),
        ("6", "text_is_not_text"),
        ("7", "not_json"),
        ("8", "not_json"),
        ("9", "not_json"),
    ]
    assert "〔手机号〕" in broken[4].excerpt and all(len(row.excerpt) <= 200 for row in broken)


def test_what_utf8_cannot_hold_and_nul_do_not_come_back() -> None:
    assert read(b'{"text": "a\\ud83d\\u0000b"}', "jsonl") == [Document("1", "a\ufffdb")]
    assert read(b'{"text": "\\ud83d\\ude00"}', "jsonl") == [Document("1", "\U0001f600")]
    assert read("甲\x00乙".encode(), "txt") == [Document("1", "甲乙")]


def test_a_named_field_is_the_only_one_asked() -> None:
    assert read('{"text": "甲", "标题": "乙"}'.encode(), "jsonl", text_field="标题") == [Document("1", "乙")]
    [found] = read('{"text": "甲"}'.encode(), "jsonl", text_field="标题")
    assert isinstance(found, Broken) and found.reason == "no_text_field"


def test_csv_with_quotes_newlines_tabs_and_short_rows() -> None:
    data = 'id,text\n1,"甲,乙\n丙"\n2\n\n3,丁\n'.encode()
    assert read(data, "csv") == [
        Document("3", "甲,乙\n丙"),
        Broken("4", "no_text_field", "2"),
        Document("6", "丁"),
    ]
    assert read("id\t正文\n1\t甲,乙\n".encode(), "csv") == [Document("2", "甲,乙")]
    assert read("编号;正文\n1;甲".encode("gb18030"), "csv", text_field="正文", encoding="gb18030") == [
        Document("2", "甲")
    ]
    assert read(b"", "csv") == []


def test_csv_with_a_broken_line_and_an_open_quote() -> None:
    found = read(b"text\nok\n\xff\nlast\n", "csv", encoding="utf-8")
    assert [row.text for row in found if isinstance(row, Document)] == ["ok", "last"]
    assert [row for row in found if isinstance(row, Broken)] == [Broken("3", "undecodable", "\ufffd", 8)]
    assert read(b"te\rxt,text\na\rb,c\rd\n", "csv") == [Document("2", "c d")]
    assert read(b'"na\nme",text\n1,ok\n', "csv") == [Document("3", "ok")]
    swallowed = read(b'text\nfirst\n"open\n' + b"x" * 90 + b"\n" + b"after\n" * 40, "csv", limit=100)
    assert swallowed[0] == Document("2", "first")
    assert any(isinstance(row, Broken) and row.reason == "too_large" for row in swallowed)
    assert swallowed[-1] == Document("44", "after")


@given(st.lists(TEXT.filter(lambda text: "\r" not in text), min_size=1, max_size=6))
def test_csv_reads_what_csv_writes(texts: list[str]) -> None:
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(["id", "text"])
    writer.writerows([[place, text] for place, text in enumerate(texts)])
    found = read(target.getvalue().encode(), "csv", encoding="utf-8")
    assert [row.text for row in found if isinstance(row, Document)] == texts


@given(st.lists(TEXT, max_size=6))
def test_jsonl_reads_what_json_writes(texts: list[str]) -> None:
    data = "\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts).encode()
    assert [row.text for row in read(data, "jsonl", encoding="utf-8") if isinstance(row, Document)] == texts


@given(st.lists(TEXT | st.none(), max_size=9))
def test_parquet_reads_what_arrow_writes(texts: list[str | None]) -> None:
    found = read(parquet(pa.array(texts, pa.string())), "parquet")
    assert [row.text if isinstance(row, Document) else None for row in found] == texts
    assert [row.row for row in found] == [str(number) for number in range(1, len(texts) + 1)]


def test_parquet_of_other_types_and_bad_bytes() -> None:
    bad = pa.array([b"ok", b"\xff"]).cast(pa.binary()).view(pa.string())
    assert read(parquet(bad), "parquet") == [Document("1", "ok"), Broken("2", "undecodable", "\ufffd")]
    assert read(parquet(pa.array(["甲", "甲"]).dictionary_encode()), "parquet") == [
        Document("1", "甲"),
        Document("2", "甲"),
    ]
    assert read(parquet(pa.array(["甲"], pa.large_string())), "parquet") == [Document("1", "甲")]
    assert read(parquet(pa.array([1])), "parquet") == [Broken("1", "text_is_not_text", "")]
    [found] = read(parquet(pa.array(["好" * 50])), "parquet", limit=100)
    assert isinstance(found, Broken) and found.reason == "too_large"
    whole = parquet(pa.array(["甲" * 1000, "乙" * 1000]))
    assert read(whole[:-10], "parquet") == [Broken("0", "not_parquet", "", 0)]
    damaged = bytearray(whole)
    damaged[20:40] = b"\xff" * 20
    assert all(isinstance(row, Broken) for row in read(bytes(damaged), "parquet")[-1:])


@pytest.mark.parametrize(("data", "format"), [(b"a,b\n1,2\n", "csv"), (parquet(pa.array(["x"]), "col"), "parquet")])
def test_a_table_without_a_text_column_is_an_error_that_names_the_columns(data: bytes, format: FileFormat) -> None:
    with pytest.raises(Invalid) as caught:
        read(data, format)
    assert caught.value.code == "no_text_field"
    assert caught.value.hint and ("a, b" in caught.value.hint.en or "col, other" in caught.value.hint.en)


def test_html_is_one_document() -> None:
    page = "<html><body><nav>首页</nav><p>正文一</p>\n<p>正文二</p></body></html>"
    assert read(page.encode("gb18030"), "html", encoding="gb18030") == [Document("1", "正文一\n\n正文二")]
    assert read(b"<p>x</p><![bad[", "html")[0][0] == "1"


def test_packs_hold_files_of_every_format(tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    write_zip(
        pack,
        {
            "a.txt": "甲".encode(),
            "b/c.jsonl": '{"text": "乙"}\nbroken'.encode(),
            "d.html": "<body><article><p>丙</p></article>".encode(),
            "e.bin": b"",
        },
    )
    assert read(pack.read_bytes(), "pack") == [
        Document("1.1", "甲", "a.txt"),
        Document("2.1", "乙", "b/c.jsonl"),
        Broken("2.2", "not_json", "broken", url="b/c.jsonl"),
        Document("3.1", "丙", "d.html"),
        Broken("4", "unknown_format", "", url="e.bin"),
    ]
    assert read(b"no zip", "pack") == [Broken("0", "not_a_pack", "", 0)]


@pytest.mark.parametrize("document", ["line", "paragraph", "file"])
def test_a_document_above_the_limit_is_kept_aside(document: str) -> None:
    data = ("短\n\n" + "长" * 60 + "\n\n短\n").encode()
    found = read(data, "txt", limit=100, document=document)
    assert any(isinstance(row, Broken) and row.reason == "too_large" for row in found)
    assert [row.text for row in found if isinstance(row, Document)] == ([] if document == "file" else ["短", "短"])


def zipped(data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.jsonl", data)
    return target.getvalue()


@given(
    st.binary(max_size=200),
    st.sampled_from(["txt", "jsonl", "csv", "html", "parquet", "pack"]),
    st.sampled_from(["line", "paragraph", "file"]),
    st.sampled_from([None, "utf-8", "utf-16", "gb18030", "big5"]),
    st.sampled_from(["plain", "pku_tagged"]),
)
def test_any_bytes_in_any_format(data: bytes, format: FileFormat, document: Any, encoding: Any, markup: Any) -> None:
    for given_data in (data, zipped(data)) if format == "pack" else (data,):
        try:
            found = read(given_data, format, limit=64, document=document, encoding=encoding, markup=markup)
        except Invalid as error:
            assert error.code == "no_text_field"
        else:
            assert all(isinstance(row, (Document, Broken)) for row in found)
            for row in found:
                if isinstance(row, Broken):
                    assert len(row.excerpt) <= 200
                    row.excerpt.encode("utf-8")


@pytest.mark.parametrize("format", ["txt", "jsonl", "csv", "html"])
def test_a_single_line_of_hundreds_of_megabytes_is_never_loaded(tmp_path: Path, format: FileFormat) -> None:
    # Sparse: it costs no disk. The promise is for 2 GB; memory does not depend on the length.
    path = tmp_path / "huge"
    with path.open("wb") as target:
        target.write(b"text\n" if format == "csv" else b"")
        target.seek(300 << 20)
        target.write(b"\nlast\n")
    tracemalloc.start()
    with path.open("rb") as stream:
        reader = FileReader(Reading(document="line"), limit=16 << 20)
        found = list(reader.read(stream, format))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(found[0], Broken) and found[0].reason == "too_large"
    assert peak < 64 << 20
