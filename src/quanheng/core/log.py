"""The log 存证: an append-only Merkle log (RFC 6962 hashing), ordered by the one `log_head` row.

Appending is the last statement of a transaction. Nodes of complete subtrees are kept, so that roots and proofs cost
O(log n) reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quanheng.core import clock
from quanheng.core.database import cursor, is_sqlite
from quanheng.errors import Corrupt, NotFound
from quanheng.store import JSON, canonical_json, merkle

VERSION = 1
#: Up to this many outputs stand in the entry by digest; more are summed up by count and Merkle root.
LISTED_OUTPUTS = 256
#: So many entries at most are looked through for those that fit, and so many at once.
LOOKED_THROUGH, WINDOW = 100_000, 20_000


@dataclass(frozen=True)
class Head:
    """The state of the log: how many entries, the last time, the origin."""

    size: int
    time: str
    origin: str


def head(*, lock: bool = False) -> Head:
    """Return the head; with `lock`, hold its row until the transaction ends."""
    suffix = " FOR UPDATE" if lock and not is_sqlite() else ""
    with cursor() as cur:
        cur.execute("SELECT size, time, origin FROM qh_core_loghead WHERE id = 1" + suffix)
        row = cur.fetchone()
    if row is None:
        raise Corrupt(
            "the log has no head row",
            "存证缺少头记录",
            hint=("Restore a backup.", "请用备份恢复。"),
            code="log_head_missing",
        )
    return Head(*row)


def node(level: int, index: int) -> bytes:
    """Return the hash of a complete subtree; Corrupt when the row is gone."""
    with cursor() as cur:
        cur.execute('SELECT hash FROM qh_core_lognode WHERE level = %s AND "index" = %s', [level, index])
        row = cur.fetchone()
    if row is None:
        raise Corrupt(
            f"log node (level {level}, index {index}) is missing",
            f"存证节点（层 {level}，序号 {index}）缺失",
            hint=("Run: quanheng fsck", "请运行：quanheng fsck"),
            code="log_node_missing",
        )
    return bytes(row[0])


def summarise(outputs: list[str]) -> dict[str, JSON]:
    """Return how an entry names its outputs: count, Merkle root, and the digests when they are few."""
    leaves = [merkle.leaf_hash(digest.encode("ascii")) for digest in outputs]
    summary: dict[str, JSON] = {"count": len(outputs), "root": "sha256:" + merkle.root_of(leaves).hex()}
    if len(outputs) <= LISTED_OUTPUTS:
        summary["digests"] = list(outputs)
    return summary


def append(job_id: str, fields: Mapping[str, JSON]) -> int:
    """Append one entry inside the open transaction and return its index.

    Time never goes back: with a clock that was set back, the entry takes the time of the one before it.
    """
    at = head(lock=True)
    time = max(clock.text_of(clock.now()), at.time)
    entry = canonical_json({**fields, "v": VERSION, "time": time, "job": job_id})
    made = merkle.appended_nodes(at.size, merkle.leaf_hash(entry), node)
    with cursor() as cur:
        cur.execute(
            'INSERT INTO qh_core_logentry ("index", entry, job_id) VALUES (%s, %s, %s)', [at.size, entry, job_id]
        )
        cur.executemany('INSERT INTO qh_core_lognode (level, "index", hash) VALUES (%s, %s, %s)', made)
        cur.execute("UPDATE qh_core_loghead SET size = %s, time = %s WHERE id = 1", [at.size + 1, time])
    return at.size


def root(size: int | None = None) -> bytes:
    """Return the root over the first `size` entries (all when None)."""
    return merkle.root_from_nodes(head().size if size is None else size, node)


def entry(index: int) -> bytes:
    """Return the bytes of an entry; NotFound when the log is shorter."""
    with cursor() as cur:
        cur.execute('SELECT entry FROM qh_core_logentry WHERE "index" = %s', [index])
        row = cur.fetchone()
    if row is None:
        size = head().size
        raise NotFound(
            f"the log has no entry {index}; it has {size}, counted from 0",
            f"存证里没有第 {index} 条；共 {size} 条，从 0 起计",
            hint=("List them: quanheng log list", "查看存证：quanheng log list"),
            code="no_such_entry",
        )
    return bytes(row[0])


def entries(start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield (index, bytes) of the entries from `start` up to but not including `stop`."""
    end = head().size if stop is None else stop
    step = 1000
    for low in range(start, end, step):
        with cursor() as cur:
            cur.execute(
                'SELECT "index", entry FROM qh_core_logentry WHERE "index" >= %s AND "index" < %s ORDER BY "index"',
                [low, min(low + step, end)],
            )
            rows: list[Any] = cur.fetchall()
        for index, data in rows:
            yield index, bytes(data)


def matching(
    count: int, stop: int, *, project: str | None = None, verb: str = "", outcome: str = ""
) -> tuple[list[tuple[int, bytes]], int]:
    """Return the newest `count` entries before `stop` that fit, newest first, and the lowest index looked at.

    At most LOOKED_THROUGH entries are looked through, so that a log of any length answers soon; the caller may go on
    from there. What is looked for are bytes of the entry: it lies in order, its job somewhere. In canonical JSON no
    text holds an unescaped quotation mark, so a field is found where it is one.
    """
    fields = {"project": project, "verb": verb, "outcome": outcome}
    wanted = [b'"%s":%s' % (name.encode(), canonical_json(value)) for name, value in fields.items() if value]
    found_in = " AND instr(entry, %s) > 0" if is_sqlite() else " AND position(%s IN entry) > 0"
    sql = (
        'SELECT "index", entry FROM qh_core_logentry WHERE "index" < %s AND "index" >= %s'
        + found_in * len(wanted)
        + ' ORDER BY "index" DESC LIMIT %s'
    )
    found: list[tuple[int, bytes]] = []
    high, last = stop, max(0, stop - LOOKED_THROUGH)
    while high > last and len(found) < count:
        low = max(last, high - WINDOW)
        with cursor() as cur:
            cur.execute(sql, [high, low, *wanted, count - len(found)])
            found += [(index, bytes(data)) for index, data in cur.fetchall()]
        high = low
    return found, (found[-1][0] if len(found) == count else last)


def inclusion(index: int, size: int) -> list[bytes]:
    """Return the inclusion path of entry `index` in the tree of the first `size` entries."""
    return merkle.inclusion_from_nodes(index, size, node)


def consistency(first: int, size: int) -> list[bytes]:
    """Return the consistency path between the trees of `first` and `size` entries."""
    return merkle.consistency_from_nodes(first, size, node)


def size_with(digests: list[str]) -> int:
    """Return how many entries the log had when the last of these artifacts was registered in it."""
    from quanheng.core.models import Artifact

    jobs = Artifact.objects.filter(digest__in=digests).values_list("job_id", flat=True)
    return max(indexes_of_jobs(sorted(set(jobs))).values(), default=-1) + 1


def indexes_of_jobs(job_ids: list[str]) -> dict[str, int]:
    """Return the entry index of each of these jobs that has one."""
    found: dict[str, int] = {}
    for low in range(0, len(job_ids), 500):
        part = job_ids[low : low + 500]
        marks = ",".join(["%s"] * len(part))
        with cursor() as cur:
            cur.execute(f'SELECT job_id, "index" FROM qh_core_logentry WHERE job_id IN ({marks})', part)
            found.update(cur.fetchall())
    return found
