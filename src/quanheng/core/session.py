"""A session: who acts, in which project, with which scopes. Every verb and query is called through one."""

from __future__ import annotations

import datetime as dt
import getpass
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quanheng.core import clock
from quanheng.errors import Forbidden, NotFound

if TYPE_CHECKING:
    from quanheng.core.models import Actor, Token
    from quanheng.core.workspace import Workspace

#: The slug of the project that every workspace starts with.
FIRST_PROJECT = "main"


@dataclass(frozen=True)
class Session:
    """Who calls. `scopes`: None for a person, the scopes of a token otherwise."""

    workspace: Workspace
    actor_id: str
    is_active: bool
    project_id: str | None
    scopes: frozenset[str] | None = None
    token_project: str | None = None
    token_ends: dt.datetime | None = None
    token_id: str | None = None
    is_local: bool = True  # only a caller on this machine may name local paths
    request: str | None = None  # actor and Idempotency-Key of the call; its job carries it
    keep: Callable[[Any], None] | None = None  # is given an inline verb's Result inside its transaction
    scratch: Path | None = None  # where a face lets a query write for a caller from elsewhere
    lent: frozenset[str] = frozenset()  # paths that a shipped flow's own file names; its steps may read them

    def in_project(self, slug: str) -> Session:
        """Return the same session in another project; NotFound when there is none of this slug."""
        return replace(self, project_id=project_id(slug))


def project_id(slug: str) -> str:
    """Return the id of the project `slug`; NotFound otherwise."""
    from quanheng.core.models import Project

    found = Project.objects.filter(slug=slug).values_list("id", flat=True).first()
    if found:
        return found
    raise NotFound(  # which projects there are is told to those who may read them, not here
        f"there is no project {slug!r}",
        f"没有名为 {slug!r} 的项目",
        hint=("List them: quanheng project list", "查看项目：quanheng project list"),
        code="no_such_project",
    )


def os_label() -> str:
    """Return the label of the operating system's user, `os:<user>`."""
    try:
        return f"os:{getpass.getuser()}"
    except (KeyError, OSError):  # a user id without a name, as in some containers
        import os

        return f"os:{os.getuid()}"


def os_actor() -> Actor:
    """Return the actor of the operating system's user, made an owner of the workspace on first sight.

    Whoever can open the folder or the database is owner of it (SECURITY.md); this only gives that a name.
    """
    from quanheng.core.models import Actor, Membership

    actor = Actor.objects.filter(label=os_label()).first()
    if actor is None:
        actor, _ = Actor.objects.get_or_create(
            label=os_label(), defaults={"kind": "os", "password": "!", "created_at": clock.now()}
        )
    if not Membership.objects.filter(actor=actor, project=None, role="owner").exists():
        Membership.objects.get_or_create(actor=actor, project=None, role="owner")
    return actor


def local_session(workspace: Workspace, project: str = FIRST_PROJECT) -> Session:
    """Return the session of the operating system's user."""
    actor = os_actor()
    return Session(workspace, actor.id, actor.is_active, project_id(project))


def account_session(workspace: Workspace, actor: Actor, project: str = FIRST_PROJECT) -> Session:
    """Return the session of somebody who signed in from elsewhere: all that the account may, but no local paths."""
    return Session(workspace, actor.id, actor.is_active, project_id(project), is_local=False)


def visitor_session(workspace: Workspace, project: str = FIRST_PROJECT) -> Session:
    """Return the session of somebody who did not sign in: it reads public projects and does nothing."""
    return Session(workspace, "", True, project_id(project), is_local=False)


def token_session(workspace: Workspace, secret: str, project: str = FIRST_PROJECT, *, is_local: bool = True) -> Session:
    """Return the session of a token's actor; Forbidden says whether it is unknown, revoked or expired."""
    from quanheng.core.models import Token

    row = Token.objects.select_related("actor").filter(secret_hash=hash_secret(secret)).first()
    if row is None:
        raise Forbidden(
            "this access token is not known here",
            "访问令牌无效",
            hint=("Make one: quanheng token create", "可新建令牌：quanheng token create"),
            code="bad_token",
        )
    return session_of_token(workspace, row, project_id(project), is_local=is_local)


def session_of_token(workspace: Workspace, row: Token, project: str | None, *, is_local: bool) -> Session:
    """Return the session of a token in the project with this id; Forbidden when it was revoked or has expired."""
    ended = row.revoked_at or (row.expires_at if row.expires_at <= clock.now() else None)
    if ended:
        word = ("was revoked", "已被撤销") if row.revoked_at else ("expired", "已过期")
        raise Forbidden(
            f"this access token {word[0]} at {clock.text_of(ended)}",
            f"访问令牌{word[1]}，时间 {clock.text_of(ended)}",
            hint=("Make a new one: quanheng token create", "请新建令牌：quanheng token create"),
            code="token_ended",
        )
    return Session(
        workspace,
        row.actor_id,
        row.actor.is_active,
        project,
        frozenset(row.scopes.split()),
        row.project_id,
        row.expires_at,
        row.id,
        is_local,
    )


def hash_secret(secret: str) -> str:
    """Return what is stored of a token: SHA-256, enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
