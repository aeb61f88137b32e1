"""What was found in a text that was tried: each place with why it counts or does not, in both languages."""

from __future__ import annotations

import io
from typing import Any

import pytest

from quanheng.cli.caller import Caller
from quanheng.cli.screens import SCREENS


def _hit(written: str, evasion: str = "", why_not: str = "", *, suspect: bool = False) -> dict[str, Any]:
    term = {"term": "赌博", "risk": "A.1.f", "mode": "combine"}
    return {"written": written, "evasion": evasion, "why_not": why_not, "suspect": suspect, "term": term}


HITS = [_hit("甲"), _hit("乙", why_not="excused"), _hit("丙", why_not="alone"), _hit("丁", "pinyin", suspect=True)]
ANSWER = {
    "hits": HITS, "n": 6, "hits_counted": 2, "decision": "keep", "weighted": 1, "characters": 1, "terms": 1,
    "as_of": "2026-11-26",
}  # fmt: skip


def _lines(language: str, answer: dict[str, Any]) -> list[str]:
    out = io.StringIO()
    SCREENS["lexicon.match"](Caller(language, out=out), answer)
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("language", "first", "ends"),
    [
        (
            "zh",
            "按 2026-11-26 有效的词，共查 1 个词，文本 1 字；找到 6 处，其中计入 2 处，权重合计 1",
            ["计入", "不计：落在白名单语境内（excused）", "不计：附近没有组合词（alone）", "疑似：供复核，不加权"],
        ),
        (
            "en",
            "1 term looked for, those in force on 2026-11-26, in 1 character; 6 places found, 2 of them count; their "
            "weights add up to 1",
            [
                "counts",
                "does not count: in a context that is excepted (excused)",
                "does not count: without its partner nearby (alone)",
                "a suspicion: for review, without weight",
            ],
        ),
    ],
)
def test_each_place_says_why_it_counts_or_does_not(language: str, first: str, ends: list[str]) -> None:
    lines = _lines(language, ANSWER)
    assert lines[1] == first and "4" in lines[-1]
    rows = [line for line in lines if line[:1] in "甲乙丙丁" and line]
    assert len(rows) == 4 and all(row.endswith(end) for row, end in zip(rows, ends, strict=True))
    assert ("拼音（pinyin）" if language == "zh" else "pinyin") in rows[3]


def test_nothing_found_has_no_table() -> None:
    lines = _lines("zh", {**ANSWER, "hits": [], "n": 0, "hits_counted": 0})
    assert lines[0] == "不列入复核" and len(lines) == 2
