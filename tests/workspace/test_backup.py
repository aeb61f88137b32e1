"""Backup and restore: the same evidence on either database; a cut or tampered file restores nothing."""

from __future__ import annotations

import json
import os
import random
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from databases import Place, Templates, close_open, missing_postgres
from evidence import register, register_many
from quanheng.core.backup import backup, restore
from quanheng.core.bundles import export_bundle
from quanheng.core.collect import alone
from quanheng.core.database import cursor
from quanheng.core.fsck import fsck
from quanheng.errors import Conflict, Corrupt, Forbidden, Invalid, NotFound, QuanhengError
from quanheng.store import canonical_json, read_zip, sha256_digest, write_zip


def _fill(workspace: Any) -> str:
    source = register(workspace, "源", [("a.txt", b"one" * 1000), ("b.txt", "二".encode())], as_name="source")
    model = register(workspace, "model", [("c.txt", b"three")], [("from", source), ("also", source)], as_name="model")
    gone = register(workspace, "gone", [("d.txt", b"gone")])
    workspace.artifact.withdraw(artifact=gone, reason="the owner asked for it\n撤回")
    register_many(workspace, [f"item {n}" for n in range(300)])
    size = workspace.checkpoint.sign()["size"]
    workspace.witness.add(size=size, form="letter", proof="第七号", date="2026-11-20")
    workspace.user.create(label="reader")
    workspace.token.create(label="reader", days=7)
    workspace.put(b"uploaded, not used yet")
    return model


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, templates: Templates, tmp_path: Path) -> Iterator[Place]:
    """Return an empty place on each database: no folder, and a database without tables."""
    if request.param == "sqlite":
        yield Place(tmp_path / "restored", "sqlite")
        return
    if reason := missing_postgres():
        pytest.skip(reason)
    name = templates.cluster.create()
    yield Place(tmp_path / "restored", templates.cluster.url(name))
    close_open()
    templates.cluster.drop(name)


def _facts(workspace: Any) -> dict[str, Any]:
    return {
        "log": workspace.log.list(limit=1000),
        "artifacts": [{**row, "created": ""} for row in workspace.artifact.list(limit=1000)["rows"]],
        "lineage": workspace.lineage.of(artifact="model"),
        "names": workspace.name.history(name="source"),
        "checkpoints": workspace.checkpoint.list(),
        "members": workspace.member.list(),
        "tokens": workspace.token.list(),
        "status": {**workspace.workspace.status(), "database": ""},
    }


def test_a_restored_workspace_is_the_same_on_either_database(workspace: Any, target: Place, tmp_path: Path) -> None:
    model = _fill(workspace)
    bundle = export_bundle(workspace.session, [model], tmp_path / "1.zip").path.read_bytes()
    before = _facts(workspace)
    done = backup(workspace, tmp_path / "b.zip", keys=True)
    close_open()
    restored = restore(done.path, target.folder, database_url=target.database)
    assert (restored.origin, restored.log_size, restored.root) == (done.origin, done.log_size, done.root)
    again = target.open()
    assert _facts(again) == before
    report = fsck(again)
    assert report.problems == []
    with again.load("model").open_layer("c.txt") as stream:
        assert stream.read() == b"three"
    assert export_bundle(again.session, [model], tmp_path / "2.zip").path.read_bytes() == bundle
    same = backup(again, tmp_path / "b2.zip", keys=True).path.read_bytes() == done.path.read_bytes()
    assert same
    register(again, "life goes on", [("new.txt", b"new")], as_name="new")  # sequences, keys and triggers work
    again.key.rotate()
    again.checkpoint.sign()
    assert fsck(again).problems == []
    assert [p.name for p in target.folder.parent.glob(".*")] == []


def test_private_keys_stay_at_home_unless_asked_for(workspace: Any, tmp_path: Path) -> None:
    done = backup(workspace, tmp_path / "b.zip")
    with read_zip(done.path) as zipped:
        assert not [name for name in zipped.names if name.startswith("keys/")]
    assert not done.has_private_keys
    assert stat.S_IMODE(done.path.stat().st_mode) == 0o600
    close_open()
    restore(done.path, tmp_path / "r", database_url="sqlite")
    again = Place(tmp_path / "r", "sqlite").open()
    assert {note.code for note in fsck(again).notes} == {"private_key_missing"}
    again.key.rotate(lost=True)
    again.checkpoint.sign()
    assert fsck(again).ok


