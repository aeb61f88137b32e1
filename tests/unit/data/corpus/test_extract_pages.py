"""Text of pages: boilerplate goes, tables become Markdown, single characters and lists stay, no page is too much."""

from __future__ import annotations

import doctest
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.data.corpus import extract as module
from quanheng.data.corpus.extract import MOST_DEPTH, Mode, decode_page, extract, markdown_table
from quanheng.data.corpus.html import nesting
from quanheng.errors import Invalid

CORPUS = Path(__file__).parents[5] / "shared" / "data" / "corpus"
LONG = "这家店的菜很好吃，下次还会再来，推荐给大家。" * 4
PAGE = f"""<html><head><title>点评</title><script>var x = "坏";</script><style>p {{}}</style></head><body>
<nav><ul><li><a href="/">首页</a></li><li><a href="/b">频道</a></li></ul></nav>
<article><h1>一家店</h1><p>{LONG}</p><p>在<b>中</b>间</p><ul><li>甲</li><li>乙乙</li></ul>
<table><tr><th>菜</th><th>价</th></tr><tr><td>鱼|虾</td><td>20<br>元</td></tr></table><p>{LONG}</p></article>
<footer>版权所有</footer></body></html>"""
MODES: tuple[Mode, ...] = ("fast", "precise", "all")


@pytest.mark.parametrize("mode", MODES)
def test_the_text_stays_and_code_goes(mode: Mode) -> None:
    text = extract(PAGE, mode)
    assert text.count(LONG) == 2 and "坏" not in text and "p {" not in text
    assert "中" in text and "乙乙" in text and "甲" in text
    assert ("版权所有" in text) == ("首页" in text) == (mode == "all")


def test_fast_keeps_single_characters_lists_and_tables() -> None:
    text = extract(PAGE)
    assert "在中间" in text and "\u2060" not in text
    assert "• 甲\n• 乙乙" in text
    assert "| 菜 | 价 |\n| --- | --- |\n| 鱼\\|虾 | 20元 |" in text.replace("20 元", "20元")


def test_precise_gives_tables_as_markdown_too() -> None:
    assert "| 菜 | 价 |" in extract(PAGE, "precise").replace("|菜|价|", "| 菜 | 价 |")


def test_the_title_is_kept_when_asked() -> None:
    assert extract(PAGE, title=True).startswith("点评\n\n")
    assert extract("<title>点评</title><body><article><p>点评正文很好</p></article>", title=True) == "点评正文很好"


def test_nothing_to_read_is_empty() -> None:
    for page in ("", "<html></html>", "<nav><a href=/>首页</a></nav>", "<script>x</script>", "\x00"):
        assert extract(page) == ""


def test_tables_of_layout_stay_text() -> None:
    assert markdown_table([["甲"], ["乙"]]) == "" and markdown_table([]) == "" and markdown_table([["甲", "乙"]]) == ""
    inner = "<table><tr><td>一<td>二<tr><td>三<td>四</table>"
    nested = f"<article><p>{LONG}</p><table><tr><td>{inner}</td></tr></table></article>"
    assert "| 一 | 二 |" in extract(nested)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 100_000 + "正文" + "</div>" * 100_000,
        "<div>" * 100_000 + "正文",
        "<div><!--</div>-->" * 30_000 + "正文",
        "<div a='</div>'>" * 30_000 + "正文",
        "<b><div></b>" * 20_000 + "正文",
        "<table><tr><td>" * 30_000 + "正文",
        "".join(f"<font a={number}>" for number in range(3000)) + "<p>正文" * 3000,
        "正文" + '<div a="' * 50_000,
        "正文" + "<!--" * 100_000,
        "正文" + "<" * 100_000,
        "正文" + "<script>" * 50_000,
        "正文" + "<select>" * 20_000,
    ],
    ids=[
        "deep",
        "open",
        "comment",
        "quote",
        "misnested",
        "table",
        "font",
        "attribute",
        "bang",
        "less",
        "script",
        "select",
    ],
)
def test_pages_that_would_take_for_ever(page: str, mode: Mode) -> None:
    # Without the bound the first of them takes nine minutes in Resiliparse; pytest would be stopped.
    assert extract(page, mode) is not None


def test_what_is_read_without_a_tree() -> None:
    costly = module._costly
    assert costly("<div>" * 3000) and costly("<div>" * 300 + "x" * (4 << 20)) and costly("x" * (17 << 20))
    assert costly("".join(f"<font a={n}>" for n in range(200)) + "<p>" * 20_000)
    assert not costly(PAGE) and not costly("<p>x</p>" * 50_000) and not costly("<li>x" * 50_000)


def test_the_nesting_is_not_less_than_it_is() -> None:
    assert nesting("<div><p><b>x</b><p><i>y</div>") == (2, 7, 1)
    assert nesting("<div></p></span></b>" * 9).depth == 9
    assert nesting("<br><img><li>" * 999).depth == 0
    assert nesting("<!-- <div> --><script><div></script><div>").depth == 1
    assert nesting("<div>" * (MOST_DEPTH + 1)).depth > MOST_DEPTH


