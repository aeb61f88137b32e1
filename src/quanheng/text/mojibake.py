"""Text decoded with the wrong table: which it was, and the right text where nothing of it is lost.

A repair is made only when the text, written back in the wrong table, is valid in the right one over a whole stretch,
and more of the characters that come out are common than of those that went in. So good text is never touched. What
passed through a table that could not hold it (U+FFFD, 锟斤拷) is lost; it is counted, not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Literal, NamedTuple

from quanheng.text.encoding import common_share

#: Recorded with a corpus; a change of `repair` is a new version.
VERSION = 1

#: What the bytes were, and as what they were read. "lost": it was something, and cannot be had back.
Wrong = Literal["utf8_as_latin1", "gbk_as_latin1", "big5_as_latin1", "utf8_as_gbk", "lost"]

#: Lost characters, and their share of all but blanks, from which on a text is not readable.
LEAST_LOST = 3
MOST_LOST_SHARE = 0.05
#: What comes out has at least this share of common characters; Chinese text has above 0.6, wrong tables below 0.2.
_LEAST_COMMON = 0.45
_LEAST_GAIN = 0.2
#: Shorter outcomes are too little to judge by; chance bytes are pairs of GBK or Big5 far more often than UTF-8.
_LEAST_HAN = 2
_LEAST_HAN_OF_PAIRS = 4
_LEAST_COMMON_OF_PAIRS = 0.6
#: In a line that was UTF-8 and has lost bytes: characters that begin a pair, their share, and the share of common ones.
_LEAST_PAIRS = 3
_LEAST_PAIRS_SHARE = 0.2
_MOST_COMMON = 0.15

#: Code page 1252 as browsers read it: its five holes are control characters.
_TO_1252 = {
    ord(bytes([byte]).decode("cp1252")): chr(byte) for byte in range(0x80, 0xA0) if byte not in b"\x81\x8d\x8f\x90\x9d"
}
_LATIN_LETTER = "[\x80-\xff" + "".join(map(chr, _TO_1252)) + "]"
#: Four in a row; written so that `re` sees the set that it begins with, and skips to it.
_LATIN = re.compile(4 * _LATIN_LETTER)
#: A stretch may hold ASCII and blanks; it begins and ends with what is suspected.
_LATIN_RUN = re.compile(f"{_LATIN_LETTER}(?:[\x20-\x7e]*{_LATIN_LETTER})+")
_ODD = re.compile("锟斤拷|斤拷锟|[锟拷]{2,}|锟斤|\ufffd")
#: One of these is in whatever `_ODD` finds.
_LOST_SIGNS = frozenset("锟拷\ufffd")
_LOST = re.compile("[锟斤拷]{2,}|\ufffd")
#: So much of a text mostly shows already that it is no UTF-8.
_HEAD = 8
_RIGHT: dict[Wrong, str] = {"utf8_as_latin1": "utf-8", "gbk_as_latin1": "gb18030", "big5_as_latin1": "big5hkscs"}


class Repaired(NamedTuple):
    """The text, mended or as it was; what was wrong with it, None for nothing; and how many characters are lost."""

    text: str
    kind: Wrong | None = None
    lost: int = 0

    @property
    def readable(self) -> bool:
        """Return whether so little is lost that the text can be used."""
        if self.lost < LEAST_LOST:
            return True
        return self.lost < MOST_LOST_SHARE * sum(not character.isspace() for character in self.text)


def _pairs_from(leads: Iterable[int]) -> str:
    """Return the characters of GBK with one of these leads and a trail 80-BF, in order."""
    pairs = (bytes([lead, trail]).decode("gb18030", "ignore") for lead in leads for trail in range(0x80, 0xC0))
    return "".join(sorted(pair for pair in pairs if len(pair) == 1))


@cache
def _gbk_pairs() -> re.Pattern[str]:
    """Return what a Chinese character of UTF-8 begins with when it is read as GBK: lead E3-E9 or EF, trail 80-BF.

    Of the characters that Chinese text uses, hardly any have such a code: 涓, 鐨, 鏄, 锛, 銆.
    """
    return re.compile(f"[{_pairs_from((*range(0xE3, 0xEA), 0xEF))}]")


@cache
def _suspect() -> re.Pattern[str]:
    """Return what is in every text that is not as it should be: a pair of GBK, a lost sign, four western letters.

    It begins with a set, which `re` skips to, so that a text is gone through once for all three.
    """
    alone = _gbk_pairs().pattern[1:-1] + "".join(sorted(_LOST_SIGNS))
    latin = _LATIN_LETTER[1:-1]
    return re.compile(f"[{alone}{latin}](?:(?<=[{alone}])|(?<=[{latin}]){3 * _LATIN_LETTER})")


@cache
def _stretches() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return a stretch without ASCII that may be UTF-8 read as GBK, and the beginning of one that cannot be.

    What a stretch of UTF-8 begins with has such bytes in GBK: lead C2-F4, trail 80-BF. Both patterns begin with a set,
    which `re` skips to; what stands before is asked then.
    """
    begins = _pairs_from(range(0xC2, 0xF5))
    first = r"(?<![^\x00-\x7f][\s\S])"
    return re.compile(f"[{begins}]{first}[^\x00-\x7f]*"), re.compile(f"[^\x00-\x7f{begins}]{first}")


