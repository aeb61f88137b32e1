"""How people write the fields of a term, in a sheet and in lines of JSON alike: heads, modes, disguises, days."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

#: Fields of a term and what they are called, in order; the heads of a sheet's columns.
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
    "added": "入库日期",
    "expires": "有效期",
    "owner": "责任人",
    "note": "备注",
}
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
LISTS = ("with_terms", "unless", "evasion")
DAYS = ("added", "expires")
#: What says that a list is empty; a cell that is empty leaves the default.
NONE = "无"
SEPARATORS = re.compile(r"[;；\n]")
#: By field, the code that each word stands for; the first words are those that a sheet is written with.
_CODES: Mapping[str, Mapping[str, str]] = {
    "mode": {word: code for code, word in MODES.items()}
    | {"仅复核": "review", "待复核": "review", "计数": "count", "组合词": "combine"},
    "evasion": {word: code for code, word in EVASIONS.items()},
}
_FIELDS = {word: name for name, word in COLUMNS.items()}
#: Days as people write them: year, month and day in this order, by one sign throughout. 1/5/2026 may mean two days.
_DAY = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})|([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日?|[0-9]{8}")


def code_of(name: str, word: str) -> str:
    """Return the code that a word of a field stands for; the word itself where it stands for none.

    >>> code_of("mode", "计数"), code_of("mode", "count"), code_of("evasion", "拆字"), code_of("note", "计数")
    ('count', 'count', 'split', '计数')
    """
    return _CODES.get(name, {}).get(word, word)


def words_of(name: str, text: str) -> tuple[str, ...]:
    """Return the words of a list that is written as one text, those with a code as it.

    >>> words_of("evasion", "繁体；拼音"), words_of("unless", "甲;乙"), words_of("evasion", "无")
    (('traditional', 'pinyin'), ('甲', '乙'), ())
    """
    words = () if text == NONE else SEPARATORS.split(text)
    return tuple(code_of(name, word) for part in words if (word := part.strip()))


def day_of(text: str) -> str | None:
    """Return a day as people write it as YYYY-MM-DD, None where it is none or may be another.

    >>> day_of("2026年1月5日"), day_of("2026/1/5"), day_of("20260105"), day_of("1/5/2026"), day_of("2026-2-30")
    ('2026-01-05', '2026-01-05', '2026-01-05', None, None)
    """
    found = _DAY.fullmatch(text)
    if not found:
        return None
    parts = [part for part in found.groups() if part and part.isdigit()] or [text[:4], text[4:6], text[6:]]
    try:
        return date(*map(int, parts)).isoformat()
    except ValueError:
        return None


def in_codes(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object of a line of JSON with the names, codes and days of `LexiconTerm` in place of people's words.

    >>> in_codes({"词语": "甲", "方式": "计数", "evasion": ["拼音"], "有效期": "2026/1/5", "weight": 3})
    {'term': '甲', 'mode': 'count', 'evasion': ['pinyin'], 'expires': '2026-01-05', 'weight': 3}
    """
    return {name: _in_codes(name, value) for name, value in by_field(row).items()}


def by_field(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object by the names of fields, where heads of columns stand in their place."""
    return {name if (field := _FIELDS.get(name, name)) in row else field: value for name, value in row.items()}


def _in_codes(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [code_of(name, one) if isinstance(one, str) else one for one in value]
    if not isinstance(value, str):
        return value
    if name in LISTS:
        return list(words_of(name, value))
    return (day_of(value) or value) if name in DAYS else code_of(name, value)
