"""The job table: how a job is begun, leased, kept alive, ended and found again after a crash.

Whoever holds the lease under the current attempt may end the job; the entry is written in the same transaction.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from quanheng.core import clock, log, register
from quanheng.core.database import cursor, is_sqlite, retry_locked, unbind, write
from quanheng.core.ids import new_id
from quanheng.core.inputs import Veiled, marked, without_veiled
from quanheng.core.session import Session
from quanheng.core.verb import Verb
from quanheng.errors import Conflict, NotFound, QuanhengError, Text, Unavailable
from quanheng.store import JSON, LocalObjects, canonical_json, sha256_digest

QUEUED, RUNNING, DONE, FAILED, CANCELLED, DENIED = "queued", "running", "done", "failed", "cancelled", "denied"
LOST = Text(
    "the process that ran it is gone; run it again, finished steps are not repeated",
    "执行它的进程已消失；请重新执行，已完成的步骤不会重复",
)


@dataclass(frozen=True)
class Plan:
    """A verb call after resolution, before it runs."""

    verb: Verb
    value: Any
    params: Mapping[str, JSON]
    inputs: Sequence[tuple[str, str]]
    made_by: Mapping[str, JSON]
    name: str = ""
    again: str = ""

    @cached_property
    def key(self) -> str:
        """Return the key by which a cacheable verb's output is found; only computed when it is asked for."""
        return register.key_of(self.made_by)

    @cached_property
    def params_digest(self) -> str:
        """Return the digest of everything the caller said."""
        return sha256_digest(canonical_json({"params": dict(self.params), "name": self.name, "again": self.again}))


@dataclass(frozen=True)
class Result:
    """What a call gave: its job, the digests it left, whether they were there before, and an inline verb's answer."""

    job: str
    outputs: tuple[str, ...]
    cached: bool = False
    value: Mapping[str, JSON] = field(default_factory=dict)
    state: str = DONE

    @property
    def digest(self) -> str:
        """Return the only output; Conflict when there is not exactly one."""
        if len(self.outputs) != 1:
            raise Conflict(
                f"the call left {len(self.outputs)} artifacts, not one", f"该操作产生了 {len(self.outputs)} 个制品"
            )
        return self.outputs[0]


