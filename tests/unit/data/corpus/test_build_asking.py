"""The engine alone, without a workspace: an endpoint given as JSON, asked by worker processes."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from quanheng.data.corpus import AssetInput, CorpusResult, build, parse_recipe, read_rows, run_here
from quanheng.errors import Conflict, Invalid
from quanheng.store import JSON, Cache, Layer, LocalObjects, MemoryCache
from unit.endpoints.loopback import Told, completion, serve

from .conftest import MakeSource

RECIPE = parse_recipe("""
name = "asked"
title = { en = "asked", zh = "问模型" }
labels = ["educational_value"]
[[steps]]
use = "educational_value"
instruction = "请给下文打分，只写一个数字。"
""")
TEXTS = [f"第{n}课讲光合作用" for n in range(9)]


def quiet(done: int, total: int | None) -> None:
    """Progress that nobody watches."""


def by_processes(function: str, items: Iterable[JSON]) -> Iterator[JSON]:
    """Run in two processes that know nothing but what they are given and the environment."""
    module, name = function.split(":")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield from pool.map(getattr(importlib.import_module(module), name), list(items))


def endpoint(objects: LocalObjects, url: str) -> dict[str, AssetInput]:
    digest = objects.put_bytes(json.dumps({"url": url, "model": "m"}).encode()).digest
    return {"scorer": AssetInput(digest, digest)}


def test_worker_processes_ask_with_the_key_of_the_environment(
    objects: LocalObjects, make_source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANHENG_SCORER_KEY", "sk-no-real-key")
    sources = [make_source({f"{n}.txt": text.encode()}, title=str(n)) for n, text in enumerate(TEXTS[:4])]
    cache = Cache(tmp_path / "cache", objects)
    with serve(completion("3")) as server:
        given = {"objects": objects, "progress": quiet, "assets": endpoint(objects, server.url)}
        made = build(sources, RECIPE, cache=cache, map=by_processes, **given)  # type: ignore[arg-type]
        assert {headers["authorization"] for _, headers, _ in server.requests} == {"Bearer sk-no-real-key"}
        assert len(server.requests) == 4 and made.model.totals.documents == 4
        # Another cache of results, the answers are there: nothing is asked again, and the bytes are the same.
        entries = [path for path in cache.root.rglob("*") if path.is_file()]
        said = {path: objects.path(path.read_text().strip()).read_bytes() for path in entries}
        results = [path for path in entries if b'"rows"' in said[path]]
        assert len(results) == 4 and sum(data == b'"3"' for data in said.values()) == 4
        for path in results:
            path.unlink()
        again = build(sources, RECIPE, cache=cache, map=run_here, **given)  # type: ignore[arg-type]
        assert len(server.requests) == 4 and again == made
        anew = build(sources, RECIPE, cache=MemoryCache(), map=run_here, **given)  # type: ignore[arg-type]
        assert len(server.requests) == 8 and anew == made
    assert [row.text for row in read_rows(made.model, _opener(objects, made.layers), range(4))] == TEXTS[:4]
    assert not any(b"sk-no-real-key" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_build_without_balance_stops_and_keeps_nothing_unread(
    objects: LocalObjects, make_source: MakeSource, tmp_path: Path
) -> None:
    sources = [make_source({f"{n}.txt": text.encode()}, title=str(n)) for n, text in enumerate(TEXTS)]
    given = {"objects": objects, "cache": Cache(tmp_path / "cache", objects), "progress": quiet, "map": run_here}
    with serve(*[completion("3")] * 4, Told(402, b"Insufficient Balance")) as server:
        given["assets"] = endpoint(objects, server.url)
        with pytest.raises(Invalid, match="Insufficient Balance") as caught:
            build(sources, RECIPE, **given)  # type: ignore[arg-type]
        assert caught.value.code == "endpoint_refused"
        server.replies = [completion("3")]
        made = build(sources, RECIPE, **given)  # type: ignore[arg-type]
    import pyarrow.parquet as pq

    with _opener(objects, made.layers)(made.model.shards[0].title) as stream:
        assert pq.read_table(stream).column("educational_value").to_pylist() == [3] * len(TEXTS)


ASKED_THEN_COMPARED = """
name = "r"
title = { en = "r", zh = "r" }
[[steps]]
use = "educational_value"
instruction = "请给下文打分，只写一个数字。"
[[steps]]
drop = "educational_value >= 0 and educational_value < 3"
reason = "low"
[[steps]]
use = "deduplicate_%s"
"""
STEP_ADDED = """
[[steps]]
use = "length"
[[steps]]
drop = "characters > 1000"
reason = "too_long"
"""
DOUBTED = "甲的故事写得很平常没有什么可学的内容"
LESSONS = [
    "乙讲解了光合作用的原理和步骤非常清楚",
    "乙讲解了光合作用的原理和步骤非常清楚",
    "丙介绍了二次函数的图像与性质及例题",
    "丁说明水循环的全过程与各环节的联系",
]


@pytest.mark.parametrize("step", ["exact", "near"])
def test_a_service_that_changes_its_mind_loses_no_document(
    step: str, objects: LocalObjects, make_source: MakeSource, tmp_path: Path
) -> None:
    """A text that it turned down is answered when its rows, let go, are made again: all row numbers move."""
    texts = [DOUBTED, *LESSONS]
    sources = [make_source({"a.jsonl": "\n".join(json.dumps({"text": text}) for text in texts).encode()})]
    turns_down = [True]

    def answers(body: dict[str, object]) -> Told:
        doubted = "甲" in json.dumps(body, ensure_ascii=False)
        return Told(status=400, body=b"{}") if doubted and turns_down[0] else completion("1" if doubted else "4")

    with serve(answer=answers) as server:
        given = {"objects": objects, "map": run_here, "assets": endpoint(objects, server.url)}
        cache = Cache(tmp_path / "cache", objects)
        recipe = ASKED_THEN_COMPARED % step
        first = build(sources, parse_recipe(recipe), cache=cache, progress=quiet, **given)  # type: ignore[arg-type]
        assert _texts(objects, first) == [DOUBTED, *LESSONS[1:]]
        turns_down[0] = False
        longer, seen = parse_recipe(recipe + STEP_ADDED), list[int]()
        made = build(sources, longer, cache=cache, progress=lambda done, total: seen.append(done), **given)  # type: ignore[arg-type]
        assert _texts(objects, made) == LESSONS[1:]
        assert made == build(sources, longer, cache=MemoryCache(), progress=quiet, **given)  # type: ignore[arg-type]
        assert seen == sorted(seen)


@pytest.mark.parametrize("step", ["exact", "near"])
def test_a_service_that_never_settles_is_told(
    step: str, objects: LocalObjects, make_source: MakeSource, tmp_path: Path
) -> None:
    """Rows that are lost as soon as they are made, and are others each time."""
    texts = [DOUBTED, *LESSONS]
    sources = [make_source({"a.jsonl": "\n".join(json.dumps({"text": text}) for text in texts).encode()})]
    asked = [0]

    def answers(body: dict[str, object]) -> Told:
        if "甲" not in json.dumps(body, ensure_ascii=False):
            return completion("4")
        asked[0] += 1
        return completion(str(asked[0] % 2 * 4))

    def loses(function: str, items: Iterable[Any]) -> Iterator[JSON]:
        for item in items:
            [answer] = cast(Iterator[Any], run_here(function, [item]))
            if item["segment"] == 0:
                objects.delete(json.loads(objects.path(answer["result"]).read_bytes())["rows"])
            yield answer

    with serve(answer=answers) as server, pytest.raises(Conflict) as caught:
        build(
            sources,
            parse_recipe(ASKED_THEN_COMPARED % step),
            objects=objects,
            cache=MemoryCache(),
            progress=quiet,
            map=loses,
            assets=endpoint(objects, server.url),
        )
    assert caught.value.code == "rows_changed" and caught.value.hint
    assert asked[0] < 20


def test_again_asks_only_what_was_not_answered(objects: LocalObjects, make_source: MakeSource, tmp_path: Path) -> None:
    """One unit with a text that is turned down and one that is answered in another form; one where all is well."""
    doubted, babbled = "甲课讲光合作用", "乙课讲光合作用"
    sources = [
        make_source({"a.jsonl": "\n".join(json.dumps({"text": t}) for t in (doubted, babbled, *TEXTS[:3])).encode()}),
        make_source({"b.jsonl": "\n".join(json.dumps({"text": t}) for t in TEXTS[3:]).encode()}, title="b"),
    ]
    turns_down, ran = [True], list[str]()

    def answers(body: dict[str, object]) -> Told:
        said = json.dumps(body, ensure_ascii=False)
        if doubted in said and turns_down[0]:
            return Told(status=400, body=b"{}")
        return completion("这一段……" if babbled in said and turns_down[0] else "3")

    def watched(function: str, items: Iterable[Any]) -> Iterator[JSON]:
        for item in items:
            ran.append(item["files"][0]["title"])
            yield from run_here(function, [item])

    def scores(again: str | None, cache: Any) -> tuple[list[int], list[str], int]:
        """Return the scores, which units ran, and how many questions about texts were asked."""
        ran.clear()
        before = len(server.requests)
        made = build(sources, RECIPE, objects, cache, quiet, watched, assets, again=again)
        import pyarrow.parquet as pq

        found: list[int] = []
        for shard in made.model.shards:
            with _opener(objects, made.layers)(shard.title) as stream:
                found += pq.read_table(stream).column("educational_value").to_pylist()
        asked = [body for _, _, body in server.requests[before:] if "光合作用" in json.dumps(body, ensure_ascii=False)]
        return found, list(ran), len(asked)

    with serve(answer=answers) as server:
        assets = endpoint(objects, server.url)
        cache = Cache(tmp_path / "cache", objects)
        poor = [-1, -1, *[3] * 9]
        assert scores(None, cache) == (poor, ["a.jsonl", "b.jsonl"], 11)
        assert scores(None, cache) == (poor, [], 0)
        assert scores("one", cache) == (poor, ["a.jsonl"], 2)
        assert scores("one", cache) == (poor, ["a.jsonl"], 0)  # once in a round
        turns_down[0] = False
        assert scores(None, cache) == (poor, [], 0)
        assert scores("two", cache) == ([3] * 11, ["a.jsonl"], 2)
        assert scores("three", cache) == ([3] * 11, [], 0)
        assert scores(None, cache) == ([3] * 11, [], 0)
        assert scores("four", MemoryCache())[2] == 11  # nothing lasts, so that nothing is known


def test_an_endpoint_that_no_step_asks_is_an_error(objects: LocalObjects, make_source: MakeSource) -> None:
    recipe = parse_recipe('name = "a"\ntitle = { en = "a", zh = "a" }\n[[steps]]\nuse = "length"\n')
    with pytest.raises(Invalid) as caught:
        build(
            [make_source({"a.txt": b"a"})],
            recipe,
            objects=objects,
            cache=MemoryCache(),
            progress=quiet,
            map=run_here,
            assets=endpoint(objects, "http://127.0.0.1:9/v1"),
        )
    assert caught.value.code == "asset_unused" and caught.value.hint and "educational_value" in caught.value.hint.en


def _texts(objects: LocalObjects, made: CorpusResult) -> list[str]:
    rows = read_rows(made.model, _opener(objects, made.layers), range(made.model.totals.documents))
    return [row.text for row in rows]


def _opener(objects: LocalObjects, layers: Iterable[Layer]) -> Callable[[str], BinaryIO]:
    by_title = {layer.title: layer.digest for layer in layers}
    return lambda title: objects.open(by_title[title])
