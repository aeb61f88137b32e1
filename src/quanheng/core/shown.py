"""Numbers and words as pages show them: each says in its markup where it was read, so that it can be read again.

A *place* is where in an artifact something stands, written so that anybody can look it up or count it once more:

    /totals/documents                    the integer at this JSON pointer of the config; of a list or object its length
    verdicts.jsonl?verdict=fail&group=A  so many rows of this layer have fields that equal these; values are URL-encoded
    data/*?characters=10..19             the same over several layers, and for a range
    items.jsonl?id=7#text                the field `text` of that row, as a text
    card.zh.md                           all of a layer, as a text
    /a - /b                              places joined by " + ", " - " or " * ", from left to right
    sha256:… /n                          in that artifact instead of the one the page is about

The artifact a page is about stands in the attribute `data-from` of an element around the numbers. A test renders the
pages of a small workspace and looks every place up by other means (tests/faces/web/test_numbers.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import Literal
from urllib.parse import quote as percent_encoded

from quanheng.core.pages import Tone
from quanheng.core.preview import printable
from quanheng.stats import bound_lower, bound_upper, decimal_text, float_text

#: Characters shown of a text in a list; the whole stands one click deeper.
PASSAGE = 400
#: Characters kept before the first highlight of a text that is shown from there.
LEAD = 60
Side = Literal["lower", "upper"]
#: [start, end) of a text, and the class of its highlight ("" for the plain one).
Span = tuple[int, int, str]


class Shown(str):
    """Text that knows its own markup: templates write the markup, everything else sees the text."""

    markup: str

    def __new__(cls, text: str, markup: str) -> Shown:
        """Return `text` with its markup, in which everything that came from elsewhere is escaped already."""
        made = super().__new__(cls, text)
        made.markup = markup
        return made

    def __html__(self) -> str:
        """Return the markup; Django and `html` builders ask for it."""
        return self.markup


@dataclass(frozen=True)
class Word:
    """A word with a mark before it; its tone is a class of the mark."""

    text: str
    tone: Tone


def where(layer: str, **fields: str | int) -> str:
    """Return the place of the rows of a layer whose fields equal these.

    >>> where("verdicts.jsonl", verdict="fail", group="A.1.a")
    'verdicts.jsonl?verdict=fail&group=A.1.a'
    """
    return layer + "?" + "&".join(f"{name}={percent_encoded(str(value), safe='.:')}" for name, value in fields.items())


def total(places: Iterable[str]) -> str:
    """Return the place that is the sum of these."""
    return " + ".join(places)


def count(value: int, place: str, artifact: str = "", *, tag: str = "data") -> Shown:
    """Return an integer with thousands separators. artifact: where `place` is, if elsewhere than the page's."""
    text = f"{value:,}"
    said = f' value="{value}"' if tag == "data" else ""
    return Shown(text, f'<{tag}{said} data-at="{_at(place, artifact)}">{text}</{tag}>')


def sentence(text: str, value: int, place: str, artifact: str = "", *, how: str = "") -> Shown:
    """Return a sentence about an integer. how: the name of what else stands in it, for whoever computes it again."""
    named = f' data-how="{escape(how)}"' if how else ""
    markup = f'<data value="{value}" data-at="{_at(place, artifact)}"{named}>{escape(text, quote=False)}</data>'
    return Shown(text, markup)


def entry(index: int, artifact: str) -> Shown:
    """Return the number of the log entry about an artifact."""
    return Shown(f"{index:,}", f'<data value="{index}" data-entry="{escape(artifact)}">{index:,}</data>')


def share(k: int, n: int, k_place: str, n_place: str, *, places: int = 2, tag: str = "data") -> Shown:
    """Return k of n as a percentage, an em dash where n is 0. Places: each with its artifact, where it is another."""
    if n < 1:
        return Shown("—", "—")
    return _share(_percent(decimal_text(k, n), places), k, n, k_place, n_place, tag)


