"""Where the terms of a lexicon occur in a text, seen through the shadow view. Pure Python, no model.

An index on the first two characters of each term is asked at every place where a first character stands; texts
with few hits cost one scan of a compiled character class. Every occurrence is reported, overlapping ones too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from quanheng.errors import Invalid
from quanheng.text.normalise import Shadow, shadow

#: Recorded beside every filter result; a change of matching is a new version.
VERSION = 1
_ASCII_WORD = frozenset("0123456789abcdefghijklmnopqrstuvwxyz")


class Hit(NamedTuple):
    """One occurrence: [start, end) of the original text, and the place of the term in the list given."""

    start: int
    end: int
    term: int


class Matcher:
    """Finds the terms it was made of. Terms are folded like the text, so width and case do not matter.

    A term that begins or ends with an ASCII letter or digit matches only at a word boundary there:
    "av" is not found in "have".
    """

    def __init__(self, terms: Iterable[str]) -> None:
        self._places: dict[str, list[int]] = {}
        for place, term in enumerate(terms):
            folded = shadow(term).text.strip()
            if not folded:
                raise Invalid(
                    f"term {place + 1} of the lexicon has no visible character",
                    f"词表第 {place + 1} 个词没有可见字符",
                    hint=("Remove the line or write the term.", "请删去该行，或写出词语。"),
                    code="empty_term",
                )
            self._places.setdefault(folded, []).append(place)
        self._lengths: dict[str, tuple[int, ...]] = {}
        self._single = frozenset(term for term in self._places if len(term) == 1)
        lengths: dict[str, set[int]] = {}
        for term in self._places:
            if len(term) > 1:
                lengths.setdefault(term[:2], set()).add(len(term))
        self._lengths = {pair: tuple(sorted(found)) for pair, found in lengths.items()}
        firsts = sorted({term[0] for term in self._places})
        self._first = re.compile("[" + "".join(map(re.escape, firsts)) + "]") if firsts else None

    def __len__(self) -> int:
        return sum(len(places) for places in self._places.values())

    def find(self, text: str, view: Shadow | None = None) -> list[Hit]:
        """Return every occurrence in `text`, by start, then end, then term. `view`: its shadow, when it is at hand."""
        if self._first is None:
            return []
        view = view or shadow(text)
        seen = view.text
        hits: list[Hit] = []
        for match in self._first.finditer(seen):
            start = match.start()
            pair = seen[start : start + 2]
            if pair[0] in self._single:
                self._add(hits, view, start, start + 1)
            for length in self._lengths.get(pair, ()):
                # At the end of the text a slice is shorter than asked, and may be another, shorter term.
                if start + length <= len(seen) and seen[start : start + length] in self._places:
                    self._add(hits, view, start, start + length)
        return hits

    def _add(self, hits: list[Hit], view: Shadow, start: int, end: int) -> None:
        seen = view.text
        if seen[start] in _ASCII_WORD and start and seen[start - 1] in _ASCII_WORD:
            return
        if seen[end - 1] in _ASCII_WORD and end < len(seen) and seen[end] in _ASCII_WORD:
            return
        original = view.span(start, end)
        hits.extend(Hit(*original, place) for place in self._places[seen[start:end]])
