"""How an answer is written for a person: names of columns and parameters stay, other fields have words."""

from __future__ import annotations

import io
from typing import Any

import pytest

from quanheng.cli.answer import CALLED, print_answer
from quanheng.cli.caller import Caller
from quanheng.cli.help import explain, metavar
from quanheng.cli.index import Option
from quanheng.core.labels import LABELS
from quanheng.data.corpus import describe_operators, describe_plan, shipped_recipe
from quanheng.errors import Text


def _written(value: Any, query: str = "", language: str = "zh") -> str:
    out = io.StringIO()
    print_answer(Caller(language=language, out=out), value, query)
    return out.getvalue()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_names_of_columns_and_parameters_are_written_as_they_are_typed(language: str) -> None:
    step = {"use": "x", "params": {"rows": 8, "seed": 0, "n": 13}, "columns": {"characters": "int64", "lines": "int64"}}
    lines = [line.split() for line in _written({"steps": [step]}, language=language).splitlines()]
    for name in ("rows", "seed", "n", "characters", "lines"):
        assert [name] in [line[:1] for line in lines], name
    assert [LABELS["columns"][language == "zh"]] in lines


def test_every_name_of_the_shipped_operators_and_of_a_recipe_can_be_read_back() -> None:
    operators, plan = describe_operators(), describe_plan(shipped_recipe("web-zh"))
    said = {line.strip().split("  ")[0] for line in _written({"operators": operators, **plan}).splitlines()}
    names = {name for operator in operators for field in ("params", "columns") for name in operator[field]}
    assert names and sorted(names - said) == []


def test_a_field_has_the_word_of_its_question() -> None:
    assert "较早的版本  sha256" in _written({"first": "sha256:" + "a" * 64, "rows": []}, "lexicon.diff")
    assert "命中数" in _written({"n": 1, "hits": []}, "lexicon.match")
    assert "对照（保留的文档）" in _written({"kept": [{"text": "甲"}]}, "corpus.samples")
    assert "files in all  3" in _written({"of": 3}, "source.samples", "en")
    assert {word for called in CALLED.values() for word in called.values()} <= set(LABELS)


def test_a_next_page_is_told_only_where_there_is_one() -> None:
    assert "续查位置  50" in _written({"on": "2026-11-26", "rows": [], "next": 50})
    assert "续查位置" not in _written({"on": "2026-11-26", "rows": [], "next": None})


def test_an_empty_choice_is_not_shown() -> None:
    option = Option("decision", "choice", False, False, "", ("", "drop", "edit"), Text("Which", "哪些"), False)
    assert metavar(option) == "drop|edit"
    assert explain(option, "zh") == "哪些（可选 drop | edit）"


def test_a_wrong_choice_is_told_without_the_empty_one(capsys: pytest.CaptureFixture[str]) -> None:
    from quanheng.cli.main import run

    assert run(["--lang", "zh", "corpus", "samples", "x", "--decision", "nonsense"]) != 0
    assert "不在可选范围内：drop, edit, review" in capsys.readouterr().err
