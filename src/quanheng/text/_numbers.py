"""Numbers that the state, banks and telephone companies give out: each function yields spans of the folded view.

All but plates and passports are looked for only in `stretches`: pieces of the text with seven digits or more, blanks,
dashes, dots and brackets between them allowed. One search finds those, and most texts hold none.

Numbers of service lines (400, 800, 95xxx) are those of companies and are not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from quanheng.text._context import before, columns, is_called_serial, lazily
from quanheng.text.check_digits import is_credit_code, is_date, is_luhn, is_organisation_code, is_resident_id

Spans = Iterator[tuple[int, int]]
#: Finds in seen[start:end], looking at what stands around it.
Find = Callable[[str, int, int], Spans]

_STRETCH = lazily(r"[0-9](?:[ ().\-]{0,3}[0-9x]){6,}")
_MARGIN_LEFT = 4  # "+86", an opening bracket, a letter that starts a code
MARGIN_RIGHT = 14  # "转12345" and one beyond, or the ten letters at the end of a credit code


def stretches(seen: str, within: Sequence[tuple[int, int]] | None = None) -> list[tuple[int, int]]:
    """Return the pieces of `seen` that may hold a long number, with a margin, in order and apart.

    within: where they are in the text before anything of it was hidden, without their margins, when that is known.
    """
    pieces: list[tuple[int, int]] = []
    for first, last in ((0, len(seen)),) if within is None else within:
        for match in _STRETCH.finditer(seen, first, last):
            start, end = max(0, match.start() - _MARGIN_LEFT), match.end() + MARGIN_RIGHT
            if pieces and start <= pieces[-1][1]:  # a piece that ends inside a number would make a shorter one of it
                pieces[-1] = (pieces[-1][0], end)
            else:
                pieces.append((start, end))
    return pieces


_LEFT = r"(?<![0-9a-z])(?<!\d\.)"
_RIGHT = r"(?![0-9a-z])(?!\.\d)"
_SEPARATORS = lazily(r"[ .()-]")

_ID_18 = lazily(_LEFT + r"[1-9](?:[ .-]?\d){16}[ .-]?[\dx]" + _RIGHT)
_ID_15 = lazily(_LEFT + r"(?<!\d[ .-])[1-8]\d{5}[ -]?\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[ -]?\d{3}" + _RIGHT)
#: Which second characters each first one has, GB 32100-2015 table 1; then the region.
_CREDIT_LEAD = r"(?:1[1239]|[248][19]|3[1-59]|5[1239]|[67][129]|9[123]|a[19]|n[1239]|y1)"
_CREDIT_SIGN = "[0-9a-hj-npqrtuwxy]"
_CREDIT = lazily(_LEFT + rf"{_CREDIT_LEAD}\d{{6}}{_CREDIT_SIGN}{{10}}" + _RIGHT)
_CREDIT_PARTED = lazily(
    _LEFT
    + rf"{_CREDIT_LEAD}([ .-]?)\d{{2}}(?:[ .-]?\d){{4}}(?:[ .-]?{_CREDIT_SIGN}{{2,9}}){{1,5}}(?:[ .-]?{_CREDIT_SIGN})?"
    + _RIGHT
)
_CARD = lazily(_LEFT + r"[2-69](?:\d{12,18}|\d{3}(?:([ .-])\d{4}){2,3}(?:\1\d{1,4})?|\d{5}([ .-])\d{10,13})" + _RIGHT)
#: 工信部 number plan: 13x, 14x, 15x … as given out up to 2026.
_MOBILE_3 = r"1(?:3\d|4[014-9]|5[0-35-9]|6[2567]|7[0-8]|8\d|9[0-35-9])"
_MOBILE = lazily(
    rf"(?<![0-9a-z])(?<!\d\.)(?:(?:\+|00)86[ -]?|\((?:\+|00)?86\)[ -]?|86[ -])?{_MOBILE_3}"
    r"(?:\d{8}|[ .-]\d{4}[ .-]\d{4}|[ -]\d{8}|\d[ -]\d{3}[ -]?\d{4}|\d[ -]\d{4}[ -]?\d{3}|\d{4}[ -]\d{4}"
    r"|[ -]\d{3}[ -]\d{5})" + _RIGHT
)
_MOBILE_SPACED = lazily(r"(?<![0-9a-z])(?<!\d[ .-])1(?:([ .-])[3-9])(?:\1\d){9}(?![0-9a-z])(?![ .-]\d)")
#: Area codes without the 0: of three digits the first two tell which are given out.
_AREA_2 = r"(?:10|2[0-57-9])"
_AREA_3 = r"(?:(?:3[134579]|4[1-8]|5[1-9]|6[369]|7[0-79]|8[1235789]|9[01345679])\d)"
_LANDLINE = lazily(
    _LEFT + r"(?:(?:(?:\+|00)86|86(?=[ -]))[ -]?(?:\(0?\))?[ -]?\(?0?"
    rf"(?:{_AREA_2}|{_AREA_3})\)?[ -]?[2-8]\d{{2,3}}[ -]?\d{{4}}"
    rf"|\(0(?:{_AREA_2}|{_AREA_3})\)[ -]{{0,3}}[2-8]\d{{2,3}}[ -]?\d{{4}}"
    rf"|0(?:{_AREA_2}|{_AREA_3})(?:[ .-]|[ ]-[ ])[2-8]\d{{2,3}}[ .-]?\d{{4}}"
    rf"|0{_AREA_2}[2-8]\d{{7}}|0{_AREA_3}[2-8]\d{{6,7}})"
    r"(?:[ ]?(?:转|ext\.?|-)[ ]?\d{1,5})?" + _RIGHT
)
_LOCAL_LINE = lazily(r"(?<![0-9a-z.-])[2-8]\d{2,3}[ -]?\d{4}(?![0-9a-z])(?![.-]\d)")
_LINE_WORD = lazily(r"(?:电话|座机|固话|传真|tel|phone|fax)(?:号码?|为|是)?[\"'”]?[ ]?[:.|=]{0,2}[ ]?[\"'“]?$")
_LINE_TALK = lazily(r"电话|座机|固话|传真|致电|来电|拨打|联系|热线|手机|号码|tel|phone|fax|call")
_CARD_WORDS = ("卡号", "银行", "账号", "帐号", "账户", "帐户", "信用卡", "储蓄卡", "借记卡", "汇款", "工资卡", "card")
_CARD_TITLE = lazily(r"卡号|账号|帐号|bank_?card|card_?no")
_CODE_WORDS = ("信用代码", "代码", "税号", "纳税人", "识别号", "uscc", "credit")
#: Provinces (GB/T 2260), asked where there is no check digit or where it alone is too weak.
_PROVINCES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65".split()
)


def _plain(text: str) -> str:
    return _SEPARATORS.sub("", text)


def resident_ids(seen: str, start: int, end: int) -> Spans:
    """Yield resident IDs of 18 characters with the right check character, and of 15 with province and date."""
    for match in _ID_18.finditer(seen, start, end):
        number = _plain(match.group())
        if number[0] not in "89" and is_resident_id(number):
            yield match.span()
    for match in _ID_15.finditer(seen, start, end):
        number = _plain(match.group())
        dated = is_date(1900 + int(number[6:8]), int(number[8:10]), int(number[10:12]))
        if dated and number[:2] in _PROVINCES and not is_called_serial(seen, *match.span()):
            yield match.span()


def permits(seen: str, start: int, end: int) -> Spans:
    """Yield residence permits of 18 characters: 81, 82, 83 (港澳台居民居住证) and 9 (外国人永久居留身份证, 2023)."""
    for match in _ID_18.finditer(seen, start, end):
        number = _plain(match.group())
        foreign = number[0] == "9" and number[1:3] in _PROVINCES
        company = (
            number[1] in "123"
            and number[2:4] in _PROVINCES
            and is_credit_code(number)
            and is_organisation_code(number[8:17])
        )
        if (number[:2] in ("81", "82", "83") or foreign) and not company and is_resident_id(number):
            yield match.span()


def credit_codes(seen: str, start: int, end: int) -> Spans:
    """Yield unified social credit codes. What holds digits only, or is parted, needs an organisation code or a word."""
    for pattern in (_CREDIT, _CREDIT_PARTED):
        for match in pattern.finditer(seen, start, end):
            code = _plain(match.group())
            if not is_credit_code(code) or not (code[2:4] in _PROVINCES or code[2:4] == "10"):
                continue
            sure = pattern is _CREDIT and not code.isdigit()
            lead = before(seen, match.start())
            if sure or is_organisation_code(code[8:17]) or any(word in lead for word in _CODE_WORDS):
                yield match.span()


def _has_card_lead(number: str) -> bool:
    """Return whether length and leading digits are those of a card scheme that is issued in China."""
    if number.startswith("62"):
        return 16 <= len(number) <= 19
    if len(number) == 15:
        return number[:2] in ("34", "37")
    if len(number) == 16:
        return number[0] == "4" or "51" <= number[:2] <= "55" or "2221" <= number[:4] <= "2720" or number[:2] == "35"
    return len(number) in (16, 18, 19) and number[0] in "69"


def bank_cards(seen: str, start: int, end: int) -> Spans:
    """Yield card numbers with the Luhn digit; outside UnionPay's lead a grouping or a word must speak for a card."""
    for match in _CARD.finditer(seen, start, end):
        number = _plain(match.group())
        if not _has_card_lead(number) or not is_luhn(number):
            continue
        # One in ten numbers passes Luhn.
        grouped = len(number) < match.end() - match.start()
        if any(word in before(seen, match.start()) for word in _CARD_WORDS):
            yield match.span()
        elif (number.startswith("62") or grouped) and not is_called_serial(seen, *match.span()):
            yield match.span()