def runner_name() -> str:
    """Return host, process id and its start time, which together name a process for good."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def _started(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def runner_is_gone(name: str) -> bool:
    """Return whether the named runner was on this host and is certainly dead."""
    host, _, rest = name.rpartition(":")[0].rpartition(":")
    pid_text, started = rest, name.rpartition(":")[2]
    if host != socket.gethostname() or not pid_text.isdigit() or not os.path.isdir("/proc/self"):
        return False
    return _started(int(pid_text)) != started


def begin(session: Session, plan: Plan, *, state: str, parent: str | None = None, lease_s: int = 0) -> str:
    """Write the job row and return its id (inside the open transaction)."""
    job_id = new_id()
    now = clock.now()
    running = state == RUNNING
    inline = plan.verb.mode == "inline"
    row = {
        "id": job_id,
        "verb": plan.verb.name,
        "version": plan.verb.version,
        "state": state,
        "project_id": session.project_id,
        "actor_id": session.actor_id,
        "parent_id": parent,
        "input": "" if inline else canonical_json(plan.value.model_dump(mode="json")).decode(),
        "inputs": canonical_json([list(pair) for pair in plan.inputs]).decode(),
        "params_digest": plan.params_digest,
        "key": plan.key if plan.verb.cache else "",
        "name": plan.name,
        "again": plan.again,
        "attempt": 1 if running else 0,
        "max_attempts": 1 if running else 3,  # a job in the foreground is run again by its caller
        "lease_until": now + dt.timedelta(seconds=lease_s) if running else None,
        "runner": runner_name() if running and not inline else "",
        "cancel_requested": False,
        "token_id": session.token_id,
        "is_local": session.is_local,
        "request": None if parent else session.request,
        "progress_done": 0,
        "error": "",
        "created_at": now,
        "started_at": now if running else None,
    }
    columns = ", ".join(row)
    marks = ", ".join(["%s"] * len(row))
    with cursor() as cur:
        cur.execute(f"INSERT INTO qh_core_job ({columns}) VALUES ({marks})", list(row.values()))
    return job_id


def claim(lease_s: int) -> str | None:
    """Return the id of the oldest queued job, now leased to this process, or None when the queue is empty."""

    def take() -> str | None:
        skip = "" if is_sqlite() else " FOR UPDATE SKIP LOCKED"
        now = clock.now()
        with cursor() as cur:
            cur.execute("SELECT id FROM qh_core_job WHERE state = 'queued' ORDER BY created_at, id LIMIT 1" + skip)
            row = cur.fetchone()
            if row is None:
                return None
            cur.execute(
                "UPDATE qh_core_job SET state = 'running', attempt = attempt + 1, lease_until = %s, runner = %s,"
                " started_at = COALESCE(started_at, %s) WHERE id = %s",
                [now + dt.timedelta(seconds=lease_s), runner_name(), now, row[0]],
            )
            return str(row[0])

    return write(take)


def heartbeat(job_id: str, attempt: int, lease_s: int, done: int, total: int | None) -> bool:
    """Extend the lease and store the progress; return whether somebody asked to cancel.

    Raises Conflict when the job was taken from this attempt.
    """

    def beat() -> bool:
        with cursor() as cur:
            cur.execute(
                "UPDATE qh_core_job SET lease_until = %s, progress_done = %s, progress_total = %s"
                " WHERE id = %s AND attempt = %s AND state = 'running'",
                [clock.now() + dt.timedelta(seconds=lease_s), done, total, job_id, attempt],
            )
            if cur.rowcount != 1:
                raise fenced(job_id, attempt)
            cur.execute("SELECT cancel_requested FROM qh_core_job WHERE id = %s", [job_id])
            return bool(cur.fetchone()[0])

    return write(beat)


def fenced(job_id: str, attempt: int) -> Conflict:
    """Return the error of an attempt whose job was taken away."""
    return Conflict(
        f"job {job_id} was taken from attempt {attempt}; its result is dropped",
        f"作业 {job_id} 的第 {attempt} 次执行已被接管，结果不予采用",
        hint=(f"See: quanheng job show {job_id}", f"查看：quanheng job show {job_id}"),
        code="fenced",
    )


def finish(
    session: Session,
    plan: Plan,
    job_id: str,
    attempt: int,
    outcome: str,
    *,
    outputs: Sequence[register.Prepared] = (),
    error: QuanhengError | None = None,
    objects: LocalObjects,
    named: Sequence[str] | None = None,
) -> None:
    """End a job: state, artifacts, name and the one log entry, in the open transaction, fenced by (job, attempt)."""
    digests = list(named) if named is not None else [p.digest for p in outputs]
    many = canonical_json(digests).decode() if len(digests) > log.LISTED_OUTPUTS else None
    told = canonical_json(error.to_json()).decode() if error else ""
    with cursor() as cur:
        cur.execute(
            "UPDATE qh_core_job SET state = %s, finished_at = %s, lease_until = NULL, error = %s, outputs = %s,"
            " progress_total = COALESCE(progress_total, progress_done)"
            " WHERE id = %s AND attempt = %s AND state IN ('running', 'queued')",
            [outcome, clock.now(), told, many, job_id, attempt],
        )
        if cur.rowcount != 1:
            raise fenced(job_id, attempt)
        if any(marked(plan.verb.input, Veiled)):
            left = canonical_json(without_veiled(plan.value)).decode()
            cur.execute("UPDATE qh_core_job SET input = %s WHERE id = %s", [left, job_id])
    if outputs and session.project_id:
        register.insert(outputs, job_id=job_id, project_id=session.project_id, objects=objects)
        if plan.name:
            for item in outputs:
                register.move_name(
                    project_id=session.project_id, kind=item.kind, slug=plan.name, digest=item.digest, job_id=job_id
                )
    append_entry(session, plan, job_id, outcome, digests, error)


def finish_flow(
    session: Session, plan: Plan, job_id: str, attempt: int, outputs: Sequence[str], *, objects: LocalObjects
) -> None:
    """End a flow's job as done; its outputs were written by its steps and are named in its entry."""
    finish(session, plan, job_id, attempt, DONE, objects=objects, named=outputs)


def forget(job_id: str, attempt: int) -> bool:
    """Delete the running job of a caller in the foreground (in the open transaction); return whether it was one.

    A queued job stays: whoever queued it looks for its end.
    """
    with cursor() as cur:
        cur.execute(
            "DELETE FROM qh_core_job WHERE id = %s AND attempt = %s AND state = 'running' AND max_attempts = 1",
            [job_id, attempt],
        )
        return bool(cur.rowcount)


def extend_lease(job_id: str, attempt: int, lease_s: int) -> None:
    """Extend the lease without touching the progress."""

    def extend() -> None:
        with cursor() as cur:
            cur.execute(
                "UPDATE qh_core_job SET lease_until = %s WHERE id = %s AND attempt = %s AND state = 'running'",
                [clock.now() + dt.timedelta(seconds=lease_s), job_id, attempt],
            )

    write(extend)


