"""Promise: 8 processes write at once without a "locked" error, and the log has no gap."""

from __future__ import annotations

import os
from pathlib import Path

from databases import Place
from nursery import Nursery
from quanheng.core.fsck import fsck

WRITERS = 8
REGISTERS = 500 if os.environ.get("QUANHENG_PROMISES") == "full" else 25


def test_eight_writers_at_once(place: Place, tmp_path: Path) -> None:
    with Nursery(place, tmp_path / "n") as nursery:
        children = [nursery.start("count_up", seed, REGISTERS) for seed in range(WRITERS)]
        for child in children:
            child.wait(600)
    lines = [line for child in children for line in child.lines]
    assert not [line for line in lines if not line.startswith("+ ")]
    assert len({line for line in lines}) == WRITERS * REGISTERS
    workspace = place.open()
    report = fsck(workspace)
    assert report.problems == []
    assert report.counts["entries"] == 1 + WRITERS * REGISTERS
    assert report.counts["artifacts"] == 1 + WRITERS * REGISTERS
    indexes = [entry["index"] for entry in workspace.log.list(limit=1000)["entries"]]
    assert indexes == list(range(WRITERS * REGISTERS, max(-1, WRITERS * REGISTERS - 1000), -1))