def test_a_restored_folder_has_the_mode_that_the_umask_or_the_empty_folder_gives(
    workspace: Any, tmp_path: Path
) -> None:
    done = backup(workspace, tmp_path / "b.zip")
    close_open()
    (tmp_path / "there").mkdir(mode=0o700)
    before = os.umask(0o027)
    try:
        restore(done.path, tmp_path / "r", database_url="sqlite")
        restore(done.path, tmp_path / "there", database_url="sqlite")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o700


def test_private_key_files_are_readable_by_their_owner_only(workspace: Any, tmp_path: Path) -> None:
    done = backup(workspace, tmp_path / "b.zip", keys=True)
    close_open()
    restore(done.path, tmp_path / "r", database_url="sqlite")
    (key,) = (tmp_path / "r" / "keys").iterdir()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_same_state_gives_the_same_bytes(workspace: Any, tmp_path: Path) -> None:
    _fill(workspace)
    first = backup(workspace, tmp_path / "1.zip").path.read_bytes()
    assert backup(workspace, tmp_path / "2.zip").path.read_bytes() == first


def _is_empty(place: Place) -> bool:
    if place.folder.exists() or list(place.folder.parent.glob(".*restoring*")):
        return False
    if place.is_sqlite:
        return True
    from quanheng.core import database

    database.bind(place.folder, place.database, 5)
    with cursor() as cur:
        cur.execute("SELECT COUNT(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        relations = cur.fetchone()[0]
        cur.execute("SELECT COUNT(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        functions = cur.fetchone()[0]
    database.unbind()
    return (relations, functions) == (0, 0)


@pytest.mark.databases("sqlite")
def test_a_cut_or_flipped_backup_restores_nothing(workspace: Any, target: Place, tmp_path: Path) -> None:
    register(workspace, "a", [("a.txt", b"content" * 100)])
    whole = backup(workspace, tmp_path / "b.zip").path.read_bytes()
    close_open()
    dice = random.Random(7)
    bad = tmp_path / "bad.zip"
    for turn in range(12):
        data = bytearray(whole)
        if turn % 2:
            data = data[: dice.randrange(1, len(data))]
        else:
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        bad.write_bytes(data)
        with pytest.raises((Corrupt, Invalid)):
            restore(bad, target.folder, database_url=target.database)
    assert _is_empty(target)


def _tampered(path: Path, out: Path, table: str, old: bytes, new: bytes) -> None:
    """Write the backup with a row changed and every digest and checksum made to fit again."""
    with read_zip(path) as zipped:
        files = {name: zipped.read(name) for name in zipped.names}
    name = f"tables/{table}.jsonl"
    assert old in files[name]
    files[name] = files[name].replace(old, new, 1)
    meta = json.loads(files["meta.json"])
    meta["tables"][table]["digest"] = sha256_digest(files[name])
    files["meta.json"] = canonical_json(meta)
    write_zip(out, files)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("qh_core_logentry", b'"entry":"7b', b'"entry":"7c'),
        ("qh_core_artifact", b'"kind":"files/v1"', b'"kind":"files/v2"'),
        ("qh_core_job", b'"state":"done"', b'"state":"failed"'),
        ("qh_core_edge", b'"role":"also"', b'"role":"else"'),
        ("qh_core_placement", b'"artifact_id":2', b'"artifact_id":99'),
        ("qh_core_project", b'"is_public":false', b'"is_public":"no"'),
        ("qh_core_loghead", b'"size":', b'"size":1'),
    ],
)
def test_a_backup_tampered_with_care_restores_nothing(
    workspace: Any, target: Place, tmp_path: Path, table: str, old: bytes, new: bytes
) -> None:
    source = register(workspace, "source")
    register(workspace, "model", [], [("also", source)])
    done = backup(workspace, tmp_path / "b.zip")
    close_open()
    _tampered(done.path, tmp_path / "bad.zip", table, old, new)
    with pytest.raises(Corrupt) as raised:
        restore(tmp_path / "bad.zip", target.folder, database_url=target.database)
    assert raised.value.code == "backup_damaged"
    assert _is_empty(target)
    restore(done.path, target.folder, database_url=target.database)  # the place is still usable


