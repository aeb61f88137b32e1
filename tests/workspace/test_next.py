"""What to do next: each role sees what it may do, in order, and a step goes away when it is done."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from calling import other_session, run_sql

from evidence import item
from quanheng.core import call, clock, runner
from quanheng.core.session import Session, account_session, visitor_session

LINES = [f"第{i}号来信：今天读了一本关于园艺的书，写下第{i}条心得。" for i in range(30)]


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "letters.txt"
    path.write_text("\n".join(LINES), "utf-8")
    return str(path)


def steps(session: Session, limit: int = 20) -> list[dict[str, Any]]:
    return list(call.ask(session, "project.next", {"limit": limit}))


def verbs(session: Session) -> list[str]:
    return [step["verb"] for step in steps(session)]


def step_of(session: Session, verb: str) -> dict[str, Any]:
    return next(step for step in steps(session) if step["verb"] == verb)


def answers(workspace: Any, purpose: str, asked: int) -> str:
    """Return the digest of answers to a bank, registered as they are."""
    made = item("x")
    model = {
        "purpose": purpose,
        "asked": asked,
        "bank_size": asked,
        "complete": True,
        "max_tokens": 64,
        "failed": 0,
        "cut": 0,
    }
    return str(workspace.artifact.register_many(items=[{**made, "kind": "responses/v1", "model": model}]).digest)


def test_an_empty_project_begins_with_the_demonstration_or_with_text(workspace: Any) -> None:
    found = steps(workspace.session)
    assert [step["verb"] for step in found[:2]] == ["flow.run", "source.register"]
    assert found[0]["data"] == {"flow": "filing"} and "运行演示" in found[0]["text"]["zh"]
    assert all(step["text"]["en"] and step["text"]["zh"] for step in found)


def test_a_builder_is_not_sent_into_a_flow_that_stops(workspace: Any) -> None:
    assert verbs(other_session(workspace, "builder")) == ["source.register"]  # sample.draw is for auditors


def test_the_chain_goes_on_step_by_step(workspace: Any, text: str) -> None:
    session = workspace.session
    source = workspace.source.register(path=text, title="来信", document="line").digest
    assert "flow.run" not in verbs(session) and "source.register" not in verbs(session)
    step = step_of(session, "corpus.build")
    assert step["data"] == {"sources": [source]} and "1 个来源" in step["text"]["zh"]

    corpus = workspace.call("corpus.build", **step["data"]).digest
    assert "corpus.build" not in verbs(session)
    step = step_of(session, "sample.commit")
    assert step["data"] == {"corpus": corpus, "purpose": "manual", "n": "4000"} and "30 条" in step["text"]["zh"]

    promise = workspace.sample.commit(corpus=corpus, purpose="manual", n=10).digest
    step = step_of(session, "sample.draw")
    assert step["data"] == {"commitment": promise} and "自行抽取会被标明" in step["text"]["zh"]

    sample = workspace.sample.draw(commitment=promise).digest
    assert {"sample.draw", "sample.commit"}.isdisjoint(verbs(session))
    step = step_of(session, "verdicts.enter")
    assert (
        step["data"] == {"subject": sample} and "10 条" in step["text"]["zh"] and "每条 20 秒" in step["effort"]["zh"]
    )
    assert step_of(session, "rulepack.register")["data"]["file"].startswith("shipped:oversight/rules/packs/")
    assert "endpoint.register" in verbs(session)


def test_every_suggested_input_is_understood(workspace: Any, text: str) -> None:
    """A prefilled form that the verb refuses would be worse than none."""
    from quanheng.core.resolve import validate
    from quanheng.core.verb import VERBS

    def check() -> None:
        for step in steps(workspace.session):
            if step["verb"] not in VERBS or step["verb"] in ("user.create", "member.grant", "account.password"):
                continue
            model = VERBS[step["verb"]].input
            assert set(step["data"]) <= set(model.model_fields), step
            missing = {n for n, f in model.model_fields.items() if f.is_required()} - set(step["data"])
            filler = {name: "2026-01-01" if name == "date" else "letter" for name in missing}
            validate(step["verb"], model, {**filler, **step["data"]})

    check()
    source = workspace.source.register(path=text, title="来信", document="line").digest
    corpus = workspace.corpus.build(sources=[source]).digest
    answers(workspace, "generation", 7)
    check()
    workspace.rulepack.register(file="shipped:oversight/rules/packs/tc260-003-2024.json")
    workspace.sample.commit(corpus=corpus, purpose="manual", n=10)
    check()
    workspace.call("assessment.run", **step_of(workspace.session, "assessment.run")["data"])
    check()
    workspace.checkpoint.sign()
    check()


def test_a_new_source_asks_for_new_training_data(workspace: Any, text: str, tmp_path: Path) -> None:
    first = workspace.source.register(path=text, title="来信", document="line").digest
    workspace.corpus.build(sources=[first])
    other = tmp_path / "more.txt"
    other.write_text("\n".join(LINES[:5]), "utf-8")
    second = workspace.source.register(path=str(other), title="更多", document="line").digest
    step = step_of(workspace.session, "corpus.build")
    assert step["data"]["sources"] == [first, second] and "尚未纳入" in step["text"]["zh"]
    workspace.artifact.withdraw(artifact=second, reason="不再需要")
    assert "corpus.build" not in verbs(workspace.session)  # what was withdrawn asks for nothing


def test_each_role_sees_what_it_may_do(workspace: Any, text: str) -> None:
    source = workspace.source.register(path=text, title="来信", document="line").digest
    corpus = workspace.corpus.build(sources=[source]).digest
    workspace.sample.commit(corpus=corpus, purpose="manual", n=10)
    workspace.sample.draw(commitment=workspace.artifact.list(kind="sample_commitment")["rows"][0]["digest"])
    workspace.sample.commit(corpus=corpus, purpose="keyword", n=5)
    answers(workspace, "generation", 7)
    sessions = {
        role: account_of(workspace, role) for role in ("reviewer", "auditor", "operator", "annotator", "public")
    }
    assert verbs(sessions["reviewer"]) == ["verdicts.enter", "verdicts.enter"]
    assert verbs(sessions["auditor"]) == ["sample.draw"]  # signing is for auditors of the whole workspace
    assert "他人已承诺的 5 条" in steps(sessions["auditor"])[0]["text"]["zh"]
    assert verbs(sessions["operator"]) == []
    assert verbs(visitor_session_of(workspace)) == []


def account_of(workspace: Any, role: str, *, wide: bool = False) -> Session:
    from quanheng.core.models import Actor, Membership

    actor = Actor.objects.create(label=f"{role}-{wide}", password="!", created_at=clock.now())
    place = None if wide else workspace.session.project_id
    Membership.objects.create(actor=actor, project_id=place, role=role)
    return account_session(workspace, actor)


def visitor_session_of(workspace: Any) -> Session:
    from quanheng.core.models import Project

    Project.objects.filter(slug="main").update(is_public=True)
    return visitor_session(workspace)


def test_the_log_is_signed_and_then_witnessed(workspace: Any) -> None:
    auditor = account_of(workspace, "auditor", wide=True)
    step = step_of(auditor, "checkpoint.sign")
    assert "至今新增存证 1 条" in step["text"]["zh"] and "witness.add" not in verbs(auditor)
    size = call.ask(auditor, "checkpoint.sign", {})["size"]
    assert verbs(auditor) == ["witness.add"] and step_of(auditor, "witness.add")["data"] == {"size": str(size)}
    call.call(auditor, "witness.add", {"size": size, "form": "letter", "proof": "1", "date": "2026-01-01"})
    assert verbs(auditor) == ["checkpoint.sign"]  # the witness is an entry too


def test_failed_and_waiting_jobs_come_first(workspace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = account_of(workspace, "operator")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Exception, match="no files"):
        workspace.files.register(path=str(tmp_path / "empty"), title="x")
    assert "job.list" not in verbs(operator)  # whoever gave an empty folder was told
    (tmp_path / "empty" / "a.txt").write_text("a")
    with monkeypatch.context() as within, pytest.raises(Exception, match="without a word"):
        within.setattr(runner, "_read", lambda stream, messages: messages.put(None))
        workspace.files.register(path=str(tmp_path / "empty"), title="x")
    found = steps(operator)
    assert [(step["verb"], step["data"]) for step in found] == [("job.list", {"state": "failed"})]
    assert steps(workspace.session)[0]["data"] == {"state": "failed"}
    assert "job.list" not in verbs(account_of(workspace, "reviewer"))

    (tmp_path / "a.txt").write_text("a", "utf-8")
    workspace.call("files.register", path=str(tmp_path / "a.txt"), title="x", detach=True)
    assert len(steps(operator)) == 1
    later = clock.now() + dt.timedelta(minutes=6)
    clock.set_clock(lambda: later)
    assert [step["data"]["state"] for step in steps(operator)] == ["failed", "queued"]
    tomorrow = later + dt.timedelta(days=1)
    clock.set_clock(lambda: tomorrow)
    assert [step["data"]["state"] for step in steps(operator)] == ["queued"]


def test_the_owner_is_not_left_alone(workspace: Any) -> None:
    found = verbs(workspace.session)
    assert "account.password" in found and "user.create" in found and "member.grant" not in found
    workspace.user.create(label="bao")
    found = verbs(workspace.session)
    assert "user.create" not in found
    assert step_of(workspace.session, "member.grant")["data"] == {"role": "owner", "everywhere": "true"}
    workspace.member.grant(label="bao", role="owner", everywhere=True)
    assert "member.grant" not in verbs(workspace.session)
    workspace.account.password(password="correct horse battery")
    assert "account.password" not in verbs(workspace.session)


def test_an_assessment_says_what_it_lacks_and_when_it_is_old(workspace: Any, text: str) -> None:
    source = workspace.source.register(path=text, title="来信", document="line", origin="open").digest
    corpus = workspace.corpus.build(sources=[source]).digest
    workspace.rulepack.register(file="shipped:oversight/rules/packs/tc260-003-2024.json")
    step = step_of(workspace.session, "assessment.run")
    assert step["data"]["corpus"] == corpus and step["data"]["banks"] == []
    workspace.call("assessment.run", **step["data"])
    found = steps(workspace.session)
    assert "assessment.run" not in [step["verb"] for step in found]
    licence = next(step for step in found if "许可" in step["text"]["zh"])
    assert (licence["verb"], licence["effort"]["zh"]) == ("source.register", "1 个来源")
    banks = [step for step in found if step["verb"] == "benchmark.register"]
    assert {"purpose": "must_refuse"} in [step["data"] for step in banks]

    digest = answers(workspace, "generation", 7)
    step = steps(workspace.session)[0]
    assert step["verb"] == "assessment.run" and "又有 1 个制品" in step["text"]["zh"]
    assert step["data"]["responses"] == [digest]


def test_at_most_five_are_shown_unless_more_are_asked_for(workspace: Any, text: str) -> None:
    source = workspace.source.register(path=text, title="来信", document="line").digest
    corpus = workspace.corpus.build(sources=[source]).digest
    workspace.rulepack.register(file="shipped:oversight/rules/packs/tc260-003-2024.json")
    workspace.assessment.run(rulepack="rulepack:" + named(workspace), corpus=corpus)
    assert len(workspace.project.next()) == 5 < len(workspace.project.next(limit=20))


def named(workspace: Any) -> str:
    digest = workspace.artifact.list(kind="rulepack")["rows"][0]["digest"]
    workspace.name.set(artifact=digest, name="pack")
    return "pack"


def test_a_broken_row_of_another_project_is_not_looked_at(workspace: Any, text: str) -> None:
    workspace.project.create(slug="other")
    workspace.source.register(path=text, title="来信", document="line")
    run_sql("UPDATE qh_core_job SET state = 'failed'")
    other = workspace.session.in_project("other")
    assert [step["verb"] for step in steps(other)[:2]] == ["flow.run", "source.register"]


def test_the_project_is_shown(workspace: Any) -> None:
    shown = workspace.project.show()
    assert (shown["slug"], shown["public"]) == ("main", False) and shown["created"]
