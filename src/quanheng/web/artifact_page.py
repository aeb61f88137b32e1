"""What the page of an artifact shows, for every kind: head, verdict bar, tabs of its wing and of ours, margin."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.http import urlencode

from quanheng.core import pages, permission
from quanheng.core.artifacts import load_digest
from quanheng.core.describe import Command, Option, commands
from quanheng.core.pages import Action, Panel, View
from quanheng.core.preview import printable
from quanheng.core.session import Session
from quanheng.core.verb import QUERIES, VERBS
from quanheng.errors import NotFound, QuanhengError, Text
from quanheng.web import lineage_graph, proofs
from quanheng.web.http import query, session_of
from quanheng.web.readable import DIGEST, Reader, field_word

#: So many inputs are named at the head of the page, layers on one page, layers to choose from for the preview.
MOST_INPUTS, MOST_LAYERS, MOST_CHOICES = 4, 200, 500
#: A config up to here is also given as it stands, one click deeper; a larger one only as JSON.
RAW_CHARACTERS = 200_000
#: Rows on one page, and from how many characters on a column of them is wide.
ROWS, WIDE_CELL = 50, 24


@dataclass(frozen=True)
class Tab:
    """One tab: where it leads and what stands beside its title."""

    slug: str
    title: Text
    count: str
    href: str
    here: bool


@dataclass(frozen=True)
class Button:
    """Something that can be done, where it is done, and whether it is the main thing."""

    href: str
    label: Text
    main: bool = False
    download: bool = False


def context(request: HttpRequest, project: str, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return what web/artifact.html needs, from the answer of artifact.show."""
    pages.load()
    session, digest = session_of(request, project), shown["digest"]
    language: str = request.language  # type: ignore[attr-defined]
    view = View(session, project, load_digest(session, digest), language, asked(request))
    gone = shown["withdrawn"] is not None
    kind = shown["kind"].split("/")[0]
    near = query(request, project, "lineage.near", artifact=digest)
    evidence = query(request, project, "artifact.evidence", artifact=digest)
    wing = [] if gone else pages.TABS.get(kind, [])
    tab, tabs = _tabs(view, wing, shown, evidence, near)
    found = {
        "view": view,
        "shown": {**shown, "names": [printable(name) for name in shown["names"]]},
        "kind": kind,
        "title": title_of(view, shown),
        "made_from": _made_from(shown, near),
        "near": near,
        "evidence": evidence,
        "head": query(request, project, "log.list", limit=1),
        "tab": tab,
        "tabs": tabs,
        "bar": None if gone else _bar(view, kind),
        "buttons": _buttons(session, project, shown),
        "asides": [] if gone else [_panel(request, view, panel) for panel in pages.ASIDES.get(kind, [])],
    }
    if all(one["slug"] != "way" for one in found["asides"]):  # a wing may draw its own
        found["way"] = lineage_graph.small(near, project, language)
    panel = next((panel for panel in wing if panel.slug == tab), None)
    found |= {"panel": _panel(request, view, panel)} if panel else _OURS[tab](request, view, found)
    return {**found, "wide": tab == "lineage" or found.get("preview", {}).get("form") == "rows"}  # no margin then


def asked(request: HttpRequest) -> dict[str, str]:
    """Return what the address asks, and what a form sent that is longer than an address may be."""
    sent = {name: text for name, text in request.POST.dict().items() if name != "csrfmiddlewaretoken"}
    return {**request.GET.dict(), **sent}


def takes_form(kind: str, tab: str) -> bool:
    """Return whether a tab of artifacts of `kind` may be asked by a form that is sent."""
    pages.load()
    return any(panel.slug == tab and panel.is_long for panel in pages.TABS.get(kind.split("/", maxsplit=1)[0], ()))


def title_of(view: View, shown: Mapping[str, Any]) -> str:
    """Return the artifact's title: its wing's word, else that of its model, else its kind and name."""
    kind = shown["kind"].split("/")[0]
    if kind in pages.TITLES:
        return printable(pages.TITLES[kind](view))
    config = shown["config"]
    for key in ("title", "name"):
        value = config.get(key)
        if isinstance(value, Mapping) and {"en", "zh"} <= set(value):
            return printable(str(value[view.language]))
        if isinstance(value, str) and value.strip():
            return printable(value)
    return " ".join([lineage_graph.word_of(kind, view.language), *map(printable, shown["names"][:1])])


def _made_from(shown: Mapping[str, Any], near: Mapping[str, Any]) -> dict[str, Any]:
    """Return the verb and the first inputs, each with its kind and names where they are near."""
    known = {node["digest"]: node for node in near["nodes"]}
    inputs = shown["made_by"]["inputs"]
    first = [{**item, "node": known.get(item["digest"])} for item in inputs[:MOST_INPUTS]]
    return {"verb": shown["made_by"]["verb"], "inputs": first, "more": max(0, len(inputs) - MOST_INPUTS)}


