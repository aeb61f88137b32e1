"""Clocks against numpy's business days, a slow counter and dates worked out by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.case.case_types import case_types, small
from core.case.counting import count
from quanheng.core.case import types
from quanheng.core.case.calendar import Calendar
from quanheng.core.case.clocks import Entry, Reading, readings
from quanheng.core.case.definition import CaseType, parse_type

#: 国办发明电〔2024〕12号: National Day and Mid-Autumn 2025, with the two make-up workdays.
AUTUMN_2025 = Calendar(
    frozenset(dt.date(2025, 10, day) for day in range(1, 9)),
    frozenset({dt.date(2025, 9, 28), dt.date(2025, 10, 11)}),
)
PLAIN = Calendar()
DAYS = st.dates(dt.date(2025, 1, 1), dt.date(2026, 6, 30))


def at(text: str) -> dt.datetime:
    """Return a moment given in Beijing time."""
    return dt.datetime.fromisoformat(text + "+08:00")


def read(case_type: CaseType, steps: list[tuple[str, str]], now: str, calendar: Calendar = PLAIN) -> dict[str, Reading]:
    """Return the last reading of each clock."""
    entries = [Entry(at(moment), state) for moment, state in steps]
    return {r.clock.name: r for r in readings(case_type, entries, at(now), calendar)}


def small_type(**limit: Any) -> CaseType:
    data = small()
    data["clock"][0]["limit"].update(limit)
    return parse_type("small", data)


def test_ten_working_days_over_a_holiday() -> None:
    """26, 28 (make-up), 29, 30 September, 9, 10, 11 (make-up), 13, 14, 15 October."""
    filing = types()["algorithm_filing"]
    steps = [("2025-09-01T09:00", "preparing"), ("2025-09-25T09:00", "serving")]
    reading = read(filing, steps, "2025-10-09T08:00", AUTUMN_2025)["file_in_time"]
    assert (reading.due, reading.used_days, reading.left_days) == (dt.date(2025, 10, 15), 5, 5)
    assert reading.state == "running" and reading.holidays_loaded and not reading.is_overdue
    plain = read(filing, steps, "2025-10-09T08:00")["file_in_time"]
    assert plain.due == dt.date(2025, 10, 9) and not plain.holidays_loaded


def test_the_last_day_lasts_until_midnight_in_beijing() -> None:
    steps = [("2025-09-25T09:00", "preparing"), ("2025-09-25T23:59:59", "serving")]
    filing = types()["algorithm_filing"]
    last = read(filing, steps, "2025-10-15T23:59:59", AUTUMN_2025)["file_in_time"]
    assert not last.is_overdue and last.left_days == 0
    over = read(filing, steps, "2025-10-16T00:00:00", AUTUMN_2025)["file_in_time"]
    assert over.is_overdue and over.overdue_days == 1


def test_a_return_by_the_authority_pauses_the_first_clock_and_runs_the_second_twice() -> None:
    filing = types()["algorithm_filing"]
    steps = [
        ("2026-03-01T09:00", "preparing"),
        ("2026-03-02T09:00", "serving"),  # Monday
        ("2026-03-05T09:00", "submitted"),  # 3, 4, 5 March count: three days used
        ("2026-03-19T09:00", "returned"),
        ("2026-03-23T09:00", "submitted"),  # 20 and 23 March: five days
        ("2026-04-03T09:00", "filed"),
    ]
    entries = [Entry(at(moment), state) for moment, state in steps]
    found = readings(filing, entries, at("2026-06-01T09:00"), Calendar())
    first, *answers = found
    assert (first.clock.name, first.used_days, first.state) == ("file_in_time", 5, "stopped")
    assert first.paused_days == 10 + 9  # 6 to 19 March, 24 March to 3 April
    assert first.due is None and not first.is_overdue
    assert [(r.clock.name, r.run, r.used_days) for r in answers] == [
        ("authority_answer", 1, 10),
        ("authority_answer", 2, 9),
    ]
    assert [r.due for r in answers] == [dt.date(2026, 4, 16), dt.date(2026, 5, 4)]


def test_a_calendar_limit_that_ends_on_a_day_of_rest_ends_on_the_next_working_day() -> None:
    three = small_type(days=3, unit="calendar")
    reading = read(three, [("2026-07-01T09:00", "a")], "2026-07-05T12:00")["c"]  # Wednesday; the third day is Saturday
    assert reading.due == dt.date(2026, 7, 6) and reading.used_days == 4 and not reading.is_overdue
    over = read(three, [("2026-07-01T09:00", "a")], "2026-07-07T00:00")["c"]
    assert over.overdue_days == 1


def test_used_up_and_handed_over_in_time_is_not_overdue_however_long_it_rests() -> None:
    steps = [("2026-07-01T09:00", "a"), ("2026-07-06T23:00", "b")]
    reading = read(small_type(), steps, "2026-09-01T09:00")["c"]
    assert reading.state == "paused" and reading.used_days == 3 and reading.due == dt.date(2026, 7, 6)
    assert not reading.is_overdue


def test_a_resting_clock_does_not_know_when_it_is_due() -> None:
    steps = [("2026-07-01T09:00", "a"), ("2026-07-02T09:00", "b")]
    reading = read(small_type(), steps, "2026-07-10T09:00")["c"]
    assert reading.state == "paused" and reading.due is None and reading.left_days == 2 and reading.paused_days == 6


def test_a_final_state_stops_every_clock() -> None:
    data = small()
    data["clock"][0].update(stops=[])
    reading = read(
        parse_type("small", data), [("2026-07-01T09:00", "a"), ("2026-07-02T09:00", "z")], "2027-07-01T00:00"
    )["c"]
    assert reading.state == "stopped" and reading.stopped == dt.date(2026, 7, 2) and reading.used_days == 1


def test_a_clock_that_was_set_back_counts_as_the_last_event() -> None:
    steps = [("2026-07-01T09:00", "a"), ("2026-07-06T09:00", "b")]
    assert read(small_type(), steps, "2020-01-01T00:00") == read(small_type(), steps, "2026-07-06T10:00")


def test_a_case_without_clocks_reads_nothing() -> None:
    assert read(types()["user_appeal"], [("2026-07-01T09:00", "received")], "2026-07-02T09:00") == {}


def test_plain_data_names_the_article_and_the_dates() -> None:
    plain = read(small_type(), [("2026-07-01T09:00", "a")], "2026-07-02T09:00")["c"].to_json()
    assert plain["basis"] == "《某规定》第二条" and plain["due"] == "2026-07-06" and plain["stopped"] is None
    assert plain["overdue"] is False and plain["holidays_loaded"] is False and plain["limit_days"] == 3


@given(DAYS, st.integers(1, 60), st.frozensets(DAYS, max_size=30))
def test_due_agrees_with_numpy(start: dt.date, days: int, holidays: frozenset[dt.date]) -> None:
    now = dt.datetime.combine(start, dt.time(4), dt.UTC)
    working = readings(small_type(days=days), [Entry(now, "a")], now, Calendar(holidays))[0]
    rest = sorted(holidays)
    assert working.due == np.busday_offset(start, days, roll="preceding", holidays=rest).astype(object)
    plain = readings(small_type(days=days, unit="calendar"), [Entry(now, "a")], now, Calendar(holidays))[0]
    last = start + dt.timedelta(days=days)
    assert plain.due == np.busday_offset(last, 0, roll="following", holidays=rest).astype(object)


@st.composite
def histories(draw: st.DrawFn) -> tuple[CaseType, list[Entry], dt.datetime, Calendar]:
    case_type = draw(case_types())
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=draw(st.integers(0, 400)))
    entries = [Entry(now, case_type.first)]
    for _ in range(draw(st.integers(0, 8))):
        ways = [t for t in case_type.transitions if entries[-1].state in t.sources]
        if not ways:
            break
        now += dt.timedelta(hours=draw(st.sampled_from([0, 1, 8, 16, 24, 30, 72, 200])))
        entries.append(Entry(now, draw(st.sampled_from(ways)).to))
    days = st.dates(dt.date(2026, 1, 1), dt.date(2026, 4, 1))
    holidays = draw(st.frozensets(days, max_size=10))
    workdays = draw(st.frozensets(days, max_size=5)) - holidays
    return case_type, entries, now + dt.timedelta(hours=draw(st.integers(0, 500))), Calendar(holidays, workdays)


@settings(max_examples=150)
@given(histories())
def test_every_clock_agrees_with_the_slow_counter(
    history: tuple[CaseType, list[Entry], dt.datetime, Calendar],
) -> None:
    case_type, entries, now, calendar = history
    found = readings(case_type, entries, now, calendar)
    for clock in case_type.clocks:
        mine = [r for r in found if r.clock.name == clock.name]
        expected = count(case_type, clock, entries, now, calendar)
        assert [r.run for r in mine] == list(range(1, len(expected) + 1))
        for reading, slow in zip(mine, expected, strict=True):
            assert (reading.used_days, reading.paused_days) == (slow.used, slow.paused)
            assert (reading.due, reading.overdue_days) == (slow.due, slow.over)
            assert (reading.state == "stopped") == slow.stopped


@pytest.mark.parametrize("unit", ["calendar", "working"])
def test_days_on_end_of_rest_do_not_hang(unit: str) -> None:
    """A file that makes every day of a year a holiday still gives an answer in the next year."""
    year = frozenset(dt.date(2026, 1, 1) + dt.timedelta(days=k) for k in range(365))
    due = read(small_type(unit=unit, days=1), [("2026-01-01T09:00", "a")], "2026-01-02T09:00", Calendar(year))["c"].due
    assert due == dt.date(2027, 1, 1)
