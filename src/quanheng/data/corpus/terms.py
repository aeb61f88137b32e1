"""A keyword library out of a file that people wrote: every line checked, none guessed at."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from quanheng.data.corpus.term_words import by_field, in_codes
from quanheng.errors import Invalid, NotFound, Text, Unavailable, system_said
from quanheng.kinds.kind_words import reason, reason_en
from quanheng.kinds.lexicons import Admission, Lexicon, LexiconTerm, LexiconV3
from quanheng.store import canonical_json
from quanheng.text.encoding import decode
from quanheng.text.normalise import shadow


def read_lexicon(path: str | Path, *, title: str, version: str, owner: str, note: str = "") -> tuple[Lexicon, bytes]:
    """Return the model of a lexicon and the canonical bytes of its layer terms.jsonl, from a JSONL file.

    One object per line: term, risk, and optionally the other fields of `LexiconTerm`. Blank lines are passed over.
    Raises Invalid with the line number: "bad_term" for a line that is no such object, "term_twice" for one that
    matches the same text as an earlier one, "empty_lexicon"; NotFound or Unavailable when the file cannot be read.
    """
    terms = read_term_file(path)
    model = Lexicon(title=title, version=version, terms=len(terms), per_risk=_per_risk(terms), owner=owner, note=note)
    return model, _rows(terms)


class BadRow(NamedTuple):
    """A row that is no term: its number in the file, its cells by field as they were read, and why."""

    row: int
    cells: dict[str, str]
    reason: str  # in Chinese, as it goes back to whoever wrote the sheet
    reason_en: str = ""


@dataclass(frozen=True)
class ReadTerms:
    """What a file of terms held."""

    terms: tuple[LexiconTerm, ...]
    bad: tuple[BadRow, ...]


def read_term_file(path: str | Path) -> list[LexiconTerm]:
    """Return the terms of a JSONL file. Raises as `read_lexicon` does."""
    terms: list[LexiconTerm] = []
    for number, _, found in _lines(Path(path)):
        if isinstance(found, Text):
            raise _bad(number, found)
        if isinstance(found, int):
            raise Invalid(
                f"line {number}: the term stands on line {found} already",
                f"第 {number} 行：该词已在第 {found} 行出现",
                hint=("Keep one of the two lines.", "请只保留其中一行。"),
                code="term_twice",
            )
        terms.append(found)
    if not terms:
        raise _empty(str(path), f"{path} ")
    return terms


def read_term_lines(path: str | Path) -> ReadTerms:
    """Return the terms of a JSONL file, and the lines that are none, each with why. Raises when it cannot be read."""
    terms: list[LexiconTerm] = []
    bad: list[BadRow] = []
    for number, line, found in _lines(Path(path)):
        if isinstance(found, LexiconTerm):
            terms.append(found)
        else:
            why = stands_on(found) if isinstance(found, int) else found
            bad.append(BadRow(number, _cells_of(line), why.zh, why.en))
    return ReadTerms(tuple(terms), tuple(bad))


def _lines(path: Path) -> Iterator[tuple[int, str, LexiconTerm | Text | int]]:
    """Yield number and text of each line with its term, why it is none, or the line on which it stood before."""
    lines_of: dict[str, int] = {}
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        found = _term(line)
        if isinstance(found, LexiconTerm):
            folded = shadow(found.term).text.strip()
            if problem := problem_of(found):
                found = problem
            elif folded in lines_of:
                yield number, line, lines_of[folded]
                continue
            else:
                lines_of[folded] = number
        yield number, line, found


def stands_on(row: int) -> Text:
    """Return why a second row with the same term is none."""
    return Text(f"the term stands in row {row} already", f"该词已在第 {row} 行出现")


def problem_of(term: LexiconTerm) -> Text | None:
    """Return what is wrong with a term that its model does not see: nothing to look for, or days that cannot be.

    >>> problem_of(LexiconTerm(term="——", risk="A.1.h")).en
    'the term has no letter, digit or emoji: it would hit everywhere'
    """
    folded = shadow(term.term).text.strip()
    if not folded:
        return Text("the term has no visible character", "词语没有可见字符")
    if not any(category[0] in "LN" or category == "So" for category in map(unicodedata.category, folded)):
        return Text(
            "the term has no letter, digit or emoji: it would hit everywhere",
            "词语只有标点或符号，会处处命中；应至少含一个文字、数字或表情",
        )
    for name, zh, day in (("added", "入库日期", term.added), ("expires", "有效期", term.expires)):
        if day is not None and not _is_day(day):
            return Text(f"{name}: there is no day {day}", f"{zh}：没有 {day} 这一天")
    if term.added and term.expires and term.expires < term.added:
        return Text(
            f"it expires on {term.expires}, before it was added on {term.added}",
            f"有效期 {term.expires} 早于入库日期 {term.added}",
        )
    return None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _cells_of(line: str) -> dict[str, str]:
    """Return the fields of a line as cells of a sheet; a line that is no object stands under `term`."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, Mapping):
        return {"term": line.strip()}
    return {
        str(name): "；".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
        for name, value in by_field(found).items()
    }


