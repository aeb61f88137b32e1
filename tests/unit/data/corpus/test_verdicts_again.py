"""Verdicts found before: of old units their digests are enough, and they are made again where they are read."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from tests.unit.data.corpus.conftest import MakeSource
from tests.unit.data.corpus.continued_corpora import RECIPE, made, source
from tests.unit.data.dedup_units import han

from quanheng.data.corpus import SourceInput
from quanheng.data.corpus import resolution as resolution_module
from quanheng.kinds.recipes import Recipe, Step
from quanheng.store import LocalObjects, MemoryCache

PASSAGES = RECIPE.model_copy(
    update={"steps": (*RECIPE.steps[:-1], Step(use="deduplicate_substring", params={"min_characters": 40}))}
)


def kept_json(objects: LocalObjects, cache: MemoryCache) -> dict[str, Any]:
    """Return the small JSON objects that a cache names, by key."""
    found = {}
    for key, digest in dict.items(cache):
        data = objects.path(digest).read_bytes() if objects.exists(digest) else b""
        if data[:1] in (b"{", b"["):
            found[key] = json.loads(data)
    return found


@pytest.mark.parametrize("recipe", [RECIPE, PASSAGES], ids=["near", "passages"])
def test_of_old_units_none_is_written_again(
    recipe: Recipe, sources: list[SourceInput], objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    store = resolution_module.store_verdicts

    def noted(objects: Any, verdicts: Any, id_of: Any) -> Any:
        written.append(len(verdicts))
        return store(objects, verdicts, id_of)

    cache = MemoryCache()
    made(sources[:2], objects, cache, recipe)
    monkeypatch.setattr(resolution_module, "store_verdicts", noted)
    result = made(sources, objects, cache, recipe)
    # Ten units, of which six are old: exact copies are resolved anew, lines by source, and the last step goes on.
    assert len(written) == 10 + 4 + 4 and sum(written) > 0
    written.clear()
    assert made(sources, objects, cache, recipe) == result
    assert written == []
    assert made(sources, objects, MemoryCache(), recipe) == result
    assert len(written) == 30


@pytest.mark.parametrize("recipe", [RECIPE, PASSAGES], ids=["near", "passages"])
def test_units_that_were_forgotten_read_verdicts_that_are_made_again(
    recipe: Recipe, sources: list[SourceInput], objects: LocalObjects
) -> None:
    afresh, cache = made(sources, objects, MemoryCache(), recipe), MemoryCache()
    made(sources[:2], objects, cache, recipe)
    results = [key for key, said in kept_json(objects, cache).items() if "broken_rows" in said]
    assert len(results) == 24  # six units in four segments
    for first in range(0, 24, 4):
        forgetful = MemoryCache(cache)
        for key in results[first : first + 4 : 3]:
            del forgetful[key]
        assert made(sources, objects, forgetful, recipe) == afresh


def test_verdicts_name_documents_by_the_ids_that_they_have_now(
    make_source: MakeSource, sources: list[SourceInput], objects: LocalObjects
) -> None:
    cache = MemoryCache()
    made(sources[:2], objects, cache)
    # The same files, registered once more: other ids for the same units.
    again = SourceInput("sha256:" + "9" * 64, sources[0].model, sources[0].layers)
    given = [again, sources[1], source(make_source, 4)]
    result = made(given, objects, cache)
    assert result == made(given, objects, MemoryCache())
    samples = objects.path(next(layer.digest for layer in result.layers if layer.title == "samples.jsonl")).read_text()
    named = {json.loads(line)["of"][:12] for line in samples.splitlines()}
    assert "9" * 12 in named and sources[0].digest[7:19] not in named


def test_who_keeps_all_has_the_verdicts_on_old_units_too(sources: list[SourceInput], objects: LocalObjects) -> None:
    cache = MemoryCache()
    made(sources[:2], objects, cache)
    made(sources, objects, cache, keep="all")
    lists = [said for said in kept_json(objects, cache).values() if isinstance(said, list) and said]
    verdicts = [said for said in lists if all(one is None or isinstance(one, str) for one in said)]
    whole = [said for said in verdicts if len(said) in (10, 1, 3)]
    assert sum(len(said) == 10 for said in whole) == 2 and sum(len(said) in (1, 3) for said in whole) == 4
    assert all(objects.exists(digest) for said in whole for digest in said if digest)


def test_texts_of_old_units_are_found_by_file_and_row(make_source: MakeSource, objects: LocalObjects) -> None:
    """Rows of all files of a unit have the same numbers, and its texts stand among the final rows by now."""
    rng, cache = random.Random(5), MemoryCache()
    texts = [[han(rng, 80) for _ in range(10)] for _ in range(3)]

    def jsonl(some: list[str]) -> bytes:
        return "\n".join(json.dumps({"text": text}) for text in some).encode()

    first = make_source({f"{file}.jsonl": jsonl(some) for file, some in enumerate(texts)}, "甲")
    second = make_source({"a.jsonl": jsonl([text + "吧" for some in texts for text in some])}, "乙")
    made([first], objects, cache)
    result = made([first, second, source(make_source, 1)], objects, cache)
    assert result == made([first, second, source(make_source, 1)], objects, MemoryCache())
    assert result.model.per_source[1].dropped == {"near_duplicate": 30}
