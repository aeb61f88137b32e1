"""A keyword library out of a file that people wrote: every line checked, none guessed at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from quanheng.errors import Invalid, NotFound, Unavailable
from quanheng.kinds.data import Admission, Lexicon, LexiconTerm, LexiconV2
from quanheng.kinds.kind_words import reason
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


def read_term_file(path: str | Path) -> list[LexiconTerm]:
    """Return the terms of a JSONL file. Raises as `read_lexicon` does."""
    terms: list[LexiconTerm] = []
    lines_of: dict[str, int] = {}
    for number, line in enumerate(_text(Path(path)).split("\n"), start=1):
        if not line.strip():
            continue
        term = _term(line, number)
        folded = shadow(term.term).text.strip()
        if not folded:
            raise _bad(number, "the term has no visible character", "词语没有可见字符")
        if folded in lines_of:
            raise Invalid(
                f"line {number}: the term stands on line {lines_of[folded]} already",
                f"第 {number} 行：该词已在第 {lines_of[folded]} 行出现",
                hint=("Keep one of the two lines.", "请只保留其中一行。"),
                code="term_twice",
            )
        lines_of[folded] = number
        terms.append(term)
    if not terms:
        raise _empty(str(path), str(path))
    return terms


def lexicon_of(
    terms: Sequence[LexiconTerm],
    *,
    title: str,
    version: str,
    owner: str,
    note: str = "",
    admission: Admission | None = None,
) -> tuple[LexiconV2, bytes]:
    """Return the model of a lexicon/v2 of checked terms, and the canonical bytes of its layer terms.jsonl.

    `admission`: what the admission test of these terms found. Raises Invalid "empty_lexicon" without terms.
    """
    if not terms:
        raise _empty("the lexicon", "词表")
    model = LexiconV2(
        title=title,
        version=version,
        terms=len(terms),
        per_risk=_per_risk(terms),
        owner=owner,
        note=note,
        admission=admission,
    )
    return model, _rows(terms)


def _per_risk(terms: Iterable[LexiconTerm]) -> dict[str, int]:
    return dict(sorted(Counter(term.risk for term in terms).items()))


def _rows(terms: Iterable[LexiconTerm]) -> bytes:
    return b"".join(canonical_json(term.model_dump(mode="json")) + b"\n" for term in terms)


def _empty(en: str, zh: str) -> Invalid:
    return Invalid(
        f"{en} has no terms",
        f"{zh} 中没有词语",
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
        why = error.strerror or type(error).__name__
        raise Unavailable(
            f"{path} cannot be read: {why}",
            f"无法读取 {path}：{why}",
            hint=("Check its permissions.", "请检查其权限。"),
            code="unreadable_file",
        ) from error


def _term(line: str, number: int) -> LexiconTerm:
    try:
        return LexiconTerm.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "line"
        raise _bad(number, f"{where}: {first['msg']}", f"{where}：{reason(first)}") from error


def _bad(number: int, en: str, zh: str) -> Invalid:
    return Invalid(
        f"line {number} of the lexicon cannot be used: {en}",
        f"词表第 {number} 行不可用：{zh}",
        hint=(
            'A line is {"term": "…", "risk": "A.1.f", "mode": "review", "count" or "combine", "note": ""}.',
            '每行形如 {"term": "…", "risk": "A.1.f", "mode": "review、count 或 combine", "note": ""}。',
        ),
        code="bad_term",
    )
