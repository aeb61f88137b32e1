"""Documents taken down: gone from rows and excerpts, counted, and nothing else is touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.data.corpus import (
    rows_digest,
)
from quanheng.errors import QuanhengError
from quanheng.store import LocalObjects

from .conftest import MakeSource
from .taking_down import Built, again, down, make, rows


@pytest.fixture
def built(make_source: MakeSource, objects: LocalObjects, tmp_path: Path) -> Built:
    return make(make_source, objects, tmp_path)


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [
        ({"urls": ("https://a.example/2",)}, {1}),
        ({"urls": ("https://b.example/*",)}, {2, 4}),
        ({"match": ("银杏树", "豆 腐")}, {0}),
        ({"match": ("第四篇",), "urls": ("https://a.example/1",)}, {0, 3}),
    ],
)
def test_what_is_named_is_gone(built: Any, objects: LocalObjects, wanted: Any, gone: set[int]) -> None:
    before = rows(built[0].layers, objects, "data/")
    model, layers = down(built, objects, **wanted)
    left = rows(layers, objects, "data/")
    assert left == [row for place, row in enumerate(before) if place not in gone]
    assert rows_digest((row[0], row[1], row[3], row[4]) for row in left) == model.rows_digest
    assert model.totals.documents == 5 - len(gone) and model.totals.characters == sum(len(row[2]) for row in left)
    assert model.totals.bytes == sum(len(row[2].encode()) for row in left)
    assert sum(share.dropped.get("taken_down", 0) for share in model.per_source) == len(gone)
    assert model.funnel[-1].reason == "taken_down" and model.funnel[-1].documents_after == 5 - len(gone)
    decisions = rows(layers, objects, "decisions/")
    assert {row[0] for row in decisions if row[3] == "taken_down"} == {before[place][0] for place in gone}


def test_counts_and_excerpts_of_what_is_gone_go_too(built: Any, objects: LocalObjects) -> None:
    old = built[0].model
    assert old.masked_documents == 1 and old.personal_data == {"mobile": 1} and old.filtered.documents_hit == 1
    model, layers = down(built, objects, urls=("https://a.example/2", "https://b.example/1"))
    assert model.masked_documents == 0 and model.personal_data == {}
    assert model.filtered.documents_hit == 0 and model.filtered.per_risk == {} and model.filtered.lexicon_hits == 0
    everything = json.dumps([rows(layers, objects, folder) for folder in ("data/", "decisions/")], ensure_ascii=False)
    assert "第二篇" not in everything and "第三篇" not in everything and "第一篇" in everything
    [hits] = [layer for layer in layers if layer.title == "filter.jsonl"]
    assert objects.size(hits.digest) == 0


def test_other_shards_stay_the_same_layers(built: Any, objects: LocalObjects) -> None:
    old = {layer.title: layer.digest for layer in built[0].layers if layer.title.startswith("data/")}
    assert len(old) >= 2
    _, layers = down(built, objects, urls=("https://a.example/1",))
    new = {layer.title: layer.digest for layer in layers if layer.title.startswith("data/")}
    changed = {title for title in old if new.get(title) != old[title]}
    assert len(changed) == 1


def test_once_more_and_by_digest_and_source(built: Any, objects: LocalObjects) -> None:
    sources = built[1]
    first, layers = down(built, objects, digests=(rows(built[0].layers, objects, "data/")[0][3],))
    second, layers = again(first, layers, sources, objects, sources=(sources[1].digest,))
    assert second.totals.documents == 2
    titles = [layer.title for layer in layers]
    assert len(titles) == len(set(titles)) and [share.documents_kept for share in second.per_source] == [2, 0]
    whole, _ = down(built, objects, urls=("https://a.example/1",), sources=(sources[1].digest,))
    assert whole.rows_digest == second.rows_digest


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"match": ("恐龙化石",)}, "nothing_matches"),
        ({"match": ("恐龙化石", " ")}, "blank_text"),
        ({"match": ("恐龙化石",), "digests": ("sha256:" + "0" * 64,)}, "no_such_document"),
        ({"match": ("恐龙化石",), "sources": ("sha256:" + "0" * 64,)}, "no_such_source"),
        ({"match": ("篇文章", "恐龙化石")}, "empty_corpus"),
    ],
)
def test_no_error_repeats_the_text_that_was_named(built: Any, objects: LocalObjects, wanted: Any, code: str) -> None:
    with pytest.raises(QuanhengError) as caught:
        down(built, objects, **wanted)
    said = json.dumps(caught.value.to_json(), ensure_ascii=False) + repr(caught.value)
    assert caught.value.code == code and "恐龙" not in said and "篇文章" not in said


def test_a_document_goes_by_its_id(built: Any, objects: LocalObjects) -> None:
    before = rows(built[0].layers, objects, "data/")
    _, layers = down(built, objects, ids=(before[3][0], before[0][0]))
    assert rows(layers, objects, "data/") == [before[1], before[2], before[4]]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"urls": ("https://a.example/9",)}, "nothing_matches"),
        ({"match": ("篇文章",)}, "empty_corpus"),
        ({"match": ("银杏树", "\u200b")}, "blank_text"),
        ({"match": (" ",)}, "blank_text"),
        ({"sources": ("sha256:" + "0" * 64,)}, "no_such_source"),
        ({"digests": ("sha256:" + "0" * 64,), "match": ("银杏树",)}, "no_such_document"),
        ({"ids": ("0123456789ab-0-1",), "match": ("银杏树",)}, "no_such_document"),
    ],
)
def test_what_cannot_be_done(built: Any, objects: LocalObjects, wanted: Any, code: str) -> None:
    with pytest.raises(QuanhengError) as caught:
        down(built, objects, **wanted)
    assert caught.value.code == code and caught.value.hint


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from . import conftest

    folder = tmp_path_factory.mktemp("takedown")
    objects = LocalObjects(folder / "objects")
    return make(conftest.source_maker(folder, objects), objects, folder), objects


@settings(max_examples=15, deadline=None)
@given(gone=st.sets(st.integers(0, 4), min_size=1, max_size=4))
def test_any_choice_leaves_the_rest(shared: Any, gone: set[int]) -> None:
    built, objects = shared
    before = rows(built[0].layers, objects, "data/")
    model, layers = down(built, objects, digests=tuple(before[place][3] for place in gone))
    assert [row[0] for row in rows(layers, objects, "data/")] == [
        row[0] for place, row in enumerate(before) if place not in gone
    ]
    assert model.totals.documents == 5 - len(gone)
