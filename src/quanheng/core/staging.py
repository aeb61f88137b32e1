"""Files that somebody uploads for a verb to read: `upload:ID` names one, `upload:ID,ID,…` a folder of several.

The bytes lie in `uploads/<id>/<name>` of the workspace; a folder is made of hard links. Only the actor who brought a
file adds to it, names it or learns that it is there. What nobody touched for 24 hours is swept, unless a job that
waits or runs names it. An upload without a name is a layer: it goes into the object store as soon as it is whole.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from quanheng.core import clock, permission, uploads
from quanheng.core.database import retry_locked, write
from quanheng.core.inputs import Local, marked, marker
from quanheng.core.permission import REFUSED
from quanheng.core.session import Session
from quanheng.core.staging_folder import ID, KEPT, folder_of, path_of, sweep_when_due, unknown
from quanheng.errors import Conflict, Forbidden, Invalid
from quanheng.store import _disk, file_digest, parse_digest

if TYPE_CHECKING:
    from quanheng.core.models import StagedFile

PREFIX = "upload:"
#: Longest part of a name; file systems allow 255 bytes, and temporary names need some of them.
MAX_NAME_BYTES = 200
#: Longest name with its folders: what the column holds.
MAX_PATH = 255
#: Received bytes are noted this often, so that a killed server does not forget all of a large file.
NOTE_EVERY = 8 << 20
#: What no name may hold: control characters, line separators, halves of characters.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def expires(row: StagedFile) -> dt.datetime:
    """Return until when the upload is kept at least."""
    return row.touched_at + KEPT


def clean_name(name: str) -> str:
    r"""Return a browser's file name as one harmless part of a path: its last part, without control characters.

    >>> clean_name("../../etc/pass\nwd"), clean_name("C:\\docs\\a.txt"), clean_name("..")
    ('passwd', 'a.txt', 'file')
    """
    last = _CONTROL.sub("", re.split(r"[/\\]", name)[-1]).strip()
    if last in ("", ".", ".."):
        return "file"
    stem, dot, suffix = last.rpartition(".")
    tail = dot + suffix if stem and len((dot + suffix).encode()) < MAX_NAME_BYTES // 4 else ""
    head = last[: len(last) - len(tail)].encode()[: MAX_NAME_BYTES - len(tail.encode())]
    return head.decode("utf-8", "ignore") + tail


def check_path(path: str) -> str:
    """Return the path of a file inside the folder that is uploaded; Invalid unless every part of it is a plain name."""
    parts = path.split("/")
    plain = all(part not in ("", ".", "..") and not _CONTROL.search(part) for part in parts)
    if plain and len(path) <= MAX_PATH and all(len(part.encode()) <= MAX_NAME_BYTES for part in parts):
        return path
    raise Invalid(
        f"{path[:100]!r} cannot be the path of a file inside a folder",
        f"{path[:100]!r} 不能用作文件夹内的文件路径",
        hint=(
            f"Plain names joined by /, each at most {MAX_NAME_BYTES} bytes, together at most {MAX_PATH} characters.",
            f"用 / 连接的普通名称，每段至多 {MAX_NAME_BYTES} 字节，总长至多 {MAX_PATH} 个字符。",
        ),
        code="bad_path",
    )


def require(session: Session, *, layer: bool = False) -> None:
    """Raise Forbidden unless the session may run some verb that reads a file here; for a layer, unless it may build."""
    from quanheng.core.verb import VERBS, load

    if layer:
        retry_locked(lambda: permission.require(session, "build", "layer.put"))
        return
    load()
    reading = [verb for verb in VERBS.values() if any(_reads(verb.input, name) for name in marked(verb.input, Local))]
    asked = {(verb.permission, "" if session.scopes is None else verb.name) for verb in reading}
    decisions = [retry_locked(lambda a=a: permission.decide(session, *a)) for a in sorted(asked)]  # type: ignore[misc]
    if any(decision.allowed for decision in decisions):
        return
    reason = decisions[0].reason
    raise Forbidden(
        f"uploading is not allowed: {reason.en}",
        f"不能上传文件：{reason.zh}",
        hint=("Ask an owner of the project for a role.", "请联系项目的 owner 授予角色。"),
        code=REFUSED,
    )


def _reads(model: type, name: str) -> bool:
    mark = marker(model.model_fields[name])  # type: ignore[attr-defined]
    return isinstance(mark, Local) and mark.reads and mark.remote


def begin(session: Session, name: str, size: int, *, digest: str = "") -> StagedFile:
    """Return a new upload of `size` bytes; an empty one is whole at once.

    name: what the file is called, perhaps with folders (see `clean_name`, `check_path`); "" for a layer.
    digest: what is promised; compared when all bytes are here. Invalid (too_large) beyond the setting upload_limit_mb.
    """
    from quanheng.core.models import StagedFile

    require(session, layer=not name)
    if name:
        check_path(name)
    if digest:
        parse_digest(digest)
    _check_size(session, size)
    sweep_when_due(session.workspace)
    row = StagedFile(actor_id=session.actor_id, name=name, size=size, digest=digest, touched_at=clock.now())
    path = path_of(session.workspace, row)
    with _disk.disk_errors(path):
        path.parent.mkdir(mode=0o700)
        path.touch(mode=0o600)
    write(lambda: row.save(force_insert=True))
    if size == 0:
        _finish(session, row, path)
    return row


def _check_size(session: Session, size: int) -> None:
    limit = session.workspace.settings.number("upload_limit_mb") << 20
    if size < 0:
        raise Invalid(
            f"{size} is no size of a file",
            f"{size} 不是文件大小",
            hint=("Give the number of bytes.", "请填写字节数。"),
            code="bad_size",
        )
    if size > limit:
        raise Invalid(
            f"the file has {size} bytes; an upload has at most {limit}",
            f"文件有 {size} 字节；单个上传文件至多 {limit} 字节",
            hint=(
                "Upload its parts, or have the setting upload_limit_mb raised.",
                "请分成几份上传，或请管理员调高设置 upload_limit_mb。",
            ),
            code="too_large",
        )


def find(session: Session, upload_id: str) -> StagedFile:
    """Return the actor's upload; NotFound for an unknown one, and the same for somebody else's."""
    from quanheng.core.models import StagedFile

    row = None
    if ID.fullmatch(upload_id) and session.actor_id:
        mine = StagedFile.objects.filter(id=upload_id, actor_id=session.actor_id)
        row = retry_locked(mine.first)
    if row is None:
        raise unknown(upload_id)
    return row


def append(session: Session, upload_id: str, offset: int, pieces: Iterable[bytes], *, checksum: str = "") -> StagedFile:
    """Add bytes from `offset` on and return the upload as it is then; whole, it is compared with its promised digest.

    checksum: `sha256:<hex>` or `sha1:<hex>` of all pieces; with one they are kept all or not at all, without one what
    came before `pieces` ended with an exception is kept.
    Conflict (wrong_offset, upload_busy), Invalid (too_large, digest_mismatch, checksum_mismatch), NotFound.
    """
    row = find(session, upload_id)
    require(session, layer=not row.name)
    if row.is_done and offset == row.size:  # asked again because the answer was lost
        return row
    path = path_of(session.workspace, row)
    with _locked(upload_id, path) as file:
        row = find(session, upload_id)  # as it is now that nobody else writes
        _check_offset(file, row, offset)
        try:
            _receive(file, row, offset, pieces, checksum)
        finally:  # a connection may break after the last byte
            if row.received == row.size:
                with _disk.disk_errors(path):
                    _disk.fsync(file.fileno())
                _finish(session, row, path)
    return row


@contextlib.contextmanager
def _locked(upload_id: str, path: Path) -> Iterator[IO[bytes]]:
    """Yield the file of an upload, open for writing, while nobody else writes to it."""
    try:
        file = path.open("r+b", buffering=0)
    except FileNotFoundError as error:
        raise unknown(upload_id) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                f"somebody is writing to the upload {upload_id} now",
                f"上传文件 {upload_id} 正在写入",
                hint=("Ask for its offset, then go on from there.", "请先查询已收到的字节数，再继续上传。"),
                code="upload_busy",
            ) from error
        yield file


def _check_offset(file: IO[bytes], row: StagedFile, offset: int) -> None:
    """Raise Conflict unless the upload goes on at `offset`; a power loss may have taken bytes that were noted."""
    here = os.fstat(file.fileno()).st_size
    if not row.is_done and here < row.received:
        _note(row, here)
    if row.is_done or offset != row.received:
        raise Conflict(
            f"the upload has {row.received} bytes, so it does not go on at {offset}",
            f"该上传已有 {row.received} 字节，不能从 {offset} 处继续",
            hint=(f"Go on at {row.received}.", f"请从 {row.received} 处继续。"),
            code="wrong_offset",
        )


def _receive(file: IO[bytes], row: StagedFile, offset: int, pieces: Iterable[bytes], checksum: str) -> None:
    """Write the pieces and note how much is here; nothing of them when they differ from `checksum`."""
    file.truncate(offset)  # what lies behind it came before a crash, and no row tells of it
    file.seek(offset)
    at = noted = offset
    hashed = hashlib.new(checksum.partition(":")[0] or "sha256", usedforsecurity=False)
    try:
        for piece in pieces:
            if at + len(piece) > row.size:
                raise too_much(row)
            with _disk.disk_errors(row.name):
                _disk.write_all(file.fileno(), piece)
            hashed.update(piece)
            at += len(piece)
            if not checksum and at - noted >= NOTE_EVERY:
                _note(row, at)
                noted = at
        if checksum and checksum != f"{hashed.name}:{hashed.hexdigest()}":
            raise _bad_checksum()
    except BaseException as fault:
        if checksum or isinstance(fault, Invalid):  # what is wrong in itself is not kept in part
            file.truncate(offset)
            at = offset
        _note(row, at)
        raise
    _note(row, at)


def too_much(row: StagedFile) -> Invalid:
    """Return the error of more bytes than were announced."""
    return Invalid(
        f"more bytes came than the {row.size} that were announced",
        f"收到的字节数超过了事先声明的 {row.size}",
        hint=("Begin a new upload with the right size.", "请以正确的大小重新上传。"),
        code="too_large",
    )


def _bad_checksum() -> Invalid:
    return Invalid(
        "the bytes differ from their checksum; none of them were kept",
        "字节与校验和不符；本次内容没有保留",
        hint=("Send them again.", "请重新发送。"),
        code="checksum_mismatch",
    )


def _note(row: StagedFile, received: int) -> None:
    """Enter how many bytes are here; NotFound when the upload was removed meanwhile.

    That all of them are here is entered by `_finish`: nobody meets an upload that is whole and not compared.
    """
    from quanheng.core.models import StagedFile

    row.received, row.touched_at = received, clock.now()
    if received == row.size:
        return
    mine = StagedFile.objects.filter(id=row.id, is_done=False)
    if not write(lambda: mine.update(received=row.received, touched_at=row.touched_at)):
        raise unknown(row.id)


def _finish(session: Session, row: StagedFile, path: Path) -> None:
    """Compare a whole upload with its digest; a layer goes into the object store."""
    from quanheng.core.models import StagedFile

    if row.digest and file_digest(path) != row.digest:
        remove(session, row.id)
        raise Invalid(
            f"the bytes that came differ from the promised digest {row.digest}; the upload was removed",
            f"收到的字节与承诺的摘要 {row.digest} 不符；该上传已删除",
            hint=("Upload the file again.", "请重新上传该文件。"),
            code="digest_mismatch",
        )
    if not row.name:
        row.digest = uploads.put(session, path).digest
    row.is_done = True
    mine = StagedFile.objects.filter(id=row.id)
    whole = {"is_done": True, "digest": row.digest, "received": row.size, "touched_at": row.touched_at}
    if not write(lambda: mine.update(**whole)):
        raise unknown(row.id)
    if not row.name:
        path.unlink(missing_ok=True)


def remove(session: Session, upload_id: str) -> None:
    """Remove the actor's upload, whole or not."""
    row = find(session, upload_id)
    folder = path_of(session.workspace, row).parent
    write(row.delete)
    shutil.rmtree(folder, ignore_errors=True)


