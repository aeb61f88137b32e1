"""Looking into a corpus: what is drawn is there, follows from the seed, and lengths agree with counting by hand."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus import AssetInput, build, look, parquet_rows, read_lexicon, run_here, shipped_recipe
from quanheng.errors import Corrupt, Invalid
from quanheng.kinds.sources import Reading
from quanheng.store import LocalObjects, MemoryCache

WORDS = "今天 我们 一起 讨论 图书馆 的 新 规则 大家 觉得 服务 很好 希望 明年 增加 座位".split()


def text(number: int) -> str:
    return (
        "".join(WORDS[(number * 7 + place * place) % len(WORDS)] for place in range(3 + number % 29)) + f"第{number}条"
    )


@pytest.fixture
def corpus(objects: LocalObjects, make_source: Any, tmp_path: Path) -> Any:
    """Return a corpus of many small shards and row groups, with dropped, masked and hit documents."""
    good = [text(number) for number in range(200)]
    bad = ["短", "Only English words stand here, nothing else.", good[0], good[1], "哈哈哈哈哈" * 30]
    found = ["电话13812345678请记下来", "这里有刷单返利的广告内容"]
    one = make_source({"a.txt": "\n".join([*good, *bad, *found]).encode()}, title="一", document="line")
    two = make_source(
        {"b.txt": "\n".join(["x", *(text(900 + n) for n in range(30))]).encode()}, title="二", document="line"
    )
    path = tmp_path / "terms.jsonl"
    path.write_text('{"term": "刷单返利", "risk": "A.1.h"}\n', "utf-8")
    model, rows = read_lexicon(path, title="t", version="1", owner="o")
    terms = objects.put_bytes(rows).digest
    assert model.terms == 1
    made = build(
        [one, two],
        shipped_recipe("web-zh").model_copy(update={"shard_bytes": 4_000, "row_group_rows": 16}),
        objects,
        MemoryCache(),
        lambda done, total: None,
        run_here,
        assets={"lexicon": AssetInput("sha256:" + "0" * 64, terms)},
    )
    layers = {layer.title: layer for layer in made.layers}

    class Made:
        model = made.model
        data = sorted(title for title in layers if title.startswith("data/"))
        decisions = sorted(title for title in layers if title.startswith("decisions/"))
        sources = (one.digest, two.digest)

        @staticmethod
        def open(title: str) -> Any:
            return objects.open(layers[title].digest)

        @staticmethod
        def rows(titles: list[str]) -> list[tuple[Any, ...]]:
            found = []
            for title in titles:
                with Made.open(title) as stream:
                    found += list(parquet_rows(stream))
            return found

        @staticmethod
        def task(titles: list[str], **more: Any) -> dict[str, Any]:
            return {"files": [[title, str(objects.path(layers[title].digest))] for title in titles], **more}

    assert len(Made.data) > 3
    return Made


def test_kept_documents_are_rows_of_the_corpus(corpus: Any) -> None:
    rows = corpus.rows(corpus.data)
    seen = set()
    for seed in range(40):
        drawn = look.draw_kept(corpus.data, corpus.open, seed=seed, n=7)
        assert drawn.population == corpus.model.totals.documents == len(rows)
        assert len(drawn.rows) == 7 and [row.index for row in drawn.rows] == sorted({row.index for row in drawn.rows})
        for row in drawn.rows:
            assert (row.id, row.source, row.text) == rows[row.index][:3] and row.flags == tuple(rows[row.index][4])
        seen |= {row.index for row in drawn.rows}
    assert len(seen) > len(rows) / 2  # another seed shows others


def test_the_same_seed_draws_the_same(corpus: Any) -> None:
    first = look.draw_kept(corpus.data, corpus.open, seed=5, n=6)
    assert first == look.draw_kept(corpus.data, corpus.open, seed=5, n=6)
    assert first != look.draw_kept(corpus.data, corpus.open, seed=6, n=6)


def test_conditions_agree_with_counting_by_hand(corpus: Any) -> None:
    rows = corpus.rows(corpus.data)
    for source in corpus.sources:
        for flags in ((), ("masked",), ("hit", "review")):
            wanted = {row[0] for row in rows if row[1] == source and (not flags or set(flags) & set(row[4]))}
            drawn = look.draw_kept(corpus.data, corpus.open, seed=1, n=1000, source=source, flags=flags)
            assert drawn.population == len(wanted) and {row.id for row in drawn.rows} == wanted
    decided = corpus.rows(corpus.decisions)
    for reason in ("too_short", "not_chinese", "repetitive", "duplicate", "too_long", ""):
        for source in ("", *corpus.sources):
            wanted = {
                row[0] for row in decided if row[2] == "drop" and reason in ("", row[3]) and source in ("", row[1])
            }
            drawn = look.draw_decided(corpus.decisions, corpus.open, seed=1, n=1000, reason=reason, source=source)
            assert drawn.population == len(wanted) and {row.id for row in drawn.rows} == wanted
            assert all(row.decision == "drop" for row in drawn.rows)


def test_nothing_to_draw_from(corpus: Any) -> None:
    assert look.draw_kept([], corpus.open, seed=0, n=3) == look.Drawn(0, ())
    assert look.draw_kept(corpus.data, corpus.open, seed=0, n=3, source="sha256:none") == look.Drawn(0, ())
    assert look.draw_decided(corpus.decisions, corpus.open, seed=0, n=0).rows == ()


def test_one_document_by_its_row(corpus: Any) -> None:
    rows = corpus.rows(corpus.data)
    for index in (0, 15, 16, 17, len(rows) - 1):
        found = look.document(corpus.data, corpus.open, index)
        assert (found.index, found.id, found.text) == (index, rows[index][0], rows[index][2])
    with pytest.raises(Corrupt, match="end before row"):
        look.document(corpus.data, corpus.open, len(rows))


def test_lengths_agree_with_counting_by_hand(corpus: Any) -> None:
    sizes = sorted(len(row[2]) for row in corpus.rows(corpus.data))
    found = look.lengths(corpus.data, corpus.open)
    assert (found.documents, found.characters) == (len(sizes), sum(sizes))
    assert found.characters == corpus.model.totals.characters
    assert found == look.lengths_of(Counter(sizes))


@given(st.lists(st.integers(0, 30_000), min_size=1, max_size=60))
def test_bins_and_quantiles(sizes: list[int]) -> None:
    found = look.lengths_of(Counter(sizes))
    ordered = sorted(sizes)
    assert sum(part.documents for part in found.bins) == len(sizes)
    assert sum(part.characters for part in found.bins) == sum(sizes)
    for before, after in zip(found.bins, found.bins[1:], strict=False):
        assert before.high + 1 == after.low
    for part in found.bins:
        assert part.documents == sum(part.low <= size <= part.high for size in sizes)
    for quantile in found.quantiles:
        rank = max(1, -(-len(sizes) * quantile.k // quantile.n))
        assert quantile.characters == ordered[rank - 1]


def test_no_documents_have_no_lengths() -> None:
    assert look.lengths_of(Counter()) == look.Lengths(0, 0, (), ())


@given(st.text("甲乙丙丁", max_size=60))
def test_repeated_pieces(text: str) -> None:
    covered = {at for start, end in look.repeated(text) for at in range(start, end)}
    again = set()
    for at in range(len(text) - look.PIECE + 1):
        if text[at : at + look.PIECE] in {text[before : before + look.PIECE] for before in range(at)}:
            again |= set(range(at, at + look.PIECE))
    assert covered == again


def test_placeholders_are_where_masking_put_them() -> None:
    masked = "联系〔手机号〕或〔电子邮箱〕，〔不是〕"
    assert [masked[start:end] for start, end in look.placeholders(masked)] == ["〔手机号〕", "〔电子邮箱〕"]


def test_tasks_for_a_child_process(corpus: Any) -> None:
    """What goes through JSON comes back the same."""
    kept = corpus.task(corpus.data, dropped=False, seed=3, n=4, source="", flags=[])
    dropped = corpus.task(corpus.decisions, dropped=True, seed=3, n=4, source="", reason="duplicate")
    first, second = json.loads(json.dumps(look.sampled(json.loads(json.dumps({"draws": [kept, dropped]})))))
    direct = look.draw_kept(corpus.data, corpus.open, seed=3, n=4)
    assert first["population"] == direct.population and second["population"] == 2
    assert [row["id"] for row in first["rows"]] == [row.id for row in direct.rows]
    assert look.opened(corpus.task(corpus.data, index=3))["index"] == 3
    found = look.measured(corpus.task(corpus.data))
    assert found["documents"] == corpus.model.totals.documents and found["bins"][0]["low"] >= 1


def test_what_is_no_parquet_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"PAR1 nothing PAR1")
    for function in (look.measured, look.opened):
        with pytest.raises(Invalid) as caught:
            function({"files": [["data/part-0", str(path)]], "index": 0})
        assert caught.value.code == "unreadable_parquet"


def test_the_first_documents_of_files(tmp_path: Path) -> None:
    lines = tmp_path / "a.txt"
    lines.write_text("第一行\n\n电话13812345678\n" + "很长的一行" * 20 + "\n", "utf-8")
    rows = tmp_path / "b.jsonl"
    rows.write_text('{"text": "好"}\n{"text": 断\n', "utf-8")
    task = {
        "files": [["a.txt", str(lines), "txt"], ["b.jsonl", str(rows), "jsonl"]],
        "reading": Reading(document="line").model_dump(mode="json"),
        "n": 3,
    }
    found = look.read_first(task)
    assert [row["row"] for row in found["a.txt"]] == ["1", "3", "4"]
    assert found["a.txt"][1]["text"] == "电话〔手机号〕" and found["a.txt"][1]["masked"] == [[2, 7]]
    assert found["a.txt"][1]["characters"] == 13 and found["a.txt"][2]["characters"] == 100
    assert found["b.jsonl"][1] | {"text": ""} == {
        "row": "2", "reason": "not_json", "broken": True, "characters": 0, "text": "", "masked": []
    }  # fmt: skip


def test_only_whole_lines_of_the_beginning_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "HEAD_BYTES", 32)
    path = tmp_path / "a.txt"
    path.write_text("一二三四五\n六七八九十\n甲乙丙丁戊\n", "utf-8")
    with path.open("rb") as stream:
        found = look.first_documents(stream, "txt", Reading(document="line"), 9)
    assert [item.text for item in found] == ["一二三四五", "六七八九十"]  # type: ignore[union-attr]


def test_a_compressed_file_is_not_cut_in_half(monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip
    import io

    monkeypatch.setattr(look, "HEAD_BYTES", 64)
    data = gzip.compress("\n".join(json.dumps({"text": text(n)}) for n in range(200)).encode())
    found = look.first_documents(io.BytesIO(data), "jsonl", Reading(), 3)
    assert [row.text for row in found if not isinstance(row, look.Broken)] == [text(n) for n in range(3)]
