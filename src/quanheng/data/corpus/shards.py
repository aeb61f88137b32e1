"""Parquet files whose bytes depend on the rows alone: fixed row groups, one codec, no pandas and no Arrow metadata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from quanheng.data.corpus.arrow import to_arrow
from quanheng.store import Layer, ObjectStore

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET = "application/vnd.apache.parquet"
#: A row group is also closed at this many bytes of text, so that memory is bounded whatever the rows are.
GROUP_BYTES = 32 * 1024 * 1024
#: A shard that holds this part of its bytes also ends where a source does: what is added behind leaves it as it is.
ENDS_WITH_SOURCE = 8

#: Column name and Arrow type, by name, so that nothing heavy is imported here.
Columns = tuple[tuple[str, str], ...]
DATA_COLUMNS: Columns = (
    ("id", "string"),
    ("source", "string"),
    ("text", "string"),
    ("text_digest", "string"),
    ("flags", "strings"),
    ("url", "string"),
)
DECISION_COLUMNS: Columns = (
    ("id", "string"),
    ("source", "string"),
    ("decision", "string"),
    ("reason", "string"),
    ("excerpt", "string"),
    ("of", "string"),
    ("measure", "string"),
    ("spans", "string"),
    ("url", "string"),
)
#: Few distinct values; every other column is written plain, so that the dictionary limit of a page never decides.
_DICTIONARIES = ("source", "reason", "decision", "flags.list.element")

Row = tuple[object, ...]


def schema_of(columns: Columns) -> pa.Schema:
    """Return the Arrow schema of columns."""
    import pyarrow as pa

    types = {
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "string": pa.string(),
        "strings": pa.list_(pa.string()),
    }
    return pa.schema([pa.field(name, types[kind], nullable=False) for name, kind in columns])


class TableWriter:
    """Writes rows into one Parquet file; a context manager. Holds one row group in memory."""

    def __init__(
        self, target: object, columns: Columns, *, group_rows: int, group_bytes: int = GROUP_BYTES, level: int = 3
    ) -> None:
        import pyarrow.parquet as pq

        self._schema = schema_of(columns)
        self._group_rows = group_rows
        self._group_bytes = group_bytes
        self._rows: list[Row] = []
        self._pending: list[pa.RecordBatch] = []
        self._held = 0
        self._bytes = 0
        self.rows = 0
        self.bytes = 0
        present = [name for name in _DICTIONARIES if name.split(".")[0] in self._schema.names]
        self._writer = pq.ParquetWriter(
            target,
            self._schema,
            version="2.6",
            compression="zstd",
            compression_level=level,
            use_dictionary=present,
            write_statistics=False,
            store_schema=False,
            data_page_version="1.0",
        )

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, sized: tuple[Row, int]) -> None:
        """Add a row; the second part is the bytes of its text."""
        row, size = sized
        self._rows.append(row)
        self._held += 1
        self._bytes += size
        self.rows += 1
        self.bytes += size
        if self._held >= self._group_rows or self._bytes >= self._group_bytes:
            self._flush()

    def add_table(self, table: pa.RecordBatch, sizes: Sequence[int]) -> None:
        """Add rows as columns; `sizes`: the bytes of the text of each. Row groups end where `add` would end them."""
        self._gather()
        start = 0
        for row, size in enumerate(sizes):
            self._bytes += size
            self._held += 1
            if self._held >= self._group_rows or self._bytes >= self._group_bytes:
                self._pending.append(table.slice(start, row + 1 - start))
                start = row + 1
                self._flush()
        if start < table.num_rows:
            self._pending.append(table.slice(start))
        self.rows += table.num_rows
        self.bytes += sum(sizes)

    def _gather(self) -> None:
        """Put the rows that were added one by one behind the columns that wait for their row group."""
        import pyarrow as pa

        if self._rows:
            arrays = [
                to_arrow(values, field.type)
                for values, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
            ]
            self._pending.append(pa.record_batch(arrays, schema=self._schema))
            self._rows = []

    def _flush(self) -> None:
        import pyarrow as pa

        self._gather()
        if self._pending:
            whole = pa.concat_batches([batch.cast(self._schema) for batch in self._pending])
            self._writer.write_batch(whole)
            self._pending, self._held, self._bytes = [], 0, 0


class ShardWriter:
    """Writes rows into as many Parquet layers as needed; a context manager. `layers` and `counts` tell them after."""

    def __init__(
        self, objects: ObjectStore, title: str, columns: Columns, *, shard_bytes: int, group_rows: int
    ) -> None:
        self._objects = objects
        self._title = title
        self._columns = columns
        self._shard_bytes = shard_bytes
        self._group_rows = group_rows
        self._open: tuple[ExitStack, object, TableWriter] | None = None
        self.layers: list[Layer] = []
        self.counts: list[int] = []
        #: Whether the last shard had room for more.
        self.ended_open = False

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None and kind is not None:
            # Hands the exception on, so that the half-written object is abandoned.
            self._open[0].__exit__(kind, error, trace)
        elif self._open is not None:
            self.end_source()
            self.ended_open = self._open is not None
            self._close()

    def end_source(self) -> None:
        """Note that a source ended: what is added from now on is of another one."""
        if self._open is not None and self._open[2].bytes * ENDS_WITH_SOURCE >= self._shard_bytes:
            self._close()

    def adopt(self, layers: Sequence[Layer], counts: Sequence[int]) -> None:
        """Take shards that were written before, by the same options, as the first ones; each of them is full."""
        self.layers, self.counts = list(layers), list(counts)

    def add(self, sized: tuple[Row, int]) -> None:
        """Add a row; a new shard begins once the last one holds its bytes of text."""
        table = self._table()
        table.add(sized)
        if table.bytes >= self._shard_bytes:
            self._close()

    def add_table(self, rows: pa.RecordBatch, sizes: Sequence[int]) -> None:
        """Add rows as columns, cut into shards as `add` would cut them; `sizes`: the bytes of the text of each."""
        start = 0
        while start < len(sizes):
            table, end, held = self._table(), start, 0
            while end < len(sizes) and (end == start or table.bytes + held < self._shard_bytes):
                held += sizes[end]
                end += 1
            table.add_table(rows.slice(start, end - start), sizes[start:end])
            if table.bytes >= self._shard_bytes:
                self._close()
            start = end

    def _table(self) -> TableWriter:
        """Return the table of the shard that is open now."""
        if self._open is None:
            stack = ExitStack()
            target = stack.enter_context(self._objects.writer())
            table = TableWriter(target, self._columns, group_rows=self._group_rows)
            stack.enter_context(table)
            self._open = (stack, target, table)
        return self._open[2]

    def _close(self) -> None:
        if self._open is None:
            return
        stack, target, table = self._open
        self._open = None
        stack.close()
        stored = target.result  # type: ignore[attr-defined]  # an ObjectWriter, typed by whoever opened it
        self.layers.append(Layer(stored.digest, stored.size, PARQUET, self._title.format(len(self.layers))))
        self.counts.append(table.rows)


def parquet_rows(stream: BinaryIO, columns: list[str] | None = None) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a Parquet file that this module wrote, one row group in memory at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(stream, pre_buffer=False) as table:
        for group in range(table.num_row_groups):
            read = table.read_row_group(group, columns=columns, use_threads=False)
            yield from zip(*(column.to_pylist() for column in read.columns), strict=True)
