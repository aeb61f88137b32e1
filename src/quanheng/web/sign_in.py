"""Signing in and out, and the language. A link signs in by POST only, so that no preview of it uses it up."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from quanheng.core.accounts import NO_PASSWORD, use_link
from quanheng.core.accounts import sign_in as check
from quanheng.core.session import FIRST_PROJECT
from quanheng.errors import QuanhengError
from quanheng.web.errors import no_page
from quanheng.web.middleware import LANGUAGE_COOKIE, LANGUAGES, YEAR_S
from quanheng.web.signed_in import account_of, enter, leave


def _safe(request: HttpRequest, target: str) -> str:
    """Return where to go next: an address of this server, else the home page."""
    allowed = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if allowed and target.startswith("/") else "/"


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Show the form, or check account and password."""
    target = request.POST.get("next") or request.GET.get("next", "/")
    context = {"next": _safe(request, target), "label": request.POST.get("label", "")[:150], "said": "", "hint": ""}
    status = 200
    if request.method == "POST":
        try:
            actor = check(
                request.POST.get("label", "")[:150], request.POST.get("password", "")[:200], request.META["REMOTE_ADDR"]
            )
            enter(request, actor)
            return HttpResponseRedirect(context["next"])
        except QuanhengError as error:
            context |= _told(request, error)
            status = error.http_status
    response = HttpResponse(render_to_string("web/sign_in.html", context, request), status=status)
    if status == 429:
        response.headers["Retry-After"] = "900"
    return response


def _told(request: HttpRequest, error: QuanhengError) -> dict[str, str]:
    language = request.language  # type: ignore[attr-defined]
    return {"said": error.text.say(language), "hint": error.hint.say(language) if error.hint else ""}


@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Show a button, or use the one-time link up; whoever has no password yet is asked to set one."""
    if request.method == "GET":
        return HttpResponse(render_to_string("web/link.html", {}, request))
    try:
        actor = use_link(secret)
    except QuanhengError as error:
        return HttpResponse(render_to_string("web/link.html", _told(request, error), request), status=error.http_status)
    enter(request, actor)
    needs_password = actor.kind == "person" and actor.password == NO_PASSWORD
    return HttpResponseRedirect("/account?welcome=1" if needs_password else "/")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """End the session."""
    leave(request)
    return HttpResponseRedirect("/sign-in")


def language(request: HttpRequest, code: str) -> HttpResponseBase:
    """Keep the language in a cookie and go back to where one was."""
    if code not in LANGUAGES:
        raise no_page(request.path)
    response = HttpResponseRedirect(_safe(request, request.GET.get("next", "/")))
    response.set_cookie(
        LANGUAGE_COOKIE, code, max_age=YEAR_S, samesite="Lax", httponly=True, secure=request.is_secure()
    )
    return response


def health(request: HttpRequest) -> HttpResponseBase:
    """Answer 200 when the database answers too; says nothing else."""
    from quanheng.core import log
    from quanheng.core.database import retry_locked

    retry_locked(log.head)
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


def version(request: HttpRequest) -> HttpResponseBase:
    """Answer the version of the release, as JSON."""
    from django.http import JsonResponse

    from quanheng import __version__

    return JsonResponse({"quanheng": __version__})


def start(request: HttpRequest) -> HttpResponseBase:
    """Go to the first project that one may read; whoever may read none signs in, or looks at the account."""
    from quanheng.core.permission import readable_projects
    from quanheng.web.http import session_of

    slugs = [project.slug for project in readable_projects(session_of(request))]
    if slugs:
        return HttpResponseRedirect(f"/p/{FIRST_PROJECT if FIRST_PROJECT in slugs else slugs[0]}/")
    return HttpResponseRedirect("/account" if account_of(request) else "/sign-in")
