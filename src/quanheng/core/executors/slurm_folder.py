"""The folder that the driver and the tasks of one `map` share: items, answers, and what the tasks printed.

    items/N.json     what task N gets
    answers/N.json   what it leaves, whole or not at all
    log/N.txt        its standard output and error
    task.sh          the batch script
    lock             held by the driver; names its machine

A keeper, a small shell in a session of its own, waits for the driver's end. However the driver ends, by `kill -9`
too, the keeper cancels what Slurm still has and removes the folder; after success as well, because a controller that
was restarted may have forgotten that a task is done. What even the keeper could not do, because the
machine stopped, the next driver on it does.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from quanheng.core.executors.slurm_commands import environment, find_tool
from quanheng.store import JSON
from quanheng.store._disk import disk_errors, make_folder

#: Seconds that the keeper gets before it is left alone with its work.
_KEEPER_S = 30.0
_LOG_BYTES = 64 << 10
_KEEPER = """
read -r _
"$1" --name="$2"
rm -rf "$3" || { sleep 5; rm -rf "$3"; }
"""


class Shared:
    """The folder of one `map`, a context manager; its name is the name of the jobs as well."""

    def __init__(self, parent: Path) -> None:
        self.name = f"quanheng-{secrets.token_hex(8)}"
        self.path = parent.absolute() / self.name

    def __enter__(self) -> Self:
        scancel = find_tool("scancel")
        with disk_errors(self.path):
            make_folder(self.path.parent)
            _sweep(self.path.parent, scancel)
            self.path.mkdir(mode=0o700)
            for part in ("items", "answers", "log"):
                (self.path / part).mkdir(mode=0o700)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with contextlib.suppress(OSError):  # a file system without locks: then nobody sweeps there either
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            os.write(self._lock, socket.gethostname().encode())
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "sh", scancel, self.name, str(self.path)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # so that what ends the driver's group leaves it
        )
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._keeper.stdin  # noqa: S101 - it is a pipe
        with contextlib.suppress(BrokenPipeError):  # somebody ended the keeper; the next driver cleans up
            self._keeper.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._keeper.wait(_KEEPER_S)
        os.close(self._lock)

    def write(self, name: str, data: bytes) -> None:
        """Write a file for the tasks; they are submitted after it is closed."""
        with disk_errors(self.path / name), open(self.path / name, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())

    def put_items(self, number: int, given: JSON) -> None:
        """Leave what task `number` gets."""
        self.write(f"items/{number}.json", json.dumps(given).encode())

    def answers(self, number: int) -> list[tuple[bool, Any]] | None:
        """Return what task `number` left, or None as long as there is nothing."""
        try:
            data = (self.path / "answers" / f"{number}.json").read_bytes()
        except FileNotFoundError:
            return None
        return [(ok, value) for ok, value in json.loads(data)]

    def answered(self) -> set[int]:
        """Return the numbers of the tasks that left their answers."""
        names = os.listdir(self.path / "answers")
        return {int(name.removesuffix(".json")) for name in names if name.endswith(".json")}

    def log(self, number: int) -> str:
        """Return the end of what task `number` printed."""
        try:
            with open(self.path / "log" / f"{number}.txt", "rb") as stream:
                stream.seek(max(0, os.fstat(stream.fileno()).st_size - _LOG_BYTES))
                return stream.read().decode("utf-8", "replace")
        except FileNotFoundError:  # it never began
            return ""

    def repeat_log(self, number: int) -> None:
        """Print what task `number` printed, where the local executor's workers would have."""
        sys.stderr.write(self.log(number))


def _sweep(parent: Path, scancel: str) -> None:
    """Cancel and remove what a stop of this machine left behind. Other machines' locks cannot be judged from here."""
    for path in sorted(parent.glob("quanheng-*")):
        # An OSError: held by its driver, gone in between, or on a file system without locks.
        with contextlib.suppress(OSError, subprocess.TimeoutExpired), open(path / "lock", "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if lock.read().decode() == socket.gethostname():
                words = [scancel, f"--name={path.name}"]
                subprocess.run(words, check=False, env=environment(), capture_output=True, timeout=_KEEPER_S)
                shutil.rmtree(path, ignore_errors=True)
