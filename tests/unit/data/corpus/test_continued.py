"""A corpus that begins with all documents of an earlier one: the bytes of one made afresh, and no old unit merged."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.data.corpus.conftest import MakeSource
from tests.unit.data.corpus.continued_corpora import RECIPE, made, old, shaped, states

from quanheng.data.corpus import AssetInput, CorpusResult, SourceInput, parse_recipe
from quanheng.data.corpus import continued as continued_module
from quanheng.data.corpus import lines as lines_module
from quanheng.data.corpus.bottom_k import BottomK
from quanheng.data.corpus.keep import KEEPS, Keep
from quanheng.data.corpus.steps import Size
from quanheng.data.corpus.tally import SourceTally, StepTally, Tally
from quanheng.store import Cache, LocalObjects, MemoryCache
from quanheng.text import personal_data
from quanheng.text.personal_data import Span


@pytest.mark.parametrize(
    ("shard_bytes", "group_rows"), [(1, 1), (2_000, 7), (9_000, 3), (9_000, 8192), (2**30, 7), (2**30, 8192)]
)
def test_what_is_added_gives_the_bytes_of_everything_afresh(
    shard_bytes: int,
    group_rows: int,
    sources: list[SourceInput],
    objects: LocalObjects,
    lexicon: dict[str, AssetInput],
    merged: list[str],
) -> None:
    recipe, cache = shaped(shard_bytes, group_rows), MemoryCache()
    results = [made(sources[:n], objects, cache, recipe, lexicon) for n in (1, 2, 3, 4, 4)]
    assert merged == [*old(0), *old(1), "2/empty.jsonl", *old(3)]
    # What units left is of no matter to the merge: only what merges left is forgotten.
    for key in states(objects, cache):
        del cache[key]
    for n in (4, 2):
        merged.clear()
        assert results[n - 1] == made(sources[:n], objects, cache, recipe, lexicon)
        assert len(merged) == (10 if n == 4 else 6)
    assert results[3] == results[4]
    last = results[-1].model
    assert last.masked_documents > 6 and last.filtered.lexicon_hits == 9 and last.review["listed"] == 9
    assert {layer.title for layer in results[-1].layers} >= {"rejected.jsonl", "filter.jsonl", "samples.jsonl"}
    assert sum(share.broken_rows for share in last.per_source) == 9
    assert {step.step for step in last.funnel} >= {"read", "drop", "mask", "deduplicate"}
    assert (len(last.shards) > 3) == (shard_bytes < 2**30)


def test_shards_that_hold_enough_stay_as_they_are(sources: list[SourceInput], objects: LocalObjects) -> None:
    """From an eighth of its bytes on a shard ends with its source, so that what comes behind begins another."""
    whole = made(sources, objects, MemoryCache(), shaped(2**30, 7))
    assert len(whole.model.shards) == 1
    size = 4 * whole.model.per_source[0].bytes_kept
    cache, before = MemoryCache(), []
    for n in (1, 2, 3, 4):
        result = made(sources[:n], objects, cache, shaped(size, 7))
        layers = [layer for layer in result.layers if layer.title.startswith("data/")]
        assert layers[: len(before)] == before
        before = layers
        assert result == made(sources[:n], objects, MemoryCache(), shaped(size, 7))
    kept = [share.documents_kept for share in result.model.per_source]
    assert [shard.documents for shard in result.model.shards] == [documents for documents in kept if documents]


@pytest.mark.parametrize("keep", KEEPS)
def test_it_is_so_whatever_is_kept(
    keep: Keep, sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], merged: list[str]
) -> None:
    afresh = made(sources, objects, MemoryCache(), assets=lexicon)
    cache = MemoryCache()
    made(sources[:2], objects, cache, assets=lexicon, keep=keep)
    merged.clear()
    assert made(sources, objects, cache, assets=lexicon, keep=keep) == afresh
    assert merged == ["2/empty.jsonl", *old(3)]


@pytest.mark.parametrize(
    "change", ["samples", "shards", "groups", "labels", "lexicon", "order", "title", "pyarrow", "excerpts"]
)
def test_another_way_of_merging_begins_anew(
    change: str,
    sources: list[SourceInput],
    objects: LocalObjects,
    lexicon: dict[str, AssetInput],
    merged: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache, recipe, given, rest = MemoryCache(), RECIPE, sources[:2], {"assets": lexicon}
    made(sources[:1], objects, cache, recipe, **rest)  # type: ignore[arg-type]
    if change == "samples":
        rest["samples"] = 3  # type: ignore[assignment]
    elif change == "lexicon":
        rest["assets"] = {}
    elif change == "order":
        given = given[::-1]
    elif change == "title":
        first = given[0]
        renamed = [file.model_copy(update={"title": "x" + file.title}) for file in first.model.files]
        layers = {"x" + title: layer for title, layer in first.layers.items()}
        model = first.model.model_copy(update={"files": tuple(renamed)})
        given = [SourceInput(first.digest, model, layers), given[1]]
    elif change == "pyarrow":
        monkeypatch.setattr("pyarrow.__version__", "another")
    elif change == "excerpts":
        monkeypatch.setattr(personal_data, "VERSION", personal_data.VERSION + 1)
    else:
        recipe = recipe.model_copy(
            update={
                "shards": {"shard_bytes": 5_000},
                "groups": {"row_group_rows": 3},
                "labels": {"labels": ("characters",)},
            }[change]
        )
    merged.clear()
    result = made(given, objects, cache, recipe, **rest)  # type: ignore[arg-type]
    assert len(merged) == 6
    assert result == made(given, objects, MemoryCache(), recipe, **rest)  # type: ignore[arg-type]


def test_a_document_that_goes_because_of_new_ones_makes_the_merge_begin_anew(
    make_source: MakeSource, objects: LocalObjects, merged: list[str]
) -> None:
    text = "同一篇文章出现在两个来源里，许可明确的那个来源里的一份应当留下来，另一份就要去掉。"
    unclear = make_source({"a.jsonl": json.dumps({"text": text}).encode() + b'\n{"text": "' + b"x" * 50 + b'"}'}, "甲")
    model = unclear.model.model_copy(
        update={"licence": unclear.model.licence.model_copy(update={"spdx": "unknown", "clear": False})}
    )
    first = SourceInput(unclear.digest, model, unclear.layers)
    second = make_source({"b.jsonl": json.dumps({"text": text}).encode()}, "乙")
    cache = MemoryCache()
    assert made([first], objects, cache).model.totals.documents == 2
    merged.clear()
    result = made([first, second], objects, cache)
    assert merged == ["0/a.jsonl", "1/b.jsonl"]
    assert [share.documents_kept for share in result.model.per_source] == [1, 1]
    assert result == made([first, second], objects, MemoryCache())


def test_another_recogniser_masks_every_excerpt_anew(
    make_source: MakeSource, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of documents that were left out, of broken rows, and where the recipe has no step for personal data."""
    recipe = parse_recipe(
        'name = "r"\ntitle = { en = "r", zh = "r" }\n[[steps]]\nuse = "length"\n'
        '[[steps]]\ndrop = "characters < 20"\nreason = "too_short"\n'
    )
    long = "城市公园里的银杏树和它们的落叶，秋天一到就铺满了湖边的小路。"
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in (long, "某甲住在东村")]
    first = make_source({"a.jsonl": "\n".join([*lines, '{"text": "某甲也来']).encode()}, "甲")
    second = make_source({"b.jsonl": json.dumps({"text": long * 2}).encode()}, "乙")
    cache = MemoryCache()
    before = made([first], objects, cache, recipe)
    monkeypatch.setattr(personal_data, "VERSION", personal_data.VERSION + 1)

    def find(text: str) -> list[Span]:
        at = text.find("某甲")
        return [Span(at, at + 2, "name")] if at >= 0 else []

    monkeypatch.setattr(lines_module, "find", find)
    monkeypatch.setattr(lines_module, "find_all", lambda texts, packed: [find(text) for text in texts])
    for some in ([first], [first, second]):
        after = made(some, objects, cache, recipe)
        assert after == made(some, objects, MemoryCache(), recipe)
        assert after.model.totals.documents == len(some)
        for title, told in (("samples.jsonl", 1), ("rejected.jsonl", 1)):
            assert said(objects, before, title).count("某甲") == told
            assert "某甲" not in said(objects, after, title)


