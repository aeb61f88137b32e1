"""The view of a project's home: where it stands, what to do next, the way from text to conclusion, and what is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, re_path
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from quanheng.core import pages, permission
from quanheng.core.artifacts import load_digest
from quanheng.core.call import ask
from quanheng.core.offered import titled
from quanheng.core.pages import View
from quanheng.core.preview import printable
from quanheng.core.session import Session
from quanheng.core.verb import VERBS, find_verb
from quanheng.errors import QuanhengError, Text
from quanheng.web import http
from quanheng.web.addresses import PROJECT, project_path, step_path
from quanheng.web.artifact_page import button_of
from quanheng.web.signed_in import account_of
from quanheng.web.views.jobs import percent, took

#: The way from text to conclusion, by kind.
CHAIN = ("source", "corpus", "sample", "model", "responses", "verdicts", "assessment")
RECENT_JOBS, RECENT_ARTIFACTS = 6, 8


@require_safe
def home(request: HttpRequest, project: str) -> HttpResponseBase:
    """Show a project's home; somebody who may not read it sees the own account and what to do there."""
    session = http.session_of(request, project)
    if account_of(request) and not permission.decide(session, "read", "artifact.list").allowed:
        account = ask(session, "account.show", {})
        return http.show(request, "web/home_account.html", {"account_shown": account}, project=project)
    kinds = {row["kind"]: row for row in http.query(request, project, "artifact.kinds")}
    newest = http.query(request, project, "artifact.list", limit=RECENT_ARTIFACTS)["rows"]
    recent = http.query(request, project, "job.list", top=True, limit=8 * RECENT_JOBS)["rows"]
    recent = [row for row in recent if not _is_inline(row["verb"])][:RECENT_JOBS]
    context = {
        "shown": http.query(request, project, "project.show"),
        "empty": not set(kinds) - {"key"},
        "bar": _verdict(request, session, project) if "assessment" in kinds else None,
        "steps": next_steps(request, project),
        "chain": [_link(project, kind, kinds.get(kind)) for kind in CHAIN],
        "others": [_link(project, kind, row) for kind, row in kinds.items() if kind not in (*CHAIN, "key")],
        "jobs": [{**row, "took": took(row), "percent": percent(row)} for row in recent],
        "artifacts": [{**row, "names": [printable(name) for name in row["names"]]} for row in titled(newest)],
        "head": http.query(request, project, "log.list", limit=1),
        "begin": _begin(session),
    }
    return http.show(request, "web/home.html", context, project=project)


def next_steps(request: HttpRequest, project: str) -> list[dict[str, Any]]:
    """Return what to do next, each with the address where it is done."""
    found = http.query(request, project, "project.next")
    return [
        {
            "verb": step["verb"],
            "text": Text(**step["text"]),
            "effort": Text(**step["effort"]) if step["effort"] else None,
            "href": step_path(project, step["verb"], step["data"]),
        }
        for step in found
    ]


def _verdict(request: HttpRequest, session: Session, project: str) -> dict[str, Any] | None:
    """Return the verdict bar of the newest assessment that was not withdrawn, as its wing makes it."""
    pages.load()
    rows = http.query(request, project, "artifact.list", kind="assessment", limit=RECENT_ARTIFACTS)["rows"]
    row = next((row for row in rows if not row["withdrawn"]), None)
    if row is None or "assessment" not in pages.BARS:
        return None
    view = View(session, project, load_digest(session, row["digest"]), str(request.language))  # type: ignore[attr-defined]
    found = {"row": row, "href": project_path(project, "a", row["digest"])}
    try:
        bar = pages.BARS["assessment"](view)
    except QuanhengError as error:
        return {**found, "error": error}
    buttons = [button for action in bar.actions if (button := button_of(session, project, action))]
    return {**found, "bar": bar, "actions": buttons}


def _is_inline(verb: str) -> bool:
    """Return whether a verb is done at once: then its job is no news."""
    return verb in VERBS and VERBS[verb].mode == "inline"


def _link(project: str, kind: str, row: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a kind with how many there are, and where they are listed."""
    href = project_path(project, "artifacts") + "?" + urlencode({"kind": kind})
    return {"kind": kind, "href": href, "count": row["count"] if row else 0, "more": bool(row and row["more"])}


def _begin(session: Session) -> dict[str, bool]:
    """Return what a newcomer may begin with."""

    def may(name: str) -> bool:
        return permission.decide(session, find_verb(name).permission, name).allowed

    return {"flow": may("flow.run") and may("sample.draw"), "own": may("source.register")}


urlpatterns: list[URLPattern] = [re_path(rf"^{PROJECT}/$", home)]
