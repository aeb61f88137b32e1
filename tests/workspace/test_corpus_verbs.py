"""The corpus' verbs in a workspace: from a folder to a tokenizer, a mix, exports, an open data set, a takedown."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from quanheng.errors import QuanhengError

SUBJECTS = "公园里的银杏树 城市的地铁线路 山里的茶园 海边的渔港 老街上的书店 雨后的稻田 冬天的候鸟 学校的图书馆".split()
DOINGS = (
    "每到周末总有很多人前来参观 在清晨显得格外安静 让来访的客人流连忘返 近年来修缮一新 有一段不为人知的历史".split()
)


def texts(first: int, n: int) -> list[str]:
    return [
        f"{SUBJECTS[k % len(SUBJECTS)]}{DOINGS[k * 7 % len(DOINGS)]}，第{k}位游客写道：第{k * 31 % 97}处最值得一看。"
        for k in range(first, first + n)
    ]


@pytest.fixture
def built(workspace: Any, tmp_path: Path) -> Any:
    """Return a workspace with two sources, and a corpus of them called `c`."""
    for name, rows, licence in (("a", texts(0, 90), "CC-BY-4.0"), ("b", texts(60, 90), "NOASSERTION")):
        folder = tmp_path / name
        folder.mkdir()
        lines = [json.dumps({"text": text, "url": f"https://{name}.example/{k}"}) for k, text in enumerate(rows)]
        (folder / "rows.jsonl").write_text("\n".join([*lines, '{"text": "短"}', "{broken"]), "utf-8")
        workspace.source.register(path=str(folder), title=f"来源{name}", licence=licence, as_name=name)
    workspace.corpus.build(sources=["source:b", "source:a"], as_name="c")
    return workspace


def test_a_corpus_by_recipe(built: Any) -> None:
    shown = built.artifact.show(artifact="corpus:c")
    model = shown["config"]
    assert shown["kind"] == "corpus/v3" and model["recipe"]["name"] == "web-zh"
    first, second = model["per_source"]
    # The 30 texts that both hold stay with the source whose licence is clear, though it was named second.
    assert (first["documents_kept"], second["documents_kept"]) == (60, 90)
    assert first["dropped"] == {"duplicate": 30, "too_short": 1} and first["broken_rows"] == 1
    assert model["skipped"] and len(model["operators"]) >= 8
    again = built.corpus.build(sources=["source:b", "source:a"])
    assert again.cached
    [row] = built.corpus.samples(corpus="corpus:c", reason="too_short", source=second["source"])["rows"]
    assert row["text"] == "短"


def test_before_a_build(built: Any, tmp_path: Path) -> None:
    found = built.corpus.analyze(sources=["source:a"], documents=50, attempt="characters < 40")
    assert found["documents"] == 50 and found["tried"]["n"] == 50
    plan = built.corpus.plan(sources=["source:a", "source:b"])
    assert plan["bytes"] == plan["sampled"] > 0 and plan["cpu_s"] >= 0 and plan["memory_bytes"] > 2**20
    assert plan["work_bytes"] >= plan["corpus_bytes"] > 0 and plan["documents"] == 150
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\ntitle = { en = "a", zh = "甲" }\n[[steps]]\nuse = "lenght"\n', "utf-8")
    with pytest.raises(QuanhengError) as caught:
        built.recipe.lint(file=str(own))
    assert caught.value.code == "unknown_word" and "'length'" in caught.value.text.en
    with pytest.raises(QuanhengError) as caught:
        built.corpus.build(sources=["source:a"], file=str(own))
    assert caught.value.code == "unknown_word"
    own.write_text(own.read_text("utf-8").replace("lenght", "length"), "utf-8")
    assert built.recipe.lint(file=str(own))["steps"][0]["columns"] == {"characters": "int64", "bytes": "int64"}
    made = built.corpus.build(sources=["source:a"], file=str(own), as_name="own")
    assert built.artifact.show(artifact=made.outputs[0])["config"]["recipe"]["name"] == "own"
    assert [row["name"] for row in built.recipe.list()["recipes"]] == [
        "books-zh",
        "dialogue-zh",
        "law-zh",
        "strict-compliance",
        "web-zh",
    ]
    foreign = tmp_path / "dj.yaml"
    foreign.write_text("process: [{text_length_filter: {min_len: 5}}, video_duration_filter]", "utf-8")
    read = getattr(built.recipe, "import")(file=str(foreign))
    assert read["refused"] == ["video_duration_filter"] and "characters < 5" in read["toml"]


def test_two_corpora_compared(built: Any) -> None:
    built.corpus.build(sources=["source:a"], as_name="a")
    found = built.corpus.diff(first="corpus:c", second="corpus:a")
    assert (found["both"], sum(found["only_first"].values()), found["only_second"]) == (90, 60, {})
    assert found["one"]["totals"]["documents"] == 150 and len(found["shown_first"]) == 20


def test_a_takedown_and_what_was_made_of_the_corpus(built: Any) -> None:
    built.corpus.export(corpus="corpus:c", format="jsonl.zst", as_name="jsonl")
    old = built.artifact.show(artifact="corpus:c")
    made = built.corpus.takedown(corpus="corpus:c", url=["https://a.example/1*", "https://b.example/89"])
    new = built.artifact.show(artifact=made.outputs[0])
    gone = [k for k in range(90) if str(k).startswith("1")]
    assert new["config"]["totals"]["documents"] == 150 - len(gone) - 1
    assert new["config"]["funnel"][-1]["reason"] == "taken_down"
    uses = {row["digest"]: row for row in built.corpus.uses(corpus="corpus:c")["rows"]}
    assert uses[made.outputs[0]]["kind"] == "corpus/v3"
    assert [(row["names"], row["steps"]) for row in uses.values() if row["kind"] == "export/v1"] == [(["jsonl"], 1)]
    built.sample.commit(corpus="corpus:c", purpose="manual", n=10, as_name="promised")
    [row] = [row for row in built.corpus.uses(corpus="corpus:c")["rows"] if "promised" in row["names"]]
    assert row["kind"].startswith("sample_commitment/") and row["withdrawn"] is False
    assert old["digest"] != new["digest"]
    for wanted, code in (({}, "nothing_named"), ({"match": ["恐龙"]}, "nothing_matches")):
        with pytest.raises(QuanhengError) as caught:
            built.corpus.takedown(corpus="corpus:c", **wanted)
        assert caught.value.code == code


def test_a_takedown_names_sources_and_documents_as_others_do(built: Any) -> None:
    corpus = built.artifact.show(artifact="corpus:c")
    first = built.artifact.show(artifact="source:a")["digest"]
    [second] = {share["source"] for share in corpus["config"]["per_source"]} - {first}
    named = {built.corpus.takedown(corpus="corpus:c", source=[way]).digest for way in (first, "source:a", first[:19])}
    [taken] = named
    assert built.artifact.show(artifact=taken)["config"]["totals"]["documents"] == 60
    document = built.corpus.document(corpus="corpus:c", index=3)
    taken = built.corpus.takedown(corpus="corpus:c", document=[document["id"]]).digest
    assert built.artifact.show(artifact=taken)["config"]["totals"]["documents"] == 149
    built.corpus.build(sources=["source:a"], as_name="a-alone")
    for wanted, code, said in (
        ({"source": ["source:aa"]}, "no_such_artifact", "source:a"),
        ({"source": [second]}, "no_such_source", first[:19]),
        ({"digest": ["sha256:" + "0" * 64]}, "no_such_document", "corpus samples"),
        ({"document": [document["id"] + "0"]}, "no_such_document", "corpus samples"),
    ):
        with pytest.raises(QuanhengError) as caught:
            built.corpus.takedown(corpus="corpus:a-alone", **wanted)
        assert caught.value.code == code and said in caught.value.hint.en, wanted


def test_tokenizer_mix_and_exports(built: Any, tmp_path: Path) -> None:
    trained = built.tokenizer.train(corpus="corpus:c", title="小词表", vocabulary=400, characters=2000, as_name="t")
    config = built.artifact.show(artifact=trained.outputs[0])["config"]
    assert config["vocabulary"] == 400 and config["fertility"]["total"]["n"] > 0
    built.corpus.mix(corpus="corpus:c", tokenizer="tokenizer:t", group=["1=1@2", "2=3@1"], tokens=3000, as_name="m")
    mix = built.artifact.show(artifact="mix:m")["config"]
    assert mix["planned"] + mix["shortfall"] == 3000 and len(mix["groups"]) == 2
    with pytest.raises(QuanhengError) as caught:
        built.corpus.mix(corpus="corpus:c", tokenizer="tokenizer:t", group=["9=1"])
    assert caught.value.code == "bad_group" and "来源a" in caught.value.hint.zh
    exported = built.corpus.export(
        corpus="corpus:c", format="megatron", mix="mix:m", tokenizer="tokenizer:t", as_name="e"
    )
    files = {file["name"] for file in built.artifact.show(artifact=exported.outputs[0])["config"]["files"]}
    assert "SHA256SUMS" in files and any(name.endswith(".bin") for name in files)
    target = tmp_path / "out"
    saved = built.artifact.save(artifact="export:e", to=str(target))
    assert saved["files"] == len(files) and {p.name for p in target.iterdir()} == files
    header = next(target.glob("*.idx")).read_bytes()[:17]
    assert header == b"MMIDIDX\x00\x00" + (1).to_bytes(8, "little")[:8]
    assert built.artifact.save(artifact="export:e", to=str(target)) == saved
    built.artifact.save(artifact="export:e", to=str(tmp_path / "out.zip"))
    with zipfile.ZipFile(tmp_path / "out.zip") as zipped:
        assert set(zipped.namelist()) == files and zipped.read("SHA256SUMS") == (target / "SHA256SUMS").read_bytes()
    (target / "own notes.txt").write_text("x")
    with pytest.raises(QuanhengError) as caught:
        built.artifact.save(artifact="export:e", to=str(target))
    assert caught.value.code == "target_not_empty"


def test_an_open_data_set(built: Any) -> None:
    given = {
        "corpus": "corpus:c",
        "name": "parks",
        "title": "游记",
        "title_en": "Parks",
        "publisher": "测试单位",
        "contact": "data@example.com",
    }
    with pytest.raises(QuanhengError) as caught:
        built.corpus.publish(**given)
    assert caught.value.code == "licence_unclear" and "来源b" in caught.value.text.en
    made = built.corpus.publish(**given, waiver="来源 b 由本单位自行撰写", validation="1/10")
    config = built.artifact.show(artifact=made.outputs[0])["config"]
    names = {file["name"] for file in config["files"]}
    assert config["format"] == "open_data_set" and {"croissant.json", "card.zh.md", "card.en.md", "README.md"} <= names
    assert config["documents"]["validation"] > 0 and sum(config["documents"].values()) == 150


def test_a_keyword_library_in_and_out_and_admitted(built: Any, tmp_path: Path) -> None:
    terms = tmp_path / "terms.jsonl"
    terms.write_text('{"term": "游客", "risk": "A.1.h"}\n{"term": "刷单返利", "risk": "A.1.h"}\n', "utf-8")
    built.lexicon.register(file=str(terms), title="词", owner="安全部", as_name="l")
    sheet = tmp_path / "terms.xlsx"
    assert built.lexicon.sheet(lexicon="lexicon:l", to=str(sheet))["terms"] == 2
    assert built.lexicon.check(file=str(sheet))["rows"] == []
    bad = built.lexicon.bad_rows(file=str(sheet), to=str(tmp_path / "bad.xlsx"))
    assert bad["rows"] == 0 and (tmp_path / "bad.xlsx").stat().st_size == bad["bytes"]
    again = built.lexicon.register(file=str(sheet), title="词", owner="安全部")
    assert built.artifact.show(artifact=again.outputs[0])["config"]["terms"] == 2
    admitted = built.lexicon.admit(lexicon="lexicon:l", corpus="corpus:c", as_name="admitted")
    config = built.artifact.show(artifact=admitted.outputs[0])["config"]
    # 游客 stands in every document: it is demoted, and never lost.
    assert config["terms"] == 2 and config["admission"]["demoted"] == 1 and config["admission"]["documents"] == 150
    made = built.corpus.build(sources=["source:a"], lexicon="lexicon:admitted", recipe="strict-compliance")
    filtered = built.artifact.show(artifact=made.outputs[0])["config"]["filtered"]
    assert filtered["documents_hit"] == 90 and filtered["lexicon_terms"] == 2


def test_a_classifier_of_ones_own_judges(built: Any, tmp_path: Path) -> None:
    rows = [{"text": text, "labels": ["good"]} for text in texts(0, 120)]
    rows += [{"text": f"点击领取{n}元红包，加群{n}，名额有限！！！"} for n in range(120)]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    made = built.classifier.train(file=str(file), title="质量", as_name="q")
    config = built.artifact.show(artifact=made.outputs[0])["config"]
    assert config["labels"] == ["good"] and config["learned_from"] + config["held_out"] == 240
    result = config["per_label"]["good"]
    assert 0 < result["hits"] <= result["actual"] and result["predicted"] - result["hits"] <= 1
    folder = tmp_path / "spam"
    folder.mkdir()
    (folder / "a.jsonl").write_text("\n".join(json.dumps({"text": row["text"]}) for row in rows[60:180]), "utf-8")
    built.source.register(path=str(folder), title="混杂", as_name="mixed")
    recipe = tmp_path / "own.toml"
    recipe.write_text(
        'name = "own"\ntitle = { en = "a", zh = "甲" }\n[[steps]]\nuse = "quality_classifier"\n'
        '[[steps]]\ndrop = "quality < 0.5"\nreason = "low_quality"\n',
        "utf-8",
    )
    corpus = built.corpus.build(sources=["source:mixed"], file=str(recipe), classifier="classifier:q")
    [share] = built.artifact.show(artifact=corpus.outputs[0])["config"]["per_source"]
    assert share["documents_kept"] >= 55 and share["dropped"]["low_quality"] >= 55
    file.write_text('{"text": 3}', "utf-8")
    with pytest.raises(QuanhengError) as caught:
        built.classifier.train(file=str(file), title="质量")
    assert caught.value.code == "bad_row"


def test_the_text_of_a_takedown_is_kept_nowhere(built: Any) -> None:
    """Neither in the config of the new corpus nor in the job: only its digest, which is part of the key."""
    from quanheng.core.models import Job

    text = "第7位游客写道"
    made = built.corpus.takedown(corpus="corpus:c", match=[text])
    loaded = built.load(made.digest)
    assert set(loaded.made_by["params"]["match"]) == {"content"}
    assert text not in json.dumps(dict(loaded.made_by), ensure_ascii=False)
    assert all(text not in row for row in Job.objects.values_list("input", flat=True))
    assert built.corpus.takedown(corpus="corpus:c", match=[text]).cached
    assert not built.corpus.takedown(corpus="corpus:c", match=["第8位游客写道"]).cached
    with pytest.raises(QuanhengError) as caught:
        built.corpus.takedown(corpus="corpus:c", match=["第7位恐龙写道"])
    assert caught.value.code == "nothing_matches" and "恐龙" not in json.dumps(
        caught.value.to_json(), ensure_ascii=False
    )
    for told in Job.objects.values():
        assert "恐龙" not in str(told) and text not in str(told)
    logs = [path.read_text("utf-8") for path in sorted((built.folder / "jobs").glob("*.log"))]
    assert any("taken down" in log for log in logs)
    assert all(said not in log for log in logs for said in (text, "恐龙"))


def test_a_takedown_by_address_reaches_what_was_dropped(built: Any) -> None:
    [dropped] = built.corpus.samples(corpus="corpus:c", reason="duplicate", limit=1)["rows"]
    assert dropped["url"].startswith("https://b.example/")
    with pytest.raises(QuanhengError) as caught:
        built.corpus.takedown(corpus="corpus:c", url=[dropped["url"]])
    assert caught.value.code == "kept_elsewhere"
    made = built.corpus.takedown(corpus="corpus:c", url=["https://b.example/*"])
    log = (built.folder / "jobs" / f"{made.job}.log").read_text("utf-8")
    assert "60 documents taken down" in log and "dropped copies that are named: 30" in log
    assert "此前已因重复剔除的 30 篇" in log and "quanheng corpus duplicates" in log
    rows = built.corpus.samples(corpus=made.digest, reason="duplicate", limit=200)["rows"]
    assert {(row["text"], row["url"]) for row in rows} == {("", "")} and len(rows) == 30


def test_documents_are_shown_with_their_addresses(built: Any) -> None:
    kept = built.corpus.samples(corpus="corpus:c", limit=200)["rows"]
    assert len(kept) == 150 and all(row["url"].startswith("https://") for row in kept)
    # Of one without an address the name of its file.
    [short] = built.corpus.samples(corpus="corpus:c", reason="too_short", limit=1)["rows"]
    assert short["url"] == "rows.jsonl"
    assert {row["url"] for row in built.corpus.samples(corpus="corpus:c", reason="broken")["rows"]} == {"rows.jsonl"}
    found = built.corpus.samples(corpus="corpus:c", reason="duplicate", decision="drop", beside=True, limit=3)
    assert all(row["url"].startswith("https://b.example/") for row in found["rows"])
    assert all(row["url"].startswith("https://") for row in found["kept"]) and found["kept"]
    for row in built.corpus.duplicates(corpus="corpus:c", limit=5)["rows"]:
        assert row["url"].startswith("https://b.example/") and row["kept"]["url"].startswith("https://a.example/")
        assert built.corpus.document(corpus="corpus:c", document=row["id"])["url"] == row["url"]
        assert built.corpus.document(corpus="corpus:c", document=row["kept"]["id"])["url"] == row["kept"]["url"]
    built.artifact.withdraw(artifact="source:a", reason="gone")
    built.artifact.withdraw(artifact="source:b", reason="gone")
    rows = built.corpus.samples(corpus="corpus:c", reason="too_short")["rows"]
    assert {row["url"] for row in rows} == {""} and rows
