"""Counts that tell text from rubbish: classes of characters, repeated pieces, repeated lines. For whole batches.

Every function takes texts as code points: text i is `points[offsets[i]:offsets[i + 1]]` (uint32, int64), and returns
integer counts, so results are the same on every machine, compiled (numba) or plain. Shares are left to the caller.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from quanheng.text.compiled import Kernels, load
from quanheng.text.quality_kernels import SPARSE, size_for
from quanheng.text.script import class_characters, class_patterns

#: A change of any rule here is a new version of the operators made of it.
VERSION = 1
Ints = np.ndarray[Any, np.dtype[np.int64]]
Points = np.ndarray[Any, np.dtype[np.uint32]]
Flags = np.ndarray[Any, np.dtype[np.uint8]]

#: Letters, digits, blanks and ordinary punctuation; what is left is symbols.
_SYMBOLS = re.compile(r"(?:[^\w\s，。、；：？！…—·「」『』（）《》〈〉【】〔〕“”‘’～,.;:?!'\"()\[\]<>/%&@*+=#~-]|_)+")
#: What a line of a list begins with, and no sentence does. Numbers are left out: statutes begin lines with （一）.
BULLETS = "•‣▶◀◦■□▪▫●○◆◇★☆※►▸·・→➤✓✔*-–"
#: What a sentence, or the line before an enumeration, ends with; quotes and brackets may close after it.
ENDINGS = "。！？…；：.!?;:"
CLOSERS = "”’」』）)》〉】\"'"
PIECE = 8
#: Repetition is judged on the beginning, and not at all in texts too short to have any.
REPETITION_FROM, REPETITION_CHARACTERS = 64, 20_000


def kernels() -> Kernels | None:
    """Return the compiled functions, None where numba is not installed."""
    return load("quality_kernels")


class CharacterCounts(NamedTuple):
    """How many characters of each class every text has; `characters` are all."""

    letter: Ints
    han: Ints
    foreign: Ints
    simplified: Ints
    traditional: Ints
    common: Ints
    blank: Ints
    symbol: Ints
    digit: Ints
    characters: Ints


CLASSES = CharacterCounts._fields[:-1]


#: The first code point from which on all are of the same classes (CJK Extension J ends before it).
_LAST_OF_ITS_KIND = 0x33480


@cache
def _classes() -> tuple[Flags, Ints]:
    """Return the combination of classes that each code point is in, and which classes each combination holds."""
    # Above the last Han every code point is of the same classes, so that one stands for four fifths of all.
    codes = np.append(np.arange(_LAST_OF_ITS_KIND, dtype=np.uint32), np.uint32(sys.maxunicode))
    everything = codes.tobytes().decode("utf-32-le", "surrogatepass")
    patterns = {**class_patterns(), "blank": re.compile(r"\s+"), "symbol": _SYMBOLS, "digit": re.compile(r"\d+")}
    bits = np.zeros(len(everything), np.uint16)
    for name, pattern in patterns.items():
        for match in pattern.finditer(everything):
            bits[match.start() : match.end()] |= 1 << CLASSES.index(name)
    for name, characters in class_characters().items():
        bits[[ord(character) for character in characters]] |= 1 << CLASSES.index(name)
    # Code points between Han that no character has yet are no letters, so they are no Han.
    letters = (bits >> CLASSES.index("letter")) & 1 == 1
    for name in ("han", "foreign"):
        bits[~letters] &= ~np.uint16(1 << CLASSES.index(name))
    combinations = np.flatnonzero(np.bincount(bits, minlength=1 << len(CLASSES)))
    number = np.zeros(1 << len(CLASSES), np.uint8)
    number[combinations] = range(len(combinations))
    classes = np.full(sys.maxunicode + 1, number[bits[-1]], np.uint8)
    classes[:_LAST_OF_ITS_KIND] = number[bits[:-1]]
    holds = (combinations[:, None] >> np.arange(len(CLASSES))) & 1
    return classes, holds.astype(np.int64)


def count_characters(points: Points, offsets: Ints) -> CharacterCounts:
    """Return how many characters of each class every text has."""
    classes, holds = _classes()
    compiled = kernels()
    if compiled:
        found = np.zeros((len(offsets) - 1, len(holds)), np.int64)
        compiled.histogram(classes, points, offsets, len(found), len(holds), found)
    else:
        rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        inside = points[offsets[0] : offsets[-1]]
        found = np.bincount(rows * len(holds) + classes[inside], minlength=(len(offsets) - 1) * len(holds))
        found = found.reshape(-1, len(holds)).astype(np.int64)
    per_class = dict(zip(CLASSES, np.ascontiguousarray((found @ holds).T), strict=True))
    return CharacterCounts(**per_class, characters=np.diff(offsets))


def count_repeated_pieces(points: Points, offsets: Ints) -> tuple[Ints, Ints]:
    """Return, per text, how many of the 8-character pieces of its beginning stood in it before, and of how many.

    The beginning: 20,000 characters. (0, 0) for texts of fewer than 64.
    """
    lengths = np.diff(offsets)
    total = np.where(lengths < REPETITION_FROM, 0, np.minimum(lengths, REPETITION_CHARACTERS) - PIECE + 1)
    compiled = kernels()
    if compiled:
        repeated = np.zeros(len(lengths), np.int64)
        room = np.empty(size_for(SPARSE * REPETITION_CHARACTERS), np.int32)
        compiled.repeated_pieces(points, offsets, len(lengths), PIECE, REPETITION_CHARACTERS, room, repeated)
    else:
        repeated = np.array([_repeated(text) for text in _texts(points, offsets)], np.int64)
    return np.where(total > 0, repeated, 0), total


def _repeated(text: str) -> int:
    head = text[:REPETITION_CHARACTERS]
    total = max(len(head) - PIECE + 1, 0)
    return total - len({head[at : at + PIECE] for at in range(total)})


def _texts(points: Points, offsets: Ints) -> list[str]:
    return [points[start:end].tobytes().decode("utf-32-le", "surrogatepass") for start, end in pairwise(offsets)]


class Lines(NamedTuple):
    """Counts over the lines and paragraphs of every text, each trimmed of blanks at its ends; blank lines are none.

    A paragraph is a run of lines without a blank line between. `repeated_*`: characters of those that stood before.
    `bullets`: lines that begin like a list's. `ended`: lines that end like a sentence.
    """

    lines: Ints
    line_characters: Ints
    repeated_line_characters: Ints
    paragraph_characters: Ints
    repeated_paragraph_characters: Ints
    bullets: Ints
    ended: Ints


@cache
def line_flags() -> Flags:
    """Return the flags that the line counts need of each code point: 1 blank, 2 bullet, 4 ending, 8 closer."""
    classes, holds = _classes()
    flags = holds[:, CLASSES.index("blank")].astype(np.uint8)[classes]
    for bit, characters in ((2, BULLETS), (4, ENDINGS), (8, CLOSERS)):
        flags[[ord(character) for character in characters]] |= bit
    return flags


def count_lines(points: Points, offsets: Ints) -> Lines:
    """Return the counts over the lines of every text."""
    compiled = kernels()
    if compiled:
        counts = np.zeros((len(offsets) - 1, 7), np.int64)
        ends = np.searchsorted(np.flatnonzero(points == ord("\n")), offsets)
        most = int(np.diff(ends).max(initial=0)) + 1
        tables = [np.empty(size_for(most), np.int64) for _ in range(2)]
        spans = [np.empty(2 * most, np.int64) for _ in range(2)]
        compiled.line_counts(line_flags(), points, offsets, len(counts), counts, *tables, *spans)
    else:
        counts = np.array([_count_lines(text) for text in _texts(points, offsets)], np.int64).reshape(-1, 7)
    return Lines(*np.ascontiguousarray(counts.T))


def _count_lines(text: str) -> tuple[int, ...]:
    lines = [line.strip() for line in text.split("\n")]
    filled = [line for line in lines if line]
    ended = [line.rstrip(CLOSERS) for line in filled]
    paragraphs = [part.strip() for part in re.split(r"\n(?:[^\S\n]*\n)+", text) if part.strip()]
    return (
        len(filled),
        sum(map(len, filled)),
        _repeated_characters(filled),
        sum(map(len, paragraphs)),
        _repeated_characters(paragraphs),
        sum(line[0] in BULLETS for line in filled),
        sum(line[-1:] != "" and line[-1] in ENDINGS for line in ended),
    )


def _repeated_characters(parts: list[str]) -> int:
    return sum(map(len, parts)) - sum(map(len, set(parts)))


def share(part: Ints, whole: Ints) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return part / whole, 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(len(whole), np.float64), where=whole > 0)
