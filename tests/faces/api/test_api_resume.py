"""An upload outlives the server: the process is killed in the middle, a new one goes on where the bytes are."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_callers import digest_of

import quanheng
from databases import Place, wait_until
from quanheng.api import transfers

SIZE = 24 << 20
#: The server as people run it, but with a disk that takes 20 ms for each MiB, so that there is a middle.
SERVER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from quanheng.store import _disk
    from quanheng.web.serve import Options, serve
    real = _disk.write_all
    def slow(*arguments):
        time.sleep(0.02)
        real(*arguments)
    _disk.write_all = slow
    serve(Options(Path(sys.argv[1]), port=int(sys.argv[2]), log=False), lambda link: print("ready", flush=True))
    """
)


class Process:
    """A server in a process group of its own, killed as a whole."""

    def __init__(self, place: Place, port: int) -> None:
        command = [sys.executable, "-c", SERVER, str(place.folder), str(port)]
        self._process = subprocess.Popen(
            command, env=place.environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        """Kill the server and its worker with signal 9."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_an_upload_goes_on_after_the_server_was_killed(
    place: Place, workspace: Any, token_for: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quanheng.core.models import StagedFile

    monkeypatch.setattr(transfers, "PIECE", 4 << 20)
    token, port = token_for("bao", "owner", True), free_port()
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(1 << 20) * (SIZE >> 20))
    counted, told = Counting(), []
    server = Process(place, port)

    def upload() -> None:
        with quanheng.connect(f"http://127.0.0.1:{port}", token, transport=counted) as remote:
            remote.operations()
            told.append(remote.upload(path))

    thread = threading.Thread(target=upload)
    thread.start()

    def received() -> int:
        return int(StagedFile.objects.values_list("received", flat=True).first() or 0)

    wait_until(lambda: received() > 8 << 20, "the middle of the upload")
    server.kill()
    here = received()
    assert 0 < here < SIZE and not StagedFile.objects.get().is_done
    server = Process(place, port)
    thread.join(60)
    server.kill()
    assert told and StagedFile.objects.get(id=told[0].removeprefix("upload:")).is_done
    staged = next((place.folder / "uploads").rglob("large.bin"))
    assert digest_of(staged.read_bytes()) == digest_of(path.read_bytes())
    assert counted.bytes <= SIZE + 2 * transfers.PIECE  # what had arrived was not sent again


class Counting(httpx.HTTPTransport):
    """Counts the bytes of uploads."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request."""
        if "/uploads" in request.url.path:
            self.bytes += len(request.content)
        return super().handle_request(request)
