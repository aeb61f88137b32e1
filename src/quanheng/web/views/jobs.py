"""Views of jobs: which there are, and how one stands, live while it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, re_path
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from quanheng.core import clock, permission
from quanheng.core.call import call
from quanheng.core.verb import VERBS, find_verb
from quanheng.errors import Text
from quanheng.web import http
from quanheng.web.addresses import PROJECT, project_path
from quanheng.web.errors import not_signed_in
from quanheng.web.signed_in import account_of

STATES = ("queued", "running", "done", "failed", "cancelled", "denied")
PER_PAGE = 50
#: So many of the newest lines of a log are shown; all of them are one click away.
SHOWN_LINES = 200
#: The log is read in pieces of 64 KiB; so many of them are looked through for the newest lines.
PIECES = 16
#: More inputs or outputs than this are counted, not listed.
SHOWN_ARTIFACTS = 20
TONES = {"done": "ok", "failed": "no", "denied": "no", "cancelled": "na"}
JOB = rf"^{PROJECT}/jobs/(?P<job>[0-9a-f]{{1,32}})"


@require_safe
def jobs(request: HttpRequest, project: str, suffix: str | None = None) -> HttpResponseBase:
    """Show the jobs of a project, newest first; steps of flows when they are asked for."""
    state = request.GET.get("state", "")
    steps = request.GET.get("steps", "") not in ("", "0", "false")
    found = http.query(
        request,
        project,
        "job.list",
        state=state if state in STATES else "",
        top=not steps,
        after=request.GET.get("after", ""),
        limit=PER_PAGE,
    )
    rows = [{**row, "took": took(row), "percent": percent(row)} for row in found["rows"]]
    plain = [{**row, "error": (row["error"] or {}).get("code", "")} for row in found["rows"]]
    further = {**({"state": state} if state else {}), **({"steps": "1"} if steps else {})}
    context = {
        "rows": rows,
        "state": state,
        "states": STATES,
        "steps": steps,
        "next": urlencode({**further, "after": found["next"]}) if found["next"] else "",
        "further": urlencode(further),
        "paged": "after" in request.GET,
    }
    return http.data(found, suffix or "", "jobs", plain) or http.show(
        request, "web/jobs.html", context, project=project
    )


@require_safe
def job(request: HttpRequest, project: str, job: str, suffix: str | None = None) -> HttpResponseBase:
    """Show one job: state, progress, who asked, inputs, outputs, steps, error and log."""
    context = _job(request, project, job)
    if suffix == ".json":
        return http.data({**context["job"], "steps": context["steps"]}, suffix, "job") or HttpResponse()
    return http.show(request, "web/job.html", context, project=project)


@require_safe
def live(request: HttpRequest, project: str, job: str) -> HttpResponseBase:
    """Show the part of a job's page that changes while it runs; the page asks for it again and again."""
    return http.show(request, "web/job_live.html", _job(request, project, job), project=project)


@require_safe
def whole_log(request: HttpRequest, project: str, job: str) -> HttpResponseBase:
    """Give the whole log of a job as plain text, as it was written: each line in both languages."""
    text = http.query(request, project, "job.logs", id=job)["text"]
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@require_POST
def cancel(request: HttpRequest, project: str, job: str) -> HttpResponseBase:
    """Ask a job to stop, and go back to its page."""
    if account_of(request) is None:
        raise not_signed_in()
    call(http.session_of(request, project), "job.cancel", {"id": job})
    return HttpResponseRedirect(project_path(project, "jobs", job), status=303)


def _job(request: HttpRequest, project: str, job_id: str) -> dict[str, Any]:
    """Return what the page of a job shows."""
    shown = http.query(request, project, "job.show", id=job_id)
    lines, events = _events(request, project, job_id)
    language = str(request.language)  # type: ignore[attr-defined]
    finished = shown["state"] not in ("queued", "running")
    may_cancel = permission.decide(http.session_of(request, project), find_verb("job.cancel").permission, "job.cancel")
    known = shown["verb"] in VERBS  # a later release may no longer have the verb
    return {
        "job": shown,
        "known": known,
        "tone": TONES.get(shown["state"], "wait"),
        "percent": percent(shown),
        "took": took(shown),
        "finished": finished,
        "may_cancel": may_cancel.allowed and not finished and not shown["cancelling"],
        "inputs": shown["inputs"][:SHOWN_ARTIFACTS],
        "more_inputs": max(0, len(shown["inputs"]) - SHOWN_ARTIFACTS),
        "outputs": [(digest, shown["kinds"].get(digest, "")) for digest in shown["outputs"][:SHOWN_ARTIFACTS]],
        "more_outputs": max(0, len(shown["outputs"]) - SHOWN_ARTIFACTS),
        "steps": [{**step, "percent": percent(step), "took": took(step)} for step in events["steps"]],
        "lines": [in_language(line, language) for line in lines],
        "cut": len(lines) == SHOWN_LINES,
        "again": _again(project, shown) if known and finished else "",
    }


