"""What was taken down stays down when its sources are built again, and a build that does not heed it says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quanheng.errors import QuanhengError

TEXTS = {name: f"{name}的游记写于秋天，作者沿着河走了三天。" for name in ("银杏", "候鸟", "豆腐", "地铁")}
RECIPE = 'name = "two"\ntitle = { en = "Two", zh = "两步" }\n[[steps]]\nuse = "deduplicate_exact"\n'


@pytest.fixture
def built(workspace: Any, tmp_path: Path) -> Any:
    """Return a workspace with two sources, a corpus `c` of both, and `less` from which a text was taken down."""
    (tmp_path / "two.toml").write_text(RECIPE, "utf-8")
    for name, texts in (("a", ("银杏", "候鸟", "候鸟")), ("b", ("豆腐", "地铁"))):
        lines = (json.dumps({"text": TEXTS[text], "url": f"https://{name}.example/{text}"}) for text in texts)
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
        workspace.source.register(path=str(tmp_path / f"{name}.jsonl"), title=name, as_name=name)
    build(workspace, tmp_path, "c", sources=["a", "b"])
    workspace.corpus.takedown(corpus="corpus:c", match=["银杏的游记"], as_name="less")
    return workspace


def build(workspace: Any, folder: Path, name: str, **given: Any) -> Any:
    return workspace.corpus.build(**{"sources": ["a"], **given}, file=str(folder / "two.toml"), as_name=name)


def texts_of(workspace: Any, corpus: str) -> set[str]:
    found = workspace.corpus.samples(corpus=f"corpus:{corpus}", limit=200)["rows"]
    return {name for name, text in TEXTS.items() for row in found if row["text"] == text}


def log_of(workspace: Any, made: Any) -> str:
    return (workspace.folder / "jobs" / f"{made.job}.log").read_text("utf-8")


def test_a_build_that_is_given_a_takedown_heeds_it(built: Any, tmp_path: Path) -> None:
    less = built.artifact.show(artifact="corpus:less")["config"]
    made = build(built, tmp_path, "again", sources=["a", "b"], taken_down=["corpus:less"])
    again = built.artifact.show(artifact="corpus:again")["config"]
    assert again["rows_digest"] == less["rows_digest"] and again["per_source"] == less["per_source"]
    assert again["funnel"][-1]["reason"] == "taken_down" and texts_of(built, "again") == {"候鸟", "豆腐", "地铁"}
    log = log_of(built, made)
    assert "1 document taken down before left out" in log and "已排除此前下架的文档 1 篇" in log
    assert "may be back" not in log
    inputs = [(item["role"], item["digest"]) for item in built.load(made.digest).made_by["inputs"]]
    assert ("taken_down", built.artifact.show(artifact="corpus:less")["digest"]) in inputs
    # Its own list goes on: what is taken down from it, and what was before.
    built.corpus.takedown(corpus="corpus:again", url=["https://b.example/地铁"], as_name="least")
    build(built, tmp_path, "third", sources=["a", "b"], taken_down=["corpus:least"])
    assert texts_of(built, "third") == {"候鸟", "豆腐"}


def test_a_build_that_does_not_heed_a_takedown_says_so(built: Any, tmp_path: Path) -> None:
    made = build(built, tmp_path, "back")
    assert texts_of(built, "back") == {"银杏", "候鸟"}
    log = log_of(built, made)
    assert "may be back" in log and "--taken-down corpus:less" in log and "可能再次出现" in log
    # The corpus that was there before the takedown is found again, and is told of too; its key knows nothing of it.
    again = build(built, tmp_path, "c", sources=["a", "b"])
    assert again.cached and "--taken-down corpus:less" in again.value["note"]["en"]
    assert "可能再次出现" in again.value["note"]["zh"]
    # One that takes over the list of another stands for both.
    built.corpus.takedown(corpus="corpus:less", match=["豆腐的游记"], as_name="least")
    log = log_of(built, build(built, tmp_path, "back-b", sources=["b"]))
    assert "--taken-down corpus:least" in log and "corpus:less" not in log
    heeded = build(built, tmp_path, "heeded", sources=["b"], taken_down=["corpus:least"])
    assert "may be back" not in log_of(built, heeded) and texts_of(built, "heeded") == {"地铁"}
    # What was withdrawn has no list any more; the corpus that took it over still has.
    for name in ("less", "least"):
        built.artifact.withdraw(artifact=f"corpus:{name}", reason="superseded")
    log = log_of(built, build(built, tmp_path, "back-both", sources=["b", "a"]))
    assert "--taken-down corpus:heeded" in log and "corpus:less" not in log
    built.artifact.withdraw(artifact="corpus:heeded", reason="superseded")
    assert "may be back" not in log_of(built, build(built, tmp_path, "back-a", sources=["a", "b"], samples=3))


def test_a_corpus_without_a_takedown_cannot_be_heeded(built: Any, tmp_path: Path) -> None:
    with pytest.raises(QuanhengError) as caught:
        build(built, tmp_path, "no", taken_down=["corpus:c"])
    assert caught.value.code == "no_takedown" and caught.value.hint and "下架后生成的新语料" in caught.value.hint.zh
