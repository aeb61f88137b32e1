"""Large files of lines in parts: every line once, numbered as in the whole, whatever the encoding."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus import build, run_here, shipped_recipe
from quanheng.data.corpus import parts as parts_module
from quanheng.data.corpus.lines import Broken, Document
from quanheng.data.corpus.parts import can_split, open_part, split
from quanheng.data.corpus.read import FileReader
from quanheng.kinds.sources import Reading
from quanheng.store import LocalObjects, MemoryCache

from .conftest import MakeSource


@given(lines=st.lists(st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=30), max_size=60))
def test_parts_are_the_file(lines: list[str]) -> None:
    data = "\n".join(lines).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_module, "PART_BYTES", 40)
        patch.setattr(parts_module, "_CHUNK", 16)
        parts = split(io.BytesIO(data))
    found = [open_part(io.BytesIO(data), part).read() for part in parts]
    if parts:
        assert b"".join(found) == data
    for part, piece in zip(parts, found, strict=True):
        assert part.first_line == data[: part.start].count(b"\n") + 1
        assert part.end == len(data) or piece.endswith(b"\n")


@pytest.mark.parametrize(
    "data", [b"", b"\x1f\x8b rest", b"\x28\xb5\x2f\xfd rest", "中文\n".encode("utf-16"), bytes(range(256))]
)
def test_what_must_be_read_whole(data: bytes) -> None:
    assert split(io.BytesIO(data)) == []


def test_only_lines_that_mean_something_alone_are_cut() -> None:
    big = parts_module.SPLIT_FROM_BYTES + 1
    assert can_split("jsonl", Reading(), big) and can_split("txt", Reading(document="line"), big)
    assert not can_split("jsonl", Reading(), big - 1) and not can_split("csv", Reading(), big)
    assert not can_split("txt", Reading(), big) and not can_split(
        "txt", Reading(document="line", markup="pku_tagged"), big
    )
    assert not can_split("jsonl", Reading(encoding="utf-16"), big)


def test_a_window_seeks_like_a_file() -> None:
    window = open_part(io.BytesIO(b"0123456789"), parts_module.Part(start=2, end=7, first_line=1, encoding="utf-8"))
    assert window.read() == b"23456" and window.seek(-2, io.SEEK_END) == 3 and window.read(9) == b"56"
    assert window.seek(1) == 1 and window.read(1) == b"3" and window.tell() == 2 and window.read(0) == b""


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_build_of_parts_is_the_build_of_the_whole(
    make_source: MakeSource, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    rows = [
        json.dumps(
            {"text": f"第{n}条评论说这件商品质量{'很好' if n % 3 else '一般'}，编号{n * n}。"}, ensure_ascii=False
        )
        for n in range(200)
    ]
    rows[50], rows[120] = "{broken", rows[119]
    source = make_source({"a.jsonl": "\n".join(rows).encode(encoding)})

    def run() -> Any:
        return build([source], shipped_recipe("web-zh"), objects, MemoryCache(), lambda done, total: None, run_here)

    whole = run()
    monkeypatch.setattr(parts_module, "SPLIT_FROM_BYTES", 100)
    monkeypatch.setattr(parts_module, "PART_BYTES", 3000)
    monkeypatch.setattr(parts_module, "_CHUNK", 512)
    cut = run()
    assert cut.model == whole.model
    assert {layer.title: layer.digest for layer in cut.layers} == {layer.title: layer.digest for layer in whole.layers}


def test_a_line_of_a_part_is_told_by_its_place_in_the_file() -> None:
    reading = Reading(document="line", encoding="utf-8")
    reader = FileReader(reading, bytes_before=100, lines_before=7)
    found = list(reader.read(io.BytesIO("\ufeff第一行\n".encode() + b"\xff\xff\n" + "第三行".encode()), "txt"))
    assert [one.row for one in found] == ["8", "9", "10"]
    assert found[0] == Document("8", "第一行") and isinstance(found[1], Broken)
    assert found[1].byte == 100 + len("\ufeff第一行\n".encode())
