"""Where personal data stands in a Chinese text, and the text with it masked. Rules and check digits, no model.

Everything is looked for in the shadow view, so full-width, spaced and dashed forms are found, and spans are given on
the original text. Boundaries are look-arounds on ASCII letters and digits, never the word boundary of `re`: a Han
character is a word character, so "电话13812345678。" has no word boundary before the number.

A found datum is hidden before the next recogniser looks, and so is the name that masking leaves in 〔 〕; the text is
gone through until nothing new is found. So spans never overlap, and masking a masked text changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from quanheng.text import _accounts, _addresses, _names, _numbers
from quanheng.text import personal_data_kernels as cue
from quanheng.text._context import HIDDEN, Cues, lazily
from quanheng.text.normalise import Shadow, shadow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Utf8 = tuple[NDArray[np.uint8], NDArray[np.int32]]

#: Recorded in a corpus; a change of any recogniser is a new version.
VERSION = 2

Type = Literal[
    "resident_id",
    "permit",
    "mobile",
    "landline",
    "bank_card",
    "credit_code",
    "email",
    "ipv4",
    "ipv6",
    "passport",
    "travel_permit",
    "plate",
    "qq",
    "wechat",
    "url_credentials",
    "address",
    "name",
]
LABELS: dict[Type, str] = {
    "resident_id": "身份证号",
    "permit": "居住证号",
    "mobile": "手机号",
    "landline": "固定电话",
    "bank_card": "银行卡号",
    "credit_code": "统一社会信用代码",
    "email": "电子邮箱",
    "ipv4": "IP地址",
    "ipv6": "IPv6地址",
    "passport": "护照号",
    "travel_permit": "通行证号",
    "plate": "车牌号",
    "qq": "QQ号",
    "wechat": "微信号",
    "url_credentials": "网址口令",
    "address": "地址",
    "name": "姓名",
}


class Span(NamedTuple):
    """Personal data at [start, end) of the original text."""

    start: int
    end: int
    type: Type


Spans = Iterator[tuple[int, int]]
_Found = tuple[int, int, Type]

#: In this order: where two could overlap, the first one has it. A checked number goes before an unchecked one. Beside
#: each, how long a stretch is that holds one.
_NUMBERS: tuple[tuple[Type, _numbers.Find, int], ...] = (
    ("resident_id", _numbers.resident_ids, 15),
    ("permit", _numbers.permits, 18),
    ("credit_code", _numbers.credit_codes, 7),
    ("bank_card", _numbers.bank_cards, 15),
    ("mobile", _numbers.mobiles, 11),
    ("landline", _numbers.landlines, 7),
)
_LONG = cue.STRETCH | cue.SIX
#: The others, and the cues without which each finds nothing: all of the first, and one of the second.
_BEFORE: tuple[tuple[Type, Callable[[str], Spans], int, int], ...] = (
    ("url_credentials", _accounts.url_credentials, 0, cue.URL | cue.SECRET),
    ("email", _accounts.emails, 0, cue.EMAIL),
)
_AFTER: tuple[tuple[Type, Callable[[str], Spans], int, int], ...] = (
    ("bank_card", _numbers.cards_in_columns, cue.SIX, cue.CARD_WORD),
    ("ipv4", _accounts.ipv4_addresses, 0, cue.IPV4),
    ("ipv6", _accounts.ipv6_addresses, 0, cue.IPV6),
    ("travel_permit", _numbers.travel_permits, cue.SIX, cue.PERMIT),
    ("passport", _numbers.passports, cue.SIX, cue.PASSPORT),
    ("plate", _numbers.plates, 0, cue.PLATE),
    ("qq", _accounts.qq_numbers, cue.FOUR, cue.QQ),
    ("wechat", _accounts.wechat_ids, 0, cue.WECHAT),
    ("address", _addresses.addresses, 0, cue.ADDRESS),
)
_NAMES = cue.ANNOUNCED | cue.TABLE
#: Nothing is known of the text, so every recogniser runs.
_ANY = Cues(-1, "", None, None)
#: Six digits with no more than blanks, dashes, dots and brackets between: without them there is no long number, no card
#: in a column, and neither passport nor permit.
_SIX_DIGITS = lazily(r"[0-9](?:[ .()-]*[0-9]){5}")
_NO_LONG = Cues(~cue.SIX, "", None, None)
#: What is hidden may part two data that hid each other; only a made-up text needs more passes than this.
_MAX_PASSES = 8

#: Characters that the shadow leaves out or makes another letter or digit of: where one stands, only the shadow tells.
_ODD = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad²³¹\u0300-\u036f\u061c\u0660-\u0669\u06f0-\u06f9\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u209c\u20d0-\u20f0\u2100-\u214f\u2460-\u249b\u24b6-\u24ea\u302a-\u302d\u3099\u309a"
    "\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uff10-\uff19\uff20-\uff3a\uff41-\uff5a\ufff9-\ufffb\U0001d400-\U0001d7ff"
    "\U0001fbf0-\U0001fbf9\U000e0000-\U000e01ef"
)
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_HOUSE = "号弄栋幢座单组室"
_ODD_FIRST_PLANE = _ODD[: _ODD.index("\U0001d400")]


def _cue() -> str:
    # Every decimal digit of the first plane: with the class `\d` in its place, `re` asks a list for each character.
    digits = "".join(filter(str.isdecimal, map(chr, range(0x10000))))
    return (
        rf"[{digits}@{_ODD_FIRST_PLANE}\U00010000-\U0010ffff{_PROVINCES}{_HOUSE}微威薇vVwWfF=:]"
        rf"(?:(?<=[@{_ODD}])"
        r"|(?<=\d)(?:(?:[^\w\n]{0,3}\d){4}|\.\d{1,3}\.\d)"
        r"|(?<=[23fF])[0-9a-fA-F]{3}:[0-9a-fA-F:]"
        rf"|(?<=[{_PROVINCES}])[ ]?[A-Za-z][ ·•・‧∙.\-0-9A-Za-z]{{4}}"
        rf"|(?<=[0-9一二三四五六七八九十][{_HOUSE}])"
        r"|(?<=[微威薇])信[^\n]{0,12}[A-Za-z]"
        r"|(?<=[vVwW])(?:[xX]|[eE](?:[cC][hH][aA][tT]|[iI][xX][iI][nN]))"
        r"|(?<=[=:])[ ]?[\"']?[0-9A-Za-z._~+%-][0-9A-Za-z._~+/%-]{7})"
    )


#: Where this does not hit, no recogniser but that of names does. It starts with one set of characters, which `re`
#: looks for fastest; what follows says what each of them must stand beside.
_CUE = lazily(_cue)


def may_hold(text: str) -> bool:
    """Return False only when `find` would return nothing; costs a few searches and no copy of the text."""
    return _CUE.search(text) is not None or _names.may_hold_names(text)


def find(text: str, view: Shadow | None = None) -> list[Span]:
    """Return the personal data in `text`, by place, without overlaps. `view`: its shadow, when it is at hand.

    >>> find("联系电话13812345678。")
    [Span(start=4, end=15, type='mobile')]
    """
    if not may_hold(text):
        return []
    view = view or shadow(text)
    return _find(view.text, _ANY if _SIX_DIGITS.search(view.text) else _NO_LONG, text, view)


def find_all(texts: Sequence[str], utf8: Utf8) -> list[list[Span]]:
    """Return what `find` does of each text; those in which nothing can stand cost next to nothing.

    utf8: the same texts as one array of bytes; text i is data[offsets[i]:offsets[i + 1]].
    """
    from quanheng.text._cues import cues

    told = cues(*utf8)
    if told is None:
        return [find(text) for text in texts]
    found: list[list[Span]] = [[]] * len(texts)  # one for all in which nothing is found: a list each costs as much
    for row, may in told:
        text = texts[row]
        # Five digits, or an @, are cues in the text itself as well, so that it need not be searched; save where signs
        # are left out of the view, for what stands between the digits of the text then was not counted.
        is_sure = may.flags & cue.CHAIN and len(may.view) == len(text)
        if is_sure or (may.flags & cue.EMAIL and "@" in text) or may_hold(text):
            found[row] = _find(may.view, may, text)
    return found


def _find(seen: str, may: Cues, text: str, view: Shadow | None = None) -> list[Span]:
    """Return the personal data in a text; seen: its folded view; may: its cues."""
    seen, found = _pass(_hide_labels(seen), may)
    taken = found
    for _ in range(_MAX_PASSES):
        if not found:
            break
        seen, found = _again(seen, found, may.flags)
        taken += found
    if taken and view is None:
        view = Shadow(seen, None) if len(seen) == len(text) else shadow(text)
    return [Span(*view.span(start, end), kind) for start, end, kind in sorted(taken)] if view else []


def _pass(seen: str, may: Cues) -> tuple[str, list[_Found]]:
    """Return the view with everything hidden that one pass finds, and what it found.

    may: what was true before anything was hidden still holds: hiding takes cues away and adds none.
    """
    taken: list[_Found] = []

    def take(kind: Type, found: list[tuple[int, int]]) -> None:
        nonlocal seen
        if found:
            ordered = _apart(found)
            seen = _hidden(seen, ordered)
            taken.extend((start, end, kind) for start, end in ordered)

    flags = may.flags
    for kind, recognise, _, one_of in _BEFORE:
        if flags & one_of:
            take(kind, list(recognise(seen)))
    if flags & _LONG == _LONG and (stretches := _numbers.stretches(seen, may.stretches)):
        longest = max(end - start for start, end in stretches) - _numbers.MARGIN_RIGHT
        for kind, recognise_in, least in _NUMBERS:
            if longest >= least:
                long = [(start, end) for start, end in stretches if end - start >= least + _numbers.MARGIN_RIGHT]
                take(kind, [span for start, end in long for span in recognise_in(seen, start, end)])
    for kind, recognise, all_of, one_of in _AFTER:
        if flags & all_of == all_of and flags & one_of:
            take(kind, list(recognise(seen)))
    if flags & _NAMES:
        take("name", _names.names(seen, may.cued, in_tables=flags & cue.TABLE != 0))
    return seen, taken


def _again(seen: str, found: list[_Found], flags: int) -> tuple[str, list[_Found]]:
    """Return what one more pass over the lines finds in which something was found; nothing new can stand elsewhere."""
    taken: list[_Found] = []
    pieces: list[str] = []
    at = 0
    for hit, *_ in sorted(found):
        if hit < at:
            continue
        start, end = seen.rfind("\n", 0, hit) + 1, seen.find("\n", hit)
        end = len(seen) if end < 0 else end
        line, new = _pass(seen[start:end], Cues(flags, "", None, None))
        taken += [(left + start, right + start, kind) for left, right, kind in new]
        pieces += (seen[at:start], line)
        at = end
    pieces.append(seen[at:])
    return "".join(pieces), taken


def _apart(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans in order, those left out that overlap one before."""
    apart: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if not apart or apart[-1][1] <= start:
            apart.append((start, end))
    return apart


