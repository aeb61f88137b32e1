"""The beginning of a layer as a person can look at it: rows of JSONL and Parquet, text as text, JSON indented.

Nothing here trusts the bytes. A line, a page and a cell have a largest size; what is longer is cut, and the answer
says so. Parquet is read in a child process with limits (`core.bounded`). No Django, no database.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Literal

from quanheng.errors import Invalid, Text
from quanheng.kinds.counting import counted
from quanheng.store import Layer

Form = Literal["jsonl", "parquet", "json", "text", ""]
#: What a page holds at most: rows, columns, characters of a cell, of one field of a whole row, and of a text.
MOST_ROWS = 200
MOST_COLUMNS = 40
CELL = 300
FIELD = 100_000
TEXT = 20_000
#: Bytes of the longest line that is parsed, of the lines of one page, and that are passed over to reach a page.
LINE_BYTES = 1 << 20
PAGE_BYTES = 2 << 20
SKIP_BYTES = 256 << 20
#: A JSON file up to here is indented; bytes read of a text for its encoding and its beginning.
JSON_BYTES = 1 << 20
HEAD_BYTES = 1 << 17
CHUNK = 1 << 20

_ROWS = ("application/jsonl", "application/x-ndjson", "application/jsonlines")
_PARQUET = ("application/vnd.apache.parquet", "application/x-parquet")
_ENDINGS: Mapping[str, Form] = {
    "jsonl": "jsonl", "ndjson": "jsonl", "parquet": "parquet", "json": "json", "txt": "text", "md": "text",
    "csv": "text", "tsv": "text", "html": "text", "htm": "text", "xml": "text", "toml": "text", "yaml": "text",
    "yml": "text", "log": "text", "py": "text",
}  # fmt: skip
#: Signs that would not be seen or would turn the text around them: controls but tab and newline, and those of bidi.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def form_of(layer: Layer) -> Form:
    """Return how a layer is shown, by its media type and else by the ending of its title; "" for not at all."""
    media = layer.media_type.lower()
    if media in _ROWS:
        return "jsonl"
    if media in _PARQUET:
        return "parquet"
    if media == "application/json" or media.endswith("+json"):
        return "json"
    by_title = _ENDINGS.get(layer.title.rpartition(".")[2].lower(), "")
    if media.startswith("text/"):
        return by_title if by_title == "jsonl" else "text"
    return by_title if media == "application/octet-stream" else ""


def printable(text: str) -> str:
    r"""Return the text with unseen signs made visible: control pictures for controls, ⟨U+202E⟩ for the rest.

    >>> printable("a\0b"), printable("x\u202ey")
    ('a␀b', 'x⟨U+202E⟩y')
    """
    return _UNSEEN.sub(_visible, text.replace("\r\n", "\n"))


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def written(value: Any) -> str:
    """Return a value of a row as text: a string as it is, everything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return "0x" + value.hex()
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError, TypeError):
        return repr(value)[:FIELD]


def cell(value: Any, most: int = CELL) -> str:
    """Return a value as the text of one cell, cut with "…" where it is longer than `most` characters."""
    text = written(value[: most + 1] if isinstance(value, str | bytes) else value)
    return printable(text[:most]) + ("…" if len(text) > most else "")


# ---- rows of JSONL


def jsonl_page(stream: BinaryIO, after: int, limit: int) -> dict[str, Any]:
    """Return the rows from number `after` on (from 0), as "columns" and "rows", and "next" when there may be more."""
    lines = _Lines(stream)
    parsed: list[tuple[int, Any, bool]] = []
    number, used = after, 0
    if not lines.skip(after):
        return {**table([], []), "next": None, "notes": [_too_far(after)]}
    while len(parsed) < limit and used < PAGE_BYTES:
        line = lines.line()
        if line is None:
            break
        used += len(line[0])
        parsed.append((number, *_parsed(*line)))
        number += 1
    page = _rows(parsed)
    more = lines.more()
    notes = [*page["notes"], *([_too_far(number)] if lines.spent else [])]
    return {**page, "next": number if more else None, "total": None if more or lines.spent else number, "notes": notes}


def jsonl_row(stream: BinaryIO, number: int) -> dict[str, Any] | None:
    """Return one row with all its fields, None when there is no such row (within reach)."""
    lines = _Lines(stream)
    line = lines.line() if lines.skip(number) else None
    if line is None:
        return None
    value, broken = _parsed(*line)
    return whole(number, value if isinstance(value, dict) else {"": value}, broken)


