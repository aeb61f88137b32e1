"""The local executor: order, errors of our tree, a killed worker."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quanheng.core.executors import LocalExecutor
from quanheng.errors import Conflict, Invalid, Unavailable


@pytest.fixture(autouse=True)
def _workers_find_the_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", folder)
    monkeypatch.syspath_prepend(folder)


@pytest.mark.parametrize("processes", [1, 2])
def test_results_keep_the_order_of_the_items(processes: int) -> None:
    found = list(LocalExecutor(processes).map("work_items:later_first", iter(range(8))))
    assert [value for value, _ in found] == [n * n for n in range(8)]  # type: ignore[misc]
    assert (os.getpid() in {pid for _, pid in found}) == (processes == 1)  # type: ignore[misc]


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_of_our_tree_crosses_the_border(processes: int) -> None:
    results = LocalExecutor(processes).map("work_items:clash", [1, 2, 3])
    assert next(results) == 1
    with pytest.raises(Conflict) as caught:
        list(results)
    assert caught.value.code == "two_taken" and caught.value.say("zh") == "二已被占用\n请用三。"


def test_a_killed_worker_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="a worker process was killed") as caught:
        list(LocalExecutor(2).map("work_items:die", [0, 1, 2, 3]))
    assert caught.value.code == "worker_lost"


@pytest.mark.parametrize("name", ["work_items:nothing", "no_such_module:x", "work_items"])
def test_a_wrong_name_fails_at_once(name: str) -> None:
    with pytest.raises(Invalid, match="no function"):
        list(LocalExecutor(2).map(name, [1, 2]))


def test_nothing_to_do() -> None:
    assert list(LocalExecutor(2).map("work_items:clash", [])) == []
    assert LocalExecutor(3).processes == 3 and LocalExecutor().processes >= 1
