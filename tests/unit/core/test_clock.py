"""The text of a moment: it sorts like time, and comes back."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from quanheng.core import clock

ZONES = st.timezones()
MOMENTS = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(9000, 1, 1), timezones=ZONES, allow_imaginary=False)


@given(MOMENTS)
def test_text_comes_back(moment: dt.datetime) -> None:
    assert clock.parse_time(clock.text_of(moment)) == moment.astimezone(clock.UTC)


@given(MOMENTS, MOMENTS)
def test_text_sorts_like_time(one: dt.datetime, other: dt.datetime) -> None:
    assert (clock.text_of(one) < clock.text_of(other)) == (one.astimezone(dt.UTC) < other.astimezone(dt.UTC))


def test_a_worked_example() -> None:
    beijing = dt.timezone(dt.timedelta(hours=8))
    assert clock.text_of(dt.datetime(2026, 1, 1, 8, 0, 0, 7, tzinfo=beijing)) == "2026-01-01T00:00:00.000007Z"


def test_the_clock_can_be_held_and_let_go() -> None:
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    clock.set_clock(lambda: moment)
    try:
        assert clock.now() is moment
    finally:
        clock.set_clock(None)
    assert abs(clock.now() - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)
