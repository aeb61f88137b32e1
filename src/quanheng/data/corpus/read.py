"""Documents out of files: txt, jsonl, csv, parquet, html, and packs of small files. Streaming, in bounded memory.

Nothing is silently lost: a row that cannot be read comes back as `Broken` in its place.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple

from quanheng.data.corpus.html import page_text
from quanheng.data.corpus.lines import LIMIT_BYTES, Broken, TextLine, excerpt, excerpt_of_bytes, lines, text_lines
from quanheng.data.corpus.tagged import untag
from quanheng.errors import Invalid
from quanheng.kinds.data import FileFormat, Reading
from quanheng.text.encoding import Detected, detect, utf8_chunks

#: By the end of the name. Others are listed as passed over.
FORMATS: dict[str, FileFormat] = {
    ".txt": "txt",
    ".text": "txt",
    ".md": "txt",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
}
#: Asked in this order where a source does not name its text field.
USUAL_FIELDS = ("text", "content", "正文", "文本", "内容", "body", "review", "comment", "评论")
_PARQUET_BATCH_ROWS = 256


class Document(NamedTuple):
    """One document as read: `row` says where in its file ("12", or "3.12" for row 12 of member 3 of a pack)."""

    row: str
    text: str


@dataclass
class FileReader:
    """Reads one file. `encodings` counts, after reading, the encodings its text was in.

    `limit`: the most bytes of one line or document; more makes it Broken "too_large".
    """

    reading: Reading
    limit: int = LIMIT_BYTES
    encodings: dict[str, int] = field(default_factory=dict)

    def read(self, stream: BinaryIO, format: FileFormat) -> Iterator[Document | Broken]:
        """Yield the documents of a seekable file, and its broken rows in their places.

        Raises Invalid "no_text_field" when a table has no column for the text.
        """
        if format == "pack":
            yield from self._pack(stream)
        elif format == "parquet":
            yield from self._parquet(stream)
        else:
            detected = self._encoding(stream)
            if isinstance(detected, Broken):
                yield detected
                return
            found = text_lines(lines(utf8_chunks(stream, detected), start=detected.bom, limit=self.limit), detected[0])
            if format == "jsonl":
                yield from self._jsonl(found)
            elif format == "csv":
                yield from self._csv(found)
            elif format == "html":
                yield from self._html(found)
            else:
                yield from self._txt(found)

    def _encoding(self, stream: BinaryIO) -> Detected | Broken:
        head = stream.read(2048)
        stream.seek(0)
        try:
            detected = detect(stream)
        except Invalid as error:
            if self.reading.encoding is None:
                return Broken("0", error.code, excerpt_of_bytes(head, "utf-8"), 0)
            detected = Detected("utf-8", 0)
        forced = self.reading.encoding
        if forced == "utf-16":
            detected = detected if detected.encoding.startswith("utf-16") else Detected("utf-16-le", 0)
        elif forced is not None:
            detected = Detected(forced, detected.bom if detected.encoding == forced else 0)
        name = "utf-16" if detected.encoding.startswith("utf-16") else detected.encoding
        self.encodings[name] = self.encodings.get(name, 0) + 1
        return detected

    def _txt(self, found: Iterator[TextLine]) -> Iterator[Document | Broken]:
        if self.reading.markup == "pku_tagged":
            yield from self._tagged(found)
        else:
            yield from self._plain(found)

    def _plain(self, found: Iterator[TextLine]) -> Iterator[Document | Broken]:
        if self.reading.document == "line":
            for line in found:
                if line.broken is not None:
                    yield line.broken
                elif line.text and not line.text.isspace():
                    yield Document(str(line.number), line.text)
        else:
            yield from _Gather(self.limit, self.reading.document == "paragraph").gather(found)

    def _tagged(self, found: Iterator[TextLine]) -> Iterator[Document | Broken]:
        """Yield one document per article where lines carry its number, otherwise what `reading.document` says."""
        before: list[TextLine] = []
        for line in found:
            before.append(line)
            if line.text and not line.text.isspace():
                break
        rest = chain(before, found)
        if before and before[-1].text and untag(before[-1].text).article is not None:
            yield from _Gather(self.limit, True).gather(_articles(rest))
        else:
            yield from self._plain(_untagged(rest))

    def _html(self, found: Iterator[TextLine]) -> Iterator[Document | Broken]:
        for page in _Gather(self.limit, False).gather(found):
            if isinstance(page, Broken):
                yield page
                continue
            text = page_text(page.text)
            yield Broken(page.row, "not_html", excerpt(page.text)) if text is None else Document(page.row, text)

    def _jsonl(self, found: Iterator[TextLine]) -> Iterator[Document | Broken]:
        for line in found:
            if line.broken is not None:
                yield line.broken
                continue
            text = line.text or ""
            if not text or text.isspace():
                continue
            row = str(line.number)
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                yield Broken(row, "not_json", excerpt(text))
                continue
            if not isinstance(value, dict):
                yield Broken(row, "not_an_object", excerpt(text))
                continue
            name = self._field(list(value))
            if name is None:
                yield Broken(row, "no_text_field", excerpt(text))
            elif not isinstance(value[name], str):
                yield Broken(row, "text_is_not_text", excerpt(text))
            else:
                yield Document(row, value[name])

    def _field(self, names: list[str]) -> str | None:
        if self.reading.text_field is not None:
            return self.reading.text_field if self.reading.text_field in names else None
        return next((name for name in USUAL_FIELDS if name in names), None)

    def _column(self, names: list[str]) -> str:
        name = self._field(names)
        if name is None:
            wanted = self.reading.text_field or " / ".join(USUAL_FIELDS)
            columns = ", ".join(names[:20])
            raise Invalid(
                f"the table has no text column: looked for {wanted}",
                f"表中没有正文列：要找的是 {wanted}",
                hint=(
                    f"Name it with text_field. The columns are: {columns}",
                    f"请用 text_field 指明正文列。现有的列：{columns}",
                ),
                code="no_text_field",
            )
        return name

    def _csv(self, found: Iterator[TextLine]) -> Iterator[Document | Broken]:
        broken: list[Broken] = []
        feed = _CsvFeed(found, broken, self.limit)
        csv.field_size_limit(self.limit)
        first = next(iter(feed), "")
        delimiter = max(",\t;", key=lambda mark: (first.count(mark), -",\t;".index(mark)))
        rows = csv.reader(chain([first] if first else [], feed), delimiter=delimiter)
        place: int | None = None
        while True:
            try:
                row = next(rows, None)
            except csv.Error as error:
                yield Broken(str(feed.number), "too_large" if "limit" in str(error) else "not_csv", "")
                row = []
            feed.held = 0
            yield from broken
            broken.clear()
            if row is None:
                return
            if place is None and row:
                place = row.index(self._column(row))
            elif place is not None and len(row) > place:
                yield Document(str(feed.number), row[place])
            elif row:
                yield Broken(str(feed.number), "no_text_field", excerpt(delimiter.join(row)))

    def _parquet(self, stream: BinaryIO) -> Iterator[Document | Broken]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.ParquetFile(stream, pre_buffer=False)
        except (pa.ArrowInvalid, OSError):
            yield Broken("0", "not_parquet", "", 0)
            return
        with table:
            name = self._column([str(column) for column in table.schema_arrow.names])
            number = 0
            batches = table.iter_batches(batch_size=_PARQUET_BATCH_ROWS, columns=[name], use_threads=False)
            while True:
                try:
                    batch = next(batches, None)
                except (pa.ArrowException, OSError):
                    yield Broken(str(number + 1), "damaged_parquet", "")
                    return
                if batch is None:
                    return
                for value in _binary_values(batch.column(0)):
                    number += 1
                    yield self._value(str(number), value)

    def _value(self, row: str, value: bytes | None) -> Document | Broken:
        if value is None:
            return Broken(row, "text_is_not_text", "")
        if len(value) > self.limit:
            return Broken(row, "too_large", excerpt_of_bytes(value, "utf-8"))
        try:
            return Document(row, value.decode("utf-8"))
        except UnicodeDecodeError:
            return Broken(row, "undecodable", excerpt_of_bytes(value, "utf-8"))

    def _pack(self, stream: BinaryIO) -> Iterator[Document | Broken]:
        try:
            archive = zipfile.ZipFile(stream)
        except zipfile.BadZipFile:
            yield Broken("0", "not_a_pack", "", 0)
            return
        with archive:
            for place, name in enumerate(sorted(archive.namelist()), start=1):
                format = FORMATS.get(PurePosixPath(name).suffix.lower())
                if format is None:
                    yield Broken(str(place), "unknown_format", "")
                    continue
                with archive.open(name) as member:
                    for found in self.read(member, format):  # type: ignore[arg-type]  # an IO[bytes] that seeks
                        yield found._replace(row=f"{place}.{found.row}")


class _Gather:
    """Joins lines into documents: the whole file, or blocks between blank lines."""

    def __init__(self, limit: int, paragraphs: bool) -> None:
        self._limit = limit
        self._paragraphs = paragraphs
        self._parts: list[str] = []
        self._size = 0
        self._first = 0
        self._broken: Broken | None = None

    def gather(self, found: Iterator[TextLine]) -> Iterator[Document | Broken]:
        """Yield one document per block; a block with a broken line or above the limit is broken as a whole."""
        for line in found:
            if self._paragraphs and line.text is not None and not line.text.strip():
                yield from self._end()
                continue
            self._first = self._first or line.number
            self._size += line.size + 1
            if self._broken is not None:
                continue
            if line.broken is not None:
                head = excerpt("\n".join([*self._parts[:5], line.broken.excerpt]))
                self._broken = line.broken._replace(row=str(self._first), excerpt=head)
            elif self._size > self._limit:
                self._broken = Broken(str(self._first), "too_large", excerpt("\n".join(self._parts[:5])))
            if self._broken is not None:
                self._parts = []
            else:
                self._parts.append(line.text or "")
        yield from self._end()

    def _end(self) -> Iterator[Document | Broken]:
        if self._broken is not None:
            yield self._broken
        elif any(part and not part.isspace() for part in self._parts):
            yield Document(str(self._first), "\n".join(self._parts))
        self._parts, self._size, self._first, self._broken = [], 0, 0, None


class _CsvFeed:
    """Hands decoded lines to csv.reader, keeps broken ones aside, and bounds what an open quote can swallow."""

    def __init__(self, found: Iterator[TextLine], broken: list[Broken], limit: int) -> None:
        self._found = found
        self._broken = broken
        self._limit = limit
        self.number = 0
        self.held = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for line in self._found:
            self.number = line.number
            if line.broken is not None:
                self._broken.append(line.broken)
                continue
            self.held += line.size + 1
            if self.held > self._limit + 1:
                # Raised inside csv.reader, which drops the row it was holding and starts afresh.
                raise csv.Error("row larger than the limit")
            # A lone carriage return is no line end here, and csv.reader refuses it outside quotes.
            return (line.text or "").replace("\r", " ") + "\n"
        raise StopIteration


def _untagged(found: Iterator[TextLine]) -> Iterator[TextLine]:
    for line in found:
        yield line if line.text is None else line._replace(text=untag(line.text).text)


def _articles(found: Iterator[TextLine]) -> Iterator[TextLine]:
    """Yield untagged lines with a blank one between articles, and none inside an article."""
    article: str | None = None
    for line in found:
        if line.text is None:
            yield line
            continue
        tagged = untag(line.text)
        if tagged.article is not None and tagged.article != article:
            article = tagged.article
            yield TextLine(line.number, "", None, 0)
        if tagged.text:
            yield line._replace(text=tagged.text)


def _binary_values(column: object) -> Iterator[bytes | None]:
    """Yield the values of an Arrow column as bytes; None for nulls and for types that hold no text."""
    import pyarrow as pa

    array: pa.Array = column
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        # Arrow does not check UTF-8 on reading: as bytes, one bad value does not cost the batch.
        array = array.cast(pa.large_binary())
    elif not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        yield from (None for _ in range(len(array)))
        return
    for scalar in array:
        yield scalar.as_py()
