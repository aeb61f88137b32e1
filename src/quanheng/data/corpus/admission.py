"""The admission test of a lexicon: how often each term hits ordinary texts, and what it may do after that.

Public word lists hold 没有 and 价格, and flag most of what is written. A term that hits more than a small share of a
benign corpus is not removed: it counts only beside its partners (组合词), or is only counted; a disguise that hits too
often is no longer looked for. Every term keeps a line of evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from quanheng.data.corpus.lines import excerpt
from quanheng.errors import Invalid
from quanheng.kinds.base import Count, DecimalText, Model, Rate
from quanheng.kinds.lexicons import Evasion, LexiconTerm
from quanheng.stats import bound_upper, float_text
from quanheng.text.evasion import ORDER, SUSPECT
from quanheng.text.lexicon_review import Occurrence, Reviewer
from quanheng.text.personal_data import Span, find, mask

#: At most so many of the benign documents may be hit by a term that lists documents for review: 0.01 %.
LIMIT = Rate(k=1, n=10_000)
EXCERPTS = 3
#: Characters shown on each side of a hit, and looked at for personal data.
_AROUND, _LOOK_AROUND = 20, 200
#: Bit of each disguise, the plain hit first.
_BITS = {name: 1 << place for place, name in enumerate(ORDER)}
Mode = Literal["review", "count", "combine"]


class TermEvidence(Model):
    """How one term did: it hits `k` of `n` benign documents in its mode and by the disguises that it keeps.

    upper: one-sided 95 % bound of that share. proven: that the bound, not only k/n, is within the limit: a small
    corpus proves little. alone, together: documents hit plainly, without and with a partner. per_evasion: documents
    in which each disguise was found. A hit that a context excuses is none.
    """

    term: str
    risk: str
    k: Count
    n: Count
    upper: DecimalText
    proven: bool
    alone: Count
    together: Count
    per_evasion: dict[str, Count]
    mode_before: Mode
    mode: Mode
    evasion_before: tuple[Evasion, ...]
    evasion: tuple[Evasion, ...]
    excerpts: tuple[str, ...]


@dataclass(frozen=True)
class Admission:
    """All terms given, in their order, as they are admitted, and a line of evidence for each.

    demoted: terms that lost their mode; narrowed: terms that lost a disguise.
    """

    terms: tuple[LexiconTerm, ...]
    evidence: tuple[TermEvidence, ...]
    documents: int
    limit: Rate
    demoted: int
    narrowed: int


class _Seen(NamedTuple):
    """Which disguises of a term one document has, as bits: in any place, and beside a partner."""

    alone: int
    together: int


class _Choice(NamedTuple):
    mode: Mode
    evasion: tuple[Evasion, ...]
    k: int


def admit(terms: Sequence[LexiconTerm], texts: Iterable[str], *, limit: Rate = LIMIT) -> Admission:
    """Return the terms with the mode and the disguises they may have after a look at benign `texts`.

    One pass over the texts. Raises Invalid "no_benign_texts" when there are none.
    """
    reviewer = Reviewer(terms)
    found: list[Counter[_Seen]] = [Counter() for _ in terms]
    excerpts: list[list[str]] = [[] for _ in terms]
    documents = 0
    for text in texts:
        documents += 1
        for place, items in _by_term(reviewer.occurrences(text)).items():
            found[place][_seen(items)] += 1
            if len(excerpts[place]) < EXCERPTS:
                excerpts[place].append(_around(text, items[0].hit.start, items[0].hit.end))
    if not documents:
        raise Invalid(
            "the admission test was given no benign texts",
            "入库检验没有可用的正常文本",
            hint=("Name a corpus of ordinary texts.", "请指定一份由正常文本组成的语料。"),
            code="no_benign_texts",
        )
    upper = cache(lambda k: bound_upper(k, documents))
    evidence = tuple(
        _evidence(term, found[place], documents, limit, upper(choice.k), choice, excerpts[place])
        for place, term in enumerate(terms)
        for choice in (_choose(term, found[place], documents, limit),)
    )
    admitted = tuple(
        term.model_copy(update={"mode": line.mode, "evasion": line.evasion})
        for term, line in zip(terms, evidence, strict=True)
    )
    return Admission(
        terms=admitted,
        evidence=evidence,
        documents=documents,
        limit=limit,
        demoted=sum(line.mode != line.mode_before for line in evidence),
        narrowed=sum(line.evasion != line.evasion_before for line in evidence),
    )


def _by_term(items: Iterable[Occurrence]) -> dict[int, list[Occurrence]]:
    grouped: dict[int, list[Occurrence]] = {}
    for item in items:
        if not item.excused:
            grouped.setdefault(item.hit.term, []).append(item)
    return grouped


def _seen(items: Iterable[Occurrence]) -> _Seen:
    alone = together = 0
    for item in items:
        bit = _BITS[item.hit.evasion]  # type: ignore[index]
        alone |= bit
        together |= bit if item.partnered else 0
    return _Seen(alone, together)


def _choose(term: LexiconTerm, found: Counter[_Seen], n: int, limit: Rate) -> _Choice:
    """Return the first of the modes that the term passes with: its own, beside its partners, or only counted."""

    def within(k: int) -> bool:
        return k * limit.n <= limit.k * n

    modes: list[Mode] = ["review"] if term.mode == "review" else []
    modes += ["combine"] if term.with_terms and term.mode != "count" else []
    for mode in modes:
        if within(_documents(found, _BITS[""], mode)):
            bits, kept = _BITS[""], []
            for name in sorted(term.evasion, key=ORDER.index):
                if within(_documents(found, bits | _BITS[name], mode)):
                    bits |= _BITS[name]
                    kept.append(name)
            return _Choice(mode, _in_order(term, kept), _documents(found, bits, mode))
    # Counting harms nobody, but a suspicion lists the document for review in every mode.
    kept = [name for name in term.evasion if name not in SUSPECT or within(_documents(found, _BITS[name], "count"))]
    bits = _BITS[""] | sum(_BITS[name] for name in kept)
    return _Choice("count", _in_order(term, kept), _documents(found, bits, "count"))


def _in_order(term: LexiconTerm, kept: Sequence[Evasion]) -> tuple[Evasion, ...]:
    return tuple(name for name in term.evasion if name in kept)


def _documents(found: Counter[_Seen], bits: int, mode: Mode) -> int:
    """Return the documents with a hit by one of the disguises in `bits`, in this mode."""
    return sum(n for seen, n in found.items() if (seen.together if mode == "combine" else seen.alone) & bits)


def _evidence(
    term: LexiconTerm,
    found: Counter[_Seen],
    n: int,
    limit: Rate,
    upper: float,
    choice: _Choice,
    excerpts: Sequence[str],
) -> TermEvidence:
    per_evasion: dict[str, int] = {name: k for name in ORDER if name and (k := _documents(found, _BITS[name], "count"))}
    return TermEvidence(
        term=term.term,
        risk=term.risk,
        k=choice.k,
        n=n,
        upper=float_text(upper, 8),
        proven=upper * limit.n <= limit.k,
        alone=_documents(found, _BITS[""], "count"),
        together=_documents(found, _BITS[""], "combine"),
        per_evasion=per_evasion,
        mode_before=term.mode,
        mode=choice.mode,
        evasion_before=term.evasion,
        evasion=choice.evasion,
        excerpts=tuple(excerpts),
    )


def _around(text: str, start: int, end: int) -> str:
    """Return the hit with what stands around it, personal data masked: nothing of them is left at a cut."""
    base = max(0, start - _LOOK_AROUND)
    window = text[base : end + _LOOK_AROUND]
    first, last = max(0, start - base - _AROUND), end - base + _AROUND
    spans = [span for span in find(window) if span.end > first and span.start < last]
    if spans:
        first, last = min(first, spans[0].start), max(last, spans[-1].end)
    cut = mask(window[first:last], [Span(span.start - first, span.end - first, span.type) for span in spans])
    return excerpt(" ".join(cut.split()))
