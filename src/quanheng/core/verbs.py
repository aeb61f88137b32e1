"""The verbs of the core: workspace, keys, names, artifacts, jobs, flows, witnesses, cases."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import Field

from quanheng.core.inputs import SLUG, Input, Local, Takes, param
from quanheng.core.session import Session
from quanheng.core.verb import verb
from quanheng.errors import Conflict, Invalid, NotFound


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