def _tabs(
    view: View, wing: Sequence[Panel], shown: Mapping[str, Any], evidence: Mapping[str, Any], near: Mapping[str, Any]
) -> tuple[str, list[Tab]]:
    """Return the slug of the tab that is open, and all tabs: those of the wing first."""
    gone, layers = shown["withdrawn"] is not None, len(shown["layers"])
    around = near["up"] + near["down"]
    named: list[tuple[str, Text, str]] = [(panel.slug, panel.title, _count(view, panel)) for panel in wing]
    if layers and not gone:
        named.append(("content", Text("Content", "内容"), str(layers)))
    named += [
        ("facts", Text("Facts", "概要"), ""),
        ("lineage", Text("Lineage", "血缘"), f"{around:,}" if around else ""),
        ("evidence", Text("Evidence", "证明"), str(len(evidence["about"]) or "")),
        ("log", Text("Log", "存证"), str(len(evidence["entries"]) or "")),
    ]
    wanted = view.query.get("tab", "")
    here = wanted if wanted in {slug for slug, _, _ in named} else named[0][0]
    base = f"/p/{view.project}/a/{shown['digest']}"
    return here, [Tab(slug, text, count, f"{base}?tab={slug}", slug == here) for slug, text, count in named]


def _count(view: View, panel: Panel) -> str:
    try:
        return panel.count(view) if panel.count else ""
    except QuanhengError:
        return ""  # the tab itself says what is wrong


def _panel(request: HttpRequest, view: View, panel: Panel) -> dict[str, Any]:
    """Return a wing's part of the page as HTML, or the error that it ran into."""
    try:
        inside = {**panel.context(view), "view": view, "project": view.project}
        return {"title": panel.title, "slug": panel.slug, "html": render_to_string(panel.template, inside, request)}
    except QuanhengError as error:
        return {"title": panel.title, "slug": panel.slug, "error": error}


def _bar(view: View, kind: str) -> dict[str, Any] | None:
    if kind not in pages.BARS:
        return None
    try:
        bar = pages.BARS[kind](view)
    except QuanhengError as error:
        return {"error": error}
    actions = [button for action in bar.actions if (button := button_of(view.session, view.project, action))]
    return {"bar": bar, "actions": actions}


def button_of(session: Session, project: str, action: Action) -> Button | None:
    """Return the button of an action, None when the session may not do it."""
    known = VERBS.get(action.verb) or QUERIES.get(action.verb)
    if known is None or not permission.decide(session, known.permission, known.name).allowed:
        return None
    place = "get" if action.verb in QUERIES else "do"
    noun, _, name = action.verb.partition(".")
    href = f"/p/{project}/{place}/{noun}/{name}?{urlencode(action.data)}"
    return Button(href, action.label, action.main, place == "get")


def _buttons(session: Session, project: str, shown: Mapping[str, Any]) -> list[Button]:
    """Return what can be done with an artifact of any kind."""
    if shown["withdrawn"] is not None:
        return []
    data = {"artifact": shown["digest"]}
    actions = [
        Action("name.set", Text("Name it", "命名"), data),
        Action("artifact.withdraw", Text("Withdraw…", "撤回……"), data),
    ]
    return [button for action in actions if (button := button_of(session, project, action))]


# ---- our own tabs: request, view, what was found so far -> more of the context


