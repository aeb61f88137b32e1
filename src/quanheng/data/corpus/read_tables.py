"""Documents out of tables: CSV, Parquet and XLSX. One row is one document."""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from quanheng.data.corpus.fields import Fields
from quanheng.data.corpus.lines import Broken, Document, Found, TextLine, excerpt, excerpt_of_bytes
from quanheng.data.corpus.zips import open_zip
from quanheng.errors import Invalid, Unavailable

_PARQUET_BATCH_ROWS = 256
#: A file that says it becomes this much larger, and more than a gibibyte, is a bomb.
_PARQUET_MOST_RATIO = 1000
_PARQUET_RATIO_FROM = 1024**3
#: What a sheet may hold, by ECMA-376.
_XLSX_MOST_ROWS = 1_048_576
_XLSX_EMPTY_ROWS = 10_000


def read_csv(found: Iterator[TextLine], fields: Fields, limit: int) -> Iterator[Found]:
    """Yield the documents of a CSV with a head; its delimiter is the most frequent of , tab ; in the head."""
    broken: list[Broken] = []
    feed = _CsvFeed(found, broken, limit)
    csv.field_size_limit(limit)
    first = next(iter(feed), "")
    delimiter = max(",\t;", key=lambda mark: (first.count(mark), -",\t;".index(mark)))
    rows = csv.reader(chain([first] if first else [], feed), delimiter=delimiter)
    places: list[tuple[int, str]] | None = None
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
        if places is None and row:
            places = [(row.index(name), name) for name in fields.columns(row)]
        elif places is not None and row:
            record = {name: row[place] for place, name in places if place < len(row)}
            yield taken(fields, str(feed.number), record, delimiter.join(row))


def taken(fields: Fields, row: str, record: dict[str, Any], shown: str) -> Found:
    """Return the document of a record, or the record as broken with an excerpt of what is shown."""
    found = fields.take(record)
    if found.text is None:
        return Broken(row, found.reason, excerpt(shown), url=found.url)
    return Document(row, found.text, found.url)


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


