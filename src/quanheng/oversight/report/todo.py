"""What to do next, in order, with the effort it takes."""

from __future__ import annotations

from dataclasses import dataclass

from quanheng.kinds.oversight import Need, Result
from quanheng.oversight.report.words import Tongue, number

#: Working assumptions for the effort, printed with it: seconds a person needs for one item, and how many people.
SECONDS_PER_REVIEW = 20
REVIEWERS = 3
SHOWN = 6


@dataclass(frozen=True)
class Step:
    """One thing to do: the rule it is for, what to do, and the effort as a sentence."""

    rule: str
    action: str
    effort: str


def steps(results: tuple[Result, ...], tongue: Tongue) -> tuple[Step, ...]:
    """Return the steps in order: what fails, what is pending, what is below a recommendation. No step stands twice."""
    wanting = sorted((result for result in results if result.need), key=_urgency)
    found: dict[tuple[str, str], Step] = {}
    for result in wanting:
        if result.need:
            key = (result.need.code, result.need.en)
            step = Step(result.rule, result.need.zh if tongue.zh else result.need.en, effort(result.need, tongue))
            found.setdefault(key, step)
    return tuple(found.values())


def _urgency(result: Result) -> int:
    if result.verdict == "fails":
        return 0 if result.decisive else 1
    if result.verdict == "pending":
        return 2 if result.force != "warn" else 4
    return 3


def effort(need: Need, tongue: Tongue) -> str:
    """Return how much work a need is, with the assumption behind it; "" when nothing can be said."""
    n = number(need.amount)
    zh = tongue.zh
    if need.code == "review" and need.amount:
        minutes = max(1, round(need.amount * SECONDS_PER_REVIEW / 60 / REVIEWERS))
        much, units = (minutes, ("minute", "分钟")) if minutes < 60 else (round(minutes / 60), ("hour", "小时"))
        if zh:
            return f"还差 {n} 条，{REVIEWERS} 人约 {much} {units[1]}（按每条 {SECONDS_PER_REVIEW} 秒估算）"
        unit = units[0] if much == 1 else units[0] + "s"
        return f"{n} to go, about {much} {unit} for {REVIEWERS} people (at {SECONDS_PER_REVIEW} s each)"
    sources = f"{n} source" if need.amount == 1 else f"{n} sources"
    by_code = {
        "ask": (f"还差 {n} 题", f"{n} to go"),
        "licence": (f"{n} 个来源", sources),
        "record": ("须由负责人提供", "to be provided by whoever is responsible"),
        "terms": (f"还差 {n} 个", f"{n} terms to go"),
        "questions": (f"还差 {n} 题", f"{n} questions to go"),
        "sources": (f"{n} 个来源", sources),
        "model": ("工作量取决于方案", "the effort depends on the approach"),
    }
    pair = by_code.get(need.code)
    if pair is None or (not need.amount and need.code not in ("record", "model")):
        return ""
    return pair[0] if zh else pair[1]
