"""A lexicon as a spreadsheet: one row a term, read with a reason for every bad row, and written with the same bytes.

What comes in is bounded before it is unpacked, and holds no formula, macro or entity that is followed. What goes out
holds text only: a cell that begins like a formula is marked as text, so no program computes it.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from quanheng.errors import Invalid
from quanheng.kinds.data import LexiconTerm
from quanheng.kinds.kind_words import reason
from quanheng.store.canonical_zip import write_zip
from quanheng.text.normalise import shadow

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.cell import Cell

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: Fields of a term and the heads of their columns, in order. A head may also be the field's own name.
COLUMNS = {
    "term": "词语",
    "risk": "风险",
    "mode": "方式",
    "category": "类别",
    "weight": "权重",
    "with_terms": "组合词",
    "within": "组合距离",
    "unless": "白名单",
    "evasion": "变体",
    "expires": "有效期",
    "note": "备注",
}
ROW, REASON = "原行号", "原因"
MODES = {"review": "复核", "count": "仅计数", "combine": "组合"}
EVASIONS = {
    "traditional": "繁体",
    "inserted": "插入符号",
    "pinyin": "拼音",
    "homophone": "同音字",
    "split": "拆字",
    "lookalike": "形近字",
    "reversed": "倒写",
}
#: A cell that says so lists nothing; an empty one leaves the default.
NONE = "无"
_LISTS = ("with_terms", "unless", "evasion")
_NUMBERS = ("weight", "within")
_SEPARATORS = re.compile(r"[;；\n]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: Not allowed in XML 1.0, so no workbook can hold them.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

MAX_BYTES = 32 * 1024 * 1024
MAX_UNPACKED = 256 * 1024 * 1024
MAX_MEMBERS = 500
MAX_ROWS = 200_000
MAX_COLUMNS = 64
_MAX_CELL = 32_767
#: A workbook has no document type; one that brings entities with it means harm.
_DOCTYPES = tuple("<!DOCTYPE".encode(codec) for codec in ("utf-8", "utf-16-le", "utf-16-be"))
_CORE = (
    b"<?xml version='1.0' encoding='UTF-8'?>\n"
    b'<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"/>'
)


class BadRow(NamedTuple):
    """A row that is no term: its number in the sheet, its cells by field as they were read, and why, in Chinese."""

    row: int
    cells: dict[str, str]
    reason: str


@dataclass(frozen=True)
class Sheet:
    """What a spreadsheet held."""

    terms: tuple[LexiconTerm, ...]
    bad: tuple[BadRow, ...]


def read_sheet(data: bytes) -> Sheet:
    """Return the terms of the first sheet of an XLSX file, and its bad rows each with a reason; empty rows are none.

    Raises Invalid: "not_a_workbook", "workbook_too_large", or "sheet_columns" when its first row does not name 词语
    and 风险, or names an unknown column.
    """
    terms: list[LexiconTerm] = []
    bad: list[BadRow] = []
    rows_of: dict[str, int] = {}
    with _rows(data) as rows:
        fields = _fields(next(rows, ()))
        for number, row in enumerate(rows, start=2):
            if number > MAX_ROWS:
                raise _too_large(f"more than {MAX_ROWS:,} rows", f"超过 {MAX_ROWS} 行")
            cells, why = _cells(fields, row)
            if not any(cells.values()) and not why:
                continue
            term, why = (None, why) if why else _term(cells)
            folded = shadow(term.term).text.strip() if term else ""
            if term and not folded:
                why = "词语没有可见字符"
            elif folded in rows_of:
                why = f"该词已在第 {rows_of[folded]} 行出现"
            if term is None or why:
                bad.append(BadRow(number, cells, why))
            else:
                rows_of[folded] = number
                terms.append(term)
    return Sheet(tuple(terms), tuple(bad))


def write_sheet(terms: Iterable[LexiconTerm]) -> bytes:
    """Return the terms as an XLSX file that `read_sheet` reads back; the same terms give the same bytes.

    Raises Invalid "sheet_separator" for a partner or context that holds a semicolon or a line end.
    """
    return _written(list(COLUMNS.values()), ([_text_of(term, name) for name in COLUMNS] for term in terms))


def write_bad_rows(rows: Iterable[BadRow]) -> bytes:
    """Return bad rows as an XLSX file: where each stood and why first, then its cells to be put right."""
    lines: Iterable[Sequence[str | int]] = (
        [row.row, row.reason, *(row.cells.get(name, "") for name in COLUMNS)] for row in rows
    )
    return _written([ROW, REASON, *COLUMNS.values()], lines)


@contextmanager
def _rows(data: bytes) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Give the rows of the first sheet as tuples of cells, after the checks that need no unpacking into memory."""
    from openpyxl import load_workbook

    _check(data)
    try:
        book = load_workbook(BytesIO(data), read_only=True, data_only=False, keep_links=False)
    except Exception as error:  # openpyxl lets every kind of error out of a broken file
        raise _not_a_workbook(error) from error
    try:
        sheet = book.worksheets[0] if book.worksheets else None
        if sheet is None:
            raise _not_a_workbook("no sheet")
        # The bounds are ours: what the file says of its own size may be anything.
        yield _guarded(sheet.iter_rows(max_row=MAX_ROWS + 1, max_col=MAX_COLUMNS))
    finally:
        book.close()


