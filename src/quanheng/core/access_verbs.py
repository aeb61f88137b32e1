"""The verbs of who may do what: projects, accounts, members, access tokens."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any, Literal

from quanheng.core import clock, permission
from quanheng.core.inputs import SLUG, Input, param
from quanheng.core.session import Session
from quanheng.core.verb import verb
from quanheng.errors import Conflict, Forbidden, Invalid, NotFound

Role = Literal["owner", "builder", "reviewer", "annotator", "operator", "auditor", "public"]


class ProjectCreate(Input):
    """Input of project.create."""

    slug: str = param(..., "Short name: a-z, 0-9, . _ -", "短名：a-z、0-9、. _ -", pattern=SLUG)
    title: str = param("", "Title", "标题", max_length=200)
    public: bool = param(False, "Anybody may read it", "任何人可读")


@verb("project.create", mode="inline", permission="own", scope="workspace", help=("Make a project", "新建项目"))
def project_create(ctx: Any, inp: ProjectCreate) -> Any:
    """Make a project; its creator becomes its owner."""
    from quanheng.core.call import Inline
    from quanheng.core.models import Membership, Project

    if Project.objects.filter(slug=inp.slug).exists():
        raise Conflict(
            f"there is a project {inp.slug} already",
            f"项目 {inp.slug} 已存在",
            hint=("Choose another short name.", "请换一个短名。"),
            code="project_exists",
        )
    project = Project.objects.create(
        slug=inp.slug, title=inp.title or inp.slug, is_public=inp.public, created_at=clock.now()
    )
    Membership.objects.create(actor_id=ctx.session.actor_id, project=project, role="owner")
    return Inline(value={"project": project.slug})


class UserCreate(Input):
    """Input of user.create."""

    label: str = param(..., "Name of the account", "账号名", pattern=r"^[\w.@+-]{1,150}$")
    kind: Literal["person", "service"] = param("person", "person or service", "person（人）或 service（服务）")


@verb("user.create", mode="inline", permission="own", scope="workspace", help=("Make an account", "新建账号"))
def user_create(ctx: Any, inp: UserCreate) -> Any:
    """Make an account without a password; give it roles with member.grant and access with token.create."""
    from quanheng.core.call import Inline
    from quanheng.core.models import Actor

    if Actor.objects.filter(label=inp.label).exists():
        raise Conflict(
            f"there is an account {inp.label} already",
            f"账号 {inp.label} 已存在",
            hint=("Choose another name.", "请换一个账号名。"),
            code="user_exists",
        )
    actor = Actor.objects.create(label=inp.label, kind=inp.kind, password="!", created_at=clock.now())  # noqa: S106
    return Inline(value={"user": actor.label, "actor_id": actor.id})


class UserName(Input):
    """Names an account."""

    label: str = param(..., "Name of the account", "账号名")


def find_actor(label: str) -> Any:
    """Return the account with this name; NotFound otherwise."""
    from quanheng.core.models import Actor

    actor = Actor.objects.filter(label=label).first()
    if actor is None:
        raise NotFound(
            f"there is no account {label!r}",
            f"没有账号 {label!r}",
            hint=("List them: quanheng user list", "查看账号：quanheng user list"),
            code="no_such_user",
        )
    return actor


@verb(
    "user.deactivate",
    mode="inline",
    permission="own",
    scope="workspace",
    help=("Stop an account from acting", "停用账号"),
)
def user_deactivate(ctx: Any, inp: UserName) -> Any:
    """Deactivate an account; its past stays."""
    actor = find_actor(inp.label)
    actor.is_active = False
    actor.save(update_fields=["is_active"])


class MemberGrant(Input):
    """Input of member.grant and member.revoke."""

    label: str = param(..., "Name of the account", "账号名")
    role: Role = param(..., "Role", "角色")
    everywhere: bool = param(False, "In the whole workspace, not only in this project", "在整个工作区，而不只是本项目")


def _reach(session: Session, inp: MemberGrant) -> str | None:
    """Return the project a role is for; None is the whole workspace, which only its owner may give or take."""
    if not inp.everywhere:
        return session.project_id
    permission.require(session, "own", "member.grant", scope="workspace")
    return None


@verb("member.grant", mode="inline", permission="own", help=("Give an account a role in the project", "授予项目角色"))
def member_grant(ctx: Any, inp: MemberGrant) -> Any:
    """Give a role in the session's project, or in the whole workspace."""
    from quanheng.core.models import Membership

    reach = _reach(ctx.session, inp)
    Membership.objects.get_or_create(actor=find_actor(inp.label), project_id=reach, role=inp.role)