def _hidden(seen: str, spans: Iterable[tuple[int, int]]) -> str:
    pieces: list[str] = []
    at = 0
    for start, end in spans:
        pieces += (seen[at:start], HIDDEN * (end - start))
        at = end
    pieces.append(seen[at:])
    return "".join(pieces)


#: What masking and pseudonyms leave, in the folded view.
_LABEL = lazily(rf"〔(?:{'|'.join(sorted(map(str.lower, LABELS.values()), key=len, reverse=True))})[0-9a-f]{{0,16}}〕")


def _hide_labels(seen: str) -> str:
    if "〔" not in seen:
        return seen
    return _LABEL.sub(lambda match: HIDDEN * len(match.group()), seen)


def replace(text: str, spans: Iterable[Span], new: Callable[[Span], str]) -> str:
    """Return `text` with each span replaced by what `new` says. Spans must be in order and not overlap."""
    pieces: list[str] = []
    at = 0
    for span in spans:
        pieces += (text[at : span.start], new(span))
        at = span.end
    pieces.append(text[at:])
    return "".join(pieces)


def label(kind: Type) -> str:
    """Return what masking puts in the place of data of this type.

    >>> label("mobile")
    '〔手机号〕'
    """
    return f"〔{LABELS[kind]}〕"


def mask(text: str, spans: Iterable[Span]) -> str:
    """Return `text` with each span replaced by its name in 〔 〕. Spans must be in order and not overlap.

    >>> mask("联系电话13812345678。", [Span(4, 15, "mobile")])
    '联系电话〔手机号〕。'
    """
    return replace(text, spans, lambda span: label(span.type))
