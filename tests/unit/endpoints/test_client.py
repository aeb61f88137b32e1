from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.endpoints.chat import ChatClient, Reply, _parse, request_body
from quanheng.endpoints.client import Patience, key_from, retry_after_s
from quanheng.errors import Forbidden, Invalid, NotFound, QuanhengError, Unavailable
from quanheng.kinds.models import Decoding, Endpoint, Engine, Weights

from .loopback import Told, completion, endpoint_at, serve

KEY = "sk-not-a-real-key"
QUICK = Patience(connect_s=2.0, answer_s=0.3, attempts=3, first_wait_s=1.0, longest_wait_s=30.0)


def client_at(url: str, waits: list[float] | None = None, patience: Patience = QUICK, **more: object) -> ChatClient:
    kept = waits if waits is not None else []
    return ChatClient(endpoint_at(url), key=KEY, patience=patience, sleep=kept.append, chance=lambda: 0.5, **more)


def fails(*replies: Told, times: int | None = None, **more: object) -> QuanhengError:
    """Return the error of one question, checked for what every error owes its reader."""
    with serve(*replies) as server, client_at(server.url, **more) as client:
        with pytest.raises(QuanhengError) as caught:
            client.ask("你好")
    if times is not None:
        assert len(server.requests) == times
    error = caught.value
    assert error.hint and error.hint.zh and error.text.zh != error.text.en
    assert KEY not in repr(error.to_json())
    return error


def test_asks_in_the_common_form() -> None:
    with serve(completion("水在一百摄氏度沸腾。")) as server:
        endpoint = endpoint_at(server.url, system_prompt="请用中文回答。")
        with ChatClient(endpoint, key=KEY) as client:
            assert client.ask("水多少度沸腾？", max_tokens=9) == Reply("水在一百摄氏度沸腾。", "stop", 5, 3)
    path, headers, body = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}" and headers["accept-encoding"] == "identity"
    assert body == {
        "model": "m",
        "messages": [{"role": "system", "content": "请用中文回答。"}, {"role": "user", "content": "水多少度沸腾？"}],
        "temperature": 0,
        "top_p": 1,
        "seed": 7,
        "max_tokens": 9,
        "stream": False,
        "frequency_penalty": 0.5,
        "stop": ["\n问"],
    }


def test_no_key_sends_no_header() -> None:
    with serve(completion("好")) as server, ChatClient(endpoint_at(server.url + "/")) as client:
        assert client.ask("好吗？").answer == "好"
    assert server.requests[0][0] == "/v1/chat/completions"
    assert "authorization" not in server.requests[0][1]


def test_optional_fields_are_left_out_when_they_say_nothing() -> None:
    body = request_body(endpoint_at("http://h/v1", decoding=Decoding()), "问")
    assert "stop" not in body and "frequency_penalty" not in body and body["max_tokens"] == 64


def test_throttled_waits_as_long_as_it_is_asked_to() -> None:
    waits: list[float] = []
    slow_down = Told(429, headers={"Retry-After": "7"})
    at_date = Told(429, headers={"Retry-After": formatdate(1_000_012, usegmt=True)})
    with serve(slow_down, at_date, completion("好")) as server:
        with client_at(server.url, waits, now=lambda: 1_000_000.0) as client:
            assert client.ask("?").answer == "好"
    assert waits == [7.0, 12.0]


@pytest.mark.parametrize("status", [429, 503])
def test_a_limit_per_minute_is_waited_for(status: int) -> None:
    waits: list[float] = []
    with serve(Told(status, headers={"Retry-After": "60"}), completion("好")) as server:
        with client_at(server.url, waits) as client:
            assert client.ask("?").answer == "好"
    assert waits == [60.0]


def test_throttled_for_just_too_long_stops_at_once() -> None:
    assert fails(Told(429, headers={"Retry-After": "121"}), times=1).code == "endpoint_throttled"


def test_throttled_for_longer_than_patience_stops_at_once() -> None:
    error = fails(Told(429, headers={"Retry-After": "3600"}), times=1)
    assert error.code == "endpoint_throttled" and isinstance(error, Unavailable) and "3600 s" in str(error)


def test_throttled_for_ever() -> None:
    assert fails(Told(429, b"slow down", {"Retry-After": "soon"}), times=3).code == "endpoint_throttled"


def test_server_errors_are_tried_again_with_doubling_waits() -> None:
    waits: list[float] = []
    with serve(Told(503), Told(500), completion("好")) as server, client_at(server.url, waits) as client:
        assert client.ask("?").answer == "好"
    assert waits == [0.75, 1.5]  # half of 1 and 2 s fixed, half by chance 0.5


def test_server_errors_for_ever_are_down() -> None:
    error = fails(Told(503, "系统维护".encode()), times=3)
    assert error.code == "endpoint_down" and "503 系统维护" in str(error)


def test_connection_cut_is_tried_again() -> None:
    with serve(Told(drop=True), completion("好")) as server, client_at(server.url) as client:
        assert client.ask("?").answer == "好"


def test_half_a_reply_is_tried_again() -> None:
    half = Told(body=b'{"choices": [', headers={"Content-Length": "900"}, cut=True)
    with serve(half, completion("好")) as server, client_at(server.url) as client:
        assert client.ask("?").answer == "好"
    assert len(server.requests) == 2


