"""Zip archives from strangers: opened only when what they say they hold is within bounds."""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import BinaryIO
from xml.parsers import expat

from quanheng.data.corpus.lines import Broken

#: A part of an office document; XML shrinks to a twentieth, rarely to a hundredth.
MOST_PART_BYTES = 512 * 1024 * 1024
MOST_RATIO = 400
RATIO_FROM_BYTES = 16 * 1024 * 1024
MOST_PARTS = 20_000
_CHUNK = 64 * 1024


#: What zipfile and zlib raise on damaged archives: wrong offsets, lengths, methods, flags and names.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    ValueError,
)


class Forbidden(ValueError):
    """XML with a document type: office documents have none, and entities are how XML bombs are made."""


def open_zip(stream: BinaryIO) -> zipfile.ZipFile | Broken:
    """Return the archive of an office document, or why it is not opened.

    Reasons: "not_a_zip", "encrypted", "decompression_bomb", "xml_with_entities". What is read from a part never
    exceeds the size that it states.
    """
    head = stream.read(8)
    stream.seek(0)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        # An OLE file: either of the format before 2007, or an encrypted one of today.
        return Broken("0", "encrypted", "", 0)
    try:
        archive = zipfile.ZipFile(stream)
        reason = _out_of_bounds(archive)
    except DAMAGE:
        return Broken("0", "not_a_zip", "", 0)
    return Broken("0", reason, "", 0) if reason else archive


def _out_of_bounds(archive: zipfile.ZipFile) -> str:
    parts = archive.infolist()
    if len(parts) > MOST_PARTS:
        return "decompression_bomb"
    for part in parts:
        if part.flag_bits & 1:
            return "encrypted"
        large = part.file_size > RATIO_FROM_BYTES and part.file_size > MOST_RATIO * max(1, part.compress_size)
        if large or part.file_size > MOST_PART_BYTES:
            return "decompression_bomb"
    if sum(part.file_size for part in parts) > 2 * MOST_PART_BYTES:
        return "decompression_bomb"
    for part in parts:
        if part.filename.endswith((".xml", ".rels")) and _has_doctype(archive, part):
            return "xml_with_entities"
    return ""


def _has_doctype(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Return whether a part has a document type; it can only stand before the first element."""
    parser = strict_parser()
    begun: list[str] = []
    parser.StartElementHandler = lambda name, attributes: begun.append(name)
    with archive.open(part) as stream:
        try:
            while not begun and (chunk := stream.read(_CHUNK)):
                parser.Parse(chunk)
        except Forbidden:
            return True
        except (expat.ExpatError, *DAMAGE):
            return False  # whoever reads it will say so
    return False


def strict_parser() -> expat.XMLParserType:
    """Return a parser that raises Forbidden on any document type or entity declaration."""
    parser = expat.ParserCreate()

    def refuse(*_: object) -> int:
        raise Forbidden

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    return parser
