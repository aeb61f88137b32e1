"""The operators that every recipe begins with; their columns decide what the thin engine decided."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from quanheng.data.corpus.operator import Batch, Operator, make
from quanheng.errors import Invalid
from quanheng.text.normalise import normalise
from quanheng.text.script import chinese_form, count_letters, is_chinese

REAL = Path(__file__).parents[4] / "shared" / "data" / "corpus"


def batch_of(texts: list[str]) -> Batch:
    import pyarrow as pa

    return Batch(pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.string())}))


def tagged(batch: Batch, *taggers: str, **params: Any) -> Batch:
    for name in taggers:
        made: Any = make(name, params, {})
        batch = batch.with_columns(made.tag(batch), made.gives)
    return batch


def columns(texts: list[str], *taggers: str, **params: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = tagged(batch_of(texts), *taggers, **params).table.to_pydict()
    return found


def edited(texts: list[str], **params: Any) -> list[str | None]:
    made: Any = make("normalise", params, {})
    results, _ = made.edit(batch_of(texts))
    assert all(result is None or result.spans == () for result in results)
    return [result and result.text for result in results]


def test_normalise_keeps_what_is_normal_and_says_so() -> None:
    assert edited(["好评", " 好\u200b评 ", "這個,很好"]) == [None, "好评", None]


def test_normalise_to_simplified_forms() -> None:
    assert edited(["這個著作", "这个著作"], form="simplified") == ["这个著作", None]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("好,很好!", "好，很好！"),
        ("甲:乙;丙?丁.", "甲：乙；丙？丁。"),
        ("见附件(一)和(a)", "见附件（一）和(a)"),
        ("第3.2节,共1,000元。", "第3.2节，共1,000元。"),
        ("好...还行", None),
        ("3:00,http://a.cn/?q=1", None),
        ("好!!!", "好！！！"),
        ("好,\n坏.", "好，\n坏。"),
    ],
)
def test_normalise_makes_marks_between_han_full_width(before: str, after: str | None) -> None:
    assert edited([before], punctuation="chinese") == [after]
    assert edited([after or before], punctuation="chinese") == [None]


def test_length_counts_characters_and_bytes() -> None:
    found = columns(["好a\U00020000", ""], "length")
    assert (found["characters"], found["bytes"]) == ([3, 0], [8, 0])


def test_script_and_its_parameters() -> None:
    texts = ["一分钱一分货，质量太差！", "這個東西", "waste of money 好", "", "한국어 中文中文", "好吃"]
    found = columns(texts, "script")
    assert found["script"] == ["zh-Hans", "zh-Hant", "other", "other", "other", "zh"]
    assert found["letters"] == [10, 4, 13, 0, 7, 2]
    assert found["han_share"][2] == 1 / 13
    assert found["foreign_share"][4] == 3 / 7
    assert columns(texts, "script", min_han="0.05", max_foreign="0.5")["script"][2:5] == ["zh", "other", "zh"]


def test_symbols_and_digits() -> None:
    found = columns(["★★ 好1", " ", "a_"], "symbols")
    assert found["symbol_share"] == [0.5, 0.0, 0.5]
    assert found["digit_share"] == [0.25, 0.0, 0.0]


def test_a_parameter_that_is_no_decimal_is_refused() -> None:
    for params in ({"min_han": "a quarter"}, {"min_han": "1/4"}, {"han": "0.1"}):
        with pytest.raises(Invalid) as caught:
            make("script", params, {})
        assert caught.value.code == ("unknown_word" if "han" in params else "bad_parameter")


def test_an_id_changes_with_a_parameter() -> None:
    def id_of(**params: Any) -> str:
        made: Operator = make("script", params, {})
        return made.id

    assert id_of() == id_of(min_han="0.25")
    assert id_of() != id_of(min_han="0.3")


def _real() -> list[str]:
    import zstandard

    texts = []
    for path in sorted(REAL.glob("*.jsonl.zst")):
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            for line in TextIOWrapper(stream, encoding="utf-8"):
                row = json.loads(line)
                texts += [row[field] for field in ("text", "html", "roff", "title", "ask", "answer") if field in row]
    return texts


@dataclass(frozen=True)
class Rules:
    """The rules of the first engine, which the recipes that ship still have; shares as (k, n)."""

    min_characters: int = 4
    max_characters: int = 1_000_000
    min_han: tuple[int, int] = (25, 100)
    max_foreign: tuple[int, int] = (2, 100)
    max_symbols: tuple[int, int] = (50, 100)
    max_repetition: tuple[int, int] = (60, 100)


_SYMBOLS = re.compile(r"(?:[^\w\s，。、；：？！…—·「」『』（）《》〈〉【】〔〕“”‘’～,.;:?!'\"()\[\]<>/%&@*+=#~-]|_)+")


def _reference(text: str, rules: Rules) -> tuple[str | None, str]:
    """Return what the first engine decided, written as it was: one document, strings and sets, whole numbers."""
    if len(text) < rules.min_characters:
        return "too_short", "other"
    if len(text) > rules.max_characters:
        return "too_long", "other"
    letters = count_letters(text)
    visible = len(re.sub(r"\s+", "", text))
    symbols = visible - len(re.sub(r"\s+", "", _SYMBOLS.sub("", text)))
    if letters.letters == 0 or symbols * rules.max_symbols[1] > rules.max_symbols[0] * visible:
        return "mostly_symbols", "other"
    if not is_chinese(letters, min_han=rules.min_han, max_foreign=rules.max_foreign):
        return "not_chinese", "other"
    head = text[:20_000]
    total = len(head) - 7
    repeated = total - len({head[at : at + 8] for at in range(total)})
    if len(text) >= 64 and repeated * rules.max_repetition[1] > rules.max_repetition[0] * total:
        return "repetitive", "other"
    return None, chinese_form(text)


def _decided(row: dict[str, Any], rules: Rules) -> tuple[str | None, str]:
    """Return what a recipe's comparisons of the columns decide."""
    if row["characters"] < rules.min_characters:
        return "too_short", "other"
    if row["characters"] > rules.max_characters:
        return "too_long", "other"
    if row["letters"] == 0 or row["symbol_share"] > 0.5:
        return "mostly_symbols", "other"
    if not (row["han_share"] > 0.25 and row["foreign_share"] < 0.02):
        return "not_chinese", "other"
    if row["repetition"] > 0.6:
        return "repetitive", "other"
    return None, row["script"]


@pytest.mark.parametrize("rules", [Rules(), Rules(min_characters=10, max_characters=5_000)])
def test_the_columns_decide_what_the_first_engine_decided_on_all_real_texts(rules: Rules) -> None:
    if not REAL.exists():
        pytest.skip("the real texts beside the repository are not there")
    texts = [normalise(text) for text in _real()]
    texts += [
        "★★★★☆" * 3,
        "1234567",
        "哈" * 100,
        "ab",
        "にほんごの文章です中文",
        "한국어 문장",
        "x" * 20,
        "好 ",
        "，。，。，。",
    ]
    seen: dict[str | None, int] = {}
    for start in range(0, len(texts), 4_000):
        part = texts[start : start + 4_000]
        rows = tagged(batch_of(part), "length", "script", "symbols", "repetition").table.to_pylist()
        for text, row in zip(part, rows, strict=True):
            expected = _reference(text, rules)
            assert _decided(row, rules) == expected, text[:200]
            seen[expected[0]] = seen.get(expected[0], 0) + 1
    assert {None, "too_short", "mostly_symbols", "not_chinese", "repetitive"} <= set(seen)
