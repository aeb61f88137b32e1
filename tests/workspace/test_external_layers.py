"""Layers that lie at a URL: registered by digest, read in place, and told apart when gone or changed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from quanheng.core.backup import backup
from quanheng.core.fsck import fsck
from quanheng.errors import Corrupt, Forbidden, NotFound, Unavailable

TEXT = "\n".join(f"第{i}篇日记：清晨下了小雨，院子里的花开了{i}朵。" for i in range(20)).encode()


class Shelf(ThreadingHTTPServer):
    """Serves one file on loopback; a test changes or removes it."""

    content: bytes | None = TEXT

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/diary.txt"


class _Serve(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = self.server.content  # type: ignore[attr-defined]
        self.send_response(200 if content is not None else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    server = Shelf(("127.0.0.1", 0), _Serve)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def allow_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANHENG_ALLOWED_HOSTS", "127.0.0.1")


def external_source(url: str) -> dict[str, Any]:
    digest = "sha256:" + hashlib.sha256(TEXT).hexdigest()
    return {
        "kind": "source/v1",
        "model": {
            "title": "日记",
            "origin": {"type": "open", "name": "日记"},
            "licence": {"spdx": "CC0-1.0", "found": "CC0", "clear": True},
            "collection": {"method": "in place", "has_record": True},
            "files": [{"title": "diary.txt", "format": "txt", "size": len(TEXT)}],
            "counts": {"files": 1, "bytes": len(TEXT)},
            "reading": {"document": "line"},
        },
        "layers": [
            {"digest": digest, "size": len(TEXT), "media_type": "text/plain", "title": "diary.txt", "urls": [url]}
        ],
    }


def test_read_in_place_and_built_into_a_corpus(workspace: Any, shelf: Shelf) -> None:
    source = workspace.artifact.register_many(items=[external_source(shelf.url)]).digest
    assert not workspace.objects.exists("sha256:" + hashlib.sha256(TEXT).hexdigest())
    with workspace.load(source).open_layer("diary.txt") as stream:
        assert stream.read() == TEXT
    corpus = workspace.corpus.build(sources=[source])
    assert workspace.load(corpus.digest).model.totals.documents == 20


def test_changed_content_is_corrupt(workspace: Any, shelf: Shelf) -> None:
    source = workspace.artifact.register_many(items=[external_source(shelf.url)]).digest
    shelf.content = TEXT.replace("花".encode(), "草".encode())
    with pytest.raises(Corrupt):
        workspace.corpus.build(sources=[source])


def test_fsck_tells_gone_from_changed(workspace: Any, shelf: Shelf) -> None:
    workspace.artifact.register_many(items=[external_source(shelf.url)])
    assert fsck(workspace).ok
    shelf.content = TEXT[:-1] + b"x"
    assert {problem.code for problem in fsck(workspace).problems} == {"external_damaged"}
    shelf.content = None
    report = fsck(workspace)
    assert report.ok and "external_unreachable" in {note.code for note in report.notes}


@pytest.mark.parametrize("local_first", [False, True])
def test_one_layer_here_and_elsewhere_is_needed_here(
    workspace: Any, shelf: Shelf, tmp_path: Path, local_first: bool
) -> None:
    def local() -> None:
        (tmp_path / "diary.txt").write_bytes(TEXT)
        workspace.files.register(path=str(tmp_path / "diary.txt"), title="日记")

    def external() -> None:
        workspace.artifact.register_many(items=[external_source(shelf.url)])

    for register in (local, external) if local_first else (external, local):
        register()
    report = fsck(workspace)
    assert report.ok and report.counts["external"] == 0
    backup(workspace, tmp_path / "whole.zip")
    workspace.objects.path("sha256:" + hashlib.sha256(TEXT).hexdigest()).unlink()
    assert {problem.code for problem in fsck(workspace).problems} == {"object_missing"}
    with pytest.raises(NotFound):
        backup(workspace, tmp_path / "half.zip")
    assert not (tmp_path / "half.zip").exists()


def test_gone_is_unavailable(workspace: Any, shelf: Shelf) -> None:
    source = workspace.artifact.register_many(items=[external_source(shelf.url)]).digest
    shelf.content = None
    with pytest.raises(Unavailable):
        workspace.corpus.build(sources=[source])


def test_other_hosts_need_the_setting(workspace: Any) -> None:
    with pytest.raises(Forbidden) as refused:
        workspace.artifact.register_many(items=[external_source("https://data.example.org/diary.txt")])
    assert refused.value.code == "host_not_allowed"
