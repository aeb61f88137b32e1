"""A database server that drops its connections: one call is not lost for it, and a worker waits for it to come back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from databases import Place
from quanheng.core.database import cursor, retry_locked, setup_django, write
from quanheng.errors import Invalid, Unavailable

setup_django()

from quanheng.core import worker  # noqa: E402 - models need Django set up
from quanheng.core.models import Project  # noqa: E402
from quanheng.core.snapshot import snapshot  # noqa: E402


def drop(place: Place) -> None:
    """Let the server end the connection that this process has."""
    import psycopg
    from django.db import connection

    connection.ensure_connection()
    with psycopg.connect(place.environment["QUANHENG_DATABASE"], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])


def number_of_projects() -> int:
    with cursor() as cur:
        cur.execute("SELECT COUNT(*) FROM qh_core_project")
        return int(cur.fetchone()[0])


def create(slug: str) -> None:
    from quanheng.core import clock

    Project.objects.create(slug=slug, title=slug, created_at=clock.now())


@pytest.mark.databases("postgresql")
def test_queries_and_verbs_go_on_after_a_dropped_connection(place: Place, workspace: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a", "utf-8")
    drop(place)
    assert workspace.job.list()["rows"]
    drop(place)
    assert workspace.project.create(slug="other").job
    drop(place)
    assert workspace.files.register(path=str(tmp_path / "a.txt"), title="t").digest


@pytest.mark.databases("postgresql")
def test_a_transaction_is_done_once_however_it_was_cut(place: Place, workspace: Any) -> None:
    tries: list[int] = []

    def cut_once() -> None:
        tries.append(1)
        create("one")
        if len(tries) == 1:
            drop(place)
        create("two")

    write(cut_once)
    assert len(tries) == 2 and number_of_projects() == 3


@pytest.mark.databases("postgresql")
def test_what_is_cut_at_its_commit_is_not_tried_again(place: Place, workspace: Any) -> None:
    tries: list[int] = []

    def cut_at_the_end() -> None:
        tries.append(1)
        create("one")
        drop(place)

    with pytest.raises(Unavailable) as caught:
        write(cut_at_the_end)
    assert caught.value.code == "database_unreachable" and len(tries) == 1
    assert retry_locked(number_of_projects) == 1


@pytest.mark.databases("postgresql")
def test_a_snapshot_is_not_continued_on_another_connection(place: Place, workspace: Any) -> None:
    with pytest.raises(Unavailable), snapshot():
        assert retry_locked(number_of_projects) == 1
        drop(place)
        retry_locked(number_of_projects)
    assert retry_locked(number_of_projects) == 1


@pytest.mark.databases("postgresql")
def test_a_server_that_drops_again_is_unavailable(place: Place, workspace: Any) -> None:
    def always() -> int:
        drop(place)
        return number_of_projects()

    with pytest.raises(Unavailable):
        retry_locked(always)
    assert retry_locked(number_of_projects) == 1


def unavailable() -> Unavailable:
    return Unavailable("the database cannot be reached", "无法访问数据库", code="database_unreachable")


def test_a_worker_waits_longer_each_time_and_goes_on(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float | None] = []
    asked: list[int] = []
    heard: list[str] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            return super().wait(0)

    stop = Stop()

    def look(_: object) -> None:
        asked.append(1)
        if len(asked) in (1, 2, 3, 5):
            raise unavailable()
        if len(asked) == 6:
            stop.set()

    monkeypatch.setattr(worker, "_next", look)
    worker.work(workspace, stop=stop, poll_s=1.0, listener=lambda event, data: heard.append(event))
    assert waited == [1.0, 2.0, 4.0, 1.0, 1.0, 1.0] and heard == ["log"] * 4


def test_a_worker_that_runs_once_says_so(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_: object) -> None:
        raise unavailable()

    monkeypatch.setattr(worker, "_next", look)
    with pytest.raises(Unavailable):
        worker.work(workspace, once=True)


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_text_that_no_database_holds_is_refused(workspace: Any, text: str) -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        ("project.create", {"slug": "p", "title": text}),
        ("artifact.show", {"artifact": text}),
        ("artifact.register_many", {"items": [{"kind": "files/v1", "model": {"title": {"a": [text]}}}]}),
        ("artifact.register_many", {"items": [{"kind": "files/v1", "model": {text: 1}}]}),
    ]
    for name, data in cases:
        with pytest.raises(Invalid) as caught:
            workspace.call(name, **data)
        assert caught.value.code in ("bad_text", "bad_input"), name
    assert len(workspace.log.list()["entries"]) == 1


def test_a_role_too_long_for_its_column_is_refused(workspace: Any) -> None:
    item = {"kind": "files/v1", "model": {}, "inputs": [["r" * 61, "sha256:" + "0" * 64]]}
    with pytest.raises(Invalid) as caught:
        workspace.artifact.register_many(items=[item])
    assert caught.value.code == "bad_input"
