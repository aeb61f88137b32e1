"""Collection 回收: removes layers that no artifact uses, while others write.

Two steps, each in transactions: (1) unused layers are *doomed*; whoever brings such a layer meanwhile waits, and an
artifact that names it is refused. (2) Under the lock of the layer's row the use and the age are checked once more;
then the file goes, then the row, or the layer is let go. A collector killed anywhere is completed by the next one:
a doomed row without a file, or with one, is simply met again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quanheng.core import clock, permission
from quanheng.core.database import cursor, is_sqlite, retry_locked, write
from quanheng.errors import Conflict
from quanheng.store import is_digest

if TYPE_CHECKING:
    from quanheng.core.workspace import Workspace

#: A temporary file untouched for so long belongs to a killed writer: each write of a live one renews it.
TEMPORARY_AGE_S = 24 * 3600
#: A cache entry that nobody asked for in so long is dropped, and its object with it.
CACHE_AGE_S = 30 * 24 * 3600
#: Rows per marking transaction, and files per removing one: each removal costs an fsync under the write lock.
MARK_ROWS, REMOVE_ROWS = 500, 20

_UNUSED = (
    "NOT EXISTS (SELECT 1 FROM qh_core_layeruse u JOIN qh_core_artifact a ON a.id = u.artifact_id"
    " WHERE u.digest = qh_core_layer.digest AND a.withdrawn_at IS NULL)"
)
#: Somebody else brought the layer, and none of the artifacts that use it is of their making.
_AWAITED = (
    "EXISTS (SELECT 1 FROM qh_core_upload o WHERE o.digest = qh_core_layer.digest AND o.actor_id <> %s"
    " AND NOT EXISTS (SELECT 1 FROM qh_core_layeruse u JOIN qh_core_placement p ON p.artifact_id = u.artifact_id"
    " JOIN qh_core_job j ON j.id = p.job_id WHERE u.digest = o.digest AND j.actor_id = o.actor_id))"
)


@dataclass(frozen=True)
class Collected:
    """What a collection removed: layers and their bytes, temporary files, cache entries.

    left_for_jobs: jobs that run kept what was stored or used since the first of them began, though all was to go.
    """

    layers: int
    bytes: int
    temporary: int = 0
    cache_entries: int = 0
    left_for_jobs: bool = False


def collect(
    workspace: Workspace,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
    *,
    cached: bool = False,
) -> Collected:
    """Return what was removed: unused layers older than the setting `collect_after_h`, left-over temporary files.

    Layers named by a cache entry stay until the entry is 30 days old. cached: also every cache entry and every object
    that was never registered, whatever its age; but nothing that a running job has stored or used. Needs the
    permission own. Conflict when another collection, or a backup, is running.
    """
    retry_locked(lambda: permission.require(workspace.session, "own", "workspace.collect", scope="workspace"))
    now = clock.now()
    with alone(workspace.folder):
        cutoff = _cutoff(now - dt.timedelta(hours=workspace.settings.number("collect_after_h")))
        # What a job stored or looked up in the cache is as young as that; an upload has a row, and keeps its hours.
        loose = _cutoff(now) if cached else cutoff
        entries = workspace.cache.evict(0 if cached else CACHE_AGE_S, (loose if cached else now).timestamp())
        named = set(_cached(workspace))
        _doom_rows(cutoff, named)
        _doom_files(workspace, loose, named)
        layers, size = _remove_all(workspace, _doomed(), loose, progress)
        temporary = workspace.objects.sweep_temporary(TEMPORARY_AGE_S, now.timestamp())
    return Collected(layers, size, temporary, entries, left_for_jobs=cached and loose < now)


def remove_layers(workspace: Workspace, digests: list[str], *, actor_id: str | None = None) -> Collected:
    """Return what was removed of these layers, whatever their age; one that an artifact still uses stays.

    actor_id: whose wish it is. What another actor uploaded in the last `collect_after_h` hours, and has not yet
    registered, is spared then: an artifact may be about to name it.
    """
    since = clock.now() - dt.timedelta(hours=workspace.settings.number("collect_after_h"))
    spared, values = (f" AND NOT (seen_at >= %s AND {_AWAITED})", [since, actor_id]) if actor_id else ("", [])
    lock = "" if is_sqlite() else " FOR UPDATE"

    def doom(part: list[str]) -> list[str]:
        with cursor() as cur:
            cur.execute(
                f"SELECT digest FROM qh_core_layer WHERE digest IN ({_marks(part)}) ORDER BY digest{lock}", part
            )
            # A second statement, so that PostgreSQL sees what was committed while it waited for the locks.
            cur.execute(
                f"UPDATE qh_core_layer SET doomed_at = %s WHERE digest IN ({_marks(part)}) AND {_UNUSED}{spared}",
                [clock.now(), *part, *values],
            )
            return _marked(cur, part)

    return _remove_doomed(workspace, digests, doom)


def release(workspace: Workspace, digests: list[str]) -> Collected:
    """Return what was removed of objects that a running job stored between its steps and needs no more.

    One that somebody has brought or registered has a row, and stays: nothing that was acknowledged is lost.
    """

    def doom(part: list[str]) -> list[str]:
        with cursor() as cur:
            cur.execute(f"SELECT digest FROM qh_core_layer WHERE digest IN ({_marks(part)})", part)
            known = {row[0] for row in cur.fetchall()}
            fresh = [digest for digest in part if digest not in known and workspace.objects.exists(digest)]
            for digest in fresh:
                _insert_doomed(cur, digest, _size(workspace, digest))
            if not fresh:
                return []
            # Read again: where somebody was quicker the row is theirs, and not doomed.
            return _marked(cur, fresh)

    return _remove_doomed(workspace, digests, doom)


def _marked(cur: Any, digests: list[str]) -> list[str]:
    """Return which of these objects are doomed."""
    cur.execute(
        f"SELECT digest FROM qh_core_layer WHERE doomed_at IS NOT NULL AND digest IN ({_marks(digests)})", digests
    )
    return [row[0] for row in cur.fetchall()]


def _remove_doomed(workspace: Workspace, digests: list[str], doom: Callable[[list[str]], list[str]]) -> Collected:
    """Return what was removed: of each batch, what `doom` marked in a transaction of its own."""
    doomed: list[str] = []
    for part in _batches(sorted(set(digests)), MARK_ROWS):
        doomed += write(lambda part=part: doom(part))  # type: ignore[misc]
    layers, size = _remove_all(workspace, doomed, None, lambda done, total: None)
    return Collected(layers, size)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one collection or backup at a time work in a workspace; Conflict when one is running."""
    handle = os.open(folder / "collect.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                "a collection or a backup is running in this workspace",
                "该工作区正在进行回收或备份",
                hint=("Wait until it is done.", "请等待其完成。"),
                code="collecting",
            ) from error
        yield
    finally:
        os.close(handle)


