"""The People's Daily markup: words joined, tags gone, articles told."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus import tagged as module
from quanheng.data.corpus.tagged import TaggedLine, untag


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("迈向/v  充满/v  希望/n  的/u  新/a  世纪/n", TaggedLine(None, "迈向充满希望的新世纪")),
        ("19980101-01-001-001/m  迈向/v", TaggedLine("19980101-01-001", "迈向")),
        ("[中央/n  电视台/n]nt  的/u", TaggedLine(None, "中央电视台的")),
        ("朝{zhao1}/Vg  霞/Ng", TaggedLine(None, "朝霞")),
        ("Windows/nx  NT/nx  系统/n", TaggedLine(None, "Windows NT系统")),
        ("１/m  ///w  ３/m", TaggedLine(None, "１//３")),
        ("没有标记", TaggedLine(None, "没有标记")),
        ("", TaggedLine(None, "")),
        ("   ", TaggedLine(None, "")),
    ],
)
def test_lines(line: str, expected: TaggedLine) -> None:
    assert untag(line) == expected


@given(st.lists(st.text(st.characters(categories=["Lo"]), min_size=1, max_size=4), min_size=1, max_size=9))
def test_tagging_and_untagging_is_joining(words: list[str]) -> None:
    assert untag("  ".join(f"{word}/n" for word in words)).text == "".join(words)


@given(st.text(max_size=60))
def test_any_line_has_a_text(line: str) -> None:
    assert isinstance(untag(line).text, str)


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0
