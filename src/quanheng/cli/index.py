"""The index of commands: made by build_index.py, read here without importing what it describes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from quanheng.errors import Text

PATH = Path(__file__).with_name("index.json")
Type = Literal["text", "int", "bool", "choice", "json", "pairs", "path", "artifact"]
#: The options every verb may have; an input's field may not have their names.
UNIVERSAL = ("as", "again", "detach", "help")


@dataclass(frozen=True)
class Option:
    """One field of an input: `many` fields are lists and may be given several times."""

    name: str
    type: Type
    many: bool
    required: bool
    default: Any
    choices: tuple[str, ...]
    help: Text
    place: bool = False  # may be given by place although it is not required (root words only)

    @property
    def flag(self) -> str:
        """Return the option as it is written: --max-characters."""
        return "--" + self.name.replace("_", "-")

    @property
    def positional(self) -> bool:
        """Return whether the value may also be given by place."""
        return (self.required or self.place) and self.type not in ("bool", "json", "pairs")


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


def _command(data: Mapping[str, Any]) -> Command:
    options = tuple(
        Option(o["name"], o["type"], o["many"], o["required"], o["default"], tuple(o["choices"]), Text(*o["help"]))
        for o in data["options"]
    )
    return Command(
        data["name"], data["kind"], Text(*data["help"]), options, tuple(data["makes"]), tuple(data["universal"])
    )


@cache
def load() -> Mapping[str, Mapping[str, Command]]:
    """Return the commands by noun and action."""
    nouns: dict[str, dict[str, Command]] = {}
    for item in json.loads(PATH.read_text("utf-8"))["commands"]:
        command = _command(item)
        nouns.setdefault(command.noun, {})[command.action] = command
    return nouns


def find(name: str) -> Command | None:
    """Return the command called "noun.action", or None."""
    noun, _, action = name.partition(".")
    return load().get(noun, {}).get(action)
