"""Cards say what was done and what was not; Croissant has the structure of its specification."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from quanheng.data.corpus import CorpusResult, build, run_here
from quanheng.data.corpus.cards import card
from quanheng.data.corpus.recipe import parse_recipe
from quanheng.kinds.sources import Source
from quanheng.store import LocalObjects, MemoryCache

from .conftest import MakeSource

TITLE = "标题|含竖线<script>`x`"
RECIPE = parse_recipe("""
name = "test"
title = { en = "Test", zh = "测试" }
labels = ["script"]
[[steps]]
use = "length"
[[steps]]
drop = "characters < 4"
reason = "too_short"
[[steps]]
use = "script"
[[steps]]
use = "personal_data"
[[steps]]
use = "deduplicate_exact"
""")


@pytest.fixture
def built(make_source: MakeSource, objects: LocalObjects) -> tuple[CorpusResult, list[Source]]:
    source = make_source({"a.txt": "电话13812345678，这是正文。\n第二行的正文内容。".encode()}, TITLE, document="line")
    result = build([source], RECIPE, objects, MemoryCache(), lambda done, total: None, run_here)
    return result, [source.model]


def read(result: CorpusResult, objects: LocalObjects, title: str) -> str:
    [layer] = [layer for layer in result.layers if layer.title == title]
    with objects.open(layer.digest) as stream:
        return stream.read().decode("utf-8")


def test_croissant_names_every_file_with_its_sha256(
    built: tuple[CorpusResult, list[Source]], objects: LocalObjects
) -> None:
    result, _ = built
    data: dict[str, Any] = json.loads(read(result, objects, "croissant.json"))
    assert data["@type"] == "sc:Dataset" and data["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    for name in ("name", "description", "license", "version", "@context"):
        assert data[name]
    assert not re.search(r"20\d\d-\d\d-\d\d", json.dumps(data))
    files = {item["@id"]: item for item in data["distribution"] if item["@type"] == "cr:FileObject"}
    before_cards = [layer for layer in result.layers if not layer.title.startswith(("card", "croissant"))]
    assert set(files) == {layer.title for layer in before_cards}
    for layer in before_cards:
        assert "sha256:" + files[layer.title]["sha256"] == layer.digest
        assert files[layer.title]["contentSize"] == f"{layer.size} B"
        assert files[layer.title]["encodingFormat"] and files[layer.title]["contentUrl"]
    ids = [item["@id"] for item in data["distribution"]]
    [records, _] = data["recordSet"]
    assert [field["name"] for field in records["field"]] == [
        "id",
        "source",
        "text",
        "text_digest",
        "flags",
        "url",
        "script",
    ]
    for field in records["field"]:
        assert field["@type"] == "cr:Field" and field["dataType"]
        assert field["source"]["fileSet"]["@id"] in ids
        assert field["source"]["extract"]["column"] == field["name"]


@pytest.mark.parametrize(
    ("title", "says"),
    [
        ("card.zh.md", ["训练数据说明", "剔除：过短", "手机号", "未使用词表", "近似重复仍在其中", "人工审核"]),
        (
            "card.en.md",
            ["Data card", "drop: too short", "mobile", "No lexicon was used", "near-duplicates are still here"],
        ),
    ],
)
def test_cards_say_what_was_done_and_what_was_not(
    built: tuple[CorpusResult, list[Source]], objects: LocalObjects, title: str, says: list[str]
) -> None:
    text = read(built[0], objects, title)
    for words in says:
        assert words in text
    assert built[0].model.rows_digest in text
    assert "<script>" not in text and "标题\\|含竖线" in text
    columns = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")]
    assert all(columns)


def test_tables_have_as_many_cells_as_heads(built: tuple[CorpusResult, list[Source]]) -> None:
    for language in ("zh", "en"):
        text = card(built[0].model, built[1], language)  # type: ignore[arg-type]
        for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1
