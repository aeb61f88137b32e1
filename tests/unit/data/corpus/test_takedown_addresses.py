"""Takedown by address: of documents that were dropped or not read too, and in corpora without addresses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quanheng.data.corpus import (
    build,
    parse_recipe,
    run_here,
)
from quanheng.data.corpus.takedown import Wanted, take_down
from quanheng.data.corpus.takedown_counts import Taken
from quanheng.errors import Conflict, NotFound
from quanheng.store import Layer, LocalObjects, MemoryCache

from .conftest import MakeSource
from .taking_down import (
    PARK,
    SHORT,
    TOFU,
    Built,
    again,
    all_text,
    copies,
    corpus_of,
    down,
    lines_of,
    make,
    quoted_corpus,
    rejected,
    rows,
    without_addresses,
)


@pytest.fixture
def built(make_source: MakeSource, objects: LocalObjects, tmp_path: Path) -> Built:
    return make(make_source, objects, tmp_path)


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
