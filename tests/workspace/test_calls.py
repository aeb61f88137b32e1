"""Calls through the one door: one entry for every end, none for the rest, refusals, jobs and flows."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from calling import count, entries, on, other_session, run_sql

from databases import Place
from quanheng.core import call, clock, flow, jobs, runner, verb
from quanheng.errors import Cancelled, Conflict, Forbidden, Invalid, NotFound, QuanhengError

# ---------------------------------------------------------------- one entry for every end


def test_done_leaves_one_entry(workspace: Any, folder: Path) -> None:
    result = workspace.files.register(path=str(folder), title="证据")
    [entry] = entries(workspace)[1:]
    assert (entry["verb"], entry["outcome"], entry["code"], entry["job"]) == ("files.register", "done", "", result.job)
    assert entry["outputs"]["digests"] == [result.digest] and entry["outputs"]["count"] == 1
    assert entry["actor_id"] == workspace.session.actor_id and entry["project"] == workspace.session.project_id
    text = json.dumps(entry, ensure_ascii=False)
    assert "证据" not in text and str(folder) not in text and "a.txt" not in text


def test_failed_leaves_one_entry_inline_and_in_a_job(workspace: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Invalid, match="the folder empty has no files"):
        workspace.files.register(path=str(tmp_path / "empty"), title="t")
    workspace.project.create(slug="taken")
    with pytest.raises(Conflict, match="there is a project taken already"):
        workspace.project.create(slug="taken")
    ends = [(e["verb"], e["outcome"], e["code"]) for e in entries(workspace)[1:]]
    assert ends == [
        ("files.register", "failed", "empty_folder"),
        ("project.create", "done", ""),
        ("project.create", "failed", "project_exists"),
    ]


def test_denied_leaves_one_entry(workspace: Any, folder: Path) -> None:
    session = other_session(workspace, "reviewer")
    with pytest.raises(Forbidden):
        call.call(session, "files.register", {"path": str(folder), "title": "t"})
    [entry] = entries(workspace)[1:]
    assert (entry["outcome"], entry["code"], entry["actor_id"]) == ("denied", "forbidden", session.actor_id)
    assert entry["outputs"]["count"] == 0 and count("artifact") == 1


def test_cancelled_leaves_one_entry(place: Place, many: Path) -> None:
    workspace = place.open(lease_s=1)

    def cancel(data: Mapping[str, Any]) -> None:
        assert workspace.job.cancel(id=data["job"]).value["state"] == "running"

    with pytest.raises(Cancelled, match="the job was cancelled"):
        workspace.files.register(path=str(many), title="t", listener=on("start", cancel))
    ends = [(e["verb"], e["outcome"], e["code"]) for e in entries(workspace)[1:]]
    assert ends == [("job.cancel", "done", ""), ("files.register", "cancelled", "cancelled")]
    assert count("artifact") == 1
    assert (
        workspace.job.list()["rows"][1]["state"] == "cancelled"
        or workspace.job.list()["rows"][0]["state"] == "cancelled"
    )


def test_stopped_by_the_keyboard_leaves_one_entry_and_can_be_run_again(workspace: Any, folder: Path) -> None:
    def interrupt(data: Mapping[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Cancelled, match="stopped by the keyboard"):
        workspace.files.register(path=str(folder), title="t", listener=on("progress", interrupt))
    assert entries(workspace)[-1]["outcome"] == "cancelled"
    assert workspace.files.register(path=str(folder), title="t").digest


def test_a_child_that_is_killed_leaves_one_entry(workspace: Any, many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    real = runner.Child
    monkeypatch.setattr(runner, "Child", lambda *a, **k: started.append(real(*a, **k)) or started[-1])
    kill = on("progress", lambda data: os.kill(started[0].pid, signal.SIGKILL))
    with pytest.raises(QuanhengError, match="ended without a word") as caught:
        workspace.files.register(path=str(many), title="t", listener=kill)
    assert caught.value.code == "child_lost"
    assert [(e["outcome"], e["code"]) for e in entries(workspace)[1:]] == [("failed", "child_lost")]


@pytest.mark.parametrize("last", [b'{"event": "progr', b'{"event": "log", "en": "\xe6\x9d', b"[1, 2"])
def test_a_child_that_dies_in_the_middle_of_a_line_ends_its_job(
    workspace: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, last: bytes
) -> None:
    real = runner._read

    def cut(stream: Any, messages: Any) -> None:
        real([b'{"event": "progress", "done": 1, "total": 2}\n', last], messages)  # type: ignore[arg-type]

    monkeypatch.setattr(runner, "_read", cut)
    with pytest.raises(QuanhengError, match="ended without a word") as caught:
        workspace.files.register(path=str(folder), title="t")
    assert caught.value.code == "child_lost"
    assert [(e["outcome"], e["code"]) for e in entries(workspace)[1:]] == [("failed", "child_lost")]


def test_a_fault_in_an_inline_body_changes_nothing_and_leaves_one_entry(
    workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def body(ctx: Any, inp: Any) -> Any:
        from quanheng.core.models import Project

        Project.objects.create(slug="half", title="half", created_at=clock.now())
        raise ZeroDivisionError("a fault")

    monkeypatch.setitem(verb.VERBS, "project.create", dataclasses.replace(verb.VERBS["project.create"], body=body))
    with pytest.raises(QuanhengError, match="ZeroDivisionError: a fault") as caught:
        workspace.project.create(slug="half")
    assert caught.value.code == "body_failed"
    assert count("project") == 1
    assert [(e["outcome"], e["code"]) for e in entries(workspace)[1:]] == [("failed", "body_failed")]
    assert [job["state"] for job in workspace.job.list()["rows"]] == ["failed", "done"]


# ---------------------------------------------------------------- no entry


def test_a_cache_hit_leaves_none_and_again_leaves_one(workspace: Any, folder: Path, tmp_path: Path) -> None:
    first = workspace.files.register(path=str(folder), title="t")
    heard: list[str] = []
    second = workspace.files.register(path=str(folder), title="t", listener=lambda name, data: heard.append(name))
    assert second.cached and second.digest == first.digest and second.job == "" and heard == ["cached"]
    folder.rename(tmp_path / "elsewhere")  # the same content lies in another place
    assert workspace.files.register(path=str(tmp_path / "elsewhere"), title="t").cached
    assert len(entries(workspace)) == 2
    again = workspace.files.register(path=str(tmp_path / "elsewhere"), title="t", again=True)
    assert not again.cached and again.digest != first.digest and len(entries(workspace)) == 3
    assert not workspace.files.register(path=str(tmp_path / "elsewhere"), title="other").cached


def test_a_cache_hit_is_seen_only_in_its_project(workspace: Any, folder: Path) -> None:
    first = workspace.files.register(path=str(folder), title="t")
    workspace.project.create(slug="other")
    second = workspace.call("files.register", path=str(folder), title="t", project="other")
    assert not second.cached and second.digest == first.digest
    assert count("artifact") == 2 and count("placement") == 3  # one row, in two projects


def test_a_withdrawn_artifact_is_no_cache_hit(workspace: Any, folder: Path) -> None:
    first = workspace.files.register(path=str(folder), title="t")
    workspace.artifact.withdraw(artifact=first.digest, reason="含个人信息")
    heard: list[str] = []
    with pytest.raises(QuanhengError) as caught:
        workspace.files.register(path=str(folder), title="t", listener=lambda name, data: heard.append(name))
    assert "cached" not in heard and caught.value.code == "withdrawn"


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("files.register", {}, Invalid),
        ("files.register", {"path": "/no/such/folder", "title": "t"}, NotFound),
        ("files.register", {"path": "/no/such/folder", "title": "t", "size": 1}, Invalid),
        ("name.set", {"artifact": "none", "name": "x"}, NotFound),
        ("name.set", {"artifact": "sha256:" + "0" * 64, "name": "x"}, NotFound),
        ("project.create", {"slug": "Not a slug"}, Invalid),
        ("no.verb", {}, NotFound),
    ],
)
def test_input_that_cannot_be_understood_leaves_none(
    workspace: Any, name: str, data: dict[str, Any], error: type[QuanhengError]
) -> None:
    with pytest.raises(error):
        call.call(workspace.session, name, data)
    assert len(entries(workspace)) == 1 and count("job") == 1


def test_queries_leave_none(workspace: Any) -> None:
    workspace.artifact.list()
    workspace.config.show()
    with pytest.raises(NotFound):
        workspace.artifact.show(artifact="none")
    assert len(entries(workspace)) == 1


# ---------------------------------------------------------------- jobs


def test_a_job_of_another_project_cannot_be_cancelled(workspace: Any, folder: Path) -> None:
    job = workspace.files.register(path=str(folder), title="t", detach=True).job
    workspace.project.create(slug="other")
    with pytest.raises(NotFound, match="there is no job"):
        workspace.call("job.cancel", id=job, project="other")
    with pytest.raises(NotFound, match="there is no job"):
        workspace.call("job.show", id=job, project="other")
    assert workspace.job.cancel(id=job).value["state"] == "queued"


def test_a_job_that_was_taken_away_drops_its_result(place: Place, folder: Path) -> None:
    """Another process claims the job (attempt 2) while attempt 1 runs: 1 commits nothing and says nothing."""
    workspace = place.open()

    def take(data: Mapping[str, Any]) -> None:
        run_sql("UPDATE qh_core_job SET attempt = 2 WHERE id = %s", data["job"])

    with pytest.raises(Conflict, match="taken from attempt 1; its result is dropped") as caught:
        workspace.files.register(path=str(folder), title="t", as_name="x", listener=on("start", take))
    assert caught.value.code == "fenced"
    assert count("artifact") == 1 and count("name") == 0 and len(entries(workspace)) == 1
    assert workspace.job.list()["rows"][0]["state"] == "running"  # it is attempt 2's to end


def test_a_job_that_is_taken_at_the_last_moment_drops_its_result(
    workspace: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last heartbeat only the commit itself can see that the job was taken."""
    real = runner._prepare

    def take_then_prepare(*args: Any) -> Any:
        run_sql("UPDATE qh_core_job SET attempt = 2 WHERE state = 'running'")
        return real(*args)

    monkeypatch.setattr(runner, "_prepare", take_then_prepare)
    with pytest.raises(Conflict, match="taken from attempt 1"):
        workspace.files.register(path=str(folder), title="t")
    assert count("artifact") == 1 and len(entries(workspace)) == 1
    job = workspace.job.list()["rows"][0]
    with pytest.raises(Conflict, match="taken from attempt 1"):
        jobs.heartbeat(job["id"], 1, 30, 0, None)
    assert jobs.heartbeat(job["id"], 2, 30, 0, None) is False


