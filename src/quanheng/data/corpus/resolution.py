"""What a corpus step resolves over all units: kept, continued when documents are added behind, told as it moves on.

A resolution leaves its verdicts on each unit, and, of a step that `continues`, what they were in the order of
preference: the next one over the same first units takes these from there and asks for the texts of the new documents
and of those that they may repeat, no others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from quanheng.data.corpus.arrow import to_arrow
from quanheng.data.corpus.keep import Ledger
from quanheng.data.corpus.operator import CorpusStep, Known, Sketch, Verdict
from quanheng.data.corpus.sketches import Places, StoredSketch
from quanheng.data.corpus.steps import FILE, ROW, TEXT
from quanheng.data.corpus.tables import batches_of
from quanheng.data.corpus.units import Given, Placed, SourceInput, document_id
from quanheng.data.corpus.verdicts import store_verdicts
from quanheng.data.corpus.work import UnitResult
from quanheng.errors import Corrupt, NotFound
from quanheng.store import JSON, cache_key, canonical_json

if TYPE_CHECKING:
    import pyarrow as pa

#: A change of what `resolve` is given or of what is kept of it is a new version.
RESOLVE_VERSION = 3
#: How often the size of a scratch folder is taken, in steps of a thousandth of the resolution.
_MEASURED = 50
_UNITS, _STORED = b"units", b"stored"


def texts_key(rows: str) -> str:
    """Return the cache key under which stands the digest of the final rows that hold the texts of `rows`."""
    return cache_key({"texts": 1, "rows": rows})


class Between:
    """Texts and ids of documents after a segment, by (unit, row); a few units' columns in memory.

    Texts come from the rows after the segment; where these were let go, from the final rows of the same documents, or
    from rows that `again` makes once more.
    """

    def __init__(
        self, given: Given, placed: Sequence[Placed], results: Sequence[UnitResult], again: Callable[[int], None]
    ) -> None:
        self._given = given
        self._placed = placed
        self._results = results
        self._again = again
        self._texts = lru_cache(maxsize=4)(self._read)
        self._places = lru_cache(maxsize=64)(self._sketched)

    def texts(self, unit: int, rows: Sequence[int]) -> list[str]:
        """Return the texts of these rows of a unit."""
        found = self._found(unit, rows)
        if found is None:
            self._again(unit)
            self._texts.cache_clear()
            found = self._found(unit, rows)
        return found or []

    def _found(self, unit: int, rows: Sequence[int]) -> list[str] | None:
        """Return the texts of these rows, None where one of them is not to be had without making the unit again."""
        held = self._texts(unit)
        return held.of(self._places(unit), [int(row) for row in rows]) if held else None

    def id_of(self, place: tuple[int, int]) -> str:
        """Return the id of a document as the corpus has it."""
        unit, row = place
        places, placed = self._places(unit), self._placed[unit]
        number = placed.numbers[places.files[row].as_py()]
        return document_id(self._given.sources[placed.source].digest, number, places.rows[row].as_py())

    def _sketched(self, unit: int) -> Places:
        return Places(self._given.objects.path(str(self._results[unit].sketch)))

    def _read(self, unit: int) -> _Texts | None:
        """Return the texts of a unit, None where there are none without making the unit again."""
        rows = self._results[unit].rows
        if (whole := self._columns(rows, (TEXT,))) is not None:
            return _Texts(whole[TEXT], None)
        final = self._given.cache.get(texts_key(rows))
        found = self._columns(final, (FILE, ROW, TEXT)) if final else None
        if found is None:
            return None
        return _Texts(found[TEXT], _named(found[FILE], found[ROW]))

    def _columns(self, digest: str, names: tuple[str, ...]) -> dict[str, pa.ChunkedArray] | None:
        """Return columns of rows, None when these were let go."""
        import pyarrow as pa

        try:
            stream = self._given.objects.open(digest)
        except NotFound:
            return None
        with stream:
            read = [[table.column(name) for name in names] for table in batches_of(stream, names)]
        kinds = {FILE: pa.int32(), ROW: pa.string(), TEXT: pa.string()}
        return {name: pa.chunked_array([some[at] for some in read], kinds[name]) for at, name in enumerate(names)}


@dataclass(frozen=True)
class _Texts:
    """Texts of a unit; names: of each, where these are not all of the documents that were sketched."""

    texts: pa.ChunkedArray
    names: pa.ChunkedArray | None

    def of(self, sketched: Places, rows: Sequence[int]) -> list[str] | None:
        """Return the texts of these rows of a sketch, None when one is not here."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.names is not None:
            at = to_arrow(rows, pa.int64())
            asked = _named(sketched.files.take(at), sketched.rows.take(at))
            found = pc.index_in(asked, value_set=self.names)
            if found.null_count:
                return None
            rows = found.to_pylist()
        return [self.texts[row].as_py() for row in rows]  # mostly few: `take` would copy all of them first


