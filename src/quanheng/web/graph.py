"""A small directed graph as SVG, made on the server: boxes in layers, links as curves, no script.

Layers follow the longest way from the sources; a link over several layers bends around what lies between. Links that
a longer way already tells are left out of the drawing (`draw(..., reduce=True)`), never out of the table beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

Direction = Literal["right", "down"]
#: Rounds of moving each box towards its neighbours; more change next to nothing in graphs this small.
ROUNDS = 6
#: Widths in pixels at 12 px: of a full-width character, of any other.
WIDE, NARROW = 12.0, 6.9
#: Room between text and the border of its box.
PAD = 8
#: From one line of a box with items to the next.
LINE = 16


class Item(NamedTuple):
    """One of several things in a box: its name, where it leads ("" for nowhere), and the whole text of it."""

    label: str
    href: str = ""
    title: str = ""


@dataclass(frozen=True)
class Node:
    """One box: two lines of text, where it leads ("" for nowhere), and a tone ("here", "ok", "no", "wait", "na").

    items: things below the first line, a line each; the box itself then leads nowhere. Only in a graph drawn down.
    """

    id: str
    label: str
    note: str = ""
    href: str = ""
    tone: str = ""
    title: str = ""  # the whole text, for a pointer that rests on it
    items: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Shape:
    """How a graph is laid out: its direction, the size of a box, and the gaps along and across the direction."""

    direction: Direction = "right"
    width: int = 132
    height: int = 42
    along: int = 36
    across: int = 12


WIDE_SHAPE = Shape()
SMALL_SHAPE = Shape("down", 98, 28, 20, 10)
Place = tuple[float, float]
Pair = tuple[str, str]


def draw(
    nodes: Sequence[Node], links: Iterable[Pair], label: str, *, shape: Shape = WIDE_SHAPE, reduce: bool = True
) -> SafeString:
    """Return the graph as an SVG element named `label`, empty without nodes.

    Links: (from, to) by id; unknown ids, loops and what closes a circle are left out.
    """
    if not nodes:
        return SafeString("")
    ids = [node.id for node in nodes]
    pairs = acyclic(ids, links)
    if reduce:
        pairs = reduced(ids, pairs)
    heights = {node.id: shape.height + LINE * len(node.items) for node in nodes}
    places, bends, size = _places(ids, pairs, shape, heights)
    lines = format_html_join("", '<path d="{}"/>', ((_line(bends[pair], shape),) for pair in pairs))
    heads = format_html_join("", '<path class="head" d="{}"/>', ((_head(bends[pair][-1], shape),) for pair in pairs))
    boxes = format_html_join("", "{}", ((_box(node, places[node.id], shape, heights[node.id]),) for node in nodes))
    return format_html(
        '<svg class="graph" role="group" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">{}{}{}</svg>',
        label, *size, *size, lines, heads, boxes,
    )  # fmt: skip


def acyclic(ids: Sequence[str], links: Iterable[Pair]) -> list[Pair]:
    """Return the links between these ids, each once, without loops and without those that close a circle."""
    known = set(ids)
    after: dict[str, list[str]] = defaultdict(list)
    for source, target in dict.fromkeys(links):
        if source in known and target in known and source != target:
            after[source].append(target)
    kept: list[Pair] = []
    done: set[str] = set()
    for root in ids:
        if root in done:
            continue
        path, stack = {root}, [(root, iter(after[root]))]
        while stack:
            at, rest = stack[-1]
            found = next(rest, None)
            if found is None:
                stack.pop()
                path.discard(at)
                done.add(at)
            elif found not in path:
                kept.append((at, found))
                if found not in done:
                    path.add(found)
                    stack.append((found, iter(after[found])))
    return kept


def reduced(ids: Sequence[str], pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs that no longer way tells already (the transitive reduction of a graph without circles)."""
    after: dict[str, set[str]] = defaultdict(set)
    for source, target in pairs:
        after[source].add(target)
    reach: dict[str, set[str]] = {}
    for node in reversed(_sorted(ids, pairs)):
        reach[node] = set().union(*(reach[target] | {target} for target in after[node]), set())
    return [(s, t) for s, t in pairs if not any(t in reach[other] for other in after[s] if other != t)]


