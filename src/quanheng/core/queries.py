"""The queries of the core: permission-checked reads, never logged, never a job. Each returns plain data."""

from __future__ import annotations

from typing import Annotated, Any

from quanheng.core import clock
from quanheng.core.inputs import Input, Local, Takes, param
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.core.verbs import Nothing

LIMIT = 1000


class Page(Input):
    """Input of a list."""

    limit: int = param(50, "At most so many rows (1 to 1000)", "最多多少行（1 至 1000）", ge=1, le=LIMIT)
    after: str = param("", "Continue after this cursor", "从此游标之后继续")


def older(rows: Any, page: Page) -> list[Any]:
    """Return one page of rows that are ordered by descending id; the cursor is the last id of the page before."""
    if page.after:
        rows = rows.filter(id__lt=int(page.after) if page.after.isdigit() and len(page.after) < 19 else 0)
    return list(rows[: page.limit])


def by_time(rows: Any, column: str, page: Page) -> list[Any]:
    """Return one page of rows, newest first; the cursor is time and id of the last row of the page before."""
    from django.db.models import Q
    from django.utils.dateparse import parse_datetime

    time, _, last = page.after.rpartition("~")
    try:
        at = parse_datetime(time)
    except ValueError:
        at = None
    if page.after and at is None:
        return []
    if at is not None:
        rows = rows.filter(Q(**{f"{column}__lt": at}) | Q(**{column: at, "id__lt": last}))
    return list(rows.order_by(f"-{column}", "-id")[: page.limit])


def time_cursor(found: list[Any], column: str, page: Page) -> str | None:
    """Return the cursor of the page after `found`, None when there is none."""
    if len(found) < page.limit:
        return None
    return f"{clock.text_of(getattr(found[-1], column))}~{found[-1].id}"


class One(Input):
    """Names an artifact."""

    artifact: Annotated[str, Takes("*")] = param(..., "Name, kind:name or digest", "名称、kind:名称 或摘要")


def _digest(session: Session, text: str) -> str:
    from quanheng.core.resolve import find_artifact

    return find_artifact(session, text)


@query("artifact.show", help=("Show an artifact", "查看制品"))
def artifact_show(session: Session, inp: One) -> Any:
    """Return kind, names, config, layers, job, entry and withdrawal of an artifact."""
    from quanheng.core.artifacts import summary
    from quanheng.core.models import Artifact

    known = Artifact.objects.filter(digest=inp.artifact, placement__project_id=session.project_id).exists()
    return summary(session, inp.artifact if known else _digest(session, inp.artifact))


class ArtifactList(Page):
    """Input of artifact.list."""

    kind: str = param("", "Only this kind (name without version)", "只看该类型（不含版本）")
    name: str = param("", "Only those with this in their name", "只看名称含有该文字的", max_length=100)


#: Up to so many artifacts of a kind or a name are looked up one by one; of more, a page is soon found on the way.
FEW = 1000


def _fitting(placed: Any, inp: ArtifactList, session: Session) -> Any:
    """Return the placements of artifacts of the kind and name that are asked for."""
    from quanheng.core.models import Artifact, Name

    kind = inp.kind.split("/")[0]
    ids: Any
    if inp.name:
        names = Name.objects.filter(project_id=session.project_id, slug__contains=inp.name.lower())
        ids = (names.filter(kind=kind) if kind else names).values_list("artifact_id", flat=True)
        every: dict[str, Any] = {"artifact_id__in": ids}
    elif kind:  # a range, for an index serves it: "0" comes after "/"
        ids = Artifact.objects.filter(kind__gte=kind + "/", kind__lt=kind + "0").values_list("id", flat=True)
        every = {"artifact__kind__gte": kind + "/", "artifact__kind__lt": kind + "0"}
    else:
        return placed
    few = list(ids[: FEW + 1])
    if len(few) > FEW:
        return placed.filter(**every)
    # Without an order the index of (project, artifact) serves; with one SQLite would walk every placement.
    return placed.filter(id__in=list(placed.filter(artifact_id__in=few).order_by().values_list("id", flat=True)))


