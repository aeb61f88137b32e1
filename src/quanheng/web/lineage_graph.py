"""The answer of lineage.near as drawings: each artifact as a box, or, in the margin, each kind as one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from django.utils.safestring import SafeString

from quanheng.core.preview import printable
from quanheng.errors import Text
from quanheng.kinds.kind_words import kind_word
from quanheng.web.graph import SMALL_SHAPE, Node, draw
from quanheng.web.templatetags.quanheng import SHOWN_HEX

#: So many artifacts of one kind with the same links are drawn one by one; more become one box.
MOST_ALIKE = 6


def word_of(kind: str, language: str) -> str:
    """Return what a kind is called."""
    name = kind.split("/", maxsplit=1)[0]
    return kind_word(name) if language == "zh" else name.replace("_", " ")


def names_of(node: Mapping[str, Any]) -> str:
    """Return the names of an artifact, or the first digits of its digest where it has none."""
    return printable(", ".join(node["names"])) or node["digest"].removeprefix("sha256:")[:SHOWN_HEX]


def whole(near: Mapping[str, Any], project: str, language: str) -> SafeString:
    """Return the nodes of `near` as boxes that lead to their pages; many that are linked alike are one box."""
    gone = Text("withdrawn", "已撤回").say(language)
    many = _alike(near)
    nodes: dict[str, Node] = {}
    for node in near["nodes"]:
        digest, word = node["digest"], word_of(node["kind"], language)
        group = many.get(digest)
        if group:
            kind = node["kind"].split("/")[0]
            nodes[group[0]] = Node(group[0], f"{word} {len(group):,}", "", f"/p/{project}/artifacts?kind={kind}")
            continue
        note = f"{gone} · {names_of(node)}" if node["withdrawn"] else names_of(node)
        here = digest == near["digest"]
        tone = "here" if here else "na" if node["withdrawn"] else ""
        href = "" if here else f"/p/{project}/a/{digest}"
        nodes[digest] = Node(digest, word, note, href, tone, f"{word} {names_of(node)} {digest}")
    drawn = {digest: group[0] for digest, group in many.items()}
    links = [(drawn.get(edge["from"], edge["from"]), drawn.get(edge["to"], edge["to"])) for edge in near["edges"]]
    return draw(list(nodes.values()), links, Text("Lineage", "血缘").say(language))


def _alike(near: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return, for each of more than MOST_ALIKE artifacts of one kind with the same links, all of them."""
    ways: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for edge in near["edges"]:
        ways[edge["from"]].add(("to", edge["to"]))
        ways[edge["to"]].add(("from", edge["from"]))
    groups: dict[Any, list[str]] = defaultdict(list)
    for node in near["nodes"]:
        if node["digest"] != near["digest"] and not node["withdrawn"]:
            groups[node["kind"].split("/")[0], frozenset(ways[node["digest"]])].append(node["digest"])
    return {digest: group for group in groups.values() if len(group) > MOST_ALIKE for digest in group}


def by_kind(near: Mapping[str, Any], project: str, language: str) -> SafeString:
    """Return the kinds around an artifact and how many of each: from text to verdict, small enough for the margin."""
    kind_of = {node["digest"]: node["kind"].split("/")[0] for node in near["nodes"]}
    counts = Counter(kind_of.values())
    here = kind_of[near["digest"]]
    nodes = []
    for kind, count in counts.items():
        one = next(digest for digest, other in kind_of.items() if other == kind)
        href = f"/p/{project}/a/{one}" if count == 1 else f"/p/{project}/artifacts?kind={kind}"
        at = kind == here and count == 1
        nodes.append(
            Node(
                kind,
                word_of(kind, language) + (f" {count:,}" if count > 1 else ""),
                href="" if at else href,
                tone="here" if kind == here else "",
            )
        )
    links = [(kind_of[edge["from"]], kind_of[edge["to"]]) for edge in near["edges"]]
    return draw(nodes, links, Text("From text to verdict", "从文本到结论").say(language), shape=SMALL_SHAPE)
