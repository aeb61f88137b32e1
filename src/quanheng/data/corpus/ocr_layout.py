"""Lines found on a page put in the order in which a person reads them: columns, vertical text, rows of a table.

boxes ─▶ straightened ─▶ vertical? turned ─▶ gutter? ┬─ no: rows from the top, cells of a row from the left
                                                     └─ yes: what crosses it cuts the page into bands;
                                                        in a band the left column, then the right (recursively)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A box so many times as high as wide is a line of vertical text.
_VERTICAL = 1.5
#: A gutter has at least this share of the lines on each side, and crosses at most that share of all.
_LEAST_SIDE = 0.15
_MOST_CROSSING = 0.3
#: A gutter is at least this wide, in heights of a line.
_GUTTER = 0.6
#: Lines of prose fill their column: half of them at least this share of it. Cells of a table do not.
_FILLED = 0.7
#: A box so many times as wide as the usual one is no line of a column.
_WIDE = 1.8
#: Boxes belong to one row when their middles are closer than this, in heights of a line.
_ROW = 0.5
_MOST_DEPTH = 8


class Line(NamedTuple):
    """A line of text: the corners of its box (4 × [x, y], from the upper left, clockwise), text, confidence 0 to 1."""

    box: NDArray[np.float64]
    text: str
    confidence: float


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float
    text: str

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def text_of(lines: Sequence[Line]) -> str:
    """Return the text of a page, a line for each row; cells of one row have a blank between.

    The order does not depend on the order in which the lines are given.
    """
    if not lines:
        return ""
    boxes = sorted(_boxes(lines))
    return "\n".join(" ".join(box.text for box in row) for row in _ordered(boxes, 0))


def _boxes(lines: Sequence[Line]) -> list[_Box]:
    """Return upright boxes: the page straightened, and turned when most of it is vertical text."""
    corners = np.stack([line.box for line in lines])
    size = corners.max(1) - corners.min(1)
    weight = np.array([len(line.text) for line in lines])
    tall = (size[:, 1] > _VERTICAL * size[:, 0]) & (weight > 1)
    vertical = 2 * int(weight[tall].sum()) > int(weight.sum())
    if vertical:
        # Columns from the right become rows from the top: (x, y) → (y, -x), and corners begin at the upper left again.
        corners = np.stack([corners[:, :, 1], -corners[:, :, 0]], axis=2)[:, [1, 2, 3, 0]]
    corners = _straight(corners)
    low, high = corners.min(1), corners.max(1)
    return [
        _Box(left, top, right, bottom, line.text)
        for (left, top), (right, bottom), line in zip(low.tolist(), high.tolist(), lines, strict=True)
    ]


def _straight(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the boxes turned by the slope that long lines have, so that a skewed page is level."""
    along = corners[:, 1] - corners[:, 0]
    length = np.hypot(along[:, 0], along[:, 1])
    long = length >= np.median(length)
    slope = float(np.median(np.arctan2(along[long, 1], along[long, 0])))
    # More than 15 degrees is no skew of a page but a box that was found crooked.
    if abs(slope) > np.pi / 12:
        return corners
    cos, sin = np.cos(-slope), np.sin(-slope)
    turned: NDArray[np.float64] = corners @ np.array([[cos, sin], [-sin, cos]])
    return turned


def _ordered(boxes: Sequence[_Box], depth: int) -> Iterator[list[_Box]]:
    """Yield the rows of a region."""
    height = float(np.median([box.bottom - box.top for box in boxes]))
    gutter = _gutter(boxes, height) if depth < _MOST_DEPTH and len(boxes) > 3 else None
    if gutter is None:
        yield from _rows(boxes, height)
        return
    crossing = sorted((box for box in boxes if box.left < gutter < box.right), key=lambda box: box.middle)
    rest = [box for box in boxes if not box.left < gutter < box.right]
    for number in range(len(crossing) + 1):
        top = crossing[number - 1].middle if number else -np.inf
        end = crossing[number].middle if number < len(crossing) else np.inf
        band = [box for box in rest if top <= box.middle < end]
        for side in ([box for box in band if box.right <= gutter], [box for box in band if box.left >= gutter]):
            if side:
                yield from _ordered(side, depth + 1)
        if number < len(crossing):
            yield [crossing[number]]


def _gutter(boxes: Sequence[_Box], height: float) -> float | None:
    """Return the middle of the blank between two columns of prose, None when there is none."""
    left, right = (np.array([getattr(box, side) for box in boxes]) for side in ("left", "right"))
    found = []
    # A gutter begins where some line ends.
    for start in sorted(set(right.tolist())):
        crossing = int(((left < start) & (right > start)).sum())
        after = left >= start
        count = int(after.sum())
        if min(count, len(boxes) - crossing - count) < max(1, _LEAST_SIDE * len(boxes)):
            continue
        end = float(left[after].min())
        # What crosses the beginning of the blank crosses it whole, or its line ends inside and it is no blank.
        ends_inside = bool(((right > start) & (right < end)).any())
        if not ends_inside and crossing <= _MOST_CROSSING * len(boxes) and end - start >= _GUTTER * height:
            found.append((crossing, start - end, (start + end) / 2))
    for _, _, middle in sorted(found):
        sides = [box for box in boxes if box.right <= middle], [box for box in boxes if box.left >= middle]
        if all(_prose(side) for side in sides):
            return float(middle)
    return None


def _prose(boxes: Sequence[_Box]) -> bool:
    """Return whether half of the boxes fill their columns: the stretches of x that boxes cover without a blank."""
    widest = _WIDE * float(np.median([box.right - box.left for box in boxes]))
    # A heading across two columns would make them one.
    spans = sorted((box.left, box.right) for box in boxes if box.right - box.left <= widest)
    shares: list[float] = []
    start = 0
    while start < len(spans):
        left, right = spans[start]
        end = start
        while end < len(spans) and spans[end][0] <= right:
            right = max(right, spans[end][1])
            end += 1
        shares += [(high - low) / max(right - left, 1) for low, high in spans[start:end]]
        start = end
    return float(np.median(shares)) >= _FILLED


def _rows(boxes: Sequence[_Box], height: float) -> Iterator[list[_Box]]:
    """Yield the rows of one column from the top, the cells of each from the left."""
    row: list[_Box] = []
    for box in sorted(boxes, key=lambda box: (box.middle, box.left)):
        if row and box.middle - row[0].middle >= _ROW * height:
            yield sorted(row, key=lambda cell: cell.left)
            row = []
        row.append(box)
    if row:
        yield sorted(row, key=lambda cell: cell.left)
