"""Who may do what. A role is a set of permissions; a decision is a query that comes with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quanheng.core.database import cursor
from quanheng.errors import Forbidden, Text

if TYPE_CHECKING:
    from quanheng.core.models import Project
    from quanheng.core.session import Session

ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset({"read", "build", "review", "annotate", "operate", "audit", "own"}),
    "builder": frozenset({"read", "build"}),
    "reviewer": frozenset({"read", "review"}),
    "annotator": frozenset({"annotate"}),
    "operator": frozenset({"read", "operate"}),
    "auditor": frozenset({"read", "audit"}),
    "public": frozenset(),
}
#: What anybody may do in a project that is public.
PUBLIC_PROJECT = frozenset({"read"})
#: The code of a refusal by `require`.
REFUSED = "forbidden"


@dataclass(frozen=True)
class Decision:
    """Whether it is allowed, and why."""

    allowed: bool
    reason: Text


def decide(session: Session, permission: str, name: str, *, scope: str = "") -> Decision:
    """Return whether the session's actor may run the verb or query `name`, which asks for `permission`.

    Order: an inactive actor may nothing; a token may only what its scopes and project say; then the roles of the
    actor in the project and in the whole workspace; then what a public project allows. What changes or signs for the
    whole workspace takes a role in the whole workspace: otherwise the owner of one project could make a token of
    anybody's. scope: "project" or "workspace"; that of the verb or query when empty.
    """
    from quanheng.core.models import Project

    wide = permission != "read" and (scope or _scope_of(name)) == "workspace"
    if not session.is_active:
        return _no("the actor is deactivated", "该账号已停用")
    if session.scopes is not None and not session.scopes & {permission, name}:
        return _no(
            f"the token's scopes do not include {permission}",
            f"访问令牌的范围不包含 {permission}",
        )
    if session.token_project and session.project_id != session.token_project:
        return _no("the token is bound to another project", "访问令牌只能用于另一个项目")
    if session.token_project and wide:
        return _no("the token is bound to one project", "访问令牌只能用于一个项目")
    if permission == "self":
        if session.actor_id:
            return Decision(True, Text("everybody may, for their own account", "每个人都可以处理自己的账号"))
        return _no("nobody is signed in", "尚未登录")
    with cursor() as cur:  # the hot path of every call: plain SQL
        cur.execute("SELECT project_id, role FROM qh_core_membership WHERE actor_id = %s", [session.actor_id])
        rows = cur.fetchall()
    if wide:
        rows = [row for row in rows if row[0] is None]
    for project_id, role in rows:
        if project_id in (None, session.project_id) and permission in ROLES[role]:
            where = ("the workspace", "整个工作区") if project_id is None else ("this project", "本项目")
            return Decision(
                True, Text(f"{role} of {where[0]} may {permission}", f"{where[1]}的 {role} 可以 {permission}")
            )
    public = permission in PUBLIC_PROJECT and session.project_id is not None
    if public and Project.objects.filter(id=session.project_id, is_public=True).exists():
        return Decision(True, Text("the project is public", "项目是公开的"))
    roles = sorted({role for project_id, role in rows if project_id in (None, session.project_id)})
    have = ", ".join(roles) or "none"
    where = ("in the whole workspace", "在整个工作区") if wide else ("here", "在这里")
    return _no(
        f"it needs the permission {permission}; your roles {where[0]}: {have}",
        f"需要 {permission} 权限；你{where[1]}的角色：{'、'.join(roles) or '无'}",
    )


def reads_all(session: Session) -> bool:
    """Return whether the actor may read in every project: by a role in the whole workspace, and no token's border."""
    if not session.is_active or session.token_project:
        return False
    with cursor() as cur:
        cur.execute(
            "SELECT role FROM qh_core_membership WHERE actor_id = %s AND project_id IS NULL", [session.actor_id]
        )
        return any("read" in ROLES[role] for (role,) in cur.fetchall())


def readable_projects(session: Session) -> list[Project]:
    """Return the projects that the session may read, in order of their slugs."""
    from quanheng.core.models import Project

    rows = Project.objects.order_by("slug")
    return [p for p in rows if decide(replace(session, project_id=p.id), "read", "project.list").allowed]


def _scope_of(name: str) -> str:
    from quanheng.core.verb import QUERIES, VERBS, load

    load()
    found = VERBS.get(name) or QUERIES.get(name)
    return found.scope if found else "project"


def _no(en: str, zh: str) -> Decision:
    return Decision(False, Text(en, zh))


def require(session: Session, permission: str, name: str, *, scope: str = "") -> Decision:
    """Return the decision when it allows; otherwise raise Forbidden with its reason."""
    decision = decide(session, permission, name, scope=scope)
    if decision.allowed:
        return decision
    needed = ", ".join(sorted(role for role, may in ROLES.items() if permission in may))
    raise Forbidden(
        f"{name} is not allowed: {decision.reason.en}",
        f"不能执行 {name}：{decision.reason.zh}",
        hint=(
            f"Roles that may: {needed}. Ask an owner of the project.",
            f"可执行的角色：{needed}。请联系项目的 owner。",
        ),
        code="forbidden",
    )
