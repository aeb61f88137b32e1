"""The rows of a mix in the order of a seeded hash, in bounded memory: an external bucket sort on the keys.

Each copy of a document has the key draw(seed, id, number of the copy). Rows are spilled to 64 buckets by the high bits
of the key; a bucket that is still large is split again by the next bits; a small one is sorted in memory. The order
depends on the keys alone, not on how the rows were read or how many buckets there were.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quanheng.data.corpus.export_rows import CorpusFiles, draw, read_batches
from quanheng.data.corpus.mix import MixChoice

if TYPE_CHECKING:
    import pyarrow as pa

#: A bucket up to this size is sorted in memory.
BUCKET_BYTES = 64 * 1024 * 1024
_BITS = 6
_KEY_BITS = 64
_KEY = "mix_order"
#: Bytes of a row group that is yielded.
_YIELD_ROWS = 4096


def mixed_batches(
    choice: MixChoice, corpus: CorpusFiles, scratch: Path, report: Callable[[int], None]
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of the mix in its order; disk use in `scratch` is at most twice the text of the mix.

    report: is told how many rows of the corpus were read.
    """
    yield from _sorted(_copies(choice, corpus, report), scratch, _KEY_BITS - _BITS)


def _copies(choice: MixChoice, corpus: CorpusFiles, report: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    """Yield the chosen rows, as often as they are chosen, with their keys in the last column."""
    import pyarrow as pa

    groups = choice.plan.groups_of_sources()
    done = 0
    for batch in read_batches(corpus):
        rows, keys = [], []
        columns = (batch.column(name).to_pylist() for name in ("source", "text_digest", "id"))
        for at, (source, text_digest, id) in enumerate(zip(*columns, strict=True)):
            if source in groups:
                for copy in range(choice.copies(groups[source], text_digest, id)):
                    rows.append(at)
                    keys.append(draw(choice.plan.seed, "mix order", f"{id}\n{copy}"))
        if rows:
            taken = batch.take(pa.array(rows, pa.int64()))
            yield taken.append_column(_KEY, pa.array(keys, pa.uint64()))
        done += batch.num_rows
        report(done)


def _sorted(batches: Iterator[pa.RecordBatch], scratch: Path, shift: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows in the order of their keys, whose bits above `shift` + 6 are equal."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    size = rows = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        rows += batch.num_rows
        if size > BUCKET_BYTES and rows > 1 and shift >= 0:
            break
    else:
        if held:
            yield from _in_memory(pa.Table.from_batches(held))
        return
    folder = scratch / f"{shift:02d}"
    folder.mkdir()
    paths = _spill(itertools.chain(held, batches), folder, shift)
    held.clear()
    for path in paths:
        with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as bucket:
            yield from _sorted(iter(bucket), scratch, shift - _BITS)
        path.unlink()
    folder.rmdir()


def _spill(batches: Iterator[pa.RecordBatch], folder: Path, shift: int) -> list[Path]:
    """Write the rows into buckets by six bits of their keys and return the paths of those that got some, in order."""
    import pyarrow as pa

    writers: dict[int, Any] = {}
    with ExitStack() as stack:
        for batch in batches:
            rows: dict[int, list[int]] = {}
            for at, key in enumerate(batch.column(_KEY).to_pylist()):
                rows.setdefault(key >> shift & (1 << _BITS) - 1, []).append(at)
            for bucket, places in rows.items():
                if bucket not in writers:
                    file = stack.enter_context(pa.OSFile(str(folder / f"{bucket:02d}"), "wb"))
                    writers[bucket] = stack.enter_context(pa.ipc.new_stream(file, batch.schema))
                writers[bucket].write_batch(batch.take(pa.array(places, pa.int64())))
    return [folder / f"{bucket:02d}" for bucket in sorted(writers)]


def _in_memory(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Yield the rows sorted; equal keys keep the order of the corpus."""
    import numpy as np
    import pyarrow as pa

    order = np.argsort(table.column(_KEY).to_numpy(), kind="stable")
    plain = table.drop_columns([_KEY])
    for start in range(0, len(order), _YIELD_ROWS):
        yield from plain.take(pa.array(order[start : start + _YIELD_ROWS])).combine_chunks().to_batches()
