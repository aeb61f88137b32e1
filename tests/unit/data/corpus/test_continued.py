"""A corpus that begins with all documents of an earlier one: the bytes of one made afresh, and no old unit merged."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.data.corpus.conftest import MakeSource

from build_texts import texts_of
from quanheng.data.corpus import (
    AssetInput,
    CorpusResult,
    SourceInput,
    build,
    parse_recipe,
    read_lexicon,
    run_here,
)
from quanheng.data.corpus import continued as continued_module
from quanheng.data.corpus import lines as lines_module
from quanheng.data.corpus import units as units_module
from quanheng.data.corpus.bottom_k import BottomK
from quanheng.data.corpus.keep import KEEPS, Keep
from quanheng.data.corpus.merge import Merge
from quanheng.data.corpus.steps import Size
from quanheng.data.corpus.tally import SourceTally, StepTally, Tally
from quanheng.errors import Corrupt, Unavailable
from quanheng.kinds.recipes import Recipe
from quanheng.store import Cache, LocalObjects, MemoryCache
from quanheng.text import personal_data
from quanheng.text.personal_data import Span

#: Documents are dropped, edited, masked, listed for review, hit by terms, and repeated.
RECIPE = parse_recipe(
    """
name = "continued"
title = { en = "continued", zh = "续" }
labels = ["characters", "script"]
[[steps]]
use = "normalise"
[[steps]]
use = "length"
[[steps]]
use = "personal_data"
[[steps]]
use = "script"
[[steps]]
drop = "characters < 4"
reason = "too_short"
[[steps]]
use = "deduplicate_exact"
[[steps]]
use = "lexicon"
optional = true
[[steps]]
review = "risk_density > 0"
reason = "listed"
[[steps]]
use = "deduplicate_lines"
min_documents = 5
[[steps]]
use = "deduplicate_near"
"""
)


def shaped(shard_bytes: int, row_group_rows: int) -> Recipe:
    return RECIPE.model_copy(update={"shard_bytes": shard_bytes, "row_group_rows": row_group_rows})


def source(make_source: MakeSource, seed: int, files: int = 3) -> SourceInput:
    named = {}
    for number in range(files):
        texts = texts_of(10 * seed + number, 20)
        lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
        lines[5] = json.dumps({"text": f"请致电13812345678咨询第{seed}{number}号诈骗案的进展，谢谢大家。"})
        lines[6] = json.dumps({"text": f"联系人邮箱是 a{seed}{number}@example.com，电话13912345678，欢迎来信。"})
        named[f"{number}.jsonl"] = "\n".join([*lines, "{broken " + str(number)]).encode()
    return make_source(named, f"来源 {seed}")


@pytest.fixture
def sources(make_source: MakeSource, monkeypatch: pytest.MonkeyPatch) -> list[SourceInput]:
    """Return four sources, the third of them empty; a file is a unit."""
    monkeypatch.setattr(units_module, "UNIT_FILES", 1)
    found = [source(make_source, seed) for seed in (1, 2, 3)]
    return [*found[:2], make_source({"empty.jsonl": b"\n"}, "空"), found[2]]


@pytest.fixture
def lexicon(tmp_path: Path, objects: LocalObjects) -> dict[str, AssetInput]:
    path = tmp_path / "terms.jsonl"
    path.write_text('{"term": "诈骗", "risk": "A.1.h"}\n', "utf-8")
    _, terms = read_lexicon(path, title="t", version="1", owner="o")
    return {"lexicon": AssetInput("sha256:" + "1" * 64, objects.put_bytes(terms).digest)}


@pytest.fixture
def merged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each unit that a merge takes in adds the title of its first file."""
    found: list[str] = []
    add = Merge.add

    def noted(self: Merge, placed: Any, results: Any) -> None:
        found.append(f"{placed.source}/{placed.unit.files[0].title}")
        add(self, placed, results)

    monkeypatch.setattr(Merge, "add", noted)
    return found


def made(
    given: Sequence[SourceInput],
    objects: LocalObjects,
    cache: Any,
    recipe: Recipe = RECIPE,
    assets: dict[str, AssetInput] | None = None,
    **rest: Any,
) -> CorpusResult:
    return build(given, recipe, objects, cache, lambda done, total: None, run_here, assets, **rest)


def old(number: int) -> list[str]:
    return [f"{number}/{file}.jsonl" for file in range(3)]


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