class Keepalive:
    """Keeps the lease of a job while its own thread is busy with something else, from a thread of its own."""

    def __init__(self, job_id: str, attempt: int, lease_s: int) -> None:
        self._args = (job_id, attempt, lease_s)

    def __enter__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        job_id, attempt, lease_s = self._args
        try:
            while not self._stop.wait(max(lease_s / 3, 0.2)):
                with contextlib.suppress(Unavailable):  # the next beat tries again; a lost lease is met by the fence
                    extend_lease(job_id, attempt, lease_s)
        finally:
            unbind()


def append_entry(
    session: Session, plan: Plan, job_id: str, outcome: str, outputs: list[str], error: QuanhengError | None
) -> int:
    """Append the entry of a verb's end; the last statement of its transaction."""
    return log.append(
        job_id,
        {
            "verb": plan.verb.name,
            "version": plan.verb.version,
            "actor_id": session.actor_id,
            "project": session.project_id,
            "outcome": outcome,
            "code": error.code if error else "",
            "params_digest": plan.params_digest,
            "inputs": [{"role": role, "digest": digest} for role, digest in plan.inputs],
            "outputs": log.summarise(outputs),
        },
    )


def request_cancel(job_id: str, project_id: str | None) -> str:
    """Ask a job of this project to stop and return its state (inside the open transaction)."""
    with cursor() as cur:
        which = [job_id, project_id]
        cur.execute("UPDATE qh_core_job SET cancel_requested = %s WHERE id = %s AND project_id = %s", [True, *which])
        cur.execute("SELECT state FROM qh_core_job WHERE id = %s AND project_id = %s", which)
        row = cur.fetchone()
    if row is None:
        raise no_such_job(job_id)
    return str(row[0])


def no_such_job(job_id: str) -> NotFound:
    """Return the error for an unknown job."""
    return NotFound(
        f"there is no job {job_id!r}",
        f"没有作业 {job_id!r}",
        hint=("List them: quanheng job list", "查看作业：quanheng job list"),
        code="no_such_job",
    )


#: CROSS JOIN: SQLite, which has no statistics here, keeps the order and does not begin with all of a project.
_VISIBLE = (
    " FROM qh_core_artifact a CROSS JOIN qh_core_placement p WHERE p.artifact_id = a.id"
    " AND a.key = %s AND p.project_id = %s AND a.withdrawn_at IS NULL"
)


def outputs_by_key(key: str, project_id: str | None) -> list[tuple[str, ...]]:
    """Return what each job of a cacheable verb left under this key, in the job's order, the latest job first.

    Only jobs of whose outputs every one is visible in this project and not withdrawn.
    """

    def read() -> list[tuple[str, ...]]:
        with cursor() as cur:
            cur.execute("SELECT a.digest" + _VISIBLE, [key, project_id])
            visible = {row[0] for row in cur.fetchall()}
            if not visible:
                return []
            cur.execute(
                "SELECT j.outputs, e.entry FROM qh_core_job j JOIN qh_core_logentry e ON e.job_id = j.id"
                f" WHERE j.key = %s AND j.state = 'done' AND j.id IN (SELECT a.job_id{_VISIBLE}"
                f' UNION SELECT p.job_id{_VISIBLE}) ORDER BY e."index" DESC',
                [key, key, project_id, key, project_id],
            )
            found = [_outputs(many, entry) for many, entry in cur.fetchall()]
        return [outputs for outputs in found if outputs and visible.issuperset(outputs)]

    return retry_locked(read)


def input_by_key(key: str) -> dict[str, JSON]:
    """Return the input of the latest job that was done under this key, {} when none was."""

    def read() -> dict[str, JSON]:
        with cursor() as cur:
            cur.execute(
                "SELECT input FROM qh_core_job WHERE key = %s AND state = 'done' ORDER BY created_at DESC LIMIT 1",
                [key],
            )
            row = cur.fetchone()
        found: dict[str, JSON] = json.loads(row[0]) if row and row[0] else {}
        return found

    return retry_locked(read)


def _outputs(many: str | None, entry: bytes) -> tuple[str, ...]:
    """Return a job's outputs: from its row, or from its entry where they are few enough to be listed there."""
    return tuple(json.loads(many) if many else json.loads(bytes(entry))["outputs"]["digests"])


def silent_jobs() -> list[str]:
    """Return the running jobs whose runner is gone: lease over, or its process on this host is dead."""
    from quanheng.core.models import Job

    now = clock.now()
    rows = Job.objects.filter(state=RUNNING).values_list("id", "lease_until", "runner")
    return [job_id for job_id, until, runner in rows if (until and until < now) or runner_is_gone(runner)]
