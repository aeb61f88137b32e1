"""Readings of Chinese characters without tones: the 6,763 characters of GB 2312, one or two readings each.

A small table that ships, so that a result does not change with the version of a dictionary somewhere else.
"""

from __future__ import annotations

from functools import cache

from quanheng.text.pinyin_table import FIRST, SECOND

#: A change of the table or of `spellings` is a new version.
VERSION = 1
_PRIVATE = range(0xE000, 0xF900)


@cache
def _readings() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for table in (FIRST, SECOND):
        words = table.split()
        for syllable, characters in zip(words[::2], words[1::2], strict=True):
            for character in characters:
                found[character] = (*found.get(character, ()), syllable)
    return found


def readings(character: str) -> tuple[str, ...]:
    """Return the readings of a simplified character, the commonest first; () when it has none here.

    >>> readings("弹")
    ('dan', 'tan')
    """
    return _readings().get(character, ())


def spellings(character: str) -> tuple[str, ...]:
    """Return how the readings are typed: ü as v and as u.

    >>> spellings("绿")
    ('lv', 'lu')
    """
    typed = [form for found in readings(character) for form in dict.fromkeys((found, found.replace("v", "u")))]
    return tuple(dict.fromkeys(typed))


@cache
def _signs() -> dict[str, str]:
    syllables = dict.fromkeys(f"{FIRST} {SECOND}".split()[::2])
    return {syllable: chr(_PRIVATE.start + place) for place, syllable in enumerate(syllables)}


def sign(syllable: str) -> str:
    """Return the private-use character that stands for a syllable in what `sounds` returns."""
    return _signs()[syllable]


class _Sounds(dict[int, str]):
    """A translation table that fills itself: the sign of each character's reading, other characters as they are."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self._place = place

    def __missing__(self, code: int) -> str:
        character = chr(code)
        found = readings(character)
        self[code] = sign(found[min(self._place, len(found) - 1)]) if found else character
        if code in _PRIVATE:  # a text that holds signs of its own says nothing by them
            self[code] = "\ufffd"
        return self[code]


_FIRST_SOUNDS, _SECOND_SOUNDS = _Sounds(0), _Sounds(1)


def sounds(text: str, *, second: bool = False) -> str:
    """Return `text` with each character replaced by the sign of its first (or second) reading.

    Two texts that sound alike by these readings become equal; the length stays.

    >>> sounds("诈骗") == sounds("炸片")
    True
    """
    return text.translate(_SECOND_SOUNDS if second else _FIRST_SOUNDS)
