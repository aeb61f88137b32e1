"""Promise: one flipped bit in any stored object or evidence row is found by fsck, and named.

Rows are edited behind the back of the product: guards and foreign keys are switched off for the edit, and back on.
Row times (created_at and so on) are no evidence; the times that count stand in the entries.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from evidence import register, register_many
from quanheng.core.database import cursor, is_sqlite
from quanheng.core.fsck import Report, fsck

FLIPS = 1000 if os.environ.get("QUANHENG_PROMISES") == "full" else 100
SEED = int(os.environ.get("QUANHENG_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)


@dataclass(frozen=True)
class Target:
    """One value of one row. `names`: one of these stands in what fsck says, when the value is damaged."""

    table: str
    where: tuple[tuple[str, Any], ...]
    column: str
    value: Any
    names: tuple[str, ...]


def _fill(workspace: Any) -> None:
    """Leave every sort of row: layers, edges, names, a withdrawal, a large batch, keys, checkpoints, a witness."""
    source = register(workspace, "source", [("a.txt", b"alpha" * 50), ("b.txt", b"beta" * 30)], as_name="source")
    corpus = register(workspace, "corpus", [("c.txt", b"gamma" * 40)], [("sources", source)])
    register(workspace, "model", [("a.txt", b"alpha" * 50)], [("corpus", corpus), ("sources", source)])
    gone = register(workspace, "gone", [("d.txt", b"delta" * 40)])
    workspace.artifact.withdraw(artifact=gone, reason="the owner asked for it")
    register_many(workspace, [f"item {n}" for n in range(260)])
    size = workspace.checkpoint.sign()["size"]
    workspace.witness.add(size=size, form="letter", proof="No. 7", date="2026-11-20")
    workspace.key.rotate()
    workspace.checkpoint.sign()


def _select(sql: str) -> list[tuple[Any, ...]]:
    with cursor() as cur:
        cur.execute(sql)
        return list(cur.fetchall())


def _targets() -> list[Target]:
    return [
        *_artifact_targets(),
        *_index_targets(),
        *_log_targets(),
        *_key_targets(),
    ]


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _each(table: str, keys: list[str], columns: list[str], name: Any) -> Iterator[Target]:
    """Yield a target per row and column; `name(row as dict)` says by which names the row may be told."""
    wanted = list(dict.fromkeys([*keys, *columns]))
    quoted = ", ".join(f'"{column}"' for column in wanted)
    for row in _select(f"SELECT {quoted} FROM {table}"):
        values = dict(zip(wanted, map(_plain, row), strict=True))
        for column in columns:
            if values[column] not in (None, "", b""):
                where = tuple((key, values[key]) for key in keys)
                yield Target(table, where, column, values[column], name(values))


def _artifact_targets() -> Iterator[Target]:
    columns = ["id", "digest", "kind", "manifest", "config", "key", "job_id", "withdrawn_reason"]
    yield from _each("qh_core_artifact", ["id"], columns, lambda row: (row["digest"],))


def _index_targets() -> Iterator[Target]:
    digest_of = dict(_select("SELECT id, digest FROM qh_core_artifact"))
    job = ["verb", "version", "state", "project_id", "actor_id", "inputs", "outputs", "params_digest", "name"]
    yield from _each(
        "qh_core_edge", ["dst", "src", "role"], ["dst", "src", "role"], lambda row: (digest_of[row["dst"]],)
    )
    yield from _each(
        "qh_core_layeruse", ["id"], ["artifact_id", "digest"], lambda row: (digest_of[row["artifact_id"]],)
    )
    yield from _each(
        "qh_core_placement", ["id"], ["project_id", "artifact_id", "job_id"],
        lambda row: (digest_of[row["artifact_id"]],),
    )  # fmt: skip
    yield from _each("qh_core_layer", ["digest"], ["digest", "size"], lambda row: (row["digest"],))
    yield from _each("qh_core_name", ["id"], ["project_id", "kind", "slug", "artifact_id"], lambda row: ("name ",))
    named = {row[0] for row in _select("SELECT id FROM qh_core_job WHERE verb IN ('artifact.withdraw', 'witness.add')")}
    for target in _each("qh_core_job", ["id"], [*job, "id"], lambda row: (f"job {row['id']}", row["id"])):
        if target.column != "name" or target.where[0][1] in named:
            yield target


def _log_targets() -> Iterator[Target]:
    yield from _each(
        "qh_core_logentry", ["index"], ["index", "entry", "job_id"], lambda row: (f"log entry {row['index']}",)
    )
    yield from _each(
        "qh_core_lognode", ["level", "index"], ["level", "index", "hash"],
        lambda row: (f"log node (level {row['level']}, index {row['index']})", f"log entry {row['index']}:"),
    )  # fmt: skip
    yield from _each(
        "qh_core_loghead", ["id"], ["id", "size", "time", "origin"], lambda row: ("log head", "checkpoint", "log entry")
    )


def _key_targets() -> Iterator[Target]:
    yield from _each("qh_core_checkpoint", ["id"], ["size", "fingerprint", "note"],
                     lambda row: ("checkpoint", "witness"))  # fmt: skip
    yield from _each("qh_core_signingkey", ["fingerprint"], ["fingerprint", "public_key", "artifact"],
                     lambda row: ("key ",))  # fmt: skip
    yield from _each("qh_core_witness", ["id"], ["checkpoint_id", "form", "token", "job_id"], lambda row: ("witness ",))


@contextlib.contextmanager
def _unguarded() -> Iterator[Any]:
    """Yield a cursor that no trigger and no foreign key holds back."""
    with cursor() as cur:
        if not is_sqlite():
            cur.execute("SET session_replication_role = replica")
            yield cur
            cur.execute("SET session_replication_role = origin")
            return
        cur.execute("PRAGMA foreign_keys = OFF")
        cur.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cur.fetchall()
        for name, _ in triggers:
            cur.execute(f"DROP TRIGGER {name}")
        try:
            yield cur
        finally:
            for _, sql in triggers:
                cur.execute(sql)
            cur.execute("PRAGMA foreign_keys = ON")


def _flipped(value: Any, dice: random.Random) -> Any:
    """Return the value with one bit flipped. PostgreSQL takes no text that is not UTF-8, so there 7 bits are used."""
    if isinstance(value, int):
        return value ^ (1 << dice.randrange(16))
    data = bytearray(value.encode() if isinstance(value, str) else value)
    while True:
        place, bit = dice.randrange(len(data)), dice.randrange(8)
        changed = bytearray(data)
        changed[place] ^= 1 << bit
        if not isinstance(value, str):
            return bytes(changed)
        if is_sqlite():
            return _Text(changed) if changed[place] else _Text(data[:place] + b"\x01" + data[place + 1 :])
        if bit < 7 and changed[place] and data[place] < 128:
            return changed.decode()


class _Text(bytes):
    """Bytes that SQLite stores as text, although they may be no UTF-8."""


def _mark(value: Any) -> str:
    return "CAST(%s AS TEXT)" if isinstance(value, _Text) else "%s"


def _write(target: Target, old: Any, new: Any) -> None:
    where = [(column, old if column == target.column else value) for column, value in target.where]
    condition = " AND ".join(f'"{column}" = {_mark(value)}' for column, value in where)
    with _unguarded() as cur:
        cur.execute(
            f'UPDATE {target.table} SET "{target.column}" = {_mark(new)} WHERE {condition}',
            [new, *(value for _, value in where)],
        )
        assert cur.rowcount == 1


def _flip(target: Target, dice: random.Random) -> Any:
    from django.db import IntegrityError

    while True:
        new = _flipped(target.value, dice)
        try:
            _write(target, target.value, new)
        except IntegrityError:  # another row has that key already
            continue
        return new


def _told(report: Report, names: tuple[str, ...]) -> bool:
    return any(name in problem.en for problem in report.problems for name in names)


def test_a_flipped_bit_in_any_evidence_row_is_found_and_named(workspace: Any) -> None:
    _fill(workspace)
    assert fsck(workspace).problems == []
    dice = random.Random(SEED)
    by_column: dict[tuple[str, str], list[Target]] = {}
    for target in _targets():
        by_column.setdefault((target.table, target.column), []).append(target)
    kinds = sorted(by_column)
    missed = []
    for turn in range(FLIPS):  # every column of every table in turn, a random row and bit of each
        target = dice.choice(by_column[kinds[turn % len(kinds)]])
        new = _flip(target, dice)
        report = fsck(workspace, quick=True)
        if not _told(report, target.names):
            missed.append((target, new, [problem.en for problem in report.problems]))
        _write(target, new, target.value)
    assert not missed, f"seed {SEED}: {len(missed)} of {FLIPS} missed, e.g. {missed[:3]}"
    assert fsck(workspace).problems == []


def test_a_flip_that_only_the_tree_can_show_is_found(workspace: Any) -> None:
    """A later microsecond in the last entry is canonical, in order and agrees with every row: only its leaf differs."""
    _fill(workspace)
    workspace.project.create(slug="last")
    index, raw = _select('SELECT "index", entry FROM qh_core_logentry ORDER BY "index" DESC LIMIT 1')[0]
    time = json.loads(bytes(raw))["time"]
    later = time[:-2] + chr(ord(time[-2]) ^ 1) + "Z"
    entry = bytes(raw).replace(time.encode(), later.encode())
    with _unguarded() as cur:
        cur.execute('UPDATE qh_core_logentry SET entry = %s WHERE "index" = %s', [entry, index])
        cur.execute("UPDATE qh_core_loghead SET time = %s", [later])
    assert [(p.code, p.what) for p in fsck(workspace).problems] == [("entry_leaf", f"log entry {index}")]


@pytest.mark.databases("sqlite")  # the store is the same beside either database
def test_a_flipped_bit_in_any_object_is_found_and_named(workspace: Any) -> None:
    _fill(workspace)
    workspace.put(b"uploaded, and used by no artifact yet")
    dice = random.Random(SEED)
    digests = list(workspace.objects.iterate())
    for _ in range(FLIPS):
        path = workspace.objects.path(dice.choice(digests))
        path.chmod(0o644)
        data = path.read_bytes()
        changed = bytearray(data)
        changed[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(changed)
        named = [problem.what for problem in fsck(workspace).problems if problem.code == "object_damaged"]
        assert named == [f"object sha256:{path.parent.name}{path.name}"], f"seed {SEED}"
        path.write_bytes(data)
    assert fsck(workspace).problems == []


@pytest.mark.parametrize(
    "table", ["artifact", "edge", "layeruse", "placement", "layer", "logentry", "lognode", "checkpoint", "name"]
)
def test_a_row_that_is_gone_is_found(workspace: Any, table: str) -> None:
    _fill(workspace)
    wanted = {"layer": "WHERE digest IN (SELECT digest FROM qh_core_layeruse)"}.get(table, "")
    wanted = {"checkpoint": "WHERE id IN (SELECT checkpoint_id FROM qh_core_witness)"}.get(table, wanted)
    key = {"edge": "dst", "layer": "digest", "logentry": '"index"'}.get(table, "id")
    rows = [row[0] for row in _select(f"SELECT {key} FROM qh_core_{table} {wanted}")]
    with _unguarded() as cur:
        cur.execute(f"DELETE FROM qh_core_{table} WHERE {key} = %s", [random.Random(SEED).choice(rows)])
    assert not fsck(workspace, quick=True).ok
