"""Flows 流程: a short TOML list of verbs that feed each other. Resume, caching and lineage are one mechanism.

name = "filing"
help = { en = "…", zh = "…" }

[params]                      # defaults; `--param name=value` or `with` replace them
questions = 60

[param_help]
questions = { en = "…", zh = "…" }

[[step]]
id = "source"
verb = "source.register"
each = "$sources"             # one run per item; `$item.x` is a field of the item
with = { path = "$item.path", title = "$item.title" }
as = "$item.name"             # the name the output gets

[[step]]
id = "corpus"
verb = "corpus.build"
with = { sources = "@source" }   # all outputs of that step; `@step.kind` picks one kind
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from pathlib import Path
from typing import Any

from quanheng.core import jobs
from quanheng.core.child import unexpected
from quanheng.core.database import write
from quanheng.core.inputs import Local, Takes, marked, marker
from quanheng.core.jobs import Plan, Result
from quanheng.core.resolve import path_refused
from quanheng.core.runner import Listener, end_badly
from quanheng.core.session import Session
from quanheng.core.verb import find_verb
from quanheng.errors import Cancelled, Invalid, NotFound, QuanhengError, Text
from quanheng.kinds.toml_words import TomlFault, parse_toml

_KEYS = {"id", "verb", "each", "with", "as", "when"}
NO_HELP = Text("", "")


@dataclass(frozen=True)
class Step:
    """One step: a verb with its input, in which `$…` and `@…` stand for parameters and outputs."""

    id: str
    verb: str
    each: str = ""
    with_: Mapping[str, Any] = field(default_factory=dict)
    as_: str = ""
    when: str = ""

    def needs(self) -> set[str]:
        """Return the ids of the steps whose outputs this one takes."""
        return {text[1:].split(".")[0] for text in self.references("@")}

    def references(self, sign: str) -> list[str]:
        """Return the texts of the step that begin with `sign`, "$" or "@"."""
        return [t for t in _texts([self.with_, self.each, self.as_, self.when]) if t.startswith(sign)]


@dataclass(frozen=True)
class Flow:
    """A checked flow: its steps in an order in which they can run, its parameters' defaults, and what they are for."""

    name: str
    params: Mapping[str, Any]
    steps: tuple[Step, ...]
    help: Text = NO_HELP
    param_help: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True)
class ItemFields:
    """What an item of a parameter that is a list becomes: fields of a verb's input by the item's keys, and a name."""

    verb: str
    fields: Mapping[str, str]
    name: str = ""  # the key that names the output, "" for none


def item_fields(flow: Flow) -> dict[str, ItemFields]:
    """Return, for each parameter that a step runs over, what its items become there."""
    found = {}
    for step in flow.steps:
        name = step.each.removeprefix("$")
        if step.each.startswith("$") and isinstance(flow.params.get(name), list):
            taken = {key: text for key, text in step.with_.items() if str(text).startswith("$item.")}
            fields = {text.removeprefix("$item."): key for key, text in taken.items()}
            as_ = step.as_.removeprefix("$item.") if step.as_.startswith("$item.") else ""
            found[name] = ItemFields(step.verb, fields, as_)
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def shipped() -> dict[str, Path]:
    """Return the flows that come with Quanheng, by name."""
    folder = Path(str(files("quanheng"))) / "flows"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_flow(name: str, file: str | None = None) -> Flow:
    """Return the shipped flow called `name`, or the one in the TOML file `file`."""
    known = shipped()
    path = Path(file) if file else known.get(name)
    if path is None or not path.is_file():
        raise NotFound(
            f"there is no flow {file or name!r}",
            f"没有名为 {file or name!r} 的流程",
            hint=("Shipped flows: " + ", ".join(known), "自带的流程：" + "、".join(known)),
            code="no_such_flow",
        )
    try:
        data = parse_toml(path.read_bytes())
    except TomlFault as error:
        en, zh = error.text
        raise _bad(path.name, f"it is not TOML in UTF-8: {en}", f"它不是 UTF-8 编码的 TOML：{zh}") from error
    return parse_flow(path.stem, data)


