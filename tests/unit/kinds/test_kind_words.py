"""Reasons and kinds in Chinese."""

from __future__ import annotations

import re
from typing import Annotated

import pytest
from pydantic import BaseModel, StringConstraints, ValidationError

from quanheng.kinds import all_kinds
from quanheng.kinds.base import Model
from quanheng.kinds.kind_words import kind_word, reason, reason_en, said_zh
from quanheng.kinds.lexicons import LexiconTerm
from quanheng.kinds.models import Question

HAN = re.compile(r"[\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z]{3,}")


def _reason(model: type[Model], line: str) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(line)
    return reason(caught.value.errors(include_url=False)[0])


def test_every_kind_has_a_chinese_word() -> None:
    for kind in all_kinds():
        assert HAN.search(kind_word(kind)), kind
    assert kind_word("someone-elses/v3") == "someone-elses"


@pytest.mark.parametrize(
    ("model", "line", "said"),
    [
        (Question, "{", "不是有效的 JSON"),
        (Question, "[]", "应为键值对"),
        (Question, '{"question": "甲", "risk": "A.1.a"}', "缺少这一项"),
        (Question, '{"id": "q1", "question": "甲", "risk": "Z.9"}', "不在 31 类风险编号之中"),
        (Question, '{"id": "q1", "question": "甲"}', "每题须填 risk 或 aspect 其中一项，且只填一项"),
        (LexiconTerm, '{"term": "", "risk": "A.1.a"}', "不得少于 1 个字符"),
        (
            LexiconTerm,
            '{"term": "甲", "risk": "A.1.a", "mode": "x"}',
            "不是允许的取值，可用：'review'、'count'、'combine'",
        ),
    ],
)
def test_reasons_of_rows_are_in_chinese(model: type[Model], line: str, said: str) -> None:
    assert _reason(model, line) == said


def test_what_nobody_gave_is_said_in_chinese() -> None:
    assert said_zh("nothing found") == "未查到" and said_zh("MIT") == "MIT"


class Days(BaseModel):
    on: Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")] = ""
    collected_on: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")] = "2026-01-01"
    as_of: Annotated[str, StringConstraints(pattern=r"^(|today|[0-9]{4}-[0-9]{2}-[0-9]{2})$")] = ""
    slug: Annotated[str, StringConstraints(pattern=r"^[a-z]+$")] = "a"


@pytest.mark.parametrize("field", ["on", "collected_on", "as_of"])
def test_a_day_is_asked_for_as_a_day_and_not_as_a_pattern(field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Days.model_validate({field: "2026"})
    [item] = caught.value.errors()
    assert reason(item) == "应为日期，如 2026-12-31" and reason_en(item) == "it should be a day, such as 2026-12-31"


def test_another_pattern_is_told_as_it_is() -> None:
    with pytest.raises(ValidationError) as caught:
        Days.model_validate({"slug": "A"})
    [item] = caught.value.errors()
    assert "^[a-z]+$" in reason(item) and "^[a-z]+$" in reason_en(item)