def _named(files: pa.Array, rows: pa.Array) -> pa.Array:
    """Return a name for each document: its file in the unit, and its row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # A scalar of pyarrow: a str would make it import pandas.
    return pc.binary_join_element_wise(files.cast(pa.string()), rows, to_arrow([" "], pa.string())[0])


class Resolver:
    """Resolves the corpus steps of a build."""

    def __init__(self, given: Given, placed: Sequence[Placed]) -> None:
        self._given = given
        self._objects, self._cache, self._ledger = given.objects, given.cache, given.ledger
        self._placed = placed
        self._ranks = _ranks(given.sources)

    def resolve(
        self,
        step: CorpusStep,
        results: Sequence[UnitResult],
        again: Callable[[int], None],
        progress: Callable[[float], None],
        needed: Collection[int],
    ) -> list[str | None]:
        """Return the digest of the verdicts on each unit, None where there are none.

        again: makes the rows of a unit once more. progress: told the share that is done, 0 to 1, and never less.
        needed: units whose verdicts have to be there now; of others that were found before the digest is enough.
        """
        every, most = list(range(len(self._placed))), max(len(self._placed), 1)
        of_source = groupby(every, lambda unit: self._placed[unit].source) if step.by_source else ()
        found: list[str | None] = []
        for units in [list(some) for _, some in of_source] or [every]:
            first, told = len(found), _part(progress, len(found) / most, len(units) / most)
            placed, some = [self._placed[unit] for unit in units], [results[unit] for unit in units]
            wanted = [unit - first for unit in units if unit in needed]
            found += self._some(step, placed, some, lambda at, first=first: again(first + at), told, wanted)  # type: ignore[misc]
        progress(1)
        return found

    def _some(
        self,
        step: CorpusStep,
        placed: Sequence[Placed],
        results: Sequence[UnitResult],
        again: Callable[[int], None],
        progress: Callable[[float], None],
        wanted: Collection[int],
    ) -> list[str | None]:
        """Return what `resolve` does, of units whose verdicts depend on no others."""
        key = self._key(step, placed, results)
        if (kept := self._kept(key, wanted)) is not None:
            return kept
        reader = Between(self._given, placed, results, again)
        ranks = [self._ranks[unit.source] for unit in placed]
        memory = _Memory(self._given, step, ranks, results, [self._ids(unit) for unit in placed])
        known = memory.known() if step.continues else None
        same = memory.same(wanted)

        def store(unit: int, some: list[Verdict]) -> str | None:
            return same[unit] if unit in same else store_verdicts(self._objects, some, reader.id_of)

        sketches: list[Sketch] = [
            StoredSketch(self._objects.path(str(result.sketch)), rank, result.documents)
            for rank, result in zip(ranks, results, strict=True)
        ]
        with self._objects.scratch() as scratch:
            told = _Told(progress, scratch, self._ledger)
            given = sketches, reader.texts, scratch, told
            verdicts = step.resume(known, *given) if known else step.resolve(*given)
            found = memory.keep(verdicts, store) if step.continues else [store(*one) for one in enumerate(verdicts)]
        _check(step, found, placed)
        if step.continues:
            self._ledger.add([memory.store()])
        answer = self._objects.put_bytes(canonical_json(list(found))).digest
        self._cache.set(key, answer)
        self._ledger.add([answer, *(digest for unit, digest in enumerate(found) if digest and unit not in same)])
        return found

    def _ids(self, unit: Placed) -> list[JSON]:
        """Return what the ids of a unit's documents are made of."""
        return [self._given.sources[unit.source].digest, list(unit.numbers)]

    def _key(self, step: CorpusStep, placed: Sequence[Placed], results: Sequence[UnitResult]) -> str:
        """Return the cache key of a resolution: sketches and rows, and what the ids in its verdicts are made of."""
        units = [
            [result.sketch, result.rows, self._ranks[at.source], *self._ids(at)]
            for at, result in zip(placed, results, strict=True)
        ]
        return cache_key({"resolve": RESOLVE_VERSION, "step": step.id, "units": units})

    def _kept(self, key: str, wanted: Collection[int]) -> list[str | None] | None:
        """Return what a resolution left, unless something of it is gone that is wanted."""
        digest = self._cache.get(key)
        if digest is None or not self._objects.exists(digest):
            return None
        with self._objects.open(digest) as stream:
            kept: list[str | None] = json.loads(stream.read())
        return kept if all(self._objects.touch(found) for at in wanted if (found := kept[at])) else None


def _check(step: CorpusStep, found: Sequence[str | None], placed: Sequence[Placed]) -> None:
    if len(found) != len(placed):
        raise Corrupt(
            f"{step.name} gave verdicts on {len(found)} of {len(placed)} units",
            f"{step.name} 只对 {len(placed)} 个工作单元中的 {len(found)} 个给出了结论",
        )


def _part(progress: Callable[[float], None], first: float, size: float) -> Callable[[float], None]:
    """Return the progress of a part that begins at `first` of the whole."""
    return lambda share: progress(first + share * size)


