"""What the data wing can do: sources, keyword libraries, corpora, samples."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import field_validator

from quanheng.core.context import Draft, JobContext
from quanheng.core.inputs import Filled, Input, Local, Takes, calendar_day, param
from quanheng.core.resolve import is_elsewhere, local_path
from quanheng.core.session import Session
from quanheng.core.verb import verb
from quanheng.data import (
    classifier_verbs,
    corpus_verbs,
    export_verbs,
    lexicon_verbs,
    ngram_verbs,
    takedown_verbs,
    trial_queries,
)
from quanheng.errors import Conflict, Invalid, NotFound
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.counting import counted
from quanheng.kinds.encodings import EncodingName
from quanheng.kinds.licences import UNCLEAR, SpdxLicence
from quanheng.kinds.samples import CheckpointRef, Sample, SampleCommitment, SamplePurpose
from quanheng.kinds.sources import Collection, Language, Licence, Origin, Reading, Source
from quanheng.store import Layer, canonical_json, sha256_digest

if TYPE_CHECKING:
    from quanheng.data.corpus.files import StoredFiles

__all__ = [
    "classifier_verbs",
    "corpus_verbs",
    "export_verbs",
    "lexicon_verbs",
    "ngram_verbs",
    "takedown_verbs",
    "trial_queries",
]  # a wing's verbs are found through this module

JSONL = "application/jsonl"
LICENCE_LAYER = "licence/found"
#: Names of skipped files that are told.
SHOWN_SKIPPED = 3


class SourceRegister(Input):
    """Input of source.register."""

    path: Annotated[str, Local(elsewhere=True, folders=True)] = param(
        ...,
        "File or folder of text; on the command line also s3://bucket/prefix, oss://…, https://…: read in place",
        "文本文件或文件夹；在命令行中也可写 s3://存储桶/前缀、oss://…、https://…，原地读取，不复制",
    )
    title: str = param(..., "Title", "标题", min_length=1, max_length=500)
    language: Language = param("zh", "Language (BCP 47)", "语言（BCP 47）")
    origin: Literal["open", "self_collected", "commercial", "user_input"] = param(
        "self_collected", "Kind of origin", "来源类型：开源、自采、商业、使用者输入"
    )
    origin_name: str = param(
        "", "Who or what it comes from (default: the title)", "来源名称（默认同标题）", max_length=500
    )
    url: str | None = param(None, "Where it was published", "发布地址")
    origin_version: str | None = param(None, "Version of what was published", "发布的版本")
    region: Literal["domestic", "overseas", "unknown"] = param(
        "unknown", "Where it was published: domestic, overseas, unknown", "境内、境外或未知"
    )
    licence: SpdxLicence = param(
        UNCLEAR,
        "SPDX identifier, such as CC-BY-4.0, when it is clear",
        "许可证的 SPDX 标识，如 CC-BY-4.0（明确时填写）",
    )
    licence_found: str = param("", "What was found about the licence, in words", "查到的许可情况（如实描述）")
    licence_file: Annotated[str | None, Local()] = param(
        None, "File with the licence, contract or consent", "许可、合同或授权文件"
    )
    collection: str = param("", "How it was collected", "采集方式")
    collected_on: str | None = param(
        None, "Day of collection, YYYY-MM-DD", "采集日期，YYYY-MM-DD", pattern=r"^\d{4}-\d{2}-\d{2}$"
    )
    collection_note: str = param("", "Notes on the collection", "采集备注")
    text_field: str | None = param(
        None, "Column or field that holds the text; a.b reaches inside", "正文所在的列或字段；a.b 取内层"
    )
    text_fields: list[str] = param(
        [], "Several fields that make up the text, in order, a line each", "由多个字段依次组成正文，各占一行"
    )
    url_field: str | None = param(None, "Column or field with the address of a document", "文档网址所在的列或字段")
    document: Literal["line", "file", "paragraph"] = param(
        "file", "What one document is in txt and html", "txt、html 中一篇文档的划分：行、文件、段落"
    )
    markup: Literal["plain", "pku_tagged"] = param(
        "plain", "plain, or pku_tagged (words as 词/n)", "plain 纯文本，或 pku_tagged（词/词性 标注）"
    )
    encoding: EncodingName | None = param(
        None,
        "Encoding, also by its usual names (gbk, gb2312, cp936, big5-hkscs …); detected per file when left out",
        "编码，也可写常用别名（gbk、gb2312、cp936、big5-hkscs 等）；不填则逐个文件识别",
    )
    extract: Literal["fast", "precise", "all"] = param(
        "fast",
        "Of web pages: fast (main text), precise (main text with more care, slower), all (everything visible)",
        "网页取哪些内容：fast 正文（快），precise 正文（更细，较慢），all 全部可见文字",
    )
    ocr: Literal["never", "when_missing", "always"] = param(
        "never",
        "Recognise text in image files and in PDF pages: never, when_missing (no usable text layer), always",
        "识别图像文件和 PDF 页面中的文字：never 不识别，when_missing 仅在没有可用文字层时，always 全部识别",
    )

    _is_day = field_validator("collected_on")(calendar_day)


@verb(
    "source.register",
    version=2,
    permission="build",
    cache=True,
    makes=("source/v2",),
    help=(
        "Register text as a source: where it comes from, its licence, how it was collected",
        "登记来源：文本的出处、许可与采集记录",
    ),
)
def source_register(ctx: JobContext, inp: SourceRegister) -> Draft:
    """Leave the source, its files stored as layers or named where they lie. An unclear licence is stated as such."""
    if inp.text_field and inp.text_fields:
        raise Invalid(
            "text_field and text_fields are both given",
            "text_field 与 text_fields 只能填一个",
            hint=("Name one field, or several in text_fields.", "一个字段填 text_field，多个字段填 text_fields。"),
            code="two_text_fields",
        )
    stored, passed_over = (_in_place if is_elsewhere(SourceRegister, "path", inp.path) else _copied)(ctx, inp)
    _tell_passed_over(ctx, passed_over)
    stored.check_text(inp.path)
    _tell_blank(ctx, stored.blank)
    layers = stored.layers
    if inp.licence_file:
        found = ctx.objects.put_file(local_path(inp.licence_file))
        layers = (*layers, Layer(found.digest, found.size, "application/octet-stream", LICENCE_LAYER))
    model = Source(
        title=inp.title,
        language=inp.language,
        origin=Origin(
            type=inp.origin,
            name=inp.origin_name or inp.title,
            url=inp.url,
            version=inp.origin_version,
            region=inp.region,
        ),
        licence=Licence(
            spdx=inp.licence,
            found=inp.licence_found or "nothing found",
            clear=inp.licence != UNCLEAR,
            evidence=LICENCE_LAYER if inp.licence_file else None,
        ),
        collection=Collection(
            method=inp.collection or "not recorded",
            collected_on=inp.collected_on,
            note=inp.collection_note,
            has_record=bool(inp.collection),
        ),
        files=stored.files,
        counts=stored.counts,
        reading=Reading(
            text_field=inp.text_field,
            text_fields=tuple(inp.text_fields),
            url_field=inp.url_field,
            extract=inp.extract,
            document=inp.document,
            markup=inp.markup,
            encoding=inp.encoding,
            ocr=inp.ocr,
        ),
    )
    _tell_absent(ctx, model, layers)
    return Draft(model, tuple(layers))


def _tell_absent(ctx: JobContext, model: Source, layers: Sequence[Layer]) -> None:
    """Tell which fields that were named no record seems to have: their part of each text would be lost in silence."""
    from quanheng.data.corpus.named_fields import RECORDS, absent_fields

    for name in absent_fields(model.files, layers, model.reading, ctx.objects):
        ctx.log(
            f"attention: none of the first {RECORDS} records of a file has the field {name!r}; check its spelling",
            f"请注意：文件的前 {RECORDS} 条记录都没有字段 {name!r}，请核对字段名",
        )


def _tell_passed_over(ctx: JobContext, names: Sequence[str]) -> None:
    """Tell which files were not read, pictures by themselves: their text can be had."""
    from quanheng.data.corpus.files import READ_PICTURES, is_picture

    pictures = [name for name in names if is_picture(name)]
    others = [name for name in names if not is_picture(name)]
    if pictures:
        en, zh = _some(pictures)
        ctx.log(
            f"{counted(len(pictures), 'pictures')} not read: {en}. {READ_PICTURES[0]}",
            f"{len(pictures):,} 张图片没有读取：{zh}。{READ_PICTURES[1]}",
        )
    if others:
        en, zh = _some(others)
        ctx.log(
            f"{counted(len(others), 'files')} passed over (unknown format, hidden or linked): {en}",
            f"跳过 {len(others):,} 个文件（格式不明、隐藏或链接）：{zh}",
        )


def _tell_blank(ctx: JobContext, names: Sequence[str]) -> None:
    """Tell which files hold nothing: they are registered, and no document will come of them."""
    if names:
        en, zh = _some(names)
        ctx.log(
            f"attention: {counted(len(names), 'files')} without any text, empty or of blanks alone: {en}",
            f"请注意：{len(names):,} 个文件没有文字（空文件，或只有空白）：{zh}",
        )


def _some(names: Sequence[str]) -> tuple[str, str]:
    """Return the first names as a list, in English and in Chinese."""
    some = names[:SHOWN_SKIPPED]
    more = ("…", "等") if len(names) > len(some) else ("", "")
    return ", ".join(some) + more[0], "、".join(some) + more[1]


def _copied(ctx: JobContext, inp: SourceRegister) -> tuple[StoredFiles, Sequence[str]]:
    from quanheng.data.corpus import scan_folder, store_files

    scan = scan_folder(local_path(inp.path), pictures=inp.ocr != "never")
    return store_files(scan, ctx.objects, ctx.progress), scan.passed_over


def _in_place(ctx: JobContext, inp: SourceRegister) -> tuple[StoredFiles, Sequence[str]]:
    from quanheng.data.corpus.register_elsewhere import register_elsewhere
    from quanheng.store.s3 import find_remote

    hosts, pictures = sorted(ctx.settings.allowed_hosts), inp.ocr != "never"
    listing = find_remote(inp.path, hosts)
    return register_elsewhere(inp.path, listing, hosts, ctx.objects, ctx.cache, ctx.progress, pictures=pictures)


class SampleCommit(Input):
    """Input of sample.commit."""

    corpus: Annotated[str, Takes("corpus")] = param(..., "Corpus", "语料")
    purpose: SamplePurpose = param(
        ...,
        "What the sample is for: manual, keyword, classifier, source",
        "抽样用途：manual 人工、keyword 关键词、classifier 分类模型、source 单一来源",
    )
    n: int = param(0, "How many documents", "抽取多少篇", ge=0)
    percent: int = param(
        0, "Or: how many per cent of the corpus, rounded up", "或：占语料的百分比，向上取整", ge=0, le=100
    )


@verb(
    "sample.commit",
    permission="build",
    cache=True,
    makes=("sample_commitment/v1",),
    help=("Commit to a sample before anybody can know what it will contain", "抽样承诺：先承诺，后抽取"),
)
def sample_commit(ctx: JobContext, inp: SampleCommit) -> Draft:
    """Leave the commitment: purpose, size and frame. A sample larger than the corpus takes all of it."""
    if (inp.n > 0) == (inp.percent > 0):
        raise Invalid(
            "say either how many documents or how many per cent",
            "请指定篇数或百分比（二选一）",
            hint=("Example: --n 4000, or --percent 10", "例如：--n 4000，或 --percent 10"),
            code="bad_sample_size",
        )
    corpus = ctx.one("corpus").model
    if not isinstance(corpus, Corpus) or corpus.totals.documents == 0:
        raise Conflict(
            "the corpus has no document to sample",
            "语料中没有可抽取的文档",
            hint=(
                "Look at what was dropped and why: quanheng show CORPUS",
                "请查看哪些内容因何被剔除：quanheng show 语料",
            ),
            code="empty_corpus",
        )
    population = corpus.totals.documents
    n = inp.n or -(-population * inp.percent // 100)
    return Draft(
        SampleCommitment(
            purpose=inp.purpose, n=min(n, population), population=population, frame_digest=corpus.rows_digest
        )
    )


class SampleDraw(Input):
    """Input of sample.draw."""

    commitment: Annotated[str, Takes("sample_commitment")] = param(..., "Commitment", "抽样承诺")
    nonce: str | None = param(
        None,
        "Random hex that nobody could know before; made up when you are not the one who committed",
        "事先无人能知的十六进制随机数；若抽取人不是承诺人，可由系统生成",
        pattern=r"^[0-9a-f]{32,128}$",
    )
    corpus: Annotated[str, Takes("corpus"), Filled()] = param("", "Corpus of the commitment", "承诺所指的语料")
    self_drawn: Annotated[bool, Filled()] = param(True, "Drawn by the one who committed", "由承诺人自行抽取")
    checkpoint_size: Annotated[int, Filled()] = param(0, "Checkpoint that holds the commitment", "包含承诺的检查点")
    checkpoint_root: Annotated[str, Filled()] = param("", "Its root", "检查点的根哈希")
    draw_no: Annotated[int, Filled()] = param(1, "Number of this draw", "第几次抽取")


def complete_draw(session: Session, inp: SampleDraw) -> SampleDraw:
    """Fill in who drew, the checkpoint the seed hangs on, and which draw of its purpose this is."""
    from quanheng.core.models import Artifact, Checkpoint
    from quanheng.core.resolve import find_artifact

    digest = find_artifact(session, inp.commitment, Takes("sample_commitment"))
    commitment = Artifact.objects.select_related("job").get(digest=digest)
    corpus = str(_made_by(commitment)["inputs"][0]["digest"])
    own = commitment.job.actor_id == session.actor_id
    found = None if own else _checkpoint_after(commitment.job_id, Checkpoint.objects.order_by("size", "id"))
    if not own and found is None:
        raise Conflict(
            "no signed checkpoint holds the commitment yet",
            "还没有包含该承诺的已签名检查点",
            hint=("Sign one: quanheng log checkpoint", "请先签署：quanheng log checkpoint"),
            code="no_checkpoint",
        )
    nonce = inp.nonce or (None if own else secrets.token_hex(32))
    return inp.model_copy(
        update={
            "commitment": digest,
            "corpus": corpus,
            "nonce": nonce,
            "self_drawn": own,
            "checkpoint_size": found.size if found else 0,
            "checkpoint_root": found.root if found else "",
            "draw_no": _draw_no(session, corpus, digest, nonce),
        }
    )


def _made_by(artifact: object) -> dict[str, list[dict[str, str]]]:
    import json

    return json.loads(bytes(artifact.config))["made_by"]  # type: ignore[attr-defined,no-any-return]


def _checkpoint_after(job_id: str, rows: object) -> CheckpointRef | None:
    """Return the first signed checkpoint whose tree holds the entry of this job."""
    from quanheng.core.log import indexes_of_jobs
    from quanheng.store import parse_signed

    index = indexes_of_jobs([job_id])[job_id]
    row = rows.filter(size__gt=index).first()  # type: ignore[attr-defined]
    if row is None:
        return None
    signed = parse_signed(row.note).checkpoint
    return CheckpointRef(size=signed.size, root=signed.root.hex())


def _draw_no(session: Session, corpus: str, commitment: str, nonce: str | None) -> int:
    """Return the number of this draw among all of its purpose from this corpus; a repeated one keeps its number."""
    import json

    from quanheng.core.lineage import descendants
    from quanheng.core.models import Artifact

    drawn = {step.digest for step in descendants(corpus) if step.kind.startswith("sample/")}
    purpose = json.loads(bytes(Artifact.objects.get(digest=commitment).config))["purpose"]
    highest = 0
    for row in Artifact.objects.filter(digest__in=drawn):
        config = json.loads(bytes(row.config))
        if config["purpose"] != purpose:
            continue
        mine = any(i["digest"] == commitment for i in config["made_by"]["inputs"])
        if mine and config["nonce"] == nonce:
            return int(config["draw_no"])
        highest = max(highest, int(config["draw_no"]))
    return highest + 1


@verb(
    "sample.draw",
    permission="audit",
    cache=True,
    makes=("sample/v1",),
    prepare=complete_draw,
    help=(
        "Draw a committed sample; who drew it and how often stays on record",
        "按承诺抽取样本；由谁抽取、是否重抽都会留痕",
    ),
)
def sample_draw(ctx: JobContext, inp: SampleDraw) -> Draft:
    """Draw without replacement, from a seed of commitment, checkpoint root (none when self-drawn) and nonce."""
    from quanheng.data.corpus import read_rows
    from quanheng.stats import draw

    commitment, corpus = ctx.one("commitment"), ctx.one("corpus")
    promise, model = commitment.model, corpus.model
    if not isinstance(promise, SampleCommitment) or not isinstance(model, Corpus):
        raise NotFound(
            "the commitment names no corpus",
            "该承诺没有指向语料",
            hint=("List what there is: quanheng artifact list", "查看现有制品：quanheng artifact list"),
        )
    seed = sha256_digest(
        canonical_json(["quanheng sample v1", commitment.digest, inp.checkpoint_root, inp.nonce or ""])
    )
    indices = draw(seed, promise.population, promise.n)
    with ctx.objects.writer() as out:
        for number, item in enumerate(read_rows(model, corpus.open_layer, indices), 1):
            out.write(canonical_json(item.model_dump(mode="json")) + b"\n")
            ctx.progress(number, promise.n)
    checkpoint = None if inp.self_drawn else CheckpointRef(size=inp.checkpoint_size, root=inp.checkpoint_root)
    sample = Sample(
        purpose=promise.purpose,
        n=promise.n,
        population=promise.population,
        self_drawn=inp.self_drawn,
        nonce=inp.nonce,
        checkpoint=checkpoint,
        seed=seed,
        draw_no=inp.draw_no,
    )
    return Draft(sample, (Layer(out.result.digest, out.result.size, JSONL, "items.jsonl"),))
