"""Which recognisers of personal data could find anything in each text of a batch, from the words and signs in it.

The tables for `personal_data_kernels`, and what it says of each text.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from quanheng.text import _names
from quanheng.text import personal_data_kernels as k
from quanheng.text._context import Cues
from quanheng.text.compiled import load
from quanheng.text.normalise import fold_table, learn_folds

Ints = np.ndarray[Any, np.dtype[np.int64]]
Points = np.ndarray[Any, np.dtype[np.uint32]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Offsets = np.ndarray[Any, np.dtype[np.int32]]

_CODE_POINTS = 0x110000
_DIGITS, _LETTERS = "0123456789", "abcdefghijklmnopqrstuvwxyz"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
#: What each bit of a character is; the patterns of the recognisers have them so.
_SETS = {
    k.DIGIT: _DIGITS,
    k.GAP: " .()-",
    k.X: "x",
    k.LETTER: _LETTERS,
    k.VALUE: _DIGITS + _LETTERS + "._~+/%=-",
    k.LOCAL: _DIGITS + _LETTERS + "._%+-",
    k.COUNT: "一二三四五六七八九十百",
    k.DASH: "-之",
    k.ANCHOR: "路街道巷弄同里村屯庄园苑城区寓厦镇乡坊庭府湾居院舍东南西北中段社场营",
    k.SEPARATOR: " ·•・‧∙.-",
    k.SURNAME: _names.SURNAMES,
    k.DIRECT: _names.DIRECT_SURNAMES,
    k.OPENER: "\"'”’ :=|\t是为“‘《[",
    k.DELIMITER: "\t|,\n",
    k.STOP: " \t\n/?#@<>\"'\\",
    k.HEX: "0123456789abcdef",
    k.AT: "@",
    k.SIGN: ":=",
    k.DOT: ".",
    k.PROVINCE: _PROVINCES,
    k.UNIT: "号弄栋幢座单组室",
}
#: One of these is in whatever the recogniser finds. A Latin word is looked for by a part of it that has a rarer end.
_WORDS = {
    k.CARD_WORD: ("卡号", "账号", "帐号", "bank", "card"),
    k.PERMIT: ("通行证", "台胞证", "回乡证", "回乡卡", "往来港", "往来台", "trav"),
    k.PASSPORT: ("护照", "passp"),
    k.QQ: ("qq", "加q", "q:", "扣扣", "企鹅"),
    k.WECHAT: ("微信", "威信", "薇信", "wec", "weix", "vx"),
    k.CUE: tuple(word for word in _names.CUES if word[-1] not in _LETTERS),
    k.CUE | k.BUT_LAST: tuple(word[:-1] for word in _names.CUES if word[-1] in _LETTERS),
    k.BUT_LAST: (_names.TITLE[:-1],),
}


class _Tables(NamedTuple):
    """What `personal_data_kernels.cues` is told of characters and words, in its order."""

    classes: np.ndarray[Any, np.dtype[np.uint8]]
    active: int
    sets: Ints
    ends: Ints
    befores: Ints
    words: Ints
    spans: Ints
    told: Ints
    spelt: Points


@cache
def _tables() -> _Tables:
    told = sorted((word[-1], word, bit) for bit, words in _WORDS.items() for word in words)
    ends = sorted({end for end, *_ in told})
    sets = dict.fromkeys("".join((*_SETS.values(), *(word for _, word, _ in told))), 0)
    befores = dict.fromkeys(sets, 0)
    for bit, characters in _SETS.items():
        for character in set(characters):
            sets[character] |= bit
    for end, word, _ in told:
        sets[end] |= k.WORD_END
        befores[word[-2]] |= 1 << ends.index(end)
    every = {c: (bits, ends.index(c) if c in ends else 0, befores[c]) for c, bits in sets.items()}
    kinds = sorted({(0, 0, 0), *every.values()}, key=lambda kind: (kind[0] & k.ACTIVE != 0, kind))
    assert len(ends) < 63 and len(kinds) < 256  # noqa: S101 - both follow from the words above
    classes = np.zeros(_CODE_POINTS, np.uint8)
    for character, kind in every.items():
        classes[ord(character)] = kinds.index(kind)
    bits, end_of, before = np.ascontiguousarray(np.array(kinds, np.int64).T)
    return _Tables(
        classes,
        sum(kind[0] & k.ACTIVE == 0 for kind in kinds),
        bits,
        end_of,
        before,
        words=np.searchsorted([ends.index(end) for end, *_ in told], np.arange(len(ends) + 1)).astype(np.int64),
        spans=np.cumsum([0, *(len(word) for _, word, _ in told)], dtype=np.int64),
        told=np.array([bit for *_, bit in told], np.int64),
        spelt=np.array([ord(character) for _, word, _ in told for character in word], np.uint32),
    )


def cues(data: Bytes, offsets: Offsets) -> Iterator[tuple[int, Cues]] | None:
    """Return the number of each text in which a recogniser has its cues, and those; None where nothing is compiled.

    Text i is the UTF-8 data[offsets[i]:offsets[i + 1]]. In the others nothing is found, whatever of them is hidden.
    """
    kernels = load("personal_data_kernels")
    if kernels is None:
        return None
    n = len(offsets) - 1
    size = int(offsets[-1] - offsets[0])
    space = size + k.MARGIN * (n + 2)
    kinds, room, told = np.empty(space, np.uint8), np.empty(space, np.uint32), np.empty((n, 5), np.int64)
    # A stretch has seven characters and one before the next; a word two. What is not filled costs nothing.
    stretches, cued = np.empty(size // 4 + 2, np.int64), np.empty(size // 2 + 1, np.int64)
    table = fold_table()
    given = data, offsets, n, table, *_tables(), kinds, room, told, stretches, cued
    if kernels.cues(*given):
        text = data[offsets[0] : offsets[-1]].tobytes().decode("utf-8", "surrogatepass")
        learn_folds(table, np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32))
        kernels.cues(*given)
    return _read(told, room, stretches, cued)


def _read(told: Ints, room: Points, stretches: Ints, cued: Ints) -> Iterator[tuple[int, Cues]]:
    first, before = 0, 0
    for row, (flags, begin, end, stretched, named) in enumerate(told.tolist()):
        if flags:
            view = room[begin:end].tobytes().decode("utf-32-le", "surrogatepass")
            places = stretches[2 * first : 2 * stretched].tolist()
            pairs = list(zip(places[::2], places[1::2], strict=True))
            yield row, Cues(flags, view, pairs, cued[before:named].tolist())
        first, before = stretched, named
