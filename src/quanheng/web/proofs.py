"""Proofs of the log, walked step by step here and compared with the root: nothing on a page is only claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quanheng.store import merkle

#: What anybody can run on the JSON of an entry's page; it needs Python alone (RFC 9162 section 2.1.3.2).
SCRIPT = """\
import hashlib, json, sys
p = json.load(open(sys.argv[1], encoding="utf-8"))
node = hashlib.sha256(b"\\0" + p["text"].encode()).digest()
at, last = p["index"], p["size"] - 1
for other in map(bytes.fromhex, p["path"]):
    left = at & 1 or at == last
    node = hashlib.sha256(b"\\1" + (other + node if left else node + other)).digest()
    while left and not at & 1 and at:
        at, last = at >> 1, last >> 1
    at, last = at >> 1, last >> 1
print(node.hex(), "EQUAL" if node.hex() == p["root"] and not last else "DIFFERENT")
"""


@dataclass(frozen=True)
class Step:
    """One step up the tree: the sibling, on which side it stands, and the hash of both (hex)."""

    number: int
    left: bool  # the sibling stands to the left of what is proved
    sibling: str
    node: str


@dataclass(frozen=True)
class Walked:
    """An inclusion proof that was recomputed: its steps, where it ended, and whether that is the root."""

    index: int
    size: int
    text: str
    leaf: str
    steps: tuple[Step, ...]
    reached: str
    root: str
    holds: bool


def inclusion(answer: Mapping[str, Any]) -> Walked:
    """Return the answer of log.proof, recomputed from the entry's text to the root (RFC 9162 section 2.1.3.2)."""
    index, size = answer["index"], answer["size"]
    path = [bytes.fromhex(node) for node in answer["path"]]
    leaf = merkle.leaf_hash(answer["text"].encode("utf-8"))
    steps: list[Step] = []
    position, last, node = index, size - 1, leaf
    for sibling in path:
        left = bool(position & 1) or position == last
        node = merkle.node_hash(sibling, node) if left else merkle.node_hash(node, sibling)
        steps.append(Step(len(steps) + 1, left, sibling.hex(), node.hex()))
        while left and position and not position & 1:
            position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    holds = merkle.verify_inclusion(leaf, index, size, path, bytes.fromhex(answer["root"]))
    return Walked(
        index, size, answer["text"], leaf.hex(), tuple(steps), node.hex(), answer["root"],
        holds and node.hex() == answer["root"],
    )  # fmt: skip


def consistency(answer: Mapping[str, Any], held: str = "") -> dict[str, Any]:
    """Return the answer of log.consistency with `holds`, and whether a root that somebody holds is the earlier one."""
    path = [bytes.fromhex(node) for node in answer["path"]]
    first, now = bytes.fromhex(answer["first_root"]), bytes.fromhex(answer["root"])
    holds = merkle.verify_consistency(answer["first"], answer["size"], path, first, now)
    return {**answer, "holds": holds, "held": held, "same": held == answer["first_root"] if held else None}
