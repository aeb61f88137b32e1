"""The verdicts of an assessment as a person reads them."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import quanheng
from quanheng.cli.assessment_words import NOTES, tally_words, verdicts
from quanheng.cli.caller import Caller
from quanheng.cli.demo import _found
from quanheng.kinds.oversight import Assessment, Note, Result, Tally
from quanheng.oversight.rules import Evidence, assess, load

DIGEST = "sha256:" + "a" * 64


def _told(model: Assessment, language: str) -> list[str]:
    out = io.StringIO()
    pack: Any = SimpleNamespace(load=lambda digest: SimpleNamespace(model=load()))
    verdicts(Caller(language=language, out=out), pack, model)
    return out.getvalue().splitlines()


def _model() -> Assessment:
    model = assess(load(), Evidence(), rulepack_digest=DIGEST)
    first = model.results[0]
    measured = Result.model_validate_json(
        first.model_copy(update={"verdict": "fails", "value": "0.0125", "details": (), "need": None}).model_dump_json()
    )
    return model.model_copy(update={"results": (measured, *model.results[1:])})


def test_one_line_per_rule_with_notes_below() -> None:
    model = _model()
    for language, mark, title in (("zh", "✗ 不符合", "待补充"), ("en", "✗ fails", "pending")):
        lines = _told(model, language)
        rules = [line for line in lines if not line.startswith(" ")][1:]
        assert len(rules) == len(model.results) == len(load().rules)
        assert rules[0].startswith(mark) and "1.25%" in rules[0] and model.results[0].rule in rules[0]
        assert all(line.startswith(f"… {title}") for line in rules[1:])
        assert any(line.startswith("      ") for line in lines)


def test_a_rule_pack_that_cannot_be_read_leaves_the_ids() -> None:
    model = _model().model_copy(update={"rulepack": _model().rulepack.model_copy(update={"digest": None})})
    assert any(model.results[1].rule in line for line in _told(model, "zh"))


def test_every_code_of_a_note_has_words() -> None:
    folder = Path(quanheng.__file__).parent / "oversight" / "rules"
    text = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    codes = set(re.findall(r"\bnote\(\s*\"([a-z_]+)\"", text))
    assert {"thin_margin", "small_lexicon"} <= codes and sorted(codes - set(NOTES)) == []


def test_the_tally_says_what_is_below_the_recommended_value() -> None:
    tally = Tally(conforms=9, fails=2, not_applicable=1, pending=6, below_recommended=6, thin_margin=0)
    assert tally_words(tally)[1] == "符合 9（其中 6 项未达推荐值） · 不符合 2 · 待补充 6 · 不适用 1"
    assert tally_words(tally)[0].startswith("9 conform (6 of them below the recommended value), 2 fail")
    assert "其中" not in tally_words(tally.model_copy(update={"below_recommended": 0}))[1]


@pytest.mark.parametrize(
    ("result", "zh"),
    [
        ({"k": {"value": 1}, "n": {"value": 4000}}, "1 / 4,000"),
        ({"k": {"value": 1}, "n": None, "details": [{"en": "one", "zh": "一个来源"}]}, "一个来源"),
        ({"notes": [Note(code="x", en="n", zh="说明").model_dump()]}, "说明"),
        ({}, "详见报告"),
    ],
)
def test_the_demonstration_never_says_an_empty_value(result: dict[str, Any], zh: str) -> None:
    assert _found({"k": None, "n": None, "details": [], "notes": [], **result})[1] == zh
