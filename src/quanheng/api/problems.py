"""Errors as RFC 9457 problems: one shape for every answer that is no success, in the language that was asked for."""

from __future__ import annotations

import functools
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.http.request import UnreadablePostError
from django.utils.translation.trans_real import parse_accept_lang_header

from quanheng.errors import Cancelled, Conflict, Corrupt, Forbidden, Invalid, NotFound, QuanhengError, Text, Unavailable

MEDIA_TYPE = "application/problem+json"
#: Statuses that HTTP or the upload protocol has for a code, beside those of `errors.HTTP_STATUSES`.
STATUSES = {
    "bad_request": 400,
    "bad_upload_header": 400,
    "length_required": 411,
    "tus_version": 412,
    "wrong_media_type": 415,
    "bad_range": 416,
    "upload_busy": 423,
    "checksum_mismatch": 460,  # of the tus protocol
}
#: What each class is about, in a few words.
TITLES: Mapping[type[QuanhengError], Text] = {
    Invalid: Text("what was given cannot be used", "输入无法使用"),
    NotFound: Text("what was named is not here", "未找到所指内容"),
    Conflict: Text("it clashes with what is here", "与现有内容冲突"),
    Forbidden: Text("this is not allowed", "没有权限"),
    Unavailable: Text("something needed cannot be reached now", "所需的服务暂不可用"),
    Corrupt: Text("stored bytes are damaged", "存储的内容已损坏"),
    Cancelled: Text("somebody stopped it", "操作已被取消"),
    QuanhengError: Text("something went wrong inside Quanheng", "权衡内部出现错误"),
}
#: Seconds to wait before a request that was refused for now is sent again.
RETRY_AFTER_S = {"idempotency_pending": 1, "upload_busy": 1, "too_many_tries": 900}

_log = logging.getLogger("quanheng.api")
View = Callable[..., HttpResponseBase]


def language_of(request: HttpRequest) -> str:
    """Return "zh" or "en", whichever Accept-Language prefers; zh when it names neither.

    >>> request = HttpRequest(); request.META["HTTP_ACCEPT_LANGUAGE"] = "fr, en;q=0.5, zh;q=0.1"
    >>> language_of(request)
    'en'
    """
    for code, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")[:500].lower()):
        if code.partition("-")[0] in ("zh", "en"):
            return code.partition("-")[0]
    return "zh"


def request_id(request: HttpRequest) -> str:
    """Return the number under which the server's log tells of this request, made here where nobody did."""
    if not hasattr(request, "quanheng_id"):
        request.quanheng_id = secrets.token_hex(8)  # type: ignore[attr-defined]
    return str(request.quanheng_id)  # type: ignore[attr-defined]


def status_of(error: QuanhengError) -> int:
    """Return the HTTP status that tells of the error."""
    return STATUSES.get(error.code, error.http_status)


def body_of(request: HttpRequest, error: QuanhengError) -> dict[str, Any]:
    """Return the members of the problem: those of RFC 9457, and those from which a client makes the error again."""
    language = language_of(request)
    return {
        "type": f"urn:quanheng:error:{error.code}",
        "title": TITLES.get(type(error), TITLES[QuanhengError]).say(language),
        "status": status_of(error),
        "detail": error.say(language),
        **error.to_json(),
        "request_id": request_id(request),
    }


def problem(request: HttpRequest, error: QuanhengError) -> HttpResponse:
    """Return the answer that tells of an error."""
    body = json.dumps(body_of(request, error), ensure_ascii=False)
    # What a caller wrote may stand in the message, halves of characters included.
    response = HttpResponse(body.encode("utf-8", "replace"), status=status_of(error), content_type=MEDIA_TYPE)
    response.headers["Content-Language"] = "zh-Hans" if language_of(request) == "zh" else "en"
    if response.status_code == 401:
        cause = "" if error.code == "not_signed_in" else ' error="invalid_token"'
        response.headers["WWW-Authenticate"] = f'Bearer realm="quanheng"{"," + cause if cause else ""}'
    if error.code in RETRY_AFTER_S:
        response.headers["Retry-After"] = str(RETRY_AFTER_S[error.code])
    return response


def is_head(request: HttpRequest) -> bool:
    """Return whether only the headers of the answer are wanted; see `heads`."""
    return bool(getattr(request, "quanheng_head", False))


def heads(view: View) -> View:
    """Return a view of GET that answers HEAD too: the same headers, no body."""

    @functools.wraps(view)
    def answered(request: HttpRequest, *args: Any, **named: Any) -> HttpResponseBase:
        if request.method != "HEAD":
            response = view(request, *args, **named)
            if response.headers.get("Allow") == "GET":
                response.headers["Allow"] = "GET, HEAD"
            return response
        request.method, request.quanheng_head = "GET", True  # type: ignore[attr-defined]
        response = view(request, *args, **named)
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        return response

    return answered


def guard(view: View) -> View:
    """Return the view with every error turned into a problem; a fault of ours is told only in the server's log."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **named: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **named)
        except QuanhengError as error:
            response = problem(request, error)
        except (Http404, BadRequest, SuspiciousOperation, UnreadablePostError) as error:
            response = problem(request, _told(request, error))
        except Exception:
            if hasattr(request, "quanheng_id"):
                raise  # whoever numbered the request writes the log and answers with `internal`
            _log.exception("request %s", request_id(request))
            response = problem(request, internal())
        if isinstance(response, HttpResponseNotAllowed):
            allowed = response.headers["Allow"]
            response = problem(request, _wrong_method(request, allowed))
            response.headers["Allow"] = allowed
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("X-Request-Id", request_id(request))
        return response

    guarded.csrf_exempt = True  # type: ignore[attr-defined]  # a bearer token is sent by no browser on its own
    return guarded


def _told(request: HttpRequest, error: Exception) -> QuanhengError:
    """Return the error of the tree for one of Django's."""
    if isinstance(error, Http404):
        return unknown_path(request)
    if isinstance(error, RequestDataTooBig):
        return Invalid(
            "the body is too large",
            "请求体过大",
            hint=(
                "At most 8 MiB of JSON; upload files at /api/v1/uploads.",
                "JSON 至多 8 MiB；文件请通过 /api/v1/uploads 上传。",
            ),
            code="too_large",
        )
    return bad_request()


def bad_request() -> QuanhengError:
    """Return the error of a request that HTTP itself cannot make out."""
    return Invalid(
        "the request cannot be read",
        "无法读取该请求",
        hint=("Check its headers and send it again.", "请检查请求头后重新发送。"),
        code="bad_request",
    )


def unknown_path(request: HttpRequest) -> NotFound:
    """Return the error of an address where nothing is."""
    path = request.path[:200]
    return NotFound(
        f"there is nothing at {path}",
        f"{path} 处没有内容",
        hint=("See what there is: /api/v1/docs", "查看全部接口：/api/v1/docs"),
        code="unknown_path",
    )


def _wrong_method(request: HttpRequest, allowed: str) -> Invalid:
    return Invalid(
        f"{str(request.method)[:20]} is not answered here",
        f"此处不支持 {str(request.method)[:20]}",
        hint=(f"Use {allowed}.", f"请使用 {allowed}。"),
        code="method_not_allowed",
    )


def internal() -> QuanhengError:
    """Return what a caller is told of a fault of ours."""
    return QuanhengError(
        "something went wrong inside Quanheng",
        "权衡内部出现错误",
        hint=(
            "The server's log has it under the request_id. Nothing half-done was kept.",
            "服务日志中有 request_id 对应的详情；没有留下做了一半的内容。",
        ),
        code="internal",
    )
