"""Who draws a sample, and how often, decides what an assessment may say of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from quanheng.core import call
from quanheng.core.session import Session, token_session
from quanheng.errors import Conflict, Forbidden
from quanheng.stats import draw

LINES = [f"第{i}号来信：今天读了一本关于园艺的书，写下第{i}条心得。" for i in range(40)]
NONCE = "ab" * 32


@pytest.fixture
def corpus(workspace: Any, tmp_path: Path) -> str:
    text = tmp_path / "letters.txt"
    text.write_text("\n".join(LINES), "utf-8")
    source = workspace.source.register(path=str(text), title="来信", document="line")
    return str(workspace.corpus.build(sources=[source.digest]).digest)


@pytest.fixture
def auditor(workspace: Any) -> Session:
    workspace.user.create(label="auditor")
    workspace.member.grant(label="auditor", role="auditor")
    made = workspace.token.create(label="auditor", scopes=["read", "audit"])
    return token_session(workspace, str(made.value["token"]))


def commit(workspace: Any, corpus: str, n: int = 10) -> str:
    return str(workspace.sample.commit(corpus=corpus, purpose="manual", n=n).digest)


def test_own_draw_is_called_so_and_repeats(workspace: Any, corpus: str) -> None:
    promise = commit(workspace, corpus)
    first = workspace.sample.draw(commitment=promise)
    again = workspace.sample.draw(commitment=promise)
    sample = workspace.load(first.digest).model
    assert (sample.self_drawn, sample.nonce, sample.checkpoint, sample.draw_no) == (True, None, None, 1)
    assert again.cached and again.outputs == first.outputs


def test_who_draws_cannot_say_otherwise(workspace: Any, corpus: str) -> None:
    promise = commit(workspace, corpus)
    made = workspace.sample.draw(commitment=promise, self_drawn=False, checkpoint_size=1, draw_no=7)
    sample = workspace.load(made.digest).model
    assert sample.self_drawn and sample.checkpoint is None and sample.draw_no == 1


def test_another_actor_needs_a_signed_checkpoint(workspace: Any, corpus: str, auditor: Session) -> None:
    promise = commit(workspace, corpus)
    with pytest.raises(Conflict) as refused:
        call.call(auditor, "sample.draw", {"commitment": promise, "nonce": NONCE})
    assert refused.value.code == "no_checkpoint"
    signed = workspace.checkpoint.sign()
    made = call.call(auditor, "sample.draw", {"commitment": promise, "nonce": NONCE})
    sample = workspace.load(made.digest).model
    assert not sample.self_drawn
    assert (sample.checkpoint.size, sample.checkpoint.root, sample.nonce) == (signed["size"], signed["root"], NONCE)
    text = json.dumps(["quanheng sample v1", promise, signed["root"], NONCE], separators=(",", ":"))
    seed = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert sample.seed == seed
    rows = list(workspace.load(made.digest).rows("items.jsonl"))
    assert [row["index"] for row in rows] == draw(seed, len(LINES), 10)
    assert {row["text"] for row in rows} <= set(LINES)


def test_without_a_nonce_another_actor_gets_a_fresh_one(workspace: Any, corpus: str, auditor: Session) -> None:
    promise = commit(workspace, corpus)
    workspace.checkpoint.sign()
    made = [call.call(auditor, "sample.draw", {"commitment": promise}).digest for _ in range(2)]
    samples = [workspace.load(digest).model for digest in made]
    assert samples[0].nonce != samples[1].nonce
    assert [sample.draw_no for sample in samples] == [1, 2]


def test_a_builder_may_commit_but_not_draw(workspace: Any, corpus: str) -> None:
    workspace.user.create(label="builder")
    workspace.member.grant(label="builder", role="builder")
    secret = str(workspace.token.create(label="builder", scopes=["read", "build", "audit"]).value["token"])
    builder = token_session(workspace, secret)
    promise = call.call(builder, "sample.commit", {"corpus": corpus, "purpose": "manual", "n": 5}).digest
    with pytest.raises(Forbidden):
        call.call(builder, "sample.draw", {"commitment": promise})


def test_every_draw_is_in_the_assessment_whether_named_or_not(workspace: Any, corpus: str) -> None:
    drawn = {workspace.sample.draw(commitment=commit(workspace, corpus, n)).digest for n in (10, 11, 12)}
    pack = workspace.rulepack.register(file="shipped:oversight/rules/packs/tc260-003-2024.json")
    made = workspace.assessment.run(rulepack=pack.digest, corpus=corpus, samples=[])
    assessment = workspace.load(made.digest).model
    assert {d.sample for d in assessment.draws} == drawn
    assert sorted(d.draw_no for d in assessment.draws) == [1, 2, 3]
    assert assessment.self_drawn
    workspace.sample.draw(commitment=commit(workspace, corpus, 13))
    later = workspace.assessment.run(rulepack=pack.digest, corpus=corpus)
    assert not later.cached and len(workspace.load(later.digest).model.draws) == 4


@pytest.mark.parametrize("sizes", [{}, {"n": 5, "percent": 10}])
def test_a_size_is_said_once(workspace: Any, corpus: str, sizes: dict[str, int]) -> None:
    from quanheng.errors import Invalid

    with pytest.raises(Invalid) as refused:
        workspace.sample.commit(corpus=corpus, purpose="keyword", **sizes)
    assert refused.value.code == "bad_sample_size"


def test_per_cent_is_rounded_up_and_all_is_the_most(workspace: Any, corpus: str) -> None:
    part = workspace.load(workspace.sample.commit(corpus=corpus, purpose="keyword", percent=11).digest).model
    whole = workspace.load(workspace.sample.commit(corpus=corpus, purpose="keyword", n=4000).digest).model
    assert (part.n, whole.n) == (5, 40)


def assess(workspace: Any, corpus: str, **given: Any) -> Any:
    pack = workspace.rulepack.register(file="shipped:oversight/rules/packs/tc260-003-2024.json")
    return workspace.load(workspace.assessment.run(rulepack=pack.digest, corpus=corpus, **given).digest).model


def review(workspace: Any, tmp_path: Path, sample: str, verdicts: dict[int, str], reviewer: str) -> str:
    """Return human verdicts on the items of a sample, by their place in it."""
    ids = [row["id"] for row in workspace.load(sample).rows("items.jsonl")]
    lines = ["id,verdict", *(f"{ids[place]},{verdict}" for place, verdict in verdicts.items())]
    file = tmp_path / f"{reviewer}.csv"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return str(workspace.verdicts.enter(subject=sample, file=str(file), reviewer=reviewer).digest)


def test_verdicts_left_out_by_the_assessor_count_all_the_same(workspace: Any, corpus: str, tmp_path: Path) -> None:
    sample = workspace.sample.draw(commitment=commit(workspace, corpus)).digest
    entered = review(workspace, tmp_path, sample, {i: "pass" if i else "fail" for i in range(10)}, "team-a")
    assert entered in {use.verdicts for use in assess(workspace, corpus).judges}


def test_items_left_without_a_verdict_cannot_pass(workspace: Any, corpus: str, tmp_path: Path) -> None:
    sample = workspace.sample.draw(commitment=commit(workspace, corpus, 40)).digest
    review(workspace, tmp_path, sample, dict.fromkeys(range(30), "pass"), "team-a")
    rules = {result.rule: result for result in assess(workspace, corpus).results}
    rule = rules["ASS-COR-01"]
    assert rule.verdict == "pending"
    review(workspace, tmp_path, sample, dict.fromkeys(range(40), "pass"), "team-b")
    rules = {result.rule: result for result in assess(workspace, corpus).results}
    assert (rules["ASS-COR-01"].k.value, rules["ASS-COR-01"].n.value) == (40, 40)


def test_a_withdrawn_draw_is_still_counted(workspace: Any, corpus: str) -> None:
    first = workspace.sample.draw(commitment=commit(workspace, corpus, 10)).digest
    workspace.sample.draw(commitment=commit(workspace, corpus, 11))
    workspace.artifact.withdraw(artifact=first, reason="personal data found")
    assessment = assess(workspace, corpus)
    assert ([draw.draw_no for draw in assessment.draws], assessment.withdrawn_draws) == ([2], 1)
