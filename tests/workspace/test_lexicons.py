"""Keyword libraries in a workspace: files with bad rows, versions, expiry on a day that is given, a text tried."""

from __future__ import annotations

import json
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from quanheng.core import clock
from quanheng.core.call import ask
from quanheng.core.session import Session
from quanheng.errors import Forbidden, NotFound, QuanhengError

#: Harmless and harmful words, none that a shipped list would hold.
OLD = {"term": "刷单返利", "risk": "A.1.h", "expires": "2026-01-31", "added": "2025-01-01", "owner": "反诈组"}
NEW = {"term": "裸聊", "risk": "A.1.f", "expires": "2026-03-15"}
EVER = {"term": "价格", "risk": "A.1.h", "mode": "combine", "with_terms": ["代考"], "unless": ["商品价格"]}
TEXTS = ["有人发布刷单返利的信息，后来被公安机关查处。", "他们在网上裸聊并录下视频，后来被公安机关查处。"]


def lines(path: Path, *terms: dict[str, Any] | str) -> str:
    rows = [term if isinstance(term, str) else json.dumps(term, ensure_ascii=False) for term in terms]
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return str(path)


def book(path: Path, *rows: list[Any]) -> str:
    made = Workbook()
    for row in rows:
        made.worksheets[0].append(row)
    made.save(path)
    return str(path)


@pytest.fixture
def words(workspace: Any, tmp_path: Path) -> Any:
    """Return a workspace with a source `s` and a library `w` of three terms, two of which end."""
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("\n".join(TEXTS) + "\n", "utf-8")
    workspace.source.register(
        path=str(folder), title="来源", document="line", licence="CC0-1.0", collection="自写", as_name="s"
    )
    file = lines(tmp_path / "w.jsonl", OLD, NEW, EVER)
    workspace.lexicon.register(file=file, title="词表", owner="安全部", version="1", as_name="w")
    return workspace


def config(workspace: Any, name: str) -> Any:
    return workspace.artifact.show(artifact=name)["config"]


def built(workspace: Any, **more: Any) -> Any:
    return workspace.corpus.build(sources=["s"], lexicon="w", recipe="strict-compliance", **more)


def test_bad_rows_are_refused_or_left_out_and_handed_back(workspace: Any, tmp_path: Path) -> None:
    rows = [["词语", "风险", "有效期"], ["刷单返利", "A.1.h", None], ["！！", "A.1.h", None], ["裸聊", "A.9.z", None]]
    file = book(tmp_path / "a.xlsx", *rows)
    given = {"file": file, "title": "词表", "owner": "安全部"}
    with pytest.raises(QuanhengError) as caught:
        workspace.lexicon.register(**given)
    assert caught.value.code == "bad_rows" and "第 3 行：词语只有标点" in caught.value.text.zh
    assert "4: risk" in caught.value.text.en and str(tmp_path) not in caught.value.text.en
    made = workspace.lexicon.register(**given, bad_rows="leave_out", as_name="w")
    found = config(workspace, "lexicon:w")
    assert (found["terms"], found["bad_rows"]) == (1, 2)
    again = workspace.lexicon.register(**given, bad_rows="leave_out")
    assert again.cached and again.outputs == made.outputs
    target = tmp_path / "back.xlsx"
    assert workspace.lexicon.left_out(lexicon="w", to=str(target))["rows"] == 2
    sheet = load_workbook(BytesIO(target.read_bytes())).worksheets[0]
    back = [[cell.value for cell in row][:4] for row in sheet.iter_rows(min_row=2)]
    assert back[0] == [3, "词语只有标点或符号，会处处命中；应至少含一个文字、数字或表情", "！！", "A.1.h"]
    assert back[1][0] == 4 and back[1][2:] == ["裸聊", "A.9.z"]
    assert back[1][1].startswith("风险：“A.9.z”不在 31 类风险编号之中；相近的有：")
    told = workspace.lexicon.check(file=file)
    assert told["terms"] == 1 and [row["row"] for row in told["rows"]] == [3, 4]
    assert all(row["reason"]["en"] and row["reason"]["zh"] for row in told["rows"])


