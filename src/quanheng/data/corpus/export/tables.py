"""What the rows of an export look like, and the two writers of them: Parquet parts and one zstd JSON Lines file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from quanheng.data.corpus.export.folder import HashedFile, WorkingFolder, as_stream
from quanheng.data.corpus.export_rows import HASH_SPACE, CorpusFiles, draw, labels_of
from quanheng.kinds.base import Rate

if TYPE_CHECKING:
    import pyarrow as pa

#: Columns of an export, before the labels. `source` is the title, `url` is null where none is known.
COLUMNS = ("id", "text", "source", "source_digest", "licence", "url", "text_digest")
#: A row group closes at this many rows or bytes of text, a part at this many bytes of text.
GROUP_ROWS = 8192
GROUP_BYTES = 16 * 1024 * 1024
PART_BYTES = 256 * 1024 * 1024
_ZSTD_LEVEL = 3


@dataclass(frozen=True)
class Split:
    """Sends documents to "validation" by a seeded hash of their text, the others to "train".

    Equal texts go the same way whatever corpus, order or mix they are in; no text is in both.
    """

    seed: str
    validation: Rate

    def names(self, text_digests: Sequence[str]) -> list[str]:
        """Return the split of each text."""
        limit = self.validation.k * HASH_SPACE // self.validation.n
        return ["validation" if draw(self.seed, "split", key) < limit else "train" for key in text_digests]


@dataclass
class Counts:
    """Documents and characters, by digest of the source."""

    documents: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of an exported batch."""
        import pyarrow.compute as pc

        lengths = pc.utf8_length(batch.column("text")).to_pylist()
        for source, length in zip(batch.column("source_digest").to_pylist(), lengths, strict=True):
            self.documents[source] += 1
            self.characters[source] += length


def exported(batch: pa.RecordBatch, corpus: CorpusFiles) -> pa.RecordBatch:
    """Return the rows as an export has them: `COLUMNS`, then the labels as they are in the corpus.

    The licence is the document's own where the corpus has one, else that of its source.
    """
    import pyarrow as pa

    digests = batch.column("source").to_pylist()
    spdx = [corpus.sources[digest].licence.spdx for digest in digests]
    if "licence" in batch.schema.names:
        own = batch.column("licence").to_pylist()
        spdx = [mine or source for mine, source in zip(own, spdx, strict=True)]
    urls: list[str | None] = [None] * len(digests)
    if "url" in batch.schema.names:
        urls = [url or None for url in batch.column("url").to_pylist()]
    labels = [name for name in labels_of(batch.schema) if name not in COLUMNS]
    columns: dict[str, Any] = {
        "id": batch.column("id"),
        "text": batch.column("text"),
        "source": pa.array([corpus.sources[digest].title for digest in digests], pa.string()),
        "source_digest": batch.column("source"),
        "licence": pa.array(spdx, pa.string()),
        "url": pa.array(urls, pa.string()),
        "text_digest": batch.column("text_digest"),
        **{name: batch.column(name) for name in labels},
    }
    return pa.RecordBatch.from_pydict(columns)


def by_split(batch: pa.RecordBatch, split: Split | None) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield (split, its rows) for the splits that have some; without a split everything is "train"."""
    import pyarrow as pa

    if split is None:
        yield "train", batch
        return
    names = split.names(batch.column("text_digest").to_pylist())
    for name in ("train", "validation"):
        rows = [at for at, found in enumerate(names) if found == name]
        if rows:
            yield name, batch.take(pa.array(rows, pa.int64()))


class RowWriter(Protocol):
    """Takes exported rows, then is finished."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Write the rows."""

    def finish(self) -> None:
        """Close and list the files."""


class JsonLinesWriter:
    """Writes one object a line into one zstd frame; keys in the order of the columns."""

    def __init__(self, folder: WorkingFolder, name: str) -> None:
        import zstandard

        self._folder, self._name = folder, name
        self._file = folder.create(name)
        self._zstd = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).stream_writer(as_stream(self._file), closefd=False)
        self._rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Write the rows."""
        import orjson

        for row in batch.to_pylist():
            self._zstd.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        self._rows += batch.num_rows

    def finish(self) -> None:
        """Close and list the file."""
        self._zstd.close()  # type: ignore[no-untyped-call]
        self._file.close()
        self._folder.done(self._name, self._file, self._rows)


class PartsWriter:
    """Writes Parquet parts; where a row group or part ends depends on the rows alone, not on how they come in.

    pattern: the path of a part with {number} and, where wanted, {parts}: how many there are in the end.
    """

    def __init__(
        self, folder: WorkingFolder, pattern: str, *, part_bytes: int = PART_BYTES, group_rows: int = GROUP_ROWS
    ) -> None:
        self._folder, self._pattern = folder, pattern
        self._part_bytes, self._group_rows = part_bytes, group_rows
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0  # waiting for the row group to close
        self._part: _Part | None = None
        self._parts: list[_Part] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Write the rows; those of an unfinished row group wait."""
        import pyarrow.compute as pc

        start = 0
        for at, size in enumerate(pc.binary_length(batch.column("text")).to_pylist(), start=1):
            self._rows += 1
            self._bytes += size
            in_part = self._bytes + (self._part.bytes if self._part else 0)
            if self._rows >= self._group_rows or self._bytes >= GROUP_BYTES or in_part >= self._part_bytes:
                self._waiting.append(batch.slice(start, at - start))
                start = at
                self._close_group(batch.schema)
        if start < batch.num_rows:
            self._waiting.append(batch.slice(start))

    def _close_group(self, schema: pa.Schema) -> None:
        import pyarrow as pa

        if self._part is None:
            name = f"{self._pattern}.{len(self._parts):05d}".replace("{", "").replace("}", "")
            self._part = _Part(self._folder, name, schema)
            self._parts.append(self._part)
        self._part.add(pa.Table.from_batches(self._waiting).combine_chunks(), self._bytes)
        self._waiting, self._rows, self._bytes = [], 0, 0
        if self._part.bytes >= self._part_bytes:
            self._part.close()
            self._part = None

    def finish(self) -> None:
        """Close the parts and list them under their final names."""
        if self._waiting:
            self._close_group(self._waiting[0].schema)
        if self._part is not None:
            self._part.close()
        for number, part in enumerate(self._parts):
            final = self._pattern.format(number=number, parts=len(self._parts))
            self._folder.done(part.name, part.file, part.rows, final_name=final)


class _Part:
    """One Parquet file being written."""

    def __init__(self, folder: WorkingFolder, name: str, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self.name = name
        self.file: HashedFile = folder.create(name)
        self.rows = self.bytes = 0
        self._writer = pq.ParquetWriter(
            as_stream(self.file),
            schema,
            version="2.6",
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            use_dictionary=["source", "source_digest", "licence"],
            write_statistics=False,
            store_schema=False,
            data_page_version="1.0",
        )

    def add(self, table: pa.Table, size: int) -> None:
        """Write one row group."""
        self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        self.rows += table.num_rows
        self.bytes += size

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
        self.file.close()
