"""Flows: what is refused before anything runs, the order of the steps, and what `$` and `@` stand for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.core.flow import Values, parse_flow, read_flow, shape, shipped
from quanheng.errors import Invalid, NotFound

GOOD: dict[str, Any] = {
    "name": "good",
    "params": {"folder": "x", "items": [{"path": "p", "name": "n"}], "skip": False},
    "step": [
        {"id": "last", "verb": "name.set", "with": {"artifact": "@first", "name": "x"}},
        {
            "id": "first",
            "verb": "files.register",
            "each": "$items",
            "as": "$item.name",
            "with": {"path": "$item.path", "title": "t"},
        },
        {"id": "other", "verb": "files.register", "when": "$skip", "with": {"path": "$folder", "title": "t"}},
    ],
}


def step(number: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def pick(data: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = data["step"][number]
        return found

    return pick


def copy() -> dict[str, Any]:
    return {**GOOD, "params": dict(GOOD["params"]), "step": [{**s, "with": dict(s["with"])} for s in GOOD["step"]]}


def test_steps_come_after_what_they_need_and_else_in_the_order_of_the_file() -> None:
    flow = parse_flow("good", copy())
    assert [s.id for s in flow.steps] == ["first", "last", "other"]
    assert flow.name == "good" and flow.steps[1].needs() == {"first"}


REFUSED: list[tuple[str, Callable[[dict[str, Any]], Any], str, str]] = [
    ("no step", lambda d: d.pop("step"), "it has no [[step]]", "没有任何"),
    ("empty", lambda d: d.update(step=[]), "it has no [[step]]", "没有任何"),
    ("not a table", lambda d: d["step"].append(7), "step 4 is not a table", "第 4 步不是表"),
    ("with text", lambda d: step(0)(d).update({"with": "x"}), "`with` is a table", "with 应为表"),
    ("id number", lambda d: step(0)(d).update(id=7), "everything else a text", "其余各项应为文本"),
    ("params text", lambda d: d.update(params=[1]), "params is not a table", "params 不是表"),
    ("unknown key", lambda d: step(0)(d).update(colour="red"), "step 1: unknown or missing: colour", "第 1 步"),
    ("no verb", lambda d: step(0)(d).pop("verb"), "step 1: unknown or missing: id / verb", "id / verb"),
    ("doubled id", lambda d: step(0)(d).update(id="other"), "two steps are called other", "有两步都叫 other"),
    ("unknown step", lambda d: step(0)(d)["with"].update(artifact="@none"), "takes @none, which is no step", "@none"),
    ("each of none", lambda d: step(1)(d).update(each="@none"), "takes @none, which is no step", "@none"),
    ("unknown parameter", lambda d: step(2)(d)["with"].update(path="$file"), "$file is not a parameter", "不是参数"),
    ("item without each", lambda d: step(1)(d).pop("each"), "is not a parameter", "不是参数"),
    (
        "unknown input",
        lambda d: step(2)(d)["with"].update(size=1),
        "files.register has no input size",
        "没有输入项 size",
    ),
    (
        "cycle",
        lambda d: step(1)(d)["with"].update(title="@last"),
        "its steps form a cycle: ",
        "循环",
    ),
]


@pytest.mark.parametrize(("change", "en", "zh"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_flow_that_cannot_run_is_refused_before_its_first_step(
    change: Callable[[dict[str, Any]], Any], en: str, zh: str
) -> None:
    data = copy()
    change(data)
    with pytest.raises(Invalid) as caught:
        parse_flow("good", data)
    assert en in caught.value.text.en and zh in caught.value.text.zh
    assert caught.value.code == "bad_flow" and caught.value.hint and "Nothing was run" in caught.value.hint.en


def test_a_cycle_is_named() -> None:
    data = copy()
    data["step"][1]["with"]["title"] = "@last"
    with pytest.raises(Invalid, match=r"(first → last → first|last → first → last)"):
        parse_flow("good", data)


def test_an_unknown_verb_gets_suggestions() -> None:
    data = copy()
    data["step"][2]["verb"] = "files.registr"
    with pytest.raises(NotFound, match=r"files\.register"):
        parse_flow("good", data)


def test_a_file_of_a_flow(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[[step]]\nid = "a"\nverb = "case.open"\nwith = { type = "user_appeal", title = "t" }\n', "utf-8")
    assert read_flow("", str(path)).name == "mine"
    path.write_text("[[step", "utf-8")
    with pytest.raises(Invalid, match="it is not TOML in UTF-8"):
        read_flow("", str(path))
    with pytest.raises(NotFound, match="there is no flow"):
        read_flow("", str(tmp_path / "none.toml"))
    with pytest.raises(NotFound, match="there is no flow 'none'"):
        read_flow("none")


def test_every_shipped_flow_can_run() -> None:
    assert shipped()
    for name in shipped():
        assert read_flow(name).steps


def test_what_the_signs_stand_for() -> None:
    values = Values(parse_flow("good", copy()), {"folder": "y"})
    values.outputs["first"] = [("sha256:1", "corpus/v1"), ("sha256:2", "files/v1")]
    assert values.get("$folder") == "y"
    assert values.get("@first") == ["sha256:1", "sha256:2"]
    assert values.get("@first.corpus") == ["sha256:1"]
    assert values.get(["@first", "x", {"a": "$folder"}]) == ["sha256:1", "sha256:2", "x", {"a": "y"}]
    assert values.get("$item.name", {"name": "n"}) == "n"
    assert values.get(7) == 7
    assert values.get("$item.colour", {"name": "n"}) is None  # an optional field of an item is left out
    with pytest.raises(Invalid, match=r"\$item\.name\.x is not a parameter"):
        values.get("$item.name.x", {"name": "n"})


def test_an_unknown_parameter_given_by_the_caller() -> None:
    with pytest.raises(Invalid, match=r"it has no parameter size \(it has: folder, items, skip\)"):
        Values(parse_flow("good", copy()), {"size": 1})


def test_a_single_artifact_is_taken_out_of_its_list() -> None:
    assert shape("name.set", {"artifact": ["sha256:1"], "name": None}) == {"artifact": "sha256:1"}
    assert shape("name.set", {"artifact": []}) == {}
    assert shape("name.set", {"artifact": ["a", "b"]}) == {"artifact": ["a", "b"]}


@given(st.permutations(range(6)), st.data())
def test_any_order_of_the_file_gives_an_order_that_can_run(numbers: list[int], data: st.DataObject) -> None:
    needs = {n: data.draw(st.frozensets(st.integers(0, n - 1), max_size=3)) if n else frozenset() for n in range(6)}
    steps = [
        {
            "id": f"s{n}",
            "verb": "artifact.register_many",
            "with": {"items": [f"@s{m}" for m in sorted(needs[n])]},
        }
        for n in numbers
    ]
    order = [s.id for s in parse_flow("any", {"step": steps}).steps]
    assert sorted(order) == [f"s{n}" for n in range(6)]
    for n, before in needs.items():
        assert all(order.index(f"s{m}") < order.index(f"s{n}") for m in before)
