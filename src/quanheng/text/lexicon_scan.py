"""Finding written forms of terms in a text: one Aho-Corasick scan for candidates, then a look at the text itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from quanheng.text.evasion import MAX_GAP, ORDER, Form, Letters, coarse, looks_like, simplified
from quanheng.text.normalise import Shadow

_ASCII_WORD = frozenset("0123456789abcdefghijklmnopqrstuvwxyz")
#: Punctuation that ordinary text has between words. A gap of these is no disguise, unless it is everywhere.
_STOPS = frozenset("，。、；：！？…\n")
#: What stands between words and parts of words: "he-roin" and "a s ex-wife" may be what they say.
_WORD_BREAKS = frozenset(" \t\u3000\xa0-‐–—_.,;:/\\'’\"()[]{}<>=") | _STOPS
#: A word of four letters or more has so many gaps; in a shorter one a single sign proves nothing.
_LONG_WORD_GAPS = 3
#: Place of each disguise: a hit that needed several is named by the last, one found in several ways by the first.
RANK: dict[str, int] = {name: place for place, name in enumerate(ORDER)}


class Role(NamedTuple):
    """Whose pattern it is: the term, partner or context of this place."""

    name: Literal["term", "partner", "context"]
    place: int


class Entry(NamedTuple):
    """A pattern's meaning: the exact text, under which disguise, for whom, and which others may come on top."""

    form: Form
    evasion: str
    role: Role
    allowed: frozenset[str]


class Scanner:
    """An automaton over patterns, each with its entries; the patterns are in one of the views."""

    def __init__(self) -> None:
        self._entries: dict[str, list[Entry]] = {}
        self._automaton: Any = None
        self._by_place: list[list[Entry]] = []

    def add(self, pattern: str, entry: Entry) -> None:
        """Add a meaning of a pattern, before `close`."""
        self._entries.setdefault(pattern, []).append(entry)

    def close(self) -> None:
        """Make the automaton of what was added."""
        if self._entries:
            from ahocorasick_rs import AhoCorasick

            self._automaton = AhoCorasick(list(self._entries), store_patterns=False)
            self._by_place = list(self._entries.values())
            self._entries = {}

    def __bool__(self) -> bool:
        return self._automaton is not None

    def scan(self, view: str) -> Iterator[tuple[int, int, list[Entry]]]:
        """Yield (start, end, entries) of every occurrence in the view, overlapping ones too."""
        if self._automaton is not None and view:
            for pattern, start, end in self._automaton.find_matches_as_indexes(view, overlapping=True):
                yield start, end, self._by_place[pattern]


class Check:
    """Whether a candidate is a hit, and under which disguise: looks at the text itself."""

    def __init__(self, text: str, view: Shadow, letters: Letters) -> None:
        self._text, self._view, self._letters = text, view, letters
        self._seen = view.text

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the shadow for a span of the letters."""
        places = self._letters.places
        return (start, end) if places is None else (int(places[start]), int(places[end - 1]) + 1)

    def _places(self, start: int, end: int) -> list[int]:
        places = self._letters.places
        return list(range(start, end)) if places is None else [int(place) for place in places[start:end]]

    def letters(self, start: int, end: int, entry: Entry) -> str | None:
        """Return the disguise of a candidate in the letters, None when it is no hit."""
        first, last = self.span(start, end)
        if not self._at_words(first, last):
            return None
        needed: set[str] = set()
        if last - first == end - start:
            seen = self._seen[first:last]
            if seen == entry.form.text:  # most hits of most lexicons
                return entry.evasion
        else:
            if "inserted" not in entry.allowed or not self._gaps(start, end, entry.form):
                return None
            needed.add("inserted")
            seen = "".join(self._seen[place] for place in self._places(start, end))
        return self._named(seen, needed, entry)

    def written(self, start: int, end: int, entry: Entry) -> str | None:
        """Return the disguise of a candidate in the folded text as it stands, None when it is no hit."""
        return self._named(self._seen[start:end], set(), entry) if self._at_words(start, end) else None

    def sounds(self, start: int, end: int, entry: Entry) -> bool:
        """Return whether a candidate in the sounds is written with another character than the term."""
        first, last = self.span(start, end)
        if last - first != end - start and not ("inserted" in entry.allowed and self._gaps(start, end, entry.form)):
            return False
        return self._letters.text[start:end] != coarse(entry.form.text) and self._at_words(first, last)

    def _named(self, seen: str, needed: set[str], entry: Entry) -> str | None:
        meant = entry.form.text
        if seen != meant:
            for one, other in zip(seen, meant, strict=True):
                if one == other:
                    continue
                simple, wanted = simplified(one), simplified(other)
                needed.add("traditional" if simple == wanted else "lookalike")
                if simple != wanted and not looks_like(simple, wanted):
                    return None
            if "lookalike" in needed and seen.isdigit():
                return None
        if not needed <= entry.allowed:
            return None
        return max((entry.evasion, *needed), key=RANK.__getitem__)

    def _at_words(self, start: int, end: int) -> bool:
        seen = self._seen
        if seen[start] in _ASCII_WORD and start and seen[start - 1] in _ASCII_WORD:
            return False
        return not (seen[end - 1] in _ASCII_WORD and end < len(seen) and seen[end] in _ASCII_WORD)

    def _gaps(self, start: int, end: int, form: Form) -> bool:
        """Return whether the gaps in a span of the letters are those of a disguise."""
        here = self._places(start, end)
        gaps = [after - before - 1 for before, after in pairwise(here)]
        if max(gaps) > MAX_GAP:
            return False
        signs = [self._between(at + 1, at + 1 + gap) if gap else "" for at, gap in zip(here[:-1], gaps, strict=True)]
        if not all(_even(signs[first:last]) for first, last in form.weak):
            return False
        return (len(gaps) > 1 and all(gaps)) or not any(map(_STOPS.intersection, signs))

    def _between(self, start: int, end: int) -> str:
        first, last = self._view.span(start, end)
        return self._text[first:last]


def _even(signs: Sequence[str]) -> bool:
    """Return whether the gaps inside one word are a disguise: all of them, or some where no two words meet."""
    if all(signs) or not any(signs):
        return True
    return len(signs) >= _LONG_WORD_GAPS and not any(_WORD_BREAKS.intersection(sign) for sign in signs)
