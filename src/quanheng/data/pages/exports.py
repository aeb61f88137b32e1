"""The pages of what is made of a corpus for training or for the public: exports, mixes, tokenizers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

from django.utils.html import format_html

from quanheng.core import shown
from quanheng.core.pages import Action, Bar, View, bar, tab, title
from quanheng.data.page_item_queries import input_of, source_titles
from quanheng.data.pages.corpus import number_of
from quanheng.errors import Text
from quanheng.kinds.base import Rate
from quanheng.kinds.exports import Export, Mix, MixGroup, Tokenizer

#: Characters by what they are, as fertility is told.
SORTS = {
    "": ("all", "全部"),
    "han": ("Han characters", "汉字"),
    "latin": ("Latin letters", "拉丁字母"),
    "digit": ("digits", "数字"),
    "space": ("blanks", "空白"),
    "other": ("other characters", "其他字符"),
}
#: Files of an export on one page.
FILES = 200
#: Width of a bar in units of its drawing.
BAR = 300
FORMATS = {
    "parquet": ("Parquet", "Parquet"),
    "jsonl.zst": ("JSON lines, compressed", "JSONL（zstd 压缩）"),
    "huggingface": ("Hugging Face data set", "Hugging Face 数据集"),
    "megatron": ("Megatron (token ids)", "Megatron（词元序列）"),
    "open_data_set": ("Open data set", "开放数据集"),
}
SPLITS = {"train": ("for training", "训练集"), "validation": ("held out", "验证集")}


def _export(view: View) -> Export:
    assert isinstance(view.artifact.model, Export)  # noqa: S101 - registered for this kind
    return view.artifact.model


@title("export")
def export_title(view: View) -> str:
    """Return the form of an export."""
    return view.say("Export: ", "导出：") + view.say(*FORMATS[_export(view).format])


@bar("export")
def export_bar(view: View) -> Bar:
    """Return how many documents were written, and in how many files."""
    model, digest = _export(view), view.artifact.digest
    documents = _sum(model.documents, "documents", digest)
    counts: list[tuple[str, str, Any]] = [
        (_sum(model.characters, "characters", digest), view.say("characters", "字"), ""),
        (shown.count(len(model.files), "/files", digest), view.say("files", "文件"), ""),
    ]
    if model.tokens:
        counts.insert(1, (_sum(model.tokens, "tokens", digest), view.say("tokens", "词元"), ""))
    return Bar(format_html(view.say("{} documents", "{} 条", documents), documents), "ok", tuple(counts))


def _sum(values: Mapping[str, int], name: str, digest: str) -> Any:
    return shown.count(sum(values.values()), shown.total(f"/{name}/{key}" for key in values), digest)


@tab("export", "files", title=("Files", "文件"), template="data/export.html")
def export_files(view: View) -> Mapping[str, Any]:
    """Return how much each split holds, and the files with their digests, a page at a time."""
    model, after = _export(view), number_of(view.query.get("after", ""))
    layers = {layer.title for layer in view.artifact.layers}
    rows = [
        {
            "name": shown.quote(file.name, f"/files/{place}/name"),
            "size": shown.count(file.size, f"/files/{place}/size"),
            "digest": file.digest,
            "href": f"/p/{view.project}/a/{view.artifact.digest}/layer/{file.digest}" if file.name in layers else "",
        }
        for place, file in islice(enumerate(model.files), after, after + FILES)
    ]
    return {
        "from": view.artifact.digest,
        "format": view.say(*FORMATS[model.format]),
        "rows_digest": model.rows_digest,
        "splits": [
            {
                "name": view.say(*SPLITS.get(split, (split, split))),
                "documents": shown.count(n, f"/documents/{split}"),
                "characters": shown.count(model.characters.get(split, 0), f"/characters/{split}"),
                "tokens": shown.count(model.tokens[split], f"/tokens/{split}") if split in model.tokens else "",
            }
            for split, n in model.documents.items()
        ],
        "has_tokens": bool(model.tokens),
        "rows": rows,
        "n": shown.count(len(model.files), "/files"),
        "before": f"?tab=files&after={max(0, after - FILES)}" if after else "",
        "next": f"?tab=files&after={after + FILES}" if after + FILES < len(model.files) else "",
    }


def _mix(view: View) -> Mix:
    assert isinstance(view.artifact.model, Mix)  # noqa: S101 - registered for this kind
    return view.artifact.model


@bar("mix")
def mix_bar(view: View) -> Bar:
    """Return how many tokens are planned, and how many of those wanted no source could give."""
    model, digest = _mix(view), view.artifact.digest
    planned = shown.count(model.planned, "/planned", digest)
    short = shown.count(model.shortfall, "/shortfall", digest)
    at = f"{digest} /planned", f"{digest} /total"
    return Bar(
        format_html(view.say("{} tokens", "{} 个词元", planned), planned),
        "wait" if model.shortfall else "ok",
        (
            (shown.count(model.total, "/total", digest), view.say("wanted", "目标词元"), ""),
            (short, view.say("short by", "缺口"), "wait" if model.shortfall else ""),
            (shown.share(model.planned, model.total, *at, places=1), view.say("of what was wanted", "达到目标的"), ""),
            (shown.count(len(model.groups), "/groups", digest), view.say("groups", "分组"), ""),
        ),
        (),
        (Action("corpus.export", Text("Export by it", "按此配比导出"), _made_from(view, digest), main=True),),
    )


def _made_from(view: View, mix: str) -> dict[str, str]:
    """Return what the export of a mix is made from, as far as the mix says it."""
    known = {role: digest for role in ("corpus", "tokenizer") if (digest := input_of(view.artifact, role))}
    return {**known, "mix": mix}


@tab("mix", "groups", title=("Groups", "分组"), template="data/mix.html")
def mix_groups(view: View) -> Mapping[str, Any]:
    """Return what each group of sources gives: weight, what it has, what was wanted, its cap, what is planned."""
    model = _mix(view)
    weights = shown.total(f"/groups/{place}/weight" for place in range(len(model.groups)))
    whole = sum(group.weight for group in model.groups)
    most = max((max(group.wanted, group.available) for group in model.groups), default=0)
    titles = _titles(view)
    return {
        "from": view.artifact.digest,
        "seed": model.seed,
        "tokenizer": model.tokenizer,
        "rows": [
            _group(view, group, place, (whole, weights), most, titles) for place, group in enumerate(model.groups)
        ],
        "left_out": [_source(view, source, titles) for source in model.left_out],
    }


def _titles(view: View) -> dict[str, Any]:
    """Return the titles of the sources of a mix's corpus, with their places there."""
    corpus = input_of(view.artifact, "corpus")
    return {
        source: shown.quote(title, f"/per_source/{place}/title", corpus)
        for place, (source, title) in enumerate(source_titles(view.session, view.artifact).items())
    }


