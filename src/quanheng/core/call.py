"""The one door: every face calls verbs and queries through here.

A verb call: validate → permission → prepare → resolve → key → (cache hit | inline | job | flow) → one log entry.
Input that cannot be understood never becomes a call, so it leaves no entry; a denial does.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from quanheng.core import jobs, permission, register, runner
from quanheng.core.child import unexpected
from quanheng.core.database import retry_locked, write
from quanheng.core.inputs import SLUG, aside, is_filled, without_secrets
from quanheng.core.jobs import DENIED, DONE, FAILED, QUEUED, RUNNING, Plan, Result
from quanheng.core.resolve import content_digest, refuse_paths, resolve, validate, with_whole_paths
from quanheng.core.runner import Listener, silent
from quanheng.core.session import Session
from quanheng.core.verb import Verb, find_query, find_verb, made_by
from quanheng.errors import Forbidden, Invalid, QuanhengError
from quanheng.store import JSON

#: Seconds between two words on how far the reading of files is that decides whether a call is new.
TOLD_EVERY_S = 5.0


def ask(session: Session, name: str, data: Mapping[str, Any]) -> Any:
    """Return what the query `name` answers."""
    query = find_query(name)
    value = validate(name, query.input, data)
    retry_locked(lambda: permission.require(session, query.permission, name))
    refuse_paths(session, value)
    return retry_locked(lambda: query.body(session, value))


def call(
    session: Session,
    name: str,
    data: Mapping[str, Any],
    *,
    as_name: str = "",
    again: bool = False,
    detach: bool = False,
    parent: str | None = None,
    listener: Listener = silent,
) -> Result:
    """Run the verb `name` and return its result.

    as_name: the name its outputs get. again: do not take an earlier answer. detach: queue it for a worker.
    parent: the flow's job. Raises the verb's error after its entry is written.
    """
    verb = find_verb(name)
    check_name(as_name)
    value = validate(name, verb.input, said(verb, data))
    check_permission(session, verb, value)
    content = _telling(listener)
    plan = retry_locked(lambda: make_plan(session, verb, value, as_name=as_name, again=again, content=content))
    if verb.cache and not again:
        earlier = jobs.outputs_by_key(plan.key, session.project_id)
        found = next((outputs for outputs in earlier if reusable(session, verb, outputs)), ())
        if found:
            listener("cached", {"verb": name, "outputs": list(found)})
            _keep_name(session, plan, found)
            return Result("", found, cached=True, value=_there(plan))
    if verb.mode == "inline":
        return _inline(session, plan, parent)
    return start(session, plan, parent=parent, detach=detach, listener=listener)


def _telling(listener: Listener) -> Callable[[Path], str]:
    """Return `content_digest`, which tells the listener now and then how far it is with a folder of many files."""
    told_at = time.monotonic()

    def seen(done: int, total: int) -> None:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at >= TOLD_EVERY_S:
            told_at = now
            en = f"looking at what the files hold: {done:,} of {total:,}"
            listener("log", {"job": "", "en": en, "zh": f"正在核对文件内容：{done:,} / {total:,}"})

    return lambda path: content_digest(path, seen)


def check_name(as_name: str) -> None:
    """Raise Invalid for a name that no artifact can get; nothing was run for it then."""
    if as_name and not re.fullmatch(SLUG, as_name):
        raise Invalid(
            f"{as_name[:100]!r} cannot be the name of an artifact",
            f"{as_name[:100]!r} 不能用作制品名称",
            hint=(
                "Up to 100 of a-z, 0-9, . _ - and a letter or digit first.",
                "至多 100 个字符：a-z、0-9、. _ -，并以字母或数字开头。",
            ),
            code="bad_name",
        )


def said(verb: Verb, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the caller said, without the fields that only `prepare` may fill."""
    filled = {name for name, field in verb.input.model_fields.items() if is_filled(field)}
    return {name: value for name, value in data.items() if name not in filled}


def reusable(session: Session, verb: Verb, found: tuple[str, ...]) -> bool:
    """Return whether the verb lets a later call take these outputs, all of them."""
    if verb.reuse is None:
        return True
    from quanheng.core.artifacts import load_digest

    return all(verb.reuse(load_digest(session, digest).model) for digest in found)


def check_permission(session: Session, verb: Verb, value: Any) -> None:
    """Raise Forbidden, after the denial is in the log."""
    try:
        retry_locked(lambda: permission.require(session, verb.permission, verb.name))
    except Forbidden as error:
        denied = Plan(verb, value, {"input": without_secrets(value)}, [], {})
        _record_end(session, denied, DENIED, error)
        raise


def make_plan(
    session: Session,
    verb: Verb,
    value: Any,
    *,
    as_name: str = "",
    again: bool = False,
    content: Callable[[Path], str] = content_digest,
) -> Plan:
    """Return the call after preparation and resolution, with its key. content: how files are hashed."""
    refuse_paths(session, value)  # before `prepare` may look at one
    value = with_whole_paths(session, value)
    if verb.prepare:
        value = verb.prepare(session, value)
    resolved = resolve(session, value, content)
    nonce = secrets.token_hex(16) if again else ""
    params: dict[str, JSON] = {**resolved.params, "again": nonce} if nonce else resolved.params
    derivation = made_by(verb, params, resolved.inputs)
    return Plan(verb, value, resolved.params, resolved.inputs, derivation, as_name, nonce)


