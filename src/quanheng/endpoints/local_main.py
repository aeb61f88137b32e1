"""The child process of `LocalServer`: one GGUF model behind an OpenAI-compatible server on 127.0.0.1.

It reads one JSON line from its standard input, writes its address as one line to its standard output, and ends when
its input ends or its parent is gone. Run by `python -m quanheng.endpoints.local_main`, by nobody else.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import IO, TypedDict

PARENT_CHECK_S = 1.0


class Order(TypedDict):
    """What the parent asks for."""

    path: str
    name: str
    key: str
    threads: int
    context: int
    chat_template: str | None


def main() -> None:
    """Serve until the parent ends it."""
    # a Ctrl-C in the terminal reaches the whole group; the parent decides what becomes of its child
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _private_stdout()
    parent = os.getppid()
    order: Order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    server = _serve(order)
    answers.write(f"{server.listening_address}\n")
    answers.flush()
    while True:
        signal.pause()


def _private_stdout() -> IO[str]:
    """Return a stream to the parent, and send whatever else is printed to standard error."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(kept, "w", encoding="ascii")


def _end_with_input() -> None:
    # the raw descriptor: a thread inside a buffered read makes the interpreter abort when it ends for another reason
    while os.read(0, 4096):
        continue
    os._exit(0)


def _end_with_parent(parent: int) -> None:
    """End when the parent is gone, even if some other process still holds the pipe."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os._exit(0)


def _serve(order: Order) -> _Server:
    """Return the running server. One slot and no reuse of earlier prompts: answers do not depend on their order."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = order["path"]
    params.model_alias = {order["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [order["key"]]
    params.offline = True
    params.ui = False
    params.endpoint_slots = False
    params.n_gpu_layers = 0
    params.fit_params = False
    params.n_ctx = order["context"]
    params.n_parallel = 1
    params.cpuparams.n_threads = order["threads"]
    params.cpuparams_batch.n_threads = order["threads"]
    params.cache_prompt = False
    params.cache_ram_mib = 0
    params.cache_idle_slots = False
    params.n_ctx_checkpoints = 0
    params.verbosity = 1
    if order["chat_template"] is not None:
        params.chat_template = order["chat_template"]
    server: _Server = xllamacpp.Server(params)
    return server


class _Server:
    """What is used of xllamacpp.Server."""

    listening_address: str


if __name__ == "__main__":
    main()
