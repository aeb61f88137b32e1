"""Verification for anybody: what holds, what differs, what is no bundle, and that nothing stays behind."""

from __future__ import annotations

import io
import os
import struct
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from evidence import register
from quanheng.core.bundles import export_bundle
from quanheng.web.views import verify

#: The header that a browser set to English sends.
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}
HOSTILE = '<script>alert(1)</script>{{7*7}}"><img src=x onerror=alert(1)>'
JSON = {"HTTP_ACCEPT": "application/json"}


@pytest.fixture
def bundle(workspace: Any, configured: Any, tmp_path: Path) -> bytes:
    """Return an open bundle of two artifacts."""
    source = register(workspace, "origin", [("a.txt", "原文".encode() * 500)])
    digest = register(workspace, "result", [("b.txt", b"b")], inputs=[("sources", source)])
    path = tmp_path / "bundle.zip"
    export_bundle(workspace.session, [digest], path)
    return path.read_bytes()


@pytest.fixture
def key(workspace: Any) -> str:
    return str(workspace.key.list()[0]["fingerprint"])


@pytest.fixture(autouse=True)
def nothing_stays(configured: Any) -> Any:
    """Assert after each test that no uploaded file is left."""
    yield
    left = [path.name for path in (configured.folder / "uploads").iterdir() if "upload" in path.name]
    assert left == []


def send(client: Any, data: bytes, key: str = "", name: str = "证据.zip", **headers: Any) -> Any:
    return client.post("/verify", {"bundle": io.BytesIO(data), "key": key} | _named(data, name), **headers)


def _named(data: bytes, name: str) -> dict[str, Any]:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return {"bundle": SimpleUploadedFile(name, data, "application/zip")}


def text_of(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content.decode()[:400]
    return str(answer.content.decode())


def test_the_page_is_for_anybody_in_both_languages(visitor: Any) -> None:
    text = text_of(visitor.get("/verify"))
    assert "无需账号" in text and 'type="file"' in text and "4,096 MiB" in text and text.count("<h1") == 1
    assert "without an account" in text_of(visitor.get("/verify", **ENGLISH))
    assert visitor.head("/verify").status_code == 200 and visitor.put("/verify").status_code == 405


def test_a_good_bundle_with_its_key_passes(visitor: Any, bundle: bytes, key: str) -> None:
    text = text_of(send(visitor, bundle, key))
    assert '<div class="verdict ok"' in text and '<span class="word">通过</span>' in text
    assert text.count('<span class="v ok">通过</span>') == 13 and "没有比对" not in text
    assert "证据.zip" in text and key in text and "没有外部见证" in text and "公开：含内容" in text
    assert "quanheng/" in text and ">3<" in text.replace(" ", "")  # two artifacts and the key
    assert "Verified" in text_of(send(visitor, bundle, key.removeprefix("sha256:").upper(), **ENGLISH))


def test_without_a_key_the_page_says_so_loudly(visitor: Any, bundle: bytes) -> None:
    text = text_of(send(visitor, bundle))
    assert (
        '<div class="verdict wait"' in text
        and "没有比对密钥指纹：任何人都能制作" in text
        and ">通过</span></h" not in text
    )
    assert '<span class="word">通过' not in text
    assert "No fingerprint was compared" in text_of(send(visitor, bundle, **ENGLISH))


def test_another_key_does_not_pass(visitor: Any, bundle: bytes) -> None:
    text = text_of(send(visitor, bundle, "sha256:" + "0" * 64))
    assert '<span class="word">未通过</span>' in text and "不是由预期的密钥签名" in text and "0" * 64 in text


def test_one_changed_bit_is_named_with_its_place(visitor: Any, bundle: bytes, key: str) -> None:
    at = bundle.index("原文".encode()) + 10
    changed = bundle[:at] + bytes([bundle[at] ^ 1]) + bundle[at + 1 :]
    text = text_of(send(visitor, changed, key))
    assert '<span class="word">未通过</span>' in text and "证据.zip 在第" in text and "blobs/sha256/" in text
    assert "tmp" not in text.partition("<tbody>")[2].partition("</tbody>")[0], (
        "the name of our copy is nobody's business"
    )
    found = send(visitor, changed, key, **JSON).json()
    assert found["ok"] is False and found["checks"][0]["code"] == "zip" and found["file"] == "证据.zip"


def test_what_differs_inside_is_told_check_by_check(visitor: Any, bundle: bytes, key: str) -> None:
    from quanheng.store.canonical_zip import read_zip, write_zip

    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"bundle-{os.getpid()}.zip"
    path.write_bytes(bundle)
    with read_zip(path) as zipped:
        entries = {name: zipped.read(name) for name in zipped.names}
    path.unlink()
    out = io.BytesIO()
    write_zip(out, {**entries, f"extra/{HOSTILE.replace('/', '|')}.html": b"added"})
    text = text_of(send(visitor, out.getvalue(), key))
    assert "bundle.json 未列出该文件" in text and '<span class="v no">不通过</span>' in text
    assert "<script>alert" not in text and "<img" not in text and "{{7*7}}" in text


def test_json_for_programs(visitor: Any, bundle: bytes, key: str) -> None:
    answer = send(visitor, bundle, key, **JSON)
    found = answer.json()
    assert answer.status_code == 200 and found["ok"] and found["key_compared"] and found["facts"]["mode"] == "open"
    assert found["facts"]["counts"]["artifacts"] == 3 and found["bytes"] == len(bundle)
    wrong = send(visitor, b"no zip", **JSON)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "not_a_zip")
    browser = send(visitor, bundle, key, HTTP_ACCEPT="text/html,application/json;q=0.9")
    assert browser.headers["Content-Type"].startswith("text/html")


