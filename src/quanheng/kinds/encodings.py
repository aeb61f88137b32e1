"""Encodings of text by the names that people give them: gbk and cp936 are read as gb18030, which holds all of both."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

Encoding = Literal["utf-8", "utf-16", "gb18030", "big5"]
ENCODINGS: tuple[str, ...] = get_args(Encoding)
#: Python's names for codecs, each with the encoding that reads all that it writes. UTF-16 without a mark is read with
#: the low byte first, so utf-16-be is not among them. Big5 is read with the characters of Hong Kong (HKSCS).
_READ_AS: Mapping[str, Encoding] = {
    "ascii": "utf-8",
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
    "big5hkscs": "big5",
    "cp950": "big5",
}
#: What is said of a name that is none of these.
KNOWN = (
    "utf-8, utf-16, gb18030 (or gbk, gb2312, cp936), big5 (or big5-hkscs, cp950)",
    "utf-8、utf-16、gb18030（或写 gbk、gb2312、cp936）、big5（或写 big5-hkscs、cp950）",
)


def encoding_of(name: str) -> Encoding | None:
    """Return the encoding that a name means, in any case and with - or _; None for one that is not read.

    >>> [encoding_of(name) for name in ("GBK", "cp936", "UTF8", "utf-8-sig", "Big5-HKSCS", "latin-1", "")]
    ['gb18030', 'gb18030', 'utf-8', 'utf-8', 'big5', None, None]
    """
    try:
        return _READ_AS.get(codecs.lookup(name.strip()).name)
    except (LookupError, ValueError):  # the latter for a NUL
        return None


def _checked(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = encoding_of(value)
    if found is None:
        raise PydanticCustomError(
            "unknown_text_encoding",
            "'{shown}' is not read; there are {known}",
            {"shown": value[:60], "known": KNOWN[0], "zh": f"不支持 “{value[:60]}”，可用：{KNOWN[1]}"},
        )
    return found


#: The field of an input that names an encoding.
EncodingName = Annotated[Encoding, BeforeValidator(_checked)]