def cards_in_columns(seen: str) -> Spans:
    """Yield card numbers with the Luhn digit in columns of tables whose title says so."""
    if any(word in seen for word in ("卡号", "账号", "帐号", "bank", "card_no", "cardno")):
        for cell in columns(seen, _CARD_TITLE):
            number = _plain(seen[cell.start : cell.end])
            if number.isascii() and number.isdigit() and _has_card_lead(number) and is_luhn(number):
                yield cell.start, cell.end


def mobiles(seen: str, start: int, end: int) -> Spans:
    """Yield mobile numbers, with or without 86, in the groupings in use, or spaced digit by digit."""
    for pattern in (_MOBILE, _MOBILE_SPACED):
        for match in pattern.finditer(seen, start, end):
            if not is_called_serial(seen, *match.span()):
                yield match.span()


def landlines(seen: str, start: int, end: int) -> Spans:
    """Yield landline numbers with area code and extension, and local ones of 7 or 8 digits behind a word for them."""
    for match in _LANDLINE.finditer(seen, start, end):
        # "037777777777" is an octal number unless a sign parts it, or somebody says that it is a telephone.
        bare = match.group().isdigit() and not _LINE_TALK.search(before(seen, match.start()))
        if not bare and not is_called_serial(seen, *match.span()):
            yield match.span()
    for match in _LOCAL_LINE.finditer(seen, start, end):
        if _LINE_WORD.search(before(seen, match.start())):
            yield match.span()


