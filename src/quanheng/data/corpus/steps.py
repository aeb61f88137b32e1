"""One batch through the steps of a segment: columns added, spans replaced, documents dropped or listed, all counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from quanheng.data.corpus.arrow import to_numpy
from quanheng.data.corpus.lines import excerpts
from quanheng.data.corpus.operator import Batch, Edited, Editor, Operator, Tagger
from quanheng.data.corpus.recipe import ReadyStep
from quanheng.data.corpus.token_counts import TOKENS, TokenCounter
from quanheng.errors import Invalid, QuanhengError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Columns of the engine's own; a tagger's begin with a letter.
FILE, ROW, URL, TEXT, EDITS, LISTED = "_file", "_row", "url", "text", "_edits", "_listed"
#: Whether content review found something; there from its first judge on.
RISKY = "_risky"


class Size(NamedTuple):
    """Documents, characters, bytes of UTF-8, and tokens: 0 where no tokenizer counts."""

    documents: int
    characters: int
    bytes: int
    tokens: int = 0

    def plus(self, other: Size) -> Size:
        """Return the sum."""
        return Size(*(a + b for a, b in zip(self, other, strict=True)))


NOTHING = Size(0, 0, 0)


class Dropped(NamedTuple):
    """A document that was left out: place of its file in the unit, row, place of the step, why, and its beginning.

    url: its address, "" when the file says none. of: id of the document that it repeats; measure: how alike they are,
    as a decimal.
    """

    file: int
    row: str
    step: int
    reason: str
    excerpt: str
    characters: int
    url: str
    of: str = ""
    measure: str = ""


@dataclass
class Counted:
    """What one step took in and left, what it dropped by reason, its edits by name, and what it listed for review.

    risky: documents in which content review found something, counted at the first step that did, as they were there.
    """

    before: Size = NOTHING
    after: Size = NOTHING
    edits: Counter[str] = field(default_factory=Counter)
    edited: int = 0
    listed: int = 0
    dropped: dict[str, Size] = field(default_factory=dict)
    risky: Size = NOTHING

    def add(self, before: Size, after: Size) -> None:
        """Count one batch."""
        self.before, self.after = self.before.plus(before), self.after.plus(after)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "before": list(self.before),
            "after": list(self.after),
            "edits": dict(sorted(self.edits.items())),
            "edited": self.edited,
            "listed": self.listed,
            "dropped": {reason: list(size) for reason, size in sorted(self.dropped.items())},
            "risky": list(self.risky),
        }


def size_of_batch(batch: Batch) -> Size:
    """Return the size of the texts of a batch, found once for the same texts."""
    return batch.view("size", lambda: size_of_rows(batch, slice(None)))


def size_of_rows(batch: Batch, rows: NDArray[Any] | list[int] | slice) -> Size:
    """Return the size of the texts in some rows of a batch; `rows` as numpy takes them."""
    lengths = batch.lengths[rows]
    tokens = int(to_numpy(batch.column(TOKENS))[rows].sum()) if TOKENS in batch.names else 0
    return Size(len(lengths), int(lengths.sum()), int(batch.sizes[rows].sum()), tokens)


@dataclass
class Runner:
    """Runs the steps of a segment over batches. `counts` by place of the step; `dropped` since the last `take_dropped`.

    names: titles of the unit's files, for messages. tokens: counts again what was edited, where tokens are counted.
    judges: places of the conditions that ask what content review found.
    """

    steps: Sequence[ReadyStep]
    names: Sequence[str]
    counts: dict[int, Counted] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    tokens: TokenCounter | None = None
    judges: Collection[int] = ()

    def run(self, batch: Batch) -> Batch:
        """Return what is left of a batch."""
        size = size_of_batch(batch)
        for ready in self.steps:
            counted = self.counts.setdefault(ready.place, Counted())
            made = ready.operator
            if ready.expression is not None:
                after = self._judge(ready, batch, counted)
            elif isinstance(made, Tagger):
                columns = self.call(made, made.tag, batch)
                after = batch.with_columns(columns, made.gives)
            elif isinstance(made, Editor):
                after = self._edit(ready, made, batch, counted)
            else:
                raise AssertionError(f"step {ready.place} does not run on one unit")
            left = size_of_batch(after)
            counted.add(size, left)
            batch, size = after, left
        return batch

    def take_dropped(self) -> list[Dropped]:
        """Return the documents dropped since the last call."""
        taken, self.dropped = self.dropped, []
        return taken

    def _judge(self, ready: ReadyStep, batch: Batch, counted: Counted) -> Batch:
        import numpy as np

        assert ready.expression is not None  # noqa: S101 - asked by the caller
        holds = ready.expression.holds(batch)
        if ready.place in self.judges:
            batch = note_risky(batch, holds, counted)
        if not holds.any():
            return batch
        reason = ready.step.reason or ""
        if ready.step.review is not None:
            listed = batch.column(LISTED).to_pylist()
            values = [[*had, reason] if hit else had for had, hit in zip(listed, holds.tolist(), strict=True)]
            counted.listed += int(holds.sum())
            return batch.with_columns({LISTED: values}, ((LISTED, "strings"),))
        gone = np.flatnonzero(holds).tolist()
        self.drop(ready.place, [reason] * len(gone), batch, gone)
        return batch.take(np.flatnonzero(~holds).tolist())

    def drop(
        self, place: int, reasons: Sequence[str], batch: Batch, rows: Sequence[int], of: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Note documents as dropped, each for its reason; `of`: the id of what it repeats, and how alike they are."""
        gone = batch.take(rows)
        files, names, urls = (gone.column(name).to_pylist() for name in (FILE, ROW, URL))
        shown = excerpts(map(gone.text, range(len(gone))))
        lengths = gone.lengths.tolist()
        for row, (reason, other) in enumerate(zip(reasons, of or [("", "")] * len(rows), strict=True)):
            what = files[row], names[row], place, reason, shown[row], lengths[row], urls[row]
            self.dropped.append(Dropped(*what, *other))
        counted = self.counts.setdefault(place, Counted())
        for reason in dict.fromkeys(reasons):
            size = size_of_rows(gone, [row for row, own in enumerate(reasons) if own == reason])
            counted.dropped[reason] = counted.dropped.get(reason, NOTHING).plus(size)

    def _edit(self, ready: ReadyStep, made: Editor, batch: Batch, counted: Counted) -> Batch:
        edited, columns = self.call(made, made.edit, batch)
        after = batch
        if any(edit is not None for edit in edited):
            after = note_edits(ready.place, batch, edited, counted, self.tokens)
        return after.with_columns(columns, made.gives) if made.gives else after

    def call(self, made: Operator, function: Any, batch: Batch) -> Any:
        """Return `function(batch)`; Invalid "operator_failed" names operator and document when it raises."""
        try:
            return function(batch)
        except (QuanhengError, MemoryError):
            raise
        except Exception as error:
            raise self._failed(made, function, batch, error) from error

    def _failed(self, made: Operator, function: Any, batch: Batch, error: Exception) -> Invalid:
        """Return the error for an operator that raised, with the first document on which it does."""
        where = ""
        for row in range(len(batch)):
            try:
                function(batch.take([row]))
            except Exception:  # which document it was is all that is asked here
                place = batch.column(FILE)[row].as_py()
                name = f"{self.names[place]}, " if place < len(self.names) else ""
                where = f"{name}row {batch.column(ROW)[row].as_py()}"
                break
        said = f"{type(error).__name__}: {error}"[:300]
        return Invalid(
            f"the operator {made.name} failed on {where or 'a batch'}: {said}",
            f"算子 {made.name} 在处理 {where or '一批文档'} 时出错：{said}",
            hint=(
                "Mend or leave out the operator and build again; what is finished is not repeated.",
                "请修正或去掉该算子后重新构建；已完成的部分不会重复。",
            ),
            code="operator_failed",
        )


