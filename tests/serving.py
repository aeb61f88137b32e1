"""A real server: `quanheng serve` in a process of its own, on a free port, over the workspace of a test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from databases import Place, close_open, wait_until


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A running server: its address, its one-time link, what it wrote."""

    def __init__(self, place: Place, *words: str, port: int | None = None) -> None:
        self.place = place
        self.port = port or free_port()
        self.out: list[str] = []
        self.err: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "quanheng.cli.main", "--json", "serve", "--port", str(self.port), "--log", *words],
            env={**place.environment, "LC_ALL": "C.UTF-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream, into), daemon=True)
            for stream, into in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: Any, into: list[str]) -> None:
        for line in stream:
            into.append(line)

    @property
    def url(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def link(self) -> str:
        """Return the one-time link that was printed."""
        return str(json.loads("".join(self.out))["link"])

    def wait(self, host: str = "127.0.0.1") -> Served:
        """Return the server once it answers at `host`."""

        def answers() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended: {''.join(self.out)}{''.join(self.err)}")
            with contextlib.suppress(httpx.HTTPError):
                return httpx.get(f"http://{host}:{self.port}/healthz", trust_env=False).status_code == 200
            return False

        wait_until(answers, "the server to answer", 60)
        return self

    def browser(self) -> httpx.Client:
        """Return an HTTP client that signed in by a new one-time link, as `serve` would print it."""
        client = httpx.Client(base_url=self.url, trust_env=False, timeout=60)
        link = self.new_link()
        page = client.get(link)
        token = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        assert client.post(link, data={"csrfmiddlewaretoken": token}).status_code == 302
        return client

    def new_link(self) -> str:
        """Return the path of a further one-time link for the user of this machine."""
        code = (
            "import datetime as dt, os, quanheng\n"
            "with quanheng.open(os.environ['QUANHENG_WORKSPACE'], create=False):\n"
            "    from quanheng.core.accounts import make_link\n"
            "    from quanheng.core.session import os_actor\n"
            "    print(make_link(os_actor(), dt.timedelta(minutes=30)))\n"
        )
        done = subprocess.run([sys.executable, "-c", code], env=self.place.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return f"/sign-in/{done.stdout.strip()}"

    def workers(self) -> list[int]:
        """Return the process ids of gunicorn's workers."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Stop the server and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(60)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for reader in self._readers:
            reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        return code


@contextlib.contextmanager
def serving(place: Place, *words: str) -> Iterator[Served]:
    """Yield a server over the workspace, which this process does not have open."""
    close_open()
    server = Served(place, *words)
    try:
        yield server.wait()
    finally:
        server.stop()
