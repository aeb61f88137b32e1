"""The header Idempotency-Key: the same request, sent again, has its effect once and gets the same answer.

The answer to an inline verb is kept in the transaction that has its effect; a queued job carries the key in its row.
So whatever dies between effect and answer, the next try finds what became of the first.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from quanheng.api import problems
from quanheng.core import clock, jobs
from quanheng.core.database import retry_locked, write
from quanheng.core.jobs import Result
from quanheng.core.session import Session
from quanheng.core.verb import VERBS
from quanheng.errors import Conflict, Invalid, QuanhengError

if TYPE_CHECKING:
    from quanheng.core.models import Job, Replay

HEADER = "Idempotency-Key"
#: How long an answer is kept.
KEPT = dt.timedelta(hours=24)
#: A request that has not been answered for so long is not under way any more: longer than a server lets one run.
UNDER_WAY = dt.timedelta(minutes=5)
#: Old answers are looked for at most this often, in seconds.
SWEEP_EVERY_S = 600.0
#: Verbs whose answer holds a secret that is shown once: it is not kept, so it cannot be shown again.
SHOWN_ONCE = frozenset({"token.create", "user.invite"})
#: Answers that a later try may change are not kept.
_PASSING = (401, 429)
_KEY = re.compile(r"[\x20-\x7e]{1,128}")
_next_sweep = 0.0

Run = Callable[[Session], HttpResponse]


@dataclass(frozen=True)
class Request:
    """A call with its key: whose, which, and a MAC of what was asked within which limits.

    A MAC and no hash, for a body may hold a password.
    """

    actor_id: str
    key: str
    mac: str
    verb: str

    @property
    def name(self) -> str:
        """Return what stands in the job's row."""
        return f"{self.actor_id}:{self.key}"


def once(
    request: HttpRequest, session: Session, verb: str, run: Run, answer: Callable[[Result], HttpResponse]
) -> HttpResponse:
    """Return `run(session)`, or what it returned when the same request came before.

    answer: makes the answer of a result; for a first try that died after its effect.
    """
    if HEADER not in request.headers or not session.is_active:
        return run(session)
    asked = _request(request, session, verb)
    earlier = _enter(asked)
    if earlier:
        return _again(request, asked, earlier, answer)
    try:
        response = _run(request, asked, session, run, answer)
    except BaseException:
        _forget(asked)
        raise
    if response.status_code >= 500 or response.status_code in _PASSING:
        _forget(asked)
    else:
        _keep(asked, response.status_code, _without_secret(asked, response.content.decode()))
    return response


def _request(request: HttpRequest, session: Session, verb: str) -> Request:
    key = request.headers[HEADER]
    if not _KEY.fullmatch(key):
        raise Invalid(
            "the Idempotency-Key is not 1 to 128 printable ASCII characters",
            "Idempotency-Key 应为 1 至 128 个可打印的 ASCII 字符",
            hint=("Send a random one, such as a UUID.", "请发送随机值，例如 UUID。"),
            code="bad_idempotency_key",
        )
    limits = f"{sorted(session.scopes or ())}{session.scopes is None}{session.token_project}"
    said = f"{limits}\n{request.method}\n{request.get_full_path()}\n".encode() + request.body
    mac = salted_hmac("quanheng.api.replay", said, algorithm="sha256").hexdigest()
    return Request(session.actor_id, key, mac, verb)


def _run(
    request: HttpRequest, asked: Request, session: Session, run: Run, answer: Callable[[Result], HttpResponse]
) -> HttpResponse:
    def keep(result: Result) -> None:
        _update(asked, 200, _without_secret(asked, answer(result).content.decode()))

    try:
        return run(replace(session, request=asked.name, keep=keep))
    except IntegrityError:
        # Somebody else holds the key by now: this try was taken for dead.
        job = retry_locked(lambda: _job(asked))
        if job is None:
            raise
        return _of_job(request, job, answer)
    except QuanhengError as error:
        return problems.problem(request, error)


# ---------------------------------------------------------------- the table


def _rows(asked: Request) -> Any:
    from quanheng.core.models import Replay

    return Replay.objects.filter(actor_id=asked.actor_id, key=asked.key)


def _job(asked: Request) -> Job | None:
    from quanheng.core.models import Job

    return Job.objects.filter(request=asked.name).first()


def _enter(asked: Request) -> Replay | Job | None:
    """Return what became of the same key before; None when it is ours now."""
    _sweep_now_and_then()

    def enter() -> Replay | Job | None:
        from quanheng.core.models import Job, Replay

        now = clock.now()
        if _rows(asked).filter(created_at__lt=now - KEPT).delete()[0]:
            Job.objects.filter(request=asked.name).update(request=None)
        job = _job(asked)  # read before the row: one transaction writes both, so who has the job has its answer
        row, is_new = Replay.objects.get_or_create(
            actor_id=asked.actor_id,
            key=asked.key,
            defaults={"request_mac": asked.mac, "created_at": now, "body": jobs.runner_name()},
        )
        if not is_new and row.request_mac != asked.mac:
            raise _mismatch()
        if row.status is not None:
            return row
        if job is not None:
            return job
        return None if is_new or _take_over(row, now) else row

    return write(enter)


