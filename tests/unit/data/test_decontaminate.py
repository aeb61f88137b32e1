"""Benchmark items in documents: found when injected, also in other width and punctuation; citing a law is not it."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.data.dedup_units import batch, han

from quanheng.data.corpus.dedup.overlap import Index, Item, overlap, read_items
from quanheng.data.corpus.operator import Asset, Tagger, make
from quanheng.errors import Invalid

Q1 = Item(
    "q1",
    "根据数据安全法，下列哪一项不属于重要数据处理者的义务？\nA．明确负责人\nB．定期评估\nC．公开全部数据\nD．报送报告",
)
Q2 = Item("q2", "A train travels 120 km in 2 hours. How far does it travel in 5 hours at the same speed?")


def tagger(items: Sequence[Item], **params: Any) -> Tagger:
    lines = "".join(json.dumps(item._asdict(), ensure_ascii=False) + "\n" for item in items).encode()
    made = make("decontaminate", params, {"benchmarks": Asset("sha256:" + "0" * 64, lambda: io.BytesIO(lines))})
    assert isinstance(made, Tagger)
    return made


def tags(items: Sequence[Item], texts: Sequence[str], **params: Any) -> list[tuple[float, str]]:
    made = tagger(items, **params)
    tagged = batch(texts)
    tagged = tagged.with_columns(made.tag(tagged), made.gives)
    return list(
        zip(tagged.column("contaminated").to_pylist(), tagged.column("contaminated_by").to_pylist(), strict=True)
    )


def test_injected_items_are_found_and_named() -> None:
    rng = random.Random(1)
    around = [han(rng, 500) for _ in range(4)]
    texts = [around[0] + Q1.text + around[1], around[2], around[3] + Q2.text, Q2.text + around[0] + Q1.text]
    assert tags([Q1, Q2], texts) == [(1.0, "q1"), (0.0, ""), (1.0, "q2"), (1.0, "q1")]


def test_how_much_of_a_document_is_items() -> None:
    rng = random.Random(2)
    around = han(rng, 5_000)
    texts = [Q1.text, around + Q1.text, around, Q1.text + Q2.text, around + Q1.text * 3, "短"]
    found = overlap([Q1, Q2], texts, 13).of_document.tolist()
    folded = len(Q1.text) - sum(not c.isalnum() for c in Q1.text)
    grams = folded - 12
    assert found[0] == 1.0
    assert found[1] == pytest.approx(grams / (5_000 + folded - 12))
    assert (found[2], found[5]) == (0.0, 0.0)
    assert 0.7 < found[3] < 1.0  # the n-grams across the two are of neither
    assert found[4] > 2.9 * found[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("，", "").replace("？", "  ").replace("\n", "；"),
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
        lambda text: text.upper(),
        "\u200b".join,
        " ".join,
        lambda text: "".join(c + "，" for c in text),
    ],
)
def test_punctuation_width_case_and_invisible_characters_do_not_hide_an_item(change: Any) -> None:
    for item in (Q1, Q2):
        assert tags([Q1, Q2], ["前文。" + change(item.text) + "后文。"]) == [(1.0, item.id)]


def test_the_share_is_that_of_the_items_n_grams() -> None:
    rng = random.Random(2)
    item = Item("half", han(rng, 112))  # 100 n-grams of 13
    assert tags([item], [item.text[:62]]) == [(0.5, "half")]
    assert tags([item], [item.text[:12]]) == [(0.0, "")]
    assert tags([item], [item.text[:13], item.text[50:] + "。" + item.text[:40]]) == [(0.01, "half"), (0.78, "half")]


def test_an_item_that_stands_twice_counts_once() -> None:
    assert tags([Q1], [Q1.text + "又：" + Q1.text, Q1.text[:40] + "又：" + Q1.text[:40]]) == [
        (1.0, "q1"),
        (tags([Q1], [Q1.text[:40]])[0][0], "q1"),
    ]


def test_a_long_unrelated_text_holds_nothing() -> None:
    """The table of bits lets some of 60,000 strings through; the sorted array does not."""
    rng = random.Random(9)
    assert tags([Item("long", han(rng, 500))], [han(rng, 60_000)]) == [(0.0, "")]


def test_of_items_with_the_same_share_the_first_is_named() -> None:
    text = Q1.text
    assert tags([Item("b", text), Item("a", text)], [text]) == [(1.0, "b")]


def test_a_statute_that_cites_the_same_law_is_not_contaminated() -> None:
    """An item and a statute both name a law and use its formulas; the quoted article is told from the cited law."""
    article = "重要数据的处理者应当明确数据安全负责人和管理机构，落实数据安全保护责任。"
    item = Item(
        "law/1", f"《中华人民共和国数据安全法》规定，{article}该规定属于\n总则\n数据安全制度\n数据安全保护义务\n附则"
    )
    citing = (
        "第一条 为了规范数据处理活动，保障数据安全，根据《中华人民共和国数据安全法》和有关法律、行政法规，制定本办法。"
        "第二条 违反本办法规定的，依照《中华人民共和国数据安全法》的规定处罚；构成犯罪的，依法追究刑事责任。"
    )
    quoting = "第二十七条 " + article + "第二十八条 其他规定。"
    cited, quoted = tags([item], [citing, quoting])
    assert cited[0] < 0.2
    assert 0.3 < quoted[0] < 0.5


def test_an_item_shorter_than_n_is_not_looked_for() -> None:
    short = Item("short", "民法属于私法。")
    assert Index([short, Q1], 13).short == 1
    assert tags([short, Q1], ["民法属于私法。", Q1.text]) == [(0.0, ""), (1.0, "q1")]
    assert tags([short], ["民法属于私法。"], n=6) == [(1.0, "short")]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("甲乙丙", max_size=12), max_size=6), st.lists(st.text("甲乙丙丁", max_size=30), max_size=5))
def test_the_counts_are_those_of_plain_sets(items: list[str], documents: list[str]) -> None:
    found = overlap([Item(str(i), text) for i, text in enumerate(items)], documents, 5)
    grams = [{text[i : i + 5] for i in range(len(text) - 4)} for text in items]
    for row, document in enumerate(documents):
        inside = {document[i : i + 5] for i in range(len(document) - 4)}
        shares = [len(some & inside) / len(some) if some else 0.0 for some in grams]
        best = max(shares, default=0.0)
        assert found.share[row] == best
        assert found.item[row] == (shares.index(best) if best else -1)


def test_batches_of_any_size_give_the_same() -> None:
    rng = random.Random(3)
    items = [Item(f"i{n}", han(rng, 60)) for n in range(50)]
    texts = [han(rng, 50) + items[n].text[: n % 61] for n in range(50)]
    whole = tags(items, texts)
    assert [tags(items, [text])[0] for text in texts] == whole
    assert tags(items, []) == []
    assert tags([], texts[:2]) == [(0.0, ""), (0.0, "")]


@pytest.mark.parametrize("line", ["not json", "[]", '{"id": "a"}', '{"id": 1, "text": "b"}', '{"id": "", "text": "b"}'])
def test_a_bad_line_is_named(line: str) -> None:
    with pytest.raises(Invalid, match="line 3") as caught:
        read_items(io.BytesIO(f'{{"id": "a", "text": "b"}}\n\n{line}\n'.encode()))
    assert caught.value.code == "bad_benchmark_line"


def test_missing_benchmarks_are_asked_for() -> None:
    made = make("decontaminate", {}, {})
    assert isinstance(made, Tagger)
    with pytest.raises(Invalid) as caught:
        made.tag(batch(["一段文字"]))
    assert caught.value.code == "benchmarks_missing"


def test_the_items_are_part_of_the_id() -> None:
    one = make("decontaminate", {}, {"benchmarks": Asset("sha256:" + "0" * 64, io.BytesIO)})
    two = make("decontaminate", {}, {"benchmarks": Asset("sha256:" + "1" * 64, io.BytesIO)})
    assert one.id != two.id
