"""Large files of lines, cut at line ends, so that one file is many units: parallel, resumable, bounded."""

from __future__ import annotations

import hashlib
import io
from typing import BinaryIO

from quanheng.errors import Invalid
from quanheng.kinds.base import Model
from quanheng.kinds.sources import FileFormat, Reading
from quanheng.text.encoding import detect

#: Files above this are cut into parts of about PART_BYTES.
SPLIT_FROM_BYTES = 24 * 1024 * 1024
PART_BYTES = 12 * 1024 * 1024
_CHUNK = 1024 * 1024
#: Of a large file elsewhere a plan looks at so many pieces of so many bytes.
_SAMPLES = 8
_SAMPLE_BYTES = 2 * 1024 * 1024
#: What compressed files begin with: gzip, zstd, zip, bzip2, xz.
COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"BZh", b"\xfd7zXZ")


class Part(Model):
    """Bytes [start, end) of a file of lines, the number of its first line from 1, and the encoding of the file.

    digest: of these bytes; of files elsewhere only, which may change after they were cut.
    """

    start: int
    end: int
    first_line: int
    encoding: str
    digest: str | None = None


def can_split(format: FileFormat, reading: Reading, size: int) -> bool:
    """Return whether a file of this format is lines that mean something alone, and large enough to be cut."""
    lines = format == "jsonl" or (format == "txt" and reading.document == "line" and reading.markup == "plain")
    return lines and size > SPLIT_FROM_BYTES and reading.encoding != "utf-16"


def split(stream: BinaryIO, *, digests: bool = False) -> list[Part]:
    """Return the parts of a seekable file, none when it must be read as a whole (compressed, UTF-16, unknown).

    digests: hash each part too, read as the others in one go from the first byte to the last.
    """
    if stream.read(6).startswith(COMPRESSED):
        return []
    try:
        encoding = detect(stream).encoding
    except Invalid:
        return []
    if encoding.startswith("utf-16"):
        return []
    parts: list[Part] = []
    start = at = 0
    line = first = 1
    hashed = hashlib.sha256()

    def part(end: int) -> Part:
        digest = "sha256:" + hashed.hexdigest() if digests else None
        return Part(start=start, end=end, first_line=first, encoding=encoding, digest=digest)

    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        end = chunk.rfind(b"\n") + 1 if at + len(chunk) - start >= PART_BYTES else 0
        if digests:
            hashed.update(chunk[:end] if end else chunk)
        if end:
            line += chunk.count(b"\n", 0, end)
            parts.append(part(at + end))
            start, first = at + end, line
            if digests:
                hashed = hashlib.sha256(chunk[end:])
            line += chunk.count(b"\n", end)
        else:
            line += chunk.count(b"\n")
        at += len(chunk)
    if start < at:
        parts.append(part(at))
    return parts


def sample_parts(stream: BinaryIO, size: int) -> list[Part]:
    """Return some parts of a seekable file of lines, evenly spread, without reading what lies between.

    The numbers of their lines are not known: `first_line` is 1. None when `split` gives none, or no line ends in them.
    """
    head = stream.read(_SAMPLE_BYTES)
    if head.startswith(COMPRESSED):
        return []
    try:
        encoding = detect(io.BytesIO(head[: head.rfind(b"\n") + 1])).encoding
    except Invalid:
        return []
    if encoding.startswith("utf-16"):
        return []
    parts = []
    for number in range(_SAMPLES):
        at = size * number // _SAMPLES
        stream.seek(at)
        data = stream.read(_SAMPLE_BYTES)
        start, end = (data.find(b"\n") + 1 if at else 0), data.rfind(b"\n") + 1
        if start < end:
            parts.append(Part(start=at + start, end=at + end, first_line=1, encoding=encoding))
    return parts


class _Range(io.RawIOBase):
    """A window of a seekable file, itself a seekable file."""

    def __init__(self, stream: BinaryIO, start: int, end: int) -> None:
        self._stream, self._start, self._length, self._at = stream, start, end - start, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any writable buffer
        self._stream.seek(self._start + self._at)
        data = self._stream.read(max(0, min(len(buffer), self._length - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def open_part(stream: BinaryIO, part: Part) -> BinaryIO:
    """Return the bytes of a part as a seekable file."""
    return io.BufferedReader(_Range(stream, part.start, part.end), _CHUNK)
