"""Views of verbs: the list of them, a form for each, and what came of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, re_path
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from quanheng.core import permission
from quanheng.core.call import call
from quanheng.core.describe import Command, commands
from quanheng.core.job_queries import job_with_request
from quanheng.core.jobs import Result
from quanheng.core.offered import titled
from quanheng.core.session import Session
from quanheng.core.verb import VERBS, Verb, find_verb, load
from quanheng.errors import Invalid, QuanhengError, Text
from quanheng.kinds.licences import USUAL
from quanheng.web import form_fields, http
from quanheng.web.addresses import PROJECT, project_path
from quanheng.web.errors import not_signed_in
from quanheng.web.form_examples import filled_examples
from quanheng.web.form_fields import Given
from quanheng.web.form_help import HEADINGS
from quanheng.web.form_words import WARNINGS, label_of, noun_word
from quanheng.web.signed_in import account_of, enter
from quanheng.web.staged import stage, stage_texts, unreadable, with_staged

#: The same form sent again within this time is the same wish: a double click runs nothing twice.
SAME_WISH_S = 20
#: So many outputs are shown after an inline verb.
SHOWN_OUTPUTS = 20
#: Fields of an answer that are shown once and kept nowhere.
SHOWN_ONCE = ("token", "link")
#: Where to go after a verb about these nouns.
BACK: Mapping[str, str] = {
    "member": "members",
    "user": "/users",
    "token": "/tokens",
    "account": "/account",
    "project": "/projects",
    "key": "log",
    "witness": "log",
    "job": "jobs",
}


@dataclass
class Form:
    """A form while its request is answered."""

    request: HttpRequest
    project: str
    verb: Verb
    session: Session
    given: Given
    problems: Mapping[str, Text] = field(default_factory=dict)
    error: QuanhengError | None = None
    refused: Text | None = None

    @property
    def command(self) -> Command:
        """Return the verb's description."""
        return commands()[self.verb.name]

    @property
    def language(self) -> str:
        """Return the language of the page."""
        return str(self.request.language)  # type: ignore[attr-defined]

    def offer(self, kind: str) -> list[dict[str, Any]]:
        """Return the project's artifacts of a kind that may be chosen, none to whoever may not read."""
        if not permission.decide(self.session, "read", "artifact.list").allowed:
            return []
        wanted = "" if kind == "*" else kind
        found = http.query(self.request, self.project, "artifact.list", kind=wanted, limit=form_fields.OFFERED)
        return titled(found["rows"])


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def form(request: HttpRequest, project: str, noun: str, action: str) -> HttpResponseBase:
    """Call the verb with what was sent; or show its form, filled from the address or by another form (`_show`)."""
    verb = find_verb(f"{noun}.{action}")
    session = http.session_of(request, project)
    if account_of(request) is None:
        raise not_signed_in()
    if verb.name == "flow.run" and request.method != "POST":
        flow = request.GET.get("flow", "")
        return HttpResponseRedirect(project_path(project, "flows", *([flow] if flow else [])))
    given = Given((request.POST if request.method == "POST" else request.GET).lists())
    made = Form(request, project, verb, session, given)
    if request.method == "POST" and not given.has("_show"):
        return _sent(made)
    decision = permission.decide(session, verb.permission, verb.name)
    if not decision.allowed:
        made.refused = decision.reason
    elif request.method == "POST":
        stage_texts(session, given)
    return _show(made, 200 if decision.allowed else 403)


def _sent(made: Form) -> HttpResponseBase:
    """Call the verb; whatever is wrong comes back on the same page, with everything that was typed."""
    try:
        _confirmed(made)
        return _done(made, _call(made))
    except QuanhengError as error:
        made.error = error
        made.problems = {**error.fields, **made.problems}
        return _show(made, error.http_status)


def _confirmed(made: Form) -> None:
    if made.verb.name in WARNINGS and not made.given.ticked("_confirm"):
        made.problems = {"_confirm": Text("Tick the box to go on.", "请勾选后继续。")}
        raise Invalid(
            "this cannot be undone, and it was not confirmed",
            "该操作无法撤销，尚未确认",
            hint=("Read what will happen and tick the box.", "请阅读后果说明并勾选确认。"),
            code="not_confirmed",
        )


