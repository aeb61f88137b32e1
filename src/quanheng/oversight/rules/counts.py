"""Rules about how many: sources of one data type, terms of the keyword bank, questions of a bank."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from quanheng.kinds.base import Say
from quanheng.kinds.oversight import Floor, Need, Rule, Total
from quanheng.oversight.rules.evidence import Evidence, add, at
from quanheng.oversight.rules.finding import Finding, NeedCode, group_name, measures, missing
from quanheng.oversight.rules.shares import parts_of

GROUPS_SHOWN = 6


@dataclass(frozen=True)
class Stock:
    """What there is: a total and counts per group, with where they stand in one artifact's config."""

    digest: str
    total: Total
    groups: Mapping[str, int]
    unit: Say
    need: NeedCode


@measures("count", "count_per")
def floors(rule: Rule, evidence: Evidence) -> Finding:
    """Return the finding for a total and, where the rule says so, a minimum for each group."""
    floor = _floor(rule)
    if rule.reads.item == "sources":
        return _sources_per_type(rule, floor, evidence)
    stock = _stock(rule, evidence)
    if stock is None:
        return missing(rule, need=_NEEDS[rule.reads.item], amount=floor.total or 0)
    short = [(group, stock.groups.get(group, 0), at_least) for group, at_least in _wanted(floor)]
    short = [(group, n, at_least) for group, n, at_least in short if n < at_least]
    lacking = max((floor.total or 0) - stock.total.value, 0)
    gaps = sum(at_least - n for _, n, at_least in short)
    enough = not short and not lacking
    return Finding(
        verdict="conforms" if enough else "fails",
        k=stock.total,
        details=_lines(floor, stock, short),
        need=None if enough else _need(rule, stock, max(lacking, gaps)),
        computed_from=(stock.digest,),
    )


_NEEDS: Mapping[str, NeedCode] = {"lexicon": "terms", "bank": "questions"}


def _floor(rule: Rule) -> Floor:
    if rule.floor is None:
        raise ValueError(f"{rule.id} has no floor")
    return rule.floor


def _wanted(floor: Floor) -> list[tuple[str, int]]:
    return [(group, part.at_least) for part in floor.per_group for group in part.groups]


def _stock(rule: Rule, evidence: Evidence) -> Stock | None:
    if rule.reads.item == "lexicon":
        lexicon = evidence.lexicon
        if lexicon is None:
            return None
        total = add([at(lexicon, "/terms", lexicon.kind.terms)])
        return Stock(lexicon.digest, total, lexicon.kind.per_risk, Say(en="terms", zh="个"), "terms")
    if rule.reads.item != "bank" or rule.reads.purpose is None:
        raise ValueError(f"{rule.id} names nothing that can be counted")
    bank = evidence.bank(rule.reads.purpose)
    if bank is None:
        return None
    total = add([at(bank, "/items", bank.kind.items)])
    groups = dict(bank.kind.per_risk) | {str(aspect): n for aspect, n in bank.kind.per_aspect.items()}
    return Stock(bank.digest, total, groups, Say(en="questions", zh="题"), "questions")


def _lines(floor: Floor, stock: Stock, short: list[tuple[str, int, int]]) -> tuple[Say, ...]:
    lines = []
    if floor.total:
        have = stock.total.value
        lines.append(
            Say(en=f"{have:,} of {floor.total:,} {stock.unit.en}", zh=f"{have:,} {stock.unit.zh}，推荐 {floor.total:,}")
        )
    wanted = len(_wanted(floor))
    if wanted:
        met = wanted - len(short)
        lines.append(Say(en=f"{met} of {wanted} groups reach their minimum", zh=f"{wanted} 类中 {met} 类达到下限"))
    if short:
        worst = sorted(short, key=lambda gap: (gap[1] - gap[2], gap[0]))[:GROUPS_SHOWN]
        rest = len(short) - len(worst)
        shown = [(group_name(group), f"{n}/{at_least}") for group, n, at_least in worst]
        en = ", ".join(f"{name.en} {share}" for name, share in shown) + (f" and {rest} more" if rest else "")
        zh = "、".join(f"{name.zh} {share}" for name, share in shown) + (f"等 {len(short)} 类" if rest else "")
        lines.append(Say(en=f"Short: {en}", zh=f"不足：{zh}"))
    return tuple(lines)


def _need(rule: Rule, stock: Stock, amount: int) -> Need:
    return Need(code=stock.need, amount=amount, en=rule.provide.en, zh=rule.provide.zh)


def _sources_per_type(rule: Rule, floor: Floor, evidence: Evidence) -> Finding:
    """Return the finding for sources per data type. A type is the text of one language.

    GB/T 45652 draft 6.1b counts text of one language, code, images, audio and video as types.
    """
    corpus = evidence.corpus
    if corpus is None:
        return missing(rule)
    parts = [part for part in parts_of(corpus, evidence) if part.share.documents_kept]
    absent = [part.share.title for part in parts if part.source is None]
    if absent or not parts:
        line = Say(en="Not among the evidence: " + ", ".join(absent), zh="材料中缺少来源：" + "、".join(absent))
        return missing(rule, need="sources", amount=len(absent), details=(line,) if absent else ())
    types: dict[str, list[str]] = defaultdict(list)
    for part in parts:
        if part.source:
            types[part.source.kind.language.split("-")[0]].append(part.share.title)
    least = floor.total or 1
    enough = all(len(titles) >= least for titles in types.values())
    all_kept = len(parts) == len(corpus.kind.per_source)
    return Finding(
        verdict="conforms" if enough else "fails",
        k=add([at(corpus, "/per_source", len(parts))]) if all_kept and len(types) == 1 else None,
        details=tuple(
            Say(en=f"text, {language}: {len(titles)} sources", zh=f"文本（{language}）：{len(titles)} 个来源")
            for language, titles in sorted(types.items())
        ),
        need=None if enough else Need(code="sources", amount=1, en=rule.provide.en, zh=rule.provide.zh),
        computed_from=(corpus.digest, *(part.source.digest for part in parts if part.source)),
    )
