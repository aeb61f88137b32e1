"""Text from artifacts as it is put on paper: letter by letter, and what cannot be seen or drawn as its number."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

#: Joiners are invisible, but without them some scripts and emoji change.
JOINERS = "\u200c\u200d"
#: No character (Cn), half of one (Cs), controls (Cc), other invisible ones that may reorder text (Cf), line ends.
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"})


def is_seen(char: str) -> bool:
    """Return whether a character is one that a reader sees, or a space, or a joiner."""
    return char in JOINERS or unicodedata.category(char) not in _UNSEEN


def literal(text: str, can_show: Callable[[str], bool] = is_seen) -> str:
    r"""Return the text in one line: every character for which `can_show` is false stands as its number.

    >>> literal("a\x0bb\nc")
    'a[U+000B]b c'
    """
    spaced = text.replace("\r\n", " ").translate({ord(end): " " for end in "\r\n\t"})
    return "".join(char if can_show(char) else f"[U+{ord(char):04X}]" for char in spaced)
