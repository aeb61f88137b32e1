"""Widths, line ends and tables for Chinese and English text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.cli.text import clean, clip, pad, pairs, table, width, wrap

TEXTS = st.text(st.sampled_from(list("abc de清洗语料，。（）《》\n—9\u0301")), max_size=80)


@pytest.mark.parametrize(("text", "columns"), [("", 0), ("abc", 3), ("清洗", 4), ("a清", 3), ("e\u0301", 1), ("，", 2)])
def test_width_counts_columns(text: str, columns: int) -> None:
    assert width(text) == columns


@given(TEXTS, st.integers(4, 40))
def test_wrapping_loses_nothing_but_spaces_and_fits(text: str, columns: int) -> None:
    lines = wrap(text, columns)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(width(line) <= columns for line in lines)


@pytest.mark.parametrize("columns", range(8, 40))
def test_no_line_begins_with_closing_or_ends_with_opening_punctuation(columns: int) -> None:
    text = "清洗（去重），并脱敏。把《办法》第十七条：写入报告！再看“评估”。"
    for line in wrap(text, columns):
        assert line[0] not in "，。：！）》”"
        assert line[-1] not in "（《“"


def test_pairs_align_by_width_and_a_long_left_has_its_own_line() -> None:
    lines = pairs([("语料", "甲乙丙丁"), ("ab", "cd"), ("x" * 40, "y")], 80, most=6)
    assert lines == ["  语料    甲乙丙丁", "  ab      cd", "  " + "x" * 40, "          y"]


def test_a_table_aligns_wide_and_narrow_cells() -> None:
    assert table(["名", "n"], [["语料", "1"], ["ab", "22"]]) == ["名    n", "语料  1", "ab    22"]


@given(TEXTS, st.integers(2, 30))
def test_clip_and_pad_keep_to_the_columns(text: str, columns: int) -> None:
    line = text.replace("\n", " ")
    assert width(clip(line, columns)) <= columns
    assert width(pad(clip(line, columns), columns)) == columns


def test_control_characters_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in clean("\x1b[2J白屏\x07") and "\u202e" not in clean("\u202egnp.exe")
    assert clean("一行\n两行\t") == "一行\n两行\t"
