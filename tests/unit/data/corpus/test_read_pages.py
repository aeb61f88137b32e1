"""Pages and WARC archives: one document per page with its address; what is cut off, too large or no page is told."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.data.corpus.samples import page, warc_record

from quanheng.data.corpus.lines import Broken, Document
from quanheng.data.corpus.read import FileReader
from quanheng.kinds.sources import FileFormat, Reading

ONE, TWO = page("第一页的正文很长。"), page("第二页的正文很长。")


def read(data: bytes, format: FileFormat = "warc", limit: int = 1 << 20, **reading: Any) -> list[Document | Broken]:
    return list(FileReader(Reading(**reading), limit=limit).read(io.BytesIO(data), format))


def texts(found: list[Document | Broken]) -> list[tuple[str, str]]:
    return [(row.url, row.text.split("\n")[-1]) for row in found if isinstance(row, Document)]


def test_pages_of_an_archive_have_addresses() -> None:
    data = (
        warc_record("", b"software: x", kind="warcinfo", content_type="application/warc-fields")
        + warc_record("http://a.example/1", ONE.encode())
        + warc_record("http://a.example/1", b"GET", kind="request", content_type="application/http")
        + warc_record("http://a.example/2", TWO.encode("gbk"), content_type="text/html; charset=gb2312")
        + warc_record("http://a.example/3", b"\x89PNG", content_type="image/png")
        + warc_record("http://a.example/4", ONE.encode(), status="404 Not Found")
        + warc_record("http://a.example/5", "纯文本".encode(), content_type="text/plain")
        + warc_record("http://a.example/6", "WET 的文本".encode(), kind="conversion", content_type="text/plain")
        + warc_record("http://a.example/7", TWO.encode(), kind="resource", content_type="text/html")
    )
    wanted = [
        ("http://a.example/1", "第一页的正文很长。"),
        ("http://a.example/2", "第二页的正文很长。"),
        ("http://a.example/5", "纯文本"),
        ("http://a.example/6", "WET 的文本"),
        ("http://a.example/7", "第二页的正文很长。"),
    ]
    assert texts(read(data)) == wanted
    assert [row.row for row in read(data)] == ["2", "4", "7", "8", "9"]
    records = gzip.compress(data[:700]) + gzip.compress(data[700:])
    assert read(records) == read(data)
    reader = FileReader(Reading())
    list(reader.read(io.BytesIO(data), "warc"))
    assert reader.encodings == {"utf-8": 4, "gb18030": 1}


def test_codings_of_http_are_undone() -> None:
    body = ONE.encode()
    chunked = b"%x\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\n\r\n" % (30, body[:30], len(body) - 30, body[30:])
    for sent, headers in [
        (chunked, "Transfer-Encoding: chunked\r\n"),
        (body, "Transfer-Encoding: chunked\r\n"),  # the crawler took the chunks out and kept the header
        (gzip.compress(body), "Content-Encoding: gzip\r\n"),
        (body, "Content-Encoding: gzip\r\n"),
        (zlib.compress(body), "Content-Encoding: deflate\r\n"),
        (zlib.compress(body)[2:-4], "Content-Encoding: deflate\r\n"),
    ]:
        assert texts(read(warc_record("u", sent, headers=headers))) == [("u", "第一页的正文很长。")], headers
    [found] = read(warc_record("u", b"\x0b", headers="Content-Encoding: br\r\n"))
    assert isinstance(found, Broken) and found.reason == "unknown_coding"


def test_a_page_that_inflates_without_end_is_too_large() -> None:
    bomb = gzip.compress(b"<p>" * (4 << 20))
    [found] = read(warc_record("u", bomb, headers="Content-Encoding: gzip\r\n"))
    assert isinstance(found, Broken) and found.reason == "too_large"


def test_an_archive_cut_off_keeps_what_was_whole() -> None:
    data = warc_record("u1", ONE.encode()) + warc_record("u2", TWO.encode())
    for whole in (data[:-60], gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :])[:-40]):
        found = read(whole)
        assert texts(found)[0] == ("u1", "第一页的正文很长。")
        assert [row.reason for row in found if isinstance(row, Broken)] == ["truncated"]


def test_what_is_no_archive_and_large_records() -> None:
    assert read(b"hello\n" * 9) == [Broken("0", "not_warc", "hello")]
    assert read(b"") == []
    data = warc_record("big", b"x" * 3000) + warc_record("u", ONE.encode())
    found = read(data, limit=1000)
    assert found[0] == Broken("1", "too_large", "big", url="big") and texts(found) == [("u", "第一页的正文很长。")]
    bad = warc_record("u", b"").replace(b"Content-Length: ", b"Content-Length: x")
    assert next(row.reason for row in read(bad) if isinstance(row, Broken)) == "not_warc"
    nothing = warc_record("u", b"<html><nav>x</nav></html>")
    assert [row.reason for row in read(nothing) if isinstance(row, Broken)] == ["no_main_text"]
    no_http = warc_record("u", ONE.encode()).replace(b"HTTP/1.1", b"PTTH/1.1")
    assert [row.reason for row in read(no_http) if isinstance(row, Broken)] == ["bad_http"]


def test_html_files() -> None:
    assert texts(read(ONE.encode(), "html")) == [("", "第一页的正文很长。")]
    named = page("déjà vu déjà vu", "<meta charset=iso-8859-1>").encode("cp1252", "xmlcharrefreplace")
    assert texts(read(named, "html")) == [("", "déjà vu déjà vu")]
    assert texts(read(ONE.encode("big5", "ignore"), "html", encoding="big5"))
    assert texts(read(ONE.encode("utf-16-le"), "html", encoding="utf-16")) == [("", "第一页的正文很长。")]
    assert read(b" \n", "html") == []
    [found] = read(b"<html><body></body></html>", "html")
    assert isinstance(found, Broken) and found.reason == "no_main_text"
    [found] = read(gzip.compress(ONE.encode())[:-20], "html")
    assert isinstance(found, Broken) and found.reason == "truncated"
    assert "标题" in read(ONE.encode(), "html", extract="all")[0][1]


def test_text_decoded_with_the_wrong_table_is_mended_or_kept_aside() -> None:
    reader = FileReader(Reading(document="line"))
    good, lost = "中文网站".encode(), "锟斤拷锟斤拷锟斤拷"
    data = f"{good.decode('latin-1')}\n{good.decode('gb18030')}\n好的好的\n{lost}".encode()
    found = list(reader.read(io.BytesIO(data), "txt"))
    assert [row.text for row in found if isinstance(row, Document)] == ["中文网站", "中文网站", "好的好的"]
    assert found[-1] == Broken("4", "mojibake", lost)
    assert reader.mended == {"utf8_as_latin1": 1, "utf8_as_gbk": 1}


def test_lines_of_another_encoding_are_read_and_counted() -> None:
    reader = FileReader(Reading(document="line"))
    lines = ["今天的会议很重要。".encode()] * 20 + [
        "第二行也是文本".encode("gb18030"),
        "這個檔案的說明".encode("big5"),
        b"\xff\xfe\xfd",
    ]
    found = list(reader.read(io.BytesIO(b"\n".join(lines)), "txt"))
    assert [row.text for row in found if isinstance(row, Document)][20:] == ["第二行也是文本", "這個檔案的說明"]
    assert [row.reason for row in found if isinstance(row, Broken)] == ["undecodable"]
    assert reader.mended == {"line_as_gb18030": 1, "line_as_big5": 1}
    reader = FileReader(Reading(document="line"))
    lines = ["今天的会议很重要。".encode("gb18030")] * 20 + ["一二三四五".encode()]
    assert [row.text for row in reader.read(io.BytesIO(b"\n".join(lines)), "txt")][-1] == "一二三四五"
    assert list(reader.mended.values()) == [1]


def test_front_matter_is_taken_off() -> None:
    for fence, end in (("---", "---"), ("---", "..."), ("+++", "+++")):
        data = f"{fence}\ntitle: 甲\n\n{end}\n# 标题\n正文".encode()
        assert read(data, "markdown") == [Document("5", "# 标题\n正文")]
    for kept in ("---\n没有结束", "# 标题\n---\n正文", "---\n" + "行\n" * 300 + "---\n正文"):
        [found] = read(kept.encode(), "markdown")
        assert isinstance(found, Document) and found.text == kept.rstrip("\n")


@given(
    st.lists(
        st.sampled_from(
            [
                warc_record("u", ONE.encode()),
                b"WARC/1.0\r\n",
                b"Content-Length: 9\r\n",
                b"\r\n",
                b"HTTP/1.1 200 OK\r\n",
                b"WARC-Type: response\r\n",
                b"Content-Type: application/http\r\n",
                b"x" * 20,
                b"\x1f\x8b",
            ]
        ),
        max_size=8,
    ).map(b"".join)
)
def test_any_pieces_of_an_archive(data: bytes) -> None:
    for row in read(data):
        assert isinstance(row, (Document, Broken))


@pytest.mark.parametrize("cut", range(0, 900, 37))
def test_an_archive_cut_anywhere(cut: int) -> None:
    data = gzip.compress(warc_record("u", ONE.encode()) * 2)
    assert sum(isinstance(row, Broken) for row in read(data[:cut])) <= 1
