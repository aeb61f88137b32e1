"""How a term is disguised so that a filter does not see it, and what undoes each disguise.

Three folds are one character to one, so offsets hold: traditional to simplified (OpenCC, character by character), and
look-alikes to one of their class. One drops what stands between letters, with the places of what is left. Three are
written out per term: pinyin (full and initials mixed), split characters (强 → 弓虽) and reversal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from quanheng.text.evasion_tables import LOOK_ALIKES, splits
from quanheng.text.pinyin import spellings

if TYPE_CHECKING:
    import numpy as np

Evasion = Literal["traditional", "inserted", "pinyin", "homophone", "split", "lookalike", "reversed"]
#: The empty name is a plain hit. Later ones say less for sure; a hit that needed several is named by the last.
ORDER: tuple[Evasion | Literal[""], ...] = (
    "",
    "traditional",
    "lookalike",
    "inserted",
    "split",
    "reversed",
    "pinyin",
    "homophone",
)
#: A hit by one of these is a suspicion: somebody looks at it, and it never enters a density.
SUSPECT = frozenset({"split", "reversed", "pinyin", "homophone"})
#: Symbols that may stand between two characters of a term.
MAX_GAP = 2
#: Written forms of one term; a term that has more is written in the simplest ones.
_MOST_FORMS = 96

_ASCII = re.compile("[0-9a-z]")
#: Letters to Unicode, but nothing to see.
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0\ufffd"


@cache
def _opencc() -> Any:
    from opencc_pyo3 import OpenCC

    return OpenCC("t2s")


class _Simple(dict[int, str]):
    """A translation table that fills itself: the simplified form where that is one character."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = character
        if 0xD800 <= code <= 0xDFFF:  # a lone surrogate has no UTF-8, which the automaton needs
            self[code] = "\ufffd"
        elif code >= 0x2E80 and len(simple := _opencc().convert(character)) == 1:
            self[code] = simple
        return self[code]


_SIMPLE = _Simple()
_LOOKS = {ord(member): group[0] for group in LOOK_ALIKES for member in group[1:]}
_LOOKS |= {ord("i"): "l"}  # i and l meet in 1; `looks_like` tells them apart again


class _Coarse(dict[int, str]):
    """Both folds at once, filled as characters are met."""

    def __missing__(self, code: int) -> str:
        simple = _SIMPLE[code]
        self[code] = _LOOKS.get(ord(simple), simple)
        return self[code]


_COARSE = _Coarse()


def simplified(text: str) -> str:
    """Return `text` with each traditional character simplified by itself; the length stays.

    >>> simplified("詐騙")
    '诈骗'
    """
    return text.translate(_SIMPLE)


def coarse(text: str) -> str:
    """Return the folded `text` with traditional and look-alike characters folded too; the length stays.

    Equal texts may still differ in what `looks_like` refuses: this view finds candidates.
    """
    return text.translate(_COARSE)


def looks_like(seen: str, meant: str) -> bool:
    """Return whether character `seen` may stand for `meant`: of one class, but not i for l, nor b for 6.

    >>> looks_like("0", "o"), looks_like("i", "l"), looks_like("b", "6"), looks_like("日", "曰")
    (True, False, False, True)
    """
    if _COARSE[ord(seen)] != _COARSE[ord(meant)]:
        return False
    if meant.isdigit():
        return meant in "01" and not seen.isdigit()
    return not (seen.isascii() and meant.isascii()) or seen.isdigit()


class Letters(NamedTuple):
    """Only the letters, digits and Han of a folded text, and where each stood; `places` is None when nothing went."""

    text: str
    places: np.ndarray[Any, np.dtype[np.int64]] | None


_CODES = 0x110000
#: Where characters may have a simplified form: radicals to Unified Ideographs, compatibility, planes 2 and 3.
_CHINESE = (range(0x2E80, 0xA000), range(0xF900, 0xFB00), range(0x20000, 0x323B0))


