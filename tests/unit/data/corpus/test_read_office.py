"""Word and PDF: paragraphs, tables, and the reason for whatever has no text; bombs are not opened."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.data.corpus.samples import docx, paragraph, pdf, xlsx, zipped

from quanheng.data.corpus import zips
from quanheng.data.corpus.lines import Broken, Document
from quanheng.data.corpus.read import FileReader
from quanheng.kinds.sources import FileFormat, Reading

pytest.importorskip("pypdfium2")


def read(data: bytes, format: FileFormat, limit: int = 1 << 20) -> list[Document | Broken]:
    return list(FileReader(Reading(), limit=limit).read(io.BytesIO(data), format))


def reason(data: bytes, format: FileFormat, **rest: Any) -> str:
    [found] = read(data, format, **rest)
    assert isinstance(found, Broken)
    return found.reason


def cell(text: str) -> str:
    return f"<w:tc>{paragraph(text)}</w:tc>"


def test_word_paragraphs_and_tables() -> None:
    table = f"<w:tbl><w:tr>{cell('甲')}{cell('乙')}</w:tr><w:tr>{cell('一|')}{cell('二')}</w:tr></w:tbl>"
    body = (
        paragraph("第一段")
        + "<w:p><w:r><w:t>左</w:t><w:tab/><w:t>右</w:t><w:br/><w:t>下</w:t></w:r></w:p>"
        + table
        + "<w:p><w:del><w:r><w:delText>删</w:delText><w:t>删</w:t></w:r></w:del>"
        + "<w:r><w:instrText>PAGE</w:instrText></w:r></w:p>"
        + "<w:p><w:r><w:t>&lt;末&gt;</w:t></w:r></w:p>"
    )
    wanted = "第一段\n左\t右\n下\n| 甲 | 乙 |\n| --- | --- |\n| 一\\| | 二 |\n<末>"
    assert read(docx(body), "docx") == [Document("1", wanted)]
    outer = f"<w:tc>{table}{paragraph('外')}</w:tc>{cell('丙')}</w:tr><w:tr>{cell('丁')}{cell('戊')}"
    nested = f"<w:tbl><w:tr>{outer}</w:tr></w:tbl>"
    [found] = read(docx(nested), "docx")
    assert isinstance(found, Document) and "| 甲 乙 一| 二 外 | 丙 |".replace("一|", "一\\|") in found.text


def test_word_that_has_no_text_and_why() -> None:
    assert reason(b"PK no zip", "docx") == "not_a_zip"
    assert reason(zipped({"a.txt": "x"}), "docx") == "not_docx"
    assert reason(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "docx") == "encrypted"
    assert reason(docx(""), "docx") == "no_text"
    assert reason(docx("<w:p>"), "docx") == "damaged_docx"
    assert reason(docx(paragraph("好" * 100)), "docx", limit=50) == "too_large"
    assert reason(docx("<w:r>" * 5000 + "</w:r>" * 5000), "docx") == "damaged_docx"


def test_xml_bombs_are_not_opened() -> None:
    lol = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    assert reason(docx(paragraph("&b;"), before=lol), "docx") == "xml_with_entities"
    padded = "<!-- " + "x" * 200_000 + " -->" + lol  # far from the beginning
    assert reason(docx(paragraph("x"), before=padded), "docx") == "xml_with_entities"
    sheet = xlsx([["text"], ["甲"]])
    parts = dict(members(sheet))
    name = next(name for name in parts if name.endswith("sheet1.xml"))
    parts[name] = lol.encode() + parts[name]
    assert reason(zipped(parts), "xlsx") == "xml_with_entities"


def members(data: bytes) -> dict[str, bytes]:
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_zip_bombs_are_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    big = docx(paragraph("0" * (32 << 20)))
    assert reason(big, "docx", limit=64 << 20) == "decompression_bomb"
    monkeypatch.setattr(zips, "MOST_PARTS", 3)
    assert reason(zipped({f"{number}": "x" for number in range(4)}), "docx") == "decompression_bomb"
    monkeypatch.setattr(zips, "MOST_PART_BYTES", 10)
    assert reason(docx(paragraph("x")), "docx") == "decompression_bomb"


def test_pdf_pages_are_joined() -> None:
    assert read(pdf("hello world", "page two"), "pdf") == [Document("1", "hello world\n\npage two")]


def test_pdf_that_has_no_text_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reason(pdf("", "", ""), "pdf") == "no_text_layer"
    assert reason(b"%PDF-1.4 nothing", "pdf") == "not_pdf"
    assert reason(b"", "pdf") == "not_pdf"
    assert reason(pdf("secret", encrypted=True), "pdf") == "encrypted"
    assert reason(pdf("hello world" * 20), "pdf", limit=50) == "too_large"
    monkeypatch.setattr("quanheng.data.corpus.read_office.PDF_MOST_PAGES", 1)
    assert reason(pdf("hello", "world"), "pdf") == "too_large"
    monkeypatch.setattr("quanheng.data.corpus.read_office.PDF_MOST_BYTES", 10)
    assert reason(pdf("hello"), "pdf") == "too_large"


WHOLE = {"docx": docx(paragraph("甲乙丙")), "pdf": pdf("hello world"), "xlsx": xlsx([["text"], ["甲"]])}


@settings(max_examples=60)
@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 10**6), st.binary(max_size=9), st.booleans())
def test_any_damage(name: str, at: int, new: bytes, cut: bool) -> None:
    data = WHOLE[name]
    at %= len(data)
    damaged = data[:at] + new + (b"" if cut else data[at + len(new) :])
    for row in read(damaged, name):  # type: ignore[arg-type]  # one of the formats
        assert isinstance(row, (Document, Broken))
