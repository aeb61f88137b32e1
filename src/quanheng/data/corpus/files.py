"""Files of a source: found in a folder, stored as layers, many small ones as packs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from quanheng.data.corpus.read import FORMATS, format_of
from quanheng.errors import Conflict, Invalid, NotFound, Unavailable, system_said
from quanheng.kinds.counting import counted
from quanheng.kinds.sources import FileCounts, FileFormat, SourceFile
from quanheng.store import Layer, ObjectStore, Stored, canonical_json, write_zip

Progress = Callable[[int, int | None], None]

#: A manifest holds at most 4,000 layers, so of more files than this the small ones go into packs.
PACK_ABOVE_FILES = 1000
#: The most that a pack holds.
PACK_BYTES = 64 * 1024 * 1024
PACK_FILES = 16384
#: A pack also ends before a file whose name says so, one of so many: a file that is added or taken away changes its own
#: pack alone, and what was made of the others is not made again.
PACK_ENDS_IN = 4096
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
    "png": "image/png",
    "jpeg": "image/jpeg",
    "tiff": "image/tiff",
    "webp": "image/webp",
}
#: As `SourceFile.title` has it.
MOST_TITLE = 500
_CHUNK_BYTES = 1 << 20
#: A file above this is taken to hold text; one of blanks alone is hardly as long.
_BLANK_BYTES = 1 << 16
_PLAIN_TEXT = ("txt", "markdown", "jsonl", "csv", "html")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that can be read: its place is `folder` and `title`; format, and size in bytes when it was found."""

    folder: str
    title: str
    format: FileFormat
    size: int

    @property
    def path(self) -> Path:
        """Return where it is."""
        return Path(self.folder, self.title)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a folder holds: the files to read in order of their names, and the names passed over."""

    files: tuple[FoundFile, ...]
    passed_over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """Files as layers: what a source's `files` and `counts` say, the layers themselves, names of those without text."""

    files: tuple[SourceFile, ...]
    counts: FileCounts
    layers: tuple[Layer, ...]
    blank: tuple[str, ...] = ()

    def check_text(self, place: str) -> None:
        """Raise Invalid "only_empty_files" when no file holds any text: nothing could be built from such a source."""
        if len(self.blank) < self.counts.files:
            return
        n = self.counts.files
        raise Invalid(
            f"there is no text at {place}: {counted(n, 'files')}, empty or of blanks alone",
            f"{place} 中没有任何文字：共 {n:,} 个文件，为空文件或只有空白",
            hint=(
                "Check whether this is the right place, and whether the files were downloaded or written to the end.",
                "请检查路径是否正确，文件是否已完整下载或写完。",
            ),
            code="only_empty_files",
        )


#: How text in pictures is had, as the hint of an error and in a log.
READ_PICTURES = (
    "Say --ocr when_missing (a form: “Text in pictures”) to have their text recognised; it takes the extra [ocr].",
    "要读出其中的文字，请加 --ocr when_missing（网页表单中选“图像文字识别”），并安装 ocr 扩展。",
)


def is_picture(name: str) -> bool:
    """Return whether a file of this name is a picture, which holds no text unless it is recognised."""
    return format_of(name) is None and format_of(name, pictures=True) is not None


def only_pictures(place: str | Path, n: int) -> Invalid:
    """Return the error of a place where everything that could be read are pictures, whose text nobody asked for."""
    many = n > 1
    return Invalid(
        f"{place} holds {n:,} pictures and nothing else that can be read" if many else f"{place} is a picture",
        f"{place} 中只有 {n:,} 张图片，没有可直接读取的文本" if many else f"{place} 是图片，没有可直接读取的文本",
        hint=READ_PICTURES,
        code="only_pictures",
    )


def _known() -> str:
    return " ".join(FORMATS) + " (.gz .zst)"


def scan_folder(path: str | Path, *, pictures: bool = False) -> Scan:
    """Return the readable files under a folder, or the one file, in order of their names by code point.

    pictures: whether image files are among them, because their text is to be recognised.

    Hidden names and symbolic links are passed over, and so are formats that are not known; all are named in
    `passed_over`. Raises NotFound "no_such_path"; Invalid "empty_folder", "nothing_readable" or "unknown_format";
    Unavailable "unreadable_file" for what the operating system does not let us read.
    """
    root = Path(path)
    if root.is_file():
        format = format_of(root.name, pictures=pictures)
        if format is None and is_picture(root.name):
            raise only_pictures(root, 1)
        if format is None:
            raise Invalid(
                f"{root} has a format that is not known",
                f"{root} 的格式无法识别",
                hint=(f"Formats are told by the end of the name: {_known()}", f"按扩展名识别格式：{_known()}"),
                code="unknown_format",
            )
        return Scan((_found(str(root.parent), root.name, format, root.stat().st_size),), ())
    if not root.is_dir():
        raise NotFound(
            f"there is no file or folder {root}",
            f"没有文件或文件夹 {root}",
            hint=("Check the path.", "请检查路径。"),
            code="no_such_path",
        )
    files: list[FoundFile] = []
    ordinary, passed_over = _names(root)
    for name, size in ordinary:
        format = format_of(name, pictures=pictures)
        if format is not None:
            files.append(_found(str(root), name, format, size))
        else:
            passed_over.append(name)
    passed_over.sort()
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
    if pictures := sum(is_picture(name) for name in passed_over):
        raise only_pictures(root, pictures)
    some = ", ".join(passed_over[:5])
    raise Invalid(
        f"the folder {root} has no file that can be read; it has {counted(len(passed_over), 'files')}: {some}",
        f"文件夹 {root} 中没有可读取的文件；另有 {len(passed_over)} 个：{some}",
        hint=(f"Formats are told by the end of the name: {_known()}", f"按扩展名识别格式：{_known()}"),
        code="nothing_readable",
    )


