"""One unchanging view of the database for long reads, while others go on writing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from quanheng.core.database import cursor, is_sqlite, retry_locked


@contextmanager
def snapshot() -> Iterator[None]:
    """Let every read in the block see the database as it is at its beginning; nothing may be written inside.

    SQLite: a deferred transaction, which in WAL mode keeps no writer waiting. PostgreSQL: REPEATABLE READ READ ONLY.
    Django is not told, since its own `atomic` would take the write lock of SQLite.
    """
    begin = "BEGIN DEFERRED" if is_sqlite() else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def start() -> None:
        with cursor() as cur:
            cur.execute(begin)
            try:
                cur.execute("SELECT size FROM qh_core_loghead")  # the view is taken by the first read
                cur.fetchall()
            except BaseException:
                cur.execute("ROLLBACK")
                raise

    def end() -> None:
        with cursor() as cur:
            cur.execute("ROLLBACK")

    retry_locked(start)
    try:
        yield
    finally:
        retry_locked(end)  # where the connection was lost, the server has ended it already


def select(sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    with cursor() as cur:
        cur.execute(sql, parameters)
        return list(cur.fetchall())


def select_in(sql: str, items: Iterable[object]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query in whose text `{marks}` stands for these items, asked 500 at a time."""
    source = iter(items)
    while part := list(islice(source, 500)):
        yield from select(sql.format(marks=",".join(["%s"] * len(part))), part)


def as_stored(column: str) -> str:
    """Return SQL that reads a text column even where SQLite holds bytes that are no UTF-8."""
    return f"CAST({column} AS BLOB)" if is_sqlite() else column


def text_of(value: object) -> str:
    """Return a value of a text column as text; bytes that are no UTF-8 are written out."""
    if value is None:
        return ""
    return str(value, "utf-8", "backslashreplace") if isinstance(value, bytes | memoryview) else str(value)


def bytes_of(value: object) -> bytes:
    """Return a value of a binary column as bytes, whatever type SQLite gave it."""
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return str(value).encode("utf-8")
