"""A local model behind its own OpenAI-compatible server, in a child process that cannot outlive its parent.

Answers do not depend on their order: one slot, temperature as the endpoint says, a fixed number of threads, and no
prompt cache. The server listens on 127.0.0.1 only, on a port that the system chooses, and asks for a key that is made
for this run. Answers may differ between processor types and engine versions; the endpoint states the version.
"""

from __future__ import annotations

import json
import re
import secrets
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO

from quanheng.endpoints import faults
from quanheng.endpoints.chat import ChatClient
from quanheng.endpoints.client import Patience
from quanheng.errors import Invalid, NotFound
from quanheng.kinds.models import Endpoint, Engine
from quanheng.store.digest import file_digest

#: Room for question, system prompt and answer.
CONTEXT_TOKENS = 1024
#: Fixed, so that the endpoint's digest does not depend on the machine. One, because several wait for each other at
#: every layer: two threads are 1.5 times as fast on an idle two-core machine, and several times slower on a busy one.
THREADS = 1
START_WITHIN_S = 120.0
STOP_WITHIN_S = 5.0
HEALTH_EVERY_S = 0.05
_PACKAGE = "xllamacpp"
#: A line of the engine's log at level E: "0.00.612.784 E srv init: …".
_COMPLAINT = re.compile(r"[0-9.]+ E (.+)")


def installed_engine(*, threads: int = THREADS, context: int = CONTEXT_TOKENS) -> Engine:
    """Return the installed local engine; Unavailable when the extra local-model is missing."""
    try:
        return Engine(name=_PACKAGE, version=version(_PACKAGE), threads=threads, context=context)
    except PackageNotFoundError as error:
        raise faults.extra_missing(
            "xllamacpp, the engine for local models,", "本地模型引擎 xllamacpp", "local-model"
        ) from error


class LocalServer:
    """Runs the model file `path` for `endpoint`; used as a context manager.

    Entering checks the digest of the file first (Corrupt), then starts the server and waits until it is healthy
    (Unavailable). Leaving stops it, whatever happened; so does the death of this process.
    """

    def __init__(self, path: str | Path, endpoint: Endpoint, *, start_within_s: float = START_WITHIN_S) -> None:
        if endpoint.weights is None:
            raise Invalid(
                f"the endpoint {endpoint.model!r} is a service behind an address, not a local model",
                f"端点 {endpoint.model!r} 是网络服务，不是本地模型",
                hint=("Ask it by its address.", "请通过其地址访问。"),
                code="not_local",
            )
        self.path, self.endpoint = Path(path), endpoint
        self._weights = endpoint.weights
        self._start_within_s = start_within_s
        self._key = secrets.token_hex(16)
        self._child: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """Return the base address, ending in /v1; ValueError while the server does not run."""
        if self._url is None:
            raise ValueError("the local server does not run: use it as a context manager")
        return self._url

    @property
    def key(self) -> str:
        """Return the key of this run, which every request has to carry."""
        return self._key

    @property
    def pid(self) -> int | None:
        """Return the process id of the server, None while it does not run."""
        return self._child.pid if self._child else None

    def client(self, *, patience: Patience | None = None, sleep: Callable[[float], None] = time.sleep) -> ChatClient:
        """Return a client for this server: one question at a time, with its key."""
        return ChatClient(self.endpoint, url=self.url, key=self._key, patience=patience, sleep=sleep)

    def __enter__(self) -> LocalServer:
        self._check()
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _check(self) -> None:
        engine = installed_engine()
        stated = self.endpoint.engine
        if (stated.name, stated.version) != (engine.name, engine.version):
            raise faults.engine_differs(f"{stated.name} {stated.version}", f"{engine.name} {engine.version}")
        if not self.path.is_file():
            raise NotFound(
                f"there is no model file at {self.path}",
                f"{self.path} 处没有模型文件",
                hint=("Check the path, or run: quanheng demo", "请检查路径，或运行：quanheng demo"),
                code="no_model_file",
            )
        found = file_digest(self.path)
        if found != self._weights.digest:
            raise faults.weights_differ(str(self.path), self._weights.digest, found)

    def _start(self) -> None:
        deadline = time.monotonic() + self._start_within_s
        self._errors = tempfile.TemporaryFile()
        # -P: a file json.py in the current folder must not become part of the server
        command = [sys.executable, "-P", "-m", "quanheng.endpoints.local_main"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        self._child = child
        if child.stdin is None or child.stdout is None:
            raise ValueError("the child has no pipes")
        try:
            child.stdin.write(json.dumps(self._order()).encode() + b"\n")
            child.stdin.flush()
        except BrokenPipeError as error:
            raise faults.local_failed(self._last_words()) from error
        address = self._first_line(child.stdout, deadline)
        self._wait_healthy(address, deadline)
        self._url = f"{address}/v1"

    def _order(self) -> dict[str, object]:
        engine = self.endpoint.engine
        return {
            "path": str(self.path.resolve()),
            "name": self.endpoint.model,
            "key": self._key,
            "threads": engine.threads or THREADS,
            "context": engine.context or CONTEXT_TOKENS,
            "chat_template": self.endpoint.chat_template,
        }

    def _first_line(self, stdout: IO[bytes], deadline: float) -> str:
        """Return the address that the child writes once the model is loaded."""
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise faults.local_failed(f"not ready within {self._start_within_s:g} s")
        line = stdout.readline().decode("utf-8", "replace").strip()
        if not line.startswith("http://127.0.0.1:"):
            raise faults.local_failed(self._last_words())
        return line

    def _wait_healthy(self, address: str, deadline: float) -> None:
        import httpx

        with httpx.Client(trust_env=False, timeout=5.0) as client:
            while True:
                try:
                    if client.get(f"{address}/health").status_code == 200:
                        return
                    why = "its health check does not say 200"
                except httpx.HTTPError as error:
                    why = str(error)
                if self._child is None or self._child.poll() is not None:
                    raise faults.local_failed(self._last_words())
                if time.monotonic() > deadline:
                    raise faults.local_failed(why)
                time.sleep(HEALTH_EVERY_S)

    def _last_words(self) -> str:
        """Return what the child said to its end: the engine's first complaint, else its last line."""
        if self._child is not None:
            try:
                self._child.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                return "it neither starts nor ends"
        if self._errors is None:
            return "it ended at once"
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().decode("utf-8", "replace").splitlines() if line.strip()]
        complaints = [found[1] for line in lines if (found := _COMPLAINT.match(line))]
        return next(iter(complaints or lines[-1:]), "it ended at once")

    def _stop(self) -> None:
        child, self._child, self._url = self._child, None, None
        if child is not None:
            _end(child)
        if self._errors is not None:
            self._errors.close()
            self._errors = None


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child: the end of its input asks it to, then a signal, then one that it cannot refuse."""
    try:
        if child.stdin is not None:
            child.stdin.close()
    except BrokenPipeError:
        pass  # it is gone already, which is what was wanted
    for insist in (None, child.terminate, child.kill):
        if insist is not None:
            insist()
        try:
            child.wait(STOP_WITHIN_S)
            break
        except subprocess.TimeoutExpired:
            continue
    if child.stdout is not None:
        child.stdout.close()