def stage(session: Session, name: str, size: int, pieces: Iterable[bytes]) -> str:
    """Return `upload:ID` of a file that is here already, as a form brings it: its name, size and bytes."""
    row = begin(session, clean_name(name), size)
    if size:
        row = append(session, row.id, 0, pieces)
    if not row.is_done:
        remove(session, row.id)
        raise Invalid(
            f"only {row.received} of {size} bytes of {row.name} came",
            f"文件 {row.name} 只收到 {size} 字节中的 {row.received} 字节",
            hint=("Upload it again.", "请重新上传。"),
            code="upload_incomplete",
        )
    return PREFIX + row.id


def together(texts: Sequence[str]) -> str:
    """Return the text that names these uploads (`upload:ID` each) as one folder; a single one stays a file."""
    return texts[0] if len(texts) == 1 else PREFIX + ",".join(text.removeprefix(PREFIX) for text in texts)


def locate(session: Session, text: str) -> Path:
    """Return the file or folder that `upload:…` means to this actor; `upload:ID,` is a folder with one file.

    NotFound for an upload that is not the actor's, Conflict for one that is not whole yet, Invalid for two of one name.
    """
    ids = [part for part in text.removeprefix(PREFIX).split(",") if part]
    rows = _mine(session, ids)
    if "," not in text:
        return path_of(session.workspace, rows[0])
    _check_names([row.name for row in rows])
    return folder_of(session.workspace, rows)


