"""Building a corpus with models behind endpoints: scores, a guard, n-gram models of one's own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from calling import other_session

from quanheng.core.call import ask
from quanheng.errors import Forbidden, Invalid, NotFound, Unavailable
from unit.endpoints.loopback import Loopback, Told, completion, serve

KEY = "sk-no-real-key-7f3a"
LESSONS = [f"第{n}课：光合作用分为光反应和暗反应两个阶段，叶绿体是第{n * 7 % 89}种场所。" for n in range(12)]
ADS = [f"限时{n}折，点击领取红包{n * 31 % 97}元，名额有限！" for n in range(12)]
RECIPE = """
name = "asked"
title = { en = "asked", zh = "问模型" }
labels = ["educational_value", "guard_unsafe", "guard_risks"]

[[steps]]
use = "educational_value"
characters = 200
concurrency = 3
attempts = 1

[[steps]]
review = "educational_value < 0"
reason = "score_unread"

[[steps]]
drop = "educational_value >= 0 and educational_value < 2"
reason = "low_educational_value"

[[steps]]
use = "guard"
risks = { "Non-violent Illegal Acts" = "A.3" }

[[steps]]
review = "guard_unsafe == 1"
reason = "guard_unsafe"

[[steps]]
review = "guard_unsafe < 0"
reason = "guard_unread"
"""


def text_of(body: Any) -> str:
    said = body["messages"][-1]["content"]
    return str(said.split("【文本开始】\n")[1].split("\n【文本结束】")[0]) if "【文本开始】" in said else str(said)


def asked_for(server: Loopback) -> Counter[str]:
    return Counter(text_of(body) for _, _, body in server.requests)


def score(body: Any) -> Told:
    text = text_of(body)
    return completion("看不懂" if "第3课" in text else "得分：4" if "光合作用" in text else "得分：0")


def judge(body: Any) -> Told:
    text = text_of(body)
    if "第5课" in text:
        return completion("Safety: Unsafe\nCategories: Non-violent Illegal Acts")
    return completion("?" if "第6课" in text else "Safety: Safe\nCategories: None")


@pytest.fixture
def sourced(workspace: Any, tmp_path: Path) -> Any:
    """Return a workspace with two sources and a recipe beside it."""
    for name, rows in (("lessons", LESSONS), ("ads", ADS)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "rows.txt").write_text("\n".join(rows), "utf-8")
        workspace.source.register(path=str(folder), title=name, document="line", licence="CC0-1.0", as_name=name)
    (tmp_path / "asked.toml").write_text(RECIPE, "utf-8")
    return workspace


def build(workspace: Any, folder: Path, scorer: Loopback, guard: Loopback, **more: Any) -> Any:
    given = {
        role: workspace.endpoint.register(url=server.url, title="m").digest
        for role, server in (("scorer", scorer), ("guard", guard))
    }
    sources = ["source:lessons", "source:ads"]
    return workspace.corpus.build(sources=sources, file=str(folder / "asked.toml"), **given, **more)


def rows_of(workspace: Any, digest: str) -> dict[str, dict[str, Any]]:
    import pyarrow.parquet as pq

    loaded = workspace.load(digest)
    found = {}
    for shard in loaded.model.shards:
        with loaded.open_layer(shard.title) as stream:
            found.update({row["text"]: row for row in pq.read_table(stream).to_pylist()})
    return found


def test_scores_and_a_guard_mark_and_the_recipe_decides(
    sourced: Any, place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sources are two units, so worker processes do the asking; the key reaches them, and only the service."""
    monkeypatch.setenv("QUANHENG_SCORER_KEY", KEY)
    monkeypatch.setenv("QUANHENG_PROCESSES", "2")
    sourced = place.open()  # which reads the settings
    with serve(answer=score) as scorer, serve(answer=judge) as guard:
        made = build(sourced, tmp_path, scorer, guard)
        assert asked_for(scorer) == Counter([*LESSONS, *ADS])
        assert asked_for(guard) == Counter(LESSONS)  # what was dropped before is not asked about
        assert {headers.get("authorization") for _, headers, _ in scorer.requests} == {f"Bearer {KEY}"}
        assert {headers.get("authorization") for _, headers, _ in guard.requests} == {None}
        rows = rows_of(sourced, made.digest)
        assert set(rows) == set(LESSONS)
        assert [rows[text]["educational_value"] for text in LESSONS[2:5]] == [4, -1, 4]
        assert (rows[LESSONS[5]]["guard_unsafe"], rows[LESSONS[5]]["guard_risks"]) == (1, ["A.3"])
        assert [rows[text]["guard_unsafe"] for text in LESSONS[6:8]] == [-1, 0]
        listed = [text for text in LESSONS if "review" in rows[text]["flags"]]
        assert listed == [LESSONS[n] for n in (3, 5, 6)]
        model = sourced.load(made.digest).model
        assert model.review == {"score_unread": 1, "guard_unsafe": 1, "guard_unread": 1}
        assert {asset.role for asset in model.assets} == {"scorer", "guard"}
        assert model.per_source[1].dropped == {"low_educational_value": 12}
        before = len(scorer.requests) + len(guard.requests)
        assert build(sourced, tmp_path, scorer, guard).cached
        recipe = tmp_path / "asked.toml"
        recipe.write_text(RECIPE.replace("educational_value < 2", "educational_value < 5"), "utf-8")
        with pytest.raises(Invalid):  # nothing has a score of 5 but one unread text… which stays
            build(sourced, tmp_path, scorer, guard, samples=-1)
        other = build(sourced, tmp_path, scorer, guard)
        assert set(rows_of(sourced, other.digest)) == {LESSONS[3]}
        assert len(scorer.requests) + len(guard.requests) == before  # another threshold asks nothing again
    kept = [path for path in Path(sourced.folder).rglob("*") if path.is_file()]
    assert len(kept) > 20 and not any(KEY.encode() in path.read_bytes() for path in kept)