def repair(text: str) -> Repaired:
    r"""Return the text as it was meant, where that is certain, and what was wrong with it.

    >>> repair("ä¸\xadæ–‡ç½‘ç«™").text
    '中文网站'
    >>> repair("Voilà, café—déjà vu").kind is None
    True
    """
    if text.isascii() or not (signs := _signs(text)):
        return Repaired(text)
    kind: Wrong | None = None
    gbk: Wrong | None = None
    lost = 0
    if any(len(sign) > 1 for sign in signs):
        text, kind = _without_latin(text)
        signs = _signs(text)
    if any(map(_gbk_pairs().match, signs)):
        text, gbk, lost = _without_gbk(text)
    if (gbk or signs & _LOST_SIGNS) and _ODD.search(text):
        lost += sum(len(found) for found in _LOST.findall(text))
    return Repaired(text, kind or gbk or ("lost" if lost else None), lost)


def _signs(text: str) -> set[str]:
    return {found[0] for found in _suspect().finditer(text)}


def _certain(before: str, after: str) -> bool:
    """Return whether what comes out is Chinese text, and better than what went in."""
    share, han = common_share(after)
    if (
        han < _LEAST_HAN
        or share < _LEAST_COMMON
        or any(character < " " and character not in "\t\r\n" for character in after)
    ):
        return False
    return share >= common_share(before)[0] + _LEAST_GAIN


def _certain_of_pairs(after: str) -> bool:
    share, han = common_share(after)
    return han >= _LEAST_HAN_OF_PAIRS and share >= _LEAST_COMMON_OF_PAIRS


def _unmended(line: str) -> int:
    """Return how many characters of a line are UTF-8 read as GBK with bytes lost on the way, "锛?" for "，"."""
    found = len(_gbk_pairs().findall(line))
    if found < _LEAST_PAIRS:
        return 0
    share, letters = common_share(line)
    # Measured: a third of the characters of such a line begin a UTF-8 character; in lists of rare ones hardly any do.
    return letters if found >= letters * _LEAST_PAIRS_SHARE and share < _MOST_COMMON else 0


def _without_latin(text: str) -> tuple[str, Wrong | None]:
    """Return the text with each stretch of western letters that is bytes of Chinese text decoded."""
    first: list[Wrong] = []

    def mend(match: re.Match[str]) -> str:
        data = match[0].translate(_TO_1252).encode("latin-1")
        for kind, codec in _RIGHT.items():
            try:
                after = data.decode(codec)
            except UnicodeDecodeError:
                continue
            if _certain("", after) and (codec == "utf-8" or _certain_of_pairs(after)):
                first.append(kind)
                return after
        return match[0]

    return _LATIN_RUN.sub(mend, text), first[0] if first else None


def _as_utf8(text: str) -> str | None:
    head = text[:_HEAD]
    if len(text) > _HEAD and "€" not in head:
        try:
            head.encode("gb18030").decode("utf-8")
        except UnicodeDecodeError as error:
            if error.start < len(error.object) - 3:  # not only cut off
                return None
        except UnicodeEncodeError:
            return None
    # Code page 936 reads the lone byte 0x80 as the euro sign, which GB18030 writes as two bytes.
    for euro in (b"\xa2\xe3", b"\x80") if "€" in text else (b"",):
        try:
            return euro.join(part.encode("gb18030") for part in text.split("€")).decode("utf-8")
        except UnicodeError:
            continue
    return None


def _without_gbk(text: str) -> tuple[str, Wrong | None, int]:
    """Return the text with each line, or each stretch without ASCII, that is UTF-8 read as GBK decoded.

    Last comes how many characters are lost in lines that are so and cannot be decoded.
    """
    first: list[Wrong] = []

    def mend(match: re.Match[str]) -> str:
        after = _as_utf8(match[0])
        if after is None or not _certain(match[0], after):
            return match[0]
        first.append("utf8_as_gbk")
        return after

    # Only lines that hold such a pair are looked at: in good text hardly any does.
    mended: list[str] = []
    done = lost = 0
    pairs = _gbk_pairs()
    stretch, no_stretch = _stretches()
    while (found := pairs.search(text, done)) is not None:
        start = text.rfind("\n", done, found.start()) + 1 or done
        end = text.find("\n", found.end())
        end = len(text) if end < 0 else end
        line = text[start:end]
        mended.append(text[done:start])
        whole = None if no_stretch.search(line) else _as_utf8(line)
        if whole is not None and _certain(line, whole):
            first.append("utf8_as_gbk")
            mended.append(whole)
        else:
            mended.append(stretch.sub(mend, line))
        lost += sum(map(_unmended, mended[-1].split("\n")))
        done = end
    return "".join((*mended, text[done:])), first[0] if first else None, lost
