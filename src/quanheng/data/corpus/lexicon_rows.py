"""Looking at a lexicon of any size: which terms fit a filter, what two versions differ in, what a text is found for.

The columns that filters ask are read once; the rows that are shown are read where they stand.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from quanheng.errors import Corrupt
from quanheng.kinds.lexicons import LexiconTerm
from quanheng.store import JSON
from quanheng.text.evasion import SUSPECT

State = Literal["in_force", "expiring", "expired"]
#: Occurrences in a tried text that are told; how many there are is always told.
MOST_HITS = 200


@dataclass(frozen=True)
class Columns:
    """What filters ask of every term, by its place; `offsets`: where each row begins, and the end of the last."""

    offsets: array[int]
    terms: tuple[str, ...]
    risks: tuple[str, ...]
    modes: tuple[str, ...]
    expires: tuple[str, ...]  # "" for never
    owners: tuple[str, ...]  # "" for the owner of the lexicon

    def __len__(self) -> int:
        return len(self.terms)


class Filter(NamedTuple):
    """What terms are asked for; "" asks nothing. `text` stands in the term, in any case."""

    text: str = ""
    risk: str = ""
    mode: str = ""
    owner: str = ""
    state: str = ""


@dataclass(frozen=True)
class Days:
    """The day on which terms are looked at, and the last of those that are near."""

    today: str
    near: str

    @classmethod
    def of(cls, day: str, within: int) -> Days:
        """Return `day` (YYYY-MM-DD) and the day so many days later; the last day of the calendar where there is none.

        >>> Days.of("2026-11-25", 30)
        Days(today='2026-11-25', near='2026-12-25')
        """
        first = date.fromisoformat(day)
        return cls(day, (first + timedelta(days=min(within, (date.max - first).days))).isoformat())

    def state(self, expires: str) -> State:
        """Return how a term with this last day ("" for none) stands.

        >>> [Days.of("2026-11-25", 30).state(day) for day in ("2026-11-24", "2026-11-25", "2026-12-26", "")]
        ['expired', 'expiring', 'in_force', 'in_force']
        """
        if not expires or expires > self.near:
            return "in_force"
        return "expired" if expires < self.today else "expiring"

    def left(self, expires: str) -> int:
        """Return the days left, below 0 for a term that has expired."""
        return (date.fromisoformat(expires) - date.fromisoformat(self.today)).days


def read_columns(stream: BinaryIO) -> Columns:
    """Return the columns of a layer terms.jsonl. Raises Corrupt "bad_row" for a line that is no term."""
    import orjson

    offsets, at = array("Q", [0]), 0
    found: list[tuple[str, str, str, str, str]] = []
    for number, line in enumerate(stream, start=1):
        at += len(line)
        offsets.append(at)
        try:
            row = orjson.loads(line)
            expires, owner = row.get("expires") or "", row.get("owner") or ""
            found.append((row["term"], row["risk"], row["mode"], expires, owner))
        except (ValueError, KeyError, AttributeError) as error:
            raise Corrupt(
                f"line {number} of the terms is no term",
                f"词条文件第 {number} 行不是词条",
                hint=("Make the artifact again.", "请重新生成该制品。"),
                code="bad_row",
            ) from error
    columns = list(zip(*found, strict=True)) or [()] * 5
    return Columns(offsets, *columns)


def rows_at(stream: BinaryIO, offsets: Sequence[int], places: Sequence[int]) -> Iterator[bytes]:
    """Yield the lines at these places of a stream that can seek."""
    for place in places:
        stream.seek(offsets[place])
        yield stream.read(offsets[place + 1] - offsets[place])


def select(columns: Columns, asked: Filter, days: Days) -> Sequence[int]:
    """Return the places of the terms that fit, in order."""
    places: Sequence[int] = range(len(columns))
    for wanted, values in ((asked.risk, columns.risks), (asked.mode, columns.modes), (asked.owner, columns.owners)):
        if wanted:
            places = [place for place in places if values[place] == wanted]
    if asked.state:
        places = [place for place in places if days.state(columns.expires[place]) == asked.state]
    if text := asked.text.strip().lower():
        places = [place for place in places if text in columns.terms[place].lower()]
    return places


def running_out(columns: Columns, days: Days) -> list[int]:
    """Return the places of the terms that have expired or are near their last day, the earliest day first."""
    dated = [(day, place) for place, day in enumerate(columns.expires) if day and day <= days.near]
    return [place for _, place in sorted(dated)]


class Difference(NamedTuple):
    """How a version differs from the one before: places there of what is gone, here of what is new, of both changed."""

    removed: list[int]
    added: list[int]
    changed: list[tuple[int, int]]


def compare(
    before: Columns, after: Columns, open_before: Callable[[], BinaryIO], open_after: Callable[[], BinaryIO]
) -> Difference:
    """Return what two versions differ in, term by term as they are written; the order of terms does not count."""
    places = {term: place for place, term in enumerate(before.terms)}
    here = {term: place for place, term in enumerate(after.terms)}
    removed = [place for term, place in places.items() if term not in here]
    added = [place for term, place in here.items() if term not in places]
    shared = [(places[term], place) for term, place in here.items() if term in places]
    with open_before() as one, open_after() as other:
        lines, others = one.read(), other.read()
    changed = [
        (first, second)
        for first, second in shared
        if _line(lines, before, first) != _line(others, after, second)
        and fields_changed(_term(lines, before, first), _term(others, after, second))
    ]
    return Difference(removed, added, changed)


def _line(data: bytes, columns: Columns, place: int) -> bytes:
    return data[columns.offsets[place] : columns.offsets[place + 1]]


def _term(data: bytes, columns: Columns, place: int) -> LexiconTerm:
    return LexiconTerm.model_validate_json(_line(data, columns, place))


def fields_changed(before: LexiconTerm, after: LexiconTerm) -> dict[str, tuple[Any, Any]]:
    """Return the fields in which two rows of one term differ, each as it was and as it is."""
    one, other = before.model_dump(mode="json"), after.model_dump(mode="json")
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}


def matched(task: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return what the terms in the file `terms` find in `text`, those in force on `as_of` ("" for all).

    `hits`: every occurrence in order, at most MOST_HITS: start, end and what is written there, place of the term,
    disguise, and why it does not count: "excused" by a context, or "alone" without its partner. `n`: how many.
    """
    from quanheng.text.lexicon_review import Reviewer

    with Path(str(task["terms"])).open("rb") as stream:
        terms = [LexiconTerm.model_validate_json(line) for line in stream]
    day, text = str(task["as_of"]), str(task["text"])
    places = [place for place, term in enumerate(terms) if not day or term.is_in_force(day)]
    reviewer = Reviewer([terms[place] for place in places])
    found, said = reviewer.occurrences(text), reviewer.review(text)
    hits: list[JSON] = []
    for one in found[:MOST_HITS]:
        term = terms[places[one.hit.term]]
        alone = term.mode == "combine" and not one.partnered
        why = "excused" if one.excused else "alone" if alone else ""
        hits.append(
            {
                "start": one.hit.start,
                "end": one.hit.end,
                "written": text[one.hit.start : one.hit.end],
                "place": places[one.hit.term],
                "evasion": one.hit.evasion,
                "why_not": why,
                "suspect": one.hit.evasion in SUSPECT,
                "term": json.loads(term.model_dump_json()),
            }
        )
    return {
        "hits": hits,
        "n": len(found),
        "hits_counted": len(said.hits),
        "decision": said.decision,
        "weighted": said.weighted,
        "characters": said.characters,
        "terms": len(places),
    }
