"""Small graphs as SVG: layers, what a longer way already tells, circles, and hostile text."""

from __future__ import annotations

import itertools
import random
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.web.graph import SMALL_SHAPE, WIDE_SHAPE, Node, acyclic, cut, draw, layers, reduced

SVG = "{http://www.w3.org/2000/svg}"
#: Any links at all between a few nodes.
LINKS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40)


def names(links: list[tuple[int, int]]) -> tuple[list[str], list[tuple[str, str]]]:
    return [str(number) for number in range(10)], [(str(a), str(b)) for a, b in links]


def reach(ids: list[str], pairs: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which node is reached from which, found by trying every step again until nothing is new."""
    found = set(pairs)
    while True:
        more = {(a, d) for a, b in found for c, d in pairs if b == c} - found
        if not more:
            return found
        found |= more


@given(LINKS)
def test_no_circle_is_left_and_a_graph_without_one_keeps_all(links: list[tuple[int, int]]) -> None:
    ids, pairs = names(links)
    kept = acyclic(ids, pairs)
    assert all((node, node) not in reach(ids, kept) for node in ids)
    forward = [(a, b) for a, b in pairs if int(a) < int(b)]
    assert sorted(acyclic(ids, forward)) == sorted(set(forward))


@given(LINKS)
def test_the_reduction_reaches_the_same_with_the_fewest_links(links: list[tuple[int, int]]) -> None:
    ids, pairs = names(links)
    kept = acyclic(ids, pairs)
    few = reduced(ids, kept)
    assert reach(ids, few) == reach(ids, kept)
    for left_out in few:
        assert reach(ids, [pair for pair in few if pair != left_out]) != reach(ids, kept)


@given(LINKS)
def test_every_link_leads_to_a_later_layer(links: list[tuple[int, int]]) -> None:
    ids, pairs = names(links)
    kept = acyclic(ids, pairs)
    layer = layers(ids, kept)
    assert all(layer[a] < layer[b] for a, b in kept) and min(layer.values()) >= 0


@pytest.mark.parametrize("shape", [WIDE_SHAPE, SMALL_SHAPE])
def test_boxes_neither_overlap_nor_leave_the_drawing(shape: object) -> None:
    random.seed(7)
    nodes = [Node(str(number), f"节点 {number}") for number in range(30)]
    links = [(str(a), str(b)) for a, b in itertools.combinations(range(30), 2) if random.random() < 0.12]
    root = ET.fromstring(draw(nodes, links, "图", shape=shape).replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))  # type: ignore[arg-type]
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = [[float(box.get(key)) for key in ("x", "y", "width", "height")] for box in root.iter(f"{SVG}rect")]
    assert len(boxes) == 30
    for x, y, w, h in boxes:
        assert x >= 0 and y >= 0 and x + w <= width + 0.5 and y + h <= height + 0.5
    for (x, y, w, h), (x2, y2, w2, h2) in itertools.combinations(boxes, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_text_is_escaped_and_unknown_ends_are_left_out() -> None:
    hostile = '<script>alert(1)</script>"><img onerror=x>'
    made = draw([Node("a", hostile, hostile, "/p/main/a/x", title=hostile)], [("a", "a"), ("a", "gone")], hostile)
    assert "<script" not in made and "<img" not in made and made.count("<path") == 0
    ET.fromstring(made)


def test_nothing_draws_nothing() -> None:
    assert draw([], [], "空") == ""


def test_text_is_cut_where_the_room_ends() -> None:
    assert cut("训练数据", 48) == "训练数据" and cut("训练数据", 47) == "训练数…"[:3] + "…"