def whole(number: int, fields: Mapping[str, Any], broken: bool = False) -> dict[str, Any]:
    """Return one row with each field as far as FIELD characters."""
    shown = [{"name": printable(str(name))[:CELL], "text": cell(value, FIELD)} for name, value in fields.items()]
    return {"row": number, "fields": shown[: 10 * MOST_COLUMNS], "broken": broken}


class _Lines:
    """Lines of a stream, each as far as LINE_BYTES; what is passed over is read in pieces and not kept."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._buffer = b""
        self._left = SKIP_BYTES

    def skip(self, count: int) -> bool:
        """Pass over `count` lines; False when that would take more than SKIP_BYTES."""
        while count:
            found = self._buffer.count(b"\n")
            if found >= count:
                at = -1
                for _ in range(count):
                    at = self._buffer.find(b"\n", at + 1)
                self._buffer = self._buffer[at + 1 :]
                return True
            count -= found
            self._buffer = b""
            if not self._fill():
                return not self.spent
        return True

    def line(self) -> tuple[bytes, bool] | None:
        """Return the next line and whether it was cut; None at the end, or where too much was read."""
        while (at := self._buffer.find(b"\n")) < 0 and len(self._buffer) <= LINE_BYTES and self._fill():
            continue
        if not self._buffer:
            return None
        if 0 <= at <= LINE_BYTES:
            line, self._buffer = self._buffer[:at], self._buffer[at + 1 :]
            return line, False
        line, cut = self._buffer[:LINE_BYTES], len(self._buffer) > LINE_BYTES
        self.skip(1)
        return line, cut

    @property
    def spent(self) -> bool:
        """Return whether as much was read as may be."""
        return self._left <= 0

    def more(self) -> bool:
        """Return whether a line follows."""
        return bool(self._buffer) or self._fill()

    def _fill(self) -> bool:
        if self.spent:
            return False
        chunk = self._stream.read(CHUNK)
        self._left -= len(chunk)
        self._buffer += chunk
        return bool(chunk)


def _parsed(line: bytes, cut: bool) -> tuple[Any, bool]:
    """Return the value of a line, and whether it is no JSON that can be read; then the value is its text."""
    if not cut:
        try:
            return json.loads(line), False
        except (ValueError, RecursionError):
            pass  # shown as it stands
    return line[: 4 * FIELD].decode("utf-8", "replace"), True


def _rows(parsed: Sequence[tuple[int, Any, bool]]) -> dict[str, Any]:
    """Return a table over rows that may be anything: objects by their fields, everything else in one column."""
    names = dict.fromkeys(name for _, value, _ in parsed if isinstance(value, dict) for name in value)
    columns = list(names)[:MOST_COLUMNS]
    other = any(not isinstance(value, dict) for _, value, _ in parsed)
    rows = []
    for number, value, broken in parsed:
        if isinstance(value, dict):
            cells: list[str | None] = [cell(value[name]) if name in value else None for name in columns]
            cells += [None] if other else []
        else:
            cells = [*([None] * len(columns)), cell(value)]
        rows.append({"row": number, "cells": cells, "broken": broken})
    made = table(columns + ([""] if other else []), rows)
    return {**made, "notes": _many_columns(len(names))}


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return rows as the answer of a preview has them."""
    return {"form": "rows", "columns": [printable(name)[:CELL] for name in columns], "rows": list(rows), "notes": []}


def _many_columns(count: int) -> list[Text]:
    if count <= MOST_COLUMNS:
        return []
    return [Text(f"{count} columns; the first {MOST_COLUMNS} are shown", f"共 {count} 列，只显示前 {MOST_COLUMNS} 列")]


def _too_far(after: int) -> Text:
    megabytes = SKIP_BYTES >> 20
    return Text(
        f"row {after} lies behind more than {megabytes} MiB; download the file to read on",
        f"第 {after} 行之前的内容超过 {megabytes} MiB；请下载后查看",
    )


# ---- Parquet, in a child process


