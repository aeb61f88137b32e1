"""The drawings of a report as inline SVG: a scale with its limit, a bar, and the path to the verdict."""

from __future__ import annotations

from quanheng.oversight.report.drawings import PATHS, Drawing, Node
from quanheng.oversight.report.html import Child, Html, el

WIDTH, HEIGHT, LINE = 160, 34, 15
RADIUS = 4  # of the point, which stays inside


def scale(drawing: Drawing) -> Html:
    """Return a scale with its limit, its span and its point."""
    x_limit, (start, end) = _px(drawing.limit * WIDTH), drawing.span
    if drawing.point is None:
        end = max(end, 2 / WIDTH)  # a stock of nearly nothing is still seen
    return el(
        "svg",
        el("title", drawing.alt),
        el("line", class_="axis", x1=0, y1=LINE, x2=WIDTH, y2=LINE),
        el("line", class_="limit", x1=x_limit, y1=5, x2=x_limit, y2=25),
        el("line", class_="span", x1=_px(start * WIDTH), y1=LINE, x2=_px(end * WIDTH), y2=LINE),
        None if drawing.point is None else _point(drawing.point * WIDTH),
        [_tick(x, word) for x, word in zip((0, WIDTH), drawing.ends, strict=True)],
        el("text", drawing.limit_label, class_="at", x=x_limit, y=33, text_anchor=drawing.limit_side),
        class_=f"ci {drawing.tone}",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=drawing.alt,
    )


def _point(x: float) -> Html:
    return el("circle", class_="point", cx=_px(min(max(x, RADIUS), WIDTH - RADIUS)), cy=LINE, r=RADIUS)


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


def _tick(x: int, word: str) -> Html | None:
    return el("text", word, class_="tick", x=x, y=33, text_anchor="end" if x else "start") if word else None


def _px(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


COLUMNS, ROWS = (0, 114, 228), (16, 86, 156)
NODE_WIDTH = 84


def lineage(nodes: tuple[Node, ...], alt: str) -> Html:
    """Return the way from sources to the assessment, each step with how much of it there is."""
    there = {(node.column, node.row): node.there for node in nodes}
    lines = (_path(start, end, there[start] and there[end]) for start, end in PATHS)
    return el(
        "svg",
        el("title", alt),
        list(lines),
        [_node(node) for node in nodes],
        class_="lineage",
        viewBox="0 0 320 190",
        role="img",
        aria_label=alt,
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


def _node(node: Node) -> Html:
    x, y = COLUMNS[node.column] + NODE_WIDTH // 2, ROWS[node.row]
    kind = "node strong" if node.strong else "node" if node.there else "node gap"
    children: list[Child] = [
        el("text", node.label, class_="label", x=x, y=y + 4, text_anchor="middle"),
        el("text", node.number if node.there else "—", class_="value", x=x, y=y + 22, text_anchor="middle"),
    ]
    return el("g", children, class_=kind)
