"""Restoring a backup into an empty folder and an empty database; all of it, or nothing."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quanheng.core import database, log
from quanheng.core.backup import tables
from quanheng.core.backup.writing import FORMAT, KEYS, META, OBJECTS, TABLES, damaged
from quanheng.core.settings import FILE_NAME, Settings
from quanheng.errors import Conflict, Corrupt, Invalid, QuanhengError
from quanheng.kinds.counting import counted
from quanheng.store import CanonicalZip, parse_canonical, read_zip, sha256_digest
from quanheng.store._disk import disk_errors, fsync_folder

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Restored:
    """A workspace that was restored: its folder and the head of its log."""

    folder: Path
    origin: str
    log_size: int
    root: str
    objects: int


@dataclass(frozen=True)
class _Meta:
    origin: str
    size: int
    root: str
    migrations: list[tuple[str, str]]
    tables: Mapping[str, tuple[Mapping[str, str], int, str]]  # columns, rows, digest
    objects: int
    files: Mapping[str, str]


def restore(
    file: Path, to: Path, *, database_url: str | None = None, progress: Progress = lambda done, total: None
) -> Restored:
    """Return the workspace that was restored from the backup `file` into the empty or missing folder `to`.

    database_url: "sqlite" or a postgresql:// URL of an empty database; by default the setting `database`. Every byte
    is checked, and fsck runs before the workspace appears. Conflict when something is there already, a workspace is
    open in this process, or the backup is of a newer release; Corrupt when it is damaged; then nothing stays behind.
    """
    _require_empty(to)
    settings = Settings(None, {"database": database_url})
    staging = to.with_name(f".{to.name}.restoring-{secrets.token_hex(4)}")
    try:
        with _opened(file) as zipped:
            meta = _meta(zipped)
            with disk_errors(staging):
                staging.mkdir(parents=True)
                mode = (to if to.exists() else staging).stat().st_mode & 0o777  # as the caller's umask has it
                staging.chmod(0o700)
            _fill(zipped, meta, staging, settings, progress)
        with disk_errors(to):
            if to.exists():
                to.rmdir()
            staging.chmod(mode)
            os.rename(staging, to)
            fsync_folder(to.parent)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return Restored(to, meta.origin, meta.size, meta.root, meta.objects)


def _require_empty(to: Path) -> None:
    from quanheng.core import workspace

    if workspace._open is not None:
        raise Conflict(
            "this process has a workspace open",
            "本进程已打开一个工作区",
            hint=("Close it first: workspace.close()", "请先关闭：workspace.close()"),
            code="other_workspace_open",
        )
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise _not_empty(f"the folder {to}", f"文件夹 {to}")


def _not_empty(en: str, zh: str) -> Conflict:
    return Conflict(
        f"{en} is not empty",
        f"{zh} 不是空的",
        hint=("A backup is restored into an empty place only.", "备份只能恢复到空的位置。"),
        code="not_empty",
    )


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[CanonicalZip]:
    try:
        zipped = read_zip(file)
    except Corrupt as error:
        raise damaged(error.text.en, error.text.zh) from error
    with zipped:
        yield zipped


def _meta(zipped: CanonicalZip) -> _Meta:
    if META not in zipped.names:
        raise Invalid(
            "this zip is not a backup: it has no meta.json",
            "该压缩包不是备份：没有 meta.json",
            hint=("Give a file that `quanheng backup` wrote.", "请提供 quanheng backup 写出的文件。"),
            code="not_a_backup",
        )
    data: Any = parse_canonical(zipped.read(META), META)
    try:
        if data["format"] != FORMAT:
            raise Conflict(
                f"this backup has the format {data['format']}, this release reads {FORMAT}",
                f"该备份的格式是 {data['format']}，本版本只读取 {FORMAT}",
                hint=("Install the release that wrote it.", "请安装写出它的版本。"),
                code="newer_backup",
            )
        meta = _Meta(
            str(data["origin"]),
            int(data["size"]),
            str(data["root"]),
            [(str(app), str(name)) for app, name in data["migrations"]],
            {n: (dict(t["columns"]), int(t["rows"]), str(t["digest"])) for n, t in data["tables"].items()},
            int(data["objects"]),
            {str(name): str(digest) for name, digest in data["files"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(f"meta.json lacks {error}", f"meta.json 缺少 {error}") from error
    expected = {META, *meta.files, *(f"{TABLES}{name}.jsonl" for name in meta.tables)}
    others = [name for name in zipped.names if not name.startswith(OBJECTS)]
    if set(others) != expected or len(zipped.names) - len(others) != meta.objects:
        raise damaged("its files are not those that meta.json lists", "其中的文件与 meta.json 所列不符")
    return meta


def _fill(zipped: CanonicalZip, meta: _Meta, staging: Path, settings: Settings, progress: Progress) -> None:
    """Make the workspace in the staging folder and check it; the database is emptied again when that fails."""
    url = settings.text("database")
    database.bind(staging, url, settings.number("database_wait_s"))
    before = _tables_there()
    try:
        if any(name.startswith("qh_") for name in before):
            raise _not_empty("the database", "数据库")
        _restore_objects(zipped, staging, progress)
        for name, digest in meta.files.items():
            _restore_file(zipped, staging, name, digest)
        try:
            _restore_tables(zipped, meta)
            _check(staging, settings, meta)
        except BaseException:
            if url != "sqlite":
                _empty(before)
            raise
    finally:
        database.unbind()


def _tables_there() -> set[str]:
    from django.db import DatabaseError, connection

    try:
        return set(connection.introspection.table_names())
    except DatabaseError as error:
        raise database.translate(error) from error


def _restore_objects(zipped: CanonicalZip, staging: Path, progress: Progress) -> None:
    from quanheng.store import LocalObjects

    objects = LocalObjects(staging / "objects")
    with disk_errors(staging):
        (staging / "objects").mkdir()
    names = [name for name in zipped.names if name.startswith(OBJECTS)]
    for done, name in enumerate(names, 1):
        with zipped.open(name) as stream:
            stored = objects.put_stream(stream)
        if stored.digest != "sha256:" + name.removeprefix(OBJECTS):
            raise damaged(f"{name} holds bytes of {stored.digest}", f"{name} 的内容摘要值为 {stored.digest}")
        progress(done, len(names))


def _restore_file(zipped: CanonicalZip, staging: Path, name: str, digest: str) -> None:
    data = zipped.read(name)
    if sha256_digest(data) != digest:
        raise damaged(f"{name} has another digest", f"{name} 的摘要值不符")
    is_key = name.startswith(KEYS) and name.endswith(".key") and name.count("/") == 1
    if name != FILE_NAME and not is_key:
        raise damaged(f"{name} does not belong into a backup", f"备份中不应有 {name}")
    path = staging / name
    with disk_errors(path):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if is_key else 0o644)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(handle)


def _restore_tables(zipped: CanonicalZip, meta: _Meta) -> None:
    """Make the tables as they were in the backup's release, fill them, and bring them up to this release."""
    from django.core.management import call_command

    _require_known(meta)
    for app, last in {app: name for app, name in sorted(meta.migrations)}.items():
        call_command("migrate", app, last, verbosity=0, interactive=False)
    order = [table.name for table in tables.tables()]
    names = sorted(meta.tables, key=lambda name: order.index(name) if name in order else -1)

    def fill() -> None:
        for name in names:
            columns, rows, digest = meta.tables[name]
            with zipped.open(f"{TABLES}{name}.jsonl") as stream:
                if tables.load(name, columns, stream) != (rows, digest):
                    raise damaged(f"the table {name} has another digest", f"表 {name} 的摘要值不符")
        _reset_sequences()

    from django.db import DatabaseError

    try:
        database.write(fill)
    except DatabaseError as error:
        raise damaged(f"its rows do not fit together ({error})", f"其中的记录相互矛盾（{error}）") from error
    call_command("migrate", verbosity=0, interactive=False)


