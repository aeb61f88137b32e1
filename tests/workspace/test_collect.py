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


def test_what_is_only_kept_for_reuse_goes_when_that_is_asked(workspace: Any) -> None:
    register(workspace, "a", [("a.txt", b"used")])
    workspace.put(b"uploaded, not registered yet")
    for data in (b"a result of a unit", b"used"):
        workspace.cache.set(data.decode(), workspace.objects.put_bytes(data).digest)
    workspace.objects.put_bytes(b"rows that the result names")
    assert collect(workspace) == module.Collected(0, 0)
    done = collect(workspace, cached=True)
    assert (done.layers, done.cache_entries, done.left_for_jobs) == (2, 2, False)
    assert workspace.cache.get("a result of a unit") is None
    assert not _here(workspace, b"a result of a unit") and not _here(workspace, b"rows that the result names")
    assert _here(workspace, b"used") and _here(workspace, b"uploaded, not registered yet")
    assert _doomed() == 0 and fsck(workspace).ok


def test_what_a_running_job_stored_or_used_stays_when_the_rest_of_the_cache_goes(workspace: Any) -> None:
    for key in ("before", "used by the job"):
        digest = workspace.objects.put_bytes(key.encode()).digest
        workspace.cache.set(key, digest)
        for path in (workspace.objects.path(digest), workspace.cache._path(key)):
            os.utime(path, (time.time() - 3600,) * 2)
    with cursor() as cur:
        began = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=30)
        cur.execute(
            "UPDATE qh_core_job SET state = 'running', started_at = %s WHERE verb = 'workspace.create'", [began]
        )
    assert workspace.cache.get("used by the job")
    workspace.objects.put_bytes(b"a shard of the job")
    done = collect(workspace, cached=True)
    assert (done.layers, done.cache_entries, done.left_for_jobs) == (1, 1, True)
    assert workspace.cache.get("used by the job") and _here(workspace, b"a shard of the job")
    with cursor() as cur:
        cur.execute("UPDATE qh_core_job SET state = 'done'")
    done = collect(workspace, cached=True)
    assert (done.layers, done.cache_entries, done.left_for_jobs) == (2, 1, False)


def _readings(data: bytes) -> list[str]:
    """Return an object as text in each way that it can be read: as it lies, unpacked, as a table."""
    import io
    import zipfile

    import pyarrow as pa
    import pyarrow.parquet as pq
    import zstandard

    found = [data.decode("utf-8", "replace")]
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        found += _readings(zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read())
    elif data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            found += [said for name in zipped.namelist() for said in _readings(zipped.read(name))]
    elif data.startswith(b"PAR1"):
        found.append(str(pq.read_table(io.BytesIO(data)).to_pylist()))
    elif data.startswith(b"ARROW1"):
        found.append(str(pa.ipc.open_file(data).read_all().to_pylist()))
    elif data.startswith(b"\xff\xff\xff\xff"):
        found.append(str(pa.ipc.open_stream(data).read_all().to_pylist()))
    return found


def _holders(workspace: Any, text: str) -> list[str]:
    return [
        d
        for d in workspace.objects.iterate()
        if any(text in said for said in _readings(workspace.objects.path(d).read_bytes()))
    ]


def test_after_a_takedown_no_object_holds_the_text(workspace: Any, tmp_path: Path) -> None:
    text = "灰背白腹的候鸟"
    places = "公园里的银杏树 城市的地铁线路 山里的茶园 海边的渔港 老街上的书店 雨后的稻田 学校的图书馆".split()
    rows = [
        f"{place}在第{n * 7}天的清晨显得格外安静，让来访的{n + 3}位客人流连忘返，写下了很长的游记。"
        for n, place in enumerate(places)
    ]
    for name, lines in (
        ("a", [*rows, f"湖边来了几只{text}，城里的许多居民带着孩子前来观看，它在这里停留了整整三十一天。"]),
        ("b", rows[:3]),
    ):
        (tmp_path / f"{name}.txt").write_text("\n".join(lines), "utf-8")
        workspace.source.register(
            path=str(tmp_path / f"{name}.txt"), title=name, document="line", licence="CC0-1.0", as_name=name
        )
    old = workspace.corpus.build(sources=["source:a", "source:b"], keep="all").digest
    new = workspace.corpus.takedown(corpus=old, match=[text]).digest
    for digest in (old, workspace.load("source:a").digest):
        workspace.artifact.withdraw(artifact=digest, reason="personal data")
    assert collect(workspace).layers == 0
    assert _holders(workspace, text)  # the rows of the unit, kept so that a next build need not make them again
    done = collect(workspace, cached=True)
    assert done.layers and done.cache_entries
    assert _holders(workspace, text) == []
    assert len(_holders(workspace, rows[5])) > 0 and fsck(workspace).ok
    assert workspace.load(new).model.totals.documents == len(rows)
    again = workspace.corpus.build(sources=["source:b"])
    assert not again.cached and workspace.load(again.digest).model.totals.documents == 3


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
