"""The corpus that a recipe made, with the whole account of what became of every document."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from quanheng.kinds.base import Count, Digest, Kind, Model, Positive, Title, register_kind
from quanheng.kinds.recipes import PersonalDataType, Reason, Recipe, RecipeV1
from quanheng.kinds.risks import KnownRisk
from quanheng.kinds.sources import Language, Region

FunnelStepName = Literal["read", "edit", "drop", "mask", "filter", "deduplicate"]


class FunnelStep(Model):
    """What one step took in and left; `reason` says why, or which operator edited."""

    step: FunnelStepName
    reason: Reason | None = None
    documents_before: Count
    documents_after: Count
    characters_before: Count
    characters_after: Count


class Totals(Model):
    """Size of the corpus: documents, characters, and bytes of UTF-8 text."""

    documents: Count
    characters: Count
    bytes: Count


class SourceShare(Model):
    """What one source gave. `broken_rows`: rows or documents that could not be read, kept in rejected.jsonl."""

    source: Digest
    title: Title
    region: Region
    licence_clear: bool
    documents_read: Count
    documents_kept: Count
    dropped: dict[Reason, Count]
    broken_rows: Count
    characters_kept: Count
    bytes_kept: Count

    @model_validator(mode="after")
    def _nothing_is_lost(self) -> SourceShare:
        if self.documents_read != self.documents_kept + sum(self.dropped.values()):
            raise ValueError("documents read differ from documents kept plus dropped")
        return self


class Filtered(Model):
    """The filter pass over the kept documents. `documents_filtered` of `documents` went through it.

    `documents_hit`: with at least one term. `documents_for_review`: with a term of mode "review"; they stay in the
    corpus and are listed in filter.jsonl.
    """

    documents: Count
    documents_filtered: Count
    lexicon: Digest | None = None
    lexicon_terms: Count = 0
    lexicon_hits: Count = 0
    documents_hit: Count = 0
    documents_for_review: Count = 0
    per_risk: dict[KnownRisk, Count] = Field(default_factory=dict)


class Shard(Model):
    """One Parquet shard; `title` is the title of its layer."""

    title: Title
    documents: Count


class Corpus(Kind):
    """Cleaned text in Parquet shards with every decision beside it; what all versions of the kind have.

    Layers: data/part-*.parquet (id, source, text, text_digest, flags …), decisions/part-*.parquet, rejected.jsonl,
    filter.jsonl, croissant.json, card.zh.md, card.en.md. `rows_digest` is independent of sharding and compression.
    """

    recipe: RecipeV1 | Recipe
    funnel: tuple[FunnelStep, ...]
    totals: Totals
    per_source: tuple[SourceShare, ...]
    personal_data: dict[PersonalDataType, Count]
    masked_documents: Count
    filtered: Filtered
    encodings: dict[str, Count]
    language: dict[str, Count]
    rows_digest: Digest
    shards: tuple[Shard, ...]

    @model_validator(mode="after")
    def _sums_hold(self) -> Corpus:
        if self.totals.documents != sum(shard.documents for shard in self.shards):
            raise ValueError("totals.documents differs from the sum over shards")
        if self.totals.documents != sum(share.documents_kept for share in self.per_source):
            raise ValueError("totals.documents differs from the sum over sources")
        return self


@register_kind
class CorpusV1(Corpus):
    """A corpus of the first engine."""

    kind: ClassVar[str] = "corpus/v1"
    recipe: RecipeV1


class OperatorUse(Model):
    """An operator as it was used: place of its step in the recipe, and name/version:digest of parameters and assets."""

    step: Count
    id: str


class Asset(Model):
    """An artifact that operators read: its role ("lexicon", "classifier" …) and digest."""

    role: str
    digest: Digest


@register_kind
class CorpusV2(Corpus):
    """A corpus made by a recipe.

    More columns of data/part-*.parquet: url, and one per label. decisions have `of` (the document that a duplicate
    repeats), `spans` and, from corpus.build version 4 on, `url`. `skipped`: places of optional steps that did not run,
    for want of an asset. `review`: documents listed for review, by reason; they stay in the corpus, flagged "review".
    """

    kind: ClassVar[str] = "corpus/v2"
    recipe: Recipe
    operators: tuple[OperatorUse, ...]
    assets: tuple[Asset, ...] = ()
    skipped: tuple[Count, ...] = ()
    review: dict[Reason, Count] = Field(default_factory=dict)
    #: Spans that editors replaced, by what they were; lines and documents whose garbled encoding was put right.
    edits: dict[str, Count] = Field(default_factory=dict)
    repaired: dict[str, Count] = Field(default_factory=dict)


class Amount(Model):
    """How much text: documents, characters, bytes of UTF-8, and tokens where a tokenizer counted them."""

    documents: Count
    characters: Count
    bytes: Count
    tokens: Count | None = None


class FunnelStepV3(FunnelStep):
    """A step of the funnel, in bytes and tokens too."""

    bytes_before: Count
    bytes_after: Count
    tokens_before: Count | None = None
    tokens_after: Count | None = None


class TotalsV3(Totals):
    """Size of the corpus, in tokens too where a tokenizer counted them."""

    tokens: Count | None = None


class SourceShareV3(SourceShare):
    """What one source gave, and the whole account of what became of it.

    dropped_amounts: what `dropped` counts, in every unit. edited: kept documents in which spans were replaced, by what
    the spans were; a document counts under each. changed: documents that each editing operator changed, those dropped
    later included. reviewed: kept documents listed for review, by reason. screened: documents that came to content
    review. risky: of those, the ones that it dropped or listed, each once and as it was then, whatever later steps did.
    """

    language: Language
    licence: str
    characters_read: Count
    bytes_read: Count
    tokens_read: Count | None = None
    tokens_kept: Count | None = None
    dropped_amounts: dict[Reason, Amount]
    edited: dict[str, Amount] = Field(default_factory=dict)
    changed: dict[str, Count] = Field(default_factory=dict)
    reviewed: dict[Reason, Amount] = Field(default_factory=dict)
    screened: Count = 0
    risky: Amount

    @model_validator(mode="after")
    def _amounts_agree(self) -> SourceShareV3:
        if {reason: amount.documents for reason, amount in self.dropped_amounts.items()} != self.dropped:
            raise ValueError("dropped_amounts counts other documents than dropped")
        if self.risky.documents > self.screened:
            raise ValueError("more documents are risky than were screened")
        return self


@register_kind
class CorpusV3(CorpusV2):
    """A corpus with its whole account: every count in documents, characters, bytes, and tokens where asked for.

    tokenizer: the tokenizer artifact that counted; without one no count has tokens. With one, data/part-*.parquet has
    the column "tokens". risk_reasons: the reasons of this recipe that content review drops or lists for.
    samples_per_reason: layer samples.jsonl holds for each reason at most so many documents, drawn by their ids
    (`CorpusSample`).
    """

    kind: ClassVar[str] = "corpus/v3"
    funnel: tuple[FunnelStepV3, ...]
    totals: TotalsV3
    per_source: tuple[SourceShareV3, ...]
    tokenizer: Digest | None = None
    risk_reasons: tuple[Reason, ...] = ()
    samples_per_reason: Count = 0

    @model_validator(mode="after")
    def _every_unit_adds_up(self) -> CorpusV3:
        for unit in ("characters", "bytes", "tokens"):
            kept = [getattr(share, f"{unit}_kept") for share in self.per_source]
            if unit == "tokens" and self.tokenizer is None:
                continue
            if None in kept or getattr(self.totals, unit) != sum(kept):
                raise ValueError(f"totals.{unit} differs from the sum over sources")
        return self

    @model_validator(mode="after")
    def _tokens_only_where_counted(self) -> CorpusV3:
        amounts = [
            amount
            for share in self.per_source
            for amount in (
                share.risky,
                *share.dropped_amounts.values(),
                *share.edited.values(),
                *share.reviewed.values(),
            )
        ]
        counts = [
            self.totals.tokens,
            *(amount.tokens for amount in amounts),
            *(tokens for share in self.per_source for tokens in (share.tokens_read, share.tokens_kept)),
            *(tokens for step in self.funnel for tokens in (step.tokens_before, step.tokens_after)),
        ]
        if any((tokens is None) != (self.tokenizer is None) for tokens in counts):
            raise ValueError("tokens are counted by the tokenizer named, everywhere, or nowhere")
        return self


class TakenDown(Model):
    """One line of a corpus' taken-down.jsonl, which a corpus with a takedown behind it has: what is to stay down.

    A document by its id and the digest of its text, "" where only its beginning was known; with id "" a whole source.
    """

    id: str
    source: Digest
    text_digest: Digest | Literal[""] = ""


class CorpusSample(Model):
    """One line of a corpus' samples.jsonl: a document that was dropped, edited or listed, with its beginning.

    decision: what was done with it, for `reason` (of "edit" and "mask": what was replaced). rank: its place among all
    documents of the reason by a digest of its id, from 1; rank_in_source: among those of its source. Those of rank 1 to
    m are a simple random sample of m; null beyond what is kept. The excerpt is as in decisions: personal data masked.
    url: the address of the document, "" when its file says none.
    """

    decision: Literal["drop", "edit", "review"]
    reason: str
    source: Digest
    id: str
    excerpt: str
    of: str = ""
    measure: str = ""
    url: str = ""
    rank: Positive | None = None
    rank_in_source: Positive | None = None
