"""The border to the disk: the few calls that make writes durable, and what an OSError means for a person.

Callers write `_disk.fsync(...)`, so that a test can replace a call here, record the order, or make it fail.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from quanheng.errors import NotFound, QuanhengError, Unavailable

write: Callable[[int, memoryview], int] = os.write
fsync: Callable[[int], None] = os.fsync
replace: Callable[[str | Path, str | Path], None] = os.replace
utime: Callable[[str | Path], None] = os.utime


@contextlib.contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """Turn an OSError inside the block into the error that says what to do; `path` is named in it."""
    try:
        yield
    except OSError as error:
        raise explain(error, path) from error


def explain(error: OSError, path: str | Path) -> QuanhengError:
    """Return the error of the tree for an OSError met at `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(
            f"the disk is full: {path} could not be written; nothing was changed",
            f"磁盘已满：无法写入 {path}；原有内容未改变",
            hint=("Free some space and run it again.", "请释放空间后重试。"),
            code="disk_full",
        )
    if error.errno == errno.EROFS:
        return Unavailable(
            f"the disk is read-only: {path} could not be written; nothing was changed",
            f"磁盘为只读：无法写入 {path}；原有内容未改变",
            hint=("Mount it writable, or choose another folder.", "请以可写方式挂载，或换一个文件夹。"),
            code="read_only",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return Unavailable(
            f"the operating system does not permit the access to {path}",
            f"操作系统不允许访问 {path}",
            hint=("Check who owns the folder and its permissions.", "请检查该文件夹的所有者与权限。"),
            code="not_permitted",
        )
    if error.errno == errno.ENOENT:
        return NotFound(
            f"there is no file {path}",
            f"没有文件 {path}",
            hint=("Check the path.", "请检查路径。"),
            code="no_such_file",
        )
    return Unavailable(
        f"the disk did not answer as it should at {path}: {error.strerror or error}",
        f"磁盘在 {path} 处出错：{error.strerror or error}",
        hint=("Check the disk, then run it again.", "请检查磁盘后重试。"),
        code="io_error",
    )


def write_all(handle: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of `data`; one call of the system may take only a part of it."""
    view = memoryview(data)
    while view:
        view = view[write(handle, view) :]


def fsync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power loss."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create `folder` and its missing parents, each made durable in its own parent."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        fsync_folder(path.parent)


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Lend a new folder in `folder` (made if missing), mode 0700, under a name nobody else has.

    A full disk that the block meets is told as `explain` tells it.
    """
    path = folder / f"{os.getpid()}-{os.urandom(8).hex()}.part"
    with disk_errors(folder):
        make_folder(folder)
        path.mkdir(mode=0o700)
    try:
        yield path
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise explain(error, path) from error
        raise
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove_temporary(path: Path) -> None:
    """Remove a file or folder that was left in a folder of temporary ones; FileNotFoundError when it is gone."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def open_temporary(folder: Path) -> tuple[int, Path]:
    """Return (handle, path) of a new file in `folder`, mode 0600, under a name nobody else has."""
    path = folder / f"{os.getpid()}-{os.urandom(8).hex()}.part"
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), path
