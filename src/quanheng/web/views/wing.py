"""The view of a wing: what it is for, its kinds with what is new, its verbs and flows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, re_path
from django.views.decorators.http import require_safe

from quanheng.core import permission
from quanheng.core.offered import titled
from quanheng.core.preview import printable
from quanheng.core.verb import VERBS, Verb, load
from quanheng.errors import Text
from quanheng.web import http
from quanheng.web.addresses import PROJECT
from quanheng.web.context import wings
from quanheng.web.errors import no_page

NEWEST = 4
#: What each wing is for, in one sentence.
PURPOSES = {
    "compute": Text(
        "Compute from many partners under one management, metered and settled.",
        "多方算力统一管理、统一调度，用量可计、费用可算。",
    ),
    "data": Text(
        "From raw text to training data: origin, licence and every decision on record, and samples to judge.",
        "从原始文本到训练数据：出处、许可与每个取舍都有记录，并可抽样复核。",
    ),
    "models": Text(
        "Models and the services they answer through: what was asked, and what was answered, word for word.",
        "模型及其应答端点：问了什么、答了什么，逐字留存。",
    ),
    "scenarios": Text(
        "From a model to a solution in government, health, science, finance and the city.",
        "从模型到政务、医疗、科学、金融与城市治理中的方案。",
    ),
    "oversight": Text(
        "From evidence to a verdict: written rules, judgements of people and machines, and an assessment that anybody "
        "can compute again.",
        "从证据到结论：成文的规则、人工与机器的判定，以及人人可复算的评估。",
    ),
}


@require_safe
def wing(request: HttpRequest, project: str, wing: str) -> HttpResponseBase:
    """Show a wing; an unknown one is no page."""
    title = dict(wings()).get(wing)
    if title is None:
        raise no_page(request.path)
    load()
    counts = {row["kind"]: row for row in http.query(request, project, "artifact.kinds")}
    mine = [verb for verb in VERBS.values() if verb.body.__module__.startswith(f"quanheng.{wing}.")]
    made = dict.fromkeys(kind.split("/")[0] for verb in mine for kind in verb.makes)
    context = {
        "wing": wing,
        "title": title,
        "purpose": PURPOSES.get(wing),
        "kinds": [_kind(request, project, kind, counts) for kind in made],
        "verbs": _verbs(request, project, mine),
        "flows": _flows(request, project, {verb.name for verb in mine}),
    }
    return http.show(request, "web/wing.html", context, project=project)


def _kind(request: HttpRequest, project: str, kind: str, counts: dict[str, Any]) -> dict[str, Any]:
    """Return a kind with its count and its newest artifacts."""
    rows = []
    if kind in counts:
        rows = http.query(request, project, "artifact.list", kind=kind, limit=NEWEST)["rows"]
    return {
        "kind": kind,
        "count": counts.get(kind, {"count": 0, "more": False}),
        "rows": [{**row, "names": [printable(name) for name in row["names"]]} for row in titled(rows)],
        "makers": [verb.name for verb in VERBS.values() if kind in {made.split("/")[0] for made in verb.makes}],
    }


def _verbs(request: HttpRequest, project: str, verbs: list[Verb]) -> list[dict[str, Any]]:
    """Return the verbs, those that one may use first."""
    session = http.session_of(request, project)
    rows = [
        {"name": verb.name, "help": verb.help, "may": permission.decide(session, verb.permission, verb.name).allowed}
        for verb in verbs
    ]
    return sorted(rows, key=lambda row: not row["may"])


def _flows(request: HttpRequest, project: str, verbs: set[str]) -> list[dict[str, Any]]:
    """Return the shipped flows that have a step in this wing."""
    names = http.query(request, project, "flow.show")["flows"]
    found = [http.query(request, project, "flow.show", flow=name) for name in names]
    return [flow for flow in found if any(step["verb"] in verbs for step in flow["steps"])]


urlpatterns: list[URLPattern] = [re_path(rf"^{PROJECT}/w/(?P<wing>[a-z]{{1,40}})$", wing)]
