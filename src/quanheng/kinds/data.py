"""Kinds of data: where text came from, the corpus made of it, samples of it, and the terms it was filtered by."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue, StringConstraints, model_validator

from quanheng.kinds.base import Count, Digest, Kind, Model, Rate, Say, Slug, register_kind
from quanheng.kinds.risks import KnownRisk

#: BCP 47, as far as corpora need it: "zh", "zh-Hans", "en".
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
HexNonce = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32,128}$")]
RootHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Positive = Annotated[int, Field(ge=1, le=2**53 - 1)]

#: 境内 / 境外 / 未知
Region = Literal["domestic", "overseas", "unknown"]
FileFormat = Literal[
    "txt",
    "jsonl",
    "csv",
    "parquet",
    "html",
    "pack",
    "xlsx",
    "warc",
    "pdf",
    "docx",
    "markdown",
    "png",
    "jpeg",
    "tiff",
    "webp",
]
#: Why a document was left out or listed: a word of the recipe; `drop_reasons.py` says what the usual ones are called.
Reason = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
PersonalDataType = Literal[
    "resident_id",  # 身份证号
    "permit",  # 港澳台居民居住证、外国人永久居留身份证
    "mobile",  # 手机号
    "landline",  # 固定电话
    "bank_card",  # 银行卡号
    "credit_code",  # 统一社会信用代码
    "email",  # 电子邮箱
    "ipv4",  # IP 地址
    "ipv6",
    "url_credentials",  # 网址中的口令、密钥
    "passport",  # 护照号
    "travel_permit",  # 往来港澳台的通行证
    "plate",  # 车牌号
    "qq",  # QQ 号
    "wechat",  # 微信号
    "address",  # 详细地址
    "name",  # 姓名
]
FunnelStepName = Literal["read", "edit", "drop", "mask", "filter", "deduplicate"]


class Origin(Model):
    """Where a source comes from. 开源 / 自采 / 商业 / 使用者输入."""

    type: Literal["open", "self_collected", "commercial", "user_input"]
    name: Title
    url: str | None = None
    version: str | None = None
    region: Region = "unknown"


class Licence(Model):
    """The licence as found. `clear` is false whenever a reader of `found` would have to guess."""

    spdx: str = "NOASSERTION"
    found: str
    clear: bool
    #: Title of the layer that holds the licence file or letter.
    evidence: str | None = None

    @model_validator(mode="after")
    def _clear_needs_a_name(self) -> Licence:
        if self.clear and self.spdx == "NOASSERTION":
            raise ValueError("a clear licence has an SPDX identifier or a LicenseRef, not NOASSERTION")
        return self


class Collection(Model):
    """How and when the text was collected. 采集记录."""

    method: str
    collected_on: Day | None = None
    note: str = ""
    has_record: bool


class SourceFile(Model):
    """One file of a source; `title` is the title of its layer."""

    title: Title
    format: FileFormat
    size: Count


class FileCounts(Model):
    """How many files, and their bytes; files inside a pack are counted one by one."""

    files: Count
    bytes: Count


class Reading(Model):
    """How to take documents out of the files.

    `text_field`: the column or JSON field with the text; None takes the first of the usual names.
    `document`: what one document is in txt and html files. `markup` "pku_tagged": words as "词/n", tags are taken off.
    `encoding`: None detects it per file.
    """

    text_field: str | None = None
    document: Literal["line", "file", "paragraph"] = "file"
    markup: Literal["plain", "pku_tagged"] = "plain"
    encoding: Literal["utf-8", "utf-16", "gb18030", "big5"] | None = None
    notes: str = ""
    #: Column or JSON field with the address of the document; None takes the first of the usual names.
    url_field: str | None = None
    #: Several fields that make up the text, joined by a line end; in place of `text_field`.
    text_fields: tuple[str, ...] = ()
    #: What of a page is taken: its main text fast, the same with more care, or all that is visible.
    extract: Literal["fast", "precise", "all"] = "fast"
    #: Text of pages that are pictures: left, recognised where a page has no text layer of use, or on every page.
    ocr: Literal["never", "when_missing", "always"] = "never"


@register_kind
class Source(Kind):
    """Text as it was given, with origin, licence and collection record. One layer per file."""

    kind: ClassVar[str] = "source/v2"
    title: Title
    modality: Literal["text"] = "text"
    language: Language = "zh"
    origin: Origin
    licence: Licence
    collection: Collection
    files: tuple[SourceFile, ...] = Field(min_length=1)
    counts: FileCounts
    reading: Reading = Reading()

    @model_validator(mode="after")
    def _counts_are_sums(self) -> Source:
        if len({file.title for file in self.files}) != len(self.files):
            raise ValueError("two files of a source have the same title")
        packed = any(file.format == "pack" for file in self.files)
        if not packed and self.counts.bytes != sum(file.size for file in self.files):
            raise ValueError("counts.bytes is not the sum of the file sizes")
        return self


@register_kind
class SourceV1(Source):
    """A source of the first engine, whose reading named no address, no several fields, and nothing of pages."""

    kind: ClassVar[str] = "source/v1"


class RecipeV1(Model):
    """Every parameter of a build by the first engine, whose steps were fixed. Shares are (k, n)."""

    min_characters: Count = 4
    max_characters: Positive = 1_000_000
    min_han: Rate = Rate(k=25, n=100)
    max_foreign_script: Rate = Rate(k=2, n=100)
    max_symbols: Rate = Rate(k=50, n=100)
    max_repetition: Rate = Rate(k=60, n=100)
    mask: tuple[PersonalDataType, ...] = ()
    deduplicate: Literal["exact", "none"] = "exact"
    shard_bytes: Positive = 64 * 1024 * 1024
    row_group_rows: Positive = 8192


class Step(Model):
    """One step of a recipe: an operator with its parameters (`use`), or a condition that drops or lists for review.

    `drop`, `review`: an expression over the columns of the steps before. `optional`: without its asset (a lexicon, a
    classifier) the step, and what asks for its columns, is passed over and the corpus says so.
    """

    use: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,99}$")] | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict)
    drop: str | None = None
    review: str | None = None
    reason: Reason | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _one_of_three(self) -> Step:
        if sum(value is not None for value in (self.use, self.drop, self.review)) != 1:
            raise ValueError("a step has one of use, drop, review")
        if (self.reason is None) != (self.use is not None):
            raise ValueError("a reason stands beside drop or review, and only there")
        return self


class Recipe(Model):
    """How a corpus is made: steps in order. `labels`: columns that are kept beside the text."""

    name: Slug
    title: Say
    steps: tuple[Step, ...] = Field(min_length=1)
    labels: tuple[str, ...] = ()
    #: A shard is closed once it holds this many bytes of UTF-8 text.
    shard_bytes: Positive = 64 * 1024 * 1024
    row_group_rows: Positive = 8192


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
    repeats) and `spans`. `skipped`: places of optional steps that did not run, for want of an asset.
    `review`: documents listed for review, by reason; they stay in the corpus with the flag "review".
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


class CorpusSample(Model):
    """One line of a corpus' samples.jsonl: a document that was dropped, edited or listed, with its beginning.

    decision: what was done with it, for `reason` (of "edit" and "mask": what was replaced). rank: its place among all
    documents of the reason by a digest of its id, from 1; rank_in_source: among those of its source. Those of rank 1 to
    m are a simple random sample of m; null beyond what is kept. The excerpt is as in decisions: personal data masked.
    """

    decision: Literal["drop", "edit", "review"]
    reason: str
    source: Digest
    id: str
    excerpt: str
    of: str = ""
    measure: str = ""
    rank: Positive | None = None
    rank_in_source: Positive | None = None


#: What a sample is for: 训练数据人工抽检 / 关键词抽检 / 分类模型抽检, or one source after collection.
SamplePurpose = Literal["manual", "keyword", "classifier", "source"]


@register_kind
class SampleCommitment(Kind):
    """The promise to draw a sample, logged before anyone can know which items it will hold.

    `frame_digest`: the corpus' rows_digest. The corpus itself is an input of the artifact.
    """

    kind: ClassVar[str] = "sample_commitment/v1"
    purpose: SamplePurpose
    method: Literal["simple random sample without replacement"] = "simple random sample without replacement"
    n: Positive
    population: Positive
    frame_digest: Digest

    @model_validator(mode="after")
    def _not_more_than_all(self) -> SampleCommitment:
        if self.n > self.population:
            raise ValueError("a sample cannot be larger than its population")
        return self


class CheckpointRef(Model):
    """The signed checkpoint that the seed was taken from: log size and root hash in hex."""

    size: Count
    root: RootHash


@register_kind
class Sample(Kind):
    """Items drawn from a corpus; layer items.jsonl holds one `SampleItem` per line, in index order.

    `self_drawn`: the nonce came from the one who committed, or there was no checkpoint with the corpus in it.
    `draw_no` counts the draws of this purpose from this corpus, from 1; a redraw stays visible.
    """

    kind: ClassVar[str] = "sample/v1"
    purpose: SamplePurpose
    n: Positive
    population: Positive
    self_drawn: bool
    nonce: HexNonce | None = None
    checkpoint: CheckpointRef | None = None
    seed: Digest
    draw_no: Positive

    @model_validator(mode="after")
    def _drawn_by_others_needs_both(self) -> Sample:
        if self.n > self.population:
            raise ValueError("a sample cannot be larger than its population")
        if not self.self_drawn and (self.nonce is None or self.checkpoint is None):
            raise ValueError("a sample that is not self-drawn has a nonce and a checkpoint")
        return self


class SampleItem(Model):
    """One line of a sample's items.jsonl; `index` is the row number in the corpus, from 0."""

    index: Count
    id: str
    source: Digest
    text_digest: Digest
    text: str