def read_parquet(stream: BinaryIO, fields: Fields, limit: int) -> Iterator[Found]:
    """Yield the documents of a Parquet file; of its columns only those that are needed are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    damage = (pa.ArrowException, OSError, ValueError, OverflowError)
    try:
        table = pq.ParquetFile(stream, pre_buffer=False)
        names = [str(column) for column in table.schema_arrow.names]
        # Names that are not UTF-8 are noticed only when columns are chosen.
        table.iter_batches(batch_size=1, row_groups=[], columns=names[:1])
    except damage:
        yield Broken("0", "not_parquet", "", 0)
        return
    with table:
        columns = fields.columns(names)
        if _inflates(table.metadata, stream.seek(0, io.SEEK_END)):
            yield Broken("0", "decompression_bomb", "", 0)
            return
        number = 0
        batches = table.iter_batches(batch_size=_PARQUET_BATCH_ROWS, columns=columns, use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except damage:
                yield Broken(str(number + 1), "damaged_parquet", "")
                return
            if batch is None:
                return
            values = [_values(batch.column(place)) for place in range(batch.num_columns)]
            held = batch.schema.names
            for row in zip(*values, strict=True):
                number += 1
                yield _parquet_row(fields, str(number), dict(zip(held, row, strict=True)), limit)


def _inflates(metadata: Any, stored: int) -> bool:
    """Return whether the row groups say that they become far larger than the file.

    The metadata of single columns are not asked: on damaged ones Arrow ends the process instead of raising.
    """
    size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    return bool(size > _PARQUET_RATIO_FROM and size > _PARQUET_MOST_RATIO * stored)


def _values(column: Any) -> Iterator[Any]:
    """Yield the values of an Arrow column, strings as bytes: Arrow does not check them, and a bad one costs itself."""
    import pyarrow as pa

    array: pa.Array = column
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        array = array.cast(pa.large_binary())
    for scalar in array:
        try:
            yield scalar.as_py()
        except (UnicodeDecodeError, ValueError, OverflowError):
            yield None  # a string inside a list that is not UTF-8, a time beyond what Python knows


def _parquet_row(fields: Fields, row: str, record: dict[str, Any], limit: int) -> Found:
    for name, value in record.items():
        if isinstance(value, bytes):
            if len(value) > limit:
                return Broken(row, "too_large", excerpt_of_bytes(value, "utf-8"))
            try:
                record[name] = value.decode("utf-8")
            except UnicodeDecodeError:
                return Broken(row, "undecodable", excerpt_of_bytes(value, "utf-8"))
    return taken(fields, row, record, "")


def read_xlsx(stream: BinaryIO, fields: Fields, limit: int) -> Iterator[Found]:
    """Yield the documents of a workbook: each sheet is a table with a head; row "2.7" is row 7 of sheet 2.

    A sheet without a text column is one broken row, unless no sheet has one, which is Invalid "no_text_field".
    """
    archive = open_zip(stream)
    if isinstance(archive, Broken):
        yield archive
        return
    with archive:
        book = _workbook(archive)
        if isinstance(book, Broken):
            yield book
            return
        refused: Invalid | None = None
        found_one = False
        for place, sheet in enumerate(book.worksheets, start=1):
            try:
                for found in _sheet(sheet, place, fields, limit):
                    found_one = True
                    yield found
            except Invalid as error:
                refused = refused or error
                yield Broken(f"{place}.1", "no_text_field", excerpt(str(sheet.title)))
        if refused is not None and not found_one:
            raise refused


def _workbook(archive: zipfile.ZipFile) -> Any:
    """Return the workbook, or Broken; openpyxl raises whatever its parts happen to raise on damaged files."""
    try:
        import openpyxl
    except ImportError as error:
        raise Unavailable(
            "workbooks cannot be read: the package openpyxl is not installed",
            "无法读取 Excel 工作簿：未安装 openpyxl",
            hint=("Install quanheng[data].", "请安装 quanheng[data]。"),
            code="missing_extra",
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # openpyxl opens a path or a file, not an archive that is open.
            return openpyxl.load_workbook(archive.fp, read_only=True, data_only=True, keep_links=False)
    except MemoryError:
        raise
    except Exception as error:
        return Broken("0", "not_xlsx", excerpt(type(error).__name__), 0)


def _sheet(sheet: Any, place: int, fields: Fields, limit: int) -> Iterator[Found]:
    head: list[str] | None = None
    columns: list[str] = []
    number = empty = 0
    rows = _rows_of(sheet)
    for values in rows:
        number += 1
        if isinstance(values, str):
            yield Broken(f"{place}.{number}", values, "")
            return
        if all(value is None for value in values):
            empty += 1
            if empty > _XLSX_EMPTY_ROWS or number > _XLSX_MOST_ROWS:
                return  # a mark far down makes the sheet seem long
            continue
        empty = 0
        texts = ["" if value is None else str(value) for value in values]
        if head is None:
            head = texts
            columns = fields.columns([name for name in head if name])
            continue
        record = {name: text for name, text in zip(head, texts, strict=False) if name in columns and text}
        if sum(map(len, record.values())) > limit:
            yield Broken(f"{place}.{number}", "too_large", excerpt("\t".join(texts)))
        else:
            yield taken(fields, f"{place}.{number}", record, "\t".join(texts))


def _rows_of(sheet: Any) -> Iterator[tuple[Any, ...] | str]:
    """Yield the rows of a sheet; where it is damaged, the reason, as the last."""
    if not hasattr(sheet, "reset_dimensions"):
        return  # a sheet of charts has no rows
    sheet.reset_dimensions()
    rows = sheet.iter_rows(values_only=True)
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                row = next(rows, None)
        except MemoryError:
            raise
        except Exception:
            yield "damaged_xlsx"
            return
        if row is None:
            return
        yield row
