"""A workspace 工作区: one installation, database and object folder. `open` gives the facade that Python users call."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from quanheng.core import database
from quanheng.core.runner import Listener, silent
from quanheng.core.settings import FILE_NAME, Settings
from quanheng.errors import Conflict, NotFound, Unavailable
from quanheng.store import Cache, LocalObjects, Stored, is_network_filesystem

T = TypeVar("T")
_open: Workspace | None = None


def open(
    path: str | Path, *, create: bool = True, token: str | None = None, project: str = "main", **settings: object
) -> Workspace:
    """Return the workspace in the folder `path`, made there when the folder is missing or empty and `create` is set.

    token: act as the owner of this access token instead of the operating system's user. settings: see `quanheng
    config`. One process has one workspace open at a time: Conflict otherwise; `close()` frees the place.
    Works in a notebook's running event loop.
    """
    global _open
    folder = Path(path).expanduser().resolve()
    if _open is not None and _open.folder != folder:
        raise Conflict(
            f"this process has the workspace {_open.folder.name} open",
            f"本进程已打开工作区 {_open.folder.name}",
            hint=("Close it first: workspace.close()", "请先关闭：workspace.close()"),
            code="other_workspace_open",
        )
    if _open is not None:
        _open.close()
    workspace = Workspace(folder, Settings(folder if folder.is_dir() else None, settings))
    workspace._run(lambda: workspace._start(create, token, project))
    _open = workspace
    return workspace


def opened() -> Workspace:
    """Return the workspace that this process has open; a server's requests find theirs so."""
    if _open is None:
        raise Unavailable(
            "no workspace is open in this process",
            "本进程没有打开工作区",
            hint=("Open one: quanheng.open(FOLDER)", "请先打开：quanheng.open(文件夹)"),
            code="no_workspace_open",
        )
    return _open


class Workspace:
    """An open workspace. Verbs and queries are methods: `workspace.corpus.build(sources=[…])`."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.objects = LocalObjects(folder / "objects")
        self.cache = Cache(folder / "cache", self.objects)
        self.session: Any = None
        self._thread: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Workspace({self.folder.name!r})"

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, noun: str) -> Noun:
        if noun.startswith("_"):
            raise AttributeError(noun)
        from quanheng.core import verb

        known = verb.nouns()
        if noun not in known:
            raise AttributeError(f"a workspace has no {noun!r}; it has: {', '.join(sorted(known))}")
        return Noun(self, noun)

    def close(self) -> None:
        """Close the database's connections; another workspace may be opened afterwards."""
        global _open
        self._run(database.unbind)
        if self._thread:
            self._thread.submit(database.unbind).result()  # its connection is its own
            self._thread.shutdown()
            self._thread = None
        if _open is self:
            _open = None

    def call(
        self,
        name: str,
        /,  # a verb's own input may be called `name`
        *,
        as_name: str = "",
        again: bool = False,
        detach: bool = False,
        project: str | None = None,
        listener: Listener = silent,
        **data: Any,
    ) -> Any:
        """Run the verb or query `name` and return its Result or its answer."""
        from quanheng.core import call, verb

        verb.load()

        def work() -> Any:
            session = self.session.in_project(project) if project else self.session
            if name in verb.QUERIES:
                return call.ask(session, name, data)
            return call.call(session, name, data, as_name=as_name, again=again, detach=detach, listener=listener)

        return self._run(work)

    def put(self, source: bytes | Path) -> Stored:
        """Store a layer (bytes or a file) and return its digest and size; the actor may then name it in a manifest."""
        from quanheng.core.uploads import put

        return self._run(lambda: put(self.session, source))

    def load(self, text: str) -> Any:
        """Return the artifact that `text` names, with its config and the way to its layers."""
        from quanheng.core.artifacts import load

        return self._run(lambda: load(self.session, text))

    def open_layer(self, digest: str) -> BinaryIO:
        """Open a local layer for reading."""
        return self.objects.open(digest)

    def _run(self, work: Callable[[], T]) -> T:
        """Return `work()`, run in a thread of our own inside a running event loop, where Django forbids it."""
        if not _in_event_loop():
            return work()
        with self._lock:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="quanheng")
        return self._thread.submit(work).result()

    def _start(self, create: bool, token: str | None, project: str) -> None:
        from quanheng.core import session
        from quanheng.core.worker import sweep

        fresh = _prepare_folder(self.folder, create)
        self._bind()
        with _creating(self.folder):
            if fresh or not is_complete():
                initialise(self)
        check_version()
        sweep(self)
        self.session = session.token_session(self, token, project) if token else session.local_session(self, project)

    def _bind(self) -> None:
        url = self.settings.text("database")
        if url == "sqlite" and is_network_filesystem(self.folder):
            raise Unavailable(
                "the workspace lies on a network file system, where SQLite can lose data",
                "工作区位于网络文件系统上，SQLite 在其上可能丢失数据",
                hint=(
                    "Move it to a local disk, or use PostgreSQL (QUANHENG_DATABASE).",
                    "请移到本地磁盘，或改用 PostgreSQL（QUANHENG_DATABASE）。",
                ),
                code="network_filesystem",
            )
        database.bind(self.folder, url, self.settings.number("database_wait_s"))


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Noun:
    """The verbs and queries of one noun, as methods."""

    def __init__(self, workspace: Workspace, noun: str) -> None:
        self._workspace = workspace
        self._noun = noun

    def __dir__(self) -> list[str]:
        from quanheng.core import verb

        return [name.split(".")[1] for name in (*verb.VERBS, *verb.QUERIES) if name.startswith(self._noun + ".")]

    def __getattr__(self, action: str) -> Callable[..., Any]:
        if action.startswith("_") or action not in dir(self):
            raise AttributeError(f"{self._noun} has no {action!r}; it has: {', '.join(dir(self))}")

        def method(**data: Any) -> Any:
            return self._workspace.call(f"{self._noun}.{action}", **data)

        return method


def _prepare_folder(folder: Path, create: bool) -> bool:
    """Return whether the workspace has to be made; raise when there is none and it may not be made."""
    if (folder / FILE_NAME).exists():
        return False
    empty = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if create and not empty:
        raise NotFound(
            f"{folder} is not empty, and it is no workspace",
            f"{folder} 不是空文件夹，也不是工作区",
            hint=(
                "Make one in a new folder: quanheng -w NEW-FOLDER migrate",
                "请在新文件夹中新建：quanheng -w 新文件夹 migrate",
            ),
            code="no_workspace",
        )
    if not create:
        raise NotFound(
            f"there is no workspace in {folder}",
            f"{folder} 里没有工作区",
            hint=(
                "Make one: quanheng migrate (in an empty folder), or name one with --workspace.",
                "可在空文件夹中新建：quanheng migrate；或用 --workspace 指定已有的工作区。",
            ),
            code="no_workspace",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "objects").mkdir(exist_ok=True)
        (folder / FILE_NAME).write_text("# Settings of this Quanheng workspace. See: quanheng config\n", "utf-8")
    except OSError as error:
        raise Unavailable(
            f"the workspace cannot be made in {folder}: {error.strerror}",
            f"无法在 {folder} 新建工作区：{error.strerror}",
            hint=("Choose a folder you may write to.", "请选择有写权限的文件夹。"),
            code="not_permitted",
        ) from error
    return True


@contextlib.contextmanager
def _creating(folder: Path) -> Iterator[None]:
    """Let one process at a time make or complete the workspace."""
    import fcntl

    with contextlib.ExitStack() as stack:
        try:
            handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:  # a read-only workspace can still be read
            yield
            return
        stack.callback(os.close, handle)
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def is_complete() -> bool:
    """Return whether the bound database holds a finished workspace."""
    from django.db import DatabaseError, connection

    try:
        if "qh_core_loghead" not in connection.introspection.table_names():
            return False
        from quanheng.core.models import LogHead

        return LogHead.objects.filter(id=1, size__gt=0).exists()
    except DatabaseError as error:
        raise database.translate(error) from error


def initialise(workspace: Workspace) -> None:
    """Make tables, the first project, the first owner and the first key; entry 0 of the log is `workspace.create`.

    A second run after a crash completes what is missing.
    """
    from django.core.management import call_command

    from quanheng.core import clock, verb
    from quanheng.core.call import call
    from quanheng.core.models import LogHead, Project
    from quanheng.core.session import FIRST_PROJECT, local_session

    call_command("migrate", verbosity=0, interactive=False)
    verb.load()

    def first_rows() -> None:
        LogHead.objects.get_or_create(
            id=1, defaults={"size": 0, "time": "", "origin": "quanheng/" + secrets.token_hex(8)}
        )
        Project.objects.get_or_create(slug=FIRST_PROJECT, defaults={"title": FIRST_PROJECT, "created_at": clock.now()})

    database.write(first_rows)
    call(local_session(workspace), "workspace.create", {})


def check_version() -> None:
    """Raise unless the database's migrations are those of this release."""
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    known, applied = set(loader.disk_migrations), set(loader.applied_migrations)
    newer = sorted(name for _, name in applied - known)
    if newer:
        raise Conflict(
            f"this workspace was written by a newer release (it has {newer[-1]})",
            f"该工作区由更新的版本写成（含 {newer[-1]}）",
            hint=("Install that release or a later one.", "请安装该版本或更新的版本。"),
            code="newer_workspace",
        )
    if known - applied:
        raise Conflict(
            "this workspace was written by an older release",
            "该工作区由较旧的版本写成",
            hint=("Back it up, then run: quanheng migrate", "请先备份，再运行：quanheng migrate"),
            code="older_workspace",
        )
