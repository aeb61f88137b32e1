"""Errors as pages and, for the API, as problem+json: what is wrong, what to do, and the request's number."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.utils.http import urlencode

from quanheng.errors import Forbidden, NotFound, QuanhengError
from quanheng.web.signed_in import account_of


def answer(request: HttpRequest, error: QuanhengError) -> HttpResponseBase:
    """Return what somebody sees of an error; a visitor who is refused is asked to sign in."""
    if request.path.startswith("/api/"):
        from quanheng.api.problems import problem

        return problem(request, error)
    if request.path.endswith(".json"):
        return JsonResponse(error.to_json(), status=error.http_status, json_dumps_params={"ensure_ascii": False})
    refused = error.code in ("forbidden", "not_signed_in")
    if refused and account_of(request) is None:
        return HttpResponseRedirect("/sign-in?" + urlencode({"next": request.get_full_path()}))
    return page(request, error)


def page(request: HttpRequest, error: QuanhengError) -> HttpResponse:
    """Return the error page in the language of the request."""
    from django.template.loader import render_to_string

    language = getattr(request, "language", "zh")
    context = {"error": error, "said": error.text.say(language), "hint": error.hint.say(language) if error.hint else ""}
    return HttpResponse(render_to_string("web/error.html", context, request), status=error.http_status)


def internal() -> QuanhengError:
    """Return what a person is told of a fault of ours; the details are in the server's log."""
    return QuanhengError(
        "something went wrong inside Quanheng",
        "权衡内部出现错误",
        hint=(
            "It is in the server's log under this request's number. Nothing half-done was kept.",
            "服务日志中有本次请求编号对应的详情；没有留下做了一半的内容。",
        ),
        code="internal",
    )


def no_page(path: str) -> NotFound:
    """Return the error of an address where nothing is."""
    return NotFound(
        f"there is no page {path[:200]}",
        f"没有页面 {path[:200]}",
        hint=("Begin at the home page.", "请从首页开始。"),
        code="no_such_page",
    )


def handler404(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer for an address where nothing is."""
    return answer(request, no_page(request.path))


def handler400(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer for a request that Django could not read."""
    from quanheng.errors import Invalid

    told = Invalid(
        "the request cannot be read",
        "无法读取该请求",
        hint=("Go back and try again.", "请返回后重试。"),
        code="bad_request",
    )
    return answer(request, told)


def handler500(request: HttpRequest) -> HttpResponseBase:
    """Answer for a fault outside of the views."""
    return answer(request, internal())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Answer for a form that did not come from our own page, or from one that is too old."""
    told = Forbidden(
        "this form was not sent from a page of this server, or the page is too old",
        "该表单不是从本服务的页面提交，或页面已过期",
        hint=("Go back, load the page again and send it once more.", "请返回并刷新页面后重新提交。"),
        code="csrf",
    )
    return page(request, told)


def not_signed_in() -> QuanhengError:
    """Return the error of a visitor who wants what only accounts may."""
    return Forbidden(
        "nobody is signed in",
        "尚未登录",
        hint=("Sign in first.", "请先登录。"),
        code="not_signed_in",
    )
