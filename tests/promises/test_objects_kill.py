"""Promise 1, the store's part: writers killed with SIGKILL lose no acknowledged object and leave no corrupt one.

QUANHENG_PROMISES=full: 200 kills; otherwise 20. A kill keeps the page cache, so that power loss is not what is tested
here: the order of fsync and rename is, in tests/unit/store/test_objects.py.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quanheng.errors import Corrupt
from quanheng.store.objects import LocalObjects

KILLS = 200 if os.environ.get("QUANHENG_PROMISES") == "full" else 20
WRITERS = 2
SEED = 20260102

WRITER = """
import os, random, sys
from quanheng.store.objects import LocalObjects
objects = LocalObjects(sys.argv[1])
rng = random.Random(int(sys.argv[2]))
while True:
    # Some contents repeat, so that writers meet objects that are there, or being written, already.
    data = bytes([rng.randrange(40)]) * rng.choice([1, 5_000, 300_000])
    with objects.writer() as target:
        for start in range(0, len(data), 64_000):
            target.write(data[start:start + 64_000])
            target.flush()
    sys.stdout.write(target.result.digest + "\\n")
    sys.stdout.flush()
"""

#: The order that the store must not use: the final name first, then the bytes.
NAIVE = """
import os, random, sys
from quanheng.store.objects import LocalObjects
from quanheng.store.digest import sha256_digest
objects = LocalObjects(sys.argv[1])
rng = random.Random(int(sys.argv[2]))
while True:
    data = rng.randbytes(300_000)
    digest = sha256_digest(data)
    path = objects.path(digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb", buffering=0) as stream:
        for start in range(0, len(data), 1000):
            stream.write(data[start:start + 1000])
    sys.stdout.write(digest + "\\n")
    sys.stdout.flush()
"""


def run_and_kill(code: str, root: Path, rng: random.Random) -> list[str]:
    """Start the writers, kill them at a random moment, and return the digests they had acknowledged."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(root), str(rng.randrange(2**32))], stdout=subprocess.PIPE, text=True
        )
        for _ in range(WRITERS)
    ]
    first = [process.stdout.readline() for process in running]  # the kill meets them at work, not at start-up
    time.sleep(rng.random() * 0.05)
    acknowledged = []
    for process, line in zip(running, first, strict=True):
        process.send_signal(signal.SIGKILL)
        rest = process.communicate()[0]
        # A last line without its newline was not acknowledged.
        acknowledged += [text for text in (line + rest).split("\n")[:-1] if text]
    return acknowledged


def test_killed_writers_lose_nothing(tmp_path):
    rng = random.Random(SEED)
    objects = LocalObjects(tmp_path)
    acknowledged: set[str] = set()
    for _ in range(KILLS // WRITERS):
        acknowledged |= set(run_and_kill(WRITER, tmp_path, rng))
    present = set(objects.iterate())
    assert acknowledged and acknowledged <= present
    for digest in present:
        objects.verify(digest)
    left = len(list((tmp_path / "tmp").iterdir()))
    print(f"{KILLS} kills, {len(acknowledged)} acknowledged objects, {left} temporary files left")
    assert objects.sweep_temporary(0, time.time() + 1) == left
    assert set(objects.iterate()) == present


def test_the_naive_order_is_found_out(tmp_path):
    """The test above can fail: with the naive order, kills leave objects that are not what their name says."""
    rng = random.Random(SEED)
    objects = LocalObjects(tmp_path)
    for _ in range(20):
        run_and_kill(NAIVE, tmp_path, rng)
        damaged = [digest for digest in objects.iterate() if is_damaged(objects, digest)]
        if damaged:
            return
    pytest.fail("no kill fell into a write")


def is_damaged(objects: LocalObjects, digest: str) -> bool:
    try:
        objects.verify(digest)
    except Corrupt:
        return True
    return False
