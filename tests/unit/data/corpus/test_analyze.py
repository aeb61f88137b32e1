"""A recipe seen on a sample: the counts of its judges are those of a build, and a condition can be tried."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quanheng.data.corpus import build, run_here, shipped_recipe
from quanheng.data.corpus.analyze import Task, analyze, analyzed
from quanheng.errors import Invalid
from quanheng.store import LocalObjects, MemoryCache

from .conftest import MakeSource

TEXTS = [f"第{n}条评论：{'很好' * (n % 7)}，联系方式见店铺首页，第{n * 37}号。" for n in range(60)] + [
    "好",
    "english only",
    "★★★★",
]


def task(make_source: MakeSource, objects: LocalObjects, **rest: Any) -> Task:
    source = make_source({"a.txt": "\n".join(TEXTS).encode()}, document="line")
    layers = {title: layer.digest for title, layer in source.layers.items()}
    given = {"recipe": shipped_recipe("web-zh"), **rest}
    return Task(objects=str(objects.root), sources=((source.digest, source.model, layers),), **given)


def test_judges_take_what_a_build_drops(make_source: MakeSource, objects: LocalObjects) -> None:
    found = analyze(task(make_source, objects))
    assert found["documents"] == len(TEXTS) and found["broken_rows"] == 0
    taken = {judge["reason"]: (judge["k"], judge["n"]) for judge in found["judges"]}
    source = make_source({"a.txt": "\n".join(TEXTS).encode()}, document="line")
    model = build([source], shipped_recipe("web-zh"), objects, MemoryCache(), lambda a, b: None, run_here).model
    dropped = model.per_source[0].dropped
    # A build asks one after the other, an analysis asks each of all: it takes at least as many.
    assert all(taken[reason][0] >= n for reason, n in dropped.items() if reason in taken)
    assert taken["too_short"] == (1, len(TEXTS))
    [short] = [judge for judge in found["judges"] if judge["reason"] == "too_short"]
    assert [row["excerpt"] for row in short["taken"]] == ["好"] and short["taken"][0]["values"] == {"characters": 1}
    assert 0 < len(short["left"]) <= 8


def test_columns_are_told_by_quantiles_and_bins(make_source: MakeSource, objects: LocalObjects) -> None:
    columns = {column["name"]: column for column in analyze(task(make_source, objects))["columns"]}
    lengths = sorted(map(len, TEXTS))
    quantiles = dict(map(tuple, columns["characters"]["quantiles"]))
    assert quantiles[0] == f"{lengths[0]:.4f}" and quantiles[100] == f"{lengths[-1]:.4f}"
    assert quantiles[50] == f"{lengths[-(-len(lengths) * 50 // 100) - 1]:.4f}"
    assert sum(part[2] for part in columns["characters"]["bins"]) == len(TEXTS)
    assert dict(map(tuple, columns["script"]["values"]))["other"] >= 2


def test_a_condition_is_tried_and_a_wrong_one_named(make_source: MakeSource, objects: LocalObjects) -> None:
    tried = analyze(task(make_source, objects, attempt="characters > 24"))["tried"]
    assert tried["k"] == sum(len(text) > 24 for text in TEXTS) and tried["n"] == len(TEXTS)
    with pytest.raises(Invalid) as caught:
        analyze(task(make_source, objects, attempt="charaters > 24"))
    assert caught.value.code == "unknown_word"


def test_the_sample_is_bounded_and_seeded(make_source: MakeSource, objects: LocalObjects) -> None:
    small = task(make_source, objects, documents=10)
    assert analyze(small)["documents"] == 10
    assert analyzed(json.loads(small.model_dump_json())) == analyze(small)


def test_the_sample_is_of_all_rows_and_another_seed_draws_another(
    make_source: MakeSource, objects: LocalObjects
) -> None:
    """A fifth of the rows, all at the beginning, is about a fifth of the sample; 6 standard errors either way."""
    lines = [f"english line number {n} of the first part" for n in range(1000)]
    lines += [f"第{n}条评论说这里的茶很香，老板也和气。" for n in range(4000)]
    source = make_source({"a.txt": "\n".join(lines).encode()}, document="line")
    layers = {title: layer.digest for title, layer in source.layers.items()}
    shares = set()
    for seed in range(3):
        told = analyze(
            Task(
                objects=str(objects.root),
                sources=((source.digest, source.model, layers),),
                recipe=shipped_recipe("web-zh"),
                documents=400,
                seed=seed,
                attempt="han_share < 0.5",
            )
        )["tried"]
        assert told["n"] == 400 and 0.08 <= told["k"] / 400 <= 0.32
        shares.add(told["k"])
    assert len(shares) > 1


def test_files_of_one_document_are_drawn_before_they_are_read(make_source: MakeSource, objects: LocalObjects) -> None:
    files = {f"{n:03}.txt": (f"english {n}" if n < 50 else f"第{n}篇：茶园里的雾气散了。").encode() for n in range(200)}
    source = make_source(files, document="file")
    layers = {title: layer.digest for title, layer in source.layers.items()}
    told = analyze(
        Task(
            objects=str(objects.root),
            sources=((source.digest, source.model, layers),),
            recipe=shipped_recipe("web-zh"),
            documents=80,
            attempt="han_share < 0.5",
        )
    )["tried"]
    assert told["n"] == 80 and 5 <= told["k"] <= 38
