"""Lineage 血缘: which artifacts one was made from, and which were made from it."""

from __future__ import annotations

from typing import NamedTuple

from quanheng.core.database import cursor, retry_locked

#: As far as a walk goes when the caller names no depth.
DEPTH = 100


class Step(NamedTuple):
    """An edge met on the walk: `digest` (of `kind`) lies `depth` steps from the start, by `role`, next to `near`."""

    digest: str
    kind: str
    role: str
    near: str
    depth: int


def ancestors(digest: str, depth: int = DEPTH) -> list[Step]:
    """Return what the artifact was made from, nearest first; each edge once, at its smallest depth."""
    return _walk(digest, depth, "dst", "src")


def descendants(digest: str, depth: int = DEPTH) -> list[Step]:
    """Return what was made from the artifact, nearest first."""
    return _walk(digest, depth, "src", "dst")


def _walk(digest: str, depth: int, here: str, there: str) -> list[Step]:
    """Walk the edges breadth first: a recursive query over nodes (UNION drops repeats), then their edges once."""
    sql = f"""
        WITH RECURSIVE start(id) AS (SELECT id FROM qh_core_artifact WHERE digest = %s),
        reach(id, depth) AS (
            SELECT id, 0 FROM start
            UNION
            SELECT e.{there}, r.depth + 1 FROM reach r JOIN qh_core_edge e ON e.{here} = r.id WHERE r.depth < %s
        ),
        nearest(id, depth) AS (SELECT id, MIN(depth) FROM reach GROUP BY id)
        SELECT far.digest, far.kind, e.role, near.digest, n.depth + 1
        FROM nearest n
        JOIN qh_core_edge e ON e.{here} = n.id
        JOIN qh_core_artifact far ON far.id = e.{there}
        JOIN qh_core_artifact near ON near.id = n.id
        WHERE n.depth < %s
        ORDER BY n.depth, near.digest, e.role, far.digest
    """

    def read() -> list[Step]:
        with cursor() as cur:
            cur.execute(sql, [digest, depth, depth])
            return [Step(*row) for row in cur.fetchall()]

    return retry_locked(read)


def closure(digests: list[str]) -> list[str]:
    """Return these artifacts and everything they were made from, each once, in no promised order."""
    found = dict.fromkeys(digests)
    for digest in digests:
        found.update(dict.fromkeys(step.digest for step in ancestors(digest)))
    return list(found)
