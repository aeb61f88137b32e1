"""The results of all units in order become shards, decisions, lists and counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from quanheng.data.corpus.lines import excerpt
from quanheng.data.corpus.operator import arrow_types
from quanheng.data.corpus.recipe import Plan
from quanheng.data.corpus.shards import DATA_COLUMNS, DECISION_COLUMNS, ShardWriter
from quanheng.data.corpus.steps import EDITS, FILE, LISTED, ROW, TEXT, URL, Size
from quanheng.data.corpus.tables import batches_of
from quanheng.data.corpus.tally import SourceTally, Tally
from quanheng.data.corpus.units import Placed, SourceInput, document_id
from quanheng.data.corpus.work import UnitResult, read_broken, read_dropped
from quanheng.kinds.data import LexiconTerm
from quanheng.store import LocalObjects, canonical_json

if TYPE_CHECKING:
    import hashlib

    import pyarrow as pa


_SCRIPTS = frozenset(("zh-Hans", "zh-Hant", "mixed", "zh", "other"))


class Merge:
    """Takes units in order. A context manager over the files it writes."""

    def __init__(
        self,
        sources: Sequence[SourceInput],
        made: Plan,
        objects: LocalObjects,
        terms: list[LexiconTerm],
        rows: hashlib._Hash,
    ) -> None:
        self.sources = sources
        self.made = made
        self.objects = objects
        self.terms = terms
        self.tally = Tally(made, [SourceTally(source.digest, source.model) for source in sources])
        self._rows = rows
        self._stack = ExitStack()

    def __enter__(self) -> Merge:
        recipe, objects = self.made.recipe, self.objects
        labels = tuple((name, self.made.types[name]) for name in self.made.labels)
        size, rows = recipe.shard_bytes, recipe.row_group_rows
        with ExitStack() as stack:
            self.data = stack.enter_context(
                ShardWriter(
                    objects, "data/part-{:05d}.parquet", (*DATA_COLUMNS, *labels), shard_bytes=size, group_rows=rows
                )
            )
            self.decisions = stack.enter_context(
                ShardWriter(
                    objects, "decisions/part-{:05d}.parquet", DECISION_COLUMNS, shard_bytes=size, group_rows=rows
                )
            )
            self.rejected = stack.enter_context(objects.writer())
            self.filter = stack.enter_context(objects.writer())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *reason: object) -> None:
        self._stack.__exit__(*reason)  # type: ignore[arg-type]  # the three of every context manager

    @property
    def rows_digest(self) -> str:
        """Return the digest of the rows so far."""
        return "sha256:" + self._rows.hexdigest()

    def add(self, placed: Placed, results: Sequence[UnitResult]) -> None:
        """Take in the results of the next unit, one a segment."""
        source, first = self.tally.sources[placed.source], results[0]
        self.tally.encodings.update(first.encodings)
        self.tally.repaired.update(first.repaired)
        self.tally.read = self.tally.read.plus(Size(*first.read))
        source.read += first.read[0]
        source.broken += first.broken_rows
        for result in results:
            self.tally.add_counts(result.counts)
        self._broken(placed, source, first)
        for result in results:
            self._dropped(placed, source, result)
        with self.objects.open(results[-1].rows) as stream:
            for table in batches_of(stream):
                self._keep(placed, source, table)

    def _broken(self, placed: Placed, source: SourceTally, result: UnitResult) -> None:
        for broken in read_broken(self.objects, result.broken):
            line = {
                "source": source.digest,
                "file": placed.unit.files[broken.file].title,
                "row": broken.row,
                "reason": broken.reason,
                "excerpt": broken.excerpt,
                "byte": broken.byte,
            }
            self.rejected.write(canonical_json(line) + b"\n")

    def _dropped(self, placed: Placed, source: SourceTally, result: UnitResult) -> None:
        for gone in read_dropped(self.objects, result.dropped):
            source.dropped[gone.reason] += 1
            id = document_id(source.digest, placed.numbers[gone.file], gone.row)
            row = (id, source.digest, "drop", gone.reason, gone.excerpt, gone.of, gone.measure, "")
            self.decisions.add((row, len(gone.excerpt) * 3))

    def _keep(self, placed: Placed, source: SourceTally, table: pa.RecordBatch) -> None:
        import pyarrow.compute as pc

        def column(name: str) -> list[Any]:
            return table.column(name).to_pylist()  # type: ignore[no-any-return]

        ids = [
            document_id(source.digest, placed.numbers[file], row)
            for file, row in zip(column(FILE), column(ROW), strict=True)
        ]
        flags, digests = column("flags"), column("text_digest")
        lines = [
            f"{id}\t{source.digest}\t{digest}\t{' '.join(flag)}\n"
            for id, digest, flag in zip(ids, digests, flags, strict=True)
        ]
        self._rows.update("".join(lines).encode())
        self.tally.language.update(flag[0] for flag in flags if flag and flag[0] in _SCRIPTS)
        text = table.column(TEXT)
        sizes = pc.binary_length(text).to_pylist()
        source.kept += table.num_rows
        source.characters += pc.sum(pc.utf8_length(text)).as_py() or 0
        source.bytes += sum(sizes)
        self._masked(source, ids, column)
        self._found(ids, column)
        self.data.add_table(self._rows_of(source, ids, table), sizes)

    def _rows_of(self, source: SourceTally, ids: list[str], table: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a shard: id, source, text, text_digest, flags, url, labels."""
        import pyarrow as pa

        types = arrow_types()
        values = {
            "id": pa.array(ids, pa.string()),
            "source": pa.array([source.digest] * len(ids), pa.string()),
            **{name: table.column(name) for name in (TEXT, "text_digest", "flags", URL, *self.made.labels)},
        }
        kinds = {**dict(DATA_COLUMNS), **{name: self.made.types[name] for name in self.made.labels}}
        schema = pa.schema([pa.field(name, types[kind], nullable=False) for name, kind in kinds.items()])
        return pa.record_batch([values[name].cast(types[kind]) for name, kind in kinds.items()], schema=schema)

    def _masked(self, source: SourceTally, ids: list[str], column: Any) -> None:
        edits = column(EDITS)
        if not any(edits):
            return
        for id, masked, spans, text in zip(ids, column("masked"), edits, column(TEXT), strict=True):
            if masked:
                counts: dict[str, int] = json.loads(masked)
                self.tally.masked_documents += 1
                self.tally.personal_data.update(counts)
                what = ", ".join(f"{type} {count}" for type, count in sorted(counts.items()))
                row = (id, source.digest, "mask", what, excerpt(text), "", "", spans)
            elif spans:
                what = ", ".join(sorted({str(span[4]) for span in json.loads(spans)}))
                row = (id, source.digest, "edit", what, excerpt(text), "", "", spans)
            else:
                continue
            self.decisions.add((row, len(row[4]) * 3 + len(spans)))

    def _found(self, ids: list[str], column: Any) -> None:
        """Count hits and documents for review, and list them in filter.jsonl."""
        for id, found, reasons in zip(ids, column("hits"), column(LISTED), strict=True):
            if not found and not reasons:
                continue
            hits = json.loads(found) if found else []
            risks = Counter(self.terms[hit[2]].risk for hit in hits)
            self.tally.hits += len(hits)
            self.tally.documents_hit += bool(hits)
            self.tally.documents_for_review += bool(reasons)
            self.tally.per_risk.update(risks)
            self.tally.review.update(reasons)
            line = {
                "id": id,
                "mode": "review" if reasons else "count",
                "risks": dict(risks),
                "spans": [hit[:3] for hit in hits],
                "evasions": [hit[3] if len(hit) > 3 else "" for hit in hits],
                "reasons": reasons,
            }
            self.filter.write(canonical_json(line) + b"\n")
