"""Which days are working days: Monday to Friday, corrected by a file of public holidays and make-up workdays."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from quanheng.errors import Invalid

#: Days are those of Beijing time, whatever the server's time zone: the law's days are.
BEIJING = dt.timezone(dt.timedelta(hours=8), "Asia/Shanghai")
_KEYS = ("holidays", "workdays")


@dataclass(frozen=True)
class Calendar:
    """Holidays on weekdays and workdays on weekends. Both empty: Monday to Friday."""

    holidays: frozenset[dt.date] = frozenset()
    workdays: frozenset[dt.date] = frozenset()
    years: frozenset[int] = field(init=False)  # those that the file says something about

    def __post_init__(self) -> None:
        object.__setattr__(self, "years", frozenset(day.year for day in self.holidays | self.workdays))

    def is_working(self, day: dt.date) -> bool:
        """Return whether `day` is a working day."""
        return day in self.workdays or (day.weekday() < 5 and day not in self.holidays)

    def covers(self, first: dt.date, last: dt.date) -> bool:
        """Return whether the holidays of every year from `first` to `last` were loaded."""
        return all(year in self.years for year in range(first.year, last.year + 1))


def day_of(moment: dt.datetime) -> dt.date:
    """Return the day in Beijing on which an aware moment falls."""
    return moment.astimezone(BEIJING).date()


def read_calendar(path: Path) -> Calendar:
    """Return the calendar in a TOML file `holidays = [2026-01-01, …]`, `workdays = [2026-02-14, …]`.

    Invalid (bad_holidays) when it cannot be read, holds anything else, or names a day as both.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _bad(path, f"it cannot be read: {error.strerror}", f"无法读取：{error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad(path, f"it is not TOML in UTF-8: {error}", f"它不是 UTF-8 编码的 TOML：{error}") from error
    unknown = sorted(set(data) - set(_KEYS))
    if unknown or not data:
        what = ", ".join(unknown) or "no list"
        raise _bad(path, f"it has {what}; it takes holidays and workdays", "只应有 holidays 与 workdays 两个列表")
    holidays, workdays = (_days(path, key, data.get(key, [])) for key in _KEYS)
    both = sorted(holidays & workdays)
    if both:
        raise _bad(path, f"{both[0]} is in both lists", f"{both[0]} 同时出现在两个列表里")
    return Calendar(holidays, workdays)


def _days(path: Path, key: str, value: object) -> frozenset[dt.date]:
    items = value if isinstance(value, list) else [value]
    days = set()
    for item in items:
        if isinstance(item, dt.datetime) or not isinstance(item, dt.date):
            raise _bad(path, f"{key}: {item!r} is not a date", f"{key}：{item!r} 不是日期")
        days.add(item)
    return frozenset(days)


def _bad(path: Path, en: str, zh: str) -> Invalid:
    return Invalid(
        f"the file of holidays {path.name} cannot be used: {en}",
        f"节假日文件 {path.name} 无法使用：{zh}",
        hint=(
            "It is TOML: holidays = [2026-01-01], workdays = [2026-01-04]. See the setting `holidays`.",
            "格式为 TOML：holidays = [2026-01-01]，workdays = [2026-01-04]。见设置 holidays。",
        ),
        code="bad_holidays",
    )
