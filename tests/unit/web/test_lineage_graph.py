"""The small drawing of a lineage: artifacts of one kind stand together by name, but never with what they came from."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from quanheng.web.lineage_graph import MOST_NAMED, small

SVG = "{http://www.w3.org/2000/svg}"


def node(digest: str, kind: str, depth: int, *names: str, withdrawn: bool = False) -> dict[str, Any]:
    return {
        "digest": "sha256:" + digest * 64, "kind": f"{kind}/v1", "names": list(names), "depth": depth,
        "withdrawn": withdrawn,
    }  # fmt: skip


def near(nodes: list[dict[str, Any]], links: list[tuple[int, int]], up: int = 0, down: int = 0) -> dict[str, Any]:
    edges = [{"from": nodes[a]["digest"], "to": nodes[b]["digest"], "role": "x"} for a, b in links]
    return {"digest": nodes[0]["digest"], "nodes": nodes, "edges": edges, "up": up, "down": down}


def drawn(found: dict[str, Any], language: str = "zh") -> ET.Element:
    return ET.fromstring(small(found, "main", language).replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))


def boxes(root: ET.Element) -> list[list[str]]:
    """Return the lines of text in each box."""
    return [[text.text or "" for text in group.iter(f"{SVG}text")] for group in root.findall(f"{SVG}g")]


def test_a_corpus_made_from_a_corpus_is_another_box() -> None:
    nodes = [node("a", "corpus", 0, "smaller"), node("b", "corpus", -1, "first"), node("c", "source", -2, "one")]
    root = drawn(near(nodes, [(1, 0), (2, 1)], up=2))
    assert boxes(root) == [["训练数据", "smaller"], ["训练数据", "first"], ["来源", "one"]]
    here = [box for box in root.iter(f"{SVG}rect") if "here" in str(box.get("class"))]
    assert len(here) == 1 and len(root.findall(f"{SVG}path")) == 4  # two links with their heads
    assert [a.get("href") for a in root.iter(f"{SVG}a")] == [f"/p/main/a/{n['digest']}" for n in nodes[1:]]


@pytest.mark.parametrize("count", [1, 2, MOST_NAMED, MOST_NAMED + 1, MOST_NAMED + 2, 20])
def test_inputs_of_one_kind_are_named_up_to_a_few(count: int) -> None:
    sources = [node(f"{number:x}", "source", -1, f"s{number}") for number in range(min(count, 15))]
    sources += [{**sources[-1], "digest": f"sha256:{number:064d}"} for number in range(count - len(sources))]
    nodes = [node("f", "corpus", 0, "c"), *sources]
    root = drawn(near(nodes, [(number, 0) for number in range(1, len(nodes))], up=count))
    [title, *lines] = boxes(root)[1]
    shown = count if count <= MOST_NAMED + 1 else MOST_NAMED
    assert title == ("来源" if count == 1 else f"来源 {count}")
    assert lines[:shown] == [f"s{number}" for number in range(shown)]
    assert lines[shown:] == ([f"+{count - shown}"] if count > shown else [])
    links = [a.get("href") for a in root.iter(f"{SVG}a")]
    assert links[:shown] == [f"/p/main/a/{source['digest']}" for source in sources[:shown]]
    assert links[shown:] == (["/p/main/artifacts?kind=source"] if count > shown else [])


def test_what_was_cut_off_is_not_counted_as_all() -> None:
    nodes = [node("f", "corpus", 0), *(node(f"{n:x}", "source", -1, f"s{n}") for n in range(8))]
    root = drawn(near(nodes, [(n, 0) for n in range(1, 9)], up=500))
    assert boxes(root)[1][-1] == "+5…"


def test_boxes_grow_with_their_lines_and_neither_overlap_nor_leave_the_drawing() -> None:
    sources = [node(f"{n:x}", "source", -1, f"s{n}") for n in range(4)]
    others = [node("9", "lexicon", -1, "words"), node("a", "sample_commitment", 1), node("b", "corpus", 1, "d")]
    nodes = [node("f", "corpus", 0, "c"), *sources, *others]
    root = drawn(near(nodes, [*((n, 0) for n in range(1, 6)), (0, 6), (0, 7)], up=5, down=2), "en")
    width, height = float(str(root.get("width"))), float(str(root.get("height")))
    rects = [[float(str(box.get(key))) for key in ("x", "y", "width", "height")] for box in root.iter(f"{SVG}rect")]
    for number, (x, y, w, h) in enumerate(rects):
        assert x >= 0 and y >= 0 and x + w <= width + 0.5 and y + h <= height + 0.5
        for x2, y2, w2, h2 in rects[number + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    for group in root.findall(f"{SVG}g"):
        [rect] = group.findall(f"{SVG}rect")
        bottom = float(str(rect.get("y"))) + float(str(rect.get("height")))
        assert all(float(str(text.get("y"))) < bottom for text in group.iter(f"{SVG}text"))
    tops, bottoms = {y for _, y, _, _ in rects}, {y + h for _, y, _, h in rects}
    links = [str(path.get("d")) for path in root.findall(f"{SVG}path") if path.get("class") != "head"]
    assert links
    for link in links:  # from below a box to the top of another
        numbers = [float(number) for number in re.findall(r"[\d.]+", link)]
        assert numbers[1] in bottoms and numbers[-1] in tops


def test_hostile_names_are_escaped_and_withdrawn_ones_told() -> None:
    hostile = '<script>alert(1)</script>"><img onerror=x>'
    nodes = [node("a", "corpus", 0, hostile), node("b", "source", -1, "gone", withdrawn=True)]
    made = small(near(nodes, [(1, 0)], up=1), "main", "zh")
    assert "<script" not in made and "<img" not in made and "已撤回 gone" in made
    ET.fromstring(made)
