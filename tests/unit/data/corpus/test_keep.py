"""What a build keeps between its steps: never the corpus' bytes, only how much lies on disk and what is made again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.data.corpus.conftest import MakeSource

from build_texts import texts_of
from quanheng.data.corpus import CorpusResult, SourceInput, build, parse_recipe, run_here, shipped_recipe
from quanheng.data.corpus import resolution as resolution_module
from quanheng.data.corpus import units as units_module
from quanheng.data.corpus.keep import KEEPS, Keep, letting_go
from quanheng.data.corpus.operator import operators
from quanheng.data.corpus.recipe import plan
from quanheng.data.corpus.resolution import texts_key
from quanheng.data.corpus.work import UnitResult
from quanheng.errors import NotFound
from quanheng.kinds.recipes import Recipe
from quanheng.store import JSON, Cache, LocalObjects, MemoryCache

WEB = shipped_recipe("web-zh")
#: Every corpus step; the passages go before the near-duplicates, whose texts are then those of the corpus.
ALL_STEPS = parse_recipe(
    """
name = "all"
title = { en = "all", zh = "全部" }
[[steps]]
use = "normalise"
[[steps]]
use = "deduplicate_exact"
[[steps]]
use = "deduplicate_lines"
min_documents = 5
[[steps]]
use = "length"
[[steps]]
use = "deduplicate_substring"
min_characters = 40
[[steps]]
use = "deduplicate_near"
"""
)
RECIPES = {"web-zh": WEB, "all steps": ALL_STEPS}


@pytest.fixture
def sources(make_source: MakeSource, monkeypatch: pytest.MonkeyPatch) -> list[SourceInput]:
    """Return two sources of four units each; a file is a unit."""
    monkeypatch.setattr(units_module, "UNIT_FILES", 1)
    return [source(make_source, seed) for seed in (1, 2)]


def source(make_source: MakeSource, seed: int, files: int = 4) -> SourceInput:
    texts = texts_of(seed, 40 * files)
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    named = {f"{n}.jsonl": "\n".join(lines[40 * n : 40 * n + 40]).encode() for n in range(files)}
    return make_source(named, f"来源 {seed}")


class Counting:
    """Runs units here and counts them; `after` is called after each."""

    def __init__(self, after: Callable[[], None] = lambda: None) -> None:
        self.units: list[Any] = []
        self.after = after

    def __call__(self, function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        for item in items:
            for answer in run_here(function, [item]):
                self.units.append(item)
                self.after()
                yield answer


def made_by(
    sources: list[SourceInput],
    objects: LocalObjects,
    cache: MemoryCache,
    recipe: Recipe = WEB,
    map: Any = run_here,
    **rest: Any,
) -> CorpusResult:
    return build(sources, recipe, objects, cache, lambda done, total: None, map, **rest)


def on_disk(objects: LocalObjects) -> int:
    return sum(path.stat().st_size for path in objects.root.rglob("*") if path.is_file())


def rows_there(objects: LocalObjects, cache: MemoryCache) -> list[bool]:
    """Return for each segment of web-zh whether the rows of its results are there, in the order they were made."""
    there = []
    for digest in list(dict.values(cache)):
        with objects.open(digest) as stream:
            said = stream.read()
        if b'"broken_rows"' in said:
            there.append(objects.exists(json.loads(said)["rows"]))
    each = len(there) // 3
    return [all(there[n * each : n * each + each]) for n in range(3)]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_what_is_kept_never_shows_in_the_corpus(
    recipe: Recipe, sources: list[SourceInput], objects: LocalObjects, tmp_path: Path
) -> None:
    results = [made_by(sources, objects, MemoryCache(), recipe, keep=keep) for keep in KEEPS]
    assert results[0] == results[1] == results[2]
    assert results[0].model.totals.documents > 40
    # And of one cache, whatever the build before kept.
    cache = MemoryCache()
    orders: tuple[Keep, ...] = ("stages", "final", "all", "final", "final")
    for keep in orders:
        assert made_by(sources, objects, cache, recipe, keep=keep) == results[0]


def test_final_lets_rows_go_and_what_was_asked_to_stay_stays(
    sources: list[SourceInput], objects: LocalObjects, tmp_path: Path
) -> None:
    for keep, there in (("final", [False, False, True]), ("stages", [True] * 3), ("all", [True] * 3)):
        own, cache = copy_of(sources, objects, tmp_path / keep), MemoryCache()
        left = made_by(sources, own, cache, keep=keep).left_bytes
        assert rows_there(own, cache) == there
        if keep == "stages":  # a build that keeps less does not take away what was to stay
            made_by(sources, own, cache, keep="final")
            assert rows_there(own, cache) == there
        assert left["final"] < left["stages"] < left["all"]


def copy_of(sources: list[SourceInput], objects: LocalObjects, root: Path) -> LocalObjects:
    """Return a store with nothing but the files of the sources."""
    own = LocalObjects(root)
    for found in sources:
        for layer in found.layers.values():
            with objects.open(layer.digest) as stream:
                own.put_stream(stream)
    return own


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_what_stays_of_a_unit_is_named_in_the_cache_as_long_as_the_unit_is_used(
    recipe: Recipe, keep: Keep, sources: list[SourceInput], objects: LocalObjects, tmp_path: Path
) -> None:
    """Collection sees entries alone. Texts of rows that were let go are told by an entry too."""
    cache = Cache(tmp_path / "cache", objects)
    made_by(sources[:1], objects, cache, recipe, keep=keep)
    named, stays, texts = entries_of(cache)
    assert stays and texts and stays <= named
    for path in cache.root.glob("??/*"):
        os.utime(path, (0, 0))
    made_by(sources, objects, cache, recipe, keep="final")
    assert cache.evict(1, 2) > 0
    named, _, later = entries_of(cache)
    assert stays <= named and texts <= later


def entries_of(cache: Cache) -> tuple[set[str], set[str], set[str]]:
    """Return the objects that entries name, those of them that units left, and the rows whose texts are told."""
    objects = cache.objects
    named = {path.read_text("ascii").strip() for path in cache.root.glob("??/*")}
    stays, texts = set[str](), set[str]()
    for digest in named:
        with objects.open(digest) as stream:
            said = stream.read()
        if b'"broken_rows"' in said:
            result = UnitResult.model_validate_json(said)
            stays |= {found for found in result.objects if objects.exists(found)}
            texts |= {result.rows} if cache.get(texts_key(result.rows)) else set()
    return named, stays, texts


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_peak_is_what_lay_on_disk(
    recipe: Recipe, keep: Keep, sources: list[SourceInput], objects: LocalObjects
) -> None:
    """Measured after every unit and at the end; a scratch folder is seen only by the build."""
    seen = []
    before = on_disk(objects)
    made = made_by(
        sources, objects, MemoryCache(), recipe, Counting(lambda: seen.append(on_disk(objects) - before)), keep=keep
    )
    assert on_disk(objects) - before == made.left_bytes[keep]
    assert max(seen) <= made.peak_bytes[keep]
    assert made.peak_bytes["final"] <= made.peak_bytes["stages"] <= made.peak_bytes["all"]
    assert made.left_bytes[keep] <= made.peak_bytes[keep] <= 1.5 * max(*seen, made.left_bytes[keep])


def test_the_peak_is_measured_not_reckoned_alike(sources: list[SourceInput], objects: LocalObjects) -> None:
    """What the ledger says of ways of keeping that were not asked for is what those builds measure."""
    said = made_by(sources, objects, MemoryCache(), keep="final")
    for keep in KEEPS:
        other = copy_of(sources, objects, objects.root.parent / keep)
        assert made_by(sources, other, MemoryCache(), keep=keep).left_bytes[keep] == said.left_bytes[keep]


@pytest.mark.parametrize("keep", KEEPS)
def test_a_source_added_costs_itself(
    keep: Keep, sources: list[SourceInput], objects: LocalObjects, make_source: MakeSource
) -> None:
    """With `final` too: no unit of an old source runs again, though its rows are gone."""
    cache = MemoryCache()
    made_by(sources, objects, cache, keep=keep)
    more = [*sources, source(make_source, 3, files=1)]
    counting = Counting()
    found = made_by(more, objects, cache, map=counting, keep=keep)
    titles = {item["files"][0]["digest"] for item in counting.units}
    assert titles == {layer.digest for layer in more[2].layers.values()}
    assert len(counting.units) == 3
    assert found == made_by(more, objects, MemoryCache())
    assert found.model.per_source[2].dropped  # copies of old documents among them
    assert any(share.dropped.get("near_duplicate") for share in found.model.per_source)


def test_a_source_put_first_costs_what_it_must(
    sources: list[SourceInput], objects: LocalObjects, make_source: MakeSource
) -> None:
    """Old documents are the copies now: their units are made again, and the corpus is the same as afresh."""
    cache = MemoryCache()
    made_by(sources, objects, cache)
    more = [source(make_source, 3, files=2), *sources]
    assert made_by(more, objects, cache) == made_by(more, objects, MemoryCache())
    for recipe in RECIPES.values():
        cache = MemoryCache()
        for given in (sources[:1], sources, sources[::-1], more, more[1:], more[::-1]):
            assert made_by(given, objects, cache, recipe) == made_by(given, objects, MemoryCache(), recipe)


def test_two_builds_that_share_units_do_not_break_each_other(sources: list[SourceInput], objects: LocalObjects) -> None:
    """While one runs, another lets the shared rows go, at every place in turn."""
    whole = made_by(sources, objects, MemoryCache())
    taken: list[str] = []
    for at in range(2, 24, 3):
        cache, counting = MemoryCache(), Counting()

        def takes(at: int = at, cache: MemoryCache = cache, counting: Counting = counting) -> None:
            if len(counting.units) == at:
                for digest in list(dict.values(cache)):
                    with objects.open(digest) as stream:
                        said = stream.read()
                    if b'"broken_rows"' in said:
                        taken.append(json.loads(said)["rows"])
                        objects.delete(taken[-1])

        counting.after = takes
        assert made_by(sources, objects, cache, map=counting) == whole
        assert len(counting.units) >= 24
    assert len(taken) > 50


def test_verdicts_that_are_gone_are_resolved_again(sources: list[SourceInput], objects: LocalObjects) -> None:
    cache = MemoryCache()
    whole = made_by(sources, objects, MemoryCache(), ALL_STEPS)
    gone: list[str] = []

    def takes() -> None:
        for digest in list(dict.values(cache)):
            if not objects.exists(digest):
                continue
            with objects.open(digest) as stream:
                said = stream.read()
            if said.startswith(b"[") and b"sha256:" in said and not gone:
                gone.extend(found for found in json.loads(said) if found)
                for verdicts in gone:
                    objects.delete(verdicts)

    assert made_by(sources, objects, cache, ALL_STEPS, Counting(takes)) == whole
    assert gone


def test_rows_that_nobody_can_make_again_are_told(sources: list[SourceInput], objects: LocalObjects) -> None:
    made = Counting()

    def loses(function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        for answer in made(function, items):
            for found in sources:
                for layer in found.layers.values():
                    objects.delete(layer.digest)
            yield answer

    with pytest.raises(NotFound) as caught:
        made_by(sources, objects, MemoryCache(), map=loses)
    assert caught.value.code == "no_such_object"


def test_release_is_asked_and_nothing_else_is_removed(sources: list[SourceInput], objects: LocalObjects) -> None:
    asked: list[str] = []
    made = made_by(sources, objects, MemoryCache(), release=asked.extend)
    assert asked and all(objects.exists(digest) for digest in asked)
    assert not {layer.digest for layer in made.layers} & set(asked)
    assert not {layer.digest for found in sources for layer in found.layers.values()} & set(asked)


def test_which_rows_can_go() -> None:
    def told(*steps: str) -> list[bool | None]:
        lines = "".join(f"[[steps]]\n{step}\n" for step in steps)
        return letting_go(plan(parse_recipe('name = "t"\ntitle = { en = "t", zh = "t" }\n' + lines), {}))

    near, lines_step, exact = ('use = "deduplicate_near"', 'use = "deduplicate_lines"', 'use = "deduplicate_exact"')
    assert told(near) == [None]
    assert told(lines_step, near) == [True, None]
    assert told(near, 'use = "length"', 'review = "characters > 5"\nreason = "too_long"') == [None]
    assert told('use = "length"', near, 'drop = "characters > 5"\nreason = "too_long"') == [False]
    assert told(near, 'use = "personal_data"') == [False]
    assert told(near, exact) == [False, True]
    assert told('use = "deduplicate_substring"') == [False]
    for name, cls in operators().items():
        if hasattr(cls, "continues") and cls.continues:
            assert cls.resume is not operators()["deduplicate_exact"].resume, name  # type: ignore[attr-defined]


def test_progress_never_falls_and_moves_while_duplicates_are_resolved(
    sources: list[SourceInput], objects: LocalObjects
) -> None:
    for cache in (MemoryCache(), MemoryCache()):
        seen: list[tuple[int, int | None]] = []
        build(sources, ALL_STEPS, objects, cache, lambda done, total, seen=seen: seen.append((done, total)), run_here)
        done = [found for found, _ in seen]
        assert done == sorted(done) and done[0] == 0 and done[-1] == seen[-1][1]
        assert len({total for _, total in seen}) == 1
        # More steps than units: eight units in five segments, and the resolutions between them.
        assert len(set(done)) > 8 * 5 + 4 * 5


def test_an_earlier_resolution_of_other_documents_is_not_taken(
    sources: list[SourceInput], objects: LocalObjects, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first units are compared by sketch and rows: only what is the same in order is continued."""
    taken: list[int] = []
    real = resolution_module._Memory.known

    def notes(self: Any) -> Any:
        found = real(self)
        taken.append(found.units if found else 0)
        return found

    monkeypatch.setattr(resolution_module._Memory, "known", notes)
    cache, other = MemoryCache(), source(make_source, 3, files=1)
    made_by([sources[0], sources[1]], objects, cache)
    made_by([sources[0], other], objects, cache)
    made_by([sources[0], other, sources[1]], objects, cache)
    made_by([other, sources[0]], objects, cache)
    assert taken == [0, 4, 5, 0]
