"""The counts of a build, and the corpus' model made of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import cast, get_args

from quanheng.kinds.data import (
    Corpus,
    DropReason,
    Filtered,
    FunnelStep,
    FunnelStepName,
    PersonalDataType,
    Recipe,
    Shard,
    Source,
    SourceShare,
    Totals,
)

_REASONS: tuple[DropReason, ...] = get_args(DropReason)


@dataclass
class SourceTally:
    """What one source gave so far."""

    digest: str
    model: Source
    read: int = 0
    kept: int = 0
    broken: int = 0
    characters: int = 0
    bytes: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)

    def share(self) -> SourceShare:
        """Return its line in the corpus."""
        return SourceShare(
            source=self.digest,
            title=self.model.title,
            region=self.model.origin.region,
            licence_clear=self.model.licence.clear,
            documents_read=self.read,
            documents_kept=self.kept,
            dropped={reason: self.dropped[reason] for reason in _REASONS if self.dropped[reason]},
            broken_rows=self.broken,
            characters_kept=self.characters,
            bytes_kept=self.bytes,
        )


@dataclass
class Tally:
    """Counts over all sources. `characters_dropped` by reason; `characters_masked` is what masking took away."""

    sources: list[SourceTally] = field(default_factory=list)
    characters_read: int = 0
    characters_dropped: Counter[DropReason] = field(default_factory=Counter)
    characters_masked: int = 0
    personal_data: Counter[PersonalDataType] = field(default_factory=Counter)
    masked_documents: int = 0
    encodings: Counter[str] = field(default_factory=Counter)
    language: Counter[str] = field(default_factory=Counter)
    hits: int = 0
    documents_hit: int = 0
    documents_for_review: int = 0
    per_risk: Counter[str] = field(default_factory=Counter)

    @property
    def kept(self) -> int:
        """Return the documents kept."""
        return sum(source.kept for source in self.sources)

    def dropped(self, reason: DropReason) -> int:
        """Return the documents dropped for `reason`."""
        return sum(source.dropped[reason] for source in self.sources)

    def funnel(self) -> tuple[FunnelStep, ...]:
        """Return the steps in the order they were taken; each begins where the one before ended."""
        read = sum(source.read for source in self.sources)
        broken = sum(source.broken for source in self.sources)
        steps = [
            FunnelStep(
                step="read",
                documents_before=read + broken,
                documents_after=read,
                characters_before=self.characters_read,
                characters_after=self.characters_read,
            )
        ]
        for reason in _REASONS:
            if reason == "duplicate":
                steps.append(_after(steps[-1], "mask", characters=self.characters_masked))
            name: FunnelStepName = "deduplicate" if reason == "duplicate" else "drop"
            steps.append(_after(steps[-1], name, reason, self.dropped(reason), self.characters_dropped[reason]))
        steps.append(_after(steps[-1], "filter"))
        return tuple(steps)

    def model(
        self, recipe: Recipe, lexicon: tuple[str, int] | None, rows_digest: str, shards: tuple[Shard, ...]
    ) -> Corpus:
        """Return the corpus; `lexicon` is its digest and number of terms."""
        filtered = Filtered(
            documents=self.kept,
            documents_filtered=self.kept if lexicon else 0,
            lexicon=lexicon[0] if lexicon else None,
            lexicon_terms=lexicon[1] if lexicon else 0,
            lexicon_hits=self.hits,
            documents_hit=self.documents_hit,
            documents_for_review=self.documents_for_review,
            per_risk=dict(sorted(self.per_risk.items())),
        )
        return Corpus(
            recipe=recipe,
            funnel=self.funnel(),
            totals=Totals(
                documents=self.kept,
                characters=sum(source.characters for source in self.sources),
                bytes=sum(source.bytes for source in self.sources),
            ),
            per_source=tuple(source.share() for source in self.sources),
            personal_data=cast(dict[PersonalDataType, int], dict(sorted(self.personal_data.items()))),
            masked_documents=self.masked_documents,
            filtered=filtered,
            encodings=dict(sorted(self.encodings.items())),
            language=dict(sorted(self.language.items())),
            rows_digest=rows_digest,
            shards=shards,
        )


def _after(
    before: FunnelStep, step: FunnelStepName, reason: DropReason | None = None, documents: int = 0, characters: int = 0
) -> FunnelStep:
    """Return the step after `before` that took so many documents and characters away."""
    return FunnelStep(
        step=step,
        reason=reason,
        documents_before=before.documents_after,
        documents_after=before.documents_after - documents,
        characters_before=before.characters_after,
        characters_after=before.characters_after - characters,
    )