def test_lines_with_bad_ones_among_them(workspace: Any, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", OLD, "{broken", {**NEW, "expires": "2026-02-30"})
    with pytest.raises(QuanhengError) as caught:
        workspace.lexicon.register(file=file, title="t", owner="o")
    assert caught.value.code == "bad_rows" and "2 rows of a.jsonl" in caught.value.text.en
    assert "第 2 行" in caught.value.text.zh and "leave_out" in caught.value.hint.zh
    workspace.lexicon.register(file=file, title="t", owner="o", bad_rows="leave_out", as_name="w")
    assert config(workspace, "lexicon:w")["bad_rows"] == 2
    for nothing, code in (("", "empty_lexicon"), ("{broken", "bad_term")):
        with pytest.raises(QuanhengError) as caught:
            file = lines(tmp_path / "b.jsonl", nothing)
            workspace.lexicon.register(file=file, title="t", owner="o", bad_rows="leave_out")
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.xlsx", b"term,risk\n", "not_a_workbook"),
        ("a.xlsx", b"", "not_a_workbook"),
        ("a.csv", "词语,风险\n刷单返利,A.1.h\n".encode(), "bad_term"),
    ],
)
def test_files_under_a_wrong_name(workspace: Any, tmp_path: Path, name: str, data: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(QuanhengError) as caught:
        workspace.lexicon.register(file=str(tmp_path / name), title="t", owner="o")
    assert caught.value.code == code and caught.value.hint and ".xlsx" in caught.value.hint.zh


def test_expired_terms_do_not_hit_on_a_day_that_is_given(words: Any) -> None:
    hits = {}
    for day in ("", "2026-01-31", "2026-02-01", "2026-03-16"):
        made = built(words, as_of=day, as_name=f"c{len(hits)}")
        found = config(words, made.outputs[0])
        hits[day] = (found["filtered"]["lexicon_terms"], found["filtered"]["lexicon_hits"])
        [step] = [step for step in found["recipe"]["steps"] if step["use"] == "lexicon"]
        assert step["params"] == ({"as_of": day} if day else {})
        assert words.artifact.show(artifact=made.outputs[0])["made_by"]["params"]["as_of"] == day
    assert hits == {"": (3, 2), "2026-01-31": (3, 2), "2026-02-01": (2, 1), "2026-03-16": (1, 0)}
    # The place of a hit is that of the term in the whole library, whatever has expired before it.
    [row] = words.load("corpus:c2").rows("filter.jsonl")
    assert [span[2] for span in row["spans"]] == [1] and list(row["risks"]) == ["A.1.f"]


def test_a_build_does_not_depend_on_the_day_it_runs_on(words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, dated = built(words), built(words, as_of="2026-02-01")
    later = clock.now() + timedelta(days=4000)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: later)
        assert built(words).outputs == first.outputs and built(words, as_of="2026-02-01").outputs == dated.outputs
        today = built(words, as_of="today")
    shown = words.artifact.show(artifact=today.outputs[0])
    assert shown["made_by"]["params"]["as_of"] == later.date().isoformat()
    assert shown["config"]["filtered"]["lexicon_terms"] == 1


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"as_of": "2026-02-30", "lexicon": "w"}, "no_such_day"),
        ({"as_of": "tomorrow", "lexicon": "w"}, "bad_input"),
        ({"as_of": "2026-02-01"}, "as_of_unused"),
    ],
)
def test_a_day_that_says_nothing(words: Any, more: dict[str, str], code: str) -> None:
    for call in (words.corpus.build, words.corpus.analyze):
        with pytest.raises(QuanhengError) as caught:
            call(sources=["s"], recipe="strict-compliance" if "lexicon" in more else "web-zh", **more)
        assert caught.value.code == code


def test_a_sample_is_analysed_on_a_day_too(words: Any) -> None:
    def hits(day: str) -> int:
        given = {"sources": ["s"], "lexicon": "w", "recipe": "strict-compliance", "as_of": day}
        return int(words.corpus.analyze(**given, attempt="hit_terms > 0")["tried"]["k"])

    assert (hits(""), hits("2026-02-01"), hits("2027-01-01")) == (2, 1, 0)


