"""Parquet layers: their bytes depend on the rows alone, and a failure leaves nothing."""

from __future__ import annotations

import io

import pytest

from quanheng.data.corpus.shards import DATA_COLUMNS, ShardWriter, TableWriter, parquet_rows
from quanheng.store import LocalObjects

pq = pytest.importorskip("pyarrow.parquet")


def row(number: int) -> tuple[tuple[object, ...], int]:
    return (f"id-{number}", "sha256:x", "文" * number, f"d{number}", ["zh", "masked"][: number % 3], ""), 3 * number


def test_rows_survive_and_groups_are_fixed() -> None:
    target = io.BytesIO()
    with TableWriter(target, DATA_COLUMNS, group_rows=4) as table:
        for number in range(10):
            table.add(row(number))
        assert (table.rows, table.bytes) == (10, 135)
    data = target.getvalue()
    assert list(parquet_rows(io.BytesIO(data))) == [row(number)[0] for number in range(10)]
    assert list(parquet_rows(io.BytesIO(data), ["text"])) == [("文" * number,) for number in range(10)]
    with pq.ParquetFile(io.BytesIO(data)) as file:
        meta = file.metadata
        assert [meta.row_group(place).num_rows for place in range(meta.num_row_groups)] == [4, 4, 2]
        assert file.schema_arrow.metadata is None and meta.metadata is None
        assert meta.row_group(0).column(2).compression == "ZSTD"


def test_a_group_is_also_closed_by_its_bytes() -> None:
    target = io.BytesIO()
    with TableWriter(target, DATA_COLUMNS, group_rows=1000, group_bytes=30) as table:
        for number in range(10):
            table.add(row(number))
    with pq.ParquetFile(io.BytesIO(target.getvalue())) as file:
        assert file.metadata.num_row_groups > 3


@pytest.mark.parametrize("cut", [1, 3, 10])
def test_columns_are_cut_like_rows(objects: LocalObjects, cut: int) -> None:
    import pyarrow as pa

    from quanheng.data.corpus.tables import rows_to_batch

    with ShardWriter(objects, "data/part-{:05d}.parquet", DATA_COLUMNS, shard_bytes=40, group_rows=2) as out:
        for first in range(0, 10, cut):
            rows = [row(number) for number in range(first, min(10, first + cut))]
            batch = rows_to_batch([values for values, _ in rows], DATA_COLUMNS)
            assert isinstance(batch, pa.RecordBatch)
            out.add_table(batch, [size for _, size in rows])
    by_row = write(objects, 10, 40)
    assert out.counts == by_row.counts
    assert [layer.digest for layer in out.layers] == [layer.digest for layer in by_row.layers]


@pytest.mark.parametrize("cut", [1, 2, 3, 7])
def test_columns_and_single_rows_may_be_mixed(objects: LocalObjects, cut: int) -> None:
    from quanheng.data.corpus.tables import rows_to_batch

    for shard_bytes, group_rows in ((40, 2), (1000, 4)):
        digests = []
        for mixed in (False, True):
            with ShardWriter(
                objects, "data/{}.parquet", DATA_COLUMNS, shard_bytes=shard_bytes, group_rows=group_rows
            ) as out:
                for first in range(0, 11, cut):
                    rows = [row(number) for number in range(first, min(11, first + cut))]
                    if mixed and (first // cut) % 2:
                        out.add_table(
                            rows_to_batch([values for values, _ in rows], DATA_COLUMNS), [size for _, size in rows]
                        )
                    else:
                        for one in rows:
                            out.add(one)
            digests.append([layer.digest for layer in out.layers])
        assert digests[0] == digests[1]


def test_shards_of_before_are_the_first_ones(objects: LocalObjects) -> None:
    before, whole = write(objects, 6, 40), write(objects, 10, 40)
    assert not before.ended_open and before.counts == [6] and whole.counts == [6, 3, 1]
    with ShardWriter(objects, "data/part-{:05d}.parquet", DATA_COLUMNS, shard_bytes=40, group_rows=2) as out:
        out.adopt(before.layers, before.counts)
        for number in range(6, 10):
            out.add(row(number))
    assert (out.layers, out.counts) == (whole.layers, whole.counts)


@pytest.mark.parametrize(("rows", "ends"), [(3, False), (4, True)])
def test_a_shard_that_holds_an_eighth_of_its_bytes_ends_with_its_source(
    objects: LocalObjects, rows: int, ends: bool
) -> None:
    # 3 bytes a character: 0+3+6 = 9, and 9 more are an eighth of 144.
    with ShardWriter(objects, "data/part-{:05d}.parquet", DATA_COLUMNS, shard_bytes=144, group_rows=2) as out:
        for number in range(rows):
            out.add(row(number))
        out.end_source()
        out.end_source()
        out.add(row(1))
    assert out.counts == ([rows, 1] if ends else [rows + 1])
    assert out.ended_open
    assert write(objects, rows, 144).ended_open == (not ends)


def test_no_rows_is_a_table_too() -> None:
    target = io.BytesIO()
    with TableWriter(target, DATA_COLUMNS, group_rows=4):
        pass
    assert list(parquet_rows(io.BytesIO(target.getvalue()))) == []


def write(objects: LocalObjects, rows: int, shard_bytes: int) -> ShardWriter:
    with ShardWriter(objects, "data/part-{:05d}.parquet", DATA_COLUMNS, shard_bytes=shard_bytes, group_rows=2) as out:
        for number in range(rows):
            out.add(row(number))
    return out


def test_shards_are_closed_by_their_bytes_and_are_the_same_again(objects: LocalObjects) -> None:
    out = write(objects, 10, 40)
    assert [layer.title for layer in out.layers] == [f"data/part-{place:05d}.parquet" for place in range(3)]
    # 3 bytes a character: 0+3+…+15 = 45, 18+21+24 = 63, 27
    assert out.counts == [6, 3, 1]
    assert [layer.digest for layer in write(objects, 10, 40).layers] == [layer.digest for layer in out.layers]
    assert write(objects, 0, 40).layers == []


def test_a_failure_leaves_no_object(objects: LocalObjects) -> None:
    with pytest.raises(RuntimeError):
        with ShardWriter(objects, "part-{}", DATA_COLUMNS, shard_bytes=10**6, group_rows=2) as out:
            out.add(row(1))
            raise RuntimeError("stop")
    assert list(objects.iterate()) == []
    assert list((objects.root / "tmp").iterdir()) == []
