"""Where personal data stands in a Chinese text, and the text with it masked. Rules and check digits, no model.

Numbers are looked for in the shadow view, so full-width, spaced and dashed forms are found, and spans are given on
the original text. Boundaries are look-arounds on ASCII letters and digits, never the word boundary of `re`: a Han
character is a word character, so "电话13812345678。" has no word boundary before the number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from quanheng.text.check_digits import is_credit_code, is_date, is_luhn, is_resident_id
from quanheng.text.normalise import Shadow, shadow

#: Recorded in a corpus; a change of any recogniser is a new version.
VERSION = 1

Type = Literal[
    "resident_id",
    "mobile",
    "landline",
    "bank_card",
    "credit_code",
    "email",
    "ipv4",
    "passport",
    "plate",
    "qq",
    "wechat",
]
LABELS: dict[Type, str] = {
    "resident_id": "身份证号",
    "mobile": "手机号",
    "landline": "固定电话",
    "bank_card": "银行卡号",
    "credit_code": "统一社会信用代码",
    "email": "电子邮箱",
    "ipv4": "IP地址",
    "passport": "护照或通行证号",
    "plate": "车牌号",
    "qq": "QQ号",
    "wechat": "微信号",
}


class Span(NamedTuple):
    """Personal data at [start, end) of the original text."""

    start: int
    end: int
    type: Type


_LEFT = r"(?<![0-9a-z])(?<!\d\.)"
_RIGHT = r"(?![0-9a-z])(?!\.\d)"
_SEPARATORS = re.compile(r"[ -]")

_EMAIL = re.compile(
    r"(?<![0-9a-z._%+-])[0-9a-z][0-9a-z._%+-]{0,63}@(?:[0-9a-z](?:[0-9a-z-]{0,61}[0-9a-z])?\.){1,8}[a-z]{2,24}(?![0-9a-z])"
)
_ID_18 = re.compile(_LEFT + r"[1-9](?:[ -]?\d){16}[ -]?[\dx]" + _RIGHT)
_ID_15 = re.compile(_LEFT + r"[1-8]\d{5}\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}" + _RIGHT)
_CREDIT = re.compile(_LEFT + r"[159any][1-9]\d{6}[0-9a-hj-npqrtuwxy]{10}" + _RIGHT)
_CARD = re.compile(_LEFT + r"[2-69](?:\d{12,18}|\d{3}(?:[ -]\d{4}){2,3}(?:[ -]\d{1,4})?)" + _RIGHT)
#: 工信部 number plan: 13x, 14x, 15x … as given out up to 2026.
_MOBILE_3 = r"1(?:3\d|4[014-9]|5[0-35-9]|6[2567]|7[0-8]|8\d|9[0-35-9])"
_MOBILE = re.compile(
    rf"(?<![0-9a-z])(?<!\d\.)(?:(?:\+|00)86[ -]?|86[ -])?{_MOBILE_3}"
    r"(?:\d{8}|[ -]\d{4}[ -]?\d{4}|\d[ -]\d{3}[ -]?\d{4}|\d[ -]\d{4}[ -]?\d{3}|\d{4}[ -]\d{4}|[ -]\d{3}[ -]\d{5})"
    + _RIGHT
)
_MOBILE_SPACED = re.compile(r"(?<![0-9a-z])(?<!\d[ -])1(?:([ -])[3-9])(?:\1\d){9}(?![0-9a-z])(?![ -]\d)")
_LANDLINE = re.compile(
    _LEFT + r"(?:\(0(?:10|2\d|[3-9]\d{2})\)[ -]?[1-9]\d{2,3}[ -]?\d{4}"
    r"|0(?:10|2\d|[3-9]\d{2})[ -][1-9]\d{2,3}[ -]?\d{4}"
    r"|0(?:10|2\d)[2-8]\d{7}|0[3-9]\d{2}[2-8]\d{6,7})"
    r"(?:(?:转|-)\d{1,5})?" + _RIGHT
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"(?<![0-9a-z.]){_OCTET}(?:\.{_OCTET}){{3}}(?![0-9a-z])(?!\.\d)")
_PASSPORT = re.compile(
    r"(?:护照|通行证|台胞证|回乡证|passport)[^0-9\n]{0,10}?(?<![0-9a-z])([a-z]{1,2}\d{7,10}|\d{8,9})(?![0-9a-z])"
)
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][a-hj-np-z][ ·•・.-]?"
    r"((?:[0-9a-hj-np-z]{5}|[a-hj-k][0-9a-hj-np-z]\d{4}|\d{5}[a-hj-k])(?![0-9a-z])|[0-9a-hj-np-z]{4}[学警港澳挂])"
)
_QQ = re.compile(r"(?<![a-z])(?:qq|扣扣|企鹅号)(?:号码?|群号?|群)?[^0-9a-z\n]{0,4}([1-9]\d{4,10})(?![0-9a-z])(?!\.\d)")
_WECHAT_ID = r"([a-z][a-z0-9_-]{5,19})(?![0-9a-z_@])(?!\.[a-z])"
_WECHAT = re.compile(
    r"(?:微信|威信|薇信|(?<![a-z])wechat|(?<![a-z])weixin|(?<![a-z])vx)"
    r"(?:(?:号码?|账号|id)[ ]?[:是为]{0,2}[ ]?|[ ]?:[ ]?|[ ]?(?=[a-z_-]{0,19}\d))" + _WECHAT_ID
)

#: A text without any of these holds no personal data that the recognisers know: one search, then done.
_CUE = re.compile(r"[\d@＠①-⑳⓪²³¹⁰-⁹₀-₉\U0001d7ce-\U0001d7ff]")
_WECHAT_CUES = ("微信", "威信", "薇信", "echat", "eixin", "vx", "VX", "Vx", "ｖ", "Ｖ", "ECHAT", "EIXIN", "ｅ", "Ｅ")
_FOUR_DIGITS = re.compile(r"\d(?:[ .-]?\d){3}")
_SEVEN_DIGITS = re.compile(r"\d(?:[ ()-]{0,2}\d){6}")
_CARD_CONTEXT = ("卡号", "银行", "账号", "帐号", "账户", "帐户", "信用卡", "储蓄卡", "汇款", "card")
_CONTEXT_CHARACTERS = 20
#: Provinces of resident IDs of 15 digits, which have no check digit (GB/T 2260).
_PROVINCES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65".split()
)


def _plain(text: str) -> str:
    return _SEPARATORS.sub("", text)


def _resident_ids(seen: str) -> Iterator[tuple[int, int]]:
    for match in _ID_18.finditer(seen):
        if is_resident_id(_plain(match.group())):
            yield match.span()
    for match in _ID_15.finditer(seen):
        number = match.group()
        dated = is_date(1900 + int(number[6:8]), int(number[8:10]), int(number[10:12]))
        if dated and number[:2] in _PROVINCES:
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


def _bank_cards(seen: str) -> Iterator[tuple[int, int]]:
    for match in _CARD.finditer(seen):
        number = _plain(match.group())
        if not _has_card_lead(number) or not is_luhn(number):
            continue
        # One in ten numbers passes Luhn: outside the lead of UnionPay, a grouping or a word must speak for a card.
        before = seen[max(0, match.start() - _CONTEXT_CHARACTERS) : match.start()]
        grouped = len(number) < match.end() - match.start()
        if number.startswith("62") or grouped or any(word in before for word in _CARD_CONTEXT):
            yield match.span()


def _ip_addresses(seen: str) -> Iterator[tuple[int, int]]:
    for match in _IPV4.finditer(seen):
        octets = [int(octet) for octet in match.group().split(".")]
        if octets[0] in (0, 127, 255):
            continue
        # "1.2.3.4" is a section, "33.3.59.11" a draw of lots, unless somebody says that it is an address; of
        # addresses drawn at random 98 % have a part of 100 or more.
        before = seen[max(0, match.start() - _CONTEXT_CHARACTERS) : match.start()]
        if max(octets) >= 100 or "ip" in before or "地址" in before:
            yield match.span()


def _plates(seen: str) -> Iterator[tuple[int, int]]:
    for match in _PLATE.finditer(seen):
        tail = match.group(1)
        if sum(character.isdigit() for character in tail) >= 3:
            yield match.span()


def _whole(pattern: re.Pattern[str]) -> Callable[[str], Iterator[tuple[int, int]]]:
    return lambda seen: (match.span() for match in pattern.finditer(seen))


def _group(pattern: re.Pattern[str]) -> Callable[[str], Iterator[tuple[int, int]]]:
    return lambda seen: (match.span(1) for match in pattern.finditer(seen))


def _credit_codes(seen: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _CREDIT.finditer(seen) if is_credit_code(match.group()))


class _Recogniser(NamedTuple):
    type: Type
    #: How many digits in a row, separators aside, the text must have for this one to be asked at all.
    digits: int
    find: Callable[[str], Iterator[tuple[int, int]]]


#: In this order: where two overlap, the first one keeps its span. A checked number goes before an unchecked one.
_RECOGNISERS: tuple[_Recogniser, ...] = (
    _Recogniser("resident_id", 7, _resident_ids),
    _Recogniser("credit_code", 7, _credit_codes),
    _Recogniser("bank_card", 7, _bank_cards),
    _Recogniser("mobile", 7, _whole(_MOBILE)),
    _Recogniser("mobile", 7, _whole(_MOBILE_SPACED)),
    _Recogniser("landline", 7, _whole(_LANDLINE)),
    _Recogniser("ipv4", 4, _ip_addresses),
    _Recogniser("passport", 7, _group(_PASSPORT)),
    _Recogniser("plate", 0, _plates),
    _Recogniser("qq", 4, _group(_QQ)),
)


def may_hold(text: str) -> bool:
    """Return False only when `find` would return nothing; costs one scan."""
    return _CUE.search(text) is not None or any(word in text for word in _WECHAT_CUES)


def find(text: str, view: Shadow | None = None) -> list[Span]:
    """Return the personal data in `text`, by place, without overlaps. `view`: its shadow, when it is at hand.

    >>> find("联系电话13812345678。")
    [Span(start=4, end=15, type='mobile')]
    """
    if not may_hold(text):
        return []
    view = view or shadow(text)
    seen = view.text
    taken: list[tuple[int, int, Type]] = []
    if "@" in seen:
        _take(taken, _EMAIL_FIND(seen), "email")
    digits = 7 if _SEVEN_DIGITS.search(seen) else 4 if _FOUR_DIGITS.search(seen) else 0
    for recogniser in _RECOGNISERS:
        if recogniser.digits <= digits:
            _take(taken, recogniser.find(seen), recogniser.type)
    _take(taken, _WECHAT_FIND(seen), "wechat")
    return [Span(*view.span(start, end), kind) for start, end, kind in sorted(taken)]


_EMAIL_FIND = _whole(_EMAIL)
_WECHAT_FIND = _group(_WECHAT)


def _take(taken: list[tuple[int, int, Type]], found: Iterable[tuple[int, int]], kind: Type) -> None:
    """Add the spans of `found` that overlap none already taken."""
    for start, end in found:
        if all(end <= other[0] or other[1] <= start for other in taken):
            taken.append((start, end, kind))


def mask(text: str, spans: Iterable[Span]) -> str:
    """Return `text` with each span replaced by its name in 〔 〕. Spans must be in order and not overlap.

    >>> mask("联系电话13812345678。", [Span(4, 15, "mobile")])
    '联系电话〔手机号〕。'
    """
    pieces: list[str] = []
    at = 0
    for span in spans:
        pieces.append(text[at : span.start])
        pieces.append(f"〔{LABELS[span.type]}〕")
        at = span.end
    pieces.append(text[at:])
    return "".join(pieces)
