"""The verbs and the query about accounts that people sign in with."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from quanheng.core.access_verbs import find_actor
from quanheng.core.inputs import Input, Secret, param
from quanheng.core.session import Session
from quanheng.core.verb import query, verb
from quanheng.core.verbs import Nothing


class UserInvite(Input):
    """Input of user.invite."""

    label: str = param(..., "Name of the account", "账号名")
    hours: int = param(72, "Hours until the link expires (1 to 168)", "链接有效小时数（1 至 168）", ge=1, le=168)


@verb(
    "user.invite",
    mode="inline",
    permission="own",
    scope="workspace",
    help=(
        "Make a one-time sign-in link for an account; its use ends the old password",
        "为账号生成一次性登录链接；使用后原密码失效",
    ),
)
def user_invite(ctx: Any, inp: UserInvite) -> Any:
    """Make a link, shown once; whoever opens it is signed in and sets a password. It lets nobody be somebody else
    unnoticed: the account's password no longer works afterwards.
    """
    from quanheng.core.accounts import make_link
    from quanheng.core.call import Inline

    actor = find_actor(inp.label)
    secret = make_link(actor, dt.timedelta(hours=inp.hours), resets=True)
    base = ctx.session.workspace.settings.text("public_url").rstrip("/")
    return Inline(value={"link": f"{base}/sign-in/{secret}", "hours": inp.hours})


class AccountPassword(Input):
    """Input of account.password."""

    password: Annotated[str, Secret()] = param(
        ..., "New password, at least 12 characters", "新密码，至少 12 个字符", max_length=200
    )
    current: Annotated[str, Secret()] = param(
        "", "Current password, when there is one", "当前密码（已设置时填写）", max_length=200
    )


@verb(
    "account.password",
    mode="inline",
    permission="self",
    scope="workspace",
    help=("Set your own password", "设置自己的密码"),
)
def account_password(ctx: Any, inp: AccountPassword) -> Any:
    """Set the password of the account that calls; other sign-ins of it end."""
    from quanheng.core.accounts import set_password
    from quanheng.core.models import Actor

    set_password(Actor.objects.get(id=ctx.session.actor_id), inp.password, inp.current)


@query(
    "account.show",
    permission="self",
    scope="workspace",
    help=("Show who you are here and what you may do", "查看自己的账号与权限"),
)
def account_show(session: Session, inp: Nothing) -> Any:
    """Return label, roles by project (null: the whole workspace), and whether a password is set."""
    from quanheng.core.accounts import NO_PASSWORD
    from quanheng.core.models import Actor, Membership

    actor = Actor.objects.get(id=session.actor_id)
    rows = Membership.objects.filter(actor=actor).select_related("project").order_by("project__slug", "role")
    return {
        "label": actor.label,
        "actor_id": actor.id,
        "has_password": actor.password not in (NO_PASSWORD, ""),
        "roles": [{"project": row.project.slug if row.project else None, "role": row.role} for row in rows],
    }
