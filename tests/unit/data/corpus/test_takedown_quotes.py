"""What quotes a document that was taken down goes with it: copies, excerpts, rows that could not be read."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

import pytest

from quanheng.data.corpus import (
    build,
    parse_recipe,
    run_here,
)
from quanheng.data.corpus.takedown import Wanted, take_down
from quanheng.data.corpus.takedown_counts import Taken
from quanheng.errors import Conflict, NotFound
from quanheng.store import LocalObjects, MemoryCache

from .conftest import MakeSource
from .taking_down import PARK, QUOTED, SHORT, again, all_text, copies, corpus_of, down, quoted_corpus, rejected, rows


@pytest.mark.parametrize(
    ("wanted", "needle", "stays"),
    [
        ({"match": ("银杏树",)}, "银杏", "候鸟"),
        ({"match": ("银 杏 树", "银杏树")}, "银杏", "候鸟"),
        ({"urls": ("https://a.example/park",)}, "湖边的小路", "银杏树下见"),
        ({"match": ("管理处每周清扫两次。",)}, "湖边的小路", "银杏树下见"),
    ],
)
def test_nothing_quotes_what_is_gone(
    make_source: MakeSource, objects: LocalObjects, wanted: Any, needle: str, stays: str
) -> None:
    built = quoted_corpus(make_source, objects)
    before = all_text(built[0].layers, objects)
    assert needle in before and stays in before and "银杏树的另一坏行" in before
    reasons = {row[3] for row in rows(built[0].layers, objects, "decisions/")}
    assert reasons == {"duplicate", "near_duplicate", "too_short"}
    _, layers = down(built, objects, **wanted)
    after = all_text(layers, objects)
    assert needle not in after and stays in after
    kept = {layer.title for layer in built[0].layers if not layer.title.startswith("data/")}
    assert kept < {layer.title for layer in layers}
    # Every decision is still there and says what became of the document.
    ids = [row[:4] for row in rows(built[0].layers, objects, "decisions/")]
    assert [row[:4] for row in rows(layers, objects, "decisions/")][: len(ids)] == ids


def test_a_source_that_is_gone_is_quoted_nowhere(make_source: MakeSource, objects: LocalObjects) -> None:
    built = quoted_corpus(make_source, objects)
    _, layers = down(built, objects, sources=(built[1][0].digest,))
    after = all_text(layers, objects)
    assert "银杏" not in after and "湖边" not in after and "候鸟的坏行" in after and "候鸟。" in after
    [rejected] = [layer for layer in layers if layer.title == "rejected.jsonl"]
    with objects.open(rejected.digest) as stream:
        assert len(stream.readlines()) == 3


def test_what_is_only_quoted_goes_too(make_source: MakeSource, objects: LocalObjects) -> None:
    built = quoted_corpus(make_source, objects)
    model, layers = down(built, objects, match=("银杏树下",))
    assert model.totals == built[0].model.totals and model.rows_digest == built[0].model.rows_digest
    assert "银杏树下" not in all_text(layers, objects) and PARK in all_text(layers, objects)
    [short] = [row[0] for row in rows(built[0].layers, objects, "decisions/") if "银杏树下" in row[4]]
    _, layers = down(built, objects, ids=(short,))
    assert "银杏树下" not in all_text(layers, objects) and PARK in all_text(layers, objects)


def test_an_excerpt_that_ends_within_the_text_goes_too(make_source: MakeSource, objects: LocalObjects) -> None:
    long = "".join(chr(0x4E00 + n) for n in range(196)) + "银杏树下的小路"
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in (long, PARK)]
    sources = [make_source({"a.jsonl": "\n".join(lines).encode()}, "甲")]
    recipe = parse_recipe(SHORT.replace("characters < 20", "characters > 200"))
    built = build(sources, recipe, objects, MemoryCache(), lambda done, total: None, run_here), sources
    assert "银杏树下" in str(rows(built[0].layers, objects, "decisions/"))
    _, layers = down(built, objects, match=("银杏树下的小路",))
    assert "银杏树下" not in all_text(layers, objects) and "银杏树和" in all_text(layers, objects)


def test_the_same_excerpt_of_another_document_goes_too(make_source: MakeSource, objects: LocalObjects) -> None:
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in (PARK * 6, QUOTED[4]["text"], PARK * 60)]
    sources = [make_source({"a.jsonl": "\n".join(lines).encode()}, "甲")]
    recipe = parse_recipe(SHORT.replace("characters < 20", "characters > 2000"))
    built = build(sources, recipe, objects, MemoryCache(), lambda done, total: None, run_here), sources
    assert PARK in str(rows(built[0].layers, objects, "decisions/"))
    _, layers = down(built, objects, ids=(rows(built[0].layers, objects, "data/")[0][0],))
    assert "银杏" not in all_text(layers, objects)


@pytest.mark.parametrize(
    ("match", "broken"),
    [
        ('他说"银杏"好', '{"text": "昨天他说\\"银杏\\"好，大家'),
        ("见a.example/银杏园", '{"text": "参见a.example\\/银杏园的介绍'),
        ("第一行\n银杏园", '{"text": "第一行\\n银杏园的介绍'),
        ("第一行\n银杏园", '{"text": "第一行\\r\\n银杏\\b\\f园的介绍'),
        ("第一列\t银杏园", '{"text": "第一列\\t银杏园的介绍'),
        ("银杏\\园", '{"text": "这是银杏\\\\园的介绍'),
        ("银杏\\u56ed", '{"text": "这是银杏\\\\u56ed的介绍'),
        ("银杏\\new", "不是 JSON 的一行：银杏\\new"),
        ("银杏😀园", '{"text": "这是银杏\\ud83d\\ude00园的介绍'),
        ("银杏\\n园", '{"text": "' + "字" * 180 + "银杏\\\\n园的介绍"),
        ("银杏园里的介绍", '{"text": "' + "字" * 184 + "银杏园里\\u7684介绍"),
    ],
)
def test_a_text_is_found_as_json_writes_it(
    make_source: MakeSource, objects: LocalObjects, match: str, broken: str
) -> None:
    built = corpus_of(make_source, objects, [broken, '{"text": "不相干的坏行\\n'])
    assert "银杏" in rejected(built[0].layers, objects)[0]
    _, layers = down(built, objects, match=(match,))
    assert rejected(layers, objects) == ["", '{"text": "不相干的坏行\\n']


@pytest.mark.parametrize("way", ["urls", "digests", "ids"])
def test_a_broken_copy_of_what_is_gone_goes_too(make_source: MakeSource, objects: LocalObjects, way: str) -> None:
    text = PARK[:10] + "\n" + PARK[10:] + "管理处每周清扫两次。"
    row = json.dumps({"text": text, "url": "https://a.example/park"}, ensure_ascii=False)
    cut = [
        row[:-30],
        json.dumps({"text": text})[:-40],
        json.dumps({"id": 7, "text": text}, ensure_ascii=False)[:30],
        "城市公园里的银杏树和它们的　落叶，秋天一到就铺满了湖边",
    ]
    # Too little of it, another end, and a text that is no document of the corpus.
    other = ['{"text": "城市公园里的银', '{"text": "城市公园里的银杏树是谁栽的', '{"text": "冬天的湖面']
    built = corpus_of(make_source, objects, [row, *cut, *other])
    [kept] = [row for row in rows(built[0].layers, objects, "data/") if "银杏" in row[2]]
    named = {"urls": "https://a.example/park", "ids": kept[0], "digests": kept[3]}[way]
    _, layers = down(built, objects, **{way: (named,)})
    assert rejected(layers, objects) == ["", "", "", "", *other]


def test_a_broken_copy_of_what_was_dropped_goes_too(make_source: MakeSource, objects: LocalObjects) -> None:
    dropped = json.dumps({"text": "银杏树下见，老地方，三点。"}, ensure_ascii=False)
    less = json.dumps({"text": "老地方见。"}, ensure_ascii=False)
    broken = [dropped[:-1], less[:-1]]
    built = corpus_of(make_source, objects, [dropped, less, *broken])
    ids = tuple(row[0] for row in rows(built[0].layers, objects, "decisions/"))
    _, layers = down(built, objects, ids=ids)
    # What has fewer characters than the least may stand in any row.
    assert rejected(layers, objects) == ["", broken[1]]


def test_a_broken_row_of_a_source_that_is_gone_goes_by_its_source(
    make_source: MakeSource, objects: LocalObjects
) -> None:
    built = quoted_corpus(make_source, objects)
    digests = {layer.title: layer.digest for layer in built[0].layers}

    def opened(title: str) -> BinaryIO:
        return objects.open(digests[title])

    models, source = [source.model for source in built[1]], built[1][0].digest
    arguments = built[0].model, built[0].layers, opened
    *_, whole = take_down(*arguments, Wanted(sources=(source,)), objects, models, lambda done, total: None)
    assert whole.ids and not whole.quotes.hold(PARK + "管理处每周清扫两次。")
    *_, one = take_down(*arguments, Wanted(ids=tuple(whole.ids)), objects, models, lambda done, total: None)
    assert one.ids.keys() == whole.ids.keys() and one.quotes.hold(PARK + "管理处每周清扫两次。")


def test_quotes_hold_no_text_and_little_memory() -> None:
    import tracemalloc

    texts = [f"{n:06d}" + "银杏树下的小路" * 40 for n in range(2000)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    taken = Taken()
    for n, text in enumerate(texts):
        taken.add(f"{n:020d}", "sha256:" + "".join("1" * 64), text, ("zh",), 0)
    each = (tracemalloc.get_traced_memory()[0] - before) / len(texts)
    tracemalloc.stop()
    assert each < 800


@pytest.mark.parametrize("named", ["same", "near", "exact"])
def test_a_copy_is_not_said_to_be_gone_while_its_original_stays(
    make_source: MakeSource, objects: LocalObjects, named: str
) -> None:
    built, ids = copies(make_source, objects)
    copy, kept = ids[named], ids["kept"]
    with pytest.raises(Conflict) as caught:
        down(built, objects, ids=(copy,), match=("豆腐",))
    assert caught.value.code == "kept_elsewhere"
    for said in (caught.value.say("en"), caught.value.say("zh")):
        assert copy in said and f"--document {kept}" in said and "豆腐" not in said
    for way in (
        {"ids": (copy, kept)},
        {"ids": (copy,), "urls": ("https://kept.example/",)},
        {"ids": (copy,), "match": ("银杏树",)},
    ):
        _, layers = down(built, objects, **way)
        assert "湖边的小路" not in all_text(layers, objects)
    first, layers = down(built, objects, ids=(kept,))
    # No longer kept there: nothing is refused, and nothing is left to take.
    with pytest.raises(NotFound) as missing:
        again(first, layers, built[1], objects, ids=(copy,))
    assert missing.value.code == "nothing_matches"


def test_a_copy_of_what_was_itself_dropped_may_go(make_source: MakeSource, objects: LocalObjects) -> None:
    built, ids = copies(make_source, objects)
    _, layers = down(built, objects, ids=(ids["again"],))
    told = {row[0]: row[4] for row in rows(layers, objects, "decisions/")}
    assert (told[ids["again"]], told[ids["short"]]) == ("", "银杏树下见。")


def test_the_source_of_an_original_is_enough(make_source: MakeSource, objects: LocalObjects) -> None:
    built = quoted_corpus(make_source, objects)
    copy = next(row[0] for row in rows(built[0].layers, objects, "decisions/") if row[3] == "near_duplicate")
    _, layers = down(built, objects, ids=(copy,), sources=(built[1][0].digest,))
    assert "湖边的小路" not in all_text(layers, objects)
