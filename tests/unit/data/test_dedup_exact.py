"""Exact copies: which one stays, whatever the units; the partition files; bounded groups."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.data.dedup_units import Corpus, UnitSketch, one_unit, step

from quanheng.data.corpus.dedup.order import Order
from quanheng.data.corpus.dedup.spill import Spill, group_starts
from quanheng.data.corpus.operator import Verdict
from quanheng.errors import Invalid


def test_the_lowest_rank_then_unit_then_row_stays(tmp_path: Path) -> None:
    corpus = Corpus([(2, ["甲", "乙", "甲"]), (1, ["丙", "甲"]), (1, ["甲", "丁"])])
    assert corpus.resolve(step("deduplicate_exact"), tmp_path) == [
        [
            Verdict(0, -1, -1, "duplicate", (1, 1), 1.0),
            Verdict(2, -1, -1, "duplicate", (1, 1), 1.0),
        ],
        [],
        [Verdict(0, -1, -1, "duplicate", (1, 1), 1.0)],
    ]
    assert corpus.asked == []  # no text is read


def test_the_view_says_what_is_equal(tmp_path: Path) -> None:
    corpus = one_unit("好评！", "好评", "ＯＫ 好评", "ok好评。", "！", "!", "！", "臺灣", "台湾")
    assert corpus.kept(step("deduplicate_exact"), tmp_path / "text") == [
        "好评！",
        "好评",
        "ＯＫ 好评",
        "ok好评。",
        "！",
        "!",
        "臺灣",
        "台湾",
    ]
    folded = corpus.kept(step("deduplicate_exact", view="folded"), tmp_path / "folded")
    assert folded == ["好评！", "ＯＫ 好评", "！", "!", "臺灣", "台湾"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.lists(st.sampled_from(["", "甲", "乙", "丙", "！"]), max_size=5)), max_size=6
    )
)
def test_the_first_of_each_text_stays_in_the_order_of_preference(units: list[tuple[int, list[str]]]) -> None:
    import tempfile

    preferred = sorted((rank, unit, row) for unit, (rank, texts) in enumerate(units) for row in range(len(texts)))
    seen: dict[str, tuple[int, int]] = {}
    expected: dict[tuple[int, int], tuple[int, int]] = {}
    for _, unit, row in preferred:
        text = units[unit][1][row]
        if text in seen:
            expected[unit, row] = seen[text]
        seen.setdefault(text, (unit, row))
    with tempfile.TemporaryDirectory() as folder:
        found = Corpus(units).resolve(step("deduplicate_exact"), Path(folder))
    assert {(unit, v.row): v.of for unit, some in enumerate(found) for v in some} == expected


def test_empty_units_are_located_past(tmp_path: Path) -> None:
    order = Order.of([UnitSketch(rank, rows, {}) for rank, rows in ((1, 0), (0, 2), (1, 3), (0, 0), (2, 1))])
    units, rows = order.locate(np.arange(6, dtype=np.uint32))
    assert list(zip(units.tolist(), rows.tolist(), strict=True)) == [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2), (4, 0)]
    assert order.total == 6
    assert one_unit().resolve(step("deduplicate_exact"), tmp_path) == [[]]


def test_partition_files_give_back_every_repeated_key_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.data.corpus.dedup import spill as module

    monkeypatch.setattr(module, "PARTITION", 64)
    monkeypatch.setattr(module, "BUFFER", 50)
    rng = random.Random(3)
    records = [(rng.randrange(400) * 2**55 + rng.randrange(2), rng.randrange(1000)) for _ in range(2_000)]
    spill = Spill(tmp_path / "spill", {"number": "uint32"}, expected=len(records))
    assert spill.partitions == 32
    for at in range(0, len(records), 33):
        part = records[at : at + 33]
        spill.add(key=np.array([key for key, _ in part], np.uint64), number=np.array([n for _, n in part]))
    assert spill.records == 2_000
    found = [
        record
        for some in spill.repeated()
        for record in zip(some["key"].tolist(), some["number"].tolist(), strict=True)
    ]
    keys = [key for key, _ in records]
    assert found == sorted(record for record in records if keys.count(record[0]) > 1)
    assert not list((tmp_path / "spill").iterdir())  # the disk is free again


def test_distinct_keys_of_few_bits_come_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quanheng.data.corpus.dedup import spill as module

    monkeypatch.setattr(module, "PARTITION", 10)
    keys = np.array([5, 99, 5, 0, 63, 64, 99], np.uint64)
    spill = Spill(tmp_path / "spill", {}, expected=40, bits=7)
    spill.add(key=keys)
    assert spill.partitions == 4
    assert np.concatenate(list(spill.distinct())).tolist() == [0, 5, 63, 64, 99]


def test_groups_of_equal_records() -> None:
    assert group_starts(np.array([1, 1, 2, 2, 2]), np.array([0, 1, 1, 1, 3])).tolist() == [0, 1, 2, 4, 5]
    assert group_starts(np.array([], int)).tolist() == [0]


def test_a_wrong_view_is_refused() -> None:
    with pytest.raises(Invalid, match="view") as caught:
        step("deduplicate_exact", view="shadow")
    assert caught.value.code == "bad_parameter"
