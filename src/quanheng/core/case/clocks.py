"""What the clocks of a case say, computed from its events and the time alone. Pure: nothing is stored, no Django.

How days are counted: the day on which a clock starts or goes on is not counted, counting begins on the next day
(《中华人民共和国民法典》第二百零一条); a limit in calendar days that ends on a day of rest ends on the next working
day, and a last day lasts until 24:00 (第二百零三条). So a day counts when the clock was running at the end of the day
before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from quanheng.core.case.calendar import Calendar, day_of
from quanheng.core.case.definition import CaseType, Clock

_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Entry:
    """A case entered `state` at the moment `at`; the first entry is its opening."""

    at: dt.datetime
    state: str


@dataclass(frozen=True)
class Reading:
    """What one run of a clock says. Days are counted in the clock's unit; a clock that starts anew has a new run.

    due: the last day in time; None when it rests before the limit is used up, for then nobody knows.
    overdue_days: days counted after `due`. holidays_loaded: holidays of every year concerned were known.
    """

    clock: Clock
    run: int
    state: Literal["running", "paused", "stopped"]
    started: dt.date
    stopped: dt.date | None
    used_days: int
    paused_days: int
    due: dt.date | None
    overdue_days: int
    holidays_loaded: bool

    @property
    def left_days(self) -> int:
        """Return the days that are left of the limit, never negative."""
        return max(self.clock.limit.days - self.used_days, 0)

    @property
    def is_overdue(self) -> bool:
        """Return whether the limit was exceeded."""
        return self.overdue_days > 0

    def to_json(self) -> dict[str, Any]:
        """Return the reading as plain data; dates as YYYY-MM-DD in Beijing time."""
        return {
            "clock": self.clock.name,
            "title": {"en": self.clock.title.en, "zh": self.clock.title.zh},
            "basis": self.clock.basis,
            "run": self.run,
            "state": self.state,
            "unit": self.clock.limit.unit,
            "limit_days": self.clock.limit.days,
            "used_days": self.used_days,
            "paused_days": self.paused_days,
            "left_days": self.left_days,
            "started": self.started.isoformat(),
            "stopped": self.stopped.isoformat() if self.stopped else None,
            "due": self.due.isoformat() if self.due else None,
            "overdue": self.is_overdue,
            "overdue_days": self.overdue_days,
            "holidays_loaded": self.holidays_loaded,
        }


@dataclass
class _Run:
    """From the start of a clock to its stop: on which days it went on (True) or rested (False)."""

    changes: list[tuple[dt.date, bool]]
    stopped: dt.date | None = None


def readings(case_type: CaseType, entries: Sequence[Entry], now: dt.datetime, calendar: Calendar) -> list[Reading]:
    """Return every run of every clock that has started, in the order of the type's clocks.

    entries: the states entered, in order. A `now` before the last entry (a clock set back) counts as that entry.
    """
    today = day_of(max([now, *(entry.at for entry in entries)]))
    return [
        _read(clock, number, run, today, calendar)
        for clock in case_type.clocks
        for number, run in enumerate(_runs(case_type, clock, entries), 1)
    ]


def _runs(case_type: CaseType, clock: Clock, entries: Sequence[Entry]) -> list[_Run]:
    runs: list[_Run] = []
    open_run: _Run | None = None
    for entry in entries:
        day = day_of(entry.at)
        if open_run is None:
            if entry.state in clock.starts:
                open_run = _Run([(day, True)])
                runs.append(open_run)
        elif entry.state in clock.stops or entry.state in case_type.final:
            open_run.stopped = day
            open_run = None
        else:
            open_run.changes.append((day, entry.state not in clock.pauses))
    return runs


def _read(clock: Clock, number: int, run: _Run, today: dt.date, calendar: Calendar) -> Reading:
    started, last = run.changes[0][0], run.stopped or today
    is_working_unit = clock.limit.unit == "working"
    counted = used = paused = overdue = at = 0
    due: dt.date | None = None
    day, runs = started + _ONE_DAY, True
    while True:
        while at < len(run.changes) and run.changes[at][0] < day:
            runs, at = run.changes[at][1], at + 1
        limit_used = counted >= clock.limit.days
        if day > last and (due or not (runs or limit_used)):
            break
        working = calendar.is_working(day)
        counts = working or not is_working_unit
        past = day <= last
        used += past and runs and counts
        paused += past and not runs and counts
        overdue += past and runs and counts and due is not None
        counted += runs and counts
        if due is None and counted >= clock.limit.days and working:
            due = day
        day += _ONE_DAY
    return Reading(
        clock=clock,
        run=number,
        state="stopped" if run.stopped else "running" if runs else "paused",
        started=started,
        stopped=run.stopped,
        used_days=used,
        paused_days=paused,
        due=due,
        overdue_days=overdue,
        holidays_loaded=calendar.covers(started, max(due or last, last)),
    )
