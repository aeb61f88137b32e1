"""Calls through the one door: entries, the cache, refusals, cancelling, fencing, and opening a workspace."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import quanheng
from databases import Place
from evidence import item, put_layers, register
from quanheng.core import call, clock, runner, verb
from quanheng.core import workspace as workspaces
from quanheng.core.resolve import check_url
from quanheng.core.session import Session
from quanheng.errors import Cancelled, Conflict, Forbidden, Invalid, NotFound, QuanhengError, Unavailable


def entries(workspace: Any) -> list[dict[str, Any]]:
    """Return the entries of the log, oldest first."""
    return list(reversed(workspace.log.list(limit=1000)["entries"]))


def count(table: str) -> int:
    """Return the number of rows of a table of the core."""
    from quanheng.core.database import cursor

    with cursor() as cur:
        cur.execute(f"SELECT COUNT(*) FROM qh_core_{table}")
        return int(cur.fetchone()[0])


def run_sql(statement: str, *values: object) -> None:
    from quanheng.core.database import cursor

    with cursor() as cur:
        cur.execute(statement, list(values))


def on(event: str, work: Callable[[Mapping[str, Any]], None]) -> runner.Listener:
    """Return a listener that does `work` at the first `event`."""
    done: list[bool] = []

    def listener(name: str, data: Mapping[str, Any]) -> None:
        if name == event and not done:
            done.append(True)
            work(data)

    return listener


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two small files."""
    made = tmp_path / "evidence"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_bytes("证据".encode())
    (made / "sub" / "b.txt").write_bytes(b"b")
    return made


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Return a folder with files enough to be met at work."""
    made = tmp_path / "many"
    made.mkdir()
    for number in range(150):
        (made / f"{number:03}.txt").write_bytes(b"%d" % number)
    return made


def other_session(workspace: Any, role: str = "builder") -> Session:
    from quanheng.core.models import Actor, Membership

    actor = Actor.objects.create(label="chen", password="!", created_at=clock.now())
    Membership.objects.create(actor=actor, project_id=workspace.session.project_id, role=role)
    return Session(workspace, actor.id, True, workspace.session.project_id)


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
    assert workspace.job.list()[1]["state"] == "cancelled" or workspace.job.list()[0]["state"] == "cancelled"


def test_stopped_by_the_keyboard_leaves_one_entry_and_can_be_run_again(workspace: Any, folder: Path) -> None:
    def interrupt(data: Mapping[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Cancelled, match="stopped by the keyboard"):
        workspace.files.register(path=str(folder), title="t", listener=on("progress", interrupt))
    assert entries(workspace)[-1]["outcome"] == "cancelled"
    assert workspace.files.register(path=str(folder), title="t").digest


def test_a_child_that_is_killed_leaves_one_entry(workspace: Any, many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    real = runner.subprocess.Popen
    monkeypatch.setattr(runner.subprocess, "Popen", lambda *a, **k: started.append(real(*a, **k)) or started[-1])
    with pytest.raises(QuanhengError, match="ended without a word") as caught:
        workspace.files.register(path=str(many), title="t", listener=on("progress", lambda data: started[0].kill()))
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
    assert [job["state"] for job in workspace.job.list()] == ["failed", "done"]


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


# ---------------------------------------------------------------- refusals


def test_layers_that_are_not_yours_are_refused(workspace: Any) -> None:
    from quanheng.core.uploads import put

    workspace.project.create(slug="other")
    layers = put_layers(workspace, [("a", b"secret of another")])
    session = other_session(workspace)
    data = {"items": [item("t", layers)]}
    with pytest.raises(Forbidden, match="neither uploaded layer") as caught:
        call.call(session, "artifact.register_many", data)
    assert caught.value.code == "layer_not_yours" and entries(workspace)[-1]["outcome"] == "failed"
    put(session, b"secret of another")  # whoever has the bytes may name them
    assert call.call(session, "artifact.register_many", data).digest
    put(workspace.session, b"in main")
    register(workspace, "shared", [("b", b"in main")])
    assert call.call(
        session, "artifact.register_many", {"items": [item("u", put_layers(workspace, [("b", b"in main")]))]}
    )


def test_a_layer_of_another_size_than_its_bytes_is_refused(workspace: Any) -> None:
    [layer] = put_layers(workspace, [("a", b"four")])
    with pytest.raises(QuanhengError):
        workspace.artifact.register_many(items=[item("t", [{**layer, "size": 5}])])
    with pytest.raises(Invalid):
        workspace.artifact.register_many(items=[item("t", [{**layer, "title": "../up"}])])
    assert count("artifact") == 1


def test_a_withdrawn_artifact_is_no_input(workspace: Any) -> None:
    digest = register(workspace, "t", [("a", b"personal")], as_name="x")
    child = register(workspace, "child", inputs=[("source", digest)])
    answer = workspace.artifact.withdraw(artifact="x", reason="含个人信息").value
    assert answer == {"layers_deleted": 1, "layers_shared": 0, "descendants": [child]}
    for text in ("x", digest):
        with pytest.raises(Conflict, match="was withdrawn") as caught:
            workspace.name.set(artifact=text, name="y")
        assert caught.value.code == "withdrawn"
    with pytest.raises(Conflict, match="was withdrawn"):
        register(workspace, "late", inputs=[("source", digest)])
    shown = workspace.artifact.show(artifact=digest)
    assert shown["withdrawn"] == "含个人信息" and shown["kind"] == "files/v1"
    assert not workspace.objects.exists(shown["layers"][0]["digest"])


def test_a_local_path_from_elsewhere_is_refused_and_not_looked_at(workspace: Any, folder: Path) -> None:
    remote = dataclasses.replace(workspace.session, is_local=False)
    for path in (str(folder), "/no/such/folder"):
        with pytest.raises(Forbidden, match="only the command line and Python may give") as caught:
            call.call(remote, "files.register", {"path": path, "title": "t"})
        assert caught.value.code == "local_path_refused"
    with pytest.raises(Forbidden, match="只能在命令行或 Python 中使用"):
        raise Forbidden(caught.value.text.zh, caught.value.text.en)


def test_a_host_that_is_not_allowed_is_refused(place: Place) -> None:
    workspace = place.open()
    with pytest.raises(Forbidden, match=r"the host models\.example is not in the setting allowed_hosts"):
        call.call(workspace.session, "endpoint.register", {"url": "http://models.example/v1", "title": "t"})
    for url in ("http://127.0.0.1:1/", "http://localhost/", "http://[::1]/"):
        check_url(workspace.session, url)
    for url in ("ftp://models.example/", "models.example", "http://", "file:///etc/passwd", "http://[::1/"):
        with pytest.raises(Invalid, match=r"is not an http\(s\) URL"):
            check_url(workspace.session, url)
    for url in ("http://127.0.0.1@models.example/", "http://localhost.models.example/"):
        with pytest.raises(Forbidden):
            check_url(workspace.session, url)
    allowed = place.open(allowed_hosts="Models.example").session
    check_url(allowed, "https://MODELS.example/v1")


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
    assert workspace.job.list()[0]["state"] == "running"  # it is attempt 2's to end


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
    jobs = {job["verb"]: job for job in workspace.job.list()}
    assert jobs["files.register"]["parent"] == first.job
    second = workspace.flow.run(file=str(path), params={"folder": str(folder)})
    assert second.cached and second.outputs == first.outputs and len(entries(workspace)) == 3
    with pytest.raises(NotFound):
        workspace.flow.run(file=str(path), params={"folder": "/no/such"})
    assert [(e["verb"], e["outcome"]) for e in entries(workspace)[3:]] == [("flow.run", "failed")]


# ---------------------------------------------------------------- the log's time


def test_with_a_clock_that_was_set_back_the_log_stays_in_order(workspace: Any) -> None:
    workspace.project.create(slug="one")
    clock.set_clock(lambda: dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    workspace.project.create(slug="two")
    clock.set_clock(None)
    workspace.project.create(slug="three")
    times = [e["time"] for e in entries(workspace)]
    assert times == sorted(times) and times[2] == times[1]


# ---------------------------------------------------------------- opening


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
    with pytest.raises(NotFound, match="there is no workspace in"):
        quanheng.open(tmp_path / "letters")
    with pytest.raises(NotFound, match="there is no workspace in"):
        quanheng.open(tmp_path / "new", create=False)
    assert os.listdir(tmp_path / "letters") == ["dear.txt"] and not (tmp_path / "new").exists()


def test_words_that_are_not_there_are_attribute_errors(workspace: Any) -> None:
    with pytest.raises(AttributeError, match="a workspace has no 'nothing'"):
        workspace.nothing
    with pytest.raises(AttributeError, match="project has no 'fly'; it has: create"):
        workspace.project.fly