def test_a_layer_that_went_makes_the_merge_begin_anew(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], merged: list[str]
) -> None:
    recipe = shaped(9_000, 7)
    afresh = made(sources[:2], objects, MemoryCache(), recipe, lexicon)
    first = made(sources[:1], objects, MemoryCache(), recipe, lexicon)
    assert len({layer.title.split("/")[0] for layer in first.layers}) >= 5
    for layer in first.layers:
        if layer.title.startswith(("card", "croissant")):
            continue
        cache = MemoryCache()
        made(sources[:1], objects, cache, recipe, lexicon)
        merged.clear()
        assert objects.delete(layer.digest)
        assert made(sources[:2], objects, cache, recipe, lexicon) == afresh
        assert merged == [*old(0), *old(1)], layer.title
        assert all(objects.exists(found.digest) for found in afresh.layers)


@pytest.mark.parametrize("title", ["data/part-00000.parquet", "decisions/part-00000.parquet", "samples.jsonl"])
def test_a_layer_that_goes_in_this_moment_makes_the_merge_begin_anew(
    title: str,
    sources: list[SourceInput],
    objects: LocalObjects,
    lexicon: dict[str, AssetInput],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    afresh = made(sources[:2], objects, MemoryCache(), assets=lexicon)
    cache = MemoryCache()
    first = made(sources[:1], objects, cache, assets=lexicon)
    gone = next(layer.digest for layer in first.layers if layer.title == title)
    take_up = continued_module.take_up

    def late(*args: Any) -> None:
        objects.delete(gone)
        take_up(*args)

    # The package gives the function the name of its module.
    monkeypatch.setattr(sys.modules[build.__module__], "take_up", late)
    result = made(sources[:2], objects, cache, assets=lexicon)
    assert result == afresh and result.left_bytes["final"] > sum(layer.size for layer in result.layers)


def damage(objects: LocalObjects, digest: str, at: int, bits: int = 1) -> None:
    """Flip bits of one byte of an object, as a disk does."""
    path = objects.path(digest)
    data = bytearray(path.read_bytes())
    data[at] ^= bits
    path.chmod(0o644)
    path.write_bytes(data)


def is_sound(objects: LocalObjects, digest: str) -> bool:
    try:
        objects.verify(digest)
    except Corrupt:
        return False
    return True


def test_a_layer_that_was_damaged_is_not_taken_up(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], merged: list[str]
) -> None:
    """Whether the damage makes it unreadable or is in a text: the new corpus is that of a merge from the beginning."""
    recipe = shaped(9_000, 7)
    afresh = made(sources[:2], objects, MemoryCache(), recipe, lexicon)
    of_new = {layer.digest for layer in afresh.layers}
    cache = MemoryCache()
    first = made(sources[:1], objects, cache, recipe, lexicon)
    found = {False: 0, True: 0}
    for layer in first.layers:
        if layer.title.startswith(("card", "croissant")):
            continue
        sound = objects.path(layer.digest).read_bytes()
        # At the end of a shard stands what its columns are, and in a list something of a text.
        for at in (0, layer.size // 3, layer.size // 2, layer.size - 7):
            damage(objects, layer.digest, at)
            merged.clear()
            assert made(sources[:2], objects, MemoryCache(cache), recipe, lexicon) == afresh
            assert merged == [*old(0), *old(1)], (layer.title, at)
            assert all(is_sound(objects, new.digest) for new in afresh.layers), (layer.title, at)
            # What the merge did not write again is left as it is, for whoever mends it.
            written_again = layer.digest in of_new
            assert is_sound(objects, layer.digest) == written_again
            found[written_again] += 1
            objects.path(layer.digest).chmod(0o644)
            objects.path(layer.digest).write_bytes(sound)
    assert found[True] >= 4 and found[False] >= 12


def test_the_same_corpus_made_again_mends_all_of_its_layers(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], merged: list[str]
) -> None:
    cache = MemoryCache()
    first = made(sources[:2], objects, cache, assets=lexicon)
    layers = [layer for layer in first.layers if not layer.title.startswith(("card", "croissant"))]
    for layer in layers:
        damage(objects, layer.digest, layer.size // 2)
    assert made(sources[:2], objects, cache, assets=lexicon) == first
    assert all(is_sound(objects, layer.digest) for layer in layers)
    merged.clear()
    assert made(sources[:2], objects, cache, assets=lexicon) == first
    assert merged == []


def test_where_the_longest_merge_was_damaged_a_shorter_one_is_taken_up(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], merged: list[str]
) -> None:
    afresh, cache = made(sources, objects, MemoryCache(), assets=lexicon), MemoryCache()
    made(sources[:1], objects, cache, assets=lexicon)
    second = made(sources[:2], objects, cache, assets=lexicon)
    damage(objects, next(layer.digest for layer in second.layers if layer.title == "samples.jsonl"), 20)
    merged.clear()
    assert made(sources, objects, cache, assets=lexicon) == afresh
    assert merged == [*old(1), "2/empty.jsonl", *old(3)]