@verb("member.revoke", mode="inline", permission="own", help=("Take a role away", "收回项目角色"))
def member_revoke(ctx: Any, inp: MemberGrant) -> Any:
    """Take a role in the session's project, or in the whole workspace, away; the last owner stays."""
    from quanheng.core.models import Membership

    actor = find_actor(inp.label)
    rows = Membership.objects.filter(project_id=_reach(ctx.session, inp), role=inp.role)
    if inp.role == "owner" and not rows.exclude(actor=actor).exists():
        raise Conflict(
            "at least one owner stays",
            "至少要保留一名 owner",
            hint=("Make somebody else owner first.", "请先把 owner 授予他人。"),
            code="last_owner",
        )
    rows.filter(actor=actor).delete()


class TokenCreate(Input):
    """Input of token.create."""

    label: str = param(..., "Account that the token acts for", "令牌代表的账号")
    title: str = param("", "What it is for", "用途", max_length=100)
    scopes: list[str] = param(["read"], "Permissions or verb names it may use", "可用的权限或操作名")
    days: int = param(30, "Days until it expires (1 to 366)", "有效天数（1 至 366）", ge=1, le=366)
    here: bool = param(False, "Only in this project", "仅限本项目")


@verb(
    "token.create",
    mode="inline",
    permission="own",
    scope="workspace",
    help=("Make an access token, shown once", "新建访问令牌（只显示一次）"),
)
def token_create(ctx: Any, inp: TokenCreate) -> Any:
    """Make a token of 256 random bits; only its hash is stored, and the answer is the only time it is seen.

    With a token only one of the same account, with no scope that the token has not and no later end.
    """
    from quanheng.core.call import Inline
    from quanheng.core.models import Token
    from quanheng.core.session import hash_secret

    if not inp.scopes:
        raise Invalid(
            "a token needs at least one scope",
            "令牌至少要有一个范围",
            hint=("Name the verbs or permissions that it may use.", "请写明它可以使用的权限。"),
            code="no_scope",
        )
    secret = "qh_" + secrets.token_urlsafe(32)
    actor = find_actor(inp.label)
    _require_no_wider(ctx.session, actor.id, inp.scopes)
    ends = clock.now() + dt.timedelta(days=inp.days)
    row = Token.objects.create(
        actor=actor,
        title=inp.title,
        secret_hash=hash_secret(secret),
        scopes=" ".join(inp.scopes),
        project_id=ctx.session.project_id if inp.here else None,
        created_at=clock.now(),
        expires_at=min(ends, ctx.session.token_ends or ends),
    )
    return Inline(value={"id": row.id, "token": secret})


def _require_no_wider(session: Session, actor_id: str, scopes: list[str]) -> None:
    """Raise Forbidden when a token would make one that may more than itself."""
    if session.scopes is None or (actor_id == session.actor_id and session.scopes.issuperset(scopes)):
        return
    raise Forbidden(
        "token.create is not allowed: a token makes only tokens of its own account, with scopes that it has",
        "不能执行 token.create：访问令牌只能为自身账号新建令牌，且范围不得超出自身",
        hint=("Make it without a token, on the workspace's machine.", "请在工作区所在机器上、不用令牌来新建。"),
        code="forbidden",
    )


class TokenId(Input):
    """Names a token."""

    id: str = param(..., "Id of the token", "令牌编号")


@verb("token.revoke", mode="inline", permission="own", scope="workspace", help=("End an access token", "撤销访问令牌"))
def token_revoke(ctx: Any, inp: TokenId) -> Any:
    """Revoke a token at once."""
    from quanheng.core.models import Token

    if not Token.objects.filter(id=inp.id, revoked_at=None).update(revoked_at=clock.now()):
        raise NotFound(
            f"there is no token {inp.id!r} in force",
            f"没有生效中的令牌 {inp.id!r}",
            hint=("List them: quanheng token list", "查看令牌：quanheng token list"),
            code="no_such_token",
        )
