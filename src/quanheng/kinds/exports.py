"""What is made beside a corpus: classifiers for it; n-gram models, tokenizers, mixes and exports of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from quanheng.kinds.base import Count, DecimalText, Digest, Kind, Model, Positive, Rate, Say, Title, register_kind

FileName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ExportFormat = Literal["parquet", "jsonl.zst", "huggingface", "megatron", "open_data_set"]


class Fertility(Model):
    """How much text a token holds on `documents` that did not train it: characters (k) per token (n)."""

    documents: Count
    total: Rate
    broken_tokens: Count
    by_characters: dict[str, Rate] = Field(default_factory=dict)


@register_kind
class Tokenizer(Kind):
    """A tokenizer; layer tokenizer.json (Hugging Face `tokenizers`). `trained_on`: characters, None when it came so."""

    kind: ClassVar[str] = "tokenizer/v1"
    title: Title
    vocabulary: Positive
    special_tokens: tuple[str, ...] = ()
    trained_on: Count | None = None
    fertility: Fertility | None = None


class LabelResult(Model):
    """How a label did on texts held out, at a score of 0.5 and over: of `predicted`, `hits` are among `actual`."""

    hits: Count
    predicted: Count
    actual: Count


@register_kind
class Classifier(Kind):
    """A linear classifier over hashed character strings; layers model.bin and card.json.

    `learned_from`, `held_out`: texts. A score is no probability that anybody has calibrated.
    """

    kind: ClassVar[str] = "classifier/v1"
    title: Title
    labels: tuple[str, ...] = Field(min_length=1)
    learned_from: Count
    held_out: Count
    per_label: dict[str, LabelResult]


class Estimate(Model):
    """A measured number with its 95 % interval, None where too few documents were held out to tell."""

    value: DecimalText
    lower: DecimalText | None = None
    upper: DecimalText | None = None


@register_kind
class NgramModel(Kind):
    """A model of character n-grams, to tell how much like a corpus a text is; layers model.bin and card.json.

    rows_digest: of the corpus that it learned from. ngrams: kept, and their contexts. learned_from, held_out: distinct
    texts. bits_per_character, perplexity: of the texts held out; the second is 2 to the power of the first. licences:
    documents drawn from the corpus by the licence of their source, NOASSERTION where that is not clear.
    """

    kind: ClassVar[str] = "ngram_model/v1"
    title: Title
    rows_digest: Digest
    order: Positive
    ngrams: Positive
    learned_from: Positive
    learned_characters: Positive
    held_out: Positive
    held_out_characters: Positive
    bits_per_character: Estimate
    perplexity: Estimate
    licences: dict[str, Count]


class MixGroup(Model):
    """What a group of sources gives; tokens. available: one epoch. planned: after the cap. reason: of a shortfall."""

    name: str
    sources: tuple[Digest, ...]
    documents: Count
    available: Count
    weight: Count
    max_epochs: Rate
    wanted: Count
    cap: Count
    planned: Count
    epochs: Rate
    reason: Say | None = None


@register_kind
class Mix(Kind):
    """How much of each group of sources is trained on. Layer counts.u32: tokens of every row, uint32, in row order.

    `tokenizer`: digest of the file tokenizer.json. `shortfall`: tokens of the total that no group could give.
    """

    kind: ClassVar[str] = "mix/v1"
    tokenizer: Digest
    seed: str
    total: Count
    planned: Count
    shortfall: Count
    groups: tuple[MixGroup, ...] = Field(min_length=1)
    left_out: tuple[Digest, ...] = ()

    @model_validator(mode="after")
    def _sums_hold(self) -> Mix:
        if self.planned != sum(group.planned for group in self.groups) or self.planned + self.shortfall != self.total:
            raise ValueError("planned and shortfall differ from the groups")
        return self


class ExportFile(Model):
    """A file of an export; `name` is its path in the folder and the title of its layer."""

    name: FileName
    digest: Digest
    size: Count


@register_kind
class Export(Kind):
    """A corpus in the form that a trainer or the public reads; one layer per file, export.json among them."""

    kind: ClassVar[str] = "export/v1"
    format: ExportFormat
    rows_digest: Digest
    documents: dict[str, Count]
    characters: dict[str, Count]
    tokens: dict[str, Count] = Field(default_factory=dict)
    files: tuple[ExportFile, ...] = Field(min_length=1)
