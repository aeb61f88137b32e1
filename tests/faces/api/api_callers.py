"""Those who call the API in tests: without a socket, over a real one; and the worker that runs what they queue."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import threading
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

ALL_SCOPES = ("read", "build", "review", "annotate", "operate", "audit", "own", "self")


class Caller:
    """Calls the API in this process as one account, without a socket."""

    def __init__(self, token: str = "", language: str = "en") -> None:
        from django.test import Client

        headers = {"accept-language": language}
        if token:
            headers["authorization"] = f"Bearer {token}"
        self.token = token
        self._client = Client(headers=headers, raise_request_exception=False)

    def get(self, address: str, data: Any = None, **headers: str) -> Any:
        """Return the answer to GET /api/v1/…"""
        return self._client.get("/api/v1/" + address, data, headers=_named(headers))

    def post(self, address: str, body: Any = None, **headers: str) -> Any:
        """Return the answer to POST /api/v1/… with a JSON body."""
        return self._client.post(
            "/api/v1/" + address, {} if body is None else body, "application/json", headers=_named(headers)
        )

    def send(self, method: str, address: str, data: bytes = b"", kind: str = "", **headers: str) -> Any:
        """Return the answer to any request."""
        extra = {"CONTENT_TYPE": kind} if kind and not data else {}  # which the client drops for an empty body
        return self._client.generic(method, "/api/v1/" + address, data, kind, headers=_named(headers), **extra)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


class Server(ThreadingMixIn, WSGIServer):
    """A threaded server; each thread closes its database connections at its end."""

    daemon_threads = True
    request_queue_size = 64

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one connection."""
        from quanheng.core.database import unbind

        try:
            super().process_request_thread(request, client_address)
        finally:
            unbind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about connections that broke: tests break them on purpose."""


class Quiet(WSGIRequestHandler):
    """Writes no log."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def get_stderr(self) -> Any:
        """Return where faults go: nowhere."""
        import io

        return io.StringIO()


@contextlib.contextmanager
def serving(application: Any) -> Iterator[str]:
    """Serve the application on a free port of this machine and yield its address."""
    server = make_server("127.0.0.1", 0, application, Server, Quiet)
    thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def work_once(workspace: Any) -> list[Any]:
    """Run what is queued and return how each job ended."""
    from quanheng.core import worker as core_worker

    seen: list[Any] = []
    core_worker.work(workspace, once=True, ended=seen.append)
    return seen


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def told(**pairs: str) -> str:
    """Return a header Upload-Metadata."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def upload(caller: Caller, data: bytes, project: str = "", **pairs: str) -> Any:
    """Return the last answer of an upload in one go; its id is `Location`'s end."""
    where = f"uploads?project={project}" if project else "uploads"
    return caller.send(
        "POST",
        where,
        data,
        "application/offset+octet-stream",
        Tus_Resumable="1.0.0",
        Upload_Length=str(len(data)),
        Upload_Metadata=told(**pairs),
    )


def staged(caller: Caller, data: bytes, name: str = "a.txt") -> str:
    """Return `upload:ID` of these bytes."""
    answer = upload(caller, data, filename=name)
    assert answer.status_code == 201, answer.content
    return "upload:" + answer.headers["Location"].rpartition("/")[2]
