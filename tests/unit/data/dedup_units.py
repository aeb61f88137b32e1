"""A corpus in memory for the tests of corpus-wide steps: units of texts with ranks, sketched by an operator."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quanheng.data.corpus.operator import Batch, CorpusStep, Known, Verdict, make
from quanheng.text.shingles import Packed

HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]


def batch(texts: Sequence[str]) -> Batch:
    import pyarrow as pa

    schema = pa.schema([pa.field("text", pa.string(), nullable=False)])
    return Batch(pa.record_batch([pa.array(texts, pa.string())], schema=schema))


def quiet(done: int, total: int | None) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class UnitSketch:
    rank: int
    rows: int
    columns: dict[str, np.ndarray[Any, Any]]

    def column(self, name: str) -> np.ndarray[Any, Any]:
        """Return a column; one value a document has no second axis, as in the engine."""
        values = self.columns[name]
        if isinstance(values, Packed):
            return values.values  # type: ignore[no-any-return]
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


@dataclass
class Corpus:
    """`units`: (rank, texts). `asked`: (unit, rows) of every read."""

    units: list[tuple[int, list[str]]]

    def __post_init__(self) -> None:
        self.asked: list[tuple[int, list[int]]] = []

    def texts(self, unit: int, rows: Sequence[int]) -> list[str]:
        self.asked.append((unit, list(rows)))
        return [self.units[unit][1][row] for row in rows]

    def sketches(self, step: CorpusStep) -> list[UnitSketch]:
        return [UnitSketch(rank, len(texts), dict(step.sketch(batch(texts)))) for rank, texts in self.units]

    def resolve(self, step: CorpusStep, scratch: Path) -> list[list[Verdict]]:
        scratch.mkdir(exist_ok=True)
        return self._checked(step.resolve(self.sketches(step), self.texts, scratch, quiet))

    def resume(self, step: CorpusStep, known: Known, scratch: Path) -> list[list[Verdict]]:
        scratch.mkdir(exist_ok=True)
        return self._checked(step.resume(known, self.sketches(step), self.texts, scratch, quiet))

    def _checked(self, verdicts: Iterator[list[Verdict]]) -> list[list[Verdict]]:
        found = list(verdicts)
        assert len(found) == len(self.units)
        for verdicts in found:
            assert verdicts == sorted(verdicts, key=lambda verdict: (verdict.row, verdict.start))
        return found

    def kept(self, step: CorpusStep, scratch: Path) -> list[str]:
        """Return the texts that stay, unit after unit."""
        stay = []
        for (_, texts), verdicts in zip(self.units, self.resolve(step, scratch), strict=True):
            gone = {verdict.row for verdict in verdicts}
            stay += [text for row, text in enumerate(texts) if row not in gone]
        return stay


def step(name: str, **params: Any) -> CorpusStep:
    made = make(name, params, {})
    assert isinstance(made, CorpusStep)
    return made


def one_unit(*texts: str) -> Corpus:
    return Corpus([(0, list(texts))])


def han(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(HAN, k=length))


def replaced(text: str, count: int, rng: random.Random) -> str:
    """Return `text` with `count` characters replaced by others."""
    characters = list(text)
    for at in rng.sample(range(len(text)), count):
        characters[at] = rng.choice([c for c in HAN[:50] if c != text[at]])
    return "".join(characters)


def shingle_set(text: str) -> set[str]:
    """Return the 5-character strings of a text without punctuation; an independent, plain version."""
    return {text[i : i + 5] for i in range(len(text) - 4)} if len(text) >= 5 else {text}


def jaccard(one: str, other: str) -> float:
    a, b = shingle_set(one), shingle_set(other)
    return len(a & b) / len(a | b)
