"""Verbs and queries described as data, so that every face derives its commands, forms and tools from one place.

Nothing heavy is imported at the top: the command line reads descriptions from a file and needs only the classes.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from quanheng.errors import Text

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from quanheng.core.inputs import Input
    from quanheng.core.verb import Query, Verb

#: "path" is read, "output" is written to.
Type = Literal["text", "int", "bool", "choice", "json", "pairs", "path", "output", "artifact", "secret"]
#: The options every verb may have; an input's field may not have their names.
UNIVERSAL = ("as", "again", "detach", "help")


@dataclass(frozen=True)
class Option:
    """One field of an input: `many` fields are lists and may be given several times.

    kinds: what an artifact may be. least, most: bounds of a number.
    """

    name: str
    type: Type
    many: bool
    required: bool
    default: Any
    choices: tuple[str, ...]
    help: Text
    place: bool = False  # may be given by place although it is not required
    kinds: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None

    @property
    def flag(self) -> str:
        """Return the option as it is written: --max-characters."""
        return "--" + self.name.replace("_", "-")

    @property
    def positional(self) -> bool:
        """Return whether the value may also be given by place."""
        return (self.required or self.place) and self.type not in ("bool", "json", "pairs", "secret")


@dataclass(frozen=True)
class Command:
    """One verb or query: `universal` names the options beside its input's fields."""

    name: str
    kind: Literal["verb", "query"]
    help: Text
    options: tuple[Option, ...]
    makes: tuple[str, ...]
    universal: tuple[str, ...]

    @property
    def noun(self) -> str:
        """Return the first word."""
        return self.name.split(".")[0]

    @property
    def action(self) -> str:
        """Return the second word."""
        return self.name.split(".")[1]


@cache
def commands() -> Mapping[str, Command]:
    """Return every verb and query by its name, in order of name."""
    from quanheng.core import verb

    verb.load()
    known: dict[str, Verb | Query] = {**verb.VERBS, **verb.QUERIES}
    return {name: command_of(known[name]) for name in sorted(known)}


def command_of(found: Verb | Query) -> Command:
    """Return the description of one verb or query."""
    from quanheng.core.verb import Verb

    is_verb = isinstance(found, Verb)
    return Command(
        found.name,
        "verb" if is_verb else "query",
        found.help,
        options_of(found.name, found.input),
        found.makes if isinstance(found, Verb) else (),
        _universal(found) if isinstance(found, Verb) else (),
    )


def options_of(where: str, model: type[Input]) -> tuple[Option, ...]:
    """Return the options for the fields of an input that a caller may fill."""
    from quanheng.core.inputs import is_filled

    made = [option_of(where, name, info) for name, info in model.model_fields.items() if not is_filled(info)]
    if made and made[0].type == "path" and not made[0].required:  # an input begins with what it is about
        made[0] = replace(made[0], place=True)
    return tuple(made)


def option_of(where: str, name: str, field: FieldInfo) -> Option:
    """Return the option for one field of an input; ValueError when its name is taken or a help text is missing."""
    from pydantic_core import PydanticUndefined

    from quanheng.core.inputs import Takes, help_of, marker

    if name in UNIVERSAL:
        raise ValueError(f"{where}: the field {name} has the name of an option of every verb")
    annotation = _unwrapped(field.annotation)
    many = typing.get_origin(annotation) in (list, tuple, set, frozenset)
    if many:
        annotation = _unwrapped(typing.get_args(annotation)[0])
    mark = marker(field)
    kind, choices = _type(annotation, mark)
    en, zh = help_of(field)
    if not en or not zh:
        raise ValueError(f"{where}: the field {name} lacks its English or Chinese help")
    default = field.get_default(call_default_factory=True)
    least, most = _bounds(field)
    return Option(
        name,
        kind,
        many,
        field.is_required(),
        None if default is PydanticUndefined else _plain(default),
        choices,
        Text(en, zh),
        kinds=mark.kinds if isinstance(mark, Takes) else (),
        least=least,
        most=most,
    )


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


def _type(annotation: Any, mark: object) -> tuple[Type, tuple[str, ...]]:
    """Return the option's type and its choices."""
    from pydantic import BaseModel

    from quanheng.core.inputs import Local, Secret, Takes

    if isinstance(mark, Takes):
        return "artifact", ()
    if isinstance(mark, Local):
        return "path" if mark.reads else "output", ()
    if isinstance(mark, Secret):
        return "secret", ()
    if typing.get_origin(annotation) is typing.Literal:
        return "choice", tuple(str(choice) for choice in typing.get_args(annotation))
    if annotation is bool:
        return "bool", ()
    if annotation is int:
        return "int", ()
    if typing.get_origin(annotation) is dict or annotation is dict:
        return "pairs", ()
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "json", ()
    return "text", ()


def _bounds(field: FieldInfo) -> tuple[int | None, int | None]:
    least = next((item.ge for item in field.metadata if hasattr(item, "ge")), None)
    most = next((item.le for item in field.metadata if hasattr(item, "le")), None)
    return least, most


def _plain(value: object) -> object:
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return list(value) if isinstance(value, tuple | list | set | frozenset) else value


def _universal(found: Verb) -> tuple[str, ...]:
    """Return which universal options mean something: an inline verb is not queued, only outputs have names."""
    names = ("as",) if found.makes and found.mode != "flow" else ()
    if found.cache:
        names = (*names, "again")
    return (*names, "detach") if found.mode in ("job", "flow") else names
