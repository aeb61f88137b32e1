"""What the promise on bad input stands on: a scene, services that answer badly, and what one clear error looks like."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from main_job import command

from databases import Place, close_open

HAN = re.compile("[\u4e00-\u9fff]")
HEADS = {"en": ("Error: ", "Hint: "), "zh": ("错误：", "提示：")}
GOOD = '{"text": "这一行写得完整，可以保留下来。"}\n'


@dataclass
class Scene:
    """What a case may use: the workspace, a folder for files, what to undo, and the environment of the command."""

    place: Place
    folder: Path
    undo: contextlib.ExitStack
    environment: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()

    def write(self, name: str, data: bytes | str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return str(path)

    def call(self, verb: str, **data: Any) -> Any:
        """Call a verb in this process before the command is run."""
        result = self.place.open().call(verb, **data)
        close_open()
        return result

    def endpoint(self, answer: bytes) -> list[str]:
        """Serve this raw HTTP answer to everybody and return the command that asks for one."""
        url = self.undo.enter_context(raw_service(answer)) if answer else "http://127.0.0.1:9/v1"
        self.call("endpoint.register", url=url, title="m", as_name="e")
        bank = "shipped:oversight/banks/must_refuse.jsonl"
        self.call("benchmark.register", file=bank, purpose="must_refuse", title="t", owner="o", as_name="b")
        return ["responses", "generate", "e", "b", "--questions", "1"]


@contextlib.contextmanager
def raw_service(answer: bytes) -> Iterator[str]:
    """Yield the address of a service that gives the same bytes to every request."""
    import socketserver
    import threading

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                continue
            self.wfile.write(answer)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join()


def http(status: str, body: bytes, *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers])
    return head.encode() + b"\r\n\r\n" + body


def run(scene: Scene, words: list[str], *more: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [*scene.prefix, *command(*more, *words)],
        env={**scene.place.environment, **scene.environment},
        cwd=scene.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


def log_lines(place: Place) -> list[tuple[int, bytes]]:
    """Return the log as it lies in the database, without our own code in between."""
    uri = f"file:{place.folder / 'quanheng.db'}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        return connection.execute('SELECT "index", entry FROM qh_core_logentry ORDER BY "index"').fetchall()


def check_told_once(done: subprocess.CompletedProcess[str], language: str, exit_code: int) -> tuple[str, str]:
    """Return message and hint, after checking that they are all that is said, in this language only."""
    error, hint = HEADS[language]
    lines = done.stderr.splitlines()
    told = [line for line in lines if line.startswith((HEADS["en"][0], HEADS["zh"][0]))]
    hints = [line for line in lines if line.startswith((HEADS["en"][1], HEADS["zh"][1]))]
    assert done.returncode == exit_code, done.stderr
    assert (len(told), len(hints)) == (1, 1), done.stderr
    assert told[0].startswith(error) and hints[0].startswith(hint)
    assert lines.index(hints[0]) > lines.index(told[0])
    assert "Traceback" not in done.stdout + done.stderr
    message = told[0].removeprefix(error)
    assert message and (HAN.search(message) if language == "zh" else not HAN.search(message)), message
    if language == "en":
        assert not HAN.search(hints[0]), hints[0]
    return message, hints[0].removeprefix(hint)
