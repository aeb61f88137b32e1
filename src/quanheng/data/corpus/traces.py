"""What is told of documents that were taken down, outside of the shards: excerpts, samples, rows that were not read.

An excerpt goes where it is of a document that is gone, of a copy of one (and of a copy of that), of a source that is
gone, equals an excerpt of what is gone, or holds a text that was named. The row that held it stays, and says without
text what became of the document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from quanheng.data.corpus.lines import EXCERPT_CHARACTERS
from quanheng.data.corpus.shards import DECISION_COLUMNS, PARQUET, TableWriter
from quanheng.store import Layer, LocalObjects, canonical_json
from quanheng.text.normalise import shadow

if TYPE_CHECKING:
    import pyarrow as pa

OpenLayer = Callable[[str], BinaryIO]
JSONL = "application/jsonl"
#: So many characters at the end of a cut excerpt are taken for the beginning of a text that was named.
LEAST_BEGUN = 4
#: A row of JSON that could not be read is quoted as it was written.
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass
class Traces:
    """What may stand in no layer any more. parts: texts as `shadow` folds them. emptied: excerpts that went, so far.

    ids: of documents that are gone, and of their copies once `find_copies` was asked. excerpts: of what is gone.
    """

    ids: set[str]
    sources: frozenset[str]
    parts: tuple[str, ...]
    excerpts: set[str]
    emptied: int = 0

    def find_copies(self, decisions: Sequence[Layer], open_layer: OpenLayer) -> None:
        """Add the copies of what is gone, and their copies, which an earlier step may have dropped."""
        known = -1
        while known != len(self.ids):
            known = len(self.ids)
            for layer in decisions:
                for table in tables(open_layer(layer.title), ("id", "of")):
                    if "of" in table.schema.names:  # the first engine had none
                        pairs = zip(table.column("id").to_pylist(), table.column("of").to_pylist(), strict=True)
                        self.ids.update(id for id, of in pairs if of and of in self.ids)

    def are_in(self, row: Mapping[str, Any]) -> bool:
        """Return whether what a row quotes has to go; `row`: "excerpt", and what it has of "id" and "source"."""
        quoted = row["excerpt"]
        return bool(quoted) and (
            row.get("id") in self.ids
            or row.get("source") in self.sources
            or quoted in self.excerpts
            or (bool(self.parts) and self._says(quoted))
        )

    def _says(self, quoted: str) -> bool:
        """Return whether an excerpt holds a text that was named, or is cut off within one."""
        seen = shadow(_unescaped(quoted)).text
        if any(part in seen for part in self.parts):
            return True
        return len(quoted) >= EXCERPT_CHARACTERS and any(
            seen.endswith(part[:begun]) for part in self.parts for begun in range(LEAST_BEGUN, len(part))
        )


def _unescaped(quoted: str) -> str:
    r"""Return a text with the characters for which JSON has escapes.

    >>> _unescaped('{"text": "' + chr(92) + 'u94f6' + chr(92) + 'u674f')
    '{"text": "银杏'
    """
    if "\\u" not in quoted:
        return quoted
    whole = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), quoted)
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def emptied_decisions(
    layer: Layer,
    open_layer: OpenLayer,
    objects: LocalObjects,
    traces: Traces,
    told: Callable[[Mapping[str, Any]], None],
) -> Layer:
    """Return a layer of decisions without the excerpts that have to go; the same layer where there are none.

    told: hears every row once, as it was.
    """
    away = set[int]()
    for number, row in enumerate(_rows(open_layer(layer.title))):
        told(row)
        # Where spans lay also tells of a text.
        if traces.are_in(row) or (row.get("spans") and row["id"] in traces.ids):
            away.add(number)
    if not away:
        return layer
    traces.emptied += len(away)
    names = [name for name, _ in DECISION_COLUMNS]
    with objects.writer() as out, TableWriter(out, DECISION_COLUMNS, group_rows=8192) as writer:
        for number, row in enumerate(_rows(open_layer(layer.title))):
            left = {**row, "excerpt": "", "spans": ""} if number in away else row
            # Decisions of the first engine have fewer columns.
            writer.add((tuple(left.get(name) or "" for name in names), 0))
    return Layer(out.result.digest, out.result.size, PARQUET, layer.title)


def emptied_lines(title: str, open_layer: OpenLayer, objects: LocalObjects, traces: Traces, *, drop: bool) -> Layer:
    """Return a layer of JSON lines with excerpts without those that have to go; drop: the lines that hold them go."""
    with objects.writer() as out, open_layer(title) as stream:
        for line in stream:
            row = json.loads(line)
            if not traces.are_in(row):
                out.write(line)
                continue
            traces.emptied += 1
            if not drop:
                out.write(canonical_json({**row, "excerpt": ""}) + b"\n")
    return Layer(out.result.digest, out.result.size, JSONL, title)


def _rows(stream: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet layer as dicts."""
    for table in tables(stream):
        names = table.schema.names
        for values in zip(*(column.to_pylist() for column in table.columns), strict=True):
            yield dict(zip(names, values, strict=True))


def tables(stream: BinaryIO, columns: Iterable[str] | None = None) -> Iterator[pa.Table]:
    """Yield the row groups of a Parquet layer, one in memory at a time; of `columns` those that it has."""
    import pyarrow.parquet as pq

    with stream, pq.ParquetFile(stream, pre_buffer=False) as table:
        names = None if columns is None else [name for name in columns if name in table.schema_arrow.names]
        for group in range(table.num_row_groups):
            yield table.read_row_group(group, columns=names, use_threads=False)
