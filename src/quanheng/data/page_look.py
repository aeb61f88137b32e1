"""Looking up decisions of a corpus and the documents they speak of, over its Parquet layers.

Every function takes and gives JSON, so that it runs in a child process with limits (`core.bounded`). Columns that
decide are read one row group at a time; texts only from row groups that hold a row which is shown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from quanheng.stats import draw

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

#: Columns that decide which decisions are wanted.
_DECIDING = ("decision", "reason", "source")
#: The reason of documents that a takedown dropped.
TAKEN_DOWN = "taken_down"
#: Files as JSON has them: [title, path] each.
Files = Sequence[Sequence[str]]


@contextmanager
def _table(path: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; what is wrong with it is Invalid "unreadable_parquet"."""
    import pyarrow.parquet as pq

    from quanheng.data.corpus.look import readable

    with readable(), open(path, "rb") as stream, pq.ParquetFile(stream, pre_buffer=False) as table:
        yield table


def _columns(table: pq.ParquetFile, group: int, names: Sequence[str]) -> pa.Table:
    return table.read_row_group(group, columns=list(names), use_threads=False)


def decided(task: Any) -> Any:
    """Return {"counts", "population", "rows"} of decisions.

    task: {"files", "decision", "reasons", "types", "source", "seed", "n"}; empty lists and texts ask for all. counts:
    [source, reason, decisions] over all of this decision and these reasons, whatever the source or type asked for.
    types: of personal data, of which a masked document has one. What was masked in a document that was taken down
    since is in the corpus no more, and not told.
    """
    files: Files = task["files"]
    gone = _taken_down(files) if task["decision"] == "mask" else frozenset()
    deciding = (*_DECIDING, "id") if gone else _DECIDING
    counts: Counter[tuple[str, str]] = Counter()
    wanted: list[tuple[str, int, int]] = []
    for _, path in files:
        with _table(path) as table:
            for group in range(table.num_row_groups):
                columns = [column.to_pylist() for column in _columns(table, group, deciding).columns]
                for at, (decision, reason, source, *id) in enumerate(zip(*columns, strict=True)):
                    if decision != task["decision"] or (task["reasons"] and reason not in task["reasons"]):
                        continue
                    if id and id[0] in gone:
                        continue
                    counts[source, reason] += 1
                    if task["source"] in ("", source) and _has(reason, task["types"]):
                        wanted.append((path, group, at))
    picked = _picked(task, len(wanted))
    return {
        "counts": [[source, reason, n] for (source, reason), n in sorted(counts.items())],
        "population": len(wanted),
        "rows": _taken([wanted[place] for place in picked]),
    }


def _taken_down(files: Files) -> frozenset[str]:
    """Return the ids of the documents that were taken down; ids are read only where there are some."""
    found: set[str] = set()
    for _, path in files:
        with _table(path) as table:
            for group in range(table.num_row_groups):
                reasons = _columns(table, group, ["reason"]).column(0).to_pylist()
                if TAKEN_DOWN in reasons:
                    ids = _columns(table, group, ["id"]).column(0).to_pylist()
                    found.update(id for id, reason in zip(ids, reasons, strict=True) if reason == TAKEN_DOWN)
    return frozenset(found)


def _has(reason: str, types: Sequence[str]) -> bool:
    """Return whether the reason of a masked document ("mobile 1, qq 1") names one of these types."""
    return not types or bool({part.partition(" ")[0] for part in reason.split(", ")} & set(types))


def _picked(task: Mapping[str, Any], population: int) -> list[int]:
    if not population:
        return []
    asked = json.dumps([task["decision"], task["reasons"], task["types"], task["source"]])
    return list(draw(f"quanheng decided {task['seed']} {asked}", population, min(task["n"], population)))


def _taken(places: Sequence[tuple[str, int, int]]) -> list[dict[str, Any]]:
    """Return the rows at these places (file, row group, row), in their order."""
    groups: dict[tuple[str, int], list[int]] = {}
    for path, group, at in places:
        groups.setdefault((path, group), []).append(at)
    rows: list[dict[str, Any]] = []
    for (path, group), at_rows in groups.items():
        with _table(path) as table:
            rows += table.read_row_group(group, use_threads=False).take(at_rows).to_pylist()
    return rows


def by_id(task: Any) -> Any:
    """Return by id what a corpus has of documents: {"kept": {id: row}, "dropped": {id: row}}.

    task: {"data", "decisions": files, "ids"}. A kept row has its `index` in the corpus; a dropped one is its decision.
    """
    ids = set(task["ids"])
    kept = dict(_rows_of(task["data"], ids))
    dropped = dict(_rows_of(task["decisions"], ids - kept.keys(), drops=True))
    return {"kept": kept, "dropped": dropped}


def _rows_of(files: Files, ids: set[str], *, drops: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    first, left = 0, set(ids)
    for _, path in files:
        if not left:
            return
        with _table(path) as table:
            for group in range(table.num_row_groups):
                column = _columns(table, group, ["id"]).column(0)
                mask = pc.is_in(column, pa.array(sorted(left), pa.string()))
                places = pc.indices_nonzero(mask).to_pylist()
                for at, row in zip(places, _taken([(path, group, at) for at in places]), strict=True):
                    if not drops or row["decision"] == "drop":
                        left.discard(row["id"])
                        yield row["id"], row if drops else {**row, "index": first + at}
                first += len(column)
