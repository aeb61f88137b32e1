"""Record batches in files between the segments of a build: Arrow IPC, LZ4, the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from quanheng.data.corpus.arrow import to_arrow
from quanheng.data.corpus.shards import Columns, schema_of

if TYPE_CHECKING:
    import pyarrow as pa

_PENDING_ROWS = 8192


class BatchWriter:
    """Writes record batches of one schema; a context manager. Without any batch the file has no columns."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self._writer: Any = None

    def __enter__(self) -> BatchWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import pyarrow as pa

        if self._writer is None and kind is None:
            self._open(pa.schema([]))
        if self._writer is not None:
            self._writer.close()

    def _open(self, schema: pa.Schema) -> None:
        import pyarrow as pa

        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        self._writer = pa.ipc.new_file(self._target, schema, options=options)

    def add(self, table: pa.RecordBatch) -> None:
        """Write a batch; one without rows only tells the schema."""
        if self._writer is None:
            self._open(table.schema)
        if table.num_rows:
            self._writer.write_batch(table)


class RowWriter:
    """Writes tuples of these columns; a context manager."""

    def __init__(self, target: Any, columns: Columns) -> None:
        self._columns = columns
        self._batches = BatchWriter(target)
        self._rows: list[Sequence[object]] = []

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._batches.__exit__(kind, error, trace)

    def add_all(self, rows: Iterable[Sequence[object]]) -> None:
        """Write rows."""
        self._rows.extend(rows)
        if len(self._rows) >= _PENDING_ROWS:
            self._flush()

    def _flush(self) -> None:
        self._batches.add(rows_to_batch(self._rows, self._columns))
        self._rows = []


def rows_to_batch(rows: Sequence[Sequence[object]], columns: Columns) -> pa.RecordBatch:
    """Return tuples as a record batch."""
    import pyarrow as pa

    schema = schema_of(columns)
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pa.record_batch(
        [to_arrow(column, field.type) for column, field in zip(values, schema, strict=True)], schema=schema
    )


def batches_of(stream: BinaryIO, names: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of a file that this module wrote, one in memory at a time; of `names` only, if any."""
    import pyarrow as pa

    table = pa.ipc.open_file(stream)
    if names and table.num_record_batches:
        fields = [table.schema.get_field_index(name) for name in names]
        table = pa.ipc.open_file(stream, options=pa.ipc.IpcReadOptions(included_fields=fields))
    for number in range(table.num_record_batches):
        yield table.get_batch(number)
