"""Documents out of web pages: HTML files, and WARC archives of what a crawler got. One page is one document.

WARC is read here and not by FastWARC, whose 2.0 panics (past every `except Exception`) on streams it cannot seek in.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from quanheng.data.corpus.compressed import Decompressed
from quanheng.data.corpus.extract import Mode, decode_page, extract
from quanheng.data.corpus.lines import Broken, Document, Found, excerpt, excerpt_of_bytes
from quanheng.errors import Invalid
from quanheng.text.encoding import Encoding, try_decode

_HEAD_LINES = 500
_HEAD_LINE_BYTES = 64 * 1024
_PIECE = 1024 * 1024
#: Bytes between two records that are no record; a crawler that died leaves some.
_MOST_GAP = 16 * 1024 * 1024
_VERSION = re.compile(rb"WARC/\d\.\d\s*$")
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})")
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.\-]{1,40})""", re.IGNORECASE)
_PAGES = ("text/html", "application/xhtml+xml")
_TEXTS = ("text/plain",)
_FIRST_ERROR_STATUS, _FIRST_GOOD_STATUS = 300, 200


@dataclass
class Pages:
    """How pages are read: what of them is taken, the largest, an encoding for all; `encodings` are counted."""

    mode: Mode
    limit: int
    encoding: str | None = None
    encodings: dict[str, int] = field(default_factory=dict)

    def html(self, stream: BinaryIO | Decompressed) -> Iterator[Found]:
        """Yield the one document of an HTML file."""
        parts: list[bytes] = []
        left = self.limit + 1
        while left > 0 and (piece := stream.read(min(_PIECE, left))):
            parts.append(piece)
            left -= len(piece)
        data = b"".join(parts)
        if len(data) > self.limit:
            yield Broken("1", "too_large", excerpt_of_bytes(data, "utf-8"), 0)
        elif data.strip():
            yield self.page("1", data, "", None)

    def page(self, row: str, data: bytes, url: str, charset: str | None, *, plain: bool = False) -> Found:
        """Return the document of a page. Reasons: "unknown_encoding", "undecodable", "no_main_text"."""
        try:
            text, name = self._decode(data, charset)
        except Invalid as error:
            return Broken(row, error.code, excerpt_of_bytes(data, "utf-8"), url=url)
        name = "utf-16" if name.startswith("utf-16") else name
        self.encodings[name] = self.encodings.get(name, 0) + 1
        content = text.strip() if plain else extract(text, self.mode)
        return Document(row, content, url) if content else Broken(row, "no_main_text", excerpt(text), url=url)

    def _decode(self, data: bytes, charset: str | None) -> tuple[str, str]:
        if self.encoding is None:
            return decode_page(data, charset)
        known: dict[str, Encoding] = {"gb18030": "gb18030", "big5": "big5", "utf-8": "utf-8", "utf-16": "utf-16-le"}
        forced = known[self.encoding]
        decoded = try_decode(data, forced).text
        return decode_page(data, self.encoding) if decoded is None else (decoded.lstrip("\ufeff"), forced)

    def warc(self, stream: BinaryIO | Decompressed) -> Iterator[Found]:
        """Yield a document per page: responses with status 2xx and resources of HTML or text, and conversions (WET).

        Rows are the numbers of records. Other records are no documents. Reasons: those of `page`, and "not_warc",
        "too_large", "truncated", "bad_http", "unknown_coding".
        """
        records = _Records(io.BufferedReader(stream, _PIECE) if isinstance(stream, io.RawIOBase) else stream)
        while (head := records.next()) is not None:
            if isinstance(head, Broken):
                yield head
                return
            yield from self._record(records, head)

    def _record(self, records: _Records, head: dict[str, str]) -> Iterator[Found]:
        row, kind = str(records.number), head.get("warc-type", "")
        url = head.get("warc-target-uri", "").strip("<> ")
        length = records.length(head)
        if length is None:
            yield Broken(row, "not_warc", excerpt(url), url=url)
            return
        wanted = _wanted(kind, head.get("content-type", ""))
        if not wanted or length > self.limit:
            whole = records.skip(length)
            if wanted and whole:
                yield Broken(row, "too_large", excerpt(url), url=url)
        else:
            body = records.take(length)
            whole = len(body) == length
            if whole:
                found = self._body(row, body, url, head, http=wanted == "http")
                yield from () if found is None else (found,)
        if not whole:
            yield Broken(row, "truncated", excerpt(url), url=url)

    def _body(self, row: str, body: bytes, url: str, head: dict[str, str], *, http: bool) -> Found | None:
        content_type = head.get("content-type", "")
        if http:
            response = _http(body, self.limit)
            if isinstance(response, str):
                return Broken(row, response, excerpt(url), url=url)
            if response is None:
                return None
            content_type, body = response
        kind = content_type.partition(";")[0].strip().lower()
        if kind not in (*_PAGES, *_TEXTS) or not body.strip():
            return None
        charset = _CHARSET.search(content_type)
        return self.page(row, body, url, charset and charset[1], plain=kind in _TEXTS)


