"""The answer of lineage.near as drawings: each artifact as a box, or, in the margin, those of a kind in one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.safestring import SafeString

from quanheng.core.preview import printable
from quanheng.errors import Text
from quanheng.kinds.kind_words import kind_word
from quanheng.web.graph import SMALL_SHAPE, Item, Node, draw
from quanheng.web.templatetags.quanheng import SHOWN_HEX

#: So many artifacts of one kind with the same links are drawn one by one; more become one box.
MOST_ALIKE = 6
#: So many artifacts of one kind are named in the margin.
MOST_NAMED = 3


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


def small(near: Mapping[str, Any], project: str, language: str) -> SafeString:
    """Return what is around an artifact, small enough for the margin: a box for each kind at each distance.

    A box names its first MOST_NAMED artifacts, each leading to its page, and how many more there are. An artifact is
    never drawn together with one that it was made from or that was made from it.
    """
    groups: dict[tuple[str, int], list[Mapping[str, Any]]] = defaultdict(list)
    for node in near["nodes"]:
        groups[node["kind"].split("/")[0], node["depth"]].append(node)
    cut_off = near["up"] + near["down"] > len(near["nodes"]) - 1
    box_of = {node["digest"]: f"{kind} {depth}" for (kind, depth), group in groups.items() for node in group}
    nodes = [
        Node(
            f"{kind} {depth}",
            word_of(kind, language) + (f" {len(group):,}" if len(group) > 1 else ""),
            tone="" if depth else "here",
            items=tuple(_items(group, kind, near["digest"], project, language, cut_off=cut_off)),
        )
        for (kind, depth), group in groups.items()
    ]
    links = [(box_of[edge["from"]], box_of[edge["to"]]) for edge in near["edges"]]
    return draw(nodes, links, Text("From text to verdict", "从文本到结论").say(language), shape=SMALL_SHAPE)


def _items(
    group: Sequence[Mapping[str, Any]], kind: str, here: str, project: str, language: str, *, cut_off: bool
) -> Iterator[Item]:
    """Yield the first artifacts of a group by name, and how many more there are: at least, where some were cut off."""
    gone = Text("withdrawn", "已撤回").say(language)
    shown = group if len(group) <= MOST_NAMED + 1 else group[:MOST_NAMED]  # "+1" would take the room of the one left
    for node in shown:
        digest, name = node["digest"], names_of(node)
        href = "" if digest == here else f"/p/{project}/a/{digest}"
        label = f"{gone} {name}" if node["withdrawn"] else name
        yield Item(label, href, f"{word_of(kind, language)} {label} {digest}")
    if more := len(group) - len(shown):
        yield Item(f"+{more:,}" + ("…" if cut_off else ""), f"/p/{project}/artifacts?kind={kind}")
