"""Views of the log: its entries, one entry with its proof, growth since an earlier size, and signing a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, re_path
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from quanheng.core import permission
from quanheng.core.labels import STATES
from quanheng.core.verb import QUERIES, VERBS
from quanheng.errors import QuanhengError
from quanheng.web import proofs
from quanheng.web.every_row import every_row
from quanheng.web.http import csv_file, data, query, session_of, show

PROJECT = r"p/(?P<project>[a-z0-9][a-z0-9._-]{0,99})"
PAGE, JSON_ROWS = 50, 1000
#: Outputs of one entry that are named in the list.
SHOWN_OUTPUTS = 3
OUTCOMES = ("done", "failed", "cancelled", "denied")
ROOT = re.compile(r"[0-9a-f]{64}")


@require_safe
def entries(request: HttpRequest, project: str, suffix: str = "") -> HttpResponseBase:
    """Show the newest entries, or those before one; also the head, the last checkpoint, and growth since a size."""
    asked = {"verb": request.GET.get("verb", "")[:100], "outcome": request.GET.get("outcome", "")}
    asked = {key: value for key, value in asked.items() if value}
    before = _number(request, "before")
    if suffix == ".csv":
        entries = every_row(request, project, "log.list", "before", "entries", **asked)
        return csv_file((_flat(entry) for entry in entries), "log")
    found = query(request, project, "log.list", limit=JSON_ROWS if suffix else PAGE, before=before, **asked)
    if answer := data(found, suffix, "log"):
        return answer
    rows = [_row(entry, found["projects"]) for entry in found["entries"]]
    context = {
        **_head(request, project, found),
        "rows": rows,
        "asked": asked,
        "verbs": sorted(VERBS),
        "outcomes": [(outcome, STATES[outcome]) for outcome in OUTCOMES],
        "before": before,
        "newest": urlencode(asked),
        "next": urlencode({**asked, "before": found["next"]}) if found["next"] is not None else "",
        **_growth(request, project),
    }
    return show(request, "web/log.html", context, project=project)


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _row(entry: Mapping[str, Any], slugs: Mapping[str, str]) -> dict[str, Any]:
    """Return an entry as a row: of its outputs the first ones, and how many more; its project by slug."""
    outputs = entry["outputs"]
    named = outputs.get("digests", [])[:SHOWN_OUTPUTS]
    fields = {key: entry[key] for key in ("index", "time", "verb", "outcome", "code", "job")}
    place = slugs.get(entry["project"], "")
    return {
        **fields,
        "known": entry["verb"] in VERBS,
        "project": place,
        "outputs": named,
        "more": outputs["count"] - len(named),
    }


def _flat(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry as a row of a file: all outputs that it names."""
    fields = {key: entry[key] for key in ("index", "time", "verb", "outcome", "code", "job", "project", "actor_id")}
    return {**fields, "outputs": entry["outputs"].get("digests", []), "outputs_root": entry["outputs"]["root"]}


def _head(request: HttpRequest, project: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the head of the log, the newest checkpoint, the key that signs, and whether one may sign here."""
    session = session_of(request, project)
    signed = query(request, project, "checkpoint.list", limit=1)["rows"]
    keys = query(request, project, "key.list")
    sign = QUERIES["checkpoint.sign"]
    return {
        "log": found,
        "signed": signed[0] if signed else None,
        "fingerprint": next((key["fingerprint"] for key in keys if not key["retired"]), ""),
        "may_sign": permission.decide(session, sign.permission, sign.name).allowed,
    }


def _growth(request: HttpRequest, project: str) -> dict[str, Any]:
    """Return the consistency proof since the size that was asked for, or what is wrong with the question."""
    size, root = request.GET.get("since", ""), request.GET.get("root", "").strip().lower()
    if not size:
        return {}
    asked: dict[str, Any] = {"since": size[:20], "held": root[:64]}
    try:
        answer = query(request, project, "log.consistency", first=size[:20])
    except QuanhengError as error:
        return {**asked, "growth_error": error}
    return {
        **asked,
        "growth": proofs.consistency(answer, root if ROOT.fullmatch(root) else ""),
        "bad_root": bool(root) and not ROOT.fullmatch(root),
    }


@require_safe
def entry(request: HttpRequest, project: str, index: str, suffix: str = "") -> HttpResponseBase:
    """Show one entry: what it says, its exact bytes, and the way to the root, recomputed here."""
    answer = query(request, project, "log.proof", index=index)
    if found := data(answer, suffix, "entry"):
        return found
    said = answer["entry"]
    outputs = said["outputs"]
    context = {
        "entry": said,
        "index": answer["index"],
        "place": answer["project"] or project,
        "size": answer["size"],
        "inputs": said["inputs"] if isinstance(said["inputs"], list) else [],
        "outputs": outputs.get("digests", []),
        "unnamed": outputs["count"] - len(outputs.get("digests", [])),
        "proof": proofs.inclusion(answer),
        "script": proofs.SCRIPT,
        "signed": next(iter(query(request, project, "checkpoint.list", limit=1)["rows"]), None),
    }
    return show(request, "web/log_entry.html", context, project=project)


@require_POST
def sign(request: HttpRequest, project: str) -> HttpResponseBase:
    """Sign the present head and show the note."""
    made = query(request, project, "checkpoint.sign")
    return show(request, "web/log_signed.html", {"made": made}, project=project)


urlpatterns: list[URLPattern] = [
    re_path(rf"^{PROJECT}/log(?P<suffix>\.json|\.csv)?$", entries),
    re_path(rf"^{PROJECT}/log/sign$", sign),
    re_path(rf"^{PROJECT}/log/(?P<index>[0-9]{{1,15}})(?P<suffix>\.json)?$", entry),
]
