"""Pseudonyms: the same for the same value in every form, another with another key, nobody's, and never found again."""

from __future__ import annotations

import doctest
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.text import pseudonyms as module
from quanheng.text.check_digits import is_credit_code, is_luhn, is_resident_id
from quanheng.text.personal_data import LABELS, Type, find, replace
from quanheng.text.pseudonyms import canonical, pseudonym

from .numbers import MAKERS

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_one_value_has_one_pseudonym_however_it_is_written(kind: Type) -> None:
    random = Random(f"pseudonym {kind}")
    for _ in range(50):
        value = MAKERS[kind](random)
        first = pseudonym(kind, value, KEY)
        assert first == pseudonym(kind, value.translate(WIDE), KEY)
        assert first == pseudonym(kind, value[:2] + "\u200b" + value[2:], KEY)
        assert first != pseudonym(kind, value, OTHER)
        assert first != pseudonym(kind, MAKERS[kind](random), KEY)


def test_writings_of_a_number_are_one() -> None:
    forms = ("13812345678", "+86 138-1234-5678", "(+86)13812345678", "008613812345678", "1 3 8 1 2 3 4 5 6 7 8")
    assert len({pseudonym("mobile", form, KEY) for form in forms}) == 1
    lines = ("010-62345678", "(010)62345678", "+86-10-62345678", "010 6234 5678", "010-62345678转12")
    assert {canonical("landline", line) for line in lines} == {"1062345678"}
    assert pseudonym("resident_id", "11010119900307451X", KEY) == pseudonym("resident_id", "110101 19900307 451x", KEY)


@pytest.mark.parametrize("kind", sorted(LABELS))
@given(value=st.text(min_size=1, max_size=30))
def test_a_pseudonym_is_not_found_again(kind: Type, value: str) -> None:
    made = pseudonym(kind, value, KEY)
    for text in (made, f"请记{made}，谢谢", f"{LABELS[kind]}：{made}。", f"联系人{made}"):
        assert [span for span in find(text) if span.type == kind] == []


def test_forms_and_ranges_that_are_nobodys() -> None:
    number = pseudonym("mobile", "13812345678", KEY)
    assert len(number) == 11 and number.startswith("10")
    ids = pseudonym("resident_id", "11010119900307451X", KEY)
    assert ids.startswith("000000") and not is_resident_id(ids.lower()) and ids[:17].isdigit()
    assert is_luhn(pseudonym("bank_card", "6222021234567890128", KEY))
    code = pseudonym("credit_code", "91350100M000100Y43", KEY)
    assert code.startswith("00") and is_credit_code(code.lower())
    assert pseudonym("email", "a@b.cn", KEY).endswith("@example.invalid")
    assert pseudonym("ipv4", "1.2.3.4", KEY).startswith("0.")
    assert pseudonym("ipv6", "fe80::1", KEY).startswith("2001:db8:")
    assert pseudonym("name", "王伟", KEY)[:3] == "〔姓名" and len(pseudonym("name", "王伟", KEY)) == 3 + 12 + 1


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="31 bytes"):
        pseudonym("mobile", "13812345678", bytes(31))


def test_replacing_keeps_what_stands_around() -> None:
    text = "打13812345678或139 1234 5678，打13812345678"
    spans = find(text)
    made = replace(text, spans, lambda span: pseudonym(span.type, text[span.start : span.end], KEY))
    first, second = (pseudonym("mobile", number, KEY) for number in ("13812345678", "13912345678"))
    assert made == f"打{first}或{second}，打{first}"


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0
