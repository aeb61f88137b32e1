"""Text is put on paper letter by letter; what cannot be seen or drawn stands as its number."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.errors import Corrupt
from quanheng.oversight.report.fonts import can_show, characters, font_folder
from quanheng.oversight.report.literal import is_seen, literal

pytest.importorskip("pylopdf_fonts_zh_cn", reason="the extra [report] is not installed")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("权衡 a·b", "权衡 a·b"),
        ("a\r\nb\tc\nd", "a b c d"),
        ("a\x0bb\x00", "a[U+000B]b[U+0000]"),
        ("\u202eevil", "[U+202E]evil"),
        ("\ud800x", "[U+D800]x"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("\U0010ffff", "[U+10FFFF]"),
    ],
)
def test_literal(text: str, said: str) -> None:
    assert literal(text) == said


def test_fonts_tell_what_they_have() -> None:
    assert all(map(can_show, "权衡评估報告aÉ±≥●◆…—“”（）①"))
    assert not any(map(can_show, "😀𠮷ب\u200d\x0b\ue000"))
    assert literal("a😀𠮷", can_show) == "a[U+1F600][U+20BB7]"


@given(st.text())
def test_what_is_written_can_be_shown_and_nothing_is_lost(text: str) -> None:
    said = literal(text, can_show)
    assert all(can_show(char) for char in said)
    assert all(char in said or f"[U+{ord(char):04X}]" in said for char in text if char not in "\r\n\t")
    assert literal(said, can_show) == said


@given(st.characters())
def test_seen_follows_the_standard(char: str) -> None:
    kind = unicodedata.category(char)  # Co: a reader's font may have it
    assert is_seen(char) == (char in "\u200c\u200d" or kind == "Co" or kind[0] in "LMNPS" or kind == "Zs")


def test_all_hanzi_of_gb2312_are_there() -> None:
    found = characters(font_folder() / "NotoSansSC-Regular.otf")
    rows = (bytes([row, cell]) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    hanzi = "".join(pair.decode("gb2312", "ignore") for pair in rows)
    assert len(hanzi) == 6763  # GB/T 2312-1980
    assert {ord(char) for char in hanzi} <= found


def test_a_font_that_says_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.otf").write_bytes(b"OTTO" + bytes(8))
    with pytest.raises(Corrupt) as caught:
        characters(tmp_path / "empty.otf")
    assert caught.value.code == "font_damaged"
