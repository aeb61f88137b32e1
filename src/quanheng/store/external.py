"""External layers: files that stay at their URL and are read in place, never trusted without their digest."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Collection
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from quanheng.errors import Corrupt, Forbidden, Invalid, QuanhengError, Unavailable
from quanheng.store.digest import CHUNK_BYTES, PREFIX
from quanheng.store.manifest import Layer

#: How long a connection may take, and how long a server may stay silent, in seconds.
TIMEOUT_S = 30.0

_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/([0-9]+)")


def open_external(layer: Layer, allowed_hosts: Collection[str], offset: int = 0) -> BinaryIO:
    """Open an external layer for reading from byte `offset` on, at the first of its URLs that answers.

    allowed_hosts: "host" or "host:port". While reading, the size is checked, and from offset 0 also the digest; the
    last read raises Corrupt when they differ. A recorded ETag must be the server's present one.
    Raises Invalid for a layer without URLs or an offset outside it, Forbidden when no host is allowed, Unavailable
    when no server answers, Corrupt when the file there is another one by now.
    """
    if not layer.urls or not 0 <= offset <= layer.size:
        raise Invalid(
            f"layer {layer.title!r} ({layer.size} bytes) has no external byte {offset}",
            f"数据层 {layer.title!r}（{layer.size} 字节）没有外部字节 {offset}",
            hint=("Read it from the object store instead.", "请改从对象仓库读取。"),
            code="not_external",
        )
    allowed = [url for url in layer.urls if _is_allowed(_split(url), allowed_hosts)]
    if not allowed:
        raise _forbidden(layer.urls[0])
    last: QuanhengError | None = None
    for url in allowed:
        try:
            return io.BufferedReader(_ExternalReader(layer, url, offset), CHUNK_BYTES)
        except Unavailable as error:
            last = error
    raise last or _forbidden(layer.urls[0])


class _ExternalReader(io.RawIOBase):
    """The answer of a server, with its bytes counted and hashed as they pass."""

    def __init__(self, layer: Layer, url: str, offset: int) -> None:
        self._layer, self._url = layer, url
        self._hash = hashlib.sha256() if offset == 0 else None
        self._left = layer.size - offset
        self._response: HTTPResponse | None = None
        self._checked = False
        if self._left or offset == 0:
            self._response = _request(layer, url, offset)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        if self._response is None:
            return 0
        try:
            data = self._response.read(len(buffer))
        except (OSError, HTTPException) as error:
            raise _unreachable(self._url, str(error)) from error
        if self._hash:
            self._hash.update(data)
        self._left -= len(data)
        if self._left < 0:
            raise _changed(self._layer, self._url, "it is longer than recorded", "比记录的更长")
        if not data:
            self._check_end()
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
        super().close()

    def _check_end(self) -> None:
        if self._left > 0:
            raise _unreachable(self._url, f"the connection ended {self._left} bytes early")
        if self._hash and PREFIX + self._hash.hexdigest() != self._layer.digest:
            raise _changed(self._layer, self._url, "its bytes have another digest", "内容的摘要值不同")


class _SameHostRedirect(HTTPRedirectHandler):
    """Follows a redirect only to the same scheme, host and port: another host was never allowed."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            raise _forbidden(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _request(layer: Layer, url: str, offset: int) -> HTTPResponse:
    """Return the answer, positioned at `offset`, once its size and ETag were found right."""
    request = Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "quanheng"})  # noqa: S310 - http(s) only
    if offset:
        request.add_header("Range", f"bytes={offset}-")
    try:
        response: HTTPResponse = build_opener(_SameHostRedirect).open(request, timeout=TIMEOUT_S)
    except HTTPError as error:
        error.close()
        if 300 <= error.code < 400:
            # urllib refused to follow: a redirect to another scheme, such as file:
            raise _forbidden(error.headers.get("Location", url)) from error
        if error.code == 416:
            raise _changed(layer, url, "it is shorter than recorded", "比记录的更短") from error
        raise _unreachable(url, f"HTTP {error.code}") from error
    except (URLError, OSError, HTTPException) as error:
        raise _unreachable(url, str(error)) from error
    try:
        _check_answer(layer, url, offset, response)
    except BaseException:
        response.close()
        raise
    return response


def _check_answer(layer: Layer, url: str, offset: int, response: HTTPResponse) -> None:
    etag = response.headers.get("ETag")
    if layer.etag is not None and etag != layer.etag:
        raise _changed(
            layer, url, f"its ETag is {etag}, recorded was {layer.etag}", f"ETag 为 {etag}，记录为 {layer.etag}"
        )
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _unreachable(url, "the server sends it compressed, though asked not to")
    length = response.headers.get("Content-Length")
    total = int(length) if length is not None and length.isdecimal() else None
    if response.status == 206:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != offset:
            raise _unreachable(url, "the server answered with another range than asked")
        total = int(found[2])
    if total is not None and total != layer.size:
        raise _changed(
            layer, url, f"it has {total} bytes, recorded were {layer.size}", f"现有 {total} 字节，记录为 {layer.size}"
        )
    if offset and response.status != 206:
        _skip(response, url, offset)


def _skip(response: HTTPResponse, url: str, count: int) -> None:
    """Read past the beginning, for a server that does not know ranges."""
    try:
        while count and (chunk := response.read(min(count, CHUNK_BYTES))):
            count -= len(chunk)
    except (OSError, HTTPException) as error:
        raise _unreachable(url, str(error)) from error
    if count:
        raise _unreachable(url, "the connection ended early")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        # `port` raises ValueError when it is no number.
        _ = parts.port
    except ValueError as error:
        raise _forbidden(url) from error
    return parts


def _is_allowed(parts: SplitResult, allowed_hosts: Collection[str]) -> bool:
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return False
    port = parts.port or (443 if parts.scheme == "https" else 80)
    names = {host.lower() for host in allowed_hosts}
    return parts.hostname in names or f"{parts.hostname}:{port}" in names


def _forbidden(url: str) -> Forbidden:
    return Forbidden(
        f"{url} may not be read: its host is not among the allowed ones",
        f"不得读取 {url}：其主机不在允许之列",
        hint=(
            "Add the host to the setting allowed_hosts, if you trust it.",
            "如信任该主机，请加入设置 allowed_hosts。",
        ),
        code="host_not_allowed",
    )


def _unreachable(url: str, why: str) -> Unavailable:
    return Unavailable(
        f"{url} cannot be read now: {why}",
        f"目前无法读取 {url}：{why}",
        hint=("Try again later; what is recorded about it stays valid.", "请稍后重试；已有记录仍然有效。"),
        code="external_unreachable",
    )


def _changed(layer: Layer, url: str, en: str, zh: str) -> Corrupt:
    return Corrupt(
        f"layer {layer.title!r} at {url} is not the file that was recorded: {en}",
        f"{url} 处的数据层 {layer.title!r} 已不是当时记录的文件：{zh}",
        hint=("Register the file again as a new source.", "请将该文件重新登记为新的来源。"),
        code="external_changed",
    )
