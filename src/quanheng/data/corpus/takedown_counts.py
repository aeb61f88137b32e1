"""The counts of a corpus less those of the documents that were taken down."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quanheng.data.corpus.lines import excerpt
from quanheng.data.corpus.traces import Quotes
from quanheng.kinds.corpora import (
    Amount,
    Corpus,
    CorpusV2,
    FunnelStep,
    FunnelStepV3,
    Shard,
    SourceShare,
    SourceShareV3,
    Totals,
    TotalsV3,
)

REASON = "taken_down"


@dataclass
class Taken:
    """What went: ids, by source documents, characters, bytes and tokens, and the sources' counts by what was done.

    ids: each with its source, its size, and the SHA-256 of its text. tokens are 0 where the corpus has none. whole:
    sources that go as such; what is quoted of them is known by its source. digests, dropped: those asked for that were
    found in the shards, and ids of what went of documents that were dropped. quotes: what other layers may have quoted.
    emptied: how often they did, of this or of what else was named. copies: documents that were dropped for what they
    repeat of one that stays, and are named by how addresses begin or were taken down before. addressed: whether the
    corpus knows the addresses of what was dropped.
    """

    whole: frozenset[str] = frozenset()

    ids: dict[str, tuple[str, tuple[int, ...], bytes]] = field(default_factory=dict)
    sources: dict[str, list[int]] = field(default_factory=dict)
    edited: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    reviewed: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    language: Counter[str] = field(default_factory=Counter)
    masked: int = 0
    digests: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    quotes: Quotes = field(default_factory=Quotes)
    emptied: int = 0
    copies: int = 0
    addressed: bool = True

    def add(self, id: str, source: str, text: str, flags: Sequence[str], tokens: int) -> None:
        """Count a document."""
        if source not in self.whole:
            self.quotes.add(excerpt(text))
        data = text.encode("utf-8")
        size = (1, len(text), len(data), tokens)
        # Interned: of a million documents each would hold its own copy of the digest of its source.
        self.ids[id] = sys.intern(source), size, hashlib.sha256(data).digest()
        _plus(self.sources.setdefault(source, [0] * len(size)), size)
        self.language.update(flags[:1])
        self.masked += "masked" in flags

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield the decisions that tell of what went."""
        for id, (source, *_) in self.ids.items():
            yield id, source, "drop", REASON, "", "", "", "", ""

    def note(self, into: dict[str, dict[str, list[int]]], id: str, names: Iterable[str]) -> None:
        """Count a document that is gone under each of the names that it had been counted under."""
        source, size, _ = self.ids[id]
        for name in names:
            _plus(into.setdefault(source, {}).setdefault(name, [0] * len(size)), size)


def _plus(counts: list[int], size: Sequence[int]) -> None:
    for place, n in enumerate(size):
        counts[place] += n


@dataclass
class Listed:
    """What filter.jsonl told of the documents that are gone."""

    hits: int = 0
    documents: int = 0
    review: int = 0
    risks: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


def _less(counts: Mapping[Any, int], gone: Mapping[str, int]) -> dict[Any, int]:
    """Return counts less what is gone; what is then none is left out."""
    left = {name: n - gone.get(name, 0) for name, n in counts.items()}
    return {name: n for name, n in left.items() if n}


def counted(
    corpus: Corpus, shards: Sequence[Shard], digest: str, taken: Taken, personal: Counter[str], gone: Listed
) -> Corpus:
    """Return the corpus' model without what is gone; `digest`: of the rows that are left."""
    totals = [sum(counts[place] for counts in taken.sources.values()) for place in range(4)]
    whole, filtered = corpus.totals, corpus.filtered
    left = whole.model_copy(
        update={
            "documents": whole.documents - totals[0],
            "characters": whole.characters - totals[1],
            "bytes": whole.bytes - totals[2],
        }
    )
    if isinstance(left, TotalsV3) and left.tokens is not None:
        left = left.model_copy(update={"tokens": left.tokens - totals[3]})
    step = _step(corpus.funnel[-1], left)
    changed: dict[str, Any] = {
        "funnel": (*corpus.funnel, step),
        "totals": left,
        "per_source": tuple(_share(share, taken) for share in corpus.per_source),
        "personal_data": _less(corpus.personal_data, personal),
        "masked_documents": corpus.masked_documents - taken.masked,
        "filtered": filtered.model_copy(
            update={
                "documents": left.documents,
                "documents_filtered": left.documents if filtered.documents_filtered else 0,
                "lexicon_hits": filtered.lexicon_hits - gone.hits,
                "documents_hit": filtered.documents_hit - gone.documents,
                "documents_for_review": filtered.documents_for_review - gone.review,
                "per_risk": _less(filtered.per_risk, gone.risks),
            }
        ),
        "language": _less(corpus.language, taken.language),
        "rows_digest": digest,
        "shards": tuple(shards),
    }
    if isinstance(corpus, CorpusV2):
        changed["review"] = _less(corpus.review, gone.reasons)
    # Checked again: sums that do not hold must not become an artifact.
    return type(corpus).model_validate_json(corpus.model_copy(update=changed).model_dump_json())


def _step(last: FunnelStep, left: Totals) -> FunnelStep:
    """Return the step of the funnel that takes down."""
    step = FunnelStep(
        step="drop",
        reason=REASON,
        documents_before=last.documents_after,
        documents_after=left.documents,
        characters_before=last.characters_after,
        characters_after=left.characters,
    )
    if not (isinstance(last, FunnelStepV3) and isinstance(left, TotalsV3)):
        return step
    return FunnelStepV3(
        **step.model_dump(),
        bytes_before=last.bytes_after,
        bytes_after=left.bytes,
        tokens_before=last.tokens_after,
        tokens_after=left.tokens,
    )


def _share(share: SourceShare, taken: Taken) -> SourceShare:
    """Return what a source gave without what is gone.

    What content review found in it stays: how good a source was does not change when some of it is taken down.
    """
    counts = taken.sources.get(share.source)
    if not counts:
        return share
    documents, characters, size, tokens = counts
    dropped = dict(share.dropped)
    dropped[REASON] = dropped.get(REASON, 0) + documents
    changed: dict[str, Any] = {
        "documents_kept": share.documents_kept - documents,
        "characters_kept": share.characters_kept - characters,
        "bytes_kept": share.bytes_kept - size,
        "dropped": dict(sorted(dropped.items())),
    }
    if isinstance(share, SourceShareV3):
        amounts = _amounts(share.dropped_amounts, {REASON: [-n for n in counts]}, share.tokens_kept is not None)
        changed |= {
            "tokens_kept": share.tokens_kept - tokens if share.tokens_kept is not None else None,
            "dropped_amounts": amounts,
            "edited": _amounts(share.edited, taken.edited.get(share.source, {}), share.tokens_kept is not None),
            "reviewed": _amounts(share.reviewed, taken.reviewed.get(share.source, {}), share.tokens_kept is not None),
        }
    return share.model_copy(update=changed)


def _amounts(amounts: Mapping[str, Amount], gone: Mapping[str, Sequence[int]], tokens: bool) -> dict[str, Amount]:
    """Return amounts less what is gone; what is then none is left out."""
    left = {}
    for name in sorted({*amounts, *gone}):
        had = amounts.get(name) or Amount(documents=0, characters=0, bytes=0)
        less = gone.get(name, (0, 0, 0, 0))
        if had.documents > less[0]:
            left[name] = Amount(
                documents=had.documents - less[0],
                characters=had.characters - less[1],
                bytes=had.bytes - less[2],
                tokens=(had.tokens or 0) - less[3] if tokens else None,
            )
    return left