def _source(view: View, source: str, titles: Mapping[str, Any]) -> dict[str, Any]:
    return {"href": f"/p/{view.project}/a/{source}", "digest": source, "title": titles.get(source, "")}


def _group(
    view: View, group: MixGroup, place: int, weights: tuple[int, str], most: int, titles: Mapping[str, Any]
) -> dict[str, Any]:
    at = f"/groups/{place}"
    return {
        "name": shown.quote(group.name, f"{at}/name"),
        "sources": [_source(view, source, titles) for source in group.sources],
        "weight": shown.share(group.weight, weights[0], f"{at}/weight", weights[1], places=1),
        "documents": shown.count(group.documents, f"{at}/documents"),
        "available": shown.count(group.available, f"{at}/available"),
        "wanted": shown.count(group.wanted, f"{at}/wanted"),
        "cap": shown.count(group.cap, f"{at}/cap"),
        "planned": shown.count(group.planned, f"{at}/planned"),
        "epochs": _ratio(group.epochs, f"{at}/epochs"),
        "max_epochs": _ratio(group.max_epochs, f"{at}/max_epochs"),
        "reason": _reason(view, group, at),
        "width": f"{group.planned / most * BAR:.1f}" if most else "0",
        "have": f"{min(group.available, most) / most * BAR:.1f}" if most else "0",
    }


