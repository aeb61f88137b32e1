"""From a request to what a verb or query takes: who calls, in which project, with which options and input."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, NoReturn

from django.http import HttpRequest
from pydantic import Field, create_model

from quanheng.api.problems import bad_request
from quanheng.core.describe import commands
from quanheng.core.inputs import SLUG, Input
from quanheng.core.resolve import validate
from quanheng.core.session import FIRST_PROJECT, Session, project_id, token_session, visitor_session
from quanheng.core.workspace import opened
from quanheng.errors import Forbidden, Invalid, NotFound, QuanhengError

JSON_TYPE = "application/json"
#: The options that stand in the query string of a verb, with their help.
OPTIONS: Mapping[str, tuple[Any, Any]] = {
    "project": (
        str,
        Field(
            FIRST_PROJECT,
            description="Project to work in",
            json_schema_extra={"zh": "所在项目"},
            pattern=SLUG,
        ),
    ),
    "as": (
        str,
        Field("", description="Name that the outputs get", json_schema_extra={"zh": "输出制品的名称"}, max_length=100),
    ),
    "again": (
        bool,
        Field(False, description="Do not take an earlier answer", json_schema_extra={"zh": "不采用已有结果，重新执行"}),
    ),
}


@cache
def options_model(name: str) -> type[Input]:
    """Return the model of the query string of a verb; a query's own fields stand beside these."""
    taken = ("project", *commands()[name].universal) if name in commands() else ("project",)
    fields: dict[str, Any] = {key: OPTIONS[key] for key in taken if key in OPTIONS}
    return create_model("Options", __base__=Input, **fields)


def options_of(request: HttpRequest, name: str) -> Any:
    """Return project, as and again as the query string gives them; Invalid for anything else in it."""
    model = options_model(name)
    return validate(name, model, parameters(request, model))


def parameters(request: HttpRequest, model: type[Input]) -> dict[str, Any]:
    """Return the query string as data for `model`: lists for fields that hold several, otherwise one value each."""
    data: dict[str, Any] = {}
    for key, values in request.GET.lists():
        field = model.model_fields.get(key)
        if field is not None and _holds_several(field.annotation):
            data[key] = values
        elif len(values) == 1:
            data[key] = values[0]
        else:
            raise Invalid(
                f"{key[:100]} stands twice in the query string",
                f"查询串中 {key[:100]} 出现了两次",
                hint=("Give it once.", "请只写一次。"),
                code="bad_input",
            )
    return data


def _holds_several(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    return origin in (list, tuple, set, frozenset) or any(map(_holds_several, typing.get_args(annotation)))


# ---------------------------------------------------------------- who


def session_of(request: HttpRequest, project: str = FIRST_PROJECT) -> Session:
    """Return the session of the request's bearer token in this project, or a visitor's when it brings none.

    Forbidden (401) for a token that is unknown or over, and for a visitor in a project that is not there.
    """
    header = request.headers.get("Authorization", "")
    if not header:
        try:
            return replace(visitor_session(opened()), project_id=project_id(project))
        except NotFound as error:  # whoever is nobody here learns of no project whether there is one
            raise not_signed_in() from error
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not re.fullmatch(r"[!-~]{1,500}", secret.strip()):
        raise Forbidden(
            "the header Authorization holds no bearer token",
            "请求头 Authorization 中没有访问令牌",
            hint=("Send: Authorization: Bearer qh_…", "请发送：Authorization: Bearer qh_…"),
            code="bad_token",
        )
    # First who, then where: a token that is over is told of no project.
    session = token_session(opened(), secret.strip(), is_local=False)
    return replace(session, project_id=project_id(project))


def not_signed_in() -> Forbidden:
    """Return the error of a visitor who wants what takes an account."""
    return Forbidden(
        "nobody is signed in, and this is not public",
        "尚未登录，且该内容未公开",
        hint=(
            "Send: Authorization: Bearer qh_… (see quanheng token create)",
            "请发送：Authorization: Bearer qh_…（见 quanheng token create）",
        ),
        code="not_signed_in",
    )


def refused(session: Session, error: QuanhengError) -> QuanhengError:
    """Return the error as its caller should see it: a visitor who is refused may sign in."""
    return not_signed_in() if error.code == "forbidden" and not session.actor_id else error


# ---------------------------------------------------------------- bodies


def media_type(request: HttpRequest) -> str:
    """Return the media type of the body, lower case and without parameters."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def require_length(request: HttpRequest) -> None:
    """Raise Invalid for a body whose length is not told: it would be taken for an empty one."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if request.headers.get("Transfer-Encoding") or not re.fullmatch(r"[0-9]{0,18}", length):
        raise Invalid(
            "the length of the body is not told",
            "没有说明请求体的长度",
            hint=("Send a Content-Length instead of pieces.", "请发送 Content-Length，不要分块传输。"),
            code="length_required",
        )


def wrong_media_type(wanted: str) -> Invalid:
    """Return the error of a body in another form than the one that is understood."""
    return Invalid(
        f"the body is not {wanted}",
        f"请求体不是 {wanted}",
        hint=(f"Send: Content-Type: {wanted}", f"请发送：Content-Type: {wanted}"),
        code="wrong_media_type",
    )


def body_of(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object in the body; {} for no body. Invalid says what is wrong with it."""
    require_length(request)
    data = request.body
    if len(data) != int(request.META.get("CONTENT_LENGTH") or 0):
        raise bad_request()  # the connection ended too early
    if not data:
        return {}
    if media_type(request) != JSON_TYPE:
        raise wrong_media_type(JSON_TYPE)
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _not_json(error) from error
    if not isinstance(value, dict):
        raise _not_json(ValueError("it is not an object"))
    return value


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; ValueError for a key that stands twice, of which readers disagree what it means."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError("a key stands twice")
        found[key] = value
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _not_json(error: Exception) -> Invalid:
    why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
    return Invalid(
        f"the body is not a JSON object: {why}",
        f"请求体不是 JSON 对象：{why}",
        hint=("Send one object in UTF-8, every key once.", "请以 UTF-8 发送一个对象，键不得重复。"),
        code="not_json",
    )
