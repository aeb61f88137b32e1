"""Uploads by the tus protocol, also with a client that somebody else wrote; and downloads of layers."""

from __future__ import annotations

import base64
import hashlib
import io
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from api_callers import Caller, digest_of, told, upload
from calling import count
from test_api_endpoints import problem

from databases import wait_until
from evidence import put_layers, register

DATA = "证据\n".encode() * 20_000
OFFSET = "application/offset+octet-stream"


def create(caller: Caller, size: int, **pairs: str) -> Any:
    return caller.send("POST", "uploads", Tus_Resumable="1.0.0", Upload_Length=str(size), Upload_Metadata=told(**pairs))


def place_of(answer: Any) -> str:
    """Return the address of a new upload, below /api/v1/."""
    assert answer.status_code == 201, answer.content
    return str(answer.headers["Location"]).removeprefix("/api/v1/")


def patch(caller: Caller, place: str, offset: int, data: bytes, kind: str = OFFSET, **headers: str) -> Any:
    return caller.send("PATCH", place, data, kind, Tus_Resumable="1.0.0", Upload_Offset=str(offset), **headers)


def head(caller: Caller, place: str) -> Any:
    return caller.send("HEAD", place, Tus_Resumable="1.0.0")


# ---------------------------------------------------------------- the protocol


def test_the_server_says_what_it_can(visitor: Caller) -> None:
    answer = visitor.send("OPTIONS", "uploads")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Tus-Extension"] == "creation,creation-with-upload,checksum,termination,expiration"
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha256,sha1"
    assert answer.headers["Tus-Max-Size"] == str(4096 << 20)


def test_an_upload_in_pieces(owner: Caller) -> None:
    place = place_of(create(owner, len(DATA), filename="a.txt", digest=digest_of(DATA)))
    for low in range(0, len(DATA), 50_000):
        answer = head(owner, place)
        assert answer.status_code == 200 and answer.headers["Upload-Offset"] == str(low)
        assert answer.headers["Upload-Length"] == str(len(DATA)) and answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Upload-Expires"].endswith("GMT")
        answer = patch(owner, place, low, DATA[low : low + 50_000])
        assert answer.status_code == 204 and answer.content == b""
        assert answer.headers["Upload-Offset"] == str(min(low + 50_000, len(DATA)))
        assert answer.headers["Tus-Resumable"] == "1.0.0"
    answer = owner.post("files/register", {"path": "upload:" + place.rpartition("/")[2], "title": "t"})
    assert answer.status_code == 202


def test_another_project_stays_in_the_address(caller: Any, workspace: Any) -> None:
    workspace.project.create(slug="other")
    workspace.user.create(label="chen")
    workspace.call("member.grant", label="chen", role="builder", project="other")
    chen = caller("chen", "")
    problem(create(chen, 1, filename="a"), 403, "forbidden")
    answer = upload(chen, b"x", project="other", filename="a")
    assert answer.status_code == 201 and answer.headers["Location"].endswith("?project=other")
    assert head(chen, place_of(answer)).headers["Upload-Offset"] == "1"


def test_an_empty_file(owner: Caller) -> None:
    answer = create(owner, 0, filename="empty")
    assert answer.headers["Upload-Offset"] == "0"
    place = place_of(answer)
    answer = owner.post("files/register", {"path": "upload:" + place.rpartition("/")[2], "title": "t"})
    assert answer.status_code == 202


def test_a_wrong_offset_changes_nothing(owner: Caller) -> None:
    place = place_of(create(owner, 10, filename="a"))
    assert patch(owner, place, 0, b"abc").status_code == 204
    for offset in (0, 2, 4, 10):
        told_ = problem(patch(owner, place, offset, b""), 409, "wrong_offset")
        assert "3" in told_["hint"][0]
    assert head(owner, place).headers["Upload-Offset"] == "3"


def test_a_wrong_checksum_changes_nothing(owner: Caller) -> None:
    place = place_of(create(owner, 6, filename="a"))
    for algorithm in ("sha256", "sha1"):
        good = base64.b64encode(hashlib.new(algorithm, b"abc").digest()).decode()
        bad = base64.b64encode(hashlib.new(algorithm, b"abd").digest()).decode()
        offset = int(head(owner, place).headers["Upload-Offset"])
        problem(patch(owner, place, offset, b"abc", Upload_Checksum=f"{algorithm} {bad}"), 460, "checksum_mismatch")
        assert head(owner, place).headers["Upload-Offset"] == str(offset)
        assert patch(owner, place, offset, b"abc", Upload_Checksum=f"{algorithm} {good}").status_code == 204
    for header in ("md5 YQ==", "sha256", "sha256 ***", "sha256 YQ=="):
        problem(patch(owner, place, 6, b"", Upload_Checksum=header), 400, "bad_upload_header")