def _wanted(kind: str, content_type: str) -> str:
    content_type = content_type.strip().lower()
    if kind == "response" and content_type.startswith("application/http"):
        return "http"
    if kind in ("resource", "conversion") and content_type.startswith((*_PAGES, *_TEXTS)):
        return "body"
    return ""


class _Records:
    """The records of a WARC one after the other; `number` counts them from 1."""

    def __init__(self, stream: BinaryIO | io.BufferedReader) -> None:
        self._stream = stream
        self.number = 0

    def next(self) -> dict[str, str] | Broken | None:
        """Return the head of the next record, names in lower case; None at the end, Broken where there is no record."""
        gap = 0
        while line := self._stream.readline(_HEAD_LINE_BYTES):
            if _VERSION.match(line):
                self.number += 1
                return _head(self._stream)
            gap += len(line)
            if (self.number == 0 and line.strip()) or gap > _MOST_GAP:
                return Broken(str(self.number), "not_warc", excerpt_of_bytes(line.strip(), "utf-8"))
        return None

    @staticmethod
    def length(head: dict[str, str]) -> int | None:
        """Return the length of the body, None when the head does not say it."""
        said = head.get("content-length", "").strip()
        return int(said) if said.isascii() and said.isdecimal() and len(said) < 16 else None

    def take(self, length: int) -> bytes:
        """Return a body, shorter when the file ends."""
        parts: list[bytes] = []
        while length > 0 and (piece := self._stream.read(min(_PIECE, length))):
            parts.append(piece)
            length -= len(piece)
        return b"".join(parts)

    def skip(self, length: int) -> bool:
        """Go past a body and return whether all of it was there."""
        while length > 0 and (piece := self._stream.read(min(_PIECE, length))):
            length -= len(piece)
        return length == 0


def _head(stream: BinaryIO | io.BufferedReader) -> dict[str, str]:
    """Return the fields of a head up to its blank line; the first of a name counts."""
    fields: dict[str, str] = {}
    for _ in range(_HEAD_LINES):
        line = stream.readline(_HEAD_LINE_BYTES)
        if not line.strip():
            break
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return fields


def _http(data: bytes, limit: int) -> tuple[str, bytes] | str | None:
    """Return content type and body of a response; a reason when it is broken, None when it is no success."""
    status = _STATUS.match(data)
    if status is None:
        return "bad_http"
    if not _FIRST_GOOD_STATUS <= int(status[1]) < _FIRST_ERROR_STATUS:
        return None
    stream = io.BytesIO(data)
    stream.readline()
    fields = _head(stream)
    body = data[stream.tell() :]
    if fields.get("transfer-encoding", "").lower() == "chunked":
        body = _dechunked(body)
    coding = fields.get("content-encoding", "").lower()
    if coding in ("br", "zstd", "compress"):
        return "unknown_coding"
    if coding in ("gzip", "x-gzip", "deflate"):
        inflated = _inflated(body, coding, limit)
        if inflated is None:
            return "too_large"
        body = inflated
    return fields.get("content-type", ""), body


def _dechunked(body: bytes) -> bytes:
    """Return the body of a chunked response; crawlers that took the chunks out but kept the header are understood."""
    parts: list[bytes] = []
    at = 0
    while (end := body.find(b"\r\n", at, at + 64)) >= 0:
        try:
            size = int(body[at:end].partition(b";")[0].strip(), 16)
        except ValueError:
            return body if not parts else b"".join(parts)
        if size <= 0:
            return b"".join(parts)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return b"".join(parts) if parts else body


def _inflated(body: bytes, coding: str, limit: int) -> bytes | None:
    """Return the decompressed body, as far as it goes; None beyond the limit. One that was not compressed stays."""
    for wbits in (31,) if coding != "deflate" else (15, -15):
        decoder = zlib.decompressobj(wbits=wbits)
        try:
            data = decoder.decompress(body, limit + 1)
        except zlib.error:
            continue
        return None if len(data) > limit else data
    return body