@cache
def _tables() -> tuple[np.ndarray[Any, np.dtype[np.uint32]], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return the coarse form of each code point, and whether that is a letter: `coarse` for whole texts at once."""
    import numpy as np

    fold = np.arange(_CODES, dtype=np.uint32)
    fold[0xD800:0xE000] = 0xFFFD
    for part in _CHINESE:
        simple = _opencc().convert("\n".join(map(chr, part))).split("\n")
        fold[part.start : part.stop] = [
            ord(to) if len(to) == 1 else code for code, to in zip(part, simple, strict=True)
        ]
    looks = np.arange(_CODES, dtype=np.uint32)
    looks[list(_LOOKS)] = [ord(to) for to in _LOOKS.values()]
    fold = looks[fold]
    letters = np.fromiter((chr(code).isalnum() for code in range(_CODES)), np.bool_, _CODES)
    letters[[ord(character) for character in _BLANK_LETTERS]] = False
    return fold, letters


def is_letter(character: str) -> bool:
    """Return whether a character is kept by `letters_of`."""
    return character.isalnum() and character not in _BLANK_LETTERS


def letters_of(text: str) -> Letters:
    """Return the letters of `coarse(text)` and their places.

    >>> letters_of("詐*骗").text
    '诈骗'
    """
    import numpy as np

    fold, letters = _tables()
    codes = fold[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)]
    places = np.flatnonzero(letters[codes])
    whole = len(places) == len(codes)
    kept = codes if whole else codes[places]
    return Letters(kept.tobytes().decode("utf-32-le"), None if whole else places)


class Form(NamedTuple):
    """A term as it may be written. `weak`: runs [first, end) of places that have gaps after all of them or none.

    Such a run is an ASCII word, or the pinyin of one character: "s ex" is not "sex", "s.e.x" is.
    """

    text: str
    weak: tuple[tuple[int, int], ...] = ()


def plain_form(term: str) -> Form:
    """Return the form of a term that is written as it is."""
    return _joined(list(term) if not _ASCII.search(term) else _pieces(term))


def _pieces(term: str) -> list[str]:
    return re.findall("[0-9a-z]+|[^0-9a-z]", term)


def _joined(pieces: list[str]) -> Form:
    weak: list[tuple[int, int]] = []
    at = 0
    for piece in pieces:
        if len(piece) > 2:  # two characters have one gap between them: all of it or none
            weak.append((at, at + len(piece) - 1))
        at += len(piece)
    return Form("".join(pieces), tuple(weak))


def pinyin_forms(term: str) -> list[Form]:
    """Return a term with characters replaced by their pinyin, in full or the first letter; [] for fewer than two Han.

    Initials alone only from four characters on. A term with many characters is not written in every mixture: then
    all in full, all initials, and each single character in full or as initial.

    >>> [form.text for form in pinyin_forms("诈骗")]
    ['诈pian', '诈p', 'zha骗', 'zhapian', 'zhap', 'z骗', 'zpian']
    """
    choices = [[piece, *spellings(piece)] for piece in _pieces(term)]
    if sum(len(choice) > 1 for choice in choices) < 2:
        return []
    initials = [(choice[0], choice[1][0]) if len(choice) > 1 else (choice[0],) for choice in choices]
    mixed = [tuple(dict.fromkeys((*choice, short[-1]))) for choice, short in zip(choices, initials, strict=True)]
    written: list[tuple[str, ...]] = []
    if _size(mixed) <= _MOST_FORMS:
        written += product(*mixed)
    else:
        if _size(choices) <= _MOST_FORMS:
            written += product(*choices)
        base = [choice[0] for choice in choices]
        written.append(tuple(choice[1] if len(choice) > 1 else choice[0] for choice in choices))
        written += [(*base[:at], form, *base[at + 1 :]) for at, forms in enumerate(mixed) for form in forms[1:]]
    if len(term) >= 4:
        written.append(tuple(short[-1] for short in initials))
    bare = {"".join(pieces) for pieces in product(*(short[1:] or short for short in initials))}
    forms = {}
    for pieces in written:
        form = _joined(list(pieces))
        if form.text != term and (len(term) >= 4 or form.text not in bare):
            forms[form.text] = form
    return list(forms.values())


def split_forms(term: str) -> list[Form]:
    """Return a term with one or more characters split into their parts.

    >>> [form.text for form in split_forms("强奸")]
    ['强女干', '弓虽奸', '弓虽女干']
    """
    choices = [(character, *splits().get(character, ())) for character in term]
    written: list[Sequence[str]] = []
    if _size(choices) <= _MOST_FORMS:
        written += product(*choices)
    else:
        # Too many at once: the first way everywhere, then any way of one character, and of two.
        written.append([choice[min(1, len(choice) - 1)] for choice in choices])
        places = [(at, way) for at, choice in enumerate(choices) for way in choice[1:]]
        for pair in [*((one,) for one in places), *combinations(places, 2)][: 2 * _MOST_FORMS]:
            pieces = list(term)
            for at, way in pair:
                pieces[at] = way
            written.append(pieces)
    texts = dict.fromkeys("".join(pieces) for pieces in written)
    return [plain_form(text) for text in texts if text != term]


def reversed_forms(term: str) -> list[Form]:
    """Return a term backwards; [] when that is the same or one character."""
    backwards = term[::-1]
    return [plain_form(backwards)] if backwards != term else []


def _size(choices: list[Any]) -> int:
    size = 1
    for choice in choices:
        size *= len(choice)
    return size
