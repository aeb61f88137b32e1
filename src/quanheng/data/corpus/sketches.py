"""The sketches of a corpus step, one file a unit: plain arrays that are mapped from disk, never held."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quanheng.data.corpus.operator import CorpusStep
from quanheng.store import LocalObjects

if TYPE_CHECKING:
    import numpy as np

_TYPE = re.compile(r"([a-z0-9]+)(?:\[(\d+)\])?")


def _type(text: str) -> tuple[str, int]:
    """Return the numpy type and the values a document: "uint64[16]" → ("uint64", 16)."""
    found = _TYPE.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no type of a sketch column")
    return found[1], int(found[2] or 1)


class SketchWriter:
    """Gathers the sketch of a unit: some hundred bytes a document."""

    def __init__(self, step: CorpusStep) -> None:
        self.step = step
        self._arrays: dict[str, list[Any]] = {name: [] for name, _ in step.sketch_columns}

    def add(self, columns: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Add the sketch of a batch."""
        import numpy as np

        for name, kind in self.step.sketch_columns:
            dtype, width = _type(kind)
            self._arrays[name].append(np.ascontiguousarray(columns[name], dtype).reshape(-1, width))

    def store(self, objects: LocalObjects) -> str:
        """Return the digest of the sketch, stored."""
        import numpy as np
        import pyarrow as pa

        arrays, fields = [], []
        for name, kind in self.step.sketch_columns:
            dtype, width = _type(kind)
            parts = self._arrays[name] or [np.zeros((0, width), dtype)]
            array = pa.FixedSizeListArray.from_arrays(pa.array(np.concatenate(parts).reshape(-1)), width)
            arrays.append(array)
            fields.append(pa.field(name, array.type))
        with objects.writer() as out, pa.ipc.new_file(out, pa.schema(fields)) as writer:
            writer.write_batch(pa.record_batch(arrays, schema=pa.schema(fields)))
        return out.result.digest


@dataclass
class StoredSketch:
    """A sketch in the object store; columns are mapped when they are asked for."""

    path: Path
    rank: int
    rows: int

    def column(self, name: str) -> np.ndarray[Any, Any]:
        """Return a column: shape (rows,), or (rows, k) for k values a document."""
        import pyarrow as pa

        with pa.memory_map(str(self.path)) as source:
            column = pa.ipc.open_file(source).get_batch(0).column(name)
        values = column.flatten().to_numpy(zero_copy_only=True)
        width = column.type.list_size
        return values.reshape(-1, width) if width > 1 else values  # type: ignore[no-any-return]
