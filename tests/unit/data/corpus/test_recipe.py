"""Recipes: those that ship can be planned, and whatever is wrong with one is named before a byte is read."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus import describe_operators, describe_plan, parse_recipe, read_recipe, shipped, shipped_recipe
from quanheng.data.corpus.operator import _SHIPPED, Asset, operators
from quanheng.data.corpus.recipe import plan
from quanheng.errors import Invalid, QuanhengError
from quanheng.kinds.drop_reasons import REASONS
from quanheng.store import canonical_json

HEAD = 'name = "mine"\ntitle = { en = "a", zh = "甲" }\n'
LENGTH = '[[steps]]\nuse = "length"\n'


def asset(letter: str = "1") -> Asset:
    return Asset("sha256:" + letter * 64, io.BytesIO)


@pytest.mark.parametrize("name", ["web-zh", "books-zh", "law-zh", "dialogue-zh", "strict-compliance"])
def test_what_ships_can_be_planned(name: str) -> None:
    recipe = shipped_recipe(name)
    assert recipe.name == name and recipe.title.zh != recipe.title.en
    assert {step.reason for step in recipe.steps if step.reason} <= REASONS.keys()
    canonical_json(recipe.model_dump(mode="json"))
    if name == "strict-compliance":
        with pytest.raises(Invalid) as caught:
            plan(recipe, {})
        assert caught.value.code == "asset_missing" and "--lexicon" in str(caught.value.hint)
    else:
        assert plan(recipe, {}).segments
    whole = plan(recipe, {role: asset() for role in ("lexicon",)})
    assert [place for place, _ in whole.operators] == sorted(place for place, _ in whole.operators)
    told = describe_plan(recipe)
    assert [row["step"] for row in told["steps"]] == list(range(1, len(recipe.steps) + 1))


def test_nothing_else_ships() -> None:
    assert sorted(shipped()) == ["books-zh", "dialogue-zh", "law-zh", "strict-compliance", "web-zh"]


def test_every_operator_says_what_it_is() -> None:
    for row in describe_operators():
        assert row["help"]["zh"] and row["help"]["en"] and row["version"] >= 1
        assert not set(row["columns"]) & {"_file", "_row", "_edits", "_listed", "text", "url"}
    assert len({row["name"] for row in describe_operators()}) == len(operators())


def test_an_operator_is_imported_when_a_recipe_names_it() -> None:
    shipped_by = {
        name: cls.__module__.rpartition(".")[2]
        for name, cls in operators().items()
        if cls.__module__.startswith("quanheng.data.corpus.operators.")
    }
    assert {name: module for module, names in _SHIPPED.items() for name in names} == shipped_by
    code = (
        "import sys\n"
        "from quanheng.data.corpus.recipe import plan, shipped_recipe\n"
        "plan(shipped_recipe('web-zh'), {})\n"
        "looked = ('quanheng.endpoints', 'quanheng.data.corpus.operators.')\n"
        "print(sorted(name for name in sys.modules if name.startswith(looked)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    used = ("basic", "decontaminate", "deduplicate", "personal_data", "quality", "review")
    assert done.stdout.strip() == str([f"quanheng.data.corpus.operators.{module}" for module in used])


def test_numbers_stay_as_they_are_written() -> None:
    recipe = parse_recipe(HEAD + '[[steps]]\nuse = "deduplicate_near"\nthreshold = 0.80\n')
    assert recipe.steps[0].params == {"threshold": "0.80"}
    [(_, near)] = plan(recipe, {}).operators
    assert near.params.threshold == "0.80"


def test_an_optional_step_without_its_asset_takes_what_asks_for_it_along() -> None:
    text = HEAD + (
        LENGTH + '[[steps]]\nuse = "lexicon"\noptional = true\n'
        '[[steps]]\nreview = "for_review"\nreason = "risk_terms"\n'
        '[[steps]]\ndrop = "characters < 2"\nreason = "too_short"\n'
    )
    without = plan(parse_recipe(text), {})
    assert without.skipped == (1, 2) and [step.place for step in without.segments[0].steps] == [0, 3]
    assert plan(parse_recipe(text), {"lexicon": asset()}).skipped == ()


def test_an_operator_is_its_parameters_and_assets() -> None:
    def ids(text: str, letter: str = "1") -> list[str]:
        return [made.id for _, made in plan(parse_recipe(HEAD + text), {"lexicon": asset(letter)}).operators]

    text = '[[steps]]\nuse = "lexicon"\n'
    assert ids(text) == ids(text) != ids(text, "2")
    near = '[[steps]]\nuse = "deduplicate_near"\n'
    assert ids(text + near)[1] != ids(text + near + "threshold = 0.9\n")[1]


@pytest.mark.parametrize(
    ("text", "code", "names"),
    [
        ("not toml [", "bad_recipe", ""),
        (HEAD, "bad_recipe", "steps"),
        (HEAD + "steps = 3\n", "bad_recipe", "steps"),
        (HEAD.replace("mine", "No Slug") + LENGTH, "bad_recipe", "name"),
        (HEAD + "lables = []\n" + LENGTH, "unknown_word", "labels"),
        (HEAD + '[[steps]]\ndorp = "characters < 2"\nreason = "a"\n', "unknown_word", "drop"),
        (HEAD + '[[steps]]\nuse = "lenght"\n', "unknown_word", "length"),
        (HEAD + '[[steps]]\nuse = "deduplicate_near"\ntreshold = 0.8\n', "unknown_word", "threshold"),
        (HEAD + '[[steps]]\nuse = "deduplicate_near"\nthreshold = 1.8\n', "bad_parameter", "threshold"),
        (HEAD + '[[steps]]\nuse = "deduplicate_near"\nthreshold = "x"\n', "bad_parameter", "threshold"),
        (HEAD + LENGTH + '[[steps]]\ndrop = "charcters < 2"\nreason = "a"\n', "unknown_word", "characters"),
        (HEAD + LENGTH + '[[steps]]\ndrop = "characters < 2"\n', "bad_recipe", "reason"),
        (HEAD + LENGTH + '[[steps]]\ndrop = "ok"\nreview = "ok"\nreason = "a"\n', "bad_recipe", "one of"),
        (HEAD + LENGTH + '[[steps]]\ndrop = "characters <"\nreason = "a"\n', "bad_expression", "characters <"),
        ('labels = ["scripts"]\n' + HEAD + LENGTH, "unknown_word", "scripts"),
        (HEAD + LENGTH * 201, "bad_recipe", "200"),
    ],
)
def test_what_is_wrong_is_named(text: str, code: str, names: str) -> None:
    with pytest.raises(QuanhengError) as caught:
        plan(parse_recipe(text), {})
    assert caught.value.code == code and caught.value.hint and names in caught.value.text.en
    assert caught.value.text.zh != caught.value.text.en


def test_an_asset_that_nothing_reads_is_a_mistake() -> None:
    with pytest.raises(Invalid) as caught:
        plan(parse_recipe(HEAD + LENGTH), {"lexicon": asset()})
    assert caught.value.code == "asset_unused" and "lexicon" in str(caught.value.hint)


def test_a_recipe_file_that_cannot_be_read(tmp_path: Path) -> None:
    binary, huge = tmp_path / "a.toml", tmp_path / "b.toml"
    binary.write_bytes(b"\xff\xfe")
    huge.write_bytes(b"#" * 300_000)
    for path, code in ((tmp_path / "no.toml", "no_such_recipe"), (binary, "bad_recipe"), (huge, "bad_recipe")):
        with pytest.raises(QuanhengError) as caught:
            read_recipe(path)
        assert caught.value.code == code
    with pytest.raises(Invalid) as missing:
        shipped_recipe("web-cn")
    assert "web-zh" in str(missing.value)


@given(text=st.text(max_size=60), rest=st.recursive(st.text(max_size=5) | st.integers(), st.lists, max_leaves=4))
def test_any_text_is_a_recipe_or_refused(text: str, rest: Any) -> None:
    for said in (text, HEAD + text, HEAD + f'[[steps]]\nuse = "length"\nx = {rest!r}\n'):
        try:
            plan(parse_recipe(said), {})
        except QuanhengError:
            pass


NEAR = '[[steps]]\nuse = "deduplicate_near"\n'


def test_a_whole_number_is_a_decimal_too() -> None:
    made = plan(parse_recipe(HEAD + NEAR + "threshold = 1\n"), {}).operators[0][1]
    text = plan(parse_recipe(HEAD + NEAR + 'threshold = "1"\n'), {}).operators[0][1]
    assert made.params.threshold == "1" and made.id == text.id


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        (NEAR + "threshold = 1.5\n", "的参数不合要求：threshold 应大于 0", "deduplicate_near: threshold must be"),
        (NEAR + "bands = 3.5\n", "参数 bands 不合要求：应为整数", "bands: it should be a whole number"),
        (NEAR + "threshhold = 1\n", "算子 deduplicate_near 没有参数 'threshhold'", "has no parameter 'threshhold'"),
        (
            LENGTH + '[[steps]]\ndrop = "abc < 1"\nreason = "a"\n',
            "第 2 步：此步骤没有列 'abc'",
            "step 2: this step has no column 'abc'",
        ),
        (
            LENGTH + '[[steps]]\ndrop = "characters < 1"\n',
            "第 2 步：写 drop 或 review 时须同时写 reason",
            "step 2: a reason stands beside",
        ),
        (LENGTH + '[[steps]]\ndorp = "a"\n', "第 2 步：步骤中不能写 'dorp'", "step 2: a step has no key 'dorp'"),
        (
            '[[steps]]\ndrop = "text == \'\'"\nreason = "太短"\n',
            "第 1 步：reason：应为英文代码",
            "step 1: reason: it should be a code",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words_of_both_languages(text: str, zh: str, en: str) -> None:
    with pytest.raises(QuanhengError) as caught:
        plan(parse_recipe(HEAD + text), {})
    assert zh in caught.value.text.zh and en in caught.value.text.en
    assert "Value error" not in str(caught.value.text) and "Input should" not in str(caught.value.text)
