"""Mixes: water-filling against its definition, the choice against a sort in memory, the order against one too."""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.data.corpus import mix
from quanheng.data.corpus.export import ExportOptions, export_corpus, shuffle
from quanheng.data.corpus.export_rows import CorpusFiles
from quanheng.data.corpus.mix import GroupPlan, MixChoice, MixGroup, choose, divide, fill, plan_mix
from quanheng.data.corpus.tokens import SourceTokens, TokenTotals
from quanheng.errors import Corrupt, Invalid
from quanheng.kinds.base import Rate
from quanheng.store import canonical_json

from .export_corpora import CORPUS, Made, digest_of, make_corpus, quiet, some_texts

GROUPS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2000)), min_size=1, max_size=8)


def water_level(total: int, weights: Sequence[int], caps: Sequence[int]) -> list[Fraction]:
    """Return min(weight × level, cap) with the level found among the points where the sum bends."""
    bends = sorted({Fraction(cap, weight) for weight, cap in zip(weights, caps, strict=True) if weight})

    def given_at(level: Fraction) -> list[Fraction]:
        return [min(weight * level, Fraction(cap)) for weight, cap in zip(weights, caps, strict=True)]

    before = Fraction(0)
    for bend in bends:
        if sum(given_at(before)) >= total:
            return given_at(before)
        if sum(given_at(bend)) >= total:
            rising = sum(w for w, cap in zip(weights, caps, strict=True) if w and Fraction(cap, w) > before)
            return given_at(before + (total - sum(given_at(before))) / rising)
        before = bend
    return given_at(before)


@settings(max_examples=400, deadline=None)
@given(GROUPS, st.integers(0, 5000))
def test_filling_is_the_water_level_in_whole_numbers(groups: list[tuple[int, int]], total: int) -> None:
    weights, caps = [weight for weight, _ in groups], [cap for _, cap in groups]
    given = fill(total, weights, caps)
    exact = water_level(total, weights, caps)
    assert all(abs(mine - true) < 1 for mine, true in zip(given, exact, strict=True))
    assert all(mine <= cap for mine, cap in zip(given, caps, strict=True))
    assert sum(given) == min(total, sum(cap for weight, cap in groups if weight))
    assert all(mine == 0 for mine, weight in zip(given, weights, strict=True) if not weight)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(0, 5000))
def test_division_adds_up_and_is_within_one(weights: list[int], total: int) -> None:
    shares = divide(total, weights)
    if any(weights):
        assert sum(shares) == total
        assert all(abs(s - Fraction(total * w, sum(weights))) < 1 for s, w in zip(shares, weights, strict=True))


def totals(**tokens: int) -> TokenTotals:
    return TokenTotals(
        CORPUS, "sha256:" + "7" * 64, {name: SourceTokens(3, 10, count) for name, count in tokens.items()}
    )


def test_a_plan_says_who_is_short_and_who_stands_in() -> None:
    groups = [
        MixGroup("laws", ("a",), 50, Rate(k=2, n=1)),
        MixGroup("web", ("b", "c"), 50, Rate(k=3, n=2)),
        MixGroup("none", ("d",), 0),
    ]
    plan = plan_mix(groups, totals(a=100, b=300, c=500, d=10, e=7), total=1000, seed="s")
    laws, web, none = plan.groups
    assert (laws.wanted, laws.cap, laws.planned) == (500, 200, 200)
    assert (web.wanted, web.cap, web.planned, web.available, web.documents) == (500, 1200, 800, 800, 6)
    assert (none.planned, none.reason) == (0, None)
    assert laws.reason is not None and "300 tokens short: at most 2 epochs of 100" in laws.reason.en
    assert web.reason is not None and "300 tokens more" in web.reason.en
    assert (plan.planned, plan.shortfall, plan.left_out) == (1000, 0, ("e",))
    assert laws.epochs == Rate(k=200, n=100)
    full = plan_mix(groups, totals(a=100, b=300, c=500, d=10), total=2000, seed="s")
    assert [group.planned for group in full.groups] == [200, 1200, 0] and full.shortfall == 600
    canonical_json(plan.to_json())