def said(objects: LocalObjects, result: CorpusResult, title: str) -> str:
    return objects.path(next(layer.digest for layer in result.layers if layer.title == title)).read_text("utf-8")


def test_a_state_of_another_shape_is_none(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], merged: list[str]
) -> None:
    cache = MemoryCache()
    made(sources[:1], objects, cache, assets=lexicon)
    for key, digest in states(objects, cache).items():
        with objects.open(digest) as stream:
            said = json.loads(stream.read())
        del said["tally"]
        cache[key] = objects.put_bytes(json.dumps(said).encode()).digest
    merged.clear()
    made(sources[:2], objects, cache, assets=lexicon)
    assert merged == [*old(0), *old(1)]


def test_what_is_kept_of_a_merge_is_counts_and_no_text(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], tmp_path: Path
) -> None:
    """So that nothing of a document that is taken down stays in it."""
    cache = MemoryCache()
    result = made(sources, objects, cache, assets=lexicon)
    every = states(objects, cache)
    assert len(every) == 1
    said = objects.path(next(iter(every.values()))).read_text("utf-8")
    assert len(said) < 12_000
    titles = {layer.title for layer in result.layers}
    # The only texts of people in it are the names of reasons; Chinese stands in none.
    assert all(ord(letter) < 128 for letter in said)
    assert all(title not in said or "/" in title for title in titles)


