"""The content of a report as plain data for a template: nothing but texts, numbers, lists and names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import TypeAlias

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"


def plain(value: object, say: Callable[[str], str]) -> Plain:
    """Return `value` as plain data, each text as `say` puts it; of a dataclass, `is` names its class."""
    if isinstance(value, str):
        return say(value)
    if value is None or isinstance(value, int | float):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        members = {field.name: plain(getattr(value, field.name), say) for field in fields(value)}
        return {"is": type(value).__name__, **members}
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        if names:
            return {name: plain(item, say) for name, item in zip(names, value, strict=True)}
        return [plain(item, say) for item in value]
    raise TypeError(f"{type(value).__name__} is no plain data")