@query("artifact.list", help=("List the artifacts of the project, newest first", "列出项目中的制品，最新在前"))
def artifact_list(session: Session, inp: ArtifactList) -> Any:
    """Return rows {digest, kind, names, created, withdrawn} and the cursor of the next page."""
    from quanheng.core.models import Name, Placement

    columns = ("id", "artifact_id", "artifact__digest", "artifact__kind", "artifact__created_at")
    rows = Placement.objects.filter(project_id=session.project_id).order_by("-id")
    shown = _fitting(rows, inp, session).values_list(*columns, "artifact__withdrawn_at")  # a list is asked for often
    page = older(shown, inp)
    named: dict[int, list[str]] = {}
    for artifact_id, slug in Name.objects.filter(
        project_id=session.project_id, artifact_id__in=[row[1] for row in page]
    ).values_list("artifact_id", "slug"):
        named.setdefault(artifact_id, []).append(slug)
    return {
        "rows": [
            {
                "digest": digest,
                "kind": kind,
                "names": named.get(artifact_id, []),
                "created": clock.text_of(created_at),
                "withdrawn": withdrawn_at is not None,
            }
            for _, artifact_id, digest, kind, created_at, withdrawn_at in page
        ],
        "next": str(page[-1][0]) if len(page) == inp.limit else None,
    }


class Walk(One):
    """Input of lineage.of."""

    depth: int = param(100, "How many steps to go", "追溯的步数", ge=1, le=1000)
    down: bool = param(False, "What was made from it, instead of what it was made from", "改为查看由它产生的制品")


@query("lineage.of", help=("What an artifact was made from", "查看制品的血缘"))
def lineage_of(session: Session, inp: Walk) -> Any:
    """Return the edges met, nearest first: {digest, kind, role, near, depth}."""
    from quanheng.core.lineage import ancestors, descendants
    from quanheng.core.models import Artifact

    known = Artifact.objects.filter(digest=inp.artifact, placement__project_id=session.project_id).exists()
    digest = inp.artifact if known else _digest(session, inp.artifact)
    steps = (descendants if inp.down else ancestors)(digest, inp.depth, project=session.project_id)
    return {"digest": digest, "steps": [step._asdict() for step in steps]}


@query("project.list", permission="read", scope="workspace", help=("List the projects", "列出项目"))
def project_list(session: Session, inp: Nothing) -> Any:
    """Return slug, title and publicity of every project that the actor can read."""
    from quanheng.core.permission import readable_projects

    return [{"slug": p.slug, "title": p.title, "public": p.is_public} for p in readable_projects(session)]


@query("member.list", help=("List the members of the project", "列出项目成员"))
def member_list(session: Session, inp: Nothing) -> Any:
    """Return account, role and reach of everybody with a role here."""
    from django.db.models import Q

    from quanheng.core.models import Membership

    rows = Membership.objects.filter(Q(project_id=session.project_id) | Q(project=None)).select_related("actor")
    return [
        {"label": r.actor.label, "role": r.role, "reach": "project" if r.project_id else "workspace"}
        for r in rows.order_by("actor__label", "role")
    ]


@query("user.list", permission="own", scope="workspace", help=("List the accounts", "列出账号"))
def user_list(session: Session, inp: Nothing) -> Any:
    """Return every account."""
    from quanheng.core.models import Actor

    return [
        {"label": a.label, "kind": a.kind, "actor_id": a.id, "active": a.is_active}
        for a in Actor.objects.order_by("label")
    ]


@query("token.list", permission="own", scope="workspace", help=("List access tokens", "列出访问令牌"))
def token_list(session: Session, inp: Nothing) -> Any:
    """Return the tokens without their secrets."""
    from quanheng.core.models import Token

    return [
        {
            "id": t.id,
            "label": t.actor.label,
            "title": t.title,
            "scopes": t.scopes.split(),
            "expires": clock.text_of(t.expires_at),
            "revoked": clock.text_of(t.revoked_at) if t.revoked_at else None,
        }
        for t in Token.objects.select_related("actor").order_by("-created_at")
    ]