def lexicon_of(
    terms: Sequence[LexiconTerm],
    *,
    title: str,
    version: str,
    owner: str,
    note: str = "",
    admission: Admission | None = None,
    bad_rows: int = 0,
) -> tuple[LexiconV3, bytes]:
    """Return the model of a lexicon/v3 of checked terms, and the canonical bytes of its layer terms.jsonl.

    `admission`: what the admission test of these terms found. `bad_rows`: rows of the file that were left out.
    Raises Invalid "empty_lexicon" without terms.
    """
    if not terms:
        raise _empty("the lexicon", "词表")
    model = LexiconV3(
        title=title,
        version=version,
        terms=len(terms),
        per_risk=_per_risk(terms),
        owner=owner,
        note=note,
        admission=admission,
        bad_rows=bad_rows,
    )
    return model, _rows(terms)


def _per_risk(terms: Iterable[LexiconTerm]) -> dict[str, int]:
    return dict(sorted(Counter(term.risk for term in terms).items()))


def _rows(terms: Iterable[LexiconTerm]) -> bytes:
    return b"".join(canonical_json(term.model_dump(mode="json")) + b"\n" for term in terms)


def _empty(en: str, zh: str) -> Invalid:
    return Invalid(
        f"{en} has no terms",
        f"{zh}中没有词语",
        hint=('One per line: {"term": "…", "risk": "A.1.f"}', '每行一个：{"term": "…", "risk": "A.1.f"}'),
        code="empty_lexicon",
    )


def _text(path: Path) -> str:
    try:
        return decode(path.read_bytes())
    except FileNotFoundError as error:
        raise NotFound(
            f"there is no file {path}",
            f"没有文件 {path}",
            hint=("Check the path.", "请检查路径。"),
            code="no_such_path",
        ) from error
    except OSError as error:
        why = system_said(error)
        raise Unavailable(
            f"{path} cannot be read: {why.en}",
            f"无法读取 {path}：{why.zh}",
            hint=("Check its permissions.", "请检查其权限。"),
            code="unreadable_file",
        ) from error


def _term(line: str) -> LexiconTerm | Text:
    try:
        return LexiconTerm.model_validate_json(_coded(line))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "line"
        return _told(first, where, line)


def _coded(line: str) -> str:
    """Return a line with codes in place of the words that a sheet has for them; any other line as it is."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return line  # LexiconTerm says what is wrong with it
    if not isinstance(row, Mapping) or (coded := in_codes(row)) == row:
        return line
    return json.dumps(coded)


#: What people call the fields of a term, in lines of JSON and in sheets; taken for none of them, but told.
_MEANT = {
    "word": "term", "keyword": "term", "text": "term", "name": "term",
    "risk_id": "risk", "type": "risk", "risk_code": "risk",
    "action": "mode", "method": "mode",
    "valid_until": "expires", "expires_on": "expires", "expiry": "expires", "expire": "expires", "until": "expires",
    "added_on": "added", "created": "added", "date": "added",
    "with": "with_terms", "partners": "with_terms", "exceptions": "unless", "whitelist": "unless",
    "variants": "evasion", "responsible": "owner", "remark": "note", "comment": "note", "group": "category",
}  # fmt: skip


def _told(item: Any, where: str, line: str) -> Text:
    """Return what is wrong with one field of a line; of a name that is no field, the one that may be meant."""
    fields = list(LexiconTerm.model_fields)
    if item["type"] == "extra_forbidden":
        near = _MEANT.get(where.casefold()) or next(iter(get_close_matches(where.casefold(), fields, 1, 0.6)), "")
        en = f"; did you mean {near!r}?" if near else "; there are: " + ", ".join(fields)
        zh = f"，是否想写 {near!r}？" if near else "；可用：" + "、".join(fields)
        return Text(f"{where}: {reason_en(item)}{en}", f"{where}：{reason(item)}{zh}")
    if item["type"] == "missing":
        meant = next((name for name in _cells_of(line) if _MEANT.get(name.casefold()) == where), "")
        en = f"; did you mean {where!r} by {meant!r}?" if meant else ""
        zh = f"；{meant!r} 应写作 {where!r}" if meant else ""
        keys = "a line has at least term and risk", "每行至少要有 term（词语）和 risk（风险）"
        return Text(f"{where}: {reason_en(item)}; {keys[0]}{en}", f"{where}：{reason(item)}；{keys[1]}{zh}")
    return Text(f"{where}: {reason_en(item)}", f"{where}：{reason(item)}")


def _bad(number: int, why: Text) -> Invalid:
    return Invalid(
        f"line {number} of the lexicon cannot be used: {why.en}",
        f"词表第 {number} 行不可用：{why.zh}",
        hint=(
            'A line is {"term": "…", "risk": "A.1.f", "mode": "review", "count" or "combine", "note": ""}. '
            "A spreadsheet is saved as .xlsx.",
            '每行形如 {"term": "…", "risk": "A.1.f", "mode": "复核、计数或组合", "note": ""}；表格请另存为 .xlsx。',
        ),
        code="bad_term",
    )
