"""Check digits against independent arithmetic and published numbers."""

from __future__ import annotations

import doctest
from datetime import date

import pytest
import stdnum.cn.ric
import stdnum.cn.uscc
import stdnum.luhn
from hypothesis import given
from hypothesis import strategies as st

from quanheng.text import check_digits as module
from quanheng.text.check_digits import (
    credit_digit,
    is_credit_code,
    is_date,
    is_luhn,
    is_organisation_code,
    is_resident_id,
    resident_id_digit,
)


@given(st.text("0123456789", min_size=17, max_size=17))
def test_the_id_digit_satisfies_iso_7064(first: str) -> None:
    # ISO 7064 MOD 11-2 by its recursion: start at 0, P = (P + digit) * 2 mod 11; the whole must be 1 mod 11.
    product = 0
    for digit in first:
        product = (product + int(digit)) * 2 % 11
    value = (1 - product) % 11
    assert resident_id_digit(first) == ("x" if value == 10 else str(value))


@given(st.text("0123456789", min_size=17, max_size=17), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(first: str, place: int, shift: int) -> None:
    wrong = first[:place] + str((int(first[place]) + shift) % 10) + first[place + 1 :]
    assert resident_id_digit(wrong) != resident_id_digit(first)


def test_ids() -> None:
    # GB 11643-1999 prints this number as its example.
    assert is_resident_id("11010519491231002x")
    assert not is_resident_id("110105194912310021")
    assert not is_resident_id("11010519491331002x")
    assert not is_resident_id("11010519491231002")
    assert not is_resident_id("01010519491231002x")
    assert not is_resident_id("1101051949123100２x")


@given(st.integers(1800, 2150), st.integers(0, 13), st.integers(0, 32))
def test_dates_are_those_of_the_calendar(year: int, month: int, day: int) -> None:
    try:
        real = 1850 <= date(year, month, day).year <= 2099
    except ValueError:
        real = False
    assert is_date(year, month, day) == real


@pytest.mark.parametrize(
    ("code", "right"),
    [
        ("91350100m000100y43", True),  # the example of GB 32100-2015
        ("91350100m000100y44", False),
        ("91350100m000100y4", False),
        ("91350100i000100y43", False),
        ("91350100M000100Y43", False),
    ],
)
def test_credit_codes(code: str, right: bool) -> None:
    assert is_credit_code(code) is right


@given(st.text("0123456789abcdefghjklmnpqrtuwxy", min_size=17, max_size=17))
def test_one_of_31_last_characters_is_right(first: str) -> None:
    right = [last for last in "0123456789abcdefghjklmnpqrtuwxy" if is_credit_code(first + last)]
    assert len(right) == 1


@pytest.mark.parametrize(
    ("digits", "right"), [("79927398713", True), ("79927398710", False), ("0", True), ("18", True)]
)
def test_luhn(digits: str, right: bool) -> None:
    assert is_luhn(digits) is right


@given(st.text("0123456789", min_size=1, max_size=18))
def test_one_of_ten_digits_completes_a_number(digits: str) -> None:
    assert sum(is_luhn(digits + last) for last in "0123456789") == 1


@given(st.text("0123456789", min_size=17, max_size=17))
def test_python_stdnum_agrees_on_the_id_and_luhn_digits(first: str) -> None:
    whole = first + resident_id_digit(first).upper()
    assert stdnum.cn.ric.calc_check_digit(whole) == whole[-1]
    assert is_luhn(first + stdnum.luhn.calc_check_digit(first))


@given(st.text("0123456789abcdefghjklmnpqrtuwxy", min_size=17, max_size=17))
def test_python_stdnum_agrees_on_the_credit_digit(first: str) -> None:
    assert stdnum.cn.uscc.calc_check_digit(first.upper()) == credit_digit(first).upper()


@pytest.mark.parametrize(
    ("code", "right"),
    [
        ("d2143569x", True),  # the example of GB 11714-1997
        ("d21435690", False),
        ("m000100y4", True),  # characters 9 to 17 of the example of GB 32100-2015
        ("m000100y5", False),
        ("m000100y", False),
        ("m000100y４", False),
    ],
)
def test_organisation_codes(code: str, right: bool) -> None:
    assert is_organisation_code(code) is right


@given(st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=8, max_size=8))
def test_one_of_eleven_characters_completes_an_organisation_code(first: str) -> None:
    assert sum(is_organisation_code(first + last) for last in "0123456789x") == 1


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0
