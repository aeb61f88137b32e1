"""The operator: what it replaces, counts and refuses; the key stays out of what is recorded."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from quanheng.data.corpus.operator import Asset, Batch, Edited, Editor, make
from quanheng.errors import Invalid
from quanheng.store import sha256_digest

KEY = "0123456789abcdef" * 4
TEXTS = [
    "联系电话13812345678，邮箱a@b.cn",
    "今天下雨",
    "手机１３８１２３４５６７８和13912345678，代码91350100M000100Y43",
]


def asset(content: str = KEY) -> Asset:
    return Asset(sha256_digest(content.encode()), lambda: io.BytesIO(content.encode()))


def batch_of(texts: list[str]) -> Batch:
    import pyarrow as pa

    return Batch(pa.record_batch({"text": pa.array(texts)}))


def edit(texts: list[str], assets: dict[str, Asset] | None = None, **params: Any) -> tuple[list[Edited | None], Any]:
    made = make("personal_data", params, assets or {})
    assert isinstance(made, Editor)
    batch = batch_of(texts)
    edits, columns = made.edit(batch)
    return list(edits), batch.with_columns(columns, made.gives).table


def test_masking_is_what_it_does_without_parameters() -> None:
    edits, table = edit(TEXTS)
    assert [each and each.text for each in edits] == [
        "联系电话〔手机号〕，邮箱〔电子邮箱〕",
        None,
        "手机〔手机号〕和〔手机号〕，代码〔统一社会信用代码〕",
    ]
    assert table["personal_data"].to_pylist() == [2, 0, 3]
    assert table["personal_data_drop"].to_pylist() == [0, 0, 0]
    masked = table["masked"].to_pylist()
    assert masked[1] == "" and json.loads(masked[0]) == {"email": 1, "mobile": 1}
    assert json.loads(masked[2]) == {"credit_code": 1, "mobile": 2}
    assert table["personal_data_kept"].to_pylist() == ["", "", ""]


def test_spans_say_what_each_was_and_rebuild_the_text() -> None:
    edits, _ = edit(TEXTS)
    for text, each in zip(TEXTS, edits, strict=True):
        if each is None:
            continue
        rebuilt, at = "", 0
        for span in each.spans:
            rebuilt += text[at : span.start] + span.new
            at = span.end
        assert rebuilt + text[at:] == each.text
    assert edits[0] is not None and [span.what for span in edits[0].spans] == ["mobile", "email"]


def test_types_that_are_not_asked_for_stay() -> None:
    edits, table = edit(TEXTS, types=["email"])
    assert edits[0] is not None and edits[0].text == "联系电话13812345678，邮箱〔电子邮箱〕" and edits[2] is None
    assert table["personal_data"].to_pylist() == [1, 0, 0]


def test_an_action_for_each_type() -> None:
    edits, table = edit(TEXTS, actions={"credit_code": "keep", "email": "drop"})
    assert edits[2] is not None and edits[2].text.endswith("91350100M000100Y43")
    assert table["personal_data"].to_pylist() == [2, 0, 3]
    assert table["personal_data_drop"].to_pylist() == [1, 0, 0]
    assert table["personal_data_kept"].to_pylist() == ["", "", '{"credit_code":1}']
    assert json.loads(table["masked"].to_pylist()[2]) == {"mobile": 2}
    assert edits[0] is not None and "a@b.cn" not in edits[0].text  # masked also where the recipe forgets to drop


def test_everything_kept_changes_no_text() -> None:
    edits, table = edit(TEXTS, action="keep")
    assert edits == [None, None, None] and table["masked"].to_pylist() == ["", "", ""]


def test_pseudonyms_are_the_same_across_documents() -> None:
    edits, _ = edit(TEXTS, {"key": asset()}, action="pseudonym", types=["mobile"])
    assert edits[0] is not None and edits[2] is not None
    assert edits[0].spans[0].new == edits[2].spans[0].new != edits[2].spans[1].new
    other, _ = edit(TEXTS, {"key": asset("ff" * 32)}, action="pseudonym", types=["mobile"])
    assert other[0] is not None and other[0].spans[0].new != edits[0].spans[0].new


def test_the_key_is_recorded_by_its_digest_only() -> None:
    made = make("personal_data", {"action": "pseudonym"}, {"key": asset()})
    assert KEY not in made.id and KEY not in repr(made.params)
    assert made.id != make("personal_data", {"action": "pseudonym"}, {"key": asset("ff" * 32)}).id


@pytest.mark.parametrize("content", ["", "ab" * 31, "zz" * 32, "a" * 65, "ab" * 600, "密钥" * 40])
def test_a_bad_key_is_refused_without_showing_it(content: str) -> None:
    with pytest.raises(Invalid) as caught:
        make("personal_data", {"action": "pseudonym"}, {"key": asset(content)})
    assert caught.value.code == "bad_key" and (not content or content not in str(caught.value))


def test_pseudonyms_need_a_key() -> None:
    with pytest.raises(Invalid) as caught:
        make("personal_data", {"actions": {"name": "pseudonym"}}, {})
    assert caught.value.code == "key_missing"
    make("personal_data", {"types": ["mobile"], "actions": {"name": "pseudonym"}}, {})  # names are not looked for


@pytest.mark.parametrize(
    "params", [{"types": ["phone"]}, {"action": "hide"}, {"actions": {"mobile": "hide"}}, {"type": []}]
)
def test_what_is_not_known_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        make("personal_data", params, {})
    assert caught.value.code == ("unknown_word" if "type" in params else "bad_parameter")


def test_a_view_made_before_gives_the_same() -> None:
    made = make("personal_data", {}, {})
    assert isinstance(made, Editor)
    batch = batch_of(TEXTS)
    without, _ = made.edit(batch)
    assert len(batch.shadows) == 3
    assert made.edit(batch)[0] == without
