"""A plan says what a flow would do, and the flow then does just that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from calling import count, entries, other_session

from quanheng.core import call, flow_plan
from quanheng.core.session import account_session
from quanheng.errors import Forbidden, Invalid, NotFound

FLOW = """
name = "small"
help = { en = "Two texts and what is made of them", zh = "两份文本及其产物" }

[param_help]
first = { en = "The first text", zh = "第一份文本" }

[params]
first = "a.txt"
second = "b.txt"
extra = false
n = 5

[[step]]
id = "one"
verb = "source.register"
as = "one"
with = { path = "$first", title = "One", document = "line" }

[[step]]
id = "two"
verb = "source.register"
as = "two"
with = { path = "$second", title = "Two", document = "line" }

[[step]]
id = "files"
verb = "files.register"
when = "$extra"
with = { path = "$first", title = "T" }

[[step]]
id = "corpus"
verb = "corpus.build"
with = { sources = ["@one", "@two"] }

[[step]]
id = "alone"
verb = "corpus.build"
with = { sources = "@two" }

[[step]]
id = "promise"
verb = "sample.commit"
with = { corpus = "@corpus", purpose = "manual", n = "$n" }

[[step]]
id = "draw"
verb = "sample.draw"
with = { commitment = "@promise" }
"""


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    for name, lines in (("a.txt", 12), ("b.txt", 9)):
        text = "\n".join(f"{name} 的第{i}号来信：今天读了一本关于园艺的书，写下第{i}条心得。" for i in range(lines))
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "small.toml").write_text(FLOW, "utf-8")
    return tmp_path


def given(texts: Path, **params: Any) -> dict[str, Any]:
    paths = {"first": str(texts / "a.txt"), "second": str(texts / "b.txt")}
    return {"file": str(texts / "small.toml"), "params": {**paths, **params}}


def states(plan: dict[str, Any]) -> dict[str, str]:
    return {step["id"]: step["state"] for step in plan["steps"]}


def test_the_plan_says_beforehand_what_the_flow_then_does(workspace: Any, texts: Path) -> None:
    before = len(entries(workspace)), count("job")
    first = workspace.flow.plan(**given(texts))
    assert states(first) == {
        "one": "runs",
        "two": "runs",
        "files": "skipped",
        "corpus": "waits",
        "alone": "waits",
        "promise": "waits",
        "draw": "waits",
    }
    assert first["count"] == {"there": 0, "runs": 2, "waits": 4, "stops": 0}
    assert (len(entries(workspace)), count("job")) == before  # nothing was run, nothing logged

    made = workspace.flow.run(**given(texts))
    assert not made.cached
    second = workspace.flow.plan(**given(texts))
    assert set(states(second).values()) == {"there", "skipped"}
    assert second["steps"][-1]["items"][0]["outputs"][0]["digest"] == made.outputs[0]
    assert [item["name"] for item in second["steps"][0]["items"]] == ["one"]
    assert workspace.flow.run(**given(texts)).cached  # nothing runs ⇔ all of it was there


def test_one_changed_source_runs_with_exactly_its_dependants(workspace: Any, texts: Path) -> None:
    workspace.flow.run(**given(texts))
    with (texts / "a.txt").open("a", encoding="utf-8") as file:
        file.write("\n第十三号来信：雨天也要浇水。")
    found = states(workspace.flow.plan(**given(texts)))
    changed = {name for name, state in found.items() if state in ("runs", "waits")}
    assert changed == {"one", "corpus", "promise", "draw"}
    before = count("job")
    workspace.flow.run(**given(texts))
    ran = {job["verb"] for job in workspace.job.list(limit=count("job") - before)["rows"]}
    assert count("job") - before == 5 and "flow.run" in ran  # the flow and four steps
    assert ran == {"flow.run", "source.register", "corpus.build", "sample.commit", "sample.draw"}


def test_a_changed_parameter_runs_what_takes_it(workspace: Any, texts: Path) -> None:
    workspace.flow.run(**given(texts))
    found = states(workspace.flow.plan(**given(texts, n=7, extra=True)))
    assert {name: state for name, state in found.items() if state != "there"} == {
        "files": "runs",
        "promise": "runs",
        "draw": "waits",
    }


def test_where_the_flow_would_end_with_an_error_the_plan_says_why(workspace: Any, texts: Path) -> None:
    plan = workspace.flow.plan(**given(texts, second=str(texts / "gone.txt")))
    assert states(plan)["two"] == "stops" and states(plan)["alone"] == "waits"
    assert plan["steps"][1]["items"][0]["error"]["code"] == "no_such_path"
    with pytest.raises(NotFound):
        workspace.flow.run(**given(texts, second=str(texts / "gone.txt")))


def test_a_step_that_the_caller_may_not_do_stops(workspace: Any, texts: Path) -> None:
    builder = other_session(workspace, "builder")
    plan = call.ask(builder, "flow.plan", given(texts))
    last = plan["steps"][-1]
    assert (last["verb"], last["state"], last["items"][0]["error"]["code"]) == ("sample.draw", "stops", "forbidden")
    with pytest.raises(Forbidden, match=r"sample\.draw"):
        call.call(builder, "flow.run", given(texts))


def test_bad_parameters_are_refused_like_those_of_a_run(workspace: Any, texts: Path) -> None:
    with pytest.raises(Invalid, match="has no parameter third"):
        workspace.flow.plan(**given(texts, third=1))
    with pytest.raises(NotFound, match="no flow"):
        workspace.flow.plan(flow="nothing")


def test_a_caller_from_elsewhere_names_no_path(workspace: Any) -> None:
    from quanheng.core.session import os_actor

    remote = account_session(workspace, os_actor())
    bad = {"flow": "filing", "params": {"sources": [{"as": "x", "path": "/etc/passwd", "title": "x"}]}}
    with pytest.raises(Forbidden) as refused:
        call.ask(remote, "flow.plan", bad)
    assert refused.value.code == "local_path_refused"
    with pytest.raises(Forbidden):
        call.ask(remote, "flow.plan", {"file": "/tmp/x.toml"})


def test_the_shipped_flow_can_be_planned_from_elsewhere(workspace: Any) -> None:
    remote = account_session(workspace, workspace_owner(workspace))
    plan = call.ask(remote, "flow.plan", {"flow": "filing"})
    found = states(plan)
    assert found["lexicon"] == found["must_refuse"] == found["rulepack"] == "runs"
    assert found["assessment"] == "waits"


def workspace_owner(workspace: Any) -> Any:
    from quanheng.core.models import Actor

    return Actor.objects.get(id=workspace.session.actor_id)


def test_a_flow_within_a_flow_is_there_when_all_of_it_is(workspace: Any, texts: Path) -> None:
    params = given(texts)["params"]
    outer = texts / "outer.toml"
    outer.write_text(
        f'[params]\nn = 5\n[[step]]\nid = "inner"\nverb = "flow.run"\n[step.with]\nfile = "{texts}/small.toml"\n'
        f'[step.with.params]\nfirst = "{params["first"]}"\nsecond = "{params["second"]}"\nn = "$n"\n',
        "utf-8",
    )
    assert states(workspace.flow.plan(file=str(outer))) == {"inner": "runs"}
    workspace.flow.run(file=str(outer))
    assert states(workspace.flow.plan(file=str(outer))) == {"inner": "there"}
    assert workspace.flow.run(file=str(outer)).cached


def test_slow_contents_are_remembered_until_they_change(
    workspace: Any, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quanheng.core import resolve

    hashed: list[Path] = []
    real = resolve.content_digest
    monkeypatch.setattr(resolve, "content_digest", lambda path: hashed.append(path) or real(path))
    monkeypatch.setattr(flow_plan, "SLOW_S", -1)
    monkeypatch.setattr(flow_plan, "_slow", {})
    for _ in range(2):
        workspace.flow.plan(**given(texts))
    assert len(hashed) == 2  # two texts, once each
    (texts / "a.txt").write_text("第一号来信：别的内容。", "utf-8")
    workspace.flow.plan(**given(texts))
    assert len(hashed) == 3
