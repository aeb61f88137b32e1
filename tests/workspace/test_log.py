"""The log on both databases: append-only, its proofs those of RFC 6962, and long reads that keep nobody waiting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from databases import Place
from evidence import register
from nursery import Nursery
from quanheng.core import log
from quanheng.core.database import cursor
from quanheng.core.snapshot import select, snapshot
from quanheng.errors import Corrupt, NotFound
from quanheng.store import merkle


def _leaves() -> list[bytes]:
    return [merkle.leaf_hash(data) for _, data in log.entries()]


def test_roots_and_proofs_are_those_of_the_whole_tree(workspace: Any) -> None:
    roots = {}
    for number in range(12):
        register(workspace, str(number))
        roots[log.head().size] = log.root()
    leaves = _leaves()
    for size, root in roots.items():
        assert root == merkle.root_of(leaves[:size])
        assert log.root(size) == root
        for index in range(size):
            path = log.inclusion(index, size)
            assert path == merkle.inclusion_path(leaves[:size], index)
            assert merkle.verify_inclusion(leaves[index], index, size, path, root)
        for first in range(1, size):
            path = log.consistency(first, size)
            assert merkle.verify_consistency(first, size, path, merkle.root_of(leaves[:first]), root)


def test_entries_are_read_in_order_from_any_start(workspace: Any) -> None:
    for number in range(5):
        register(workspace, str(number))
    assert [index for index, _ in log.entries()] == list(range(6))
    assert [index for index, _ in log.entries(2, 4)] == [2, 3]
    with pytest.raises(NotFound) as raised:
        log.entry(6)
    assert "6" in raised.value.text.zh


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE qh_core_logentry SET job_id = job_id",
        "DELETE FROM qh_core_logentry",
        "UPDATE qh_core_lognode SET hash = hash",
        "DELETE FROM qh_core_lognode",
    ],
)
def test_the_database_itself_refuses_to_change_the_log(workspace: Any, statement: str) -> None:
    from django.db import DatabaseError

    with pytest.raises(DatabaseError, match="append-only"), cursor() as cur:
        cur.execute(statement)
    assert log.head().size == 1


def test_a_missing_node_is_named(workspace: Any) -> None:
    register(workspace, "a")
    with pytest.raises(Corrupt) as raised:
        log.root(5)
    assert raised.value.code == "log_node_missing"


def test_a_snapshot_does_not_move_and_keeps_no_writer_waiting(workspace: Any, place: Place, tmp_path: Path) -> None:
    with Nursery(place, tmp_path / "n") as nursery:
        with snapshot():
            before = select("SELECT COUNT(*) FROM qh_core_artifact")
            child = nursery.start("count_up", 1, 5)
            child.wait(60)
            assert [line[0] for line in child.lines] == ["+"] * 5
            assert select("SELECT COUNT(*) FROM qh_core_artifact") == before
        assert select("SELECT COUNT(*) FROM qh_core_artifact") == [(before[0][0] + 5,)]
    register(workspace, "writing works again")


def test_a_snapshot_ends_with_an_error_inside(workspace: Any) -> None:
    with pytest.raises(ZeroDivisionError), snapshot():
        select("SELECT 1")
        raise ZeroDivisionError
    register(workspace, "writing works again")
