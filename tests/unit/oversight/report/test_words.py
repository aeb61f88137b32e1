"""Words in both languages, and how numbers are written."""

from __future__ import annotations

from string import Formatter
from typing import get_args

import pytest

from quanheng.kinds.corpora import FunnelStepName
from quanheng.kinds.models import BankPurpose
from quanheng.kinds.oversight import Basis, Force, Judged, Method, Verdict
from quanheng.kinds.samples import SamplePurpose
from quanheng.kinds.sources import Region
from quanheng.oversight.report.words import WORDS, Tongue, percent, plain_percent, short_digest


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_have_the_same_places(key: str) -> None:
    zh, en = WORDS[key]
    assert zh and en
    places = [sorted(name for _, name, _, _ in Formatter().parse(text) if name) for text in (zh, en)]
    assert places[0] == places[1]


@pytest.mark.parametrize(
    ("prefix", "values"),
    [
        ("", (*get_args(Verdict), *get_args(Force), *get_args(Region), *get_args(BankPurpose))),
        ("overall_", get_args(Verdict)),
        ("basis_", get_args(Basis)),
        ("judged_", get_args(Judged)),
        ("method_", get_args(Method)),
        ("purpose_", get_args(SamplePurpose)),
        ("step_", get_args(FunnelStepName)),
    ],
)
def test_every_value_of_a_kind_has_a_word(prefix: str, values: tuple[str, ...]) -> None:
    assert all(f"{prefix}{value}" in WORDS for value in values)


def test_numbers() -> None:
    assert percent("0.954512") == "95.45%"
    assert percent("1.000000") == "100.00%"
    assert [plain_percent(96, 100), plain_percent(1, 1), plain_percent(1, 10), plain_percent(995, 1000)] == [
        "96%", "100%", "10%", "99.5%",
    ]  # fmt: skip
    assert short_digest("sha256:8f3c" + "0" * 60) == "sha256:8f3c00000000"
    assert short_digest("8f3c" * 16) == "8f3c8f3c8f3c" and short_digest("abc") == "abc"


def test_words_are_filled() -> None:
    assert Tongue("en")("entries", n="12") == "12 log entries, root"
    assert Tongue("zh").labelled("model", "x") == "模型：x"
