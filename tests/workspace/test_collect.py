"""Collection: what nobody uses goes when it is old; what is used, young, cached or needed by a running job stays."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from databases import Place
from evidence import item, put_layers, register
from quanheng.core import clock, uploads
from quanheng.core import collect as module
from quanheng.core.collect import alone, collect, release, remove_layers
from quanheng.core.database import cursor
from quanheng.core.fsck import fsck
from quanheng.errors import Conflict, Forbidden
from quanheng.store import sha256_digest


def _later(hours: float) -> None:
    now = dt.datetime.now(dt.UTC)
    clock.set_clock(lambda: now + dt.timedelta(hours=hours))


def _here(workspace: Any, data: bytes) -> bool:
    return bool(workspace.objects.exists(sha256_digest(data)))


def _doomed() -> int:
    with cursor() as cur:
        cur.execute("SELECT COUNT(*) FROM qh_core_layer WHERE doomed_at IS NOT NULL")
        return int(cur.fetchone()[0])


def test_only_what_is_unused_and_old_goes(workspace: Any) -> None:
    register(workspace, "a", [("a.txt", b"used")])
    workspace.put(b"unused")
    workspace.objects.put_bytes(b"from a job that was never registered")
    assert collect(workspace) == module.Collected(0, 0)
    _later(25)
    workspace.put(b"young")
    os.utime(workspace.objects.path(sha256_digest(b"young")), (clock.now().timestamp(),) * 2)
    assert collect(workspace) == module.Collected(2, len(b"unused") + len(b"from a job that was never registered"))
    assert _here(workspace, b"used")
    assert _here(workspace, b"young")
    assert not _here(workspace, b"unused")
    assert _doomed() == 0
    report = fsck(workspace)
    assert report.ok
    assert collect(workspace).layers == 0


def test_a_withdrawn_artifacts_layers_go_at_once_and_shared_ones_stay(workspace: Any) -> None:
    gone = register(workspace, "gone", [("a.txt", b"alone"), ("b.txt", b"shared")])
    register(workspace, "kept", [("b.txt", b"shared")])
    workspace.artifact.withdraw(artifact=gone, reason="not wanted")
    assert not _here(workspace, b"alone")
    assert _here(workspace, b"shared")
    assert fsck(workspace).ok
    workspace.put(b"alone")  # brought again, and used again
    register(workspace, "new", [("a.txt", b"alone")])
    _later(1000)
    assert collect(workspace).layers == 0
    assert fsck(workspace).ok


def test_a_touch_after_dooming_saves_the_layer(workspace: Any) -> None:
    workspace.put(b"wanted again")
    _later(25)
    cutoff = clock.now() - dt.timedelta(hours=24)
    module._doom_rows(cutoff, set())
    assert _doomed() == 1
    path = workspace.objects.path(sha256_digest(b"wanted again"))
    os.utime(path, (clock.now().timestamp(),) * 2)
    assert collect(workspace).layers == 0
    assert _doomed() == 0
    assert path.exists()


@pytest.mark.parametrize("has_file", [True, False])
def test_the_next_collector_completes_a_killed_one(workspace: Any, has_file: bool) -> None:
    stored = workspace.put(b"half collected")
    os.utime(workspace.objects.path(stored.digest), (time.time() - 200_000,) * 2)
    with cursor() as cur:
        cur.execute("UPDATE qh_core_layer SET doomed_at = %s", [clock.now()])
    if not has_file:
        workspace.objects.delete(stored.digest)
    assert collect(workspace).layers == int(has_file)
    assert _doomed() == 0
    assert workspace.put(b"half collected") == stored
    assert fsck(workspace).ok


#: Lets objects go in a process that is killed before the first file goes, or after so many, within the transaction.
KILLED_RELEASE = """
import json, os, signal, sys
import quanheng
from quanheng.core import collect as module
folder, database, digests, after = json.loads(sys.argv[1])
workspace = quanheng.open(folder, database=database)
objects, deleted = type(workspace.objects), []
before = objects.delete

def delete(self, digest):
    if len(deleted) == after:
        os.kill(os.getpid(), signal.SIGKILL)
    deleted.append(digest)
    return before(self, digest)

