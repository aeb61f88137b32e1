"""What is told of documents that were taken down, outside of the shards: excerpts, samples, rows that were not read.

An excerpt goes where it is of a document that is gone, of a copy of one (and of a copy of that), of a source that is
gone, equals an excerpt of what is gone, or holds a text that was named. A row that was not read is quoted as it was
written: its excerpt goes also where a document that is gone begins in it. The row that held an excerpt stays, and says
without text what became of the document.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, BinaryIO

from quanheng.data.corpus.lines import EXCERPT_CHARACTERS
from quanheng.data.corpus.shards import DECISION_COLUMNS, PARQUET, TableWriter
from quanheng.store import Layer, LocalObjects, canonical_json
from quanheng.text.normalise import shadow

if TYPE_CHECKING:
    import pyarrow as pa

    from quanheng.data.corpus.addresses import Addresses

OpenLayer = Callable[[str], BinaryIO]
JSONL = "application/jsonl"
#: What of a row about a document tells of its text.
TELLING = ("excerpt", "spans", "url")
#: So many characters at the end of a cut excerpt are taken for the beginning of a text that was named.
LEAST_BEGUN = 4
#: A document is known in a row that was not read by so many of its first characters, folded and without blanks; by
#: fewer where it has no more or the row ends there, but not by fewer than the least. Fewer begin many a document: of
#: 8, a heading; and what one of 7 says stands in many.
OPENING, LEAST_OPENING = 20, 8
#: What JSON escapes, and at the end an escape that was cut off. A row of JSON that was not read is quoted as written.
_ESCAPED = re.compile(r"""\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt])|(?:u[0-9a-fA-F]{0,3})?\Z)""")
_PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Quotes:
    """The excerpts of documents that are gone: a digest of each, and what it begins with. About 0.4 kB each."""

    def __init__(self) -> None:
        self._digests = set[bytes]()
        self._openings = set[str]()
        self._sorted: list[str] = []
        self._lengths: list[int] = []

    def add(self, excerpt: str) -> None:
        """Note an excerpt."""
        if excerpt:
            self._digests.add(_digest(excerpt))
            self.add_opening(excerpt)

    def add_opening(self, excerpt: str) -> None:
        """Note what an excerpt begins with, but not that another may equal it."""
        opening = _without_blanks(excerpt)[:OPENING]
        if len(opening) >= LEAST_OPENING:
            self._openings.add(opening)

    def hold(self, quoted: str) -> bool:
        """Return whether an excerpt equals one of these."""
        return bool(self._digests) and _digest(quoted) in self._digests

    def begin_in(self, quoted: str) -> bool:
        """Return whether one of these begins in a row as it was written, `OPENING` characters or to the row's end."""
        return bool(self._openings) and any(self._begin_in(_without_blanks(form)) for form in _forms(quoted))

    def _begin_in(self, seen: str) -> bool:
        if len(self._sorted) != len(self._openings):
            self._sorted = sorted(self._openings)
            self._lengths = sorted(set(map(len, self._sorted)))
        for length in self._lengths:
            if any(seen[at : at + length] in self._openings for at in range(len(seen) - length + 1)):
                return True
        for length in range(LEAST_OPENING, min(OPENING, len(seen) + 1)):
            place = bisect_left(self._sorted, seen[-length:])
            if place < len(self._sorted) and self._sorted[place].startswith(seen[-length:]):
                return True
        return False


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _without_blanks(text: str) -> str:
    """Return the folded view of a text without blanks and line ends, which differ from one writing to the other."""
    return "".join(shadow(text).text.split())