# Passports and plates have letters and no check digit: a word or the form speaks for them.

_PASSPORT_GAP = r"(?:[^0-9a-z\n\0通台回]|no|id){0,12}?"  # a word for another paper ends the reach of the first
_PERMIT_GAP = r"(?:[^0-9a-z\n\0护]|no|id){0,12}?"
_PASSPORT_NUMBER = r"(?:[a-z]{1,2}[ -]?\d{3,4}[ -]?\d{3,5}|\d{8,9})"
_PASSPORT = lazily(rf"(?:护照|passport){_PASSPORT_GAP}(?<![0-9a-z])({_PASSPORT_NUMBER})(?![0-9a-z])(?!\.\d)")
_PERMIT_NUMBER = r"(?:[a-z]{1,2}[ -]?\d{3,4}[ -]?\d{3,4}(?:[ -]?\d{2})?|\d{4}[ -]?\d{4}(?:[ -]?\d{2})?)"
_PERMIT_WORD = r"(?:通行证|台胞证|回乡证|往来港澳|往来台湾|回乡卡|travel[ _]?permit)"
_TRAVEL_PERMIT = lazily(rf"{_PERMIT_WORD}{_PERMIT_GAP}(?<![0-9a-z])({_PERMIT_NUMBER})(?![0-9a-z])(?!\.\d)")
_PASSPORT_TITLE = lazily(r"护照号?码?|passport(?:_no)?")
_PERMIT_TITLE = lazily(r"(?:通行证|台胞证|回乡证)号?码?|travel_permit")
_PLATE = lazily(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][ ]?[a-hj-np-z][ ·•・‧∙.-]{0,2}"
    r"((?:[0-9a-hj-np-z]{5}|[a-hj-k][0-9a-hj-np-z]\d{4}|\d{5}[a-hj-k])(?![0-9a-z])|[0-9a-hj-np-z]{4}[学警港澳挂领使]"
    r"|[0-9a-hj-np-z]{2}[ -][0-9a-hj-np-z]{3}(?![0-9a-z]))"
)


def _papers(seen: str, pattern: re.Pattern[str], title: re.Pattern[str], number: str) -> Spans:
    for match in pattern.finditer(seen):
        if not _is_day(match.group(1)):
            yield match.span(1)
    for cell in columns(seen, title):
        if re.fullmatch(number, seen[cell.start : cell.end]) and not _is_day(seen[cell.start : cell.end]):
            yield cell.start, cell.end


def _is_day(number: str) -> bool:
    """Return whether eight digits read as a day of our time: "护照有效期至20301231"."""
    digits = _plain(number)
    if len(digits) != 8 or not digits.isdigit() or not "1900" <= digits[:4] <= "2099":
        return False
    return is_date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


def passports(seen: str) -> Spans:
    """Yield passport numbers behind the word, or in a column of that title."""
    if "护照" in seen or "passport" in seen:
        yield from _papers(seen, _PASSPORT, _PASSPORT_TITLE, _PASSPORT_NUMBER)


def travel_permits(seen: str) -> Spans:
    """Yield numbers of 往来港澳通行证, 往来台湾通行证, 回乡证 and 台胞证 behind the word, or in such a column."""
    if any(word in seen for word in ("通行证", "台胞证", "回乡", "往来港澳", "往来台湾", "travel")):
        yield from _papers(seen, _TRAVEL_PERMIT, _PERMIT_TITLE, _PERMIT_NUMBER)


def plates(seen: str) -> Spans:
    """Yield car plates: at most two letters in the tail, so three digits or more."""
    for match in _PLATE.finditer(seen):
        if sum(character.isdigit() for character in match.group(1)) >= 3:
            yield match.span()
