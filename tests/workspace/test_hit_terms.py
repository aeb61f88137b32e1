"""Which terms were found in a document: told to whoever may read the keyword library, and to nobody else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quanheng.core.call import ask

PLAIN = [f"今天我们在图书馆讨论第{n}条新规则，大家觉得服务很好。" for n in range(20)]
FOUND = [
    "有人发布刷单返利的信息，又是刷单返利，被查处。",
    "小广告上写着色*情*服*务几个字，居民看到后向社区作了反映。",
]
TERMS = [
    {"term": "没有出现的词", "risk": "A.1.d"},
    {"term": "刷单返利", "risk": "A.1.g"},
    {"term": "色情服务", "risk": "A.1.f"},
]
REBATE = {"place": 1, "term": "刷单返利", "risk": "A.1.g", "written": "刷单返利", "hidden": ""}
HIDDEN = {"place": 2, "term": "色情服务", "risk": "A.1.f", "written": "色*情*服*务", "hidden": "inserted"}


@pytest.fixture
def corpus(workspace: Any, tmp_path: Path) -> str:
    """Return a corpus with two documents in which terms of a keyword library were found."""
    (tmp_path / "a.txt").write_text("\n".join([*PLAIN, *FOUND]) + "\n", "utf-8")
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(term, ensure_ascii=False) for term in TERMS), "utf-8")
    workspace.source.register(path=str(tmp_path / "a.txt"), title="来源", document="line", as_name="one")
    workspace.lexicon.register(file=str(tmp_path / "t.jsonl"), title="词", owner="某部门", as_name="words")
    return str(workspace.corpus.build(sources=["one"], lexicon="words", as_name="made").digest)


def by_text(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {row["text"]: row["hit_terms"] for row in rows}


def test_each_term_is_named_once_as_it_is_written(workspace: Any, corpus: str) -> None:
    listed = workspace.corpus.review(corpus=corpus)
    assert listed["terms_told"] and by_text(listed["rows"]) == {FOUND[0]: [REBATE], FOUND[1]: [HIDDEN]}
    assert [len(row["hits"]) for row in listed["rows"]] == [2, 1]
    seen = workspace.corpus.samples(corpus=corpus, reason="hit")["rows"]
    assert by_text(seen) == by_text(listed["rows"])
    assert all(
        row["hit_terms"] == [] for row in workspace.corpus.samples(corpus=corpus, limit=200)["rows"] if not row["hits"]
    )
    one = next(row for row in seen if row["text"] == FOUND[1])
    assert workspace.corpus.document(corpus=corpus, index=one["index"])["hit_terms"] == [HIDDEN]


def test_samples_that_the_build_kept_name_the_terms_too(workspace: Any, corpus: str) -> None:
    rows = workspace.corpus.samples(corpus=corpus, decision="review", reason="risk_terms")["rows"]
    found = {row["hit_terms"][0]["term"]: row["hit_terms"][0]["written"] for row in rows}
    assert found == {"刷单返利": "", "色情服务": ""}  # an excerpt may end before the hit
    dropped = workspace.corpus.samples(corpus=corpus, decision="review", reason="risk_terms", source=rows[0]["source"])
    assert len(dropped["rows"]) == 2


def test_hits_stay_but_terms_go_with_a_withdrawn_library(workspace: Any, corpus: str) -> None:
    workspace.artifact.withdraw(artifact="lexicon:words", reason="换新")
    listed = workspace.corpus.review(corpus=corpus)
    assert not listed["terms_told"] and [row["hit_terms"] for row in listed["rows"]] == [[], []]
    assert all(row["hits"] for row in listed["rows"])
    for asked in ({"reason": "hit"}, {"decision": "review", "reason": "risk_terms"}):
        rows = workspace.corpus.samples(corpus=corpus, **asked)["rows"]
        assert len(rows) == 2 and all(row["hit_terms"] == [] for row in rows)


def test_another_project_that_has_the_corpus_alone_is_told_no_term(workspace: Any, corpus: str) -> None:
    from quanheng.core.models import Artifact, Placement, Project

    workspace.project.create(slug="other")
    other, artifact = Project.objects.get(slug="other"), Artifact.objects.get(digest=corpus)
    Placement.objects.create(artifact=artifact, project=other, job=artifact.job)
    there = workspace.session.in_project("other")
    answers = [
        ask(there, "corpus.review", {"corpus": corpus}),
        ask(there, "corpus.samples", {"corpus": corpus, "reason": "hit"}),
        ask(there, "corpus.samples", {"corpus": corpus, "reason": "risk_terms", "decision": "review"}),
    ]
    assert not answers[0]["terms_told"]
    for answer in answers:
        assert len(answer["rows"]) == 2 and all(row["hit_terms"] == [] for row in answer["rows"])
    assert "色情服务" not in json.dumps(answers, ensure_ascii=False)


def test_a_token_for_these_lists_alone_is_told_no_term(workspace: Any, corpus: str) -> None:
    narrow = replace(workspace.session, scopes=frozenset({"corpus.review", "corpus.samples", "artifact.show"}))
    listed = ask(narrow, "corpus.review", {"corpus": corpus})
    assert not listed["terms_told"] and all(row["hits"] and not row["hit_terms"] for row in listed["rows"])
    wider = replace(narrow, scopes=narrow.scopes | {"lexicon.terms"})
    assert ask(wider, "corpus.review", {"corpus": corpus})["terms_told"]


def test_a_corpus_that_nobody_searched_has_no_terms(workspace: Any, corpus: str) -> None:
    plain = workspace.corpus.build(sources=["one"]).digest
    assert workspace.corpus.review(corpus=plain)["rows"] == []
    assert not workspace.corpus.review(corpus=plain)["terms_told"]
