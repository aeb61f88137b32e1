"""The sketches of a corpus step, one file a unit: plain arrays that are mapped from disk, never held.

A sketch also tells where each of its documents stood (file and row), so that a verdict can name a document whose rows
are no longer kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quanheng.data.corpus.arrow import to_arrow, to_numpy
from quanheng.data.corpus.operator import Batch, CorpusStep
from quanheng.data.corpus.steps import FILE, ROW
from quanheng.store import LocalObjects

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_TYPE = re.compile(r"([a-z0-9]+)(?:\[(\d+|\*)\])?")
#: Values a document of a column whose type ends in "[*]".
_ANY = 0


def _type(text: str) -> tuple[str, int]:
    """Return the numpy type and the values a document: "uint64[16]" → ("uint64", 16)."""
    found = _TYPE.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no type of a sketch column")
    return found[1], _ANY if found[2] == "*" else int(found[2] or 1)


class SketchWriter:
    """Gathers the sketch of a unit: some hundred bytes a document."""

    def __init__(self, step: CorpusStep) -> None:
        self.step = step
        self._arrays: dict[str, list[pa.Array]] = {
            name: [] for name, _ in (*step.sketch_columns, (FILE, ""), (ROW, ""))
        }

    def add(self, columns: Mapping[str, np.ndarray[Any, Any]], batch: Batch) -> None:
        """Add the sketch of a batch."""
        for name, kind in self.step.sketch_columns:
            self._arrays[name].append(_array(columns[name], *_type(kind)))
        for name in (FILE, ROW):
            self._arrays[name].append(batch.column(name))

    def store(self, objects: LocalObjects) -> str:
        """Return the digest of the sketch, stored."""
        import numpy as np
        import pyarrow as pa

        kinds = {FILE: pa.int32(), ROW: pa.string()}
        for name, kind in self.step.sketch_columns:
            dtype, width = _type(kind)
            value = pa.from_numpy_dtype(np.dtype(dtype))
            kinds[name] = pa.large_list(value) if width == _ANY else pa.list_(value, width)
        arrays = [pa.chunked_array(self._arrays[name], kind).combine_chunks() for name, kind in kinds.items()]
        schema = pa.schema(list(kinds.items()))
        with objects.writer() as out, pa.ipc.new_file(out, schema) as writer:
            writer.write_batch(pa.record_batch(arrays, schema=schema))
        return out.result.digest


def _array(values: Any, dtype: str, width: int) -> pa.Array:
    """Return a column of a batch as Arrow has it: lists of one length, or of each its own."""
    import numpy as np
    import pyarrow as pa

    kind = pa.from_numpy_dtype(np.dtype(dtype))
    if width == _ANY:
        offsets = to_arrow(np.ascontiguousarray(values.offsets, np.int64), pa.int64())
        return pa.LargeListArray.from_arrays(offsets, to_arrow(np.ascontiguousarray(values.values, dtype), kind))
    return pa.FixedSizeListArray.from_arrays(to_arrow(np.ascontiguousarray(values, dtype).reshape(-1), kind), width)


@dataclass
class StoredSketch:
    """A sketch in the object store; columns are mapped when they are asked for."""

    path: Path
    rank: int
    rows: int

    def _column(self, name: str) -> pa.Array:
        import pyarrow as pa

        with pa.memory_map(str(self.path)) as source:
            return pa.ipc.open_file(source).get_batch(0).column(name)

    def column(self, name: str) -> np.ndarray[Any, Any]:
        """Return a column: shape (rows,), or (rows, k) for k values a document; flat when each has its own number."""
        import pyarrow as pa

        column = self._column(name)
        values = to_numpy(column.flatten())
        width = column.type.list_size if pa.types.is_fixed_size_list(column.type) else 1
        return values.reshape(-1, width) if width > 1 else values


class Places:
    """Where the documents of a unit stood: the number of the file in the unit, and the row in it."""

    def __init__(self, path: Path) -> None:
        self._sketch = StoredSketch(path, 0, 0)

    @cached_property
    def files(self) -> pa.Array:
        """Return the file of each document."""
        return self._sketch._column(FILE)

    @cached_property
    def rows(self) -> pa.Array:
        """Return the row of each document."""
        return self._sketch._column(ROW)
