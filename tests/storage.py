"""Object storage for tests: moto's S3 server, which checks keys and signatures, and a proxy before it that fails.

It needs moto[s3], flask and flask-cors, as the extra `dev` has them; IAM and STS of moto need nothing further.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError

from serving import free_port

REGION = "cn-north-1"
#: Calls that the server answers before it asks for keys: those that make the user.
_BEFORE_KEYS = 3

#: What a fault does with a request: ("drop", bytes that still come) or ("busy", status); None lets it pass.
Fault = tuple[str, int] | None


@dataclass
class Storage:
    """A running server: its address, the keys of a user who may read and write, and a client of AWS for filling it."""

    url: str
    key_id: str
    secret: str
    client: Any

    def environment(self, url: str | None = None) -> dict[str, str]:
        """Return the variables under which Quanheng reads it, or `url` in its place."""
        return {
            "AWS_ENDPOINT_URL": url or self.url,
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": REGION,
        }

    def put(self, bucket: str, key: str, data: bytes, **noted: str) -> None:
        """Store an object, in a bucket that is made when it is not there. noted: such as ContentEncoding."""
        with contextlib.suppress(self.client.exceptions.BucketAlreadyOwnedByYou):
            self.client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.client.put_object(Bucket=bucket, Key=key, Body=data, **noted)


@contextlib.contextmanager
def storage() -> Iterator[Storage]:
    """Lend a server of its own."""
    import boto3

    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(_BEFORE_KEYS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, server)
        said: dict[str, Any] = {"endpoint_url": url, "region_name": REGION}
        iam = boto3.client("iam", **said, aws_access_key_id="none", aws_secret_access_key="none")
        iam.create_user(UserName="reader")
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
        }
        iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        yield Storage(url, key["AccessKeyId"], key["SecretAccessKey"], boto3.client("s3", **said, **keys))
    finally:
        server.terminate()
        server.wait()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise AssertionError("the S3 server ended")
        try:
            with urllib.request.urlopen(url + "/moto-api/", timeout=5):
                return
        except HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the S3 server does not answer")


@dataclass
class Proxy:
    """Passes requests on to a storage; `fault` is asked for each, and `seen` keeps (path, range) of all."""

    target: str
    url: str = ""
    #: Files of its own by path, which nobody needs keys for.
    plain: dict[str, bytes] = field(default_factory=dict)
    #: Whether these have an ETag.
    tags: bool = True
    fault: Callable[[str, str], Fault] = lambda path, asked: None
    seen: list[tuple[str, str]] = field(default_factory=list)

    def gets(self, end: str) -> int:
        """Return how often an object was asked for whose path ends so."""
        return sum(path.endswith(end) for path, _ in self.seen)


@contextlib.contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """Lend a proxy to the server at `target`."""
    told = Proxy(target)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            told.seen.append((self.path.split("?")[0], asked))
            fault = told.fault(self.path, asked)
            if fault is not None and fault[0] == "busy":
                body = b"<Error><Code>SlowDown</Code></Error>"
                self._answer(fault[1], {"Content-Length": str(len(body))}, body)
                return
            if self.path in told.plain:
                body = told.plain[self.path]
                tag = {"ETag": '"plain"'} if told.tags else {}
                self._answer(200, {"Content-Length": str(len(body)), **tag}, body)
                return
            if "Authorization" not in self.headers:
                body = b"<Error><Code>AccessDenied</Code></Error>"
                self._answer(403, {"Content-Length": str(len(body))}, body)
                return
            # The Host header is signed: it stays as it came.
            request = urllib.request.Request(told.target + self.path, headers=dict(self.headers))
            try:
                with urllib.request.urlopen(request) as answer:
                    status, headers, body = answer.status, dict(answer.headers), answer.read()
            except HTTPError as error:
                status, headers, body = error.code, dict(error.headers), error.read()
            headers.pop("Transfer-Encoding", None)
            self._answer(status, headers, body[: fault[1]] if fault else body)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("connection", "date", "server"):
                    self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}"
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
