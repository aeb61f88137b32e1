"""Click commands made from the index: parsing and completion are click's, help and messages ours."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import click

from quanheng import __version__
from quanheng.cli import language as lang
from quanheng.cli.caller import Caller, usage
from quanheng.cli.help import GLOBAL, UNIVERSAL, command_help, explain, global_rows, group_help, metavar
from quanheng.cli.index import Command, Option
from quanheng.cli.text import pairs
from quanheng.errors import Text, system_said

#: What runs a command: the caller, the values of its options by name (only those given), and the universal ones.
Action = Callable[[Caller, dict[str, Any], dict[str, Any]], None]
_SHORT = {"workspace": ["-w"]}


class Number(click.ParamType):  # type: ignore[type-arg]  # generic only in newer releases of click
    """An integer; told in both languages when it is not one."""

    name = "int"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the integer that `value` is."""
        try:
            return int(value)
        except ValueError:
            raise _bad_value(param, f"{value!r} is not an integer", f"{value!r} 不是整数") from None


class OneOf(click.Choice[str]):
    """One of the choices, in any case; told in both languages when it is not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the choice; an encoding goes by many names."""
        if value in self.choices:
            return str(value)
        from quanheng.kinds.encodings import ENCODINGS, KNOWN, encoding_of  # not before: it imports pydantic

        if (usual := encoding_of(str(value)) or str(value).lower()) in self.choices:
            return usual
        known = ", ".join(filter(None, self.choices))  # the empty one is what leaving the option out means
        en, zh = KNOWN if tuple(self.choices) == ENCODINGS else (known, known)
        raise _bad_value(param, f"{value!r} is none of: {en}", f"{value!r} 不在可选范围内：{zh}")


class Pair(click.ParamType):  # type: ignore[type-arg]
    """KEY=VALUE; the value is JSON when it parses as JSON, text otherwise. Fractions stay decimal text."""

    name = "pairs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return (key, value)."""
        if isinstance(value, tuple):
            return value
        key, sign, text = str(value).partition("=")
        if not sign or not key:
            raise _bad_value(param, f"{value!r} is not KEY=VALUE", f"{value!r} 不是 键=值 的形式")
        try:
            return key, json.loads(text, parse_float=str, parse_constant=str)
        except ValueError:
            return key, text


class Json(click.ParamType):  # type: ignore[type-arg]
    """JSON text, or @FILE with it."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the parsed value."""
        if not isinstance(value, str):
            return value
        try:
            if value.startswith("@"):
                with open(value[1:], encoding="utf-8") as file:
                    value = file.read()
            return json.loads(value, parse_float=str, parse_constant=str)
        except OSError as error:
            raise _bad_value(
                param,
                f"{value[1:]} cannot be read: {system_said(error).en}",
                f"无法读取 {value[1:]}：{system_said(error).zh}",
            ) from None
        except json.JSONDecodeError as error:
            place = f"第 {error.lineno} 行第 {error.colno} 列写法不对"
            raise _bad_value(param, f"it is not JSON: {error}", f"不是有效的 JSON：{place}") from None
        except ValueError:
            raise _bad_value(param, f"{value[1:]} is not UTF-8", f"{value[1:]} 不是 UTF-8 编码") from None


def _bad_value(param: click.Parameter | None, en: str, zh: str) -> Exception:
    flag = param.opts[0] if param else ""
    words = click.get_current_context().command_path.partition(" ")[2]
    return usage(f"{flag}: {en}", f"{flag}：{zh}", words)


def _kind(option: Option) -> Any:
    kinds: dict[str, Callable[[], Any]] = {
        "int": Number,
        "choice": lambda: OneOf(option.choices),
        "pairs": Pair,
        "json": Json,
        "path": lambda: click.Path(readable=False),  # the verb itself tells what cannot be read
        "output": lambda: click.Path(readable=False),
    }
    return kinds.get(option.type, lambda: click.STRING)()


def _parameter(option: Option, language: str) -> click.Option:
    text = explain(option, language)
    if option.type == "bool":
        switch = f"{option.flag}/--no-{option.flag[2:]}" if option.default is True else option.flag
        return click.Option([option.name, switch], is_flag=True, default=None, help=text)
    repeated = option.many or option.type == "pairs"
    return click.Option(
        [option.name, option.flag],
        type=_kind(option),
        multiple=True,
        callback=None if repeated else _once,
        help=text,
        metavar=metavar(option),
    )


def _once(ctx: click.Context, param: click.Parameter, values: Sequence[Any]) -> Any:
    """Return the one value of an option: of several the first ones would be lost without a word."""
    if len(values) > 1:
        raise _bad_value(param, "it can be given once only", "只能填写一次")
    return values[0] if values else None


class GlobalOption(click.Option):
    """An option that every command takes."""


