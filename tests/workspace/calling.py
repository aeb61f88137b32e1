"""What tests of calls share: reading the log, counting rows, listening, and a second account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quanheng.core import clock, runner
from quanheng.core.session import Session


def entries(workspace: Any) -> list[dict[str, Any]]:
    """Return the entries of the log, oldest first."""
    return list(reversed(workspace.log.list(limit=1000)["entries"]))


def count(table: str) -> int:
    """Return the number of rows of a table of the core."""
    from quanheng.core.database import cursor

    with cursor() as cur:
        cur.execute(f"SELECT COUNT(*) FROM qh_core_{table}")
        return int(cur.fetchone()[0])


def run_sql(statement: str, *values: object) -> None:
    from quanheng.core.database import cursor

    with cursor() as cur:
        cur.execute(statement, list(values))


def on(event: str, work: Callable[[Mapping[str, Any]], None]) -> runner.Listener:
    """Return a listener that does `work` at the first `event`."""
    done: list[bool] = []

    def listener(name: str, data: Mapping[str, Any]) -> None:
        if name == event and not done:
            done.append(True)
            work(data)

    return listener


def other_session(workspace: Any, role: str = "builder") -> Session:
    from quanheng.core.models import Actor, Membership

    actor = Actor.objects.create(label="chen", password="!", created_at=clock.now())
    Membership.objects.create(actor=actor, project_id=workspace.session.project_id, role=role)
    return Session(workspace, actor.id, True, workspace.session.project_id)
