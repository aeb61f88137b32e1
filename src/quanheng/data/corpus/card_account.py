"""The account of a corpus in its data card: what became of the text in every unit, by region, licence and source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quanheng.data.corpus.account import Part, Unit, added, by_language, by_licence, by_region, units
from quanheng.data.corpus.markdown import cell, percent, table
from quanheng.kinds.corpora import Amount, Corpus, CorpusV3, SourceShareV3
from quanheng.kinds.drop_reasons import reason_name
from quanheng.kinds.sources import Source
from quanheng.text.personal_data import LABELS

REGIONS = {"domestic": ("境内", "domestic"), "overseas": ("境外", "overseas"), "unknown": ("未知", "unknown")}
_STEPS = {
    "read": ("读取", "read"),
    "edit": ("编辑", "edit"),
    "drop": ("剔除", "drop"),
    "mask": ("遮蔽个人信息", "mask personal data"),
    "deduplicate": ("去重", "deduplicate"),
    "filter": ("关键词查找", "search for terms"),
}
#: Reasons that the name of a step says already.
_SAID_BY_STEP = {"deduplicate": ("duplicate",), "filter": ("risk_terms",)}
UNIT_NAMES: Mapping[Unit, tuple[str, str]] = {
    "documents": ("文档", "documents"),
    "characters": ("字数", "characters"),
    "bytes": ("字节", "bytes"),
    "tokens": ("词元", "tokens"),
}


def step_text(step: str, reason: str | None, at: int) -> str:
    """Return how a step of the funnel is called; at: 0 zh, 1 en."""
    name = _STEPS[step][at]
    if reason is None or reason in _SAID_BY_STEP.get(step, ()):
        return name
    said = reason_name(reason)
    return name + ("：", ": ")[at] + (said.zh, said.en)[at]


def numbers(amount: Amount, model: Corpus) -> tuple[int, ...]:
    """Return an amount in the units of a corpus, in their order; kinds before corpus/v3 know their totals in bytes."""
    wanted = units(model) if isinstance(model, CorpusV3) else ("documents", "characters", "bytes")
    return tuple(getattr(amount, unit) for unit in wanted)


def heads(model: Corpus, at: int) -> tuple[str, ...]:
    """Return the heads of the columns of `numbers`."""
    wanted = units(model) if isinstance(model, CorpusV3) else ("documents", "characters", "bytes")
    return tuple(UNIT_NAMES[unit][at] for unit in wanted)


def account_sections(model: Corpus, sources: Sequence[Source], at: int) -> list[str]:
    """Return the sections on regions and licences, and of corpus/v3 on reasons and bad items; at: 0 zh, 1 en."""
    lines = [*_regions(model, at), *_licences(model, sources, at)]
    if isinstance(model, CorpusV3):
        lines += [*_reasons(model, at), *_bad(model, at)]
    return lines


def _shares(parts: Sequence[Part], model: Corpus) -> list[tuple[str, ...]]:
    """Return the share of each part in the corpus, by documents and by characters."""
    whole = model.totals
    return [
        (percent(part.kept.documents, whole.documents), percent(part.kept.characters, whole.characters))
        for part in parts
    ]


def _regions(model: Corpus, at: int) -> list[str]:
    parts = by_region(model)
    head = (
        (("境内外",), ("占文档", "占字数")) if at == 0 else (("region",), ("share of documents", "share of characters"))
    )
    rows: list[tuple[str | int, ...]] = [
        (REGIONS[part.name][at], *numbers(part.kept, model), *shares)
        for part, shares in zip(parts, _shares(parts, model), strict=True)
    ]
    lines = [("## 境内外来源", "## Region of origin")[at], ""]
    lines += table((*head[0], *heads(model, at), *head[1]), rows)
    languages = by_language(model)
    if len({part.name.split()[0] for part in languages}) > 1:
        named: list[tuple[str | int, ...]] = [
            (part.name.split()[0], REGIONS[part.name.split()[1]][at], *numbers(part.kept, model)) for part in languages
        ]
        lines += table((*(("语种", "境内外"), ("language", "region"))[at], *heads(model, at)), named)
    return lines


def _licences(model: Corpus, sources: Sequence[Source], at: int) -> list[str]:
    yes, no = (("是", "否"), ("yes", "no"))[at]
    rows: list[tuple[str | int, ...]] = [
        (part.name, yes if part.clear else no, len(part.places), *numbers(part.kept, model))
        for part in by_licence(model, sources)
    ]
    head = (("许可", "是否明确", "来源"), ("licence", "clear", "sources"))[at]
    return [("## 许可汇总", "## By licence")[at], "", *table((*head, *heads(model, at)), rows)]


def reason_text(name: str, at: int) -> str:
    """Return what a reason, or what was replaced, is called: a type of personal data by its label."""
    if at == 0 and name in LABELS:
        return LABELS[name]
    said = reason_name(name)
    return (said.zh, said.en)[at]


def _reasons(model: CorpusV3, at: int) -> list[str]:
    """Return how much was dropped, edited and listed for each reason; by source it stands in the artifact."""
    kinds = (
        (("剔除", "dropped"), "dropped_amounts"),
        (("编辑（保留的文档）", "edited (of those kept)"), "edited"),
        (("待复核（保留的文档）", "listed for review (of those kept)"), "reviewed"),
    )
    rows: list[tuple[str | int, ...]] = []
    for name, field in kinds:
        found: dict[str, list[Amount]] = {}
        for share in model.per_source:
            for reason, amount in getattr(share, field).items():
                found.setdefault(reason, []).append(amount)
        rows += [
            (name[at], reason_text(reason, at), *numbers(added(amounts), model))
            for reason, amounts in sorted(found.items())
        ]
    head = (("去向", "原因"), ("what became of it", "reason"))[at]
    note = (
        "逐条计数，非抽样。按来源的明细见制品；每种原因的随机样例见 samples.jsonl。",
        "Every document was counted, none sampled. By source this stands in the artifact; "
        "random samples of each reason are in samples.jsonl.",
    )[at]
    lines = [("## 各原因的数量", "## By reason")[at], "", *table((*head, *heads(model, at)), rows), note, ""]
    return (
        lines
        if rows
        else [*lines[:2], ("没有剔除、编辑或列出任何文档。", "Nothing was dropped, edited or listed.")[at], ""]
    )


def _bad(model: CorpusV3, at: int) -> list[str]:
    """Return what the machine found bad in each source: a count, no estimate; samples that people read are apart."""
    title = [("## 各来源的问题内容与损坏行", "## Risky content and broken rows by source")[at], ""]
    head = (
        ("来源", "经内容复核", "命中（剔除或待复核）", "占比", "损坏行", "占读取的行"),
        ("source", "content-reviewed", "found risky (dropped or listed)", "share", "broken rows", "of rows read"),
    )[at]
    note = (
        "机器命中是对全部文档的计数，不是抽样估计，也不等于违法不良信息的占比。"
        "“各来源违法不良信息不超过 5%”以人工抽检为准，抽检结果另见抽样与结论。",
        "What the machine found is a count over all documents, no estimate, and not the share of illegal or harmful "
        "items. That no source has more than 5 % of those is judged on samples that people read; see the samples and "
        "their verdicts.",
    )[at]
    return [*title, *table(head, [_found(share) for share in model.per_source]), note, ""]


def _found(share: SourceShareV3) -> tuple[str | int, ...]:
    return (
        cell(share.title),
        share.screened,
        share.risky.documents,
        percent(share.risky.documents, share.screened),
        share.broken_rows,
        percent(share.broken_rows, share.documents_read + share.broken_rows),
    )