def _names(root: Path) -> tuple[list[tuple[str, int]], list[str]]:
    """Return relative POSIX names and sizes of ordinary visible files, sorted, and the names of all others."""
    names: list[tuple[str, int]] = []
    others: list[str] = []
    folders = [""]
    while folders:
        inside = folders.pop()
        try:
            with os.scandir(root / inside) as entries:
                for entry in entries:
                    name = f"{inside}/{entry.name}" if inside else entry.name
                    if entry.name.startswith(".") or entry.is_symlink():
                        others.append(name)
                    elif entry.is_dir():
                        folders.append(name)
                    elif entry.is_file():
                        names.append((name, entry.stat().st_size))
                    else:
                        others.append(name)
        except OSError as error:
            raise _unreadable(Path(error.filename or root / inside), error) from error
    return sorted(names), others


def _unreadable(path: Path, error: OSError) -> Unavailable:
    why = system_said(error)
    return Unavailable(
        f"{path} cannot be read: {why.en}",
        f"无法读取 {path}：{why.zh}",
        hint=("Check its permissions, or leave it out.", "请检查其权限，或将其排除。"),
        code="unreadable_file",
    )


def _found(folder: str, title: str, format: FileFormat, size: int) -> FoundFile:
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
    check_title(title)
    return FoundFile(folder, title, format, size)


def check_title(title: str) -> None:
    """Raise Invalid "bad_name" for a name that is too long to be the title of a file of a source."""
    if len(title) > MOST_TITLE:
        raise Invalid(
            f"the name {title[:60]}… has {len(title)} characters; a source takes {MOST_TITLE}",
            f"名称 {title[:60]}… 有 {len(title)} 个字符；来源中的文件名最多 {MOST_TITLE} 个",
            hint=("Shorten the names of its folders.", "请缩短其所在文件夹的名称。"),
            code="bad_name",
        )


def store_files(scan: Scan, objects: ObjectStore, progress: Progress) -> StoredFiles:
    """Store the files of a scan as layers and return what a source says of them.

    Above 1,000 files, those below 1 MiB go into canonical zips, in order: `packs` says which into which. `progress`
    counts bytes. Raises Conflict "changed_while_read" for a file that is not as large as when it was found; what else
    changes meanwhile is stored as it was read.
    """
    total = sum(file.size for file in scan.files)
    done = 0
    layers: list[Layer] = []
    files: list[SourceFile] = []
    blank: list[str] = []
    packed = len(scan.files) > PACK_ABOVE_FILES
    small = [file for file in scan.files if packed and file.size < _CHUNK_BYTES]

    def add(stored: Stored, format: FileFormat, title: str) -> None:
        layers.append(Layer(stored.digest, stored.size, MEDIA_TYPES[format], title))
        files.append(SourceFile(title=title, format=format, size=stored.size))

    for file in scan.files:
        if packed and file.size < _CHUNK_BYTES:
            continue
        try:
            stored = objects.put_file(file.path)
        except OSError as error:
            raise _unreadable(file.path, error) from error
        if stored.size != file.size:
            raise _changed(file)
        add(stored, file.format, file.title)
        with objects.open(stored.digest) as stream:
            blank += [file.title] if _is_blank(file, stream.read(_BLANK_BYTES + 1)) else []
        done += file.size
        progress(done, total)
    for number, group in enumerate(packs(small)):
        entries: dict[str, bytes | Path] = {}
        for file in group:
            entries[file.title] = data = _read(file)
            blank += [file.title] if _is_blank(file, data) else []
            done += file.size
            progress(done, total)
        with objects.writer() as out:
            write_zip(cast(BinaryIO, out), entries)
        add(out.result, "pack", f"packs/pack-{number:05d}.zip")
    return StoredFiles(tuple(files), FileCounts(files=len(scan.files), bytes=total), tuple(layers), tuple(blank))


def _is_blank(file: FoundFile, data: bytes) -> bool:
    """Return whether a file holds nothing, or is plain text of which nothing is left without blanks."""
    if not data or len(data) > _BLANK_BYTES or file.format not in _PLAIN_TEXT:
        return not data
    return not data.decode("utf-8", "replace").lstrip("\ufeff").replace("\0", "").strip()


def _read(file: FoundFile) -> bytes:
    try:
        data = file.path.read_bytes()
    except OSError as error:
        raise _unreadable(file.path, error) from error
    if len(data) != file.size:
        raise _changed(file)
    return data


def _changed(file: FoundFile) -> Conflict:
    return Conflict(
        f"{file.path} changed while it was read",
        f"{file.path} 在读取过程中发生了变化",
        hint=("Run it again when nothing writes to it.", "请在没有程序写入时重新执行。"),
        code="changed_while_read",
    )


def packs(files: Sequence[FoundFile]) -> Iterator[list[FoundFile]]:
    """Yield which files go into which pack: at most 64 MiB and 16,384 files, in order.

    A pack also ends before a file of which the SHA-256 of the name ends in twelve zero bits.
    """
    group: list[FoundFile] = []
    size = 0
    for file in files:
        begins = int.from_bytes(hashlib.sha256(file.title.encode("utf-8")).digest()[-4:]) % PACK_ENDS_IN == 0
        if group and (begins or size + file.size > PACK_BYTES or len(group) >= PACK_FILES):
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
