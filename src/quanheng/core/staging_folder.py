"""The folder `uploads/` of a workspace: where uploaded bytes lie, folders made of links, and the sweep."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quanheng.core import clock
from quanheng.core.database import retry_locked, write
from quanheng.errors import NotFound

if TYPE_CHECKING:
    from quanheng.core.models import StagedFile
    from quanheng.core.workspace import Workspace

#: How long a file stays that nobody touches.
KEPT = dt.timedelta(hours=24)
#: The sweep looks at most this often.
SWEEP_EVERY = dt.timedelta(minutes=10)
#: The name of a layer's bytes until they are in the object store.
_LAYER = "layer"
_LOCK, _SWEPT = ".lock", ".swept"
ID = re.compile(r"[0-9a-f]{32}")


def root(workspace: Workspace) -> Path:
    """Return the folder that uploads lie in."""
    return workspace.folder / "uploads"


def path_of(workspace: Workspace, row: StagedFile) -> Path:
    """Return where the bytes of an upload lie."""
    return root(workspace) / row.id / (row.name.rpartition("/")[2] or _LAYER)


def unknown(upload_id: str) -> NotFound:
    """Return the error for an upload that is not there, or not the actor's: nobody is told which."""
    return NotFound(
        f"there is no upload {upload_id[:100]!r}",
        f"没有上传文件 {upload_id[:100]!r}",
        hint=(
            "Upload the file again; what is not used is kept for 24 hours.",
            "请重新上传；未使用的文件只保留 24 小时。",
        ),
        code="no_such_upload",
    )


def folder_of(workspace: Workspace, rows: Sequence[StagedFile]) -> Path:
    """Return the folder of hard links to these files, made when it is missing."""
    base = root(workspace)
    ids = ",".join(sorted(row.id for row in rows))
    path = base / ("set-" + hashlib.sha256(ids.encode()).hexdigest()[:32])
    with _guard(base):
        if path.is_dir():
            os.utime(path)
            return path
        part = base / f".part-{os.urandom(8).hex()}"
        part.mkdir(mode=0o700)
        for row in rows:
            target = part / row.name
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(path_of(workspace, row), target)
        part.rename(path)
    return path


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError as error:
        raise unknown(source.parent.name) from error
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


@contextlib.contextmanager
def _guard(base: Path) -> Iterator[None]:
    """Hold the lock under which folders of links are made, touched and swept."""
    handle = os.open(base / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def sweep_when_due(workspace: Workspace) -> None:
    """Sweep, unless it was done less than SWEEP_EVERY ago: looking through thousands of files takes its time."""
    base = root(workspace)
    base.mkdir(mode=0o700, exist_ok=True)
    mark, now = base / _SWEPT, clock.now().timestamp()
    with contextlib.suppress(FileNotFoundError):
        if 0 <= now - mark.stat().st_mtime < SWEEP_EVERY.total_seconds():
            return
    mark.touch()
    os.utime(mark, (now, now))
    sweep(workspace)


def sweep(workspace: Workspace) -> int:
    """Remove what nobody touched for KEPT and no waiting or running job names; return how many things went."""
    from quanheng.core.models import StagedFile

    base, cutoff = root(workspace), clock.now() - KEPT
    old = StagedFile.objects.filter(touched_at__lt=cutoff)
    gone = 0
    for upload_id in retry_locked(lambda: list(old.values_list("id", flat=True))):
        if not _is_named(upload_id):
            # Whoever names it at this moment has touched it before: then this deletes no row.
            gone += write(lambda upload_id=upload_id: old.filter(id=upload_id).delete()[0])  # type: ignore[misc]
    if base.is_dir():
        for path in sorted(base.iterdir()):
            if path.name not in (_LOCK, _SWEPT) and _sweep_path(base, path, cutoff):
                gone += not ID.fullmatch(path.name)  # those with a row are counted above
    return gone


def _is_named(text: str) -> bool:
    """Return whether the input of a job that waits or runs holds this text."""
    from quanheng.core.jobs import QUEUED, RUNNING
    from quanheng.core.models import Job

    jobs = Job.objects.filter(state__in=(QUEUED, RUNNING), input__contains=text)
    return retry_locked(jobs.exists)


def _sweep_path(base: Path, path: Path, cutoff: dt.datetime) -> bool:
    """Return whether a folder of links, or what has no row, was old and is gone now."""
    from quanheng.core.models import StagedFile

    with _guard(base), contextlib.suppress(FileNotFoundError):
        if path.stat().st_mtime >= cutoff.timestamp() or _is_named(path.name):
            return False
        row = StagedFile.objects.filter(id=path.name)
        if ID.fullmatch(path.name) and retry_locked(row.exists):
            return False
        away = base / f".gone-{os.urandom(8).hex()}"
        path.rename(away)  # at once: nobody meets half of it
        if away.is_dir():
            shutil.rmtree(away, ignore_errors=True)
        else:
            away.unlink()
        return True
    return False
