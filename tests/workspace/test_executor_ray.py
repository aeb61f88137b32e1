"""The Ray executor against a real Ray of two raylets, of which one is killed; and one that it starts itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cluster_work
import clusters
from clusters import Ray
from databases import Place, Templates, wait_until
from quanheng.core.executors import LocalExecutor
from quanheng.errors import Forbidden, Invalid
from unit.endpoints.loopback import Told, completion, serve

pytestmark = [
    pytest.mark.xdist_group("clusters"),
    pytest.mark.skipif(bool(clusters.missing_ray()), reason=clusters.missing_ray() or "it is here"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Ray]:
    with clusters.ray() as made:
        yield made


def chosen(cluster: Ray) -> dict[str, Any]:
    return {"executor": "ray", "ray_address": cluster.address}


def test_order_errors_and_failures(cluster: Ray, tmp_path: Path) -> None:
    items: list[Any] = [{"n": n, "rest_s": 0.2 if n < 3 else 0} for n in range(20)]
    calls: list[tuple[str, list[Any]]] = [("work", items), ("clash", [1, 2, 3]), ("stumble", [7]), ("die", [1])]
    with clusters.driver(chosen(cluster), tmp_path, [*calls, ("work", [])], **cluster.environment) as driver:
        assert driver.stdout
        done, clashed, stumbled, died, nothing = clusters.read_calls(driver.stdout)
    assert driver.returncode == 0
    assert json.dumps(done[0]) == json.dumps(list(LocalExecutor(1).map("cluster_work:work", items)))
    assert clashed[0] == [1] and (clashed[1]["class"], clashed[1]["code"]) == ("Conflict", "two_taken")
    assert clashed[1]["hint"] == ["Take three.", "请用三。"]
    assert stumbled[1]["code"] == "task_failed" and "nothing is known of 7" in stumbled[1]["zh"]
    assert (died[1]["class"], died[1]["code"]) == ("Unavailable", "task_lost")
    assert [call[1] for call in (done, nothing)] == [None, None] and nothing[0] == []


def test_a_killed_node_loses_nothing(cluster: Ray, tmp_path: Path) -> None:
    items: list[Any] = [{"n": n, "rest_s": 1, "marks": str(tmp_path)} for n in range(10)]
    with clusters.driver(chosen(cluster), tmp_path, [("work", items)], **cluster.environment) as driver:
        assert driver.stdout

        def running() -> bool:
            return any(Path(f"/proc/{mark.name.split('-')[2]}").exists() for mark in tmp_path.glob("*-n2-*"))

        wait_until(running, "a task on n2", 40)
        cluster.kill_node("n2")
        [(answers, error)] = clusters.read_calls(driver.stdout)
    assert error is None
    begun = [path.name.split("-")[0] for path in tmp_path.iterdir()]
    assert len(begun) > len(set(begun)) == len(items)  # something was lost and done again
    assert json.dumps(answers) == json.dumps([cluster_work.work({"n": n}) for n in range(len(items))])


@pytest.mark.databases("sqlite")
def test_a_corpus_has_the_same_rows(
    place: Place, templates: Templates, cluster: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    found = clusters.build(place, tmp_path, executor="ray", ray_address=cluster.address, processes=2)
    assert found == clusters.build_locally(templates, tmp_path)


ASKED = """
name = "asked"
title = { en = "asked", zh = "问模型" }
labels = ["educational_value"]
[[steps]]
use = "educational_value"
characters = 100
"""


@pytest.mark.databases("sqlite")
def test_endpoints_are_asked_by_workers_and_a_key_that_they_lack_is_told_first(
    place: Place, cluster: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "asked.toml").write_text(ASKED, "utf-8")
    rows = tmp_path / "rows.txt"
    rows.write_text("".join(f"第{n}课讲光合作用的两个阶段。\n" for n in range(6)), "utf-8")
    workspace = place.open(executor="ray", ray_address=cluster.address, processes=2)
    source = workspace.source.register(path=str(rows), title="课", document="line").digest
    given: dict[str, Any] = {"sources": [source], "file": str(tmp_path / "asked.toml")}
    with serve(Told(401, b"no key")) as server:
        given["scorer"] = workspace.endpoint.register(url=server.url, title="m").digest
        monkeypatch.setenv("QUANHENG_SCORER_KEY", "sk-of-this-machine")
        with pytest.raises(Forbidden) as caught:
            workspace.corpus.build(**given)
        assert caught.value.code == "no_key_on_nodes" and len(server.requests) == 1  # before the first unit
        assert caught.value.hint and "QUANHENG_SCORER_KEY" in caught.value.hint.zh and "Ray" in caught.value.text.zh
        server.replies = [completion("得分：4")]  # a service that needs none
        built = workspace.corpus.build(**given)
        assert len(server.requests) == 8 and {h.get("authorization") for _, h, _ in server.requests} == {None}
    model = workspace.load(built.digest).model
    assert [shard.documents for shard in model.shards] == [6]
    # The service is away now: all is in the cache, and a guard that no step asks is told of, not asked.
    again = workspace.corpus.build(**given, again=True)
    assert not again.cached and workspace.load(again.digest).model.rows_digest == model.rows_digest
    with pytest.raises(Invalid) as unused:
        workspace.corpus.build(**given, guard=given["scorer"])
    assert unused.value.code == "asset_unused"


def test_a_cluster_of_its_own_knows_no_secret_and_ends_with_its_driver(tmp_path: Path) -> None:
    environment = {
        "QUANHENG_DATABASE": "postgresql://somebody:secret@db/quanheng",
        "OUR_TEST_MARK": str(tmp_path),
        "PYTHONPATH": clusters.PYTHONPATH,
    }
    calls: list[tuple[str, list[Any]]] = [("variables", [0]), ("work", [{"n": 1}, {"n": 2, "rest_s": 60}])]
    with clusters.driver({"executor": "ray", "processes": 1}, tmp_path, calls, **environment) as driver:
        assert driver.stdout
        assert json.loads(driver.stdout.readline()) == {"answer": []}
        [private] = Path(tempfile.gettempdir()).glob("qh-ray-*")
        assert private.stat().st_mode & 0o777 == 0o700
        driver.stdout.readline()
        assert json.loads(driver.stdout.readline())["answer"]["n"] == 1
        os.killpg(driver.pid, signal.SIGKILL)
    wait_until(lambda: not clusters.processes_with("OUR_TEST_MARK", str(tmp_path)), "Ray to end with its driver", 20)
    shutil.rmtree(private)  # a killed driver cannot
