"""Runs one job: the child process does the work, the parent alone holds the lease, heartbeats and commits."""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from quanheng.core import clock, jobs, register
from quanheng.core.child import layer_from_json, subject_from_json, unexpected
from quanheng.core.collect import release
from quanheng.core.context import Draft
from quanheng.core.database import cursor, retry_locked, write
from quanheng.core.executors import choose
from quanheng.core.forkserver import Child
from quanheng.core.jobs import CANCELLED, DONE, FAILED, Plan, Result
from quanheng.core.resolve import check_unchanged
from quanheng.core.session import Session
from quanheng.errors import Cancelled, QuanhengError
from quanheng.kinds import kind_model

if TYPE_CHECKING:
    from quanheng.core.workspace import Workspace

#: What the caller hears while a job runs: (event, data), events "start", "progress", "log", "cached", "end".
Listener = Callable[[str, Mapping[str, Any]], None]


def silent(event: str, data: Mapping[str, Any]) -> None:
    """Hear nothing."""


def log_path(folder: Path, job_id: str) -> Path:
    """Return where the log of a job lies."""
    return folder / "jobs" / f"{job_id}.log"


@dataclass
class _Progress:
    done: int = 0
    total: int | None = None


def run(session: Session, plan: Plan, job_id: str, attempt: int, listener: Listener = silent) -> Result:
    """Run the body of a claimed job in a child process and end the job; return its result or raise its error."""
    workspace = session.workspace
    lease_s = workspace.settings.number("lease_s")
    path = log_path(workspace.folder, job_id)
    path.parent.mkdir(exist_ok=True)
    try:
        with open(path, "a", encoding="utf-8") as job_log:
            drafts = _watch(session, plan, job_id, attempt, lease_s, listener, job_log)
        with jobs.Keepalive(job_id, attempt, lease_s):  # reading large files once more takes its time
            check_unchanged(plan.value, plan.params, workspace.settings.allowed_hosts)
        prepared = _prepare(plan, drafts)
        write(lambda: jobs.finish(session, plan, job_id, attempt, DONE, outputs=prepared, objects=workspace.objects))
    except (QuanhengError, KeyboardInterrupt) as raised:
        error = raised if isinstance(raised, QuanhengError) else _interrupted()
        end_badly(session, plan, job_id, attempt, error)
        raise error from None
    except Exception as fault:  # what a body gave may not fit its kind; the job ends with one entry all the same
        told = unexpected(fault)
        end_badly(session, plan, job_id, attempt, told)
        raise told from fault
    return Result(job_id, tuple(p.digest for p in prepared))


def end_badly(session: Session, plan: Plan, job_id: str, attempt: int, error: QuanhengError) -> None:
    """End a job as failed or cancelled, unless it was taken from this attempt."""
    if error.code == "fenced":
        return
    outcome = CANCELLED if isinstance(error, Cancelled) else FAILED
    objects = session.workspace.objects
    write(lambda: jobs.finish(session, plan, job_id, attempt, outcome, error=error, objects=objects))


def _interrupted() -> Cancelled:
    return Cancelled(
        "stopped by the keyboard",
        "已被键盘中断",
        hint=("Run it again: finished steps are not repeated.", "再次执行即可继续，已完成的步骤不会重复。"),
    )


def _prepare(plan: Plan, drafts: list[Draft]) -> list[register.Prepared]:
    prepared = [register.prepare(draft, plan.made_by, plan.key) for draft in drafts]
    for item in prepared:
        register.check(item)
    layers = [layer.digest for item in prepared for layer in item.layers]
    if layers:
        register.wait_while_doomed(layers)
    return prepared


def _task(session: Session, plan: Plan) -> bytes:
    workspace = session.workspace
    inputs: dict[str, list[list[str]]] = {}
    for role, digest in plan.inputs:
        with cursor() as cur:
            cur.execute("SELECT manifest, config FROM qh_core_artifact WHERE digest = %s", [digest])
            manifest, config = cur.fetchone()
        pair = [base64.b64encode(bytes(manifest)).decode(), base64.b64encode(bytes(config)).decode()]
        inputs.setdefault(role, []).append(pair)
    return json.dumps(
        {
            "verb": plan.verb.name,
            "input": json.dumps(plan.value.model_dump(mode="json")),
            "inputs": inputs,
            "made_by": dict(plan.made_by),
            "again": plan.again,
            "objects": str(workspace.objects.root),
            "cache": str(workspace.folder / "cache"),
            "workspace": str(workspace.folder),
            "processes": workspace.settings.number("processes"),
            "executor": asdict(choose(workspace.settings)),
            "allowed_hosts": sorted(workspace.settings.allowed_hosts),
        }
    ).encode()


