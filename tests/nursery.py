"""Processes that write to a workspace until they are done or killed, started in milliseconds.

The nursery imports everything once and forks a child per order; it has no workspace open itself. A child writes what
was acknowledged to it, line by line, into a file that survives its death.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from databases import Place, wait_until


class Child:
    """A child of the nursery: its process, and the lines it wrote."""

    def __init__(self, pid: int, path: Path) -> None:
        self.pid = pid
        self.path = path

    @property
    def lines(self) -> list[str]:
        """Return the lines written so far; one cut off by a kill is no acknowledgement."""
        text = self.path.read_text("utf-8") if self.path.exists() else ""
        return text.split("\n")[:-1]

    @property
    def is_running(self) -> bool:
        """Return whether the process is there."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """Kill the process with signal 9 and wait until it is gone."""
        if self.is_running:
            os.kill(self.pid, signal.SIGKILL)
        wait_until(lambda: not self.is_running, f"process {self.pid} to end")

    def wait(self, timeout_s: float) -> None:
        """Wait until the process has ended by itself."""
        wait_until(lambda: not self.is_running, f"process {self.pid} to finish", timeout_s)

    def wait_for_lines(self, count: int = 1) -> None:
        """Wait until the child wrote so many lines, or ended."""
        wait_until(lambda: len(self.lines) >= count or not self.is_running, f"{count} lines of {self.pid}", 60)


class Nursery:
    """Starts children that work in the workspace at `place`; to be used as a context manager."""

    def __init__(self, place: Place, folder: Path) -> None:
        self._place = place
        self._folder = folder
        self._count = 0
        folder.mkdir()

    def __enter__(self) -> Nursery:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self._place.folder), self._place.database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)

    def start(self, work: str, seed: int, count: int = 1_000_000) -> Child:
        """Start the function `work` of this module in a child."""
        self._count += 1
        path = self._folder / f"{self._count}-{work}.txt"
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{work} {seed} {count} {path}\n")
        self._process.stdin.flush()
        return Child(int(self._process.stdout.readline()), path)


class Teller:
    """Writes acknowledged lines, each with one system call."""

    def __init__(self, path: str) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(self, *words: str) -> None:
        """Write one line."""
        os.write(self._handle, (" ".join(words) + "\n").encode())


def register(workspace: Any, tell: Teller, dice: random.Random, count: int) -> None:
    """Register artifacts with a layer each, made from the one before: `+ artifact layer-digest`."""
    from evidence import register as register_one

    last = ""
    for number in range(count):
        data = dice.randbytes(dice.choice((10, 5000, 300_000)))
        inputs = [("after", last)] if last else []
        last = register_one(workspace, f"{os.getpid()}-{number}", [("data", data)], inputs, as_name=f"of-{os.getpid()}")
        tell.say("+", last)


def count_up(workspace: Any, tell: Teller, dice: random.Random, count: int) -> None:
    """Register so many artifacts, most without layers, as fast as it goes."""
    from evidence import register as register_one

    for number in range(count):
        pieces = [("data", dice.randbytes(100))] if number % 10 == 0 else []
        tell.say("+", register_one(workspace, f"{os.getpid()}-{number}", pieces))


def without_checkpoints(workspace: Any, tell: Teller, dice: random.Random, count: int) -> None:
    """Register like `register`, while SQLite leaves everything in its write-ahead log."""
    from quanheng.core.database import cursor

    with cursor() as cur:
        cur.execute("PRAGMA wal_autocheckpoint = 0")
    register(workspace, tell, dice, count)


POOL = [b"content %d" % number * 50 for number in range(10)]


def share(workspace: Any, tell: Teller, dice: random.Random, count: int) -> None:
    """Bring, use and withdraw the same few contents: `+ artifact`, `- artifact`."""
    from evidence import item, put_layers
    from quanheng.errors import Conflict, Forbidden

    mine: list[str] = []
    layer_of: dict[str, str] = {}
    for number in range(count):
        for digest in mine:
            workspace.objects.verify(layer_of[digest])  # NotFound when collection took what was acknowledged
        if len(mine) > 2 or (len(mine) > 1 and dice.random() < 0.4):  # one is left, so that something is promised
            gone = mine.pop(dice.randrange(len(mine)))
            tell.say("?", gone)  # from here on nothing is promised
            workspace.artifact.withdraw(artifact=gone, reason="not wanted any more")
            tell.say("-", gone)
            continue
        try:
            layers = put_layers(workspace, [("data", dice.choice(POOL))])
            time.sleep(dice.random() * 0.02)  # brought, and used by nobody yet
            if dice.random() < 0.3:
                continue
            made = workspace.artifact.register_many(items=[item(f"{os.getpid()}-{number}", layers)]).digest
        except (Conflict, Forbidden) as error:  # collected between put and registration: told, and nothing is promised
            if error.code not in ("layer_collected", "layer_not_yours"):
                raise
            tell.say("!", error.code)
            continue
        mine.append(made)
        layer_of[made] = layers[0]["digest"]
        tell.say("+", made)


def gather(workspace: Any, tell: Teller, dice: random.Random, count: int) -> None:
    """Collect again and again, with nothing too young to go: `= layers`."""
    from quanheng.core import clock
    from quanheng.core.collect import collect

    if dice.random() < 0.5:
        # Even what comes after the collection began is old then, so that only locks and marks protect it.
        clock.set_clock(lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    for _ in range(count):
        tell.say("=", str(collect(workspace).layers))
        time.sleep(dice.random() * 0.01)


def _work(order: str, folder: str, database: str) -> None:
    work, seed, count, path = order.split(" ", 3)
    tell = Teller(path)
    settings = {"collect_after_h": 0} if work == "gather" else {}
    try:
        workspace = Place(Path(folder), database).open(**settings)
        globals()[work](workspace, tell, random.Random(int(seed)), int(count))
        workspace.close()
    except BaseException as error:
        tell.say("error", repr(error).replace("\n", " "))
        os._exit(1)
    os._exit(0)


def main(folder: str, database: str) -> None:
    """Fork a child per line of standard input, and answer with its process id."""
    import evidence  # noqa: F401
    from quanheng.core import verb
    from quanheng.core.database import setup_django

    setup_django()
    import quanheng.core.workspace  # noqa: F401

    verb.load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped at once
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sys.stdin = open(os.devnull)
            _work(line.strip(), folder, database)
        print(pid, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
