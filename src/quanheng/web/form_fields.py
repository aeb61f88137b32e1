"""Fields of a form, derived from a verb's description; and what was sent, parsed back into the verb's input.

Beside each field `corpus` a form has `_other.corpus` (another artifact by name or digest), beside each file `path` the
upload `_file.path` and, after an error, `_staged.path` with what was uploaded already. No field of an input begins
with an underscore.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

from quanheng.core.describe import Command, Option
from quanheng.core.inputs import Local, marker
from quanheng.core.verb import find_verb
from quanheng.errors import Text
from quanheng.web.form_examples import examples
from quanheng.web.form_help import DAYS, NOTHING, QUIET, help_of
from quanheng.web.form_words import CHOICES, EXPLAINED, LONG, SHOWN, choices_of, label_of

Widget = Literal[
    "artifact", "artifacts", "choice", "check", "number", "date", "line", "long", "lines", "pairs", "json",
    "file", "secret",
]  # fmt: skip
DAY = r"^\d{4}-\d{2}-\d{2}$"
#: So many artifacts are offered, the newest; others are named by digest.
OFFERED = 200
#: From so many boxes on, a field narrows them to those that hold what is typed.
MANY = 10


class Given:
    """What a browser sent, or an address holds: the texts of each field, in order."""

    def __init__(self, texts: Iterable[tuple[str, list[str]]]) -> None:
        self._texts = dict(texts)

    def text(self, name: str, default: str = "") -> str:
        """Return the last text of a field."""
        found = self._texts.get(name)
        return found[-1] if found else default

    def all(self, name: str) -> list[str]:
        """Return every text of a field."""
        return self._texts.get(name, [])

    def has(self, name: str) -> bool:
        """Return whether the field was sent."""
        return name in self._texts

    def ticked(self, name: str) -> bool:
        """Return whether a box was ticked."""
        return self.text(name) not in ("", "false", "0")

    def names(self) -> list[str]:
        """Return the names of all fields."""
        return list(self._texts)

    def within(self, name: str) -> Given:
        """Return the fields `name.x`, `_other.name.x` … of a part of a form, as `x`, `_other.x` …"""
        found = []
        for key, texts in self._texts.items():
            mark, dot, rest = key.partition(".") if key.startswith("_") else ("", "", key)
            if rest.startswith(name + "."):
                found.append((mark + dot + rest.removeprefix(name + "."), texts))
        return Given(found)

    def put(self, name: str, text: str) -> None:
        """Let a field hold one text."""
        self._texts[name] = [text]


@dataclass(frozen=True)
class Choice:
    """One thing to choose: its value, what it is called, the kind it stands under, and what else tells it apart."""

    value: str
    label: str
    group: str = ""
    chosen: bool = False
    note: str = ""


@dataclass(frozen=True)
class Field:
    """One field as a form shows it. `value`: text; `other`: an artifact that is not among the choices."""

    name: str
    widget: Widget
    label: Text
    help: Text
    required: bool
    at_once: bool = False  # shown beside the required ones
    value: str = ""
    other: str = ""
    more: bool = False  # there are older artifacts than those among the choices
    checked: bool = False
    choices: tuple[Choice, ...] = ()
    suggestions: tuple[str, ...] = ()
    staged: str = ""
    staged_names: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    kinds: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()  # verbs that make what is chosen here, while there is none
    problem: Text | None = None

    @property
    def is_long(self) -> bool:
        """Return whether there is so much to choose from that one narrows it down."""
        return len(self.choices) >= MANY


#: Gives the artifacts of a kind ("*": of any) as rows of `artifact.list`, newest first.
Offer = Callable[[str], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Sent:
    """What a form brought: the verb's input as far as it could be read, and what is wrong with single fields."""

    data: dict[str, Any]
    problems: dict[str, Text] = field(default_factory=dict)


def options_of(command: Command) -> list[Option]:
    """Return the options that a form can give: no file that only this machine may name, and nothing that is written."""
    fields = find_verb(command.name).input.model_fields
    found = []
    for option in command.options:
        mark = marker(fields[option.name])
        if not (isinstance(mark, Local) and not (mark.reads and mark.remote)):
            found.append(option)
    return found


def _nothing(kind: str) -> Sequence[Mapping[str, Any]]:
    return ()