def _events(request: HttpRequest, project: str, job_id: str) -> tuple[list[str], dict[str, Any]]:
    """Return the newest lines of a job's log, and what its last piece told."""
    lines: list[str] = []
    after = 0
    for _ in range(PIECES):
        events = http.query(request, project, "job.events", id=job_id, after=after)
        lines = [*lines, *events["lines"]][-SHOWN_LINES:]
        if events["next"] == after:
            break
        after = events["next"]
    return lines, events


def _again(project: str, shown: Mapping[str, Any]) -> str:
    """Return where one runs the same verb on the same artifacts once more; "" for an inline verb."""
    from quanheng.web.addresses import form_path

    if VERBS[shown["verb"]].mode == "inline":
        return ""
    if shown["flow"]:
        return project_path(project, "flows", shown["flow"])
    fields = VERBS[shown["verb"]].input.model_fields
    data: dict[str, list[str]] = {}
    for item in shown["inputs"][:SHOWN_ARTIFACTS]:
        if item["role"] in fields:
            data.setdefault(item["role"], []).append(item["digest"])
    return form_path(project, shown["verb"], data)


def percent(row: Mapping[str, Any]) -> int | None:
    """Return how far a job is, None while nobody can tell.

    >>> percent({"done": 1, "total": 3, "state": "running"}), percent({"done": 0, "total": None, "state": "running"})
    (33, None)
    """
    if row["state"] == "done":
        return 100
    return min(100, 100 * row["done"] // row["total"]) if row["total"] else None


def took(row: Mapping[str, Any]) -> Text | None:
    """Return how long a job has run, so far or in all; None before it began.

    >>> took({"started": "2026-01-01T00:00:00.000000Z", "finished": "2026-01-01T01:02:03.000000Z"}).en
    '1 h 2 min'
    """
    if not row.get("started"):
        return None
    end = clock.parse_time(row["finished"]) if row["finished"] else clock.now()
    seconds = max(0.0, (end - clock.parse_time(row["started"])).total_seconds())
    if seconds < 10:
        return Text(f"{seconds:.1f} s", f"{seconds:.1f} 秒")
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return Text(f"{hours} h {minutes} min", f"{hours} 小时 {minutes} 分")
    return Text(f"{minutes} min {rest} s", f"{minutes} 分 {rest} 秒") if minutes else Text(f"{rest} s", f"{rest} 秒")


_TOLD = re.compile(r"(\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\.\d+Z) (.*)", re.DOTALL)


def in_language(line: str, language: str) -> dict[str, str]:
    """Return time and text of a line of a log; of one that was told in both languages, the half in `language`.

    >>> in_language("2026-01-01T10:00:00.000000Z 3 files | 3 个文件", "zh")
    {'time': '10:00:00', 'text': '3 个文件'}
    >>> in_language("Traceback | x", "zh")
    {'time': '', 'text': 'Traceback | x'}
    """
    found = _TOLD.fullmatch(line)
    if not found:
        return {"time": "", "text": line}
    parts = found[3].split(" | ")
    if len(parts) % 2:
        return {"time": found[2], "text": found[3]}
    half = len(parts) // 2
    return {"time": found[2], "text": " | ".join(parts[half:] if language == "zh" else parts[:half])}


urlpatterns: list[URLPattern] = [
    re_path(rf"^{PROJECT}/jobs(?P<suffix>\.json|\.csv)?$", jobs),
    re_path(rf"{JOB}(?P<suffix>\.json)?$", job),
    re_path(rf"{JOB}/live$", live),
    re_path(rf"{JOB}/log$", whole_log),
    re_path(rf"{JOB}/cancel$", cancel),
]
