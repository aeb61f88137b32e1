"""A slow, plain way to count the days of a clock, written apart from the engine: one question per day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from quanheng.core.case.calendar import Calendar
from quanheng.core.case.clocks import Entry
from quanheng.core.case.definition import CaseType, Clock

DAY = dt.timedelta(days=1)


@dataclass
class Counted:
    """The days of one run."""

    used: int
    paused: int
    due: dt.date | None
    over: int
    stopped: bool


def beijing(moment: dt.datetime) -> dt.date:
    """Return the day in Beijing, eight hours ahead of UTC all year."""
    return (moment + dt.timedelta(hours=8)).date()


def after(case_type: CaseType, clock: Clock, states: Sequence[str]) -> tuple[int, str]:
    """Return (number of the run, "off" | "on" | "rest") after these states were entered."""
    run, status = 0, "off"
    for state in states:
        if status == "off":
            if state in clock.starts:
                run, status = run + 1, "on"
        elif state in case_type.final or state in clock.stops:
            status = "off"
        else:
            status = "rest" if state in clock.pauses else "on"
    return run, status


def count(
    case_type: CaseType, clock: Clock, entries: Sequence[Entry], now: dt.datetime, calendar: Calendar
) -> list[Counted]:
    """Return every run of the clock, asking for each day how things stood when the day before ended."""
    today = max([beijing(now), *(beijing(e.at) for e in entries)])
    total, _ = after(case_type, clock, [e.state for e in entries])
    return [_one(case_type, clock, entries, today, calendar, run) for run in range(1, total + 1)]


def _one(
    case_type: CaseType, clock: Clock, entries: Sequence[Entry], today: dt.date, calendar: Calendar, run: int
) -> Counted:
    spans = [after(case_type, clock, [e.state for e in entries[: i + 1]]) for i in range(len(entries))]
    first = next(i for i, (r, s) in enumerate(spans) if r == run and s != "off")
    end = next((i for i, (r, s) in enumerate(spans) if r == run and s == "off"), None)
    inside = [(beijing(entries[i].at), s) for i, (r, s) in enumerate(spans) if r == run and s != "off" and i >= first]
    stop = beijing(entries[end].at) if end is not None else None
    last = stop or today

    def status(day: dt.date) -> str:
        """How it stood when the day before `day` ended; a stop is left out, as if it had gone on."""
        return [s for at, s in inside if at < day][-1]

    def counts(day: dt.date) -> bool:
        return clock.limit.unit == "calendar" or calendar.is_working(day)

    days = [inside[0][0] + DAY * k for k in range(1, 500)]
    lived = [d for d in days if d <= last]
    on = [d for d in days if counts(d) and status(d) == "on"]
    reached = on[clock.limit.days - 1] if len(on) >= clock.limit.days else None
    due = next((d for d in days if reached and d >= reached and calendar.is_working(d)), None)
    return Counted(
        used=sum(d in on for d in lived),
        paused=sum(counts(d) and status(d) == "rest" for d in lived),
        due=due,
        over=sum(d in on and due is not None and d > due for d in lived),
        stopped=stop is not None,
    )
