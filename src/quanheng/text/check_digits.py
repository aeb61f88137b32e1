"""Check digits of the numbers that Chinese documents carry: each function returns whether the digit is right."""

from __future__ import annotations

import calendar

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_DIGITS = "10x98765432"
_CREDIT_ALPHABET = "0123456789abcdefghjklmnpqrtuwxy"
_CREDIT_VALUES = {character: value for value, character in enumerate(_CREDIT_ALPHABET)}
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_CREDIT_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))


def is_date(year: int, month: int, day: int) -> bool:
    """Return whether the three are a day of the calendar between 1850 and 2099."""
    return 1850 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


def resident_id_digit(first_17: str) -> str:
    """Return the check character ("0".."9" or "x") of 17 digits. Source: GB 11643-1999, ISO 7064 MOD 11-2."""
    return _ID_DIGITS[sum(int(digit) * weight for digit, weight in zip(first_17, _ID_WEIGHTS, strict=True)) % 11]


def is_resident_id(number: str) -> bool:
    """Return whether 18 characters (lower-case x) are a resident ID: a calendar date inside and the check character.

    The region code is not asked: codes are given at first registration and change; permits begin with 81, 82, 83.

    >>> is_resident_id("11010119900307451x"), is_resident_id("110101199003074514")
    (False, True)
    """
    if len(number) != 18 or not number[:17].isascii() or not number[:17].isdigit() or number[0] == "0":
        return False
    dated = is_date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    return dated and resident_id_digit(number[:17]) == number[17]


def credit_digit(first_17: str) -> str:
    """Return the check character of 17 lower-case characters. Source: GB 32100-2015, MOD 31."""
    values = (_CREDIT_VALUES[character] for character in first_17)
    total = sum(value * weight for value, weight in zip(values, _CREDIT_WEIGHTS, strict=True))
    return _CREDIT_ALPHABET[-total % 31]


def is_credit_code(code: str) -> bool:
    """Return whether 18 lower-case characters are a unified social credit code. Source: GB 32100-2015, MOD 31."""
    if len(code) != 18 or any(character not in _CREDIT_VALUES for character in code):
        return False
    return credit_digit(code[:17]) == code[17]


def is_organisation_code(code: str) -> bool:
    """Return whether 9 lower-case characters are an organisation code. Source: GB 11714-1997, MOD 11.

    It stands in a credit code as characters 9 to 17.
    """
    if len(code) != 9 or not code.isascii() or not code.isalnum():
        return False
    values = (int(character, 36) for character in code[:8])
    digit = -sum(value * weight for value, weight in zip(values, _ORGANISATION_WEIGHTS, strict=True)) % 11
    return code[8] == ("x" if digit == 10 else str(digit))


def is_luhn(digits: str) -> bool:
    """Return whether the last digit is the Luhn check digit of those before it. Source: ISO/IEC 7812-1 annex B."""
    total = 0
    for place, character in enumerate(reversed(digits)):
        value = int(character)
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0
