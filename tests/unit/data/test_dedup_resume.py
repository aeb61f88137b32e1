"""A resolution that is continued: the same verdicts as one afresh, and no text asked for again without need."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.data.dedup_units import Corpus, UnitSketch, han, replaced, step

from quanheng.data.corpus.dedup.bands import sharing
from quanheng.data.corpus.dedup.order import Order
from quanheng.data.corpus.operator import Known, Verdict

Units = list[tuple[int, list[str]]]
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("deduplicate_near", {}),
    # So few bands that a bucket may begin with a document that went.
    ("deduplicate_near", {"threshold": "0.5", "bands": 2, "rows": 1, "representatives": 1}),
    ("deduplicate_substring", {"min_characters": 40}),
]


def units_of(rng: random.Random, count: int) -> Units:
    """Return units of texts that repeat each other whole, nearly, and in passages; each with a rank of its own."""
    passages = [han(rng, rng.randrange(45, 120)) for _ in range(6)]
    texts = [han(rng, rng.choice([4, 60, 150])) for _ in range(8)]
    units = []
    for rank in range(count):
        made = []
        for _ in range(rng.randrange(1, 14)):
            base = rng.choice(texts)
            chosen = [
                base,
                replaced(base, rng.randrange(1 + len(base) // 20), rng),
                rng.choice(passages) + han(rng, 30),
            ]
            texts.append(rng.choice([*chosen, han(rng, 80) + rng.choice(passages), "".join(rng.sample(passages, 2))]))
            made.append(texts[-1])
        units.append((rank, made))
    return units


def known_of(units: Units, order: list[int], found: list[list[Verdict]]) -> Known:
    """Return what was found on units, the first of those that stand in `order` now."""

    def moved() -> Iterator[list[Verdict]]:
        for verdicts in found:
            yield [one._replace(of=(order[one.of[0]], one.of[1])) for one in verdicts]

    return Known(len(units), moved)


@pytest.mark.parametrize(("name", "params"), STEPS)
def test_continued_or_afresh_the_verdicts_are_the_same(name: str, params: dict[str, Any], tmp_path: Path) -> None:
    dropped = 0
    for seed in range(40):
        rng = random.Random(seed)
        units, made = units_of(rng, 7), step(name, **params)
        first = rng.randrange(1, 7)
        before = Corpus(units[:first]).resolve(made, tmp_path / f"{seed}-before")
        # The units as a build may have them: in any order; the rank decides.
        order = rng.sample(range(7), 7)
        now = Corpus([units[order.index(place)] for place in range(7)])
        whole = now.resolve(made, tmp_path / f"{seed}-whole")
        asked = len(now.asked)
        continued = now.resume(made, known_of(units[:first], order, before), tmp_path / f"{seed}-continued")
        assert continued == whole
        assert [continued[order[unit]] for unit in range(first)] == [
            [one._replace(of=(order[one.of[0]], one.of[1])) for one in some] for some in before
        ]
        gone = {(order[unit], one.row) for unit in range(first) for one in before[unit]}
        if name == "deduplicate_near":
            assert not any((unit, row) in gone for unit, rows in now.asked[asked:] for row in rows)
        dropped += sum(map(len, whole))
    assert dropped > 200


@pytest.mark.parametrize(("name", "params"), STEPS)
def test_nothing_new_asks_for_no_text(name: str, params: dict[str, Any], tmp_path: Path) -> None:
    units, made = units_of(random.Random(3), 7), step(name, **params)
    corpus = Corpus(units)
    whole = corpus.resolve(made, tmp_path / "whole")
    corpus.asked.clear()
    assert corpus.resume(made, known_of(units, list(range(7)), whole), tmp_path / "continued") == whole
    assert corpus.asked == []


def test_a_bucket_begins_with_the_document_that_it_began_with(tmp_path: Path) -> None:
    """One that went is still the representative of its bucket, as it was when it went."""
    rng = random.Random(5)
    first, other = han(rng, 80), han(rng, 80)
    corpus = Corpus([(0, [first, replaced(first, 1, rng), other]), (1, [replaced(other, 1, rng)])])
    bands = [[[1, 10], [1, 20], [2, 20]], [[3, 20]]]
    identity = iter(range(1, 99))

    def sketches(made: Any) -> list[UnitSketch]:
        return [
            UnitSketch(
                rank,
                len(texts),
                {
                    "bands": np.array(bands[rank], np.uint64),
                    "identity": np.array([[next(identity), 0] for _ in texts], np.uint64),
                },
            )
            for rank, texts in corpus.units
        ]

    corpus.sketches = sketches  # type: ignore[method-assign]
    near = step("deduplicate_near", bands=2, rows=1, representatives=1)
    whole = corpus.resolve(near, tmp_path / "whole")
    assert [len(some) for some in whole] == [1, 0]
    assert corpus.resume(near, known_of(corpus.units[:1], [0, 1], whole[:1]), tmp_path / "continued") == whole


def test_of_many_old_documents_few_are_looked_at_and_the_verdicts_are_the_same(tmp_path: Path) -> None:
    rng = random.Random(8)
    old = [han(rng, 90) for _ in range(900)]
    boilerplate = [han(rng, 85) for _ in range(40)]
    # Copies and near-copies within the old ones, of which some are met again, and buckets of more than 32.
    old += [*rng.sample(old, 60), *(replaced(text, 1, rng) for text in rng.sample(old, 60))]
    old += [boilerplate[0] + han(rng, 3) for _ in range(50)]
    new = [replaced(rng.choice(old), rng.randrange(3), rng) for _ in range(40)]
    new += [*(han(rng, 90) for _ in range(40)), *(boilerplate[0] + han(rng, 2) for _ in range(5))]
    rng.shuffle(old)
    units = [(0, old[:400]), (1, old[400:]), (2, new[:50]), (3, new[50:])]
    made = step("deduplicate_near")
    before = Corpus(units[:2]).resolve(made, tmp_path / "before")
    now, afresh = Corpus(units), Corpus(units)
    whole = afresh.resolve(made, tmp_path / "whole")
    assert now.resume(made, known_of(units[:2], [0, 1], before), tmp_path / "continued") == whole
    assert 20 < sum(map(len, whole[2:])) < 60
    assert sum(len(rows) for _, rows in now.asked) < sum(len(rows) for _, rows in afresh.asked) - 60


def test_documents_that_share_a_band_are_found_and_few_others(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    ranks, rows = [1, 0, 2], [3000, 2000, 150]  # the second unit comes first in the order of preference
    bands = [rng.integers(0, 2**64, (count, 16), np.uint64) for count in rows]
    shared = [
        (unit, int(row), int(new)) for unit in (0, 1) for row, new in zip(range(0, 1000, 20), range(50), strict=True)
    ]
    for unit, row, new in shared:
        bands[unit][row, new % 16] = bands[2][new, (new + unit) % 16]
    sketches = [UnitSketch(rank, len(some), {"bands": some}) for rank, some in zip(ranks, bands, strict=True)]
    order = Order.of(sketches)
    found = sharing(sketches, "bands", 16, order, 5000)
    assert found[5000:].all()
    assert all(found[order.starts[unit] + row] for unit, row, _ in shared)
    assert found[:5000].sum() < 100 + 0.1 * 5000
