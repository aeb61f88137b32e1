"""What a call may not name: layers, withdrawn artifacts, paths, hosts."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from calling import count, entries, other_session

from databases import Place
from evidence import item, put_layers, register
from quanheng.core import call, verb
from quanheng.core.resolve import check_url
from quanheng.errors import Conflict, Forbidden, Invalid, QuanhengError


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


def test_a_local_path_from_elsewhere_is_refused_and_not_looked_at(
    workspace: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = dataclasses.replace(workspace.session, is_local=False)
    seen: list[Any] = []
    watched = dataclasses.replace(verb.VERBS["files.register"], prepare=lambda session, inp: seen.append(inp) or inp)
    monkeypatch.setitem(verb.VERBS, "files.register", watched)
    for path in (str(folder), "/no/such/folder"):
        with pytest.raises(Forbidden, match="only the command line and Python may give") as caught:
            call.call(remote, "files.register", {"path": path, "title": "t"})
        assert caught.value.code == "local_path_refused"
        assert "只能在命令行或 Python 中使用" in caught.value.text.zh
    assert seen == []
    assert call.call(workspace.session, "files.register", {"path": str(folder), "title": "t"}).digest and len(seen) == 1


def test_a_host_that_is_not_allowed_is_refused(place: Place) -> None:
    workspace = place.open()
    with pytest.raises(Forbidden, match=r"the host models\.example is not in the setting allowed_hosts"):
        call.call(workspace.session, "endpoint.register", {"url": "http://models.example/v1", "title": "t"})
    for url in ("http://127.0.0.1:1/", "http://localhost/", "http://[::1]/"):
        check_url(workspace.session, url)
    for url in ("ftp://models.example/", "models.example", "http://", "file:///etc/passwd", "http://[::1/"):
        with pytest.raises(Invalid, match=r"is not an http\(s\) URL"):
            check_url(workspace.session, url)
    with pytest.raises(Forbidden):
        check_url(workspace.session, "http://localhost.models.example/")
    for url in ("http://127.0.0.1@models.example/", "http://localhost/v1?key=word", "http://localhost/#part"):
        with pytest.raises(Invalid, match="may hold no user"):
            check_url(workspace.session, url)
    allowed = place.open(allowed_hosts="Models.example").session
    check_url(allowed, "https://MODELS.example/v1")