def _cutoff(wanted: dt.datetime) -> dt.datetime:
    """Return `wanted`, or the start of the oldest running job: what it stores is registered only at its end."""
    from django.db.models import Min

    from quanheng.core.models import Job

    oldest = retry_locked(lambda: Job.objects.filter(state="running").aggregate(at=Min("started_at"))["at"])
    return min(wanted, oldest) if oldest else wanted


def _cached(workspace: Workspace) -> Iterator[str]:
    """Yield the digests that the cache's entries name."""
    for path in workspace.cache.root.glob("[0-9a-f][0-9a-f]/*"):
        with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):  # evicted meanwhile, or half of a killed write
            digest = path.read_text("ascii").strip()
            if is_digest(digest):
                yield digest


def _doom_rows(cutoff: dt.datetime, cached: set[str]) -> None:
    """Doom the known layers that nothing uses and nobody has brought since `cutoff`."""

    def mark(after: str) -> str:
        lock = "" if is_sqlite() else " FOR UPDATE"
        with cursor() as cur:
            cur.execute(
                f"SELECT digest FROM qh_core_layer WHERE digest > %s AND seen_at < %s AND doomed_at IS NULL"
                f" AND {_UNUSED} ORDER BY digest LIMIT {MARK_ROWS}{lock}",
                [after, cutoff],
            )
            found = [row[0] for row in cur.fetchall()]
            part = [digest for digest in found if digest not in cached]
            if part:
                # A second statement, so that PostgreSQL sees the uses committed while it waited for the locks.
                cur.execute(
                    f"UPDATE qh_core_layer SET doomed_at = %s WHERE digest IN ({_marks(part)})"
                    f" AND seen_at < %s AND {_UNUSED}",
                    [clock.now(), *part, cutoff],
                )
        return found[-1] if found else ""

    after = write(lambda: mark(""))
    while after:
        after = write(lambda after=after: mark(after))  # type: ignore[misc]


