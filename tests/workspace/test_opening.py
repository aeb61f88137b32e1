"""Opening a workspace: one at a time, in an event loop, of another release, on a network file system."""

from __future__ import annotations

import asyncio
import functools
import os
from pathlib import Path
from typing import Any

import pytest
from calling import run_sql

import quanheng
from databases import Place
from quanheng.core import clock
from quanheng.core import workspace as workspaces
from quanheng.errors import Conflict, NotFound, Unavailable


def test_one_workspace_at_a_time_and_closing_frees_the_place(place: Place, tmp_path: Path) -> None:
    first = place.open()
    with pytest.raises(Conflict, match="this process has the workspace w open") as caught:
        quanheng.open(tmp_path / "second")
    assert caught.value.code == "other_workspace_open" and not (tmp_path / "second").exists()
    first.project.create(slug="only-in-the-first")
    first.close()
    with quanheng.open(tmp_path / "second") as second:
        assert [row["slug"] for row in second.project.list()] == ["main"]
    again = place.open()
    assert len(again.project.list()) == 2


def test_it_works_in_a_running_event_loop(workspace: Any, folder: Path) -> None:
    async def notebook() -> Any:
        result = workspace.files.register(path=str(folder), title="t")
        workspace.project.create(slug="from-a-notebook")
        return workspace.load(result.digest).kind, len(workspace.project.list())

    assert asyncio.run(notebook()) == ("files/v1", 2)


def test_a_workspace_can_be_opened_in_a_running_event_loop(place: Place) -> None:
    async def notebook() -> int:
        with place.open() as workspace:
            return int(workspace.log.list()["size"])

    assert asyncio.run(notebook()) == 1


def test_a_workspace_of_a_newer_release_is_refused(place: Place) -> None:
    workspace = place.open()
    run_sql("INSERT INTO django_migrations (app, name, applied) VALUES ('qh_core', '9999_future', %s)", clock.now())
    workspace.close()
    with pytest.raises(Conflict, match=r"newer release \(it has 9999_future\)") as caught:
        place.open()
    assert caught.value.code == "newer_workspace"


def test_a_network_filesystem_is_refused_for_sqlite(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = f"1 0 0:1 / / rw - ext4 /dev/x rw\n2 1 0:2 / {place.folder.parent} rw - nfs4 server:/x rw\n"
    real = workspaces.is_network_filesystem
    monkeypatch.setattr(workspaces, "is_network_filesystem", functools.partial(real, mountinfo=mounts))
    if not place.is_sqlite:
        assert place.open().log.list()["size"] == 1
        return
    with pytest.raises(Unavailable, match="network file system") as caught:
        place.open()
    assert caught.value.code == "network_filesystem" and "网络文件系统" in caught.value.text.zh


def test_a_folder_that_holds_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").touch()
    with pytest.raises(NotFound, match="is not empty, and it is no workspace"):
        quanheng.open(tmp_path / "letters")
    with pytest.raises(NotFound, match="there is no workspace in"):
        quanheng.open(tmp_path / "new", create=False)
    assert os.listdir(tmp_path / "letters") == ["dear.txt"] and not (tmp_path / "new").exists()


def test_words_that_are_not_there_are_attribute_errors(workspace: Any) -> None:
    with pytest.raises(AttributeError, match="a workspace has no 'nothing'"):
        workspace.nothing
    with pytest.raises(AttributeError, match="project has no 'fly'; it has: create"):
        workspace.project.fly
