"""Whole builds: nothing lost, nothing leaked, the same bytes again, and on from where a kill left off."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from quanheng.data.corpus import (
    AssetInput,
    CorpusResult,
    SourceInput,
    build,
    parquet_rows,
    read_lexicon,
    read_rows,
    rows_digest,
    run_here,
    shipped_recipe,
)
from quanheng.data.corpus import units as units_module
from quanheng.data.corpus import work as work_module
from quanheng.errors import Corrupt, QuanhengError
from quanheng.kinds.recipes import Recipe
from quanheng.kinds.sources import Collection, Licence, Origin, Reading, Source, SourceFile
from quanheng.stats import draw
from quanheng.store import JSON, Layer, LocalObjects, MemoryCache

from .conftest import MakeSource

RECIPE = shipped_recipe("web-zh")
#: Units of a build are run once a segment.
SEGMENTS = 1 + sum((step.use or "").startswith("deduplicate") for step in RECIPE.steps)

REVIEWS = """质量很好，非常满意
一分钱一分货，质量太差！
联系电话13812345678，买家请联系
质量很好，非常满意
联系电话13987654321，买家请联系
好
waste of money
谨防网络诈骗，切勿转账
★★★★★★
"""
NEWS = [
    '{"text": "质量很好，非常满意"}',
    '{"text": "这本书写得很好，邮箱 a@example.com"}',
    '{"text": ',
    '{"content": "另一个字段里的正文"}',
    '{"title": "没有正文"}',
]


def quiet(done: int, total: int | None) -> None:
    """Progress that nobody watches."""


def changed(**fields: Any) -> Recipe:
    return RECIPE.model_copy(update=fields)


def both(make_source: MakeSource) -> list[SourceInput]:
    return [
        make_source({"reviews.txt": REVIEWS.encode("gb18030")}, "评论", document="line"),
        make_source({"news.jsonl": "\n".join(NEWS).encode()}, "新闻"),
    ]


def run(sources: list[SourceInput], objects: LocalObjects, **rest: Any) -> CorpusResult:
    given_here = {"recipe": RECIPE, "cache": MemoryCache(), "progress": quiet, "map": run_here, **rest}
    return build(sources, objects=objects, **given_here)


def layer_bytes(result: CorpusResult, objects: LocalObjects, title: str) -> bytes:
    [layer] = [layer for layer in result.layers if layer.title == title]
    with objects.open(layer.digest) as stream:
        return stream.read()


def table(result: CorpusResult, objects: LocalObjects, folder: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for layer in result.layers:
        if layer.title.startswith(folder):
            with objects.open(layer.digest) as stream:
                rows += parquet_rows(stream)
    return rows


def lexicon(tmp_path: Path, objects: LocalObjects) -> dict[str, AssetInput]:
    path = tmp_path / "lexicon.jsonl"
    path.write_text(
        '{"term": "诈骗", "risk": "A.1.h"}\n{"term": "转账", "risk": "A.1.h", "mode": "count"}\n'
        '{"term": "满意", "risk": "A.5.b", "mode": "count"}\n',
        "utf-8",
    )
    _, rows = read_lexicon(path, title="t", version="1", owner="o")
    return {"lexicon": AssetInput("sha256:" + "1" * 64, objects.put_bytes(rows).digest)}


def test_every_document_is_accounted_for(make_source: MakeSource, objects: LocalObjects, tmp_path: Path) -> None:
    sources = both(make_source)
    result = run(sources, objects, assets=lexicon(tmp_path, objects))
    model = result.model
    texts = [row[2] for row in table(result, objects, "data/")]
    assert texts == [
        "质量很好，非常满意",
        "一分钱一分货，质量太差！",
        "联系电话〔手机号〕，买家请联系",
        "谨防网络诈骗，切勿转账",
        "这本书写得很好，邮箱 〔电子邮箱〕",
        "另一个字段里的正文",
    ]
    first, second = model.per_source
    assert (first.documents_read, first.documents_kept, first.broken_rows) == (9, 4, 0)
    assert first.dropped == {"too_short": 1, "many_symbols": 1, "not_chinese": 1, "duplicate": 2}
    # The copy in the source named first stays.
    assert (second.documents_read, second.documents_kept, second.broken_rows) == (3, 2, 2)
    assert second.dropped == {"duplicate": 1}
    assert model.totals.documents == 6 and model.totals.characters == sum(map(len, texts))
    assert model.totals.bytes == sum(len(text.encode()) for text in texts)
    assert model.personal_data == {"email": 1, "mobile": 1} and model.masked_documents == 2
    assert model.encodings == {"gb18030": 1, "utf-8": 1}
    assert sum(model.language.values()) == 6


def test_the_funnel_is_one_chain(make_source: MakeSource, objects: LocalObjects) -> None:
    model = run(both(make_source), objects).model
    steps = [(step.step, step.reason) for step in model.funnel]
    assert steps == [
        ("read", None),
        ("edit", "normalise"),
        ("drop", "too_short"),
        ("drop", "too_long"),
        ("mask", None),
        ("drop", "not_chinese"),
        ("drop", "many_symbols"),
        ("drop", "many_digits"),
        ("drop", "rare_characters"),
        ("drop", "repetitive"),
        ("drop", "repeated_lines"),
        ("drop", "list_like"),
        ("drop", "no_sentences"),
        ("deduplicate", "repeated_line"),
        ("deduplicate", "near_duplicate"),
    ]
    for before, after in zip(model.funnel, model.funnel[1:], strict=False):
        assert before.documents_after == after.documents_before
        assert before.characters_after == after.characters_before
    assert model.funnel[0].documents_before == 14 and model.funnel[0].documents_after == 12
    assert model.funnel[-1].documents_after == model.totals.documents
    assert model.funnel[-1].characters_after == model.totals.characters


def test_decisions_and_broken_rows_are_kept_with_reasons(make_source: MakeSource, objects: LocalObjects) -> None:
    sources = both(make_source)
    result = run(sources, objects)
    decisions = table(result, objects, "decisions/")
    prefix = sources[0].digest[7:19]
    assert [(row[2], row[3], row[5], row[6]) for row in decisions] == [
        ("drop", "too_short", "", ""),
        ("drop", "not_chinese", "", ""),
        ("drop", "many_symbols", "", ""),
        ("drop", "duplicate", f"{prefix}-0-1", "1.0000"),
        ("drop", "duplicate", f"{prefix}-0-3", "1.0000"),
        ("mask", "mobile 1", "", ""),
        ("drop", "duplicate", f"{prefix}-0-1", "1.0000"),
        ("mask", "email 1", "", ""),
    ]
    masked = decisions[5]
    assert masked[0] == f"{prefix}-0-3"
    [[_, start, was, now, what]] = json.loads(masked[7])
    assert (masked[4][start : start + now], was, what) == ("〔手机号〕", 11, "mobile")
    rejected = [json.loads(line) for line in layer_bytes(result, objects, "rejected.jsonl").splitlines()]
    assert [(row["file"], row["row"], row["reason"]) for row in rejected] == [
        ("news.jsonl", "3", "not_json"),
        ("news.jsonl", "5", "no_text_field"),
    ]
    everything = json.dumps([decisions, rejected, table(result, objects, "data/")], ensure_ascii=False)
    assert "13812345678" not in everything and "a@example.com" not in everything


def test_a_term_never_drops_a_document(make_source: MakeSource, objects: LocalObjects, tmp_path: Path) -> None:
    sources = both(make_source)
    terms = lexicon(tmp_path, objects)
    with_terms, without = run(sources, objects, assets=terms), run(sources, objects)
    assert with_terms.model.totals == without.model.totals
    found = with_terms.model.filtered
    assert (found.documents, found.documents_filtered, found.lexicon) == (6, 6, terms["lexicon"].artifact)
    assert (found.lexicon_terms, found.lexicon_hits) == (3, 3)
    assert (found.documents_hit, found.documents_for_review) == (2, 1)
    assert found.per_risk == {"A.1.h": 2, "A.5.b": 1}
    assert without.model.filtered.documents_filtered == 0
    listed = [json.loads(line) for line in layer_bytes(with_terms, objects, "filter.jsonl").splitlines()]
    assert [(row["mode"], row["risks"]) for row in listed] == [("count", {"A.5.b": 1}), ("review", {"A.1.h": 2})]
    rows = {row[0]: row for row in table(with_terms, objects, "data/")}
    start, end, term = listed[1]["spans"][0]
    assert rows[listed[1]["id"]][2][start:end] == "诈骗" and term == 0
    assert "review" in rows[listed[1]["id"]][4] and "hit" in rows[listed[0]["id"]][4]


def test_digests_are_those_of_the_rows(make_source: MakeSource, objects: LocalObjects) -> None:
    result = run(both(make_source), objects)
    rows = table(result, objects, "data/")
    for row in rows:
        assert row[3] == "sha256:" + hashlib.sha256(row[2].encode()).hexdigest()
    assert rows_digest((row[0], row[1], row[3], row[4]) for row in rows) == result.model.rows_digest
    lines = "".join(f"{row[0]}\t{row[1]}\t{row[3]}\t{' '.join(row[4])}\n" for row in rows)
    whole = hashlib.sha256(b"quanheng corpus rows v1\n" + lines.encode()).hexdigest()
    assert result.model.rows_digest == "sha256:" + whole


def test_the_same_bytes_again_and_the_same_rows_in_any_sharding(make_source: MakeSource, objects: LocalObjects) -> None:
    sources = both(make_source)
    one = run(sources, objects)
    assert run(sources, objects) == one
    small = run(sources, objects, recipe=changed(shard_bytes=40, row_group_rows=1))
    assert len(small.model.shards) > 2
    assert small.model.rows_digest == one.model.rows_digest
    assert table(small, objects, "data/") == table(one, objects, "data/")
    assert run(sources[::-1], objects).model.rows_digest != one.model.rows_digest


def test_rows_can_be_read_by_number_across_shards(make_source: MakeSource, objects: LocalObjects) -> None:
    result = run(both(make_source), objects, recipe=changed(shard_bytes=40, row_group_rows=1))
    digests = {layer.title: layer.digest for layer in result.layers}
    opened: list[str] = []

    def open_layer(title: str) -> Any:
        opened.append(title)
        return objects.open(digests[title])

    rows = table(result, objects, "data/")
    items = list(read_rows(result.model, open_layer, range(6)))
    assert [(item.index, item.id, item.text) for item in items] == [(n, row[0], row[2]) for n, row in enumerate(rows)]
    for n in range(1, 7):
        indices = draw("sha256:ab", 6, n)
        assert [item.index for item in read_rows(result.model, open_layer, indices)] == indices
    opened.clear()
    list(read_rows(result.model, open_layer, [0]))
    assert opened == [result.model.shards[0].title]
    with pytest.raises(Corrupt):
        list(read_rows(result.model, open_layer, [6]))


class Killed(Exception):
    """Stands for the kill of a build."""


def test_a_killed_build_goes_on_and_ends_in_the_same_bytes(
    make_source: MakeSource, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units_module, "UNIT_FILES", 1)
    files = {f"{name}.txt": f"第{name}个文件的正文内容，没有重复。".encode() for name in "甲乙丙丁戊"}
    source = make_source(files)
    whole = run([source], objects)
    prefix = source.digest[7:19]
    assert [row[0] for row in table(whole, objects, "data/")] == [f"{prefix}-{place}-1" for place in range(5)]
    cache = MemoryCache()
    asked: list[int] = []

    def dies(function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        for place, answer in enumerate(run_here(function, items)):
            if place == 2:
                raise Killed
            yield answer

    def counts(function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        for answer in run_here(function, items):
            asked.append(1)
            yield answer

    for _ in range(SEGMENTS):  # each segment has five units, of which two are finished before it is killed
        with pytest.raises(Killed):
            run([source], objects, cache=cache, map=dies)
    assert not list((objects.root / "tmp").iterdir())
    assert run([source], objects, cache=cache, map=counts) == whole
    assert 0 < len(asked) < 5 * SEGMENTS
    before = len(asked)
    assert run([source], objects, cache=cache, map=counts) == whole
    assert len(asked) == before
    # Rows between segments are let go, and not asked for; a unit whose result was collected is made again.
    first = next(iter(cache.values()))
    assert not objects.exists(work_module.read_result(objects, first).rows)
    objects.delete(first)
    assert run([source], objects, cache=cache, map=counts) == whole
    assert 1 <= len(asked) - before <= SEGMENTS


def test_changing_one_file_cleans_that_file_alone(
    make_source: MakeSource, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units_module, "UNIT_FILES", 1)
    files = {f"{name}.txt": f"第{name}个文件的正文内容。".encode() for name in "甲乙丙"}
    cache, asked = MemoryCache(), []

    def counts(function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        for answer in run_here(function, items):
            asked.append(1)
            yield answer

    def units(source: SourceInput, recipe: Recipe = RECIPE) -> int:
        asked.clear()
        run([source], objects, cache=cache, recipe=recipe, map=counts)
        return len(asked)

    assert units(make_source(files)) == 3 * SEGMENTS
    assert units(make_source({**files, "乙.txt": "改过的正文内容。".encode()}, "改过")) == SEGMENTS
    # Shard sizes do not enter the units; a step does.
    assert units(make_source(files), changed(shard_bytes=1)) == 0
    steps = [
        step.model_copy(update={"drop": "characters < 5"}) if step.reason == "too_short" else step
        for step in RECIPE.steps
    ]
    assert units(make_source(files), changed(steps=tuple(steps))) >= 3


def test_another_lexicon_is_asked_even_where_the_cache_knows_the_files(
    make_source: MakeSource, objects: LocalObjects, tmp_path: Path
) -> None:
    cache = MemoryCache()
    sources = both(make_source)
    assert run(sources, objects, cache=cache).model.filtered.lexicon_hits == 0
    assert run(sources, objects, cache=cache, assets=lexicon(tmp_path, objects)).model.filtered.lexicon_hits == 3
    assert run(sources, objects, cache=cache).model.filtered.lexicon_hits == 0


def test_other_processes_give_the_same_corpus(make_source: MakeSource, objects: LocalObjects) -> None:
    sources = both(make_source)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = run(sources, objects, map=lambda function, items: pool.map(work_module.run_unit, items))
    assert found == run(sources, objects)


def test_equal_files_of_two_sources_are_cleaned_once(make_source: MakeSource, objects: LocalObjects) -> None:
    cache = MemoryCache()
    sources = [make_source({"a.txt": "同样的正文内容。".encode()}, title) for title in ("一", "二")]
    result = run(sources, objects, cache=cache)
    assert [share.documents_kept for share in result.model.per_source] == [1, 0]
    loose = tuple(step for step in RECIPE.steps if not (step.use or "").startswith("deduplicate"))
    asked: list[JSON] = []

    def notes(function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        given = list(items)
        asked.extend(given)
        return run_here(function, given)

    kept = run(sources, objects, recipe=changed(steps=loose), map=notes).model
    assert len(asked) == 1
    assert [share.documents_kept for share in kept.per_source] == [1, 1]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a.txt": b"only english here"}, "empty_corpus"),
        ({"a.txt": b""}, "empty_corpus"),
        ({"表.csv": b"a,b\n1,2\n"}, "no_text_field"),
    ],
)
def test_what_cannot_become_a_corpus(
    make_source: MakeSource, objects: LocalObjects, files: dict[str, bytes], code: str
) -> None:
    with pytest.raises(QuanhengError) as caught:
        run([make_source(files)], objects)
    assert caught.value.code == code and caught.value.hint
    if code == "no_text_field":
        assert "表.csv" in str(caught.value) and "a, b" in str(caught.value)


def test_wrong_sources_are_refused(make_source: MakeSource, objects: LocalObjects) -> None:
    source = make_source({"a.txt": "正文内容在这里".encode()})
    for sources, code in (
        ([], "no_sources"),
        ([source, source], "source_twice"),
        ([SourceInput(source.digest, source.model, {})], "source_incomplete"),
    ):
        with pytest.raises(QuanhengError) as caught:
            run(sources, objects)
        assert caught.value.code == code
    with pytest.raises(Corrupt):
        run([source], objects, map=lambda function, items: iter(()))


def test_progress_reaches_the_total(make_source: MakeSource, objects: LocalObjects) -> None:
    seen: list[tuple[int, int | None]] = []
    run(both(make_source), objects, progress=lambda done, total: seen.append((done, total)))
    assert seen[0][0] == 0 and seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_packs_are_built_like_their_files(
    tmp_path: Path, make_source: MakeSource, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quanheng.data.corpus import files as files_module

    files = {f"{number}.txt": f"第{number}篇文章的正文内容。".encode() for number in range(6)}
    loose = run([make_source(files, "散")], objects)
    monkeypatch.setattr(files_module, "PACK_ABOVE_FILES", 2)
    packed = run([make_source(files, "包")], objects)
    assert [row[2] for row in table(packed, objects, "data/")] == [row[2] for row in table(loose, objects, "data/")]
    assert packed.model.encodings == {"utf-8": 6}


def jsonl_source(objects: LocalObjects, texts: list[str], place: int) -> SourceInput:
    data = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    stored = objects.put_bytes(data)
    model = Source(
        title="t",
        origin=Origin(type="open", name="t"),
        licence=Licence(found="", clear=False),
        collection=Collection(method="", has_record=False),
        files=(SourceFile(title="a.jsonl", format="jsonl", size=len(data)),),
        counts={"files": 1, "bytes": len(data)},  # type: ignore[arg-type]
        reading=Reading(encoding="utf-8"),
    )
    return SourceInput(
        "sha256:" + f"{place:064x}", model, {"a.jsonl": Layer(stored.digest, len(data), "application/jsonl", "a.jsonl")}
    )
