"""The index of commands: made by build_index.py, read here without importing what it describes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from quanheng.core.describe import UNIVERSAL, Command, Option, Type
from quanheng.errors import Text

__all__ = ["PATH", "UNIVERSAL", "Command", "Option", "Type", "find", "load"]

PATH = Path(__file__).with_name("index.json")


def _command(data: Mapping[str, Any]) -> Command:
    options = tuple(
        Option(
            o["name"],
            o["type"],
            o["many"],
            o["required"],
            o["default"],
            tuple(o["choices"]),
            Text(*o["help"]),
            o["place"],
            kinds=tuple(o["kinds"]),
            least=o["least"],
            most=o["most"],
        )
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
