"""Draws: the stream from its definition, Floyd's method by enumeration, evenness by chi-square."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections import Counter
from itertools import combinations, islice, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from quanheng.errors import Invalid
from quanheng.stats import sampling
from quanheng.stats.sampling import below, draw, words


def test_words_are_sha256_of_seed_and_counter() -> None:
    first = hashlib.sha256(b"sha256:ab" + (0).to_bytes(8, "big")).digest()
    second = hashlib.sha256(b"sha256:ab" + (1).to_bytes(8, "big")).digest()
    found = list(islice(words("sha256:ab"), 5))
    assert found[:4] == [int.from_bytes(first[at : at + 8], "big") for at in (0, 8, 16, 24)]
    assert found[4] == int.from_bytes(second[:8], "big")


def test_below_passes_over_words_that_would_favour_small_residues() -> None:
    # 2**64 = 3 * floor(2**64 / 3) + 1: the last word is one too many
    assert below(iter([2**64 - 1, 5]), 3) == 2
    assert below(iter([2**64 - 2]), 3) == (2**64 - 2) % 3
    assert below(iter([2**64 - 1]), 2**64) == 2**64 - 1
    assert below(iter([7]), 1) == 0


@pytest.mark.parametrize(("population", "n"), [(5, 3), (6, 2), (4, 4), (5, 1)])
def test_every_set_comes_from_the_same_number_of_picks(
    population: int, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tops = [top + 1 for top in range(population - n, population)]
    found: Counter[tuple[int, ...]] = Counter()
    for picks in product(*(range(top) for top in tops)):
        script = iter(picks)
        monkeypatch.setattr(sampling, "below", lambda stream, bound, script=script: next(script))
        found[tuple(draw("any", population, n))] += 1
    assert set(found) == set(combinations(range(population), n))
    assert len(set(found.values())) == 1


def test_sets_are_evenly_spread_over_seeds() -> None:
    found = Counter(tuple(draw(f"sha256:{seed}", 6, 2)) for seed in range(6000))
    expected = 6000 / 15
    statistic = sum((found[pair] - expected) ** 2 / expected for pair in combinations(range(6), 2))
    assert statistic < chi2.ppf(0.9999, 14)


@given(st.text(max_size=40), st.integers(1, 10**9), st.integers(1, 50))
def test_a_draw_is_sorted_distinct_and_the_same_again(seed: str, population: int, n: int) -> None:
    n = min(n, population)
    found = draw(seed, population, n)
    assert found == sorted(set(found)) and len(found) == n
    assert 0 <= found[0] and found[-1] < population
    assert draw(seed, population, n) == found


def test_memory_is_that_of_the_sample() -> None:
    tracemalloc.start()
    assert len(draw("sha256:00", 10**9, 4000)) == 4000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_known_draw_stays_the_same() -> None:
    # Published samples must be drawable again for ever.
    assert draw("sha256:ab", 10**9, 5) == [52570585, 109399925, 651871475, 733627912, 843011638]
    assert draw("sha256:ab", 5, 5) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("population", "n"), [(5, 6), (5, 0), (0, 0), (2**64, 1)])
def test_what_cannot_be_drawn_is_refused(population: int, n: int) -> None:
    with pytest.raises(Invalid) as caught:
        draw("sha256:ab", population, n)
    assert caught.value.hint
