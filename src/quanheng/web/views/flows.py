"""Views of flows: which are shipped, what one would do now, and running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, re_path
from django.views.decorators.http import require_http_methods, require_safe

from quanheng.core import labels, permission
from quanheng.core.verb import find_verb
from quanheng.errors import QuanhengError, Text
from quanheng.web import graph, http
from quanheng.web.addresses import PROJECT, project_path
from quanheng.web.errors import not_signed_in
from quanheng.web.flow_form import FlowForm
from quanheng.web.form_fields import Given
from quanheng.web.form_words import short_help
from quanheng.web.signed_in import account_of
from quanheng.web.views.forms import enqueue

SHAPE = graph.Shape("down", 168, 44, 28, 12)
TONES = {"there": "ok", "runs": "wait", "waits": "na", "stops": "no", "skipped": "na"}
RECENT = 5


@require_safe
def flows(request: HttpRequest, project: str) -> HttpResponseBase:
    """Show the flows that come with Quanheng, and the newest runs."""
    names = http.query(request, project, "flow.show")["flows"]
    found = [http.query(request, project, "flow.show", flow=name) for name in names]
    return http.show(request, "web/flows.html", {"flows": found, "recent": _recent(request, project)}, project=project)


def _recent(request: HttpRequest, project: str, flow: str = "") -> list[dict[str, Any]]:
    rows = http.query(request, project, "job.list", verb="flow.run", limit=4 * RECENT)["rows"]
    return [row for row in rows if not flow or row["flow"] == flow][:RECENT]


@require_http_methods(["GET", "HEAD", "POST"])
def flow(request: HttpRequest, project: str, flow: str, suffix: str | None = None) -> HttpResponseBase:
    """Show what a flow would do with these parameters, or run it."""
    shown = http.query(request, project, "flow.show", flow=flow)
    session, sent = http.session_of(request, project), request.method == "POST"
    if sent and account_of(request) is None:
        raise not_signed_in()
    given = Given((request.POST if sent else request.GET).lists())
    form = FlowForm(shown, given, session, str(request.language), sent)  # type: ignore[attr-defined]
    plan: dict[str, Any] = {}
    try:
        params = form.params(request) if sent else form.simple()
        if permission.decide(session, find_verb("flow.run").permission, "flow.run").allowed:
            plan = http.query(request, project, "flow.plan", flow=flow, params=params)
        if sent and request.POST.get("_do") != "plan":
            stops = _first_error(plan.get("steps", []))
            if stops:  # rather than a job that is known to fail
                raise QuanhengError.from_json(dict(stops))
            result = enqueue(request, session, find_verb("flow.run"), {"flow": flow, "params": params})
            return HttpResponseRedirect(project_path(project, "jobs", result.job), status=303)
    except QuanhengError as error:
        form.error = error
    if suffix and not form.error:
        return http.data(plan or shown, suffix, flow) or http.show(request, "web/flow.html", {})
    return _show(request, project, form, plan)


def _show(request: HttpRequest, project: str, form: FlowForm, plan: dict[str, Any]) -> HttpResponseBase:
    shown, error = form.shown, form.error
    steps = plan.get("steps", shown["steps"])
    context = {
        "flow": shown,
        "may": permission.decide(form.session, find_verb("flow.run").permission, "flow.run"),
        "plan": plan,
        "error": error,
        "fields": form.fields(),
        "own": form.own(),
        "own_open": form.own_is_open,
        "steps": steps,
        "stops": _first_error(steps),
        "nothing": plan and not any(plan["count"][state] for state in ("runs", "waits", "stops")),
        "graph": draw(project, steps, form.language),
        "recent": _recent(request, project, shown["name"]),
    }
    status = error.http_status if error else 200
    return http.show(request, "web/flow.html", context, project=project, status=status)


def _first_error(steps: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    errors = (item["error"] for step in steps for item in step.get("items", []))
    return next(filter(None, errors), None)


def draw(project: str, steps: Sequence[Mapping[str, Any]], language: str) -> str:
    """Return the steps of a flow as a graph, with their states where a plan gives them."""
    nodes = [_node(project, step, language) for step in steps]
    links = [(need, step["id"]) for step in steps for need in step["needs"]]
    return graph.draw(nodes, links, Text("Steps of the flow", "流程的步骤").say(language), shape=SHAPE)


def _node(project: str, step: Mapping[str, Any], language: str) -> graph.Node:
    """Return a step as a box that leads to what it left, or to its row in the table."""
    items = step.get("items", [])
    names = [item["name"] for item in items if item["name"]]
    outputs = [output["digest"] for item in items for output in item["outputs"]]
    title = (
        short_help(step["verb"]).zh if language == "zh" else step["verb"].replace(".", " ")
    )  # English helps are long
    state = labels.state(step["state"], language) if "state" in step else ""
    what = f"×{len(items)}" if len(items) > 1 else names[0] if names else step["id"]
    return graph.Node(
        step["id"],
        title,
        " · ".join(filter(None, (state, what))),
        project_path(project, "a", outputs[0]) if len(outputs) == 1 else f"#step-{step['id']}",
        TONES.get(step.get("state", ""), ""),
        " · ".join(filter(None, (title, ", ".join(names) or step["id"], state))),
    )


urlpatterns: list[URLPattern] = [
    re_path(rf"^{PROJECT}/flows$", flows),
    re_path(rf"^{PROJECT}/flows/(?P<flow>[a-z0-9-]{{1,60}})(?P<suffix>\.json)?$", flow),
]