def parse_flow(name: str, data: Mapping[str, Any]) -> Flow:
    """Return the flow in `data`; Invalid names an unknown key, verb or step, a doubled id or a cycle."""
    raw = data.get("step")
    if not isinstance(raw, list) or not raw:
        raise _bad(name, "it has no [[step]]", "它没有任何 [[step]]")
    params = data.get("params", {})
    if not isinstance(params, dict):
        raise _bad(name, "params is not a table", "params 不是表")
    steps: dict[str, Step] = {}
    for number, item in enumerate(raw, 1):
        step = _parse_step(name, number, item)
        if step.id in steps:
            raise _bad(name, f"two steps are called {step.id}", f"有两步都叫 {step.id}")
        steps[step.id] = step
    for step in steps.values():
        _check_step(name, step, params, steps)
    try:
        order = _order(steps)
    except CycleError as error:
        ring = " → ".join(reversed(error.args[1]))
        raise _bad(name, f"its steps form a cycle: {ring}", f"步骤之间形成了循环：{ring}") from error
    help_, param_help = _parse_help(name, data, params)
    return Flow(str(data.get("name", name)), params, tuple(steps[i] for i in order), help_, param_help)


def _parse_help(name: str, data: Mapping[str, Any], params: Mapping[str, Any]) -> tuple[Text, dict[str, Text]]:
    """Return what the flow and its parameters are for: tables {en = "…", zh = "…"}, which may be left out."""
    told = data.get("param_help", {})
    if not isinstance(told, dict) or set(told) - set(params):
        raise _bad(name, "param_help is not a table of its parameters", "param_help 不是以参数为键的表")
    return _pair(name, data.get("help", {})), {key: _pair(name, value) for key, value in told.items()}


def _pair(name: str, value: Any) -> Text:
    if not isinstance(value, dict) or not all(isinstance(value.get(key, ""), str) for key in ("en", "zh")):
        raise _bad(name, "a help text is no table with en and zh", "说明文字应为含 en 与 zh 的表")
    return Text(value.get("en", ""), value.get("zh", ""))


def _parse_step(name: str, number: int, item: Any) -> Step:
    if not isinstance(item, dict):
        raise _bad(name, f"step {number} is not a table", f"第 {number} 步不是表")
    unknown = set(item) - _KEYS
    if unknown or not item.get("id") or not item.get("verb"):
        what = ", ".join(sorted(unknown)) or "id / verb"
        raise _bad(name, f"step {number}: unknown or missing: {what}", f"第 {number} 步：多余或缺少：{what}")
    with_ = item.get("with", {})
    texts = [item[key] for key in _KEYS - {"with"} if key in item]
    if not isinstance(with_, dict) or not all(isinstance(text, str) for text in texts):
        raise _bad(
            name,
            f"step {number}: `with` is a table, everything else a text",
            f"第 {number} 步：with 应为表，其余各项应为文本",
        )
    return Step(item["id"], item["verb"], item.get("each", ""), with_, item.get("as", ""), item.get("when", ""))


def _check_step(name: str, step: Step, params: Mapping[str, Any], steps: Mapping[str, Step]) -> None:
    """Raise for an unknown verb, input, step or parameter: all of it before the first step runs."""
    try:
        fields = find_verb(step.verb).input.model_fields
    except NotFound as error:
        raise NotFound(
            f"the flow {name!r} cannot be used: step {step.id}: {error.text.en}",
            f"流程 {name!r} 无法使用：步骤 {step.id}：{error.text.zh}",
            hint=error.hint,
            code=error.code,
        ) from error
    for key in step.with_:
        if key not in fields:
            raise _bad(
                name,
                f"step {step.id}: {step.verb} has no input {key}; it has: {', '.join(fields)}",
                f"步骤 {step.id}：{step.verb} 没有输入项 {key}；可用：{'、'.join(fields)}",
            )
    for need in sorted(step.needs() - set(steps)):
        raise _bad(name, f"step {step.id} takes @{need}, which is no step", f"步骤 {step.id} 引用的 @{need} 不存在")
    known = {*params, "item"} if step.each else set(params)
    for text in step.references("$"):
        if text[1:].split(".")[0] not in known:
            raise _bad(name, f"step {step.id}: {text} is not a parameter", f"步骤 {step.id}：{text} 不是参数")


