r"""Canonical JSON: one value, one sequence of bytes, so that a digest names the value.

Sorted keys, no spaces, UTF-8 without escapes except `"`, `\` and control characters, integers only.
Keys are sorted by code point. RFC 8785 sorts by UTF-16 units, which differs only for keys beyond U+FFFF
compared with keys in U+E000..U+FFFF. Floats are refused: a count is an integer, a rate is (k, n), any other
number is a decimal string.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias

from quanheng.errors import Corrupt, Invalid

JSON: TypeAlias = "bool | int | str | list[JSON] | dict[str, JSON] | None"
#: What can be written: like JSON, but covariant, so that a `dict[str, str]` or a tuple fits.
JSONLike: TypeAlias = "bool | int | str | Sequence[JSONLike] | Mapping[str, JSONLike] | None"

#: Largest integer that every JSON reader keeps exact (RFC 8259 section 6).
MAX_INTEGER = 2**53 - 1
#: Deepest nesting; far below where Python's own parser gives up.
MAX_DEPTH = 100

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def canonical_json(value: JSONLike) -> bytes:
    r"""Return the one canonical byte sequence of `value`.

    Lists and tuples become arrays, dicts objects. Raises Invalid for floats, bytes and other types, keys that are
    not text, integers beyond ±(2**53-1), lone surrogates, and more than 100 levels; the message names the place.

    >>> canonical_json({"b": [1, True, None], "a": "权"})
    b'{"a":"\xe6\x9d\x83","b":[1,true,null]}'
    """
    _check(value, "$", 0)
    try:
        return _encode(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise _invalid(
            "$", "text holds a lone surrogate, which is no character", "文本含有孤立的代理项，不是字符"
        ) from error


def parse_canonical(data: bytes, what: str = "JSON") -> JSON:
    """Return the value that `canonical_json` wrote as `data`.

    Raises Corrupt, with `what` and the byte offset, when `data` is anything else: not JSON, a key twice, a float,
    other spacing or order, bytes after the end.
    """
    try:
        value: JSON = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_float=_no_float, parse_constant=_no_float
        )
        again = canonical_json(value)
    except UnicodeDecodeError as error:
        raise _corrupt(what, error.start, "it is not UTF-8", "不是 UTF-8 编码") from error
    except json.JSONDecodeError as error:
        offset = len(error.doc[: error.pos].encode("utf-8"))
        raise _corrupt(what, offset, f"it is not JSON ({error.msg})", f"不是 JSON（{error.msg}）") from error
    except Invalid as error:
        raise _corrupt(what, None, error.text.en, error.text.zh) from error
    except (RecursionError, ValueError) as error:
        raise _corrupt(
            what, None, "it is nested too deeply or holds a number too long", "嵌套过深或数字过长"
        ) from error
    if again != data:
        offset = next(
            (i for i, (a, b) in enumerate(zip(data, again, strict=False)) if a != b), min(len(data), len(again))
        )
        raise _corrupt(what, offset, "it is JSON, but not in canonical form", "是 JSON，但不是规范形式")
    return value


def _check(value: object, at: str, depth: int) -> None:
    """Raise Invalid for whatever canonical JSON does not hold. The commonest types come first."""
    if value is None or isinstance(value, (str, bool)):
        return
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise _invalid(at, "integers beyond ±(2^53-1) are not exact everywhere", "整数超出 ±(2^53-1)，无法处处精确")
        return
    if depth >= MAX_DEPTH:
        raise _invalid(at, f"it is nested deeper than {MAX_DEPTH} levels", f"嵌套超过 {MAX_DEPTH} 层")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise _invalid(at, f"the key {key!r} is not text", f"键 {key!r} 不是文本")
            _check(item, f"{at}.{key}", depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check(item, f"{at}[{index}]", depth + 1)
    elif isinstance(value, float):
        raise _invalid(at, "floats are refused", "不接受浮点数")
    else:
        raise _invalid(at, f"{type(value).__name__} is not a JSON type", f"{type(value).__name__} 不是 JSON 类型")


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _invalid("$", f"the key {twice!r} stands twice", f"键 {twice!r} 出现两次")
    return found


def _no_float(text: str) -> NoReturn:
    raise _invalid("$", f"the number {text} is a float", f"数字 {text} 是浮点数")


def _invalid(at: str, en: str, zh: str) -> Invalid:
    return Invalid(
        f"this value cannot be canonical JSON, at {at}: {en}",
        f"该值无法写成规范 JSON，位置 {at}：{zh}",
        hint=(
            "Use integers for counts, {k, n} for rates, decimal strings for other numbers.",
            "计数用整数，比率用 {k, n}，其他数字用十进制字符串。",
        ),
        code="not_canonical",
    )


def _corrupt(what: str, offset: int | None, en: str, zh: str) -> Corrupt:
    place_en, place_zh = (f" at byte {offset}", f"第 {offset} 字节处") if offset is not None else ("", "")
    return Corrupt(
        f"{what} is damaged{place_en}: {en}",
        f"{what} 已损坏{place_zh}：{zh}",
        hint=("Restore it from a backup or ask its sender for it again.", "请从备份恢复，或向提供者重新索取。"),
        code="not_canonical",
    )
