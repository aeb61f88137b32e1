"""What a corpus step resolved, one file a unit, and how it is applied to the unit's documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import BinaryIO, NamedTuple

from quanheng.data.corpus.operator import Batch, Edited, Replaced, Verdict
from quanheng.data.corpus.steps import Counted, Runner, note_edits, size_of_batch
from quanheng.data.corpus.tables import RowWriter, batches_of
from quanheng.data.corpus.token_counts import TokenCounter
from quanheng.store import LocalObjects

VERDICT_COLUMNS = (
    ("row", "int32"),
    ("start", "int32"),
    ("end", "int32"),
    ("reason", "string"),
    ("of", "string"),
    ("measure", "string"),
)
_PLACES = Decimal("0.0001")


class _Drop(NamedTuple):
    """Why a document goes, and the id of what it repeats with how alike they are."""

    reason: str
    of: tuple[str, str]


def store_verdicts(
    objects: LocalObjects, verdicts: Sequence[Verdict], id_of: Callable[[tuple[int, int]], str]
) -> str | None:
    """Return the digest of a unit's verdicts, stored; None when there are none. `id_of` names (unit, row)."""
    if not verdicts:
        return None
    rows = []
    for verdict in verdicts:
        measure = str(Decimal(repr(float(verdict.measure))).quantize(_PLACES)) if verdict.start < 0 else ""
        other = id_of(verdict.of) if verdict.of[0] >= 0 else ""
        rows.append((verdict.row, verdict.start, verdict.end, verdict.reason, other, measure))
    with objects.writer() as out, RowWriter(out, VERDICT_COLUMNS) as writer:
        writer.add_all(rows)
    return out.result.digest


def apply_verdicts(
    place: int, batches: Iterator[Batch], stored: BinaryIO, runner: Runner, counted: Counted
) -> Iterator[Batch]:
    """Yield the batches of a unit without what the verdicts of step `place` take out; `runner` notes it."""
    drops: dict[int, _Drop] = {}
    spans: dict[int, list[Replaced]] = defaultdict(list)
    for table in batches_of(stored):
        for row, start, end, reason, of, measure in zip(*(c.to_pylist() for c in table.columns), strict=True):
            if start < 0:
                drops[row] = _Drop(reason, (of, measure))
            else:
                spans[row].append(Replaced(start, end, "", reason))
    first = 0
    for batch in batches:
        before = size_of_batch(batch)
        after = _edited(place, batch, first, spans, counted, runner.tokens) if spans else batch
        gone = {row: drops[first + row] for row in range(len(batch)) if first + row in drops}
        first += len(batch)
        if gone:
            drops_here = gone.values()
            runner.drop(
                place, [drop.reason for drop in drops_here], after, list(gone), [drop.of for drop in drops_here]
            )
            after = after.take([row for row in range(len(after)) if row not in gone])
        counted.add(before, size_of_batch(after))
        yield after


def _edited(
    place: int,
    batch: Batch,
    first: int,
    spans: dict[int, list[Replaced]],
    counted: Counted,
    tokens: TokenCounter | None,
) -> Batch:
    """Return the batch without the spans, each a part of the text of row `first` + its place."""
    edited: list[Edited | None] = [None] * len(batch)
    for row in range(len(batch)):
        found = sorted(spans.get(first + row, ()))
        if found:
            text, at, pieces = batch.text(row), 0, []
            for span in found:
                pieces.append(text[at : span.start])
                at = span.end
            edited[row] = Edited("".join([*pieces, text[at:]]), tuple(found))
    return note_edits(place, batch, edited, counted, tokens) if any(edited) else batch