def _require_known(meta: _Meta) -> None:
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    known = set(MigrationLoader(connection).disk_migrations)
    newer = sorted(name for app, name in set(meta.migrations) - known)
    if newer or not meta.migrations:
        raise Conflict(
            f"this backup was written by another release (it has {newer[-1:] or 'no migrations'})",
            f"该备份由其他版本写成（含 {newer[-1:] or '空'}）",
            hint=("Install that release or a later one.", "请安装该版本或更新的版本。"),
            code="newer_workspace",
        )
    foreign = sorted(set(meta.tables) - {table.name for table in tables.tables()})
    if foreign:
        raise damaged(f"it has a table {foreign[0]}", f"含有未知的表 {foreign[0]}")


def _reset_sequences() -> None:
    """Let PostgreSQL's identity columns go on after the restored rows; SQLite does by itself."""
    from django.apps import apps
    from django.core.management.color import no_style
    from django.db import connection

    models = [m for m in apps.get_models() if m._meta.app_label.startswith("qh_") and m._meta.managed]
    with database.cursor() as cur:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cur.execute(statement)


def _check(staging: Path, settings: Settings, meta: _Meta) -> None:
    """Raise Corrupt unless the log's head is the backup's and fsck finds nothing."""
    from quanheng.core.fsck import check
    from quanheng.core.workspace import Workspace

    try:
        head = log.head()
        same = (head.origin, head.size, log.root(head.size).hex()) == (meta.origin, meta.size, meta.root)
        report = check(Workspace(staging, settings), quick=True)
    except QuanhengError as error:
        raise damaged(error.text.en, error.text.zh) from error
    if not same:
        raise damaged("the log is not the one that was backed up", "存证与备份时不符")
    if report.problems:
        first = report.problems[0]
        count = len(report.problems)
        raise damaged(
            f"fsck finds {counted(count, 'problems')}, the first: {first.en}",
            f"检查发现 {count} 处问题，首个为：{first.zh}",
        )


def _empty(before: set[str]) -> None:
    """Drop what the restore made in a PostgreSQL database."""
    from django.db import connection

    made = sorted(_tables_there() - before)
    with database.cursor() as cur:
        for name in made:
            cur.execute(f"DROP TABLE {connection.ops.quote_name(name)} CASCADE")
        cur.execute("DROP FUNCTION IF EXISTS qh_core_append_only()")
