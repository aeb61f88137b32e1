"""Counts over characters, pieces and lines: against single characters and sets, compiled and plain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.text import quality
from quanheng.text.script import chinese_form, count_letters, form_of


def codes(texts: Sequence[str]) -> tuple[Any, Any]:
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32), offsets


WORDS = st.lists(st.sampled_from(["好评", "a b", "\n", "\n\n", " ", "• ", "。", "”", "這", "1️", "\r", "\x1c", "か"]))
TEXTS = st.lists(st.one_of(st.text(max_size=40), WORDS.map("".join), WORDS.map(lambda parts: "".join(parts) * 9)))
FUNCTIONS = [quality.count_characters, quality.count_repeated_pieces, quality.count_lines]


@given(TEXTS)
def test_characters_are_counted_as_the_script_rule_counts_them(texts: list[str]) -> None:
    counts = quality.count_characters(*codes(texts))
    for row, text in enumerate(texts):
        letters = count_letters(text)
        assert (counts.letter[row], counts.han[row], counts.foreign[row]) == (
            letters.letters,
            letters.han,
            letters.foreign,
        )
        assert counts.characters[row] == len(text)
        assert counts.blank[row] == sum(character.isspace() for character in text)
        assert counts.digit[row] == sum(character.isdecimal() for character in text)
        assert form_of(int(counts.simplified[row]), int(counts.traditional[row])) == chinese_form(text)


@settings(deadline=None)
@given(TEXTS)
def test_compiled_and_plain_counts_are_equal(texts: list[str]) -> None:
    pytest.importorskip("numba")
    given = codes(texts)
    compiled = [function(*given) for function in FUNCTIONS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quality, "kernels", lambda: None)
        plain = [function(*given) for function in FUNCTIONS]
    for one, other in zip(compiled, plain, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_lines_of_one_length_are_told_apart() -> None:
    text = "\n\n".join(f"第{n:04d}行甲乙" for n in range(2000))
    lines = quality.count_lines(*codes([text]))
    assert (lines.lines[0], lines.repeated_line_characters[0], lines.repeated_paragraph_characters[0]) == (2000, 0, 0)


def test_long_texts_have_equal_repetition_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    texts = ["".join(map(chr, rng.integers(0x4E00, 0x4E00 + span, 30_000))) for span in (2, 4, 1000)]
    compiled = quality.count_repeated_pieces(*codes(texts))
    monkeypatch.setattr(quality, "kernels", lambda: None)
    plain = quality.count_repeated_pieces(*codes(texts))
    np.testing.assert_array_equal(compiled, plain)
    assert compiled[0][0] > compiled[0][1] > compiled[0][2]
    assert compiled[1].tolist() == [20_000 - 7] * 3


@pytest.mark.parametrize(
    ("text", "repeated", "of"),
    [("好" * 63, 0, 0), ("好" * 64, 56, 57), ("".join(map(chr, range(0x4E00, 0x4E40))), 0, 57), ("", 0, 0)],
)
def test_repeated_pieces(text: str, repeated: int, of: int) -> None:
    assert [int(count[0]) for count in quality.count_repeated_pieces(*codes([text]))] == [repeated, of]


def test_a_batch_may_be_a_part_of_the_points() -> None:
    points, offsets = codes(["前面的", "好评", "后面"])
    assert quality.count_characters(points, offsets[1:]).han.tolist() == [2, 2]


def test_lines_and_paragraphs() -> None:
    text = "第一条　好。\n  好。”  \n好。”\n\n\t\n• 甲\n乙\n\n• 甲\n 乙\n12\n\n• 甲\n乙"
    found = quality.count_lines(*codes([text]))
    assert {name: int(counts[0]) for name, counts in found._asdict().items()} == {
        "lines": 10,
        "line_characters": 6 + 3 + 3 + (3 + 1) * 3 + 2,
        "repeated_line_characters": 3 + 4 + 4,
        "paragraph_characters": 18 + 5 + 9 + 5,
        "repeated_paragraph_characters": 5,
        "bullets": 3,
        "ended": 3,
    }


def test_common_characters_are_3755_and_the_traditional_forms_of_common_ones() -> None:
    counts = quality.count_characters(*codes(["的一是在", "這個說", "囧镲螺", "锟斤拷"]))
    assert counts.common.tolist() == [4, 3, 1, 2]
    everything = "".join(map(chr, range(0x4E00, 0xA000)))
    assert quality.count_characters(*codes([everything])).common[0] > 3755
    level_1 = re.sub(
        "[^\u4e00-\u9fff]",
        "",
        bytes(byte for lead in range(0xB0, 0xD8) for trail in range(0xA1, 0xFF) for byte in (lead, trail)).decode(
            "gb2312", "ignore"
        ),
    )
    assert len(level_1) == 3755
    assert quality.count_characters(*codes([level_1])).common[0] == 3755


def test_a_share_of_nothing_is_zero() -> None:
    assert quality.share(np.array([0, 1]), np.array([0, 4])).tolist() == [0.0, 0.25]
