"""The queries about a project as a whole: what is in it and what to do next; and what the core itself suggests."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quanheng.core import clock, permission
from quanheng.core.inputs import Input, param
from quanheng.core.next import SHOWN, Step, steps, suggests
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.core.verbs import Nothing
from quanheng.errors import Text

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from quanheng.core.models import Job

#: A failed job is told of for so long, and a queued one is overdue after so long.
FAILED_WITHIN = dt.timedelta(hours=24)
QUEUED_AT_MOST = dt.timedelta(minutes=5)
#: Classes of errors about what was given: whoever called the verb was told what to put right, and calls it anew.
OF_THE_INPUT = ("Invalid", "NotFound", "Conflict", "Forbidden")
ONE_MINUTE = Text("about a minute", "约 1 分钟")


class Next(Input):
    """Input of project.next."""

    limit: int = param(SHOWN, "At most so many steps (1 to 20)", "最多多少项（1 至 20）", ge=1, le=20)


@query("project.next", help=("What to do next in the project", "查看项目接下来要做什么"))
def project_next(session: Session, inp: Next) -> Any:
    """Return the steps that the caller may do, the most urgent first: verb, why, effort, and known input.

    A `verb` may also be a query, such as one that signs or lists.
    """
    from quanheng.core.holdings import remembering

    with remembering():
        found = steps(session, inp.limit)
    return [
        {
            "verb": step.verb,
            "text": step.text._asdict(),
            "effort": step.effort._asdict() if step.effort else None,
            "data": dict(step.data),
        }
        for step in found
    ]


@query("project.show", help=("Show the project", "查看项目"))
def project_show(session: Session, inp: Nothing) -> Any:
    """Return slug, title and publicity of the project, and since when it is there."""
    from quanheng.core.models import Project

    row = Project.objects.get(id=session.project_id)
    return {"slug": row.slug, "title": row.title, "public": row.is_public, "created": clock.text_of(row.created_at)}


@suggests
def begin(session: Session) -> Iterator[Step]:
    """Suggest a shipped flow to whoever may run all of it, while the project holds nothing but keys."""
    from quanheng.core.flow import read_flow, shipped
    from quanheng.core.holdings import is_empty

    if not is_empty(session):
        return
    for name in shipped():
        flow = read_flow(name)
        if all(_may_call(session, step.verb) for step in flow.steps):
            yield Step(
                "flow.run",
                Text(f"Run the demonstration: {flow.help.en}", f"运行演示：{flow.help.zh}"),
                Text("a few minutes, by itself", "几分钟，自动执行"),
                {"flow": name},
                order=10,
            )


def _may_call(session: Session, name: str) -> bool:
    from quanheng.core.verb import find_verb

    return permission.decide(session, find_verb(name).permission, name).allowed


@suggests
def jobs(session: Session) -> Iterator[Step]:
    """Tell operators and builders of jobs whose failure waits for somebody, and of jobs that wait too long."""
    from quanheng.core.models import Job

    if not any(permission.decide(session, may, "job.list").allowed for may in ("operate", "build")):
        return
    now = clock.now()
    mine = Job.objects.filter(project_id=session.project_id, parent=None)
    failed = _to_deal_with(mine, now - FAILED_WITHIN)
    if failed:
        en = "A job failed" if failed == 1 else f"{failed} jobs failed"
        yield Step(
            "job.list",
            Text(f"{en} in the last 24 hours: look at why", f"最近 24 小时有 {failed} 个作业失败：查看原因"),
            data={"state": "failed"},
            order=0,
        )
    waiting = mine.filter(state="queued", created_at__lt=now - QUEUED_AT_MOST).count()
    if waiting:
        en = "A job has" if waiting == 1 else f"{waiting} jobs have"
        yield Step(
            "job.list",
            Text(
                f"{en} waited for more than 5 minutes: does a worker run?",
                f"{waiting} 个作业排队超过 5 分钟：请确认有工作进程在运行",
            ),
            data={"state": "queued"},
            order=0,
        )


def _to_deal_with(jobs: QuerySet[Job], since: dt.datetime) -> int:
    """Return how many jobs failed by no fault of their input, and were not done later with the same input."""
    from django.db.models import Exists, OuterRef

    later = jobs.filter(
        state="done", verb=OuterRef("verb"), input=OuterRef("input"), created_at__gt=OuterRef("created_at")
    )
    open_ = jobs.filter(~Exists(later), state="failed", created_at__gt=since)
    errors = [json.loads(error) if error else {} for error in open_.values_list("error", flat=True)]
    return sum(error.get("class") not in OF_THE_INPUT for error in errors)


@suggests
def evidence(session: Session) -> Iterator[Step]:
    """Suggest to auditors to sign what the log has grown by, and to have a checkpoint seen outside."""
    from quanheng.core import log
    from quanheng.core.models import Checkpoint, Witness

    newest = Checkpoint.objects.order_by("size", "id").last()
    grown = log.head().size - (newest.size if newest else 0)
    if grown:
        since = (
            ("since the last signed checkpoint", "自上次签署检查点以来") if newest else ("so far, none signed", "至今")
        )
        en = "1 log entry" if grown == 1 else f"{grown:,} log entries"
        yield Step(
            "checkpoint.sign",
            Text(f"Sign a checkpoint: {en} {since[0]}", f"签署检查点：{since[1]}新增存证 {grown:,} 条"),
            ONE_MINUTE,
            order=30,
        )
    if newest and not Witness.objects.exists():
        yield Step(
            "witness.add",
            Text(
                "Have a checkpoint seen by somebody outside and enter it: no outside witness yet",
                "请外部机构见证检查点并登记：目前无外部见证",
            ),
            Text("a letter or a time stamp", "一份函件或一个时间戳"),
            {"size": str(newest.size)},
            order=31,
        )


@suggests
def people(session: Session) -> Iterator[Step]:
    """Suggest to owners of the workspace what keeps them from being locked out, and from working alone."""
    from quanheng.core.accounts import NO_PASSWORD
    from quanheng.core.models import Actor, Membership

    if not permission.decide(session, "own", "user.create", scope="workspace").allowed:
        return
    if Actor.objects.filter(id=session.actor_id, kind__in=("person", "os"), password__in=(NO_PASSWORD, "")).exists():
        yield Step(
            "account.password",
            Text("Set a password, so that you can sign in without a link", "设置密码，以后无需链接即可登录"),
            ONE_MINUTE,
            order=32,
        )
    if Actor.objects.filter(is_active=True).count() < 2:
        yield Step(
            "user.create",
            Text(
                "Make an account for a second person: a sample drawn by somebody else counts for more",
                "为第二个人新建账号：由他人抽取的样本更有说服力",
            ),
            ONE_MINUTE,
            order=33,
        )
    elif Membership.objects.filter(project=None, role="owner", actor__is_active=True).count() < 2:
        yield Step(
            "member.grant",
            Text(
                "Make a second account owner of the workspace: there is only one", "再设一名工作区所有者：目前只有一名"
            ),
            ONE_MINUTE,
            {"role": "owner", "everywhere": "true"},
            order=34,
        )
