"""The local executor: spawned processes on this machine."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from quanheng.core.executors.functions import call, find_function, unwrap
from quanheng.errors import Unavailable
from quanheng.store import JSON

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor


class LocalExecutor:
    """Runs functions in spawned processes, at most `processes` (0 = one per core), results in the order of items.

    As a context manager it keeps its processes from one call of `map` to the next: what they import and compile, some
    two seconds each, is then paid once a job.
    """

    def __init__(self, processes: int = 0) -> None:
        self.processes = (
            processes or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else processes or 2
        )
        self._kept: ExitStack | None = None
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> LocalExecutor:
        self._kept = ExitStack()
        return self

    def __exit__(self, *reason: object) -> None:
        kept, self._kept, self._pool = self._kept, None, None
        if kept:
            kept.close()

    def map(self, function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        """Yield `function(item)` for each item. Unavailable when a worker process was killed."""
        find_function(function)  # a wrong name fails here, not in a worker
        todo = deque(items)
        if self.processes == 1 or len(todo) < 2:
            while todo:
                yield unwrap(call(function, todo.popleft()))
            return
        with ExitStack() as stack:
            yield from self._run(self._workers(stack, len(todo)), function, todo)

    def _workers(self, stack: ExitStack, items: int) -> ProcessPoolExecutor:
        """Return the pool that is kept, or one that ends with `stack`."""
        if self._pool is not None:
            return self._pool
        # Here, since one process alone needs none of it.
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        workers = self.processes if self._kept else min(self.processes, items)
        pool = (self._kept or stack).enter_context(ProcessPoolExecutor(workers, mp_context=get_context("spawn")))
        self._pool = pool if self._kept else None
        return pool

    def _run(self, pool: ProcessPoolExecutor, function: str, todo: deque[JSON]) -> Iterator[JSON]:
        from concurrent.futures.process import BrokenProcessPool

        running: deque[Future[tuple[bool, Any]]] = deque()
        try:
            while todo or running:
                while todo and len(running) < 2 * self.processes:
                    running.append(pool.submit(call, function, todo.popleft()))
                yield unwrap(running.popleft().result())
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
