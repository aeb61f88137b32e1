"""Which rows a sample holds, as a function of a seed alone, so that anyone can draw it again.

The stream is SHA-256(seed bytes ‖ counter, 8 bytes big endian), counter from 0, cut into 8-byte big-endian words.
A word of value v gives v mod m only when v < m * floor(2**64 / m); other words are passed over, so every
residue is equally likely. Rows are chosen by Floyd's method (Bentley & Floyd 1987, "A sample of brilliance"):
n draws, O(n) memory, no shuffle of the population.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from quanheng.errors import Invalid

_WORD = 8
_RANGE = 1 << (8 * _WORD)


def words(seed: str) -> Iterator[int]:
    """Return the endless stream of 64-bit words of `seed` ("sha256:…" or any text, taken as UTF-8)."""
    base = hashlib.sha256(seed.encode("utf-8"))
    counter = 0
    while True:
        block = base.copy()
        block.update(counter.to_bytes(8, "big"))
        digest = block.digest()
        for at in range(0, len(digest), _WORD):
            yield int.from_bytes(digest[at : at + _WORD], "big")
        counter += 1


def below(stream: Iterator[int], bound: int) -> int:
    """Return the next unbiased integer in [0, bound), 1 <= bound <= 2**64."""
    limit = _RANGE - _RANGE % bound
    for word in stream:
        if word < limit:
            return word % bound
    raise AssertionError("the stream of words is endless")


def draw(seed: str, population: int, n: int) -> list[int]:
    """Return n different row numbers of [0, population), sorted; every set of n is equally likely over seeds.

    Raises Invalid when n is below 1 or above the population, or the population is above 2**63.
    """
    if not 1 <= n <= population or population > 2**63:
        raise Invalid(
            f"cannot draw {n} of {population} rows",
            f"无法从 {population} 行中抽取 {n} 行",
            hint=(
                "Ask for at least 1 and at most as many rows as there are.",
                "抽样数量至少为 1，且不超过总行数。",
            ),
            code="sample_too_large" if n > population else "not_a_sample",
        )
    stream = words(seed)
    chosen: set[int] = set()
    for top in range(population - n, population):
        pick = below(stream, top + 1)
        chosen.add(top if pick in chosen else pick)
    return sorted(chosen)
