"""The drawings of a report, as inline SVG: an interval against its threshold, a bar, and the path to the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from quanheng.kinds.oversight import Floor, Result, Threshold
from quanheng.oversight.report.context import ReportContext
from quanheng.oversight.report.html import Child, Html, el
from quanheng.oversight.report.words import Tongue, number, percent, plain_percent

WIDTH, HEIGHT, LINE = 160, 34, 15
#: Ends of the scale to choose from: the narrowest that holds value, bound and threshold.
LOWER_ENDS = (Decimal("0.9"), Decimal("0.8"), Decimal("0.5"), Decimal(0))
UPPER_ENDS = (Decimal("0.1"), Decimal("0.2"), Decimal("0.5"), Decimal(1))


def interval(result: Result, threshold: Threshold, tongue: Tongue) -> Html | None:
    """Return the point and its one-sided interval against the threshold; None when there is no interval."""
    if result.value is None or result.bound is None:
        return None
    value, bound = Decimal(result.value), Decimal(result.bound.value)
    limit = Decimal(threshold.num) / Decimal(threshold.den)
    scale = _scale(result.bound.side, value, bound, limit)
    upper = result.bound.side == "upper"
    side = tongue("upper" if upper else "lower")
    said = f"{side} {percent(result.bound.value)}"
    title = tongue.listed(
        percent(result.value), said, f"{tongue('threshold')} {plain_percent(threshold.num, threshold.den)}"
    )
    start, end = (scale.start, bound) if upper else (bound, scale.end)
    x_limit = scale.x(limit)
    anchor = "end" if x_limit > WIDTH - 24 else "start" if x_limit < 24 else "middle"
    return el(
        "svg",
        el("title", title),
        el("line", class_="axis", x1=0, y1=LINE, x2=WIDTH, y2=LINE),
        el("line", class_="limit", x1=_px(x_limit), y1=5, x2=_px(x_limit), y2=25),
        el("line", class_="span", x1=_px(scale.x(start)), y1=LINE, x2=_px(scale.x(end)), y2=LINE),
        el("circle", class_="point", cx=_px(min(max(scale.x(value), 4), WIDTH - 4)), cy=LINE, r=4),
        _tick(0, "start", scale.start) if x_limit > 34 else None,
        _tick(WIDTH, "end", scale.end) if x_limit < WIDTH - 34 else None,
        el("text", plain_percent(threshold.num, threshold.den), class_="at", x=_px(x_limit), y=33, text_anchor=anchor),
        class_=f"ci {tone(result)}",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=title,
    )


def tone(result: Result) -> str:
    """Return the class that colours a result: thin margins and recommendations that are missed are amber."""
    if result.verdict == "conforms" and (
        result.has("thin_margin") or result.has("below_recommended") or result.has("office_practice")
    ):
        return "wait"
    return {"conforms": "ok", "fails": "no", "pending": "wait", "not_applicable": "na"}[result.verdict]


def stock_bar(result: Result, floor: Floor, tongue: Tongue) -> Html | None:
    """Return what there is against the total that is recommended; None when the rule names no total."""
    if result.k is None or not floor.total:
        return None
    have, wanted = result.k.value, floor.total
    full = max(have, wanted)
    label = f"{number(have)} / {number(wanted)}"
    return el(
        "svg",
        el("title", label),
        el("line", class_="axis", x1=0, y1=LINE, x2=WIDTH, y2=LINE),
        el("line", class_="limit", x1=_px(WIDTH * wanted / full), y1=5, x2=_px(WIDTH * wanted / full), y2=25),
        el("line", class_="span", x1=0, y1=LINE, x2=_px(max(WIDTH * have / full, 2)), y2=LINE),
        el("text", number(wanted), class_="at", x=_px(WIDTH * wanted / full), y=33, text_anchor="end"),
        class_=f"ci {tone(result)}",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=label,
    )


def share_bar(share: float, *, class_: str = "") -> Html:
    """Return a plain bar for a share between 0 and 1."""
    return el(
        "svg",
        el("rect", class_="track", x=0, y=3, width=100, height=6),
        el("rect", class_="fill", x=0, y=3, width=_px(100 * min(max(share, 0.0), 1.0)), height=6),
        class_=f"bar100 {class_}".strip(),
        viewBox="0 0 100 12",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


@dataclass(frozen=True)
class _Scale:
    start: Decimal
    end: Decimal

    def x(self, value: Decimal) -> float:
        share = (value - self.start) / (self.end - self.start)
        return float(min(max(share, Decimal(0)), Decimal(1)) * WIDTH)


def _scale(side: str, value: Decimal, bound: Decimal, limit: Decimal) -> _Scale:
    if side == "lower":
        least = min(value, bound, limit)
        return _Scale(next((end for end in LOWER_ENDS if end < least), LOWER_ENDS[-1]), Decimal(1))
    most = max(value, bound, limit)
    return _Scale(Decimal(0), next((end for end in UPPER_ENDS if end > most), UPPER_ENDS[-1]))


def _tick(x: int, anchor: str, value: Decimal) -> Html:
    return el("text", f"{(value * 100).normalize():f}%", class_="tick", x=x, y=33, text_anchor=anchor)


def _px(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


COLUMNS, ROWS = (0, 114, 228), (16, 86, 156)
NODE_WIDTH = 84


@dataclass(frozen=True)
class _Node:
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


def lineage(context: ReportContext, tongue: Tongue, overall: str) -> Html:
    """Return the way from sources to the assessment, each step with how much of it there is."""
    drawn = sum(sample.kind.n for sample in context.samples)
    asked = sum(responses.kind.asked for responses in context.responses)
    documents = context.corpus.kind.totals.documents if context.corpus else 0
    terms = context.lexicon.kind.terms if context.lexicon else 0
    questions = sum(bank.kind.items for bank in context.banks)
    nodes = (
        _Node(0, 0, tongue("sources"), number(len(context.sources)), bool(context.sources)),
        _Node(1, 0, tongue("corpus"), number(documents), context.corpus is not None),
        _Node(2, 0, tongue("model"), _clipped(context.model_name), bool(context.model_name)),
        _Node(0, 1, tongue("lexicon"), number(terms), context.lexicon is not None),
        _Node(1, 1, tongue("samples"), number(drawn), bool(drawn)),
        _Node(2, 1, tongue("answers"), number(asked), bool(asked)),
        _Node(1, 2, tongue("assessment"), overall, True, strong=True),
        _Node(2, 2, tongue("banks"), number(questions), bool(questions)),
    )
    there = {(node.column, node.row): node.there for node in nodes}
    lines = (_path(start, end, there[start] and there[end]) for start, end in PATHS)
    return el(
        "svg",
        el("title", tongue("lineage_alt")),
        list(lines),
        [_node(node) for node in nodes],
        class_="lineage",
        viewBox="0 0 320 190",
        role="img",
        aria_label=tongue("lineage_alt"),
    )


def _path(start: tuple[int, int], end: tuple[int, int], solid: bool) -> Html:
    """Return the line between two nodes, from edge to edge."""
    (column, row), (to_column, to_row) = start, end
    middle = NODE_WIDTH / 2
    if row == to_row:
        x1, x2 = float(COLUMNS[column] + NODE_WIDTH), float(COLUMNS[to_column])
        y1 = y2 = ROWS[row] + 8
    else:
        down = to_row > row
        shift = 0 if column == to_column else (22 if to_column > column else -22)
        x1, x2 = COLUMNS[column] + middle + shift, COLUMNS[to_column] + middle - shift
        y1, y2 = (ROWS[row] + 30, ROWS[to_row] - 13) if down else (ROWS[row] - 13, ROWS[to_row] + 30)
    return el("line", class_="path" if solid else "path gap", x1=_px(x1), y1=_px(y1), x2=_px(x2), y2=_px(y2))


def _node(node: _Node) -> Html:
    x, y = COLUMNS[node.column] + NODE_WIDTH // 2, ROWS[node.row]
    kind = "node strong" if node.strong else "node" if node.there else "node gap"
    children: list[Child] = [
        el("text", node.label, class_="label", x=x, y=y + 4, text_anchor="middle"),
        el("text", node.number if node.there else "—", class_="value", x=x, y=y + 22, text_anchor="middle"),
    ]
    return el("g", children, class_=kind)


def _clipped(name: str, length: int = 11) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
