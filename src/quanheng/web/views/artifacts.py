"""Views of artifacts: the list, the one page for every kind, and the files: layers, reports, bundles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import BoundedSemaphore
from typing import Any, BinaryIO

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, re_path
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from quanheng.api.downloads import BINARY, attachment
from quanheng.api.endpoints import file_name_of, output_fields
from quanheng.api.problems import heads
from quanheng.api.reading import parameters
from quanheng.core.artifacts import load_digest
from quanheng.core.call import ask
from quanheng.core.offered import titled
from quanheng.core.preview import printable
from quanheng.core.resolve import withdrawn
from quanheng.core.verb import find_query
from quanheng.errors import Conflict, Invalid, NotFound, Unavailable
from quanheng.store import Layer, is_digest
from quanheng.web import artifact_page
from quanheng.web.errors import no_page
from quanheng.web.every_row import every_row
from quanheng.web.http import csv_file, data, query, session_of, show

PROJECT = r"p/(?P<project>[a-z0-9][a-z0-9._-]{0,99})"
PAGE = 50
#: Rows of a list that is asked for as JSON, where a cursor leads on.
JSON_ROWS = 1000
#: A digest as people paste it: with or without its algorithm, whole or only its beginning.
PASTED = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")
#: Reports and bundles take a processor and disk for a while: so many at once, and how long the next one waits (s).
FILES_AT_ONCE, FILE_WAIT_S = 2, 20
_files = BoundedSemaphore(FILES_AT_ONCE)


@require_safe
def artifacts(request: HttpRequest, project: str, suffix: str = "") -> HttpResponseBase:
    """Show the artifacts of the project, newest first: of one kind, or with something in their names."""
    kind, name = request.GET.get("kind", "")[:60], request.GET.get("name", "").strip()[:100]
    if pasted := PASTED.fullmatch(name):
        if found := _find(request, project, "sha256:" + pasted[1]):
            return HttpResponseRedirect(f"/p/{project}/a/{found}")
    after = request.GET.get("after", "")[:20]
    asked = {"kind": kind, "name": name}
    if suffix == ".csv":
        return csv_file(every_row(request, project, "artifact.list", "after", **asked), "artifacts")
    found = query(request, project, "artifact.list", **asked, after=after, limit=JSON_ROWS if suffix else PAGE)
    if answer := data(found, suffix, "artifacts"):
        return answer
    context = {
        "rows": [{**row, "names": [printable(item) for item in row["names"]]} for row in titled(found["rows"])],
        "kinds": query(request, project, "artifact.kinds"),
        "chosen": kind,
        "name": name,
        "after": after,
        "asked": urlencode({key: value for key, value in asked.items() if value}),
        "next": urlencode({**asked, "after": found["next"]}) if found["next"] else "",
    }
    return show(request, "web/artifacts.html", context, project=project)


def _find(request: HttpRequest, project: str, text: str) -> str:
    """Return the digest that `text` stands for, "" when there is no such artifact."""
    try:
        return str(query(request, project, "artifact.find", artifact=text)["digest"])
    except (NotFound, Invalid):  # several begin so, or none
        return ""


@require_http_methods(["GET", "HEAD", "POST"])
def artifact(request: HttpRequest, project: str, name: str) -> HttpResponseBase:
    """Show an artifact. A name, or the beginning of a digest, leads to the address with the digest.

    By POST only a tab can be asked that says so; nothing is ever changed here.
    """
    suffix = ".json" if name.endswith(".json") else ""
    text = name.removesuffix(suffix)
    if not is_digest(text):
        found = query(request, project, "artifact.find", artifact=text)
        rest = f"?{request.GET.urlencode()}" if request.GET else ""
        return HttpResponseRedirect(f"/p/{project}/a/{found['digest']}{suffix}{rest}")
    shown = query(request, project, "artifact.show", artifact=text)
    if request.method == "POST" and not artifact_page.takes_form(shown["kind"], request.GET.get("tab", "")):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if answer := data(shown, suffix, "artifact"):
        return answer
    return show(request, "web/artifact.html", artifact_page.context(request, project, shown), project=project)


@require_safe
@heads
def layer(request: HttpRequest, project: str, digest: str, layer_digest: str) -> HttpResponseBase:
    """Send a layer as a file, never as a page; Conflict (409) when its artifact was withdrawn."""
    found = query(request, project, "artifact.find", artifact=digest)
    if found["withdrawn"]:
        raise withdrawn(digest, digest)
    session = session_of(request, project)
    wanted = next((x for x in load_digest(session, found["digest"]).layers if x.digest == layer_digest), None)
    if wanted is None:
        raise NotFound(
            f"the artifact {digest} has no layer {layer_digest}",
            f"制品 {digest} 没有数据层 {layer_digest}",
            hint=("See its layers on its page.", "请在制品页面查看其数据层。"),
            code="no_such_layer",
        )
    objects = session.workspace.objects
    if wanted.is_external and not objects.exists(wanted.digest):
        raise _elsewhere(wanted)

    def opener(offset: int) -> BinaryIO:
        stream = objects.open(layer_digest)
        stream.seek(offset)
        return stream

    return attachment(
        request, opener, size=wanted.size, name=wanted.title, media_type=BINARY, etag=wanted.digest
    )  # fmt: skip


def _elsewhere(wanted: Layer) -> Conflict:
    return Conflict(
        f"the layer {wanted.title} lies outside of this workspace",
        f"数据层 {wanted.title} 存放在本工作区之外",
        hint=(
            f"Fetch it there and compare its digest: {wanted.urls[0]}",
            f"请从该地址获取并核对摘要：{wanted.urls[0]}",
        ),
        code="layer_elsewhere",
    )


@require_GET
def get(request: HttpRequest, project: str, noun: str, action: str) -> HttpResponseBase:
    """Send the file that a query writes, such as a report or an evidence bundle; nothing of it stays here."""
    name = f"{noun}.{action}"
    found = find_query(name)
    fields = output_fields(name)
    if not fields:
        raise no_page(request.path)
    asked: dict[str, Any] = parameters(request, found.input)
    session = session_of(request, project)
    file_name = file_name_of(name, asked)
    with _turn(), session.workspace.objects.scratch() as scratch:
        path = scratch / file_name
        ask(replace(session, scratch=scratch), name, {**asked, fields[0]: str(path)})
        size, stream = path.stat().st_size, path.open("rb")  # goes on to be readable when the folder is gone
    media_type = BINARY if path.suffix == ".html" else ""
    return attachment(request, lambda offset: stream, size=size, name=file_name, media_type=media_type)


@contextmanager
def _turn() -> Iterator[None]:
    """Wait for one of the places in which files are made; Unavailable when none is free soon."""
    if not _files.acquire(timeout=FILE_WAIT_S):
        raise Unavailable(
            "other reports or bundles are being made just now",
            "正在生成其他报告或材料包",
            hint=("Try again in a minute.", "请稍后重试。"),
            code="busy",
        )
    try:
        yield
    finally:
        _files.release()


urlpatterns: list[URLPattern] = [
    re_path(rf"^{PROJECT}/artifacts(?P<suffix>\.json|\.csv)?$", artifacts),
    re_path(rf"^{PROJECT}/a/(?P<digest>sha256:[0-9a-f]{{64}})/layer/(?P<layer_digest>sha256:[0-9a-f]{{64}})$", layer),
    re_path(rf"^{PROJECT}/a/(?P<name>[^/]{{1,250}})$", artifact),
    re_path(rf"^{PROJECT}/get/(?P<noun>[a-z_]+)/(?P<action>[a-z_]+)$", get),
]
