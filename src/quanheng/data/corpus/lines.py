"""Lines of files of any size in bounded memory: what is too long is skipped over and told, never held."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from quanheng.text.encoding import Encoding, decode_otherwise, try_decode
from quanheng.text.personal_data import Span, find, find_all, mask

#: A line, a field or a document of more bytes is kept aside as broken. Memory is bounded by a few times this.
LIMIT_BYTES = 64 * 1024 * 1024
EXCERPT_CHARACTERS = 200
_EXCERPT_BYTES = 2048
#: A number cut in two would not be recognised, so an excerpt never ends inside one.
_CUT_SIGNS = (
    re.sub(
        "(.)-(.)", lambda found: "".join(map(chr, range(ord(found[1]), ord(found[2]) + 1))), "0-9A-Za-z０-９Ａ-Ｚａ-ｚ"
    )
    + "@＠._%+ ()（）－-"
)
_CUT_MOST = 400


class Line(NamedTuple):
    """One line without its end. `data` is None when it is longer than the limit; `head` is its beginning then."""

    number: int
    offset: int
    data: bytes | None
    head: bytes
    size: int


class Broken(NamedTuple):
    """A row that could not be read, for rejected.jsonl.

    byte: where in the file, when that is known. url: the address that it came from, "" when the file says none.
    """

    row: str
    reason: str
    excerpt: str
    byte: int | None = None
    url: str = ""


class Document(NamedTuple):
    """One document as read: `row` says where in its file ("12", or "3.12" for row 12 of member 3 of a pack).

    url: the address that it came from, "" when the file says none. confidence: of text recognised in pictures of
    pages that of the least sure page, 0 to 1; 1 where nothing had to be recognised.
    """

    row: str
    text: str
    url: str = ""
    confidence: float = 1.0


Found = Document | Broken


def excerpt(text: str) -> str:
    """Return the beginning of `text`, at most 200 characters, with personal data masked and no lone surrogates."""
    head = _head(text)
    return _shown(head, find(head))


def excerpts(texts: Iterable[str]) -> list[str]:
    """Return the excerpt of each text; of many this is faster than of one after the other."""
    from quanheng.text.utf8 import utf8

    heads = [_head(text) for text in texts]
    return [_shown(head, spans) for head, spans in zip(heads, find_all(heads, utf8(heads)), strict=True)]


def _head(text: str) -> str:
    head = text[: 4 * EXCERPT_CHARACTERS]
    return _without_cut_number(head) if len(head) < len(text) else head


def _shown(head: str, spans: Iterable[Span]) -> str:
    masked = mask(head, spans).replace("\x00", "")
    return masked[:EXCERPT_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _without_cut_number(head: str) -> str:
    """Return the beginning of a text without what may be half of a number, of an address of mail or of the net."""
    end = len(head) - head.endswith("\n")
    kept = max(len(head[:end].rstrip(_CUT_SIGNS)), end - _CUT_MOST)
    return head[:kept] + head[end:]


def excerpt_of_bytes(data: bytes, encoding: Encoding) -> str:
    """Return an excerpt of bytes that may not decode; what does not becomes U+FFFD."""
    head = data[:_EXCERPT_BYTES]
    text = try_decode(head, encoding).text
    return excerpt(head.decode("gb18030" if encoding == "gb18030" else "utf-8", "replace") if text is None else text)


def lines(chunks: Iterable[bytes], *, start: int = 0, before: int = 0, limit: int = LIMIT_BYTES) -> Iterator[Line]:
    """Yield the lines of `chunks`; `start` and `before`: how many bytes and lines of the file stand before them.

    A line end is 0x0A; one 0x0D before it belongs to it. The last line needs none. At most `limit` bytes are held.
    """
    held: list[bytes] = []
    size, number, offset = 0, before, start

    def hold(piece: bytes) -> None:
        nonlocal held, size
        size += len(piece)
        if piece and size <= limit:
            held.append(piece)
        elif size > limit and len(held) > 1:
            held = [b"".join(held)[:_EXCERPT_BYTES]]
        elif size > limit and not held:
            held = [piece[:_EXCERPT_BYTES]]

    def line(data: bytes, size: int) -> Line:
        if size > limit:
            return Line(number, offset, None, data[:_EXCERPT_BYTES], size)
        return Line(number, offset, data[:-1] if data.endswith(b"\r") else data, b"", size)

    for chunk in chunks:
        first, *whole = chunk.split(b"\n")
        hold(first)
        if not whole:
            continue
        rest = whole.pop()
        for data, length in chain(((b"".join(held), size),), zip(whole, map(len, whole), strict=True)):
            number += 1
            yield line(data, length)
            offset += length + 1
        held, size = [], 0
        hold(rest)
    if size:
        number += 1
        yield line(b"".join(held), size)


class TextLine(NamedTuple):
    """One decoded line: its text, or what is wrong with it."""

    number: int
    text: str | None
    broken: Broken | None
    size: int


def text_lines(found: Iterable[Line], encoding: Encoding, mended: dict[str, int] | None = None) -> Iterator[TextLine]:
    """Yield each line decoded, or as Broken "too_large" or "undecodable" with the byte offset in the file.

    A line that is in another encoding than its file is decoded from that one, and counted in `mended` as
    "line_as_<encoding>".
    """
    actual: Encoding = "utf-8" if encoding.startswith("utf-16") else encoding
    for line in found:
        if line.data is None:
            head = excerpt_of_bytes(line.head, actual)
            yield TextLine(line.number, None, Broken(str(line.number), "too_large", head, line.offset), line.size)
            continue
        decoded = try_decode(line.data, actual)
        if decoded.text is not None:
            yield TextLine(line.number, decoded.text, None, line.size)
        elif (other := decode_otherwise(line.data, actual)) is not None:
            if mended is not None:
                kind = f"line_as_{other[1]}"
                mended[kind] = mended.get(kind, 0) + 1
            yield TextLine(line.number, other[0], None, line.size)
        else:
            at = line.offset + (decoded.error_at or 0)
            head = excerpt_of_bytes(line.data, actual)
            yield TextLine(line.number, None, Broken(str(line.number), "undecodable", head, at), line.size)
