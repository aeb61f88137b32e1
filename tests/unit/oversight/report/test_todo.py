"""What to do next: what fails first, each thing once, and the effort with its assumption."""

from __future__ import annotations

import pytest

from quanheng.kinds.oversight import Assessment, Need
from quanheng.oversight.report import ReportContext
from quanheng.oversight.report.todo import effort, steps
from quanheng.oversight.report.words import Tongue
from quanheng.oversight.rules import Evidence, assess, load

ZH, EN = Tongue("zh"), Tongue("en")


def test_failures_come_first(report: tuple[Assessment, ReportContext]) -> None:
    assessment, _ = report
    verdict = {result.rule: result.verdict for result in assessment.results}
    order = [verdict[step.rule] for step in steps(assessment.results, ZH)]
    assert order == sorted(order, key=["fails", "pending", "conforms"].index)
    assert order[0] == "fails"


def test_nothing_stands_twice(report: tuple[Assessment, ReportContext]) -> None:
    actions = [(step.action, step.effort) for step in steps(report[0].results, ZH)]
    assert len(set(actions)) == len(actions)


def test_every_pending_rule_says_what_to_do() -> None:
    found = steps(assess(load(), Evidence()).results, EN)
    assert len(found) == 19
    assert all(step.action for step in found)


@pytest.mark.parametrize(
    ("code", "amount", "zh", "en"),
    [
        ("questions", 460, "还差 460 题", "460 questions to go"),
        ("licence", 1, "1 个来源", "1 source"),
        ("sources", 2, "2 个来源", "2 sources"),
        ("sources", 0, "", ""),
        ("model", 0, "工作量取决于方案", "the effort depends on the approach"),
        ("provide", 5, "", ""),
    ],
)
def test_effort(code: str, amount: int, zh: str, en: str) -> None:
    need = Need(code=code, amount=amount, en="x", zh="某事")  # type: ignore[arg-type]
    assert (effort(need, ZH), effort(need, EN)) == (zh, en)


def test_review_names_its_assumption() -> None:
    # 3,782 x 20 s / 3 people = 7.0 h
    need = Need(code="review", amount=3782, en="x", zh="某事")
    assert effort(need, ZH) == "还差 3,782 条，3 人约 7 小时（按每条 20 秒估算）"
    assert effort(need, EN) == "3,782 to go, about 7 hours for 3 people (at 20 s each)"
    few = Need(code="review", amount=10, en="x", zh="某事")
    assert effort(few, EN) == "10 to go, about 1 minute for 3 people (at 20 s each)"
