"""The worker: claims queued jobs and runs them as their actors; and what becomes of jobs whose process is gone.

A queued job whose worker died is queued again, up to its `max_attempts`; a job that ran in somebody's foreground is
ended as failed, code "lost". Either way the old attempt is fenced off, so an effect is committed once.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quanheng.core import clock, jobs, log, permission
from quanheng.core.call import execute
from quanheng.core.database import cursor, is_sqlite, retry_locked, unbind, write
from quanheng.core.jobs import CANCELLED, DENIED, FAILED, LOST, QUEUED, Plan
from quanheng.core.resolve import resolve
from quanheng.core.runner import Listener, log_path, silent
from quanheng.core.session import Session, session_of_token
from quanheng.errors import Cancelled, Conflict, Forbidden, QuanhengError, Unavailable
from quanheng.store import JSON, canonical_json

if TYPE_CHECKING:
    from quanheng.core.models import Job
    from quanheng.core.workspace import Workspace

#: How long an idle worker waits before it looks at the queue again, in seconds.
POLL_S = 1.0
#: How long it waits at most for a database that cannot be reached, before it tries again.
BACK_OFF_S = 30.0
#: What passes by itself: the database is started again, or let go by whoever locked it.
_PASSING = ("database_unreachable", "database_locked")


@dataclass(frozen=True)
class Swept:
    """What became of the jobs whose process was gone: ids queued again, and ids ended as lost."""

    requeued: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True)
class Ended:
    """A job that the worker ran: its end, its outputs, its error."""

    job: str
    verb: str
    outcome: str
    outputs: tuple[str, ...] = ()
    error: QuanhengError | None = None


@contextlib.contextmanager
def exclusive(folder: Path, role: str) -> Iterator[None]:
    """Hold the workspace's server lock: one worker or server at a time on SQLite; Conflict names the holder.

    The lock is the kernel's and ends with the process, however it ends.
    """
    handle = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(handle, 200).decode("utf-8", "replace").strip() or "?"
            raise Conflict(
                f"this workspace is in use by another process ({holder})",
                f"该工作区正由另一个进程占用（{holder}）",
                hint=(
                    "Stop it first. With PostgreSQL (QUANHENG_DATABASE) several workers may run.",
                    "请先停止该进程。改用 PostgreSQL（QUANHENG_DATABASE）后可同时运行多个工作进程。",
                ),
                code="server_running",
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{role}, pid {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def sweep(workspace: Workspace) -> Swept:
    """Return what was done with running jobs whose process is gone: queued again, or ended as failed, code "lost"."""
    requeued, lost = [], []
    for job_id in retry_locked(jobs.silent_jobs):
        done = write(lambda job_id=job_id: _sweep_one(job_id))  # type: ignore[misc]
        if done == QUEUED:
            requeued.append(job_id)
        elif done:
            lost.append(job_id)
    return Swept(tuple(requeued), tuple(lost))


def _sweep_one(job_id: str) -> str:
    """Queue or end one silent job, unless somebody was faster (inside the open transaction)."""
    if job_id not in jobs.silent_jobs():
        return ""
    row = _row(job_id)
    if row.cancel_requested:
        return _end(row, CANCELLED, _cancelled())
    if row.attempt >= row.max_attempts:
        hint = (f"What it wrote: quanheng job logs {job_id}", f"它的日志：quanheng job logs {job_id}")
        return _end(row, FAILED, QuanhengError(LOST.en, LOST.zh, hint=hint, code="lost"))
    with cursor() as cur:
        cur.execute(
            "UPDATE qh_core_job SET state = 'queued', lease_until = NULL, runner = ''"
            " WHERE id = %s AND attempt = %s AND state = 'running'",
            [job_id, row.attempt],
        )
        return QUEUED if cur.rowcount else ""


def _row(job_id: str) -> Job:
    from quanheng.core.models import Job

    return Job.objects.select_related("actor", "token__actor").get(id=job_id)


def _end(row: Job, outcome: str, error: QuanhengError) -> str:
    """End a job from its row alone (inside the open transaction): the release may no longer have its verb."""
    with cursor() as cur:
        cur.execute(
            "UPDATE qh_core_job SET state = %s, finished_at = %s, lease_until = NULL, error = %s"
            " WHERE id = %s AND attempt = %s AND state = %s",
            [outcome, clock.now(), canonical_json(error.to_json()).decode(), row.id, row.attempt, row.state],
        )
        if cur.rowcount != 1:
            return ""
    log.append(
        row.id,
        {
            "verb": row.verb,
            "version": row.version,
            "actor_id": row.actor_id,
            "project": row.project_id,
            "outcome": outcome,
            "code": error.code,
            "params_digest": row.params_digest,
            "inputs": [{"role": role, "digest": digest} for role, digest in json.loads(row.inputs)],
            "outputs": log.summarise([]),
        },
    )
    return outcome


def _cancelled() -> Cancelled:
    return Cancelled("the job was cancelled", "作业已被取消")


def work(
    workspace: Workspace,
    *,
    once: bool = False,
    lanes: int = 1,
    stop: threading.Event | None = None,
    listener: Listener = silent,
    ended: Callable[[Ended], None] = lambda ended: None,
    poll_s: float = POLL_S,
) -> int:
    """Run queued jobs until `stop` is set (with `once`: until the queue is empty) and return how many were run.

    lanes: so many jobs at once. A job that is being run when `stop` is set is finished first. While the database
    cannot be reached, the worker tries again, less and less often (with `once`: Unavailable). Needs the permission
    operate. On SQLite one worker at a time: Conflict otherwise.
    """
    retry_locked(lambda: permission.require(workspace.session, "operate", "job.work", scope="workspace"))
    stop = stop or threading.Event()
    lock = exclusive(workspace.folder, "job work") if is_sqlite() else contextlib.nullcontext()
    lane = _Lane(workspace, once, stop, listener, ended, poll_s)
    with lock:
        others = [threading.Thread(target=lane.run_apart, daemon=True) for _ in range(lanes - 1)]
        for thread in others:
            thread.start()
        try:
            count = lane.run()
        finally:
            if not once:
                stop.set()
            for thread in others:
                thread.join()
    return count + lane.elsewhere


@dataclass
class _Lane:
    """Takes one job after the other; several may do so in threads of one process."""

    workspace: Workspace
    once: bool
    stop: threading.Event
    listener: Listener
    ended: Callable[[Ended], None]
    poll_s: float
    elsewhere: int = 0  # jobs run by `run_apart`

    def run(self) -> int:
        """Return how many jobs were run until the end."""
        count, wait_s = 0, self.poll_s
        while not self.stop.is_set():
            try:
                job_id = _next(self.workspace)
                if job_id is not None:
                    self.ended(run_claimed(self.workspace, job_id, self.listener))
                    count += 1
                elif self.once:
                    break
                else:
                    self.stop.wait(self.poll_s)
                wait_s = self.poll_s
            except Unavailable as error:
                if self.once or error.code not in _PASSING:
                    raise
                self.listener("log", {"en": error.text.en, "zh": error.text.zh})
                self.stop.wait(wait_s)
                wait_s = min(2 * wait_s, BACK_OFF_S)
        return count

    def run_apart(self) -> None:
        """Run in a thread of its own, with connections of its own."""
        try:
            self.elsewhere += self.run()
        finally:
            unbind()


def _next(workspace: Workspace) -> str | None:
    sweep(workspace)
    return jobs.claim(workspace.settings.number("lease_s"))


def run_claimed(workspace: Workspace, job_id: str, listener: Listener = silent) -> Ended:
    """Run a job that this process has claimed, to its end, and return how it ended. No error of the job escapes."""
    row = retry_locked(lambda: _row(job_id))
    try:
        try:
            session = _session_of(workspace, row)
            plan = plan_of(session, row)
        except QuanhengError as error:
            return _refused(row, error)
        result = execute(session, plan, job_id, row.attempt, listener)
    except QuanhengError as error:
        outcome = CANCELLED if isinstance(error, Cancelled) else FAILED
        return Ended(job_id, row.verb, outcome, error=error)
    except Exception as error:  # a fault in our own code must not stop the queue
        return _fault(workspace, row, error)
    return Ended(job_id, row.verb, jobs.DONE, result.outputs)


def _refused(row: Job, error: QuanhengError) -> Ended:
    outcome = CANCELLED if isinstance(error, Cancelled) else DENIED if isinstance(error, Forbidden) else FAILED
    write(lambda: _end(row, outcome, error))
    return Ended(row.id, row.verb, outcome, error=error)


def _fault(workspace: Workspace, row: Job, error: Exception) -> Ended:
    told = QuanhengError(
        f"unexpected error, which is a fault of Quanheng: {type(error).__name__}: {error}",
        f"意外错误（这是 Quanheng 自身的缺陷）：{type(error).__name__}: {error}",
        hint=(f"Details: quanheng job logs {row.id}", f"详情：quanheng job logs {row.id}"),
        code="internal",
    )
    path = log_path(workspace.folder, row.id)
    path.parent.mkdir(exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    write(lambda: _end(row, FAILED, told))
    return Ended(row.id, row.verb, FAILED, error=told)


def _session_of(workspace: Workspace, row: Job) -> Session:
    """Return the session in which a queued job runs: its actor in its project, as they are now.

    What a token queued runs within the token's limits; Forbidden when the token has ended meanwhile.
    """
    if row.cancel_requested:
        raise _cancelled()
    if row.token:
        return session_of_token(workspace, row.token, row.project_id, is_local=row.is_local)
    return Session(workspace, row.actor_id, row.actor.is_active, row.project_id, is_local=row.is_local)


def plan_of(session: Session, row: Job) -> Plan:
    """Return the call that a queued job stands for, exactly as it was planned.

    Its inputs are the artifacts that were named then, even if the names have moved since. Forbidden when the actor
    may no longer do it; Conflict when the verb has another version or a file that the job reads was changed.
    """
    from quanheng.core.verb import find_verb, made_by

    verb = find_verb(row.verb)
    retry_locked(lambda: permission.require(session, verb.permission, verb.name, scope=verb.scope))
    if verb.version != row.version:
        raise _changed(row, f"{row.verb} is of another version now", f"{row.verb} 的版本已变更")
    value = verb.input.model_validate_json(row.input)
    inputs = [(str(role), str(digest)) for role, digest in json.loads(row.inputs)]
    resolved = retry_locked(lambda: resolve(session, _by_digest(value, inputs)))
    params: dict[str, JSON] = {**resolved.params, "again": row.again} if row.again else resolved.params
    plan = Plan(verb, value, resolved.params, inputs, made_by(verb, params, inputs), row.name, row.again)
    if plan.params_digest != row.params_digest:
        raise _changed(row, "a file that it reads was changed", "它要读取的文件已被修改")
    return plan


def _by_digest(value: Any, inputs: list[tuple[str, str]]) -> Any:
    """Return the input with the digests that were found then in place of names."""
    found: dict[str, list[str]] = {}
    for role, digest in inputs:
        found.setdefault(role, []).append(digest)
    update: Mapping[str, Any] = {
        role: digests if isinstance(getattr(value, role), list | tuple) else digests[0]
        for role, digests in found.items()
    }
    return value.model_copy(update=dict(update))


def _changed(row: Job, en: str, zh: str) -> Conflict:
    return Conflict(
        f"job {row.id} cannot be run as it was queued: {en}",
        f"作业 {row.id} 无法按排队时的内容执行：{zh}",
        hint=("Queue it again.", "请重新排队。"),
        code="queued_changed",
    )