def _watch(
    session: Session, plan: Plan, job_id: str, attempt: int, lease_s: int, listener: Listener, job_log: IO[str]
) -> list[Draft]:
    """Start the child and follow it to its end; the lease is kept meanwhile. Returns the drafts it made."""
    task = retry_locked(lambda: _task(session, plan))
    child = Child("quanheng.core.child", stderr=job_log.fileno())
    messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
    try:
        reader = threading.Thread(target=_read, args=(child.stdout, messages), daemon=True)
        reader.start()
        with contextlib.suppress(BrokenPipeError):  # a child that died at once is told of below
            child.stdin.write(task + b"\n")
            child.stdin.flush()
        return _follow(session.workspace, messages, job_id, attempt, lease_s, listener, job_log)
    finally:
        child.end()


def _read(stream: IO[bytes], messages: queue.Queue[dict[str, Any] | None]) -> None:
    """Put each message on the queue, and None at the end: also after half a line, the last of a child that died."""
    try:
        with contextlib.suppress(ValueError):  # no JSON, or no text: what follows it is not to be trusted either
            for line in stream:
                messages.put(json.loads(line))
    finally:
        messages.put(None)


def _follow(
    workspace: Workspace,
    messages: queue.Queue[dict[str, Any] | None],
    job_id: str,
    attempt: int,
    lease_s: int,
    listener: Listener,
    job_log: IO[str],
) -> list[Draft]:
    progress = _Progress()
    beat_every_s = max(lease_s / 6, 0.2)
    last_beat = time.monotonic()
    while True:
        if time.monotonic() - last_beat >= beat_every_s:
            last_beat = time.monotonic()
            _beat(job_id, attempt, lease_s, progress)
        try:
            message = messages.get(timeout=beat_every_s / 2)
        except queue.Empty:
            continue
        if message is None:
            raise QuanhengError(
                "the process that did the work ended without a word",
                "执行作业的进程意外退出",
                hint=(f"See: quanheng job logs {job_id}", f"查看：quanheng job logs {job_id}"),
                code="child_lost",
            )
        event = message.pop("event")
        if event == "progress":
            progress.done, progress.total = int(message["done"]), message["total"]
            listener("progress", {"job": job_id, **message})
        elif event == "log":
            job_log.write(f"{clock.text_of(clock.now())} {message['en']} | {message['zh']}\n")
            job_log.flush()
            listener("log", {"job": job_id, **message})
        elif event == "release":
            _release(workspace, message["digests"], job_log)
        elif event == "failed":
            raise QuanhengError.from_json(message["error"])
        elif event == "done":
            _beat(job_id, attempt, lease_s, progress)  # a short job may not have come to another
            return [_draft(item) for item in message["outputs"]]


def _beat(job_id: str, attempt: int, lease_s: int, progress: _Progress) -> None:
    """Keep the lease and tell how far the job is; Cancelled when somebody asked for that."""
    if jobs.heartbeat(job_id, attempt, lease_s, progress.done, progress.total):
        raise Cancelled("the job was cancelled", "作业已被取消")


def _release(workspace: Workspace, digests: list[str], job_log: IO[str]) -> None:
    """Remove what the body let go. Where that fails the job goes on and its log says why: the objects only stay."""
    try:
        release(workspace, digests)
    except QuanhengError as error:
        job_log.write(f"{clock.text_of(clock.now())} {error.text.en} | {error.text.zh}\n")


def _draft(item: Mapping[str, Any]) -> Draft:
    model = kind_model(item["kind"]).model_validate_json(json.dumps(item["model"]))
    return Draft(model, tuple(layer_from_json(layer) for layer in item["layers"]), subject_from_json(item["subject"]))
