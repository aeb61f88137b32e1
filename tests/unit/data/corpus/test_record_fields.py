"""Fields of records: paths, several joined, dialogues of every usual shape, addresses."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus.fields import Fields
from quanheng.data.corpus.lines import Broken, Document
from quanheng.data.corpus.read import FileReader
from quanheng.kinds.sources import Reading


def read(record: Any, **reading: Any) -> Document | Broken:
    [found] = FileReader(Reading(**reading)).read(io.BytesIO(json.dumps(record, ensure_ascii=False).encode()), "jsonl")
    return found


def text(record: Any, **reading: Any) -> str:
    found = read(record, **reading)
    return found.text if isinstance(found, Document) else found.reason


def test_a_path_goes_through_objects_and_lists() -> None:
    record = {"data": {"content": "甲", "parts": ["乙", "丙"]}, "data.content": "丁"}
    assert text(record, text_field="data.content") == "丁"  # a field of exactly that name goes before
    del record["data.content"]
    assert text(record, text_field="data.content") == "甲"
    assert text(record, text_field="data.parts.1") == "丙"
    assert text(record, text_field="data.parts.2") == "no_text_field"
    assert text(record, text_field="data.parts") == "text_is_not_text"
    assert text({"a": {"b.c": "戊"}}, text_field="a.b.c") == "戊"


def test_several_fields_are_joined_and_one_may_be_missing() -> None:
    fields = ("title", "meta.sub", "body")
    assert text({"title": "标题", "body": "正文"}, text_fields=fields) == "标题\n正文"
    assert text({"title": "标题", "meta": {"sub": 5}, "body": " "}, text_fields=fields) == "标题\n5"
    assert text({"x": 1}, text_fields=fields) == "no_text_field"
    assert text({"title": ["a"], "body": "b"}, text_fields=fields) == "text_is_not_text"


@pytest.mark.parametrize(
    "record",
    [
        {
            "messages": [
                {"role": "system", "content": "规则"},
                {"role": "user", "content": "问"},
                {"role": "assistant", "content": "答"},
            ]
        },
        {
            "conversations": [
                {"from": "system", "value": "规则"},
                {"from": "human", "value": "问"},
                {"from": "gpt", "value": "答"},
            ]
        },
        {"instruction": "问", "input": "", "output": "答", "system": "规则"},
        {
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "规则"}]},
                {"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "问"}]},
                {"role": "assistant", "content": "答"},
            ]
        },
    ],
)
def test_dialogues_become_lines(record: Any) -> None:
    assert text(record, text_field="dialogue") == "系统：规则\n用户：问\n助手：答"


def test_other_shapes_of_dialogue() -> None:
    shapes: list[tuple[Any, str]] = [
        (
            {"instruction": "译", "input": "甲", "output": "A", "history": [["早", "早安"]]},
            "用户：早\n助手：早安\n用户：译\n甲\n助手：A",
        ),
        ({"conversation": [{"human": "问", "assistant": "答"}]}, "用户：问\n助手：答"),
        ({"dialog": ["问", "答"]}, "用户：问\n助手：答"),
        ({"prompt": "问", "response": "答"}, "用户：问\n助手：答"),
        ({"messages": [{"role": "tool", "content": "5"}]}, "tool：5"),
        ({"messages": []}, "no_text_field"),
        ({"dialogue": "就是正文"}, "就是正文"),
    ]
    for record, wanted in shapes:
        assert text(record, text_field="dialogue") == wanted


def test_the_address_comes_along() -> None:
    assert read({"text": "甲", "url": " http://a.example/ "}) == Document("1", "甲", "http://a.example/")
    assert read({"text": "甲", "meta": {"u": "x"}, "url": "y"}, url_field="meta.u") == Document("1", "甲", "x")
    assert read({"text": "甲", "url": 5}) == Document("1", "甲")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["messages", "role", "content", "from", "value", "history", "input", "output", "text", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["messages", "history", "instruction", "output", "text", "a"]), JSON),
    st.sampled_from([None, "dialogue", "a.b", "a.0.text"]),
    st.booleans(),
)
def test_any_record_gives_a_text_or_a_reason(record: dict[str, Any], name: str | None, several: bool) -> None:
    found = Fields(Reading(text_field=name, text_fields=("a", "text") if several else ())).take(record)
    assert (found.text is None) == (found.reason in ("no_text_field", "text_is_not_text"))