def test_weights_without_a_total_are_tokens() -> None:
    plan = plan_mix([MixGroup("a", ("a",), 150), MixGroup("b", ("b",), 60)], totals(a=100, b=100), total=None, seed="s")
    assert [group.planned for group in plan.groups] == [150, 60] and plan.total == 210


@pytest.mark.parametrize(
    ("groups", "code"),
    [
        ([], "no_groups"),
        ([MixGroup("x", ("a",), 1), MixGroup("x", ("b",), 1)], "group_twice"),
        ([MixGroup("x", ("a",), 1), MixGroup("y", ("a",), 1)], "source_twice"),
        ([MixGroup("x", ("zz",), 1)], "source_missing"),
        ([MixGroup("x", ("a",), -1)], "bad_weight"),
        ([MixGroup("x", ("a",), 0)], "bad_weight"),
        ([MixGroup("x", ("a",), 1, Rate(k=1, n=0))], "bad_epochs"),
    ],
)
def test_bad_groups(groups: list[MixGroup], code: str) -> None:
    with pytest.raises(Invalid) as error:
        plan_mix(groups, totals(a=1, b=1), total=10, seed="s")
    assert error.value.code == code


def counted(made: Made, tmp_path: Path) -> tuple[TokenTotals, list[int], Callable[[], BinaryIO]]:
    """Return token counts (here a third of the characters) as `count_corpus` would have left them."""
    counts = [len(text) // 3 for _, _, text in made.rows]
    path = tmp_path / "counts"
    path.write_bytes(struct.pack(f"<{len(counts)}I", *counts))
    found = TokenTotals(made.files.digest, "sha256:" + "7" * 64)
    for (_, source, text), count in zip(made.rows, counts, strict=True):
        found._add(source, len(text), count)
    return found, counts, lambda: path.open("rb")


def by_hand(made: Made, counts: Sequence[int], group: GroupPlan, seed: str) -> tuple[Counter[str], int]:
    """Return how often each document of a group is taken, by sorting all of them in memory."""
    rows = [(row, count) for row, count in zip(made.rows, counts, strict=True) if row[1] in group.sources]
    times, rest = divmod(group.planned, group.available) if group.available else (0, 0)
    taken = Counter({id: times for (id, _, _), _ in rows})
    tokens = times * sum(count for _, count in rows)

    def place(row: tuple[str, str, str]) -> tuple[int, str]:
        key = f"mix choice\n{seed}\n{digest_of(row[2])}".encode()
        return int.from_bytes(hashlib.sha256(key).digest()[:8], "big"), row[0]

    for row, count in sorted(rows, key=lambda pair: place(pair[0])):
        if count > rest:
            break
        rest -= count
        tokens += count
        taken[row[0]] += 1
    return +taken, tokens


def choice_of(made: Made, tmp_path: Path, total: int, seed: str = "s") -> tuple[MixChoice, list[int]]:
    found, counts, open_counts = counted(made, tmp_path)
    groups = [
        MixGroup("甲", (digest_of("甲"),), 2, Rate(k=5, n=2)),
        MixGroup("others", (digest_of("乙"), digest_of("丙")), 1, Rate(k=3, n=1)),
    ]
    plan = plan_mix(groups, found, total=total, seed=seed)
    return choose(plan, made.files, open_counts, quiet), counts


@pytest.mark.parametrize("total", [0, 1, 37, 500, 1000, 2777, 10**6])
@pytest.mark.parametrize("repeated", [False, True])
def test_the_choice_is_that_of_a_sort_in_memory(tmp_path: Path, total: int, repeated: bool) -> None:
    texts = some_texts(90, names=("甲", "乙", "丙"))
    made = make_corpus(texts + texts[:30] if repeated else texts)  # equal texts have equal hashes
    choice, counts = choice_of(made, tmp_path, total)
    for at, group in enumerate(choice.plan.groups):
        expected, tokens = by_hand(made, counts, group, "s")
        mine = Counter(
            {id: choice.copies(at, digest_of(text), id) for id, source, text in made.rows if source in group.sources}
        )
        assert +mine == expected
        assert choice.groups[at].documents == expected.total() and choice.groups[at].tokens == tokens
        longest = max(counts)
        assert group.planned - longest < tokens <= group.planned <= group.cap


@pytest.mark.parametrize("shift", [52, 63, 64])
def test_a_document_that_fits_exactly_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: int) -> None:
    monkeypatch.setattr(mix, "_BIN_SHIFT", shift)  # 4,096 bins, two, or one that holds every document
    made = make_corpus(some_texts(60, names=("甲",)))
    found, _, open_counts = counted(made, tmp_path)
    groups = [MixGroup("甲", (digest_of("甲"),), 1)]

    def choice(total: int) -> MixChoice:
        return choose(plan_mix(groups, found, total=total, seed="s"), made.files, open_counts, quiet)

    some = choice(300)
    fits = some.groups[0].tokens
    assert 0 < fits < 300 and choice(fits).groups == some.groups
    assert choice(fits - 1).groups[0].documents == some.groups[0].documents - 1


