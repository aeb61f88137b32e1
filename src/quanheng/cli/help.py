"""Help screens: laid out by the width of the characters, in one language at a time."""

from __future__ import annotations

import json

from quanheng.cli.index import Command, Option
from quanheng.cli.language import word
from quanheng.cli.text import pairs, wrap
from quanheng.errors import Text

_METAVAR = {"text": "TEXT", "int": "N", "path": "PATH", "artifact": "ARTIFACT", "json": "JSON", "pairs": "KEY=VALUE"}

UNIVERSAL: dict[str, Text] = {
    "as": Text("Name that the new artifact gets", "给新制品起的名称"),
    "again": Text("Run even if the same result is already there", "即使已有相同结果也重新执行"),
    "detach": Text("Put it in the queue for `quanheng job work`", "只排队，由 quanheng job work 执行"),
}
GLOBAL: dict[str, Text] = {
    "workspace": Text(
        "Folder of the workspace (default: QUANHENG_WORKSPACE, or the nearest folder with quanheng.toml)",
        "工作区文件夹（默认取 QUANHENG_WORKSPACE，或含 quanheng.toml 的最近一级文件夹）",
    ),
    "project": Text("Project to work in (default: main)", "所在项目（默认 main）"),
    "json": Text("Plain data on standard output, and nothing else", "在标准输出只打印 JSON 数据"),
    "lang": Text("Language: zh or en", "语言：zh 或 en"),
    "token": Text(
        "Act as the owner of this access token (better: QUANHENG_TOKEN, which others cannot see)",
        "以该访问令牌的账号执行（建议改用环境变量 QUANHENG_TOKEN，以免他人看到）",
    ),
    "debug": Text("Show the traceback of an unexpected error", "出现意外错误时显示调用栈"),
}
_GLOBAL_LEFT = {
    "workspace": "-w, --workspace FOLDER",
    "project": "--project NAME",
    "json": "--json",
    "lang": "--lang zh|en",
    "token": "--token TOKEN",
    "debug": "--debug",
}


def metavar(option: Option) -> str:
    """Return what stands for the option's value."""
    return "|".join(filter(None, option.choices)) if option.type == "choice" else _METAVAR.get(option.type, "")


def flag_of(option: Option) -> str:
    """Return the option as it is written in a help screen."""
    if option.type == "bool":
        return f"{option.flag} / --no-{option.flag[2:]}" if option.default is True else option.flag
    return f"{option.flag} {'WORD' if option.type == 'choice' else metavar(option)}"


def explain(option: Option, language: str) -> str:
    """Return the option's help with choices, default and whether it must be given."""
    notes = []
    if option.choices:
        notes.append(f"{word('one_of', language)} {' | '.join(filter(None, option.choices))}")
    if option.required:
        notes.append(word("required", language))
    elif option.default not in (None, "", [], {}, False):
        shown = option.default if isinstance(option.default, str) else json.dumps(option.default, ensure_ascii=False)
        notes.append(f"{word('default', language)} {shown}")
    if option.many:
        notes.append(word("many", language))
    text = option.help.say(language)
    if not notes:
        return text
    return f"{text} ({'; '.join(notes)})" if language == "en" else f"{text}（{'；'.join(notes)}）"


def _place(option: Option) -> str:
    name = option.name.upper() + ("…" if option.many else "")
    return name if option.required else f"[{name}]"


def usage_line(command: Command, words: str, language: str) -> str:
    """Return the usage line of a leaf command."""
    places = [_place(option) for option in command.options if option.positional]
    options = "[OPTIONS]" if language == "en" else "[选项]"
    return " ".join([word("usage", language), "quanheng", words, *places, options])


def command_help(command: Command, words: str, language: str, columns: int) -> str:
    """Return the help screen of a leaf command."""
    lines = [usage_line(command, words, language), "", *wrap(command.help.say(language), columns)]
    if command.makes:
        lines.append(f"{word('makes', language)}{'：' if language == 'zh' else ': '}{', '.join(command.makes)}")
    given = [(f"{o.name.upper()}, {flag_of(o)}", o) for o in command.options if o.positional]
    rest = [(flag_of(o), o) for o in command.options if not o.positional]
    if given:
        lines += ["", word("arguments", language), *pairs([(a, explain(o, language)) for a, o in given], columns)]
    rows = [(flag, explain(o, language)) for flag, o in rest]
    rows += [(f"--{n}" + (" NAME" if n == "as" else ""), UNIVERSAL[n].say(language)) for n in command.universal]
    rows.append(("-h, --help", word("help", language)))
    lines += ["", word("options", language), *pairs(rows, columns)]
    return "\n".join([*lines, "", *wrap(word("global_short", language), columns)])


def global_rows(language: str) -> list[tuple[str, str]]:
    """Return the rows that explain the global options."""
    return [(_GLOBAL_LEFT[name], text.say(language)) for name, text in GLOBAL.items()]


def group_help(words: str, about: str, rows: list[tuple[str, str]], language: str, columns: int) -> str:
    """Return the help screen of a noun: its actions."""
    action = "VERB" if language == "en" else "操作"
    lines = [f"{word('usage', language)} quanheng {words} {action}", ""]
    lines += [*wrap(about[:1].upper() + about[1:], columns), ""] if about else []
    lines += [word("commands", language), *pairs(rows, columns)]
    return "\n".join([*lines, "", *wrap(f"{word('global_short', language)}", columns)])
