"""Every error Quanheng raises on purpose, as one tree.

    QuanhengError          500  exit 1
    ├── Invalid            422  exit 2   what was given cannot be used
    ├── NotFound           404  exit 3   what was named is not here
    ├── Conflict           409  exit 4   it clashes with what is here
    ├── Forbidden          403  exit 5   the actor may not do it
    ├── Unavailable        503  exit 6   something needed cannot be reached now
    ├── Corrupt            500  exit 7   bytes differ from their digest
    └── Cancelled          499  exit 130 somebody stopped it

Each error says what was asked, what is wrong and what to do, in English and in Chinese.
`code` is stable text for programs; the sentences may change. This module imports nothing of Quanheng,
so that pure packages and the stand-alone verifier raise the same tree.
"""

from __future__ import annotations

import errno
from typing import ClassVar, NamedTuple


class Text(NamedTuple):
    """One sentence in both languages of the product."""

    en: str
    zh: str

    def say(self, language: str) -> str:
        """Return the sentence in `language` ("zh" or "en")."""
        return self.zh if language.startswith("zh") else self.en


#: What the operating system says of a path, in Chinese.
_SYSTEM = {
    errno.EACCES: "没有权限",
    errno.EADDRINUSE: "端口已被占用",
    errno.EBUSY: "正被占用",
    errno.EEXIST: "已存在",
    errno.EISDIR: "这是文件夹，不是文件",
    errno.ELOOP: "符号链接互相指向",
    errno.ENAMETOOLONG: "名称过长",
    errno.ENOENT: "不存在",
    errno.ENOSPC: "磁盘空间不足",
    errno.ENOTDIR: "路径中有一段不是文件夹",
    errno.EPERM: "不允许这样做",
    errno.EROFS: "所在磁盘为只读",
}


def system_said(error: OSError) -> Text:
    """Return what the operating system says, in its own English where it has no Chinese here.

    >>> system_said(IsADirectoryError(errno.EISDIR, "Is a directory"))
    Text(en='Is a directory', zh='这是文件夹，不是文件')
    """
    en = error.strerror or type(error).__name__
    return Text(en, _SYSTEM.get(error.errno or 0, en))


#: HTTP has a finer word for these codes than their class has.
HTTP_STATUSES = {
    "bad_token": 401,
    "token_ended": 401,
    "not_signed_in": 401,
    "bad_sign_in": 401,
    "unknown_verb": 404,
    "method_not_allowed": 405,
    "too_large": 413,
    "not_json": 400,
    "bad_host": 400,
    "too_many_tries": 429,
}


class QuanhengError(Exception):
    """The root of the tree; catch this to catch every error raised on purpose."""

    default_code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, en: str, zh: str, *, hint: tuple[str, str] | None = None, code: str | None = None) -> None:
        super().__init__(en)
        self.text = Text(en, zh)
        self.hint = Text(*hint) if hint else None
        self.code = code or self.default_code
        self.fields: dict[str, Text] = {}  # what is wrong with single fields of the input, for a form

    @property
    def http_status(self) -> int:
        """Return the status of an HTTP answer that tells of this error."""
        return HTTP_STATUSES.get(self.code, self.status)

    def say(self, language: str) -> str:
        """Return message and hint in `language`, the hint on a line of its own."""
        lines = [self.text.say(language)]
        if self.hint:
            lines.append(self.hint.say(language))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.say("en")

    def to_json(self) -> dict[str, str | list[str] | None]:
        """Return the error as plain data, for a pipe or an HTTP body."""
        return {
            "class": type(self).__name__,
            "code": self.code,
            "en": self.text.en,
            "zh": self.text.zh,
            "hint": list(self.hint) if self.hint else None,
        }

    @staticmethod
    def from_json(data: dict[str, str | list[str] | None]) -> QuanhengError:
        """Return the error that `to_json` described; an unknown class becomes QuanhengError."""
        found = CLASSES.get(str(data["class"]), QuanhengError)
        hint = data.get("hint")
        pair = (str(hint[0]), str(hint[1])) if hint else None
        return found(str(data["en"]), str(data["zh"]), hint=pair, code=str(data["code"]))


class Invalid(QuanhengError):
    """What was given cannot be used."""

    default_code = "invalid"
    status = 422
    exit_code = 2


class NotFound(QuanhengError):
    """What was named is not here."""

    default_code = "not_found"
    status = 404
    exit_code = 3


class Conflict(QuanhengError):
    """It clashes with what is here already."""

    default_code = "conflict"
    status = 409
    exit_code = 4


class Forbidden(QuanhengError):
    """The actor may not do it; the reason says why."""

    default_code = "forbidden"
    status = 403
    exit_code = 5


class Unavailable(QuanhengError):
    """Something needed cannot be reached or used now; trying again later may work."""

    default_code = "unavailable"
    status = 503
    exit_code = 6


class Corrupt(QuanhengError):
    """Bytes differ from what their digest or signature promises."""

    default_code = "corrupt"
    status = 500
    exit_code = 7


class Cancelled(QuanhengError):
    """Somebody stopped it before it was done."""

    default_code = "cancelled"
    status = 499
    exit_code = 130


CLASSES: dict[str, type[QuanhengError]] = {
    cls.__name__: cls
    for cls in (QuanhengError, Invalid, NotFound, Conflict, Forbidden, Unavailable, Corrupt, Cancelled)
}
