"""Files between this machine and a server: uploads that go on where they broke off, downloads that are whole or not."""

from __future__ import annotations

import base64
import io
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import httpx

from quanheng.api.wire import LONGEST_PAUSE_S, PATIENCE_S, PAUSE_S, Wire, error_of
from quanheng.errors import Corrupt, Invalid, NotFound, QuanhengError, Unavailable
from quanheng.store import CHUNK_BYTES, file_digest, sha256_digest
from quanheng.store.writing import writing

TUS = {"Tus-Resumable": "1.0.0"}
#: So much is sent in one request; what broke off is sent again from the last of these, or from where the server noted.
PIECE = 8 << 20
_SEND = {**TUS, "Content-Type": "application/offset+octet-stream"}


class _Sent(NamedTuple):
    """A finished upload: its id, and the digest of a layer."""

    upload_id: str
    digest: str


def _id_of(answer: httpx.Response) -> str:
    return httpx.URL(answer.headers["Location"]).path.rpartition("/")[2]


class Uploads:
    """Brings files to a server, in one project."""

    def __init__(self, wire: Wire, project: str) -> None:
        self._wire = wire
        self._params = {"project": project}

    def path(self, path: Path) -> str:
        """Return `upload:ID` of a file, `upload:ID,ID,…` of a folder; the errors of a local call otherwise."""
        if path.is_dir():
            ids = [self._file(file, path=name) for name, file in files_in(path)]
            return "upload:" + "".join(one + "," for one in ids)
        if not path.is_file():
            raise NotFound(
                f"{path} does not exist",
                f"{path} 不存在",
                hint=("Check the path.", "请检查路径。"),
                code="no_such_path",
            )
        return "upload:" + self._file(path, path=path.name)

    def layer(self, source: bytes | Path) -> tuple[str, int]:
        """Return digest and size of a layer, which is in the server's store from then on."""
        if isinstance(source, bytes):
            stream: BinaryIO = io.BytesIO(source)
            digest, size = sha256_digest(source), len(source)
        else:
            digest, size = file_digest(source), source.stat().st_size
            stream = source.open("rb")
        with stream:
            return self._send(stream, size, {"digest": digest, "purpose": "layer"}).digest, size

    def _file(self, file: Path, **meta: str) -> str:
        digest = file_digest(file)
        with file.open("rb") as stream:
            return self._send(stream, os.fstat(stream.fileno()).st_size, {**meta, "digest": digest}).upload_id

    def _send(self, stream: BinaryIO, size: int, meta: Mapping[str, str]) -> _Sent:
        """Return what an upload became once all its bytes are there."""
        first = stream.read(PIECE)
        headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata(meta)}
        if first:
            headers |= _SEND
        # Sent again when the answer was lost: the server forgets an upload that nobody goes on with.
        made = self._wire.send("POST", "/uploads", params=self._params, headers=headers, content=first)
        answer, upload_id = made, _id_of(made)
        while (offset := int(answer.headers["Upload-Offset"])) < size:
            answer = self._go_on(stream, upload_id, offset)
        return _Sent(upload_id, answer.headers.get("Quanheng-Digest", ""))

    def _go_on(self, stream: BinaryIO, upload_id: str, offset: int) -> httpx.Response:
        """Return the answer after one more piece; where the connection broke, go on from what the server has."""
        deadline, pause_s = time.monotonic() + PATIENCE_S, PAUSE_S
        while True:
            stream.seek(offset)
            try:
                return self._piece(upload_id, offset, stream.read(PIECE))
            except _BrokenOff as error:
                told = error.told
            if time.monotonic() + pause_s > deadline:
                raise told
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            here = self._wire.send("HEAD", f"/uploads/{upload_id}", params=self._params, headers=TUS, accept=_is_head)
            if here.status_code >= 400:
                raise told
            if int(here.headers["Upload-Offset"]) != offset:
                return here  # some of it arrived, or a power loss took some

    def _piece(self, upload_id: str, offset: int, data: bytes) -> httpx.Response:
        headers = {**_SEND, "Upload-Offset": str(offset)}
        try:
            answer = self._wire.request(
                "PATCH", f"/uploads/{upload_id}", params=self._params, headers=headers, content=data
            )
        except httpx.TransportError as error:
            raise _BrokenOff(self._wire.unreachable(error)) from error
        if answer.is_success:
            return answer
        told = error_of(answer)
        if told.code in ("no_answer", "wrong_offset", "upload_busy", "database_locked", "database_unreachable"):
            raise _BrokenOff(told)
        raise told


