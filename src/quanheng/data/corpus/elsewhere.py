"""Files of a source that lie elsewhere, read in place by whoever works on them: their bytes are right, or refused.

What a unit holds says where and which, never with what key: `quanheng.store.sigv4` takes that from the environment of
the process that reads. Nothing is kept: small files and parts are held in memory, larger ones in a nameless temporary
file (of the folder TMPDIR) for as long as they are read.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Sequence
from typing import BinaryIO, cast

from quanheng import store
from quanheng.errors import Corrupt, Unavailable
from quanheng.kinds.base import Model
from quanheng.store import Layer
from quanheng.store.manifest import ETAG
from quanheng.store.sigv4 import shown

#: A file up to this is held in memory while it is read.
IN_MEMORY_BYTES = 32 * 1024 * 1024
_CHUNK = 1024 * 1024


class Elsewhere(Model):
    """Where a file lies, what is known of it, and which hosts may be called for it."""

    urls: tuple[str, ...]
    size: int
    etag: str | None
    hosts: tuple[str, ...]

    @staticmethod
    def of(layer: Layer, hosts: Sequence[str]) -> Elsewhere:
        """Return what a unit needs to know of an external layer."""
        return Elsewhere(urls=layer.urls, size=layer.size, etag=layer.etag, hosts=tuple(hosts))

    def layer(self, digest: str, title: str) -> Layer:
        """Return the layer again."""
        notes = ((ETAG, self.etag),) if self.etag is not None else ()
        return Layer(digest, self.size, "application/octet-stream", title, self.urls, notes)


def fetch(layer: Layer, hosts: Sequence[str]) -> BinaryIO:
    """Return the bytes of an external layer as a seekable file, once their digest was found right."""
    held = io.BytesIO() if layer.size <= IN_MEMORY_BYTES else cast(BinaryIO, tempfile.TemporaryFile())
    try:
        with store.open_external(layer, hosts) as stream:
            while chunk := stream.read(_CHUNK):
                held.write(chunk)
        held.seek(0)
    except BaseException as error:
        held.close()
        if isinstance(error, OSError):
            raise _no_room(layer, error) from error
        raise
    return held


def fetch_part(layer: Layer, hosts: Sequence[str], start: int, end: int, digest: str | None) -> BinaryIO:
    """Return bytes [start, end) of an external layer as a seekable file, once they were found to be those of before."""
    with store.open_external(layer, hosts, start, end) as stream:
        data = stream.read()
    if digest is not None and "sha256:" + hashlib.sha256(data).hexdigest() != digest:
        raise Corrupt(
            f"{shown(layer.urls[0])} changed while it was read: bytes {start} to {end} are other ones",
            f"{shown(layer.urls[0])} 在读取过程中发生了变化：第 {start} 至 {end} 字节的内容已不同",
            hint=("Register the file again as a new source.", "请将该文件重新登记为新的来源。"),
            code="external_changed",
        )
    return io.BytesIO(data)


def _no_room(layer: Layer, error: OSError) -> Unavailable:
    why = error.strerror or type(error).__name__
    return Unavailable(
        f"{layer.title} ({layer.size:,} bytes) cannot be held while it is read: {why}",
        f"读取 {layer.title}（{layer.size:,} 字节）时无法暂存：{why}",
        hint=(
            f"Point TMPDIR at a folder with room; now it is {tempfile.gettempdir()}.",
            f"请将环境变量 TMPDIR 指向空间充足的文件夹；目前为 {tempfile.gettempdir()}。",
        ),
        code="no_room",
    )


class Streamed(io.RawIOBase):
    """An external layer as a seekable file that holds nothing: a seek asks for another range when it is read on.

    Read from the first byte to the last without a seek between, its digest is checked at the end.
    """

    def __init__(self, layer: Layer, hosts: Sequence[str]) -> None:
        super().__init__()
        self._layer, self._hosts = layer, hosts
        self._at = 0
        self._stream: BinaryIO | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset."""
        to = max(0, {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._layer.size}[whence] + offset)
        if to != self._at:
            self._drop()
            self._at = to
        return to

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any writable buffer
        """Fill a buffer and return how many bytes it got, 0 at the end."""
        if self._at > self._layer.size:
            return 0
        if self._stream is None:
            self._stream = store.open_external(self._layer, self._hosts, self._at)
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        super().close()

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
