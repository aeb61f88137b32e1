"""A batch is what its record batch is, whatever was taken of it, replaced in it, and asked of it in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa  # noqa: TID253 - a test
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.data.corpus.conftest import source_maker

from quanheng.data.corpus import build, shipped_recipe
from quanheng.data.corpus.batch import Batch
from quanheng.data.corpus.steps import Size, size_of_batch, size_of_rows
from quanheng.data.corpus.work import _Worker, run_here
from quanheng.store import LocalObjects, MemoryCache

TEXTS = st.lists(st.text(st.sampled_from("a中é𠀀\n"), max_size=5), min_size=1, max_size=8)


def batch_of(texts: list[str], known: bool) -> Batch:
    schema = pa.schema([pa.field("n", pa.int64()), pa.field("text", pa.string())])
    columns = [pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string())]
    return Batch(pa.record_batch(columns, schema=schema), list(texts) if known else None)


def size(texts: list[str]) -> Size:
    return Size(len(texts), sum(map(len, texts)), sum(len(text.encode()) for text in texts))


@given(TEXTS, st.data(), st.booleans(), st.booleans())
def test_what_is_taken_again_and_again_is_what_arrow_takes(
    texts: list[str], data: Any, known: bool, measured: bool
) -> None:
    batch, rows = batch_of(texts, known), list(range(len(texts)))
    whole = batch.table
    for _ in range(3):
        if measured:
            assert size_of_batch(batch) == size([texts[row] for row in rows])
        taken = data.draw(st.lists(st.sampled_from(range(len(rows))), unique=True) if rows else st.just([]))
        batch, rows = batch.take(taken), [rows[row] for row in taken]
        left = [texts[row] for row in rows]
        assert len(batch) == len(rows) and batch.names == ["n", "text"]
        assert batch.column("n").to_pylist() == rows
        assert [batch.text(row) for row in range(len(rows))] == left
        assert size_of_batch(batch) == size(left) == size_of_rows(batch, slice(None))
        if data.draw(st.booleans()):
            assert batch.table.equals(whole.take(pa.array(rows, pa.int64())))
    assert batch.texts == [texts[row] for row in rows]


@given(TEXTS, st.data(), st.booleans())
def test_new_texts_stand_in_their_rows_and_are_measured(texts: list[str], data: Any, known: bool) -> None:
    batch = batch_of(["x", *texts], known).take(range(1, len(texts) + 1))
    assert size_of_batch(batch) == size(texts)
    new = data.draw(st.dictionaries(st.sampled_from(range(len(texts))), st.text("新é", max_size=4)))
    after = batch.replaced(new)
    wanted = [new.get(row, text) for row, text in enumerate(texts)]
    assert after.texts == after.column("text").to_pylist() == wanted
    assert size_of_batch(after) == size(wanted)
    assert size_of_batch(batch) == size(texts)


def test_rows_that_a_segment_leaves_as_they_are_are_those_that_it_would_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"第{n}篇文章讲的是不同的事情，" + "甲乙丙丁戊己庚辛壬癸"[n % 10] * 3 + f"，共{n}字。" for n in range(200)]
    found = []
    for written in (False, True):
        objects = LocalObjects(tmp_path / f"objects-{written}")
        source = source_maker(tmp_path, objects)({"a.txt": "\n".join(texts).encode()}, document="line")
        if written:
            monkeypatch.setattr(_Worker, "_changes_rows", lambda self: True)
        made = build(
            [source], shipped_recipe("web-zh"), objects, MemoryCache(), lambda *_: None, run_here, keep="stages"
        )
        assert made.model.totals.documents
        found.append(list(objects.iterate()))
    assert found[0] == found[1]
