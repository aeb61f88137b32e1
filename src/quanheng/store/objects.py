"""The object store: layers by digest in a local folder, written so that a crash loses nothing acknowledged.

Order of a write: temporary file → write → fsync → rename → fsync of the folder (and of its parent when the folder
is new). A reader therefore never sees half an object, and a digest is returned only once it survives power loss.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Protocol

from quanheng.errors import Corrupt, Invalid, NotFound
from quanheng.store import _disk
from quanheng.store.digest import CHUNK_BYTES, PREFIX, file_digest, parse_digest, sha256_digest

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, SupportsRead

#: Objects are never changed in place; not even their owner may write.
OBJECT_MODE = 0o444

_SHARD = re.compile(r"[0-9a-f]{2}")
_REST = re.compile(r"[0-9a-f]{62}")


@dataclass(frozen=True)
class Stored:
    """What was put: its digest and its size in bytes."""

    digest: str
    size: int


class ObjectStore(Protocol):
    """What a store of layers can do; `LocalObjects` is the first."""

    def put_bytes(self, data: bytes) -> Stored:
        """Store `data`; it is durable on return."""
        ...

    def put_file(self, path: str | Path) -> Stored:
        """Store a copy of a file; it is durable on return."""
        ...

    def put_stream(self, stream: SupportsRead[bytes]) -> Stored:
        """Store all that `stream` gives; it is durable on return."""
        ...

    def writer(self) -> ObjectWriter:
        """Return a context manager to write one object piece by piece."""
        ...

    def open(self, digest: str) -> BinaryIO:
        """Open an object for reading; NotFound when it is not here."""
        ...

    def exists(self, digest: str) -> bool:
        """Return whether the object is here."""
        ...

    def size(self, digest: str) -> int:
        """Return its size in bytes; NotFound when it is not here."""
        ...

    def touch(self, digest: str) -> bool:
        """Make the object young again, so that collection leaves it; False when it is not here."""
        ...

    def iterate(self) -> Iterator[str]:
        """Yield the digests of all objects, in order."""
        ...

    def verify(self, digest: str) -> None:
        """Hash the object again; Corrupt when its bytes have another digest."""
        ...

    def delete(self, digest: str) -> bool:
        """Remove the object; False when it was not here."""
        ...


class ObjectWriter(io.RawIOBase):
    """A file to write one object into, used as a context manager; `result` says what was stored.

    Nothing is stored when the block ends with an exception. `close()` inside the block changes nothing, so that
    wrappers which close what they wrap (TextIOWrapper, a Parquet writer) do no harm; after the block it is closed.
    """

    def __init__(self, objects: LocalObjects) -> None:
        self._objects = objects
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        self._size = 0
        self._result: Stored | None = None
        self._handle: int | None = None
        self._path = objects.root / "tmp"
        with _disk.disk_errors(self._path):
            _disk.make_folder(self._path)
            self._handle, self._path = _disk.open_temporary(self._path)

    @property
    def result(self) -> Stored:
        """Return the digest and size; Invalid before the block has ended without an exception."""
        if self._result is None:
            raise Invalid(
                "this object is not stored yet",
                "该对象尚未存入",
                hint=("Read .result after the with block.", "请在 with 代码块结束后读取 .result。"),
                code="not_stored",
            )
        return self._result

    @property
    def closed(self) -> bool:
        """Return whether the block has ended."""
        return getattr(self, "_handle", None) is None

    def writable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._size

    def write(self, data: ReadableBuffer, /) -> int:
        """Take all of `data` and return its length in bytes; Unavailable when the disk refuses."""
        if self.closed:
            raise ValueError("write to an object whose block has ended")
        view = memoryview(data).cast("B")
        self._hash.update(view)
        self._size += len(view)
        if len(self._buffer) + len(view) < CHUNK_BYTES:
            self._buffer += view
        else:
            self.flush()
            self._write(view)
        return len(view)

    def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        if self._buffer and not self.closed:
            self._write(self._buffer)
            self._buffer = bytearray()

    def close(self) -> None:
        """Flush; the object is stored, or given up, only at the end of the block."""
        self.flush()

    def __enter__(self) -> ObjectWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            self._abandon()

    def __del__(self) -> None:
        self._abandon()

    def _write(self, data: bytearray | memoryview) -> None:
        if self._handle is not None:
            with _disk.disk_errors(self._path):
                _disk.write_all(self._handle, data)

    def _commit(self) -> None:
        self.flush()
        stored = Stored(PREFIX + self._hash.hexdigest(), self._size)
        if not self._objects._already_there(stored):
            handle = self._handle
            if handle is None:
                raise ValueError("commit of an object whose block has ended")
            with _disk.disk_errors(self._path):
                os.fchmod(handle, OBJECT_MODE)
                _disk.fsync(handle)
            self._objects._rename_in(self._path, stored.digest)
        self._result = stored

    def _abandon(self) -> None:
        """Close and remove the temporary file; after a rename its name is gone already.

        A disk that fails here must not hide the error that led here; `sweep_temporary` takes what stays.
        """
        handle = getattr(self, "_handle", None)
        if handle is None:
            return
        self._handle = None
        self._buffer = bytearray()
        with contextlib.suppress(OSError):
            os.close(handle)
        with contextlib.suppress(OSError):
            self._path.unlink()


class LocalObjects:
    """Objects as files `root/sha256/ab/cdef…`; several processes may write at once.

    Opening a store writes nothing; folders are made by the first put.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        # Folders whose own name this process has made durable; another process may have made them a moment ago.
        self._durable_folders: set[Path] = set()

    def path(self, digest: str) -> Path:
        """Return where the object lies, or would lie; Invalid for what is not a digest."""
        digits = parse_digest(digest)
        return self.root / "sha256" / digits[:2] / digits[2:]

    def exists(self, digest: str) -> bool:
        """Return whether the object is here."""
        return self.path(digest).is_file()

    def size(self, digest: str) -> int:
        """Return the size in bytes; NotFound when the object is not here."""
        return self._stat(digest).st_size

    def modified_at(self, digest: str) -> float:
        """Return when the object was last put or touched, in seconds since 1970; collection goes by it."""
        return self._stat(digest).st_mtime

    def open(self, digest: str) -> BinaryIO:
        """Open the object for reading; NotFound when it is not here."""
        path = self.path(digest)
        try:
            return path.open("rb")
        except FileNotFoundError as error:
            raise self._missing(digest) from error
        except OSError as error:
            raise _disk.explain(error, path) from error

    def put_bytes(self, data: bytes) -> Stored:
        """Store `data` and return its digest; it survives power loss from then on."""
        stored = Stored(sha256_digest(data), len(data))
        if self._already_there(stored):
            return stored
        with self.writer() as target:
            target.write(data)
        return target.result

    def put_file(self, path: str | Path) -> Stored:
        """Store a copy of the file and return its digest; NotFound or Unavailable when it cannot be read."""
        with _disk.disk_errors(path):
            stream = open(path, "rb")
        with stream:
            return self.put_stream(stream)

    def put_stream(self, stream: SupportsRead[bytes]) -> Stored:
        """Store everything that `stream.read` gives, in pieces, and return its digest."""
        with self.writer() as target:
            while chunk := stream.read(CHUNK_BYTES):
                target.write(chunk)
        return target.result

    def writer(self) -> ObjectWriter:
        """Return a file-like context manager; after its block `.result` is what was stored."""
        return ObjectWriter(self)

    def touch(self, digest: str) -> bool:
        """Make the object as young as a new one; False when it is not here."""
        path = self.path(digest)
        try:
            _disk.utime(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _disk.explain(error, path) from error
        return True

    def iterate(self) -> Iterator[str]:
        """Yield the digests of all objects in ascending order; files of other names are passed over."""
        base = self.root / "sha256"
        for shard in _listing(base, _SHARD):
            for rest in _listing(base / shard, _REST):
                yield PREFIX + shard + rest

    def verify(self, digest: str) -> None:
        """Hash the object again; Corrupt, naming object and file, when its bytes have another digest."""
        if not self.exists(digest):
            raise self._missing(digest)
        path = self.path(digest)
        found = file_digest(path)
        if found != digest:
            raise Corrupt(
                f"object {digest} is damaged: the file {path} now has digest {found}",
                f"对象 {digest} 已损坏：文件 {path} 现在的摘要值是 {found}",
                hint=(
                    "Put the right file again, or restore it from a backup; then run: quanheng fsck",
                    "请重新存入正确的文件或从备份恢复，然后运行：quanheng fsck",
                ),
                code="object_damaged",
            )

    def delete(self, digest: str) -> bool:
        """Remove the object for good and return True; False when it was not here."""
        path = self.path(digest)
        try:
            path.unlink()
            _disk.fsync_folder(path.parent)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _disk.explain(error, path) from error
        return True

    def scratch(self) -> contextlib.AbstractContextManager[Path]:
        """Lend a folder for a job's pieces; `sweep_temporary` takes what a killed job left of it."""
        return _disk.scratch(self.root / "tmp")

    def sweep_temporary(self, older_than_s: float, now: float) -> int:
        """Remove temporary files and folders that killed writers left more than `older_than_s` seconds before `now`.

        Returns how many were removed. Choose an age far above the longest write: a live writer's file would go too.
        """
        folder = self.root / "tmp"
        removed = 0
        with _disk.disk_errors(folder):
            for path in sorted(folder.glob("*.part")):
                # Another sweep, or the writer itself, may take the file away meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    if now - path.stat().st_mtime > older_than_s:
                        _disk.remove_temporary(path)
                        removed += 1
        return removed

    def _already_there(self, stored: Stored) -> bool:
        """Return whether the object is here with the right size; if so it is touched and its name made durable.

        One of the wrong size was damaged from outside; False lets the caller replace it by the right bytes.
        """
        path = self.path(stored.digest)
        try:
            if path.stat().st_size != stored.size or not self.touch(stored.digest):
                return False
            # Whoever renamed it may not have come to its fsync yet; this put promises durability itself.
            self._make_durable(path.parent)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _disk.explain(error, path) from error
        return True

    def _rename_in(self, temporary: Path, digest: str) -> None:
        path = self.path(digest)
        with _disk.disk_errors(path):
            _disk.make_folder(path.parent)
            _disk.replace(temporary, path)
            self._make_durable(path.parent)

    def _make_durable(self, folder: Path) -> None:
        _disk.fsync_folder(folder)
        if folder not in self._durable_folders:
            _disk.fsync_folder(folder.parent)
            self._durable_folders.add(folder)

    def _stat(self, digest: str) -> os.stat_result:
        path = self.path(digest)
        try:
            return path.stat()
        except FileNotFoundError as error:
            raise self._missing(digest) from error
        except OSError as error:
            raise _disk.explain(error, path) from error

    def _missing(self, digest: str) -> NotFound:
        return NotFound(
            f"object {digest} is not in the store {self.root}",
            f"对象仓库 {self.root} 里没有 {digest}",
            hint=(
                "It may have been withdrawn or collected; run: quanheng fsck",
                "它可能已被撤回或回收；请运行：quanheng fsck",
            ),
            code="no_such_object",
        )


def _listing(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    """Return the matching names in `folder`, sorted; none when it does not exist (yet, or no longer)."""
    try:
        return sorted(name for name in os.listdir(folder) if pattern.fullmatch(name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _disk.explain(error, folder) from error