def test_another_digest_than_promised_removes_the_upload(owner: Caller) -> None:
    place = place_of(create(owner, 3, filename="a", digest=digest_of(b"abc")))
    problem(patch(owner, place, 0, b"abd"), 422, "digest_mismatch")
    assert head(owner, place).status_code == 404
    problem(create(owner, 3, filename="a", digest="sha256:x"), 422, "bad_digest")


def test_too_large_is_refused_before_it_is_sent(owner: Caller) -> None:
    problem(create(owner, (4096 << 20) + 1, filename="a"), 413, "too_large")
    place = place_of(create(owner, 3, filename="a"))
    problem(patch(owner, place, 0, b"abcd"), 413, "too_large")
    assert head(owner, place).headers["Upload-Offset"] == "0"


def test_a_removed_upload_is_gone(owner: Caller, workspace: Any) -> None:
    place = place_of(upload(owner, b"abc", filename="a"))
    answer = owner.send("DELETE", place, Tus_Resumable="1.0.0")
    assert answer.status_code == 204 and head(owner, place).status_code == 404
    problem(owner.send("DELETE", place, Tus_Resumable="1.0.0"), 404, "no_such_upload")
    assert [p for p in (workspace.folder / "uploads").iterdir() if p.is_dir()] == []
    assert count("stagedfile") == 0


def test_somebody_elses_upload_is_not_there(owner: Caller, caller: Any) -> None:
    place = place_of(create(owner, 3, filename="a"))
    chen = caller("chen", "builder", False)
    seen = set()
    for one in (place, "uploads/" + "0" * 32, "uploads/x"):
        assert head(chen, one).status_code == 404
        for answer in (patch(chen, one, 0, b"abc"), chen.send("DELETE", one, Tus_Resumable="1.0.0")):
            told_ = problem(answer, 404, "no_such_upload")
            seen.add(told_["en"].replace(one.rpartition("/")[2], "ID"))
        data = {"path": "upload:" + one.rpartition("/")[2], "title": "t"}
        problem(chen.post("files/register", data), 404, "no_such_upload")
    assert len(seen) == 1
    assert head(owner, place).headers["Upload-Offset"] == "0"


def test_uploading_takes_a_permission(caller: Any) -> None:
    problem(create(caller("chen", "auditor", False), 1, filename="a"), 403, "forbidden")
    reviewer = caller("dou", "reviewer", False)
    assert create(reviewer, 1, filename="a").status_code == 201
    problem(create(reviewer, 1, purpose="layer"), 403, "forbidden")
    problem(create(caller("bao", "owner", False, scopes=["read"]), 1, filename="a"), 403, "forbidden")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Tus_Resumable": "0.2.2"}, 412, "tus_version"),
        ({"Tus_Resumable": ""}, 412, "tus_version"),
        ({"Upload_Length": "-1"}, 400, "bad_upload_header"),
        ({"Upload_Length": "1.5"}, 400, "bad_upload_header"),
        ({"Upload_Length": "9" * 30}, 400, "bad_upload_header"),
        ({"Upload_Length": ""}, 400, "bad_upload_header"),
        ({"Upload_Length": "١"}, 400, "bad_upload_header"),
        ({"Upload_Metadata": "filename ***"}, 400, "bad_upload_header"),
        ({"Upload_Metadata": "filename /w=="}, 400, "bad_upload_header"),
        ({"Upload_Metadata": told(purpose="else")}, 400, "bad_upload_header"),
        ({"Upload_Metadata": told(path="../x")}, 422, "bad_path"),
        ({"Upload_Metadata": told(path="/etc/passwd")}, 422, "bad_path"),
    ],
)
def test_headers_that_are_wrong(owner: Caller, headers: dict[str, str], status: int, code: str) -> None:
    sent = {"Tus_Resumable": "1.0.0", "Upload_Length": "1", **headers}
    answer = owner.send("POST", "uploads", **sent)
    problem(answer, status, code)
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert ("Tus-Version" in answer.headers) == (status == 412)
    assert count("stagedfile") == 0


def test_a_body_of_another_kind_or_without_a_length_is_refused(owner: Caller) -> None:
    place = place_of(create(owner, 3, filename="a"))
    problem(patch(owner, place, 0, b"abc", "text/plain"), 415, "wrong_media_type")
    problem(patch(owner, place, 0, b"abc", Transfer_Encoding="chunked"), 411, "length_required")
    problem(owner.send("PATCH", place, b"abc", OFFSET, Tus_Resumable="1.0.0"), 400, "bad_upload_header")


