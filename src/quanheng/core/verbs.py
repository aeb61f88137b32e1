"""The verbs of the core: workspace, projects, people, tokens, keys, names, artifacts, jobs, flows, witnesses."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Annotated, Any, Literal

from pydantic import Field

from quanheng.core import clock, permission
from quanheng.core.inputs import SLUG, Input, Local, Takes, param
from quanheng.core.session import Session
from quanheng.core.verb import verb
from quanheng.errors import Conflict, Forbidden, Invalid, NotFound

Role = Literal["owner", "builder", "reviewer", "annotator", "operator", "auditor", "public"]


class Nothing(Input):
    """No input."""


@verb(
    "workspace.create",
    mode="inline",
    permission="own",
    scope="workspace",
    makes=("key/v1",),
    help=("Begin the log of a new workspace with its first key", "以首个密钥开启新工作区的存证"),
)
def workspace_create(ctx: Any, inp: Nothing) -> Any:
    """Leave the first `key/v1`; Conflict when the log has begun."""
    from quanheng.core import log

    if log.head().size:
        raise Conflict(
            "this workspace has begun already",
            "该工作区已经建立",
            hint=(
                "Nothing needs to be done; see: quanheng workspace status",
                "无需再做；查看：quanheng workspace status",
            ),
            code="workspace_exists",
        )
    return _new_key(ctx, lost=True)


def _new_key(ctx: Any, *, lost: bool) -> Any:
    from quanheng.core import keys
    from quanheng.core.call import Inline
    from quanheng.core.context import Draft
    from quanheng.errors import NotFound as Missing

    folder = ctx.session.workspace.folder
    try:
        old = None if lost else keys.current(folder)
    except Missing:
        old = None
    signer = keys.create_private(folder)
    prepared = ctx.prepare(Draft(keys.key_model(signer, old)))
    keys.record(signer, prepared.digest)
    return Inline([prepared], {"fingerprint": signer.fingerprint})


class KeyRotate(Input):
    """Input of key.rotate."""

    lost: bool = param(
        False, "The old private key is lost: the new one is not signed by it", "旧私钥已丢失：新密钥不由它签名"
    )


@verb(
    "key.rotate",
    mode="inline",
    permission="own",
    scope="workspace",
    makes=("key/v1",),
    help=("Start a new signing key, signed by the old one", "启用新的签名密钥，并由旧密钥签名"),
)
def key_rotate(ctx: Any, inp: KeyRotate) -> Any:
    """Leave a `key/v1` that the former key has signed, and sign checkpoints with it from now on."""
    return _new_key(ctx, lost=inp.lost)


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


class NameSet(Input):
    """Input of name.set."""

    artifact: Annotated[str, Takes("*")] = param(..., "Artifact", "制品")
    name: str = param(..., "Short name: a-z, 0-9, . _ -", "短名：a-z、0-9、. _ -", pattern=SLUG)
    kind: str = param("", "Kind, when the artifact is named by another name", "类型（用另一个名称指定制品时）")


@verb("name.set", mode="inline", permission="build", help=("Let a name point at an artifact", "让名称指向某个制品"))
def name_set(ctx: Any, inp: NameSet) -> Any:
    """Move a name; its history is kept."""
    from quanheng.core.models import Artifact
    from quanheng.core.register import move_name

    digest = ctx.input("artifact")
    kind = Artifact.objects.values_list("kind", flat=True).get(digest=digest)
    move_name(project_id=ctx.session.project_id, kind=kind, slug=inp.name, digest=digest, job_id=ctx.job)


class ItemLayer(Input):
    """One layer of an item; its bytes are uploaded before."""

    digest: str
    size: int
    media_type: str
    title: str
    urls: tuple[str, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


class Item(Input):
    """One artifact of artifact.register_many: a kind, its config without made_by, and its layers."""

    kind: str
    model: dict[str, Any]
    layers: tuple[ItemLayer, ...] = ()
    inputs: tuple[tuple[Annotated[str, Field(max_length=60)], str], ...] = ()  # (role, digest)


class RegisterMany(Input):
    """Input of artifact.register_many."""

    items: list[Item] = param(..., "Artifacts: kind, model, layers, inputs", "制品：kind、model、layers、inputs")


@verb(
    "artifact.register_many",
    mode="inline",
    permission="build",
    help=("Register many artifacts at once: one entry", "批量登记制品：只写一条存证"),
)
def artifact_register_many(ctx: Any, inp: RegisterMany) -> Any:
    """Register artifacts whose layers are uploaded; one log entry holds their count and Merkle root."""
    from quanheng.core.batch import prepare_items
    from quanheng.core.call import Inline

    return Inline(prepare_items(ctx, inp.items))


class Withdraw(Input):
    """Input of artifact.withdraw."""

    artifact: Annotated[str, Takes("*")] = param(..., "Artifact", "制品")
    reason: str = param(..., "Why; it is kept and shown", "原因；会保留并展示", min_length=2, max_length=2000)


@verb(
    "artifact.withdraw",
    mode="inline",
    permission="own",
    help=("Delete an artifact's layers; manifest, entry and reason stay", "撤回制品：删除数据层，保留清单、存证与原因"),
)
def artifact_withdraw(ctx: Any, inp: Withdraw) -> Any:
    """Mark the artifact withdrawn; in other projects too, that takes an owner of the whole workspace."""
    from quanheng.core.withdrawal import withdraw

    return withdraw(ctx, inp.reason)


class JobId(Input):
    """Names a job."""

    id: str = param(..., "Id of the job", "作业编号")


@verb("job.cancel", mode="inline", permission="build", help=("Ask a job to stop", "取消作业"))
def job_cancel(ctx: Any, inp: JobId) -> Any:
    """Ask a running job to stop; a queued one ends at once when a worker meets it."""
    from quanheng.core import jobs
    from quanheng.core.call import Inline

    return Inline(value={"state": jobs.request_cancel(inp.id, ctx.session.project_id)})


class FlowRun(Input):
    """Input of flow.run."""

    flow: str = param("", "Name of a shipped flow", "自带流程的名称", pattern=r"^[a-z0-9-]{0,60}$")
    file: Annotated[str | None, Local(remote=False)] = param(None, "TOML file of a flow", "流程的 TOML 文件")
    params: dict[str, Any] = param({}, "Parameters of the flow", "流程的参数")


def _refuse_param_paths(session: Session, inp: FlowRun) -> FlowRun:
    from quanheng.core.flow import refuse_param_paths

    return refuse_param_paths(session, inp)  # type: ignore[no-any-return]


@verb(
    "flow.run",
    mode="flow",
    permission="build",
    prepare=_refuse_param_paths,
    help=("Run a flow; what is already there is not run again", "运行流程；已有的结果不会重复计算"),
)
def flow_run(ctx: Any, inp: FlowRun) -> Any:
    """Run by core.flow.run_flow in the parent process."""
    raise AssertionError("a flow has no body of its own")


class WitnessAdd(Input):
    """Input of witness.add."""

    size: int = param(..., "Size of the checkpoint that was seen", "见证的检查点所含条数", ge=1)
    form: Literal["letter", "timestamp"] = param(..., "letter or timestamp", "letter（函件）或 timestamp（时间戳）")
    proof: str = param(..., "The letter's number, or the time-stamp token", "函件编号或时间戳", max_length=20000)
    date: str = param(..., "Date, YYYY-MM-DD", "日期，YYYY-MM-DD", pattern=r"^\d{4}-\d{2}-\d{2}$")


@verb(
    "witness.add",
    mode="inline",
    permission="audit",
    scope="workspace",
    help=("Enter that somebody outside saw a checkpoint", "登记外部对检查点的见证"),
)
def witness_add(ctx: Any, inp: WitnessAdd) -> Any:
    """Keep the proof that a checkpoint was seen outside this installation on a date."""
    from quanheng.core.models import Checkpoint, Witness

    checkpoint = Checkpoint.objects.filter(size=inp.size).order_by("id").last()
    if checkpoint is None:
        raise NotFound(
            f"there is no signed checkpoint of size {inp.size}",
            f"没有含 {inp.size} 条的已签名检查点",
            hint=("List them: quanheng checkpoint list", "查看检查点：quanheng checkpoint list"),
            code="no_such_checkpoint",
        )
    try:
        day = dt.date.fromisoformat(inp.date)
    except ValueError as error:
        raise Invalid(
            f"{inp.date} is not a date",
            f"{inp.date} 不是有效日期",
            hint=("Write it as 2026-01-31.", "请写成 2026-01-31 的形式。"),
            code="bad_date",
        ) from error
    Witness.objects.create(checkpoint=checkpoint, form=inp.form, token=inp.proof, witnessed_on=day, job_id=ctx.job)


class CaseOpen(Input):
    """Input of case.open."""

    type: str = param(..., "Type of the case; see quanheng case types", "事项类型；见 quanheng case types")
    title: str = param(..., "Title", "标题", max_length=200)


@verb("case.open", mode="inline", permission="build", help=("Open a case", "开立事项"))
def case_open(ctx: Any, inp: CaseOpen) -> Any:
    """Open a case in its type's first state."""
    from quanheng.core.call import Inline
    from quanheng.core.case import open_case

    return Inline(value={"case": open_case(ctx.session, inp.type, inp.title)})


class CaseMove(Input):
    """Input of case.move."""

    case: str = param(..., "Id of the case", "事项编号")
    transition: str = param(..., "Transition", "流转动作")
    note: str = param("", "Note", "备注", max_length=2000)
    step: int | None = param(
        None, "Steps seen by the caller; refused when the case has moved on", "调用方看到的步数；事项已变动则拒绝"
    )


@verb("case.move", mode="inline", permission="read", help=("Move a case by one transition", "推进事项"))
def case_move(ctx: Any, inp: CaseMove) -> Any:
    """Move a case; the transition's own permission is asked for."""
    from quanheng.core.call import Inline
    from quanheng.core.case import move_case

    return Inline(value=move_case(ctx.session, inp.case, inp.transition, inp.note, inp.step))
