"""From a request to a session, and from an answer to a page, JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from quanheng.core.call import ask
from quanheng.core.session import FIRST_PROJECT, Session, account_session, visitor_session
from quanheng.core.workspace import opened
from quanheng.web.signed_in import account_of

#: A cell that begins with one of these is a formula for a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def session_of(request: HttpRequest, project: str = FIRST_PROJECT) -> Session:
    """Return the session of whoever sent the request, in this project; NotFound for a project that is not there.

    A page asks many queries: the session is made once for each project and account.
    """
    workspace = opened()
    actor = account_of(request)
    made: dict[tuple[str, str], Session] = request.__dict__.setdefault("quanheng_sessions", {})
    asked = (project, actor.id if actor else "")
    if asked not in made:
        made[asked] = account_session(workspace, actor, project) if actor else visitor_session(workspace, project)
    return made[asked]


def query(request: HttpRequest, project: str, name: str, /, **data: Any) -> Any:
    """Return what the query `name` answers to whoever sent the request."""
    return ask(session_of(request, project), name, data)


def show(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, project: str = "", status: int = 200
) -> HttpResponse:
    """Return a page. project: the slug of the project that the page is about, "" for none."""
    request.project = project  # type: ignore[attr-defined]
    return HttpResponse(render_to_string(template, dict(context), request), status=status)


def data(value: Any, suffix: str, name: str, rows: Sequence[Mapping[str, Any]] | None = None) -> HttpResponse | None:
    """Return `value` as JSON or `rows` as CSV, as the address's suffix asks; None when it asks for the page."""
    if suffix == ".json":
        return JsonResponse(value, safe=False, json_dumps_params={"ensure_ascii": False, "default": str})
    if suffix == ".csv":
        return csv_file(rows if rows is not None else value, name)
    return None


def csv_file(rows: Iterable[Mapping[str, Any]], name: str) -> HttpResponse:
    """Return rows as a CSV file that spreadsheets read right: UTF-8 with a mark, no cell that is a formula."""
    rows = list(rows)
    out = io.StringIO()
    heads = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.writer(out)
    writer.writerow(heads)
    writer.writerows([[_cell(row.get(head)) for head in heads] for row in rows])
    response = HttpResponse("\ufeff" + out.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = " ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
    return "'" + text if text.startswith(_FORMULA) and not isinstance(value, int) else text