def note_risky(batch: Batch, holds: NDArray[np.bool_], counted: Counted) -> Batch:
    """Return the batch with the documents of `holds` marked as risky; those that were not yet are counted."""
    import numpy as np

    before = to_numpy(batch.column(RISKY)) if RISKY in batch.names else np.zeros(len(batch), bool)
    found = holds & ~before
    if found.any():
        counted.risky = counted.risky.plus(size_of_rows(batch, found))
    return batch.with_columns({RISKY: before | found}, ((RISKY, "bool"),))


def note_edits(
    place: int, batch: Batch, edited: Sequence[Edited | None], counted: Counted, tokens: TokenCounter | None = None
) -> Batch:
    """Return the batch with edited texts. Where spans were replaced, what stood where is noted, not the old text."""
    made = {row: edit for row, edit in enumerate(edited) if edit is not None}
    counted.edited += len(made)
    after = batch.replaced({row: edit.text for row, edit in made.items()})
    if any(edit.spans for edit in made.values()):
        noted = batch.column(EDITS).to_pylist()
        for row, edit in made.items():
            if edit.spans:
                counted.edits.update([span.what for span in edit.spans])
                noted[row] = json.dumps(
                    [*json.loads(noted[row] or "[]"), *_places(place, edit)], ensure_ascii=False, separators=(",", ":")
                )
        after = after.with_columns({EDITS: noted}, ((EDITS, "string"),))
    return tokens.recounted(after, list(made)) if tokens else after


def _places(place: int, edit: Edited) -> list[list[Any]]:
    """Return [step, start in the new text, old length, new length, what] of each span."""
    moved, found = 0, []
    for span in edit.spans:
        found.append([place, span.start + moved, span.end - span.start, len(span.new), span.what])
        moved += len(span.new) - (span.end - span.start)
    return found