def layers(ids: Sequence[str], pairs: Sequence[Pair]) -> dict[str, int]:
    """Return the layer of each id, from 0: after all it comes from, and sources next to what they lead to."""
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for source, target in pairs:
        before[target].append(source)
        after[source].append(target)
    order = _sorted(ids, pairs)
    layer: dict[str, int] = {}
    for node in order:
        layer[node] = max((layer[source] + 1 for source in before[node]), default=0)
    for node in reversed(order):
        if after[node] and not before[node]:
            layer[node] = min(layer[target] for target in after[node]) - 1
    return layer


def _sorted(ids: Sequence[str], pairs: Sequence[Pair]) -> list[str]:
    """Return the ids so that every pair leads forward."""
    after: dict[str, list[str]] = defaultdict(list)
    missing = dict.fromkeys(ids, 0)
    for source, target in pairs:
        after[source].append(target)
        missing[target] += 1
    ready = [node for node in ids if not missing[node]]
    order: list[str] = []
    while ready:
        node = ready.pop(0)
        order.append(node)
        for target in after[node]:
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    return order


def _places(
    ids: Sequence[str], pairs: Sequence[Pair], shape: Shape, heights: Mapping[str, int]
) -> tuple[dict[str, Place], dict[Pair, list[Place]], tuple[int, int]]:
    """Return the corner of each box, the points of each link, and width and height of it all."""
    layer = layers(ids, pairs)
    rows: list[list[str]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for node in ids:
        rows[layer[node]].append(node)
    chains: dict[Pair, list[str]] = {}
    for source, target in pairs:
        between = [f"\0{source}\0{target}\0{level}" for level in range(layer[source] + 1, layer[target])]
        for level, bend in enumerate(between, layer[source] + 1):
            rows[level].append(bend)
        chains[source, target] = [source, *between, target]
    _untangle(rows, chains.values())
    centre, breadth = _centres(rows, set(ids), shape)
    down = shape.direction == "down"
    half = (shape.width if down else shape.height) / 2
    places: dict[str, Place] = {}
    tall: dict[str, int] = {}  # a link goes straight through the whole of a layer
    start = 0
    for row in rows:
        thick = max((heights[name] for name in row if name in heights), default=shape.height) if down else shape.width
        for name in row:
            places[name] = (centre[name] - half, start) if down else (start, centre[name] - half)
            tall[name] = heights.get(name, thick if down else shape.height)
        start += thick + shape.along
    depth = start - shape.along
    bends = {pair: _points(chain, places, shape, tall) for pair, chain in chains.items()}
    size = (round(breadth), depth) if down else (depth, round(breadth))
    return {node: places[node] for node in ids}, bends, size


def _untangle(rows: list[list[str]], chains: Iterable[Sequence[str]]) -> None:
    """Order each row by the mean place of what its members are linked to, forth and back."""
    near: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for chain in chains:
        for a, b in pairwise(chain):
            near[a].append((b, 1))
            near[b].append((a, -1))
    for turn in range(ROUNDS):
        forward = turn % 2 == 0
        side = -1 if forward else 1
        at = {name: place for row in rows for place, name in enumerate(row)}
        for row in rows if forward else rows[::-1]:
            means = {}
            for name in row:
                found = [at[other] for other, where in near[name] if where == side]
                means[name] = sum(found) / len(found) if found else at[name]
            row.sort(key=lambda name, means=means: means[name])  # type: ignore[misc]
            at.update({name: place for place, name in enumerate(row)})


def _centres(rows: Sequence[Sequence[str]], boxes: set[str], shape: Shape) -> tuple[dict[str, float], float]:
    """Return the middle of each member across the direction, rows centred, and the breadth of the widest row."""
    box = shape.width if shape.direction == "down" else shape.height
    breadths = [[box if name in boxes else box / 3 for name in row] for row in rows]
    most = max((sum(row) + shape.across * (len(row) - 1) for row in breadths), default=0)
    centre: dict[str, float] = {}
    for row, sizes in zip(rows, breadths, strict=True):
        at = (most - sum(sizes) - shape.across * (len(row) - 1)) / 2
        for name, breadth in zip(row, sizes, strict=True):
            centre[name] = at + breadth / 2
            at += breadth + shape.across
    return centre, most


def _points(chain: Sequence[str], places: Mapping[str, Place], shape: Shape, tall: Mapping[str, int]) -> list[Place]:
    """Return the points that a link goes through, from the border of one box to that of the other."""
    width = shape.width
    found: list[Place] = []
    for number, name in enumerate(chain):
        x, y = places[name]
        height = tall[name]
        if shape.direction == "down":
            ends = [(x + width / 2, y), (x + width / 2, y + height)]
        else:
            ends = [(x, y + height / 2), (x + width, y + height / 2)]
        found += ends[1:] if number == 0 else ends[:1] if number == len(chain) - 1 else ends
    return found


def _line(points: Sequence[Place], shape: Shape) -> str:
    """Return a path through the points: straight through a layer, curved between two."""
    written = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        if shape.direction == "down":
            middle = (y + to_y) / 2
            written.append(f"C{x:g} {middle:g} {to_x:g} {middle:g} {to_x:g} {to_y:g}")
        else:
            middle = (x + to_x) / 2
            written.append(f"C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}")
    return "".join(written)


def _head(point: Place, shape: Shape) -> str:
    """Return the point of an arrow that ends here."""
    x, y = point
    if shape.direction == "down":
        return f"M{x - 3.5:g} {y - 6:g}L{x + 3.5:g} {y - 6:g}L{x:g} {y:g}Z"
    return f"M{x - 6:g} {y - 3.5:g}L{x - 6:g} {y + 3.5:g}L{x:g} {y:g}Z"


def _box(node: Node, place: Place, shape: Shape, height: int) -> SafeString:
    x, y = place
    middle = x + shape.width / 2
    room = shape.width - 2 * PAD
    rect = format_html(
        '<rect class="box{}" x="{}" y="{}" width="{}" height="{}"/>',
        f" {node.tone}" if node.tone else "", f"{x:g}", f"{y:g}", shape.width, height,
    )  # fmt: skip
    if node.items:
        return _items(node, rect, middle, y, room)
    first = y + shape.height / 2 + (-3 if node.note else 4)
    inner = format_html(
        '{}<text x="{}" y="{}" text-anchor="middle">{}</text>', rect, f"{middle:g}", f"{first:g}", cut(node.label, room)
    )
    if node.note:
        inner += format_html(
            '<text class="soft" x="{}" y="{}" text-anchor="middle">{}</text>',
            f"{middle:g}", f"{first + 15:g}", cut(node.note, room),
        )  # fmt: skip
    title = format_html("<title>{}</title>", node.title) if node.title else ""
    if not node.href:
        return format_html("<g>{}{}</g>", title, inner)
    return format_html('<a href="{}">{}{}</a>', node.href, title, inner)


def _items(node: Node, rect: SafeString, middle: float, y: float, room: float) -> SafeString:
    """Return a box with a line for each of its items, which lead to their own places."""
    lines = []
    for number, item in enumerate(node.items):
        line = format_html(
            '{}<text class="soft" x="{}" y="{}" text-anchor="middle">{}</text>',
            format_html("<title>{}</title>", item.title) if item.title else "",
            f"{middle:g}", f"{y + 35 + LINE * number:g}", cut(item.label, room),
        )  # fmt: skip
        lines.append((format_html('<a href="{}">{}</a>', item.href, line) if item.href else line,))
    return format_html(
        '<g>{}<text x="{}" y="{}" text-anchor="middle">{}</text>{}</g>',
        rect, f"{middle:g}", f"{y + 18:g}", cut(node.label, room), format_html_join("", "{}", lines),
    )  # fmt: skip


def cut(text: str, room: float) -> str:
    """Return the text as far as it fits into `room` pixels at 12 px, with "…" where something is left out.

    >>> cut("训练数据", 100), cut("peoples-daily-199801", 100)
    ('训练数据', 'peoples-daily…')
    """
    widths = [WIDE if character >= "\u2e80" else NARROW for character in text]
    if sum(widths) <= room:
        return text
    used, kept = NARROW, 0
    while used + widths[kept] <= room:
        used += widths[kept]
        kept += 1
    return text[:kept] + "…"
