"""The account of a corpus as a query: tokens when asked for, and what people's samples say of each source."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from quanheng.errors import QuanhengError
from quanheng.stats import bound_upper


def lines(name: str, n: int) -> str:
    return "\n".join([*(f"{name}写了第{k}篇短文，讲的是第{k * 7}件小事和它的来历。" for k in range(n)), "短"]) + "\n"


@pytest.fixture
def built(workspace: Any, tmp_path: Path) -> Any:
    """Return a workspace with a corpus `c` of three sources, counted by a tokenizer, and a sample of all of it."""
    for name, n, region in (("a", 200, "domestic"), ("b", 60, "overseas"), ("c", 20, "unknown")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.txt").write_text(lines(name, n), "utf-8")
        workspace.source.register(
            path=str(tmp_path / name), title=f"来源{name}", document="line", region=region, as_name=name
        )
    own = tmp_path / "own.toml"
    own.write_text(
        'name = "own"\ntitle = { en = "a", zh = "甲" }\n[[steps]]\nuse = "length"\n'
        '[[steps]]\ndrop = "characters < 4"\nreason = "too_short"\n',
        "utf-8",
    )
    names = ["source:a", "source:b", "source:c"]
    workspace.corpus.build(sources=names, file=str(own), as_name="plain")
    workspace.tokenizer.train(corpus="corpus:plain", title="t", vocabulary=400, characters=4000, as_name="t")
    workspace.corpus.build(sources=names, file=str(own), tokenizer="tokenizer:t", as_name="c")
    workspace.sample.commit(corpus="corpus:c", purpose="source", n=280, as_name="s")
    workspace.sample.draw(commitment="sample_commitment:s", as_name="s")
    return workspace


def judge(workspace: Any, path: Path, bad: dict[str, int], unread: dict[str, int]) -> None:
    """Enter verdicts on the sample: so many bad ones of each source, and so many left out."""
    seen: dict[str, int] = {}
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "verdict", "reason"])
        for row in workspace.load("sample:s").rows("items.jsonl"):
            n = seen[row["text"][0]] = seen.get(row["text"][0], 0) + 1
            if n <= unread.get(row["text"][0], 0):
                continue
            is_bad = n <= unread.get(row["text"][0], 0) + bad.get(row["text"][0], 0)
            writer.writerow([row["id"], "fail" if is_bad else "pass", "x" if is_bad else ""])
    workspace.verdicts.enter(subject="sample:s", file=str(path), reviewer="group-a")


def test_tokens_are_told_only_where_a_tokenizer_was_given(built: Any) -> None:
    plain, counted = built.corpus.account(corpus="corpus:plain"), built.corpus.account(corpus="corpus:c")
    assert plain["units"] == ["documents", "characters", "bytes"] and plain["tokenizer"] is None
    assert counted["units"][-1] == "tokens" and counted["totals"]["tokens"] > counted["totals"]["documents"]
    rows = {row["name"]: row for row in counted["regions"]}
    assert {name: row["documents"] for name, row in rows.items()} == {"domestic": 200, "overseas": 60, "unknown": 20}
    assert sum(row["tokens"] for row in rows.values()) == counted["totals"]["tokens"]
    mixed = built.corpus.mix(corpus="corpus:c", tokenizer="tokenizer:t", group=["1=1"])
    shown = built.artifact.show(artifact=mixed.outputs[0])["config"]
    # The mix counts the rows of the first source anew.
    assert counted["sources"][0]["kept"]["tokens"] == sum(group["available"] for group in shown["groups"])


def test_what_people_found_decides_and_not_what_machines_counted(built: Any, tmp_path: Path) -> None:
    before = built.corpus.account(corpus="corpus:c")["sources"]
    assert {row["people"]["follows"] for row in before} == {"unread"} and before[0]["people"]["more"] == 59
    judge(built, tmp_path / "v.csv", {"a": 3, "b": 4}, {})
    found = {row["title"][-1]: row["people"] for row in built.corpus.account(corpus="corpus:c")["sources"]}
    assert [(row["k"], row["n"], row["follows"]) for row in found.values()] == [
        (3, 200, "use"),
        (4, 60, "not_use"),
        (0, 20, "read_more"),
    ]
    assert found["a"]["upper"] == f"{bound_upper(3, 200):.6f}" and found["c"]["more"] == 39


def test_what_was_drawn_and_not_judged_counts_against_a_source(built: Any, tmp_path: Path) -> None:
    judge(built, tmp_path / "v.csv", {}, {"a": 30})
    found = {row["title"][-1]: row["people"] for row in built.corpus.account(corpus="corpus:c")["sources"]}
    assert (found["a"]["n"], found["a"]["gaps"]) == (170, 30)
    # 0 of 170 alone would do; with 30 counted as bad it would not.
    assert found["a"]["follows"] == "read_more" and found["a"]["more"] == 30
    assert found["b"]["follows"] == "use" and found["b"]["gaps"] == 0


def test_verdicts_on_another_corpus_say_nothing_of_this_one(built: Any, tmp_path: Path) -> None:
    judge(built, tmp_path / "v.csv", {}, {})
    assert {row["people"]["follows"] for row in built.corpus.account(corpus="corpus:plain")["sources"]} == {"unread"}


def test_samples_that_the_build_kept(built: Any) -> None:
    found = built.corpus.samples(corpus="corpus:c", decision="drop", reason="too_short", limit=2)
    assert found["population"] == 3 and [row["text"] for row in found["rows"]] == ["短", "短"]
    ranks = [row["rank"] for row in found["rows"]]
    more = built.corpus.samples(corpus="corpus:c", decision="drop", reason="too_short", limit=2, seed=1)
    assert ranks == [1, 2] and [row["rank"] for row in more["rows"]] == [3]
    layer = list(built.load("corpus:c").rows("samples.jsonl"))
    assert {row["id"] for row in layer} == {row["id"] for row in (*found["rows"], *more["rows"])}
    for reason in ({}, {"reason": "mobile"}):
        with pytest.raises(QuanhengError) as caught:
            built.corpus.samples(corpus="corpus:c", decision="drop", **reason)
        assert caught.value.code == "no_such_reason" and "too_short" in caught.value.hint.zh


def test_the_number_of_samples_is_bounded(built: Any) -> None:
    with pytest.raises(QuanhengError) as caught:
        built.corpus.build(sources=["source:a"], samples=1001)
    assert caught.value.status == 422 or "1000" in caught.value.text.en
