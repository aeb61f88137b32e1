"""Artifacts and their names, one by one, in bulk, and as plain files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from calling import count, entries, on

from evidence import item, put_layers, register
from quanheng.errors import Conflict, Invalid, NotFound, QuanhengError

# ---------------------------------------------------------------- artifacts and names


def test_the_same_artifact_twice_is_one_row(workspace: Any) -> None:
    first = workspace.artifact.register_many(items=[item("t", put_layers(workspace, [("a", b"a")]))])
    second = workspace.artifact.register_many(items=[item("t", put_layers(workspace, [("a", b"a")]))])
    assert first.digest == second.digest and count("artifact") == 2 and count("placement") == 2
    assert workspace.artifact.show(artifact=first.digest)["job"] == first.job
    assert len(entries(workspace)) == 3


def tree_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, by recursion."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree_root(leaves[:split]) + tree_root(leaves[split:])).digest()


@pytest.mark.parametrize("number", [1, 256, 257])
def test_many_artifacts_leave_one_entry_with_count_and_root(workspace: Any, number: int) -> None:
    result = workspace.artifact.register_many(items=[item(f"t{n}") for n in range(number)])
    [entry] = entries(workspace)[1:]
    assert entry["outputs"]["count"] == number == len(result.outputs)
    assert entry["outputs"]["root"] == "sha256:" + tree_root([d.encode() for d in result.outputs]).hex()
    assert entry["outputs"].get("digests") == (list(result.outputs) if number <= 256 else None)
    assert count("artifact") == number + 1


def test_one_bad_item_registers_none(workspace: Any) -> None:
    bad = [
        ({**item("x"), "model": {"title": "x"}}, "bad_config"),
        ({**item("x"), "kind": "nothing/v1"}, "unknown_kind"),
        (item("x", inputs=[("source", "sha256:" + "0" * 64)]), "no_such_artifact"),
    ]
    for one, code in bad:
        with pytest.raises(QuanhengError) as caught:
            workspace.artifact.register_many(items=[item("good"), one])
        assert caught.value.code == code
    assert count("artifact") == 1 and [e["outcome"] for e in entries(workspace)[1:]] == ["failed"] * 3


def test_a_name_moves_and_keeps_its_history(workspace: Any, folder: Path) -> None:
    first = workspace.files.register(path=str(folder), title="one", as_name="proof")
    second = workspace.files.register(path=str(folder), title="two", as_name="proof")
    assert workspace.load("proof").digest == second.digest
    workspace.name.set(artifact=first.digest, name="proof")
    assert workspace.load("files:proof").digest == first.digest
    history = workspace.name.history(name="proof")
    assert [row["digest"] for row in history] == [first.digest, second.digest, first.digest]
    assert workspace.artifact.list()["rows"][0]["names"] == []
    size = len(entries(workspace))
    assert workspace.files.register(path=str(folder), title="one", as_name="proof").cached
    assert len(entries(workspace)) == size  # the name points there already
    assert workspace.files.register(path=str(folder), title="one", as_name="other").cached
    assert entries(workspace)[-1]["verb"] == "name.set" and workspace.load("other").digest == first.digest


def test_a_name_of_two_kinds_must_be_told_apart(workspace: Any) -> None:
    digest = register(workspace, "t", as_name="x")
    key = workspace.artifact.list(kind="key")["rows"][0]["digest"]
    workspace.name.set(artifact=key, name="x")
    with pytest.raises(Invalid, match="names several artifacts") as caught:
        workspace.artifact.show(artifact="x")
    assert "files:x" in str(caught.value) and "key:x" in str(caught.value)
    assert workspace.artifact.show(artifact="files:x")["digest"] == digest


def test_lineage_of_what_was_registered(workspace: Any) -> None:
    source = register(workspace, "source")
    made = register(workspace, "made", inputs=[("source", source), ("proof", source)])
    last = register(workspace, "last", inputs=[("made", made)])
    up = [(s["role"], s["digest"], s["depth"]) for s in workspace.lineage.of(artifact=last)["steps"]]
    assert up == [("made", made, 1), ("proof", source, 2), ("source", source, 2)]
    down = [s["digest"] for s in workspace.lineage.of(artifact=source, down=True)["steps"]]
    assert down == [made, made, last]


# ---------------------------------------------------------------- files.register


def test_files_keep_their_relative_names_and_bytes(workspace: Any, folder: Path) -> None:
    loaded = workspace.load(workspace.files.register(path=str(folder), title="证据").digest)
    assert [layer.title for layer in loaded.layers] == ["a.txt", "sub/b.txt"]
    with loaded.open_layer("a.txt") as stream:
        assert stream.read() == "证据".encode()
    assert loaded.model.model_dump() == {"title": "证据", "files": 2, "bytes": 7}
    assert str(folder.parent) not in json.dumps(dict(loaded.made_by))
    single = workspace.load(workspace.files.register(path=str(folder / "a.txt"), title="证据").digest)
    assert [layer.title for layer in single.layers] == ["a.txt"]
    with pytest.raises(NotFound, match="has no layer"):
        loaded.open_layer("c.txt")


def test_a_folder_that_cannot_be_kept_is_refused(workspace: Any, folder: Path) -> None:
    (folder / "link").symlink_to(folder / "nowhere")
    with pytest.raises(Invalid, match="link is a link that leads nowhere") as caught:
        workspace.files.register(path=str(folder), title="t")
    assert caught.value.code == "not_a_file" and caught.value.hint
    assert entries(workspace)[-1]["code"] == "not_a_file" and count("artifact") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(workspace: Any, folder: Path) -> None:
    (folder / "a.txt").chmod(0)
    with pytest.raises(QuanhengError, match=r"a\.txt"):
        workspace.files.register(path=str(folder), title="t")
    (folder / "a.txt").chmod(0o600)


def test_files_that_change_meanwhile_are_refused(workspace: Any, folder: Path) -> None:
    def change(data: Mapping[str, Any]) -> None:
        (folder / "a.txt").write_bytes(b"other")

    with pytest.raises(Conflict, match="changed while they were read"):
        workspace.files.register(path=str(folder), title="t", listener=on("start", change))
    assert entries(workspace)[-1]["code"] == "changed_while_read" and count("artifact") == 1
