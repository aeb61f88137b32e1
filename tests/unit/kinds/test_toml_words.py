"""Faults of TOML files are told in both languages, with the place and the line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from quanheng.kinds import toml_words
from quanheng.kinds.toml_words import TomlFault, parse_toml

HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize(
    ("text", "place", "en", "zh"),
    [
        ('a = 1\n\nb "x"\n', "line 3, column 3", "expected '=' after a key", "键的后面应为等号"),
        ("a = “文本”\n", "line 1, column 5", "invalid value (full-width marks: “”)", "全角符号 “”，应为半角"),
        ('a = "x" b = 2', "line 1, column 9", "expected newline", "一行只能写一项"),
        ("a = [1, 2", "at its end", "unclosed array", "缺少结束的 ]"),
        ("[[steps]\nuse = 1", "line 1, column 8", "expected ']]'", "表名的末尾应有 ]]"),
        ("a = 1\na = 2\nb = 1", "line 2, column 6", "cannot overwrite a value", "已经有值"),
        ('a = "\\d"', "line 1, column 8", "unescaped", "反斜杠"),
        ("名称 = 1", "line 1, column 1", "invalid statement", "不是 键 = 值"),
        ("a = 2026-02-30", "line 1, column 5", "invalid date", "日期或时间无效"),
    ],
)
def test_a_fault_says_where_what_and_the_line(text: str, place: str, en: str, zh: str) -> None:
    with pytest.raises(TomlFault) as caught:
        parse_toml(text)
    told = caught.value.text
    assert place in told.en and en in told.en and zh in told.zh
    if place.startswith("line "):
        row, column = re.findall(r"\d+", place)
        line = text.split("\n")[int(row) - 1].strip()
        assert told.en.endswith(f"the line is: {line}") and told.zh.endswith(f"该行为：{line}")
        assert f"第 {row} 行第 {column} 列" in told.zh
    assert not re.search("[Ee]xpected|[Ii]nvalid|[Uu]nclosed|Cannot", told.zh.split("；")[0])


def test_everything_tomllib_says_is_told_in_chinese() -> None:
    """Whatever the parser of this Python raises begins like one of the sentences that are known."""
    source = (Path(tomllib.__file__).parent / "_parser.py").read_text("utf-8")
    said = re.findall(
        r"""(?:suffixed_err|TOMLDecodeError)\(\s*(?:src|msg)?,?\s*(?:new_)?pos,\s*f?"((?:[^"\\]|\\.)*)\"""", source
    )
    assert len(said) > 15
    for sentence in said:
        begins = sentence.replace("\\\\", "\\").split("{")[0].strip()
        assert any(begins.startswith(known) or known.startswith(begins) for known in toml_words._SAID), sentence


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfa = 1\r\n\tb = 'x'\r\n", "\ufeffa = 1\n\tb = 'x'"])
def test_marks_line_ends_and_tabs_are_no_fault(data: str | bytes) -> None:
    assert parse_toml(data) == {"a": 1, "b": "x"}


def test_a_line_of_a_file_with_windows_line_ends_is_the_right_one() -> None:
    with pytest.raises(TomlFault) as caught:
        parse_toml("a = 1\r\nb 2\r\nc = 3\r\n")
    assert caught.value.text.en.startswith("line 2,") and caught.value.text.en.endswith(": b 2")


def test_other_encodings_and_numbers_without_end_are_faults() -> None:
    with pytest.raises(TomlFault) as caught:
        parse_toml("a = '中文'".encode("gb18030"))
    assert "byte 5 is not UTF-8" in caught.value.text.en and "另存为 UTF-8" in caught.value.text.zh
    with pytest.raises(TomlFault):
        parse_toml("a = " + "1" * 5000)
    with pytest.raises(TomlFault):
        parse_toml("a = " + "[" * 100_000)


def test_fractions_become_what_is_asked() -> None:
    assert parse_toml("a = 0.50", str) == {"a": "0.50"} and parse_toml("a = 0.50") == {"a": 0.5}


def test_a_long_line_is_cut() -> None:
    with pytest.raises(TomlFault) as caught:
        parse_toml("a " + "x" * 1000)
    assert len(caught.value.text.en) < 250 and caught.value.text.en.endswith("…")
    assert HAN.search(caught.value.text.zh)
