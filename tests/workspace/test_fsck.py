"""fsck: clean on a sound workspace, exact on a damaged one, and able to rebuild what is only an index."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from databases import Place
from evidence import item, put_layers, register
from quanheng.core import clock
from quanheng.core.database import cursor
from quanheng.core.fsck import fsck
from quanheng.errors import Forbidden


def _run(sql: str, *values: object) -> None:
    with cursor() as cur:
        cur.execute(sql, values)


def _codes(workspace: Any, **options: Any) -> list[str]:
    return sorted(problem.code for problem in fsck(workspace, **options).problems)


def _notes(workspace: Any) -> set[str]:
    return {note.code for note in fsck(workspace).notes}


def test_a_new_workspace_is_sound(workspace: Any) -> None:
    report = fsck(workspace)
    assert report.ok
    assert report.notes == []
    assert report.counts["entries"] == 1
    assert report.root == workspace.log.list()["root"]
    assert workspace.workspace.fsck()["ok"]


def test_every_state_a_workspace_can_be_in_is_sound(workspace: Any) -> None:
    source = register(workspace, "source", [("a.txt", b"one")], as_name="source")
    register(workspace, "model", [("b.txt", b"two")], [("from", source), ("also", source)])
    register(workspace, "again", [("a.txt", b"one")], as_name="source")  # the name moves
    workspace.checkpoint.sign()
    workspace.project.create(slug="other")
    workspace.call("artifact.register_many", items=[item("elsewhere")], project="other")
    register(workspace, "again", [("a.txt", b"one")])  # registered a second time
    with pytest.raises(Forbidden):
        workspace.call("artifact.register_many", items=[item("x", [dict(_layer("0" * 64))])])
    workspace.artifact.withdraw(artifact=source, reason="the owner asked for it")
    assert fsck(workspace).problems == []
    assert fsck(workspace, quick=True).problems == []


def _layer(digits: str) -> dict[str, Any]:
    return {"digest": "sha256:" + digits, "size": 1, "media_type": "text/plain", "title": "t"}


def test_a_missing_object_is_a_problem_and_a_withdrawn_one_a_note(workspace: Any) -> None:
    kept = register(workspace, "kept", [("a.txt", b"kept")])
    gone = register(workspace, "gone", [("a.txt", b"gone")])
    workspace.artifact.withdraw(artifact=gone, reason="not wanted")
    assert _codes(workspace) == []
    assert _notes(workspace) == {"withdrawn"}
    layer = workspace.load(kept).layers[0].digest
    workspace.objects.delete(layer)
    (problem,) = fsck(workspace).problems
    assert (problem.code, problem.what) == ("object_missing", f"object {layer}")
    assert kept in problem.en
    assert kept in problem.zh


def test_a_withdrawn_layer_that_is_there_again_is_noted(workspace: Any) -> None:
    gone = register(workspace, "gone", [("a.txt", b"gone")])
    workspace.artifact.withdraw(artifact=gone, reason="not wanted")
    workspace.put(b"gone")
    assert _notes(workspace) == {"withdrawn", "withdrawn_present", "unused"}


def test_quick_compares_sizes_and_the_full_check_hashes(workspace: Any) -> None:
    digest = register(workspace, "a", [("a.txt", b"right")])
    path = workspace.objects.path(workspace.load(digest).layers[0].digest)
    path.chmod(0o644)
    path.write_bytes(b"wrong")
    assert _codes(workspace, quick=True) == []
    assert _codes(workspace) == ["object_damaged"]
    path.write_bytes(b"too long")
    assert _codes(workspace, quick=True) == ["object_size"]


def test_an_external_layer_out_of_reach_is_not_damage(place: Place) -> None:
    layer = {**_layer("1" * 64), "urls": ["https://data.example/x"]}
    place.open(allowed_hosts="data.example").artifact.register_many(items=[item("far", [layer])])
    report = fsck(place.open())  # its host may not be called any more
    assert report.problems == []
    assert [n.code for n in report.notes if n.code.startswith("external")] == ["external_unreachable"]
    assert report.counts["external"] == 1


@pytest.mark.parametrize("statement", ["DELETE FROM qh_core_edge", "UPDATE qh_core_edge SET role = 'changed'"])
def test_repair_writes_edges_anew(workspace: Any, statement: str) -> None:
    source = register(workspace, "source")
    model = register(workspace, "model", [], [("from", source), ("also", source)])
    before = workspace.lineage.of(artifact=model)
    if "UPDATE" in statement:
        statement += " WHERE role = 'also'"
    _run(statement)
    assert _codes(workspace) == ["edges"]
    assert [p.code for p in fsck(workspace, repair=True).repaired] == ["edges"]
    assert _codes(workspace) == []
    assert workspace.lineage.of(artifact=model) == before


def test_repair_writes_layer_uses_anew(workspace: Any) -> None:
    register(workspace, "a", [("a.txt", b"one"), ("b.txt", b"two"), ("c.txt", b"one")])
    _run("DELETE FROM qh_core_layeruse")
    report = fsck(workspace, repair=True)
    assert report.ok
    assert [p.code for p in report.repaired] == ["layer_uses"]
    assert _codes(workspace) == []


def test_repair_leaves_what_is_no_index_alone(workspace: Any) -> None:
    register(workspace, "a", [("a.txt", b"one")])
    _run("UPDATE qh_core_artifact SET kind = 'corpus/v1' WHERE kind = 'files/v1'")
    report = fsck(workspace, repair=True)
    assert [p.code for p in report.problems] == ["kind_column"]
    assert not report.repaired


def test_a_job_that_ended_without_an_entry_is_named(workspace: Any) -> None:
    register(workspace, "a")
    _run(
        "INSERT INTO qh_core_job (id, verb, version, state, actor_id, input, inputs, params_digest, key, name, again,"
        " attempt, max_attempts, runner, cancel_requested, progress_done, error, created_at, is_local)"
        " SELECT 'feed', verb, version, state, actor_id, input, inputs, params_digest, key, name, again, attempt,"
        " max_attempts, runner, cancel_requested, progress_done, error, created_at, is_local FROM qh_core_job"
        " WHERE verb = 'artifact.register_many'"
    )
    (problem,) = fsck(workspace).problems
    assert (problem.code, problem.what) == ("job_without_entry", "job feed")


def test_a_shortened_log_is_seen_by_its_checkpoint(workspace: Any) -> None:
    register(workspace, "a")
    workspace.checkpoint.sign()
    _run("UPDATE qh_core_loghead SET size = 1, time = (SELECT time FROM qh_core_loghead)")
    assert "log_shorter" in _codes(workspace)


def test_a_name_that_points_elsewhere_than_its_last_move(workspace: Any) -> None:
    register(workspace, "a", as_name="it")
    register(workspace, "b", as_name="it")
    _run("UPDATE qh_core_name SET artifact_id = (SELECT MIN(artifact_id) FROM qh_core_namemove)")
    (problem,) = fsck(workspace).problems
    assert problem.what == "name files:it"
    assert "名称 files:it" in problem.zh


def test_a_guard_that_was_dropped_is_named(workspace: Any, place: Place) -> None:
    _run(
        "DROP TRIGGER qh_core_logentry_no_delete"
        if place.is_sqlite
        else "ALTER TABLE qh_core_logentry DISABLE TRIGGER qh_core_logentry_append_only"
    )
    assert _codes(workspace) == ["guard_missing"]


def test_a_withdrawal_behind_the_logs_back_is_named(workspace: Any) -> None:
    digest = register(workspace, "a", [("a.txt", b"one")])
    _run("UPDATE qh_core_artifact SET withdrawn_at = created_at WHERE digest = %s", digest)
    (problem,) = fsck(workspace).problems
    assert (problem.code, problem.what) == ("withdrawal", f"artifact {digest}")


def test_an_artifact_without_its_input_is_named(workspace: Any) -> None:
    source = register(workspace, "source")
    model = register(workspace, "model", [], [("from", source)])
    with cursor() as cur:
        cur.execute("PRAGMA foreign_keys = OFF" if _sqlite() else "SET session_replication_role = replica")
        cur.execute("DELETE FROM qh_core_artifact WHERE digest = %s", [source])
    told = {problem.code: problem.what for problem in fsck(workspace).problems}
    assert told["input_missing"] == f"artifact {model}"
    assert told["artifact_missing"] == f"artifact {source}"


def _sqlite() -> bool:
    from quanheng.core.database import is_sqlite

    return is_sqlite()


def test_a_clock_set_back_leaves_a_sound_log(workspace: Any) -> None:
    now = clock.now()
    for hours in (0, -30, 5, -1000):
        clock.set_clock(lambda hours=hours: now + dt.timedelta(hours=hours))
        register(workspace, f"at {hours}")
    entries = workspace.log.list()["entries"]
    times = [entry["time"] for entry in reversed(entries)]
    assert times == sorted(times)
    assert len(set(times)) < len(times)  # the clock did go back
    assert fsck(workspace).problems == []


def test_temporary_files_are_noted(workspace: Any) -> None:
    put_layers(workspace, [("a", b"x")])
    (workspace.objects.root / "tmp" / "1-0.part").write_bytes(b"half")
    assert {"temporary", "unused"} == _notes(workspace)


def test_checking_needs_audit_and_repairing_own(workspace: Any, place: Place) -> None:
    from quanheng.core.models import Membership

    workspace.user.create(label="auditor")
    Membership.objects.create(actor_id=_actor(workspace, "auditor"), project=None, role="auditor")
    token = workspace.token.create(label="auditor", scopes=["audit"]).value["token"]
    auditor = place.open(token=token)
    assert fsck(auditor).ok
    with pytest.raises(Forbidden):
        fsck(auditor, repair=True)


def _actor(workspace: Any, label: str) -> str:
    return next(row["actor_id"] for row in workspace.user.list() if row["label"] == label)


def test_status_counts_what_is_there(workspace: Any) -> None:
    register(workspace, "a", [("a.txt", b"1234")])
    workspace.checkpoint.sign()
    status = workspace.workspace.status()
    assert (status["artifacts"], status["layers"], status["bytes"]) == (2, 1, 4)
    assert status["log"]["size"] == status["checkpoint"] == 2
    assert status["jobs"] == {"done": 2}
