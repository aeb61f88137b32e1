"""What a build would do and cost, as a person reads it."""

from __future__ import annotations

import io
from typing import Any

import pytest

from quanheng.cli.caller import Caller
from quanheng.cli.screens import SCREENS
from quanheng.cli.trial_words import MOST_SHOWN

SIZES = ("sampled", "memory_bytes", "corpus_bytes", "work_bytes", "work_stages_bytes", "work_all_bytes", "left_bytes")


class Terminal(io.StringIO):
    """A screen."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def _lines(query: str, answer: Any, language: str, out: io.StringIO | None = None) -> list[str]:
    out = out or io.StringIO()
    SCREENS[query](Caller(language=language, out=out), answer)
    return out.getvalue().splitlines()


def _judge(place: int | None, expression: str, k: int) -> dict[str, Any]:
    shown = [{"excerpt": f"文{number}" + "字" * 190, "values": {"lines": number}} for number in range(8)]
    return {"step": place, "expression": expression, "does": "review" if place == 4 else "drop",
            "reason": "too_short" if place else None, "k": k, "n": 40, "taken": shown, "left": shown}  # fmt: skip


def _column(name: str) -> dict[str, Any]:
    shares = (0, 1, 5, 25, 50, 75, 95, 99, 100)
    return {
        "name": name,
        "type": "float64",
        "quantiles": [[share, f"{share / 2:.4f}"] for share in shares],
        "bins": [["0.0000", "1.0000", 987]] * 22,
    }


ANSWER = {
    "documents": 40,
    "broken_rows": 2,
    "columns": [
        _column("characters"),
        _column("repetition"),
        {"name": "script", "type": "string", "values": [["zh-Hans", 30], *([f"x{n}", 1] for n in range(10))]},
    ],
    "judges": [_judge(3, "characters < 4", 1), _judge(4, "repetition > 0.3 or " * 8 + "characters < 2", 10)],
    "tried": _judge(None, "lines < 2", 5),
}


@pytest.mark.parametrize(
    ("language", "words"), [("zh", ("列", "最小", "最大", "列入复核")), ("en", ("column", "min", "max", "review"))]
)
def test_an_analysis_is_one_line_a_column_and_one_a_condition(language: str, words: tuple[str, ...]) -> None:
    lines = _lines("corpus.analyze", ANSWER, language)
    text = "\n".join(lines)
    assert all(word in text for word in words) and len(lines) < 40
    said = {"zh": "字数", "en": "characters"}[language]
    assert [line.split() for line in lines if line.startswith("  characters ")] == [
        ["characters", "0", "2.5", "25", "47.5", "50", said]
    ]
    condition = next(line for line in lines if "characters < 4" in line)
    assert condition.split()[0] == "3" and "2.50 % (1/40)" in condition
    values = next(line for line in lines if line.startswith("  script"))
    assert values.count("、" if language == "zh" else ",") == 6
    assert {"zh": "文字  简体（zh-Hans） 30", "en": "script        simplified (zh-Hans) 30"}[language] in values
    assert "987" not in text  # the bins


def test_what_is_tried_comes_first_with_a_few_documents_of_each_side() -> None:
    lines = _lines("corpus.analyze", ANSWER, "en")
    tried, conditions = (next(n for n, line in enumerate(lines) if word in line) for word in ("Tried:", "Conditions"))
    assert tried < conditions and "12.50 % (5/40)" in lines[tried + 1]
    assert sum("lines=" in line for line in lines) == 2 * MOST_SHOWN
    assert all(n < conditions for n, line in enumerate(lines) if "lines=" in line)


def test_on_a_terminal_excerpts_are_cut_and_a_long_condition_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.cli.text import width

    monkeypatch.setenv("COLUMNS", "80")
    lines = _lines("corpus.analyze", ANSWER, "zh", Terminal())
    assert max(map(width, lines)) <= 80
    assert " ".join("".join(lines).split()).count("repetition > 0.3") == 8


def test_an_empty_sample_is_written() -> None:
    answer = {
        "documents": 0,
        "broken_rows": 0,
        "columns": [{"name": "characters", "type": "int64", "quantiles": [], "bins": []}],
        "judges": [{**_judge(3, "characters < 4", 0), "n": 0, "taken": [], "left": []}],
        "tried": None,
    }
    assert any("characters < 4" in line and "—" in line for line in _lines("corpus.analyze", answer, "zh"))


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [(0.0, "不足 0.1 秒", "less than 0.1 s"), (12.34, "12.3 秒", "12.3 s"), (5400.0, "1.5 核时", "1.5 core hours")],
)
def test_a_plan_has_sizes_and_times_in_units_that_people_read(seconds: float, zh: str, en: str) -> None:
    answer = {**dict.fromkeys(SIZES, 33 * 1024), "bytes": 164 * 1024**2, "cpu_s": seconds, "start_s": 0.3,
              "documents": 12_345, "core_hours": "0.000"}  # fmt: skip
    lines = [line.split("  ") for line in _lines("corpus.plan", answer, "zh")]
    said = {line[0]: line[-1].strip() for line in lines}
    assert said["来源大小"] == "164.0 MiB" and said["预计保留（条）"] == "12,345" and said["语料大小"] == "33.0 KiB"
    assert said["处理器时间合计"] == zh
    assert any(line.startswith("processor time") and line.endswith(en) for line in _lines("corpus.plan", answer, "en"))


def test_lengths_are_told_from_the_shortest() -> None:
    bins = [
        {"low": 100, "high": 199, "documents": 1, "characters": 150},
        {"low": 0, "high": 9, "documents": 3, "characters": 9},
    ]
    quantiles = [
        {"k": k, "n": n, "characters": c} for k, n, c in ((1, 1, 150), (50, 100, 3), (0, 1, 2), (95, 100, 140))
    ]
    answer = {"documents": 4, "characters": 159, "bins": bins, "quantiles": quantiles}
    lines = [line.split() for line in _lines("corpus.histogram", answer, "zh")]
    assert ["0–9", "3", "75.00", "%", "9", "█" * 24] in lines and lines.index(
        ["0–9", "3", "75.00", "%", "9", "█" * 24]
    ) < (lines.index(["100–199", "1", "25.00", "%", "150", "█" * 8]))
    assert [line[:1] for line in lines[-4:]] == [["最短"], ["中位数"], ["95"], ["最长"]]
    assert _lines("corpus.histogram", {"documents": 0, "characters": 0, "bins": [], "quantiles": []}, "en") == [
        "0 documents, 0 characters"
    ]