def test_the_choice_does_not_depend_on_the_order_of_the_corpus(tmp_path: Path) -> None:
    texts = some_texts(90, names=("甲", "乙", "丙"))
    chosen = []
    for name, rows in (("a", texts), ("b", texts[::-1])):
        (tmp_path / name).mkdir()
        made = make_corpus(rows)
        choice, _ = choice_of(made, tmp_path / name, 900)
        groups = choice.plan.groups_of_sources()
        chosen.append({text: choice.copies(groups[source], digest_of(text), id) for id, source, text in made.rows})
    assert chosen[0] == chosen[1] and 0 < sum(chosen[0].values())


def test_another_seed_takes_other_documents(tmp_path: Path) -> None:
    made = make_corpus(some_texts(90, names=("甲", "乙", "丙")))
    taken = []
    for seed in ("s", "t"):
        choice, _ = choice_of(made, tmp_path, 400, seed)
        groups = choice.plan.groups_of_sources()
        taken.append({id for id, source, text in made.rows if choice.copies(groups[source], digest_of(text), id)})
    assert taken[0] != taken[1]


def test_counts_and_plan_of_another_corpus_are_refused(tmp_path: Path) -> None:
    made = make_corpus(some_texts(30, names=("甲", "乙", "丙")))
    choice, _ = choice_of(made, tmp_path, 100)
    (tmp_path / "counts").write_bytes(b"\0" * 4 * 31)
    with pytest.raises(Corrupt):
        choose(choice.plan, made.files, lambda: (tmp_path / "counts").open("rb"), quiet)
    other = replace(choice.plan, corpus="sha256:" + "d" * 64)
    with pytest.raises(Invalid) as error:
        choose(other, made.files, lambda: (tmp_path / "counts").open("rb"), quiet)
    assert error.value.code == "other_corpus"
    with pytest.raises(Invalid) as error:
        export_corpus(made.files, "parquet", tmp_path / "out", ExportOptions(mix=replace(choice, plan=other)), quiet)
    assert error.value.code == "other_corpus"


def ids_in_order(choice: MixChoice, files: CorpusFiles, scratch: Path) -> list[str]:
    scratch.mkdir()
    found = [
        id
        for batch in shuffle.mixed_batches(choice, files, scratch, lambda done: None)
        for id in batch.column("id").to_pylist()
    ]
    assert list(scratch.iterdir()) == []
    return found


def test_the_order_is_that_of_a_sort_in_memory_whatever_the_buckets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_corpus(some_texts(90, names=("甲", "乙", "丙")))
    choice, _ = choice_of(made, tmp_path, 2000)
    groups = choice.plan.groups_of_sources()
    copies = [
        (int.from_bytes(hashlib.sha256(f"mix order\ns\n{id}\n{copy}".encode()).digest()[:8], "big"), id)
        for id, source, text in made.rows
        for copy in range(choice.copies(groups[source], digest_of(text), id))
    ]
    expected = [id for _, id in sorted(copies)]
    assert len(expected) == choice.documents and len(set(expected)) < len(expected)
    assert ids_in_order(choice, made.files, tmp_path / "a") == expected
    for size in (20_000, 2000, 1):  # buckets in one, two and more levels
        monkeypatch.setattr(shuffle, "BUCKET_BYTES", size)
        assert ids_in_order(choice, made.files, tmp_path / str(size)) == expected
