"""The engine alone, without a workspace: an endpoint given as JSON, asked by worker processes."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO

import pytest

from quanheng.data.corpus import AssetInput, build, parse_recipe, read_rows, run_here
from quanheng.errors import Invalid
from quanheng.store import JSON, Cache, Layer, LocalObjects, MemoryCache
from unit.endpoints.loopback import completion, serve

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
        results = [path for path in entries if b'"rows"' in objects.path(path.read_text().strip()).read_bytes()]
        assert len(results) == 4 and len(entries) == 8
        for path in results:
            path.unlink()
        again = build(sources, RECIPE, cache=cache, map=run_here, **given)  # type: ignore[arg-type]
        assert len(server.requests) == 4 and again == made
        anew = build(sources, RECIPE, cache=MemoryCache(), map=run_here, **given)  # type: ignore[arg-type]
        assert len(server.requests) == 8 and anew == made
    assert [row.text for row in read_rows(made.model, _opener(objects, made.layers), range(4))] == TEXTS[:4]
    assert not any(b"sk-no-real-key" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


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


def _opener(objects: LocalObjects, layers: Iterable[Layer]) -> Callable[[str], BinaryIO]:
    by_title = {layer.title: layer.digest for layer in layers}
    return lambda title: objects.open(by_title[title])