@dataclass
class Traces:
    """What may stand in no layer any more. parts: texts as `shadow` folds them. emptied: excerpts that went, so far.

    ids: of documents that are gone, and of their copies once `find_copies` was asked. quotes: of what is gone.
    addresses: those that were named. dropped: what went of documents that were never in the corpus, by id, with the
    source.
    """

    ids: set[str]
    sources: frozenset[str]
    parts: tuple[str, ...]
    quotes: Quotes
    addresses: Addresses
    emptied: int = 0
    dropped: dict[str, str] = field(default_factory=dict)

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
        """Return whether what a row tells of a text has to go; `row`: "excerpt", and what it has of the other columns.

        One without "id" is of a row that was not read; it has "file". Where spans lay, and an address, tells of a text.
        """
        quoted = row["excerpt"]
        is_named = row.get("source") in self.sources or (
            row["id"] in self.ids
            if "id" in row
            else self.addresses.mean(row.get("url") or row["file"]) or self.addresses.id_of_broken(row) in self.ids
        )
        if is_named:
            return any(row.get(name) for name in TELLING)
        return bool(quoted) and self._quotes(row, quoted)

    def _quotes(self, row: Mapping[str, Any], quoted: str) -> bool:
        """Return whether an excerpt is of what is gone, or holds a text that was named."""
        return (
            self.quotes.hold(quoted)
            or ("id" not in row and self.quotes.begin_in(quoted))
            or (bool(self.parts) and any(self._says(form, len(quoted)) for form in _forms(quoted)))
        )

    def _says(self, form: str, length: int) -> bool:
        """Return whether an excerpt of this length, in this form, holds a named text, or is cut off within one."""
        seen = shadow(form).text
        if any(part in seen for part in self.parts):
            return True
        return length >= EXCERPT_CHARACTERS and any(
            seen.endswith(part[:begun]) for part in self.parts for begun in range(LEAST_BEGUN, len(part))
        )


def _forms(quoted: str) -> tuple[str, ...]:
    """Return an excerpt as it is, and with what JSON escapes unescaped: what quotes JSON is not marked as such."""
    whole = _unescaped(quoted)
    return (quoted,) if whole == quoted else (quoted, whole)


def _unescaped(quoted: str) -> str:
    r"""Return a text with the characters for which JSON has escapes.

    >>> _unescaped('{"text": "' + chr(92) + 'u94f6' + chr(92) + 'u674f' + chr(92) + '"')
    '{"text": "银杏"'
    """
    if "\\" not in quoted:
        return quoted
    whole = _ESCAPED.sub(_character, quoted)
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return _PLAIN.get(found[2], found[2]) if found[2] else ""


def kept_originals(ids: Iterable[str], decisions: Sequence[Layer], open_layer: OpenLayer) -> dict[str, str]:
    """Return for each of `ids` that was dropped for what it repeats the document that holds its text to this day.

    One whose original was dropped in turn, and for no other's sake, is left out.
    """
    ids, of = tuple(ids), dict[str, str]()
    asked = set(ids)
    while asked:  # once for each link from copy to original; there is one for each step that looks for copies
        found = {}
        for layer in decisions:
            for table in tables(open_layer(layer.title), ("id", "decision", "of")):
                if "of" in table.schema.names:  # the first engine had none
                    columns = (table.column(name).to_pylist() for name in ("id", "decision", "of"))
                    found.update(
                        {id: to for id, did, to in zip(*columns, strict=True) if id in asked and did == "drop"}
                    )
        of |= found
        asked = {to for to in found.values() if to} - of.keys()
    ends = {id: _end(id, of) for id in ids if of.get(id)}
    return {id: end for id, end in ends.items() if end not in of}


def _end(id: str, of: Mapping[str, str]) -> str:
    """Return the last document of a chain of copies."""
    seen = {id}
    while (to := of.get(id)) and to not in seen:
        seen.add(to)
        id = to
    return id


def has_addresses(layer: Layer, open_layer: OpenLayer) -> bool:
    """Return whether a layer of decisions has the column of addresses."""
    import pyarrow.parquet as pq

    with open_layer(layer.title) as stream, pq.ParquetFile(stream, pre_buffer=False) as table:
        return "url" in table.schema_arrow.names


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
        if row["id"] in traces.ids and row.get("source") not in traces.sources:
            traces.quotes.add_opening(row["excerpt"])
        if traces.are_in(row):
            away.add(number)
        if row["decision"] == "drop" and (number in away or row["id"] in traces.ids):
            traces.dropped[row["id"]] = row["source"]
    if not away:
        return layer
    traces.emptied += len(away)
    # Decisions of earlier engines have fewer columns; that they have no addresses is still seen.
    columns = tuple(column for column in DECISION_COLUMNS if column[0] != "url" or has_addresses(layer, open_layer))
    with objects.writer() as out, TableWriter(out, columns, group_rows=8192) as writer:
        for number, row in enumerate(_rows(open_layer(layer.title))):
            left = row | dict.fromkeys(TELLING, "") if number in away else row
            writer.add((tuple(left.get(name) or "" for name, _ in columns), 0))
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
            if "id" not in row and (id := traces.addresses.id_of_broken(row)):
                traces.dropped[id] = row["source"]
            if not drop:
                left = {name: "" if name in TELLING else value for name, value in row.items()}
                out.write(canonical_json(left) + b"\n")
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
