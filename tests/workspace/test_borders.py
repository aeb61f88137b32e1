"""Borders between projects, and of tokens: what is shared by content is not thereby everybody's."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from calling import count, entries

from evidence import item, put_layers, register
from quanheng.core import call, clock, collect, jobs, permission, uploads, worker
from quanheng.core.bundles import export_bundle
from quanheng.core.fsck import fsck
from quanheng.core.session import Session, token_session
from quanheng.errors import Conflict, Forbidden, Invalid, Unavailable
from quanheng.store.verify import verify_bundle


def member(workspace: Any, label: str, role: str, project: str = "main", *, everywhere: bool = False) -> Session:
    """Return the session of a new account with this role."""
    from quanheng.core.models import Actor, Membership, Project

    place = Project.objects.get(slug=project)
    actor = Actor.objects.create(label=label, password="!", created_at=clock.now())
    Membership.objects.create(actor=actor, project=None if everywhere else place, role=role)
    return Session(workspace, actor.id, True, place.id)


def shared(workspace: Any) -> str:
    """Return an artifact that the projects main and other hold, and "theirs", made from it in the other one."""
    workspace.project.create(slug="other")
    digest = register(workspace, "shared", [("a", b"of both")])
    again = item("shared", put_layers(workspace, [("a", b"of both")]))
    assert workspace.call("artifact.register_many", items=[again], project="other").digest == digest
    return digest


def withdraw(session: Session, digest: str) -> Any:
    return call.call(session, "artifact.withdraw", {"artifact": digest, "reason": "含个人信息"})


# ---------------------------------------------------------------- withdrawal


def test_what_other_projects_hold_takes_an_owner_of_the_workspace_to_withdraw(workspace: Any) -> None:
    digest = shared(workspace)
    mine = register(workspace, "mine", [("b", b"of main alone")])
    owner = member(workspace, "owner-here", "owner")
    with pytest.raises(Forbidden, match="other projects hold this artifact too") as caught:
        withdraw(owner, digest)
    assert "其他项目也持有该制品" in caught.value.text.zh and caught.value.hint
    last = entries(workspace)[-1]
    assert (last["verb"], last["outcome"], last["code"]) == ("artifact.withdraw", "denied", permission.REFUSED)
    assert workspace.artifact.show(artifact=digest)["withdrawn"] is None
    assert withdraw(owner, mine).value["layers_deleted"] == 1
    assert withdraw(workspace.session, digest).value["layers_deleted"] == 1


def test_a_withdrawal_names_descendants_that_the_actor_may_read(workspace: Any) -> None:
    digest = shared(workspace)
    here = register(workspace, "made here", inputs=[("from", digest)])
    made = {"items": [item("made there", inputs=[("from", digest)])]}
    there = call.call(workspace.session.in_project("other"), "artifact.register_many", made).digest
    steps = {way: workspace.lineage.of(artifact=digest, down=way)["steps"] for way in (True, False)}
    assert [step["digest"] for step in steps[True]] == [here] and steps[False] == []
    up = workspace.call("lineage.of", artifact=there, project="other")["steps"]
    assert [step["digest"] for step in up] == [digest]
    assert withdraw(workspace.session, digest).value["descendants"] == sorted([here, there])


def test_layers_that_could_not_be_removed_are_told_and_go_later(
    workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = register(workspace, "t", [("a", b"one"), ("b", b"two")])
    size = count("logentry")

    def fail(*args: object, **options: object) -> None:
        raise Unavailable("the disk is gone", "磁盘不可用")

    monkeypatch.setattr(collect, "remove_layers", fail)
    answer = withdraw(workspace.session, digest).value
    assert answer == {"layers_shared": 0, "descendants": [], "layers_deleted": 0, "layers_left": True}
    assert count("logentry") == size + 1 and entries(workspace)[-1]["outcome"] == "done"
    monkeypatch.undo()
    start = clock.now()
    clock.set_clock(lambda: start + dt.timedelta(hours=25))
    assert collect.collect(workspace).layers == 2
    assert fsck(workspace).ok


def test_a_layer_that_another_actor_brought_lately_is_spared(workspace: Any) -> None:
    digest = register(workspace, "t", [("a", b"brought twice"), ("b", b"mine")])
    uploads.put(member(workspace, "bao", "builder"), b"brought twice")
    answer = withdraw(workspace.session, digest).value
    assert (answer["layers_deleted"], answer["layers_left"]) == (1, True)
    [kept] = [layer for layer in put_layers(workspace, [("a", b"brought twice")])]
    assert workspace.objects.exists(kept["digest"])
    start = clock.now()
    clock.set_clock(lambda: start + dt.timedelta(hours=25))
    assert collect.remove_layers(workspace, [kept["digest"]], actor_id=workspace.session.actor_id).layers == 1


# ---------------------------------------------------------------- layers and names


def test_a_layer_of_another_project_cannot_be_named_as_an_external_one(workspace: Any) -> None:
    workspace.project.create(slug="other")
    [layer] = put_layers(workspace, [("a", b"secret of main")])
    register(workspace, "t", [("a", b"secret of main")])
    reader = member(workspace, "bao", "builder", "other")
    away = {**layer, "urls": ["http://127.0.0.1/a"]}
    with pytest.raises(Forbidden, match="neither uploaded layer") as caught:
        call.call(reader, "artifact.register_many", {"items": [item("t", [away])]})
    assert caught.value.code == "layer_not_yours"


def test_bringing_a_layer_takes_the_permission_build(workspace: Any) -> None:
    with pytest.raises(Forbidden, match=r"layer\.put is not allowed"):
        uploads.put(member(workspace, "bao", "auditor"), b"x")
    assert uploads.put(member(workspace, "chen", "builder"), b"x").size == 1
    workspace.member.grant(label="chen", role="owner")
    narrow = workspace.token.create(label="chen", scopes=["read"]).value["token"]
    with pytest.raises(Forbidden, match="scopes do not include build"):
        uploads.put(token_session(workspace, narrow), b"y")
    one = workspace.token.create(label="chen", scopes=["layer.put"]).value["token"]
    assert uploads.put(token_session(workspace, one), b"y").size == 1


@pytest.mark.parametrize("name", ["Upper", "a b", "../up", "名", "-a", "a" * 101, "a\n", "a\0"])
def test_a_name_that_no_artifact_can_get_is_refused_before_anything_runs(
    workspace: Any, folder: Path, name: str
) -> None:
    before = count("job")
    for data in ({"path": str(folder)}, {"path": "/no/such/file"}):
        with pytest.raises(Invalid, match="cannot be the name") as caught:
            workspace.call("files.register", title="t", as_name=name, **data)
        assert caught.value.code == "bad_name" and caught.value.hint
    assert count("job") == before and count("artifact") == 1


# ---------------------------------------------------------------- tokens


def token_of(workspace: Any, scopes: list[str], **data: Any) -> Session:
    """Return the session of a token of the account bao, who owns the workspace."""
    if not workspace.user.list() or "bao" not in {row["label"] for row in workspace.user.list()}:
        workspace.user.create(label="bao")
        workspace.member.grant(label="bao", role="owner", everywhere=True)
    made = workspace.token.create(label="bao", scopes=scopes, **data).value
    return token_session(workspace, str(made["token"]))


def test_a_token_makes_no_wider_token(workspace: Any) -> None:
    session = token_of(workspace, ["token.create", "read"], days=10)
    owner = next(row["label"] for row in workspace.user.list() if row["label"].startswith("os:"))
    for data in ({"label": "bao", "scopes": ["own"]}, {"label": owner, "scopes": ["read"]}):
        with pytest.raises(Forbidden, match="only tokens of its own account") as caught:
            call.call(session, "token.create", data)
        assert caught.value.code == permission.REFUSED
        assert entries(workspace)[-1]["outcome"] == "denied"
    made = call.call(session, "token.create", {"label": "bao", "scopes": ["read"], "days": 300}).value
    child = token_session(workspace, str(made["token"]))
    assert child.scopes == {"read"} and child.token_ends == session.token_ends


def test_what_a_token_queues_runs_within_its_limits(workspace: Any, folder: Path) -> None:
    from quanheng.core.models import Token

    session = token_of(workspace, ["build", "own"])
    data = {"path": str(folder), "title": "t"}
    first, second = (call.call(session, "files.register", data, detach=True).job for _ in range(2))
    assert worker.run_claimed(workspace, claimed(first)).outcome == "done"
    Token.objects.update(scopes="read")  # a token is never narrowed; were it, the worker would go by it
    ended = worker.run_claimed(workspace, claimed(second))
    assert (ended.outcome, ended.error and ended.error.code) == ("denied", permission.REFUSED)
    assert entries(workspace)[-1]["outcome"] == "denied"


def test_what_a_revoked_token_queued_is_denied(workspace: Any, folder: Path) -> None:
    session = token_of(workspace, ["build"])
    job = call.call(session, "files.register", {"path": str(folder), "title": "t"}, detach=True).job
    workspace.token.revoke(id=session.token_id)
    ended = worker.run_claimed(workspace, claimed(job))
    assert (ended.outcome, ended.error and ended.error.code) == ("denied", "token_ended")
    last = entries(workspace)[-1]
    assert (last["job"], last["outcome"], last["code"], last["actor_id"]) == (
        job,
        "denied",
        "token_ended",
        session.actor_id,
    )


def claimed(job: str) -> str:
    """Return the job, now leased to this process."""
    assert jobs.claim(30) == job
    return job


# ---------------------------------------------------------------- the log


def test_a_role_in_one_project_shows_the_entries_of_that_project(workspace: Any) -> None:
    workspace.project.create(slug="other")
    register(workspace, "in main")
    made = {"items": [item("there")]}
    call.call(workspace.session.in_project("other"), "artifact.register_many", made)
    everything = workspace.log.list(limit=100)
    reader = member(workspace, "bao", "auditor", "other")
    seen = call.ask(reader, "log.list", {"limit": 100})
    assert (seen["size"], seen["root"]) == (everything["size"], everything["root"])
    assert [entry["project"] for entry in seen["entries"]] == [reader.project_id]
    assert seen["entries"][0] in everything["entries"] and len(everything["entries"]) == everything["size"]
    mine = seen["entries"][0]["index"]
    assert call.ask(reader, "log.list", {"before": mine})["entries"] == []
    assert call.ask(reader, "log.proof", {"index": mine})["path"]
    with pytest.raises(Forbidden, match="entry 0 is of another project") as caught:
        call.ask(reader, "log.proof", {"index": 0})
    assert caught.value.code == "entry_elsewhere"
    wide = member(workspace, "chen", "auditor", everywhere=True)
    assert call.ask(wide, "log.list", {"limit": 100}) == everything
    assert call.ask(wide, "log.proof", {"index": mine})["index"] == mine


def test_a_token_of_one_project_shows_the_entries_of_that_project(workspace: Any) -> None:
    workspace.project.create(slug="other")
    call.call(workspace.session.in_project("other"), "artifact.register_many", {"items": [item("there")]})
    session = token_of(workspace, ["read"], here=True)
    projects = {entry["project"] for entry in call.ask(session, "log.list", {"limit": 100})["entries"]}
    assert projects == {workspace.session.project_id}


# ---------------------------------------------------------------- checkpoints


def test_reading_signs_nothing(workspace: Any, tmp_path: Path) -> None:
    digest = register(workspace, "t", [("a", b"x")])
    reader = member(workspace, "bao", "builder")
    with pytest.raises(Conflict, match="no signed checkpoint reaches") as caught:
        export_bundle(reader, [digest], tmp_path / "b.zip")
    assert caught.value.code == "no_checkpoint" and caught.value.hint and not (tmp_path / "b.zip").exists()
    assert count("checkpoint") == 0
    signed = workspace.checkpoint.sign()["size"]
    later = register(workspace, "later")
    done = export_bundle(reader, [digest], tmp_path / "b.zip")
    assert (done.log_size, count("checkpoint")) == (signed, 1)
    assert verify_bundle(done.path, done.fingerprint).ok
    with pytest.raises(Conflict):
        export_bundle(reader, [later], tmp_path / "c.zip")
    auditor = member(workspace, "chen", "auditor", everywhere=True)
    assert export_bundle(auditor, [later], tmp_path / "c.zip").log_size > signed
    workspace.key.rotate()
    with pytest.raises(Conflict):  # the former key's note is no proof by the present one
        export_bundle(reader, [digest], tmp_path / "d.zip")


def test_a_reader_gets_the_report_with_the_newest_signed_checkpoint(workspace: Any, tmp_path: Path) -> None:
    pack = workspace.rulepack.register(file="shipped:oversight/rules/packs/tc260-003-2024.json").digest
    assessment = workspace.assessment.run(rulepack=pack).digest
    reader = member(workspace, "bao", "builder")
    for query, name in (("assessment.report", "r.html"), ("assessment.bundle", "b.zip")):
        with pytest.raises(Conflict) as caught:
            call.ask(reader, query, {"assessment": assessment, "to": str(tmp_path / name)})
        assert caught.value.code == "no_checkpoint" and not (tmp_path / name).exists()
    root = workspace.checkpoint.sign()["root"]
    register(workspace, "later")
    for query, name in (("assessment.report", "r.html"), ("assessment.bundle", "b.zip")):
        call.ask(reader, query, {"assessment": assessment, "to": str(tmp_path / name)})
    assert root in (tmp_path / "r.html").read_text("utf-8")
    assert count("checkpoint") == 1


def test_a_new_key_is_made_durable(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.core import keys

    made: list[Path] = []
    monkeypatch.setattr(keys, "fsync_folder", made.append)
    workspace.key.rotate()
    assert made == [workspace.folder / "keys", workspace.folder]


def test_packs_of_a_killed_registration_are_swept(workspace: Any, tmp_path: Path) -> None:
    with workspace.objects.scratch() as folder:
        assert folder.parent == workspace.objects.root / "tmp" and folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()
    folder.mkdir()
    (folder / "pack-00000.zip").write_bytes(b"half")
    start = clock.now()
    clock.set_clock(lambda: start + dt.timedelta(hours=25))
    assert collect.collect(workspace).temporary == 1
    assert not folder.exists()
