"""Uploads that a verb reads: whole or not at all, their actor's alone, the same artifact as from a local path."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from calling import count, other_session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from staged import DATA, digest_of, elsewhere, later, register, staged

from databases import Place
from quanheng.core import call, clock, staging, worker
from quanheng.core.session import Session
from quanheng.core.staging_folder import folder_of, path_of, root, sweep
from quanheng.errors import Conflict, Forbidden, Invalid, NotFound, QuanhengError

# ---------------------------------------------------------------- bytes


def test_an_upload_in_pieces_is_whole_when_all_bytes_are_here(workspace: Any) -> None:
    session = elsewhere(workspace)
    row = staging.begin(session, "a.txt", len(DATA), digest=digest_of(DATA))
    assert (row.received, row.is_done) == (0, False)
    for low in range(0, len(DATA), 1500):
        piece = DATA[low : low + 1500]
        row = staging.append(session, row.id, low, [piece[:7], piece[7:]])
    assert (row.received, row.is_done) == (len(DATA), True)
    assert path_of(workspace, row).read_bytes() == DATA
    assert staging.append(session, row.id, len(DATA), []).is_done  # asked again: the answer was lost
    with pytest.raises(Conflict) as caught:
        staging.append(session, row.id, 0, [DATA])
    assert caught.value.code == "wrong_offset"


def test_an_empty_file_is_whole_at_once(workspace: Any) -> None:
    row = staging.begin(elsewhere(workspace), "empty", 0)
    assert row.is_done and path_of(workspace, row).read_bytes() == b""


def test_what_came_before_the_connection_broke_is_kept(workspace: Any) -> None:
    session = elsewhere(workspace)
    row = staging.begin(session, "a.txt", len(DATA))

    def broken() -> Iterator[bytes]:
        yield DATA[:500]
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        staging.append(session, row.id, 0, broken())
    assert staging.find(session, row.id).received == 500
    assert staging.append(session, row.id, 500, [DATA[500:]]).is_done
    assert path_of(workspace, row).read_bytes() == DATA


@pytest.mark.parametrize("how", ["another digest", "broken"])
def test_a_piece_with_a_wrong_checksum_leaves_nothing(workspace: Any, how: str) -> None:
    session = elsewhere(workspace)
    row = staging.begin(session, "a.txt", len(DATA))
    staging.append(session, row.id, 0, [DATA[:10]], checksum=digest_of(DATA[:10]))

    def pieces() -> Iterator[bytes]:
        yield DATA[10:20]
        if how == "broken":
            raise ConnectionError("gone")

    with pytest.raises((Invalid, ConnectionError)) as caught:
        staging.append(session, row.id, 10, pieces(), checksum=digest_of(b"else"))
    assert getattr(caught.value, "code", "checksum_mismatch") == "checksum_mismatch"
    assert staging.find(session, row.id).received == 10
    assert path_of(workspace, row).read_bytes() == DATA[:10]


OPERATIONS = st.tuples(
    st.integers(-3, 3),  # how far the offset is off; mostly not at all
    st.binary(max_size=12),
    st.sampled_from(["none", "good", "bad"]),
    st.sampled_from(["whole", "broken", "killed"]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), size=st.integers(1, 60))
def test_an_upload_holds_what_was_acknowledged(workspace: Any, data: st.DataObject, size: int) -> None:
    """Wrong offsets, bad checksums, broken connections and killed servers, in any order, against a simple model."""
    session = elsewhere(workspace)
    row, model = staging.begin(session, "a", size), b""
    for off, piece, checksum, end in data.draw(st.lists(OPERATIONS, max_size=15)):
        offset = max(len(model) + (off if abs(off) > 2 else 0), 0)
        fits, right = offset == len(model), checksum != "bad"
        promised = {"none": "", "good": digest_of(piece), "bad": digest_of(piece + b"x")}[checksum]
        done = staging.find(session, row.id).is_done

        def pieces(piece: bytes = piece, end: str = end) -> Iterator[bytes]:
            yield piece
            if end == "broken":
                raise ConnectionError("gone")

        with contextlib.suppress(ConnectionError, QuanhengError):
            staging.append(session, row.id, offset, pieces(), checksum=promised)
        if end == "killed" and not done and not staging.find(session, row.id).is_done:
            with path_of(workspace, row).open("ab") as file:
                file.write(b"bytes that nobody noted")
        kept = right and (end != "broken" or not promised)
        if fits and kept and not done and len(model) + len(piece) <= size:
            model += piece
        found = staging.find(session, row.id)
        assert found.received == len(model)
        assert path_of(workspace, row).read_bytes()[: len(model)] == model
        assert found.is_done == (len(model) == size)  # also when the connection broke after the last byte


def test_bytes_that_no_row_tells_of_are_written_again(workspace: Any) -> None:
    """A killed server wrote more than it noted; what lies there is not trusted."""
    session = elsewhere(workspace)
    row = staging.begin(session, "a.txt", 4)
    path_of(workspace, row).write_bytes(b"XXXX")
    assert staging.append(session, row.id, 0, [b"ab"]).received == 2
    assert path_of(workspace, row).read_bytes() == b"ab"


def test_noted_bytes_that_a_power_loss_took_are_asked_for_again(workspace: Any) -> None:
    session = elsewhere(workspace)
    row = staging.begin(session, "a.txt", 4)
    staging.append(session, row.id, 0, [b"abc"])
    path_of(workspace, row).write_bytes(b"a")
    with pytest.raises(Conflict, match="has 1 bytes") as caught:
        staging.append(session, row.id, 3, [b"d"])
    assert caught.value.code == "wrong_offset"
    assert staging.append(session, row.id, 1, [b"bcd"]).is_done


def test_a_server_killed_before_the_comparison_leaves_an_upload_that_goes_on(
    workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = elsewhere(workspace)
    row = staging.begin(session, "a", 4, digest=digest_of(b"abcd"))
    staging.append(session, row.id, 0, [b"ab"])
    real = staging._finish

    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(staging, "_finish", killed)
    with pytest.raises(KeyboardInterrupt):
        staging.append(session, row.id, 2, [b"cd"])
    monkeypatch.setattr(staging, "_finish", real)
    found = staging.find(session, row.id)
    assert (found.received, found.is_done) == (2, False)
    assert staging.append(session, row.id, 2, [b"cd"]).is_done


def test_large_uploads_are_noted_while_they_come(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "NOTE_EVERY", 100)
    session = elsewhere(workspace)
    row = staging.begin(session, "a.txt", 1000)
    seen = []

    def pieces() -> Iterator[bytes]:
        for _ in range(10):
            yield b"x" * 100
            seen.append(staging.find(session, row.id).received)

    staging.append(session, row.id, 0, pieces())
    assert seen == [100 * n for n in range(1, 10)] + [900]  # that it is whole is noted when it was compared


def test_another_digest_than_promised_removes_the_upload(workspace: Any) -> None:
    session = elsewhere(workspace)
    row = staging.begin(session, "a.txt", 3, digest=digest_of(b"abc"))
    with pytest.raises(Invalid, match="differ from the promised digest") as caught:
        staging.append(session, row.id, 0, [b"abd"])
    assert caught.value.code == "digest_mismatch" and caught.value.http_status == 422
    assert not path_of(workspace, row).parent.exists()
    with pytest.raises(NotFound):
        staging.find(session, row.id)


def test_more_bytes_than_announced_or_allowed_are_refused(place: Place) -> None:
    workspace = place.open(upload_limit_mb=1)
    session = elsewhere(workspace)
    for size in (2**20 + 1, 2**62):
        with pytest.raises(Invalid) as caught:
            staging.begin(session, "a", size)
        assert (caught.value.code, caught.value.http_status) == ("too_large", 413)
    with pytest.raises(Invalid, match="is no size"):
        staging.begin(session, "a", -1)
    row = staging.begin(session, "a", 2**20)
    with pytest.raises(Invalid, match="more bytes came") as caught:
        staging.append(session, row.id, 0, [b"x" * 2**20, b"y"])
    assert caught.value.code == "too_large"
    assert staging.find(session, row.id).received == 0 and not staging.find(session, row.id).is_done


def test_two_writers_do_not_mix(workspace: Any) -> None:
    session = elsewhere(workspace)
    row = staging.begin(session, "a", 10)
    with path_of(workspace, row).open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Conflict) as caught:
            staging.append(session, row.id, 0, [b"x"])
    assert caught.value.code == "upload_busy"
    assert staging.append(session, row.id, 0, [b"x"]).received == 1


def test_a_layer_goes_into_the_store_and_may_then_be_named(workspace: Any) -> None:
    session = elsewhere(workspace)
    row = staging.begin(session, "", len(DATA), digest=digest_of(DATA))
    row = staging.append(session, row.id, 0, [DATA])
    assert row.is_done and row.digest == digest_of(DATA) and workspace.objects.exists(row.digest)
    assert not path_of(workspace, row).exists()
    assert staging.append(session, row.id, len(DATA), []).digest == row.digest
    with pytest.raises(NotFound):
        register(session, "upload:" + row.id)
    layer = {"digest": row.digest, "size": len(DATA), "media_type": "text/plain", "title": "a"}
    item = {"kind": "files/v1", "model": {"title": "t", "files": 1, "bytes": len(DATA)}, "layers": [layer]}
    assert call.call(session, "artifact.register_many", {"items": [item]}).digest


def test_a_form_brings_its_file_at_once(workspace: Any) -> None:
    session = elsewhere(workspace)
    text = staging.stage(session, "C:\\docs\\证据.txt", len(DATA), [DATA[:5], DATA[5:]])
    assert staging.locate(session, text).name == "证据.txt"
    with pytest.raises(Invalid, match="only 3 of 4 bytes"):
        staging.stage(session, "a", 4, [b"abc"])
    assert staging.together(["upload:a"]) == "upload:a" and staging.together(["upload:a", "upload:b"]) == "upload:a,b"


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\a.txt", "a.txt"),
        ("..", "file"),
        (".", "file"),
        ("", "file"),
        ("a/", "file"),
        ("a\0b\n\x7fc\u2028.txt", "abc.txt"),
        ("\ud800.txt", ".txt"),
        ("名" * 100 + ".txt", "名" * 65 + ".txt"),
        ("a" * 300, "a" * 200),
        (".hidden", ".hidden"),
    ],
)
def test_hostile_names_become_one_harmless_part(given_name: str, kept: str) -> None:
    assert staging.clean_name(given_name) == kept


@given(st.text(max_size=400))
def test_every_name_becomes_a_file_inside_its_folder(name: str) -> None:
    clean = staging.clean_name(name)
    assert staging.check_path(clean) == clean
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / clean
        path.write_bytes(b"x")
        assert [p.name for p in Path(folder).iterdir()] == [clean]
    assert staging.clean_name(clean) == clean


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "a/../b", "../a", "a//b", "a/.", "./a", "a\0", "a\n", "x" * 201, "d/" * 130 + "a", "a/"]
)
def test_a_path_inside_a_folder_is_plain_or_refused(workspace: Any, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        staging.check_path(path)
    assert caught.value.code == "bad_path"
    if path:
        with pytest.raises(Invalid):
            staging.begin(elsewhere(workspace), path, 1)


# ---------------------------------------------------------------- naming them


def test_the_same_content_makes_the_same_artifact_from_here_and_from_elsewhere(workspace: Any, folder: Path) -> None:
    session = elsewhere(workspace)
    here = register(workspace.session, str(folder / "a.txt"))
    away = register(session, staged(session, "a.txt", "证据".encode()))
    assert away.cached and away.outputs == here.outputs
    again = register(session, staged(session, "a.txt", "证据".encode()), again=True)
    assert not again.cached
    texts = [
        staged(session, p.relative_to(folder).as_posix(), p.read_bytes()) for p in folder.rglob("*") if p.is_file()
    ]
    whole = register(session, staging.together(texts), "whole")
    assert register(workspace.session, str(folder), "whole").outputs == whole.outputs
    shown = workspace.artifact.show(artifact=whole.digest)
    assert [layer["title"] for layer in shown["layers"]] == ["a.txt", "sub/b.txt"]
    assert "upload" not in str(shown["made_by"]) + str(shown["config"])


def test_a_local_caller_may_name_uploads_too(workspace: Any) -> None:
    text = staged(workspace.session, "a.txt", DATA)
    assert register(workspace.session, text).digest


def test_a_folder_of_one_file_is_a_folder(workspace: Any) -> None:
    session = elsewhere(workspace)
    text = staged(session, "sub/a.txt", b"x")
    path = staging.locate(session, text + ",")
    assert path.is_dir() and (path / "sub" / "a.txt").read_bytes() == b"x"
    assert staging.locate(session, text).name == "a.txt" and staging.locate(session, text).is_file()


def test_the_order_of_the_ids_does_not_matter_and_files_of_one_name_are_refused(workspace: Any) -> None:
    session = elsewhere(workspace)
    one, two, three = (staged(session, name, b"x") for name in ("a.txt", "b.txt", "a.txt"))
    assert staging.locate(session, staging.together([one, two])) == staging.locate(
        session, staging.together([two, one])
    )
    inside = staged(session, "a.txt/c", b"x")
    for texts in ([one, three], [one, one], [one, inside]):
        with pytest.raises(Invalid) as caught:
            register(session, staging.together(texts))
        assert caught.value.code == "doubled_name"


def test_an_upload_that_is_not_whole_is_not_read(workspace: Any) -> None:
    session = elsewhere(workspace)
    row = staging.begin(session, "a", 10)
    with pytest.raises(Conflict) as caught:
        register(session, "upload:" + row.id)
    assert caught.value.code == "upload_unfinished"


@pytest.mark.parametrize(
    "text", ["upload:", "upload:,", "upload:../../x", "upload:" + "0" * 32, "upload:a,b", "upload:" + "F" * 32]
)
def test_an_unknown_upload_is_not_found(workspace: Any, text: str) -> None:
    with pytest.raises(NotFound) as caught:
        register(elsewhere(workspace), text)
    assert caught.value.code == "no_such_upload"


def test_somebody_elses_upload_is_as_unknown_as_one_that_is_not_there(workspace: Any) -> None:
    text = staged(elsewhere(workspace), "a.txt", DATA)
    other = dataclasses.replace(other_session(workspace), is_local=False)
    upload_id = text.removeprefix("upload:")
    told = []
    for one in (upload_id, "0" * 32):
        for attempt in (
            lambda one=one: register(other, "upload:" + one),
            lambda one=one: staging.append(other, one, 0, [b"x"]),
            lambda one=one: staging.find(other, one),
            lambda one=one: staging.remove(other, one),
        ):
            with pytest.raises(NotFound) as caught:
                attempt()
            told.append(str(caught.value).replace(one, "ID"))
    assert len(set(told)) == 1
    assert staging.find(elsewhere(workspace), upload_id).is_done


def test_uploading_takes_a_permission_that_could_use_it(workspace: Any) -> None:
    for role, allowed in (("builder", True), ("reviewer", True), ("auditor", False), ("annotator", False)):
        from quanheng.core.models import Actor, Membership

        actor = Actor.objects.create(label=role, password="!", created_at=clock.now())
        Membership.objects.create(actor=actor, project_id=workspace.session.project_id, role=role)
        session = Session(workspace, actor.id, True, workspace.session.project_id, is_local=False)
        if allowed:
            assert staging.begin(session, "a", 1)
        else:
            with pytest.raises(Forbidden) as caught:
                staging.begin(session, "a", 1)
            assert caught.value.code == "forbidden" and "不能上传文件" in caught.value.text.zh
        with pytest.raises(Forbidden) if role != "builder" else _nothing():
            staging.begin(session, "", 1)
    narrow = dataclasses.replace(elsewhere(workspace), scopes=frozenset({"read"}))
    with pytest.raises(Forbidden):
        staging.begin(narrow, "a", 1)
    one = dataclasses.replace(elsewhere(workspace), scopes=frozenset({"files.register"}))
    assert staging.begin(one, "a", 1)
    visitor = Session(workspace, "", True, workspace.session.project_id, is_local=False)
    with pytest.raises(Forbidden):
        staging.begin(visitor, "a", 1)


def _nothing() -> Any:
    return contextlib.nullcontext()


# ---------------------------------------------------------------- the sweep


def test_what_nobody_touched_for_a_day_goes(workspace: Any) -> None:
    session = elsewhere(workspace)
    text = staged(session, "a.txt", DATA)
    half = staging.begin(session, "b.txt", 10)
    folder = staging.locate(session, text + ",")
    later(23)
    assert sweep(workspace) == 0
    later(25)
    assert sweep(workspace) == 3
    assert not folder.exists() and [p for p in root(workspace).iterdir() if not p.name.startswith(".")] == []
    for one in (text.removeprefix("upload:"), half.id):
        with pytest.raises(NotFound):
            staging.find(session, one)
    assert sweep(workspace) == 0


def test_naming_or_adding_keeps_an_upload_for_another_day(workspace: Any) -> None:
    session = elsewhere(workspace)
    named, half = staged(session, "a.txt", DATA), staging.begin(session, "b.txt", 10)
    later(20)
    staging.locate(session, named)
    staging.append(session, half.id, 0, [b"x"])
    later(30)
    assert sweep(workspace) == 0
    later(45)
    assert sweep(workspace) == 2


@pytest.mark.parametrize("as_folder", [False, True])
def test_an_upload_that_a_waiting_job_names_stays(workspace: Any, as_folder: bool) -> None:
    session = elsewhere(workspace)
    text = staged(session, "a.txt", DATA) + ("," if as_folder else "")
    job = register(session, text, detach=True).job
    path = staging.locate(session, text)
    later(100)
    sweep(workspace)
    assert path.exists()
    seen: list[worker.Ended] = []
    worker.work(workspace, once=True, ended=seen.append)
    assert [(e.job, e.outcome) for e in seen] == [(job, "done")]
    later(201)
    sweep(workspace)
    assert not path.exists()


def test_leftovers_of_a_crash_go_and_a_new_upload_sweeps_now_and_then(workspace: Any) -> None:
    session = elsewhere(workspace)
    staging.begin(session, "a", 1)
    left = [root(workspace) / name for name in ("0" * 32, ".part-1", "tmp1.upload")]
    for path in left[:2]:
        path.mkdir()
    left[2].write_bytes(b"x")
    staging.begin(session, "b", 1)
    assert all(path.exists() for path in left)
    later(25)
    staging.begin(session, "c", 1)
    assert not any(path.exists() for path in left)
    assert count("stagedfile") == 1


def test_a_folder_of_links_keeps_its_files_when_the_uploads_go(workspace: Any) -> None:
    session = elsewhere(workspace)
    text = staged(session, "a.txt", DATA)
    row = staging.find(session, text.removeprefix("upload:"))
    folder = folder_of(workspace, [row])
    assert os.stat(folder / "a.txt").st_nlink == 2
    staging.remove(session, row.id)
    assert (folder / "a.txt").read_bytes() == DATA
