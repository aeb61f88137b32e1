"""Rules about all of something, not a sample of it: coverage of sources and documents, and the overseas share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from quanheng.kinds.base import Say
from quanheng.kinds.corpora import Corpus, SourceShare
from quanheng.kinds.kind_words import said_zh
from quanheng.kinds.oversight import Counted, Need, Note, Rule, Total
from quanheng.kinds.sources import Source
from quanheng.oversight.rules.evidence import Evidence, Loaded, add, at
from quanheng.oversight.rules.finding import Finding, NeedCode, measures, missing, note
from quanheng.stats.binomial import decimal_text

#: TC260-003, 8.1 a), as rule BNK-KW-01 has it: a keyword library should have at least so many terms.
RECOMMENDED_TERMS = 10_000


@dataclass(frozen=True)
class Part:
    """One source as it stands in the corpus: its place in `per_source`, and the source itself."""

    index: int
    share: SourceShare
    source: Loaded[Source] | None


@measures("coverage")
def coverage(rule: Rule, evidence: Evidence) -> Finding:
    """Return the finding for something that all sources or all documents must have."""
    field = rule.reads.field
    if field == "filtered":
        return _filtered(rule, evidence)
    if field == "personal_data":
        return _personal_data(rule, evidence)
    if field == "licence":
        return _sources_with(rule, evidence, "open", lambda s: s.licence.clear, "licence")
    if field == "collection_record":
        return _sources_with(rule, evidence, "self_collected", lambda s: s.collection.has_record, "record")
    raise ValueError(f"{rule.id}: coverage of {field!r} is not measured")


@measures("ratio")
def overseas(rule: Rule, evidence: Evidence) -> Finding:
    """Return the finding for the overseas share, by documents or bytes, whichever is larger."""
    corpus = evidence.corpus
    if corpus is None or not corpus.kind.totals.documents or rule.test is None:
        return missing(rule)
    parts = parts_of(corpus, evidence)
    units: list[tuple[Total, Total]] = []
    for field in ("documents", "bytes"):
        total = at(corpus, f"/totals/{field}", getattr(corpus.kind.totals, field))
        units.append((_sum_kept(corpus, (p for p in parts if p.share.region == "overseas"), field), add([total])))
    k, n = max(units, key=lambda unit: unit[0].value * 10**6 // max(unit[1].value, 1))
    passes = k.value * rule.test.den <= rule.test.num * n.value
    finding = Finding(
        verdict="conforms" if passes else "fails",
        k=k,
        n=n,
        value=decimal_text(k.value, n.value),
        follows=True,
        details=tuple(_unit_line(*unit, name) for unit, name in zip(units, _UNITS, strict=True)),
        need=None if passes else _need("sources", 0, rule),
        computed_from=(corpus.digest,),
    )
    unknown = [part.share.title for part in parts if part.share.region == "unknown" and part.share.documents_kept]
    if not unknown or not passes:
        return finding
    line = Say(
        en="Not known whether domestic or overseas: " + ", ".join(unknown), zh="境内外来源未知：" + "、".join(unknown)
    )
    need = _need("sources", len(unknown), rule)
    return replace(finding, verdict="pending", follows=False, details=(*finding.details, line), need=need)


_UNITS = (Say(en="documents", zh="条"), Say(en="bytes", zh="字节"))


def parts_of(corpus: Loaded[Corpus], evidence: Evidence) -> list[Part]:
    """Return the sources of `corpus` in its order, each with its artifact when that is among the evidence."""
    known = {source.digest: source for source in evidence.sources}
    return [Part(i, share, known.get(share.source)) for i, share in enumerate(corpus.kind.per_source)]


def _sum_kept(corpus: Loaded[Corpus], parts: Iterable[Part], field: str) -> Total:
    return add(_kept(corpus, part, field) for part in parts)


def _kept(corpus: Loaded[Corpus], part: Part, field: str = "documents") -> Counted:
    return at(corpus, f"/per_source/{part.index}/{field}_kept", getattr(part.share, f"{field}_kept"))


def _sources_with(
    rule: Rule, evidence: Evidence, origin: str, holds: Callable[[Source], bool], need: NeedCode
) -> Finding:
    """Return the finding for a property of each source of one origin, weighed by the documents it gave."""
    corpus = evidence.corpus
    if corpus is None:
        return missing(rule)
    parts = [part for part in parts_of(corpus, evidence) if part.share.documents_kept]
    absent = [part.share.title for part in parts if part.source is None]
    if absent:
        line = Say(en="Not among the evidence: " + ", ".join(absent), zh="材料中缺少来源：" + "、".join(absent))
        return missing(rule, need="sources", amount=len(absent), details=(line,))
    asked = [(part, part.source) for part in parts if part.source and part.source.kind.origin.type == origin]
    if not asked:
        return Finding(verdict="not_applicable", details=(_NO_SUCH_SOURCE[origin],), computed_from=(corpus.digest,))
    good = [part for part, source in asked if holds(source.kind)]
    bad = [source.kind for _, source in asked if not holds(source.kind)]
    k, n = _sum_kept(corpus, good, "documents"), _sum_kept(corpus, (part for part, _ in asked), "documents")
    count = Say(
        en=f"{len(good)} of {len(asked)} sources; counted by the documents they gave.",
        zh=f"{len(asked)} 个来源中 {len(good)} 个具备；按所提供的条数计。",
    )
    return Finding(
        verdict="fails" if bad else "conforms",
        k=k,
        n=n,
        value=decimal_text(k.value, n.value),
        follows=True,
        details=(count, *(_lacking(source, need) for source in bad)),
        need=_need(need, len(bad), rule) if bad else None,
        computed_from=(corpus.digest, *(source.digest for _, source in asked)),
    )


_NO_SUCH_SOURCE = {
    "open": Say(en="No open-source source is in the corpus.", zh="训练数据中没有开源来源。"),
    "self_collected": Say(en="No self-collected source is in the corpus.", zh="训练数据中没有自采来源。"),
}


def _lacking(source: Source, need: NeedCode) -> Say:
    if need == "licence":
        found = source.licence.found.strip().splitlines()
        said = found[0][:80] if found else source.licence.spdx
        return Say(en=f"{source.title}: licence unclear ({said})", zh=f"{source.title}：许可不明（{said_zh(said)}）")
    return Say(en=f"{source.title}: no collection record", zh=f"{source.title}：无采集记录")


def _filtered(rule: Rule, evidence: Evidence) -> Finding:
    corpus = evidence.corpus
    if corpus is None or not corpus.kind.filtered.documents:
        return missing(rule)
    filtered = corpus.kind.filtered
    k = add([at(corpus, "/filtered/documents_filtered", filtered.documents_filtered)])
    n = add([at(corpus, "/filtered/documents", filtered.documents)])
    whole = filtered.documents_filtered == filtered.documents
    line = Say(
        en=f"Filter: {filtered.lexicon_terms:,} terms; {filtered.documents_hit:,} documents hit, "
        f"{filtered.documents_for_review:,} listed for review.",
        zh=f"过滤词 {filtered.lexicon_terms:,} 个；命中 {filtered.documents_hit:,} 条，"
        f"列入复核 {filtered.documents_for_review:,} 条。",
    )
    return Finding(
        verdict="conforms" if whole else "fails",
        k=k,
        n=n,
        value=decimal_text(k.value, n.value),
        follows=True,
        notes=_small_lexicon(filtered.lexicon_terms),
        details=(line,),
        need=None if whole else _need("provide", n.value - k.value, rule),
        computed_from=(corpus.digest, *((filtered.lexicon,) if filtered.lexicon else ())),
    )


def _small_lexicon(terms: int) -> tuple[Note, ...]:
    """Return the note that a filter of few terms passes over much, which its full coverage does not show."""
    if not terms or terms >= RECOMMENDED_TERMS:  # no filter at all fails by itself
        return ()
    return (
        note(
            "small_lexicon",
            f"The filter's keyword library has only {terms:,} terms; at least {RECOMMENDED_TERMS:,} are recommended.",
            f"过滤所用的关键词库只有 {terms:,} 个词，推荐不少于 {RECOMMENDED_TERMS:,} 个。",
        ),
    )


def _personal_data(rule: Rule, evidence: Evidence) -> Finding:
    """Return 待补充 with what was masked: recognisers miss names and addresses, so masking alone proves nothing."""
    corpus = evidence.corpus
    if corpus is None:
        return missing(rule)
    masked = add([at(corpus, "/masked_documents", corpus.kind.masked_documents)])
    found = sum(corpus.kind.personal_data.values())
    line = Say(
        en=f"{found:,} pieces of personal data were recognised and masked in {masked.value:,} documents.",
        zh=f"识别并遮盖个人信息 {found:,} 处，涉及 {masked.value:,} 条。",
    )
    return replace(
        missing(rule, need="record", details=(line,)),
        k=masked,
        notes=(
            note(
                "recall_unknown",
                "Recognisers do not see names and addresses, and their misses were not measured.",
                "识别规则不含姓名、住址，漏检率未测定，不能据此得出“符合”。",
            ),
        ),
        computed_from=(corpus.digest,),
    )


def _unit_line(k: Total, n: Total, unit: Say) -> Say:
    percent = f"{Decimal(decimal_text(k.value, n.value)):.2%}" if n.value else "—"
    return Say(
        en=f"By {unit.en}: {k.value:,} of {n.value:,} overseas ({percent})",
        zh=f"按{unit.zh}计：境外 {k.value:,} / {n.value:,}（{percent}）",
    )


def _need(code: NeedCode, amount: int, rule: Rule) -> Need:
    return Need(code=code, amount=amount, en=rule.provide.en, zh=rule.provide.zh)
