"""The account of a corpus: every unit adds up, tokens only where asked for, samples that no order changes."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from quanheng.data.corpus import (
    AssetInput,
    CorpusResult,
    SourceInput,
    build,
    parquet_rows,
    parse_recipe,
    read_lexicon,
    run_here,
)
from quanheng.data.corpus import units as units_module
from quanheng.data.corpus import work as work_module
from quanheng.data.corpus.account import account, by_licence, by_region
from quanheng.data.corpus.bottom_k import BottomK
from quanheng.data.corpus.cards import card
from quanheng.data.corpus.takedown import Wanted, take_down
from quanheng.data.corpus.token_counts import TokenCounter
from quanheng.data.corpus.tokens import CorpusTokenizer, Training, train_tokenizer
from quanheng.kinds.corpora import CorpusSample, CorpusV2, CorpusV3
from quanheng.store import LocalObjects, MemoryCache

from .conftest import MakeSource

#: Screens, drops for risk and lists for review; edits, masks, removes lines and copies.
RECIPE = parse_recipe(
    """
name = "account"
title = { en = "Account", zh = "账目" }
[[steps]]
use = "normalise"
[[steps]]
use = "length"
[[steps]]
drop = "characters < 4"
reason = "too_short"
[[steps]]
use = "lexicon"
[[steps]]
drop = "hit_terms >= 2"
reason = "risky"
[[steps]]
review = "hit_terms == 1"
reason = "risk_terms"
[[steps]]
use = "personal_data"
[[steps]]
use = "deduplicate_exact"
"""
)
LINES = [
    "春天的公园里开满了樱花，游人很多。",
    "联系电话13812345678，买家请联系店主。",
    "邮箱 zhang@example.com 与电话13912345678都可以联系。",
    "谨防网络诈骗，遇事多问一句。",
    "谨防网络诈骗，切勿向陌生人转账汇款。",
    "短",
    "  全角１２３与空白　  混在一起的一句话。  ",
    "春天的公园里开满了樱花，游人很多。",
    "一条写了电话13712345678又提到诈骗的留言。",
]
MORE = ["秋天的田野一片金黄，收割机来回忙碌。", "不", "谨防网络诈骗，遇事多问一句。", "又见诈骗二字的另一句话。"]


def tokenizer() -> bytes:
    return train_tokenizer(LINES * 3, Training(vocabulary=400), lambda done, total: None)


def assets(tmp_path: Path, objects: LocalObjects, *, tokens: bool) -> dict[str, AssetInput]:
    path = tmp_path / "terms.jsonl"
    path.write_text('{"term": "诈骗", "risk": "A.1.h"}\n{"term": "转账", "risk": "A.1.h"}\n', "utf-8")
    _, terms = read_lexicon(path, title="t", version="1", owner="o")
    found = {"lexicon": AssetInput("sha256:" + "1" * 64, objects.put_bytes(terms).digest)}
    if tokens:
        found["tokenizer"] = AssetInput("sha256:" + "2" * 64, objects.put_bytes(tokenizer()).digest)
    return found


def sources(make_source: MakeSource) -> list[SourceInput]:
    first = make_source({"a.txt": "\n".join(LINES).encode()}, "甲", document="line")
    second = make_source({"b.txt": "\n".join(MORE).encode()}, "乙", document="line")
    overseas = second.model.model_copy(
        update={
            "origin": second.model.origin.model_copy(update={"region": "overseas"}),
            "licence": second.model.licence.model_copy(update={"spdx": "NOASSERTION", "clear": False}),
        }
    )
    return [first, SourceInput(second.digest, overseas, second.layers)]


def run(made_of: list[SourceInput], objects: LocalObjects, given: Any, **rest: Any) -> CorpusResult:
    return build(made_of, RECIPE, objects, MemoryCache(), lambda done, total: None, run_here, given, **rest)


def table(result: CorpusResult, objects: LocalObjects, folder: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for layer in result.layers:
        if layer.title.startswith(folder):
            with objects.open(layer.digest) as stream:
                rows += parquet_rows(stream)
    return rows


def lines(layers: Any, objects: LocalObjects, title: str) -> list[Any]:
    [layer] = [layer for layer in layers if layer.title == title]
    with objects.open(layer.digest) as stream:
        return [json.loads(line) for line in stream]


@pytest.fixture
def counted(make_source: MakeSource, objects: LocalObjects, tmp_path: Path) -> tuple[CorpusResult, list[SourceInput]]:
    made_of = sources(make_source)
    return run(made_of, objects, assets(tmp_path, objects, tokens=True)), made_of


def tokens_of(texts: list[str]) -> int:
    return sum(len(ids) for ids in CorpusTokenizer(tokenizer()).encode(texts))


def test_every_unit_adds_up_and_equals_what_the_rows_say(counted: Any, objects: LocalObjects) -> None:
    result, _ = counted
    model = result.model
    texts = [row[2] for row in table(result, objects, "data/")]
    assert model.kind == "corpus/v3" and model.tokenizer == "sha256:" + "2" * 64
    assert model.totals.model_dump() == {
        "documents": len(texts),
        "characters": sum(map(len, texts)),
        "bytes": sum(len(text.encode()) for text in texts),
        "tokens": tokens_of(texts),
    }
    first, second = model.per_source
    assert first.tokens_read == tokens_of(LINES) and second.tokens_read == tokens_of(MORE)
    assert first.bytes_read == sum(len(text.encode()) for text in LINES)
    for unit in ("documents", "characters", "bytes", "tokens"):
        chain = [(getattr(step, f"{unit}_before"), getattr(step, f"{unit}_after")) for step in model.funnel]
        assert all(one[1] == other[0] for one, other in pairwise(chain)), unit
        assert chain[-1][1] == getattr(model.totals, unit)
        assert chain[0][1] == sum(getattr(share, f"{unit}_read") for share in model.per_source)


def test_what_was_dropped_edited_and_listed_is_told_by_source(counted: Any, objects: LocalObjects) -> None:
    result, _ = counted
    first, second = result.model.per_source
    assert first.dropped == {"duplicate": 1, "risky": 1, "too_short": 1} and second.dropped == {
        "duplicate": 1,
        "too_short": 1,
    }
    risky = "谨防网络诈骗，切勿向陌生人转账汇款。"
    assert first.dropped_amounts["risky"].model_dump() == {
        "documents": 1,
        "characters": len(risky),
        "bytes": len(risky.encode()),
        "tokens": tokens_of([risky]),
    }
    masked = [row[2] for row in table(result, objects, "data/") if row[1] == first.source and "〔手机号〕" in row[2]]
    assert (first.edited["mobile"].documents, first.edited["email"].documents) == (3, 1)
    assert first.edited["mobile"].tokens == tokens_of(masked)
    assert first.edited["mobile"].characters == sum(map(len, masked))
    assert first.changed == {"normalise": 1, "personal_data": 3}
    listed = ["谨防网络诈骗，遇事多问一句。", "一条写了电话〔手机号〕又提到诈骗的留言。"]
    assert first.reviewed["risk_terms"].tokens == tokens_of(listed)
    assert {reason: amount.documents for reason, amount in second.reviewed.items()} == {"risk_terms": 1}


def test_risky_of_screened_is_a_count_of_what_content_review_found(counted: Any) -> None:
    result, _ = counted
    first, second = result.model.per_source
    assert result.model.risk_reasons == ("risk_terms", "risky")
    assert (first.screened, first.risky.documents) == (8, 3)  # one dropped, two listed
    assert (second.screened, second.risky.documents) == (3, 2)  # a listed one was dropped as a copy later


#: A reason that content review shares with a condition of another kind; two judges; steps that edit and drop between.
SHARED_REASON = parse_recipe(
    """
