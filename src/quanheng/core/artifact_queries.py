"""The queries about one artifact: what a name stands for, its contents, what lies around it, what proves it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from quanheng.core import clock, preview
from quanheng.core.database import cursor
from quanheng.core.inputs import Input, Takes, param
from quanheng.core.queries import One
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.errors import Conflict, NotFound, QuanhengError, Text
from quanheng.store import JSON

#: Memory (MiB) and processor time (s) for the child process that reads a page of Parquet.
PARQUET_MB, PARQUET_S = 1024, 20
#: Artifacts of one kind beyond this many are not counted.
MANY = 1000
#: Neighbours beyond this many are not counted to the last.
COUNTED = 10_000
#: How far the entry of a withdrawal may lie from the time of the withdrawal, whose transaction is the same.
WITHDRAWN_WITHIN = dt.timedelta(minutes=10)


class Nothing(Input):
    """No input."""


@query("artifact.kinds", help=("List the kinds of artifacts in the project", "列出项目中的制品类型"))
def artifact_kinds(session: Session, inp: Nothing) -> Any:
    """Return the kinds (without version) that the project has artifacts of: {kind, count, more}, in order.

    Of each version at most MANY are counted; `more` says that there are more than `count`.
    """
    found: dict[str, tuple[int, bool]] = {}
    for kind in _every_kind():
        count = _count_of(kind, str(session.project_id))
        before, more = found.get(kind.split("/")[0], (0, False))
        if count:
            found[kind.split("/")[0]] = (before + min(count, MANY), more or count > MANY)
    return [{"kind": kind, "count": count, "more": more} for kind, (count, more) in sorted(found.items())]


def _every_kind() -> Iterator[str]:
    """Yield each kind that the workspace has artifacts of, one step in the index each."""
    kind: str | None = ""
    with cursor() as cur:
        while kind is not None:
            cur.execute("SELECT MIN(kind) FROM qh_core_artifact WHERE kind > %s", [kind])
            kind = cur.fetchone()[0]
            if kind is not None:
                yield kind


def _count_of(kind: str, project: str) -> int:
    """Return how many artifacts of this kind are placed in the project, at most MANY + 1.

    CROSS JOIN keeps SQLite from reading every artifact of the project with its manifest.
    """
    with cursor() as cur:
        cur.execute(
            "SELECT COUNT(*) FROM (SELECT 1 FROM qh_core_artifact a CROSS JOIN qh_core_placement p"
            " WHERE a.kind = %s AND p.artifact_id = a.id AND p.project_id = %s LIMIT %s) AS counted",
            [kind, project, MANY + 1],
        )
        return int(cur.fetchone()[0])


class Find(Input):
    """Input of artifact.find."""

    artifact: str = param(..., "Name, kind:name or digest", "名称、kind:名称 或摘要")


@query("artifact.find", help=("Find the artifact that a name stands for", "查找名称所指的制品"))
def artifact_find(session: Session, inp: Find) -> Any:
    """Return {digest, kind, withdrawn} of what a name or the first digits of a digest stand for, withdrawn or not."""
    from quanheng.core.models import Artifact
    from quanheng.core.resolve import find_artifact

    try:
        rows = Artifact.objects.filter(digest=find_artifact(session, inp.artifact))
    except Conflict as error:
        if error.code != "withdrawn":
            raise
        rows = _withdrawn(session, inp.artifact)
    digest, kind, withdrawn_at = rows.values_list("digest", "kind", "withdrawn_at").get()
    return {"digest": digest, "kind": kind, "withdrawn": withdrawn_at is not None}


def _withdrawn(session: Session, text: str) -> Any:
    """Return the one artifact that `find_artifact` knew, and refused for its withdrawal."""
    from quanheng.core.models import Artifact, Name

    if text.startswith("sha256:"):
        return Artifact.objects.filter(digest__startswith=text, placement__project_id=session.project_id)
    kind, _, slug = text.rpartition(":")
    names = Name.objects.filter(project_id=session.project_id, slug=slug, **({"kind": kind} if kind else {}))
    return Artifact.objects.filter(id__in=names.values("artifact_id"))


EMPTY_PAGE: Mapping[str, Any] = {
    "form": "none", "columns": [], "rows": [], "row": None, "next": None, "total": None, "text": "", "encoding": "",
    "cut": False, "notes": [],
}  # fmt: skip


class Preview(One):
    """Input of artifact.preview."""

    layer: str = param(
        "", "Title or digest of the layer; the first that can be shown", "数据层的标题或摘要；默认首个可预览的"
    )
    after: int = param(0, "From this row on, counted from 0", "从第几行起（从 0 计）", ge=0, le=2**53)
    limit: int = param(50, "At most so many rows (1 to 200)", "最多多少行（1 至 200）", ge=1, le=preview.MOST_ROWS)
    row: int | None = param(None, "Only this row, whole", "只看该行的全部内容", ge=0, le=2**53)


@query("artifact.preview", help=("Show the beginning of what an artifact holds", "预览制品的内容"))
def artifact_preview(session: Session, inp: Preview) -> Any:
    """Return the layer and a page of it: rows, text, or notes on why it is not shown.

    `form` is "rows" (`columns`, `rows`, `next`, `total`), "row" (`row`), "text" (`text`, `encoding`, `cut`) or "none".
    An external layer is read only where its bytes lie in this workspace; nothing is fetched.
    """
    from quanheng.core.artifacts import load

    loaded = load(session, inp.artifact)
    layer = _layer(loaded, inp.layer)
    found = _page(session, layer, inp) if layer else {"notes": [Text("it has no files", "没有文件")]}
    page: dict[str, Any] = {**EMPTY_PAGE, **found}
    return {
        "digest": loaded.digest,
        "layer": layer and {name: getattr(layer, name) for name in ("title", "digest", "size", "media_type")},
        **page,
        "notes": [{"en": en, "zh": zh} for en, zh in page["notes"]],
    }


def _layer(loaded: Any, wanted: str) -> Any:
    """Return the layer with this title or digest; with neither the first that can be shown, None without layers."""
    if wanted:
        return next((layer for layer in loaded.layers if layer.digest == wanted), None) or loaded.layer(wanted)
    shown = (layer for layer in loaded.layers if layer.size and preview.form_of(layer))
    return next(shown, next(iter(loaded.layers), None))


def _page(session: Session, layer: Any, inp: Preview) -> dict[str, Any]:
    """Return what of a page differs from an empty one."""
    objects, form = session.workspace.objects, preview.form_of(layer)
    if layer.is_external and not objects.exists(layer.digest):
        return {
            "notes": [
                Text(
                    "this layer lies outside of the workspace and is not fetched for a preview",
                    "该数据层存放在工作区之外，预览不会去取",
                )
            ]
        }
    if not form:
        return {
            "notes": [Text("files of this type are not shown here; download it", "此类文件不在此处显示，请下载查看")]
        }
    if form == "parquet":
        return _parquet(str(objects.path(layer.digest)), inp)
    with objects.open(layer.digest) as stream:
        if form == "jsonl" and inp.row is not None:
            return _row(preview.jsonl_row(stream, inp.row), inp.row)
        if form == "jsonl":
            return preview.jsonl_page(stream, inp.after, inp.limit)
        return preview.json_page(stream, layer.size) if form == "json" else preview.text_page(stream)


def _parquet(path: str, inp: Preview) -> dict[str, Any]:
    from quanheng.core import bounded

    task: dict[str, JSON] = {"path": path, "after": inp.after, "limit": inp.limit, "row": inp.row}
    try:
        found = bounded.run("quanheng.core.preview:parquet_page", task, memory_mb=PARQUET_MB, time_s=PARQUET_S)
    except QuanhengError as error:
        if error.code not in ("too_much", "unreadable_parquet"):
            raise
        return {"notes": [error.text]}
    return found if inp.row is None else _row(found, inp.row)


def _row(found: dict[str, Any] | None, number: int) -> dict[str, Any]:
    if found is None:
        raise NotFound(
            f"there is no row {number} within reach",
            f"没有第 {number} 行，或其位置超出预览范围",
            hint=("Rows are counted from 0; download the layer to see all.", "行号从 0 计；请下载数据层查看全部。"),
            code="no_such_row",
        )
    return {"form": "row", "row": found}


class Near(One):
    """Input of lineage.near."""

    limit: int = param(40, "At most so many artifacts (2 to 200)", "最多多少个制品（2 至 200）", ge=2, le=200)


@query("lineage.near", help=("What lies nearest to an artifact, both ways", "查看制品的近缘：由何产生、产生了何物"))
def lineage_near(session: Session, inp: Near) -> Any:
    """Return the nearest ancestors and descendants as nodes and edges, and how many more there are each way.

    Nodes: {digest, kind, names, withdrawn, depth}; depth is below 0 for ancestors, the artifact itself stands first.
    Edges: {from, to, role}. `up` and `down` count all ancestors and descendants, at most COUNTED of each.
    """
    from quanheng.core import lineage
    from quanheng.core.models import Artifact

    digest = artifact_find(session, Find(artifact=inp.artifact))["digest"]
    start = Artifact.objects.values_list("id", flat=True).get(digest=digest)
    project = str(session.project_id)
    up, down = (lineage.near(start, project, COUNTED, down=way) for way in (False, True))
    room_up = min(len(up), max(inp.limit // 2, inp.limit - len(down)))
    shown = [*up[:room_up], *down[: inp.limit - room_up]]
    edges = lineage.edges_among([start, *shown])
    depth = _depths(start, edges)
    facts = _facts(session, [start, *shown])
    nodes = [{**facts[node], "depth": depth.get(node, 0)} for node in (start, *shown)]
    return {
        "digest": digest,
        "nodes": nodes,
        "edges": [{"from": facts[s]["digest"], "to": facts[d]["digest"], "role": role} for s, d, role in edges],
        "up": len(up),
        "down": len(down),
        "counted": COUNTED,
    }


def _depths(start: int, edges: Iterable[tuple[int, int, str]]) -> dict[int, int]:
    """Return how far each node is from `start`: below 0 against the edges, above along them."""
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for source, target, _ in edges:
        before.setdefault(target, []).append(source)
        after.setdefault(source, []).append(target)
    depth = {start: 0}
    for step, near in ((-1, before), (1, after)):
        layer = [start]
        while layer:
            found = [other for node in layer for other in near.get(node, []) if other not in depth]
            depth.update(
                {other: depth[node] + step for node in layer for other in near.get(node, []) if other in found}
            )
            layer = list(dict.fromkeys(found))
    return depth


def _facts(session: Session, ids: list[int]) -> dict[int, dict[str, Any]]:
    """Return {digest, kind, names, withdrawn} of these artifacts by id."""
    from quanheng.core.models import Artifact, Name

    named: dict[int, list[str]] = {}
    names = Name.objects.filter(project_id=session.project_id, artifact_id__in=ids).order_by("id")
    for artifact_id, slug in names.values_list("artifact_id", "slug"):
        named.setdefault(artifact_id, []).append(slug)
    rows = Artifact.objects.filter(id__in=ids).values_list("id", "digest", "kind", "withdrawn_at")
    return {
        number: {"digest": digest, "kind": kind, "names": named.get(number, []), "withdrawn": at is not None}
        for number, digest, kind, at in rows
    }


class Evidence(Input):
    """Input of artifact.evidence."""

    artifact: Annotated[str, Takes("*")] = param(..., "Name, kind:name or digest", "名称、kind:名称 或摘要")
    limit: int = param(50, "At most so many artifacts about it (1 to 200)", "最多列出多少个（1 至 200）", ge=1, le=200)


@query("artifact.evidence", help=("Show what proves an artifact", "查看制品的证明"))
def artifact_evidence(session: Session, inp: Evidence) -> Any:
    """Return what was made from it at once (`about`), its log entries, the checkpoint over them, and who saw that.

    entries: {index, time, verb, outcome, job, what, actor} with `what` "registered", "placed" or "withdrawn", oldest
    first; `actor` is empty for visitors. checkpoint: the earliest signed one that covers the registration, or None.
    """
    from quanheng.core.models import Artifact, Edge

    digest = artifact_find(session, Find(artifact=inp.artifact))["digest"]
    artifact = Artifact.objects.get(digest=digest)
    rows = Edge.objects.filter(src=artifact, dst__placement__project_id=session.project_id)
    found = list(rows.order_by("-dst").values_list("dst_id", "role")[: inp.limit])
    facts = _facts(session, [number for number, _ in found])
    entries = _entries(session, artifact)
    registered = next((entry["index"] for entry in entries if entry["what"] != "withdrawn"), None)
    return {
        "digest": digest,
        "withdrawn": artifact.withdrawn_reason if artifact.withdrawn_at else None,
        "about": [{**facts[number], "role": role} for number, role in found],
        "entries": entries,
        "checkpoint": None if registered is None else _checkpoint(registered),
    }


def _entries(session: Session, artifact: Any) -> list[dict[str, Any]]:
    """Return the entries that registered the artifact, brought it into the project, or withdrew it."""
    from quanheng.core import log
    from quanheng.core.models import Job, Placement

    what = {artifact.job_id: "registered"}
    for job in Placement.objects.filter(artifact=artifact, project_id=session.project_id).values_list("job", flat=True):
        what.setdefault(job, "placed")
    if artifact.withdrawn_at:
        at = artifact.withdrawn_at
        jobs = Job.objects.filter(verb="artifact.withdraw", state="done", inputs__contains=artifact.digest)
        jobs = jobs.filter(created_at__range=(at - WITHDRAWN_WITHIN, at + WITHDRAWN_WITHIN))
        what |= dict.fromkeys(jobs.values_list("id", flat=True), "withdrawn")
    actors = dict(Job.objects.filter(id__in=what).values_list("id", "actor__label")) if session.actor_id else {}
    found = []
    for job, index in sorted(log.indexes_of_jobs(sorted(what)).items(), key=lambda pair: pair[1]):
        entry = json.loads(log.entry(index))
        fields = {name: entry[name] for name in ("time", "verb", "outcome", "job")}
        elsewhere = entry["project"] != session.project_id
        found.append(
            {"index": index, **fields, "what": what[job], "elsewhere": elsewhere, "actor": actors.get(job, "")}
        )
    return found


def _checkpoint(index: int) -> dict[str, Any] | None:
    """Return the earliest signed checkpoint over the entry `index`, and who outside saw it or a later one first."""
    from quanheng.core.models import Checkpoint, Witness

    row = Checkpoint.objects.filter(size__gt=index).order_by("size", "id").first()
    if row is None:
        return None
    seen = Witness.objects.filter(checkpoint__size__gt=index).order_by("witnessed_on", "id").first()
    return {
        "size": row.size,
        "fingerprint": row.fingerprint,
        "created": clock.text_of(row.created_at),
        "witness": {"form": seen.form, "date": seen.witnessed_on.isoformat()} if seen else None,
    }