def _order(steps: Mapping[str, Step]) -> list[str]:
    """Return the ids in an order in which they can run, as near to that of the file as can be."""
    sorter = TopologicalSorter({step.id: step.needs() for step in steps.values()})
    sorter.prepare()
    place = {id_: number for number, id_ in enumerate(steps)}
    ready: list[str] = []
    order: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=place.__getitem__)
        order.append(ready.pop(0))
        sorter.done(order[-1])
    return order


def _bad(name: str, en: str, zh: str) -> Invalid:
    return Invalid(
        f"the flow {name!r} cannot be used: {en}",
        f"流程 {name!r} 无法使用：{zh}",
        hint=("Nothing was run. Correct the file.", "没有执行任何步骤。请改正文件。"),
        code="bad_flow",
    )


class Values:
    """The values that `$…` and `@…` stand for while a flow runs."""

    def __init__(self, flow: Flow, given: Mapping[str, Any]) -> None:
        unknown = set(given) - set(flow.params)
        if unknown:
            known = ", ".join(flow.params)
            raise _bad(
                flow.name,
                f"it has no parameter {', '.join(sorted(unknown))} (it has: {known})",
                f"它没有参数 {'、'.join(sorted(unknown))}（可用：{known}）",
            )
        self.flow = flow
        self.params = {**flow.params, **given}
        self.outputs: dict[str, list[tuple[str, str]]] = {}

    def get(self, value: Any, item: Any = None) -> Any:
        """Return `value` with every `$…` and `@…` in it replaced."""
        if isinstance(value, str) and value.startswith("@"):
            step, _, kind = value[1:].partition(".")
            return [d for d, k in self.outputs.get(step, []) if not kind or k.split("/")[0] == kind]
        if isinstance(value, str) and value.startswith("$"):
            return self._parameter(value[1:], item)
        if isinstance(value, Mapping):
            return {k: self.get(v, item) for k, v in value.items()}
        if isinstance(value, list):
            return [x for v in value for x in (self.get(v, item) if str(v).startswith("@") else [self.get(v, item)])]
        return value

    def items(self, step: Step) -> list[Any]:
        """Return the items that the step runs over: those of its `each`, else one None."""
        if not step.each:
            return [None]
        found = self.get(step.each)
        if not isinstance(found, list | tuple):
            raise _bad(
                self.flow.name,
                f"step {step.id}: each = {step.each!r} is not a list",
                f"步骤 {step.id}：each = {step.each!r} 不是列表",
            )
        return list(found)

    def _parameter(self, path: str, item: Any) -> Any:
        first, *rest = path.split(".")
        found = item if first == "item" else self.params.get(first, self)
        for part in rest:
            found = found.get(part) if isinstance(found, Mapping) else self
        if found is self:
            raise _bad(self.flow.name, f"${path} is not a parameter", f"${path} 不是参数")
        return found