@given(
    st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "<nav>",
                "<table>",
                "<tr>",
                "<td>",
                "<ul>",
                "<li>",
                "</ul>",
                "<",
                "<!",
                "<!--",
                "<![",
                "-->",
                "]]>",
                "文",
                "&",
                "&#x",
                "&#55296;",
                "<br/>",
                '"',
                "<a href=x>",
                "</a>",
                "<svg>",
                "<title>",
                "\x00",
                "\ud800",
            ]
        ),
        max_size=30,
    ).map("".join),
    st.sampled_from(["fast", "all"]),
)
def test_any_markup_gives_text(page: str, mode: Mode) -> None:
    text = extract(page, mode, title=True)
    text.encode("utf-8")
    assert "\x00" not in text


_PARTS = (
    "<tr> </tr> <td> </td> <th> </th> <td/> <tbody> <thead> <caption> <col> <b> </b> <br> <pre>\n甲 </pre> <p> </p> 一"
    " a&lt;b &amp;lt; &nbsp; &quot; x<y \u3000 &#0; <x-y> </x-y> <o:p> <td.x> <h:td> <form> </form> <input> <svg><td>"
    " <script>a<td>b</script> <!--<td>--> <style>x{}</style> </svg> <math> <template><td>q</template> <plaintext>"
    " <?php?> <textarea><td></textarea> <select><option>1 <table><tr><td>内</table> <noscript><i>n</i></noscript>"
    " <title>t</title> <xmp>a</xmp> <ruby>漢<rt>kan <tr><td>三<td>四<tr><td>五<td>六"
).split(" ")
_ATTRIBUTES = ['title="a>b<td>"', "title='\"'", 'a"b=1', "a'b=1", "=x", "a=b=c nowrap", "x='&lt;&gt;'", "a=<td>", "/ x"]
_TABLES = st.lists(st.sampled_from([*_PARTS, *(f"<td {one}>" for one in _ATTRIBUTES)]), max_size=25).map("".join)


@given(_TABLES)
@settings(max_examples=300)
def test_a_table_is_read_from_its_markup_as_from_its_tree(inside: str) -> None:
    tree = module._parsed(f"<body><table>{inside}</table></body>")
    body: Any = tree.body if tree else None
    for table in list(body.query_selector_all("table")) if body is not None else []:
        if table.query_selector("table") is None:
            written = module._written_rows(table.html)
            assert written is None or written == module._rows(table)


def test_a_usual_table_is_read_from_its_markup_and_one_too_large_from_its_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = '<table class="a"><tbody><tr><td title="1 &lt; 2">一<b>二</b></td><th>a&amp;b</th></tr></tbody></table>'
    assert module._written_rows(usual) == [["一二", "a&b"]]
    for other in ("<!-- -->", "<script>1</script>", '<svg viewBox="0"></svg>', '<i =="1"></i>', "<td>三</td>"):
        assert module._written_rows(usual.replace("二", other)) is None
    monkeypatch.setattr(module, "_MOST_WALKED", 11)
    assert module._written_rows(usual) is None


def test_encodings_of_pages() -> None:
    page = f"<html><head><meta charset='GB2312'></head><body>{LONG}</body></html>"
    assert decode_page(page.encode("gbk")) == (page, "gb18030")
    assert decode_page(page.encode()) == (page, "utf-8")
    assert decode_page(page.encode("utf-16")) == (page, "utf-16-le")
    assert decode_page(LONG.encode("gbk")) == (LONG, "gb18030")
    assert decode_page("這個檔案的內容".encode("big5"), "Big5")[1] == "big5"
    assert decode_page("カタカナ".encode("cp932"), "shift_jis") == ("カタカナ", "cp932")
    assert decode_page("déjà vu".encode("cp1252"), "ISO-8859-1") == ("déjà vu", "cp1252")
    assert decode_page(LONG.encode("gbk") + b"\xff", "gb2312") == (LONG + "\ufffd", "gb18030")
    assert decode_page(LONG.encode("gbk"), "rot13")[1] == "gb18030"  # not every codec of Python is an encoding
    with pytest.raises(Invalid):
        decode_page(bytes(range(256)) * 9)


@given(
    st.binary(max_size=200), st.sampled_from([None, "gbk", "big5", "utf-8", "euc-jp", "hz-gb-2312", "iso-2022-jp", "x"])
)
def test_any_bytes_of_a_page(data: bytes, charset: str | None) -> None:
    for head in (b"", b"<meta charset=gbk>", b'<meta http-equiv=x content="text/html; charset=koi8-r">'):
        try:
            text, _ = decode_page(head + data, charset)
        except Invalid as error:
            assert error.code == "unknown_encoding"
        else:
            assert isinstance(text, str)


def test_real_pages_lose_their_frame_and_keep_their_text() -> None:
    path = CORPUS / "libreoffice_help_html_cn_tw.jsonl.zst"
    if not path.exists():
        pytest.skip("the corpus files are not here")
    zstandard = pytest.importorskip("zstandard")
    with path.open("rb") as stream:
        rows = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(stream), "utf-8")
        pages = [json.loads(row)["html"] for _, row in zip(range(200), rows, strict=False)]
    texts = [extract(page) for page in pages]
    assert sum(not text for text in texts) <= 2
    assert not any("Help content debug info" in text for text in texts)
    assert sum("| --- |" in text for text in texts) > 20


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0
