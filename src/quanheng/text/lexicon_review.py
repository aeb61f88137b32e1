"""What a lexicon says of a text: hits, each with the disguise it was found under, their density, and keep or review.

One Aho-Corasick scan over the letters of the folded text finds candidates for every written form of every term; each
candidate is then checked on the text itself. Nothing here drops a document: a hit is a reason to look or to count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple, Protocol

from quanheng.errors import Invalid
from quanheng.text.evasion import (
    SUSPECT,
    Evasion,
    Form,
    coarse,
    is_letter,
    letters_of,
    pinyin_forms,
    plain_form,
    reversed_forms,
    simplified,
    split_forms,
)
from quanheng.text.lexicon_scan import RANK, Check, Entry, Role, Scanner
from quanheng.text.normalise import Shadow, shadow
from quanheng.text.pinyin import readings, sign, sounds

#: Recorded beside every result; a change of what is found is a new version.
VERSION = 1
DENSITY_CHARACTERS = 1_000
#: Sound patterns of one term, where its characters have two readings.
_MOST_SOUNDS = 8
_FORMS: dict[Evasion, Callable[[str], list[Form]]] = {
    "pinyin": pinyin_forms,
    "split": split_forms,
    "reversed": reversed_forms,
}


class TermRule(Protocol):
    """What a line of a lexicon says (`quanheng.kinds.lexicons.LexiconTerm`)."""

    @property
    def term(self) -> str:
        """The term as people write it."""

    @property
    def risk(self) -> str:
        """The id of the risk it stands for."""

    @property
    def mode(self) -> Literal["review", "count", "combine"]:
        """Whether a hit is listed for review, only counted, or a hit only beside one of `with_terms`."""

    @property
    def weight(self) -> int:
        """What a hit adds to the density, 1 to 100."""

    @property
    def with_terms(self) -> tuple[str, ...]:
        """Partners of a term of mode "combine"."""

    @property
    def within(self) -> int:
        """Most characters between a hit and its partner."""

    @property
    def unless(self) -> tuple[str, ...]:
        """Contexts that excuse a hit which they contain or touch."""

    @property
    def evasion(self) -> tuple[Evasion, ...]:
        """Disguises under which the term is found too."""


class ReviewHit(NamedTuple):
    """One occurrence: [start, end) of the text, the place of the term, and the disguise, "" for none."""

    start: int
    end: int
    term: int
    evasion: str


class Occurrence(NamedTuple):
    """An occurrence before the rules: `excused` by a context; `partnered` by one of its `with_terms`."""

    hit: ReviewHit
    excused: bool
    partnered: bool


@dataclass(frozen=True, slots=True)
class Review:
    """What the lexicon says of one document.

    weighted: sum of the weights of its hits, overlapping ones each, but without suspicions (split, reversed, pinyin,
    homophone): they never enter a number that a judge drops by. characters: of the text.
    """

    hits: tuple[ReviewHit, ...]
    risks: dict[str, int]
    hit_terms: int
    weighted: int
    characters: int
    decision: Literal["keep", "review"]

    @property
    def density(self) -> float:
        """Return weighted hits per 1,000 characters."""
        return self.weighted * DENSITY_CHARACTERS / self.characters if self.characters else 0.0


class Reviewer:
    """Finds the terms of a lexicon in texts, with their disguises, combinations and excuses.

    A term of letters only (Han, Latin, digits) is looked for in the letters of the text, so that symbols between do
    not hide it; a term with other characters only as it is written. Raises Invalid "empty_term".
    """

    def __init__(self, terms: Sequence[TermRule]) -> None:
        self.terms = tuple(terms)
        self._letters, self._written, self._sounds = Scanner(), Scanner(), (Scanner(), Scanner())
        partners: dict[str, int] = {}
        contexts: dict[str, int] = {}
        self._partners_of: list[tuple[int, ...]] = []
        self._contexts_of: list[tuple[int, ...]] = []
        for place, rule in enumerate(self.terms):
            self._add_term(place, rule)
            folded = [_folded(word, place) for word in rule.with_terms]
            self._partners_of.append(tuple(partners.setdefault(word, len(partners)) for word in folded))
            folded = [_folded(word, place) for word in rule.unless]
            self._contexts_of.append(tuple(contexts.setdefault(word, len(contexts)) for word in folded))
        firm = frozenset({"traditional", "lookalike", "inserted"})
        for word, place in partners.items():
            self._add(Entry(plain_form(word), "", Role("partner", place), firm))
        for word, place in contexts.items():
            self._add(Entry(plain_form(word), "", Role("context", place), frozenset({"traditional"})))
        for scanner in (self._letters, self._written, *self._sounds):
            scanner.close()

    def __len__(self) -> int:
        return len(self.terms)

    def _add_term(self, place: int, rule: TermRule) -> None:
        term, role = _folded(rule.term, place), Role("term", place)
        allowed = frozenset(rule.evasion)
        self._add(Entry(plain_form(term), "", role, allowed - SUSPECT))
        if not all(map(is_letter, term)):
            return
        simple = simplified(term)
        on_top = allowed & {"traditional", "inserted"}
        for evasion, forms in _FORMS.items():
            for form in forms(simple) if evasion in allowed else ():
                self._add(Entry(form, evasion, role, on_top))
        if "homophone" in allowed and sum(bool(readings(character)) for character in simple) >= 2:
            for pattern in _sound_patterns(simple):
                for scanner in self._sounds:
                    scanner.add(pattern, Entry(Form(simple), "homophone", role, on_top))

    def _add(self, entry: Entry) -> None:
        text = entry.form.text
        scanner = self._letters if all(map(is_letter, text)) else self._written
        scanner.add(coarse(text), entry)

    def review(self, text: str, view: Shadow | None = None) -> Review:
        """Return what the lexicon says of `text`. `view`: its shadow, when it is at hand."""
        found = self.occurrences(text, view)
        hits = tuple(
            item.hit
            for item in found
            if not item.excused and (item.partnered or self.terms[item.hit.term].mode != "combine")
        )
        risks = Counter(self.terms[hit.term].risk for hit in hits)
        return Review(
            hits=hits,
            risks=dict(sorted(risks.items())),
            hit_terms=len({hit.term for hit in hits}),
            weighted=sum(self.terms[hit.term].weight for hit in hits if hit.evasion not in SUSPECT),
            characters=len(text),
            decision="review" if any(map(self._wants_review, hits)) else "keep",
        )

    def _wants_review(self, hit: ReviewHit) -> bool:
        return hit.evasion in SUSPECT or self.terms[hit.term].mode != "count"

    def occurrences(self, text: str, view: Shadow | None = None) -> list[Occurrence]:
        """Return every occurrence of every term by start, end, term, with what excuses and what completes it.

        A span in which one term is found in several ways is named by the plainest of them.
        """
        view = view or shadow(text)
        hits: dict[tuple[int, int, int], str] = {}
        near: dict[Role, list[tuple[int, int]]] = {}
        for start, end, entry, evasion in self._candidates(text, view):
            span = view.span(start, end)
            if entry.role.name == "term":
                key = (*span, entry.role.place)
                if key not in hits or RANK[evasion] < RANK[hits[key]]:
                    hits[key] = evasion
            else:
                near.setdefault(entry.role, []).append(span)
        beside = {role: _Spans(spans) for role, spans in near.items()}
        return [self._occurrence(ReviewHit(*key, evasion), beside) for key, evasion in sorted(hits.items())]

    def _occurrence(self, hit: ReviewHit, beside: dict[Role, _Spans]) -> Occurrence:
        if not beside:
            return Occurrence(hit, False, False)
        contexts = (beside.get(Role("context", place)) for place in self._contexts_of[hit.term])
        partners = (beside.get(Role("partner", place)) for place in self._partners_of[hit.term])
        within = self.terms[hit.term].within
        return Occurrence(
            hit,
            excused=any(spans.touch(hit, 0) for spans in contexts if spans),
            partnered=any(spans.touch(hit, within, outside=True) for spans in partners if spans),
        )

    def _candidates(self, text: str, view: Shadow) -> Iterator[tuple[int, int, Entry, str]]:
        """Yield (start, end, entry, disguise) of checked occurrences, in places of the shadow."""
        letters = letters_of(view.text)
        check = Check(text, view, letters)
        for start, end, entries in self._letters.scan(letters.text):
            for entry in entries:
                if (evasion := check.letters(start, end, entry)) is not None:
                    yield *check.span(start, end), entry, evasion
        for start, end, entries in self._written.scan(coarse(view.text)) if self._written else ():
            for entry in entries:
                if (evasion := check.written(start, end, entry)) is not None:
                    yield start, end, entry, evasion
        for place, scanner in enumerate(self._sounds):
            for start, end, entries in scanner.scan(sounds(letters.text, second=bool(place))) if scanner else ():
                for entry in entries:
                    if check.sounds(start, end, entry):
                        yield *check.span(start, end), entry, "homophone"


class _Spans:
    """Where a partner or a context stands in a text."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._spans = sorted(spans)
        self._longest = max(end - start for start, end in spans)

    def touch(self, hit: ReviewHit, within: int, *, outside: bool = False) -> bool:
        """Return whether one is at most `within` characters from the hit, or meets it; `outside`: none inside it."""
        at = bisect_left(self._spans, (hit.start - within - self._longest, 0))
        while at < len(self._spans) and self._spans[at][0] <= hit.end + within:
            start, end = self._spans[at]
            if end >= hit.start - within and not (outside and hit.start <= start and end <= hit.end):
                return True
            at += 1
        return False


def _folded(term: str, place: int) -> str:
    folded = shadow(term).text.strip()
    if not folded:
        raise Invalid(
            f"term {place + 1} of the lexicon, a partner or a context of it has no visible character",
            f"词表第 {place + 1} 个词或其组合词、白名单中有一项没有可见字符",
            hint=("Remove it or write it.", "请删去该项，或写出词语。"),
            code="empty_term",
        )
    return folded


def _sound_patterns(term: str) -> Iterable[str]:
    """Return the term as sounds, in all readings of its characters; in the first ones where that is too many."""
    choices = [[sign(found) for found in readings(character)] or [character] for character in term]
    size = 1
    for choice in choices:
        size *= len(choice)
    if size > _MOST_SOUNDS:
        choices = [choice[:1] for choice in choices]
    return dict.fromkeys("".join(pattern) for pattern in product(*choices))
