"""Promise: collection never removes what a concurrent put acknowledges — with nothing too young to be collected.

Writers bring, use and withdraw the same ten contents; collectors run beside them and are killed all the time.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from databases import Place
from nursery import Child, Nursery
from quanheng.core.collect import collect
from quanheng.core.fsck import fsck

ROUNDS = 600 if os.environ.get("QUANHENG_PROMISES") == "full" else 60
WRITERS = 3
SEED = random.SystemRandom().randrange(2**32)


def _state(writers: list[Child]) -> tuple[set[str], set[str]]:
    """Return the artifacts that are promised, and those that were withdrawn."""
    promised: set[str] = set()
    gone: set[str] = set()
    for line in (line for child in writers for line in child.lines):
        sign, word = line.split(maxsplit=1)
        assert sign != "error", line
        if sign == "+":
            promised.add(word)
        elif sign in "?-":
            promised.discard(word)
            gone.add(word)
    return promised, gone


def test_collection_never_takes_what_is_acknowledged(place: Place, tmp_path: Path) -> None:
    dice = random.Random(SEED)
    runs = []
    with Nursery(place, tmp_path / "n") as nursery:
        writers = [nursery.start("share", dice.randrange(2**32), ROUNDS) for _ in range(WRITERS)]
        while any(writer.is_running for writer in writers):
            collector = nursery.start("gather", dice.randrange(2**32))
            collector.wait_for_lines(1)
            time.sleep(dice.random() * 0.3)
            collector.kill()
            runs.append(collector)
    assert not [line for run in runs for line in run.lines if line.startswith("error")]
    promised, gone = _state(writers)
    assert promised
    assert gone
    assert sum(int(line.split()[1]) for run in runs for line in run.lines) > 0  # the race was run at all
    workspace = place.open(collect_after_h=0)
    report = fsck(workspace)
    assert report.problems == [], f"seed {SEED}"
    for digest in promised:
        workspace.objects.verify(workspace.load(digest).layers[0].digest)
    collect(workspace)  # completes whatever the killed ones left
    after = fsck(workspace)
    assert after.problems == []
    used = {workspace.load(digest).layers[0].digest for digest in promised}
    assert set(workspace.objects.iterate()) == used
