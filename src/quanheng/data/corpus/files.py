"""Files of a source: found in a folder, stored as layers, many small ones as packs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from quanheng.data.corpus.read import FORMATS, format_of
from quanheng.errors import Invalid, NotFound, Unavailable
from quanheng.kinds.data import FileCounts, FileFormat, SourceFile
from quanheng.store import Layer, ObjectStore, canonical_json, write_zip

Progress = Callable[[int, int | None], None]

#: A manifest holds at most 4,000 layers, so more files than this go into packs.
PACK_ABOVE_FILES = 1000
PACK_BYTES = 64 * 1024 * 1024
MEDIA_TYPES: dict[FileFormat, str] = {
    "txt": "text/plain",
    "jsonl": "application/jsonl",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "html": "text/html",
    "markdown": "text/markdown",
    "warc": "application/warc",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
    "pack": "application/zip",
}
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that can be read: where it is, its name relative to what was scanned, format and size in bytes."""

    path: Path
    title: str
    format: FileFormat
    size: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What a folder holds: the files to read in order of their names, and the names passed over."""

    files: tuple[FoundFile, ...]
    passed_over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """Files as layers: what a source's `files` and `counts` say, and the layers themselves."""

    files: tuple[SourceFile, ...]
    counts: FileCounts
    layers: tuple[Layer, ...]


def _known() -> str:
    return " ".join(FORMATS) + " (.gz .zst)"


def scan_folder(path: str | Path) -> Scan:
    """Return the readable files under a folder, or the one file, in order of their names by code point.

    Hidden names and symbolic links are passed over, and so are formats that are not known; all are named in
    `passed_over`. Raises NotFound "no_such_path"; Invalid "empty_folder", "nothing_readable" or "unknown_format";
    Unavailable "unreadable_file" for what the operating system does not let us read.
    """
    root = Path(path)
    if root.is_file():
        format = format_of(root.name)
        if format is None:
            raise Invalid(
                f"{root} has a format that is not known",
                f"{root} 的格式无法识别",
                hint=(f"Formats are told by the end of the name: {_known()}", f"按扩展名识别格式：{_known()}"),
                code="unknown_format",
            )
        return Scan((_found(root, root.name, format),), ())
    if not root.is_dir():
        raise NotFound(
            f"there is no file or folder {root}",
            f"没有文件或文件夹 {root}",
            hint=("Check the path.", "请检查路径。"),
            code="no_such_path",
        )
    files: list[FoundFile] = []
    passed_over: list[str] = []
    for name, is_file in _names(root):
        format = format_of(name) if is_file else None
        if format is not None:
            files.append(_found(root / name, name, format))
        else:
            passed_over.append(name)
    if not files:
        _nothing(root, passed_over)
    return Scan(tuple(files), tuple(passed_over))


def _nothing(root: Path, passed_over: list[str]) -> None:
    if not passed_over:
        raise Invalid(
            f"the folder {root} is empty",
            f"文件夹 {root} 是空的",
            hint=(f"Put text files into it: {_known()}", f"请放入文本文件：{_known()}"),
            code="empty_folder",
        )
    some = ", ".join(passed_over[:5])
    raise Invalid(
        f"the folder {root} has no file that can be read; it has {len(passed_over)} others: {some}",
        f"文件夹 {root} 中没有可读取的文件；另有 {len(passed_over)} 个：{some}",
        hint=(f"Formats are told by the end of the name: {_known()}", f"按扩展名识别格式：{_known()}"),
        code="nothing_readable",
    )


def _names(root: Path) -> list[tuple[str, bool]]:
    """Return relative POSIX names of everything but folders, sorted, and whether each is an ordinary visible file."""
    names: list[tuple[str, bool]] = []

    def refuse(error: OSError) -> None:
        raise _unreadable(Path(error.filename or root), error) from error

    for folder, folders, files in os.walk(root, onerror=refuse):
        links = [name for name in folders if name.startswith(".") or Path(folder, name).is_symlink()]
        folders[:] = sorted(set(folders) - set(links))
        for name in [*files, *links]:
            full = Path(folder, name)
            ordinary = not name.startswith(".") and not full.is_symlink() and full.is_file()
            names.append((full.relative_to(root).as_posix(), ordinary))
    return sorted(names)


