"""What pages ask for: documents behind numbers, items behind verdicts; and what a made-up artifact cannot get."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from evidence import put_layers
from promises.main_job import model_service
from quanheng.errors import Conflict, Corrupt, Forbidden, Invalid, NotFound, QuanhengError

GOOD = [f"今天我们在图书馆讨论第{n}条新规则，大家觉得服务很好。" for n in range(40)]
BAD = ["短", "Only English words stand in this line.", GOOD[0], "一再重复的句子没有意义，" * 12]
FOUND = ["请拨打13812345678联系我们吧。", "有人发布刷单返利的信息，被查处。"]


@pytest.fixture
def corpus(workspace: Any, tmp_path: Path) -> str:
    """Return a corpus of one source with everything that can happen to a line, filtered by a keyword library."""
    folder = tmp_path / "text"
    folder.mkdir()
    (folder / "a.txt").write_text("\n".join([*GOOD, *BAD, *FOUND]) + "\n", "utf-8")
    (folder / "b.jsonl").write_text('{"text": "一条完整的记录，可以读出来。"}\n{"text": 断\n', "utf-8")
    workspace.source.register(path=str(folder), title="来源", document="line", as_name="one")
    terms = tmp_path / "terms.jsonl"
    terms.write_text('{"term": "刷单返利", "risk": "A.1.h"}\n', "utf-8")
    workspace.lexicon.register(file=str(terms), title="词", owner="某部门", as_name="words")
    return str(workspace.corpus.build(sources=["one"], lexicon="words", as_name="made").digest)


def test_documents_kept_and_dropped(workspace: Any, corpus: str) -> None:
    config = workspace.artifact.show(artifact=corpus)["config"]
    [share] = config["per_source"]
    for reason, count in share["dropped"].items():
        found = workspace.corpus.samples(corpus=corpus, reason=reason)
        assert found["population"] == count == len(found["rows"]), reason
        assert all(row["reason"] == reason and row["title"] == "来源" for row in found["rows"])
    kept = workspace.corpus.samples(corpus=corpus, limit=200)
    assert kept["population"] == config["totals"]["documents"] == len(kept["rows"])
    assert sum(len(row["text"]) for row in kept["rows"]) == config["totals"]["characters"]
    assert workspace.corpus.samples(corpus=corpus, seed=3) == workspace.corpus.samples(corpus=corpus, seed=3)
    few = workspace.corpus.samples(corpus=corpus, seed=3, limit=5)
    assert len(few["rows"]) == 5 and few != workspace.corpus.samples(corpus=corpus, seed=4, limit=5)
    both = workspace.corpus.samples(corpus=corpus, reason="broken", seed=3, limit=5, beside=True)
    assert both["kept"] == few["rows"] and few["kept"] == []
    [masked] = workspace.corpus.samples(corpus=corpus, reason="masked")["rows"]
    [[start, end]] = masked["masked"]
    assert masked["text"][start:end] == "〔手机号〕"
    [hit] = workspace.corpus.samples(corpus=corpus, reason="hit")["rows"]
    [[start, end, term]] = hit["hits"]
    assert (hit["text"][start:end], term, hit["risks"]) == ("刷单返利", 0, ["A.1.h"])
    [broken] = workspace.corpus.samples(corpus=corpus, reason="broken")["rows"]
    assert (broken["file"], broken["row"], broken["reason"]) == ("b.jsonl", "2", "not_json")
    [repetitive] = workspace.corpus.samples(corpus=corpus, reason="repetitive")["rows"]
    assert repetitive["repeated"] and repetitive["index"] is None
    whole = workspace.corpus.document(corpus=corpus, index=masked["index"])
    assert whole["text"] == masked["text"] and whole["title"] == "来源"


def test_what_is_not_there_is_said(workspace: Any, corpus: str) -> None:
    with pytest.raises(NotFound, match="not a source of this corpus"):
        workspace.corpus.samples(corpus=corpus, source="sha256:" + "0" * 64)
    with pytest.raises(NotFound, match="has only"):
        workspace.corpus.document(corpus=corpus, index=10_000)
    for bad in ({"reason": "nothing"}, {"limit": 0}, {"limit": 201}, {"seed": -1}, {"seed": 2**40}):
        with pytest.raises(Invalid):
            workspace.corpus.samples(corpus=corpus, **bad)
    workspace.artifact.withdraw(artifact="corpus:made", reason="测试撤回")
    for ask in (workspace.corpus.samples, workspace.corpus.histogram):
        with pytest.raises(Conflict, match="withdrawn"):
            ask(corpus="made")


def test_duplicates_stand_beside_what_they_repeat(workspace: Any, corpus: str) -> None:
    config = workspace.artifact.show(artifact=corpus)["config"]
    found = workspace.corpus.duplicates(corpus=corpus)
    reasons = {name: n for name, n in config["per_source"][0]["dropped"].items() if name.endswith("duplicate")}
    assert found["population"] == sum(reasons.values()) == len(found["rows"]) >= 1
    [row] = [row for row in found["rows"] if row["measure"] == "1.0000"]
    assert workspace.corpus.duplicates(corpus=corpus, reason="boilerplate")["rows"] == []
    assert row["excerpt"] == row["kept"]["text"] == GOOD[0] and row["id"] != row["kept"]["id"]
    assert (row["title"], row["measure"]) == ("来源", "1.0000")
    whole = workspace.corpus.document(corpus=corpus, index=row["kept"]["index"])
    assert (whole["id"], whole["text"]) == (row["kept"]["id"], GOOD[0])
    source = found["rows"][0]["source"]
    for name in (source, source[:19], "one", "source:one", "来源"):
        assert workspace.corpus.duplicates(corpus=corpus, source=name)["population"] == found["population"]
    with pytest.raises(NotFound, match="not a source of this corpus"):
        workspace.corpus.duplicates(corpus=corpus, source="sha256:" + "0" * 64)


def test_a_duplicate_of_a_duplicate_is_followed_to_what_stays(workspace: Any, tmp_path: Path) -> None:
    """The second line equals the third, and both are nearly the first: what stays is the first."""
    long = "昨天下午三点钟，市图书馆的工作人员在二楼阅览室整理了一百二十本新到的图书，并逐一贴上了编号标签"
    lines = [long + "。", long + "又放好。", long + "又放好。", *GOOD]
    (tmp_path / "c.txt").write_text("\n".join(lines) + "\n", "utf-8")
    workspace.source.register(path=str(tmp_path / "c.txt"), title="链", document="line", as_name="chain")
    steps = "".join(f'[[steps]]\nuse = "{use}"\n' for use in ("deduplicate_exact", "deduplicate_near"))
    (tmp_path / "r.toml").write_text('name = "two"\ntitle = { en = "Two", zh = "两步" }\n' + steps, "utf-8")
    corpus = workspace.corpus.build(sources=["chain"], file=str(tmp_path / "r.toml")).digest
    rows = workspace.corpus.duplicates(corpus=corpus)["rows"]
    assert {row["reason"] for row in rows} == {"duplicate", "near_duplicate"}
    assert {row["kept"]["text"] for row in rows} == {lines[0]} and all(row["kept"]["index"] == 0 for row in rows)


def test_what_was_masked_by_type_and_source(workspace: Any, corpus: str) -> None:
    config = workspace.artifact.show(artifact=corpus)["config"]
    found = workspace.corpus.masked(corpus=corpus)
    [source] = found["counts"]
    assert found["counts"] == {source: config["personal_data"]} and found["documents"] == {source: 1}
    [row] = found["rows"]
    [[start, end]] = row["masked"]
    assert row["excerpt"][start:end] == "〔手机号〕" and "13812345678" not in json.dumps(found, ensure_ascii=False)
    assert workspace.corpus.masked(corpus=corpus, type="mobile")["population"] == 1
    assert workspace.corpus.masked(corpus=corpus, type="email")["rows"] == []


def test_what_is_listed_for_review(workspace: Any, corpus: str) -> None:
    found = workspace.corpus.review(corpus=corpus)
    config = workspace.artifact.show(artifact=corpus)["config"]
    assert len(found["rows"]) == config["filtered"]["documents_for_review"] == 1 and found["next"] is None
    [row] = found["rows"]
    [[start, end, term, hidden]] = row["hits"]
    assert (row["text"][start:end], term, hidden) == ("刷单返利", 0, "")
    assert (row["reasons"], row["risks"]) == (["risk_terms"], {"A.1.h": 1})
    stored = workspace.corpus.document(corpus=corpus, index=row["index"])
    assert stored["id"] == row["id"] and row["text_digest"].startswith("sha256:")
    assert workspace.corpus.document(corpus=corpus, document=row["id"]) == stored
    assert workspace.corpus.review(corpus=corpus, risk="A.1.f")["rows"] == []
    assert workspace.corpus.review(corpus=corpus, reason="risk_terms", after=1)["rows"] == []
    taken = workspace.corpus.takedown(corpus=corpus, digest=[row["text_digest"]]).digest
    assert workspace.corpus.review(corpus=taken)["rows"] == []


def test_a_document_is_found_by_the_id_that_lists_show(workspace: Any, corpus: str) -> None:
    [row, *_] = workspace.corpus.samples(corpus=corpus, reason="too_short", limit=5)["rows"]
    found = workspace.corpus.document(corpus=corpus, document=row["id"])
    assert (found["reason"], found["text"], found["index"]) == ("too_short", row["text"], None)
    for wanted, code, said in (
        ({}, "which_document", "--document"),
        ({"index": 0, "document": row["id"]}, "which_document", "--document"),
        ({"document": row["id"] + "99"}, "no_such_document", row["id"][:12]),
        ({"document": "0" * 12 + "-0-0"}, "no_such_document", row["id"][:12]),
    ):
        with pytest.raises(QuanhengError) as caught:
            workspace.corpus.document(corpus=corpus, **wanted)
        assert caught.value.code == code and said in caught.value.hint.en, wanted


def test_the_recipe_of_a_corpus_is_written_and_read_back(workspace: Any, corpus: str, tmp_path: Path) -> None:
    workspace.recipe.export(corpus=corpus, to=str(tmp_path / "r.toml"))
    linted = workspace.recipe.lint(file=str(tmp_path / "r.toml"))
    steps = workspace.artifact.show(artifact=corpus)["config"]["recipe"]["steps"]
    assert [step["use"] for step in linted["steps"]] == [step["use"] for step in steps]
    assert [step["drop"] for step in linted["steps"]] == [step["drop"] for step in steps]


def test_lengths_are_counted_once(workspace: Any, corpus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.core import bounded

    first = workspace.corpus.histogram(corpus=corpus)
    config = workspace.artifact.show(artifact=corpus)["config"]
    assert (first["documents"], first["characters"]) == (config["totals"]["documents"], config["totals"]["characters"])
    assert sum(part["documents"] for part in first["bins"]) == first["documents"]

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("the lengths were counted again")

    monkeypatch.setattr(bounded, "run", never)
    assert workspace.corpus.histogram(corpus=corpus) == first


def test_sources_as_they_are_read(workspace: Any, corpus: str) -> None:
    found = workspace.source.samples(source="one", limit=50)
    files = {file["file"]: file["rows"] for file in found["files"]}
    assert found["of"] == 2 and len(files["a.txt"]) == len(GOOD) + len(BAD) + len(FOUND)
    assert [row["broken"] for row in files["b.jsonl"]] == [False, True]
    told = json.dumps(files, ensure_ascii=False)
    assert "13812345678" not in told and "〔手机号〕" in told


@pytest.fixture
def assessed(workspace: Any, corpus: str, tmp_path: Path) -> str:
    """Return an assessment of the corpus and of a service's answers, with people's verdicts on a sample."""
    for purpose, source in (("must_refuse", "must_refuse"), ("must_not_refuse", "must_not_refuse")):
        workspace.benchmark.register(
            file=f"shipped:oversight/banks/{source}.jsonl", purpose=purpose, title=purpose, owner="x", as_name=source
        )
    with model_service() as service:
        workspace.endpoint.register(url=service.url, title="m", as_name="there")
        for bank in ("must_refuse", "must_not_refuse"):
            workspace.responses.generate(endpoint="there", bank=bank, questions=12, max_tokens=8, as_name=bank)
    for bank in ("must_refuse", "must_not_refuse"):
        workspace.verdicts.judge(responses=bank, as_name=bank)
    workspace.sample.commit(corpus="made", purpose="manual", n=20, as_name="some")
    workspace.sample.draw(commitment="some", as_name="some")
    workspace.verdicts.scan(subject="some", lexicon="words", as_name="scanned")
    _review(workspace, tmp_path)
    workspace.rulepack.register(file="shipped:oversight/rules/packs/tc260-003-2024.json", as_name="rules")
    made = workspace.assessment.run(
        rulepack="rules",
        corpus="made",
        lexicon="words",
        banks=["must_refuse", "must_not_refuse"],
        responses=["must_refuse", "must_not_refuse"],
        as_name="done",
    )
    return str(made.digest)


def _review(workspace: Any, tmp_path: Path) -> None:
    rows = list(workspace.load("sample:some").rows("items.jsonl"))
    path = tmp_path / "verdicts.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "verdict", "reason"])
        for number, row in enumerate(rows):
            writer.writerow([row["id"], "fail", "不通顺"] if number < 2 else [row["id"], "pass", ""])
    workspace.verdicts.enter(subject="some", file=str(path), reviewer="r1", as_name="people")


def test_what_stands_behind_an_assessment(workspace: Any, assessed: str) -> None:
    """One assessment is made, for that takes a while, and looked at from every side."""
    _items_behind_verdicts(workspace, assessed)
    _groups_and_sources_behind_rules(workspace, assessed)
    _risks_and_draws(workspace, assessed)
    _answers_beside_questions(workspace)
    _queries_ask_for_permission(workspace)
    _a_made_up_artifact_does_not_show_another_project(workspace, assessed)


def _items_behind_verdicts(workspace: Any, assessed: str) -> None:
    sample = {row["id"]: row["text"] for row in workspace.load("sample:some").rows("items.jsonl")}
    manual = workspace.assessment.items(assessment=assessed, rule="ASS-COR-01")
    assert manual["of"] == "verdicts" and manual["against"] == ["fail"] and manual["counts"] == {"fail": 2, "pass": 18}
    assert [(row["text"], row["reason"], row["title"]) for row in manual["rows"]] == [
        (sample[row["id"]], "不通顺", "来源") for row in manual["rows"]
    ]
    passed = workspace.assessment.items(assessment=assessed, rule="ASS-COR-01", verdict="pass", after=10, limit=5)
    assert passed["found"] == 18 and len(passed["rows"]) == 5 and passed["next"] == 15
    rest = workspace.assessment.items(assessment=assessed, rule="ASS-COR-01", verdict="pass", after=15, limit=5)
    assert len(rest["rows"]) == 3 and rest["next"] is None

    asked = {row["id"]: row["question"] for row in workspace.load("benchmark:must_refuse").rows("items.jsonl")}
    answers = {row["id"]: row["answer"] for row in workspace.load("responses:must_refuse").rows("responses.jsonl")}
    refusals = workspace.assessment.items(assessment=assessed, rule="ASS-REF-01", verdict="all", limit=50)
    assert refusals["against"] == ["answered", "unjudged"] and len(refusals["rows"]) == 12
    for row in refusals["rows"]:
        assert (row["question"], row["text"]) == (asked[row["id"]], answers[row["id"]])
    unfavourable = workspace.assessment.items(assessment=assessed, rule="ASS-REF-01", limit=50)
    assert {row["verdict"] for row in unfavourable["rows"]} <= {"answered", "unjudged"}
    assert unfavourable["found"] == 12 - refusals["counts"].get("refused", 0)
    low = workspace.assessment.items(assessment=assessed, rule="ASS-NRF-01")
    assert low["against"] == ["refused"] and low["found"] == low["counts"].get("refused", 0)


def _groups_and_sources_behind_rules(workspace: Any, assessed: str) -> None:
    groups = workspace.assessment.items(assessment=assessed, rule="BNK-KW-02")
    by_id = {row["group"]: row for row in groups["rows"]}
    assert groups["of"] == "groups" and by_id["A.1.h"] | {"field": ""} == {
        "group": "A.1.h", "have": 1, "at_least": 200, "short": 199, "field": ""
    }  # fmt: skip
    [source] = workspace.assessment.items(assessment=assessed, rule="COR-SRC-05")["rows"]
    assert source["title"] == "来源" and not source["licence_clear"] and not source["against"]  # it is no open source
    assert workspace.assessment.items(assessment=assessed, rule="COR-CON-03")["of"] == ""
    with pytest.raises(NotFound, match="has no rule"):
        workspace.assessment.items(assessment=assessed, rule="X-1")


def _risks_and_draws(workspace: Any, assessed: str) -> None:
    found = workspace.assessment.risks(assessment=assessed)
    assert len(found["rows"]) == 31 and len(found["aspects"]) == 13
    bank = workspace.artifact.show(artifact="benchmark:must_refuse")["config"]
    rows = {row["risk"]: row for row in found["rows"]}
    held = {risk: row["must_refuse"]["items"] for risk, row in rows.items()}
    assert {risk: count for risk, count in held.items() if count} == bank["per_risk"]
    asked = [row["must_refuse"]["asked"] for row in found["rows"]]
    judged = [row["must_refuse"][w] for row in found["rows"] for w in ("refused", "answered", "unjudged")]
    assert sum(asked) == sum(judged) == 12 and rows["A.1.h"]["terms"] == 1 and rows["A.1.h"]["hits"] == 1
    assert sum(row["must_not_refuse"]["asked"] for row in found["aspects"]) == 12
    [draw] = workspace.assessment.draws(assessment=assessed)["rows"]
    assert draw["self_drawn"] and draw["committed"]["entry"] < draw["drawn"]["entry"]
    assert draw["committed"]["actor"].startswith("os:") and len(draw["verdicts"]) == 2


def _answers_beside_questions(workspace: Any) -> None:
    found = workspace.responses.items(responses="must_refuse", limit=5)
    asked = {row["id"]: row["question"] for row in workspace.load("benchmark:must_refuse").rows("items.jsonl")}
    assert [row["question"] for row in found["rows"]] == [asked[row["id"]] for row in found["rows"]]
    assert found["next"] == 5 and workspace.responses.items(responses="must_refuse", after=10)["next"] is None
    assert workspace.responses.items(responses="must_refuse", state="failed")["rows"] == []
    risk = found["rows"][0]["risk"]
    some = workspace.responses.items(responses="must_refuse", group=risk, limit=50)["rows"]
    assert some and {row["risk"] for row in some} == {risk}
    page = workspace.sample.items(sample="some", after=15, limit=10)
    assert len(page["rows"]) == 5 and page["next"] is None and page["rows"][0]["title"] == "来源"
    with pytest.raises(NotFound, match="not a source of this corpus"):
        workspace.sample.items(sample="some", source="sha256:x")


def register(workspace: Any, kind: str, config: dict[str, Any], layers: list[tuple[str, bytes]]) -> str:
    """Return the digest of an artifact that somebody made up."""
    items = [{"kind": kind, "model": config, "layers": put_layers(workspace, layers), "inputs": []}]
    return str(workspace.call("artifact.register_many", items=items).digest)


def test_layers_that_are_not_what_they_say(workspace: Any, corpus: str) -> None:
    config = workspace.artifact.show(artifact=corpus)["config"]
    lies = [("data/part-00000.parquet", b"PAR1 no PAR1"), ("decisions/part-00000.parquet", b"PAR1 no PAR1")]
    parquet = register(workspace, "corpus/v3", config, lies)
    for ask in (
        lambda: workspace.corpus.samples(corpus=parquet),
        lambda: workspace.corpus.histogram(corpus=parquet),
        lambda: workspace.corpus.document(corpus=parquet, index=0),
        lambda: workspace.corpus.duplicates(corpus=parquet),
        lambda: workspace.corpus.masked(corpus=parquet),
    ):
        with pytest.raises(Invalid) as caught:
            ask()
        assert caught.value.code == "unreadable_parquet"
    judge = {"type": "machine", "method": "keyword", "name": "k", "version": "1"}
    subject = "sha256:" + "0" * 64
    verdicts = {"purpose": "corpus", "subject": subject, "judge": judge, "n": 1, "counts": {"pass": 1}}
    broken = register(workspace, "verdicts/v1", verdicts, [("verdicts.jsonl", b'{"id": 1}\n')])
    with pytest.raises(Corrupt) as bad:
        workspace.verdicts.items(verdicts=broken)
    assert bad.value.code == "bad_row" and "第 1 行" in bad.value.text.zh
    for title in ("items.jsonl", "verdicts.jsonl"):
        empty = register(workspace, "verdicts/v1", {**verdicts, "n": 2, "counts": {"pass": 2}}, [(title, b"")])
        with pytest.raises(NotFound):  # neither the layer nor the subject is there
            workspace.verdicts.items(verdicts=empty)


def _a_made_up_artifact_does_not_show_another_project(workspace: Any, assessed: str) -> None:
    """Configs may name any digest; what they name is shown only where it is in the project of who asks."""
    workspace.project.create(slug="other")
    sample = workspace.artifact.find(artifact="sample:some")["digest"]
    row = next(iter(list(workspace.load("verdicts:people").rows("verdicts.jsonl"))))
    judge = {"type": "human", "method": "manual", "name": "r", "version": "1"}
    config = {"purpose": "corpus", "subject": sample, "judge": judge, "n": 1, "counts": {"pass": 1}}
    line = json.dumps({**row, "verdict": "pass"}).encode() + b"\n"
    items = [{"kind": "verdicts/v1", "model": config, "layers": put_layers(workspace, [("verdicts.jsonl", line)])}]
    forged = workspace.call("artifact.register_many", items=items, project="other").digest
    with pytest.raises(NotFound):
        workspace.call("verdicts.items", verdicts=forged, project="other")
    assessment = workspace.artifact.show(artifact=assessed)["config"]
    items = [{"kind": "assessment/v1", "model": assessment, "layers": []}]
    forged = workspace.call("artifact.register_many", items=items, project="other").digest
    with pytest.raises(NotFound) as caught:
        workspace.call("assessment.items", assessment=forged, rule="ASS-COR-01", project="other")
    assert caught.value.code == "not_among_evidence"
    draws = workspace.call("assessment.draws", assessment=forged, project="other")["rows"]
    assert [row["drawn"] for row in draws] == [None]
    assert workspace.call("assessment.risks", assessment=forged, project="other")["banks"]["must_refuse"]["bank"] == ""


def _queries_ask_for_permission(workspace: Any) -> None:
    from quanheng.core import call, clock
    from quanheng.core.models import Actor
    from quanheng.core.session import Session

    nobody = Actor.objects.create(label="nobody", password="!", created_at=clock.now())
    session = Session(workspace, nobody.id, True, workspace.session.project_id)
    for name, data in (
        ("corpus.samples", {"corpus": "made"}),
        ("corpus.histogram", {"corpus": "made"}),
        ("corpus.document", {"corpus": "made", "index": 0}),
        ("corpus.duplicates", {"corpus": "made"}),
        ("corpus.masked", {"corpus": "made"}),
        ("corpus.review", {"corpus": "made"}),
        ("sample.items", {"sample": "some"}),
        ("source.samples", {"source": "one"}),
        ("assessment.items", {"assessment": "done", "rule": "ASS-COR-01"}),
        ("assessment.risks", {"assessment": "done"}),
        ("assessment.draws", {"assessment": "done"}),
        ("verdicts.items", {"verdicts": "people"}),
        ("responses.items", {"responses": "must_refuse"}),
    ):
        with pytest.raises(Forbidden, match="not allowed"):
            call.ask(session, name, data)
        try:
            assert call.ask(workspace.session, name, data)
        except QuanhengError as error:
            raise AssertionError(f"{name}: {error}") from error


def test_what_a_takedown_took_is_told_as_masked_no_more(workspace: Any, corpus: str, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("请致电13987654321预约。\n今天的会议改到下午三点。\n", "utf-8")
    workspace.source.register(path=str(tmp_path / "more.txt"), title="又一", document="line", as_name="two")
    whole = workspace.corpus.build(sources=["one", "two"]).digest
    assert sum(workspace.corpus.masked(corpus=whole)["documents"].values()) == 2
    left = workspace.corpus.takedown(corpus=whole, source=["two"]).digest
    found = workspace.corpus.masked(corpus=left)
    config = workspace.artifact.show(artifact=left)["config"]
    assert sum(found["documents"].values()) == config["masked_documents"] == found["population"] == 1
    [row] = found["rows"]
    assert row["title"] == "来源" and row["excerpt"]
    assert sum(n for types in found["counts"].values() for n in types.values()) == 1


def test_a_day_that_no_calendar_has_is_refused(workspace: Any, corpus: str, tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text(GOOD[0], "utf-8")
    with pytest.raises(Invalid) as caught:
        workspace.source.register(path=str(tmp_path / "d.txt"), title="日", collected_on="2026-13-01")
    assert "没有 2026-13-01 这一天" in caught.value.text.zh and "there is no day 2026-13-01" in caught.value.text.en
    said = {"name": "d", "title": "集", "publisher": "某单位", "contact": "a@example.com"}
    with pytest.raises(Invalid, match="no day 2026-02-30"):
        workspace.corpus.publish(corpus=corpus, published_on="2026-02-30", **said)
    assert workspace.source.register(path=str(tmp_path / "d.txt"), title="日", collected_on="2026-02-28").digest


def test_the_review_list_tells_its_length_and_what_is_not_there(workspace: Any, corpus: str) -> None:
    found = workspace.corpus.review(corpus=corpus)
    assert (found["total"], found["listed"]) == (1, 1)
    none = workspace.corpus.review(corpus=corpus, risk="A.1.f")
    assert (none["total"], none["listed"], none["rows"]) == (0, 1, [])
    past = workspace.corpus.review(corpus=corpus, risk="A.1.h", after=9999)
    assert (past["total"], past["rows"]) == (1, [])
    for asked, code in (({"reason": "zzz"}, "no_such_reason"), ({"risk": "A.9"}, "no_such_risk")):
        with pytest.raises(Invalid) as caught:
            workspace.corpus.review(corpus=corpus, **asked)
        assert (
            caught.value.code == code and "没有" in caught.value.text.zh and "There are here" in str(caught.value.hint)
        )


def test_a_dropped_duplicate_names_what_stays(workspace: Any, corpus: str) -> None:
    [row] = [row for row in workspace.corpus.duplicates(corpus=corpus)["rows"] if row["measure"] == "1.0000"]
    found = workspace.corpus.document(corpus=corpus, document=row["id"])
    assert found["index"] is None and found["kept"] == row["kept"]
    left = workspace.corpus.takedown(corpus=corpus, document=[row["kept"]["id"]]).digest
    assert workspace.corpus.document(corpus=left, document=row["kept"]["id"])["text"] == ""
