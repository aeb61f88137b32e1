from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.endpoints.client import Patience
from quanheng.endpoints.embeddings import EmbeddingClient
from quanheng.errors import Forbidden, Invalid, Unavailable

from .loopback import Told, endpoint_at, serve

QUICK = Patience(connect_s=2.0, answer_s=1.0, attempts=3, first_wait_s=1.0, longest_wait_s=30.0)
TEXTS = ["水多少度沸腾？", "权为秤锤", "衡为秤杆"]


def vectors(*rows: Any, order: Any = None) -> Told:
    data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
    data = [data[i] for i in order] if order else data
    return Told(body=json.dumps({"object": "list", "model": "m", "data": data}).encode())


def client_at(url: str, waits: list[float] | None = None) -> EmbeddingClient:
    kept = waits if waits is not None else []
    return EmbeddingClient(endpoint_at(url), key="k", patience=QUICK, sleep=kept.append, chance=lambda: 0.5)


def test_vectors_come_in_the_order_of_the_texts() -> None:
    rows = [[1, 0.5], [0, -1e-7], [3.25, 2]]
    with serve(vectors(*rows, order=[2, 0, 1])) as server, client_at(server.url) as client:
        found = client.embed(TEXTS, width=2)
    assert found.dtype == np.float32 and found.shape == (3, 2)
    np.testing.assert_array_equal(found, np.array(rows, np.float32))
    path, headers, body = server.requests[0]
    assert path == "/v1/embeddings" and headers["authorization"] == "Bearer k"
    assert body == {"model": "m", "input": TEXTS, "encoding_format": "float"}


def test_no_text_asks_nothing() -> None:
    with serve(vectors([1.0])) as server, client_at(server.url) as client:
        assert client.embed([]).shape == (0, 0) and client.embed([], width=7).shape == (0, 7)
    assert server.requests == []


def test_tried_again_like_questions() -> None:
    waits: list[float] = []
    replies = (Told(503), Told(429, headers={"Retry-After": "7"}), vectors([1.0]))
    with serve(*replies) as server, client_at(server.url, waits) as client:
        assert client.embed(["问"]).tolist() == [[1.0]]
    assert waits == [0.75, 7.0]


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        (Told(500), Unavailable, "endpoint_down"),
        (Told(401), Forbidden, "endpoint_refused_auth"),
        (Told(404, b"no such route"), Invalid, "endpoint_refused"),
        (Told(429, headers={"Retry-After": "900"}), Unavailable, "endpoint_throttled"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_faults_are_those_of_questions(reply: Told, error: type[Exception], code: str) -> None:
    with serve(reply) as server, client_at(server.url) as client, pytest.raises(error) as caught:
        client.embed(["问"])
    assert caught.value.code == code  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "reply",
    [
        vectors([1.0], [2.0]),
        vectors([1.0], [2.0], [3.0], [4.0]),
        vectors([1.0], [2.0], [3.0], order=[0, 1, 1]),
        vectors([1.0], [2.0, 3.0], [4.0]),
        vectors([], [], []),
        vectors([1.0], ["2.0"], [3.0]),
        vectors([1.0], [True], [3.0]),
        vectors([1.0], [None], [3.0]),
        vectors([1.0], [math.nan], [3.0]),
        vectors([1.0], [1e300], [3.0]),
        vectors([1.0], "AACAPw==", [3.0]),
        Told(body=b'{"data": []}'),
        Told(body=b'{"choices": [{"message": {"content": "hi"}}]}'),
        Told(body=b"<html>"),
        Told(body=b""),
        Told(body=b"[" * 100_000),
    ],
    ids=range(16),
)
def test_rubbish(reply: Told) -> None:
    with serve(reply) as server, client_at(server.url) as client, pytest.raises(Unavailable) as caught:
        client.embed(TEXTS)
    assert caught.value.code == "endpoint_rubbish" and len(server.requests) == 1
    assert "embeddings" in caught.value.text.en and "向量" in caught.value.text.zh


def test_another_width_than_wanted() -> None:
    with serve(vectors([1.0, 2.0])) as server, client_at(server.url) as client, pytest.raises(Unavailable) as caught:
        client.embed(["问"], width=3)
    assert "2 numbers instead of 3" in caught.value.text.en


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.integers() | st.floats(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["data", "index", "embedding"]), x),
    ).map(lambda v: json.dumps(v).encode())
)
def test_any_bytes_give_vectors_or_one_clear_error(data: bytes) -> None:
    client = client_at("http://127.0.0.1:9")
    client.post = lambda path, body: data  # type: ignore[method-assign]
    with client:
        try:
            found = client.embed(["一", "二"])
        except Unavailable as error:
            assert error.code == "endpoint_rubbish"
        else:
            assert found.shape[0] == 2 and np.isfinite(found).all()