def parquet_page(task: Any) -> Any:
    """Return a page of the Parquet file at task["path"] like `jsonl_page`, or with task["row"] one whole row.

    Run by `core.bounded`: what a hostile file makes the reader do stays in a child. Invalid for what is no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = task["row"]
    after, limit = (row, 1) if row is not None else (task["after"], task["limit"])
    try:
        with pq.ParquetFile(task["path"], pre_buffer=False, buffer_size=CHUNK) as file:
            total = file.metadata.num_rows
            names = list(dict.fromkeys(file.schema_arrow.names))
            wanted = names if row is not None else names[:MOST_COLUMNS]
            found = [
                (number, list(zip(batch.schema.names, (column[at] for column in batch.columns), strict=True)))
                for number, at, batch in _parquet_rows(file, wanted, after, limit)
            ]
    except MemoryError:  # also Arrow's own, which is an ArrowException too
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise Invalid(
            f"this is no Parquet file that can be read: {error}",
            f"无法作为 Parquet 文件读取：{error}",
            hint=("Download it and look at it with other tools.", "请下载后用其他工具查看。"),
            code="unreadable_parquet",
        ) from error
    if row is not None:
        return whole(found[0][0], {name: _value(item) for name, item in found[0][1]}) if found else None
    rows = [{"row": n, "cells": [cell(_value(item)) for _, item in pairs], "broken": False} for n, pairs in found]
    end = after + len(rows)
    return {
        **table(wanted, rows),
        "next": end if rows and end < total else None,
        "total": total,
        "notes": [list(note) for note in _many_columns(len(names))],
    }


def _parquet_rows(file: Any, columns: list[str], after: int, limit: int) -> Iterator[tuple[int, int, Any]]:
    """Yield (row number, place in the batch, batch) for the rows wanted; row groups before them are not read."""
    start, end = 0, after + limit
    for group in range(file.metadata.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        if start + count > after and start < end:
            number = start
            for batch in file.iter_batches(64, row_groups=[group], columns=columns, use_threads=False):
                for at in range(batch.num_rows):
                    if after <= number + at < end:
                        yield number + at, at, batch
                number += batch.num_rows
                if number >= end:
                    return
        start += count


def _value(item: Any) -> Any:
    """Return a value of Arrow as one of Python; what Python has nothing for as text."""
    try:
        return item.as_py()
    except (ValueError, OverflowError, ImportError):
        return str(item)


# ---- text and JSON


def text_page(stream: BinaryIO) -> dict[str, Any]:
    """Return the beginning of a text: "text", its "encoding", "cut" when there is more, and notes on what is amiss."""
    head = stream.read(HEAD_BYTES)
    more = len(head) == HEAD_BYTES and bool(stream.read(1))
    encoding, bom, known = _encoding(head)
    codec = {"big5": "big5hkscs"}.get(encoding, encoding)
    text = codecs.getincrementaldecoder(codec)("replace").decode(head[bom:], final=not more)
    return _text(text, encoding, more, [] if known else [_undecodable(text)])


def json_page(stream: BinaryIO, size: int) -> dict[str, Any]:
    """Return a JSON file indented, as far as TEXT characters; one that is too large, too deep or no JSON as text."""
    if size > JSON_BYTES:
        return text_page(stream)
    data = stream.read(JSON_BYTES)
    pieces: list[str] = []
    length = 0
    try:
        for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(json.loads(data)):
            pieces.append(piece)
            length += len(piece)
            if length > TEXT:  # deep nesting writes far more spaces than it has bytes
                break
    except (ValueError, RecursionError):
        page = text_page(io.BytesIO(data))
        note = Text("not JSON, or nested too deep; shown as it is", "不是有效的 JSON 或嵌套过深，按原样显示")
        return {**page, "notes": [note, *page["notes"]]}
    return _text("".join(pieces), "utf-8", False, [])


def _text(text: str, encoding: str, more: bool, notes: list[Text]) -> dict[str, Any]:
    cut = more or len(text) > TEXT
    return {"form": "text", "text": printable(text[:TEXT]), "encoding": encoding, "cut": cut, "notes": notes}


def _encoding(head: bytes) -> tuple[str, int, bool]:
    """Return the encoding of a beginning, the length of its mark, and False where no encoding fits."""
    from quanheng.text.encoding import detect_bytes

    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # a character cut off at the end is none of its faults
        return "utf-8", 3 if head.startswith(codecs.BOM_UTF8) else 0, True
    except UnicodeDecodeError:
        pass  # then one of the others
    try:
        found = detect_bytes(head)
    except Invalid:
        return "utf-8", 0, False
    return found.encoding, found.bom, True


def _undecodable(text: str) -> Text:
    count = text.count("\ufffd")
    return Text(f"{counted(count, 'places')} cannot be decoded as UTF-8", f"有 {count} 处字节无法按 UTF-8 解码")