def test_on_from_where_it_was_when_an_endpoint_was_away(sourced: Any, tmp_path: Path) -> None:
    away = True

    def sometimes(body: Any) -> Told:
        return Told(503, b"loading") if away and text_of(body) == ADS[6] else score(body)

    with serve(answer=sometimes) as scorer, serve(answer=judge) as guard:
        with pytest.raises(Unavailable) as caught:
            build(sourced, tmp_path, scorer, guard)
        assert caught.value.code == "endpoint_down" and caught.value.hint
        assert "答" in caught.value.hint.zh
        first = asked_for(scorer)
        assert set(first) > set(LESSONS) and len(first) < len(LESSONS) + len(ADS)
        away = False
        made = build(sourced, tmp_path, scorer, guard)
        again = asked_for(scorer)
        again.subtract(first)
        assert +again == Counter({text: 1 for text in ADS if text not in first or text == ADS[6]})
        assert set(asked_for(guard).values()) == {1}
    assert len(rows_of(sourced, made.digest)) == len(LESSONS)


def test_again_asks_about_what_was_not_answered(sourced: Any, tmp_path: Path) -> None:
    with serve(answer=score) as scorer, serve(answer=judge) as guard:
        first = build(sourced, tmp_path, scorer, guard)
        assert rows_of(sourced, first.digest)[LESSONS[3]]["educational_value"] == -1
        scorer.answer = lambda body: completion("得分：4")
        asked, judged = len(scorer.requests), len(guard.requests)
        assert build(sourced, tmp_path, scorer, guard).digest == first.digest
        again = build(sourced, tmp_path, scorer, guard, again=True)
        assert [text_of(body) for _, _, body in scorer.requests[asked:]] == [LESSONS[3]]
        assert [text_of(body) for _, _, body in guard.requests[judged:]] == [LESSONS[6]]
        rows = rows_of(sourced, again.digest)
        assert rows[LESSONS[3]]["educational_value"] == 4 and rows[LESSONS[6]]["guard_unsafe"] == -1


