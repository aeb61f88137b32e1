"""Calls while they run: each in a thread of its own, with progress, and given up when the host cancels it.

The SDK is asynchronous and Django is not, so that every call leaves the event loop for a thread. Django keeps one
connection per thread; a call closes its own at its end, so that an idle server holds none. Two pools keep long jobs
from taking the places of short calls.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import anyio
from anyio import to_thread

from quanheng.core import jobs
from quanheng.core.database import unbind, write
from quanheng.core.session import Session
from quanheng.errors import Cancelled, QuanhengError, Text

T = TypeVar("T")
log = logging.getLogger("quanheng.mcp")

#: Jobs and flows that run at once, each with processes of its own; further ones wait.
LONG_CALLS = 4
#: Queries, inline verbs, listings and readings at once.
SHORT_CALLS = 8
#: How often a host is told how far a call is, in seconds.
REPORT_EVERY_S = 0.2
#: How long the request to stop a job may wait for the database, in seconds; the listener stops it anyway.
CANCEL_S = 5.0


class News(NamedTuple):
    """How far a call is, as a progress notification tells it."""

    done: float
    total: float | None
    message: str


class Progress:
    """Makes of a listener's events what the protocol asks for: a number that only grows.

    A job counts its own items. A flow counts its steps, and the items of the present one are a part of a step.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self._step: tuple[int, int] | None = None
        self._verb = ""
        self._said = ""
        self._latest: News | None = None
        self._told = -1.0

    def hear(self, event: str, data: Mapping[str, Any]) -> None:
        """Take in one event (in the call's thread)."""
        if event == "step":
            self._step = (int(data["number"]) - 1, int(data["of"]))
            self._note(str(data["verb"]), 0, None)
        elif event == "start":
            self._verb = str(data["verb"])
        elif event == "log":
            self._said = Text(str(data["en"]), str(data["zh"])).say(self._language)
        elif event == "progress":
            self._note(self._verb, int(data["done"]), data["total"])

    def _note(self, name: str, done: int, total: int | None) -> None:
        self._verb, words = name, name.replace(".", " ")
        words += (f" {done}/{total}" if total else f" {done}") if done else ""
        if self._said:
            words, self._said = f"{words}: {self._said}", ""
        if self._step is None:
            self._latest = News(done, total, words)
            return
        before, of = self._step
        part = min(done / total, 1.0) if total else 0.0
        self._latest = News(before + part, of, f"[{before + 1}/{of}] {words}")

    def news(self) -> News | None:
        """Return how far the call is when it is farther than it was told to be, else None (in the event loop)."""
        latest = self._latest
        if latest is None or latest.done <= self._told:
            return None
        self._told = latest.done
        return latest


class Call:
    """One call under way: its session, its jobs, how far it is, and whether its host gave it up."""

    def __init__(self, language: str) -> None:
        self.progress = Progress(language)
        self.session: Session | None = None
        self.begun: list[str] = []
        self.given_up = False
        # Between `cancel` (any thread) and the start of a job (the call's own): neither may miss the other.
        self._lock = threading.Lock()
        self._running: list[str] = []

    def listen(self, event: str, data: Mapping[str, Any]) -> None:
        """Hear a job's events in the call's thread; raise Cancelled where the runner expects an error of the job.

        Not at "start" and "end", which are told outside of what ends a job badly.
        """
        self.progress.hear(event, data)
        if event == "start":
            self._start(str(data["job"]))
        elif event == "end":
            with self._lock:
                self._running.remove(str(data["job"]))
        elif event in ("step", "progress", "log"):
            self.check()

    def check(self) -> None:
        """Raise Cancelled when the host gave the call up."""
        if self.given_up:
            raise Cancelled(
                "the host cancelled the request",
                "调用方已取消请求",
                hint=("Call it again: finished steps are not repeated.", "再次调用即可继续，已完成的步骤不会重复。"),
            )

    def _start(self, job: str) -> None:
        with self._lock:
            self.begun.append(job)
            self._running.append(job)
            given_up = self.given_up
        if given_up:
            self._ask_to_stop([job])

    def cancel(self) -> None:
        """Give the call up: its jobs stop at their next event or heartbeat, and end as cancelled with one entry.

        This is the way of `job.cancel` without its permission and entry: whoever may begin a call may end it, as
        Ctrl-C does. An inline verb is over before it could be stopped; its effect stands.
        """
        with self._lock:
            self.given_up = True
            running = list(self._running)
        self._ask_to_stop(running)

    def _ask_to_stop(self, running: list[str]) -> None:
        project = self.session.project_id if self.session else None
        for job in running:
            try:
                write(lambda job=job: jobs.request_cancel(job, project))  # type: ignore[misc]
            except QuanhengError as error:  # it has ended, or the database is away: the listener still stops it
                log.warning("job %s could not be asked to stop: %s", job, error.text.en)


class Threads:
    """Runs calls in threads, and knows which are under way."""

    def __init__(self) -> None:
        self._long = ThreadPoolExecutor(LONG_CALLS, thread_name_prefix="job")
        self._short = ThreadPoolExecutor(SHORT_CALLS, thread_name_prefix="call")
        self._begun: set[Future[Any]] = set()

    async def run(self, work: Callable[[], T], *, long: bool = False) -> T:
        """Return `work()`, run in a thread. When the request is cancelled, work that waits for a thread never begins;
        work that has begun is left to end by itself, and keeps its place until then.
        """

        def closing() -> T:
            try:
                return work()
            finally:
                unbind()

        future = (self._long if long else self._short).submit(closing)
        self._begun.add(future)
        future.add_done_callback(self._begun.discard)
        return await asyncio.wrap_future(future)

    async def run_call(
        self, call: Call, work: Callable[[], T], tell: Callable[[News], Awaitable[None]], *, long: bool
    ) -> T:
        """Return `work()` of a call; `tell` hears how far it is. A cancelled one is given up."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._report, call, tell)
            try:
                result = await self.run(work, long=long)
            except anyio.get_cancelled_exc_class():
                await self._cancel(call)
                raise
            await self._tell(call, tell)  # what came since the last look, before the result
            group.cancel_scope.cancel()
        return result

    async def _report(self, call: Call, tell: Callable[[News], Awaitable[None]]) -> None:
        """Look again and again how far a call is. The call's thread never waits for a host that does not read."""
        while True:
            await anyio.sleep(REPORT_EVERY_S)
            await self._tell(call, tell)

    async def _tell(self, call: Call, tell: Callable[[News], Awaitable[None]]) -> None:
        news = call.progress.news()
        if news:
            await tell(news)

    async def _cancel(self, call: Call) -> None:
        def cancel() -> None:
            try:
                call.cancel()
            finally:
                unbind()

        with anyio.move_on_after(CANCEL_S, shield=True):
            await to_thread.run_sync(cancel, abandon_on_cancel=True)

    async def wait(self, seconds: float) -> bool:
        """Return whether every thread has done its work within so many seconds."""
        with anyio.move_on_after(seconds):
            while self._begun:
                await anyio.sleep(0.02)
        return not self._begun
