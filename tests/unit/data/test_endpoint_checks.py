"""Endpoints are asked from a cluster before the first unit, and not at all where no unit runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from quanheng.data.endpoint_assets import ASK_ONCE, checked_first
from quanheng.errors import Forbidden, Unavailable
from quanheng.store import JSON
from unit.endpoints.loopback import endpoint_at

GIVEN: Any = {"scorer": SimpleNamespace(model=endpoint_at("http://h.test/v1"))}


class Workers:
    """A map that notes what it runs; questions to endpoints end with `fault`."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.ran: list[tuple[str, Any]] = []

    def map(self, function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        for item in items:
            self.ran.append((function, item["role"] if isinstance(item, dict) else item))
            if function == ASK_ONCE and self.fault:
                raise self.fault
            yield item


def test_one_question_before_the_first_unit_of_all() -> None:
    workers = Workers()
    run = checked_first(GIVEN, "ray", workers.map)
    assert [list(run("m:f", items)) for items in ((), (1, 2), (3,))] == [[], [1, 2], [3]]
    assert workers.ran == [(ASK_ONCE, "scorer"), ("m:f", 1), ("m:f", 2), ("m:f", 3)]


def test_a_service_that_is_away_stops_no_build_that_runs_nothing() -> None:
    workers = Workers(Unavailable("away", "不在", code="endpoint_unreachable"))
    run = checked_first(GIVEN, "slurm", workers.map)
    assert list(run("m:f", [])) == [] and workers.ran == []
    with pytest.raises(Unavailable):
        next(run("m:f", [1]))
    assert workers.ran == [(ASK_ONCE, "scorer")]


def test_a_missing_key_is_told_of_the_nodes_and_on_this_machine_nothing_is_asked() -> None:
    workers = Workers(Forbidden("no", "不", code="endpoint_refused_auth"))
    with pytest.raises(Forbidden) as caught:
        list(checked_first(GIVEN, "ray", workers.map)("m:f", [1]))
    assert caught.value.code == "no_key_on_nodes" and workers.ran == [(ASK_ONCE, "scorer")]
    assert list(checked_first(GIVEN, "local", workers.map)("m:f", [1])) == [1]