def _unreadable(path: Path, error: OSError) -> Unavailable:
    why = error.strerror or type(error).__name__
    return Unavailable(
        f"{path} cannot be read: {why}",
        f"无法读取 {path}：{why}",
        hint=("Check its permissions, or leave it out.", "请检查其权限，或将其排除。"),
        code="unreadable_file",
    )


def _found(path: Path, title: str, format: FileFormat) -> FoundFile:
    try:
        title.encode("utf-8")
    except UnicodeEncodeError as error:
        shown = title.encode("utf-8", "backslashreplace").decode()
        raise Invalid(
            f"the file name {shown} is not UTF-8",
            f"文件名 {shown} 不是 UTF-8 编码",
            hint=("Rename the file.", "请重命名该文件。"),
            code="bad_name",
        ) from error
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
    except OSError as error:
        raise _unreadable(path, error) from error
    return FoundFile(path, title, format, size)


def store_files(scan: Scan, objects: ObjectStore, progress: Progress, scratch: str | Path) -> StoredFiles:
    """Store the files of a scan as layers and return what a source says of them.

    Above 1,000 files, those below 1 MiB go into canonical zips of at most 64 MiB, in order; a pack is written
    under `scratch` and then stored. `progress` counts bytes. A file that changes meanwhile is stored as it was read.
    """
    total = sum(file.size for file in scan.files)
    done = 0
    layers: list[Layer] = []
    files: list[SourceFile] = []
    packed = len(scan.files) > PACK_ABOVE_FILES
    small = [file for file in scan.files if packed and file.size < _CHUNK_BYTES]
    for file in scan.files:
        if packed and file.size < _CHUNK_BYTES:
            continue
        try:
            stored = objects.put_file(file.path)
        except OSError as error:
            raise _unreadable(file.path, error) from error
        layers.append(Layer(stored.digest, stored.size, MEDIA_TYPES[file.format], file.title))
        files.append(SourceFile(title=file.title, format=file.format, size=stored.size))
        done += file.size
        progress(done, total)
    for number, group in enumerate(_groups(small)):
        title = f"packs/pack-{number:05d}.zip"
        pack = Path(scratch) / f"pack-{number:05d}.zip"
        try:
            write_zip(pack, {file.title: file.path for file in group})
            stored = objects.put_file(pack)
        finally:
            pack.unlink(missing_ok=True)
        layers.append(Layer(stored.digest, stored.size, MEDIA_TYPES["pack"], title))
        files.append(SourceFile(title=title, format="pack", size=stored.size))
        done += sum(file.size for file in group)
        progress(done, total)
    loose = sum(file.size for file in files if file.format != "pack")
    counts = FileCounts(files=len(scan.files), bytes=loose + sum(file.size for file in small))
    return StoredFiles(tuple(files), counts, tuple(layers))


def _groups(files: list[FoundFile]) -> Iterator[list[FoundFile]]:
    group: list[FoundFile] = []
    size = 0
    for file in files:
        if group and size + file.size > PACK_BYTES:
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if group:
        yield group


def tree_digest(path: str | Path) -> str:
    """Return a digest of names and contents of the file, or of all ordinary files under the folder, for cache keys.

    Times, permissions and the place of the folder do not enter. Raises as `scan_folder` does.
    """
    root = Path(path)
    if root.is_file():
        names = [(root.name, root)]
    else:
        names = [(file.title, file.path) for file in scan_folder(root).files]
    rows = [[title, _digest(file)] for title, file in names]
    return "sha256:" + hashlib.sha256(canonical_json(rows)).hexdigest()


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error