def build(
    options: Sequence[Option],
    given: Given,
    *,
    language: str,
    verb: str = "",
    offer: Offer = _nothing,
    sent: bool = False,
    problems: Mapping[str, Text] | None = None,
) -> list[Field]:
    """Return the fields, required ones first, filled with what is given or with their defaults.

    verb: whose options they are, "" for those of a flow. sent: `given` is a form that was sent, so that a box without
    a tick means no. problems: by field.
    """
    made = [_field(verb, option, given, offer, language, sent=sent) for option in options]
    told = problems or {}
    made = [replace(item, problem=told.get(item.name)) for item in made]
    return sorted(made, key=lambda item: (not item.required, not item.at_once))


def _field(verb: str, option: Option, given: Given, offer: Offer, language: str, *, sent: bool) -> Field:
    widget = widget_of(verb, option)
    default = "" if option.default is None or isinstance(option.default, list | dict) else str(option.default)
    base = Field(
        option.name,
        widget,
        label_of(verb, option.name),
        _help(verb, option),
        option.required,
        at_once=_at_once(verb, option),
        value=_value_shown(verb, option.name, given.text(option.name, "" if sent else default)),
        least=option.least,
        most=option.most,
        kinds=option.kinds,
    )
    if widget == "check":
        by_default = option.default is True and not sent and not given.has(option.name)
        return replace(base, checked=by_default or given.ticked(option.name))
    if widget in ("artifact", "artifacts"):
        return _artifacts(base, given, offer, language, sent=sent)
    if widget == "choice":
        words = [Choice(value, text.say(language), "", value == base.value) for value, text in choices_of(option)]
        return replace(base, choices=tuple(words))
    if widget == "file":
        shipped = [Choice(value, text.say(language), "", value == base.value) for value, text in examples(verb, option)]
        return replace(base, choices=tuple(shipped), staged=given.text("_staged." + option.name))
    if widget in ("lines", "pairs", "json"):
        return replace(base, value=_long_text(option, given, sent=sent))
    return base


def _at_once(verb: str, option: Option) -> bool:
    """Return whether a field stands beside the required ones: what is chosen, but for verbs that may be given much."""
    chosen = option.type == "artifact" and verb not in QUIET
    return option.required or chosen or option.name in SHOWN.get(verb, ())


def _value_shown(verb: str, name: str, value: str) -> str:
    """Return a value as a form shows it: nothing where it stands for nothing."""
    return "" if value and value == NOTHING.get(f"{verb}.{name}") else value


def _help(verb: str, option: Option) -> Text:
    """Return the help of a field where it says more than its label and its choices do."""
    said = help_of(verb, option.name)
    if said is not None:
        return Text(*said)
    if option.name in CHOICES and option.name not in EXPLAINED:
        return Text("", "")
    label = label_of(verb, option.name)
    return Text(*("" if told.lower() == word.lower() else told for told, word in zip(option.help, label, strict=True)))


def widget_of(verb: str, option: Option) -> Widget:
    """Return how a field is shown."""
    if option.type == "artifact":
        return "artifacts" if option.many else "artifact"
    if option.type == "text" and option.many:
        return "lines"
    if option.type == "text" and option.name in LONG:
        return "long"
    if option.type == "text" and (option.name in DAYS or _pattern(verb, option.name) == DAY):
        return "date"
    plain: dict[str, Widget] = {
        "bool": "check", "int": "number", "choice": "choice", "pairs": "pairs", "json": "json", "path": "file",
        "secret": "secret",
    }  # fmt: skip
    return plain.get(option.type, "line")


@cache
def _pattern(verb: str, name: str) -> str:
    if not verb:
        return ""
    field_ = find_verb(verb).input.model_fields[name]
    return next((item.pattern for item in field_.metadata if getattr(item, "pattern", None)), "")


def _long_text(option: Option, given: Given, *, sent: bool) -> str:
    """Return the text of a field of several lines: what was given, else its default."""
    if sent or given.has(option.name):
        return "\n".join(given.all(option.name))
    if not option.default:
        return ""
    if option.type == "pairs":
        return "\n".join(f"{key}={value}" for key, value in option.default.items())
    return "\n".join(map(str, option.default)) if option.type == "text" else json.dumps(option.default, indent=1)


