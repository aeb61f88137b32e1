"""Zip files of which there is exactly one per content: what a bundle and a pack of small files are.

Members sorted by name, stored without compression, dated 1980-01-01, mode 0644, names in UTF-8, no comments, no gaps;
extra fields only where a number does not fit into 32 bits (zip64). Everything in the file follows from names and
contents, so the reader builds each header again and finds any other byte. Source: PKWARE APPNOTE 6.3.10.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeAlias

from quanheng.errors import Conflict, Corrupt, Invalid, NotFound, Text
from quanheng.store import _disk
from quanheng.store._names import check_name, name_problem
from quanheng.store.digest import CHUNK_BYTES

Content: TypeAlias = bytes | Path

#: A size or offset from here on does not fit into 32 bits and moves to a zip64 field; a test lowers it.
ZIP64_SIZE = 0xFFFFFFFF
#: The same for the number of members.
ZIP64_COUNT = 0xFFFF

_UTF8_NAME = 1 << 11
_DATE_1980_01_01 = 0x0021
_MADE_ON_UNIX = 3 << 8
_REGULAR_0644 = 0o100644 << 16
_PLAIN, _ZIP64 = 20, 45
_LOCAL = b"PK\x03\x04"
_CENTRAL = b"PK\x01\x02"
_END = b"PK\x05\x06"
_END_BYTES = 22


@dataclass(frozen=True)
class Member:
    """One file in the zip: its name, size and CRC-32, and where its header starts."""

    name: str
    size: int
    crc: int
    offset: int

    @property
    def data_offset(self) -> int:
        """Return where its bytes start."""
        return self.offset + len(self.local_header())

    def local_header(self) -> bytes:
        """Return the header that stands before its bytes."""
        name = self.name.encode("utf-8")
        big = self.size >= ZIP64_SIZE
        extra = struct.pack("<HHQQ", 1, 16, self.size, self.size) if big else b""
        size = 0xFFFFFFFF if big else self.size
        return (
            struct.pack(
                "<4s5H3L2H", _LOCAL, _ZIP64 if big else _PLAIN, _UTF8_NAME, 0, 0, _DATE_1980_01_01,
                self.crc, size, size, len(name), len(extra),
            )
            + name
            + extra
        )  # fmt: skip

    def central_header(self) -> bytes:
        """Return its record in the directory at the end."""
        name = self.name.encode("utf-8")
        big_size, big_offset = self.size >= ZIP64_SIZE, self.offset >= ZIP64_SIZE
        numbers = ([self.size, self.size] if big_size else []) + ([self.offset] if big_offset else [])
        extra = struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""
        version = _ZIP64 if numbers else _PLAIN
        size = 0xFFFFFFFF if big_size else self.size
        return (
            struct.pack(
                "<4s6H3L5H2L", _CENTRAL, _MADE_ON_UNIX | version, version, _UTF8_NAME, 0, 0, _DATE_1980_01_01,
                self.crc, size, size, len(name), len(extra), 0, 0, 0, _REGULAR_0644,
                0xFFFFFFFF if big_offset else self.offset,
            )
            + name
            + extra
        )  # fmt: skip


def write_zip(target: str | Path | BinaryIO, entries: Mapping[str, Content]) -> None:
    """Write the one zip of these entries: name → bytes, or the path of a file to copy in.

    To a path: atomic and durable (temporary file, fsync, rename). To an open binary file: written in order, never
    seeking. Files are read twice (checksum, then copy) in pieces. Raises Invalid for a bad name, or a name that is
    also a folder of another; Conflict when a file changes meanwhile.
    """
    _check_names(entries)
    if not isinstance(target, (str, Path)):
        _write(target, entries)
        return
    path = Path(target)
    with _disk.disk_errors(path):
        handle, temporary = _disk.open_temporary(path.parent)
    try:
        with _disk.disk_errors(path):
            with os.fdopen(handle, "wb") as stream:
                _write(stream, entries)
                stream.flush()
                os.fchmod(handle, 0o644)
                _disk.fsync(handle)
            _disk.replace(temporary, path)
            _disk.fsync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_zip(path: str | Path) -> CanonicalZip:
    """Return the zip at `path`, every byte of it checked; use it as a context manager.

    Raises Corrupt, with the byte offset and the member, where anything differs from what `write_zip` writes;
    Invalid (code not_a_zip) when the file is no zip at all; NotFound or Unavailable when it cannot be read.
    """
    with _disk.disk_errors(path):
        stream = open(path, "rb")
    try:
        with _disk.disk_errors(path):
            return CanonicalZip(stream, _Checker(stream, Path(path).name).members())
    except BaseException:
        stream.close()
        raise


class CanonicalZip:
    """A checked zip: its members in order, and their bytes."""

    def __init__(self, stream: BinaryIO, members: list[Member]) -> None:
        self._stream = stream
        self.members = {member.name: member for member in members}

    @property
    def names(self) -> list[str]:
        """Return the names of the members, sorted."""
        return list(self.members)

    def size(self, name: str) -> int:
        """Return the size of a member in bytes; NotFound when there is none of this name."""
        return self._member(name).size

    def open(self, name: str) -> io.BufferedReader:
        """Open a member for reading; several may be open at once."""
        member = self._member(name)
        return io.BufferedReader(_Section(self._stream.fileno(), member.data_offset, member.size), CHUNK_BYTES)

    def read(self, name: str) -> bytes:
        """Return the bytes of a member."""
        with self.open(name) as stream:
            return stream.read()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> CanonicalZip:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _member(self, name: str) -> Member:
        if name not in self.members:
            raise NotFound(f"the zip has no member {name!r}", f"压缩包里没有 {name!r}", code="no_such_member")
        return self.members[name]


class _Section(io.RawIOBase):
    """A part of an open file, read at its own position."""

    def __init__(self, handle: int, start: int, size: int) -> None:
        self._handle, self._position, self._end = handle, start, start + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = os.pread(self._handle, min(len(buffer), self._end - self._position), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _write(stream: BinaryIO, entries: Mapping[str, Content]) -> None:
    members: list[Member] = []
    offset = 0
    for name in sorted(entries):
        content = entries[name]
        size, crc = _measure(content)
        member = Member(name, size, crc, offset)
        stream.write(member.local_header())
        copied = again = 0
        for chunk in _chunks(content):
            stream.write(chunk)
            copied, again = copied + len(chunk), zlib.crc32(chunk, again)
        if (copied, again) != (size, crc):
            raise Conflict(
                f"the file {content!r} changed while it was packed",
                f"文件 {content!r} 在打包过程中发生变化",
                hint=("Leave it unchanged and run again.", "请勿改动该文件，然后重试。"),
                code="changed_meanwhile",
            )
        members.append(member)
        offset = member.data_offset + size
    for piece in _directory(members, offset):
        stream.write(piece)


def _directory(members: list[Member], offset: int) -> Iterator[bytes]:
    """Yield the records of the directory at `offset`, one per member, and then the end record."""
    size = 0
    for member in members:
        record = member.central_header()
        size += len(record)
        yield record
    count = len(members)
    end = b""
    if count >= ZIP64_COUNT or size >= ZIP64_SIZE or offset >= ZIP64_SIZE:
        end = struct.pack(
            "<4sQ2H2L4Q", b"PK\x06\x06", 44, _MADE_ON_UNIX | _ZIP64, _ZIP64, 0, 0, count, count, size, offset
        ) + struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + size, 1)
    few = 0xFFFF if count >= ZIP64_COUNT else count
    near = 0xFFFFFFFF if offset >= ZIP64_SIZE else offset
    small = 0xFFFFFFFF if size >= ZIP64_SIZE else size
    yield end + struct.pack("<4s4H2LH", _END, 0, 0, few, few, small, near, 0)


class _Checker:
    """Reads a zip from its first byte to its last and compares it with what the writer would have written."""

    def __init__(self, stream: BinaryIO, title: str) -> None:
        self._stream = stream
        self._title = title
        self._size = os.fstat(stream.fileno()).st_size

    def members(self) -> list[Member]:
        """Return the members; Corrupt at the first byte that differs."""
        self._must_be_zip()
        members: list[Member] = []
        offset = 0
        while (start := self._peek(offset, 4)) not in (_CENTRAL, _END):
            if start != _LOCAL:
                last = members[-1].name if members else None
                raise self._differs(
                    offset, last, "neither a member nor the directory starts here", "此处应是下一成员或目录的开头"
                )
            member = self._local(offset, members[-1].name if members else None)
            self._data(member)
            members.append(member)
            offset = member.data_offset + member.size
        problem = _folder_clash([member.name for member in members])
        if problem:
            raise self._differs(offset, None, f"{problem!r} is a file and a folder", f"{problem!r} 既是文件又是文件夹")
        for number, expected in enumerate(_directory(members, offset)):
            if number < len(members):
                at = members[number].offset
                en, zh = f"its record here or its header at byte {at}", f"此处的目录记录或第 {at} 字节处的头部"
                self._expect(offset, expected, members[number].name, en, zh)
            else:
                self._expect(offset, expected, None, "the end record", "结尾记录")
            offset += len(expected)
        if offset != self._size:
            raise self._differs(offset, None, "bytes follow after the end", "末尾之后还有多余字节")
        return members

    def _must_be_zip(self) -> None:
        if self._peek(0, 4) in (_LOCAL, _END) or self._peek(max(0, self._size - _END_BYTES), 4) == _END:
            return
        raise Invalid(
            f"{self._title} is not a zip file",
            f"{self._title} 不是 zip 文件",
            hint=("Give the bundle as it was received.", "请提供收到时的原始材料包。"),
            code="not_a_zip",
        )

    def _local(self, offset: int, previous: str | None) -> Member:
        """Return the member whose header starts at `offset`, with the header checked."""
        fixed = self._peek(offset, 30)
        if len(fixed) < 30:
            raise self._differs(offset, previous, "the file ends inside a header", "文件在头部中途结束")
        crc, size, name_size = struct.unpack_from("<L4xLH", fixed, 14)
        raw = self._peek(offset + 30, name_size)
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self._differs(offset + 30, previous, "a name is not UTF-8", "名称不是 UTF-8 编码") from None
        if name_problem(name) or (previous is not None and name <= previous):
            raise self._differs(
                offset + 30, previous, f"the name {name!r} is not allowed here", f"名称 {name!r} 不应出现在此处"
            )
        if size == 0xFFFFFFFF:
            field = self._peek(offset + 30 + name_size, 20)
            size = struct.unpack("<12xQ", field)[0] if len(field) == 20 else size
        member = Member(name, size, crc, offset)
        self._expect(offset, member.local_header(), name, "its header", "其头部")
        return member

    def _data(self, member: Member) -> None:
        start, end = member.data_offset, member.data_offset + member.size
        if end > self._size:
            raise self._differs(
                member.offset, member.name, "its header says more bytes than there are", "其头部声明的长度超出文件"
            )
        crc = 0
        for position in range(start, end, CHUNK_BYTES):
            crc = zlib.crc32(self._peek(position, min(CHUNK_BYTES, end - position)), crc)
        if crc != member.crc:
            raise self._differs(
                start,
                member.name,
                f"bytes {start} to {end}, or the checksum in the header before them, were changed",
                f"第 {start} 至 {end} 字节或其前头部中的校验和被改动",
            )

    def _expect(self, offset: int, expected: bytes, name: str | None, en: str, zh: str) -> None:
        found = self._peek(offset, len(expected))
        if found == expected:
            return
        step = next((i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), len(found))
        raise self._differs(offset + step, name, f"{en} differs from what Quanheng writes", f"{zh}与权衡写出的不同")

    def _peek(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes at `offset`; fewer only at the end of the file."""
        found = b""
        while len(found) < size and (more := os.pread(self._stream.fileno(), size - len(found), offset + len(found))):
            found += more
        return found

    def _differs(self, offset: int, name: str | None, en: str, zh: str) -> Corrupt:
        where_en, where_zh = (f", member {name}", f"，成员 {name}") if name else ("", "")
        return Corrupt(
            f"{self._title} is damaged at byte {offset}{where_en}: {en}",
            f"{self._title} 在第 {offset} 字节处损坏{where_zh}：{zh}",
            hint=("Ask its sender for it again.", "请向提供者重新索取。"),
            code="zip_damaged",
        )


def _measure(content: Content) -> tuple[int, int]:
    size = crc = 0
    for chunk in _chunks(content):
        size, crc = size + len(chunk), zlib.crc32(chunk, crc)
    return size, crc


def _chunks(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with _disk.disk_errors(content), contextlib.closing(open(content, "rb")) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def _check_names(entries: Mapping[str, Content]) -> None:
    for name in entries:
        check_name(name, Text("the member name", "成员名称"))
    clash = _folder_clash(list(entries))
    if clash:
        raise Invalid(
            f"{clash!r} is a file and a folder of another member",
            f"{clash!r} 既是文件又是另一成员的文件夹",
            hint=("Rename one of them.", "请改名其中之一。"),
            code="bad_name",
        )


def _folder_clash(names: list[str]) -> str | None:
    """Return a name that is also a folder on the way to another name, or None."""
    files = set(names)
    for name in names:
        parts = name.split("/")
        for count in range(1, len(parts)):
            if (folder := "/".join(parts[:count])) in files:
                return folder
    return None
