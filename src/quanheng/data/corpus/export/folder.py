"""A target folder that is either not there or whole: written beside it, hashed, made durable, then renamed.

The working folder is `.<name>.quanheng-partial` next to the target, locked while somebody writes it. What an
interrupted export left there is removed by the next one. Nothing else is ever removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from quanheng.errors import Conflict, Invalid
from quanheng.store._disk import disk_errors, fsync_folder, make_folder

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

SUMS = "SHA256SUMS"


@dataclass(frozen=True, order=True)
class ExportedFile:
    """A file of an export: its path in the folder, bytes, SHA-256 in hex, and documents in it (0: not data)."""

    path: str
    size: int
    sha256: str
    documents: int = 0


class HashedFile(io.RawIOBase):
    """A new file that hashes what is written to it and is on the disk once closed; `size` and `sha256` tell after."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("xb")
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self.size

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of `data` and return its bytes."""
        view = memoryview(data).cast("B")
        self._file.write(view)
        self._hash.update(view)
        self.size += len(view)
        return len(view)

    def close(self) -> None:
        """Make the file durable and close it."""
        if not self.closed:
            try:
                self._file.flush()
                os.fsync(self._file.fileno())
            finally:
                self._file.close()
                super().close()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the bytes so far, in hex."""
        return self._hash.hexdigest()


class WorkingFolder:
    """The folder being written. `create` opens a file in it, `files` lists those that are done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: list[ExportedFile] = []

    def create(self, name: str) -> HashedFile:
        """Return a new file `name` in the folder; call `done` once it is closed."""
        return HashedFile(self.path / name)

    def done(self, name: str, file: HashedFile, documents: int = 0, *, final_name: str | None = None) -> None:
        """List a closed file, under its final name where its number was not known before."""
        if final_name is not None:
            (self.path / name).rename(self.path / final_name)
        self.files.append(ExportedFile(final_name or name, file.size, file.sha256, documents))

    def write(self, name: str, data: bytes) -> None:
        """Write a whole small file."""
        with self.create(name) as file:
            file.write(data)
        self.done(name, file)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Lend a folder for temporary files, which is gone before the export is."""
        path = self.path / ".scratch"
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def seal(self) -> None:
        """Write SHA256SUMS over all files, in the order of their paths, as `sha256sum -c` reads it."""
        self.files.sort()
        lines = "".join(f"{file.sha256}  {file.path}\n" for file in self.files)
        self.write(SUMS, lines.encode())


@contextlib.contextmanager
def working_folder(target: Path) -> Iterator[WorkingFolder]:
    """Lend a working folder that becomes `target` when the block ends well, and is removed when it raises.

    Raises Conflict "target_not_empty" when `target` holds something, "export_running" when another export writes it;
    Invalid "target_not_folder" when it is a file.
    """
    target = target.absolute()
    with disk_errors(target):
        _check_target(target)
        make_folder(target.parent)
        partial = target.parent / f".{target.name}.quanheng-partial"
        partial.mkdir(mode=0o777, exist_ok=True)
        handle = os.open(partial, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _lock(handle, partial, target)
            _empty(partial)
            try:
                folder = WorkingFolder(partial)
                yield folder
                folder.seal()
                _make_durable(partial)
                _check_target(target)
                partial.rename(target)
                fsync_folder(target.parent)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
        finally:
            os.close(handle)


def _check_target(target: Path) -> None:
    if target.is_dir():
        if next(target.iterdir(), None) is not None:
            raise Conflict(
                f"the target folder {target} is not empty",
                f"目标文件夹 {target} 不为空",
                hint=("Name a new or empty folder.", "请指定新的或空的文件夹。"),
                code="target_not_empty",
            )
    elif target.exists() or target.is_symlink():
        raise Invalid(
            f"the target {target} is not a folder",
            f"目标 {target} 不是文件夹",
            hint=("Name a new or empty folder.", "请指定新的或空的文件夹。"),
            code="target_not_folder",
        )


def _lock(handle: int, partial: Path, target: Path) -> None:
    """Lock the working folder until its handle closes; the lock of a killed process is gone with it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held the lock before may have renamed or removed the folder between our mkdir and our lock.
        same = partial.is_dir() and os.path.samestat(os.fstat(handle), partial.stat())
    except BlockingIOError:
        same = False
    if not same:
        raise Conflict(
            f"another export is writing {target}",
            f"另一个导出任务正在写入 {target}",
            hint=("Wait for it, or name another folder.", "请等待其完成，或指定其他文件夹。"),
            code="export_running",
        )


def _empty(folder: Path) -> None:
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _make_durable(folder: Path) -> None:
    """Make every name in the tree survive a power loss; the files themselves are already on the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            fsync_folder(path)
    fsync_folder(folder)


def as_stream(file: HashedFile) -> BinaryIO:
    """Return the file as the type that libraries ask for."""
    return cast(BinaryIO, file)


def damaged_files(folder: Path) -> list[str]:
    """Return the paths listed in SHA256SUMS whose file is missing or differs, and files that are not listed.

    Raises NotFound when there is no SHA256SUMS.
    """
    found: list[str] = []
    listed = {SUMS}
    with disk_errors(folder / SUMS):
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    for line in lines:
        digest, _, name = line.partition("  ")
        listed.add(name)
        path = folder / name
        if not path.is_file():
            found.append(name)
            continue
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                found.append(name)
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return sorted([*found, *(there - listed)])
