from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.endpoints import faults
from quanheng.endpoints.chat import ChatClient, Reply
from quanheng.endpoints.client import Patience
from quanheng.errors import Cancelled, Corrupt, QuanhengError
from quanheng.kinds.models import Decoding, Endpoint, Engine, Question, Response, Responses
from quanheng.models.generate import GIVE_UP_AFTER, ResponsesResult, generate, select
from quanheng.store.cache import Cache, MemoryCache
from quanheng.store.objects import LocalObjects
from unit.endpoints.loopback import completion, endpoint_at, serve

RISKS = ("A.1.f", "A.1.h", "A.4.e")
ENDPOINT = "sha256:" + "1" * 64


def bank(n: int) -> list[Question]:
    return [Question(id=f"q-{i}", risk=RISKS[i * i % 3], question=f"第{i}题？") for i in range(n)]


class Service:
    """Stands for a client, the border of the process: answers, fails as told, and counts."""

    def __init__(self, concurrency: int = 1, failing: dict[str, QuanhengError | BaseException] | None = None) -> None:
        self.endpoint = Endpoint(
            model="m", url="http://h/v1", decoding=Decoding(max_tokens=16), engine=Engine(name="remote", version="1")
        )
        self.concurrency = concurrency
        self.failing = failing or {}
        self.asked: Counter[str] = Counter()
        self.most = self._now = 0
        self._lock = threading.Lock()
        self.pause_s = 0.0

    def ask(self, question: str, *, max_tokens: int | None = None) -> Reply:
        with self._lock:
            self.asked[question] += 1
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(self.pause_s)
        with self._lock:
            self._now -= 1
        if question in self.failing:
            raise self.failing[question]
        return Reply(f"答{question}{max_tokens}", "length" if "7" in question else "stop", 3, 4)


class Kept:
    """A store and a cache in a folder; both outlive a run."""

    def __init__(self, folder: Path) -> None:
        self.objects = LocalObjects(folder / "objects")
        self.cache = Cache(folder / "cache", self.objects)

    def run(self, items: list[Question], service: Service, **more: object) -> ResponsesResult:
        given = {"purpose": "must_refuse", "endpoint_digest": ENDPOINT, **more}
        return generate(items, service, cache=self.cache, objects=self.objects, **given)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_whole_bank_in_bank_order(kept: Kept) -> None:
    items, told = bank(10), []
    result = kept.run(items, Service(), progress=lambda done, total: told.append((done, total)))
    assert [row.id for row in result.rows] == [item.id for item in items]
    assert result.rows[3].answer == "答第3题？16"
    assert result.kind == Responses(
        purpose="must_refuse", asked=10, bank_size=10, complete=True, max_tokens=16, failed=0, cut=1
    )
    assert told == [(n, 10) for n in range(11)]
    assert [Response.model_validate_json(line) for line in result.layer()] == list(result.rows)


def test_second_run_asks_nothing_and_gives_the_same_bytes(kept: Kept) -> None:
    first, again = kept.run(bank(9), Service()), (service := Service(), kept.run(bank(9), service))[1]
    assert not service.asked and (first.asked_now, again.asked_now) == (9, 0)
    assert b"".join(first.layer()) == b"".join(again.layer())