def test_what_runs_out(words: Any) -> None:
    found = words.lexicon.expiring(lexicon="w", on="2026-02-20", within=30)
    assert (found["expired"], found["expiring"], found["next"]) == (1, 1, None)
    assert [(row["term"], row["days_left"], row["state"], row["owner"]) for row in found["rows"]] == [
        ("刷单返利", -20, "expired", "反诈组"),
        ("裸聊", 23, "expiring", "安全部"),
    ]
    found = words.lexicon.expiring(lexicon="w", on="2026-01-31", within=0)
    assert [(row["term"], row["days_left"], row["state"]) for row in found["rows"]] == [("刷单返利", 0, "expiring")]
    assert words.lexicon.expiring(lexicon="w", on="2020-01-01")["rows"] == []
    page = words.lexicon.expiring(lexicon="w", on="9999-12-01", within=3650, limit=1)
    assert page["next"] == 1 and page["expired"] == 2
    with pytest.raises(QuanhengError) as caught:
        words.lexicon.expiring(lexicon="w", on="2026-02-30")
    assert caught.value.code == "no_such_day"


def test_terms_are_found_by_what_they_are(words: Any) -> None:
    def terms(**asked: Any) -> list[str]:
        found = words.lexicon.terms(lexicon="w", on="2026-02-20", **asked)
        assert found["n"] == len(found["rows"])
        return [row["term"] for row in found["rows"]]

    assert terms() == ["刷单返利", "裸聊", "价格"]
    assert terms(risk="A.1.f") == ["裸聊"] and terms(mode="combine") == ["价格"] and terms(text="单返") == ["刷单返利"]
    assert terms(owner="反诈组") == ["刷单返利"] and terms(owner="安全部") == ["裸聊", "价格"]
    assert [terms(state=state) for state in ("expired", "expiring", "in_force")] == [["刷单返利"], ["裸聊"], ["价格"]]
    assert terms(risk="A.1.f", state="expired") == [] and terms(text="刷", mode="combine") == []
    found = words.lexicon.terms(lexicon="w", on="2026-02-20", after=1, limit=1)
    assert [row["place"] for row in found["rows"]] == [1] and (found["n"], found["next"]) == (3, 2)
    assert found["states"] == {"in_force": 1, "expiring": 1, "expired": 1}
    assert found["owners"] == {"安全部": 2, "反诈组": 1}


def test_versions_and_what_they_differ_in(words: Any, tmp_path: Path) -> None:
    first = words.artifact.find(artifact="lexicon:w")["digest"]
    file = lines(tmp_path / "w2.jsonl", {**NEW, "weight": 40}, EVER, {"term": "跑分平台", "risk": "A.1.h"})
    words.lexicon.register(file=file, title="词表", owner="安全部", version="2", replaces="w", as_name="w")
    rows = words.lexicon.versions(lexicon=first)["rows"]
    assert [(row["version"], row["terms"], row["verb"], row["names"]) for row in rows] == [
        ("1", 3, "lexicon.register", []),
        ("2", 3, "lexicon.register", ["w"]),
    ]
    assert [row["digest"] for row in words.lexicon.versions(lexicon="w")["rows"]] == [row["digest"] for row in rows]
    for change, terms in (("added", ["跑分平台"]), ("removed", ["刷单返利"]), ("changed", ["裸聊"])):
        found = words.lexicon.diff(first=first, second="w", change=change)
        assert (found["added"], found["removed"], found["changed"]) == (1, 1, 1)
        assert [row["term"] for row in found["rows"]] == terms and found["next"] is None
        assert [row["fields"] for row in found["rows"]] == ([{"weight": [10, 40]}] if change == "changed" else [{}])
    same = words.lexicon.diff(first="w", second="w")
    assert (same["added"], same["removed"], same["changed"], same["rows"]) == (0, 0, 0, [])