Evasion = Literal["traditional", "inserted", "pinyin", "homophone", "split", "lookalike", "reversed"]


class LexiconTerm(Model):
    """One line of a lexicon's terms.jsonl. No mode drops a document: a hit is counted, or counted and listed.

    `combine` (组合词): counts only with one of `with_terms` within `within` characters. `unless`: a hit that one of
    these contains or touches is none. `evasion`: by which evasions the term is also found. `expires`: its last day.
    `added` and `owner` ("" for the owner of the lexicon) since lexicon/v3; rows of earlier versions have neither.
    """

    term: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    risk: KnownRisk
    mode: Literal["review", "count", "combine"] = "review"
    expires: Day | None = None
    note: str = ""
    category: str = ""
    weight: Annotated[int, Field(ge=1, le=100)] = 10
    with_terms: tuple[str, ...] = ()
    within: Annotated[int, Field(ge=1, le=1000)] = 30
    unless: tuple[str, ...] = ()
    evasion: tuple[Evasion, ...] = ("traditional", "inserted", "lookalike")
    added: Day | None = None
    owner: str = ""

    def is_in_force(self, as_of: str) -> bool:
        """Return whether the term counts on the day `as_of` ("YYYY-MM-DD"): it does up to and on its last day."""
        return self.expires is None or as_of <= self.expires

    @model_validator(mode="after")
    def _combined_with_something(self) -> LexiconTerm:
        if self.mode == "combine" and not self.with_terms:
            raise ValueError("a term of mode combine has with_terms")
        return self


