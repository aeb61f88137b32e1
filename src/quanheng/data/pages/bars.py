"""What the data wing adds to the pages of its kinds: corpora, sources, samples and their commitments, lexicons."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from django.utils.html import format_html

from quanheng.core import shown
from quanheng.core.call import ask
from quanheng.core.pages import Action, Bar, Tone, View, bar, tab, title
from quanheng.core.shown import Shown, Word
from quanheng.data.pages import account, corpus, finds, lengths, tryout
from quanheng.data.pages.corpus import REGIONS
from quanheng.errors import Text
from quanheng.kinds.code_words import code_word
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.kind_words import said_zh
from quanheng.kinds.sources import Source

#: Files of a source that are listed; a source of one layer per file may have thousands.
FILES = 200


def _corpus(view: View) -> Corpus:
    assert isinstance(view.artifact.model, Corpus)  # noqa: S101 - registered for this kind
    return view.artifact.model


@bar("corpus")
def corpus_bar(view: View) -> Bar:
    """Return how much text was kept of what was read, and what was found in it."""
    model, digest = _corpus(view), view.artifact.digest
    step = model.funnel[0] if model.funnel else None
    kept = shown.count(model.totals.documents, "/totals/documents", digest)
    counts: list[tuple[str, str, Any]] = [
        (shown.count(model.totals.characters, "/totals/characters", digest), view.say("characters", "字"), ""),
    ]
    said: list[str] = []
    if step:
        read = shown.count(step.documents_after, "/funnel/0/documents_after", digest)
        at = f"{digest} /totals/documents", f"{digest} /funnel/0/documents_after"
        part = shown.share(model.totals.documents, step.documents_after, *at, places=1)
        counts.insert(0, (read, view.say("read", "读入（条）"), ""))
        said.append(format_html(view.say("{} of what was read was kept.", "保留率 {}。"), part))
    counts.append(
        (
            shown.count(model.masked_documents, "/masked_documents", digest),
            view.say("with masked data", "遮盖个人信息（条）"),
            "",
        )
    )
    review = model.filtered.documents_for_review
    counts.append(
        (
            shown.count(review, "/filtered/documents_for_review", digest),
            view.say("for review", "待复核（条）"),
            "wait" if review else "",
        )
    )
    unclear = sum(1 for share in model.per_source if not share.licence_clear)
    if unclear:
        n = shown.count(unclear, "/per_source?licence_clear=false", digest)
        have = "has" if unclear == 1 else "have"
        said.append(
            format_html(view.say(f"{{}} of its sources {have} no clear licence.", "其中 {} 个来源许可不明。"), n)
        )
    whole = model.filtered.documents_filtered == model.filtered.documents
    if not whole:
        said.append(view.say("Not every document was searched for terms.", "尚有文档未经关键词查找。"))
    tone: Tone = "wait" if unclear or not whole or review else "ok"
    word = format_html(view.say("{} documents", "{} 条", kept), kept)
    actions = (
        Action("sample.commit", Text("Draw a sample", "抽样"), {"corpus": digest, "purpose": "manual"}, main=True),
        Action("corpus.export", Text("Export", "导出"), {"corpus": digest}),
    )
    return Bar(word, tone, tuple(counts), tuple(said), actions)


@tab("corpus", "funnel", title=("How it came about", "形成过程"), template="data/funnel.html")
def corpus_funnel(view: View) -> Mapping[str, Any]:
    """Return what each step left of documents and characters."""
    return {"from": view.artifact.digest, **corpus.funnel(view, _corpus(view))}


@tab("corpus", "composition", title=("Composition", "构成"), template="data/composition.html")
def corpus_composition(view: View) -> Mapping[str, Any]:
    """Return what the corpus is made of: sources, scripts, encodings, masked data, filter hits."""
    return {"from": view.artifact.digest, **corpus.composition(view, _corpus(view))}


@tab("corpus", "account", title=("Account", "总账"), template="data/account.html")
def corpus_account(view: View) -> Mapping[str, Any]:
    """Return each source by reason, bad items, regions and licences, in documents, characters, bytes or tokens."""
    return {"from": view.artifact.digest, **account.account(view, _corpus(view))}


@tab("corpus", "samples", title=("Look inside", "样例"), template="data/samples.html")
def corpus_samples(view: View) -> Mapping[str, Any]:
    """Return documents that were kept beside those that were dropped, masked or hit; or one document whole."""
    return {"from": view.artifact.digest, **corpus.samples(view, _corpus(view))}


@tab("corpus", "lengths", title=("Lengths", "长度分布"), template="data/lengths.html")
def corpus_lengths(view: View) -> Mapping[str, Any]:
    """Return how long documents are."""
    return {"from": view.artifact.digest, **lengths.lengths(view)}


def _duplicates_count(view: View) -> str:
    n, places = finds.duplicates_in_all(_corpus(view))
    return shown.count(n, places, view.artifact.digest) if n else ""


@tab("corpus", "duplicates", title=("Duplicates", "重复"), template="data/duplicates.html", count=_duplicates_count)
def corpus_duplicates(view: View) -> Mapping[str, Any]:
    """Return duplicates in pairs."""
    return {"from": view.artifact.digest, **finds.duplicates(view, _corpus(view))}


@tab("corpus", "personal", title=("Personal data", "个人信息"), template="data/personal.html")
def corpus_personal(view: View) -> Mapping[str, Any]:
    """Return what personal data was masked, and where."""
    return {"from": view.artifact.digest, **finds.personal(view, _corpus(view))}


def _review_count(view: View) -> str:
    n = _corpus(view).filtered.documents_for_review
    return shown.count(n, "/filtered/documents_for_review", view.artifact.digest) if n else ""


@tab("corpus", "review", title=("Review", "复核"), template="data/review.html", count=_review_count)
def corpus_review(view: View) -> Mapping[str, Any]:
    """Return the documents listed for review."""
    return {"from": view.artifact.digest, **finds.review(view, _corpus(view))}


@tab("corpus", "compare", title=("Compare", "比较"), template="data/compare.html")
def corpus_compare(view: View) -> Mapping[str, Any]:
    """Return the corpus beside another one."""
    return {"from": view.artifact.digest, **finds.compare(view, _corpus(view))}


@tab("corpus", "card", title=("Card", "说明卡"), template="data/card.html")
def corpus_card(view: View) -> Mapping[str, Any]:
    """Return the data card in the language of the page."""
    name = f"card.{view.language}.md"
    with view.artifact.open_layer(name) as stream:
        text = stream.read(corpus.CARD_BYTES).decode("utf-8", "replace")
    return {"from": view.artifact.digest, "name": name, "card": shown.quote(text, name)}


def _source(view: View) -> Source:
    assert isinstance(view.artifact.model, Source)  # noqa: S101 - registered for this kind
    return view.artifact.model


@title("source")
def source_title(view: View) -> str:
    """Return the title of a source."""
    return _source(view).title


@bar("source")
def source_bar(view: View) -> Bar:
    """Return whether the licence is clear, and how much there is."""
    model, digest = _source(view), view.artifact.digest
    known = model.licence.clear
    word = view.say("Licence clear", "许可明确") if known else view.say("Licence unclear", "许可不明")
    said = [_found(view, model)] if not known or said_zh(model.licence.found) == model.licence.found else []
    if known:
        said.insert(0, shown.quote(model.licence.spdx, "/licence/spdx", digest))
    return Bar(
        word,
        "ok" if known else "no",
        (
            (shown.count(model.counts.files, "/counts/files", digest), view.say("files", "文件"), ""),
            (shown.count(model.counts.bytes, "/counts/bytes", digest), view.say("bytes", "字节"), ""),
        ),
        tuple(said),
        (Action("corpus.build", Text("Build a corpus from it", "用它构建训练数据"), {"sources": digest}, main=True),),
    )


def _found(view: View, model: Source) -> Shown | str:
    """Return the licence as found; where nobody gave anything, that in words."""
    found = model.licence.found
    if view.language == "zh" and said_zh(found) != found:
        return said_zh(found)
    return shown.quote(found, "/licence/found", view.artifact.digest)


@tab("source", "about", title=("Origin and licence", "出处与许可"), template="data/source.html")
def source_facts(view: View) -> Mapping[str, Any]:
    """Return origin, licence, collection record and how the files are read."""
    model = _source(view)
    origin, collection, reading = model.origin, model.collection, model.reading
    quote = shown.quote

    def said(text: str | None, place: str) -> Shown | str:
        return quote(text, place) if text else "—"

    method = said_zh(collection.method) if view.language == "zh" else collection.method
    return {
        "from": view.artifact.digest,
        "recognise": "" if reading.ocr != "never" else f"/p/{view.project}/do/source/register?ocr=when_missing",
        "clear": Word(view.say("clear", "明确"), "ok")
        if model.licence.clear
        else Word(view.say("unclear", "不明"), "no"),
        "spdx": model.licence.spdx if model.licence.spdx != "NOASSERTION" else "",
        "found": _found(view, model),
        "evidence": model.licence.evidence or "",
        "origin": " · ".join((_code(view, "origin", origin.type), view.say(*REGIONS[origin.region]))),
        "origin_name": said(origin.name, "/origin/name"),
        "url": said(origin.url, "/origin/url"),
        "version": said(origin.version, "/origin/version"),
        "record": Word(view.say("yes", "有"), "ok") if collection.has_record else Word(view.say("none", "无"), "wait"),
        "method": quote(method, "/collection/method") if collection.method == method else method,
        "collected_on": said(collection.collected_on, "/collection/collected_on"),
        "note": said(collection.note, "/collection/note"),
        "language": model.language,
        "document": _code(view, "document", reading.document),
        "markup": _code(view, "markup", reading.markup),
        "text_field": [said(reading.text_field, "/reading/text_field")]
        if not reading.text_fields
        else [quote(name, f"/reading/text_fields/{place}") for place, name in enumerate(reading.text_fields)],
        "url_field": said(reading.url_field, "/reading/url_field"),
        "extract": _code(view, "extract", reading.extract),
        "ocr": _code(view, "ocr", reading.ocr),
        "encoding": reading.encoding or view.say("detected per file", "逐个文件识别"),
    }


def _code(view: View, field: str, code: str) -> str:
    """Return what a code is called."""
    said = code_word(field, code)
    return view.say(said.en, said.zh) if said else code


def _files_count(view: View) -> str:
    return shown.count(len(_source(view).files), "/files", view.artifact.digest)


@tab("source", "files", title=("Files", "文件"), template="data/files.html", count=_files_count)
def source_files(view: View) -> Mapping[str, Any]:
    """Return the files with format and size, a page at a time."""
    model, after = _source(view), corpus.number_of(view.query.get("after", ""))
    layers = {layer.title: layer for layer in view.artifact.layers}
    rows = [
        {
            "title": shown.quote(file.title, f"/files/{place}/title"),
            "format": file.format,
            "size": shown.count(file.size, f"/files/{place}/size"),
            "href": f"/p/{view.project}/a/{view.artifact.digest}/layer/{layers[file.title].digest}"
            if file.title in layers
            else "",
        }
        for place, file in islice(enumerate(model.files), after, after + FILES)
    ]
    return {
        "from": view.artifact.digest,
        "rows": rows,
        "n": shown.count(model.counts.files, "/counts/files"),
        "before": f"?tab=files&after={max(0, after - FILES)}" if after else "",
        "next": f"?tab=files&after={after + FILES}" if after + FILES < len(model.files) else "",
    }


@tab("source", "samples", title=("Look inside", "样例"), template="data/source_samples.html")
def source_samples(view: View) -> Mapping[str, Any]:
    """Return the first documents as a build reads them."""
    found = ask(view.session, "source.samples", {"source": view.artifact.digest})
    model = _source(view)
    places = {file.title: place for place, file in enumerate(model.files)}
    return {
        "from": view.artifact.digest,
        "files": [
            {
                "title": shown.quote(file["file"], f"/files/{places[file['file']]}/title"),
                "state": file["state"],
                "rows": [_as_read(view, file["file"], row) for row in file["rows"]],
            }
            for file in found["files"]
        ],
        "more": len(model.files) > len(found["files"]),
    }


@tab("source", "try", title=("Try a recipe", "试清洗"), template="data/try.html", is_long=True)
def source_try(view: View) -> Mapping[str, Any]:
    """Return the form of a recipe with its steps, and what it would do to a sample of the source."""
    return {"from": view.artifact.digest, **tryout.tried(view)}


def _as_read(view: View, file: str, row: Mapping[str, Any]) -> dict[str, Any]:
    place = shown.where("read", file=file, row=row["row"])
    return {
        "row": shown.quote(row["row"], place + "#row"),
        "problem": corpus.broken_name(view, row["reason"]) if row["broken"] else "",
        "characters": shown.count(row["characters"], place + "#characters") if not row["broken"] else "",
        "text": shown.passage(
            row["text"], place + "#text", spans=[(start, end, "soft") for start, end in row["masked"]]
        ),
    }