def limit(num: int, den: int, num_place: str, den_place: str, *, tag: str = "data") -> Shown:
    """Return a threshold num/den as a percentage without needless zeros."""
    percent = (Decimal(num) * 100 / Decimal(den)).normalize()
    return _share(f"{percent:f}%", num, den, num_place, den_place, tag)


def _share(text: str, k: int, n: int, k_place: str, n_place: str, tag: str) -> Shown:
    said = f' value="{k}/{n}"' if tag == "data" else ""
    return Shown(text, f'<{tag}{said} data-k="{escape(k_place)}" data-n="{escape(n_place)}">{text}</{tag}>')


def bound(side: Side, k: int, n: int, k_place: str, n_place: str, *, value: str = "") -> Shown:
    """Return the exact one-sided 95 % bound of k of n as a percentage, an em dash where n is 0.

    value: the bound as an artifact has it, a decimal text; computed when left out.
    """
    if n < 1:
        return Shown("—", "—")
    text = _percent(value or float_text(bound_lower(k, n) if side == "lower" else bound_upper(k, n)), 2)
    at = f'data-k="{escape(k_place)}" data-n="{escape(n_place)}"'
    return Shown(text, f'<data value="{k}/{n}" data-bound="{side}" {at}>{text}</data>')


def interval(k: int, n: int, k_place: str, n_place: str) -> Shown:
    """Return both one-sided 95 % bounds of k of n, "12.34%–56.78%"; an em dash where n is 0."""
    if n < 1:
        return Shown("—", "—")
    low, high = bound("lower", k, n, k_place, n_place), bound("upper", k, n, k_place, n_place)
    return Shown(f"{low}–{high}", f"{low.markup}–{high.markup}")


def _percent(value: str, places: int) -> str:
    return f"{Decimal(value) * 100:.{places}f}%"


def quote(text: str, place: str, artifact: str = "", *, tag: str = "span") -> Shown:
    """Return a text that stands in an artifact, with its place."""
    seen = printable(text)
    return Shown(seen, f'<{tag} data-text="{_at(place, artifact)}">{escape(seen, quote=False)}</{tag}>')


def passage(
    text: str, place: str, artifact: str = "", *, spans: Iterable[tuple[int, ...] | Span] = (), width: int = PASSAGE
) -> Shown:
    """Return at most `width` characters of a text with highlights, from near the first one; width 0 shows it all.

    spans: (start, end) or (start, end, class), as offsets in `text`; they may overlap and stand in any order.
    """
    marks = [(max(0, int(span[0])), int(span[1]), str(span[2]) if len(span) > 2 else "") for span in spans]
    marks = sorted(mark for mark in marks if mark[0] < mark[1])
    start, end = _window(len(text), marks[0][0] if marks else 0, width)
    pieces: list[str] = []
    at = start
    for first, last, name in marks:
        begin, stop = max(first, at), min(last, end)
        if begin < stop:
            named = f' class="{escape(name)}"' if name else ""
            pieces.append(escape(printable(text[at:begin]), quote=False))
            pieces.append(f"<mark{named}>{escape(printable(text[begin:stop]), quote=False)}</mark>")
            at = stop
    pieces.append(escape(printable(text[at:end]), quote=False))
    before, after = ("…" if start else ""), ("…" if end < len(text) else "")
    markup = f'<span data-text="{_at(place, artifact)}">{before}{"".join(pieces)}{after}</span>'
    return Shown(before + printable(text[start:end]) + after, markup)


def _window(length: int, first: int, width: int) -> tuple[int, int]:
    """Return which part of a text is shown, so that its first highlight is in it."""
    if not width or length <= width:
        return 0, length
    lead = min(LEAD, width // 4)
    start = min(max(0, first - lead), length - width) if first > width - lead else 0
    return start, start + width


def _at(place: str, artifact: str) -> str:
    return escape(f"{artifact} {place}".strip())
