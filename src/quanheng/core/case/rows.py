"""The rows of cases: Case and CaseEvent. Writes run inside the transaction of their verb."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from quanheng.core import clock, permission
from quanheng.core.case import machine
from quanheng.core.case.calendar import Calendar, read_calendar
from quanheng.core.case.clocks import Entry, readings
from quanheng.core.case.definition import CaseType, Transition
from quanheng.errors import NotFound

if TYPE_CHECKING:
    from quanheng.core.models import Case, CaseEvent
    from quanheng.core.session import Session


def open_case(session: Session, case_type: CaseType, title: str) -> str:
    """Write a case in its first state and return its id."""
    from quanheng.core.models import Case

    row = Case.objects.create(  # type: ignore[misc]  # case.open needs a project
        type=case_type.name,
        project_id=session.project_id,
        title=title,
        state=case_type.first,
        opened_at=clock.now(),
    )
    return row.id


def find_case(session: Session, case_id: str, *, lock: bool = False) -> Case:
    """Return the case of the session's project; with `lock`, its row is held until the transaction ends."""
    from quanheng.core.models import Case

    rows = Case.objects.select_for_update() if lock else Case.objects.all()
    row = rows.filter(id=case_id, project_id=session.project_id).first()
    if row is None:
        raise NotFound(
            f"there is no case {case_id!r} in this project",
            f"本项目中没有事项 {case_id!r}",
            hint=("List them: quanheng case list", "查看事项：quanheng case list"),
            code="no_such_case",
        )
    return row


def move_case(
    session: Session, case_type: CaseType, row: Case, name: str, note: str, step: int | None
) -> dict[str, Any]:
    """Take one transition and return {case, step, transition, from, to}. `row` is locked.

    Raises Conflict when the case has moved on since `step`, Forbidden without the transition's own permission.
    """
    from quanheng.core.models import CaseEvent

    machine.check_step(row.steps, step)
    transition = machine.find_transition(case_type, row.state, name)
    permission.require(session, transition.permission, "case.move")
    machine.check_note(transition, note)
    before = CaseEvent.objects.filter(case=row).order_by("-step").values_list("at", flat=True).first()
    event = CaseEvent.objects.create(
        case=row,
        step=row.steps + 1,
        transition=name,
        from_state=row.state,
        to_state=transition.to,
        actor_id=session.actor_id,
        at=max(clock.now(), before or row.opened_at),  # with a clock that was set back, events keep their order
        note=note,
    )
    row.state, row.steps = transition.to, event.step
    row.save(update_fields=["state", "steps"])
    return {
        "case": row.id,
        "step": event.step,
        "transition": name,
        "from": event.from_state,
        "to": event.to_state,
    }


def show_case(session: Session, case_type: CaseType, row: Case) -> dict[str, Any]:
    """Return state, events, clocks as they read now, and the transitions open now with whether the actor may."""
    from quanheng.core.models import CaseEvent

    machine.known_state(case_type, row.state)
    events = list(CaseEvent.objects.filter(case=row).select_related("actor").order_by("step"))
    entries = [Entry(row.opened_at, case_type.first), *(Entry(event.at, event.to_state) for event in events)]
    calendar = load_calendar(session)
    return {
        "case": row.id,
        "type": row.type,
        "type_title": case_type.title.model_dump(),
        "basis": case_type.basis,
        "title": row.title,
        "state": row.state,
        "state_title": case_type.states[row.state].model_dump(),
        "final": row.state in case_type.final,
        "step": row.steps,
        "opened": clock.text_of(row.opened_at),
        "events": [_event(event) for event in events],
        "clocks": [reading.to_json() for reading in readings(case_type, entries, clock.now(), calendar)],
        "next": [_next(session, t) for t in machine.open_transitions(case_type, row.state)],
    }


def load_calendar(session: Session) -> Calendar:
    """Return the calendar of the setting `holidays` (a path, relative to the workspace), or plain Monday to Friday."""
    text = session.workspace.settings.text("holidays")
    if not text:
        return Calendar()
    return read_calendar(session.workspace.folder / Path(text).expanduser())


def _event(event: CaseEvent) -> dict[str, Any]:
    return {
        "step": event.step,
        "transition": event.transition,
        "from": event.from_state,
        "to": event.to_state,
        "actor": event.actor.label,
        "at": clock.text_of(event.at),
        "note": event.note,
    }


def _next(session: Session, transition: Transition) -> dict[str, Any]:
    decision = permission.decide(session, transition.permission, "case.move")
    return {
        "transition": transition.name,
        "title": transition.title.model_dump(),
        "to": transition.to,
        "permission": transition.permission,
        "needs_note": transition.needs_note,
        "allowed": decision.allowed,
        "reason": {"en": decision.reason.en, "zh": decision.reason.zh},
    }