def global_options(language: str, taken: Sequence[str] = ()) -> list[click.Parameter]:
    """Return the global options but for those whose name a command's own option has."""
    made: list[click.Parameter] = []
    for name, text in GLOBAL.items():
        if name in taken:
            continue
        names = ["qh_" + name, *_SHORT.get(name, []), "--" + name]
        if name in ("json", "debug"):
            made.append(GlobalOption(names, is_flag=True, help=text.say(language)))
        elif name == "lang":
            made.append(GlobalOption(names, type=click.Choice(lang.LANGUAGES), help=text.say(language)))
        else:
            kind = click.Path(file_okay=False) if name == "workspace" else click.STRING
            made.append(GlobalOption(names, type=kind, help=text.say(language)))
    return made


def _help_option(language: str) -> click.Option:
    def show(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=False)
            ctx.exit()

    return click.Option(
        ["qh_help", "-h", "--help"], is_flag=True, is_eager=True, expose_value=False, callback=show,
        help=lang.word("help", language),
    )  # fmt: skip


def _version_option(language: str) -> click.Option:
    def show(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(f"quanheng {__version__}")
            ctx.exit()

    return click.Option(
        ["qh_version", "--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help=lang.word("version", language),
    )


def _take_globals(ctx: click.Context) -> Caller:
    """Move the global options of this context into the caller."""
    caller = ctx.find_object(Caller)
    assert caller is not None  # noqa: S101 - main always gives one
    for name in GLOBAL:
        value = ctx.params.pop("qh_" + name, None)
        if value:
            setattr(caller, {"lang": "language"}.get(name, name), value)
    return caller


class Leaf(click.Command):
    """A command that does something: made from an index entry and an action."""

    def __init__(self, entry: Command, action: Action, language: str, name: str) -> None:
        self.entry = entry
        self.action = action
        self.language = language
        shown = [option for option in entry.options if option.type != "secret"]  # asked for, never in the history
        params: list[click.Parameter] = [_parameter(option, language) for option in shown]
        for universal in entry.universal:
            names = ["qh_u_" + universal, "--" + universal]
            params.append(click.Option(names, is_flag=universal != "as", help=UNIVERSAL[universal].say(language)))
        params += global_options(language, [o.name for o in entry.options])
        params += [_help_option(language), click.Argument(["qh_values"], nargs=-1, required=False)]
        super().__init__(name, params=params, add_help_option=False, help=entry.help.say(language))

    def get_help(self, ctx: click.Context) -> str:
        """Return the help screen."""
        columns = min(shutil.get_terminal_size((80, 24)).columns, 100)
        return command_help(self.entry, _words(ctx), self.language, columns)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the whole help: our lines are short, and cut to the terminal elsewhere."""
        return self.entry.help.say(self.language)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the action with the options that were given."""
        caller = _take_globals(ctx)
        values = self._values(ctx)
        names = {n: ctx.params["qh_u_" + n] for n in self.entry.universal}
        self.action(caller, values, names)

    def _values(self, ctx: click.Context) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for option in self.entry.options:
            given = ctx.params.get(option.name)
            if given is None or given == ():
                continue
            if option.type == "pairs":
                given = dict(given)
            values[option.name] = list(given) if option.many else given
        self._place(ctx, values)
        values |= _ask_secrets(self.entry.options, self.language)
        missing = [o for o in self.entry.options if o.required and o.name not in values]
        if missing:
            words = _words(ctx)
            en = ", ".join(f"{o.flag} ({o.help.en})" for o in missing)
            zh = "、".join(f"{o.flag}（{o.help.zh}）" for o in missing)
            raise usage(f"{words} needs {en}", f"{words} 还需要 {zh}", words)
        return values

    def _place(self, ctx: click.Context, values: dict[str, Any]) -> None:
        """Give the values without an option name to the required options that have none yet, in order."""
        words = list(ctx.params["qh_values"])
        open_places = [o for o in self.entry.options if o.positional and o.name not in values]
        while words and open_places:
            option = open_places.pop(0)
            param = next(p for p in self.params if p.name == option.name)
            count = max(len(words) - len(open_places), 1) if option.many else 1
            taken = [_kind(option).convert(word, param, ctx) for word in words[:count]]
            words = words[count:]
            values[option.name] = taken if option.many else taken[0]
        if words:
            raise usage(
                f"{_words(ctx)} does not take {words[0]!r}", f"{_words(ctx)} 不接受多余的 {words[0]!r}", _words(ctx)
            )


def _ask_secrets(options: Sequence[Option], language: str) -> dict[str, str]:
    """Return the secrets that were typed unseen on a terminal, or stand line by line on standard input."""
    asked = [option for option in options if option.type == "secret"]
    if not asked:
        return {}
    if sys.stdin.isatty():
        said = {o.name: click.prompt(o.help.say(language), hide_input=True, default="", err=True) for o in asked}
    else:
        said = {option.name: sys.stdin.readline().rstrip("\n") for option in asked}
    return {name: value for name, value in said.items() if value}


def _words(ctx: click.Context) -> str:
    return ctx.command_path.partition(" ")[2]


class Branch(click.Group):
    """A noun, or the root: finds commands when they are asked for."""

    def __init__(
        self,
        name: str,
        makers: Mapping[str, Callable[[], click.Command]],
        about: Text,
        language: str,
        default: str = "",
        takes_words: bool = False,
    ) -> None:
        params = [*global_options(language), _help_option(language)]
        super().__init__(name, params=params, add_help_option=False, invoke_without_command=True, callback=self._alone)
        self.makers = makers
        self.about = about
        self.language = language
        self.default = default
        self.takes_words = takes_words

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.makers)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command with this name, made now; None when there is none."""
        make = self.makers.get(cmd_name) or self.makers.get(cmd_name.replace("-", "_"))
        return make() if make else None

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return what the noun has."""
        return self.about.say(self.language) or ", ".join(self.makers)

    def get_help(self, ctx: click.Context) -> str:
        """Return the help screen: the commands with one line each."""
        rows = [(name, make().get_short_help_str()) for name, make in self.makers.items()]
        columns = min(shutil.get_terminal_size((80, 24)).columns, 100)
        return group_help(_words(ctx), self.about.say(self.language), rows, self.language, columns)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return the rest of `args`; without a command's name in front, the default command is meant."""
        first = args[0] if args else ""
        known = first in ("-h", "--help") or any(arg in self.makers for arg in args)
        if self.default and not known and (self.takes_words or not first or first.startswith("-")):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` name; an unknown one is an error with the nearest ones."""
        found = self.get_command(ctx, args[0])
        if found is None and not ctx.resilient_parsing:
            raise self.unknown(ctx, args[0])
        return found.name if found else None, found, args[1:]

    def near(self, word: str) -> list[str]:
        """Return the commands whose names are like `word`."""
        return get_close_matches(word, self.makers, n=3, cutoff=0.6)

    def unknown(self, ctx: click.Context, word: str) -> Exception:
        """Return the error for an unknown command."""
        words = _words(ctx)
        near = [f"quanheng {words} {name}".replace("  ", " ") for name in self.near(word)]
        error = usage(f"there is no command {f'{words} {word}'.strip()!r}",
                      f"没有命令 {f'{words} {word}'.strip()!r}", words)  # fmt: skip
        if words == "config":
            error.hint = Text(
                "Settings are edited in quanheng.toml, or set as QUANHENG_… in the environment. See: quanheng config",
                "设置在 quanheng.toml 中修改，或用环境变量 QUANHENG_… 指定。查看：quanheng config",
            )
        elif near:
            error.hint = Text("Did you mean: " + ", ".join(near), "是否想用：" + "、".join(near))
        return error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is named; without one, show the help."""
        _take_globals(ctx)
        return super().invoke(ctx)

    def _alone(self) -> None:
        ctx = click.get_current_context()
        if ctx.invoked_subcommand is None:
            click.echo(ctx.get_help(), color=False)


class Root(Branch):
    """`quanheng` itself: root words, then nouns."""

    def __init__(self, words: Mapping[str, Callable[[], click.Command]],
                 nouns: Mapping[str, Callable[[], click.Command]], about: Text, language: str) -> None:  # fmt: skip
        super().__init__("quanheng", {**nouns, **words}, about, language)
        self.params.append(_version_option(language))
        self.words = words
        self.nouns = nouns

    def near(self, word: str) -> list[str]:
        """Return the like-named words and nouns, and the nouns that have an action of this name."""
        actions = [f"{noun} {word}" for noun, make in self.nouns.items() if word in getattr(make(), "makers", {})]
        return [*super().near(word), *actions][:4]

    def get_help(self, ctx: click.Context) -> str:
        """Return the first help screen."""
        language, columns = self.language, min(shutil.get_terminal_size((80, 24)).columns, 100)
        words = [(name, make().get_short_help_str()) for name, make in self.words.items()]
        nouns = [(name, _verbs(make(), language)) for name, make in self.nouns.items()]
        noun, verb = ("NOUN", "VERB") if language == "en" else ("对象", "操作")
        lines = [f"{lang.word('usage', language)} quanheng {noun} {verb}", "", self.about.say(language), ""]
        lines += [lang.word("words", language), *pairs(words, columns), ""]
        lines += [lang.word("nouns", language), *pairs(nouns, columns), ""]
        options = [*global_rows(language), ("--version", lang.word("version", language))]
        lines += [lang.word("global", language), *pairs(options, columns), ""]
        return "\n".join([*lines, lang.word("more", language)])


def _verbs(noun: click.Command, language: str) -> str:
    """Return what a noun is about and the verbs it has."""
    verbs = ", ".join(getattr(noun, "makers", {}))
    about = noun.about.say(language) if isinstance(noun, Branch) else ""
    return f"{about}{': ' if language == 'en' else '：'}{verbs}" if about else verbs
