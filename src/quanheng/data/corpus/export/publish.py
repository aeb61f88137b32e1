"""An open data set: a Hugging Face folder with cards in both languages, licence table, Croissant and checksums.

A text whose licence nobody knows is not published by accident: a source without a clear licence stops it, unless the
publisher says in writing why it may go, and then that stands in the card.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quanheng.data.corpus.cards import Language, card
from quanheng.data.corpus.export.croissant import Head, ResponsibleAI, collection_types, data_set
from quanheng.data.corpus.export.folder import WorkingFolder
from quanheng.data.corpus.export.huggingface import front_matter
from quanheng.data.corpus.export.record import ExportRecord
from quanheng.data.corpus.export.run import ExportOptions, export_with
from quanheng.data.corpus.export_rows import CorpusFiles, Progress
from quanheng.data.corpus.markdown import cell, table
from quanheng.errors import Invalid
from quanheng.kinds.base import Say
from quanheng.kinds.corpora import Corpus, CorpusV2
from quanheng.kinds.counting import counted
from quanheng.kinds.drop_reasons import reason_name
from quanheng.kinds.kind_words import said_zh
from quanheng.kinds.sources import Source
from quanheng.store import canonical_json


@dataclass(frozen=True)
class Publication:
    """What only the publisher knows.

    name: a word for programs (letters, digits, "-"). contact: where takedown requests go. published_on: YYYY-MM-DD.
    acknowledgement: why sources without a clear licence are published; printed in the cards. rai: statements that
    replace those made from the corpus, where they are not empty.
    """

    name: str
    title: Say
    publisher: str
    contact: str
    version: str = "1.0.0"
    published_on: str | None = None
    url: str | None = None
    cite_as: str | None = None
    languages: tuple[str, ...] = ("zh",)
    acknowledgement: str | None = None
    rai: ResponsibleAI = field(default_factory=ResponsibleAI)


def publish(
    corpus: CorpusFiles,
    model: Corpus,
    publication: Publication,
    target: Path,
    options: ExportOptions,
    progress: Progress,
) -> ExportRecord:
    """Return what was written into the new folder `target`: an open data set, whole or not at all.

    Files: data/<split>-*.parquet, README.md (with the Hub's front matter), card.zh.md, card.en.md, licences.json,
    croissant.json, export.json, SHA256SUMS. The same input gives the same bytes.

    Raises Invalid "licence_unclear" naming the sources, "bad_publication" for a name, version or date that Croissant
    does not take, and what `export_corpus` raises.
    """
    check_publication(publication)
    unclear = unclear_sources(corpus, model, options)
    if unclear and not (publication.acknowledgement or "").strip():
        raise _unclear(unclear)

    def extra(folder: WorkingFolder, record: ExportRecord) -> None:
        texts = {at: _card(corpus, model, publication, record, at) for at in ("zh", "en")}
        head = front_matter(record, publication.title.zh, publication.languages)
        folder.write("README.md", f"{head}\n{texts['zh']}\n---\n\n{texts['en']}".encode())
        folder.write("card.zh.md", texts["zh"].encode())
        folder.write("card.en.md", texts["en"].encode())
        folder.write("licences.json", canonical_json(licence_rows(corpus, record)) + b"\n")
        folder.write("croissant.json", _croissant(corpus, model, publication, record, folder).encode())

    return export_with(corpus, "huggingface", target, options, progress, extra)


def unclear_sources(corpus: CorpusFiles, model: Corpus, options: ExportOptions) -> list[Source]:
    """Return the sources of exported text whose licence is not clear, in the order of the corpus."""
    used = [share.source for share in model.per_source if share.documents_kept]
    if options.mix is not None:
        mixed = {source for group in options.mix.plan.groups if group.planned for source in group.sources}
        used = [source for source in used if source in mixed]
    return [corpus.sources[digest] for digest in used if not corpus.sources[digest].licence.clear]


def _unclear(sources: Sequence[Source]) -> Invalid:
    titles = ", ".join(source.title for source in sources)
    found = sources[0].licence.found or "–"
    found_zh = said_zh(found)
    return Invalid(
        f"these sources have no clear licence: {titles} (found for the first: {found})",
        f"以下来源的许可不明确：{'、'.join(source.title for source in sources)}（第一个的许可原文：{found_zh}）",
        hint=(
            "Build a corpus without them, clear their licence, or acknowledge in writing why they may be published.",
            "请构建不含这些来源的语料，或明确其许可，或书面说明可以公开的理由。",
        ),
        code="licence_unclear",
    )


_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,95}")


def check_publication(publication: Publication) -> None:
    """Raise Invalid "bad_publication" for what the metadata formats do not take."""
    for what, zh, value, pattern, example in (
        ("name", "名称", publication.name, _NAME, "beijing-statutes"),
        ("version", "版本", publication.version, _VERSION, "1.0.0"),
        ("date", "日期", publication.published_on or "2000-01-01", _DAY, "2026-07-01"),
    ):
        if not pattern.fullmatch(value):
            raise Invalid(
                f"the {what} {value!r} cannot be published",
                f"{zh} {value!r} 不符合发布格式",
                hint=(f"Write it as {example}.", f"请写成 {example} 的形式。"),
                code="bad_publication",
            )


def licence_rows(corpus: CorpusFiles, record: ExportRecord) -> list[dict[str, str | int | bool]]:
    """Return the licence table: per exported source its SPDX identifier, what was found, and how much text it gave."""
    return [
        {
            "source": count.digest,
            "title": count.title,
            "spdx": count.licence,
            "found": corpus.sources[count.digest].licence.found,
            "clear": corpus.sources[count.digest].licence.clear,
            "documents": count.documents,
            "characters": count.characters,
        }
        for count in record.sources
        if count.documents
    ]


def _card(
    corpus: CorpusFiles, model: Corpus, publication: Publication, record: ExportRecord, language: Language
) -> str:
    """Return the card of the data set: its own part, then the card of the corpus one heading lower."""
    at = 0 if language == "zh" else 1
    title = (publication.title.zh, publication.title.en)[at]
    characters = sum(record.characters.values())
    size = (
        f"版本 {publication.version}：文档 {record.total_documents:,} 篇，{characters:,} 字。"
        f"发布者：{cell(publication.publisher)}。",
        f"Version {publication.version}: {counted(record.total_documents, 'documents')}, "
        f"{counted(characters, 'characters')}. Published by {cell(publication.publisher)}.",
    )[at]
    lines = [f"# {cell(title)}", "", size, "", *_licences(corpus, record, at), *_splits(record, at)]
    if publication.acknowledgement and publication.acknowledgement.strip():
        lines += [("## 许可不明确的来源", "## Sources without a clear licence")[at], ""]
        lines += [("发布者声明：", "The publisher states:")[at], "", f"> {cell(publication.acknowledgement)}", ""]
    lines += [("## 更正与下架", "## Corrections and takedown")[at], ""]
    lines += [
        (
            f"权利人或个人信息主体可向 {cell(publication.contact)} 提出更正或下架请求；"
            "export.json 记录了所用语料与来源的摘要，可据此查找需要更新的发布。",
            f"Rights holders and persons concerned write to {cell(publication.contact)}; export.json names the corpus "
            "and sources by digest, so that every release with a text in it can be found.",
        )[at],
        "",
        ("校验：`sha256sum -c SHA256SUMS`", "Verify: `sha256sum -c SHA256SUMS`")[at],
        "",
    ]
    sources = [corpus.sources[share.source] for share in model.per_source]
    return "\n".join(lines) + "\n" + re.sub(r"^#", "##", card(model, sources, language), flags=re.MULTILINE)


def _licences(corpus: CorpusFiles, record: ExportRecord, at: int) -> list[str]:
    yes, no = (("是", "否"), ("yes", "no"))[at]
    head = (
        ("来源", "许可", "许可原文", "许可是否明确", "文档", "字数"),
        ("source", "licence", "as found", "clear", "documents", "characters"),
    )[at]
    rows = [
        (
            str(row["title"]),
            str(row["spdx"]),
            (str(row["found"]) if at else said_zh(str(row["found"]))) or "–",
            yes if row["clear"] else no,
            int(row["documents"]),
            int(row["characters"]),
        )
        for row in licence_rows(corpus, record)
    ]
    return [("## 许可", "## Licences")[at], "", *table(head, rows)]


def _splits(record: ExportRecord, at: int) -> list[str]:
    if record.split is None:
        return []
    head = (("划分", "文档", "字数"), ("split", "documents", "characters"))[at]
    rows = [(split, record.documents[split], record.characters[split]) for split in record.documents]
    share = record.split.validation
    said = (
        f"按正文摘要与种子 `{cell(record.split.seed)}` 划分，验证集约占 {share.k}/{share.n}；相同文本总在同一侧。",
        f"Split by a hash of the text and the seed `{cell(record.split.seed)}`, about {share.k}/{share.n} for "
        "validation; equal texts are always on the same side.",
    )[at]
    return [("## 划分", "## Splits")[at], "", said, "", *table(head, rows)]


def _croissant(
    corpus: CorpusFiles, model: Corpus, publication: Publication, record: ExportRecord, folder: WorkingFolder
) -> str:
    import pyarrow.parquet as pq

    first = next(file.path for file in record.files if file.path.endswith(".parquet"))
    said = _statements(corpus, model, publication, record)
    given = {name: value for name, value in vars(publication.rai).items() if value}
    head = Head(
        name=publication.name,
        description=f"{publication.title.en}: {counted(record.total_documents, 'documents')}. {publication.title.zh}。",
        version=publication.version,
        languages=publication.languages,
        licences=sorted({count.licence for count in record.sources if count.documents}),
        published_on=publication.published_on,
        url=publication.url,
        cite_as=publication.cite_as,
        creator=publication.publisher,
        keywords=("Chinese", "pre-training", "text"),
    )
    rai = ResponsibleAI(**{**vars(said), **given})
    return data_set(head, rai, record, folder.files, pq.read_schema(folder.path / first))


def _statements(corpus: CorpusFiles, model: Corpus, publication: Publication, record: ExportRecord) -> ResponsibleAI:
    """Return the RAI statements that follow from the corpus; nothing in them is a guess."""
    used = [corpus.sources[count.digest] for count in record.sources if count.documents]
    days = sorted(source.collection.collected_on for source in used if source.collection.collected_on)
    labels = ", ".join(model.recipe.labels) if isinstance(model, CorpusV2) else ""
    total = model.totals.documents
    scripts = ", ".join(f"{name} {count} of {total}" for name, count in model.language.items())
    limits = [
        "Nobody reviewed every text; some personal data, errors and unwanted content may remain.",
        "Intellectual property in the text was not checked beyond the licence of each source.",
    ]
    if publication.acknowledgement and publication.acknowledgement.strip():
        limits.append(f"Sources without a clear licence: {publication.acknowledgement.strip()}")
    return ResponsibleAI(
        data_collection="; ".join(f"{source.title}: {source.collection.method}" for source in used),
        data_collection_type=collection_types(used),
        data_collection_raw_data="; ".join(f"{source.title}: {source.origin.name}" for source in used),
        data_collection_timeframe=tuple(dict.fromkeys((days[0], days[-1]))) if days else (),
        data_preprocessing_protocol=_protocol(model),
        data_annotation_protocol=(
            "No human labels. " + (f"The columns {labels} were computed by the steps of the recipe." if labels else "")
        ).strip(),
        annotations_per_item="0",
        machine_annotation_tools=tuple(use.id for use in model.operators) if isinstance(model, CorpusV2) else (),
        data_biases=(
            f"Scripts of the documents of the corpus: {scripts}.",
            "Shares of the sources by documents: "
            + ", ".join(f"{count.title} {count.documents} of {record.total_documents}" for count in record.sources)
            + ".",
        ),
        data_use_cases=("Pre-training and continued pre-training of language models.",),
        data_limitations=tuple(limits),
        personal_sensitive_information=_personal_data(model),
        data_release_maintenance_plan=(
            f"Version {publication.version}. Corrections and takedown: {publication.contact}. "
            "A release that loses documents gets a new version and new checksums."
        ),
    )


def _protocol(model: Corpus) -> tuple[str, ...]:
    lines = []
    for step in model.funnel:
        why = f" ({reason_name(step.reason).en})" if step.reason else ""
        lines.append(f"{step.step}{why}: {step.documents_before} to {counted(step.documents_after, 'documents')}")
    return tuple(lines)


def _personal_data(model: Corpus) -> tuple[str, ...]:
    found = tuple(
        f"{name}: {counted(count, 'places')} replaced by the name of the type"
        for name, count in model.personal_data.items()
    )
    return found or ("No personal data was masked; some may remain.",)