def _mine(session: Session, ids: Sequence[str]) -> list[StagedFile]:
    """Return these uploads of the actor, whole ones, and keep the sweep away from them for another 24 hours."""
    from quanheng.core.models import StagedFile

    if not ids:
        raise unknown("")
    found: dict[str, StagedFile] = {}
    asked = [one for one in dict.fromkeys(ids) if ID.fullmatch(one)]
    for low in range(0, len(asked), 500):
        part = StagedFile.objects.filter(id__in=asked[low : low + 500], actor_id=session.actor_id).exclude(name="")
        write(lambda part=part: part.update(touched_at=clock.now()))  # type: ignore[misc]
        found.update({row.id: row for row in retry_locked(lambda part=part: list(part))})  # type: ignore[misc]
    for one in ids:
        if one not in found:
            raise unknown(one)
        if not found[one].is_done:
            raise _unfinished(found[one])
    return [found[one] for one in ids]


def _unfinished(row: StagedFile) -> Conflict:
    return Conflict(
        f"the upload {row.id} is not whole yet: {row.received} of {row.size} bytes are here",
        f"上传 {row.id} 尚未完成：已收到 {row.size} 字节中的 {row.received} 字节",
        hint=("Finish the upload first.", "请先完成上传。"),
        code="upload_unfinished",
    )


def _check_names(names: Sequence[str]) -> None:
    """Raise Invalid when two files have one name, or one is called like another's folder."""
    taken = set(names)
    twice = next((name for name in names if names.count(name) > 1), "") if len(taken) < len(names) else ""
    folders = {name[:at] for name in taken for at, sign in enumerate(name) if sign == "/"}
    clash = twice or min(folders & taken, default="")
    if clash:
        raise Invalid(
            f"two of the uploads are called {clash!r}",
            f"有两个上传文件都叫 {clash!r}",
            hint=("Give them different names.", "请使用不同的文件名。"),
            code="doubled_name",
        )
