"""The typed evidence that rules look at: loaded artifacts, and counts over them that anybody can repeat."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, Generic, TypeVar

from quanheng.errors import Corrupt
from quanheng.kinds.base import Kind
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.lexicons import Lexicon
from quanheng.kinds.models import Benchmark, Responses
from quanheng.kinds.oversight import Counted, ItemVerdict, Judged, Method, Total, VerdictRow, Verdicts
from quanheng.kinds.samples import Sample
from quanheng.kinds.sources import Source

K = TypeVar("K", bound=Kind)
VERDICTS_LAYER = "verdicts.jsonl"


@dataclass(frozen=True)
class Loaded(Generic[K]):
    """One artifact: its digest, its config as a kind, and a way to open its layers by title."""

    digest: str
    kind: K
    open_layer: Callable[[str], BinaryIO]


@dataclass(frozen=True)
class Evidence:
    """Everything an assessment is computed from. Order matters nowhere; what is missing makes rules pending."""

    sources: tuple[Loaded[Source], ...] = ()
    corpus: Loaded[Corpus] | None = None
    samples: tuple[Loaded[Sample], ...] = ()
    verdicts: tuple[Loaded[Verdicts], ...] = ()
    lexicon: Loaded[Lexicon] | None = None
    banks: tuple[Loaded[Benchmark], ...] = ()
    responses: tuple[Loaded[Responses], ...] = ()

    @cached_property
    def _samples(self) -> Mapping[str, Loaded[Sample]]:
        return {sample.digest: sample for sample in self.samples}

    @cached_property
    def _responses(self) -> Mapping[str, Loaded[Responses]]:
        return {responses.digest: responses for responses in self.responses}

    def sample(self, digest: str) -> Loaded[Sample] | None:
        """Return the sample with this digest, None when it is not among the evidence."""
        return self._samples.get(digest)

    def answers(self, digest: str) -> Loaded[Responses] | None:
        """Return the responses with this digest, None when they are not among the evidence."""
        return self._responses.get(digest)

    def bank(self, purpose: Judged) -> Loaded[Benchmark] | None:
        """Return the bank for `purpose`; of several the largest, then the first by digest."""
        found = [bank for bank in self.banks if bank.kind.purpose == purpose]
        return min(found, key=lambda bank: (-bank.kind.items, bank.digest)) if found else None

    def judged(self, purpose: Judged, method: Method) -> Loaded[Verdicts] | None:
        """Return the verdicts on `purpose` by `method`.

        Of several those on the latest draw: never those that look best. Every draw stays in the assessment.
        """
        found = [v for v in self.verdicts if v.kind.purpose == purpose and v.kind.judge.method == method]
        return max(found, key=lambda v: (self._draw_no(v), v.kind.n, v.digest)) if found else None

    def _draw_no(self, verdicts: Loaded[Verdicts]) -> int:
        sample = self.sample(verdicts.kind.subject)
        return sample.kind.draw_no if sample else 0


@dataclass(frozen=True)
class Tabulated:
    """The rows of one verdicts layer, counted by group and verdict."""

    verdicts: Loaded[Verdicts]
    cells: Mapping[tuple[str, ItemVerdict], int]

    def groups(self) -> tuple[str, ...]:
        """Return the groups that occur, sorted."""
        return tuple(sorted({group for group, _ in self.cells}))

    def total(self, *kinds: ItemVerdict, group: str | None = None) -> Total:
        """Return how many rows have one of the verdicts `kinds`, one count for each, in one group or in all."""
        return add(self._count(kind, group) for kind in kinds)

    def _count(self, kind: ItemVerdict, group: str | None) -> Counted:
        value = sum(n for (g, v), n in self.cells.items() if v == kind and group in (None, g))
        where: dict[str, str | int | bool] = {"verdict": kind}
        if group is not None:
            where["group"] = group
        return Counted(artifact=self.verdicts.digest, layer=VERDICTS_LAYER, where=where, value=value)


def tabulate(verdicts: Loaded[Verdicts]) -> Tabulated:
    """Return the verdicts counted by group; Corrupt when the rows disagree with the counts in the config."""
    cells: Counter[tuple[str, ItemVerdict]] = Counter()
    with verdicts.open_layer(VERDICTS_LAYER) as lines:
        for line in lines:
            row = VerdictRow.model_validate_json(line)
            cells[row.group, row.verdict] += 1
    by_verdict: Counter[ItemVerdict] = Counter()
    for (_, verdict), n in cells.items():
        by_verdict[verdict] += n
    if by_verdict != Counter(verdicts.kind.counts):
        said, found = json.dumps(verdicts.kind.counts), json.dumps(dict(by_verdict))
        raise Corrupt(
            f"verdicts {verdicts.digest}: the config says {said}, the rows say {found}",
            f"判定 {verdicts.digest}：配置写的是 {said}，逐行统计是 {found}",
            hint=("Seal the verdicts again.", "请重新封存这批判定。"),
            code="verdicts_disagree",
        )
    return Tabulated(verdicts, cells)


def at(loaded: Loaded[K], pointer: str, value: int) -> Counted:
    """Return the count `value` as it stands at the JSON `pointer` in the config of `loaded`."""
    return Counted(artifact=loaded.digest, pointer=pointer, value=value)


def add(counts: Iterable[Counted]) -> Total:
    """Return the sum of `counts`, keeping each."""
    kept = tuple(counts)
    return Total(value=sum(count.value for count in kept), counts=kept)
