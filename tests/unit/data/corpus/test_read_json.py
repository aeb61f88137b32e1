"""JSON lines: orjson first, `json` for what it refuses; what comes out is the same as with `json` alone."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus import read
from quanheng.data.corpus.read import FileReader
from quanheng.kinds.sources import Reading

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "a", "url"]), inner),
    max_leaves=6,
)
LINES = st.one_of(
    st.builds(lambda value, ascii: json.dumps(value, ensure_ascii=ascii), VALUES, st.booleans()),
    st.sampled_from(
        ['{"text": "\\ud83d"}', '{"text": NaN}', '{"text": "a\tb"}', "[" * 1100, '{"text": "x"}\x00', "  "]
    ),
    st.text(),
).map(lambda line: line.encode("utf-8", "replace").replace(b"\n", b" "))


def _read(data: bytes, **given: Any) -> list[Any]:
    return list(FileReader(Reading(encoding="utf-8", **given)).read(io.BytesIO(data), "jsonl"))


@given(st.lists(LINES, max_size=4))
def test_both_readers_of_json_agree(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    quick = _read(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read, "_quick_record", lambda data: None)
        assert quick == _read(data)


def test_numbers_that_become_text_keep_all_their_digits() -> None:
    data = b'{"a": 123456789012345678901234567890}\n'
    assert [found.text for found in _read(data, text_fields=("a",))] == ["123456789012345678901234567890"]
