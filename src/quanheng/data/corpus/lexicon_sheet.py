"""A lexicon as a spreadsheet: one row a term, read with a reason for every bad row, and written with the same bytes.

What comes in is bounded before it is unpacked, and holds no formula, macro or entity that is followed. What goes out
holds text only: a cell that begins like a formula is marked as text, so no program computes it.
"""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from pydantic import ValidationError

from quanheng.data.corpus.term_words import (
    COLUMNS,
    DAYS,
    EVASIONS,
    LISTS,
    MODES,
    NONE,
    SEPARATORS,
    code_of,
    day_of,
    words_of,
)
from quanheng.data.corpus.terms import BadRow, ReadTerms, problem_of, stands_on
from quanheng.errors import Invalid, Text
from quanheng.kinds.kind_words import reason, reason_en
from quanheng.kinds.lexicons import LexiconTerm
from quanheng.text.normalise import shadow

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROW, REASON = "原行号", "原因"
_NUMBERS = ("weight", "within")
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
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
#: The parts of a workbook beside its sheet (ECMA-376, Office Open XML): nothing in them changes, and none tells a time.
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="词表" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font><sz val="11"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf xfId="0"/><xf xfId="0" quotePrefix="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
_SHEET_HEAD = (
    f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
    'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight="15"/>'
    '<cols><col min="1" max="1" width="24" customWidth="1"/></cols><sheetData>'
)


def read_sheet(data: bytes) -> ReadTerms:
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
            found = why or _term(cells)
            if isinstance(found, LexiconTerm):
                folded = shadow(found.term).text.strip()
                found = problem_of(found) or (stands_on(rows_of[folded]) if folded in rows_of else found)
            if isinstance(found, Text):
                bad.append(BadRow(number, cells, found.zh, found.en))
            else:
                rows_of[folded] = number
                terms.append(found)
    return ReadTerms(tuple(terms), tuple(bad))


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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and the like, which are not read
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


def _cells(fields: Sequence[str | None], row: Sequence[Any]) -> tuple[dict[str, str], Text | None]:
    """Return the cells of a row as text by field, and why it cannot be read, None when it can."""
    cells: dict[str, str] = {}
    why = None
    for name, cell in zip(fields, row, strict=False):
        if name is None:
            continue
        cells[name] = _text(cell.value).strip()
        if getattr(cell, "data_type", "") == "f":
            why = why or _wrong(name, "the cell is a formula; write a text", "单元格是公式，请改为文本")
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


def _term(cells: Mapping[str, str]) -> LexiconTerm | Text:
    """Return the term in a row, or why it is none."""
    given: dict[str, Any] = {}
    for name in ("term", "risk"):
        if not cells.get(name):
            return _wrong(
                name,
                "the cell is empty; merged cells are taken apart and filled row by row",
                "不能为空；如为合并单元格，请取消合并并逐行填写",
            )
    for name, text in cells.items():
        if text:
            value = _value(name, text)
            if isinstance(value, Text):
                return value
            given[name] = value
    try:
        return LexiconTerm.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if not first["loc"]:
            return Text("a term that combines has partners (组合词)", "方式为“组合”时须填写组合词")
        return _wrong(str(first["loc"][0]), reason_en(first), reason(first))


def _value(name: str, text: str) -> Any:
    """Return what a cell says, as its field has it, or why it says nothing."""
    if name in LISTS:
        words = words_of(name, text)
        if name != "evasion":
            return words
        known = ", ".join(EVASIONS), "、".join(EVASIONS.values())
        wrong = _wrong(name, f"only {known[0]}, or {NONE} for none", f"只能填{known[1]}，或“{NONE}”")
        return words if set(words) <= set(EVASIONS) else wrong
    if name in _NUMBERS:
        return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else _wrong(name, "a whole number", "应为整数")
    if name in DAYS:
        return day_of(text) or _wrong(name, "a day such as 2026-12-31", "应为日期，例如 2026-12-31 或 2026年12月31日")
    if name == "mode":
        mode = code_of(name, text)
        wrong = _wrong(name, f"only {', '.join(MODES)}", f"只能填{'、'.join(MODES.values())}")
        return mode if mode in MODES else wrong
    return text


def _wrong(name: str, en: str, zh: str) -> Text:
    return Text(f"{name}: {en}", f"{COLUMNS[name]}：{zh}")


def _text_of(term: LexiconTerm, name: str) -> str | int:
    value: str | int | tuple[str, ...] | None = getattr(term, name)
    if name == "mode":
        return MODES[term.mode]
    if name == "evasion":
        return "；".join(EVASIONS[word] for word in term.evasion) or NONE
    if isinstance(value, tuple):
        if torn := next((word for word in value if SEPARATORS.search(word)), None):
            raise Invalid(
                f"{torn!r} of term {term.term!r} holds a separator of lists (; or a line end)",
                f"词语“{term.term}”的“{torn}”含有列表分隔符（分号或换行），无法写入表格",
                hint=("Write it without.", "请去掉分隔符。"),
                code="sheet_separator",
            )
        return "；".join(value)
    return "" if value is None else value


def _written(heads: Sequence[str], rows: Iterable[Sequence[str | int]]) -> bytes:
    """Return a workbook of one sheet whose first row stays in sight. Written by hand: 100,000 rows in seconds."""
    lines = [f'<row r="{number}">{_cells_xml(number, row)}</row>' for number, row in enumerate((heads, *rows), start=1)]
    sheet = f"{_SHEET_HEAD}{''.join(lines)}</sheetData></worksheet>"
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in (*_PARTS.items(), ("xl/worksheets/sheet1.xml", sheet)):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, (_DECLARATION + text).encode("utf-8"))
    return out.getvalue()


def _cells_xml(number: int, row: Sequence[str | int]) -> str:
    """Return the cells of a row: a number as such, everything else as text, whatever it begins with."""
    cells = []
    for column, value in zip(_LETTERS, row, strict=False):
        place = f'r="{column}{number}"'
        if isinstance(value, int):
            cells.append(f"<c {place}><v>{value}</v></c>")
        elif value:
            text = escape(_NOT_XML.sub("\ufffd", value)[:_MAX_CELL], {"\r": "&#13;"})
            # Style 1 is what the apostrophe before a cell is in the file: never computed, also after editing.
            style = ' s="1"' if value.startswith(_FORMULA) else ""
            cells.append(f'<c {place}{style} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>')
    return "".join(cells)


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