objects.delete = delete
module.release(workspace, digests)
"""


@pytest.mark.parametrize("after", [0, 5, 25])
def test_a_killed_release_leaves_objects_to_the_next_collection(place: Place, after: int) -> None:
    workspace = place.open(collect_after_h=24)
    register(workspace, "a", [("a.txt", b"used")])
    brought = workspace.put(b"brought").digest
    loose = sorted(workspace.objects.put_bytes(f"rows {n}".encode()).digest for n in range(45))
    given = json.dumps([str(place.folder), place.database, [*loose, brought, sha256_digest(b"used")], after])
    killed = subprocess.run([sys.executable, "-c", KILLED_RELEASE, given], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = [digest for digest in loose if workspace.objects.exists(digest)]
    assert len(left) == 45 - after and _doomed() >= 45 - after
    assert _here(workspace, b"brought") and _here(workspace, b"used") and fsck(workspace).ok
    # The next build makes some of them again; it lets them go again, and no row stands in its way.
    assert workspace.objects.put_bytes(b"rows 1").digest in loose
    release(workspace, loose)
    assert collect(workspace).layers <= 45 and _doomed() == 0 and fsck(workspace).ok
    _later(25)
    workspace.put(b"brought")
    collect(workspace)
    assert not any(workspace.objects.exists(digest) for digest in loose)
    with cursor() as cur:
        cur.execute("SELECT COUNT(*) FROM qh_core_layer")
        assert cur.fetchone()[0] == len({brought, sha256_digest(b"used")})
    assert _here(workspace, b"brought") and _here(workspace, b"used") and fsck(workspace).ok


def test_a_put_waits_for_the_collector_and_then_stores_again(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = workspace.put(b"in the way")
    with cursor() as cur:
        cur.execute("UPDATE qh_core_layer SET doomed_at = %s", [clock.now()])
    waited = []

    def wait(digests: list[str]) -> None:
        waited.append(digests)
        remove_layers(workspace, digests)

    monkeypatch.setattr(uploads.register, "wait_while_doomed", wait)
    assert workspace.put(b"in the way") == stored
    assert waited == [[stored.digest]]
    assert _here(workspace, b"in the way")


def test_an_artifact_cannot_name_a_doomed_layer(workspace: Any) -> None:
    layers = put_layers(workspace, [("a.txt", b"doomed")])
    with cursor() as cur:
        cur.execute("UPDATE qh_core_layer SET doomed_at = %s", [clock.now()])
    with pytest.raises(Conflict) as raised:
        workspace.artifact.register_many(items=[item("a", layers)])
    assert raised.value.code == "layer_collected"
    assert workspace.artifact.list()["rows"][0]["kind"] == "key/v1"
    assert fsck(workspace).ok


def test_a_used_layer_is_let_go_even_if_something_doomed_it(workspace: Any) -> None:
    register(workspace, "a", [("a.txt", b"used")])
    with cursor() as cur:
        cur.execute("UPDATE qh_core_layer SET doomed_at = %s", [clock.now()])
    _later(1000)
    assert collect(workspace).layers == 0
    assert _doomed() == 0
    assert remove_layers(workspace, [sha256_digest(b"used")]).layers == 0
    assert _here(workspace, b"used")


def test_cached_layers_stay_as_long_as_their_entry(workspace: Any) -> None:
    digest = workspace.objects.put_bytes(b"an answer of a model").digest
    workspace.cache.set("question", digest)
    _later(25)
    assert collect(workspace).layers == 0
    assert workspace.cache.get("question") == digest
    _later(31 * 24)
    done = collect(workspace)
    assert (done.layers, done.cache_entries) == (1, 1)
    assert workspace.cache.get("question") is None


def test_what_a_running_job_may_have_stored_stays(workspace: Any) -> None:
    with cursor() as cur:
        cur.execute("UPDATE qh_core_job SET state = 'running' WHERE verb = 'workspace.create'")
    workspace.objects.put_bytes(b"a shard of a long job")
    _later(100)
    assert collect(workspace).layers == 0
    with cursor() as cur:
        cur.execute("UPDATE qh_core_job SET state = 'done'")
    assert collect(workspace).layers == 1


def test_old_temporary_files_are_swept(workspace: Any) -> None:
    workspace.put(b"x")
    left = workspace.objects.root / "tmp" / "1-0.part"
    left.write_bytes(b"half")
    assert collect(workspace).temporary == 0
    _later(25)
    assert collect(workspace).temporary == 1
    assert not left.exists()


def test_an_external_layer_without_use_leaves_no_row(workspace: Any) -> None:
    with cursor() as cur:
        cur.execute(
            "INSERT INTO qh_core_layer (digest, size, is_external, seen_at) VALUES (%s, 5, %s, %s)",
            ["sha256:" + "1" * 64, True, clock.now()],
        )
    _later(25)
    assert collect(workspace) == module.Collected(0, 0)
    assert workspace.workspace.status()["external_layers"] == 0


def test_one_collector_at_a_time(workspace: Any) -> None:
    with alone(workspace.folder), pytest.raises(Conflict) as raised:
        collect(workspace)
    assert raised.value.code == "collecting"
    collect(workspace)


def test_many_layers_in_batches(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MARK_ROWS", 7)
    monkeypatch.setattr(module, "REMOVE_ROWS", 3)
    for number in range(20):
        workspace.put(b"unused %d" % number)
        workspace.objects.put_bytes(b"unregistered %d" % number)
    register(workspace, "kept", [(f"{number}.txt", b"kept %d" % number) for number in range(10)])
    _later(25)
    seen: list[tuple[int, int | None]] = []
    assert collect(workspace, lambda done, total: seen.append((done, total))).layers == 40
    assert seen[-1] == (40, 40)
    assert fsck(workspace).ok


def test_collecting_needs_own(workspace: Any, place: Place, tmp_path: Path) -> None:
    workspace.user.create(label="builder")
    token = workspace.token.create(label="builder", scopes=["own"]).value["token"]
    with pytest.raises(Forbidden):
        collect(place.open(token=token))
