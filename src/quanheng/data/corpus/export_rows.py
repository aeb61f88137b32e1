"""The rows of a corpus as record batches, read by column name, one row group in memory at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from quanheng.errors import Corrupt, Invalid
from quanheng.kinds.sources import Source

if TYPE_CHECKING:
    import pyarrow as pa

Progress = Callable[[int, int | None], None]

#: Columns that every corpus has.
NEEDED = ("id", "source", "text", "text_digest")
#: Columns that are not labels; "url" and "licence" are there when the corpus knows them per document.
_KNOWN = (*NEEDED, "url", "licence")
#: A seeded draw takes the first 8 bytes of a SHA-256.
HASH_SPACE = 2**64


@dataclass(frozen=True)
class CorpusFiles:
    """A corpus to read: its digest, its data layers in order, what opens a layer by title, and its sources by digest.

    documents: how many rows the corpus says it has; reading ends in Corrupt when the shards hold another number.
    """

    digest: str
    shards: Sequence[str]
    open_layer: Callable[[str], BinaryIO]
    sources: Mapping[str, Source]
    documents: int


def labels_of(schema: pa.Schema) -> list[str]:
    """Return the names of the label columns: everything but the known ones, in the order of the shard."""
    return [name for name in schema.names if name not in _KNOWN]


def read_batches(corpus: CorpusFiles, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows in order, a row group at a time; all columns, or those of `columns` that the shards have.

    Raises Corrupt "shard_columns" for a shard that lacks a needed column or differs from the first one, "shard_rows"
    when the rows are not as many as the corpus says; Invalid "source_missing" for a row of a source not given.
    """
    import pyarrow.parquet as pq

    first: list[str] | None = None
    rows = 0
    for title in corpus.shards:
        with corpus.open_layer(title) as stream, pq.ParquetFile(stream, pre_buffer=False) as table:
            names = list(table.schema_arrow.names)
            if (first is not None and names != first) or not set(NEEDED) <= set(names):
                raise _other_columns(title, names, first)
            first = names
            wanted = names if columns is None else [name for name in names if name in columns]
            for group in range(table.num_row_groups):
                read = table.read_row_group(group, columns=wanted, use_threads=False).combine_chunks()
                for batch in read.to_batches():
                    rows += batch.num_rows
                    _check_sources(corpus, batch)
                    yield batch
    if rows != corpus.documents:
        raise Corrupt(
            f"the shards hold {rows:,} rows, the corpus says {corpus.documents:,}",
            f"分片共有 {rows:,} 行，而语料记录为 {corpus.documents:,} 行",
            hint=("Run: quanheng fsck", "请运行：quanheng fsck"),
            code="shard_rows",
        )


def _check_sources(corpus: CorpusFiles, batch: pa.RecordBatch) -> None:
    if "source" not in batch.schema.names:
        return
    for digest in batch.column("source").unique().to_pylist():
        if digest not in corpus.sources:
            raise Invalid(
                f"a row is of source {digest}, which was not given",
                f"有文档来自来源 {digest}，但没有给出该来源",
                hint=("Give every source of the corpus.", "请给出语料的全部来源。"),
                code="source_missing",
            )


def _other_columns(title: str, names: list[str], first: list[str] | None) -> Corrupt:
    wanted = ", ".join(first if first is not None else NEEDED)
    return Corrupt(
        f"the shard {title} has the columns {', '.join(names)}; expected: {wanted}",
        f"分片 {title} 的列为 {', '.join(names)}，应为：{wanted}",
        hint=("Run: quanheng fsck", "请运行：quanheng fsck"),
        code="shard_columns",
    )


def draw(seed: str, purpose: str, key: str) -> int:
    """Return a number in [0, 2**64) that depends on seed, purpose and key alone: the seeded draw used everywhere.

    >>> draw("7", "split", "sha256:00") == draw("7", "split", "sha256:00")
    True
    """
    return int.from_bytes(hashlib.sha256(f"{purpose}\n{seed}\n{key}".encode()).digest()[:8], "big")