def test_connection_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        waits: list[float] = []
        with client_at(url, waits) as client, pytest.raises(Unavailable) as caught:
            client.ask("?")
    assert caught.value.code == "endpoint_down" and len(waits) == 2


def test_no_answer_in_time_is_slow_and_not_asked_again() -> None:
    late = threading.Event()
    reply = completion("好")
    reply.before = lambda: late.wait(5)
    started = time.monotonic()
    with serve(reply) as server, client_at(server.url) as client:
        with pytest.raises(Unavailable) as caught:
            client.ask("?")
        late.set()
    assert caught.value.code == "endpoint_slow" and len(server.requests) == 1
    assert time.monotonic() - started < 3


def test_dripping_answer_is_slow() -> None:
    reply = completion("好" * 20)
    reply.pieces, reply.before = 40, lambda: time.sleep(0.05)
    assert fails(reply, times=1).code == "endpoint_slow"


@pytest.mark.parametrize(
    "reply",
    [
        Told(body=b"<html><body>It works!</body></html>", headers={"Content-Type": "text/html"}),
        Told(body=b""),
        Told(body=b"[]"),
        Told(body=b'{"choices": []}'),
        Told(body=b'{"choices": [{"text": "completion, not chat"}]}'),
        Told(body=b'{"choices": [{"message": {"content": 7}}]}'),
        Told(body=b'{"error": {"message": "wrong"}}'),
        Told(body=b"\xff\xfe\x00"),
        Told(body=b"[" * 100_000),
        Told(body=b"9" * 10_000),
        Told(body=b" " * (ChatClient.most_bytes + 1)),
        Told(body=gzip.compress(b"{}", mtime=0), headers={"Content-Encoding": "gzip"}),
        Told(302, headers={"Location": "http://127.0.0.1:9/elsewhere"}),
        Told(204, headers={"Content-Length": "0"}),
    ],
    ids=lambda reply: f"{reply.status}-{reply.body[:12]!r}",
)
def test_rubbish(reply: Told) -> None:
    error = fails(reply, times=1)
    assert error.code == "endpoint_rubbish" and len(error.text.en) < 400


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key(status: int) -> None:
    error = fails(Told(status, f"bad key {KEY[:3]}***".encode()), times=1)
    assert error.code == "endpoint_refused_auth" and isinstance(error, Forbidden)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((status, "endpoint_rejected") for status in (400, 413, 422, 451)),
        *((status, "endpoint_refused") for status in (402, 404, 405, 410, 415, 431)),
    ],
)
def test_rejected_request_says_why_and_whether_it_may_be_the_text(status: int, code: str) -> None:
    error = fails(Told(status, b'{"error": "no such\nmodel"}'), times=1)
    assert error.code == code and isinstance(error, Invalid)
    assert f"({status})" in str(error) and "no such model" in str(error)


def test_a_request_that_came_too_slowly_is_sent_again() -> None:
    with serve(Told(408), completion("好")) as server, client_at(server.url) as client:
        assert client.ask("?").answer == "好"
    assert fails(Told(408), times=3).code == "endpoint_down"


def test_refusal_of_the_service_is_an_answer() -> None:
    with serve(completion(None, refusal="我不能帮助你。"), completion(None)) as server, client_at(server.url) as client:
        assert [client.ask("?").answer for _ in range(2)] == ["我不能帮助你。", ""]


def test_half_a_character_becomes_a_replacement() -> None:
    with (
        serve(Told(body=b'{"choices":[{"message":{"content":"a\\ud83d"}}]}')) as server,
        client_at(server.url) as client,
    ):
        assert client.ask("?") == Reply("a\ufffd", None, None, None)


def test_key_from_the_environment() -> None:
    assert key_from("K", {"K": f" {KEY}\n"}) == KEY
    with pytest.raises(NotFound, match="'K'"):
        key_from("K", {"K": " "})
    with pytest.raises(Invalid) as caught:
        key_from("K", {"K": "two\nlines"})
    assert "two" not in str(caught.value)


def test_misuse() -> None:
    weights = Weights(digest="sha256:" + "0" * 64, size=1)
    local = Endpoint(model="m", weights=weights, engine=Engine(name="e", version="1"))
    with pytest.raises(ValueError, match="local endpoint"):
        ChatClient(local)
    with pytest.raises(ValueError, match="at least 1"):
        ChatClient(endpoint_at("http://h"), concurrency=0)


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["choices", "message", "content", "usage"]), x),
    ).map(lambda v: json.dumps(v).encode())
)
def test_any_bytes_give_a_reply_or_one_clear_error(data: bytes) -> None:
    try:
        reply = _parse("http://h", data)
    except Unavailable as error:
        assert error.code == "endpoint_rubbish"
    else:
        reply.answer.encode("utf-8")


@given(st.text(max_size=40) | st.integers().map(str), st.floats(0, 4e9))
def test_retry_after_is_a_wait_or_nothing(header: str, now: float) -> None:
    wait_s = retry_after_s(header, now)
    assert wait_s is None or wait_s >= 0
    assert retry_after_s(None, now) is None


@given(st.integers(1, 60), st.floats(0, 1, exclude_max=True))
def test_waits_stay_in_bounds(failures: int, chance: float) -> None:
    patience = Patience()
    whole = min(patience.longest_wait_s, patience.first_wait_s * 2 ** (failures - 1))
    assert whole / 2 <= patience.wait_s(failures, chance) <= whole
