"""Licences: what SPDX knows is taken in its own letter case, anything else is refused with the nearest identifiers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.licenses._spdx import LICENSES
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from quanheng.kinds.kind_words import reason
from quanheng.kinds.licences import LONGEST, UNCLEAR, USUAL, SpdxLicence, spdx_licence


class Holder(BaseModel):
    licence: SpdxLicence = UNCLEAR


def refused(text: str) -> tuple[str, str]:
    """Return what is said of a licence that is refused, in English and in Chinese."""
    with pytest.raises(ValidationError) as caught:
        Holder(licence=text)
    [item] = caught.value.errors()
    return item["msg"], reason(item)


@given(st.sampled_from(sorted(LICENSES)), st.sampled_from([str.upper, str.lower, str.title]))
def test_every_identifier_is_taken_in_any_letter_case(key: str, cased: object) -> None:
    assert spdx_licence(cased(key)) == LICENSES[key]["id"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("mit", "MIT"),
        (" apache-2.0 ", "Apache-2.0"),
        ("cc-by-4.0 or MIT", "CC-BY-4.0 OR MIT"),
        ("gpl-2.0-only with classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("LicenseRef-letter", "LicenseRef-letter"),
        ("licenseref-letter", "LicenseRef-letter"),
        ("", UNCLEAR),
        ("noassertion", UNCLEAR),
    ],
)
def test_what_is_kept(text: str, kept: str) -> None:
    assert spdx_licence(text) == kept


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("Apache2", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("cc0", "CC0-1.0"),
        ("GPL v3", "GPL-3.0-or-later"),
        ("MIT License", "MIT"),
        ("mulan", "MulanPSL-2.0"),
    ],
)
def test_what_is_meant_is_named(text: str, near: str) -> None:
    en, zh = refused(text)
    assert near in en and near in zh and "LicenseRef-NAME" in en and "LicenseRef-名称" in zh


@pytest.mark.parametrize(
    "text", ["FOO-1.0", "NONE", "公共领域", "MIT AND", "(MIT", "LicenseRef-中文", "LicenseRef-", "a\nb"]
)
def test_what_is_no_licence_is_refused_in_both_languages(text: str) -> None:
    en, zh = refused(text)
    assert "no SPDX licence" in en and "不是 SPDX 许可证" in zh and "CC-BY-4.0" in en


@given(st.text(max_size=60))
def test_nothing_but_a_licence_or_a_refusal_comes_of_any_text(text: str) -> None:
    try:
        kept = spdx_licence(text)
    except PydanticCustomError:
        return
    assert spdx_licence(kept) == kept and kept


@pytest.mark.parametrize("text", ["(" * 100_000, "MIT OR " * 50_000 + "MIT", "x" * 1_000_000])
def test_a_long_text_is_refused_at_once_and_told_in_short(text: str) -> None:
    en, zh = refused(text)
    assert len(en) < LONGEST and len(zh) < LONGEST


def test_what_forms_offer_are_licences() -> None:
    assert [spdx_licence(name) for name in USUAL if name != "LicenseRef-"] == [n for n in USUAL if n != "LicenseRef-"]
