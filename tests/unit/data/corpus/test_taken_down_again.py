"""What was taken down once stays down when its sources are built again, by a list that holds no text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quanheng.data.corpus import CorpusResult, SourceInput, build, parse_recipe, rows_digest, run_here
from quanheng.data.corpus.takedown import Wanted, take_down
from quanheng.data.corpus.takedown_counts import Taken
from quanheng.data.corpus.taken_down import TITLE, Down
from quanheng.kinds.corpora import Corpus
from quanheng.store import Layer, LocalObjects, MemoryCache

from .conftest import MakeSource
from .taking_down import PARK, SHORT, TOFU, all_text, lines_of, rows, without_addresses

BIRD = "冬天的湖面上停着许多候鸟，它们每年从北方飞来，到了三月再飞回去，当地人都认得它们。"
TEXTS = {"tofu": TOFU, "park": PARK + "管理处每周清扫两次。", "bird": BIRD, "short": "银杏树下见。", "much": "候鸟。"}
#: Neither copies nor short texts are dropped by it.
LOOSE = SHORT.split("[[steps]]")[0] + '[[steps]]\nuse = "length"\n'


def source(make_source: MakeSource, texts: dict[str, str], title: str = "甲", *broken: str) -> SourceInput:
    lines = [json.dumps({"text": text, "url": f"https://{name}.example/"}) for name, text in texts.items()]
    return make_source({"a.jsonl": "\n".join([*lines, *broken]).encode()}, title)


def built(
    sources: list[SourceInput], objects: LocalObjects, recipe: str = SHORT, cache: MemoryCache | None = None
) -> CorpusResult:
    return build(sources, parse_recipe(recipe), objects, cache or MemoryCache(), lambda done, total: None, run_here)


Made = tuple[Corpus, tuple[Layer, ...], Taken]


def take(made: CorpusResult | Made, sources: list[SourceInput], objects: LocalObjects, wanted: Wanted | Down) -> Made:
    model, layers = (made.model, made.layers) if isinstance(made, CorpusResult) else made[:2]
    digests = {layer.title: layer.digest for layer in layers}
    models = [source.model for source in sources]
    return take_down(
        model, layers, lambda title: objects.open(digests[title]), wanted, objects, models, lambda done, total: None
    )


def listed(made: Made, objects: LocalObjects) -> Down:
    digests = {layer.title: layer.digest for layer in made[1]}
    return Down.of(made[1], lambda title: objects.open(digests[title]))


def ids(made: CorpusResult | Made, objects: LocalObjects) -> dict[str, str]:
    layers = made.layers if isinstance(made, CorpusResult) else made[1]
    return {row[0]: row[2] for row in rows(layers, objects, "data/")}


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [
        ({"urls": ("https://park.example/",)}, "湖边的小路"),
        ({"match": ("银杏",)}, "银杏"),
        ({"urls": ("https://b*", "https://m*")}, "候鸟"),
        ({"match": ("候鸟",)}, "候鸟"),
        ({"urls": ("https://short.example/",)}, "银杏树下见"),
    ],
)
def test_a_build_anew_keeps_down_what_was_taken_down(
    make_source: MakeSource, objects: LocalObjects, wanted: dict[str, Any], gone: str
) -> None:
    sources = [source(make_source, TEXTS, "甲", '{"text": "银杏树的坏行')]
    down = take(built(sources, objects), sources, objects, Wanted(**wanted))
    told = listed(down, objects)
    again = take(built(sources, objects), sources, objects, told)
    # The same corpus to the byte, as if the takedown had been made of it.
    assert again[0] == down[0] and again[1] == down[1]
    # By another recipe nothing of it is there either, though that had dropped less.
    before = built(sources, objects, LOOSE)
    loose = take(before, sources, objects, told)
    assert gone in all_text(before.layers, objects) and gone not in all_text(loose[1], objects)
    assert loose[0].totals.documents == sum(gone not in text for text in TEXTS.values())
    assert rows_digest((row[0], row[1], row[3], row[4]) for row in rows(loose[1], objects, "data/")) == (
        loose[0].rows_digest
    )


def test_a_row_that_was_not_read_is_listed_by_the_id_it_would_have(
    make_source: MakeSource, objects: LocalObjects
) -> None:
    files = {
        "a.txt": TOFU.encode(),
        "b.jsonl": "\n".join(['{"text": "好的一行，讲的是候鸟。"}', '{"text": "银杏的坏行']).encode(),
    }
    sources = [make_source(files)]
    told = listed(take(built(sources, objects), sources, objects, Wanted(match=("银杏",))), objects)
    assert told.documents == {f"{sources[0].digest[7:19]}-1-2": (sources[0].digest, "")}


def test_a_digest_once_known_stays_known() -> None:
    first, second = Down({"a-0-1": ("sha256:a", "sha256:1")}), Down({"a-0-1": ("sha256:a", "")}, {"sha256:b"})
    first.update(second)
    second.update(first)
    assert first == second == Down({"a-0-1": ("sha256:a", "sha256:1")}, {"sha256:b"})


def test_the_list_holds_no_text_and_grows(make_source: MakeSource, objects: LocalObjects) -> None:
    sources = [source(make_source, TEXTS)]
    first = take(built(sources, objects), sources, objects, Wanted(match=("银杏",)))
    second = take(first, sources, objects, Wanted(urls=("https://bird.example/",)))
    lines = lines_of(second[1], objects, TITLE)
    assert all(set(line) == {"id", "source", "text_digest"} for line in lines)
    kept = {row[0]: row[3] for row in rows(built(sources, objects).layers, objects, "data/")}
    dropped = {row[0] for row in rows(built(sources, objects).layers, objects, "decisions/") if "银杏" in row[4]}
    park, bird = (
        next(id for id, text in ids(built(sources, objects), objects).items() if what in text)
        for what in ("湖边", "三月")
    )
    assert {line["id"]: line["text_digest"] for line in lines} == {
        park: kept[park],
        bird: kept[bird],
        **dict.fromkeys(dropped, ""),
    }
    assert {line["source"] for line in lines} == {sources[0].digest} and len(dropped) == 1


def test_a_text_stays_down_in_another_source(make_source: MakeSource, objects: LocalObjects) -> None:
    first = [source(make_source, TEXTS)]
    told = listed(take(built(first, objects), first, objects, Wanted(urls=("https://park.example/",))), objects)
    # Registered anew, with a copy that differs by two characters, and one of that.
    more = {**TEXTS, "near": PARK + "管理处每周清扫两回，", "same": PARK + "管理处每周清扫两回，"}
    other = [source(make_source, more, "乙")]
    again = take(built(other, objects), other, objects, told)
    assert "湖边的小路" not in all_text(again[1], objects) and len(again[2].ids) == 1
    assert listed(again, objects).documents.keys() > told.documents.keys()


def test_a_copy_that_stays_is_counted(make_source: MakeSource, objects: LocalObjects) -> None:
    first = [source(make_source, TEXTS)]
    told = listed(take(built(first, objects), first, objects, Wanted(urls=("https://park.example/",))), objects)
    near = source(make_source, {"near": PARK + "管理处每周清扫两回，"}, "乙")
    _, layers, taken = take(built([near, *first], objects), [near, *first], objects, told)
    assert (taken.copies, taken.ids) == (1, {}) and "湖边的小路" in str(rows(layers, objects, "data/"))


def test_a_whole_source_stays_down(make_source: MakeSource, objects: LocalObjects) -> None:
    sources = [
        source(make_source, TEXTS),
        source(make_source, {"only": "豆腐脑配上葱花和辣油，是本地人从小吃到大的早饭，天不亮摊前就排起队。"}, "乙"),
    ]
    down = take(built(sources, objects), sources, objects, Wanted(sources=(sources[0].digest,)))
    told = listed(down, objects)
    assert told.sources == {sources[0].digest}
    again = take(built(sources, objects, LOOSE), sources, objects, told)
    assert [share.documents_kept for share in again[0].per_source] == [0, 1]
    # A corpus of other sources has nothing of it, and that is no fault.
    rest = take(built(sources[1:], objects), sources[1:], objects, told)
    assert rest[0].totals.documents == 1 and rest[2].ids == {} and listed(rest, objects).sources == told.sources


def test_an_older_takedown_tells_ids_alone(make_source: MakeSource, objects: LocalObjects) -> None:
    sources = [source(make_source, TEXTS)]
    model, layers, _ = take(built(sources, objects), sources, objects, Wanted(match=("湖边",)))
    older = CorpusResult(model, tuple(layer for layer in layers if layer.title != TITLE))  # type: ignore[arg-type]
    older, _ = without_addresses((older, sources), objects)
    told = listed((older.model, older.layers, Taken()), objects)
    assert list(told.documents.values()) == [(sources[0].digest, "")]
    again = take(built(sources, objects), sources, objects, told)
    assert again[0].rows_digest == model.rows_digest and "湖边" not in all_text(again[1], objects)
    assert {digest[:7] for _, digest in listed(again, objects).documents.values()} == {"sha256:"}


def test_a_build_that_takes_up_an_earlier_one_has_none_of_it(make_source: MakeSource, objects: LocalObjects) -> None:
    cache, first = MemoryCache(), source(make_source, TEXTS)
    told = listed(take(built([first], objects, cache=cache), [first], objects, Wanted(match=("湖边",))), objects)
    both = [first, source(make_source, {"more": BIRD[::-1]}, "乙")]
    grown = take(built(both, objects, cache=cache), both, objects, told)
    fresh = take(built(both, objects), both, objects, told)
    assert grown[:2] == fresh[:2] and "湖边" not in all_text(grown[1], objects)
    assert grown[0].totals.documents == 3
