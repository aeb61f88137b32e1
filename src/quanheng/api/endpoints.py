"""The views of verbs and queries. Each is derived from its declaration; none is written by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from pydantic import create_model

from quanheng.api import reading, replay
from quanheng.api.downloads import attachment
from quanheng.api.reading import JSON_TYPE
from quanheng.core.call import ask, call
from quanheng.core.inputs import Input, Local, Takes, is_filled, marked, marker
from quanheng.core.jobs import QUEUED, Result
from quanheng.core.resolve import validate
from quanheng.core.session import FIRST_PROJECT, Session
from quanheng.core.verb import QUERIES, VERBS
from quanheng.errors import Forbidden

#: Where the API is mounted.
PREFIX = "/api/v1"
#: What a query says beside the file that it writes, as JSON.
ANSWER_HEADER = "Quanheng-Answer"


def to_json(value: Any) -> bytes:
    """Return an answer as JSON text in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# ---------------------------------------------------------------- verbs


def verb_view(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return the answer of the verb `name`: 200 when it is done, 202 when its job is queued."""
    options = reading.options_of(request, name)
    session = reading.session_of(request, options.project)
    if not session.actor_id:
        raise reading.not_signed_in()
    data = reading.body_of(request)
    fields = VERBS[name].input.model_fields
    if filled := {key: data[key] for key in data if key in fields and is_filled(fields[key])}:
        validate(name, Input, filled)  # says that there is no such field: for a caller there is none
    answer = partial(answer_of, project=options.project)

    def run(session: Session) -> HttpResponse:
        as_name, again = getattr(options, "as", ""), getattr(options, "again", False)
        detach = VERBS[name].mode != "inline"
        return answer(call(session, name, data, as_name=as_name, again=again, detach=detach))

    return replay.once(request, session, name, run, answer)


def answer_of(result: Result, project: str) -> HttpResponse:
    """Return what a call answers: job, outputs, whether they were there before, an inline verb's value, the state."""
    body = {
        "job": result.job,
        "outputs": list(result.outputs),
        "cached": result.cached,
        "value": dict(result.value),
        "state": result.state,
    }
    response = HttpResponse(to_json(body), status=202 if result.state == QUEUED else 200, content_type=JSON_TYPE)
    if result.state == QUEUED:
        where = {"id": result.job} if project == FIRST_PROJECT else {"id": result.job, "project": project}
        response.headers["Location"] = f"{PREFIX}/job/show?{urlencode(where)}"
    return response


# ---------------------------------------------------------------- queries


@cache
def query_model(name: str) -> type[Input]:
    """Return the model of the query string of a query: its input's fields without outputs, and the project."""
    own = QUERIES[name].input.model_fields
    fields: dict[str, Any] = {key: (info.annotation, info) for key, info in own.items() if is_offered(info)}
    if "project" in fields:
        raise ValueError(f"{name}: a field called project would hide the option")
    return create_model("Query", __base__=Input, project=reading.OPTIONS["project"], **fields)


def is_offered(field: Any) -> bool:
    """Return whether a caller from elsewhere can fill the field at all."""
    mark = marker(field)
    return not is_filled(field) and not (isinstance(mark, Local) and not (mark.reads and mark.remote))


def query_view(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return the answer of the query `name`: JSON, or the file that it writes."""
    model = query_model(name)
    data = reading.parameters(request, model)
    project = validate(name, model, data).project
    data.pop("project", None)
    session = reading.session_of(request, project)
    try:
        if outputs := output_fields(name):
            return _file(request, session, name, data, outputs[0])
        value = ask(session, name, data)
    except Forbidden as error:
        raise reading.refused(session, error) from error
    response = HttpResponse(to_json(value), content_type=JSON_TYPE)
    if isinstance(value, Mapping) and value.get("next"):
        response.headers["Link"] = f'<{_next(name, data, project, value["next"])}>; rel="next"'
    return response


def output_fields(name: str) -> list[str]:
    """Return the fields of a query that say where to write its file."""
    fields = QUERIES[name].input.model_fields
    return [key for key in marked(QUERIES[name].input, Local) if not marker(fields[key]).reads]  # type: ignore[union-attr]


def _next(name: str, data: Mapping[str, Any], project: str, cursor: Any) -> str:
    where = {**data, "after": cursor, **({} if project == FIRST_PROJECT else {"project": project})}
    return f"{PREFIX}/{name.replace('.', '/')}?{urlencode(where, doseq=True)}"


def _file(request: HttpRequest, session: Session, name: str, data: dict[str, Any], field: str) -> HttpResponseBase:
    """Return the file that a query writes; nothing of it stays here."""
    file_name = file_name_of(name, data)
    with session.workspace.objects.scratch() as scratch:
        path = scratch / file_name
        told = ask(replace(session, scratch=scratch), name, {**data, field: str(path)})
        size, stream = path.stat().st_size, path.open("rb")  # goes on to be readable when the folder is gone
    response = attachment(request, lambda offset: stream, size=size, name=file_name)
    response.headers[ANSWER_HEADER] = json.dumps({key: said for key, said in told.items() if said != str(path)})
    return response


def file_name_of(name: str, data: Mapping[str, Any]) -> str:
    """Return what the file of a query is called: assessment-report-demo.pdf."""
    fields = QUERIES[name].input.model_fields
    ending = data.get("format") or fields["format"].default if "format" in fields else "zip"
    about = [str(data[key]).removeprefix("sha256:")[:40] for key in marked(QUERIES[name].input, Takes) if key in data]
    return re.sub(r"[^a-zA-Z0-9._-]", "-", "-".join([name, *about]).replace(".", "-")) + f".{ending}"
