"""Two corpora compared: as counting their texts by hand says."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.data.corpus.compare import Side, compare
from quanheng.data.corpus.shards import DATA_COLUMNS, TableWriter

TEXTS = st.lists(st.tuples(st.sampled_from("甲乙"), st.integers(0, 12)), max_size=25)


def side(path: Path, rows: list[tuple[str, int]]) -> Side:
    with path.open("wb") as stream, TableWriter(stream, DATA_COLUMNS, group_rows=4) as writer:
        for place, (source, n) in enumerate(rows):
            digest = "sha256:" + hashlib.sha256(str(n).encode()).hexdigest()
            writer.add(((f"{path.name}-{place}", source, f"文本{n}", digest, [], ""), 9))
    return Side([path.name], lambda title: (path.parent / title).open("rb"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare")


@settings(max_examples=40, deadline=None)
@given(first=TEXTS, second=TEXTS, seed=st.integers(0, 3))
def test_counts_are_those_of_the_texts(
    folder: Path, first: list[tuple[str, int]], second: list[tuple[str, int]], seed: int
) -> None:
    found = compare(side(folder / "a", first), side(folder / "b", second), seed=seed, shown=3)
    texts = [Counter(n for _, n in rows) for rows in (first, second)]
    assert found.both == (texts[0] & texts[1]).total()
    alone = [texts[0] - texts[1], texts[1] - texts[0]]
    assert [found.only_first.total(), found.only_second.total()] == [part.total() for part in alone]
    for shown, part in ((found.shown_first, alone[0]), (found.shown_second, alone[1])):
        assert {row["text"] for row in shown} <= {f"文本{n}" for n in part}
        assert len({row["text_digest"] for row in shown}) == min(3, len(part))


def test_of_copies_the_surplus_counts_for_the_first_that_hold_it(folder: Path) -> None:
    found = compare(side(folder / "a", [("甲", 1), ("乙", 1), ("乙", 1)]), side(folder / "b", [("甲", 1)]))
    assert found.both == 1 and found.only_first.total() == 2 and not found.only_second
