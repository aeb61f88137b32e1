"""What a report says, as plain data: pieces of text in cells, tables and sections. Nothing here knows how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from quanheng.oversight.report.drawings import Drawing, Tone

#: text · note (a smaller line below) · small (smaller, in the line) · mark (a word with a mark before it)
#: · digest (in short, `whole` has all of it) · hex (all of one) · code (a command)
#: · rule (the id of a rule, which stands in the table of rules)
Role = Literal["text", "note", "small", "mark", "digest", "hex", "code", "rule"]


@dataclass(frozen=True)
class Piece:
    """A few words with what they are. `tone` belongs to a mark."""

    text: str
    role: Role = "text"
    tone: Tone | None = None
    whole: str = ""


#: Pieces side by side; lines below each other; or a bar for a share between 0 and 1.
Line: TypeAlias = tuple[Piece, ...]
Lines: TypeAlias = tuple[Line, ...]
Cell: TypeAlias = "Lines | float"


def cell(*pieces: Piece | str) -> Lines:
    """Return the pieces as lines below each other, without those that say nothing."""
    found = (Piece(piece) if isinstance(piece, str) else piece for piece in pieces)
    return tuple((piece,) for piece in found if piece.text)


def line(*pieces: Piece | str) -> Lines:
    """Return the pieces side by side, as one line."""
    return (tuple(piece for (piece,) in cell(*pieces)),)


def note(text: str) -> Piece:
    """Return a smaller line."""
    return Piece(text, "note")


def mark(text: str, tone: Tone) -> Piece:
    """Return a word with a mark: colour alone says nothing."""
    return Piece(text, "mark", tone)


class Fact(NamedTuple):
    """A name and its value."""

    name: str
    value: Lines


@dataclass(frozen=True)
class Facts:
    """Names and values below each other."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Table:
    """Heads and rows. `numeric`: columns set to the right; `widths`: their shares of the width; `name` for styles."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    widths: tuple[int, ...]
    numeric: tuple[int, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Paragraph:
    """A small remark."""

    pieces: Line


Block: TypeAlias = Facts | Table | Paragraph


@dataclass(frozen=True)
class Section:
    """A titled part of the report."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class RuleRow:
    """One rule measured. `of`: k / n; `drawing` or `bar` shows it, `below` is the line under it."""

    id: str
    title: str
    clause: str
    measured: str
    of: str
    drawing: Drawing | None
    bar: float | None
    below: str
    verdict: Piece
    tone: Tone
    tags: tuple[str, ...]
    reasons: tuple[str, ...]


class Family(NamedTuple):
    """The rules of one family, under its title."""

    title: str
    rows: tuple[RuleRow, ...]
