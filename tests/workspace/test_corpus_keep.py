"""corpus.build --keep: it is no part of a corpus, what is let go is gone, and nothing else ever is."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pytest

from build_texts import texts_of
from databases import Place
from quanheng.core import clock
from quanheng.core.collect import Collected, collect, release
from quanheng.core.fsck import fsck
from quanheng.data.corpus import units as units_module
from quanheng.errors import QuanhengError


@pytest.fixture
def source(workspace: Any, tmp_path: Path) -> str:
    """Return the name of a registered source of generated pages."""
    folder = tmp_path / "files"
    folder.mkdir()
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts_of(1, 120)]
    (folder / "rows.jsonl").write_text("\n".join(lines), "utf-8")
    workspace.source.register(path=str(folder), title="来源", as_name="s")
    return "s"


def unused(workspace: Any) -> set[str]:
    """Return the objects that no artifact has."""
    used = {
        layer["digest"]
        for row in workspace.artifact.list(limit=100)["rows"]
        for layer in workspace.artifact.show(artifact=row["digest"])["layers"]
    }
    return set(workspace.objects.iterate()) - used


def test_keep_is_no_part_of_a_corpus_and_finds_the_same_one(workspace: Any, source: str) -> None:
    first = workspace.corpus.build(sources=[source])
    shown = workspace.artifact.show(artifact=first.digest)
    assert "keep" not in json.dumps(shown["made_by"])
    for keep in ("final", "stages", "all"):
        again = workspace.corpus.build(sources=[source], keep=keep)
        assert again.cached and again.digest == first.digest
    before = unused(workspace)
    made = workspace.corpus.build(sources=[source], keep="all", again=True)
    assert not made.cached
    rows = workspace.artifact.show(artifact=made.digest)["config"]["rows_digest"]
    assert rows == shown["config"]["rows_digest"]
    assert len(unused(workspace)) > len(before)  # its verdicts stay
    assert fsck(workspace).ok


def test_a_queued_build_is_the_same_corpus(place: Place, workspace: Any, source: str) -> None:
    from quanheng.core.worker import work  # it plans the call again, from what the row says

    job = workspace.corpus.build(sources=[source], keep="stages", detach=True)
    assert job.state == "queued"
    work(workspace, once=True)
    [row] = [row for row in workspace.artifact.list(limit=100)["rows"] if row["kind"].startswith("corpus/")]
    again = workspace.corpus.build(sources=[source])
    assert again.cached and again.digest == row["digest"]


def test_the_log_says_how_much_disk_it_took(workspace: Any, source: str) -> None:
    made = workspace.corpus.build(sources=[source])
    text = (workspace.folder / "jobs" / f"{made.job}.log").read_text("utf-8")
    assert "disk: at most" in text and "(--keep final)" in text
    assert "磁盘：构建期间除来源外最多占用" in text


def test_a_word_that_nobody_knows_is_refused(workspace: Any, source: str) -> None:
    with pytest.raises(QuanhengError) as caught:
        workspace.corpus.build(sources=[source], keep="everything")
    assert caught.value.code == "bad_input" and "keep" in str(caught.value)


def test_release_removes_what_nobody_has_and_nothing_else(workspace: Any, source: str) -> None:
    objects = workspace.objects
    job_only = [objects.put_bytes(f"rows {n}".encode()).digest for n in range(45)]
    brought = workspace.put(b"somebody has brought it").digest
    [used, *_] = [layer["digest"] for layer in workspace.artifact.show(artifact="source:s")["layers"]]
    gone = "sha256:" + "0" * 64
    found = release(workspace, [*job_only, brought, used, gone, *job_only])
    assert found == Collected(45, sum(len(f"rows {n}") for n in range(45)))
    assert not any(objects.exists(digest) for digest in job_only)
    assert objects.exists(brought) and objects.exists(used)
    assert release(workspace, job_only) == Collected(0, 0)
    assert objects.put_bytes(b"rows 1").digest in job_only  # may come again
    assert release(workspace, job_only) == Collected(1, 6)
    assert fsck(workspace).ok
    assert collect(workspace) == Collected(0, 0)


def collect_after(workspace: Any, days: float) -> Collected:
    now = dt.datetime.now(dt.UTC)
    clock.set_clock(lambda: now + dt.timedelta(days=days))
    try:
        return collect(workspace)
    finally:
        clock.set_clock(None)


def unit_results(workspace: Any) -> dict[Path, int]:
    """Return the cache entries of units, each with the number of its file, which changes when the unit runs again."""
    found = {}
    for path in workspace.cache.root.glob("??/*"):
        digest = path.read_text("ascii").strip()
        if workspace.objects.exists(digest) and b'"broken_rows"' in workspace.objects.path(digest).read_bytes():
            found[path] = path.stat().st_ino
    return found


@pytest.mark.parametrize("keep", ["final", "stages", "all"])
def test_collection_leaves_what_a_next_build_goes_on_from(
    keep: str, workspace: Any, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units_module, "UNIT_FILES", 1)
    for name, seed in (("t", 2), ("u", 3)):
        lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts_of(seed, 60)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
        workspace.source.register(path=str(tmp_path / f"{name}.jsonl"), title=name, as_name=name)
    workspace.corpus.build(sources=[source], keep=keep)
    stays = unused(workspace)
    assert collect_after(workspace, 5).layers == 0 and unused(workspace) == stays
    first = unit_results(workspace)
    assert len(first) == 3  # segments of the recipe
    # Everything is nearly too old; what the next build uses is young again.
    old = dt.datetime.now(dt.UTC).timestamp() - 29 * 24 * 3600
    for path in (*workspace.cache.root.glob("??/*"), *map(workspace.objects.path, workspace.objects.iterate())):
        os.utime(path, (old, old))
    workspace.corpus.build(sources=[source, "t"], keep=keep)
    second = unit_results(workspace)
    assert len(second) == 6 and first.items() <= second.items()
    collect_after(workspace, 5)
    workspace.corpus.build(sources=[source, "t", "u"], keep=keep)
    third = unit_results(workspace)
    assert len(third) == 9 and second.items() <= third.items()
    collect_after(workspace, 40)
    assert unused(workspace) == set() and not unit_results(workspace)
    assert fsck(workspace).ok
