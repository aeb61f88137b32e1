"""What models answer about a text, read strictly: an answer in another form is None, never a guess."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

GuardForm = Literal["qwen3guard", "llama-guard", "labels"]
#: The worst and best score of educational value.
LEAST, MOST = 0, 5

#: Reasoning models think aloud first; what counts is what they say then.
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_SCORE = re.compile(r"(?:(?:教育价值)?(?:得分|评分|分数)\s*[:：]?\s*)?([0-5])\s*分?[。.]?")
_SAFETY = re.compile(r"Safety:\s*(Safe|Unsafe|Controversial)", re.IGNORECASE)
_CATEGORIES = re.compile(r"Categories:\s*(\S.*)", re.IGNORECASE)
_REFUSAL = re.compile(r"Refusal:\s*(?:Yes|No|None)", re.IGNORECASE)
_CATEGORY = re.compile(r"[A-Za-z][A-Za-z0-9 &/()'-]{0,59}")
_LLAMA_CATEGORY = re.compile(r"S[0-9]{1,2}")
_BETWEEN = re.compile(r"[,，、;；\n]+")
_MOST_CATEGORIES = 20


class Guarded(NamedTuple):
    """What a guard said: "safe", "unsafe" or "controversial", and its own words for the risks."""

    level: str
    categories: tuple[str, ...] = ()


def spoken(answer: str) -> str:
    """Return the answer without what a reasoning model thought before it, and without blanks around it.

    >>> spoken("<think>要看内容。</think> 得分：3 ")
    '得分：3'
    """
    return _THOUGHT.sub("", answer, count=1).strip()


def read_score(answer: str) -> int | None:
    r"""Return the score of an answer that is one: its only line, or its last where that says 得分 and no other does.

    >>> [read_score(text) for text in ("得分：4", "3", "5分。", "内容系统。\n得分：5", "得分：9", "3到4分", "")]
    [4, 3, 5, 5, None, None, None]
    """
    lines = [line.strip(" *\t") for line in spoken(answer).splitlines() if line.strip()]
    if not lines:
        return None
    found = _SCORE.fullmatch(lines[-1])
    if found is None or (len(lines) > 1 and ("分" not in lines[-1] or any("得分" in line for line in lines[:-1]))):
        return None
    return int(found[1])


def read_guard(answer: str, form: GuardForm, safe: Collection[str] = (), risky: Collection[str] = ()) -> Guarded | None:
    r"""Return what a guard said, None where its answer has not the form; `safe` and `risky`: words of "labels".

    >>> read_guard("Safety: Unsafe\nCategories: Violent, PII", "qwen3guard")
    Guarded(level='unsafe', categories=('Violent', 'PII'))
    >>> read_guard("unsafe\nS1,S2", "llama-guard")
    Guarded(level='unsafe', categories=('S1', 'S2'))
    >>> read_guard("诈骗、暴力", "labels", ["安全"], ["诈骗", "暴力"])
    Guarded(level='unsafe', categories=('诈骗', '暴力'))
    """
    said = spoken(answer)
    if form == "qwen3guard":
        return _qwen(said)
    if form == "llama-guard":
        return _llama(said)
    return _labels(said, {word.casefold(): word for word in safe}, {word.casefold(): word for word in risky})


def _qwen(said: str) -> Guarded | None:
    """Return the reading of "Safety: …", "Categories: …" and, from guards of answers, "Refusal: …", one line each."""
    first, *rest = [line.strip() for line in said.splitlines() if line.strip()] or [""]
    safety = _SAFETY.fullmatch(first)
    named = _CATEGORIES.fullmatch(rest[0]) if rest else None
    left = rest[1:] if named else rest
    if safety is None or len(left) > 1 or (left and not _REFUSAL.fullmatch(left[0])):
        return None
    words = _split(named[1]) if named else ()
    if words == ("None",):
        words = ()
    level = safety[1].lower()
    if any(not _CATEGORY.fullmatch(word) or word == "None" for word in words) or (level == "safe" and words):
        return None
    return Guarded(level, words) if len(words) <= _MOST_CATEGORIES else None


def _llama(said: str) -> Guarded | None:
    """Return the reading of "safe", or of "unsafe" with a line of categories."""
    level, *rest = [line.strip() for line in said.splitlines() if line.strip()] or [""]
    words = _split(rest[0]) if rest else ()
    if level.lower() == "safe" and not rest:
        return Guarded("safe")
    good = all(_LLAMA_CATEGORY.fullmatch(word) for word in words) and len(words) <= _MOST_CATEGORIES
    if level.lower() != "unsafe" or len(rest) > 1 or not good:
        return None
    return Guarded("unsafe", words)


def _labels(said: str, safe: Mapping[str, str], risky: Mapping[str, str]) -> Guarded | None:
    """Return the reading of labels alone: either one that means safe, or some that name risks."""
    words = [word.casefold() for word in _split(said.rstrip("。."))]
    if len(words) == 1 and words[0] in safe:
        return Guarded("safe")
    if not words or any(word not in risky for word in words):
        return None
    return Guarded("unsafe", tuple(dict.fromkeys(risky[word] for word in words)))


def _split(words: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in (piece.strip() for piece in _BETWEEN.split(words)) if word))
