"""What a corpus says of itself: data cards in Chinese and English, and Croissant 1.0 metadata for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Literal

from quanheng.kinds.base import Rate
from quanheng.kinds.data import Corpus, FunnelStep, Source
from quanheng.stats.binomial import decimal_text
from quanheng.store import Layer
from quanheng.text.personal_data import LABELS

Language = Literal["zh", "en"]

_ORIGINS = {
    "open": ("开源", "open"),
    "self_collected": ("自采", "self-collected"),
    "commercial": ("商业", "commercial"),
    "user_input": ("使用者输入", "user input"),
}
_REGIONS = {"domestic": ("境内", "domestic"), "overseas": ("境外", "overseas"), "unknown": ("未知", "unknown")}
_STEPS = {
    "read": ("读取", "read"),
    "drop": ("剔除", "drop"),
    "mask": ("遮蔽个人信息", "mask personal data"),
    "deduplicate": ("去重", "deduplicate"),
    "filter": ("关键词过滤", "filter by terms"),
}
#: Why a document was dropped, in Chinese and in English.
REASONS = {
    "too_short": ("过短", "too short"),
    "too_long": ("过长", "too long"),
    "mostly_symbols": ("以符号为主", "mostly symbols"),
    "not_chinese": ("非中文", "not Chinese"),
    "repetitive": ("大量重复", "repetitive"),
    "duplicate": ("完全重复", "exact duplicate"),
}
_SCRIPTS = {
    "zh-Hans": ("简体", "simplified"),
    "zh-Hant": ("繁体", "traditional"),
    "mixed": ("简繁混用", "both forms"),
    "zh": ("简繁同形", "same in both forms"),
    "other": ("其他", "other"),
}


def _cell(text: str) -> str:
    """Return text safe inside a Markdown table: titles are written by people."""
    flat = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return flat.replace("<", "&lt;").replace("`", "\\`")


def _table(head: Sequence[str], rows: Iterable[Sequence[str | int]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(_cell(f"{c:,}" if isinstance(c, int) else c) for c in row) + " |" for row in rows]
    return [*lines, ""]


def _percent(k: int, n: int) -> str:
    return f"{decimal_text(k * 100, n, 2)} %" if n else "–"


def _rate(rate: Rate) -> str:
    return f"{rate.k}/{rate.n}"


def card(corpus: Corpus, sources: Sequence[Source], language: Language) -> str:
    """Return the data card as Markdown: what the text is, where it is from, what was done to it, what was not."""
    at = 0 if language == "zh" else 1
    lines = [("# 训练数据说明", "# Data card")[at], ""]
    totals = corpus.totals
    lines += [
        (
            f"文档 {totals.documents:,} 篇，{totals.characters:,} 字，{totals.bytes:,} 字节（UTF-8）。",
            f"{totals.documents:,} documents, {totals.characters:,} characters, {totals.bytes:,} bytes of UTF-8.",
        )[at],
        "",
        (f"内容摘要 `{corpus.rows_digest}`", f"Digest of the rows: `{corpus.rows_digest}`")[at],
        "",
        *_sources(corpus, sources, at),
        *_funnel(corpus.funnel, at),
        *_contents(corpus, at),
        *_filter(corpus, at),
        *_limits(corpus, at),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _sources(corpus: Corpus, sources: Sequence[Source], at: int) -> list[str]:
    head = (
        ("来源", "类型", "境内外", "许可", "许可是否明确", "采集记录", "读取", "保留", "损坏行"),
        ("source", "type", "region", "licence", "licence clear", "collection record", "read", "kept", "broken rows"),
    )[at]
    yes, no = (("是", "否"), ("yes", "no"))[at]
    rows = [
        (
            source.title,
            _ORIGINS[source.origin.type][at],
            _REGIONS[source.origin.region][at],
            source.licence.spdx,
            yes if source.licence.clear else no,
            yes if source.collection.has_record else no,
            share.documents_read,
            share.documents_kept,
            share.broken_rows,
        )
        for source, share in zip(sources, corpus.per_source, strict=True)
    ]
    lines = [("## 来源", "## Sources")[at], "", *_table(head, rows)]
    lines += [("许可原文：", "Licences as found:")[at], ""]
    lines += [f"- {_cell(source.title)}: {_cell(source.licence.found) or '–'}" for source in sources]
    return [*lines, ""]


def _funnel(funnel: Sequence[FunnelStep], at: int) -> list[str]:
    head = (("步骤", "文档", "减少", "字数"), ("step", "documents", "fewer by", "characters"))[at]
    rows = []
    for step in funnel:
        name = _STEPS[step.step][at]
        if step.reason is not None and step.step == "drop":
            name += ("：", ": ")[at] + REASONS[step.reason][at]
        fewer = step.documents_before - step.documents_after
        rows.append((name, step.documents_after, fewer, step.characters_after))
    return [("## 处理过程", "## What was done")[at], "", *_table(head, rows)]


def _contents(corpus: Corpus, at: int) -> list[str]:
    kept = corpus.totals.documents
    lines = [("## 文字与编码", "## Script and encodings")[at], ""]
    head = (("文字", "文档", "占比"), ("script", "documents", "share"))[at]
    rows = [(_SCRIPTS[name][at], count, _percent(count, kept)) for name, count in corpus.language.items()]
    lines += _table(head, rows)
    files = "，".join(f"{name} {count:,}" for name, count in corpus.encodings.items())
    lines += [(f"文件编码：{files}", f"Files by encoding: {files.replace('，', ', ')}")[at], ""]
    lines += [("## 个人信息", "## Personal data")[at], ""]
    if corpus.personal_data:
        head_types = (("类型", "处"), ("type", "places"))[at]
        names = [
            (LABELS[name] if at == 0 else name.replace("_", " "), count) for name, count in corpus.personal_data.items()
        ]
        lines += _table(head_types, names)
    masked = corpus.masked_documents
    return [
        *lines,
        (
            f"共 {masked:,} 篇文档中的个人信息已替换为类型名称，原文不保留。",
            f"In {masked:,} documents personal data was replaced by the name of its type; the original is not kept.",
        )[at],
        "",
    ]


def _filter(corpus: Corpus, at: int) -> list[str]:
    found = corpus.filtered
    lines = [("## 关键词过滤", "## Filter by terms")[at], ""]
    if found.lexicon is None:
        return [*lines, ("未使用词表，没有文档经过过滤。", "No lexicon was used; no document was filtered.")[at], ""]
    zh = (
        f"词表 {found.lexicon_terms:,} 词；{found.documents_filtered:,} / {found.documents:,} 篇经过过滤，"
        f"{found.documents_hit:,} 篇命中 {found.lexicon_hits:,} 处，其中 {found.documents_for_review:,} 篇待人工复核。"
        "命中的文档保留在语料中，逐篇列于 filter.jsonl。"
    )
    en = (
        f"{found.lexicon_terms:,} terms; {found.documents_filtered:,} of {found.documents:,} documents went through, "
        f"{found.documents_hit:,} had {found.lexicon_hits:,} hits, {found.documents_for_review:,} wait for review. "
        "Documents with hits stay in the corpus and are listed in filter.jsonl."
    )
    return [*lines, (zh, en)[at], ""]


def _limits(corpus: Corpus, at: int) -> list[str]:
    recipe = corpus.recipe
    same_zh = "仅去除完全相同的文本，近似重复仍在其中" if recipe.deduplicate == "exact" else "没有去重"
    same_en = (
        "only equal texts were removed, near-duplicates are still here"
        if recipe.deduplicate == "exact"
        else "duplicates were not removed"
    )
    parameters = {
        "min_characters": str(recipe.min_characters),
        "max_characters": str(recipe.max_characters),
        "min_han": _rate(recipe.min_han),
        "max_foreign_script": _rate(recipe.max_foreign_script),
        "max_symbols": _rate(recipe.max_symbols),
        "max_repetition": _rate(recipe.max_repetition),
        "deduplicate": recipe.deduplicate,
    }
    zh = [
        f"- {same_zh}。",
        "- 个人信息按规则和校验码识别；姓名、住址等没有规则的信息不在识别范围内。",
        "- 没有语言模型评分，也没有人工审核；人工抽检另见抽样结果。",
        "- 没有核查文本的知识产权。",
    ]
    en = [
        f"- {same_en[0].upper()}{same_en[1:]}.",
        "- Personal data is found by rules and check digits; names and addresses, which have none, are not looked for.",
        "- No language model scored the text and nobody reviewed it; for manual checks see the samples.",
        "- Intellectual property in the text was not checked.",
    ]
    lines = [("## 局限", "## Limits")[at], "", *(zh, en)[at], "", ("## 参数", "## Parameters")[at], ""]
    return lines + _table((("参数", "值"), ("parameter", "value"))[at], list(parameters.items()))


#: The context of the Croissant 1.0 format specification, as printed there.
_CONTEXT: dict[str, object] = {
    "@language": "zh",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_FIELDS = (
    ("id", "Source, file and row that the document was read from.", False),
    ("source", "Digest of the source artifact.", False),
    ("text", "The normalised text, personal data masked.", False),
    ("text_digest", "SHA-256 of the text in UTF-8.", False),
    ("flags", "Script, and what was found: masked, hit, review.", True),
)


def croissant(corpus: Corpus, sources: Sequence[Source], layers: Sequence[Layer]) -> str:
    """Return the Croissant 1.0 JSON-LD of the corpus: every layer so far with its SHA-256, and the fields of a row.

    It carries no date: the same corpus always has the same bytes. Source: Croissant Format Specification 1.0.
    """
    files = [_file_object(layer) for layer in layers]
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
            "description": f"{corpus.totals.documents} documents of Chinese text; see card.zh.md and card.en.md.",
            "version": "1.0.0",
            "inLanguage": sorted(corpus.language),
            "license": sorted({source.licence.spdx for source in sources}),
            "isBasedOn": [source.title for source in sources],
            "personalSensitiveInformation": [f"{name}: {n} masked" for name, n in corpus.personal_data.items()],
            "distribution": [*files, shards],
            "recordSet": [{"@type": "cr:RecordSet", "@id": "documents", "name": "documents", "field": _fields()}],
        },
        ensure_ascii=False,
        indent=2,
        sort_keys=True,
    )


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


def _fields() -> list[dict[str, object]]:
    fields: list[dict[str, object]] = []
    for name, description, repeated in _FIELDS:
        fields.append(
            {
                "@type": "cr:Field",
                "@id": f"documents/{name}",
                "name": name,
                "description": description,
                "dataType": "sc:Text",
                "source": {"fileSet": {"@id": "data-shards"}, "extract": {"column": name}},
                **({"repeated": True} if repeated else {}),
            }
        )
    return fields