def test_a_host_that_is_not_allowed_is_not_called(
    sourced: Any, place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it was allowed as the endpoint was registered."""
    (tmp_path / "asked.toml").write_text(
        RECIPE.split('[[steps]]\nuse = "guard"', maxsplit=1)[0].replace(', "guard_unsafe", "guard_risks"', ""), "utf-8"
    )
    monkeypatch.setenv("QUANHENG_ALLOWED_HOSTS", "models.example")
    endpoint = place.open().endpoint.register(url="https://models.example/v1", title="m").digest
    monkeypatch.delenv("QUANHENG_ALLOWED_HOSTS")
    with pytest.raises(Forbidden) as caught:
        place.open().corpus.build(sources=["source:ads"], file=str(tmp_path / "asked.toml"), scorer=endpoint)
    assert caught.value.code == "host_not_allowed"


def test_the_common_key_is_not_sent_to_two_services(
    sourced: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANHENG_ENDPOINT_KEY", KEY)
    monkeypatch.setenv("QUANHENG_SCORER_KEY", "")
    with serve(answer=score) as scorer, serve(answer=judge) as guard:
        with pytest.raises(NotFound) as caught:
            build(sourced, tmp_path, scorer, guard)
        assert caught.value.code == "no_key" and caught.value.hint and "QUANHENG_GUARD_KEY" in caught.value.hint.zh
        assert scorer.requests == guard.requests == []
        monkeypatch.setenv("QUANHENG_GUARD_KEY", "sk-guard")
        build(sourced, tmp_path, scorer, guard)
        sent = [{headers.get("authorization") for _, headers, _ in server.requests} for server in (scorer, guard)]
    assert sent == [{None}, {"Bearer sk-guard"}]


def test_a_recipe_that_asks_needs_an_endpoint_and_says_how(sourced: Any, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        sourced.corpus.build(sources=["source:ads"], file=str(tmp_path / "asked.toml"))
    assert caught.value.code == "asset_missing" and caught.value.hint and "--scorer" in caught.value.hint.en
    lint = sourced.recipe.lint(file=str(tmp_path / "asked.toml"))
    assert lint["steps"][0]["columns"] == {"educational_value": "int64"}


def asked_before(workspace: Any, folder: Path, scorer: Loopback, guard: Loopback) -> dict[str, Any]:
    given = {
        role: workspace.endpoint.register(url=server.url, title="m").digest
        for role, server in (("scorer", scorer), ("guard", guard))
    }
    return {"sources": ["source:lessons", "source:ads"], "file": str(folder / "asked.toml"), **given}


def test_an_analysis_asks_its_sample_once_and_a_plan_nothing(
    sourced: Any, place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANHENG_SCORER_KEY", KEY)
    with serve(answer=score) as scorer, serve(answer=judge) as guard:
        given = asked_before(sourced, tmp_path, scorer, guard)
        planned = sourced.corpus.plan(**given)
        assert scorer.requests == guard.requests == []
        # No answer is known, so that the condition on the scores drops nothing here: all documents come to the guard.
        assert [(q["step"], q["use"], q["role"], q["documents"], q["at_most"]) for q in planned["questions"]] == [
            (1, "educational_value", "scorer", 24, 24),
            (4, "guard", "guard", 24, 96),
        ]
        found = sourced.corpus.analyze(**given, documents=2000)
        assert asked_for(scorer) == asked_for(guard) == Counter([*LESSONS, *ADS])
        assert {headers.get("authorization") for _, headers, _ in scorer.requests} == {f"Bearer {KEY}"}
        taken = {judge["reason"]: judge["k"] for judge in found["judges"]}
        assert taken == {"score_unread": 1, "low_educational_value": 12, "guard_unsafe": 1, "guard_unread": 1}
        sourced.corpus.analyze(**given, documents=2000, seed=3)
        build(sourced, tmp_path, scorer, guard)
        assert len(scorer.requests) == len(guard.requests) == 24  # what the sample told, the build knows
    reader = other_session(sourced, "auditor")
    with pytest.raises(Forbidden):
        ask(reader, "corpus.analyze", given)
    # Without endpoints both are for whoever may read.
    (tmp_path / "asked.toml").write_text(HEAD + LENGTH, "utf-8")
    plain = {"sources": given["sources"], "file": given["file"]}
    assert ask(reader, "corpus.plan", plain)["questions"] == []
    assert ask(reader, "corpus.analyze", plain)["documents"] == 24


HEAD = 'name = "plain"\ntitle = { en = "a", zh = "甲" }\n'
LENGTH = '[[steps]]\nuse = "length"\n[[steps]]\ndrop = "characters < 20"\nreason = "too_short"\n'


def test_a_plan_counts_what_comes_to_the_step(sourced: Any, tmp_path: Path) -> None:
    (tmp_path / "asked.toml").write_text(
        RECIPE.replace("[[steps]]", LENGTH.replace("< 20", "< 28") + "[[steps]]", 1), "utf-8"
    )
    long = sum(len(text) >= 28 for text in [*LESSONS, *ADS])
    with serve(answer=score) as scorer, serve(answer=judge) as guard:
        planned = sourced.corpus.plan(**asked_before(sourced, tmp_path, scorer, guard))
    assert 0 < long < 24 and [q["documents"] for q in planned["questions"]] == [long, long]


def test_files_that_steps_read_are_taken_as_by_a_build(workspace: Any, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    plain = [f"第{n}课：光合作用分为光反应和暗反应两个阶段，叶绿体是进行的场所之{n % 9}。" for n in range(200)]
    (folder / "rows.txt").write_text("\n".join(plain), "utf-8")
    workspace.source.register(path=str(folder), title="t", document="line", licence="CC0-1.0", as_name="plain")
    recipe = tmp_path / "r.toml"
    recipe.write_text('name = "r"\ntitle = { en = "a", zh = "甲" }\n' + LENGTH, "utf-8")
    workspace.corpus.build(sources=["source:plain"], file=str(recipe), as_name="plain")
    model = workspace.ngram.train(corpus="corpus:plain", title="课文", order=3).digest
    recipe.write_text(
        'name = "r"\ntitle = { en = "a", zh = "甲" }\n[[steps]]\nuse = "perplexity"\n'
        '[[steps]]\ndrop = "perplexity > 50"\nreason = "high_perplexity"\n',
        "utf-8",
    )
    given = {"sources": ["source:plain"], "file": str(recipe)}
    with pytest.raises(Invalid) as caught:
        workspace.corpus.analyze(**given)
    assert caught.value.code == "asset_missing"
    found = workspace.corpus.analyze(**given, ngram_model=model)
    assert [judge["n"] for judge in found["judges"]] == [200]
    assert "perplexity" in {column["name"] for column in found["columns"]}
    planned = workspace.corpus.plan(**given, ngram_model=model)
    assert planned["documents"] == 200 and planned["questions"] == []


@pytest.mark.model
def test_a_real_model_of_ones_own_scores(sourced: Any, tmp_path: Path) -> None:
    """The demonstration model runs on this machine for as long as the build."""
    model = sourced.model.register().digest
    endpoint = sourced.endpoint.register(model=model).digest
    recipe = tmp_path / "asked.toml"
    recipe.write_text(
        'name = "local"\ntitle = { en = "a", zh = "甲" }\nlabels = ["educational_value"]\n'
        '[[steps]]\nuse = "educational_value"\ncharacters = 60\nmax_tokens = 8\n'
        'instruction = "给下面的文本打分，只写 0 到 5 的一个数字。"\n',
        "utf-8",
    )
    given = {"sources": ["source:lessons"], "file": str(recipe), "scorer": endpoint}
    made = sourced.corpus.build(**given)
    rows = rows_of(sourced, made.digest)
    assert set(rows) == set(LESSONS) and all(-1 <= row["educational_value"] <= 5 for row in rows.values())
    [asset] = sourced.load(made.digest).model.assets
    assert (asset.role, asset.digest) == ("scorer", endpoint)
    assert sourced.corpus.build(**given).cached


def test_an_n_gram_model_of_ones_own_tells_what_is_unlike_it(workspace: Any, tmp_path: Path) -> None:
    def source(name: str, rows: list[str]) -> None:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "rows.txt").write_text("\n".join(rows), "utf-8")
        workspace.source.register(path=str(folder), title=name, document="line", licence="CC0-1.0", as_name=name)

    def recipe(text: str) -> str:
        (tmp_path / "r.toml").write_text(f'name = "r"\ntitle = {{ en = "a", zh = "甲" }}\n{text}', "utf-8")
        return str(tmp_path / "r.toml")

    plain = [f"第{n}课：光合作用分为光反应和暗反应两个阶段，叶绿体是进行的场所之{n % 9}。" for n in range(200)]
    source("plain", plain)
    source(
        "mixed",
        [*plain[:20], *(chr(0x4E00 + n * 97 % 9000) * 2 + "乱码字符堆砌" + chr(0x5000 + n * 31) for n in range(20))],
    )
    workspace.corpus.build(sources=["source:plain"], file=recipe('[[steps]]\nuse = "length"\n'), as_name="plain")
    made = workspace.ngram.train(corpus="corpus:plain", title="课文", order=3, as_name="lessons")
    shown = workspace.artifact.show(artifact="ngram_model:lessons")
    config = shown["config"]
    assert shown["kind"] == "ngram_model/v1" and config["order"] == 3 and config["licences"] == {"CC0-1.0": 200}
    assert config["learned_from"] + config["held_out"] == 200
    assert config["rows_digest"] == workspace.load("corpus:plain").model.rows_digest
    value, lower, upper = (float(config["perplexity"][key]) for key in ("value", "lower", "upper"))
    assert 1 < lower < value < upper < 3
    with workspace.load(made.digest).open_layer("card.json") as stream:
        card = json.loads(stream.read())
    assert card["corpus"]["rows_digest"] == config["rows_digest"] and card["licences"] == config["licences"]
    assert workspace.ngram.train(corpus="corpus:plain", title="课文", order=3).cached
    judged = workspace.corpus.build(
        sources=["source:mixed"],
        file=recipe('[[steps]]\nuse = "perplexity"\n[[steps]]\ndrop = "perplexity > 50"\nreason = "high_perplexity"\n'),
        ngram_model="ngram_model:lessons",
    )
    [share] = workspace.load(judged.digest).model.per_source
    assert share.documents_kept == 20 and share.dropped == {"high_perplexity": 20}
    with pytest.raises(Invalid) as caught:
        workspace.ngram.train(corpus="corpus:plain", title="课文", order=3, characters=100)
    assert caught.value.code == "too_few_texts"
