"""Cases 事项: matters with states, transitions and clocks that stand in data (`types/*.toml`).

`definition` reads and checks types, `machine` moves, `clocks` counts days: all three pure. `rows` keeps the tables.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quanheng.core.case.definition import CaseType, read_types
from quanheng.errors import NotFound

if TYPE_CHECKING:
    from quanheng.core.session import Session

__all__ = ["CaseType", "find_type", "move_case", "open_case", "show_case", "types"]


@cache
def types() -> dict[str, CaseType]:
    """Return the shipped types of cases by name; Invalid names one that cannot be used."""
    return read_types(Path(str(files("quanheng.core.case"))) / "types")


def find_type(name: str) -> CaseType:
    """Return the type called `name`; NotFound lists those there are."""
    found = types().get(name)
    if found is None:
        known = sorted(types())
        raise NotFound(
            f"there is no type of case {name!r}",
            f"没有事项类型 {name!r}",
            hint=("Types: " + ", ".join(known), "可用类型：" + "、".join(known)),
            code="no_such_case_type",
        )
    return found


def open_case(session: Session, type: str, title: str) -> str:
    """Return the id of a new case of this type, in its first state (inside the open transaction)."""
    from quanheng.core.case import rows

    return rows.open_case(session, find_type(type), title)


def move_case(session: Session, case: str, transition: str, note: str = "", step: int | None = None) -> dict[str, Any]:
    """Return {case, step, transition, from, to} of the transition taken (inside the open transaction).

    step: the number of steps that the caller saw; Conflict when the case has moved on. Moves of one case are
    serialised by its row. The transition's own permission is asked for.
    """
    from quanheng.core.case import rows

    row = rows.find_case(session, case, lock=True)
    return rows.move_case(session, find_type(row.type), row, transition, note, step)


def show_case(session: Session, case: str) -> dict[str, Any]:
    """Return state, events, clocks with due dates, and the transitions that are open now."""
    from quanheng.core.case import rows

    row = rows.find_case(session, case)
    return rows.show_case(session, find_type(row.type), row)
