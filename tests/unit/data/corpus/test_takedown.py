"""Documents taken down: gone from rows and excerpts, counted, and nothing else is touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.data.corpus import (
    AssetInput,
    CorpusResult,
    SourceInput,
    build,
    parquet_rows,
    parse_recipe,
    read_lexicon,
    rows_digest,
    run_here,
    shipped_recipe,
)
from quanheng.data.corpus.takedown import Wanted, take_down
from quanheng.data.corpus.takedown_counts import Taken
from quanheng.errors import Conflict, NotFound, QuanhengError
from quanheng.kinds.corpora import Corpus
from quanheng.store import Layer, LocalObjects, MemoryCache

from .conftest import MakeSource

ROWS = [
    ("https://a.example/1", "第一篇文章讲的是城市公园里的银杏树和它们的落叶。"),
    ("https://a.example/2", "第二篇文章留下了电话13812345678，请买家联系店主。"),
    ("https://b.example/1", "第三篇文章提醒大家谨防网络诈骗，切勿向陌生人转账。"),
    ("", "第四篇文章没有网址，写的是冬天的湖面与候鸟。"),
    ("https://b.example/2", "第五篇文章介绍了一种做豆腐的传统方法，步骤不少。"),
]


Built = tuple[CorpusResult, list[SourceInput]]


@pytest.fixture
def built(make_source: MakeSource, objects: LocalObjects, tmp_path: Path) -> Built:
    return make(make_source, objects, tmp_path)


def make(make_source: MakeSource, objects: LocalObjects, tmp_path: Path) -> Built:
    lines = [json.dumps({"text": text, "url": url}, ensure_ascii=False) for url, text in ROWS]
    path = tmp_path / "terms.jsonl"
    path.write_text('{"term": "诈骗", "risk": "A.1.h"}\n', "utf-8")
    _, terms = read_lexicon(path, title="t", version="1", owner="o")
    assets = {"lexicon": AssetInput("sha256:" + "1" * 64, objects.put_bytes(terms).digest)}
    sources = [
        make_source({"a.jsonl": "\n".join(lines[:3]).encode()}, "甲"),
        make_source({"b.jsonl": "\n".join(lines[3:]).encode()}, "乙"),
    ]
    recipe = shipped_recipe("web-zh").model_copy(update={"shard_bytes": 150, "row_group_rows": 1})
    return build(sources, recipe, objects, MemoryCache(), lambda done, total: None, run_here, assets), sources


def down(built: Built, objects: LocalObjects, **wanted: Any) -> tuple[Corpus, tuple[Layer, ...]]:
    result, sources = built
    return again(result.model, result.layers, sources, objects, **wanted)


def again(
    model: Corpus, layers: tuple[Layer, ...], made_of: list[SourceInput], objects: LocalObjects, **wanted: Any
) -> tuple[Corpus, tuple[Layer, ...]]:
    digests = {layer.title: layer.digest for layer in layers}

    def open_layer(title: str) -> BinaryIO:
        return objects.open(digests[title])

    models = [source.model for source in made_of]
    made, new, _ = take_down(model, layers, open_layer, Wanted(**wanted), objects, models, lambda done, total: None)
    return made, new


def rows(layers: tuple[Layer, ...], objects: LocalObjects, folder: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for layer in layers:
        if layer.title.startswith(folder):
            with objects.open(layer.digest) as stream:
                found += parquet_rows(stream)
    return found


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [
        ({"urls": ("https://a.example/2",)}, {1}),
        ({"urls": ("https://b.example/*",)}, {2, 4}),
        ({"match": ("银杏树", "豆 腐")}, {0}),
        ({"match": ("第四篇",), "urls": ("https://a.example/1",)}, {0, 3}),
    ],
)
def test_what_is_named_is_gone(built: Any, objects: LocalObjects, wanted: Any, gone: set[int]) -> None:
    before = rows(built[0].layers, objects, "data/")
    model, layers = down(built, objects, **wanted)
    left = rows(layers, objects, "data/")
    assert left == [row for place, row in enumerate(before) if place not in gone]
    assert rows_digest((row[0], row[1], row[3], row[4]) for row in left) == model.rows_digest
    assert model.totals.documents == 5 - len(gone) and model.totals.characters == sum(len(row[2]) for row in left)
    assert model.totals.bytes == sum(len(row[2].encode()) for row in left)
    assert sum(share.dropped.get("taken_down", 0) for share in model.per_source) == len(gone)
    assert model.funnel[-1].reason == "taken_down" and model.funnel[-1].documents_after == 5 - len(gone)
    decisions = rows(layers, objects, "decisions/")
    assert {row[0] for row in decisions if row[3] == "taken_down"} == {before[place][0] for place in gone}


def test_counts_and_excerpts_of_what_is_gone_go_too(built: Any, objects: LocalObjects) -> None:
    old = built[0].model
    assert old.masked_documents == 1 and old.personal_data == {"mobile": 1} and old.filtered.documents_hit == 1
    model, layers = down(built, objects, urls=("https://a.example/2", "https://b.example/1"))
    assert model.masked_documents == 0 and model.personal_data == {}
    assert model.filtered.documents_hit == 0 and model.filtered.per_risk == {} and model.filtered.lexicon_hits == 0
    everything = json.dumps([rows(layers, objects, folder) for folder in ("data/", "decisions/")], ensure_ascii=False)
    assert "第二篇" not in everything and "第三篇" not in everything and "第一篇" in everything
    [hits] = [layer for layer in layers if layer.title == "filter.jsonl"]
    assert objects.size(hits.digest) == 0


def test_other_shards_stay_the_same_layers(built: Any, objects: LocalObjects) -> None:
    old = {layer.title: layer.digest for layer in built[0].layers if layer.title.startswith("data/")}
    assert len(old) >= 2
    _, layers = down(built, objects, urls=("https://a.example/1",))
    new = {layer.title: layer.digest for layer in layers if layer.title.startswith("data/")}
    changed = {title for title in old if new.get(title) != old[title]}
    assert len(changed) == 1


def test_once_more_and_by_digest_and_source(built: Any, objects: LocalObjects) -> None:
    sources = built[1]
    first, layers = down(built, objects, digests=(rows(built[0].layers, objects, "data/")[0][3],))
    second, layers = again(first, layers, sources, objects, sources=(sources[1].digest,))
    assert second.totals.documents == 2
    titles = [layer.title for layer in layers]
    assert len(titles) == len(set(titles)) and [share.documents_kept for share in second.per_source] == [2, 0]
    whole, _ = down(built, objects, urls=("https://a.example/1",), sources=(sources[1].digest,))
    assert whole.rows_digest == second.rows_digest


PARK = "城市公园里的银杏树和它们的落叶，秋天一到就铺满了湖边的小路，孩子们捡起叶子夹进书里。"
#: One of each way to be quoted: kept, a copy, a copy of that with a word more, dropped for its length, not readable.
QUOTED = [
    {"text": PARK + "管理处每周清扫两次。", "url": "https://a.example/park"},
    {"text": PARK + "管理处每周清扫两回，", "url": "https://b.example/copied"},
    {"text": PARK + "管理处每周清扫两回，", "url": "https://c.example/copied-again"},
    {"text": "银杏树下见。", "url": "https://a.example/short"},
    {"text": "冬天的湖面上停着许多候鸟，它们每年从北方飞来，到了三月再飞回去，当地人都认得它们。", "url": ""},
    {"text": "豆腐的做法不难：豆子泡一夜，磨成浆，煮开以后点卤，压上重物，半天就能切块下锅。", "url": ""},
    {"text": "候鸟。", "url": "https://b.example/bird"},
]
SHORT = """
name = "t"
title = { en = "t", zh = "t" }
[[steps]]
use = "length"
[[steps]]
use = "deduplicate_exact"
[[steps]]
drop = "characters < 20"
reason = "too_short"
[[steps]]
use = "deduplicate_near"
threshold = 0.7
"""


def quoted_corpus(make_source: MakeSource, objects: LocalObjects) -> Built:
    good = [json.dumps(row, ensure_ascii=False) for row in QUOTED]
    broken = ['{"text": "银杏树的坏行', json.dumps({"text": "银杏树的另一坏行"})[:-1]]
    sources = [
        make_source({"a.jsonl": "\n".join([*good[:4], *broken]).encode()}, "甲"),
        make_source({"b.jsonl": "\n".join([*good[4:], '{"text": "候鸟的坏行']).encode()}, "乙"),
    ]
    recipe = parse_recipe(SHORT)
    return build(sources, recipe, objects, MemoryCache(), lambda done, total: None, run_here), sources


def all_text(layers: tuple[Layer, ...], objects: LocalObjects) -> str:
    """Return what all layers say, Parquet and escaped JSON read."""
    said = []
    for layer in layers:
        with objects.open(layer.digest) as stream:
            if layer.title.endswith(".parquet"):
                said.append(json.dumps(list(parquet_rows(stream)), ensure_ascii=False))
            else:
                said.append(stream.read().decode())
    return "\n".join(said).replace("\\\\u", "\\u").encode("ascii", "backslashreplace").decode("unicode_escape")


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


TOFU = QUOTED[5]["text"]


def corpus_of(make_source: MakeSource, objects: LocalObjects, lines: list[str], recipe: str = SHORT) -> Built:
    """Return a corpus of a source with these lines, and one of another text that always stays."""
    stays = json.dumps({"text": TOFU, "url": "https://x.example/tofu"}, ensure_ascii=False)
    sources = [make_source({"a.jsonl": "\n".join([stays, *lines]).encode()}, "甲")]
    return build(sources, parse_recipe(recipe), objects, MemoryCache(), lambda done, total: None, run_here), sources


def lines_of(layers: tuple[Layer, ...], objects: LocalObjects, title: str) -> list[dict[str, Any]]:
    [layer] = [layer for layer in layers if layer.title == title]
    with objects.open(layer.digest) as stream:
        return [json.loads(line) for line in stream]


def rejected(layers: tuple[Layer, ...], objects: LocalObjects) -> list[str]:
    return [row["excerpt"] for row in lines_of(layers, objects, "rejected.jsonl")]


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


def copies(make_source: MakeSource, objects: LocalObjects) -> tuple[Built, dict[str, str]]:
    """Return a corpus, and ids by name: of a kept document and of what repeats it, of a short one and its copy."""
    ends = {"kept": "两次。", "near": "两回，", "exact": "两回，", "same": "两次。"}
    texts = {name: PARK + "管理处每周清扫" + end for name, end in ends.items()}
    texts |= {"short": "银杏树下见。", "again": "银杏树下见。"}
    lines = [
        json.dumps({"text": text, "url": f"https://{name}.example/"}, ensure_ascii=False)
        for name, text in texts.items()
    ]
    built = corpus_of(make_source, objects, lines)
    begin = rows(built[0].layers, objects, "data/")[0][0].rpartition("-")[0]
    ids = {name: f"{begin}-{row}" for row, name in enumerate(texts, 2)}
    of = {row[0]: (row[3], row[5]) for row in rows(built[0].layers, objects, "decisions/")}
    assert of == {
        ids["near"]: ("near_duplicate", ids["kept"]),
        ids["exact"]: ("duplicate", ids["near"]),
        ids["same"]: ("duplicate", ids["kept"]),
        ids["short"]: ("too_short", ""),
        ids["again"]: ("duplicate", ids["short"]),
    }
    return built, ids


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


def decided(layers: tuple[Layer, ...], objects: LocalObjects) -> dict[str, tuple[str, str]]:
    """Return excerpt and address by id, as the decisions tell them."""
    return {row[0]: (row[4], row[8]) for row in rows(layers, objects, "decisions/")}


@pytest.mark.parametrize("url", ["https://a.example/short", "https://a.example/s*"])
def test_an_address_names_what_was_dropped(make_source: MakeSource, objects: LocalObjects, url: str) -> None:
    built = quoted_corpus(make_source, objects)
    assert "https://a.example/short" in all_text(built[0].layers, objects)
    model, layers = down(built, objects, urls=(url,))
    assert model.rows_digest == built[0].model.rows_digest
    after = all_text(layers, objects)
    assert "银杏树下" not in after and "a.example/short" not in after and PARK in after and "c.example" in after
    assert [told for told in decided(layers, objects).values() if told == ("", "")] == [("", "")]
    with pytest.raises(NotFound) as caught:  # it is there no more
        again(model, layers, built[1], objects, urls=(url,))
    assert caught.value.code == "nothing_matches"


def test_a_page_that_was_copied_is_not_gone_by_its_address_alone(
    make_source: MakeSource, objects: LocalObjects
) -> None:
    built, ids = copies(make_source, objects)
    with pytest.raises(Conflict) as caught:
        down(built, objects, urls=("https://exact.example/",))
    assert caught.value.code == "kept_elsewhere" and f"--document {ids['kept']}" in caught.value.say("en")
    _, layers = down(built, objects, urls=("https://exact.example/", "https://kept.example/"))
    assert "湖边的小路" not in all_text(layers, objects)
    # A beginning names a place, as a source does: what stands elsewhere stays, and is counted.
    taken = taken_by(built, objects, urls=("https://exact.example/*", "https://short.example/*"))
    assert (taken.copies, taken.ids, taken.emptied > 0) == (1, {}, True)


def taken_by(built: Built, objects: LocalObjects, **wanted: Any) -> Taken:
    digests = {layer.title: layer.digest for layer in built[0].layers}
    models = [source.model for source in built[1]]
    *_, taken = take_down(
        built[0].model,
        built[0].layers,
        lambda title: objects.open(digests[title]),
        Wanted(**wanted),
        objects,
        models,
        lambda done, total: None,
    )
    return taken


def test_every_decision_tells_the_address(built: Any, make_source: MakeSource, objects: LocalObjects) -> None:
    by_id = {row[0]: row[5] for row in rows(built[0].layers, objects, "data/")}
    told = decided(built[0].layers, objects)
    assert [by_id[id] for id in told] == [url for _, url in told.values()] == ["https://a.example/2"]
    [hit] = lines_of(built[0].layers, objects, "filter.jsonl")
    edited, listed = lines_of(built[0].layers, objects, "samples.jsonl")
    assert (edited["url"], listed["url"], hit["url"]) == ("https://a.example/2", *["https://b.example/1"] * 2)
    found = lines_of(quoted_corpus(make_source, objects)[0].layers, objects, "samples.jsonl")
    assert {(row["reason"], row["url"]) for row in found} == {
        ("duplicate", "https://c.example/copied-again"),
        ("near_duplicate", "https://b.example/copied"),
        ("too_short", "https://a.example/short"),
        ("too_short", "https://b.example/bird"),
    }


def test_a_row_that_was_not_read_tells_its_address_and_goes_by_it(
    make_source: MakeSource, objects: LocalObjects
) -> None:
    row = {"text": 7, "url": "https://a.example/\ud83d", "note": "银杏"}  # half of a pair is no character
    built = corpus_of(make_source, objects, [json.dumps(row), json.dumps({"text": None, "note": "候鸟"})])
    found = lines_of(built[0].layers, objects, "rejected.jsonl")
    assert [row["url"] for row in found] == ["https://a.example/\ufffd", ""]
    _, layers = down(built, objects, urls=("https://a.example/*",))
    first, second = rejected(layers, objects)
    assert first == "" and "候鸟" in all_text(layers, objects) and second
    # Of a row without an address the name of its file counts, as it does of a document.
    _, layers = down(built, objects, urls=("a.jso*",))
    assert rejected(layers, objects)[1] == "" and "a.example/" in all_text(layers, objects)


def test_the_name_of_its_file_is_the_address_of_a_document_without_one(
    make_source: MakeSource, objects: LocalObjects
) -> None:
    texts = {"甲/park.txt": PARK, "甲/short.txt": "银杏树下见。", "乙/tofu.txt": TOFU, "乙/short.txt": "候鸟。"}
    sources = [make_source({name: text.encode() for name, text in texts.items()})]
    built = build(sources, parse_recipe(SHORT), objects, MemoryCache(), lambda done, total: None, run_here), sources
    assert "park.txt" not in str(rows(built[0].layers, objects, "data/"))
    for urls, gone, left in (
        (("甲/*",), "银杏", "候鸟"),
        (("甲/park.txt", "甲/short.txt"), "银杏", "候鸟"),
        (("乙/short.txt",), "候鸟", "豆腐"),
    ):
        _, layers = down(built, objects, urls=urls)
        after = all_text(layers, objects)
        assert gone not in after and left in after, urls


def without_addresses(built: Built, objects: LocalObjects) -> Built:
    """Return a corpus as an earlier version built it: without the addresses of what was dropped."""
    import io
    from dataclasses import replace

    import pyarrow.parquet as pq

    layers = []
    for layer in built[0].layers:
        if layer.title.startswith("decisions/"):
            with objects.open(layer.digest) as stream:
                table, out = pq.read_table(stream).drop_columns(["url"]), io.BytesIO()
            pq.write_table(table, out)
            stored = objects.put_bytes(out.getvalue())
            layers.append(Layer(stored.digest, stored.size, layer.media_type, layer.title))
        else:
            layers.append(layer)
    return replace(built[0], layers=tuple(layers)), built[1]


def test_an_older_corpus_has_no_addresses_of_what_was_dropped(make_source: MakeSource, objects: LocalObjects) -> None:
    built = without_addresses(quoted_corpus(make_source, objects), objects)
    with pytest.raises(NotFound) as caught:
        down(built, objects, urls=("https://a.example/short",))
    assert caught.value.code == "nothing_matches" and caught.value.hint and "name of its file" in caught.value.hint.en
    taken = taken_by(built, objects, urls=("https://a.example/park",))
    assert (
        taken.ids
        and not taken.addressed
        and taken_by(quoted_corpus(make_source, objects), objects, urls=("https://a.example/park",)).addressed
    )
    # What of it is written anew does not pretend to have some; and by the name of the file it is found.
    model, layers = down(built, objects, urls=("https://a.example/park",))
    assert {len(row) for row in rows(layers, objects, "decisions/part-00000")} == {8}
    _, layers = again(model, layers, built[1], objects, urls=("a.jsonl",))
    assert "银杏" not in all_text(layers, objects) and "候鸟" in all_text(layers, objects)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"match": ("恐龙化石",)}, "nothing_matches"),
        ({"match": ("恐龙化石", " ")}, "blank_text"),
        ({"match": ("恐龙化石",), "digests": ("sha256:" + "0" * 64,)}, "no_such_document"),
        ({"match": ("恐龙化石",), "sources": ("sha256:" + "0" * 64,)}, "no_such_source"),
        ({"match": ("篇文章", "恐龙化石")}, "empty_corpus"),
    ],
)
def test_no_error_repeats_the_text_that_was_named(built: Any, objects: LocalObjects, wanted: Any, code: str) -> None:
    with pytest.raises(QuanhengError) as caught:
        down(built, objects, **wanted)
    said = json.dumps(caught.value.to_json(), ensure_ascii=False) + repr(caught.value)
    assert caught.value.code == code and "恐龙" not in said and "篇文章" not in said


def test_a_document_goes_by_its_id(built: Any, objects: LocalObjects) -> None:
    before = rows(built[0].layers, objects, "data/")
    _, layers = down(built, objects, ids=(before[3][0], before[0][0]))
    assert rows(layers, objects, "data/") == [before[1], before[2], before[4]]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"urls": ("https://a.example/9",)}, "nothing_matches"),
        ({"match": ("篇文章",)}, "empty_corpus"),
        ({"match": ("银杏树", "\u200b")}, "blank_text"),
        ({"match": (" ",)}, "blank_text"),
        ({"sources": ("sha256:" + "0" * 64,)}, "no_such_source"),
        ({"digests": ("sha256:" + "0" * 64,), "match": ("银杏树",)}, "no_such_document"),
        ({"ids": ("0123456789ab-0-1",), "match": ("银杏树",)}, "no_such_document"),
    ],
)
def test_what_cannot_be_done(built: Any, objects: LocalObjects, wanted: Any, code: str) -> None:
    with pytest.raises(QuanhengError) as caught:
        down(built, objects, **wanted)
    assert caught.value.code == code and caught.value.hint


@settings(max_examples=15, deadline=None)
@given(gone=st.sets(st.integers(0, 4), min_size=1, max_size=4))
def test_any_choice_leaves_the_rest(shared: Any, gone: set[int]) -> None:
    built, objects = shared
    before = rows(built[0].layers, objects, "data/")
    model, layers = down(built, objects, digests=tuple(before[place][3] for place in gone))
    assert [row[0] for row in rows(layers, objects, "data/")] == [
        row[0] for place, row in enumerate(before) if place not in gone
    ]
    assert model.totals.documents == 5 - len(gone)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from . import conftest

    folder = tmp_path_factory.mktemp("takedown")
    objects = LocalObjects(folder / "objects")
    return make(conftest.source_maker(folder, objects), objects, folder), objects
