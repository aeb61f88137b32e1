"""The results of all units in order become shards, decisions, lists and counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from quanheng.data.corpus.arrow import to_arrow
from quanheng.data.corpus.bottom_k import PER_REASON, BottomK
from quanheng.data.corpus.lines import excerpt, excerpts
from quanheng.data.corpus.operator import Batch, arrow_types
from quanheng.data.corpus.recipe import Plan
from quanheng.data.corpus.shards import DATA_COLUMNS, DECISION_COLUMNS, ShardWriter
from quanheng.data.corpus.steps import EDITS, FILE, LISTED, ROW, TEXT, URL, Size, size_of_batch, size_of_rows
from quanheng.data.corpus.tables import batches_of
from quanheng.data.corpus.tally import SourceTally, Tally, add_size
from quanheng.data.corpus.token_counts import TOKENS
from quanheng.data.corpus.units import Placed, SourceInput, document_id
from quanheng.data.corpus.work import UnitResult, read_broken, read_dropped
from quanheng.kinds.lexicons import LexiconTerm
from quanheng.store import LocalObjects, canonical_json

if TYPE_CHECKING:
    import hashlib

    import pyarrow as pa


#: The column of a shard with the tokens of a document, where they were counted.
COUNTED_COLUMN = "tokens"
_SCRIPTS = frozenset(("zh-Hans", "zh-Hant", "mixed", "zh", "other"))


class Merge:
    """Takes units in order. A context manager over the files it writes. samples: kept for people of each reason."""

    def __init__(
        self,
        sources: Sequence[SourceInput],
        made: Plan,
        objects: LocalObjects,
        terms: list[LexiconTerm],
        rows: hashlib._Hash,
        samples: int = PER_REASON,
        tokens: bool = False,
    ) -> None:
        self.sources = sources
        self.made = made
        self.objects = objects
        self.terms = terms
        self.tally = Tally(made, [SourceTally(source.digest, source.model) for source in sources])
        self.samples = BottomK(samples)
        self.tokens = tokens
        self._rows = rows
        self._source = 0
        self._stack = ExitStack()

    def __enter__(self) -> Merge:
        recipe, objects = self.made.recipe, self.objects
        labels = self.columns
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
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Return the columns of the shards after those that every corpus has: tokens where counted, and labels."""
        labels = (
            (name, self.made.types[name]) for name in self.made.labels if name != COUNTED_COLUMN or not self.tokens
        )
        return (*(((COUNTED_COLUMN, "int64"),) if self.tokens else ()), *labels)

    @property
    def rows_digest(self) -> str:
        """Return the digest of the rows so far."""
        return "sha256:" + self._rows.hexdigest()

    @property
    def terms_in_force(self) -> int:
        """Return how many terms were looked for: those of the lexicon that had not expired by the recipe's day."""
        days = [made.params.as_of for _, made in self.made.operators if made.name == "lexicon"]
        counts = [sum(day is None or term.is_in_force(day) for term in self.terms) for day in days]
        return max(counts, default=len(self.terms))

    def add(self, placed: Placed, results: Sequence[UnitResult]) -> None:
        """Take in the results of the next unit, one a segment."""
        if placed.source != self._source:
            self._source = placed.source
            self.data.end_source()
            self.decisions.end_source()
        source, first = self.tally.sources[placed.source], results[0]
        self.tally.encodings.update(first.encodings)
        self.tally.repaired.update(first.repaired)
        source.read = source.read.plus(Size(*first.read))
        source.broken += first.broken_rows
        for result in results:
            self.tally.add_counts(source, result.counts)
        self._broken(placed, source, first)
        for result in results:
            self._dropped(placed, source, result)
        with self.objects.open(results[-1].rows) as stream:
            for table in batches_of(stream):
                self._keep(placed, source, Batch(table))

    def _broken(self, placed: Placed, source: SourceTally, result: UnitResult) -> None:
        for broken in read_broken(self.objects, result.broken):
            line = {
                "source": source.digest,
                "file": placed.unit.files[broken.file].title,
                "row": broken.row,
                "reason": broken.reason,
                "excerpt": broken.excerpt,
                "byte": broken.byte,
                "url": broken.url,
            }
            self.rejected.write(canonical_json(line) + b"\n")

    def _dropped(self, placed: Placed, source: SourceTally, result: UnitResult) -> None:
        for gone in read_dropped(self.objects, result.dropped):
            id = document_id(source.digest, placed.numbers[gone.file], gone.row)
            row = (id, source.digest, "drop", gone.reason, gone.excerpt, gone.of, gone.measure, "", gone.url)
            self.decisions.add((row, len(gone.excerpt) * 3))
            told, more = gone.excerpt, (gone.of, gone.measure, gone.url)
            self.samples.add("drop", gone.reason, source.digest, id, lambda told=told: told, *more)  # type: ignore[misc]

    def _keep(self, placed: Placed, source: SourceTally, batch: Batch) -> None:
        def column(name: str) -> list[Any]:
            return batch.column(name).to_pylist()  # type: ignore[no-any-return]

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
        source.kept = source.kept.plus(size_of_batch(batch))
        self._masked(source, ids, batch)
        self._found(source, ids, batch)
        self.data.add_table(self._rows_of(source, ids, batch.table), batch.sizes.tolist())

    def _rows_of(self, source: SourceTally, ids: list[str], table: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a shard: id, source, text, text_digest, flags, url, labels."""
        import pyarrow as pa

        types = arrow_types()
        values = {
            "id": to_arrow(ids, pa.string()),
            "source": to_arrow([source.digest] * len(ids), pa.string()),
            **{name: table.column(name) for name in (TEXT, "text_digest", "flags", URL, *self.made.labels)},
            **({COUNTED_COLUMN: table.column(TOKENS)} if self.tokens else {}),
        }
        kinds = dict((*DATA_COLUMNS, *self.columns))
        schema = pa.schema([pa.field(name, types[kind], nullable=False) for name, kind in kinds.items()])
        return pa.record_batch([values[name].cast(types[kind]) for name, kind in kinds.items()], schema=schema)

    def _masked(self, source: SourceTally, ids: list[str], batch: Batch) -> None:
        """Note documents in which something was replaced, and count them by what it was."""
        edits, found, urls = (batch.column(name).to_pylist() for name in (EDITS, "masked", URL))
        rows = [row for row, spans in enumerate(edits) if spans or found[row]]
        for row, told in zip(rows, excerpts(map(batch.text, rows)), strict=True):
            id, masked, spans = ids[row], found[row], edits[row]
            names = {str(span[4]) for span in json.loads(spans)} if spans else set()
            if masked:
                counts: dict[str, int] = json.loads(masked)
                self.tally.masked_documents += 1
                self.tally.personal_data.update(counts)
                names |= counts.keys()
                what = ", ".join(f"{type} {count}" for type, count in sorted(counts.items()))
            else:
                what = ", ".join(sorted(names))
            size = size_of_rows(batch, [row])
            decision = (id, source.digest, "mask" if masked else "edit", what, told, "", "", spans, urls[row])
            self.decisions.add((decision, len(told) * 3 + len(spans)))
            for name in sorted(names):
                add_size(source.edited, name, size)
                self.samples.add("edit", name, source.digest, id, lambda told=told: told, url=urls[row])  # type: ignore[misc]

    def _found(self, source: SourceTally, ids: list[str], batch: Batch) -> None:
        """Count hits and documents for review, and list them in filter.jsonl."""
        found, listed, urls = (batch.column(name).to_pylist() for name in ("hits", LISTED, URL))
        for row, id in enumerate(ids):
            if not found[row] and not listed[row]:
                continue
            hits, reasons = json.loads(found[row]) if found[row] else [], list(dict.fromkeys(listed[row]))
            risks = Counter(self.terms[hit[2]].risk for hit in hits)
            self.tally.hits += len(hits)
            self.tally.documents_hit += bool(hits)
            self.tally.per_risk.update(risks)
            self._listed(source, id, urls[row], batch, row, reasons)
            line = {
                "id": id,
                "mode": "review" if reasons else "count",
                "risks": dict(risks),
                "spans": [hit[:3] for hit in hits],
                "evasions": [hit[3] if len(hit) > 3 else "" for hit in hits],
                "reasons": reasons,
                "url": urls[row],
            }
            self.filter.write(canonical_json(line) + b"\n")

    def _listed(self, source: SourceTally, id: str, url: str, batch: Batch, row: int, reasons: list[str]) -> None:
        """Count a document that is listed for review, for these reasons."""
        if not reasons:
            return
        self.tally.documents_for_review += 1
        self.tally.review.update(reasons)
        size = size_of_rows(batch, [row])
        for reason in reasons:
            add_size(source.reviewed, reason, size)
            self.samples.add("review", reason, source.digest, id, lambda: excerpt(batch.text(row)), url=url)