def test_counts_that_were_damaged_are_not_taken_up(
    sources: list[SourceInput], objects: LocalObjects, lexicon: dict[str, AssetInput], merged: list[str]
) -> None:
    afresh = made(sources[:2], objects, MemoryCache(), assets=lexicon)
    cache = MemoryCache()
    made(sources[:1], objects, cache, assets=lexicon)
    [state] = states(objects, cache).values()
    data = objects.path(state).read_bytes()
    # Another number, and JSON as good as before.
    damage(objects, state, data.index(b'"masked_documents":') + len(b'"masked_documents":'))
    merged.clear()
    assert made(sources[:2], objects, MemoryCache(cache), assets=lexicon) == afresh
    assert merged == [*old(0), *old(1)]
    made(sources[:1], objects, cache, assets=lexicon)
    assert is_sound(objects, state)


@pytest.mark.parametrize(
    ("title", "at", "bits"),
    [
        ("data/part-00000.parquet", -7, 255),
        ("data/part-00000.parquet", 60, 255),
        ("decisions/", -1, 1),
        ("samples.jsonl", 0, 1),
        ("samples.jsonl", 30, 128),
    ],
)
def test_a_layer_that_is_damaged_in_this_moment_makes_the_merge_begin_anew(
    title: str,
    at: int,
    bits: int,
    sources: list[SourceInput],
    objects: LocalObjects,
    lexicon: dict[str, AssetInput],
    merged: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe, cache = shaped(9_000, 7), MemoryCache()
    afresh = made(sources[:2], objects, MemoryCache(), recipe, lexicon)
    first = made(sources[:1], objects, cache, recipe, lexicon)
    # The last one: full shards of decisions are not read.
    bad = [layer.digest for layer in first.layers if layer.title.startswith(title)][-1]
    take_up = continued_module.take_up

    def late(*args: Any) -> None:
        damage(objects, bad, at, bits)
        take_up(*args)

    monkeypatch.setattr(sys.modules[build.__module__], "take_up", late)
    merged.clear()
    assert made(sources[:2], objects, cache, recipe, lexicon) == afresh
    assert merged == [*old(0), *old(1)]
    assert all(is_sound(objects, layer.digest) for layer in afresh.layers)


def test_a_layer_that_the_disk_cannot_read_is_not_taken_up(
    sources: list[SourceInput],
    objects: LocalObjects,
    lexicon: dict[str, AssetInput],
    merged: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    afresh, cache = made(sources[:2], objects, MemoryCache(), assets=lexicon), MemoryCache()
    made(sources[:1], objects, cache, assets=lexicon)

    def refused(self: LocalObjects, digest: str) -> None:
        raise Unavailable("the disk did not answer", "磁盘出错", code="io_error")

    monkeypatch.setattr(LocalObjects, "verify", refused)
    merged.clear()
    assert made(sources[:2], objects, cache, assets=lexicon) == afresh
    assert merged == [*old(0), *old(1)]


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


def states(objects: LocalObjects, cache: MemoryCache) -> dict[str, str]:
    found = {}
    for key, digest in dict.items(cache):
        if objects.exists(digest) and b'"decisions":' in objects.path(digest).read_bytes():
            found[key] = digest
    assert found
    return found


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
            sample.add("drop", reason, source, f"id-{number}", lambda number=number: f"excerpt {number}", "of", "1")  # type: ignore[misc]

    add(whole, range(len(documents)))
    add(first, range(cut))
    for row in first.rows():
        second.take_again(row)
    add(second, range(cut, len(documents)))
    assert list(second.rows()) == list(whole.rows())
