"""The types of cases 事项: states, transitions and clocks as data, and the check that refuses a type that cannot work.

Pure: no Django. A type is a TOML file in `types/`; `quanheng case types` prints them.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from quanheng.core.verb import Permission
from quanheng.errors import Invalid
from quanheng.kinds import Model, Say
from quanheng.kinds.kind_words import reason

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Transition(Model):
    """A step from one of the states `from` to the state `to`, by who holds `permission`."""

    name: Name
    title: Say
    sources: tuple[Name, ...] = Field(alias="from", min_length=1)
    to: Name
    permission: Permission
    needs_note: bool = False


class Limit(Model):
    """How many days a clock allows, counted as calendar days or as working days."""

    days: int = Field(ge=1, le=3660)
    unit: Literal["calendar", "working"]


class Clock(Model):
    """A time limit: starts on entering a state, rests in others, and stops on entering yet others.

    Every final state stops every clock. `basis`: the article that sets the limit.
    """

    name: Name
    title: Say
    starts: tuple[Name, ...] = Field(min_length=1)
    pauses: tuple[Name, ...] = ()
    stops: tuple[Name, ...] = ()
    limit: Limit
    basis: str = Field(min_length=1)


class CaseType(Model):
    """A type of case. `basis`: the rule that it carries out."""

    name: Name
    title: Say
    basis: str = Field(min_length=1)
    first: Name
    final: tuple[Name, ...] = Field(min_length=1)
    states: dict[Name, Say]
    transitions: tuple[Transition, ...] = Field(alias="transition", min_length=1)
    clocks: tuple[Clock, ...] = Field((), alias="clock")

    def to_json(self) -> dict[str, Any]:
        """Return the type as plain data, with the words of its TOML file."""
        return self.model_dump(mode="json", by_alias=True)

    def transition(self, name: str) -> Transition | None:
        """Return the transition of this name, or None."""
        return next((t for t in self.transitions if t.name == name), None)


def read_types(folder: Path) -> dict[str, CaseType]:
    """Return the checked types of a folder by name; Invalid names the first that cannot be used."""
    return {path.stem: read_type(path) for path in sorted(folder.glob("*.toml"))}


def read_type(path: Path) -> CaseType:
    """Return the checked type in a TOML file, whose name is the file's."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad(path.stem, f"it is not TOML in UTF-8: {error}", f"它不是 UTF-8 编码的 TOML：{error}") from error
    return parse_type(path.stem, data)


def parse_type(name: str, data: Mapping[str, Any]) -> CaseType:
    """Return the type in `data`; Invalid (bad_case_type) says in one sentence what is wrong with it."""
    try:
        case_type = CaseType.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "type"
        raise _bad(name, f"{field}: {first['msg']}", f"{field} 一项有误：{reason(first)}") from error
    if case_type.name != name:
        raise _bad(name, f"it calls itself {case_type.name}", f"文件内的名称是 {case_type.name}，与文件名不符")
    _check_names(case_type)
    _check_states(case_type)
    for clock in case_type.clocks:
        _check_clock(case_type, clock)
    return case_type


def _check_names(case_type: CaseType) -> None:
    for what, zh, names in (
        ("transitions", "流转动作", [t.name for t in case_type.transitions]),
        ("clocks", "时限", [c.name for c in case_type.clocks]),
        ("final states", "终态", list(case_type.final)),
    ):
        twice = _first_double(names)
        if twice:
            raise _bad(case_type.name, f"two {what} are called {twice}", f"有两个{zh}都叫 {twice}")


def _check_states(case_type: CaseType) -> None:
    name, states = case_type.name, case_type.states
    _known(case_type, "first", "first（初始状态）", [case_type.first])
    _known(case_type, "final", "final（终态）", case_type.final)
    for t in case_type.transitions:
        _known(case_type, f"transition {t.name}", f"流转动作 {t.name}", [*t.sources, t.to])
        for state in t.sources:
            if state in case_type.final:
                raise _bad(
                    name,
                    f"transition {t.name} leaves the final state {state}",
                    f"流转动作 {t.name} 从终态 {state} 出发",
                )
    reached = reachable(case_type)
    for state in states:
        if state not in reached:
            raise _bad(name, f"no way leads to the state {state}", f"无法到达状态 {state}")
    leaving = {state for t in case_type.transitions for state in t.sources}
    for state in states:
        if state not in leaving and state not in case_type.final:
            raise _bad(
                name, f"no way leads out of {state}, which is not final", f"状态 {state} 不是终态，却没有任何出路"
            )


def _check_clock(case_type: CaseType, clock: Clock) -> None:
    named = [*clock.starts, *clock.pauses, *clock.stops]
    _known(case_type, f"clock {clock.name}", f"时限 {clock.name}", named)
    twice = _first_double(named)
    if twice:
        raise _bad(
            case_type.name,
            f"clock {clock.name} names the state {twice} twice",
            f"时限 {clock.name} 两次提到状态 {twice}",
        )
    for state in clock.starts:
        if state in case_type.final:
            raise _bad(
                case_type.name,
                f"clock {clock.name} starts in the final state {state}",
                f"时限 {clock.name} 在终态 {state} 才开始",
            )


def _known(case_type: CaseType, what: str, zh: str, states: Iterable[str]) -> None:
    for state in states:
        if state not in case_type.states:
            raise _bad(case_type.name, f"{what}: there is no state {state}", f"{zh} 提到的状态 {state} 不存在")


def _first_double(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def reachable(case_type: CaseType) -> frozenset[str]:
    """Return the states that some row of transitions leads to from the first state."""
    found, todo = {case_type.first}, [case_type.first]
    while todo:
        state = todo.pop()
        for t in case_type.transitions:
            if state in t.sources and t.to not in found:
                found.add(t.to)
                todo.append(t.to)
    return frozenset(found)


def _bad(name: str, en: str, zh: str) -> Invalid:
    return Invalid(
        f"the case type {name!r} cannot be used: {en}",
        f"事项类型 {name!r} 无法使用：{zh}",
        hint=("Correct its TOML file.", "请改正它的 TOML 文件。"),
        code="bad_case_type",
    )
