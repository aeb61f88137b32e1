"""Views of people and the workspace: projects, members, the own account, accounts, tokens, settings."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import path, re_path
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from quanheng.core import permission
from quanheng.core.call import ask, call
from quanheng.core.session import FIRST_PROJECT
from quanheng.errors import QuanhengError
from quanheng.web import http
from quanheng.web.errors import not_signed_in
from quanheng.web.signed_in import account_of, enter

#: What an owner may do from each page: the verbs whose forms are linked there.
PROJECT_VERBS = ("project.create",)
MEMBER_VERBS = ("member.grant", "member.revoke")
USER_VERBS = ("user.create", "user.invite", "user.deactivate")
TOKEN_VERBS = ("token.create", "token.revoke")


def permitted(request: HttpRequest, project: str, verbs: tuple[str, ...]) -> list[str]:
    """Return those of these verbs that whoever sent the request may use here."""
    from quanheng.core.verb import find_verb

    session = http.session_of(request, project)
    return [name for name in verbs if permission.decide(session, find_verb(name).permission, name).allowed]


@require_safe
def projects(request: HttpRequest, suffix: str = "") -> HttpResponseBase:
    """Show the projects that one may read."""
    rows = [
        {"slug": p.slug, "title": p.title, "public": p.is_public}
        for p in permission.readable_projects(http.session_of(request))
    ]
    if not rows and account_of(request) is None:
        raise not_signed_in()
    verbs = permitted(request, FIRST_PROJECT, PROJECT_VERBS)
    return http.data(rows, suffix, "projects") or http.show(
        request, "web/projects.html", {"rows": rows, "verbs": verbs}
    )


@require_safe
def members(request: HttpRequest, project: str, suffix: str = "") -> HttpResponseBase:
    """Show who has which role in the project."""
    rows = http.query(request, project, "member.list")
    context = {
        "rows": rows,
        "verbs": permitted(request, project, MEMBER_VERBS),
        "roles": [(role, sorted(may)) for role, may in permission.ROLES.items()],
    }
    return http.data(rows, suffix, "members") or http.show(request, "web/members.html", context, project=project)


@require_safe
def users(request: HttpRequest, suffix: str = "") -> HttpResponseBase:
    """Show the accounts."""
    rows = http.query(request, FIRST_PROJECT, "user.list")
    context = {"rows": rows, "verbs": permitted(request, FIRST_PROJECT, USER_VERBS)}
    return http.data(rows, suffix, "accounts") or http.show(request, "web/users.html", context)


@require_safe
def tokens(request: HttpRequest, suffix: str = "") -> HttpResponseBase:
    """Show the access tokens, without their secrets."""
    rows = http.query(request, FIRST_PROJECT, "token.list")
    context = {"rows": rows, "verbs": permitted(request, FIRST_PROJECT, TOKEN_VERBS)}
    return http.data(rows, suffix, "tokens") or http.show(request, "web/tokens.html", context)


@require_safe
def settings(request: HttpRequest, suffix: str = "") -> HttpResponseBase:
    """Show the settings with their origin, the keys, and how much is in the workspace."""
    rows = http.query(request, FIRST_PROJECT, "config.show")
    session = http.session_of(request)
    audits = permission.decide(session, "audit", "workspace.status").allowed
    context = {
        "rows": rows,
        "keys": ask(session, "key.list", {}),
        "status": ask(session, "workspace.status", {}) if audits else None,
    }
    return http.data(rows, suffix, "settings") or http.show(request, "web/settings.html", context)


@sensitive_post_parameters("password", "again", "current")
@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponseBase:
    """Show the own account; a POST sets its password and keeps this session, while all others end."""
    actor = account_of(request)
    if actor is None:
        raise not_signed_in()
    context: dict[str, Any] = {"welcome": "welcome" in request.GET, "done": "done" in request.GET, "problem": None}
    status = 200
    if request.method == "POST":
        try:
            _set_password(request)
            actor.refresh_from_db()
            enter(request, actor)
            return HttpResponseRedirect("/account?done=1")
        except QuanhengError as error:
            context["problem"], status = error, error.http_status
    context["shown"] = http.query(request, FIRST_PROJECT, "account.show")
    return http.show(request, "web/account.html", context, status=status)


def _set_password(request: HttpRequest) -> None:
    from quanheng.errors import Invalid

    password = request.POST.get("password", "")
    if password != request.POST.get("again", ""):
        raise Invalid(
            "the two new passwords differ",
            "两次输入的新密码不一致",
            hint=("Type the same one twice.", "请两次输入相同的密码。"),
            code="passwords_differ",
        )
    given = {"password": password, "current": request.POST.get("current", "")}
    call(http.session_of(request), "account.password", given)


_PROJECT = r"^p/(?P<project>[a-z0-9][a-z0-9._-]{0,99})"
_SUFFIX = r"(?P<suffix>\.json|\.csv)?$"

urlpatterns = [
    re_path(rf"^projects{_SUFFIX}", projects),
    re_path(rf"{_PROJECT}/members{_SUFFIX}", members),
    re_path(rf"^users{_SUFFIX}", users),
    re_path(rf"^tokens{_SUFFIX}", tokens),
    re_path(rf"^settings{_SUFFIX}", settings),
    path("account", account),
]