def shape(verb: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input with one-element lists taken out for fields that take a single artifact; None left out."""
    model = find_verb(verb).input
    shaped = {}
    for name, value in data.items():
        info = model.model_fields.get(name)
        single = info is not None and isinstance(marker(info), Takes) and "list" not in str(info.annotation)
        taken = value
        if single and isinstance(value, list):
            taken = value[0] if len(value) == 1 else (value or None)
        if taken is not None:
            shaped[name] = taken
    return shaped


def lending(session: Session, flow: Flow, *, shipped: bool) -> Session:
    """Return the session in which the steps run.

    A caller from elsewhere may read the `package:` paths that stand in a shipped flow's own file, and beside them only
    uploads and shipped files: any other path would have come in through the parameters.
    """
    texts = _texts([flow.params, *(step.with_ for step in flow.steps)]) if shipped else ()
    return replace(session, lent=frozenset(text for text in texts if text.startswith("package:")))


def refuse_param_paths(session: Session, inp: Any) -> Any:
    """Return the input of flow.run; Forbidden, before anything runs, when its parameters bring in a path."""
    if session.is_local:
        return inp
    flow = read_flow(inp.flow, inp.file)
    values, lent = Values(flow, inp.params), lending(session, flow, shipped=inp.file is None).lent
    for step in flow.steps:
        fields = set(marked(find_verb(step.verb).input, Local))
        for item in values.items(step):
            for name in sorted(fields & set(step.with_)):
                text = values.get(step.with_[name], item)
                if isinstance(text, str) and text not in lent and not text.startswith(("upload:", "shipped:")):
                    raise path_refused(f"{step.id}.{name}")
    return inp


def run_flow(session: Session, plan: Plan, job_id: str, attempt: int, listener: Listener) -> Result:
    """Run the steps of a flow in order; each is a job of its own, and what is already there is not run again.

    A flow in the foreground in which every step was there before leaves no entry and no job: it did nothing.
    """
    lease_s = session.workspace.settings.number("lease_s")
    try:
        flow = read_flow(plan.value.flow, plan.value.file)
        outputs, ran = _steps(session, flow, plan, job_id, attempt, listener, lease_s)
        kept = write(lambda: _end(session, plan, job_id, attempt, outputs, ran))
        return Result(job_id if kept else "", tuple(outputs), cached=not ran)
    except (QuanhengError, KeyboardInterrupt) as raised:
        error = raised if isinstance(raised, QuanhengError) else Cancelled("stopped by the keyboard", "已被键盘中断")
        end_badly(session, plan, job_id, attempt, error)
        raise error from None
    except Exception as fault:  # a fault of ours, or a parameter of a shape nobody foresaw: one entry all the same
        told = unexpected(fault)
        end_badly(session, plan, job_id, attempt, told)
        raise told from fault


def _end(session: Session, plan: Plan, job_id: str, attempt: int, outputs: list[str], ran: int) -> bool:
    """End the flow's job (in the open transaction); return whether the job is kept."""
    if not ran and jobs.forget(job_id, attempt):
        return False
    jobs.finish_flow(session, plan, job_id, attempt, outputs, objects=session.workspace.objects)
    return True


def _steps(
    session: Session, flow: Flow, plan: Plan, job_id: str, attempt: int, listener: Listener, lease_s: int
) -> tuple[list[str], int]:
    from quanheng.core.call import call

    values = Values(flow, plan.value.params)
    session = lending(session, flow, shipped=plan.value.file is None)
    ran = 0
    last: list[str] = []
    for number, step in enumerate(flow.steps, 1):
        listener("step", {"step": step.id, "number": number, "of": len(flow.steps), "verb": step.verb})
        if step.when and not values.get(step.when):
            continue
        last = []
        for item in values.items(step):
            if jobs.heartbeat(job_id, attempt, lease_s, number - 1, len(flow.steps)):
                raise Cancelled("the flow was cancelled", "流程已被取消")
            data = shape(step.verb, values.get(step.with_, item))
            as_name = str(values.get(step.as_, item)) if step.as_ else ""
            with jobs.Keepalive(job_id, attempt, lease_s):
                result = call(session, step.verb, data, as_name=as_name, parent=job_id, listener=listener)
            ran += not result.cached
            last.extend(result.outputs)
            values.outputs.setdefault(step.id, []).extend(zip(result.outputs, kinds_of(result.outputs), strict=True))
    return last, ran


def kinds_of(digests: tuple[str, ...]) -> list[str]:
    """Return the kind of each of these artifacts, in their order."""
    from quanheng.core.models import Artifact

    kinds = dict(Artifact.objects.filter(digest__in=digests).values_list("digest", "kind"))
    return [kinds[d] for d in digests]
