"""The counts of a build, and the corpus' model made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from quanheng.data.corpus.operator import CorpusStep, Editor, Tagger
from quanheng.data.corpus.recipe import Plan
from quanheng.data.corpus.steps import NOTHING, Size
from quanheng.kinds.data import (
    Asset,
    CorpusV2,
    Filtered,
    FunnelStep,
    FunnelStepName,
    OperatorUse,
    PersonalDataType,
    Shard,
    Source,
    SourceShare,
    Totals,
)


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
    dropped: Counter[str] = field(default_factory=Counter)

    def share(self) -> SourceShare:
        """Return its line in the corpus."""
        return SourceShare(
            source=self.digest,
            title=self.model.title,
            region=self.model.origin.region,
            licence_clear=self.model.licence.clear,
            documents_read=self.read,
            documents_kept=self.kept,
            dropped=dict(sorted(self.dropped.items())),
            broken_rows=self.broken,
            characters_kept=self.characters,
            bytes_kept=self.bytes,
        )


@dataclass
class StepTally:
    """What one step of the recipe took in and left, over all units."""

    before: Size = NOTHING
    after: Size = NOTHING
    edits: Counter[str] = field(default_factory=Counter)
    edited: int = 0
    listed: int = 0

    def add(self, counted: Mapping[str, Any]) -> None:
        """Add what a unit counted (`steps.Counted.to_json`)."""
        self.before = self.before.plus(Size(*counted["before"]))
        self.after = self.after.plus(Size(*counted["after"]))
        self.edits.update(counted["edits"])
        self.edited += counted["edited"]
        self.listed += counted["listed"]


@dataclass
class Tally:
    """Counts over all sources."""

    made: Plan
    sources: list[SourceTally] = field(default_factory=list)
    steps: dict[int, StepTally] = field(default_factory=dict)
    read: Size = NOTHING
    personal_data: Counter[str] = field(default_factory=Counter)
    masked_documents: int = 0
    encodings: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    language: Counter[str] = field(default_factory=Counter)
    hits: int = 0
    documents_hit: int = 0
    documents_for_review: int = 0
    per_risk: Counter[str] = field(default_factory=Counter)
    review: Counter[str] = field(default_factory=Counter)

    @property
    def kept(self) -> int:
        """Return the documents kept."""
        return sum(source.kept for source in self.sources)

    def add_counts(self, counts: Mapping[str, Mapping[str, Any]]) -> None:
        """Add the counts of a unit by place of the step."""
        for place, counted in counts.items():
            self.steps.setdefault(int(place), StepTally()).add(counted)

    def funnel(self) -> tuple[FunnelStep, ...]:
        """Return the steps in the order they were taken; each begins where the one before ended."""
        read, broken = self.read, sum(source.broken for source in self.sources)
        steps = [_step("read", None, Size(read.documents + broken, read.characters, read.bytes), read)]
        for place, step in enumerate(self.made.recipe.steps):
            counted = self.steps.get(place)
            told = self._told(place)
            if counted is None or told is None or (step.review is not None):
                continue
            steps.append(_step(*told, counted.before, counted.after))
        return tuple(steps)

    def _told(self, place: int) -> tuple[FunnelStepName, str | None] | None:
        """Return how the funnel calls a step, None for one that only adds columns."""
        step = self.made.recipe.steps[place]
        if step.use is None:
            return "drop", step.reason
        made = dict(self.made.operators).get(place)
        if isinstance(made, CorpusStep):
            return "deduplicate", made.reason
        if isinstance(made, Editor):
            return ("mask", None) if made.name == "personal_data" else ("edit", made.name)
        return ("filter", None) if isinstance(made, Tagger) and made.name == "lexicon" else None

    def model(
        self,
        assets: Mapping[str, str],
        lexicon_terms: int,
        rows_digest: str,
        shards: Sequence[Shard],
    ) -> CorpusV2:
        """Return the corpus; `assets`: digests of artifacts by role."""
        is_filtered = any(operator.name == "lexicon" for _, operator in self.made.operators)
        filtered = Filtered(
            documents=self.kept,
            documents_filtered=self.kept if is_filtered else 0,
            lexicon=assets.get("lexicon") if is_filtered else None,
            lexicon_terms=lexicon_terms if is_filtered else 0,
            lexicon_hits=self.hits,
            documents_hit=self.documents_hit,
            documents_for_review=self.documents_for_review,
            per_risk=dict(sorted(self.per_risk.items())),
        )
        edits = Counter[str]()
        for counted in self.steps.values():
            edits.update(counted.edits)
        return CorpusV2(
            recipe=self.made.recipe,
            operators=tuple(OperatorUse(step=place, id=operator.id) for place, operator in self.made.operators),
            assets=tuple(Asset(role=role, digest=digest) for role, digest in sorted(assets.items())),
            skipped=self.made.skipped,
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
            review=dict(sorted(self.review.items())),
            edits=dict(sorted(edits.items())),
            encodings=dict(sorted(self.encodings.items())),
            repaired=dict(sorted(self.repaired.items())),
            language=dict(sorted(self.language.items())),
            rows_digest=rows_digest,
            shards=tuple(shards),
        )


def _step(step: FunnelStepName, reason: str | None, before: Size, after: Size) -> FunnelStep:
    return FunnelStep(
        step=step,
        reason=reason,
        documents_before=before.documents,
        documents_after=after.documents,
        characters_before=before.characters,
        characters_after=after.characters,
    )
