"""Documents on their way through a unit, as the steps of a recipe see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from quanheng.data.corpus.arrow import MOST_BYTES, to_arrow
from quanheng.text.normalise import Shadow, shadow

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from quanheng.text.utf8 import Utf8

V = TypeVar("V")

#: Name and Arrow type of the columns that an operator adds: "int64", "float64", "bool", "string", "strings".
Gives = tuple[tuple[str, str], ...]
Column = Any  # a pa.Array, a numpy array, or a list, one value a document


class Codes(NamedTuple):
    """The texts of a batch as code points: text i is `points[offsets[i]:offsets[i + 1]]` (uint32, int64)."""

    points: np.ndarray[Any, np.dtype[np.uint32]]
    offsets: np.ndarray[Any, np.dtype[np.int64]]


class Batch:
    """Documents on their way through a unit: a record batch with the column "text" and those of earlier taggers.

    texts: those of the column, when they are at hand.
    """

    def __init__(self, table: pa.RecordBatch, texts: list[str] | None = None) -> None:
        self._table = table
        self._rows: NDArray[np.int64] | None = None  # those of the table that are left; None: all
        if texts is not None:
            self.__dict__["texts"] = texts

    def __len__(self) -> int:
        return int(self._table.num_rows) if self._rows is None else len(self._rows)

    @property
    def table(self) -> pa.RecordBatch:
        """Return the record batch. Rows that were taken are copied now: one copy for judges that follow each other."""
        import pyarrow as pa

        if self._rows is not None:
            self._table, self._rows = self._table.take(to_arrow(self._rows, pa.int64())), None
        return self._table

    @property
    def names(self) -> list[str]:
        """Return the names of the columns."""
        return self._table.schema.names  # type: ignore[no-any-return]

    @cached_property
    def texts(self) -> list[str]:
        """Return the texts."""
        return self.column("text").to_pylist()  # type: ignore[no-any-return]

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Return the characters of each text."""
        import numpy as np

        from quanheng.text.utf8 import lengths

        if "texts" in self.__dict__:
            return np.fromiter(map(len, self.texts), np.int64, len(self))
        return lengths(self.packed)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Return the bytes of UTF-8 of each text."""
        import numpy as np

        return np.diff(self.packed.offsets).astype(np.int64)

    @cached_property
    def shadows(self) -> list[Shadow]:
        """Return the folded view of each text (half-width, lower case, nothing invisible), with its offsets."""
        return [shadow(text) for text in self.texts]

    @cached_property
    def packed(self) -> Utf8:
        """Return the texts as UTF-8 in one array, as the table holds them."""
        import numpy as np

        from quanheng.text.utf8 import Utf8

        column = self.table.column("text")
        _, offsets, data = column.buffers()
        ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
        return Utf8(np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8), ends)

    @cached_property
    def codes(self) -> Codes:
        """Return the texts as code points."""
        from quanheng.text.utf8 import decode

        return Codes(*decode(self.packed))

    def utf8(self) -> Iterator[bytes]:
        """Yield the texts as bytes of UTF-8."""
        import pyarrow as pa

        yield from self.column("text").cast(pa.binary()).to_pylist()

    def text(self, row: int) -> str:
        """Return one text, without making the others."""
        if "texts" in self.__dict__:
            return self.texts[row]
        at = row if self._rows is None else int(self._rows[row])
        return str(self._table.column("text")[at].as_py())

    def column(self, name: str) -> pa.Array:
        """Return a column."""
        import pyarrow as pa

        column = self._table.column(name)
        return column if self._rows is None else column.take(to_arrow(self._rows, pa.int64()))

    def with_columns(self, columns: Mapping[str, Column], gives: Gives) -> Batch:
        """Return the batch with these columns added, or put in the place of those of the same name."""
        import pyarrow as pa

        table, types = self.table, arrow_types()
        for name, kind in gives:
            values = columns[name]
            array = values.cast(types[kind]) if isinstance(values, pa.Array) else to_arrow(values, types[kind])
            at = table.schema.get_field_index(name)
            field = pa.field(name, types[kind], nullable=False)
            table = table.append_column(field, array) if at < 0 else table.set_column(at, field, array)
        batch = Batch(table)
        batch.__dict__.update({**self.__dict__, "_table": table})  # the texts are the same, so are their views
        return batch

    def view(self, name: str, make: Callable[[], V]) -> V:
        """Return `make()`, made once for these texts: what several taggers count."""
        key = "_view_" + name
        if key not in self.__dict__:
            self.__dict__[key] = make()
        return self.__dict__[key]  # type: ignore[no-any-return]

    def replaced(self, new: Mapping[int, str]) -> Batch:
        """Return the batch with new texts, each in the row that it is named by; the others are copied as they are."""
        import numpy as np
        import pyarrow as pa

        data, offsets = self.packed
        held, sizes, done = data.data, np.diff(offsets).astype(np.int64), 0
        pieces: list[bytes | memoryview] = []
        for row in sorted(new):
            text = new[row].encode()
            pieces += (held[offsets[done] : offsets[row]], text)
            sizes[row], done = len(text), row + 1
        pieces.append(held[offsets[done] : offsets[-1]])
        ends = np.zeros(len(offsets), np.int64)
        np.cumsum(sizes, out=ends[1:])
        if ends[-1] > MOST_BYTES:
            raise pa.ArrowCapacityError(f"texts of {ends[-1]} bytes in one batch")
        buffers = pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"".join(pieces))
        at = self.table.schema.get_field_index("text")
        column = pa.StringArray.from_buffers(len(self), *buffers)
        batch = Batch(self.table.set_column(at, self.table.schema.field(at), column))
        if "texts" in self.__dict__:
            batch.__dict__["texts"] = [new.get(row, text) for row, text in enumerate(self.texts)]
        return batch

    def take(self, rows: Sequence[int]) -> Batch:
        """Return the batch of these rows, in this order."""
        import numpy as np

        batch, taken = Batch(self._table), np.asarray(rows, np.int64)
        batch._rows = taken if self._rows is None else self._rows[taken]
        for view in ("texts", "shadows"):
            if view in self.__dict__:
                batch.__dict__[view] = [self.__dict__[view][row] for row in rows]
        for measure in ("lengths", "sizes"):
            if measure in self.__dict__:
                batch.__dict__[measure] = self.__dict__[measure][taken]
        return batch


@cache
def arrow_types() -> dict[str, pa.DataType]:
    """Return the Arrow type of each name of `Gives`."""
    import pyarrow as pa

    return {
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "string": pa.string(),
        "strings": pa.list_(pa.string()),
    }