def test_layers_that_were_there_are_not_counted_as_disk_that_is_taken(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput]
) -> None:
    cache, recipe = MemoryCache(), shaped(2_000, 7)
    first = made(sources[:2], objects, cache, recipe, lexicon)
    before = on_disk(objects)
    again = made(sources, objects, cache, recipe, lexicon)
    had = {layer.digest for layer in first.layers}
    adopted = sum(layer.size for layer in again.layers if layer.digest in had)
    # What units leave is counted though an equal object was there: a few small ones.
    assert on_disk(objects) - before <= again.left_bytes["final"] < on_disk(objects) - before + 3_000
    assert adopted > 20_000


def on_disk(objects: LocalObjects) -> int:
    return sum(path.stat().st_size for path in objects.root.rglob("*") if path.is_file())


def test_layers_that_are_taken_up_are_as_young_as_new_ones(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], tmp_path: Path
) -> None:
    cache, recipe = Cache(tmp_path / "cache", objects), shaped(2_000, 7)
    made(sources[:1], objects, cache, recipe, lexicon)
    for digest in objects.iterate():
        os.utime(objects.path(digest), (1, 1))
    result = made(sources[:2], objects, cache, recipe, lexicon)
    assert all(objects.modified_at(layer.digest) > 1 for layer in result.layers)


def test_no_count_is_forgotten() -> None:
    """Every field of the tallies that `Merge.add` may change comes back as it was."""
    values: dict[str, Any] = {"int": 3, "Size": Size(1, 2, 3, 4), "Sizes": {"b": Size(1, 2, 3), "a": Size(4, 5, 6, 7)}}
    values |= {"Counter[str]": Counter(x=1), "Counter[int]": Counter({7: 2})}
    for cls, leave in (
        (Tally, continued_module._TALLY_OF_ITS_OWN),
        (SourceTally, continued_module._SOURCE_OF_ITS_OWN),
        (StepTally, ()),
    ):
        own = {f.name: values[str(f.type)] for f in fields(cls) if f.name not in leave}
        assert len(own) >= 5
        full, empty = cls.__new__(cls), cls.__new__(cls)
        for name, value in own.items():
            setattr(full, name, value)
            setattr(empty, name, type(value)() if not isinstance(value, Size) else Size(0, 0, 0))
        state = json.loads(json.dumps(continued_module._state(full, leave)))  # type: ignore[arg-type]
        continued_module._fill(empty, state)  # type: ignore[arg-type]
        assert vars(empty) == own
        for name, value in own.items():
            assert type(vars(empty)[name]) is type(value)


@given(st.integers(0, 8), st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), max_size=60), st.data())
def test_a_sample_goes_on_where_it_was(k: int, documents: list[tuple[str, str]], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(documents)))
    whole, first, second = BottomK(k), BottomK(k), BottomK(k)

    def add(sample: BottomK, numbers: range) -> None:
        for number in numbers:
            reason, name = documents[number]
            source = "sha256:" + f"{ord(name):064x}"
            told = "of", "1", f"https://{number}.example/"
            sample.add("drop", reason, source, f"id-{number}", lambda number=number: f"excerpt {number}", *told)  # type: ignore[misc]

    add(whole, range(len(documents)))
    add(first, range(cut))
    for row in first.rows():
        second.take_again(row)
    add(second, range(cut, len(documents)))
    assert list(second.rows()) == list(whole.rows())
