"""Text of pages: navigation and scripts go, broken markup does not lose the page."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus import html as module
from quanheng.data.corpus.html import page_text


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<html><head><title>x</title></head><body><p>你好</p><p>世界</p></body></html>", "你好\n世界"),
        ("<nav>首页</nav><p>正文</p><footer>版权</footer>", "正文"),
        ("<script>var a='<p>x</p>'</script>正文<style>p{}</style>", "正文"),
        ("<p>一&nbsp;二&amp;三</p>", "一 二&三"),
        ("第一行<br>第二行<br/>第三行", "第一行\n第二行\n第三行"),
        ("<head><title>x<body><p>没有结束的头部", "没有结束的头部"),
        ("<p>未闭合<b>标签", "未闭合标签"),
        ("</script>正文", "正文"),
        ("纯文本 a < b", "纯文本 a < b"),
        ("<td>甲</td><td>乙</td>", "甲\n乙"),
        ("", ""),
    ],
)
def test_pages(page: str, expected: str) -> None:
    assert page_text(page) == expected


@given(
    st.lists(
        st.sampled_from(
            ["<p>", "</p>", "<nav>", "</nav>", "<", "<!", "<!--", "<![", "]]>", "文", "&", "&#x", "<br/>", '"']
        )
    ).map("".join)
)
def test_any_markup_gives_text_or_none(page: str) -> None:
    found = page_text(page)
    assert found is None or isinstance(found, str)


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0
