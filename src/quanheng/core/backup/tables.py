"""Tables as canonical JSON lines, the same from SQLite and PostgreSQL.

A line is a row: bytes as hex, times as RFC 3339 text in UTC, dates as YYYY-MM-DD, the rest as JSON has it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from quanheng.core import clock
from quanheng.core.database import cursor
from quanheng.errors import Corrupt
from quanheng.store import JSON, canonical_json, parse_canonical

BATCH = 500
#: Django's field types and what a backup calls them; a type that is not here cannot be backed up yet.
_TYPES = {
    "AutoField": "int",
    "BigAutoField": "int",
    "IntegerField": "int",
    "BigIntegerField": "int",
    "BooleanField": "bool",
    "BinaryField": "bytes",
    "DateTimeField": "time",
    "DateField": "date",
    "CharField": "text",
    "SlugField": "text",
    "TextField": "text",
}
#: Rows that stay behind: layers that collection is removing.
_FILTERS = {"qh_core_layer": "doomed_at IS NULL"}


@dataclass(frozen=True)
class Table:
    """A table: its name, columns with their types in order of name, and the columns of its key."""

    name: str
    columns: Mapping[str, str]
    key: Sequence[str]


def tables() -> list[Table]:
    """Return every table of the platform, such that a row comes after those that its references need at once."""
    from django.apps import apps

    models = [model for model in apps.get_models() if model._meta.app_label.startswith("qh_")]
    # References of managed tables are checked at commit; those of the others (edges) at once.
    models.sort(key=lambda model: (not model._meta.managed, model._meta.db_table))
    return [_table(model) for model in models]


def _table(model: Any) -> Table:
    fields = {f.column: _type(f) for f in model._meta.concrete_fields if f.column}
    return Table(
        model._meta.db_table, dict(sorted(fields.items())), [f.column for f in model._meta.pk_fields if f.column]
    )


def _type(field: Any) -> str:
    while field.is_relation:
        field = field.target_field
    return _TYPES[field.get_internal_type()]


def dump(table: Table, path: Path) -> tuple[int, str]:
    """Write the rows of a table in order of its key and return how many, and the digest of the file."""
    digest, count = hashlib.sha256(), 0
    with path.open("xb") as stream:
        for row in _rows(table):
            line = canonical_json(row) + b"\n"
            stream.write(line)
            digest.update(line)
            count += 1
    return count, "sha256:" + digest.hexdigest()


def _rows(table: Table) -> Iterator[dict[str, JSON]]:
    columns, key = list(table.columns), [_quoted(name) for name in table.key]
    places = [columns.index(name) for name in table.key]
    order = ", ".join(key)
    select = f"SELECT {', '.join(map(_quoted, columns))} FROM {table.name}"
    last: list[Any] = []
    while True:
        conditions = [_FILTERS[table.name]] if table.name in _FILTERS else []
        if last:
            conditions.append(f"({order}) > ({', '.join(['%s'] * len(last))})")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        with cursor() as cur:
            cur.execute(f"{select}{where} ORDER BY {order} LIMIT {BATCH}", last)
            rows = cur.fetchall()
        for row in rows:
            yield {name: _to_json(table.columns[name], value) for name, value in zip(columns, row, strict=True)}
        if len(rows) < BATCH:
            return
        last = [rows[-1][place] for place in places]


def _quoted(name: str) -> str:
    return f'"{name}"'


def _to_json(kind: str, value: Any) -> JSON:
    if value is None:
        return None
    if kind == "bytes":
        return bytes(value).hex()
    if kind == "time":
        return clock.text_of(value if value.tzinfo else value.replace(tzinfo=dt.UTC))
    if kind == "date":
        return str(value.isoformat())
    if kind == "bool":
        return bool(value)
    return value  # type: ignore[no-any-return]


def _from_json(kind: str, value: JSON) -> Any:
    if value is None:
        return None
    if kind == "bytes":
        return bytes.fromhex(str(value))
    if kind == "time":
        return clock.parse_time(str(value))
    if kind == "date":
        return dt.date.fromisoformat(str(value))
    if not isinstance(value, {"int": int, "bool": bool, "text": str}[kind]):
        raise ValueError(f"{value!r} is not of type {kind}")
    return value


def load(name: str, columns: Mapping[str, str], stream: BinaryIO) -> tuple[int, str]:
    """Insert the rows that `stream` gives and return how many, and the digest of what was read; Corrupt for others."""
    order = sorted(columns)
    insert = f"INSERT INTO {name} ({', '.join(map(_quoted, order))}) VALUES ({', '.join(['%s'] * len(order))})"
    digest, count = hashlib.sha256(), 0
    batch: list[list[Any]] = []
    for line in stream:
        digest.update(line)
        count += 1
        batch.append(_row(name, columns, order, line, count))
        if len(batch) == BATCH:
            _insert(insert, batch)
            batch = []
    if batch:
        _insert(insert, batch)
    return count, "sha256:" + digest.hexdigest()


def _insert(statement: str, batch: list[list[Any]]) -> None:
    with cursor() as cur:
        cur.executemany(statement, batch)


def _row(name: str, columns: Mapping[str, str], order: list[str], line: bytes, number: int) -> list[Any]:
    what = f"line {number} of {name}"
    row = parse_canonical(line.removesuffix(b"\n"), what)
    try:
        if not isinstance(row, dict) or sorted(row) != order or not line.endswith(b"\n"):
            raise ValueError("its columns are others")
        return [_from_json(columns[column], row[column]) for column in order]
    except ValueError as error:
        raise Corrupt(
            f"{what} is damaged: {error}",
            f"{name} 的第 {number} 行已损坏：{error}",
            hint=("Take another backup.", "请换用另一份备份。"),
            code="backup_damaged",
        ) from error