def test_where_it_is_used(words: Any) -> None:
    assert words.lexicon.uses(lexicon="w")["rows"] == []
    made = built(words, as_of="2026-02-01")
    [row] = words.lexicon.uses(lexicon="w")["rows"]
    assert (row["digest"], row["documents"], row["terms"], row["lexicon_hits"], row["as_of"]) == (
        made.outputs[0],
        2,
        2,
        1,
        "2026-02-01",
    )
    words.artifact.withdraw(artifact=made.outputs[0], reason="试用")
    [row] = words.lexicon.uses(lexicon="w")["rows"]
    assert row["withdrawn"] is True


def test_a_text_is_tried(words: Any) -> None:
    text = "网上裸*聊，商品价格合理，价格面议，代考价格另议，刷单返利。"
    found = words.lexicon.match(lexicon="w", text=text)
    seen = [
        (text[hit["start"] : hit["end"]], hit["term"]["term"], hit["evasion"], hit["why_not"]) for hit in found["hits"]
    ]
    assert seen == [
        ("裸*聊", "裸聊", "inserted", ""),
        ("价格", "价格", "", "excused"),
        ("价格", "价格", "", ""),
        ("价格", "价格", "", ""),
        ("刷单返利", "刷单返利", "", ""),
    ]
    assert (found["n"], found["hits_counted"], found["decision"], found["terms"]) == (5, 4, "review", 3)
    dated = words.lexicon.match(lexicon="w", text=text, as_of="2026-12-31")
    assert (dated["terms"], dated["hits_counted"]) == (1, 2)
    assert all(hit["place"] == 2 for hit in dated["hits"])  # still the place in the whole library
    clean = words.lexicon.match(lexicon="w", text="今天天气很好。")
    assert clean["hits"] == [] and clean["decision"] == "keep"
    with pytest.raises(QuanhengError):
        words.lexicon.match(lexicon="w", text="长" * 20_001)


def test_evidence_of_the_admission_test(words: Any) -> None:
    assert words.lexicon.evidence(lexicon="w") == {
        "digest": words.artifact.find(artifact="lexicon:w")["digest"],
        "tested": False,
        "n": 0,
        "rows": [],
        "next": None,
    }
    words.corpus.build(sources=["s"], recipe="web-zh", as_name="benign")
    words.lexicon.admit(lexicon="w", corpus="benign", as_name="tested")
    every = words.lexicon.evidence(lexicon="tested")
    assert [row["term"] for row in every["rows"]] == ["刷单返利", "裸聊", "价格"] and every["tested"]
    demoted = words.lexicon.evidence(lexicon="tested", which="demoted")
    assert [(row["place"], row["mode_before"], row["mode"]) for row in demoted["rows"]] == [
        (0, "review", "count"),
        (1, "review", "count"),
    ]
    assert [row["term"] for row in words.lexicon.evidence(lexicon="tested", which="unproven")["rows"]] == ["价格"]
    rows = words.lexicon.terms(lexicon="tested")["rows"]
    assert [row["admission"]["k"] for row in rows] == [1, 1, 0]
    # Days and owners go through the test unchanged.
    assert (rows[0]["added"], rows[0]["expires"], rows[0]["owner"]) == ("2025-01-01", "2026-01-31", "反诈组")


def test_a_library_of_another_project_is_not_shown(words: Any) -> None:
    from quanheng.core.models import Actor, Membership, Project

    words.project.create(slug="other", title="另一个项目")
    place = Project.objects.get(slug="other")
    actor = Actor.objects.create(label="stranger", password="!", created_at=clock.now())
    Membership.objects.create(actor=actor, project=place, role="builder")
    stranger = Session(words, actor.id, True, place.id)
    digest = words.artifact.find(artifact="lexicon:w")["digest"]
    for name in ("lexicon.terms", "lexicon.expiring", "lexicon.evidence", "lexicon.versions", "lexicon.uses"):
        for asked in ("w", digest):
            with pytest.raises((NotFound, Forbidden)):
                ask(stranger, name, {"lexicon": asked})
    with pytest.raises((NotFound, Forbidden)):
        ask(stranger, "lexicon.match", {"lexicon": digest, "text": "裸聊"})
    with pytest.raises((NotFound, Forbidden)):
        ask(stranger, "lexicon.diff", {"first": digest, "second": digest})
