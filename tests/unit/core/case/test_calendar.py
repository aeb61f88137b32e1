"""Working days: Monday to Friday, holidays, make-up workdays, and the file that names them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.core.case.calendar import Calendar, day_of, read_calendar
from quanheng.errors import Invalid

DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2035, 12, 31))


@given(DAYS, st.frozensets(DAYS, max_size=20))
def test_without_make_up_days_it_agrees_with_numpy(day: dt.date, holidays: frozenset[dt.date]) -> None:
    expected = bool(np.is_busday(day, holidays=sorted(holidays)))
    assert Calendar(holidays).is_working(day) == expected


def test_a_make_up_day_is_a_working_day() -> None:
    sunday, monday = dt.date(2025, 9, 28), dt.date(2025, 10, 6)
    calendar = Calendar(frozenset({monday}), frozenset({sunday}))
    assert calendar.is_working(sunday) and not calendar.is_working(monday)
    assert not Calendar().is_working(sunday) and Calendar().is_working(monday)
    assert calendar.covers(dt.date(2025, 1, 1), dt.date(2025, 12, 31))
    assert not calendar.covers(dt.date(2025, 12, 1), dt.date(2026, 1, 31))


def test_days_are_those_of_beijing() -> None:
    assert day_of(dt.datetime(2026, 1, 1, 15, 59, 59, tzinfo=dt.UTC)) == dt.date(2026, 1, 1)
    assert day_of(dt.datetime(2026, 1, 1, 16, 0, tzinfo=dt.UTC)) == dt.date(2026, 1, 2)


def test_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "h.toml"
    path.write_text("holidays = [2025-10-01, 2025-10-02]\nworkdays = [2025-09-28]\n", "utf-8")
    calendar = read_calendar(path)
    assert calendar.holidays == {dt.date(2025, 10, 1), dt.date(2025, 10, 2)}
    assert calendar.workdays == {dt.date(2025, 9, 28)}


@pytest.mark.parametrize(
    ("content", "en"),
    [
        ("", "no list"),
        ("holidays = ", "not TOML"),
        ("feasts = [2025-10-01]", "it has feasts"),
        ('holidays = ["2025-10-01"]', "is not a date"),
        ("holidays = [2025-10-01T00:00:00]", "is not a date"),
        ("holidays = 7", "is not a date"),
        ("holidays = [2025-10-01]\nworkdays = [2025-10-01]", "2025-10-01 is in both lists"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: str, en: str) -> None:
    path = tmp_path / "h.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(Invalid) as caught:
        read_calendar(path)
    assert en in caught.value.text.en and caught.value.code == "bad_holidays"
    assert "节假日文件 h.toml 无法使用" in caught.value.text.zh


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"none\.toml cannot be used: it cannot be read"):
        read_calendar(tmp_path / "none.toml")
