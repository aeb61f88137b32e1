"""What a project holds of each kind, as far as suggestions ask: the newest, and what came of them.

What was withdrawn is left out: nothing can be made of it any more.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from quanheng.core.database import cursor
from quanheng.core.session import Session

#: So many artifacts of one kind are looked at; what a project did before is not what it does next.
MOST = 200


@dataclass(frozen=True)
class Held:
    """One artifact of the project: who made it, and its config without parsing it as its kind."""

    id: int  # of its row: orders artifacts by when they came
    digest: str
    actor_id: str
    config: Mapping[str, Any]


def is_empty(session: Session) -> bool:
    """Return whether the project holds nothing but keys."""
    with cursor() as cur:
        cur.execute(
            "SELECT 1 FROM qh_core_placement p JOIN qh_core_artifact a ON a.id = p.artifact_id"
            " WHERE p.project_id = %s AND a.kind NOT LIKE 'key/%%' AND a.withdrawn_at IS NULL LIMIT 1",
            [session.project_id],
        )
        return cur.fetchone() is None


_seen: ContextVar[dict[tuple[str | None, str, int], list[Held]] | None] = ContextVar("seen", default=None)


@contextlib.contextmanager
def remembering() -> Iterator[None]:
    """Let `newest` read each kind once while several suggestions ask for it."""
    token = _seen.set({})
    try:
        yield
    finally:
        _seen.reset(token)


def newest(session: Session, kind: str, limit: int = MOST) -> list[Held]:
    """Return the project's newest artifacts of a kind (without version), newest first."""
    seen, asked = _seen.get(), (session.project_id, kind, limit)
    if seen is None:
        return _newest(session, kind, limit)
    if asked not in seen:
        seen[asked] = _newest(session, kind, limit)
    return seen[asked]


def _newest(session: Session, kind: str, limit: int) -> list[Held]:
    with cursor() as cur:
        cur.execute(
            "SELECT a.id, a.digest, j.actor_id, a.config FROM qh_core_artifact a"  # in this order on SQLite: by kind
            " CROSS JOIN qh_core_placement p CROSS JOIN qh_core_job j WHERE p.artifact_id = a.id AND j.id = a.job_id"
            " AND p.project_id = %s AND a.kind >= %s AND a.kind < %s AND a.withdrawn_at IS NULL"
            " ORDER BY p.id DESC LIMIT %s",
            [session.project_id, kind + "/", kind + "0", limit],  # "0" comes after "/"
        )
        return [Held(id_, digest, actor, json.loads(bytes(data))) for id_, digest, actor, data in cur.fetchall()]


def made_into(session: Session, held: Iterable[Held], kind: str) -> dict[str, set[str]]:
    """Return, by digest, what of a kind was made directly from each of these and lies in the project."""
    wanted = {item.id: item.digest for item in held}
    found: dict[str, set[str]] = {digest: set() for digest in wanted.values()}
    if not wanted:
        return found
    marks = ",".join(["%s"] * len(wanted))
    with cursor() as cur:
        cur.execute(
            "SELECT e.src, a.digest FROM qh_core_edge e CROSS JOIN qh_core_artifact a CROSS JOIN qh_core_placement p"
            " WHERE a.id = e.dst AND p.artifact_id = a.id AND p.project_id = %s"
            f" AND e.src IN ({marks}) AND a.kind >= %s AND a.kind < %s AND a.withdrawn_at IS NULL",
            [session.project_id, *wanted, kind + "/", kind + "0"],
        )
        for source, digest in cur.fetchall():
            found[wanted[source]].add(digest)
    return found
