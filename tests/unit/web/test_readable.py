"""Configs as people read them: every field has a word, nothing is raw, nothing hostile gets through, all is bounded."""

from __future__ import annotations

import re
import typing
from typing import Any

from pydantic import BaseModel

from quanheng.core.labels import LABELS
from quanheng.kinds import all_kinds
from quanheng.kinds.field_words import FIELD_WORDS, VALUE_WORDS
from quanheng.web.readable import MOST_VALUES, Reader

HAN = re.compile(r"[\u4e00-\u9fff]")
DIGEST = "sha256:" + "ab" * 32


def fields(model: type[BaseModel], seen: set[type]) -> set[str]:
    """Return the names of the fields of a model and of all models inside it."""
    if model in seen:
        return set()
    seen.add(model)
    found = set(model.model_fields)
    stack: list[Any] = [field.annotation for field in model.model_fields.values()]
    while stack:
        annotation = stack.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found |= fields(annotation, seen)
        stack += typing.get_args(annotation)
    return found


def test_every_field_of_every_kind_has_a_word_in_both_languages() -> None:
    seen: set[type] = set()
    found = set().union(*(fields(kind, seen) for kind in all_kinds().values())) - {"en", "zh"}
    assert found - set(FIELD_WORDS) - set(LABELS) == set()
    for en, zh in (*FIELD_WORDS.values(), *VALUE_WORDS.values()):
        assert not HAN.search(en) and (HAN.search(zh) or zh.isupper())


def test_plain_data_becomes_names_and_words() -> None:
    config = {
        "overall": "fails",
        "rate": {"k": 3, "n": 1200},
        "title": {"en": "Title", "zh": "标题"},
        "self_drawn": True,
        "digest": DIGEST,
        "url": None,
        "counts": {"pass": 5},
        "draws": [{"n": 1, "population": 35810}],
        "notes": [{"code": "few", "en": "too few", "zh": "数量不足", "more": [1, 2]}],
    }
    zh, en = Reader("zh").html(config), Reader("en").html(config)
    for word in ("结论", "不符合", "3 / 1,200", "标题", "是", "35,810", "数量不足", "合格"):
        assert word in zh
    for word in ("verdict", "fails", "Title", "yes", "too few"):
        assert word in en
    assert "too few" not in zh and "数量不足" not in en and "{" not in zh
    assert f'title="{DIGEST}"' in zh and "<a " not in zh
    assert f'<a href="/here"><span class="hash" title="{DIGEST}">' in Reader("zh", {DIGEST: "/here"}).html(config)


def test_hostile_text_is_escaped_and_turning_signs_are_shown() -> None:
    hostile = '<script>alert(1)</script>{{7*7}}"><img onerror=x>'
    made = Reader("zh").html({hostile: hostile, "rows": [{hostile: hostile}], "x": [[hostile]], "turn": "a\u202eb\x00"})
    assert "<script" not in made and "<img" not in made and "{{7*7}}" in made
    assert "\u202e" not in made and "⟨U+202E⟩" in made and "␀" in made


def test_deep_and_large_data_is_cut() -> None:
    deep: Any = "end"
    for _ in range(200):
        deep = {"a": [deep, {"b": deep}]} if _ < 12 else {"a": deep}
    assert len(Reader("zh").html(deep)) < 100_000
    wide = Reader("zh").html({f"k{number}": number for number in range(50_000)})
    assert MOST_VALUES - 2 <= wide.count("<dd>") <= MOST_VALUES + 1 and "另有 47,0" in wide
    rows = Reader("zh").html([{"n": number} for number in range(5_000)])
    assert rows.count("<tr>") == 101 and "4,900" in rows


def test_codes_have_their_words_and_data_stands_as_it_is() -> None:
    config = {
        "reason": "near_duplicate",
        "dropped": {"near_duplicate": 3, "my_own_reason": 1},
        "personal_data": {"resident_id": 2},
        "per_risk": {"A.1.f": 1},
        "evasion": ["inserted", "pinyin"],
        "columns": {"text": "string", "title": "string"},
        "title": "near_duplicate",
    }
    zh, en = Reader("zh").html(config), Reader("en").html(config)
    for word in (
        "近似重复",
        "my_own_reason",
        "身份证号",
        "宣扬暴力、淫秽色情",
        "插入符号、拼音",
        "<dt>text</dt>",
        "<dt>title</dt>",
    ):
        assert word in zh, word
    assert zh.count("near_duplicate") == 1  # a title is somebody's own text
    for word in ("near duplicate", "resident identity number", "symbols inserted, pinyin", "<dt>text</dt>"):
        assert word in en, word


def test_parameters_are_called_as_their_form_calls_them() -> None:
    params = {"origin_name": "某社", "ocr": "never", "region": "domestic", "collection_note": ""}
    zh, en = Reader("zh", verb="source.register").html(params), Reader("en", verb="source.register").html(params)
    for word in ("来源名称", "图像文字识别", "不识别", "境内", "采集备注"):
        assert word in zh, word
    for word in ("Name of the origin", "Text in pictures", "not recognised", "in mainland China"):
        assert word in en, word
    assert "_" not in zh + en