def _artifacts(base: Field, given: Given, offer: Offer, language: str, *, sent: bool) -> Field:
    """Return a field with the project's artifacts to choose from; those given that are not among them as `other`.

    What is needed and only one thing can be is chosen.
    """
    wanted = [part for text in given.all(base.name) for part in re.split(r"[\s,]+", text) if part]
    rows: list[Mapping[str, Any]] = []
    more = False
    for kind in base.kinds:
        found = offer(kind)
        more = more or len(found) >= OFFERED
        # named ones first, the newest first among each
        rows += sorted((row for row in found if not row["withdrawn"]), key=lambda row: not row["names"])
    rows.sort(key=lambda row: str(row["kind"]))
    if base.widget == "artifacts":  # boxes are sent in their order: the oldest first, as a flow would give them
        rows.sort(key=lambda row: (str(row["kind"]), str(row["created"])))
    meant = {text: [row["digest"] for row in rows if _names(text, row)] for text in wanted}
    chosen = {text: digests[0] for text, digests in meant.items() if len(digests) == 1}  # several: nobody can tell
    choices = [
        Choice(row["digest"], label, row["kind"], row["digest"] in chosen.values(), " · ".join(note))
        for row in rows
        for label, *note in (_artifact_words(row, language),)
    ]
    if base.required and len(choices) == 1 and not wanted and not sent:
        choices = [replace(choices[0], chosen=True)]
    others = [text for text in wanted if text not in chosen]
    others.append(given.text("_other." + base.name))
    makers = () if choices else _makers(base.kinds)
    return replace(base, choices=tuple(choices), other=" ".join(filter(None, others)), makers=makers, more=more)


def _names(text: str, row: Mapping[str, Any]) -> bool:
    """Return whether `text` is the digest of a row, the beginning of it that screens show, or one of its names."""
    kind = row["kind"].split("/")[0]
    if text.startswith("sha256:"):
        return len(text) >= len("sha256:") + 12 and str(row["digest"]).startswith(text)
    return any(text in (name, f"{kind}:{name}") for name in row["names"])


def _artifact_words(row: Mapping[str, Any], language: str) -> list[str]:
    """Return what an artifact is known by: its title, names and licence, the beginning of its digest, when it came."""
    short = row["digest"].removeprefix("sha256:")[:12]
    title = [row["title"]] if row.get("title") else []
    licence = [row["licence"].say(language)] if row.get("licence") else []
    return [*title, *row["names"], *licence, short, row["created"][:16].replace("T", " ")]


def _makers(kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the verbs that make artifacts of these kinds."""
    from quanheng.core.verb import VERBS

    return tuple(verb.name for verb in VERBS.values() if {kind.split("/")[0] for kind in verb.makes} & set(kinds))


def parse(options: Sequence[Option], given: Given, uploads: Mapping[str, str]) -> Sent:
    """Return what was sent as the verb's input. uploads: by field, `upload:…` of what the browser brought."""
    sent = Sent({})
    for option in options:
        try:
            value = _parsed(option, given, uploads.get(option.name, ""))
        except ValueError as error:
            en, zh = error.args
            sent.problems[option.name] = Text(en, zh)
            continue
        if value is not None:
            sent.data[option.name] = value
    return sent


def _parsed(option: Option, given: Given, upload: str) -> Any:
    """Return the value of a field, None for one that was left empty; ValueError (en, zh) for one nobody can read."""
    text = given.text(option.name).replace("\r\n", "\n")
    if option.type == "bool":
        return given.ticked(option.name)
    if option.type == "artifact":
        return _parsed_artifacts(option, given)
    if option.type == "path":
        return upload or text or given.text("_staged." + option.name) or None
    if option.type == "secret":
        return text or None
    if option.type == "pairs":
        return _pairs(text) or None
    if option.type == "json":
        return _json(text) if text.strip() else None
    if option.many:
        if not given.has(option.name):
            return None
        lines = [line.strip() for line in "\n".join(given.all(option.name)).splitlines()]
        return [line for line in lines if line]
    if option.type == "int":
        return _number(text.strip()) if text.strip() else None
    return text.strip() or None


def _parsed_artifacts(option: Option, given: Given) -> Any:
    other = re.split(r"[\s,，、]+", given.text("_other." + option.name).strip())
    chosen = [text for text in [*given.all(option.name), *other] if text]
    if option.many:
        return list(dict.fromkeys(chosen)) or None
    return chosen[-1] if chosen else None


def _number(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text.replace(",", "")):
        raise ValueError("it is not a whole number", "应为整数")
    return int(text.replace(",", ""))


def _pairs(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        key, sign, value = line.partition("=")
        if not sign or not key.strip():
            raise ValueError(f"{line[:40]!r} is not key=value", f"{line[:40]!r} 不是 键=值 的形式")
        found[key.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    """Return JSON where the text is JSON, else the text; fractions stay text, as on the command line."""
    try:
        return json.loads(text, parse_float=str, parse_constant=str)
    except ValueError:
        return text


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}", f"不是有效的 JSON：{error}") from error
