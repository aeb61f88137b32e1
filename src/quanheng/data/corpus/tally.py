"""The counts of a build, and the corpus' model made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from quanheng.data.corpus.operator import CorpusStep, Editor, Tagger
from quanheng.data.corpus.recipe import Plan
from quanheng.data.corpus.steps import NOTHING, Size
from quanheng.data.corpus.token_counts import TOKENIZER
from quanheng.kinds.corpora import (
    Amount,
    Asset,
    CorpusV3,
    Filtered,
    FunnelStepName,
    FunnelStepV3,
    OperatorUse,
    Shard,
    SourceShareV3,
    TotalsV3,
)
from quanheng.kinds.recipes import PersonalDataType
from quanheng.kinds.sources import Source

Sizes = dict[str, Size]


@dataclass
class SourceTally:
    """What one source gave so far: sizes by reason, and by place of the step how many documents it changed."""

    digest: str
    model: Source
    broken: int = 0
    read: Size = NOTHING
    kept: Size = NOTHING
    dropped_sizes: Sizes = field(default_factory=dict)
    edited: Sizes = field(default_factory=dict)
    reviewed: Sizes = field(default_factory=dict)
    risky: Size = NOTHING
    changed: Counter[int] = field(default_factory=Counter)
    screened: int = 0

    @property
    def dropped(self) -> dict[str, int]:
        """Return the documents dropped, by reason."""
        return {reason: size.documents for reason, size in sorted(self.dropped_sizes.items())}


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


@dataclass(frozen=True)
class ContentReview:
    """What of a recipe looks for risky content. `place`: of the first operator that does, -1 where none does.

    judges: places of the conditions that ask what such operators found; reasons: theirs.
    """

    place: int
    judges: frozenset[int]
    reasons: frozenset[str]

    @classmethod
    def of(cls, made: Plan) -> ContentReview:
        """Return the content review of a recipe."""
        reviewers = [(place, made) for place, made in made.operators if isinstance(made, Tagger) and made.reviews]
        columns = {name for _, reviewer in reviewers for name, _ in reviewer.gives}
        ready = [step for segment in made.segments for step in segment.steps]
        judges = [step for step in ready if step.expression and columns & set(step.expression.columns)]
        return cls(
            min((place for place, _ in reviewers), default=-1),
            frozenset(step.place for step in judges),
            frozenset(step.step.reason or "" for step in judges),
        )


@dataclass
class Tally:
    """Counts over all sources."""

    made: Plan
    sources: list[SourceTally] = field(default_factory=list)
    steps: dict[int, StepTally] = field(default_factory=dict)
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

    def __post_init__(self) -> None:
        self.content_review = ContentReview.of(self.made)

    @property
    def kept(self) -> int:
        """Return the documents kept."""
        return sum(source.kept.documents for source in self.sources)

    def add_counts(self, source: SourceTally, counts: Mapping[str, Mapping[str, Any]]) -> None:
        """Add the counts of a unit of a source, by place of the step."""
        for name, counted in counts.items():
            place = int(name)
            self.steps.setdefault(place, StepTally()).add(counted)
            source.changed[place] += counted["edited"]
            source.risky = source.risky.plus(Size(*counted["risky"]))
            if place == self.content_review.place:
                source.screened += counted["before"][0]
            for reason, size in counted["dropped"].items():
                add_size(source.dropped_sizes, reason, Size(*size))

    def funnel(self, tokens: bool) -> tuple[FunnelStepV3, ...]:
        """Return the steps in the order they were taken; each begins where the one before ended."""
        read, broken = total(source.read for source in self.sources), sum(source.broken for source in self.sources)
        steps = [_step("read", None, read._replace(documents=read.documents + broken), read, tokens)]
        for place, step in enumerate(self.made.recipe.steps):
            counted = self.steps.get(place)
            told = self._told(place)
            if counted is None or told is None or (step.review is not None):
                continue
            steps.append(_step(*told, counted.before, counted.after, tokens))
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
        samples: int = 0,
    ) -> CorpusV3:
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
        kept, tokens = total(source.kept for source in self.sources), TOKENIZER in assets
        return CorpusV3(
            recipe=self.made.recipe,
            operators=tuple(OperatorUse(step=place, id=operator.id) for place, operator in self.made.operators),
            assets=tuple(Asset(role=role, digest=digest) for role, digest in sorted(assets.items())),
            skipped=self.made.skipped,
            funnel=self.funnel(tokens),
            totals=TotalsV3.model_validate(amount(kept, tokens).model_dump()),
            per_source=tuple(self._share(source, tokens) for source in self.sources),
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
            tokenizer=assets.get(TOKENIZER),
            risk_reasons=tuple(sorted(self.content_review.reasons)),
            samples_per_reason=samples,
        )

    def _share(self, source: SourceTally, tokens: bool) -> SourceShareV3:
        """Return the line of a source in the corpus."""
        model, read, kept = source.model, source.read, source.kept
        changed = Counter[str]()
        for place, operator in self.made.operators:
            changed[operator.name] += source.changed[place]
        return SourceShareV3(
            source=source.digest,
            title=model.title,
            region=model.origin.region,
            licence_clear=model.licence.clear,
            language=model.language,
            licence=model.licence.spdx,
            documents_read=read.documents,
            characters_read=read.characters,
            bytes_read=read.bytes,
            tokens_read=read.tokens if tokens else None,
            documents_kept=kept.documents,
            characters_kept=kept.characters,
            bytes_kept=kept.bytes,
            tokens_kept=kept.tokens if tokens else None,
            broken_rows=source.broken,
            dropped=source.dropped,
            dropped_amounts=_amounts(source.dropped_sizes, tokens),
            edited=_amounts(source.edited, tokens),
            changed={name: n for name, n in sorted(changed.items()) if n},
            reviewed=_amounts(source.reviewed, tokens),
            screened=source.screened,
            risky=amount(source.risky, tokens),
        )


def add_size(sizes: Sizes, name: str, size: Size) -> None:
    """Add a size under a name."""
    sizes[name] = sizes.get(name, NOTHING).plus(size)


def total(sizes: Iterable[Size]) -> Size:
    """Return the sum of sizes."""
    return Size(*(sum(column) for column in zip(NOTHING, *sizes, strict=True)))


def amount(size: Size, tokens: bool) -> Amount:
    """Return a size as the corpus has it; `tokens`: whether they were counted."""
    return Amount(
        documents=size.documents,
        characters=size.characters,
        bytes=size.bytes,
        tokens=size.tokens if tokens else None,
    )


def _amounts(sizes: Sizes, tokens: bool) -> dict[str, Amount]:
    return {name: amount(size, tokens) for name, size in sorted(sizes.items())}


def _step(step: FunnelStepName, reason: str | None, before: Size, after: Size, tokens: bool) -> FunnelStepV3:
    return FunnelStepV3(
        step=step,
        reason=reason,
        documents_before=before.documents,
        documents_after=after.documents,
        characters_before=before.characters,
        characters_after=after.characters,
        bytes_before=before.bytes,
        bytes_after=after.bytes,
        tokens_before=before.tokens if tokens else None,
        tokens_after=after.tokens if tokens else None,
    )
