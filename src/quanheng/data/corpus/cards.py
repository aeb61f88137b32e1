"""What a corpus says of itself: data cards in Chinese and English, and Croissant 1.0 metadata for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from quanheng.data.corpus.account import by_licence
from quanheng.data.corpus.card_account import REGIONS, account_sections, step_text
from quanheng.data.corpus.croissant_context import CONTEXT
from quanheng.data.corpus.markdown import cell, percent, table
from quanheng.kinds.base import Rate, Say
from quanheng.kinds.code_words import ORIGINS, SCRIPTS
from quanheng.kinds.corpora import Corpus, CorpusV2, CorpusV3, FunnelStep, FunnelStepV3, TotalsV3
from quanheng.kinds.counting import counted
from quanheng.kinds.drop_reasons import reason_name
from quanheng.kinds.kind_words import said_zh
from quanheng.kinds.recipes import RecipeV1, Step
from quanheng.kinds.sources import Source
from quanheng.store import Layer
from quanheng.text.personal_data import LABELS

Language = Literal["zh", "en"]


def _rate(rate: Rate) -> str:
    return f"{rate.k}/{rate.n}"


def card(corpus: Corpus, sources: Sequence[Source], language: Language) -> str:
    """Return the data card as Markdown: what the text is, where it is from, what was done to it, what was not."""
    at = 0 if language == "zh" else 1
    lines = [("# 训练数据说明", "# Data card")[at], ""]
    totals = corpus.totals
    tokens = totals.tokens if isinstance(totals, TotalsV3) else None
    lines += [
        (
            f"文档 {totals.documents:,} 篇，{totals.characters:,} 字，{totals.bytes:,} 字节（UTF-8）。",
            f"{counted(totals.documents, 'documents')}, {counted(totals.characters, 'characters')}, "
            f"{counted(totals.bytes, 'bytes')} of UTF-8.",
        )[at],
        *_tokens(corpus, tokens, at),
        "",
        (f"内容摘要 `{corpus.rows_digest}`", f"Digest of the rows: `{corpus.rows_digest}`")[at],
        "",
        *_sources(corpus, sources, at),
        *_funnel(corpus.funnel, at),
        *account_sections(corpus, sources, at),
        *_contents(corpus, at),
        *_filter(corpus, at),
        *_limits(corpus, at),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _tokens(corpus: Corpus, tokens: int | None, at: int) -> list[str]:
    """Return how many tokens the corpus has, and by which tokenizer; nothing where none were counted."""
    if tokens is None or not isinstance(corpus, CorpusV3):
        return []
    zh, en = (
        f"按分词器 `{corpus.tokenizer}` 计 {tokens:,} 个词元。",
        f"{counted(tokens, 'tokens')} of the tokenizer `{corpus.tokenizer}`.",
    )
    return ["", (zh, en)[at]]


def _word(words: Mapping[str, Say], code: str, at: int) -> str:
    """Return what a code is called, in Chinese (0) or English (1); the code itself where it has no word."""
    said = words.get(code)
    return (said.zh, said.en)[at] if said else code


def _sources(corpus: Corpus, sources: Sequence[Source], at: int) -> list[str]:
    head = (
        ("来源", "类型", "境内外", "许可", "许可是否明确", "采集记录", "读取", "保留", "损坏行"),
        ("source", "type", "region", "licence", "licence clear", "collection record", "read", "kept", "broken rows"),
    )[at]
    yes, no = (("是", "否"), ("yes", "no"))[at]
    rows = [
        (
            source.title,
            _word(ORIGINS, source.origin.type, at),
            REGIONS[source.origin.region][at],
            source.licence.spdx,
            yes if source.licence.clear else no,
            yes if source.collection.has_record else no,
            share.documents_read,
            share.documents_kept,
            share.broken_rows,
        )
        for source, share in zip(sources, corpus.per_source, strict=True)
    ]
    lines = [("## 来源", "## Sources")[at], "", *table(head, rows)]
    lines += [("许可原文：", "Licences as found:")[at], ""]
    lines += [
        f"- {cell(source.title)}: {cell(source.licence.found if at else said_zh(source.licence.found)) or '–'}"
        for source in sources
    ]
    return [*lines, ""]


def _funnel(funnel: Sequence[FunnelStep], at: int) -> list[str]:
    head = [*(("步骤", "文档", "减少", "字数"), ("step", "documents", "fewer by", "characters"))[at]]
    whole = [step for step in funnel if isinstance(step, FunnelStepV3)]
    head += [("字节", "bytes")[at]] if whole else []
    head += [("词元", "tokens")[at]] if whole and whole[0].tokens_after is not None else []
    rows: list[tuple[str | int, ...]] = []
    for step in funnel:
        name = step_text(step.step, step.reason, at)
        fewer = step.documents_before - step.documents_after
        more = [step.bytes_after, step.tokens_after] if isinstance(step, FunnelStepV3) else []
        sizes = [size for size in more if size is not None]
        rows.append((name, step.documents_after, fewer, step.characters_after, *sizes))
    return [("## 处理过程", "## What was done")[at], "", *table(head, rows)]


def _contents(corpus: Corpus, at: int) -> list[str]:
    kept = corpus.totals.documents
    lines = [("## 文字与编码", "## Script and encodings")[at], ""]
    head = (("文字", "文档", "占比"), ("script", "documents", "share"))[at]
    rows = [(_word(SCRIPTS, name, at), count, percent(count, kept)) for name, count in corpus.language.items()]
    lines += table(head, rows)
    files = "，".join(f"{name} {count:,}" for name, count in corpus.encodings.items())
    lines += [(f"文件编码：{files}", f"Files by encoding: {files.replace('，', ', ')}")[at], ""]
    lines += [("## 个人信息", "## Personal data")[at], ""]
    if corpus.personal_data:
        head_types = (("类型", "处"), ("type", "places"))[at]
        names = [
            (LABELS.get(name, name) if at == 0 else name.replace("_", " "), count)
            for name, count in corpus.personal_data.items()
        ]
        lines += table(head_types, names)
    masked = corpus.masked_documents
    return [
        *lines,
        (
            f"共 {masked:,} 篇文档中的个人信息已替换为类型名称，原文不保留。",
            f"In {counted(masked, 'documents')} personal data was replaced by the name of its type; the original is "
            "not kept.",
        )[at],
        "",
    ]


def _filter(corpus: Corpus, at: int) -> list[str]:
    found = corpus.filtered
    lines = [("## 关键词查找", "## Search for terms")[at], ""]
    if found.lexicon is None:
        return [*lines, ("未使用词表，没有文档经过过滤。", "No lexicon was used; no document was filtered.")[at], ""]
    zh = (
        f"词表 {found.lexicon_terms:,} 词；{found.documents_filtered:,} / {found.documents:,} 篇经过查找，"
        f"{found.documents_hit:,} 篇命中 {found.lexicon_hits:,} 处，其中 {found.documents_for_review:,} 篇待人工复核。"
        "命中的文档保留在语料中，逐篇列于 filter.jsonl。"
    )
    en = (
        f"{counted(found.lexicon_terms, 'terms')}; {found.documents_filtered:,} of "
        f"{counted(found.documents, 'documents')} went through, {found.documents_hit:,} had "
        f"{counted(found.lexicon_hits, 'hits')}, {found.documents_for_review:,} to be reviewed. "
        "Documents with hits stay in the corpus and are listed in filter.jsonl."
    )
    return [*lines, (zh, en)[at], ""]


def _limits(corpus: Corpus, at: int) -> list[str]:
    """Return what was not done, and with which parameters the rest was."""
    same = _duplicates(corpus)
    zh = [
        f"- {same[0]}。",
        "- 个人信息按规则和校验码识别，不能保证没有遗漏。",
        "- 没有逐篇人工审核；人工抽检另见抽样结果。",
        "- 没有核查文本的知识产权。",
    ]
    en = [
        f"- {same[1]}.",
        "- Personal data is found by rules and check digits; some may have been missed.",
        "- Nobody reviewed every text; for manual checks see the samples.",
        "- Intellectual property in the text was not checked.",
    ]
    lines = [("## 局限", "## Limits")[at], "", *(zh, en)[at], *_passed_over(corpus, at), ""]
    if isinstance(corpus.recipe, RecipeV1):
        parameters = _parameters(corpus.recipe)
        head = (("参数", "值"), ("parameter", "value"))[at]
        return [*lines, ("## 参数", "## Parameters")[at], "", *table(head, parameters)]
    return [*lines, *_recipe(corpus, at)]


def _duplicates(corpus: Corpus) -> tuple[str, str]:
    """Return which duplicates are gone, in Chinese and English, by the operators that ran."""
    ran = {use.id.split("/")[0] for use in corpus.operators} if isinstance(corpus, CorpusV2) else set()
    if isinstance(corpus.recipe, RecipeV1) and corpus.recipe.deduplicate == "exact":
        ran.add("deduplicate_exact")
    if "deduplicate_near" in ran:
        return (
            "近似重复以签名找出候选，再按准确的 Jaccard 相似度去除；阈值以下的仍在其中",
            "Near-duplicates were found by signatures and removed by their exact Jaccard; those below the threshold "
            "are still here",
        )
    if "deduplicate_exact" in ran:
        return (
            "仅去除完全相同的文本，近似重复仍在其中",
            "Only equal texts were removed, near-duplicates are still here",
        )
    return "没有去除重复的文本", "Duplicates were not removed"


def _passed_over(corpus: Corpus, at: int) -> list[str]:
    """Return the steps that did not run, and what waits for review."""
    if not isinstance(corpus, CorpusV2):
        return []
    lines = []
    names = [cell(_step_text(corpus.recipe.steps[place])) for place in corpus.skipped]
    if names:
        zh = f"- 以下可选步骤缺少所需的词表或模型，没有执行：{'、'.join(names)}。"
        en = f"- These optional steps lacked their lexicon or model and did not run: {', '.join(names)}."
        lines.append((zh, en)[at])
    for reason, count in corpus.review.items():
        said = reason_name(reason)
        zh = f"- {count:,} 篇待人工复核（{said.zh}），仍在语料中。"
        en = f"- {counted(count, 'documents')} to be reviewed ({said.en}), still in the corpus."
        lines.append((zh, en)[at])
    return lines


def _parameters(recipe: RecipeV1) -> list[tuple[str, str]]:
    return [
        ("min_characters", str(recipe.min_characters)),
        ("max_characters", str(recipe.max_characters)),
        ("min_han", _rate(recipe.min_han)),
        ("max_foreign_script", _rate(recipe.max_foreign_script)),
        ("max_symbols", _rate(recipe.max_symbols)),
        ("max_repetition", _rate(recipe.max_repetition)),
        ("deduplicate", recipe.deduplicate),
    ]


def _recipe(corpus: Corpus, at: int) -> list[str]:
    """Return the steps of a recipe as they were used."""
    if not isinstance(corpus, CorpusV2):
        return []
    used = {use.step: use.id for use in corpus.operators}
    rows = []
    for place, step in enumerate(corpus.recipe.steps):
        said = reason_name(step.reason) if step.reason else None
        rows.append((place + 1, _step_text(step), (said.zh, said.en)[at] if said else used.get(place, "–")))
    title = (corpus.recipe.title.zh, corpus.recipe.title.en)[at]
    head = (("序号", "步骤", "原因或算子编号"), ("no.", "step", "reason or operator id"))[at]
    return [(f"## 配方：{cell(title)}", f"## Recipe: {cell(title)}")[at], "", *table(head, rows)]


def _step_text(step: Step) -> str:
    """Return a step in one line, as the recipe has it."""
    if step.use is None:
        return f"drop: {step.drop}" if step.drop is not None else f"review: {step.review}"
    given = ", ".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in step.params.items())
    return f"{step.use} ({given})" if given else step.use


#: Chinese first, and the words for what the card says of its data.
_CONTEXT: dict[str, object] = {
    **CONTEXT,
    "@language": "zh",
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
}
_FIELDS = (
    ("id", "Source, file and row that the document was read from.", False),
    ("source", "Digest of the source artifact.", False),
    ("text", "The normalised text, personal data masked.", False),
    ("text_digest", "SHA-256 of the text in UTF-8.", False),
    ("flags", "Script, and what was found: masked, hit, review.", True),
)


def croissant(
    corpus: Corpus, sources: Sequence[Source], layers: Sequence[Layer], columns: Sequence[tuple[str, str]] = ()
) -> str:
    """Return the Croissant 1.0 JSON-LD of the corpus: every layer so far with its SHA-256, and the fields of a row.

    columns: more columns of the shards, with their type as operators name it ("int64", "strings" …).
    It carries no date: the same corpus always has the same bytes. Source: Croissant Format Specification 1.0.
    """
    files = [_file_object(layer) for layer in layers]
    documents = counted(corpus.totals.documents, "documents")
    shards = {
        "@type": "cr:FileSet",
        "@id": "data-shards",
        "name": "data-shards",
        "containedIn": [{"@id": shard.title} for shard in corpus.shards],
        "encodingFormat": "application/x-parquet",
        "includes": "data/part-*.parquet",
    }
    return json.dumps(
        {
            "@context": _CONTEXT,
            "@type": "sc:Dataset",
            "conformsTo": "http://mlcommons.org/croissant/1.0",
            "name": "corpus-" + corpus.rows_digest[7:19],
            "description": f"{documents} of Chinese text; see card.zh.md and card.en.md.",
            "version": "1.0.0",
            "inLanguage": sorted(corpus.language),
            "license": sorted({source.licence.spdx for source in sources}),
            "isBasedOn": [source.title for source in sources],
            "personalSensitiveInformation": [f"{name}: {n} masked" for name, n in corpus.personal_data.items()],
            "distribution": [*files, shards],
            "recordSet": [
                {"@type": "cr:RecordSet", "@id": "documents", "name": "documents", "field": _fields(columns)},
                _licence_table(corpus, sources),
            ],
        },
        ensure_ascii=False,
        indent=2,
        sort_keys=True,
    )


def _licence_table(corpus: Corpus, sources: Sequence[Source]) -> dict[str, object]:
    """Return how much stands under each licence as a record set with its data in place."""
    rows = [
        {
            "licences/licence": part.name,
            "licences/clear": part.clear,
            "licences/documents": part.kept.documents,
            "licences/characters": part.kept.characters,
            "licences/bytes": part.kept.bytes,
            **({"licences/tokens": part.kept.tokens} if part.kept.tokens is not None else {}),
        }
        for part in by_licence(corpus, sources)
    ]
    types = {"licence": "sc:Text", "clear": "sc:Boolean"}
    names = [name.partition("/")[2] for name in rows[0]] if rows else []
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"licences/{name}",
            "name": name,
            "description": _LICENCE_FIELDS[name],
            "dataType": types.get(name, "sc:Integer"),
        }
        for name in names
    ]
    return {"@type": "cr:RecordSet", "@id": "licences", "name": "licences", "field": fields, "data": rows}


_LICENCE_FIELDS = {
    "licence": "SPDX identifier of the licence, NOASSERTION where it is not clear.",
    "clear": "Whether the licence of every source under it is clear.",
    "documents": "Documents of the corpus under this licence.",
    "characters": "Characters of the corpus under this licence.",
    "bytes": "Bytes of UTF-8 text of the corpus under this licence.",
    "tokens": "Tokens of the corpus under this licence.",
}


def _file_object(layer: Layer) -> dict[str, str]:
    parquet = layer.title.endswith(".parquet")
    return {
        "@type": "cr:FileObject",
        "@id": layer.title,
        "name": layer.title,
        "contentUrl": layer.title,
        "contentSize": f"{layer.size} B",
        "encodingFormat": "application/x-parquet" if parquet else layer.media_type,
        "sha256": layer.digest.removeprefix("sha256:"),
    }


def _fields(columns: Sequence[tuple[str, str]]) -> list[dict[str, object]]:
    fields = [
        field_of("documents", "data-shards", name, description, "strings" if repeated else "string")
        for name, description, repeated in _FIELDS
    ]
    return fields + [
        field_of("documents", "data-shards", name, DESCRIPTIONS.get(name, f"Label {name}."), kind)
        for name, kind in columns
    ]


#: Types of Croissant by those of columns.
_DATA_TYPES = {"int64": "sc:Integer", "int32": "sc:Integer", "float64": "sc:Float", "bool": "sc:Boolean"}
#: What a column that is no label means.
DESCRIPTIONS = {
    **{name: description for name, description, _ in _FIELDS},
    "url": "Address of the document, where one is known.",
    "licence": "SPDX identifier of the licence.",
    "source_digest": "Digest of the source artifact.",
}


def field_of(records: str, files: str, name: str, description: str, kind: str) -> dict[str, object]:
    """Return a field of the record set `records` that reads the column `name` of the file set `files`."""
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{name}",
        "name": name,
        "description": description,
        "dataType": _DATA_TYPES.get(kind, "sc:Text"),
        "source": {"fileSet": {"@id": files}, "extract": {"column": name}},
        **({"repeated": True} if kind == "strings" else {}),
    }
