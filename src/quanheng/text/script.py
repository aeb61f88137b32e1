"""Which script a text is in, by counting: no model, no download.

A text is Chinese when the share of Han among its letters exceeds 1/4 and that of kana, hangul and thai stays below
1/50. Language models lose short comments that this rule keeps (docs: the corpus study, finding 0.1e).
Simplified and traditional forms are told apart by the two national character sets: a character of GB 2312 that Big5
lacks is a simplified form, one of Big5 that GB 2312 lacks a traditional one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

Script = Literal["zh-Hans", "zh-Hant", "mixed", "zh", "other"]

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_KANA = "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_FOREIGN = _KANA + "\u1100-\u11ff\uac00-\ud7af\u0e01-\u0e3a\u0e40-\u0e4e"
_NOT_HAN = re.compile(f"[^{HAN}]+")
_NOT_FOREIGN = re.compile(f"[^{_FOREIGN}]+")
_NOT_LETTER = re.compile(r"[\W\d_]+")
#: The second bytes of GB 2312.
_CELLS = range(0xA1, 0xFF)
#: Below this share of the rarer form a text is not "mixed": a name or a quotation does not change its script.
_MIXED = 0.1


@dataclass(frozen=True, slots=True)
class Letters:
    """Letters counted: all, Han, and kana with hangul and thai."""

    letters: int
    han: int
    foreign: int


def count_letters(text: str) -> Letters:
    """Return how many letters `text` has, and of which scripts."""
    letters = _NOT_LETTER.sub("", text)
    han = len(_NOT_HAN.sub("", letters))
    foreign = len(_NOT_FOREIGN.sub("", letters)) if han < len(letters) else 0
    return Letters(len(letters), han, foreign)


def is_chinese(counted: Letters, *, min_han: tuple[int, int] = (1, 4), max_foreign: tuple[int, int] = (1, 50)) -> bool:
    """Return whether the counts are those of a Chinese text; both shares are (k, n) and compared as integers."""
    if counted.letters == 0:
        return False
    enough_han = counted.han * min_han[1] > min_han[0] * counted.letters
    return enough_han and counted.foreign * max_foreign[1] < max_foreign[0] * counted.letters


def _decoded(codec: str, leads: range, trails: tuple[range, ...]) -> str:
    """Return the characters of these pairs of bytes that there are in a table."""
    # Decoded at once, a line end after each pair so that one that is no character does not shift the next.
    pairs = b"\n".join(bytes((lead, trail)) for lead in leads for part in trails for trail in part)
    return pairs.decode(codec, "ignore").replace("\n", "")


@cache
def _forms() -> tuple[frozenset[str], frozenset[str]]:
    """Return the simplified-only and the traditional-only characters."""

    def repertoire(codec: str, leads: range, trails: tuple[range, ...]) -> set[str]:
        return set(_decoded(codec, leads, trails))

    gb2312 = repertoire("gb2312", range(0xB0, 0xF8), (_CELLS,))
    # Big5 level 1 only: its level 2 is rare characters that simplified text uses as well.
    big5 = repertoire("big5", range(0xA4, 0xC7), (range(0x40, 0x7F), range(0xA1, 0xFF)))
    big5_all = big5 | repertoire("big5", range(0xC9, 0xFA), (range(0x40, 0x7F), range(0xA1, 0xFF)))
    han = re.compile(f"[{HAN}]")
    return (
        frozenset(character for character in gb2312 - big5_all if han.match(character)),
        frozenset(character for character in big5 - gb2312 if han.match(character)),
    )


@cache
def class_characters() -> dict[str, str]:
    """Return the characters of the classes that are lists: simplified, traditional, common.

    "common" are the Han of everyday text: level 1 of GB 2312 (3,755 characters) and the traditional forms of level 1
    of Big5.
    """
    simplified, traditional = _forms()
    level_1 = _decoded("gb2312", range(0xB0, 0xD8), (_CELLS,))
    found = {"simplified": simplified, "traditional": traditional, "common": traditional.union(level_1)}
    return {name: "".join(sorted(characters)) for name, characters in found.items()}


@cache
def class_patterns() -> dict[str, re.Pattern[str]]:
    """Return the pattern of runs of each other class that this module counts: letter, han, foreign.

    foreign: kana, hangul and thai.
    """
    return {
        "letter": re.compile(r"[^\W\d_]+"),
        "han": re.compile(f"[{HAN}]+"),
        "foreign": re.compile(f"[{_FOREIGN}]+"),
    }


@cache
def _form_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    simplified, traditional = _forms()
    return (
        re.compile("[^" + "".join(sorted(simplified)) + "]+"),
        re.compile("[^" + "".join(sorted(traditional)) + "]+"),
    )


def chinese_form(text: str) -> Script:
    """Return which form of Chinese a text known to be Chinese is in; "zh" when no character tells.

    >>> chinese_form("這個東西")
    'zh-Hant'
    """
    not_simplified, not_traditional = _form_patterns()
    simplified = len(not_simplified.sub("", text))
    traditional = len(not_traditional.sub("", text))
    return form_of(simplified, traditional)


def form_of(simplified: int, traditional: int) -> Script:
    """Return the form of Chinese of a text with so many simplified-only and traditional-only characters."""
    told = simplified + traditional
    if told == 0:
        return "zh"
    if traditional < _MIXED * told:
        return "zh-Hans"
    return "zh-Hant" if simplified < _MIXED * told else "mixed"


def script_of(text: str) -> Script:
    """Return the script of `text`: a form of Chinese, or "other".

    >>> script_of("一分钱一分货，质量太差！")
    'zh-Hans'
    """
    return chinese_form(text) if is_chinese(count_letters(text)) else "other"