def _doom_files(workspace: Workspace, cutoff: dt.datetime, cached: set[str]) -> None:
    """Give files without a row that nobody touched since `cutoff` a doomed row: jobs that ended before registering."""

    def mark(part: list[str]) -> None:
        with cursor() as cur:
            cur.execute(f"SELECT digest FROM qh_core_layer WHERE digest IN ({_marks(part)})", part)
            known = {row[0] for row in cur.fetchall()}
            for digest in part:
                if digest not in known and not _is_young(workspace, digest, cutoff):
                    _insert_doomed(cur, digest, _size(workspace, digest))

    found = (digest for digest in workspace.objects.iterate() if digest not in cached)
    for part in _batches(found, MARK_ROWS):
        write(lambda part=part: mark(part))  # type: ignore[misc]


def _insert_doomed(cur: Any, digest: str, size: int) -> None:
    """Give a file without a row one that is doomed; where somebody just did otherwise, theirs stands."""
    cur.execute(
        "INSERT INTO qh_core_layer (digest, size, is_external, seen_at, doomed_at)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (digest) DO NOTHING",
        [digest, size, False, clock.now(), clock.now()],
    )


def _doomed() -> list[str]:
    def read() -> list[str]:
        with cursor() as cur:
            cur.execute("SELECT digest FROM qh_core_layer WHERE doomed_at IS NOT NULL ORDER BY digest")
            return [row[0] for row in cur.fetchall()]

    return retry_locked(read)


def _remove_all(
    workspace: Workspace, digests: list[str], cutoff: dt.datetime | None, progress: Callable[[int, int | None], None]
) -> tuple[int, int]:
    removed: dict[str, int] = {}
    done = 0
    for part in _batches(digests, REMOVE_ROWS):
        write(lambda part=part: _remove(workspace, part, cutoff, removed))  # type: ignore[misc]
        done += len(part)
        progress(done, len(digests))
    return len(removed), sum(removed.values())


def _remove(workspace: Workspace, part: list[str], cutoff: dt.datetime | None, removed: dict[str, int]) -> None:
    """Remove file and row of each layer that is still unused and old, and let the others go; under their locks.

    While the lock is held no artifact that names the layer can be written; afterwards its writer finds no file and
    is told so before it is acknowledged. `removed` is filled here: a retried transaction must not forget files.
    """
    lock = "" if is_sqlite() else " FOR UPDATE"
    with cursor() as cur:
        cur.execute(
            f"SELECT digest FROM qh_core_layer WHERE digest IN ({_marks(part)}) ORDER BY digest{lock}",
            part,
        )
        rows = [row[0] for row in cur.fetchall()]
        cur.execute(
            f"SELECT digest FROM qh_core_layer WHERE digest IN ({_marks(part)}) AND {_UNUSED}",
            part,
        )
        unused = {row[0] for row in cur.fetchall()}
        gone = [d for d in rows if d in unused and not (cutoff and _is_young(workspace, d, cutoff))]
        for digest in gone:
            size = _size(workspace, digest)
            if workspace.objects.delete(digest):
                removed[digest] = size
        if gone:
            cur.execute(f"DELETE FROM qh_core_upload WHERE digest IN ({_marks(gone)})", gone)
            cur.execute(f"DELETE FROM qh_core_layer WHERE digest IN ({_marks(gone)})", gone)
        cur.execute(f"UPDATE qh_core_layer SET doomed_at = NULL WHERE digest IN ({_marks(part)})", part)


def _is_young(workspace: Workspace, digest: str, cutoff: dt.datetime) -> bool:
    """Return whether the file was put or touched since `cutoff`; False when there is none."""
    try:
        return workspace.objects.path(digest).stat().st_mtime >= cutoff.timestamp()
    except FileNotFoundError:
        return False


def _size(workspace: Workspace, digest: str) -> int:
    try:
        return workspace.objects.path(digest).stat().st_size
    except FileNotFoundError:
        return 0


def _batches(items: Iterable[str], size: int) -> Iterator[list[str]]:
    source = iter(items)
    while part := list(islice(source, size)):
        yield part


def _marks(items: list[str]) -> str:
    return ",".join(["%s"] * len(items))