def _reason(view: View, group: MixGroup, at: str) -> Any:
    """Return why a group gives less than was wanted, "" where it does not."""
    language = "zh" if view.language == "zh" else "en"
    return shown.quote(getattr(group.reason, language), f"{at}/reason/{language}") if group.reason else ""


def _ratio(rate: Rate, place: str) -> Any:
    """Return k/n as a decimal number with two places, an em dash where n is 0."""
    if not rate.n:
        return "—"
    text = f"{Decimal(rate.k) / Decimal(rate.n):.2f}"
    markup = f'<data value="{rate.k}/{rate.n}" data-ratio="{place}">{text}</data>'
    return shown.Shown(text, markup)


def _tokenizer(view: View) -> Tokenizer:
    assert isinstance(view.artifact.model, Tokenizer)  # noqa: S101 - registered for this kind
    return view.artifact.model


@bar("tokenizer")
def tokenizer_bar(view: View) -> Bar:
    """Return the size of the vocabulary, and characters per token on documents that did not train it."""
    model, digest = _tokenizer(view), view.artifact.digest
    counts: list[tuple[str, str, Any]] = []
    if model.trained_on is not None:
        counts.append(
            (shown.count(model.trained_on, "/trained_on", digest), view.say("characters trained on", "训练字数"), "")
        )
    if found := model.fertility:
        per = _ratio(found.total, f"{digest} /fertility/total")
        counts.append((per, view.say("characters per token", "每个词元的字数"), ""))
        n = shown.count(found.documents, "/fertility/documents", digest)
        counts.append((n, view.say("documents measured on", "测量所用文档（条）"), ""))
    word = format_html(
        view.say("{} tokens in the vocabulary", "词表 {}"), shown.count(model.vocabulary, "/vocabulary", digest)
    )
    said = () if model.fertility else (view.say("Not measured on any text.", "尚未在文本上测量。"),)
    return Bar(word, "na", tuple(counts), said)


@tab("tokenizer", "about", title=("About it", "概况"), template="data/tokenizer.html")
def tokenizer_facts(view: View) -> Mapping[str, Any]:
    """Return special tokens, how much text a token holds, and the file."""
    model = _tokenizer(view)
    layers = {layer.title: layer for layer in view.artifact.layers}
    found, file = model.fertility, layers.get("tokenizer.json")
    return {
        "from": view.artifact.digest,
        "vocabulary": shown.count(model.vocabulary, "/vocabulary"),
        "special": list(model.special_tokens),
        "trained_on": shown.count(model.trained_on, "/trained_on") if model.trained_on is not None else "",
        "href": f"/p/{view.project}/a/{view.artifact.digest}/layer/{file.digest}" if file else "",
        "measured": found is not None,
        "documents": shown.count(found.documents, "/fertility/documents") if found else "",
        "rows": [_fertility(view, found.total, "/fertility/total", "")]
        + [
            _fertility(view, rate, f"/fertility/by_characters/{name}", name)
            for name, rate in found.by_characters.items()
        ]
        if found
        else [],
        "broken": shown.count(found.broken_tokens, "/fertility/broken_tokens") if found else "",
    }


def _fertility(view: View, rate: Rate, place: str, name: str) -> dict[str, Any]:
    return {
        "name": view.say(*SORTS.get(name, (name, name))),
        "ratio": _ratio(rate, place),
        "characters": shown.count(rate.k, f"{place}/k"),
        "tokens": shown.count(rate.n, f"{place}/n"),
    }
