"""Recipes of Data-Juicer: mapped, approximated with the difference, or refused by name; ours survive their own text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus import parse_recipe, shipped, shipped_recipe
from quanheng.data.corpus.juicer import import_recipe, recipe_text
from quanheng.data.corpus.recipe import plan
from quanheng.errors import Invalid

YAML = """
project_name: demo
dataset_path: a.jsonl
np: 4
process:
  - fix_unicode_mapper:
  - chinese_convert_mapper: {mode: t2s}
  - clean_email_mapper
  - text_length_filter:
      min_len: 20
      max_len: 100000
  - special_characters_filter: {min_ratio: 0.0, max_ratio: 0.3}
  - language_id_score_filter: {lang: zh, min_score: 0.8}
  - character_repetition_filter: {rep_len: 10, max_ratio: 0.5}
  - image_aesthetics_filter:
  - document_minhash_deduplicator: {tokenization: character, jaccard_threshold: 0.75}
"""


def test_each_operator_is_told_of() -> None:
    found = import_recipe(YAML, "demo")
    assert [(note.operator, note.how) for note in found.notes] == [
        ("fix_unicode_mapper", "approximated"),
        ("chinese_convert_mapper", "mapped"),
        ("clean_email_mapper", "approximated"),
        ("text_length_filter", "mapped"),
        ("special_characters_filter", "approximated"),
        ("language_id_score_filter", "approximated"),
        ("character_repetition_filter", "approximated"),
        ("image_aesthetics_filter", "refused"),
        ("document_minhash_deduplicator", "approximated"),
    ]
    assert found.refused == ("image_aesthetics_filter",)
    for note in found.notes:
        assert bool(note.difference.en) == bool(note.difference.zh) == (note.how == "approximated")
    steps = [step.use or step.drop for step in found.recipe.steps]
    assert "characters < 20 or characters > 100000" in steps and "symbol_share < 0 or symbol_share > 0.3" in steps
    assert found.recipe.steps[-1].params == {"threshold": "0.75"}
    plan(found.recipe, {})


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_recipe_survives_its_text(name: str) -> None:
    assert parse_recipe(recipe_text(shipped_recipe(name))) == shipped_recipe(name)
    found = import_recipe(YAML, "demo").recipe
    assert parse_recipe(recipe_text(found)) == found


def test_defaults_are_those_of_the_other_tool() -> None:
    found = import_recipe("process: [text_length_filter, document_deduplicator]", "a").recipe
    assert found.steps[1].drop == "characters < 10" and found.steps[2].use == "deduplicate_exact"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_recipe"),
        ("[1, 2]", "bad_recipe"),
        ("process: 3", "bad_recipe"),
        ("process: [[1]]", "bad_recipe"),
        ("process: {a", "bad_recipe"),
        ("a: &x [1]\nprocess: [*x]", "bad_recipe"),
        ("process: [{text_length_filter: {min_len: many}}]", "bad_recipe"),
        ("!!python/object/apply:os.system ['true']", "bad_recipe"),
        ("process: " + "[" * 5000, "bad_recipe"),
        ("#" * 300_000, "bad_recipe"),
        ("process: [video_duration_filter]", "nothing_mapped"),
        ("process: [{chinese_convert_mapper: {mode: s2t}}, {language_id_score_filter: {lang: en}}]", "nothing_mapped"),
    ],
)
def test_what_is_no_such_recipe(text: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        import_recipe(text, "a")
    assert caught.value.code == code and caught.value.hint


@given(text=st.text(max_size=60), value=st.integers() | st.floats() | st.text(max_size=5))
def test_any_text_is_imported_or_refused(text: str, value: object) -> None:
    for said in (text, f"process: [{{text_length_filter: {{min_len: {value!r}}}}}]"):
        try:
            import_recipe(said, "a")
        except Invalid:
            pass