class _BrokenOff(Exception):
    """A piece did not arrive whole; `told` is the error when no further try helps."""

    def __init__(self, told: QuanhengError) -> None:
        super().__init__(str(told))
        self.told = told


def _is_head(answer: httpx.Response) -> bool:
    """Return whether the answer says that the upload is gone; an answer to HEAD has no body that could say more."""
    return answer.status_code == 404


def metadata(meta: Mapping[str, str]) -> str:
    """Return a header Upload-Metadata; Invalid for a file name that is no text."""
    try:
        return ",".join(f"{key} {base64.b64encode(value.encode('utf-8')).decode()}" for key, value in meta.items())
    except UnicodeEncodeError as error:
        raise Invalid(
            "the name of a file is not UTF-8",
            "文件名不是 UTF-8 编码",
            hint=("Rename the file.", "请重命名该文件。"),
            code="bad_name",
        ) from error


def files_in(folder: Path) -> list[tuple[str, Path]]:
    """Return (path inside the folder, path) of its files, sorted; Invalid where there is none."""
    found = [(p.relative_to(folder).as_posix(), p) for p in sorted(folder.rglob("*")) if p.is_file()]
    if found:
        return found
    raise Invalid(
        f"the folder {folder.name} has no files",
        f"文件夹 {folder.name} 里没有文件",
        hint=("Name a folder with files in it.", "请指定装有文件的文件夹。"),
        code="empty_folder",
    )


# ---------------------------------------------------------------- downloads


def download(wire: Wire, address: str, params: Mapping[str, Any], path: Path) -> httpx.Headers:
    """Write the answer of a query into a file and return its headers."""

    def once() -> httpx.Headers:
        with wire.stream(address, params) as answer:
            with writing(path) as stream:
                for piece in _pieces(wire, answer):
                    stream.write(piece)
            headers: httpx.Headers = answer.headers
        return headers

    return wire.retried(once)


def open_layer(wire: Wire, artifact: str, digest: str, size: int, project: str) -> BinaryIO:
    """Return the bytes of a layer as a file that is whole and has its digest; kept in memory while it is small."""
    import hashlib
    import tempfile

    target = tempfile.SpooledTemporaryFile(max_size=PIECE)
    hashed = hashlib.sha256()
    try:
        for piece in _layer_pieces(wire, artifact, digest, size, project):
            target.write(piece)
            hashed.update(piece)
        if "sha256:" + hashed.hexdigest() != digest:
            raise _damaged(digest)
    except BaseException:
        target.close()
        raise
    target.seek(0)
    return target  # type: ignore[return-value]


def _layer_pieces(wire: Wire, artifact: str, digest: str, size: int, project: str) -> Iterator[bytes]:
    """Yield the bytes of a layer; where the connection breaks, go on from there."""
    at, deadline, pause_s = 0, time.monotonic() + PATIENCE_S, PAUSE_S
    address, params = f"/artifacts/{artifact}/layers/{digest}", {"project": project}
    while True:
        headers = {"Range": f"bytes={at}-", "If-Range": f'"{digest}"'} if at else {}
        try:
            with wire.stream(address, params, headers) as answer:
                for piece in _pieces(wire, answer):
                    at += len(piece)
                    deadline, pause_s = time.monotonic() + PATIENCE_S, PAUSE_S
                    yield piece
            return
        except Unavailable as error:
            if error.code not in ("server_unreachable", "no_answer") or time.monotonic() + pause_s > deadline:
                raise
        if at >= size:
            return
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _pieces(wire: Wire, answer: httpx.Response) -> Iterator[bytes]:
    try:
        yield from answer.iter_bytes(CHUNK_BYTES)
    except httpx.TransportError as error:
        raise wire.unreachable(error) from error


def _damaged(digest: str) -> Corrupt:
    return Corrupt(
        f"what the server sent as layer {digest} has another digest",
        f"服务器发来的数据层 {digest} 摘要不符",
        hint=("Read it again; on the server run: quanheng fsck", "请重新读取；并在服务器上运行：quanheng fsck"),
        code="layer_damaged",
    )
