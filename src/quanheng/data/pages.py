"""What the data wing adds to the pages of its kinds: corpora, sources, samples and their commitments, lexicons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.utils.html import format_html
from django.utils.safestring import SafeString

from quanheng.core import clock, shown
from quanheng.core.call import ask
from quanheng.core.layer_rows import layer_rows
from quanheng.core.pages import Action, Bar, Tone, View, bar, tab, title
from quanheng.core.shown import Shown, Word
from quanheng.data import page_corpus
from quanheng.data.page_corpus import REGIONS
from quanheng.errors import Text
from quanheng.kinds.data import Corpus, Lexicon, LexiconTerm, Sample, SampleCommitment, Source
from quanheng.kinds.kind_words import said_zh
from quanheng.kinds.risks import RISKS

PAGE = 50
ITEMS = 20
#: Files of a source that are listed; a source of one layer per file may have thousands.
FILES = 200
ORIGINS = {
    "open": ("open source", "开源"),
    "self_collected": ("self-collected", "自采"),
    "commercial": ("commercial", "商业"),
    "user_input": ("user input", "使用者输入"),
}
PURPOSES = {
    "manual": ("manual sample", "人工抽检"),
    "keyword": ("keyword check", "关键词抽检"),
    "classifier": ("classifier check", "分类模型抽检"),
    "source": ("source check", "来源核验"),
}
MODES = {"review": ("listed for review", "列入复核"), "count": ("counted only", "仅计数")}


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
        words = ("{} of its sources have no clear licence.", "其中 {} 个来源许可不明。")
        said.append(format_html(view.say(*words), n))
    whole = model.filtered.documents_filtered == model.filtered.documents
    if not whole:
        said.append(view.say("Not every document went through the filter.", "尚有文档未经关键词过滤。"))
    tone: Tone = "wait" if unclear or not whole or review else "ok"
    word = format_html(view.say("{} documents", "{} 条"), kept)
    actions = (
        Action("sample.commit", Text("Draw a sample", "抽样"), {"corpus": digest, "purpose": "manual"}, main=True),
    )
    return Bar(word, tone, tuple(counts), tuple(said), actions)


@tab("corpus", "funnel", title=("How it came about", "形成过程"), template="data/funnel.html")
def corpus_funnel(view: View) -> Mapping[str, Any]:
    """Return what each step left of documents and characters."""
    return {"from": view.artifact.digest, **page_corpus.funnel(view, _corpus(view))}


@tab("corpus", "composition", title=("Composition", "构成"), template="data/composition.html")
def corpus_composition(view: View) -> Mapping[str, Any]:
    """Return what the corpus is made of: sources, scripts, encodings, masked data, filter hits."""
    return {"from": view.artifact.digest, **page_corpus.composition(view, _corpus(view))}


@tab("corpus", "samples", title=("Look inside", "样例"), template="data/samples.html")
def corpus_samples(view: View) -> Mapping[str, Any]:
    """Return documents that were kept beside those that were dropped, masked or hit; or one document whole."""
    return {"from": view.artifact.digest, **page_corpus.samples(view, _corpus(view))}


@tab("corpus", "lengths", title=("Lengths", "长度分布"), template="data/lengths.html")
def corpus_lengths(view: View) -> Mapping[str, Any]:
    """Return how long documents are."""
    return {"from": view.artifact.digest, **page_corpus.lengths(view)}


@tab("corpus", "card", title=("Card", "说明卡"), template="data/card.html")
def corpus_card(view: View) -> Mapping[str, Any]:
    """Return the data card in the language of the page."""
    name = f"card.{view.language}.md"
    with view.artifact.open_layer(name) as stream:
        text = stream.read(page_corpus.CARD_BYTES).decode("utf-8", "replace")
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
    said = [_found(view, model)] if model.licence.found else []
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
        "clear": Word(view.say("clear", "明确"), "ok")
        if model.licence.clear
        else Word(view.say("unclear", "不明"), "no"),
        "spdx": model.licence.spdx if model.licence.spdx != "NOASSERTION" else "",
        "found": _found(view, model),
        "evidence": model.licence.evidence or "",
        "origin": " · ".join((view.say(*ORIGINS[origin.type]), view.say(*REGIONS[origin.region]))),
        "origin_name": said(origin.name, "/origin/name"),
        "url": said(origin.url, "/origin/url"),
        "version": said(origin.version, "/origin/version"),
        "record": Word(view.say("yes", "有"), "ok") if collection.has_record else Word(view.say("none", "无"), "wait"),
        "method": quote(method, "/collection/method") if collection.method == method else method,
        "collected_on": said(collection.collected_on, "/collection/collected_on"),
        "note": said(collection.note, "/collection/note"),
        "language": model.language,
        "document": view.say(*DOCUMENTS[reading.document]),
        "markup": view.say("plain", "纯文本")
        if reading.markup == "plain"
        else view.say("words as 词/n", "词/词性 标注"),
        "text_field": said(reading.text_field, "/reading/text_field"),
        "encoding": reading.encoding or view.say("told per file", "逐个文件识别"),
    }


MARKUPS = {"plain": ("plain", "纯文本"), "pku_tagged": ("words as 词/n", "词/词性 标注")}
DOCUMENTS = {
    "line": ("each line", "每行一篇"),
    "file": ("each file", "每个文件一篇"),
    "paragraph": ("each paragraph", "每段一篇"),
}


def _files_count(view: View) -> str:
    return shown.count(len(_source(view).files), "/files", view.artifact.digest)


@tab("source", "files", title=("Files", "文件"), template="data/files.html", count=_files_count)
def source_files(view: View) -> Mapping[str, Any]:
    """Return the files with format and size, a page at a time."""
    model, after = _source(view), page_corpus.number_of(view.query.get("after", ""))
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


def _as_read(view: View, file: str, row: Mapping[str, Any]) -> dict[str, Any]:
    place = shown.where("read", file=file, row=row["row"])
    broken = page_corpus.BROKEN.get(row["reason"], (row["reason"], row["reason"]))
    return {
        "row": shown.quote(row["row"], place + "#row"),
        "problem": view.say(*broken) if row["broken"] else "",
        "characters": shown.count(row["characters"], place + "#characters") if not row["broken"] else "",
        "text": shown.passage(
            row["text"], place + "#text", spans=[(start, end, "soft") for start, end in row["masked"]]
        ),
    }


def _sample(view: View) -> Sample:
    assert isinstance(view.artifact.model, Sample)  # noqa: S101 - registered for this kind
    return view.artifact.model


@title("sample")
def sample_title(view: View) -> str:
    """Return what a sample is for."""
    return view.say(*PURPOSES[_sample(view).purpose])


@bar("sample")
def sample_bar(view: View) -> Bar:
    """Return how many were drawn of how many, and by whom."""
    model, digest = _sample(view), view.artifact.digest
    n = shown.count(model.n, "/n", digest)
    population = shown.count(model.population, "/population", digest)
    at = f"{digest} /n", f"{digest} /population"
    word = (
        view.say("Self-drawn", "自行抽取")
        if model.self_drawn
        else view.say("Drawn by another account", "由另一账号抽取")
    )
    said = (
        view.say(
            "The seed did not come from outside the team: drawing again until it suited cannot be ruled out.",
            "抽样随机数不来自建模团队之外，不能排除重复抽样直至满意。",
        )
        if model.self_drawn
        else view.say(
            "The seed hangs on a signed checkpoint and on a nonce of the one who drew.",
            "抽样种子取自已签名的检查点与抽取人的随机数。",
        ),
    )
    return Bar(
        word,
        "wait" if model.self_drawn else "ok",
        (
            (n, view.say("drawn", "抽取（条）"), ""),
            (population, view.say("population", "总体（条）"), ""),
            (shown.share(model.n, model.population, *at, places=1), view.say("share drawn", "抽样比例"), ""),
            (
                shown.count(model.draw_no, "/draw_no", digest),
                view.say("draw number", "第几次抽取"),
                "wait" if model.draw_no > 1 else "",
            ),
        ),
        said,
        (
            Action("verdicts.enter", Text("Enter verdicts", "录入复核结论"), {"subject": digest}, main=True),
            Action("verdicts.scan", Text("Look for keywords", "关键词抽检"), {"subject": digest}),
        ),
    )


@tab("sample", "items", title=("Items", "条目"), template="data/sample.html")
def sample_items(view: View) -> Mapping[str, Any]:
    """Return seed and checkpoint, and the items with their texts."""
    model, digest = _sample(view), view.artifact.digest
    after, source = page_corpus.number_of(view.query.get("after", "")), view.query.get("source", "")
    data = {"sample": digest, "source": source, "after": after, "limit": ITEMS}
    found = ask(view.session, "sample.items", data)
    base = {"tab": "items", **({"source": source} if source else {})}
    whole = view.query.get("whole", "")
    titles = {
        one: shown.quote(name, f"/per_source/{place}/title", found["corpus"])
        for place, (one, name) in enumerate(found["titles"].items())
    }
    rows = []
    for row in found["rows"]:
        place = shown.where("items.jsonl", id=row["id"])
        rows.append(
            {
                "id": row["id"],
                "index": shown.count(row["index"], place + "#index"),
                "title": titles.get(row["source"], row["source"]),
                "text": shown.passage(row["text"], place + "#text", width=0 if whole == row["id"] else shown.PASSAGE),
                "cut": len(row["text"]) > shown.PASSAGE and whole != row["id"],
                "whole": "?" + urlencode({**view.query, "whole": row["id"]}) + f"#{row['id']}",
            }
        )
    return {
        "from": digest,
        "seed": model.seed,
        "nonce": model.nonce or "",
        "checkpoint": shown.count(model.checkpoint.size, "/checkpoint/size") if model.checkpoint else "",
        "root": model.checkpoint.root if model.checkpoint else "",
        "rows": rows,
        "sources": [
            {"href": "?" + urlencode({"tab": "items", "source": one}), "title": name, "on": one == source}
            for one, name in titles.items()
        ],
        "all": {"href": "?tab=items", "on": not source},
        "before": "?" + urlencode({**base, "after": max(0, after - ITEMS)}) if after else "",
        "next": "?" + urlencode({**base, "after": found["next"]}) if found["next"] is not None else "",
    }


@title("sample_commitment")
def commitment_title(view: View) -> str:
    """Return what a commitment promises."""
    model = view.artifact.model
    assert isinstance(model, SampleCommitment)  # noqa: S101 - registered for this kind
    purpose = view.say(*PURPOSES[model.purpose])
    return view.say(f"Commitment: {purpose}", f"抽样承诺：{purpose}")


@bar("sample_commitment")
def commitment_bar(view: View) -> Bar:
    """Return what was promised."""
    model, digest = view.artifact.model, view.artifact.digest
    assert isinstance(model, SampleCommitment)  # noqa: S101 - registered for this kind
    return Bar(
        view.say("Promised", "已承诺"),
        "na",
        (
            (shown.count(model.n, "/n", digest), view.say("to draw", "将抽取（条）"), ""),
            (shown.count(model.population, "/population", digest), view.say("population", "总体（条）"), ""),
        ),
        (view.say("Simple random sample without replacement.", "简单随机抽样，不放回。"),),
        (Action("sample.draw", Text("Draw it", "抽取样本"), {"commitment": digest}, main=True),),
    )


def _lexicon(view: View) -> Lexicon:
    assert isinstance(view.artifact.model, Lexicon)  # noqa: S101 - registered for this kind
    return view.artifact.model


@title("lexicon")
def lexicon_title(view: View) -> str:
    """Return the title of a keyword library."""
    return _lexicon(view).title


@bar("lexicon")
def lexicon_bar(view: View) -> Bar:
    """Return how many terms there are, for how many of the risks, and who answers for them."""
    model, digest = _lexicon(view), view.artifact.digest
    terms = shown.count(model.terms, "/terms", digest)
    covered = shown.count(len(model.per_risk), "/per_risk", digest)
    owner = shown.quote(model.owner, "/owner", digest)
    said: list[str] = [format_html(view.say("Owned by {}.", "责任人：{}。"), owner)]
    if model.note:
        said.append(shown.quote(model.note, "/note", digest))
    return Bar(
        format_html(view.say("{} terms", "{} 个词"), terms),
        "na",
        ((covered, view.say("of the risks covered", "涉及的风险种类"), ""),),
        tuple(said),
        (Action("corpus.build", Text("Filter a corpus with it", "用它过滤训练数据"), {"lexicon": digest}),),
    )


@tab("lexicon", "terms", title=("Terms", "词条"), template="data/lexicon.html")
def lexicon_terms(view: View) -> Mapping[str, Any]:
    """Return terms per risk, and the terms themselves a page at a time."""
    model, digest = _lexicon(view), view.artifact.digest
    after, risk = page_corpus.number_of(view.query.get("after", "")), view.query.get("risk", "")
    risk = risk if risk in RISKS else ""
    today = clock.now().date()
    found = (
        (place, term)
        for place, term in enumerate(layer_rows(view.artifact, "terms.jsonl", LexiconTerm))
        if risk in ("", term.risk)
    )
    rows = list(islice(found, after, after + PAGE + 1))
    base = {"tab": "terms", **({"risk": risk} if risk else {})}
    return {
        "from": digest,
        "risks": [
            {
                "id": id_,
                "name": page_corpus.risk_name(id_, view.language),
                "n": shown.count(n, f"/per_risk/{id_}"),
                "href": "?" + urlencode({"tab": "terms", "risk": id_}),
                "on": id_ == risk,
            }
            for id_, n in model.per_risk.items()
        ],
        "all": {"n": shown.count(model.terms, "/terms"), "on": not risk},
        "rows": [_term(view, place, term, today) for place, term in rows[:PAGE]],
        "before": "?" + urlencode({**base, "after": max(0, after - PAGE)}) if after else "",
        "next": "?" + urlencode({**base, "after": after + PAGE}) if len(rows) > PAGE else "",
    }


def _term(view: View, place: int, term: LexiconTerm, today: date) -> dict[str, Any]:
    at = f"terms.jsonl/{place}"
    expired = bool(term.expires and term.expires < today.isoformat())
    return {
        "term": shown.quote(term.term, f"{at}#term"),
        "risk": term.risk,
        "name": page_corpus.risk_name(term.risk, view.language),
        "mode": view.say(*MODES[term.mode]),
        "expires": shown.quote(term.expires, f"{at}#expires") if term.expires else _never(view),
        "expired": expired,
        "note": shown.quote(term.note, f"{at}#note") if term.note else "",
    }


def _never(view: View) -> SafeString:
    return format_html("{}", view.say("open-ended", "长期"))