def _call(made: Form) -> Result:
    uploads = stage(made.request, made.session, made.given)
    sent = form_fields.parse(form_fields.options_of(made.command), made.given, uploads)
    if sent.problems:
        raise unreadable({name: label_of(made.verb.name, name) for name in sent.problems}, sent.problems)
    return enqueue(
        made.request,
        made.session,
        made.verb,
        sent.data,
        as_name=made.given.text("_as").strip() if "as" in made.command.universal else "",
        again=made.given.ticked("_again") and "again" in made.command.universal,
    )


def enqueue(
    request: HttpRequest,
    session: Session,
    verb: Verb,
    data: Mapping[str, Any],
    *,
    as_name: str = "",
    again: bool = False,
) -> Result:
    """Call a verb for a browser: one that takes its time is queued, and a double click queues it once."""
    if verb.mode == "inline":
        return call(session, verb.name, data, as_name=as_name)
    wish = f"{session.actor_id}:{_wish(request)}"
    try:
        return call(replace(session, request=wish), verb.name, data, as_name=as_name, again=again, detach=True)
    except IntegrityError:
        job = job_with_request(wish)
        if job is None:
            raise
        return Result(job, ())


def _wish(request: HttpRequest) -> str:
    """Return what is the same for the same form sent twice in a moment: a hash of it and of the time."""
    sent = [(key, *request.POST.getlist(key)) for key in sorted(request.POST) if key != "csrfmiddlewaretoken"]
    files = [(file.name, file.size) for key in sorted(request.FILES) for file in request.FILES.getlist(key)]
    text = repr((request.path, sent, files, int(time.time() // SAME_WISH_S)))
    return "form-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:40]


def _done(made: Form, result: Result) -> HttpResponseBase:
    """Return the job's page, or for an inline verb and for what was there before, the page of the result."""
    if made.verb.mode != "inline" and result.job:
        return HttpResponseRedirect(project_path(made.project, "jobs", result.job), status=303)
    if made.verb.name == "account.password":
        _stay_signed_in(made.request, made.session.actor_id)
    once = {key: value for key, value in result.value.items() if key in SHOWN_ONCE}
    response = http.show(
        made.request,
        "web/form_result.html",
        {
            "verb": made.verb.name,
            "result": result,
            "outputs": result.outputs[:SHOWN_OUTPUTS],
            "more": max(0, len(result.outputs) - SHOWN_OUTPUTS),
            "once": _whole_links(made.request, once),
            "rows": {key: value for key, value in result.value.items() if key not in (*SHOWN_ONCE, "note")},
            "note": result.value.get("note"),
            "back": _back(made),
        },
        project=made.project,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _stay_signed_in(request: HttpRequest, actor_id: str) -> None:
    """Begin the session anew: another password has ended all of the account, this one too."""
    from quanheng.core.models import Actor

    enter(request, Actor.objects.get(id=actor_id))


def _whole_links(request: HttpRequest, once: Mapping[str, Any]) -> dict[str, Any]:
    """Return the secrets; a link without a host gets that of this server."""
    link = str(once.get("link", ""))
    return {**once, "link": request.build_absolute_uri(link)} if link.startswith("/") else dict(once)


def _back(made: Form) -> str:
    wanted = made.given.text("_back")
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, {made.request.get_host()}):
        return wanted
    place = BACK.get(made.command.noun, "")
    return place if place.startswith("/") else project_path(made.project, *([place] if place else []))


def _show(made: Form, status: int) -> HttpResponseBase:
    verb, sent = made.verb, made.request.method == "POST"
    fields = form_fields.build(
        form_fields.options_of(made.command),
        made.given,
        verb=verb.name,
        offer=made.offer,
        language=made.language,
        sent=sent,
        problems=made.problems,
    )
    fields = [suggested(made, with_staged(made.session, item)) for item in fields]
    context = {
        "verb": verb,
        "heading": HEADINGS.get(verb.name),
        "command": made.command,
        "needed": [item for item in fields if item.at_once],
        "optional": [item for item in fields if not item.at_once],
        "optional_open": any(item.problem or _is_given(made, item) for item in fields if not item.at_once),
        "has_files": any(item.widget == "file" for item in fields),
        "examples": [(title, urlencode(data)) for title, data in filled_examples(verb.name)],
        "error": made.error,
        "wrong": [item for item in fields if item.problem],
        "refused": made.refused,
        "roles": [role for role, may in permission.ROLES.items() if verb.permission in may],
        "warning": Text(*WARNINGS[verb.name]) if verb.name in WARNINGS else None,
        "unconfirmed": made.problems.get("_confirm"),
        "as_name": made.given.text("_as"),
        "again": made.given.ticked("_again"),
        "makes": list(dict.fromkeys(kind.split("/")[0] for kind in verb.makes)),
        "noun": noun_word(made.command.noun),
        "back": made.given.text("_back"),
    }
    response = http.show(made.request, "web/form.html", context, project=made.project, status=status)
    if any(item.widget == "secret" for item in fields):
        response.headers["Cache-Control"] = "no-store"
    return response


def suggested(made: Form, item: form_fields.Field) -> form_fields.Field:
    """Return the field with what is usually typed into it: accounts, types of cases, recipes, licences."""
    if item.widget != "line":
        return item
    if item.name == "label" and made.verb.name != "user.create":
        allowed = permission.decide(made.session, "own", "user.list").allowed
        rows = http.query(made.request, made.project, "user.list" if allowed else "member.list")
        return replace(item, suggestions=tuple(dict.fromkeys(row["label"] for row in rows)))
    if item.name == "type" and made.verb.name == "case.open":
        rows = http.query(made.request, made.project, "case.types")
        return replace(item, suggestions=tuple(row["name"] for row in rows))
    if item.name == "recipe":
        return _recipes(made, item)
    if item.name == "licence":
        return replace(item, suggestions=USUAL)
    return item


def _recipes(made: Form, item: form_fields.Field) -> form_fields.Field:
    """Return the field with the recipes that ship to choose from, and the one that is given if it is none of them."""
    rows = http.query(made.request, made.project, "recipe.list")["recipes"]
    known = {row["name"]: f"{row[made.language]} · {row['name']}" for row in rows}
    if item.value and item.value not in known:
        known[item.value] = item.value
    choices = [form_fields.Choice(name, title, "", name == item.value) for name, title in known.items()]
    return replace(item, widget="choice", choices=tuple(choices))


def _is_given(made: Form, item: form_fields.Field) -> bool:
    """Return whether the address says something of the field, which is then not hidden."""
    return made.request.method != "POST" and bool(made.given.text(item.name))


def _is_core(verb: str) -> bool:
    """Return whether a verb is about the workspace itself: the work of the wings stands before it."""
    return VERBS[verb].body.__module__.startswith("quanheng.core.")


@require_safe
def verbs(request: HttpRequest, project: str) -> HttpResponseBase:
    """Show every verb by noun, those that one may use first."""
    session = http.session_of(request, project)
    if account_of(request) is None:
        raise not_signed_in()
    load()
    decided: dict[tuple[str, str], permission.Decision] = {}
    nouns: dict[str, list[dict[str, Any]]] = {}
    for name in VERBS:
        verb = VERBS[name]
        asked = (verb.permission, verb.scope)
        if asked not in decided:
            decided[asked] = permission.decide(session, verb.permission, name)
        row = {"name": name, "help": verb.help, "decision": decided[asked]}
        nouns.setdefault(name.split(".")[0], []).append(row)
    for rows in nouns.values():
        rows.sort(key=lambda row: not row["decision"].allowed)
    order = sorted(nouns, key=lambda noun: (not nouns[noun][0]["decision"].allowed, _is_core(nouns[noun][0]["name"])))
    groups = [{"word": noun_word(noun), "verbs": nouns[noun]} for noun in order]
    return http.show(request, "web/form_list.html", {"groups": groups}, project=project)


urlpatterns: list[URLPattern] = [
    re_path(rf"^{PROJECT}/do$", verbs),
    re_path(rf"^{PROJECT}/do/(?P<noun>[a-z][a-z_]*)/(?P<action>[a-z][a-z_]*)$", form),
]
