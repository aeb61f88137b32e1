"""A real HTTP server on this machine that answers as it is told, also badly."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from quanheng.kinds.models import Decoding, Endpoint, Engine


@dataclass
class Told:
    """One reply: status, headers, body in pieces; `before` each piece runs and may wait; `drop` cuts the connection
    instead of a reply, `cut` after the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    pieces: int = 1
    before: Callable[[], object] = lambda: None
    drop: bool = False
    cut: bool = False


def completion(text: str | None, **more: object) -> Told:
    message = {"role": "assistant", "content": text, **more}
    body = {
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 3},
    }
    return Told(body=json.dumps(body).encode())


class Loopback:
    """What the server was sent, and what it still has to say; the last reply is repeated.

    `answer`: says what to reply to a request, in place of the replies; None falls back to them.
    """

    def __init__(self, replies: list[Told], answer: Callable[[dict[str, object]], Told | None] | None = None) -> None:
        self.replies = replies
        self.answer = answer
        self.requests: list[tuple[str, dict[str, str], dict[str, object]]] = []
        self.url = ""

    def next(self, body: dict[str, object]) -> Told:
        if self.answer and (said := self.answer(body)):
            return said
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def serve(*replies: Told, answer: Callable[[dict[str, object]], Told | None] | None = None) -> Iterator[Loopback]:
    said = Loopback(list(replies), answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            body = json.loads(data)
            said.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            told = said.next(body)
            try:
                if told.drop:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                self._write(told)
                self.close_connection = told.cut
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client has given up, as it should

        def _write(self, told: Told) -> None:
            if told.pieces == 1:
                told.before()
            self.send_response(told.status)
            for name, value in {"Content-Length": str(len(told.body)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            size = max(1, -(-len(told.body) // told.pieces))
            for start in range(0, len(told.body), size):
                if told.pieces > 1:
                    told.before()
                self.wfile.write(told.body[start : start + size])
                self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    said.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield said
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def endpoint_at(url: str, **more: object) -> Endpoint:
    decoding = Decoding(max_tokens=16, seed=7, stop=("\n问",), frequency_penalty="0.5")
    fields = {"model": "m", "url": url, "decoding": decoding, "engine": Engine(name="remote", version="not stated")}
    return Endpoint(**{**fields, **more})