def test_killed_run_asks_no_question_twice(kept: Kept) -> None:
    first = Service(failing={"第5题？": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        kept.run(bank(9), first)
    second = Service()
    result = kept.run(bank(9), second)
    assert set(first.asked) == {f"第{i}题？" for i in range(6)}
    assert set(second.asked) == {f"第{i}题？" for i in range(5, 9)}  # the fifth was never answered
    assert result.kind.complete and result.asked_now == 4


def test_cancelling_from_progress_keeps_what_was_answered(kept: Kept) -> None:
    def stop(done: int, total: int | None) -> None:
        if done == 3:
            raise Cancelled("stopped", "已停止")

    with pytest.raises(Cancelled):
        kept.run(bank(9), Service(concurrency=2), progress=stop)
    service = Service()
    kept.run(bank(9), service)
    assert 4 <= len(service.asked) <= 6


@pytest.mark.parametrize(
    "change",
    [{"nonce": "2"}, {"endpoint_digest": "sha256:" + "2" * 64}, {"max_tokens": 17}],
)
def test_what_an_answer_depends_on_is_in_its_key(kept: Kept, change: dict[str, object]) -> None:
    kept.run(bank(4), Service())
    service = Service()
    assert kept.run(bank(4), service, **change).asked_now == 4


def test_same_question_twice_is_asked_once_and_keeps_both_ids(kept: Kept) -> None:
    twins = [Question(id="a", risk="A.1.f", question="同题？"), Question(id="b", aspect="文化", question="同题？")]
    service = Service()
    result = kept.run(twins, service)
    assert service.asked == {"同题？": 1} and result.asked_now == 1
    assert [(row.id, row.group) for row in result.rows] == [("a", "A.1.f"), ("b", "文化")]


def test_failed_rows_stay_with_their_code_and_are_asked_again(kept: Kept) -> None:
    failing = {"第2题？": faults.slow("u", 1), "第4题？": faults.rejected("u", 400, "content filter")}
    result = kept.run(bank(6), Service(failing=failing))
    assert [row.error for row in result.rows] == [None, None, "endpoint_slow", None, "endpoint_rejected", None]
    assert result.kind.failed == 2 and not result.kind.complete and result.kind.asked == 6
    assert result.rows[2].answer == "" and result.rows[2].prompt_tokens is None
    service = Service()
    assert kept.run(bank(6), service).kind.complete
    assert set(service.asked) == set(failing)


@pytest.mark.parametrize("error", [faults.down("u", "gone"), faults.refused_auth("u", 401)])
def test_service_that_is_gone_stops_the_run(kept: Kept, error: QuanhengError) -> None:
    service = Service(failing={f"第{i}题？": error for i in range(3, 20)})
    with pytest.raises(type(error)) as caught:
        kept.run(bank(20), service)
    assert caught.value is error and len(service.asked) == 4


def test_gives_up_after_many_failures_in_a_row(kept: Kept) -> None:
    service = Service(failing={f"第{i}题？": faults.rubbish("u", "<html>") for i in range(2, 40)})
    with pytest.raises(QuanhengError) as caught:
        kept.run(bank(40), service)
    assert caught.value.code == "endpoint_rubbish" and len(service.asked) == 2 + GIVE_UP_AFTER


def test_not_one_answer_is_an_error(kept: Kept) -> None:
    with pytest.raises(QuanhengError) as caught:
        kept.run(bank(2), Service(failing={f"第{i}题？": faults.throttled("u", None) for i in range(2)}))
    assert caught.value.code == "endpoint_throttled"


def test_concurrency_is_bounded_and_rows_keep_their_order(kept: Kept) -> None:
    service = Service(concurrency=3)
    service.pause_s = 0.005
    result = kept.run(bank(20), service)
    assert service.most == 3
    assert [row.id for row in result.rows] == [f"q-{i}" for i in range(20)]


def test_part_of_a_bank_says_so(kept: Kept) -> None:
    result = kept.run(bank(10), Service(), max_questions=4)
    assert (result.kind.asked, result.kind.bank_size, result.kind.complete) == (4, 10, False)
    more = Service()
    kept.run(bank(10), more, max_questions=6)
    assert len(more.asked) == 2  # a larger part holds the smaller one


def test_lost_object_is_asked_again_and_damaged_one_is_named(kept: Kept) -> None:
    memory = MemoryCache()
    run = lambda service: generate(  # noqa: E731
        bank(1), service, purpose="generation", endpoint_digest=ENDPOINT, cache=memory, objects=kept.objects
    )
    run(Service())
    path = kept.objects.path(next(iter(memory.values())))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"16", b"17"))
    with pytest.raises(Corrupt) as caught:
        run(Service())
    assert caught.value.code == "object_damaged"
    path.unlink()
    service = Service()
    assert run(service).rows[0].answer.endswith("16") and len(service.asked) == 1


def test_over_a_real_connection(kept: Kept) -> None:
    with serve(*[completion(f"答{n}") for n in range(8)]) as server:
        with ChatClient(endpoint_at(server.url), concurrency=4, patience=Patience(answer_s=5)) as client:
            result = kept.run(bank(8), client)  # type: ignore[arg-type]
    assert sorted(row.answer for row in result.rows) == [f"答{n}" for n in range(8)]


def test_empty_bank(kept: Kept) -> None:
    assert kept.run([], Service()).kind.complete


@given(st.lists(st.sampled_from(RISKS), max_size=40), st.integers(0, 45))
def test_selection_is_even_ordered_and_nested(risks: list[str], limit: int) -> None:
    items = [Question(id=f"q-{i}", risk=risk, question="?") for i, risk in enumerate(risks)]
    chosen = select(items, limit)
    assert chosen == sorted(set(chosen)) and len(chosen) == min(limit, len(items))
    assert set(chosen) <= set(select(items, limit + 1))
    have, took = Counter(risks), Counter(items[place].risk for place in chosen)
    for risk, n in have.items():
        # a group may fall behind the others only when it is used up
        assert took[risk] == n or took[risk] >= max(took.values(), default=0) - 1


def test_no_limit_takes_all() -> None:
    assert select(bank(5), None) == [0, 1, 2, 3, 4]
