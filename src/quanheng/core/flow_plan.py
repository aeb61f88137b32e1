"""What a flow would do if it ran now: which steps are there, which would run, and which wait for those.

It asks what `flow.run` asks, in the same order: may the actor, can the input be understood, is an output there under
its key. Nothing is run, and no entry is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from quanheng.core import jobs, permission
from quanheng.core.flow import Flow, Step, Values, kinds_of, lending, read_flow, refuse_param_paths, shape
from quanheng.core.inputs import Input, Local, param
from quanheng.core.session import Session
from quanheng.core.verb import Verb, find_verb, query
from quanheng.errors import QuanhengError

if TYPE_CHECKING:
    from quanheng.core.jobs import Plan

#: there: its outputs are found by key. runs: it would run, its inputs are known. waits: what it takes is not there
#: yet. stops: the flow would end here with an error. skipped: its `when` is not true.
State = Literal["there", "runs", "waits", "stops", "skipped"]
#: Contents that took longer than this to hash are remembered while size and time of change of every file stay.
SLOW_S = 1.0
#: So many of them are remembered.
REMEMBERED = 200


@dataclass(frozen=True)
class Planned:
    """One run of a step: over one item of its `each`, or the only one."""

    state: State
    name: str = ""
    outputs: tuple[tuple[str, str], ...] = ()  # (digest, kind)
    error: QuanhengError | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "state": self.state,
            "name": self.name,
            "outputs": [{"digest": digest, "kind": kind} for digest, kind in self.outputs],
            "error": self.error.to_json() if self.error else None,
        }


class FlowPlan(Input):
    """Input of flow.plan."""

    flow: str = param("", "Name of a shipped flow", "自带流程的名称", pattern=r"^[a-z0-9-]{0,60}$")
    file: Annotated[str | None, Local(remote=False)] = param(None, "TOML file of a flow", "流程的 TOML 文件")
    params: dict[str, Any] = param({}, "Parameters of the flow", "流程的参数")


@query(
    "flow.plan",
    help=("Show what a flow would run now and what is already there", "查看流程现在会执行哪些步骤、哪些已有"),
)
def flow_plan(session: Session, inp: FlowPlan) -> Any:
    """Return the steps in order with the state of each of their runs, and how many there are of each state."""
    refuse_param_paths(session, inp)
    flow = read_flow(inp.flow, inp.file)
    steps = plan_flow(lending(session, flow, shipped=inp.file is None), flow, inp.params)
    states = [item.state for _, items in steps for item in items]
    return {
        "name": flow.name,
        "steps": [
            {
                "id": step.id,
                "verb": step.verb,
                "needs": sorted(step.needs()),
                "state": _together([item.state for item in items]),
                "items": [item.to_json() for item in items],
            }
            for step, items in steps
        ],
        "count": {state: states.count(state) for state in ("there", "runs", "waits", "stops")},
    }


#: Of several runs, the step as a whole is in the first of these that one of them is in.
_WORST: tuple[State, ...] = ("stops", "runs", "waits", "there")


def _together(states: list[State]) -> State:
    return next((state for state in _WORST if state in states), "skipped" if "skipped" in states else "there")


def plan_flow(session: Session, flow: Flow, given: Mapping[str, Any]) -> list[tuple[Step, list[Planned]]]:
    """Return each step with its runs, in the order in which the flow would run them."""
    values = Values(flow, given)
    open_: set[str] = set()  # steps of which not every output is known
    found: list[tuple[Step, list[Planned]]] = []
    for step in flow.steps:
        items = _plan_step(session, values, step, waits=bool(step.needs() & open_))
        if any(item.state not in ("there", "skipped") for item in items):
            open_.add(step.id)
        values.outputs[step.id] = [output for item in items for output in item.outputs]
        found.append((step, items))
    return found


def _plan_step(session: Session, values: Values, step: Step, *, waits: bool) -> list[Planned]:
    if step.when and not (waits and step.when.startswith("@")) and not values.get(step.when):
        return [Planned("skipped")]
    if waits and step.each.startswith("@"):
        return [Planned("waits")]
    return [_plan_item(session, values, step, item, waits=waits) for item in values.items(step)]


def _plan_item(session: Session, values: Values, step: Step, item: Any, *, waits: bool) -> Planned:
    name = ""
    try:
        name = str(values.get(step.as_, item)) if step.as_ else ""
        verb = find_verb(step.verb)
        permission.require(session, verb.permission, verb.name)
        if waits:
            return Planned("waits", name)
        outputs = _there(session, verb, shape(step.verb, values.get(step.with_, item)), name)
    except QuanhengError as error:
        return Planned("stops", name, error=error)
    if outputs is None:
        return Planned("runs", name)
    return Planned("there", name, tuple(zip(outputs, kinds_of(outputs), strict=True)))


def _there(session: Session, verb: Verb, data: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    """Return the outputs that a call would take instead of running, None when it would run."""
    from quanheng.core.call import check_name, make_plan, reusable, said
    from quanheng.core.resolve import validate

    check_name(name)
    value = validate(verb.name, verb.input, said(verb, data))
    plan = make_plan(session, verb, value, as_name=name, content=_content)
    if verb.mode == "flow":
        return _flow_within(session, plan)
    if not verb.cache:
        return None
    earlier = jobs.outputs_by_key(plan.key, session.project_id)
    return next((outputs for outputs in earlier if reusable(session, verb, outputs)), None)


def _flow_within(session: Session, plan: Plan) -> tuple[str, ...] | None:
    """Return the outputs of a flow that is a step of another one, when all of it is there."""
    flow = read_flow(plan.value.flow, plan.value.file)
    steps = plan_flow(lending(session, flow, shipped=plan.value.file is None), flow, plan.value.params)
    if any(item.state not in ("there", "skipped") for _, items in steps for item in items):
        return None
    ran = [items for _, items in steps if items != [Planned("skipped")]]
    return tuple(digest for item in (ran[-1] if ran else []) for digest, _ in item.outputs)


_slow: dict[tuple[tuple[str, int, int], ...], str] = {}


def _content(path: Path) -> str:
    """Return the digest of a file's or folder's content, like `content_digest`; a page asks again and again.

    Only a plan may remember: `flow.run` hashes again, so what was changed unseen is at worst announced wrongly.
    """
    import time

    from quanheng.core.resolve import content_digest

    seen = _stamps(path)
    if seen and seen in _slow:
        return _slow[seen]
    began = time.monotonic()
    digest = content_digest(path)
    if seen and time.monotonic() - began > SLOW_S:
        while len(_slow) >= REMEMBERED:
            _slow.pop(next(iter(_slow)))
        _slow[seen] = digest
    return digest


def _stamps(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Return name, size and time of change of every file under `path`; empty when one cannot be looked at."""
    try:
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        return tuple((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files)
    except OSError:
        return ()