def _content(request: HttpRequest, view: View, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page of one layer."""
    wanted: dict[str, Any] = {"layer": view.query.get("layer", ""), "after": _whole(view, "after"), "limit": ROWS}
    if view.query.get("row", "").isdigit():
        wanted["row"] = _whole(view, "row")
    try:
        shown = query(request, view.project, "artifact.preview", artifact=view.artifact.digest, **wanted)
    except QuanhengError as error:
        if isinstance(error, NotFound) and error.code != "no_such_object":
            raise
        return {"error": error}
    layers = found["shown"]["layers"]
    choices = [_titled(layer) for layer in layers[:MOST_CHOICES]]
    return {
        "preview": {**shown, **_cells(shown), "layer": _titled(shown["layer"])},
        "choices": choices,
        "before": max(0, wanted["after"] - ROWS),
        "after": wanted["after"],
    }


def _titled(layer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a layer with its title as it may be shown."""
    return {**layer, "title": printable(layer["title"])} if layer else None


def _cells(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return rows and columns of a preview for the page: digests shortened, columns of long texts marked as wide."""
    rows = [[_Cell(text) for text in row["cells"]] for row in shown["rows"]]
    wide = {at for row in rows for at, cell in enumerate(row) if not cell.short and not cell.digest}
    columns = [{"name": name, "wide": at in wide} for at, name in enumerate(shown["columns"])]
    lines = [{**line, "cells": row} for line, row in zip(shown["rows"], rows, strict=True)]
    return {"columns": columns, "rows": lines}


@dataclass(frozen=True)
class _Cell:
    """The text of a cell, None where the row has no such field."""

    text: str | None

    @property
    def short(self) -> bool:
        """Return whether the text stands on one line."""
        return len(self.text or "") <= WIDE_CELL

    @property
    def digest(self) -> bool:
        """Return whether the text is a digest and no more."""
        return bool(self.text and DIGEST.fullmatch(self.text))


def _whole(view: View, name: str, least: int = 0) -> int:
    """Return a whole number of the address, `least` where it is none."""
    text = view.query.get(name, "")
    return max(least, int(text)) if text.isascii() and text.isdigit() and len(text) < 16 else least


def _facts(request: HttpRequest, view: View, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of it: layers, config and derivation, readable, and as it stands one click deeper."""
    shown = found["shown"]
    links = {node["digest"]: f"/p/{view.project}/a/{node['digest']}" for node in found["near"]["nodes"]}
    raw = json.dumps({**shown["config"], "made_by": shown["made_by"]}, ensure_ascii=False, indent=2)
    at = _whole(view, "layers")
    layers = [] if shown["withdrawn"] is not None else list(view.artifact.layers)
    return {
        "config": Reader(view.language, links).html(shown["config"]),
        "params": Reader(view.language, links, shown["made_by"]["verb"]).html(shown["made_by"]["params"]),
        "raw": printable(raw) if len(raw) <= RAW_CHARACTERS else "",
        "layers": [{"layer": layer, "title": printable(layer.title)} for layer in layers[at : at + MOST_LAYERS]],
        "layers_at": at,
        "layers_before": max(0, at - MOST_LAYERS),
        "layers_next": at + MOST_LAYERS if len(layers) > at + MOST_LAYERS else 0,
    }


def _lineage(request: HttpRequest, view: View, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the drawing and the same as rows, ancestors first."""
    near = found["near"]
    roles: dict[str, list[str]] = {}
    for edge in near["edges"]:
        for one, other in ((edge["from"], edge["to"]), (edge["to"], edge["from"])):
            if other == near["digest"]:
                roles.setdefault(one, []).append(field_word(edge["role"], view.language))
    rows = [{**node, "roles": roles.get(node["digest"], []), "steps": abs(node["depth"])} for node in near["nodes"]]
    up = [row for row in rows if row["depth"] < 0]
    down = [row for row in rows if row["depth"] > 0]
    return {
        "drawing": lineage_graph.whole(near, view.project, view.language),
        "ancestors": sorted(up, key=lambda row: -row["depth"]),
        "descendants": sorted(down, key=lambda row: row["depth"]),
        "more_up": near["up"] - len(up),
        "more_down": near["down"] - len(down),
    }


def _evidence(request: HttpRequest, view: View, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files that can be downloaded about it, and the key that signs them."""
    keys = query(request, view.project, "key.list")
    about = [{**row, "role": field_word(row["role"], view.language)} for row in found["evidence"]["about"]]
    return {
        "about": about,
        "files": [] if found["shown"]["withdrawn"] is not None else files_of(view.session, found["kind"]),
        "fingerprint": next((key["fingerprint"] for key in keys if not key["retired"]), ""),
    }


def _log(request: HttpRequest, view: View, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the proof that the entry which brought it here stands in the log."""
    here = [entry for entry in found["evidence"]["entries"] if not entry["elsewhere"]]
    first = next((entry for entry in here if entry["what"] != "withdrawn"), None)
    if first is None:
        return {"proof": None}
    return {"proof": proofs.inclusion(query(request, view.project, "log.proof", index=first["index"]))}


_OURS: Mapping[str, Callable[[HttpRequest, View, Mapping[str, Any]], dict[str, Any]]] = {
    "content": _content,
    "facts": _facts,
    "lineage": _lineage,
    "evidence": _evidence,
    "log": _log,
}


@dataclass(frozen=True)
class File:
    """A query that writes a file about artifacts of a kind: its address, its artifact field, its choices."""

    command: Command
    takes: str
    options: tuple[tuple[Option, Text], ...]


def files_of(session: Session, kind: str) -> list[File]:
    """Return the queries that write a file about artifacts of this kind, as far as the session may ask them."""
    found = []
    for name, command in commands().items():
        takes = [option for option in command.options if option.type == "artifact" and kind in option.kinds]
        writes = any(option.type == "output" for option in command.options)
        if command.kind == "query" and takes and writes:
            if permission.decide(session, QUERIES[name].permission, name).allowed:
                options = tuple(option for option in command.options if option.type in ("choice", "bool"))
                words = tuple((option, Text(*(field_word(option.name, x) for x in ("en", "zh")))) for option in options)
                found.append(File(command, takes[0].name, words))
    return found