def test_restore_needs_an_empty_place_and_a_closed_process(workspace: Any, place: Place, tmp_path: Path) -> None:
    done = backup(workspace, tmp_path / "b.zip")
    with pytest.raises(Conflict) as raised:
        restore(done.path, tmp_path / "r")
    assert raised.value.code == "other_workspace_open"
    close_open()
    with pytest.raises(Conflict) as raised:
        restore(done.path, place.folder)
    assert raised.value.code == "not_empty"
    if not place.is_sqlite:
        with pytest.raises(Conflict) as raised:
            restore(done.path, tmp_path / "r", database_url=place.database)
        assert raised.value.code == "not_empty"
        assert not (tmp_path / "r").exists()
        assert fsck(place.open()).ok  # untouched
        close_open()
    (tmp_path / "empty").mkdir()
    restore(done.path, tmp_path / "empty", database_url="sqlite")


def test_other_files_are_refused(workspace: Any, tmp_path: Path) -> None:
    close_open()
    (tmp_path / "text").write_text("no zip")
    write_zip(tmp_path / "other.zip", {"a": b"b"})
    for name, error in (("text", Corrupt | Invalid), ("other.zip", Invalid), ("missing", NotFound)):
        with pytest.raises(QuanhengError) as raised:
            restore(tmp_path / name, tmp_path / "r", database_url="sqlite")
        assert isinstance(raised.value, error)
    assert not (tmp_path / "r").exists()


def test_a_backup_of_a_newer_release_is_refused(workspace: Any, tmp_path: Path) -> None:
    done = backup(workspace, tmp_path / "b.zip")
    close_open()
    with read_zip(done.path) as zipped:
        files = {name: zipped.read(name) for name in zipped.names}
    meta = json.loads(files["meta.json"])
    meta["migrations"].append(["qh_core", "9999_later"])
    write_zip(tmp_path / "newer.zip", {**files, "meta.json": canonical_json(meta)})
    with pytest.raises(Conflict) as raised:
        restore(tmp_path / "newer.zip", tmp_path / "r", database_url="sqlite")
    assert raised.value.code == "newer_workspace"
    assert not (tmp_path / "r").exists()


def test_no_backup_is_made_of_damage(workspace: Any, tmp_path: Path) -> None:
    digest = register(workspace, "a", [("a.txt", b"right")])
    path = workspace.objects.path(workspace.load(digest).layers[0].digest)
    path.chmod(0o644)
    path.write_bytes(b"wrong")
    with pytest.raises(Corrupt):
        backup(workspace, tmp_path / "b.zip")
    path.unlink()
    with pytest.raises(NotFound):
        backup(workspace, tmp_path / "b.zip")
    assert {p.name for p in tmp_path.iterdir()} == {"w"}


def test_nothing_is_overwritten(workspace: Any, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("precious")
    with pytest.raises(Conflict):
        backup(workspace, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_text() == "precious"


def test_a_backup_holds_the_moment_of_its_beginning(workspace: Any, tmp_path: Path) -> None:
    register(workspace, "before", [("a.txt", b"before")])
    done = backup(workspace, tmp_path / "b.zip", progress=lambda at, total: register_late(workspace))
    assert workspace.log.list()["size"] > done.log_size
    close_open()
    restored = restore(done.path, tmp_path / "r", database_url="sqlite")
    assert restored.log_size == done.log_size


def test_a_withdrawal_during_the_backup_is_told_and_nothing_is_written(workspace: Any, tmp_path: Path) -> None:
    digests = {register(workspace, f"{n}", [("a.txt", b"%d" % n)]): b"%d" % n for n in range(3)}
    last = max(digests, key=lambda digest: sha256_digest(digests[digest]))  # objects are taken in order of digest

    def withdraw(at: int, total: int | None) -> None:
        if at == 1:
            workspace.artifact.withdraw(artifact=last, reason="not wanted")

    with pytest.raises(Conflict) as raised:
        backup(workspace, tmp_path / "b.zip", progress=withdraw)
    assert raised.value.code == "changed_meanwhile"
    assert {p.name for p in tmp_path.iterdir()} == {"w"}
    backup(workspace, tmp_path / "b.zip")


def register_late(workspace: Any) -> None:
    register(workspace, "during", [("b.txt", b"during")])


def test_backup_and_collection_do_not_run_together(workspace: Any, tmp_path: Path) -> None:
    with alone(workspace.folder), pytest.raises(Conflict) as raised:
        backup(workspace, tmp_path / "b.zip")
    assert raised.value.code == "collecting"


def test_only_an_owner_makes_a_backup(workspace: Any, place: Place, tmp_path: Path) -> None:
    workspace.user.create(label="builder")
    workspace.member.grant(label="builder", role="owner")  # of one project only
    token = workspace.token.create(label="builder", scopes=["own"]).value["token"]
    with pytest.raises(Forbidden):
        backup(place.open(token=token), tmp_path / "b.zip")