def test_progress_and_logs_are_told(workspace: Any, folder: Path) -> None:
    heard: list[tuple[str, Mapping[str, Any]]] = []
    result = workspace.files.register(path=str(folder), title="t", listener=lambda n, d: heard.append((n, dict(d))))
    assert heard[0][0] == "start" and heard[-1] == (
        "end",
        {"job": result.job, "verb": "files.register", "outputs": [result.digest]},
    )
    assert {"done": 2, "total": 2} in [{k: d[k] for k in ("done", "total")} for n, d in heard if n == "progress"]
    shown = workspace.job.show(id=result.job)
    assert (shown["state"], shown["done"], shown["total"], shown["outputs"]) == ("done", 2, 2, [result.digest])
    assert workspace.job.logs(id=result.job)["text"] == ""


# ---------------------------------------------------------------- flows


def test_a_flow_runs_its_steps_and_a_second_time_does_nothing(workspace: Any, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[params]\nfolder = ""\n[[step]]\nid = "a"\nverb = "files.register"\nas = "proof"\n'
        'with = { path = "$folder", title = "t" }\n',
        "utf-8",
    )
    first = workspace.flow.run(file=str(path), params={"folder": str(folder)})
    assert [e["verb"] for e in entries(workspace)[1:]] == ["files.register", "flow.run"]
    assert workspace.load("proof").digest == first.digest
    rows = {job["verb"]: job for job in workspace.job.list()["rows"]}
    assert rows["files.register"]["parent"] == first.job
    second = workspace.flow.run(file=str(path), params={"folder": str(folder)})
    assert second.cached and second.outputs == first.outputs and len(entries(workspace)) == 3
    with pytest.raises(NotFound):
        workspace.flow.run(file=str(path), params={"folder": "/no/such"})
    assert [(e["verb"], e["outcome"]) for e in entries(workspace)[3:]] == [("flow.run", "failed")]


