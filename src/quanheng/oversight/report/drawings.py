"""Where the lines of a report's drawings go, as plain data: shares of the width, so that every format draws alike."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from quanheng.kinds.oversight import Floor, Result, Threshold
from quanheng.oversight.report.context import ReportContext
from quanheng.oversight.report.words import Tongue, number, percent, plain_percent

#: conforms · fails · pending, or conforms with a reservation · not applicable
Tone = Literal["ok", "no", "wait", "na"]
TONES: dict[str, Tone] = {"conforms": "ok", "fails": "no", "pending": "wait", "not_applicable": "na"}
#: Ends of the scale to choose from: the narrowest that holds value, bound and threshold.
LOWER_ENDS = (Decimal("0.9"), Decimal("0.8"), Decimal("0.5"), Decimal(0))
UPPER_ENDS = (Decimal("0.1"), Decimal("0.2"), Decimal("0.5"), Decimal(1))
#: A label in the middle of the axis takes this share of it, one at its end that share.
LABEL, END_LABEL = 24 / 160, 34 / 160


@dataclass(frozen=True)
class Drawing:
    """A scale with a limit, a span and perhaps a point on it, all as shares of the width.

    `ends`: the words at both ends of the scale, "" where they would touch the one at the limit.
    """

    tone: Tone
    alt: str
    limit: float
    limit_label: str
    limit_side: Literal["start", "middle", "end"]
    span: tuple[float, float]
    point: float | None = None
    ends: tuple[str, str] = ("", "")


def tone(result: Result) -> Tone:
    """Return the tone of a result: thin margins and recommendations that are missed are "wait"."""
    if result.verdict == "conforms" and (
        result.has("thin_margin") or result.has("below_recommended") or result.has("office_practice")
    ):
        return "wait"
    return TONES[result.verdict]


def interval(result: Result, threshold: Threshold, tongue: Tongue) -> Drawing | None:
    """Return the point and its one-sided interval against the threshold; None when there is no interval."""
    if result.value is None or result.bound is None:
        return None
    value, bound = Decimal(result.value), Decimal(result.bound.value)
    limit = Decimal(threshold.num) / Decimal(threshold.den)
    upper = result.bound.side == "upper"
    scale = _scale(upper, value, bound, limit)
    label = plain_percent(threshold.num, threshold.den)
    said = f"{tongue('upper' if upper else 'lower')} {percent(result.bound.value)}"
    start, end = (scale.start, bound) if upper else (bound, scale.end)
    x = scale.x(limit)
    return Drawing(
        tone=tone(result),
        alt=tongue.listed(percent(result.value), said, f"{tongue('threshold')} {label}"),
        limit=x,
        limit_label=label,
        limit_side="end" if x > 1 - LABEL else "start" if x < LABEL else "middle",
        span=(scale.x(start), scale.x(end)),
        point=scale.x(value),
        ends=(
            _end(scale.start) if x > END_LABEL else "",
            _end(scale.end) if x < 1 - END_LABEL else "",
        ),
    )


def stock(result: Result, floor: Floor, tongue: Tongue) -> Drawing | None:
    """Return what there is against the total that is recommended; None when the rule names no total."""
    if result.k is None or not floor.total:
        return None
    have, wanted = result.k.value, floor.total
    full = max(have, wanted)
    return Drawing(
        tone=tone(result),
        alt=f"{number(have)} / {number(wanted)}",
        limit=wanted / full,
        limit_label=number(wanted),
        limit_side="end",
        span=(0.0, have / full),
    )


class _Scale(NamedTuple):
    start: Decimal
    end: Decimal

    def x(self, value: Decimal) -> float:
        share = (value - self.start) / (self.end - self.start)
        return float(min(max(share, Decimal(0)), Decimal(1)))


def _scale(upper: bool, value: Decimal, bound: Decimal, limit: Decimal) -> _Scale:
    if not upper:
        least = min(value, bound, limit)
        return _Scale(next((end for end in LOWER_ENDS if end < least), LOWER_ENDS[-1]), Decimal(1))
    most = max(value, bound, limit)
    return _Scale(Decimal(0), next((end for end in UPPER_ENDS if end > most), UPPER_ENDS[-1]))


def _end(value: Decimal) -> str:
    return f"{(value * 100).normalize():f}%"


class Node(NamedTuple):
    """A labelled number at a place of the grid; `there` is false when the evidence is missing."""

    column: int
    row: int
    label: str
    number: str
    there: bool
    strong: bool = False


#: Which node feeds which, by (column, row).
PATHS = (
    ((0, 0), (1, 0)),
    ((1, 0), (1, 1)),
    ((2, 0), (2, 1)),
    ((2, 2), (2, 1)),
    ((1, 1), (1, 2)),
    ((2, 1), (1, 2)),
    ((0, 1), (1, 2)),
)
#: The nodes one after another, for a format that draws no way: what feeds comes before what is fed.
READING_ORDER = ((0, 0), (1, 0), (1, 1), (0, 1), (2, 0), (2, 2), (2, 1), (1, 2))


def nodes(context: ReportContext, tongue: Tongue, overall: str) -> tuple[Node, ...]:
    """Return the steps from sources to the assessment, each with how much of it there is."""
    drawn = sum(sample.kind.n for sample in context.samples)
    asked = sum(responses.kind.asked for responses in context.responses)
    documents = context.corpus.kind.totals.documents if context.corpus else 0
    terms = context.lexicon.kind.terms if context.lexicon else 0
    questions = sum(bank.kind.items for bank in context.banks)
    return (
        Node(0, 0, tongue("sources"), number(len(context.sources)), bool(context.sources)),
        Node(1, 0, tongue("corpus"), number(documents), context.corpus is not None),
        Node(2, 0, tongue("model"), _clipped(context.model_name), bool(context.model_name)),
        Node(0, 1, tongue("lexicon"), number(terms), context.lexicon is not None),
        Node(1, 1, tongue("samples"), number(drawn), bool(drawn)),
        Node(2, 1, tongue("answers"), number(asked), bool(asked)),
        Node(1, 2, tongue("assessment"), overall, True, strong=True),
        Node(2, 2, tongue("banks"), number(questions), bool(questions)),
    )


def _clipped(name: str, length: int = 11) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