def _guarded(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:  # a damaged part shows only when it is read
            raise _not_a_workbook(error) from error
        yield row


def _check(data: bytes) -> None:
    """Raise Invalid when the file is too large, packed or unpacked, is no zip, or brings a document type."""
    if len(data) > MAX_BYTES:
        raise _too_large(f"{len(data):,} bytes", f"{len(data)} 字节")
    try:
        with zipfile.ZipFile(BytesIO(data)) as zipped:
            members = zipped.infolist()
            unpacked = sum(member.file_size for member in members)
            if len(members) > MAX_MEMBERS or unpacked > MAX_UNPACKED:
                raise _too_large(
                    f"{len(members):,} parts, {unpacked:,} bytes unpacked",
                    f"{len(members)} 个部件，解压后 {unpacked} 字节",
                )
            for member in members:
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise _not_a_workbook(f"{member.filename} is packed in a way that no spreadsheet uses")
                with zipped.open(member) as stream:
                    start = stream.read(4096)
                if any(word in start for word in _DOCTYPES):
                    raise _not_a_workbook(f"{member.filename} declares a document type")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise _not_a_workbook(error) from error


def _fields(row: Sequence[Any]) -> list[str | None]:
    """Return the field of each column of the head row; None for those that `write_bad_rows` adds, or that are empty."""
    heads = [_text(cell.value).strip() for cell in row]
    known = {head: name for name, head in COLUMNS.items()} | {name: name for name in COLUMNS}
    unknown = [head for head in heads if head and head not in known and head not in (ROW, REASON)]
    fields = [known.get(head) for head in heads]
    named = [name for name in fields if name]
    missing = [COLUMNS[name] for name in ("term", "risk") if name not in named]
    twice = [COLUMNS[name] for name in COLUMNS if named.count(name) > 1]
    if unknown or missing or twice:
        said = "；".join(
            f"{what}：{'、'.join(words)}"
            for what, words in (("未知", unknown), ("缺少", missing), ("重复", twice))
            if words
        )
        raise Invalid(
            f"the first row does not name the columns: {said}"[:300],
            f"首行的列名不合要求（{said}）"[:300],
            hint=("Columns: " + ", ".join(COLUMNS), "可用的列名：" + "、".join(COLUMNS.values())),
            code="sheet_columns",
        )
    return fields


def _cells(fields: Sequence[str | None], row: Sequence[Any]) -> tuple[dict[str, str], str]:
    """Return the cells of a row as text by field, and why it cannot be read, "" when it can."""
    cells: dict[str, str] = {}
    why = ""
    for name, cell in zip(fields, row, strict=False):
        if name is None:
            continue
        cells[name] = _text(cell.value).strip()
        if getattr(cell, "data_type", "") == "f":
            why = why or f"{COLUMNS[name]}：单元格是公式，请改为文本"
    return cells, why


def _text(value: Any) -> str:
    """Return a cell's value as the text that a person sees."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _term(cells: Mapping[str, str]) -> tuple[LexiconTerm | None, str]:
    """Return the term in a row, or None and why it is none."""
    given: dict[str, Any] = {}
    for name, text in cells.items():
        if not text:
            continue
        if name in _LISTS:
            words = () if text == NONE else tuple(word for part in _SEPARATORS.split(text) if (word := part.strip()))
            given[name] = tuple(_word(EVASIONS, word) for word in words) if name == "evasion" else words
            if name == "evasion" and not set(given[name]) <= set(EVASIONS):
                return None, f"{COLUMNS[name]}：只能填{'、'.join(EVASIONS.values())}，或“{NONE}”"
        elif name in _NUMBERS:
            if not re.fullmatch(r"[0-9]{1,6}", text):
                return None, f"{COLUMNS[name]}：应为整数"
            given[name] = int(text)
        elif name == "mode":
            given[name] = _word(MODES, text)
            if given[name] not in MODES:
                return None, f"{COLUMNS[name]}：只能填{'、'.join(MODES.values())}"
        else:
            given[name] = text
    try:
        return LexiconTerm.model_validate(given), ""
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if not first["loc"]:
            return None, "方式为“组合”时须填写组合词"
        return None, f"{COLUMNS[str(first['loc'][0])]}：{reason(first)}"


def _word(words: Mapping[str, str], text: str) -> str:
    return next((name for name, word in words.items() if word == text), text)


def _text_of(term: LexiconTerm, name: str) -> str | int:
    value: str | int | tuple[str, ...] | None = getattr(term, name)
    if name == "mode":
        return MODES[term.mode]
    if name == "evasion":
        return "；".join(EVASIONS[word] for word in term.evasion) or NONE
    if isinstance(value, tuple):
        if torn := next((word for word in value if _SEPARATORS.search(word)), None):
            raise Invalid(
                f"{torn!r} of term {term.term!r} holds a separator of lists (; or a line end)",
                f"词语“{term.term}”的“{torn}”含有列表分隔符（分号或换行），无法写入表格",
                hint=("Write it without.", "请去掉分隔符。"),
                code="sheet_separator",
            )
        return "；".join(value)
    return "" if value is None else value


def _written(heads: Sequence[str], rows: Iterable[Sequence[str | int]]) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "词表"
    sheet.freeze_panes = "A2"
    for number, row in enumerate((heads, *rows), start=1):
        for column, value in enumerate(row, start=1):
            if value != "":
                _fill(sheet.cell(number, column), value)
    return _packed(book)


def _fill(cell: Cell, value: str | int) -> None:
    """Put a value into a cell: a number as such, everything else as text, whatever it begins with."""
    if isinstance(value, int):
        cell.value = value
        return
    text = _NOT_XML.sub("\ufffd", value)[:_MAX_CELL]
    cell.value = text
    cell.data_type = "s"
    if text.startswith(_FORMULA):
        cell.quotePrefix = True  # what the apostrophe before a cell is in the file: never computed, also after editing


def _packed(book: Workbook) -> bytes:
    """Return the workbook as the one zip of its parts, without the times that openpyxl writes."""
    written, packed = BytesIO(), BytesIO()
    book.save(written)
    with zipfile.ZipFile(written) as zipped:
        parts = {name: zipped.read(name) for name in zipped.namelist()}
    write_zip(packed, parts | {"docProps/core.xml": _CORE})
    return packed.getvalue()


def _not_a_workbook(error: object) -> Invalid:
    return Invalid(
        f"the file is no XLSX workbook that can be read: {error}"[:300],
        "文件不是可读取的 XLSX 工作簿",
        hint=("Save it as .xlsx and send it again.", "请另存为 .xlsx 后重新上传。"),
        code="not_a_workbook",
    )


def _too_large(en: str, zh: str) -> Invalid:
    return Invalid(
        f"the workbook is too large: {en}",
        f"工作簿过大：{zh}",
        hint=("Split it into several files.", "请拆成几个文件。"),
        code="workbook_too_large",
    )
