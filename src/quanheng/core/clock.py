"""The one source of time, so that tests can hold it still or turn it back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

UTC = dt.UTC


def _system_now() -> dt.datetime:
    return dt.datetime.now(UTC)


_now: Callable[[], dt.datetime] = _system_now


def now() -> dt.datetime:
    """Return the current time, aware, in UTC."""
    return _now()


def set_clock(source: Callable[[], dt.datetime] | None) -> None:
    """Take the time from `source`; None goes back to the system clock."""
    global _now
    _now = source or _system_now


def text_of(moment: dt.datetime) -> str:
    """Return `moment` as RFC 3339 text in UTC with microseconds, which sorts like the time itself."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> dt.datetime:
    """Return the moment that `text_of` wrote."""
    return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
