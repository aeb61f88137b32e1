"""The databases that workspace tests run on: prepared once per process, copied for each test.

PostgreSQL is one cluster for the whole test run, also under xdist: the first process that needs it starts it, every
user holds a shared lock, and a keeper process stops it and removes its folder once no lock is left — also when the
tests were killed. It listens on a socket in a temporary folder only.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

USER = "quanheng"
PORT = "5432"


@dataclass
class Place:
    """Where a workspace lies: its folder and its database ("sqlite" or a URL)."""

    folder: Path
    database: str
    kept: list[Any] = field(default_factory=list)

    @property
    def is_sqlite(self) -> bool:
        """Return whether the database is a file in the folder."""
        return self.database == "sqlite"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which another process opens the same workspace."""
        return {**os.environ, "QUANHENG_DATABASE": self.database, "QUANHENG_WORKSPACE": str(self.folder)}

    def open(self, **settings: Any) -> Any:
        """Open the workspace in this process; one that is open is closed first."""
        import quanheng

        close_open()
        return quanheng.open(self.folder, database=self.database, **settings)


def close_open() -> None:
    """Close whichever workspace this process has open, and let the clock go again."""
    from quanheng.core import clock

    clock.set_clock(None)
    module = sys.modules.get("quanheng.core.workspace")
    if module is not None and module._open is not None:
        module._open.close()


def missing_postgres() -> str:
    """Return why PostgreSQL cannot be used here, or an empty text."""
    if not _binaries():
        return "PostgreSQL's server binaries are missing (Debian: apt-get install postgresql)"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is missing (pip install 'quanheng[postgres]')"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "runuser is missing, and PostgreSQL refuses to run as root"
    return ""


def _binaries() -> Path | None:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: [p.split("/")[4].zfill(4)])
    on_path = shutil.which("initdb")
    return Path(found[-1]).parent if found else (Path(on_path).parent if on_path else None)


def _run(*command: str) -> None:
    done = subprocess.run(
        [*_as_postgres(), *command], capture_output=True, text=True, cwd="/", env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def _as_postgres() -> list[str]:
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


class Cluster:
    """The PostgreSQL cluster of this test run; `stop()` gives this process's share of it back."""

    def __init__(self, shared: Path) -> None:
        self._users = os.open(shared / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._users, fcntl.LOCK_SH)
        with _exclusive(shared / "postgres.lock"):
            state = shared / "postgres.json"
            if not state.exists():
                state.write_text(json.dumps({"folder": _start(shared)}), "utf-8")
            self.folder = json.loads(state.read_text("utf-8"))["folder"]

    def url(self, name: str) -> str:
        """Return the URL of a database of the cluster."""
        return f"postgresql://{USER}@{quote(self.folder, safe='')}:{PORT}/{name}"

    def run(self, *statements: str) -> None:
        """Run statements outside a transaction, as the cluster's owner."""
        import psycopg

        parameters = {"host": self.folder, "port": PORT, "user": USER, "dbname": "postgres"}
        with contextlib.closing(psycopg.connect(**parameters, autocommit=True)) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

    def create(self, template: str = "template0") -> str:
        """Return the name of a new database, a copy of `template`."""
        name = "t" + secrets.token_hex(8)
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def stop(self) -> None:
        """Let go of the cluster; the keeper stops it after the last one."""
        os.close(self._users)


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _start(shared: Path) -> str:
    binaries = _binaries()
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="qh-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = str(folder / "data")
    _run(str(binaries / "initdb"), "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    options = (
        f"-c listen_addresses='' -c unix_socket_directories={folder} -p {PORT} -c fsync=off -c full_page_writes=off"
        " -c synchronous_commit=off -c autovacuum=off -c max_connections=60 -c shared_buffers=64MB"
    )
    _run(str(binaries / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "server.log"), "-o", options, "start")
    subprocess.Popen(
        [sys.executable, __file__, "keep", str(shared), str(folder), str(binaries)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={"PATH": os.environ.get("PATH", "")},
    ).returncode = 0  # never waited for; said so, that no ResourceWarning is raised
    return str(folder)


def keep(shared: str, folder: str, binaries: str) -> None:
    """Wait until nobody uses the cluster, then stop it and remove its folder."""
    with _exclusive(Path(shared) / "postgres.users"):
        (Path(shared) / "postgres.json").unlink(missing_ok=True)
        with contextlib.suppress(RuntimeError):  # it may have been stopped by hand
            _run(f"{binaries}/pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


class Templates:
    """Empty workspaces, made once per process: one on each database."""

    def __init__(self, base: Path, shared: Path) -> None:
        self._base = base
        self._shared = shared
        self._sqlite: Path | None = None
        self._postgres: tuple[Path, str] | None = None
        self._cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """Return the PostgreSQL cluster, started on first use."""
        if self._cluster is None:
            self._cluster = Cluster(self._shared)
        return self._cluster

    def place(self, database: str, folder: Path) -> Place:
        """Return a fresh copy of an empty workspace."""
        if database == "sqlite":
            if self._sqlite is None:
                self._sqlite = self._make("sqlite", "sqlite")
            shutil.copytree(self._sqlite, folder)
            return Place(folder, "sqlite")
        if self._postgres is None:
            name = self.cluster.create()
            self._postgres = (self._make("postgresql", self.cluster.url(name)), name)
        template, name = self._postgres
        shutil.copytree(template, folder)
        return Place(folder, self.cluster.url(self.cluster.create(name)))

    def remove(self, place: Place) -> None:
        """Drop the place's database, if it is on the cluster."""
        if not place.is_sqlite:
            self.cluster.drop(place.database.rpartition("/")[2])

    def stop(self) -> None:
        """Drop the template database and let go of the cluster."""
        if self._postgres is not None:
            self.cluster.drop(self._postgres[1])
        if self._cluster is not None:
            self._cluster.stop()

    def _make(self, title: str, database: str) -> Path:
        folder = self._base / f"empty-{title}"
        place = Place(folder, database)
        place.open()
        close_open()
        return folder


def wait_until(question: Any, what: str, timeout_s: float = 30) -> None:
    """Return once `question()` is true; fail, saying what was waited for, after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not question():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s for {what}")
        time.sleep(0.01)


if __name__ == "__main__":
    keep(*sys.argv[2:5])
