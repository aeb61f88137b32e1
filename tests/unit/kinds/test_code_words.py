"""Codes of the data wing have one word in each language, and every code that a kind knows has one."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from quanheng.kinds import code_words
from quanheng.kinds.code_words import code_word, has_codes, with_code
from quanheng.kinds.corpora import CorpusSample
from quanheng.kinds.drop_reasons import REASONS
from quanheng.kinds.lexicons import Evasion, LexiconTerm
from quanheng.kinds.recipes import PersonalDataType
from quanheng.kinds.risks import RISKS
from quanheng.kinds.sources import Origin, Reading
from quanheng.text.personal_data import LABELS

HAN = re.compile(r"[\u4e00-\u9fff]")


def choices(model: type, field: str) -> set[str]:
    return set(get_args(model.model_fields[field].annotation))  # type: ignore[attr-defined]


def test_types_of_personal_data_are_called_as_masking_writes_them() -> None:
    assert {name: said.zh for name, said in code_words.PERSONAL_DATA.items()} == LABELS
    assert set(code_words.PERSONAL_DATA) == set(get_args(PersonalDataType))


@pytest.mark.parametrize(
    ("field", "codes"),
    [
        ("evasion", set(get_args(Evasion))),
        ("mode", choices(LexiconTerm, "mode")),
        ("decision", choices(CorpusSample, "decision")),
        ("document", choices(Reading, "document")),
        ("markup", choices(Reading, "markup")),
        ("extract", choices(Reading, "extract")),
        ("ocr", choices(Reading, "ocr")),
        ("origin", choices(Origin, "type")),
        ("type", choices(Origin, "type")),
        ("reason", set(REASONS)),
        ("risk", set(RISKS)),
        ("state", {"in_force", "expiring", "expired"}),
    ],
)
def test_every_code_has_a_word_in_both_languages(field: str, codes: set[str]) -> None:
    assert codes and has_codes(field)
    for code in codes:
        said = code_word(field, code)
        assert said and HAN.search(said.zh) and not HAN.search(said.en.replace("词/n", "")), (field, code)


def test_other_fields_and_other_values_have_none() -> None:
    assert code_word("title", "review") is None and code_word("reason", "my_own_reason") is None
    assert not has_codes("title")


def test_a_command_line_shows_the_code_behind_its_word() -> None:
    assert with_code("reason", "near_duplicate", "zh") == "近似重复（near_duplicate）"
    assert with_code("type", "resident_id", "en") == "resident identity number (resident_id)"
    assert with_code("reason", "near_duplicate", "en") == "near duplicate (near_duplicate)"
    assert with_code("reason", "repetitive", "en") == "repetitive"  # the word says nothing more
    assert with_code("reason", "my_own_reason", "zh") == "my_own_reason"
