"""What a number counts, in English: of one thing the singular. Chinese has no such form."""

from __future__ import annotations

import re

_COUNTED = (
    "artifacts aspects bytes characters documents entries excerpts files groups hits items jobs layers lines "
    "objects pictures places problems questions risks rows rules sources steps terms texts tokens"
)
_FIRST = re.compile(rf"\b({_COUNTED.replace(' ', '|')})\b")


def in_number(text: str, n: int | str) -> str:
    """Return an English text about `n` things, its first word that is counted in the singular for 1.

    >>> in_number("tokens in the vocabulary", 1), in_number("log entries", "1"), in_number("files", 0)
    ('token in the vocabulary', 'log entry', 'files')
    """
    return _FIRST.sub(_singular, text, count=1) if str(n) == "1" else text


def _singular(found: re.Match[str]) -> str:
    word = found[0]
    return word.removesuffix("ies") + "y" if word.endswith("ies") else word.removesuffix("s")


def counted(n: int, text: str) -> str:
    """Return a number and what it counts.

    >>> counted(1, "documents"), counted(1234, "documents")
    ('1 document', '1,234 documents')
    """
    return f"{n:,} {in_number(text, n)}"
