"""What measuring one rule found, before force and basis are weighed; and the sentences that explain it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from quanheng.kinds.base import Say
from quanheng.kinds.oversight import Bound, Need, Note, Rule, RuleKind, Total, Verdict
from quanheng.kinds.risks import ASPECT_NAMES
from quanheng.oversight.rules.evidence import Evidence

NeedCode = Literal["review", "ask", "licence", "record", "terms", "questions", "sources", "draw", "model", "provide"]


@dataclass(frozen=True)
class Finding:
    """A verdict with the numbers it rests on. `follows`: it follows from k, n and the threshold by the law alone."""

    verdict: Verdict
    k: Total | None = None
    n: Total | None = None
    value: str | None = None
    bound: Bound | None = None
    follows: bool = False
    min_n: int | None = None
    required_k: int | None = None
    notes: tuple[Note, ...] = ()
    details: tuple[Say, ...] = ()
    need: Need | None = None
    computed_from: tuple[str, ...] = ()


Measure = Callable[[Rule, Evidence], Finding]
MEASURES: dict[RuleKind, Measure] = {}


def measures(*kinds: RuleKind) -> Callable[[Measure], Measure]:
    """Return a decorator that registers a function as the way to measure rules of these kinds."""

    def register(function: Measure) -> Measure:
        for kind in kinds:
            if kind in MEASURES:
                raise ValueError(f"rule kind {kind} is registered twice")
            MEASURES[kind] = function
        return function

    return register


def missing(rule: Rule, *, need: NeedCode = "provide", amount: int = 0, details: tuple[Say, ...] = ()) -> Finding:
    """Return 待补充, saying exactly what the rule asks to be provided."""
    return Finding(
        verdict="pending",
        notes=(note("missing_evidence", "Evidence is missing.", "缺少证明材料。"),),
        details=(*details, rule.provide),
        need=Need(code=need, amount=amount, en=rule.provide.en, zh=rule.provide.zh),
    )


def group_name(group: str) -> Say:
    """Return the name of a group: an aspect in both languages, any other id as it is."""
    names = {str(aspect): name for aspect, name in ASPECT_NAMES.items()}
    return Say(en=names.get(group, group), zh=group)


def note(code: str, en: str, zh: str) -> Note:
    """Return the note `code` with its sentence in both languages."""
    return Note(code=code, en=en, zh=zh)


def thin_margin(needed: int | None, n: int, *, at_least: bool) -> Note:
    """Return the note for a point that passes while its own 95 % bound does not."""
    if needed is None:
        return note(
            "thin_margin",
            f"The statistical margin is thin: no result on {n:,} items could show it at 95 % confidence.",
            f"统计裕度不足：{n:,} 条的样本无论结果如何，都不足以在单侧95%置信水平下说明达标。",
        )
    if at_least:
        return note(
            "thin_margin",
            f"The statistical margin is thin: the one-sided 95 % bound passes from {needed:,} of {n:,} on.",
            f"统计裕度不足：{n:,} 条中需 {needed:,} 条，单侧95%置信下限才达到阈值。",
        )
    return note(
        "thin_margin",
        f"The statistical margin is thin: at most {needed:,} of {n:,} would let the one-sided 95 % bound pass.",
        f"统计裕度不足：{n:,} 条中不超过 {needed:,} 条，单侧95%置信上限才不超过阈值。",
    )


def too_few(n: int, min_n: int) -> Note:
    """Return the note for fewer items than the text asks for."""
    return note(
        "too_few",
        f"{n:,} items are judged; the text asks for at least {min_n:,}.",
        f"已判定 {n:,} 条，要求不少于 {min_n:,} 条。",
    )


SELF_DRAWN = note(
    "self_drawn",
    "The sample was drawn by the team that is assessed: the draw does not rest on an outside nonce.",
    "样本为自行抽取：抽样随机数不来自建模团队之外。",
)
JUDGE_NOT_VALIDATED = note(
    "judge_not_validated",
    "The machine judge was not checked against people's verdicts, so a pass cannot rest on it.",
    "机器判定未经人工判定校验，不能据此得出“符合”。",
)
CLEAR_FAILURE = note(
    "clear_failure",
    "There are fewer items than asked for, but even the favourable 95 % bound misses the threshold.",
    "条数虽少于要求，但即使按有利一侧的95%置信限也达不到阈值。",
)
