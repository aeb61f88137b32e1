"""Which language to speak: --lang > QUANHENG_LANGUAGE > quanheng.toml > the locale > Chinese."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from quanheng.errors import Invalid, Text

LANGUAGES = ("zh", "en")
FILE_NAME = "quanheng.toml"  # the same as core.settings.FILE_NAME, which a start need not import
_LINE = re.compile(r"^\s*language\s*=\s*[\"'](\w+)[\"']", re.MULTILINE)


def given(arguments: Sequence[str], name: str) -> str | None:
    """Return the value of the option `name` in `arguments`, wherever it stands before `--`."""
    found = None
    for place, word in enumerate(arguments):
        if word == "--":
            break
        if word == name and place + 1 < len(arguments):
            found = arguments[place + 1]
        elif word.startswith(name + "="):
            found = word.removeprefix(name + "=")
    return found


def nearest_workspace(start: Path) -> Path | None:
    """Return `start` or the nearest folder above it that holds quanheng.toml."""
    return next((folder for folder in (start, *start.parents) if (folder / FILE_NAME).is_file()), None)


def workspace_folder(argument: str | None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the workspace's folder: argument > QUANHENG_WORKSPACE > the nearest folder with quanheng.toml."""
    named = argument or environment.get("QUANHENG_WORKSPACE")
    if named:
        return Path(named).expanduser()
    try:
        return nearest_workspace(Path.cwd())
    except FileNotFoundError:  # the folder we stand in was removed
        return None


def choose(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> str:
    """Return "zh" or "en"; a wrong value never stops anything here, `check` tells of it later."""
    asked = [given(arguments, "--lang"), environment.get("QUANHENG_LANGUAGE")]
    folder = workspace_folder(given(arguments, "--workspace") or given(arguments, "-w"), environment)
    asked.append(_of_file(folder) if folder else None)
    asked.extend(environment.get(name, "")[:2] for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next((word for word in asked if word in LANGUAGES), "zh")


def _of_file(folder: Path) -> str | None:
    try:
        found = _LINE.search((folder / FILE_NAME).read_text("utf-8"))
    except (OSError, UnicodeDecodeError):  # told of when the workspace is opened
        return None
    return found.group(1) if found else None


def check(value: str | None) -> None:
    """Raise Invalid when a language was asked for that there is not."""
    if value is not None and value not in LANGUAGES:
        raise Invalid(
            f"--lang is zh or en, not {value!r}",
            f"--lang 只能是 zh 或 en，不能是 {value!r}",
            hint=("Example: quanheng --lang en …", "例如：quanheng --lang zh …"),
            code="usage",
        )


#: What the help screens say in every command.
WORDS: dict[str, Text] = {
    "usage": Text("Usage:", "用法："),
    "arguments": Text("Input", "输入"),
    "options": Text("Options", "选项"),
    "global": Text("Global options", "全局选项"),
    "commands": Text("Verbs", "操作"),
    "nouns": Text("Nouns and their verbs", "对象及其操作"),
    "words": Text("Common commands", "常用命令"),
    "makes": Text("Leaves", "产出"),
    "default": Text("default", "默认"),
    "required": Text("required", "必填"),
    "many": Text("may be repeated", "可重复"),
    "one_of": Text("one of", "可选"),
    "more": Text("More: quanheng NOUN VERB --help", "更多：quanheng 对象 操作 --help"),
    "global_short": Text(
        "Also everywhere: -w --project --json --lang --token (see quanheng --help)",
        "通用：-w --project --json --lang --token（说明见 quanheng --help）",
    ),
    "help": Text("Show this help", "显示本帮助"),
    "version": Text("Show the version", "显示版本"),
}


def word(name: str, language: str) -> str:
    """Return a fixed word of the help screens."""
    return WORDS[name].say(language)
