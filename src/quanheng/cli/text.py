"""Text on a terminal: how wide it is and where a line may end, for Chinese and English alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

#: May not begin a line / may not end one (the common part of GB/T 15834-2011, 5.1).
_CLOSING = "，。、；：？！）》〉」』】”’…—·,.;:?!)]}"
_OPENING = "（《〈「『【“‘([{"
_UNIT = re.compile(r"\s+|[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]|[^\s\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]+")
#: Control characters that would move the cursor or colour the terminal; tabs and newlines are handled before.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def width(text: str) -> int:
    """Return how many columns `text` takes: 2 for wide characters, 0 for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def clean(text: str) -> str:
    """Return `text` without control characters, which foreign data could use to rewrite the screen."""
    return _CONTROL.sub("\ufffd", text)


def pad(text: str, columns: int) -> str:
    """Return `text` filled up with spaces to `columns` columns."""
    return text + " " * (columns - width(text))


def clip(text: str, columns: int) -> str:
    """Return `text`, cut to `columns` columns with an ellipsis when it is longer."""
    if width(text) <= columns:
        return text
    kept, used = "", 0
    for char in text:
        if used + width(char) > columns - 1:
            break
        kept, used = kept + char, used + width(char)
    return kept.rstrip() + "…"


def _units(text: str) -> Iterator[str]:
    """Yield the pieces between which a line may end; punctuation stays with its neighbour."""
    held = ""
    for unit in _UNIT.findall(text):
        if held and unit[0] in _CLOSING:
            held += unit
        elif held and held[-1] in _OPENING:
            held += unit
        else:
            if held:
                yield held
            held = unit
    if held:
        yield held


def _pieces(unit: str, columns: int) -> Iterator[str]:
    """Yield a unit that is too wide for any line, in parts that fit."""
    part = ""
    for char in unit:
        if part and width(part) + width(char) > columns:
            yield part
            part = ""
        part += char
    yield part


def wrap(text: str, columns: int) -> list[str]:
    """Return `text` in lines of at most `columns` columns (at least 4 are used); newlines are kept.

    >>> wrap("清洗、去重并脱敏", 8)
    ['清洗、去', '重并脱敏']
    """
    columns = max(columns, 4)
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for piece in (piece for unit in _units(paragraph) for piece in _pieces(unit, columns)):
            if line and width(line) + width(piece.rstrip()) > columns:
                lines.append(line.rstrip())
                line = piece.lstrip()
            else:
                line += piece
        lines.append(line.rstrip())
    return lines


def pairs(rows: Iterable[tuple[str, str]], columns: int, *, indent: int = 2, most: int = 30) -> list[str]:
    """Return two-column lines: left as wide as its widest (at most `most`), right wrapped beside it."""
    rows = list(rows)
    left = min(max((width(a) for a, _ in rows), default=0), most)
    lines = []
    for a, b in rows:
        right = wrap(b, columns - indent - left - 2)
        fits = width(a) <= left
        if not fits:
            lines.append(" " * indent + a)
        lines.append((" " * indent + pad(a if fits else "", left) + "  " + right[0]).rstrip())
        lines.extend(" " * (indent + left + 2) + line for line in right[1:])
    return lines


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return aligned lines, columns two spaces apart, each as wide as its widest cell."""
    widths = [max(width(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return ["  ".join(pad(c, w) for c, w in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)]
