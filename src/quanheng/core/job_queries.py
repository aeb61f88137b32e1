"""The queries about jobs: which there are, how one stands, and what it says while it runs."""

from __future__ import annotations

import json
from typing import Any

from quanheng.core import clock
from quanheng.core.inputs import param
from quanheng.core.queries import LIMIT, Page, by_time, time_cursor
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.core.verbs import JobId

#: So much of a job's log is given at once, in bytes.
CHUNK = 64 * 1024


class JobList(Page):
    """Input of job.list."""

    state: str = param("", "Only jobs in this state", "只看该状态的作业")
    top: bool = param(False, "Without the steps of flows", "不含流程中的步骤")
    verb: str = param("", "Only jobs of this verb", "只看该操作的作业")


@query("job.list", help=("List the jobs of the project, newest first", "列出项目的作业，最新在前"))
def job_list(session: Session, inp: JobList) -> Any:
    """Return rows of jobs, and the cursor of the next page."""
    from quanheng.core.models import Job

    rows = Job.objects.filter(project_id=session.project_id)
    if inp.state:
        rows = rows.filter(state=inp.state)
    if inp.top:
        rows = rows.filter(parent=None)
    if inp.verb:
        rows = rows.filter(verb=inp.verb)
    page = by_time(rows, "created_at", inp)
    return {"rows": [_job(row) for row in page], "next": time_cursor(page, "created_at", inp)}


def _job(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "verb": row.verb,
        "name": row.name,
        "flow": _flow(row),
        "state": row.state,
        "attempt": row.attempt,
        "done": row.progress_done,
        "total": row.progress_total,
        "parent": row.parent_id,
        "created": clock.text_of(row.created_at),
        "started": clock.text_of(row.started_at) if row.started_at else None,
        "finished": clock.text_of(row.finished_at) if row.finished_at else None,
        "error": json.loads(row.error) if row.error else None,
    }


def _flow(row: Any) -> str:
    """Return the name of the shipped flow that a job runs, "" for any other job."""
    return str(json.loads(row.input).get("flow", "")) if row.verb == "flow.run" and row.input else ""


def _find_job(session: Session, job_id: str) -> Any:
    from quanheng.core.jobs import no_such_job
    from quanheng.core.models import Job

    row = Job.objects.filter(id=job_id, project_id=session.project_id).first()
    if row is None:
        raise no_such_job(job_id)
    return row


@query("job.show", help=("Show a job", "查看作业"))
def job_show(session: Session, inp: JobId) -> Any:
    """Return state, progress, error, who asked, inputs, outputs, and the number of its log entry.

    `kinds` gives the kind of each digest among inputs and outputs.
    """
    from quanheng.core.log import indexes_of_jobs
    from quanheng.core.models import Artifact

    row = _find_job(session, inp.id)
    entry = indexes_of_jobs([row.id]).get(row.id)
    outputs = _outputs(row.id, entry)
    inputs = [{"role": role, "digest": digest} for role, digest in json.loads(row.inputs)]
    digests = [*outputs, *(item["digest"] for item in inputs)]
    return {
        **_job(row),
        "actor": row.actor.label,
        "inputs": inputs,
        "outputs": outputs,
        "kinds": dict(Artifact.objects.filter(digest__in=digests[:LIMIT]).values_list("digest", "kind")),
        "entry": entry,
        "cancelling": row.cancel_requested and row.state in ("queued", "running"),
    }


def _outputs(job_id: str, entry: int | None) -> list[str]:
    """Return what a job left; of a flow, whose steps left it, what its entry names."""
    from quanheng.core import log
    from quanheng.core.models import Artifact

    found = list(Artifact.objects.filter(placement__job_id=job_id).order_by("id").values_list("digest", flat=True))
    if found or entry is None:
        return found
    return list(json.loads(log.entry(entry))["outputs"].get("digests", []))


@query("job.logs", help=("Show the log lines of a job", "查看作业日志"))
def job_logs(session: Session, inp: JobId) -> Any:
    """Return the text that the job's body and its process wrote."""
    from quanheng.core.runner import log_path

    path = log_path(session.workspace.folder, _find_job(session, inp.id).id)
    return {"id": inp.id, "text": path.read_text("utf-8", errors="replace") if path.exists() else ""}


class JobEvents(JobId):
    """Input of job.events."""

    after: int = param(0, "Continue after this cursor", "从此游标之后继续", ge=0)


@query(
    "job.events", help=("Show what a job did since a cursor; answers at once", "查看作业自某一位置之后的进展；立即返回")
)
def job_events(session: Session, inp: JobEvents) -> Any:
    """Return state, progress, the steps of a flow, and the log lines after the cursor; `next` is the new cursor.

    A flow tells of the log of its newest step. `finished`: nothing will change any more.
    """
    from quanheng.core.models import Job

    row = _find_job(session, inp.id)
    steps = [_step(step) for step in Job.objects.filter(parent_id=row.id).order_by("created_at", "id")]
    text, cursor = _log_after(session, row.id, inp.after)
    finished = row.state not in ("queued", "running")
    return {
        **_job(row),
        "steps": steps,
        "lines": text.splitlines(),
        "next": cursor,
        "finished": finished,
        "outputs": job_show(session, inp)["outputs"] if finished else [],
    }


def _step(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "verb": row.verb,
        "name": row.name,
        "state": row.state,
        "done": row.progress_done,
        "total": row.progress_total,
        "started": clock.text_of(row.started_at) if row.started_at else None,
        "finished": clock.text_of(row.finished_at) if row.finished_at else None,
        "error": json.loads(row.error) if row.error else None,
    }


def _log_after(session: Session, job_id: str, cursor: int) -> tuple[str, int]:
    """Return the whole lines of a job's log after `cursor` bytes, at most CHUNK of them, and the new cursor."""
    from quanheng.core.runner import log_path

    path = log_path(session.workspace.folder, job_id)
    if not path.exists():
        return "", cursor
    with path.open("rb") as stream:
        stream.seek(cursor)
        data = stream.read(CHUNK)
    end = data.rfind(b"\n") + 1
    if not end and len(data) == CHUNK:
        end = CHUNK  # one endless line
    return data[:end].decode("utf-8", "replace"), cursor + end


def job_with_request(request: str) -> str | None:
    """Return the id of the job that a call with this `Session.request` left, None when there is none."""
    from quanheng.core.database import retry_locked
    from quanheng.core.models import Job

    return retry_locked(lambda: Job.objects.filter(request=request).values_list("id", flat=True).first())
