"""What can be made of a corpus: a tokenizer, a mix of its sources, an export for training, an open data set."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import field_validator

from quanheng.core.context import Draft, JobContext, Loaded
from quanheng.core.inputs import Input, Local, Takes, calendar_day, param
from quanheng.core.resolve import local_path
from quanheng.core.verb import verb
from quanheng.data.corpus_verbs import WithSources, fill_sources
from quanheng.errors import Invalid
from quanheng.kinds.base import Rate, Say
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.exports import Export, ExportFile, ExportFormat, Fertility, Mix, MixGroup, Tokenizer
from quanheng.kinds.sources import Source
from quanheng.store import Layer, canonical_json

TOKENIZER_LAYER = "tokenizer.json"
COUNTS_LAYER = "counts.u32"
END = "<|endoftext|>"
#: How many characters are held out to measure a tokenizer on: some hundred documents.
HELD_OUT_CHARACTERS = 500_000
_GROUP = re.compile(r"(?P<sources>[^=@]+)=(?P<weight>\d{1,15})(?:@(?P<epochs>\d{1,4}(?:\.\d{1,2})?))?")
_SHARE = re.compile(r"(\d{1,9})/(\d{1,9})")


class TokenizerTrain(WithSources):
    """Input of tokenizer.train."""

    title: str = param(..., "Title", "标题", min_length=1, max_length=500)
    vocabulary: int = param(
        32_000,
        "Size of the vocabulary; below 65,500 a token fits 16 bits",
        "词表大小；小于 65500 时每个词元占 16 位",
        ge=300,
        le=1_000_000,
    )
    characters: int = param(
        20_000_000,
        "Characters to train on; about 150 bytes of memory each",
        "用于训练的字数；每个字约占 150 字节内存",
        ge=1000,
        le=10**10,
    )
    special: list[str] = param([END], "Special tokens, the first ends a document", "特殊词元；第一个表示文档结束")
    seed: str = param("1", "Another seed trains on other documents", "换一个种子用另一些文档训练", max_length=100)


@verb(
    "tokenizer.train",
    permission="build",
    cache=True,
    makes=("tokenizer/v1",),
    prepare=fill_sources,
    help=("Train a tokenizer (byte-level BPE) on a corpus", "用语料训练分词器（字节级 BPE）"),
)
def tokenizer_train(ctx: JobContext, inp: TokenizerTrain) -> Draft:
    """Leave the tokenizer, with characters per token on documents that did not train it."""
    from quanheng.data.corpus.tokens import CorpusTokenizer, TextSample, Training, measure_fertility, train_tokenizer

    corpus, model = _corpus(ctx)
    held_out = min(HELD_OUT_CHARACTERS, model.totals.characters // 10)
    sample = TextSample(inp.seed, model.totals.characters, inp.characters, held_out)
    training = Training(inp.vocabulary, tuple(inp.special), max_characters=inp.characters)
    learned = 0

    def watch(done: int, total: int | None) -> None:
        nonlocal learned
        learned = done
        ctx.progress(done, total)

    data = train_tokenizer(sample.texts(corpus, "train"), training, watch)
    made = CorpusTokenizer(data)
    found = measure_fertility(made, sample.texts(corpus, "held_out"))
    fertility = Fertility(
        documents=found.documents,
        total=found.total,
        broken_tokens=found.broken_tokens,
        by_characters=dict(found.by_characters),
    )
    stored = ctx.objects.put_bytes(data)
    tokenizer = Tokenizer(
        title=inp.title,
        vocabulary=made.vocabulary,
        special_tokens=tuple(inp.special),
        trained_on=learned,
        fertility=fertility if found.documents else None,
    )
    return Draft(tokenizer, (Layer(stored.digest, stored.size, "application/json", TOKENIZER_LAYER),))


class TokenizerRegister(Input):
    """Input of tokenizer.register."""

    file: Annotated[str, Local()] = param(
        ..., "A tokenizer.json (Hugging Face tokenizers)", "tokenizer.json 文件（Hugging Face tokenizers 格式）"
    )
    title: str = param(..., "Title", "标题", min_length=1, max_length=500)


@verb(
    "tokenizer.register",
    permission="build",
    cache=True,
    makes=("tokenizer/v1",),
    help=("Register an existing tokenizer", "登记已有的分词器"),
)
def tokenizer_register(ctx: JobContext, inp: TokenizerRegister) -> Draft:
    """Leave the tokenizer of a tokenizer.json."""
    from quanheng.data.corpus.tokens import CorpusTokenizer

    stored = ctx.objects.put_file(local_path(inp.file))
    with ctx.objects.open(stored.digest) as stream:
        made = CorpusTokenizer(stream.read())
    return Draft(
        Tokenizer(title=inp.title, vocabulary=made.vocabulary),
        (Layer(stored.digest, stored.size, "application/json", TOKENIZER_LAYER),),
    )


def _corpus(ctx: JobContext) -> tuple[Any, Corpus]:
    """Return the corpus as the engine reads it, and its model."""
    from quanheng.data.corpus.export_rows import CorpusFiles

    loaded = ctx.one("corpus")
    assert isinstance(loaded.model, Corpus)  # noqa: S101 - Takes has checked the kind
    sources = {found.digest: found.model for found in ctx.many("sources") if isinstance(found.model, Source)}
    shards = [shard.title for shard in loaded.model.shards]
    files = CorpusFiles(loaded.digest, shards, loaded.open_layer, sources, loaded.model.totals.documents)
    return files, loaded.model


def _tokenizer(found: Loaded) -> Any:
    from quanheng.data.corpus.tokens import CorpusTokenizer

    with found.open_layer(TOKENIZER_LAYER) as stream:
        return CorpusTokenizer(stream.read())


class CorpusMix(WithSources):
    """Input of corpus.mix."""

    tokenizer: Annotated[str, Takes("tokenizer")] = param(..., "Tokenizer that counts", "用于计数的分词器")
    group: list[str] = param(
        ...,
        "SOURCE=WEIGHT or SOURCE+SOURCE=WEIGHT@EPOCHS: number of the source in the corpus from 1, weight, most epochs",
        "来源=权重，或 来源+来源=权重@遍数：来源写其在语料中的序号（从 1 起）、权重、最多遍数",
        min_length=1,
    )
    tokens: int | None = param(
        None,
        "Tokens of the mix; left out, the weights are tokens",
        "配比的词元总数；不填则权重就是词元数",
        ge=1,
        le=10**15,
    )
    seed: str = param("1", "Another seed takes other documents", "换一个种子取另一些文档", max_length=100)


@verb(
    "corpus.mix",
    permission="build",
    cache=True,
    makes=("mix/v1",),
    prepare=fill_sources,
    help=(
        "Plan a mix: how many tokens each source contributes, and how often its documents may be used",
        "制定配比：各来源提供多少词元、最多用几遍",
    ),
)
def corpus_mix(ctx: JobContext, inp: CorpusMix) -> Draft:
    """Count tokens, divide the total by weight under the caps; leave the plan, with what was not met and why."""
    from quanheng.data.corpus.mix import MixGroup as Group
    from quanheng.data.corpus.mix import plan_mix
    from quanheng.data.corpus.tokens import count_corpus

    corpus, model = _corpus(ctx)
    groups = [Group(*_group(text, model)) for text in inp.group]
    with ctx.objects.scratch() as scratch:
        counts = scratch / COUNTS_LAYER
        totals = count_corpus(corpus, _tokenizer(ctx.one("tokenizer")), counts, ctx.progress)
        plan = plan_mix(groups, totals, total=inp.tokens, seed=inp.seed)
        stored = ctx.objects.put_file(counts)
    said = plan.to_json()
    said.pop("corpus")
    made = Mix.model_validate_json(canonical_json(said))
    return Draft(made, (Layer(stored.digest, stored.size, "application/octet-stream", COUNTS_LAYER),))


def _group(text: str, model: Corpus) -> tuple[str, tuple[str, ...], int, Rate]:
    """Return name, sources, weight and most epochs of "1+2=30@4"."""
    found = _GROUP.fullmatch(text.replace(" ", ""))
    places = found["sources"].split("+") if found else []
    known = {str(number): share.source for number, share in enumerate(model.per_source, 1)}
    if found is None or not all(place in known for place in places):
        listed = ", ".join(f"{number} {share.title}" for number, share in enumerate(model.per_source, 1))
        raise Invalid(
            f"{text[:80]!r} does not say which sources, with which weight",
            f"{text[:80]!r} 没有说明哪些来源、权重多少",
            hint=(f"Example: 1+2=30@4. The sources are: {listed}", f"示例：1+2=30@4。来源有：{listed}"),
            code="bad_group",
        )
    whole, _, part = (found["epochs"] or "4").partition(".")
    epochs = Rate(k=int(whole + part), n=10 ** len(part))
    return found["sources"], tuple(known[place] for place in places), int(found["weight"]), epochs


class CorpusExport(WithSources):
    """Input of corpus.export."""

    format: Literal["parquet", "jsonl.zst", "huggingface", "megatron"] = param(
        "huggingface",
        "parquet, jsonl.zst, huggingface (data/train-*.parquet with README) or megatron (.bin and .idx)",
        "parquet、jsonl.zst、huggingface（data/train-*.parquet 与 README）或 megatron（.bin 与 .idx）",
    )
    mix: Annotated[str | None, Takes("mix")] = param(None, "Mix to export in place of all", "按此配比导出，而非全部")
    tokenizer: Annotated[str | None, Takes("tokenizer")] = param(
        None, "Tokenizer, for megatron", "分词器（megatron 格式需要）"
    )
    end: str = param(END, "Token that ends a document, for megatron", "表示文档结束的词元（megatron 格式）")
    validation: str = param(
        "", "Share of documents held out, as 1/100", "留作验证集的文档占比，如 1/100", max_length=20
    )
    title: str = param("corpus", "Title of the README", "README 的标题", max_length=200)


@verb(
    "corpus.export",
    version=2,
    permission="build",
    cache=True,
    makes=("export/v1",),
    prepare=fill_sources,
    help=(
        "Export a corpus for training programs; `artifact save` then writes the files into a folder",
        "把语料导出为训练程序可用的文件；再用 artifact save 存到文件夹",
    ),
)
def corpus_export(ctx: JobContext, inp: CorpusExport) -> Draft:
    """Leave the files as layers of an export: the same input gives the same bytes."""
    from quanheng.data.corpus.export.run import export_corpus

    corpus, model = _corpus(ctx)
    with ctx.objects.scratch() as scratch:
        target = scratch / "export"
        record = export_corpus(corpus, inp.format, target, _options(ctx, inp, corpus), ctx.progress)
        return _exported(ctx, target, inp.format, record, model)


def _options(ctx: JobContext, inp: CorpusExport, corpus: Any) -> Any:
    from quanheng.data.corpus.export.run import ExportOptions

    tokenizer = ctx.optional("tokenizer")
    return ExportOptions(
        split=_split(inp.validation),
        mix=_choice(ctx, corpus),
        tokenizer=_tokenizer(tokenizer) if tokenizer else None,
        end_of_document=inp.end,
        title=inp.title,
    )


def _split(text: str) -> Any:
    """Return the split that "1/100" asks for, None for ""."""
    from quanheng.data.corpus.export.tables import Split

    share = _SHARE.fullmatch(text.replace(" ", ""))
    if share is None and text:
        raise Invalid(
            f"{text!r} is no share",
            f"{text!r} 不是占比",
            hint=("Write it as 1/100.", "请写成 1/100 的形式。"),
            code="bad_split",
        )
    return Split("quanheng", Rate(k=int(share[1]), n=int(share[2]))) if share else None


def _choice(ctx: JobContext, corpus: Any) -> Any:
    """Return the documents that the mix given takes, None without one."""
    from quanheng.data.corpus.mix import GroupPlan, MixPlan, choose

    found = ctx.optional("mix")
    if found is None:
        return None
    mix = found.model
    assert isinstance(mix, Mix)  # noqa: S101 - Takes has checked the kind
    groups = tuple(GroupPlan(**{name: getattr(group, name) for name in _GROUP_FIELDS}) for group in mix.groups)
    plan = MixPlan("".join(found.made_from("corpus")), mix.tokenizer, mix.seed, mix.total, groups, mix.left_out)
    return choose(plan, corpus, lambda: found.open_layer(COUNTS_LAYER), ctx.progress)


#: The fields of a group that a plan keeps; what it says of its epochs follows from them.
_GROUP_FIELDS = tuple(name for name in MixGroup.model_fields if name != "epochs")


def _exported(ctx: JobContext, target: Path, format: ExportFormat, record: Any, model: Corpus) -> Draft:
    """Return the export with every file of its folder as a layer."""
    layers, files = [], []
    for path in sorted(path for path in target.rglob("*") if path.is_file()):
        stored = ctx.objects.put_file(path)
        name = path.relative_to(target).as_posix()
        layers.append(Layer(stored.digest, stored.size, "application/octet-stream", name))
        files.append(ExportFile(name=name, digest=stored.digest, size=stored.size))
    made = Export(
        format=format,
        rows_digest=model.rows_digest,
        documents=dict(record.documents),
        characters=dict(record.characters),
        tokens=dict(record.tokens),
        files=tuple(files),
    )
    return Draft(made, tuple(layers))


class CorpusPublish(WithSources):
    """Input of corpus.publish."""

    name: str = param(
        ...,
        "Name of the data set: letters, digits, -",
        "数据集名称：字母、数字和 -",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
    )
    title: str = param(..., "Title, in Chinese", "标题（中文）", min_length=1, max_length=200)
    publisher: str = param(..., "Who publishes it", "发布单位", min_length=1, max_length=200)
    contact: str = param(..., "Where to ask for a takedown", "下架请求的联系方式", min_length=1, max_length=300)
    title_en: str = param("", "Title in English (default: the title)", "英文标题（默认同标题）", max_length=200)
    version: str = param("1.0.0", "Version", "版本")
    published_on: str | None = param(
        None, "Day of publication, YYYY-MM-DD", "发布日期，YYYY-MM-DD", pattern=r"^\d{4}-\d{2}-\d{2}$"
    )
    waiver: str = param(
        "",
        "Why sources without a clear licence are published all the same; printed in the card",
        "许可不明确的来源为何仍要发布；将写入说明卡",
        max_length=2000,
    )
    validation: str = param(
        "", "Share of documents held out, as 1/100", "留作验证集的文档占比，如 1/100", max_length=20
    )

    _is_day = field_validator("published_on")(calendar_day)


@verb(
    "corpus.publish",
    version=3,
    permission="build",
    cache=True,
    makes=("export/v1",),
    prepare=fill_sources,
    help=(
        "Make an open data set: data, cards in both languages, licences, checksums and Croissant",
        "制作开放数据集：数据、中英文说明卡、许可表、校验和与 Croissant 说明",
    ),
)
def corpus_publish(ctx: JobContext, inp: CorpusPublish) -> Draft:
    """Leave the data set as layers of an export; a source without a clear licence stops it."""
    from quanheng.data.corpus.export.publish import Publication, publish
    from quanheng.data.corpus.export.run import ExportOptions

    corpus, model = _corpus(ctx)
    publication = Publication(
        name=inp.name,
        title=Say(en=inp.title_en or inp.title, zh=inp.title),
        publisher=inp.publisher,
        contact=inp.contact,
        version=inp.version,
        published_on=inp.published_on,
        acknowledgement=inp.waiver or None,
    )
    with ctx.objects.scratch() as scratch:
        target = scratch / "export"
        options = ExportOptions(split=_split(inp.validation))
        record = publish(corpus, model, publication, target, options, ctx.progress)
        return _exported(ctx, target, "open_data_set", record, model)
