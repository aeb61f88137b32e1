"""Every address of the API, mounted at /api/v1/. django-ninja routes and writes the document; we parse ourselves."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern, path, re_path
from ninja import NinjaAPI

from quanheng import __version__
from quanheng.api import document, problems, tus
from quanheng.api.document import Schema, both
from quanheng.api.endpoints import PREFIX, query_view, verb_view
from quanheng.api.layers import layer_view
from quanheng.api.problems import guard, heads
from quanheng.api.reading import JSON_TYPE
from quanheng.core.describe import commands
from quanheng.core.verb import VERBS, find_query, find_verb
from quanheng.errors import Text

View = Callable[..., HttpResponseBase]

api = NinjaAPI(
    title="权衡 Quanheng",
    version=__version__,
    description="每个操作与查询各有一个接口。 / One operation per verb and query.",
    docs_url=None,
    openapi_url=None,
    urls_namespace="quanheng-api",
)
#: Schemas that several operations share.
components: Schema = document.shared()


def _add(address: str, method: str, view: View, name: str, help_: Text, told: Schema) -> None:
    """Add one operation. name: `noun.action`, its id in the document."""
    first = min(told["responses"])
    api.default_router.add_api_operation(
        address,
        [method],
        view,
        operation_id=name,
        summary=both(help_),
        description=both(help_),
        tags=[name.split(".", maxsplit=1)[0]],
        response={first: None},
        openapi_extra={**told, "x-help": {"en": help_.en, "zh": help_.zh}},
    )


def _of_command(name: str) -> View:
    answer = verb_view if name in VERBS else query_view

    def view(request: HttpRequest) -> HttpResponseBase:
        return answer(request, name)

    view.__name__ = view.__qualname__ = name.replace(".", "_")
    return view


def _add_commands() -> None:
    for name, command in commands().items():
        is_verb = command.kind == "verb"
        told = (document.verb_operation if is_verb else document.query_operation)(name, components)
        address = f"/{command.noun}/{command.action}"
        _add(address, "POST" if is_verb else "GET", _of_command(name), name, command.help, told)


_VERSION, _CHECKSUM = "Tus-Resumable", "Upload-Checksum"
_ONE = (_VERSION,)
_NEW = (_VERSION, "Upload-Length", "Upload-Metadata", _CHECKSUM)
_MORE = (_VERSION, "Upload-Offset", _CHECKSUM)
#: Operations of the upload protocol: address, method, view, id, help, status, headers of the request.
_UPLOADS: tuple[tuple[str, str, View, str, Text, int, tuple[str, ...]], ...] = (
    ("", "OPTIONS", tus.options_view, "upload.options", Text("What uploads can do", "上传能力"), 204, ()),
    ("", "POST", tus.create_view, "upload.create", Text("Begin an upload", "开始上传"), 201, _NEW),
    ("/{upload_id}", "HEAD", tus.offset_view, "upload.offset", Text("How much is here", "已收到多少"), 200, _ONE),
    ("/{upload_id}", "PATCH", tus.append_view, "upload.append", Text("Add bytes", "继续上传"), 204, _MORE),
    ("/{upload_id}", "DELETE", tus.remove_view, "upload.remove", Text("Remove an upload", "删除上传"), 204, _ONE),
)


def _add_the_rest() -> None:
    help_ = Text("Download a layer of an artifact", "下载制品的数据层")
    address = "/artifacts/{digest}/layers/{layer_digest}"
    _add(address, "GET", layer_view, "artifact.layer", help_, document.layer_operation())
    for address, method, view, name, help_, status, headers in _UPLOADS:
        _add("/uploads" + address, method, view, name, help_, document.upload_operation(status, headers))


_add_commands()
_add_the_rest()


@cache
def openapi() -> dict[str, Any]:
    """Return the OpenAPI document as plain data."""
    made: dict[str, Any] = dict(api.get_openapi_schema(path_prefix=PREFIX + "/"))
    made["components"] = {
        "schemas": dict(sorted(components.items())),
        "responses": document.problem_responses(),
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "quanheng token create → qh_…"}
        },
    }
    made["servers"] = [{"url": "/"}]
    plain: dict[str, Any] = json.loads(json.dumps(made))  # statuses become text, as in the file
    return plain


@cache
def _openapi_file() -> tuple[bytes, str]:
    data = json.dumps(openapi(), ensure_ascii=False, separators=(",", ":")).encode()
    return data, f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def openapi_view(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI document."""
    data, tag = _openapi_file()
    same = tag in request.headers.get("If-None-Match", "")
    response = HttpResponse(status=304) if same else HttpResponse(data, content_type=JSON_TYPE)
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "no-cache"
    return response


def docs_view(request: HttpRequest) -> HttpResponse:
    """Return the page on which the document is read and tried out."""
    context = {"language": problems.language_of(request), "openapi": PREFIX + "/openapi.json"}
    return HttpResponse(render_to_string("api/docs.html", context))


def _only_get(view: View) -> View:
    from django.views.decorators.http import require_safe

    return require_safe(view)


def _unknown(request: HttpRequest, address: str) -> HttpResponseBase:
    """Say which verb or query may have been meant, where the address looks like one."""
    if re.fullmatch(r"[a-z_]{1,60}/[a-z_]{1,60}", address) and request.method in ("GET", "HEAD", "POST"):
        (find_verb if request.method == "POST" else find_query)(address.replace("/", "."))
    raise problems.unknown_path(request)


def _guarded(pattern: URLPattern) -> URLPattern:
    """Return one of ninja's patterns with problems as its errors; what answers GET answers HEAD."""
    view = guard(pattern.callback)
    is_upload = str(pattern.pattern).startswith("uploads")
    made = guard(view if is_upload else heads(view))
    return URLPattern(pattern.pattern, made, name=pattern.name)


urlpatterns = [
    path("openapi.json", guard(heads(_only_get(openapi_view)))),
    path("docs", guard(heads(_only_get(docs_view)))),
    *(_guarded(pattern) for pattern in api.urls[0] if isinstance(pattern, URLPattern) and pattern.name != "api-root"),
    re_path(r"^(?P<address>.*)$", guard(_unknown)),
]