@register_kind
class Lexicon(Kind):
    """Terms with the risk each stands for, owned by somebody; layer terms.jsonl holds `LexiconTerm`s."""

    kind: ClassVar[str] = "lexicon/v1"
    title: Title
    version: str
    terms: Count
    per_risk: dict[KnownRisk, Count]
    owner: str
    note: str = ""

    @model_validator(mode="after")
    def _terms_are_counted(self) -> Lexicon:
        if self.terms != sum(self.per_risk.values()):
            raise ValueError("terms differs from the sum over risks")
        return self


class Admission(Model):
    """How terms did on a benign corpus of so many documents: `demoted` of them hit too often and lost their mode.

    Layer admission.jsonl holds the evidence: term, k of n documents, excerpts.
    """

    corpus: Digest
    documents: Count
    #: The largest share of documents that a term of mode "review" may hit.
    limit: Rate
    demoted: Count


@register_kind
class LexiconV2(Lexicon):
    """A lexicon whose terms may combine, except and evade, with its admission test where it had one."""

    kind: ClassVar[str] = "lexicon/v2"
    admission: Admission | None = None


@register_kind
class LexiconV3(LexiconV2):
    """A lexicon whose terms may tell when they were added and who answers for each.

    `bad_rows`: rows of the file that were no terms and were left out; layer bad_rows.jsonl holds them with reasons.
    """

    kind: ClassVar[str] = "lexicon/v3"
    bad_rows: Count = 0