def zip_of(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, data in entries.items():
            made.writestr(name, data)
    return out.getvalue()


def declared(size: int) -> bytes:
    """Return a zip whose one member is said to be `size` bytes long."""
    name = b"bundle.json"
    extra = struct.pack("<HHQQ", 1, 16, size, size)
    head = struct.pack(
        "<4s5H3L2H", b"PK\x03\x04", 45, 1 << 11, 0, 0, 0x21, 0, 2**32 - 1, 2**32 - 1, len(name), len(extra)
    )
    return head + name + extra + b"x" * 100 + b"PK\x05\x06" + b"\0" * 18


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"", 422, "不是 zip 文件"),
        (b"hello", 422, "不是 zip 文件"),
        (os.urandom(5000), 422, "不是 zip 文件"),
        (zip_of({}), 422, "没有 bundle.json"),
        (zip_of({"a.txt": b"\0" * (64 << 20)}), 200, "未通过"),  # a bomb: 64 KiB that would be 64 MiB
        (declared(10 << 30), 200, "未通过"),
        (declared(2**63), 200, "未通过"),
    ],
)
def test_what_is_no_bundle_is_one_clear_answer(visitor: Any, data: bytes, status: int, said: str) -> None:
    assert said in text_of(send(visitor, data), status)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_bundle_does_not_pass(visitor: Any, bundle: bytes, key: str, part: float) -> None:
    assert '<span class="word">未通过</span>' in text_of(send(visitor, bundle[: int(len(bundle) * part)], key))


