"""Reasons and kinds in Chinese."""

from __future__ import annotations

import re
from pathlib import Path
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
        (Question, '{"id": "q1", "question": "甲", "risk": "Z.9"}', "“Z.9”不在 31 类风险编号之中；编号形如 A.1.a"),
        (
            LexiconTerm,
            '{"term": "甲", "risk": "a.1.F"}',
            "“a.1.F”不在 31 类风险编号之中；相近的有：A.1.f 宣扬暴力、淫秽色情",
        ),
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


@pytest.mark.parametrize(
    ("pattern", "zh", "en"),
    [
        (r"^[a-z][a-z0-9_]{0,59}$", "near_duplicate", "near_duplicate"),
        (r"^([a-z][a-z0-9_]{0,59})?$", "near_duplicate", "near_duplicate"),
        (r"^([A-E]\.[0-9]+(\.[a-z])?)?$", "风险编号，如 A.1.f", "code of a risk such as A.1.f"),
        (r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", "只能用英文字母、数字", "letters a to z, digits"),
        (r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$", "应为数，如 0.85", "a number such as 0.85"),
    ],
)
def test_what_fits_a_pattern_is_said_in_words(pattern: str, zh: str, en: str) -> None:
    item = {"type": "string_pattern_mismatch", "msg": f"String should match pattern '{pattern}'"}
    item |= {"ctx": {"pattern": pattern}}
    assert zh in reason(item) and en in reason_en(item)
    assert "^" not in reason(item) + reason_en(item)


def test_the_forms_are_those_of_the_inputs() -> None:
    """A pattern that changes leaves no words behind that nobody reads any more."""
    from quanheng.core.verb import load
    from quanheng.kinds import kind_words, lexicons, models, platform, recipes, samples  # noqa: F401

    load()
    sources = "".join(path.read_text("utf-8") for path in Path(kind_words.__file__).parents[1].rglob("*.py"))
    for form in kind_words._FORMS:
        assert sources.count(form) > 1, form