HOSTILE = ["../../etc/passwd", "/etc/passwd", "a\0b", "..", "", "C:\\x\\y.txt", "名" * 300, "a/b/c.txt"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_in_their_folder(owner: Caller, workspace: Any, name: str) -> None:
    place_of(upload(owner, b"abc", filename=name))
    base = workspace.folder / "uploads"
    files = [p for p in base.rglob("*") if p.is_file() and not p.name.startswith(".")]
    assert len(files) == 1 and len(files[0].relative_to(base).parts) == 2


# ---------------------------------------------------------------- layers


def test_an_uploaded_layer_can_be_named(owner: Caller, workspace: Any) -> None:
    place = place_of(create(owner, len(DATA), purpose="layer", digest=digest_of(DATA)))
    answer = patch(owner, place, 0, DATA)
    assert answer.status_code == 204 and answer.headers["Quanheng-Digest"] == digest_of(DATA)
    assert head(owner, place).headers["Quanheng-Digest"] == digest_of(DATA)  # also when that answer was lost
    layer = {"digest": digest_of(DATA), "size": len(DATA), "media_type": "text/plain", "title": '证据/甲 "1".txt'}
    item = {"kind": "files/v1", "model": {"title": "t", "files": 1, "bytes": len(DATA)}, "layers": [layer]}
    made = owner.post("artifact/register_many", {"items": [item]})
    assert made.status_code == 200, made.content
    got = owner.get(f"artifacts/{made.json()['outputs'][0]}/layers/{digest_of(DATA)}")
    assert b"".join(got.streaming_content) == DATA
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["Content-Disposition"] == (
        "attachment; filename=\"_ _1_.txt\"; filename*=UTF-8''%E7%94%B2%20%221%22.txt"
    )
    assert got.headers["X-Content-Type-Options"] == "nosniff" and got.headers["ETag"] == f'"{digest_of(DATA)}"'
    data = {"path": "upload:" + place.rpartition("/")[2], "title": "t"}
    problem(owner.post("files/register", data), 404, "no_such_upload")  # a layer is no file to read


@pytest.fixture
def layer(owner: Caller, workspace: Any) -> str:
    """Return the address of a layer with the bytes DATA."""
    artifact = register(workspace, "t", [("a.txt", DATA)])
    return f"artifacts/{artifact}/layers/{digest_of(DATA)}"


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=100-", 100, len(DATA)),
        ("bytes=-7", len(DATA) - 7, len(DATA)),
        (f"bytes=10-{len(DATA) + 50}", 10, len(DATA)),
        (f"bytes=-{len(DATA) - 1}", 1, len(DATA)),
    ],
)
def test_one_range_of_a_layer(owner: Caller, layer: str, header: str, start: int, stop: int) -> None:
    answer = owner.get(layer, range=header)
    assert answer.status_code == 206 and body(answer) == DATA[start:stop]
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
    assert answer.headers["Content-Length"] == str(stop - start)


@pytest.mark.parametrize(
    "header",
    ["bytes=0-1,5-6", "lines=0-1", "bytes=a-b", "bytes=-", "bytes", "", "bytes=5-2", f"bytes=0-{len(DATA) - 1}"],
)
def test_what_is_no_single_range_gives_the_whole(owner: Caller, layer: str, header: str) -> None:
    answer = owner.get(layer, range=header)
    assert answer.status_code == 200 and body(answer) == DATA
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_a_range_outside_the_layer(owner: Caller, layer: str) -> None:
    for header in (f"bytes={len(DATA)}-", "bytes=-0", f"bytes={len(DATA) + 5}-{len(DATA) + 9}"):
        answer = owner.get(layer, range=header)
        problem(answer, 416, "bad_range")
        assert answer.headers["Content-Range"] == f"bytes */{len(DATA)}"


def test_a_range_of_the_same_bytes_only(owner: Caller, layer: str) -> None:
    tag = owner.send("HEAD", layer).headers["ETag"]
    assert body(owner.get(layer, range="bytes=0-1", if_range=tag)) == DATA[:2]
    assert body(owner.get(layer, range="bytes=0-1", if_range='"other"')) == DATA
    same = owner.get(layer, if_none_match=f'W/"x", {tag}')
    assert same.status_code == 304 and body(same) == b""
    answer = owner.send("HEAD", layer)
    assert answer.status_code == 200 and answer.content == b"" and answer.headers["Content-Length"] == str(len(DATA))