class NameHistory(Input):
    """Input of name.history."""

    name: str = param(..., "Name or kind:name", "名称或 kind:名称")
    kind: str = param("", "Kind, without version", "类型（不含版本）")


@query("name.history", help=("Show what a name pointed at", "查看名称的变动历史"))
def name_history(session: Session, inp: NameHistory) -> Any:
    """Return the moves of a name, newest first."""
    from quanheng.core.models import NameMove

    before, _, slug = inp.name.rpartition(":")
    rows = NameMove.objects.filter(project_id=session.project_id, slug=slug).select_related("artifact")
    if kind := before or inp.kind:
        rows = rows.filter(kind=kind)
    return [
        {
            "kind": r.kind,
            "name": r.slug,
            "digest": r.artifact.digest,
            "moved": clock.text_of(r.moved_at),
            "job": r.job_id,
        }
        for r in rows.order_by("-id")
    ]


class FlowName(Input):
    """Names a flow."""

    flow: str = param("", "Name of a shipped flow", "自带流程的名称", pattern=r"^[a-z0-9-]{0,60}$")
    file: Annotated[str | None, Local(remote=False)] = param(None, "TOML file of a flow", "流程的 TOML 文件")


@query("flow.show", help=("Check a flow and show its steps in order", "检查流程并列出步骤"))
def flow_show(session: Session, inp: FlowName) -> Any:
    """Return name, help, parameters and steps of a flow; all flows when none is named.

    `lists`: what the items of a parameter that is a list become.
    """
    from dataclasses import asdict

    from quanheng.core.flow import item_fields, read_flow, shipped

    if not inp.flow and not inp.file:
        return {"flows": sorted(shipped())}
    flow = read_flow(inp.flow, inp.file)
    steps = [{"id": s.id, "verb": s.verb, "needs": sorted(s.needs())} for s in flow.steps]
    return {
        "name": flow.name,
        "help": flow.help._asdict(),
        "params": dict(flow.params),
        "param_help": {name: text._asdict() for name, text in flow.param_help.items()},
        "lists": {name: asdict(fields) for name, fields in item_fields(flow).items()},
        "steps": steps,
    }


@query("config.show", scope="workspace", help=("Show settings and where each comes from", "查看设置及其来源"))
def config_show(session: Session, inp: Nothing) -> Any:
    """Return name, value, origin and help of every setting; secrets hidden."""
    return [
        {"name": v.setting.name, "value": v.shown, "origin": v.origin, "en": v.setting.help.en, "zh": v.setting.help.zh}
        for v in session.workspace.settings.values()
    ]


@query("case.types", help=("List the types of cases", "列出事项类型"))
def case_types(session: Session, inp: Nothing) -> Any:
    """Return the types with their states and transitions."""
    from quanheng.core.case import types

    return [t.to_json() for t in types().values()]


@query("case.list", help=("List the cases of the project", "列出项目的事项"))
def case_list(session: Session, inp: Page) -> Any:
    """Return the newest cases, and the cursor of the next page."""
    from quanheng.core.models import Case

    page = by_time(Case.objects.filter(project_id=session.project_id), "opened_at", inp)
    rows = [
        {"case": c.id, "type": c.type, "title": c.title, "state": c.state, "opened": clock.text_of(c.opened_at)}
        for c in page
    ]
    return {"rows": rows, "next": time_cursor(page, "opened_at", inp)}


class CaseId(Input):
    """Names a case."""

    case: str = param(..., "Id of the case", "事项编号")


@query("case.show", help=("Show a case with its clocks and next steps", "查看事项、时限与可做的下一步"))
def case_show(session: Session, inp: CaseId) -> Any:
    """Return state, events, clocks with due dates, and the transitions that are open now."""
    from quanheng.core.case import show_case

    return show_case(session, inp.case)
