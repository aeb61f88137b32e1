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


def ancestors(digest: str, depth: int = DEPTH, *, project: str | None = None) -> list[Step]:
    """Return what the artifact was made from, nearest first; each edge once, at its smallest depth.

    project: only what is placed in the project with this id.
    """
    return _walk(digest, depth, "dst", "src", project)


def descendants(digest: str, depth: int = DEPTH, *, project: str | None = None) -> list[Step]:
    """Return what was made from the artifact, nearest first; with `project`, only what is placed there."""
    return _walk(digest, depth, "src", "dst", project)


def _walk(digest: str, depth: int, here: str, there: str, project: str | None) -> list[Step]:
    """Walk the edges breadth first: a recursive query over nodes (UNION drops repeats), then their edges once.

    What is placed in a project has all its inputs there, so that a walk loses nothing by not leaving the project.
    """
    placed = f"JOIN qh_core_placement p ON p.artifact_id = e.{there} AND p.project_id = %s" if project else ""
    where = [project] if project else []
    sql = f"""
        WITH RECURSIVE start(id) AS (SELECT id FROM qh_core_artifact WHERE digest = %s),
        reach(id, depth) AS (
            SELECT id, 0 FROM start
            UNION
            SELECT e.{there}, r.depth + 1 FROM reach r JOIN qh_core_edge e ON e.{here} = r.id {placed}
            WHERE r.depth < %s
        ),
        nearest(id, depth) AS (SELECT id, MIN(depth) FROM reach GROUP BY id)
        SELECT far.digest, far.kind, e.role, near.digest, n.depth + 1
        FROM nearest n
        JOIN qh_core_edge e ON e.{here} = n.id {placed}
        JOIN qh_core_artifact far ON far.id = e.{there}
        JOIN qh_core_artifact near ON near.id = n.id
        WHERE n.depth < %s
        ORDER BY n.depth, near.digest, e.role, far.digest
    """

    def read() -> list[Step]:
        with cursor() as cur:
            cur.execute(sql, [digest, *where, depth, *where, depth])
            return [Step(*row) for row in cur.fetchall()]

    return retry_locked(read)


def near(start: int, project: str, limit: int, *, down: bool = False) -> list[int]:
    """Return the ids of at most `limit` ancestors (with `down`, descendants) placed in the project, nearest first.

    start: the id of an artifact. Both databases walk breadth first and stop once enough are found.
    """
    here, there = ("src", "dst") if down else ("dst", "src")
    sql = f"""
        WITH RECURSIVE reach(id) AS (
            SELECT CAST(%s AS bigint)
            UNION
            SELECT e.{there} FROM reach r JOIN qh_core_edge e ON e.{here} = r.id
            JOIN qh_core_placement p ON p.artifact_id = e.{there} AND p.project_id = %s
        )
        SELECT id FROM reach LIMIT %s
    """

    def read() -> list[int]:
        with cursor() as cur:
            cur.execute(sql, [start, project, limit + 1])
            return [row[0] for row in cur.fetchall() if row[0] != start]

    return retry_locked(read)


def edges_among(ids: list[int]) -> list[tuple[int, int, str]]:
    """Return the edges (from, to, role) between these few artifacts, in order."""
    marks = ",".join(["%s"] * len(ids))

    def read() -> list[tuple[int, int, str]]:
        with cursor() as cur:
            cur.execute(
                f"SELECT src, dst, role FROM qh_core_edge WHERE dst IN ({marks}) AND src IN ({marks})"
                " ORDER BY dst, role, src",
                [*ids, *ids],
            )
            return [(src, dst, role) for src, dst, role in cur.fetchall()]

    return retry_locked(read)


def closure(digests: list[str]) -> list[str]:
    """Return these artifacts and everything they were made from, each once, in no promised order."""
    found = dict.fromkeys(digests)
    for digest in digests:
        found.update(dict.fromkeys(step.digest for step in ancestors(digest)))
    return list(found)
