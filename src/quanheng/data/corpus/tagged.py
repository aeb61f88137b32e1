"""Plain text from the People's Daily markup of Peking University: "迈向/v  充满/v" is 迈向充满."""

from __future__ import annotations

import re
from typing import NamedTuple

#: "19980101-01-001-001/m": day, page, article, paragraph. Some editions of the corpus carry it, some do not.
_PLACE = re.compile(r"([0-9]{8}-[0-9]{2}-[0-9]{3})-[0-9]{3}/m$")
_TAG = re.compile(r"/[A-Za-z]+$")
#: "[中央/n 电视台/n]nt" groups words; later editions add readings, "朝{zhao1}".
_GROUP_END = re.compile(r"\][A-Za-z]{1,4}$")
_READING = re.compile(r"\{[a-z]+[0-9]\}")
_ASCII_WORD = re.compile(r"[0-9A-Za-z]")


class TaggedLine(NamedTuple):
    """A paragraph and the article that it belongs to, when the line says so."""

    article: str | None
    text: str


def untag(line: str) -> TaggedLine:
    """Return the text of one tagged line; words are joined, with a space only between two ASCII words.

    >>> untag("19980101-01-001-002/m  [中央/n  电视台/n]nt  播出/v")
    TaggedLine(article='19980101-01-001', text='中央电视台播出')
    """
    tokens = line.split()
    place = _PLACE.match(tokens[0]) if tokens else None
    pieces: list[str] = []
    for token in tokens[1 if place else 0 :]:
        word = _TAG.sub("", _GROUP_END.sub("", token))
        if len(word) > 1 and word.startswith("["):
            word = word[1:]
        word = _READING.sub("", word)
        if pieces and word and _ASCII_WORD.match(word[0]) and _ASCII_WORD.match(pieces[-1][-1]):
            pieces.append(" ")
        if word:
            pieces.append(word)
    return TaggedLine(place.group(1) if place else None, "".join(pieces))
