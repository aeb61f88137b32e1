"""What a corpus step resolves over all units: kept, continued when documents are added behind, told as it moves on.

A resolution leaves its verdicts on each unit, and, of a step that `continues`, what they were in the order of
preference: the next one over the same first units takes these from there and asks for the texts of the new documents
and of those that they may repeat, no others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from quanheng.data.corpus.arrow import to_arrow
from quanheng.data.corpus.keep import Ledger
from quanheng.data.corpus.operator import CorpusStep, Known, Sketch, Verdict
from quanheng.data.corpus.sketches import Places, StoredSketch
from quanheng.data.corpus.steps import FILE, ROW, TEXT
from quanheng.data.corpus.tables import batches_of
from quanheng.data.corpus.units import Placed, SourceInput, document_id
from quanheng.data.corpus.verdicts import store_verdicts
from quanheng.data.corpus.work import UnitResult
from quanheng.errors import Corrupt, NotFound
from quanheng.store import LocalObjects, cache_key, canonical_json
from quanheng.store.cache import CacheLike

if TYPE_CHECKING:
    import pyarrow as pa

#: A change of what `resolve` is given or of what is kept of it is a new version.
RESOLVE_VERSION = 2
#: How often the size of a scratch folder is taken, in steps of a thousandth of the resolution.
_MEASURED = 50
_UNITS = b"units"


def texts_key(rows: str) -> str:
    """Return the cache key under which stands the digest of the final rows that hold the texts of `rows`."""
    return cache_key({"texts": 1, "rows": rows})


class Between:
    """Texts and ids of documents after a segment, by (unit, row); a few units' columns in memory.

    Texts come from the rows after the segment; where these were let go, from the final rows of the same documents, or
    from rows that `again` makes once more.
    """

    def __init__(
        self,
        objects: LocalObjects,
        cache: CacheLike,
        sources: Sequence[SourceInput],
        placed: Sequence[Placed],
        results: Sequence[UnitResult],
        again: Callable[[int], None],
    ) -> None:
        self._objects = objects
        self._cache = cache
        self._sources = sources
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
        return [str(text) for text in found or ()]

    def _found(self, unit: int, rows: Sequence[int]) -> list[str] | None:
        """Return the texts of these rows, None where one of them is not to be had without making the unit again."""
        held = self._texts(unit)
        wanted: list[int] | None = [int(row) for row in rows]
        if held is not None and held.places is not None:
            wanted = held.numbers(self._places(unit), wanted or [])
        if held is None or wanted is None:
            return None
        return held.at(wanted)

    def id_of(self, place: tuple[int, int]) -> str:
        """Return the id of a document as the corpus has it."""
        unit, row = place
        places, placed = self._places(unit), self._placed[unit]
        number = placed.numbers[places.files[row].as_py()]
        return document_id(self._sources[placed.source].digest, number, places.rows[row].as_py())

    def _sketched(self, unit: int) -> Places:
        return Places(self._objects.path(str(self._results[unit].sketch)))

    def _read(self, unit: int) -> _Texts | None:
        """Return the texts of a unit, None where there are none without making the unit again."""
        rows = self._results[unit].rows
        if (whole := self._columns(rows, (TEXT,))) is not None:
            return _Texts(whole[TEXT], None)
        final = self._cache.get(texts_key(rows))
        found = self._columns(final, (FILE, ROW, TEXT)) if final else None
        if found is None:
            return None
        pairs = zip(found[FILE].to_pylist(), found[ROW].to_pylist(), strict=True)
        return _Texts(found[TEXT], {place: number for number, place in enumerate(pairs)})

    def _columns(self, digest: str, names: tuple[str, ...]) -> dict[str, pa.ChunkedArray] | None:
        """Return columns of rows, None when these were let go."""
        import pyarrow as pa

        try:
            stream = self._objects.open(digest)
        except NotFound:
            return None
        with stream:
            read = [[table.column(name) for name in names] for table in batches_of(stream)]
        kinds = {FILE: pa.int32(), ROW: pa.string(), TEXT: pa.string()}
        return {name: pa.chunked_array([some[at] for some in read], kinds[name]) for at, name in enumerate(names)}


@dataclass(frozen=True)
class _Texts:
    """Texts of a unit; places: of each its (file, row), where these are not all of the documents that were sketched."""

    texts: pa.ChunkedArray
    places: Mapping[tuple[int, str], int] | None

    def numbers(self, sketched: Places, rows: Sequence[int]) -> list[int] | None:
        """Return where these rows of a sketch stand here, None when one does not."""
        assert self.places is not None  # noqa: S101 - only then is it asked
        found = [self.places.get((sketched.files[row].as_py(), sketched.rows[row].as_py())) for row in rows]
        return None if None in found else [number for number in found if number is not None]

    def at(self, numbers: Sequence[int]) -> list[str]:
        """Return the texts with these numbers."""
        import pyarrow as pa

        return self.texts.take(to_arrow(numbers, pa.int64())).to_pylist()  # type: ignore[no-any-return]


class Resolver:
    """Resolves the corpus steps of a build."""

    def __init__(
        self,
        objects: LocalObjects,
        cache: CacheLike,
        sources: Sequence[SourceInput],
        placed: Sequence[Placed],
        ledger: Ledger,
    ) -> None:
        self._objects = objects
        self._cache = cache
        self._sources = sources
        self._placed = placed
        self._ledger = ledger
        self._ranks = _ranks(sources)

    def resolve(
        self,
        step: CorpusStep,
        results: Sequence[UnitResult],
        again: Callable[[int], None],
        progress: Callable[[float], None],
    ) -> list[str | None]:
        """Return the digest of the verdicts on each unit, None where there are none.

        again: makes the rows of a unit once more. progress: told the share that is done, 0 to 1, and never less.
        """
        key = self._key(step, results)
        if (kept := self._kept(key)) is not None:
            progress(1)
            return kept
        reader = Between(self._objects, self._cache, self._sources, self._placed, results, again)
        ranks = [self._ranks[unit.source] for unit in self._placed]
        sketches: list[Sketch] = [
            StoredSketch(self._objects.path(str(result.sketch)), rank, result.documents)
            for rank, result in zip(ranks, results, strict=True)
        ]
        memory = _Memory(self._objects, self._cache, step, ranks, results)
        with self._objects.scratch() as scratch:
            told = _Told(progress, scratch, self._ledger)
            known = memory.known() if step.continues else None
            if known:
                verdicts = step.resume(known, sketches, reader.texts, scratch, told)
            else:
                verdicts = step.resolve(sketches, reader.texts, scratch, told)
            kept_by = memory.keep(verdicts) if step.continues else verdicts
            found = [store_verdicts(self._objects, some, reader.id_of) for some in kept_by]
        if len(found) != len(self._placed):
            raise Corrupt(
                f"{step.name} gave verdicts on {len(found)} of {len(self._placed)} units",
                f"{step.name} 只对 {len(self._placed)} 个工作单元中的 {len(found)} 个给出了结论",
            )
        if step.continues:
            self._ledger.add([memory.store()])
        answer = self._objects.put_bytes(canonical_json(list(found))).digest
        self._cache.set(key, answer)
        self._ledger.add([answer, *(digest for digest in found if digest)])
        progress(1)
        return found

    def _key(self, step: CorpusStep, results: Sequence[UnitResult]) -> str:
        """Return the cache key of a resolution: sketches and rows, and what the ids in its verdicts are made of."""
        units = [
            [result.sketch, result.rows, self._ranks[at.source], self._sources[at.source].digest, list(at.numbers)]
            for at, result in zip(self._placed, results, strict=True)
        ]
        return cache_key({"resolve": RESOLVE_VERSION, "step": step.id, "units": units})

    def _kept(self, key: str) -> list[str | None] | None:
        """Return what a resolution left, unless some of it is gone."""
        digest = self._cache.get(key)
        if digest is None or not self._objects.exists(digest):
            return None
        with self._objects.open(digest) as stream:
            kept: list[str | None] = json.loads(stream.read())
        return kept if all(self._objects.touch(found) for found in kept if found) else None


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
        self, objects: LocalObjects, cache: CacheLike, step: CorpusStep, ranks: list[int], results: Sequence[UnitResult]
    ) -> None:
        self._objects = objects
        self._cache = cache
        self._order = sorted(range(len(ranks)), key=lambda unit: ranks[unit])
        self._names = [[str(results[unit].sketch), results[unit].rows] for unit in self._order]
        # Corpora that begin with the same documents are versions of one another; the latest is continued.
        self._key = cache_key({"resolved": RESOLVE_VERSION, "step": step.id, "first": self._names[:1]})
        self._stored = ""

    def known(self) -> Known | None:
        """Return what an earlier resolution found on the first units; None when there was none."""
        import pyarrow as pa

        digest = self._cache.get(self._key)
        if digest is None or not self._objects.exists(digest):
            return None
        path = str(self._objects.path(digest))
        with pa.memory_map(path) as source:
            said = json.loads(pa.ipc.open_file(source).schema.metadata[_UNITS])
        units = 0
        for was, now in zip(said["names"], self._names, strict=False):
            if was != now:
                break
            units += 1

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

    def keep(self, verdicts: Iterator[list[Verdict]]) -> Iterator[list[Verdict]]:
        """Yield the verdicts on each unit, and write them down."""
        import pyarrow as pa

        places = {unit: at for at, unit in enumerate(self._order)}
        schema = _schema().with_metadata({_UNITS: canonical_json({"names": self._names, "batches": self._order})})
        with self._objects.writer() as out, pa.ipc.new_file(out, schema) as writer:
            for some in verdicts:
                writer.write_batch(_batch(some, places, schema))
                yield some
        self._stored = out.result.digest

    def store(self) -> str:
        """Keep what was written under its key, and return its digest."""
        self._cache.set(self._key, self._stored)
        return self._stored


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
