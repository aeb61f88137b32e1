r"""Token files as Megatron-LM and its heirs map them: `<prefix>.bin` with the tokens, `<prefix>.idx` beside.

The .idx, all little-endian: 9 bytes "MMIDIDX\0\0", uint64 version 1, uint8 code of the token type (8 = uint16,
4 = int32), uint64 number of sequences, uint64 length of the document index, then per sequence an int32 length in
tokens, per sequence an int64 byte offset into the .bin, and the document index: int64 from 0, one more than there are
documents.
Here a document is one sequence, closed by the end-of-document token.
Source: the layout of Megatron-LM, megatron/core/datasets/indexed_dataset.py (read, not copied).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from quanheng.data.corpus.export.folder import HashedFile, WorkingFolder
from quanheng.data.corpus.tokens import CorpusTokenizer, text_batches

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MAGIC = b"MMIDIDX\x00\x00"
#: From this vocabulary size on tokens are int32. Megatron-LM's own limit; it leaves room below 2**16.
_UINT16_BELOW = 65_500
_CHUNK = 1 << 20  # numbers handled at a time


class IndexedWriter:
    """Writes documents as tokens; memory does not grow with their number, lengths wait in a scratch file."""

    def __init__(self, folder: WorkingFolder, prefix: str, tokenizer: CorpusTokenizer, eod: int, scratch: Path) -> None:
        wide = tokenizer.ids >= _UINT16_BELOW
        self._code, self._type, self._size = (4, "<i4", 4) if wide else (8, "<u2", 2)
        self._folder, self._prefix, self._tokenizer, self._eod = folder, prefix, tokenizer, eod
        self._bin = folder.create(f"{prefix}.bin")
        self._lengths_path = scratch / prefix
        self._lengths = HashedFile(self._lengths_path)
        self.documents = 0
        self.tokens = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Tokenise and write the texts of the rows."""
        for texts in text_batches(batch.column("text").to_pylist()):
            self.add_documents(self._tokenizer.encode(texts))

    def add_documents(self, documents: Sequence[list[int]]) -> None:
        """Write documents that are tokens already; each gets the end-of-document token."""
        import numpy as np

        lengths = np.fromiter((len(ids) + 1 for ids in documents), "<i4", len(documents))
        total = int(lengths.sum(dtype=np.int64))
        flat = np.fromiter((id for ids in documents for id in (*ids, self._eod)), self._type, total)
        self._bin.write(flat.data)
        self._lengths.write(lengths.tobytes())
        self.documents += len(documents)
        self.tokens += total

    def finish(self) -> None:
        """Write the index, close and list both files."""
        self._lengths.close()
        self._bin.close()
        self._folder.done(f"{self._prefix}.bin", self._bin, self.documents)
        name = f"{self._prefix}.idx"
        with self._folder.create(name) as index, self._lengths_path.open("rb") as lengths:
            index.write(MAGIC + struct.pack("<QBQQ", 1, self._code, self.documents, self.documents + 1))
            for chunk in _chunks(lengths):
                index.write(chunk.data)
            lengths.seek(0)
            for offsets in _offsets(lengths, self._size):
                index.write(offsets.data)
            for document_index in _counting(self.documents + 1):
                index.write(document_index.data)
        self._folder.done(name, index, self.documents)


def _chunks(lengths: BinaryIO) -> Iterator[np.ndarray[Any, Any]]:
    import numpy as np

    while data := lengths.read(4 * _CHUNK):
        yield np.frombuffer(data, "<i4")


def _offsets(lengths: BinaryIO, size: int) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the byte at which each sequence begins."""
    import numpy as np

    before = 0
    for chunk in _chunks(lengths):
        ends = np.cumsum(chunk.astype("<i8") * size) + before
        yield (ends - chunk.astype("<i8") * size).astype("<i8")
        before = int(ends[-1])


def _counting(count: int) -> Iterator[np.ndarray[Any, Any]]:
    import numpy as np

    for start in range(0, count, _CHUNK):
        yield np.arange(start, min(start + _CHUNK, count), dtype="<i8")