def start(
    session: Session, plan: Plan, *, parent: str | None = None, detach: bool = False, listener: Listener = silent
) -> Result:
    """Begin the job of a planned call and run it, or queue it."""
    state = QUEUED if detach else RUNNING
    lease_s = session.workspace.settings.number("lease_s")
    job_id = write(lambda: jobs.begin(session, plan, state=state, parent=parent, lease_s=lease_s))
    if detach:
        return Result(job_id, (), state=QUEUED)
    return execute(session, plan, job_id, 1, listener)


def execute(session: Session, plan: Plan, job_id: str, attempt: int, listener: Listener = silent) -> Result:
    """Run a claimed job to its end."""
    listener("start", {"job": job_id, "verb": plan.verb.name, "name": plan.name})
    if plan.verb.mode == "flow":
        from quanheng.core.flow import run_flow

        result = run_flow(session, plan, job_id, attempt, listener)
    else:
        result = runner.run(session, plan, job_id, attempt, listener)
    listener("end", {"job": job_id, "verb": plan.verb.name, "outputs": list(result.outputs)})
    return result


def _there(plan: Plan) -> Mapping[str, JSON]:
    """Return what a caller must know of an answer that was there already, as {"note": …}."""
    names = aside(plan.verb.input)
    if plan.verb.there is None or not names:
        return {}
    was = jobs.input_by_key(plan.key)
    asked = plan.value.model_dump(mode="json")
    note = plan.verb.there({n: was.get(n) for n in names}, {n: asked[n] for n in names})
    return {"note": {"en": note.en, "zh": note.zh}} if note else {}


def _keep_name(session: Session, plan: Plan, found: tuple[str, ...]) -> None:
    """Let the asked name point where the job that made these would: per kind at its last; one that does is left."""
    from quanheng.core.models import Artifact, Name

    if not plan.name:
        return
    kinds = retry_locked(lambda: dict(Artifact.objects.filter(digest__in=found).values_list("digest", "kind")))
    names = Name.objects.filter(project_id=session.project_id, slug=plan.name)
    named = retry_locked(lambda: dict(names.values_list("kind", "artifact__digest")))
    for kind, digest in {kinds[digest].split("/")[0]: digest for digest in found}.items():
        if named.get(kind) != digest:
            data = {"artifact": digest, "name": plan.name, "kind": kind}
            call(replace(session, request=None, keep=None), "name.set", data)


def _inline(session: Session, plan: Plan, parent: str | None) -> Result:
    """Run an inline verb's body, its artifacts, job row and entry in one transaction; then what it wants done after."""
    objects = session.workspace.objects

    def work() -> tuple[Result, Inline]:
        job_id = jobs.begin(session, plan, state=RUNNING, parent=parent)
        answer: Inline = plan.verb.body(InlineContext(session, plan, job_id), plan.value) or Inline()
        prepared = answer.prepared
        result = Result(job_id, tuple(p.digest for p in prepared), value=answer.value)
        if session.keep and not parent:
            session.keep(result)
        jobs.finish(session, plan, job_id, 1, DONE, outputs=prepared, objects=objects)
        return result, answer

    try:
        result, answer = write(work)
    except QuanhengError as error:
        # a transition of a case asks for its own permission inside the body; that refusal is a denial too
        _record_end(session, plan, DENIED if error.code == permission.REFUSED else FAILED, error)
        raise
    except Exception as fault:  # a fault of ours leaves its entry too
        told = unexpected(fault)
        _record_end(session, plan, FAILED, told)
        raise told from fault
    # Outside of the try: the call is done and its entry written, so that no second one may tell of a failure.
    return replace(result, value={**result.value, **answer.after()}) if answer.after else result


def _record_end(session: Session, plan: Plan, outcome: str, error: QuanhengError) -> None:
    """Write job row and entry of a call that changed nothing."""

    def work() -> None:
        job_id = jobs.begin(session, plan, state=RUNNING)
        jobs.finish(session, plan, job_id, 1, outcome, error=error, objects=session.workspace.objects)

    write(work)


class Inline:
    """What an inline verb's body gives: artifacts that are ready, and an answer for the caller.

    after: what is done when the transaction is committed; it adds to the answer, and must not raise.
    """

    def __init__(
        self,
        prepared: list[register.Prepared] | None = None,
        value: Mapping[str, JSON] | None = None,
        after: Callable[[], Mapping[str, JSON]] | None = None,
    ) -> None:
        self.prepared = prepared or []
        self.value: Mapping[str, JSON] = value or {}
        self.after = after


class InlineContext:
    """What an inline verb's body gets: the session, its job and its derivation. The database is open."""

    def __init__(self, session: Session, plan: Plan, job_id: str) -> None:
        self.session = session
        self.plan = plan
        self.job = job_id

    def input(self, role: str) -> str:
        """Return the digest of the single artifact given for `role`."""
        found = [digest for name, digest in self.plan.inputs if name == role]
        if len(found) != 1:
            raise Invalid(f"{role} takes one artifact", f"{role} 需要一个制品")
        return found[0]

    def prepare(self, draft: Any) -> register.Prepared:
        """Return a draft as a prepared artifact of this call."""
        prepared = register.prepare(draft, self.plan.made_by, self.plan.key)
        register.check(prepared)
        return prepared
