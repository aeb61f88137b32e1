"""People's verdicts as they are handed in: a CSV or JSONL file with id, verdict and, if they like, a reason."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from quanheng.errors import Invalid, NotFound
from quanheng.kinds.oversight import ItemVerdict, VerdictRow

#: What reviewers may write, in either language.
WORDS: dict[str, ItemVerdict] = {
    "pass": "pass",
    "合格": "pass",
    "fail": "fail",
    "不合格": "fail",
    "refused": "refused",
    "拒答": "refused",
    "answered": "answered",
    "未拒答": "answered",
    "unjudged": "unjudged",
    "无法判定": "unjudged",
}
#: A verdict is a word; a file beyond this is something else.
MOST_BYTES = 256 * 1024 * 1024
MOST_REASON = 2_000


def read_verdicts(path: Path, groups: Mapping[str, str]) -> list[VerdictRow]:
    """Return the verdicts in the file at `path`, in the order of the file.

    groups: the group (source, risk or aspect) of every item of the subject, by id. An empty verdict leaves the item
    out, as not reviewed yet. Raises NotFound or Invalid, naming the line: an id that is not of the subject or stands
    twice, a verdict that is no verdict, a file that is neither CSV nor JSONL in UTF-8, or one without any verdict.
    """
    rows: list[VerdictRow] = []
    seen: dict[str, int] = {}
    for line, record in _records(path):
        id_, word = record.get("id", "").strip(), record.get("verdict", "").strip().lower()
        if id_ not in groups:
            _wrong(path, line, f"the id {id_!r} is not in the subject", f"编号 {id_!r} 不在被复核的对象中")
        if id_ in seen:
            _wrong(path, line, f"{id_!r} stands on line {seen[id_]} already", f"{id_!r} 在第 {seen[id_]} 行已出现")
        seen[id_] = line
        if not word:
            continue
        if word not in WORDS:
            _wrong(path, line, f"{word!r} is not a verdict", f"{word!r} 不是判定结论")
        reason = record.get("reason", "").strip()[:MOST_REASON]
        rows.append(VerdictRow(id=id_, group=groups[id_], verdict=WORDS[word], reason=reason))
    if not rows:
        raise Invalid(
            f"{path.name} has no verdict",
            f"{path.name} 中没有任何判定",
            hint=("Fill in the column `verdict`.", "请填写 verdict 列。"),
            code="no_verdicts",
        )
    return rows


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, fields) of a CSV with a head line, or of JSONL when the first sign is a brace."""
    text = _read(path)
    if text.lstrip()[:1] == "{":
        yield from _json_records(path, text)
        return
    table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if not {"id", "verdict"} <= set(table.fieldnames or ()):
            _wrong(path, 1, "a CSV file needs the columns id and verdict", "CSV 须有 id 和 verdict 两列")
        for record in table:
            if None in record:
                _wrong(path, table.line_num, "the line has more fields than the head", "该行字段多于表头")
            yield table.line_num, {name: value or "" for name, value in record.items()}
    except csv.Error as error:
        _wrong(path, table.line_num, f"it is not CSV ({error})", f"不是 CSV（{error}）")


def _json_records(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    # not splitlines(): JSON strings may hold U+2028, which is no line end here
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            _wrong(path, number, f"it is not JSON ({error})", f"不是 JSON（{error}）")
        if not isinstance(record, dict):
            _wrong(path, number, "it is not a JSON object", "不是 JSON 对象")
        fields = {name: record.get(name) for name in ("id", "verdict", "reason")}
        if any(value is not None and not isinstance(value, str) for value in fields.values()):
            _wrong(path, number, "id, verdict and reason are texts", "id、verdict、reason 须为文本")
        yield number, {name: value or "" for name, value in fields.items()}


def _read(path: Path) -> str:
    hint = ("Give a CSV or JSONL file in UTF-8.", "请给出 UTF-8 编码的 CSV 或 JSONL 文件。")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Invalid(
                f"{path.name} is too big for verdicts", f"{path.name} 过大", hint=hint, code="verdicts_too_big"
            )
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", f"没有文件 {path}", hint=hint, code="no_verdicts_file") from None
    except UnicodeDecodeError as error:
        raise Invalid(
            f"{path.name} is not UTF-8 (byte {error.start})",
            f"{path.name} 不是 UTF-8（第 {error.start} 字节）",
            hint=hint,
            code="bad_verdicts",
        ) from error


def _wrong(path: Path, line: int, en: str, zh: str) -> NoReturn:
    raise Invalid(
        f"{path.name}, line {line}: {en}",
        f"{path.name} 第 {line} 行：{zh}",
        hint=(
            "Each line needs the id of an item and pass, fail, refused, answered or unjudged.",
            "每行须有条目编号，以及合格、不合格、拒答、未拒答或无法判定之一。",
        ),
        code="bad_verdicts",
    )
