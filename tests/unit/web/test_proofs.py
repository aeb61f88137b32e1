"""Proofs are walked to the root here, by a script that anybody can run, and a changed byte is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quanheng.store import merkle
from quanheng.web import proofs

TEXTS = [json.dumps({"n": number, "词": "存证"}, ensure_ascii=False) for number in range(23)]
LEAVES = [merkle.leaf_hash(text.encode()) for text in TEXTS]


def answer(index: int, size: int = 23) -> dict[str, Any]:
    leaves = LEAVES[:size]
    return {
        "index": index,
        "size": size,
        "text": TEXTS[index],
        "leaf": leaves[index].hex(),
        "root": merkle.root_of(leaves).hex(),
        "path": [node.hex() for node in merkle.inclusion_path(leaves, index)],
    }


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 16, 23])
def test_every_entry_is_walked_to_the_root(size: int) -> None:
    for index in range(size):
        walked = proofs.inclusion(answer(index, size))
        assert walked.holds and walked.reached == walked.root and len(walked.steps) == len(answer(index, size)["path"])
        node = bytes.fromhex(walked.leaf)
        for step in walked.steps:  # what the page draws is the computation itself
            other = bytes.fromhex(step.sibling)
            node = merkle.node_hash(other, node) if step.left else merkle.node_hash(node, other)
            assert node.hex() == step.node


@pytest.mark.parametrize("change", ["text", "path", "root", "index", "size"])
def test_what_was_changed_does_not_hold(change: str) -> None:
    told = answer(9)
    told[change] = {
        "text": told["text"] + " ",
        "path": ["00" * 32, *told["path"][1:]],
        "root": "00" * 32,
        "index": 8,
        "size": 40,
    }[change]
    assert not proofs.inclusion(told).holds


def script(tmp_path: Path, told: dict[str, Any]) -> str:
    (tmp_path / "proof.py").write_text(proofs.SCRIPT, "utf-8")
    (tmp_path / "entry.json").write_text(json.dumps(told), "utf-8")
    run = subprocess.run(
        [sys.executable, "-I", "proof.py", "entry.json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    return run.stdout.split()[1]


def test_the_script_for_others_says_the_same(tmp_path: Path) -> None:
    for index, size in [(0, 1), (0, 2), (6, 7), (22, 23), (5, 23), (15, 16), (2, 3)]:
        assert script(tmp_path, answer(index, size)) == "EQUAL"
    for wrong in ({**answer(9), "text": "x"}, {**answer(9), "path": answer(9)["path"][:-1]}, {**answer(9), "index": 8}):
        assert script(tmp_path, wrong) == "DIFFERENT"


def test_growth_holds_and_another_history_does_not() -> None:
    path = [node.hex() for node in merkle.consistency_path(LEAVES, 9)]
    first, now = merkle.root_of(LEAVES[:9]).hex(), merkle.root_of(LEAVES).hex()
    told = {"first": 9, "first_root": first, "size": 23, "root": now, "path": path}
    assert proofs.consistency(told)["holds"] and proofs.consistency(told)["same"] is None
    assert proofs.consistency(told, first)["same"] is True and proofs.consistency(told, now)["same"] is False
    assert not proofs.consistency({**told, "root": first})["holds"]