def test_a_bundle_of_very_many_files_ends_in_one_error(visitor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.store.canonical_zip import write_zip

    monkeypatch.setattr(verify, "MEMORY_MB", 60)  # enough to start, not for 200,000 members
    out = io.BytesIO()
    write_zip(out, {f"{number:06}": b"" for number in range(200_000)})
    answer = send(visitor, out.getvalue())
    assert (
        "超出此处可核验的规模" in text_of(answer, 422)
        and "python -I -m quanheng.store.verify" in answer.content.decode()
    )


def test_a_bundle_with_very_many_faults_gives_a_short_answer(visitor: Any, bundle: bytes) -> None:
    from quanheng.store.canonical_zip import read_zip, write_zip

    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"bundle-{os.getpid()}.zip"
    path.write_bytes(bundle)
    with read_zip(path) as zipped:
        entries = {name: zipped.read(name) for name in zipped.names}
    path.unlink()
    out = io.BytesIO()
    write_zip(out, {**entries, **{f"extra/{number:05}": b"" for number in range(3000)}})
    answer = send(visitor, out.getvalue())
    assert "3,000" in text_of(answer) and len(answer.content) < 100_000


def test_no_file_and_a_bad_fingerprint_are_told(visitor: Any, bundle: bytes) -> None:
    assert "没有收到材料包" in text_of(visitor.post("/verify", {"key": "x"}), 422)
    assert "没有收到材料包" in text_of(visitor.post("/verify", {"bundle": "text"}), 422)
    assert "没有收到材料包" in text_of(visitor.post("/verify", b"{}", content_type="application/json"), 422)
    assert visitor.post("/verify", b"--x\r\n", content_type="multipart/form-data; boundary=x").status_code == 422
    assert visitor.post("/verify", b"x", content_type="multipart/form-data").status_code == 422
    text = text_of(send(visitor, bundle, HOSTILE), 422)
    assert "不是密钥指纹" in text and "<script>alert" not in text and "<img" not in text and "{{7*7}}" in text


def test_a_hostile_file_name_is_escaped(visitor: Any, bundle: bytes) -> None:
    for data in (bundle, b"no zip", bundle[:500]):
        answer = send(visitor, data, name=HOSTILE.replace("/", "") + "\u202e.zip")
        text = answer.content.decode()
        assert "<script>alert" not in text and "<img" not in text and "\u202e" not in text


def test_a_file_that_is_too_large_is_refused_before_it_is_received(visitor: Any) -> None:
    kind = "multipart/form-data; boundary=x"
    answer = visitor.generic("POST", "/verify", b"--x\r\n", content_type=kind, CONTENT_LENGTH=str(5 << 30))
    assert "文件超过 4096 MiB" in text_of(answer, 413) and "python -I -m quanheng.store.verify" in text_of(answer, 413)


def test_a_file_that_is_too_large_after_all_is_not_verified(
    visitor: Any, bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_check_length", lambda request, limit: None)
    monkeypatch.setattr(verify, "_received", lambda request, limit, before=verify._received: before(request, 100))
    monkeypatch.setattr(verify.bounded, "run", lambda *rest, **named: pytest.fail("it was verified"))
    assert "文件超过" in text_of(send(visitor, bundle), 413)


def test_a_file_that_would_fill_the_disk_is_refused(
    visitor: Any, bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    assert "磁盘空间不足" in text_of(send(visitor, bundle), 503)


def test_two_are_verified_at_a_time_and_the_next_comes_again(
    configured: Any, bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.test import Client

    monkeypatch.setattr(verify, "WAIT_S", 0)
    go, here, answers = threading.Event(), threading.Semaphore(0), []

    def slow(*rest: Any, **named: Any) -> Any:
        here.release()
        assert go.wait(20)
        return {"ok": True, "key_compared": False, "other_key": False, "checks": [], "facts": None}

    monkeypatch.setattr(verify.bounded, "run", slow)
    threads = [threading.Thread(target=lambda: answers.append(send(Client(), bundle).status_code)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert here.acquire(timeout=20) and here.acquire(timeout=20)
    busy = send(Client(), bundle)
    assert "正在核验其他材料包" in text_of(busy, 503) and busy.headers["Retry-After"] == "60"
    go.set()
    for thread in threads:
        thread.join()
    assert answers == [200, 200] and send(Client(), bundle).status_code == 200


def test_verification_asks_the_database_nothing(visitor: Any, bundle: bytes, key: str) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        assert send(visitor, bundle, key, **JSON).json()["ok"]
    assert [query["sql"] for query in asked.captured_queries] == []


def test_no_form_of_ours_is_needed_since_nothing_is_changed(configured: Any, bundle: bytes, key: str) -> None:
    from django.test import Client

    assert send(Client(enforce_csrf_checks=True), bundle, key, **JSON).json()["ok"]
