"""How a case moves: pure functions on a type and a state. No Django, no time."""

from __future__ import annotations

from quanheng.core.case.definition import CaseType, Transition
from quanheng.errors import Conflict, Invalid, NotFound


def open_transitions(case_type: CaseType, state: str) -> tuple[Transition, ...]:
    """Return the transitions that may be taken from `state`, in the order of the type; none from a final state."""
    return tuple(t for t in case_type.transitions if state in t.sources)


def find_transition(case_type: CaseType, state: str, name: str) -> Transition:
    """Return the transition `name` when it may be taken from `state`.

    NotFound when the type has no such transition; Conflict when it has, but not from here.
    """
    known_state(case_type, state)
    found = case_type.transition(name)
    names = [t.name for t in open_transitions(case_type, state)]
    hint = (
        "Possible now: " + (", ".join(names) or "nothing, the case is closed"),
        "现在可做：" + ("、".join(names) or "无，事项已办结"),
    )
    if found is None:
        raise NotFound(
            f"{case_type.name} has no transition {name!r}",
            f"{case_type.title.zh}没有名为 {name!r} 的流转动作",
            hint=hint,
            code="no_such_transition",
        )
    if state not in found.sources:
        raise Conflict(
            f"{name} is not possible from the state {state}",
            f"事项处于“{case_type.states[state].zh}”，不能执行“{found.title.zh}”",
            hint=hint,
            code="transition_not_open",
        )
    return found


def check_note(transition: Transition, note: str) -> None:
    """Raise Invalid when the transition needs a note and there is none."""
    if transition.needs_note and not note.strip():
        raise Invalid(
            f"{transition.name} needs a note",
            f"“{transition.title.zh}”必须填写备注",
            hint=("Say why, or give the number, with --note.", "请用 --note 写明理由或编号。"),
            code="note_needed",
        )


def check_step(steps: int, seen: int | None) -> None:
    """Raise Conflict when the caller saw another number of steps than the case has now."""
    if seen is not None and seen != steps:
        raise Conflict(
            f"the case has moved on: it is at step {steps}, you saw step {seen}",
            f"事项已有变动：现在是第 {steps} 步，你看到的是第 {seen} 步",
            hint=("Look at it again: quanheng case show", "请重新查看：quanheng case show"),
            code="case_moved_on",
        )


def known_state(case_type: CaseType, state: str) -> None:
    """Raise Conflict when the type, of this release, has no such state."""
    if state not in case_type.states:
        raise Conflict(
            f"the case is in the state {state!r}, which {case_type.name} does not have in this release",
            f"事项处于状态 {state!r}，本版本的{case_type.title.zh}没有这一状态",
            hint=("Use the release that wrote it.", "请使用写入它的版本。"),
            code="unknown_state",
        )
