"""Files as answers: always an attachment, never shown; one range of it where its bytes are named by a digest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from quanheng.api import problems
from quanheng.errors import Invalid
from quanheng.store import CHUNK_BYTES

BINARY = "application/octet-stream"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".zip": "application/zip",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def disposition(name: str) -> str:
    r"""Return the header Content-Disposition for a file of this name (RFC 6266), its last part only.

    >>> disposition("证据/甲.txt")
    'attachment; filename="_.txt"; filename*=UTF-8\'\'%E7%94%B2.txt'
    """
    last = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "_", name.rpartition("/")[2])[:200] or "file"
    plain = re.sub(r'[^\x20-\x7e]|["\\%;]', "_", last)
    header = f'attachment; filename="{plain}"'
    return header if plain == last else f"{header}; filename*=UTF-8''{quote(last, safe='')}"


def attachment(
    request: HttpRequest,
    opener: Callable[[int], BinaryIO],
    *,
    size: int,
    name: str,
    media_type: str = "",
    etag: str = "",
) -> HttpResponseBase:
    """Return a file as an attachment. opener: opens its bytes from an offset on.

    etag: names the bytes for good; with one, ranges and If-None-Match are answered. 416 for a range outside the file.
    """
    tag = f'"{etag}"' if etag else ""
    if tag and tag in request.headers.get("If-None-Match", ""):
        return _with_headers(HttpResponse(status=304), name, tag)
    start, stop = _range(request, size, tag) if tag else (0, size)
    is_part = tag and (start, stop) != (0, size)
    kind = media_type or MEDIA_TYPES.get(PurePosixPath(name).suffix, BINARY)
    response: HttpResponseBase
    status = 206 if is_part else 200
    pieces = Pieces(opener(start), stop - start)
    if problems.is_head(request):
        pieces.close()
        response = HttpResponse(status=status, content_type=kind)
    else:
        response = StreamingHttpResponse(pieces, status=status, content_type=kind)
    response.headers["Content-Length"] = str(stop - start)
    if is_part:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return _with_headers(response, name, tag)


def _with_headers(response: HttpResponseBase, name: str, tag: str) -> HttpResponseBase:
    response.headers["Content-Disposition"] = disposition(name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Accept-Ranges"] = "bytes" if tag else "none"
    if tag:
        response.headers["ETag"] = tag
        response.headers["Cache-Control"] = "private, no-cache"  # the bytes never change, who may read them does
    return response


class Pieces:
    """Yields so many bytes of a stream in pieces; closes it also when nobody takes the first one."""

    def __init__(self, stream: BinaryIO, left: int) -> None:
        self._stream = stream
        self._left = left

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = self._stream.read(min(CHUNK_BYTES, self._left)) if self._left else b""
        if not piece:
            self.close()
            raise StopIteration
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        """Close the stream; the server calls this in any case."""
        self._stream.close()


def _range(request: HttpRequest, size: int, tag: str) -> tuple[int, int]:
    """Return (start, stop) of the one range that is asked for; the whole file where it is none that we know.

    RFC 9110: a header that is not understood, several ranges, or an If-Range of other bytes mean the whole.
    """
    header, whole = request.headers.get("Range", ""), (0, size)
    found = _RANGE.fullmatch(header.strip())
    if not found or request.headers.get("If-Range", tag) != tag or found.groups() == ("", ""):
        return whole
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return whole
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= size or stop <= start:
        raise _outside(header, size)
    return start, stop


def _outside(header: str, size: int) -> Invalid:
    return Invalid(
        f"the file has {size} bytes, and none of them in {header[:60]!r}",
        f"文件只有 {size} 字节，没有 {header[:60]!r} 这一段",
        hint=("Ask for bytes that are there.", "请请求文件之内的字节。"),
        code="bad_range",
    )


def refused_range(request: HttpRequest, error: Invalid, size: int) -> HttpResponse:
    """Return the problem of a range outside the file, which says how long the file is."""
    response = problems.problem(request, error)
    response.headers["Content-Range"] = f"bytes */{size}"
    return response