name = "shared"
title = { en = "Shared", zh = "同因" }
[[steps]]
use = "length"
[[steps]]
review = "characters < 7"
reason = "risk_terms"
[[steps]]
use = "lexicon"
[[steps]]
review = "hit_terms >= 1"
reason = "risk_terms"
[[steps]]
use = "personal_data"
[[steps]]
use = "deduplicate_exact"
[[steps]]
drop = "hit_terms >= 2"
reason = "risky"
[[steps]]
review = "hit_terms >= 1"
reason = "again"
[[steps]]
drop = "characters >= 7"
reason = "too_long"
"""
)


def test_a_risky_document_is_counted_once_where_it_is_found_whatever_becomes_of_it(
    make_source: MakeSource, objects: LocalObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["又见诈骗", "短", "反复的诈骗", *LINES, *LINES]
    source = make_source({f"{n}.txt": text.encode() for n, text in enumerate(texts)})
    given = assets(tmp_path, objects, tokens=True)

    def built() -> Any:
        cache = MemoryCache()
        for _ in range(2):  # the second time out of the cache
            result = build([source], SHARED_REASON, objects, cache, lambda done, total: None, run_here, given)
        return result

    result = built()
    [share] = result.model.per_source
    risky = [text for text in texts if "诈骗" in text]
    assert len(risky) == 8 and share.screened == len(texts)
    assert share.risky.model_dump() == {
        "documents": len(risky),
        "characters": sum(map(len, risky)),
        "bytes": sum(len(text.encode()) for text in risky),
        "tokens": tokens_of(risky),
    }
    assert share.dropped["duplicate"] >= 5 and share.dropped["too_long"] >= 3
    # Units of one file and batches of one document, many of them without anything risky.
    monkeypatch.setattr(units_module, "UNIT_FILES", 3)
    monkeypatch.setattr(work_module, "BATCH_DOCUMENTS", 1)
    [other] = built().model.per_source
    assert other == share


def test_without_a_tokenizer_there_are_no_tokens(
    make_source: MakeSource, objects: LocalObjects, tmp_path: Path, counted: Any
) -> None:
    made_of = sources(make_source)
    plain = run(made_of, objects, assets(tmp_path, objects, tokens=False))
    assert plain.model.tokenizer is None and plain.model.totals.tokens is None
    assert all(share.tokens_kept is None and share.risky.tokens is None for share in plain.model.per_source)
    assert plain.model.rows_digest == counted[0].model.rows_digest
    assert [row[:6] for row in table(plain, objects, "data/")] == [
        row[:6] for row in table(counted[0], objects, "data/")
    ]
    assert "tokens" not in json.dumps(account(plain.model)["totals"]) and account(plain.model)["units"] == [
        "documents",
        "characters",
        "bytes",
    ]
    broken = plain.model.model_dump(mode="json")
    broken["totals"]["tokens"] = 0
    with pytest.raises(ValidationError, match="tokens are counted"):
        CorpusV3.model_validate_json(json.dumps(broken))


def test_a_text_is_counted_once_and_again_only_when_it_was_edited(
    make_source: MakeSource, objects: LocalObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    count = TokenCounter.count
    monkeypatch.setattr(TokenCounter, "count", lambda self, texts: asked.extend(texts) or count(self, texts))
    run(sources(make_source), objects, assets(tmp_path, objects, tokens=True))
    # 13 read, one of them normalised, three masked.
    assert len(asked) == len(LINES) + len(MORE) + 1 + 3


def test_a_cache_of_a_build_without_tokens_does_not_serve_one_with_them(
    make_source: MakeSource, objects: LocalObjects, tmp_path: Path, counted: Any
) -> None:
    cache, made_of = MemoryCache(), sources(make_source)

    def through(given: Any) -> CorpusResult:
        return build(made_of, RECIPE, objects, cache, lambda done, total: None, run_here, given, keep="all")

    plain = through(assets(tmp_path, objects, tokens=False))
    assert through(assets(tmp_path, objects, tokens=True)) == counted[0]
    assert through(assets(tmp_path, objects, tokens=False)) == plain


def test_samples_are_the_same_for_any_units_and_hold_nothing_that_is_masked(
    make_source: MakeSource, objects: LocalObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        f"{n}.txt": f"{n}号。\n第{n}位的电话1381234{n:04d}在此，请联系。\n第{n}篇普通的文章。".encode()
        for n in range(30)
    }
    source = make_source(files, document="line")
    given = assets(tmp_path, objects, tokens=False)
    one = run([source], objects, given, samples=7)
    monkeypatch.setattr(units_module, "UNIT_FILES", 3)
    other = run([source], objects, given, samples=7)
    rows = lines(one.layers, objects, "samples.jsonl")
    assert rows == lines(other.layers, objects, "samples.jsonl")
    kept = [CorpusSample.model_validate_json(json.dumps(row)) for row in rows]
    assert [(row.decision, row.reason) for row in kept].count(("drop", "too_short")) == 7
    assert [row.rank for row in kept if row.reason == "mobile"] == list(range(1, 8))
    said = json.dumps(rows, ensure_ascii=False)
    assert "1381234" not in said and "〔手机号〕" in said
    assert one.model.samples_per_reason == 7
    none = run([source], objects, given, samples=0)
    assert lines(none.layers, objects, "samples.jsonl") == []


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(0, 10_000)), unique_by=lambda t: t[2]
    ),
    st.integers(1, 8),
    st.integers(0, 2**32),
)
def test_bottom_k_is_what_sorting_by_digest_gives(docs: list[tuple[str, str, int]], k: int, seed: int) -> None:
    import hashlib

    def key(id: str) -> str:
        return hashlib.sha256(b"quanheng corpus samples v1\n" + id.encode()).hexdigest()

    def source(letter: str) -> str:
        return "sha256:" + str("xyz".index(letter)) * 64

    def kept(order: list[tuple[str, str, int]]) -> list[CorpusSample]:
        made = BottomK(k)
        for reason, where, n in order:
            made.add("drop", reason, source(where), f"d{n}", lambda n=n: f"text {n}")  # type: ignore[misc]
        return list(made.rows())

    mixed = docs[:]
    random.Random(seed).shuffle(mixed)
    rows = kept(docs)
    assert rows == kept(mixed)
    for reason in "ab":
        ids = sorted((f"d{n}" for why, _, n in docs if why == reason), key=key)
        assert [row.id for row in rows if row.reason == reason and row.rank] == ids[:k]
        for letter in "xyz":
            mine = sorted((f"d{n}" for why, where, n in docs if (why, where) == (reason, letter)), key=key)
            found = {row.rank_in_source: row.id for row in rows if (row.reason, row.source) == (reason, source(letter))}
            assert [found[rank] for rank in range(1, 1 + min(k, 5, len(mine)))] == mine[: min(k, 5)]
    assert all(row.excerpt == f"text {row.id[1:]}" for row in rows)


def test_takedown_leaves_an_account_that_still_adds_up(counted: Any, objects: LocalObjects) -> None:
    result, made_of = counted
    old = result.model
    digests = {layer.title: layer.digest for layer in result.layers}

    def open_layer(title: str) -> BinaryIO:
        return objects.open(digests[title])

    wanted = Wanted(match=("提到诈骗的留言", "樱花"))
    models = [source.model for source in made_of]
    model, layers, _ = take_down(old, result.layers, open_layer, wanted, objects, models, lambda done, total: None)
    assert isinstance(model, CorpusV3)
    after = CorpusResult(model, layers)
    texts = [row[2] for row in table(after, objects, "data/")]
    assert len(texts) == old.totals.documents - 2 and model.totals.tokens == tokens_of(texts)
    share, before = model.per_source[0], old.per_source[0]
    assert share.dropped_amounts["taken_down"].documents == 2
    taken = ["春天的公园里开满了樱花，游人很多。", "一条写了电话〔手机号〕又提到诈骗的留言。"]
    assert share.dropped_amounts["taken_down"].tokens == tokens_of(taken)
    assert share.edited["mobile"].documents == before.edited["mobile"].documents - 1
    assert share.reviewed["risk_terms"].documents == before.reviewed["risk_terms"].documents - 1
    assert share.risky == before.risky and share.screened == before.screened
    assert model.funnel[-1].tokens_after == model.totals.tokens
    everything = json.dumps(
        [table(after, objects, "decisions/"), lines(layers, objects, "samples.jsonl")], ensure_ascii=False
    )
    # Neither the document nor the copy of it that was dropped as a duplicate says it any more.
    assert "樱花" not in everything and "留言" not in everything


def test_regions_licences_and_the_card_tell_the_same(counted: Any) -> None:
    result, made_of = counted
    model = result.model
    regions = {part.name: part.kept for part in by_region(model)}
    assert set(regions) == {"domestic", "overseas"}
    assert regions["overseas"].tokens == model.per_source[1].tokens_kept
    assert sum(amount.bytes for amount in regions.values()) == model.totals.bytes
    licences = by_licence(model)
    assert [(part.name, part.clear) for part in licences] == [("CC0-1.0", True), ("NOASSERTION", False)]
    for language, words in (
        ("zh", ("## 境内外来源", "## 许可汇总", "词元", "分词器")),
        ("en", ("## By licence", "tokens")),
    ):
        text = card(model, [source.model for source in made_of], language)
        assert all(word in text for word in words)
        assert (
            f"| NOASSERTION | {'否' if language == 'zh' else 'no'} | 1 | {model.per_source[1].documents_kept} |" in text
        )
        assert "37.50 %" in text  # 3 of 8 screened


def test_a_corpus_of_the_kind_before_stays_readable(counted: Any) -> None:
    result, made_of = counted
    plain = result.model.model_dump(mode="json")
    for name in ("tokenizer", "risk_reasons", "samples_per_reason"):
        del plain[name]
    plain["totals"].pop("tokens")
    plain["funnel"] = [
        {k: v for k, v in step.items() if not k.startswith(("bytes", "tokens"))} for step in plain["funnel"]
    ]
    old = ("source", "title", "region", "licence_clear", "documents_read", "documents_kept", "dropped", "broken_rows")
    sizes = ("characters_kept", "bytes_kept")
    plain["per_source"] = [{name: share[name] for name in (*old, *sizes)} for share in plain["per_source"]]
    before = CorpusV2.model_validate_json(json.dumps(plain))
    told = account(before, [source.model for source in made_of])
    assert told["units"] == ["documents", "characters"] and not told["complete"]
    assert {row["name"]: row["documents"] for row in told["regions"]} == {
        row["name"]: row["documents"] for row in account(result.model)["regions"]
    }
    assert [row["name"] for row in told["licences"]] == ["CC0-1.0", "NOASSERTION"]
    assert "## 境内外来源" in card(before, [source.model for source in made_of], "zh")
    with pytest.raises(ValidationError):
        CorpusV2.model_validate_json(result.model.model_dump_json())
