"""The same request, sent again, has its effect once: also with two at once, and when the server died in between."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from api_callers import Caller, serving, staged, work_once
from test_api_endpoints import problem

from quanheng.core import clock, jobs

OPEN = {"type": "user_appeal", "title": "x"}


def send(caller: Caller, key: str, address: str = "case/open", body: Any = None) -> Any:
    return caller.post(address, OPEN if body is None else body, Idempotency_Key=key)


def cases(caller: Caller) -> int:
    return len(caller.get("case/list").json()["rows"])


def test_a_second_time_gives_the_first_answer(owner: Caller) -> None:
    first = send(owner, "k1")
    again = send(owner, "k1")
    assert first.status_code == again.status_code == 200 and first.content == again.content
    assert "Idempotent-Replayed" not in first.headers and again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert cases(owner) == 1
    assert send(owner, "k2").content != first.content and cases(owner) == 2


def test_a_queued_job_is_queued_once(owner: Caller, workspace: Any) -> None:
    data = {"path": staged(owner, b"x"), "title": "t"}
    first = send(owner, "k", "files/register", data)
    assert first.status_code == 202
    for _ in range(2):
        again = send(owner, "k", "files/register", data)
        assert (again.status_code, again.content) == (202, first.content)
        assert again.headers["Location"] == first.headers["Location"]
        work_once(workspace)
    assert [row["verb"] for row in owner.get("job/list").json()["rows"]].count("files.register") == 1


def test_another_request_under_the_same_key_is_refused(owner: Caller, workspace: Any) -> None:
    workspace.project.create(slug="other")
    assert send(owner, "k").status_code == 200
    for answer in (
        send(owner, "k", body={**OPEN, "title": "y"}),
        send(owner, "k", "case/open?project=other"),
        send(owner, "k", "project/create", {"slug": "x"}),
    ):
        problem(answer, 422, "idempotency_mismatch")
    assert cases(owner) == 1


def test_errors_are_given_again_too(owner: Caller, caller: Any, workspace: Any) -> None:
    first = send(owner, "k", "user/deactivate", {"label": "none"})
    told = problem(first, 404, "no_such_user")
    again = send(owner, "k", "user/deactivate", {"label": "none"})
    assert again.content == first.content and again.status_code == 404
    assert again.headers["Content-Type"] == "application/problem+json" and told
    auditor = caller("chen", "auditor", False)
    assert problem(send(auditor, "k"), 403, "forbidden") == problem_again(send(auditor, "k"))
    denied = [e for e in workspace.log.list(limit=100)["entries"] if e["outcome"] == "denied"]
    assert len(denied) == 1


def problem_again(answer: Any) -> Any:
    assert answer.headers["Idempotent-Replayed"] == "true"
    return answer.json()


def test_keys_are_of_their_actor_alone(owner: Caller, caller: Any) -> None:
    first = send(owner, "k")
    chen = caller("chen", "builder", False)
    answer = send(chen, "k")
    assert answer.status_code == 200 and "Idempotent-Replayed" not in answer.headers
    assert cases(owner) == 2
    assert send(owner, "k").content == first.content != send(chen, "k").content == answer.content


def test_a_narrower_token_does_not_see_what_a_wider_one_was_told(token_for: Any) -> None:
    wide = Caller(token_for("chen", "owner", False))
    narrow = Caller(token_for("chen", scopes=["read"]))
    assert send(wide, "k").status_code == 200
    problem(send(narrow, "k"), 422, "idempotency_mismatch")


def test_a_deactivated_account_sees_nothing_again(owner: Caller, caller: Any, workspace: Any) -> None:
    chen = caller("chen", "builder", False)
    assert send(chen, "k").status_code == 200
    workspace.user.deactivate(label="chen")
    problem(send(chen, "k"), 403, "forbidden")


@pytest.mark.parametrize("key", ["", "x" * 129, "a\tb", "名"])
def test_a_key_is_short_and_printable(owner: Caller, key: str) -> None:
    problem(send(owner, key), 422, "bad_idempotency_key")
    assert send(owner, "x" * 128).status_code == 200 and send(owner, " ~").status_code == 200


def test_a_key_is_free_again_after_a_day(owner: Caller) -> None:
    first = send(owner, "k")
    start = clock.now()
    clock.set_clock(lambda: start + dt.timedelta(hours=23, minutes=59))
    assert send(owner, "k").content == first.content
    clock.set_clock(lambda: start + dt.timedelta(hours=24, minutes=1))
    again = send(owner, "k")
    assert again.status_code == 200 and again.content != first.content and cases(owner) == 2


def test_old_answers_are_swept(owner: Caller) -> None:
    from quanheng.api import replay
    from quanheng.core.models import Job, Replay

    send(owner, "k1")
    start = clock.now()
    clock.set_clock(lambda: start + dt.timedelta(hours=25))
    send(owner, "k2")
    assert replay.sweep() == 1 and Replay.objects.get().key == "k2"
    assert Job.objects.filter(request__isnull=False).count() == 1


# ---------------------------------------------------------------- what is kept


@pytest.mark.parametrize(
    ("address", "body", "field"),
    [("token/create", {"label": "bao", "scopes": ["read"]}, "token"), ("user/invite", {"label": "bao"}, "link")],
)
def test_what_is_shown_once_is_kept_nowhere(owner: Caller, workspace: Any, address: str, body: Any, field: str) -> None:
    import json

    from quanheng.core.models import Job, Replay

    first = send(owner, "k", address, body)
    secret = first.json()["value"][field]
    told = problem(send(owner, "k", address, body), 409, "shown_once")
    assert first.json()["job"] in told["en"]
    rows = json.dumps([*Replay.objects.values(), *Job.objects.values()], default=str)
    assert secret not in rows and secret.rpartition("/")[2] not in rows
    assert len(workspace.token.list()) == (2 if field == "token" else 1)


def test_verbs_that_show_something_once_are_known() -> None:
    from quanheng.api.replay import SHOWN_ONCE
    from quanheng.core.describe import commands

    words = ("shown once", "one-time")
    found = {name for name, command in commands().items() if any(word in command.help.en for word in words)}
    assert found == SHOWN_ONCE


def test_a_password_is_kept_as_a_mac_only(owner: Caller) -> None:
    import hashlib
    import json

    from quanheng.core.models import Job, Replay

    body = {"password": "correct horse battery"}
    assert send(owner, "k", "account/password", body).status_code == 200
    rows = json.dumps([*Replay.objects.values(), *Job.objects.values()], default=str)
    assert "correct horse" not in rows
    said = b"POST\n/api/v1/account/password\n" + json.dumps(body).encode()
    assert Replay.objects.get().request_mac not in {hashlib.sha256(said).hexdigest()}
    problem(send(owner, "k", "account/password", {"password": "another horse battery"}), 422, "idempotency_mismatch")


# ---------------------------------------------------------------- two at once, and crashes


def test_a_request_under_way_is_not_begun_again(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.api import endpoints

    real, during = endpoints.call, []

    def slow(*arguments: Any, **named: Any) -> Any:
        if not during:
            during.append(send(owner, "k"))
        return real(*arguments, **named)

    monkeypatch.setattr(endpoints, "call", slow)
    assert send(owner, "k").status_code == 200
    problem(during[0], 409, "idempotency_pending")
    assert during[0].headers["Retry-After"] == "1" and cases(owner) == 1


def test_of_many_at_once_one_has_the_effect(owner: Caller, server: str) -> None:
    import httpx

    start, answers = threading.Barrier(8), []

    def one() -> None:
        with httpx.Client(trust_env=False) as client:
            start.wait()
            for _ in range(50):
                headers = {"Authorization": f"Bearer {owner.token}", "Idempotency-Key": "k"}
                answer = client.post(f"{server}/api/v1/case/open", json=OPEN, headers=headers, timeout=30)
                if answer.status_code != 409:
                    break
            answers.append(answer)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1 and cases(owner) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1


def test_an_answer_that_comes_between_two_reads_is_the_whole_answer(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quanheng.api import replay
    from quanheng.core.models import Replay

    first, real = send(owner, "k"), replay._job
    kept = Replay.objects.values("status", "body").get()
    Replay.objects.update(status=None)

    def committed_meanwhile(asked: replay.Request) -> Any:
        Replay.objects.update(**kept)
        return real(asked)

    monkeypatch.setattr(replay, "_job", committed_meanwhile)
    assert send(owner, "k").json() == first.json()


class Died(BaseException):
    """The server's process is gone."""


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that lets the server die at a place, once, as if its process were gone."""
    from quanheng.api import replay

    def at(place: str) -> None:
        real = getattr(replay, place)

        def die(*arguments: Any, **named: Any) -> Any:
            monkeypatch.setattr(replay, place, real)
            raise Died

        monkeypatch.setattr(replay, place, die)
        monkeypatch.setattr(replay, "_forget", lambda asked: None)  # nothing tidies up behind a dead process
        monkeypatch.setattr(jobs, "runner_is_gone", lambda name: True)

    return at


@pytest.mark.parametrize("key", ["k"])
def test_a_server_that_died_after_the_effect_answers_with_it(owner: Caller, dying: Any, key: str) -> None:
    dying("_keep")
    with pytest.raises(Died):
        send(owner, key)
    assert cases(owner) == 1
    again = send(owner, key)
    assert again.status_code == 200 and again.headers["Idempotent-Replayed"] == "true"
    [row] = owner.get("case/list").json()["rows"]
    assert again.json()["value"] == {"case": row["case"]}  # its own answer, which was kept with the effect


def test_a_server_that_died_before_the_effect_has_it_on_the_next_try(owner: Caller, dying: Any) -> None:
    dying("_run")
    with pytest.raises(Died):
        send(owner, "k")
    assert cases(owner) == 0
    assert send(owner, "k").status_code == 200 and cases(owner) == 1


def test_a_server_that_died_after_queueing_queues_nothing_more(owner: Caller, dying: Any, workspace: Any) -> None:
    data = {"path": staged(owner, b"x"), "title": "t"}
    dying("_keep")
    with pytest.raises(Died):
        send(owner, "k", "files/register", data)
    again = send(owner, "k", "files/register", data)
    assert again.status_code == 202 and again.headers["Idempotent-Replayed"] == "true"
    [ended] = work_once(workspace)
    assert ended.job == again.json()["job"]
    assert send(owner, "k", "files/register", data).json()["job"] == ended.job


def test_a_token_whose_answer_was_lost_is_made_once_and_not_shown(owner: Caller, dying: Any, workspace: Any) -> None:
    dying("_keep")
    body = {"label": "bao", "scopes": ["read"]}
    with pytest.raises(Died):
        send(owner, "k", "token/create", body)
    problem(send(owner, "k", "token/create", body), 409, "shown_once")
    assert len(workspace.token.list()) == 2


def test_a_try_that_was_taken_for_dead_finds_the_effect_of_the_other(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process is alive after all: the job's key lets only one of the two through."""
    from quanheng.api import endpoints

    real, other = endpoints.call, []

    def slow(*arguments: Any, **named: Any) -> Any:
        if not other:
            other.append(None)
            monkeypatch.setattr(jobs, "runner_is_gone", lambda name: True)
            other.append(send(owner, "k"))
        return real(*arguments, **named)

    monkeypatch.setattr(endpoints, "call", slow)
    first = send(owner, "k")
    assert other[1].status_code == first.status_code == 200
    assert first.json()["job"] == other[1].json()["job"] and cases(owner) == 1


def test_a_failure_that_may_pass_is_tried_anew(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.core import case
    from quanheng.errors import Unavailable

    real = case.open_case

    def broken(*arguments: Any) -> Any:
        raise Unavailable("not now", "暂不可用", hint=("Later.", "稍后。"))

    monkeypatch.setattr(case, "open_case", broken)
    problem(send(owner, "k"), 503, "unavailable")
    monkeypatch.setattr(case, "open_case", real)
    assert send(owner, "k").status_code == 200 and cases(owner) == 1


def test_without_a_key_nothing_is_kept(owner: Caller, application: Any) -> None:
    from quanheng.core.models import Job, Replay

    with serving(application):
        owner.post("case/open", OPEN)
    assert not Replay.objects.exists() and not Job.objects.filter(request__isnull=False).exists()
