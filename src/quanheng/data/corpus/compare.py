"""Two corpora side by side: which texts both hold, which one alone, by source, and what each dropped and why.

Texts are compared by their digests in 16 passes over the column, so memory is a sixteenth of 16 bytes a document.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from quanheng.data.corpus.shards import parquet_rows
from quanheng.store import JSON, sha256_digest

OpenLayer = Callable[[str], BinaryIO]
_PASSES = "0123456789abcdef"
SHOWN = 20


@dataclass
class Side:
    """One corpus: the titles of its data shards, and how they are opened."""

    titles: Sequence[str]
    open_layer: OpenLayer

    def rows(self, columns: list[str]) -> Iterator[tuple[Any, ...]]:
        """Yield rows of these columns in order."""
        for title in self.titles:
            with self.open_layer(title) as stream:
                yield from parquet_rows(stream, columns)


@dataclass
class Difference:
    """Documents that stand in both, and in one alone by source; some of each alone, drawn by a seed."""

    both: int = 0
    only_first: Counter[str] = field(default_factory=Counter)
    only_second: Counter[str] = field(default_factory=Counter)
    shown_first: list[dict[str, str]] = field(default_factory=list)
    shown_second: list[dict[str, str]] = field(default_factory=list)


def compare(first: Side, second: Side, *, seed: int = 0, shown: int = SHOWN) -> Difference:
    """Return how two corpora differ in the texts that they hold; copies count as often as they stand."""
    found = Difference()
    alone: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
    for letter in _PASSES:
        sides = [Counter[str](), Counter[str]()]
        for place, side in enumerate((first, second)):
            sides[place].update(digest for (digest,) in side.rows(["text_digest"]) if digest[7] == letter)
        found.both += (sides[0] & sides[1]).total()
        for place in (0, 1):
            rest = sides[place] - sides[1 - place]
            counted = found.only_second if place else found.only_first
            side = second if place else first
            for source, digest in side.rows(["source", "text_digest"]):
                if digest[7] == letter and rest[digest] > 0:
                    rest[digest] -= 1
                    counted[source] += 1
            # Those whose keyed digest is smallest: a sample that needs no list of all.
            new = (
                (sha256_digest(f"{seed} {digest}".encode()), digest) for digest in +(sides[place] - sides[1 - place])
            )
            alone[place][:] = heapq.nsmallest(shown, [*alone[place], *new])
    for place, (side, into) in enumerate(((first, found.shown_first), (second, found.shown_second))):
        into.extend(_some(side, {digest for _, digest in alone[place]}))
    return found


def compared(task: JSON) -> JSON:
    """Return `compare` as plain data; task: {"first", "second": [[title, path] …] of the data shards, "seed"}."""
    assert isinstance(task, dict)  # noqa: S101 - made by corpus.diff
    sides = []
    for role in ("first", "second"):
        files = {str(title): Path(str(path)) for title, path in cast(list[list[str]], task[role])}
        sides.append(Side(list(files), lambda title, files=files: files[title].open("rb")))  # type: ignore[misc]
    found = compare(*sides, seed=cast(int, task["seed"]))
    return {
        "both": found.both,
        "only_first": dict(sorted(found.only_first.items())),
        "only_second": dict(sorted(found.only_second.items())),
        "shown_first": cast(JSON, found.shown_first),
        "shown_second": cast(JSON, found.shown_second),
    }


def _some(side: Side, picked: set[str]) -> list[dict[str, str]]:
    """Return a document with each of these digests, in the order of the corpus."""
    rows = []
    for id, source, text, digest in side.rows(["id", "source", "text", "text_digest"]) if picked else ():
        if digest in picked:
            picked.discard(digest)
            rows.append({"id": id, "source": source, "text": text[:400], "text_digest": digest})
    return rows
