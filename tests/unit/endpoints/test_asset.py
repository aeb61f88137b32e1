"""Endpoints as bytes, and the clients of whoever is given them."""

from __future__ import annotations

import os

import pytest

from quanheng.endpoints.asset import (
    SERVED_VARIABLE,
    check_keys,
    endpoint_bytes,
    key_of,
    open_client,
    read_endpoint,
    served,
)
from quanheng.endpoints.chat import ChatClient
from quanheng.errors import Invalid, NotFound, Unavailable
from quanheng.kinds.models import Endpoint, Engine, Weights

from .loopback import completion, endpoint_at, serve

LOCAL = Endpoint(model="m", weights=Weights(digest="sha256:" + "1" * 64, size=1), engine=Engine(name="e", version="1"))


def test_bytes_and_back() -> None:
    for endpoint in (endpoint_at("https://h/v1"), LOCAL):
        assert read_endpoint(endpoint_bytes(endpoint)) == endpoint
    short = read_endpoint(b'{"url": "https://h/v1", "model": "m"}')
    assert (short.url, short.model, short.engine.name) == ("https://h/v1", "m", "remote")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"null",
        b"[1]",
        b'{"url": "https://h/v1"}',
        b'{"url": "https://h/?key=1", "model": "m"}',
        b"[" * 99999,
    ],
    ids=range(7),
)
def test_what_is_no_endpoint(data: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        read_endpoint(data)
    assert caught.value.code == "bad_endpoint" and caught.value.hint


def test_the_key_of_a_role_goes_before_the_common_one() -> None:
    both = {"QUANHENG_SCORER_KEY": "own", "QUANHENG_ENDPOINT_KEY": "common"}
    assert (key_of("scorer", both), key_of("guard", both)) == ("own", "common")
    assert key_of("scorer", {**both, "QUANHENG_SCORER_KEY": ""}) is None
    assert key_of("scorer", {}) is None
    with pytest.raises(Invalid) as caught:
        key_of("guard", {"QUANHENG_GUARD_KEY": "two\nlines"})
    assert caught.value.code == "bad_key"


@pytest.mark.parametrize(
    ("scorer", "guard", "one"),
    [
        ("https://a.example/v1", "https://a.example:443/other", True),
        ("http://a.example/v1", "http://A.example:80", True),
        ("https://a.example/v1", "https://b.example/v1", False),
        ("https://a.example/v1", "http://a.example/v1", False),
        ("https://a.example/v1", "https://a.example:8443/v1", False),
        ("https://a.example/v1", None, True),
    ],
)
def test_the_common_key_goes_to_one_service_only(scorer: str, guard: str | None, one: bool) -> None:
    given = {"scorer": endpoint_at(scorer), "guard": endpoint_at(guard) if guard else LOCAL}
    common = {"QUANHENG_ENDPOINT_KEY": "sk-common"}
    for environment in ({}, {**common, "QUANHENG_SCORER_KEY": "own", "QUANHENG_GUARD_KEY": ""}):
        check_keys(given, environment)
    if one:
        check_keys(given, common)
        return
    for environment, missing in ((common, "QUANHENG_SCORER_KEY"), ({**common, "QUANHENG_SCORER_KEY": "o"}, "GUARD")):
        with pytest.raises(NotFound) as caught:
            check_keys(given, environment)
        error = caught.value
        assert error.code == "no_key" and error.hint and missing in error.hint.en and missing in error.hint.zh
        assert "sk-common" not in repr(error.to_json())


def test_a_local_model_is_found_where_it_is_served_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SERVED_VARIABLE, raising=False)
    other = LOCAL.model_copy(update={"model": "n"})
    with serve(completion("好")) as server, served(LOCAL, server.url, "key-of-this-run"):
        with served(other, "http://127.0.0.1:9/v1", "k"):
            with open_client(ChatClient, LOCAL, "scorer", concurrency=8) as client:
                assert client.ask("?").answer == "好" and client.concurrency == 1
        with pytest.raises(Unavailable) as caught:
            open_client(ChatClient, other, "scorer")
        assert server.requests[0][1]["authorization"] == "Bearer key-of-this-run"
    assert caught.value.code == "not_served_here" and SERVED_VARIABLE not in os.environ
