"""What a verb's pydantic input may say about its fields: an artifact, a local path, a URL, a secret-free number.

`Takes` marks a field that names artifacts; `Local` one that names a file or folder on the caller's machine (command
line and Python only). Everything else is a parameter and part of the key, but for what is marked `Aside`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

#: A short name: of a project, of an artifact.
SLUG = r"^[a-z0-9][a-z0-9._-]{0,99}$"


class Input(BaseModel):
    """The base of every verb's and query's input: an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Takes:
    """The field holds names or digests of artifacts of these kinds (names without version; "*" = any)."""

    kinds: tuple[str, ...]

    def __init__(self, *kinds: str) -> None:
        object.__setattr__(self, "kinds", kinds)

    def allows(self, kind: str) -> bool:
        """Return whether an artifact of `kind` ("name/vN") fits."""
        return "*" in self.kinds or kind.split("/", maxsplit=1)[0] in self.kinds


@dataclass(frozen=True)
class Local:
    """The field holds a path on the caller's machine. `reads`: content is an input; else it is written to.

    remote: a caller from elsewhere may name an uploaded or shipped file here. elsewhere: it may also be an address of
    object storage or https://, which is read with the keys of this environment, so by a local caller only. folders: it
    may be a folder too.
    """

    reads: bool = True
    remote: bool = True
    elsewhere: bool = False
    folders: bool = False


@dataclass(frozen=True)
class Url:
    """The field holds a URL whose host must be in the setting `allowed_hosts` (loopback is always allowed)."""


@dataclass(frozen=True)
class Secret:
    """The field holds a password or the like: it gets into no key, row, log or default. For inline verbs only."""


@dataclass(frozen=True)
class Veiled:
    """The field holds what nothing that stays may show: key and `made_by` hold a digest, an ended job's row nothing.

    Whoever has the digest and guesses a text can see that it was this one.
    """


@dataclass(frozen=True)
class Aside:
    """The field says how the work is done, never what comes of it: it is no part of the key and of `made_by`."""


@dataclass(frozen=True)
class Filled:
    """The field is filled in by the verb's `prepare` from the database; no face offers it to a caller."""


def param(default: Any, en: str, zh: str, **rules: Any) -> Any:
    """Return a pydantic Field whose help is `en` and `zh`; `default` may be `...` for required."""
    return Field(default, description=en, json_schema_extra={"zh": zh}, **rules)


def calendar_day(value: str | None) -> str | None:
    """Return a day as it is; raises PydanticCustomError, in Chinese too, for one that no calendar has.

    Of an input it is a `field_validator`: its pattern says YYYY-MM-DD, which 2026-13-01 fits.
    """
    try:
        if value is not None:
            date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError(
            "no_such_day", "there is no day {day}", {"day": value, "zh": f"没有 {value} 这一天"}
        ) from None
    return value


def help_of(field: FieldInfo) -> tuple[str, str]:
    """Return the English and the Chinese help of a field."""
    extra = field.json_schema_extra
    zh = extra.get("zh", "") if isinstance(extra, dict) else ""
    return field.description or "", str(zh)


def marker(field: FieldInfo) -> Takes | Local | Url | Secret | Veiled | None:
    """Return the mark of a field, or None for a plain parameter."""
    for item in field.metadata:
        if isinstance(item, Takes | Local | Url | Secret | Veiled):
            return item
    return None


def is_filled(field: FieldInfo) -> bool:
    """Return whether only `prepare` may fill the field."""
    return any(isinstance(item, Filled) for item in field.metadata)


def aside(model: type[BaseModel]) -> set[str]:
    """Return the names of the fields that say nothing of what the outputs are made of."""
    return {name for name, field in model.model_fields.items() if any(isinstance(m, Aside) for m in field.metadata)}


def marked(model: type[BaseModel], mark: type) -> Iterator[str]:
    """Yield the names of the fields of `model` that carry a mark of this type."""
    for name, field in model.model_fields.items():
        if isinstance(marker(field), mark):
            yield name


def without_secrets(value: Input) -> dict[str, Any]:
    """Return the input as plain data, with nothing in place of what is secret."""
    return value.model_dump(mode="json", exclude=set(marked(type(value), Secret)))


def without_veiled(value: Input) -> dict[str, Any]:
    """Return the input as plain data, with nothing in place of what is veiled or secret."""
    hidden = {name for mark in (Secret, Veiled) for name in marked(type(value), mark)}
    return value.model_dump(mode="json", exclude=hidden)


def as_list(value: Any) -> list[str]:
    """Return a field's value as a list of texts: None → [], one → [one]."""
    if value is None:
        return []
    return [str(v) for v in value] if isinstance(value, list | tuple) else [str(value)]