class _Told:
    """The progress of a corpus step as a share that never falls; and the size of its scratch folder, now and then."""

    def __init__(self, progress: Callable[[float], None], scratch: Path, ledger: Ledger) -> None:
        self._progress = progress
        self._scratch = scratch
        self._ledger = ledger
        self._share = 0.0
        self._measured = -1

    def __call__(self, done: int, total: int | None) -> None:
        self._share = max(self._share, min(done / total, 1.0) if total else 0.0)
        step = int(self._share * _MEASURED)
        if step != self._measured:
            self._measured = step
            self._ledger.lent(sum(path.stat().st_size for path in self._scratch.rglob("*") if path.is_file()))
            self._progress(self._share)


class _Memory:
    """The verdicts of a resolution, one record batch a unit, and the units in the order of preference: for the next."""

    def __init__(
        self, given: Given, step: CorpusStep, ranks: list[int], results: Sequence[UnitResult], ids: Sequence[JSON]
    ) -> None:
        self._objects, self._cache = given.objects, given.cache
        self._order = sorted(range(len(ranks)), key=lambda unit: ranks[unit])
        self._names: list[JSON] = [[str(results[unit].sketch), results[unit].rows] for unit in self._order]
        self._ids = [ids[unit] for unit in self._order]
        self._stored: dict[int, str | None] = {}
        self._written = ""
        # Corpora that begin with the same documents are versions of one another; the latest is continued.
        self._key = cache_key({"resolved": RESOLVE_VERSION, "step": step.id, "first": self._names[:1]})

    def known(self) -> Known | None:
        """Return what an earlier resolution found on the first units; None when there was none."""
        import pyarrow as pa

        digest = self._cache.get(self._key)
        if digest is None or not self._objects.exists(digest):
            return None
        path = str(self._objects.path(digest))
        with pa.memory_map(path) as source:
            table = pa.ipc.open_file(source)
            said = json.loads(table.schema.metadata[_UNITS])
            units = _alike(said["names"], self._names)
            same = min(units, _alike(said["ids"], self._ids))
            for unit, batch in zip(self._order[:same], said["batches"], strict=False):
                told = table.get_batch_with_custom_metadata(batch).custom_metadata
                self._stored[unit] = told[_STORED].decode() or None

        def verdicts() -> Iterator[list[Verdict]]:
            with pa.memory_map(path) as source:
                table = pa.ipc.open_file(source)
                for batch in said["batches"][:units]:
                    columns = (column.to_pylist() for column in table.get_batch(batch).columns)
                    yield [
                        Verdict(row, start, end, reason, (self._order[of] if of >= 0 else of, of_row), measure)
                        for row, start, end, reason, of, of_row, measure in zip(*columns, strict=True)
                    ]

        return Known(units, verdicts) if units else None

    def same(self, wanted: Collection[int]) -> dict[int, str | None]:
        """Return by unit the digests of the verdicts that are those of the resolution that is known, ids included.

        wanted: units whose verdicts have to be there; where they are not, they are none of those.
        """
        return {
            unit: digest
            for unit, digest in self._stored.items()
            if unit not in wanted or digest is None or self._objects.touch(digest)
        }

    def keep(
        self, verdicts: Iterator[list[Verdict]], store: Callable[[int, list[Verdict]], str | None]
    ) -> list[str | None]:
        """Write the verdicts on each unit down, and return what `store` says of each."""
        import pyarrow as pa

        places = {unit: at for at, unit in enumerate(self._order)}
        said: JSON = {"names": self._names, "ids": self._ids, "batches": list[JSON](self._order)}
        schema, found = _schema().with_metadata({_UNITS: canonical_json(said)}), list[str | None]()
        with self._objects.writer() as out, pa.ipc.new_file(out, schema) as writer:
            for unit, some in enumerate(verdicts):
                found.append(store(unit, some))
                writer.write_batch(_batch(some, places, schema), {_STORED: found[-1] or ""})
        self._written = out.result.digest
        return found

    def store(self) -> str:
        """Keep what was written under its key, and return its digest."""
        self._cache.set(self._key, self._written)
        return self._written


def _alike(was: Sequence[JSON], now: Sequence[JSON]) -> int:
    """Return how many are the same from the first on."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(was, now, strict=False)))


def _schema() -> pa.Schema:
    import pyarrow as pa

    whole = [pa.field(name, pa.int32()) for name in ("row", "start", "end")]
    of = [pa.field("of", pa.int32()), pa.field("of_row", pa.int32()), pa.field("measure", pa.float64())]
    return pa.schema([*whole, pa.field("reason", pa.string()), *of])


def _batch(verdicts: Sequence[Verdict], places: dict[int, int], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    rows = [
        (one.row, one.start, one.end, one.reason, places[one.of[0]] if one.of[0] >= 0 else -1, one.of[1], one.measure)
        for one in verdicts
    ]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [to_arrow(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def _ranks(sources: Sequence[SourceInput]) -> list[int]:
    """Return the rank of each source: those with a clear licence first, then as they were given."""
    order = sorted(range(len(sources)), key=lambda place: (not sources[place].model.licence.clear, place))
    return [order.index(place) for place in range(len(sources))]
