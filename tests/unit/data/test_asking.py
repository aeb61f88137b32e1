"""Operators that ask an endpoint: a real HTTP server on this machine, also one that is away, busy or talks rubbish."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from quanheng.data.corpus.asking import ALL_REJECTED, HARMLESS, Answers, ask_all
from quanheng.data.corpus.operator import Asset, Batch, make
from quanheng.data.corpus.rubric import RUBRICS
from quanheng.endpoints.chat import ChatClient
from quanheng.endpoints.client import Patience
from quanheng.errors import Forbidden, Invalid, QuanhengError, Unavailable
from quanheng.store import Cache, LocalObjects, MemoryCache, sha256_digest
from unit.endpoints.loopback import Loopback, Told, completion, endpoint_at, serve

KEY = "sk-not-a-real-key"
QUICK = Patience(connect_s=1.0, answer_s=1.0, attempts=2, first_wait_s=0.001, longest_wait_s=0.01)


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "objects")


@pytest.fixture
def answers(tmp_path: Path, objects: LocalObjects) -> Answers:
    return Answers(Cache(tmp_path / "cache", objects), objects)


def asset(url: str, objects: LocalObjects, answers: Answers | None = None, **more: Any) -> Asset:
    digest = objects.put_bytes(json.dumps({"url": url, "model": "m", **more}).encode()).digest
    return Asset(digest, lambda: objects.open(digest), answers)


def batch(*texts: str) -> Batch:
    import pyarrow as pa

    return Batch(pa.record_batch([pa.array(texts, pa.string())], ["text"]))


def text_of(body: Any) -> str:
    """Return the text that a question of a rubric shows, or the whole of it."""
    said = body["messages"][-1]["content"]
    return said.split("【文本开始】\n")[1].split("\n【文本结束】")[0] if "【文本开始】" in said else said


def asked_for(server: Loopback) -> list[str]:
    return [text_of(body) for _, _, body in server.requests]


def scored(server: Loopback, objects: LocalObjects, *texts: str, answers: Answers | None = None, **params: Any) -> Any:
    made = make("educational_value", params, {"scorer": asset(server.url, objects, answers)})
    return made.tag(batch(*texts))["educational_value"]


def test_scores_by_the_rubric_and_the_beginning_of_the_text(objects: LocalObjects) -> None:
    said = {"光合作用分两步。": "得分：4", "买买买！": "0", "什么": "这段文本不错"}
    with serve(answer=lambda body: completion(said[text_of(body)])) as server:
        found = scored(server, objects, "光合作用分两步。然后", "买买买！", "什么", "买买买！", characters=8)
    assert found == [4, 0, -1, 0]
    assert sorted(asked_for(server)) == sorted(said)  # equal texts are asked once
    body = server.requests[0][2]
    assert body["messages"][0]["content"].startswith(RUBRICS["educational-zh/1"])  # type: ignore[index]
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("m", 32, 0)
    assert "authorization" not in server.requests[0][1]


def test_a_rubric_of_ones_own(objects: LocalObjects) -> None:
    with serve(completion("2")) as server:
        assert scored(server, objects, "文", instruction="请为下文打零到五分，只写数字。") == [2]
    assert server.requests[0][2]["messages"][0]["content"].startswith("请为下文打零到五分")  # type: ignore[index]
    with pytest.raises(Invalid) as caught:
        make("educational_value", {"rubric": "educational-zh/9"}, {})
    assert caught.value.code == "unknown_word" and "educational-zh/1" in str(caught.value)


def test_keys_come_from_the_environment_by_role(objects: LocalObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(completion("1")) as server:
        monkeypatch.setenv("QUANHENG_ENDPOINT_KEY", "common")
        scored(server, objects, "一")
        monkeypatch.setenv("QUANHENG_SCORER_KEY", KEY)
        scored(server, objects, "二")
        monkeypatch.setenv("QUANHENG_SCORER_KEY", "")
        scored(server, objects, "三")
    sent = [headers.get("authorization") for _, headers, _ in server.requests]
    assert sent == ["Bearer common", f"Bearer {KEY}", None]
    assert not any(KEY.encode() in objects.path(digest).read_bytes() for digest in objects.iterate())


def test_how_it_is_asked_is_no_part_of_the_identity(objects: LocalObjects) -> None:
    def id_of(**params: Any) -> str:
        url = params.pop("url", "http://127.0.0.1:1/v1")
        return make("educational_value", params, {"scorer": asset(url, objects)}).id

    same = {id_of(), id_of(concurrency=9), id_of(attempts=1), id_of(answer_s=7)}
    other = {id_of(characters=9), id_of(max_tokens=9), id_of(url="http://127.0.0.1:2/v1"), id_of(instruction="另" * 10)}
    assert len(same) == 1 and len(other) == 4 and not same & other


def test_no_more_than_concurrency_under_way(objects: LocalObjects) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def slowly(body: Any) -> Told:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return completion("3")

    with serve(answer=slowly) as server:
        assert scored(server, objects, *map(str, range(24)), concurrency=3) == [3] * 24
    assert 2 <= most <= 3


def test_a_text_is_never_asked_about_twice(objects: LocalObjects, answers: Answers) -> None:
    with serve(completion("3")) as server:
        assert scored(server, objects, "一", "二", answers=answers) == [3, 3]
        assert scored(server, objects, "二", "三", answers=answers, concurrency=1) == [3, 3]
        assert Counter(asked_for(server)) == Counter(["一", "二", "三"])
        scored(server, objects, "二", answers=answers, max_tokens=64)  # may be another answer
        assert len(server.requests) == 4
    with serve(completion("5")) as other:  # another endpoint is another question
        assert scored(other, objects, "一", answers=answers) == [5]


def test_on_from_where_it_was_when_the_endpoint_goes_away(
    objects: LocalObjects, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quanheng.endpoints.client.Patience.wait_s", lambda self, failures, chance: 0.0)
    texts = [f"文本{n}" for n in range(20)]
    away = threading.Event()

    def answer(body: Any) -> Told:
        if text_of(body) == "文本12" and not away.is_set():
            return Told(503, b"loading")
        return completion("得分：2")

    with serve(answer=answer) as server:
        with pytest.raises(Unavailable) as caught:
            scored(server, objects, *texts, answers=answers, concurrency=2, attempts=2)
        assert caught.value.code == "endpoint_down" and caught.value.hint
        done = len(set(asked_for(server))) - 1
        assert 12 <= done < 20
        away.set()
        before = len(server.requests)
        assert scored(server, objects, *texts, answers=answers, concurrency=2) == [2] * 20
        assert len(server.requests) - before == 20 - done


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        (Told(500), Unavailable, "endpoint_down"),
        (Told(drop=True), Unavailable, "endpoint_down"),
        (Told(429), Unavailable, "endpoint_throttled"),
        (Told(401), Forbidden, "endpoint_refused_auth"),
        (Told(body=b"<html>It works!</html>"), Unavailable, "endpoint_rubbish"),
        (Told(body=b'{"choices": [', headers={"Content-Length": "900"}, cut=True), Unavailable, "endpoint_down"),
        (Told(body=b"{}" * 40, pieces=40, before=lambda: time.sleep(0.05)), Unavailable, "endpoint_slow"),
    ],
    ids=["500", "cut", "429", "401", "garbage", "half", "slow"],
)
def test_what_stops_a_build(
    reply: Told, error: type[QuanhengError], code: str, objects: LocalObjects, answers: Answers
) -> None:
    with serve(reply) as server, ChatClient(endpoint_at(server.url), patience=QUICK, sleep=lambda s: None) as client:
        with pytest.raises(error) as caught:
            ask_all(["一", "二"], client, endpoint="e", max_tokens=8, answers=answers)
    assert caught.value.code == code and caught.value.hint and caught.value.text.zh != caught.value.text.en


def test_429_and_500_that_pass_cost_nothing(objects: LocalObjects) -> None:
    replies = (Told(429, headers={"Retry-After": "0"}), Told(503), completion("得分：5"))
    with serve(*replies) as server, ChatClient(endpoint_at(server.url), sleep=lambda s: None) as client:
        assert ask_all(["一"], client, endpoint="e", max_tokens=8, answers=None) == ["得分：5"]
    assert len(server.requests) == 3


def test_nobody_listens(objects: LocalObjects) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        made = make("educational_value", {"attempts": 1}, {"scorer": asset(url, objects)})
        with pytest.raises(Unavailable) as caught:
            made.tag(batch("一"))  # type: ignore[attr-defined]
    assert caught.value.code == "endpoint_down" and caught.value.hint
    assert "重新运行" in caught.value.hint.zh


def test_a_text_that_the_service_turns_down_is_unread(objects: LocalObjects, answers: Answers) -> None:
    def filtered(body: Any) -> Told:
        return Told(400, b"data inspection failed") if "坏" in text_of(body) else completion("4")

    texts = ["好", *(f"坏{n}" for n in range(ALL_REJECTED + 2))]
    with serve(answer=filtered) as server:
        assert scored(server, objects, *texts, answers=answers, concurrency=1) == [4, *[-1] * (ALL_REJECTED + 2)]
        assert scored(server, objects, "好", "坏9", answers=answers) == [4, -1]


@pytest.mark.parametrize("status", [400, 402, 404, 410])
@pytest.mark.parametrize("texts", ["一", "一二", "一二三四五六"])
def test_a_service_that_turns_everything_down_stops_the_build(objects: LocalObjects, status: int, texts: str) -> None:
    with serve(Told(status, b"no such model")) as server:
        with pytest.raises(Invalid, match="no such model") as caught:
            scored(server, objects, *texts, concurrency=1)
    if status == 400:
        assert caught.value.code == "endpoint_rejected" and asked_for(server) == ["一", HARMLESS]
    else:
        assert caught.value.code == "endpoint_refused" and asked_for(server) == ["一"]


@pytest.mark.parametrize("status", [400, 402])
def test_so_does_one_that_turns_everything_down_from_now_on(
    objects: LocalObjects, answers: Answers, status: int
) -> None:
    """The balance runs out; what was answered stays, nothing is taken for unread, and it goes on when it is paid."""
    paid = False
    replies = [completion("4"), completion("4")]

    def answer(body: Any) -> Told:
        return completion("4") if paid else replies.pop() if replies else Told(status, b"Arrearage")

    texts = "一二三四五六"
    with serve(answer=answer) as server:
        for _ in range(2):  # the second time what was answered is kept
            with pytest.raises(Invalid, match="Arrearage"):
                scored(server, objects, *texts, answers=answers, concurrency=1)
        paid = True
        assert scored(server, objects, *texts, answers=answers) == [4] * len(texts)
    assert sum(count for text, count in Counter(asked_for(server)).items() if text in "一二") == 2


def test_texts_turned_down_do_not_stop_a_build_for_ever(objects: LocalObjects, answers: Answers) -> None:
    """Asked about again after a cut, only those turned down are left, and there may be many in a row."""

    def filtered(body: Any) -> Told:
        return Told(451, b"inspection") if "坏" in text_of(body) else completion("4")

    texts = [*(f"坏{n}" for n in range(20)), "好"]
    with serve(answer=filtered) as server:
        for concurrency in (1, 3):
            assert scored(server, objects, *texts, answers=answers, concurrency=concurrency) == [-1] * 20 + [4]
        assert scored(server, objects, "坏", "坏坏") == [-1, -1]


def test_a_batch_turned_down_whole_is_not_for_its_texts(objects: LocalObjects) -> None:
    """They are longer than the model can read, say."""

    def short_only(body: Any) -> Told:
        return completion("你好！") if text_of(body) == HARMLESS else Told(400, b"context length exceeded")

    with serve(answer=short_only) as server:
        with pytest.raises(Invalid, match="context length") as caught:
            scored(server, objects, *(f"长{n}" for n in range(ALL_REJECTED)))
    assert caught.value.code == "endpoint_rejected" and caught.value.hint and "length" in caught.value.hint.en


def test_half_characters_are_asked_about_and_kept(objects: LocalObjects) -> None:
    memory = Answers(MemoryCache(), objects)
    with serve(Told(body=b'{"choices":[{"message":{"content":"\\ud83d"}}]}')) as server:
        assert scored(server, objects, "一", answers=memory) == [-1]
        assert scored(server, objects, "一", answers=memory) == [-1]
    assert len(server.requests) == 1


def guarded(server: Loopback, objects: LocalObjects, *texts: str, **params: Any) -> Any:
    made = make("guard", params, {"guard": asset(server.url, objects)})
    found = made.tag(batch(*texts))  # type: ignore[attr-defined]
    return list(zip(found["guard_unsafe"], found["guard_risks"], strict=True))


def test_a_guard_is_shown_the_text_itself(objects: LocalObjects) -> None:
    said = {
        "转账骗局": "Safety: Unsafe\nCategories: Non-violent Illegal Acts, Violent",
        "天气很好": "Safety: Safe\nCategories: None",
        "有争议": "Safety: Controversial\nCategories: Unethical Acts",
        "坏了": "I cannot tell.",
    }
    risks = {"violent": "A.1.f", "Non-violent Illegal Acts": "A.1"}
    with serve(answer=lambda body: completion(said[text_of(body)])) as server:
        assert guarded(server, objects, *said, risks=risks) == [
            (1, ["A.1", "A.1.f"]),
            (0, []),
            (1, ["Unethical Acts"]),
            (-1, []),
        ]
        assert guarded(server, objects, "有争议", controversial="safe") == [(0, [])]
    assert server.requests[-1][2]["messages"] == [{"role": "user", "content": "有争议"}]


def test_one_unsafe_piece_makes_a_text_unsafe(objects: LocalObjects) -> None:
    said = {"好好": "safe", "坏坏": "unsafe\nS9", "乱乱": "?"}
    with serve(answer=lambda body: completion(said[text_of(body)])) as server:
        found = guarded(
            server,
            objects,
            "好好坏坏乱乱",
            "好好乱乱",
            "好好好好坏坏",
            "  ",
            "",
            answers="llama-guard",
            characters=2,
            pieces=3,
        )
    assert found == [(1, ["S9"]), (-1, []), (1, ["S9"]), (0, []), (0, [])]
    with serve(completion("safe")) as server:
        assert guarded(server, objects, "一二三四五", answers="llama-guard", characters=1, pieces=2) == [(0, [])]
    assert sorted(asked_for(server)) == ["一", "二"]


def test_labels_of_ones_own(objects: LocalObjects) -> None:
    params = {
        "answers": "labels",
        "safe": ["安全"],
        "risks": {"诈骗": "A.3", "暴力": "A.1.f"},
        "instruction": "判断下文是否含有诈骗、暴力内容，只写：安全、诈骗、暴力。",
    }
    with serve(answer=lambda body: completion("诈骗" if "转账" in text_of(body) else "安全")) as server:
        assert guarded(server, objects, "请转账", "你好", **params) == [(1, ["A.3"]), (0, [])]
    assert server.requests[0][2]["messages"][-1]["content"].startswith("判断下文")  # type: ignore[index]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"risks": {"Violent": "A.9"}}, "no risk 'A.9'"),
        ({"risks": {"Violent": "A.1.z"}}, "no risk 'A.1.z'; did you mean 'A.1"),
        ({"answers": "labels", "safe": ["安全"]}, "needs safe, risks and an instruction"),
        ({"safe": ["安全"]}, "labels"),
        ({"answers": "nemo"}, "answers"),
        (
            {"answers": "labels", "safe": ["X"], "risks": {"x": "A.3"}, "instruction": "判断下文是否安全，只写一词"},
            "cannot mean safe",
        ),
    ],
)
def test_parameters_that_do_not_fit(params: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said) as caught:
        make("guard", params, {})
    assert caught.value.code == ("unknown_word" if "no risk" in said else "bad_parameter") and caught.value.hint


def test_an_asset_that_is_no_endpoint(objects: LocalObjects) -> None:
    for data in (
        b"{",
        b"[]",
        b'{"model": "m"}',
        b'{"url": "ftp://h", "model": "m"}',
        b'{"url": "http://u:p@h", "model": "m"}',
    ):
        digest = objects.put_bytes(data).digest
        made = make("guard", {}, {"guard": Asset(digest, lambda digest=digest: objects.open(digest))})  # type: ignore[misc]
        with pytest.raises(Invalid) as caught:
            made.tag(batch("一"))  # type: ignore[attr-defined]
        assert caught.value.code == "bad_endpoint" and caught.value.hint


def test_a_local_model_that_is_not_served_here(objects: LocalObjects) -> None:
    local = {
        "model": "m",
        "weights": {"digest": sha256_digest(b""), "size": 1},
        "engine": {"name": "e", "version": "1"},
    }
    digest = objects.put_bytes(json.dumps(local).encode()).digest
    made = make("guard", {}, {"guard": Asset(digest, lambda: objects.open(digest))})
    with pytest.raises(Unavailable) as caught:
        made.tag(batch("一"))  # type: ignore[attr-defined]
    assert caught.value.code == "not_served_here" and caught.value.hint
