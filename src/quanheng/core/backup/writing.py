"""Writing a backup: one consistent view of the database, every object hashed on the way."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quanheng.core import log, permission
from quanheng.core.backup import tables
from quanheng.core.collect import alone
from quanheng.core.database import retry_locked
from quanheng.core.settings import FILE_NAME
from quanheng.core.snapshot import select, snapshot
from quanheng.errors import Conflict, Corrupt, NotFound
from quanheng.store import JSON, canonical_json, parse_digest, sha256_digest, write_zip
from quanheng.store._disk import disk_errors, fsync_folder

if TYPE_CHECKING:
    from quanheng.core.workspace import Workspace

FORMAT = "quanheng-backup/v1"
META, TABLES, OBJECTS, KEYS = "meta.json", "tables/", "objects/", "keys/"

_NEEDED = (
    "SELECT DISTINCT u.digest FROM qh_core_layeruse u JOIN qh_core_artifact a ON a.id = u.artifact_id"
    " WHERE a.withdrawn_at IS NULL"
)


@dataclass(frozen=True)
class Backup:
    """A backup that was written: where, how much, and at which head of the log."""

    path: Path
    size_bytes: int
    origin: str
    log_size: int
    root: str
    rows: int
    objects: int
    has_private_keys: bool


def backup(
    workspace: Workspace,
    to: Path,
    *,
    keys: bool = False,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Backup:
    """Return what was written to the file `to`: all tables, objects and settings, restorable on either database.

    Others may go on writing; the backup holds the moment of its beginning. keys: private keys too, and then the file
    is a secret. Left out are caches, job logs and, without `keys`, private keys. Needs the permission own.
    Conflict when the file exists or a collection is running; Corrupt or NotFound for an object that is damaged or gone.
    """
    retry_locked(lambda: permission.require(workspace.session, "own", "workspace.backup", scope="workspace"))
    if to.exists():
        raise Conflict(
            f"{to} exists already",
            f"{to} 已存在",
            hint=("Name a new file; no backup is overwritten.", "请指定新文件名；不会覆盖已有的备份。"),
            code="file_exists",
        )
    with contextlib.ExitStack() as stack:
        stack.enter_context(alone(workspace.folder))
        with disk_errors(to):
            work = stack.enter_context(tempfile.TemporaryDirectory(prefix=".quanheng-backup-", dir=to.parent))
        with snapshot():
            head = log.head()
            root = log.root(head.size).hex()
            files, described, rows = _dump_tables(Path(work))
            objects = _objects(workspace)
        files |= _objects_files(workspace, objects, progress)
        plain = _plain_files(workspace, keys)
        meta: dict[str, JSON] = {
            "format": FORMAT,
            "origin": head.origin,
            "size": head.size,
            "root": root,
            "migrations": _migrations(),
            "tables": described,
            "objects": len(objects),
            "files": {name: sha256_digest(data) for name, data in plain.items()},
        }
        _write(to, {**files, **plain, META: canonical_json(meta)})
    return Backup(to, to.stat().st_size, head.origin, head.size, root, rows, len(objects), keys)


def _dump_tables(work: Path) -> tuple[dict[str, Path | bytes], dict[str, JSON], int]:
    files: dict[str, Path | bytes] = {}
    described: dict[str, JSON] = {}
    total = 0
    for table in tables.tables():
        path = work / f"{table.name}.jsonl"
        with disk_errors(path):
            count, digest = tables.dump(table, path)
        total += count
        files[f"{TABLES}{table.name}.jsonl"] = path
        described[table.name] = {"columns": dict(table.columns), "rows": count, "digest": digest}
    return files, described, total


def _objects(workspace: Workspace) -> dict[str, bool]:
    """Return the local objects to keep, each with whether an artifact in force needs it."""
    needed = {row[0] for row in select(_NEEDED)}
    kept: dict[str, bool] = {}
    for digest, external in select(
        "SELECT digest, is_external FROM qh_core_layer WHERE doomed_at IS NULL ORDER BY digest"
    ):
        if workspace.objects.exists(digest) or (digest in needed and not external):
            kept[digest] = digest in needed
    return kept


def _objects_files(
    workspace: Workspace, objects: dict[str, bool], progress: Callable[[int, int | None], None]
) -> dict[str, Path | bytes]:
    """Return the files of these objects, hashed: a backup of damaged bytes would be noticed too late."""
    files: dict[str, Path | bytes] = {}
    for done, (digest, needed) in enumerate(objects.items(), 1):
        try:
            workspace.objects.verify(digest)
        except NotFound:
            if needed and digest in {row[0] for row in select(_NEEDED)}:
                raise
            raise _changed(digest) from None
        files[OBJECTS + parse_digest(digest)] = workspace.objects.path(digest)
        progress(done, len(objects))
    return files


def _changed(digest: str) -> Conflict:
    return Conflict(
        f"layer {digest} was withdrawn while the backup was made",
        f"备份期间数据层 {digest} 被撤回",
        hint=("Start the backup again.", "请重新开始备份。"),
        code="changed_meanwhile",
    )


def _plain_files(workspace: Workspace, keys: bool) -> dict[str, bytes]:
    found = {FILE_NAME: (workspace.folder / FILE_NAME).read_bytes()}
    if keys:
        found |= {KEYS + path.name: path.read_bytes() for path in sorted((workspace.folder / "keys").glob("*.key"))}
    return found


def _migrations() -> list[JSON]:
    rows = select("SELECT app, name FROM django_migrations WHERE app LIKE 'qh~_%%' ESCAPE '~' ORDER BY app, name")
    return [[app, name] for app, name in rows]


def _write(to: Path, entries: dict[str, Path | bytes]) -> None:
    """Write the zip atomically and durably, readable by its owner alone: it holds accounts and token hashes."""
    temporary = to.with_name(f".{to.name}.part")
    try:
        with disk_errors(to), _private(temporary) as handle:
            with os.fdopen(handle, "wb", closefd=False) as stream:
                write_zip(stream, entries)
            os.fsync(handle)
            os.link(temporary, to)  # unlike a rename, it overwrites nothing
            fsync_folder(to.parent)
    except NotFound as error:
        if error.code == "no_such_file":
            raise _changed(str(error.text.en)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _private(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def damaged(en: str, zh: str) -> Corrupt:
    """Return the error of a backup that is not as it was written."""
    return Corrupt(
        f"the backup is damaged: {en}",
        f"备份已损坏：{zh}",
        hint=("Nothing was restored. Take another backup.", "没有恢复任何内容。请换用另一份备份。"),
        code="backup_damaged",
    )
