"""Promise: 200 `kill -9` during writes lose nothing that was acknowledged and leave nothing corrupt."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from databases import Place, close_open
from nursery import Nursery
from quanheng.core.fsck import fsck

FULL = os.environ.get("QUANHENG_PROMISES") == "full"
KILLS = 200 if FULL else 20
CUTS = 100 if FULL else 10
SEED = random.SystemRandom().randrange(2**32)


def _check(workspace: Any, acknowledged: list[str]) -> None:
    report = fsck(workspace)
    assert report.problems == [], f"seed {SEED}"
    for digest in acknowledged:
        loaded = workspace.load(digest)  # NotFound when it was lost
        workspace.objects.verify(loaded.layers[0].digest)


def test_killed_writers_lose_nothing_acknowledged(place: Place, tmp_path: Path) -> None:
    dice = random.Random(SEED)
    acknowledged: list[str] = []
    killed = 0
    with Nursery(place, tmp_path / "n") as nursery:
        while killed < KILLS:
            children = [nursery.start("register", dice.randrange(2**32)) for _ in range(dice.choice((1, 2)))]
            children[0].wait_for_lines()
            time.sleep(dice.random() * 0.08)
            for child in children:
                child.kill()
                killed += 1
                assert not [line for line in child.lines if line.startswith("error")], child.lines
                acknowledged += [line.split()[1] for line in child.lines]
    assert len(acknowledged) >= KILLS / 2  # a writer that starts beside another may be killed before its first
    workspace = place.open()
    _check(workspace, acknowledged)
    named = {row["digest"] for row in workspace.artifact.list(limit=1000)["rows"] if row["names"]}
    assert named


@pytest.mark.databases("sqlite")
def test_a_torn_write_ahead_log_leaves_a_prefix_of_history(place: Place, tmp_path: Path) -> None:
    dice = random.Random(SEED)
    with Nursery(place, tmp_path / "n") as nursery:
        child = nursery.start("without_checkpoints", SEED)
        child.wait_for_lines(8)
        child.kill()
    history = [line.split()[1] for line in child.lines]
    wal = place.folder / "quanheng.db-wal"
    size = wal.stat().st_size
    kept = set()
    for number in range(CUTS):
        torn = Place(tmp_path / f"torn-{number}", "sqlite")
        shutil.copytree(place.folder, torn.folder, ignore=shutil.ignore_patterns("*-shm"))
        os.truncate(torn.folder / "quanheng.db-wal", dice.randrange(size))
        workspace = torn.open()
        assert fsck(workspace).problems == [], f"seed {SEED}"
        there = {row["digest"] for row in workspace.artifact.list(limit=1000)["rows"]}
        survived = [digest for digest in history if digest in there]
        assert survived == history[: len(survived)]
        kept.add(len(survived))
        close_open()
        shutil.rmtree(torn.folder)
    assert len(kept) > 2  # some cuts took much, some little
    _check(place.open(), history)  # and untouched, nothing is lost
