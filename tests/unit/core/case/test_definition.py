"""The checker of case types: what it takes, and one clear error for each thing that it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from core.case.case_types import SAY, case_types, small
from quanheng.core.case import find_type, types
from quanheng.core.case.definition import CaseType, parse_type, reachable, read_type, read_types
from quanheng.errors import Invalid, NotFound


def spoiled(change: Callable[[dict[str, Any]], Any]) -> Invalid:
    data = small()
    change(data)
    with pytest.raises(Invalid) as caught:
        parse_type("small", data)
    assert caught.value.code == "bad_case_type"
    assert caught.value.hint
    return caught.value


def test_the_small_type_is_taken() -> None:
    case_type = parse_type("small", small())
    assert case_type.transition("back") is not None and case_type.transition("back").needs_note  # type: ignore[union-attr]
    assert case_type.transition("nothing") is None
    assert case_type.to_json()["transition"][0]["from"] == ["a"]


REFUSED: list[tuple[str, Callable[[dict[str, Any]], Any], str, str]] = [
    ("unknown first", lambda d: d.update(first="q"), "first: there is no state q", "状态 q 不存在"),
    ("unknown final", lambda d: d["final"].append("q"), "final: there is no state q", "状态 q 不存在"),
    ("unknown source", lambda d: d["transition"][0]["from"].append("q"), "transition go: there is no state q", "go"),
    ("unknown target", lambda d: d["transition"][0].update(to="q"), "transition go: there is no state q", "go"),
    ("out of final", lambda d: d["transition"][2]["from"].append("z"), "end leaves the final state z", "从终态 z 出发"),
    ("unreachable", lambda d: d["states"].update(lost=SAY), "no way leads to the state lost", "无法到达状态 lost"),
    ("dead end", lambda d: d["final"].clear() or d["final"].append("b"), "leaves the final state b", "从终态 b 出发"),
    (
        "no way out",
        lambda d: (
            d["states"].update(q=SAY)
            or d["transition"].append({"name": "fall", "title": SAY, "from": ["a"], "to": "q", "permission": "own"})
        ),
        "no way leads out of q",
        "没有任何出路",
    ),
    (
        "two transitions",
        lambda d: d["transition"].append(d["transition"][0]),
        "two transitions are called go",
        "都叫 go",
    ),
    ("two clocks", lambda d: d["clock"].append(d["clock"][0]), "two clocks are called c", "都叫 c"),
    ("two finals", lambda d: d["final"].append("z"), "two final states are called z", "都叫 z"),
    ("clock start", lambda d: d["clock"][0].update(starts=["q"]), "clock c: there is no state q", "时限 c"),
    ("clock pause", lambda d: d["clock"][0].update(pauses=["q"]), "clock c: there is no state q", "时限 c"),
    ("clock stop", lambda d: d["clock"][0].update(stops=["q"]), "clock c: there is no state q", "时限 c"),
    ("clock twice", lambda d: d["clock"][0].update(stops=["b"]), "clock c names the state b twice", "两次提到状态 b"),
    (
        "clock in final",
        lambda d: d["clock"][0].update(starts=["z"], stops=[]),
        "clock c starts in the final state z",
        "终态 z",
    ),
    ("no limit", lambda d: d["clock"][0]["limit"].update(days=0), "clock.0.limit.days", "limit.days"),
    ("odd unit", lambda d: d["clock"][0]["limit"].update(unit="moons"), "clock.0.limit.unit", "limit.unit"),
    ("no article", lambda d: d["clock"][0].update(basis=""), "clock.0.basis", "basis"),
    ("odd permission", lambda d: d["transition"][0].update(permission="fly"), "permission", "permission"),
    ("unknown key", lambda d: d.update(colour="red"), "colour", "colour"),
    ("missing key", lambda d: d.pop("first"), "first: Field required", "first"),
    ("other name", lambda d: d.update(name="other"), "it calls itself other", "other"),
    ("bad name", lambda d: d["transition"][0].update(name="Go!"), "transition.0.name", "transition.0.name"),
]


@pytest.mark.parametrize(("change", "en", "zh"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_type_that_cannot_work_is_refused(change: Callable[[dict[str, Any]], Any], en: str, zh: str) -> None:
    error = spoiled(change)
    assert en in error.text.en
    assert zh in error.text.zh
    assert error.text.en.count(";") == 0  # one error, not a list


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "torn.toml").write_text("name = ", "utf-8")
    with pytest.raises(Invalid, match="'torn' cannot be used: it is not TOML"):
        read_types(tmp_path)
    (tmp_path / "torn.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="not TOML in UTF-8"):
        read_type(tmp_path / "torn.toml")


@given(case_types())
def test_a_drawn_type_is_sound_and_survives_its_plain_data(case_type: CaseType) -> None:
    assert parse_type("drawn", case_type.to_json()) == case_type
    assert reachable(case_type) == set(case_type.states)


def test_the_shipped_types() -> None:
    assert sorted(types()) == ["algorithm_filing", "user_appeal"]
    for case_type in types().values():
        for say in (case_type.title, *case_type.states.values(), *(t.title for t in case_type.transitions)):
            assert say.en and any("一" <= char <= "鿿" for char in say.zh)
    with pytest.raises(NotFound, match="Types: algorithm_filing, user_appeal"):
        find_type("nothing")


def test_algorithm_filing_has_the_limits_of_its_articles(shared_data: Path) -> None:
    """The numbers of 第二十四条 and 第二十五条, read from the text of the rule."""
    import gzip

    path = shared_data / "oversight" / "rules" / "law_algo.md.gz"
    if not path.is_file():
        pytest.skip(f"the text of the rule is not here: {path.name}")
    text = gzip.decompress(path.read_bytes()).decode()
    words = {10: "十", 20: "二十", 30: "三十"}
    said = {
        "file_in_time": "在提供服务之日起{}个工作日内",
        "change_in_time": "在变更之日起{}个工作日内办理变更手续",
        "cancel_in_time": "在终止服务之日起{}个工作日内办理注销备案手续",
        "authority_answer": "应当在{}个工作日内予以备案",
    }
    clocks = {c.name: c.limit for c in types()["algorithm_filing"].clocks}
    assert set(clocks) == set(said)
    for name, sentence in said.items():
        assert clocks[name].unit == "working"
        assert sentence.format(words[clocks[name].days]) in text
