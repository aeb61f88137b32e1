"""Writes index.json from the registered verbs and queries: `python -m quanheng.cli.build_index`.

The index is made when the code changes, not when a command starts: help and completion import no Django, no
pydantic and no wing. A test compares it with the code.
"""

from __future__ import annotations

import json
import sys
import types
import typing
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from quanheng.cli.index import PATH, UNIVERSAL
from quanheng.core import verb
from quanheng.core.inputs import Local, Takes, help_of, is_filled, marker


def _unwrapped(annotation: Any) -> Any:
    """Return the annotation without Annotated and without None."""
    while True:
        origin = typing.get_origin(annotation)
        if origin is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif origin in (typing.Union, types.UnionType):
            rest = [a for a in typing.get_args(annotation) if a is not type(None)]
            if len(rest) != 1:
                return str
            annotation = rest[0]
        else:
            return annotation


def _type(annotation: Any, mark: object) -> tuple[str, list[str]]:
    """Return the option's type and its choices."""
    if isinstance(mark, Takes):
        return "artifact", []
    if isinstance(mark, Local):
        return "path", []
    if typing.get_origin(annotation) is typing.Literal:
        return "choice", [str(choice) for choice in typing.get_args(annotation)]
    if annotation in (bool, int):
        return annotation.__name__, []
    if typing.get_origin(annotation) is dict or annotation is dict:
        return "pairs", []
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "json", []
    return "text", []


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return list(value) if isinstance(value, tuple | list | set | frozenset) else value


def option_of(where: str, name: str, field: FieldInfo) -> dict[str, object]:
    """Return the option for one field of an input; ValueError when its name is taken or a help text is missing."""
    if name in UNIVERSAL:
        raise ValueError(f"{where}: the field {name} has the name of an option of every verb")
    annotation = _unwrapped(field.annotation)
    many = typing.get_origin(annotation) in (list, tuple, set, frozenset)
    if many:
        annotation = _unwrapped(typing.get_args(annotation)[0])
    kind, choices = _type(annotation, marker(field))
    en, zh = help_of(field)
    if not en or not zh:
        raise ValueError(f"{where}: the field {name} lacks its English or Chinese help")
    default = field.get_default(call_default_factory=True)
    return {
        "name": name,
        "type": kind,
        "many": many,
        "required": field.is_required(),
        "default": None if default is PydanticUndefined else _plain(default),
        "choices": choices,
        "help": [en, zh],
    }


def _options(name: str, model: type[BaseModel]) -> list[dict[str, object]]:
    return [option_of(name, field, info) for field, info in model.model_fields.items() if not is_filled(info)]


def _universal(found: verb.Verb) -> list[str]:
    """Return which universal options mean something: an inline verb is not queued, only outputs have names."""
    names = ["as"] if found.makes and found.mode != "flow" else []
    if found.cache:
        names.append("again")
    return [*names, "detach"] if found.mode in ("job", "flow") else names


def build() -> str:
    """Return the text of the index for the verbs and queries as they are now."""
    verb.load()
    commands: list[dict[str, object]] = []
    known: dict[str, verb.Verb | verb.Query] = {**verb.VERBS, **verb.QUERIES}
    for name, found in sorted(known.items()):
        commands.append(
            {
                "name": name,
                "kind": "verb" if isinstance(found, verb.Verb) else "query",
                "help": list(found.help),
                "options": _options(name, found.input),
                "makes": list(found.makes) if isinstance(found, verb.Verb) else [],
                "universal": _universal(found) if isinstance(found, verb.Verb) else [],
            }
        )
    return json.dumps({"commands": commands}, ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Write index.json."""
    PATH.write_text(build(), "utf-8")
    sys.stdout.write(f"{PATH.name}: {len(json.loads(PATH.read_text('utf-8'))['commands'])} commands\n")


if __name__ == "__main__":
    main()
