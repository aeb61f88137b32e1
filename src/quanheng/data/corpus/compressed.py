"""Gzip and zstd files as streams that can be read again from the start, in bounded memory, and never without end.

What is compressed is told by its first bytes, so any text format may come as .gz or .zst. Damage does not raise: what
stood before it is read, and `damage` then says what happened.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol, cast

from quanheng.errors import Unavailable

#: A file of text shrinks to a tenth; a log to a fiftieth. What shrinks to less than a 300th is a bomb, or of no use.
MOST_RATIO = 300
#: The ratio is asked only of files that come to more than this.
RATIO_FROM_BYTES = 64 * 1024 * 1024
MOST_BYTES = 256 * 1024**3
SUFFIXES = (".gz", ".zst")

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_PIECE = 256 * 1024
#: zstd can make 32,000 bytes of one; this bounds what one piece becomes to 128 MiB.
_ZSTD_PIECE = 4 * 1024
_ZSTD_WINDOW = 128 * 1024 * 1024


class _Step(Protocol):
    """A decoder of one member or frame: zlib's and zstandard's objects have this in common."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, /) -> bytes: ...


class _TooLarge(Exception):
    """More came out than the bounds allow."""


class Decompressed(io.RawIOBase):
    """The bytes of a compressed file. Seeking back starts afresh; what is asked again is decompressed again.

    damage: after reading to the end, why it ended too early: "truncated", "damaged" or "decompression_bomb"; else "".
    line_end: the offset behind the last line end that was read, for cutting off a half line.
    """

    def __init__(self, source: BinaryIO, *, most_bytes: int = MOST_BYTES, most_ratio: int = MOST_RATIO) -> None:
        super().__init__()
        self._source = source
        self._most_bytes = most_bytes
        self._most_ratio = most_ratio
        self.damage = ""
        self.line_end = 0
        self.end: int | None = None
        self._restart()

    def _restart(self) -> None:
        self._source.seek(0)
        self._read_bytes = 0
        self._made = 0
        self._at = 0
        self._held = memoryview(b"")
        self._pieces = self._decode()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset among the decompressed bytes."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset; behind the current one by decompressing from the start."""
        if whence == io.SEEK_CUR:
            offset += self._at
        elif whence == io.SEEK_END:
            while self.read(_PIECE):
                pass
            offset += self._at
        if offset < self._at:
            self._restart()
        while self._at < offset and self.read(min(_PIECE, offset - self._at)):
            pass
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer and return how many bytes it got, 0 at the end."""
        if not self._held:
            self._held = memoryview(next(self._pieces, b""))
        size = min(len(buffer), len(self._held))
        if self.end is not None:
            size = max(0, min(size, self.end - self._at))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        self._at += size
        return size

    def _decode(self) -> Iterator[bytes]:
        try:
            head = self._source.read(4)
            self._source.seek(0)
            for piece in self._gzip() if head.startswith(_GZIP) else self._zstd():
                if piece:
                    self._made += len(piece)
                    self._bound()
                    if (cut := piece.rfind(b"\n") + 1) > 0:
                        self.line_end = max(self.line_end, self._made - len(piece) + cut)
                    yield piece
        except _TooLarge:
            self.damage = "decompression_bomb"
        except EOFError:
            self.damage = "truncated"
        except (zlib.error, ValueError):
            self.damage = "damaged"

    def _bound(self) -> None:
        ratio = self._made > RATIO_FROM_BYTES and self._made > self._most_ratio * self._read_bytes
        if ratio or self._made > self._most_bytes:
            raise _TooLarge

    def _more(self, size: int) -> bytes:
        data = self._source.read(size)
        self._read_bytes += len(data)
        return data

    def _gzip(self) -> Iterator[bytes]:
        data = self._more(_PIECE)
        while data.lstrip(b"\0"):  # zeros may pad the end
            decoder = zlib.decompressobj(wbits=31)
            while not decoder.eof:
                if not data:
                    raise EOFError
                yield decoder.decompress(data, 4 * _PIECE)
                data = decoder.unconsumed_tail or (b"" if decoder.eof else self._more(_PIECE))
            data = decoder.unused_data or self._more(_PIECE)

    def _zstd(self) -> Iterator[bytes]:
        zstd = _zstandard()
        data = self._more(_ZSTD_PIECE)
        while data:
            decoder = cast(_Step, zstd.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj())
            while not decoder.eof:
                if not data:
                    raise EOFError
                try:
                    yield decoder.decompress(data)
                except zstd.ZstdError as error:
                    raise ValueError("not zstd") from error
                data = b"" if decoder.eof else self._more(_ZSTD_PIECE)
            data = decoder.unused_data or self._more(_ZSTD_PIECE)


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise Unavailable(
            "zstd files cannot be read: the package zstandard is not installed",
            "无法读取 zstd 文件：未安装 zstandard",
            hint=("Install quanheng[data], or decompress the file.", "请安装 quanheng[data]，或先解压文件。"),
            code="missing_extra",
        ) from error
    return zstandard


def decompressed(stream: BinaryIO) -> BinaryIO | Decompressed:
    """Return the stream itself, or its decompressed bytes when it begins as gzip or zstd does."""
    stream.seek(0)
    head = stream.read(4)
    stream.seek(0)
    return Decompressed(stream) if head.startswith(_GZIP) or head == _ZSTD else stream
