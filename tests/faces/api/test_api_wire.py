"""The client's connections: tried again where that can do no harm, never in clear, never with other bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_callers import Caller, digest_of

import quanheng
from quanheng.api import transfers, wire
from quanheng.api.client import RemoteWorkspace
from quanheng.errors import Invalid, Unavailable

# ---------------------------------------------------------------- connections that break


class Breaking(httpx.BaseTransport):
    """Breaks a connection after or before some requests have arrived."""

    def __init__(self) -> None:
        self.inner = httpx.HTTPTransport()
        self.plan: list[str] = []
        self.sent: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request as the plan says."""
        what = self.plan.pop(0) if self.plan else ""
        self.sent.append(request)
        if what == "before":
            raise httpx.ConnectError("refused", request=request)
        if what in ("502", "503"):
            return httpx.Response(int(what), text="proxy")
        answer = self.inner.handle_request(request)
        if what == "after":
            answer.read()
            raise httpx.ReadError("broken", request=request)
        return answer

    def close(self) -> None:
        self.inner.close()


@pytest.fixture
def breaking(server: str, owner: Caller, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[RemoteWorkspace, Breaking]]:
    monkeypatch.setattr(wire, "PAUSE_S", 0.001)
    monkeypatch.setattr(transfers, "PAUSE_S", 0.001)
    transport = Breaking()
    with quanheng.connect(server, owner.token, transport=transport) as remote:
        remote.operations()
        yield remote, transport


@pytest.mark.parametrize("what", ["before", "after", "502", "503"])
def test_a_call_is_sent_again_and_has_its_effect_once(breaking: Any, what: str) -> None:
    remote, transport = breaking
    transport.plan = [what, what]
    made = remote.case.open(type="user_appeal", title="x")
    assert [row["case"] for row in remote.case.list()["rows"]] == [made.value["case"]]
    keys = {request.headers.get("Idempotency-Key") for request in transport.sent if request.method == "POST"}
    assert len(keys) == 1 and None not in keys


def test_an_upload_goes_on_where_it_broke(breaking: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote, transport = breaking
    monkeypatch.setattr(transfers, "PIECE", 1000)
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * 20)
    transport.plan = ["after", "", "after", "before", "", "502", "", "before", "before"]
    assert remote.put(path).digest == digest_of(path.read_bytes())
    sent = sum(len(request.content) for request in transport.sent if request.method == "PATCH")
    assert sent < 2 * path.stat().st_size
    assert any(request.method == "HEAD" for request in transport.sent)


def test_a_download_goes_on_where_it_broke(breaking: Any, workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from evidence import register

    remote, transport = breaking
    data = bytes(range(256)) * 8000
    register(workspace, "t", [("a", data)], as_name="x")
    loaded, real, broken = remote.load("x"), transfers._pieces, []

    def pieces(wire_: Any, answer: Any) -> Iterator[bytes]:
        for piece in real(wire_, answer):
            yield piece
            if not broken:
                broken.append(True)
                raise wire_.unreachable(httpx.ReadError("broken"))

    monkeypatch.setattr(transfers, "_pieces", pieces)
    with loaded.open_layer("a") as stream:
        assert stream.read() == data
    assert transport.sent[-1].headers["Range"].startswith("bytes=")


def test_a_layer_with_other_bytes_is_not_given(remote: RemoteWorkspace, workspace: Any) -> None:
    from evidence import register
    from quanheng.errors import Corrupt

    register(workspace, "t", [("a", b"right")], as_name="x")
    path = workspace.objects.path(digest_of(b"right"))
    path.chmod(0o600)
    path.write_bytes(b"wrong")
    loaded = remote.load("x")
    with pytest.raises(Corrupt):
        loaded.open_layer("a")


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FIRST_PATIENCE_S", 0.3)
    with quanheng.connect("http://127.0.0.1:9") as remote, pytest.raises(Unavailable) as caught:
        remote.call("project.list")
    assert caught.value.code == "server_unreachable" and caught.value.exit_code == 6


def test_an_answer_that_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FIRST_PATIENCE_S", 0.1)
    for status, code in ((404, "unknown_answer"), (302, "unknown_answer"), (502, "no_answer")):
        transport = httpx.MockTransport(lambda request, status=status: httpx.Response(status, text="<html>"))
        with quanheng.connect("http://127.0.0.1:1", transport=transport) as remote:
            with pytest.raises(Unavailable) as caught:
                remote.call("project.list")
            assert caught.value.code == code


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://qh.example.cn", "no_https"),
        ("http://127.0.0.1.evil.example", "no_https"),
        ("http://localhost.evil.example", "no_https"),
        ("ftp://127.0.0.1", "bad_url"),
        ("127.0.0.1:8000", "bad_url"),
        ("https://", "bad_url"),
        ("https://user:password@qh.example.cn", "bad_url"),
        ("https://qh.example.cn/?a=1", "bad_url"),
        ("https://[::1", "bad_url"),
        ("https://qh.example.cn:99999", "bad_url"),
    ],
)
def test_a_token_does_not_travel_in_clear(url: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        quanheng.connect(url, "qh_x")
    assert caught.value.code == code


def test_addresses_that_are_good() -> None:
    for url in ("https://qh.example.cn", "http://127.0.0.1:1", "http://localhost", "http://[::1]:8"):
        quanheng.connect(url, "qh_x").close()
    quanheng.connect("http://qh.example.cn", "qh_x", insecure=True).close()
    with pytest.raises(Invalid):
        quanheng.connect("https://qh.example.cn", "qh_x\r\nX: y")
    assert "qh_secret" not in repr(quanheng.connect("https://qh.example.cn", "qh_secret"))
