"""Small corpora from which documents are taken down, and what their layers say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

from quanheng.data.corpus import (
    AssetInput,
    CorpusResult,
    SourceInput,
    build,
    parquet_rows,
    parse_recipe,
    read_lexicon,
    run_here,
    shipped_recipe,
)
from quanheng.data.corpus.takedown import Wanted, take_down
from quanheng.kinds.corpora import Corpus
from quanheng.store import Layer, LocalObjects, MemoryCache

from .conftest import MakeSource

ROWS = [
    ("https://a.example/1", "第一篇文章讲的是城市公园里的银杏树和它们的落叶。"),
    ("https://a.example/2", "第二篇文章留下了电话13812345678，请买家联系店主。"),
    ("https://b.example/1", "第三篇文章提醒大家谨防网络诈骗，切勿向陌生人转账。"),
    ("", "第四篇文章没有网址，写的是冬天的湖面与候鸟。"),
    ("https://b.example/2", "第五篇文章介绍了一种做豆腐的传统方法，步骤不少。"),
]


Built = tuple[CorpusResult, list[SourceInput]]


def make(make_source: MakeSource, objects: LocalObjects, tmp_path: Path) -> Built:
    lines = [json.dumps({"text": text, "url": url}, ensure_ascii=False) for url, text in ROWS]
    path = tmp_path / "terms.jsonl"
    path.write_text('{"term": "诈骗", "risk": "A.1.h"}\n', "utf-8")
    _, terms = read_lexicon(path, title="t", version="1", owner="o")
    assets = {"lexicon": AssetInput("sha256:" + "1" * 64, objects.put_bytes(terms).digest)}
    sources = [
        make_source({"a.jsonl": "\n".join(lines[:3]).encode()}, "甲"),
        make_source({"b.jsonl": "\n".join(lines[3:]).encode()}, "乙"),
    ]
    recipe = shipped_recipe("web-zh").model_copy(update={"shard_bytes": 150, "row_group_rows": 1})
    return build(sources, recipe, objects, MemoryCache(), lambda done, total: None, run_here, assets), sources


def down(built: Built, objects: LocalObjects, **wanted: Any) -> tuple[Corpus, tuple[Layer, ...]]:
    result, sources = built
    return again(result.model, result.layers, sources, objects, **wanted)


def again(
    model: Corpus, layers: tuple[Layer, ...], made_of: list[SourceInput], objects: LocalObjects, **wanted: Any
) -> tuple[Corpus, tuple[Layer, ...]]:
    digests = {layer.title: layer.digest for layer in layers}

    def open_layer(title: str) -> BinaryIO:
        return objects.open(digests[title])

    models = [source.model for source in made_of]
    made, new, _ = take_down(model, layers, open_layer, Wanted(**wanted), objects, models, lambda done, total: None)
    return made, new


def rows(layers: tuple[Layer, ...], objects: LocalObjects, folder: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for layer in layers:
        if layer.title.startswith(folder):
            with objects.open(layer.digest) as stream:
                found += parquet_rows(stream)
    return found


PARK = "城市公园里的银杏树和它们的落叶，秋天一到就铺满了湖边的小路，孩子们捡起叶子夹进书里。"


#: One of each way to be quoted: kept, a copy, a copy of that with a word more, dropped for its length, not readable.
QUOTED = [
    {"text": PARK + "管理处每周清扫两次。", "url": "https://a.example/park"},
    {"text": PARK + "管理处每周清扫两回，", "url": "https://b.example/copied"},
    {"text": PARK + "管理处每周清扫两回，", "url": "https://c.example/copied-again"},
    {"text": "银杏树下见。", "url": "https://a.example/short"},
    {"text": "冬天的湖面上停着许多候鸟，它们每年从北方飞来，到了三月再飞回去，当地人都认得它们。", "url": ""},
    {"text": "豆腐的做法不难：豆子泡一夜，磨成浆，煮开以后点卤，压上重物，半天就能切块下锅。", "url": ""},
    {"text": "候鸟。", "url": "https://b.example/bird"},
]


SHORT = """
name = "t"
title = { en = "t", zh = "t" }
[[steps]]
use = "length"
[[steps]]
use = "deduplicate_exact"
[[steps]]
drop = "characters < 20"
reason = "too_short"
[[steps]]
use = "deduplicate_near"
threshold = 0.7
"""


def quoted_corpus(make_source: MakeSource, objects: LocalObjects) -> Built:
    good = [json.dumps(row, ensure_ascii=False) for row in QUOTED]
    broken = ['{"text": "银杏树的坏行', json.dumps({"text": "银杏树的另一坏行"})[:-1]]
    sources = [
        make_source({"a.jsonl": "\n".join([*good[:4], *broken]).encode()}, "甲"),
        make_source({"b.jsonl": "\n".join([*good[4:], '{"text": "候鸟的坏行']).encode()}, "乙"),
    ]
    recipe = parse_recipe(SHORT)
    return build(sources, recipe, objects, MemoryCache(), lambda done, total: None, run_here), sources


def all_text(layers: tuple[Layer, ...], objects: LocalObjects) -> str:
    """Return what all layers say, Parquet and escaped JSON read."""
    said = []
    for layer in layers:
        with objects.open(layer.digest) as stream:
            if layer.title.endswith(".parquet"):
                said.append(json.dumps(list(parquet_rows(stream)), ensure_ascii=False))
            else:
                said.append(stream.read().decode())
    return "\n".join(said).replace("\\\\u", "\\u").encode("ascii", "backslashreplace").decode("unicode_escape")


TOFU = QUOTED[5]["text"]


def corpus_of(make_source: MakeSource, objects: LocalObjects, lines: list[str], recipe: str = SHORT) -> Built:
    """Return a corpus of a source with these lines, and one of another text that always stays."""
    stays = json.dumps({"text": TOFU, "url": "https://x.example/tofu"}, ensure_ascii=False)
    sources = [make_source({"a.jsonl": "\n".join([stays, *lines]).encode()}, "甲")]
    return build(sources, parse_recipe(recipe), objects, MemoryCache(), lambda done, total: None, run_here), sources


def lines_of(layers: tuple[Layer, ...], objects: LocalObjects, title: str) -> list[dict[str, Any]]:
    [layer] = [layer for layer in layers if layer.title == title]
    with objects.open(layer.digest) as stream:
        return [json.loads(line) for line in stream]


def rejected(layers: tuple[Layer, ...], objects: LocalObjects) -> list[str]:
    return [row["excerpt"] for row in lines_of(layers, objects, "rejected.jsonl")]


def copies(make_source: MakeSource, objects: LocalObjects) -> tuple[Built, dict[str, str]]:
    """Return a corpus, and ids by name: of a kept document and of what repeats it, of a short one and its copy."""
    ends = {"kept": "两次。", "near": "两回，", "exact": "两回，", "same": "两次。"}
    texts = {name: PARK + "管理处每周清扫" + end for name, end in ends.items()}
    texts |= {"short": "银杏树下见。", "again": "银杏树下见。"}
    lines = [
        json.dumps({"text": text, "url": f"https://{name}.example/"}, ensure_ascii=False)
        for name, text in texts.items()
    ]
    built = corpus_of(make_source, objects, lines)
    begin = rows(built[0].layers, objects, "data/")[0][0].rpartition("-")[0]
    ids = {name: f"{begin}-{row}" for row, name in enumerate(texts, 2)}
    of = {row[0]: (row[3], row[5]) for row in rows(built[0].layers, objects, "decisions/")}
    assert of == {
        ids["near"]: ("near_duplicate", ids["kept"]),
        ids["exact"]: ("duplicate", ids["near"]),
        ids["same"]: ("duplicate", ids["kept"]),
        ids["short"]: ("too_short", ""),
        ids["again"]: ("duplicate", ids["short"]),
    }
    return built, ids


def without_addresses(built: Built, objects: LocalObjects) -> Built:
    """Return a corpus as an earlier version built it: without the addresses of what was dropped."""
    import io
    from dataclasses import replace

    import pyarrow.parquet as pq

    layers = []
    for layer in built[0].layers:
        if layer.title.startswith("decisions/"):
            with objects.open(layer.digest) as stream:
                table, out = pq.read_table(stream).drop_columns(["url"]), io.BytesIO()
            pq.write_table(table, out)
            stored = objects.put_bytes(out.getvalue())
            layers.append(Layer(stored.digest, stored.size, layer.media_type, layer.title))
        else:
            layers.append(layer)
    return replace(built[0], layers=tuple(layers)), built[1]
