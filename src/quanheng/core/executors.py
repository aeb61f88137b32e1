"""The local executor: spawned processes on this machine. Ray and Slurm fill the same Protocol (context.Executor)."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing import get_context
from typing import Any

from quanheng.errors import Invalid, QuanhengError, Unavailable
from quanheng.store import JSON


def find_function(reference: str) -> Callable[[JSON], JSON]:
    """Return the function that "package.module:name" means."""
    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise Invalid(f"no function {reference!r}", f"找不到函数 {reference!r}", code="no_such_function") from error


def _call(reference: str, item: JSON) -> tuple[bool, Any]:
    """Run in the worker. An error of our tree travels as data, since its constructor takes more than one text."""
    try:
        return True, find_function(reference)(item)
    except QuanhengError as error:
        return False, error.to_json()


class LocalExecutor:
    """Runs functions in spawned processes, at most `processes` (0 = one per core), results in the order of items."""

    def __init__(self, processes: int = 0) -> None:
        self.processes = (
            processes or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else processes or 2
        )

    def map(self, function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        """Yield `function(item)` for each item. Unavailable when a worker process was killed."""
        find_function(function)  # a wrong name fails here, not in a worker
        todo = deque(items)
        if self.processes == 1 or len(todo) < 2:
            while todo:
                yield _unwrap(_call(function, todo.popleft()))
            return
        workers = min(self.processes, len(todo))
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            running: deque[Future[tuple[bool, Any]]] = deque()
            try:
                while todo or running:
                    while todo and len(running) < 2 * workers:
                        running.append(pool.submit(_call, function, todo.popleft()))
                    yield _unwrap(running.popleft().result())
            except BrokenProcessPool as error:
                raise Unavailable(
                    "a worker process was killed, perhaps for lack of memory",
                    "有工作进程被终止，可能是内存不足",
                    hint=(
                        "Run again; finished parts are not repeated. Setting `processes` lowers the memory.",
                        "请重新执行，已完成的部分不会重复；调小设置 processes 可减少内存占用。",
                    ),
                    code="worker_lost",
                ) from error
            finally:
                for future in running:
                    future.cancel()


def _unwrap(answer: tuple[bool, Any]) -> JSON:
    ok, value = answer
    if ok:
        return value  # type: ignore[no-any-return]
    raise QuanhengError.from_json(value)