def _take_over(row: Replay, now: dt.datetime) -> bool:
    """Return whether the try that entered this row is gone without an effect, and the row ours now."""
    if row.created_at > now - UNDER_WAY and not jobs.runner_is_gone(row.body):
        return False
    from quanheng.core.models import Replay

    same = Replay.objects.filter(id=row.id, created_at=row.created_at, status=None)
    return bool(same.update(created_at=now, body=jobs.runner_name()))


def _update(asked: Request, status: int, body: str) -> None:
    _rows(asked).update(status=status, body=body)


def _keep(asked: Request, status: int, body: str) -> None:
    write(lambda: _update(asked, status, body))


def _forget(asked: Request) -> None:
    """Let the next try run; unless the effect is there, whose answer was kept with it."""

    def forget() -> None:
        from quanheng.core.models import Job

        if _rows(asked).filter(status=None).delete()[0]:
            ended = (jobs.FAILED, jobs.DENIED, jobs.CANCELLED)
            Job.objects.filter(request=asked.name, state__in=ended).update(request=None)

    write(forget)


def _sweep_now_and_then() -> None:
    global _next_sweep
    if time.monotonic() >= _next_sweep:
        _next_sweep = time.monotonic() + SWEEP_EVERY_S
        sweep()


def sweep() -> int:
    """Forget the answers older than KEPT and let go of their keys; return how many they were."""
    from quanheng.core.models import Job, Replay

    cutoff = clock.now() - KEPT

    def work() -> int:
        Job.objects.filter(request__isnull=False, created_at__lt=cutoff).update(request=None)
        return int(Replay.objects.filter(created_at__lt=cutoff).delete()[0])

    return write(work)


# ---------------------------------------------------------------- answers


def _without_secret(asked: Request, body: str) -> str:
    """Return what is kept of an answer."""
    if asked.verb not in SHOWN_ONCE:
        return body
    data = json.loads(body)
    return json.dumps({**data, "value": {}} if "value" in data else data, ensure_ascii=False)


def _again(
    request: HttpRequest, asked: Request, earlier: Replay | Job, answer: Callable[[Result], HttpResponse]
) -> HttpResponse:
    """Return the answer that was given before."""
    from quanheng.core.models import Job

    if isinstance(earlier, Job):
        response = _of_job(request, earlier, answer)
    elif earlier.status is None:
        raise _pending()
    else:
        data = json.loads(earlier.body)
        if earlier.status == 200 and asked.verb in SHOWN_ONCE:
            raise _shown_once(asked.verb, data)
        kind = problems.MEDIA_TYPE if earlier.status >= 400 else "application/json"
        response = HttpResponse(earlier.body, status=earlier.status, content_type=kind)
        if earlier.status == 202:
            response = answer(result_from(data))
            response.content = earlier.body.encode()
    response.headers["Idempotent-Replayed"] = "true"
    return response


def result_from(data: Mapping[str, Any]) -> Result:
    """Return the result that an answer tells of."""
    return Result(data["job"], tuple(data["outputs"]), data["cached"], data["value"], data["state"])


def _of_job(request: HttpRequest, job: Job, answer: Callable[[Result], HttpResponse]) -> HttpResponse:
    """Return the answer to a first try that died after its effect, from the job that it left."""
    if job.error and (VERBS[job.verb].mode == "inline" or job.state == jobs.DENIED):
        return problems.problem(request, QuanhengError.from_json(json.loads(job.error)))
    if VERBS[job.verb].mode != "inline":
        return answer(Result(job.id, (), state=jobs.QUEUED))
    if job.verb in SHOWN_ONCE:
        raise _shown_once(job.verb, {"job": job.id})
    return answer(Result(job.id, (), state=job.state))


def _mismatch() -> Invalid:
    return Invalid(
        "this Idempotency-Key was used for another request",
        "该 Idempotency-Key 已用于另一个请求",
        hint=("Use a new key for each request.", "每个请求请使用新的键。"),
        code="idempotency_mismatch",
    )


def _pending() -> Conflict:
    return Conflict(
        "the request with this Idempotency-Key is still under way",
        "使用该 Idempotency-Key 的请求仍在处理中",
        hint=("Send it again in a moment.", "请稍后重新发送。"),
        code="idempotency_pending",
    )


def _shown_once(verb: str, data: Mapping[str, Any]) -> Conflict:
    return Conflict(
        f"{verb} was done (job {data.get('job')}), but its answer holds a secret that is shown once and kept nowhere",
        f"{verb} 已执行（作业 {data.get('job')}），但其结果含只显示一次的密文，没有留存",
        hint=("Revoke what was made and call it again with a new key.", "请撤销已生成的内容，换一个键重新调用。"),
        code="shown_once",
    )