def test_a_fault_in_a_flow_leaves_one_entry(
    workspace: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        f'[[step]]\nid = "a"\nverb = "files.register"\nwith = {{ path = "{folder}", title = "t" }}\n', "utf-8"
    )

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(flow, "shape", broken)
    with pytest.raises(QuanhengError, match="ZeroDivisionError: a fault") as caught:
        workspace.flow.run(file=str(path))
    assert caught.value.code == "body_failed"
    ends = [(e["verb"], e["outcome"], e["code"]) for e in entries(workspace)[1:]]
    assert ends == [("flow.run", "failed", "body_failed")]


@pytest.mark.parametrize("items", ["abc", 3, {"a": 1}, None])
def test_each_takes_a_list(workspace: Any, folder: Path, tmp_path: Path, items: Any) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[params]\nitems = []\n[[step]]\nid = "a"\nverb = "files.register"\neach = "$items"\n'
        f'with = {{ path = "{folder}", title = "$item" }}\n',
        "utf-8",
    )
    with pytest.raises(Invalid, match="is not a list"):
        workspace.flow.run(file=str(path), params={"items": items})
    assert [(e["verb"], e["code"]) for e in entries(workspace)[1:]] == [("flow.run", "bad_flow")]
    assert len(workspace.flow.run(file=str(path), params={"items": ["a", "b"]}).outputs) == 2


# ---------------------------------------------------------------- the log's time


def test_with_a_clock_that_was_set_back_the_log_stays_in_order(workspace: Any) -> None:
    workspace.project.create(slug="one")
    clock.set_clock(lambda: dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    workspace.project.create(slug="two")
    clock.set_clock(None)
    workspace.project.create(slug="three")
    times = [e["time"] for e in entries(workspace)]
    assert times == sorted(times) and times[2] == times[1]
