"""Documents out of files, streaming and in bounded memory: text, tables, pages, office documents, packs of small files.

Nothing is silently lost: a row that cannot be read comes back as `Broken` in its place. Texts that come back can be
written as UTF-8 and hold no NUL; those that were decoded with the wrong table are mended, and counted.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Literal, cast

from quanheng.data.corpus.compressed import SUFFIXES, Decompressed, decompressed
from quanheng.data.corpus.fields import USUAL_FIELDS, Fields
from quanheng.data.corpus.gather import Gather, articles, untagged, without_front_matter
from quanheng.data.corpus.lines import (
    LIMIT_BYTES,
    Broken,
    Document,
    Found,
    Line,
    TextLine,
    excerpt,
    excerpt_of_bytes,
    lines,
    text_lines,
)
from quanheng.data.corpus.read_office import read_docx, read_pdf
from quanheng.data.corpus.read_pages import Pages
from quanheng.data.corpus.read_tables import read_csv, read_parquet, read_xlsx, taken
from quanheng.data.corpus.tagged import untag
from quanheng.data.corpus.zips import DAMAGE
from quanheng.errors import Invalid
from quanheng.kinds.sources import FileFormat, Reading
from quanheng.text.encoding import Detected, detect, marked, utf8_chunks
from quanheng.text.mojibake import repair

__all__ = ["FORMATS", "USUAL_FIELDS", "Document", "FileReader", "format_of"]

#: By the end of the name; ".gz" and ".zst" may follow those of text. Others are listed as passed over.
FORMATS: dict[str, FileFormat] = {
    ".txt": "txt",
    ".text": "txt",
    ".md": "markdown",
    ".markdown": "markdown",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".warc": "warc",
    ".wet": "warc",
    ".xlsx": "xlsx",
    ".docx": "docx",
    ".pdf": "pdf",
}
#: Read by recognising their text, so only where the reading says so.
PICTURES: dict[str, FileFormat] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
}
#: What the last record of an archive seems to be when the archive ends inside it.
_CUT_OFF = frozenset(("truncated", "not_warc"))
#: What may come as .gz or .zst.
_COMPRESSIBLE = frozenset(("txt", "markdown", "jsonl", "csv", "html", "warc"))
_SURROGATE_IN_JSON = ("\\ud", "\\uD")


def format_of(name: str, *, pictures: bool = False) -> FileFormat | None:
    """Return the format that the name of a file tells, None when it is not known. Pictures only where asked for.

    >>> format_of("a/评论.JSONL.gz"), format_of("a.parquet.gz")
    ('jsonl', None)
    """
    path = PurePosixPath(name.lower())
    if path.suffix not in SUFFIXES:
        return FORMATS.get(path.suffix) or (PICTURES.get(path.suffix) if pictures else None)
    inner = FORMATS.get(PurePosixPath(path.stem).suffix)
    return inner if inner in _COMPRESSIBLE else None


@dataclass
class FileReader:
    """Reads one file. After reading, `encodings` counts the encodings its text was in.

    limit: the most bytes of one line or document; more makes it Broken "too_large".
    mended: counts lines in another encoding than their file ("line_as_gb18030") and documents that were decoded with
    the wrong table ("utf8_as_gbk", …: `quanheng.text.mojibake`). bytes_before, lines_before: of a file of lines what
    stands before the part of it that is read.
    """

    reading: Reading
    limit: int = LIMIT_BYTES
    encodings: dict[str, int] = field(default_factory=dict)
    mended: dict[str, int] = field(default_factory=dict)
    bytes_before: int = 0
    lines_before: int = 0

    def read(self, stream: BinaryIO, format: FileFormat) -> Iterator[Found]:
        """Yield the documents of a seekable file, and its broken rows in their places.

        Text formats are decompressed when they begin as gzip or zstd does; where such a file is cut off or damaged,
        what stood before is followed by one Broken "truncated", "damaged" or "decompression_bomb".
        Raises Invalid "no_text_field" when a table has no column for the text, and Unavailable where the package that
        reads a format is not installed.
        """
        if format == "pack":
            yield from self._pack(stream)  # what it holds is mended member by member
            return
        for found in self._raw(stream, format):
            yield found if isinstance(found, Broken) else self._mended(found)

    def _raw(self, stream: BinaryIO, format: FileFormat) -> Iterator[Found]:
        fields = Fields(self.reading)
        if format == "parquet":
            yield from read_parquet(stream, fields, self.limit)
        elif format == "xlsx":
            yield from read_xlsx(stream, fields, self.limit)
        elif format == "docx":
            yield from read_docx(stream, self.limit)
        elif format == "pdf":
            yield from read_pdf(stream, self.limit, self.reading.ocr)
        elif format in PICTURES.values():
            yield from self._picture(stream)
        elif format in ("html", "warc"):
            yield from self._pages(decompressed(stream), format)
        else:
            yield from self._text(decompressed(stream), format, fields)

    def _picture(self, stream: BinaryIO) -> Iterator[Found]:
        if self.reading.ocr == "never":
            yield Broken("1", "no_text_layer", "")
            return
        from quanheng.data.corpus.ocr_pages import read_picture

        yield from read_picture(stream, self.limit)

    def _mended(self, found: Document) -> Found:
        """Return the document without NUL and with its text as it was meant, or Broken "mojibake"."""
        text = found.text.replace("\x00", "") if "\x00" in found.text else found.text
        repaired = repair(text)
        if not repaired.readable:
            return Broken(found.row, "mojibake", excerpt(text), url=found.url)
        if repaired.kind is not None and repaired.text != text:
            self.mended[repaired.kind] = self.mended.get(repaired.kind, 0) + 1
        return found if repaired.text is found.text else found._replace(text=repaired.text)

    def _pages(self, stream: BinaryIO | Decompressed, format: FileFormat) -> Iterator[Found]:
        pages = Pages(self.reading.extract, self.limit, self.reading.encoding, self.encodings)
        last: Found | None = None
        for found in pages.html(stream) if format == "html" else pages.warc(stream):
            if last is not None:
                yield last
            last = found
        damage = stream.damage if isinstance(stream, Decompressed) else ""
        if damage:
            # The page that was being read is not whole; an archive's earlier ones are.
            cut = format == "html" or (isinstance(last, Broken) and last.reason in _CUT_OFF)
            if last is not None and not cut:
                yield last
            yield Broken(last.row if last is not None else "0", damage, "")
        elif last is not None:
            yield last

    def _text(self, stream: BinaryIO | Decompressed, format: FileFormat, fields: Fields) -> Iterator[Found]:
        detected = self._encoding(stream)
        if isinstance(detected, Broken):
            yield detected
            return
        if format == "jsonl":
            yield from self._jsonl(stream, detected, fields)
            return
        found = self._lines(stream, detected)
        if format == "csv":
            yield from read_csv(found, fields, self.limit)
        elif format == "markdown":
            yield from self._plain(without_front_matter(found))
        elif self.reading.markup == "pku_tagged":
            yield from self._tagged(found)
        else:
            yield from self._plain(found)

    def _lines(self, stream: BinaryIO | Decompressed, detected: Detected) -> Iterator[TextLine]:
        """Yield the lines of a file; behind those of a damaged one, its damage as a broken line."""
        number = self.lines_before
        for line in text_lines(self._cut(stream, detected), detected.encoding, self.mended):
            number = line.number
            yield line
        if damage := self._damage(stream, number + 1):
            yield TextLine(number + 1, None, damage, 0)

    def _cut(self, stream: BinaryIO | Decompressed, detected: Detected) -> Iterator[Line]:
        chunks, start = utf8_chunks(cast(BinaryIO, stream), detected), self.bytes_before + detected.bom
        return lines(chunks, start=start, before=self.lines_before, limit=self.limit)

    @staticmethod
    def _damage(stream: BinaryIO | Decompressed, number: int) -> Broken | None:
        """Return the damage of a file as the broken line that stands behind its last one, None when it is whole."""
        damage = stream.damage if isinstance(stream, Decompressed) else ""
        return Broken(str(number), damage, "") if damage else None

    def _encoding(self, stream: BinaryIO | Decompressed) -> Detected | Broken:
        head = stream.read(2048)
        stream.seek(0)
        forced = self.reading.encoding
        if forced is not None and not isinstance(stream, Decompressed):
            return self._counted(_as_told(forced, marked(head)))
        detected = self._detected(stream)
        if isinstance(stream, Decompressed) and stream.damage and stream.end is None:
            # Its last line is cut off, maybe inside a character: from here on it ends at the last whole line.
            even = isinstance(detected, Detected) and detected.encoding.startswith("utf-16")
            stream.end = stream.line_end & ~1 if even else stream.line_end
            stream.seek(0)
            detected = self._detected(stream)
        if isinstance(detected, Invalid):
            if forced is None:
                return Broken("0", detected.code, excerpt_of_bytes(head, "utf-8"), 0)
            detected = Detected("utf-8", 0)
        return self._counted(detected if forced is None else _as_told(forced, detected))

    def _counted(self, detected: Detected) -> Detected:
        name = "utf-16" if detected.encoding.startswith("utf-16") else detected.encoding
        self.encodings[name] = self.encodings.get(name, 0) + 1
        return detected

    @staticmethod
    def _detected(stream: BinaryIO | Decompressed) -> Detected | Invalid:
        try:
            return detect(cast(BinaryIO, stream))
        except Invalid as error:
            return error

    def _plain(self, found: Iterator[TextLine]) -> Iterator[Found]:
        if self.reading.document == "line":
            for line in found:
                if line.broken is not None:
                    yield line.broken
                elif line.text and not line.text.isspace():
                    yield Document(str(line.number), line.text)
        else:
            yield from Gather(self.limit, self.reading.document == "paragraph").gather(found)

    def _tagged(self, found: Iterator[TextLine]) -> Iterator[Found]:
        """Yield one document per article where lines carry its number, otherwise what `reading.document` says."""
        before: list[TextLine] = []
        for line in found:
            before.append(line)
            if line.text and not line.text.isspace():
                break
        rest = chain(before, found)
        if before and before[-1].text and untag(before[-1].text).article is not None:
            yield from Gather(self.limit, True).gather(articles(rest))
        else:
            yield from self._plain(untagged(rest))

    def _jsonl(self, stream: BinaryIO | Decompressed, detected: Detected, fields: Fields) -> Iterator[Found]:
        is_utf8 = detected.encoding == "utf-8" or detected.encoding.startswith("utf-16")  # cut as UTF-8
        quick = _quick_record if is_utf8 and not self.reading.text_fields else None
        number = self.lines_before
        for line in self._cut(stream, detected):
            number = line.number
            record = quick(line.data) if quick and line.data else None
            if record is not None:
                document = taken(fields, str(number), record, "")
                if isinstance(document, Document):
                    yield document
                    continue
            for decoded in text_lines((line,), detected.encoding, self.mended):
                yield from self._json_line(decoded, fields)
        if damage := self._damage(stream, number + 1):
            yield damage

    @staticmethod
    def _json_line(line: TextLine, fields: Fields) -> Iterator[Found]:
        if line.broken is not None:
            yield line.broken
            return
        text = line.text or ""
        if not text or text.isspace():
            return
        row = str(line.number)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            yield Broken(row, "not_json", excerpt(text))
            return
        if not isinstance(value, dict):
            yield Broken(row, "not_an_object", excerpt(text))
            return
        found = taken(fields, row, value, text)
        if any(mark in text for mark in _SURROGATE_IN_JSON):
            # Half of a pair, as "\\ud83d", is no character and cannot be written.
            found = found._replace(url=_whole(found.url))
            found = found._replace(text=_whole(found.text)) if isinstance(found, Document) else found
        yield found

    def _pack(self, stream: BinaryIO) -> Iterator[Found]:
        try:
            archive = zipfile.ZipFile(stream)
        except DAMAGE:
            yield Broken("0", "not_a_pack", "", 0)
            return
        with archive:
            for place, name in enumerate(sorted(archive.namelist()), start=1):
                format = format_of(name, pictures=True)
                if format is None:
                    yield Broken(str(place), "unknown_format", "", url=name)
                    continue
                try:
                    with archive.open(name) as member:
                        for found in self.read(cast(BinaryIO, member), format):
                            # Its name is the address of a file among thousands: by it a document is found again.
                            yield found._replace(row=f"{place}.{found.row}", url=found.url or name)
                except DAMAGE:
                    yield Broken(str(place), "damaged_pack", "", url=name)


def _as_told(forced: Literal["utf-8", "gb18030", "big5", "utf-16"], detected: Detected | None) -> Detected:
    """Return the encoding that the reading of a source names; of what is detected only the mark counts."""
    if forced == "utf-16":
        return detected if detected and detected.encoding.startswith("utf-16") else Detected("utf-16-le", 0)
    return Detected(forced, detected.bom if detected and detected.encoding == forced else 0)


def _quick_record(data: bytes) -> dict[str, Any] | None:
    """Return the object of a line of UTF-8; None where orjson does not take it, or it is none.

    orjson is thrice as fast as `json`, and what it takes both read alike (tested), except for whole numbers above 64
    bits, which it makes floats: so it is not asked where numbers become text. It refuses halves of surrogate pairs.
    """
    import orjson

    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _whole(text: str) -> str:
    """Return the text with U+FFFD for each half of a surrogate pair."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
