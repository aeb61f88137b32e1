"""Banks of questions as files: read, checked row by row, and turned into the layer of a `benchmark/v1`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from quanheng.errors import Invalid, NotFound
from quanheng.kinds.kind_words import reason
from quanheng.kinds.models import BankPurpose, Benchmark, Question
from quanheng.kinds.sources import Licence
from quanheng.store import canonical_json


def read_questions(path: Path) -> list[Question]:
    """Return the questions of a JSONL file; Invalid names the line that is wrong, doubled, or missing altogether."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise NotFound(
            f"there is no file {path}",
            f"没有文件 {path}",
            hint=("Check the path.", "请检查路径。"),
            code="no_such_path",
        ) from None
    except UnicodeDecodeError as error:
        raise _wrong(
            path, 0, f"it is not UTF-8 (byte {error.start})", f"它不是 UTF-8（第 {error.start} 字节）"
        ) from error
    seen: dict[str, int] = {}
    questions = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        question = _question(path, number, line)
        if question.id in seen:
            first = seen[question.id]
            raise _wrong(
                path,
                number,
                f"the id {question.id} stands on line {first} already",
                f"编号 {question.id} 在第 {first} 行已出现",
            )
        seen[question.id] = number
        questions.append(question)
    if not questions:
        raise _wrong(path, 0, "it has no question", "其中没有题目")
    return questions


def _question(path: Path, number: int, line: str) -> Question:
    try:
        return Question.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "row"
        raise _wrong(path, number, f"{where}: {first['msg']}", f"{where}：{reason(first)}") from error


def _wrong(path: Path, number: int, en: str, zh: str) -> Invalid:
    place = (f", line {number}", f" 第 {number} 行") if number else ("", "")
    return Invalid(
        f"bank {path.name}{place[0]}: {en}",
        f"题库 {path.name}{place[1]}：{zh}",
        hint=(
            'One JSON object per line: {"id": …, "risk" or "aspect": …, "question": …}',
            '每行一个 JSON 对象：{"id": …, "risk" 或 "aspect": …, "question": …}',
        ),
        code="bad_bank",
    )


def bank_of(
    questions: Iterable[Question],
    *,
    purpose: BankPurpose,
    title: str,
    version: str,
    owner: str,
    licence: Licence,
    note: str = "",
) -> tuple[Benchmark, bytes]:
    """Return the config of a bank and the bytes of its layer items.jsonl."""
    rows = list(questions)
    risks = Counter(row.risk for row in rows if row.risk)
    aspects = Counter(row.aspect for row in rows if row.aspect)
    model = Benchmark(
        purpose=purpose,
        title=title,
        version=version,
        items=len(rows),
        per_risk=dict(sorted(risks.items())),
        per_aspect=dict(sorted(aspects.items())),
        licence=licence,
        owner=owner,
        note=note,
    )
    return model, b"".join(_lines(rows))


def _lines(rows: Iterable[Question]) -> Iterator[bytes]:
    for row in rows:
        yield canonical_json(row.model_dump(mode="json")) + b"\n"