def test_a_layer_is_read_where_its_artifact_lies_and_nowhere_else(
    owner: Caller, caller: Any, workspace: Any, layer: str
) -> None:
    workspace.project.create(slug="other")
    other = register(workspace, "u", [("b", b"another")])
    artifact = layer.split("/")[1]
    problem(owner.get(f"artifacts/{artifact}/layers/{digest_of(b'another')}"), 404, "no_such_layer")
    problem(owner.get(f"artifacts/{other}/layers/{digest_of(DATA)}"), 404, "no_such_layer")
    for one in (artifact, "sha256:" + "0" * 64):
        told_ = problem(owner.get(f"artifacts/{one}/layers/{digest_of(DATA)}?project=other"), 404, "no_such_artifact")
        assert told_["en"].replace(one, "") == "there is no artifact '' in this project"
    for bad in ("x", "sha256:" + "F" * 64, "..", "%00"):
        assert owner.get(f"artifacts/{bad}/layers/{digest_of(DATA)}").status_code == 404
        assert owner.get(f"artifacts/{artifact}/layers/{bad}").status_code == 404
    annotator = caller("chen", "annotator", False)
    problem(annotator.get(layer), 403, "forbidden")


def test_a_withdrawn_layer_is_gone(owner: Caller, workspace: Any, layer: str) -> None:
    workspace.artifact.withdraw(artifact=layer.split("/")[1], reason="含个人信息")
    problem(owner.get(layer), 409, "withdrawn")


def test_a_public_layer_is_read_by_everybody(visitor: Caller, workspace: Any) -> None:
    workspace.project.create(slug="open", public=True)
    layers = put_layers(workspace, [("a.txt", DATA)])
    item = {"kind": "files/v1", "model": {"title": "t", "files": 1, "bytes": len(DATA)}, "layers": layers}
    artifact = workspace.call("artifact.register_many", items=[item], project="open").digest
    answer = visitor.get(f"artifacts/{artifact}/layers/{digest_of(DATA)}?project=open")
    assert body(answer) == DATA
    problem(visitor.get(f"artifacts/{artifact}/layers/{digest_of(DATA)}"), 401, "not_signed_in")


def test_an_external_layer_is_read_in_place(owner: Caller, workspace: Any, server: str, place: Any) -> None:
    away = {
        "digest": digest_of(b"far"),
        "size": 3,
        "media_type": "text/plain",
        "title": "a",
        "urls": ["http://far.example/a"],
    }
    allowed = place.open(allowed_hosts="far.example")
    item = {"kind": "files/v1", "model": {"title": "t", "files": 1, "bytes": 3}, "layers": [away]}
    artifact = allowed.artifact.register_many(items=[item]).digest
    place.open()
    problem(owner.get(f"artifacts/{artifact}/layers/{digest_of(b'far')}"), 403, "host_not_allowed")


# ---------------------------------------------------------------- a client that somebody else wrote


def tus_client(server: str, caller: Caller) -> Any:
    from tusclient.client import TusClient

    return TusClient(f"{server}/api/v1/uploads", headers={"Authorization": f"Bearer {caller.token}"})


def test_tuspy_uploads_in_pieces(server: str, owner: Caller) -> None:
    meta = {"filename": "证据.txt", "digest": digest_of(DATA)}
    uploader = tus_client(server, owner).uploader(
        file_stream=io.BytesIO(DATA), chunk_size=64_000, metadata=meta, upload_checksum=True
    )
    uploader.upload()
    upload_id = uploader.url.rpartition("/")[2]
    answer = owner.post("files/register", {"path": f"upload:{upload_id}", "title": "t"})
    assert answer.status_code == 202


def test_tuspy_goes_on_where_it_was_cut_off(server: str, owner: Caller) -> None:
    client = tus_client(server, owner)
    first = client.uploader(file_stream=io.BytesIO(DATA), chunk_size=100_000, metadata={"filename": "a"})
    first.upload_chunk()
    offset = cut_off(server, owner, first.url, 100_000, DATA[100_000:])
    second = client.uploader(file_stream=io.BytesIO(DATA), chunk_size=100_000, url=first.url)
    assert second.offset == offset > 100_000  # what came before the connection broke was kept
    second.upload()
    assert head(owner, urlsplit(first.url).path.removeprefix("/api/v1/")).headers["Upload-Offset"] == str(len(DATA))


def cut_off(server: str, caller: Caller, url: str, offset: int, rest: bytes) -> int:
    """Send some of the rest, break the connection, and return the offset that the server noted."""
    parts = urlsplit(server)
    head_ = (
        f"PATCH {urlsplit(url).path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {caller.token}\r\n"
        f"Tus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\nContent-Type: {OFFSET}\r\n"
        f"Content-Length: {len(rest)}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
        connection.sendall(head_.encode() + rest[:30_000])
    place, seen = urlsplit(url).path.removeprefix("/api/v1/"), []

    def has_noted() -> bool:
        seen.append(int(head(caller, place).headers["Upload-Offset"]))
        return seen[-1] > offset

    wait_until(has_noted, "the server to note what came")
    return seen[-1]
