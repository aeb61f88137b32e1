"""Bundles from a workspace: they verify offline, say what was withdrawn, and come out identical twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evidence import register, register_many
from quanheng.core.bundles import export_bundle
from quanheng.errors import Forbidden, NotFound
from quanheng.store import read_zip
from quanheng.store.verify import verify_bundle


def _verified(path: Path, key: str) -> Any:
    found = verify_bundle(path, key)
    wrong = [(c.code, [(p.where, p.text.en) for p in c.problems]) for c in found.checks if c.ok is False]
    assert not wrong
    assert found.key_compared
    return found


def _lineage(workspace: Any) -> tuple[str, str, str]:
    source = register(workspace, "source", [("a.txt", b"first"), ("b.txt", b"second")])
    corpus = register(workspace, "corpus", [("rows.txt", b"rows")], [("sources", source)])
    model = register(workspace, "model", [], [("corpus", corpus)])
    return source, corpus, model


@pytest.mark.parametrize("mode", ["open", "sealed"])
def test_a_bundle_holds_the_whole_lineage_and_verifies(workspace: Any, tmp_path: Path, mode: Any) -> None:
    digests = _lineage(workspace)
    register(workspace, "beside it", [("c.txt", b"not in the bundle")])
    done = export_bundle(
        workspace.session, [digests[2]], tmp_path / "b.zip", mode=mode, extra={"report.html": b"<p>report</p>"}
    )
    found = _verified(done.path, done.fingerprint)
    assert set(digests) <= {digest for digest, _ in found.facts.artifacts}
    assert found.facts.roots == (digests[2],)
    assert found.facts.mode == mode
    assert (done.log_size, done.artifacts) == (5, 4)  # with the key
    assert done.entries == 4  # of which one began the log
    with read_zip(done.path) as zipped:
        assert zipped.read("extra/report.html") == b"<p>report</p>"
        contents = {zipped.read(name) for name in zipped.names}
    assert (b"first" in contents) == (mode == "open")
    assert b"not in the bundle" not in contents


def test_the_stand_alone_verifier_accepts_it(workspace: Any, tmp_path: Path) -> None:
    done = export_bundle(workspace.session, [_lineage(workspace)[2]], tmp_path / "b.zip")
    command = [sys.executable, "-m", "quanheng.store.verify", str(done.path), "--key", done.fingerprint, "--json"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert json.loads(answer.stdout)["ok"]


def test_the_same_head_gives_the_same_bytes_and_a_later_one_does_not(workspace: Any, tmp_path: Path) -> None:
    model = _lineage(workspace)[2]
    first = export_bundle(workspace.session, [model], tmp_path / "1.zip").path.read_bytes()
    assert export_bundle(workspace.session, [model], tmp_path / "2.zip").path.read_bytes() == first
    register(workspace, "later")
    assert export_bundle(workspace.session, [model], tmp_path / "3.zip").path.read_bytes() != first


def test_a_withdrawn_ancestor_is_named_and_its_layers_are_absent(workspace: Any, tmp_path: Path) -> None:
    source, _, model = _lineage(workspace)
    workspace.artifact.withdraw(artifact=source, reason="the owner asked for it")
    done = export_bundle(workspace.session, [model], tmp_path / "b.zip")
    found = _verified(done.path, done.fingerprint)
    assert [digest for digest, _ in found.facts.withdrawn] == [source]
    with read_zip(done.path) as zipped:
        contents = [zipped.read(name) for name in zipped.names]
        verbs = {json.loads(zipped.read(n))["verb"] for n in zipped.names if n.startswith("log/entries/")}
    assert b"first" not in contents
    assert b"rows" in contents
    assert "artifact.withdraw" in verbs
    assert b"the owner asked" not in b"".join(contents)


def test_a_layer_shared_with_a_withdrawn_artifact_stays(workspace: Any, tmp_path: Path) -> None:
    one = register(workspace, "one", [("a.txt", b"shared")])
    two = register(workspace, "two", [("a.txt", b"shared")], [("beside", one)])
    workspace.artifact.withdraw(artifact=one, reason="no longer wanted")
    done = export_bundle(workspace.session, [two], tmp_path / "b.zip")
    _verified(done.path, done.fingerprint)


def test_members_of_a_large_batch_are_proved_by_its_root(workspace: Any, tmp_path: Path) -> None:
    known = register_many(workspace, ["item 3", "item 299"])  # were there before: in the entry, not new rows
    batch = register_many(workspace, [f"item {n}" for n in range(300)])
    roots = [batch[0], batch[150], batch[3]]
    done = export_bundle(workspace.session, roots, tmp_path / "b.zip", mode="sealed")
    _verified(done.path, done.fingerprint)
    with read_zip(done.path) as zipped:
        proofs = json.loads(zipped.read("log/proofs.json"))["outputs"]
    assert set(proofs) == {batch[0], batch[150]}
    assert proofs[batch[150]]["index"] == 150
    assert batch[3] in known


def test_an_older_key_reaches_the_one_that_signs(workspace: Any, tmp_path: Path) -> None:
    model = _lineage(workspace)[2]
    old = workspace.key.list()[0]["fingerprint"]
    workspace.key.rotate()
    new = workspace.key.list()[0]["fingerprint"]
    done = export_bundle(workspace.session, [model], tmp_path / "b.zip")
    assert done.fingerprint == new
    _verified(done.path, new)
    _verified(done.path, old)
    with read_zip(done.path) as zipped:
        verbs = [json.loads(zipped.read(n))["verb"] for n in zipped.names if n.startswith("log/entries/")]
    assert "key.rotate" in verbs


def test_a_lost_key_begins_a_new_chain(workspace: Any, tmp_path: Path) -> None:
    model = _lineage(workspace)[2]
    old = workspace.key.list()[0]["fingerprint"]
    workspace.key.rotate(lost=True)
    done = export_bundle(workspace.session, [model], tmp_path / "b.zip")
    _verified(done.path, done.fingerprint)
    assert not verify_bundle(done.path, old).ok


def test_a_witness_goes_along_with_the_consistency_to_this_head(workspace: Any, tmp_path: Path) -> None:
    size = workspace.checkpoint.sign()["size"]
    workspace.witness.add(size=size, form="letter", proof="No. 7 / 2026", date="2026-11-20")
    done = export_bundle(workspace.session, [_lineage(workspace)[2]], tmp_path / "b.zip")
    found = _verified(done.path, done.fingerprint)
    assert found.facts.witness
    with read_zip(done.path) as zipped:
        witness = json.loads(zipped.read(found.facts.witness[0]))
    assert witness["form"] == "letter"
    assert witness["checkpoint"].splitlines()[1] == str(size)
    assert witness["consistency"]


def test_a_missing_layer_is_named_and_nothing_is_written(workspace: Any, tmp_path: Path) -> None:
    source, _, model = _lineage(workspace)
    layer = workspace.load(source).layers[0].digest
    workspace.objects.delete(layer)
    with pytest.raises(NotFound) as raised:
        export_bundle(workspace.session, [model], tmp_path / "b.zip")
    assert layer in raised.value.text.en
    assert not (tmp_path / "b.zip").exists()
    export_bundle(workspace.session, [model], tmp_path / "b.zip", mode="sealed")


def test_only_what_the_project_holds_is_exported(workspace: Any, tmp_path: Path) -> None:
    model = _lineage(workspace)[2]
    workspace.project.create(slug="other")
    with pytest.raises(NotFound):
        export_bundle(workspace.session.in_project("other"), [model], tmp_path / "b.zip")
    with pytest.raises(NotFound):
        export_bundle(workspace.session, ["sha256:" + "0" * 64], tmp_path / "b.zip")


def test_reading_is_needed(workspace: Any, place: Any, tmp_path: Path) -> None:
    model = _lineage(workspace)[2]
    workspace.user.create(label="writer")
    token = workspace.token.create(label="writer").value["token"]
    other = place.open(token=token)
    with pytest.raises(Forbidden):
        export_bundle(other.session, [model], tmp_path / "b.zip")
