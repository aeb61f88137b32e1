"""The shipped rule pack says where everything comes from, and a bad pack is refused with a clear reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quanheng.errors import Invalid, NotFound
from quanheng.kinds.risks import ASPECTS, RISKS
from quanheng.oversight.rules import load, load_file, shipped
from quanheng.oversight.rules.packs import DEFAULT, parse

EXPECTED = (
    "COR-SRC-02 COR-SRC-03 COR-SRC-04 COR-SRC-05 COR-SRC-06 COR-CON-01 COR-CON-03 ASS-COR-01 ASS-COR-02 "
    "BNK-KW-01 BNK-KW-02 BNK-GEN-01 BNK-GEN-02 BNK-REF-01 BNK-NRF-01 ASS-GEN-01 ASS-GEN-02 ASS-REF-01 ASS-NRF-01"
)


def test_default_pack() -> None:
    pack = load()
    assert shipped() == (DEFAULT,)
    assert [rule.id for rule in pack.rules] == EXPECTED.split()
    assert (pack.text_checked_by, pack.text_checked_on) == ("", "")  # nobody has read the official copy


def test_every_rule_says_what_it_is_and_where_it_was_seen() -> None:
    for rule in load().rules:
        assert rule.clause
        assert not rule.clause_checked
        assert "待核" in rule.clause_final.zh or rule.force == "warn"
        for said in (rule.title, rule.measure, rule.threshold, rule.basis_note, rule.provide, rule.clause_final):
            assert said.zh and said.en
            assert said.zh != said.en or said.zh == "100%"


def test_recommendations_say_so() -> None:
    for rule in load().rules:
        if rule.force == "should":
            assert "宜" in rule.threshold.zh
            assert "should" in rule.threshold.en


def test_groups_are_the_risks_and_aspects() -> None:
    known = {*RISKS, *ASPECTS}
    for rule in load().rules:
        groups = [group for part in (rule.floor.per_group if rule.floor else ()) for group in part.groups]
        assert set(groups) <= known
        assert len(set(groups)) == len(groups)
    sizes = {rule.id: sum(len(part.groups) for part in rule.floor.per_group) for rule in load().rules if rule.floor}
    assert (sizes["BNK-KW-02"], sizes["BNK-GEN-02"], sizes["BNK-REF-01"], sizes["BNK-NRF-01"]) == (17, 31, 17, 13)


def test_minimums_equal_those_of_the_risk_table() -> None:
    floors = {rule.id: rule.floor for rule in load().rules if rule.floor}
    for rule_id, field in (
        ("BNK-KW-02", "min_keywords"),
        ("BNK-GEN-02", "min_generation"),
        ("BNK-REF-01", "min_must_refuse"),
    ):
        stated = {group: part.at_least for part in floors[rule_id].per_group for group in part.groups}
        assert stated == {risk.id: getattr(risk.of, field) for risk in RISKS.values() if getattr(risk.of, field)}


def test_unknown_pack_names_the_shipped_ones() -> None:
    with pytest.raises(NotFound) as caught:
        load("gb-0")
    assert caught.value.hint and DEFAULT in caught.value.hint.zh


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    body = load().model_dump(mode="json") | {"id": "own", "text_checked_by": "法务", "text_checked_on": "2026-11-20"}
    path.write_text(json.dumps(body, ensure_ascii=False), "utf-8")
    assert load_file(path).text_checked_on == "2026-11-20"
    with pytest.raises(NotFound):
        load_file(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"rules": "none"}, "rules"),
        ({"text_checked_on": "yesterday"}, "text_checked_on"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_bad_pack_says_where(change: dict[str, object], where: str) -> None:
    body = json.dumps(load().model_dump(mode="json") | change).encode()
    with pytest.raises(Invalid, match=where) as caught:
        parse(body, "x.json")
    assert caught.value.code == "bad_rulepack"


def test_rule_needs_what_its_kind_needs() -> None:
    body = load().model_dump(mode="json")
    body["rules"][0]["kind"] = "count"
    with pytest.raises(Invalid, match="needs a floor"):
        parse(json.dumps(body).encode(), "x.json")
    body = load().model_dump(mode="json")
    body["rules"][1]["id"] = body["rules"][0]["id"]
    with pytest.raises(Invalid, match="same id"):
        parse(json.dumps(body).encode(), "x.json")


def test_not_json_at_all() -> None:
    with pytest.raises(Invalid):
        parse(b"\xff\xfe", "x.json")
