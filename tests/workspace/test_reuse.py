"""What a later call takes of an earlier one: all that one job left, in its order, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from calling import count, entries, on

from quanheng.core import runner
from quanheng.core.context import Draft
from quanheng.errors import Conflict
from quanheng.kinds.platform import Files
from quanheng.store import Layer


def leave(workspace: Any, monkeypatch: pytest.MonkeyPatch, titles: list[str]) -> None:
    """Let every job leave one `files/v1` per title, in this order."""

    def drafts(*_: object) -> list[Draft]:
        stored = workspace.objects.put_bytes(b"one layer for all")
        layer = Layer(stored.digest, stored.size, "application/octet-stream", "a")
        return [Draft(Files(title=title, files=1, bytes=stored.size), (layer,)) for title in titles]

    monkeypatch.setattr(runner, "_watch", drafts)


@pytest.mark.parametrize("number", [6, 300])  # listed in the entry, and summed up there
def test_outputs_come_in_the_order_of_the_job(
    workspace: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    leave(workspace, monkeypatch, [f"{i * 7 % number}" for i in range(number)])
    first = workspace.files.register(path=str(folder), title="t")
    assert list(first.outputs) != sorted(first.outputs)
    second = workspace.files.register(path=str(folder), title="t")
    assert second.cached and second.outputs == first.outputs


def test_with_one_output_withdrawn_the_job_is_no_hit(
    workspace: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(workspace, monkeypatch, ["a", "b"])
    first = workspace.files.register(path=str(folder), title="t")
    workspace.artifact.withdraw(artifact=first.outputs[0], reason="wrong")
    leave(workspace, monkeypatch, ["b", "c"])
    second = workspace.files.register(path=str(folder), title="t")
    assert not second.cached and second.outputs[0] == first.outputs[1]
    third = workspace.files.register(path=str(folder), title="t")
    assert third.cached and third.outputs == second.outputs


def test_another_project_finds_its_own_job(workspace: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(workspace, monkeypatch, ["b", "a"])
    first = workspace.files.register(path=str(folder), title="t")
    workspace.project.create(slug="other")
    second = workspace.call("files.register", path=str(folder), title="t", project="other")
    assert not second.cached and second.outputs == first.outputs
    third = workspace.call("files.register", path=str(folder), title="t", project="other")
    assert third.cached and third.outputs == first.outputs


def test_a_name_points_where_the_job_itself_would_let_it(
    workspace: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(workspace, monkeypatch, ["b", "a"])
    first = workspace.files.register(path=str(folder), title="t", as_name="x")
    assert workspace.load("x").digest == first.outputs[-1]
    size = len(entries(workspace))
    assert workspace.files.register(path=str(folder), title="t", as_name="x").cached
    assert workspace.load("x").digest == first.outputs[-1] and len(entries(workspace)) == size
    workspace.files.register(path=str(folder), title="t", as_name="y")
    assert workspace.load("y").digest == first.outputs[-1]
    assert [entry["verb"] for entry in entries(workspace)[size:]] == ["name.set"]


TERM = '{"term": "诈骗话术", "risk": "A.2.d"}\n'


def register_terms(workspace: Any, file: Path, **more: Any) -> Any:
    return workspace.lexicon.register(file=str(file), title="t", owner="o", **more)


def test_a_file_that_changes_between_key_and_reading_leaves_nothing(workspace: Any, tmp_path: Path) -> None:
    file = tmp_path / "terms.jsonl"
    file.write_text(TERM, "utf-8")

    def change(data: Mapping[str, Any]) -> None:
        file.write_text(TERM.replace("诈骗", "骗贷"), "utf-8")

    with pytest.raises(Conflict, match="changed while it was read") as caught:
        register_terms(workspace, file, listener=on("start", change))
    assert caught.value.code == "changed_while_read"
    assert entries(workspace)[-1]["code"] == "changed_while_read" and count("artifact") == 1
    file.write_text(TERM, "utf-8")
    assert not register_terms(workspace, file).cached


def test_a_file_that_is_gone_after_reading_leaves_nothing(
    workspace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "terms.jsonl"
    file.write_text(TERM, "utf-8")
    real = runner._watch

    def then_gone(*given: Any) -> Any:
        drafts = real(*given)
        file.unlink()
        return drafts

    monkeypatch.setattr(runner, "_watch", then_gone)
    with pytest.raises(Conflict, match="changed while it was read"):
        register_terms(workspace, file)
