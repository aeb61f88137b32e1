"""The tools of the MCP server: one for each verb and query, derived from its declaration and its input model.

A tool is called like its verb, with `_` in place of the dot (`corpus.build` is `corpus_build`). Nouns have no `_`, so
the first one leads back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from mcp_types import Tool, ToolAnnotations

from quanheng.core import describe, permission, verb
from quanheng.core.describe import Command, Option
from quanheng.core.inputs import SLUG, Local, Secret, help_of, is_filled, marked, marker
from quanheng.core.session import Session
from quanheng.core.verb import Query, Verb
from quanheng.errors import Forbidden, Text

#: Not offered to a model, and why. What a tool takes and gives passes through the model, its host and often through
#: somebody's servers and logs, which is no place for what lets people in. Verbs with a secret input (account.password)
#: need no line here: `reason_withheld` finds them by their mark.
WITHHELD: Mapping[str, Text] = {
    "token.create": Text("its answer is an access token", "返回值是访问令牌"),
    "user.invite": Text("its answer is a sign-in link", "返回值是登录链接"),
}
_TAKES_SECRET = Text("it takes a password", "需要输入密码")
#: What takes something away, or cannot be made undone.
DESTRUCTIVE = frozenset({"artifact.withdraw", "user.deactivate", "token.revoke", "member.revoke", "key.rotate"})
#: A query by our grammar, for the log stays as it is; but a signature and a row are made.
_SIGNS = frozenset({"checkpoint.sign"})

_READS = Text("a path on this machine", "本机路径")
_WRITES = Text("a path on this machine; a file that is there is replaced", "本机路径，已有文件会被替换")
_LEAVES = Text("Leaves: {}", "产出：{}")
_UNIVERSAL: Mapping[str, tuple[dict[str, Any], Text]] = {
    "as": (
        {"type": "string", "pattern": SLUG},
        Text("Name that the new artifact gets", "给新制品起的名称"),
    ),
    "again": (
        {"type": "boolean", "default": False},
        Text("Run even if the same result is already there", "即使已有相同结果也重新执行"),
    ),
    "detach": (
        {"type": "boolean", "default": False},
        Text(
            "Only put it in the queue and return the job's id at once; a worker runs it, job_show tells how far it is",
            "只排队并立即返回作业编号；由工作进程执行，用 job_show 查看进展",
        ),
    ),
}


def tool_name(name: str) -> str:
    """Return the name of the tool for a verb or query.

    >>> tool_name("artifact.register_many")
    'artifact_register_many'
    """
    return name.replace(".", "_", 1)


def verb_name(tool: str) -> str | None:
    """Return the verb or query that a tool's name means, or None when there is none."""
    name = tool.replace("_", ".", 1)
    return name if name in describe.commands() and tool_name(name) == tool else None


def declared(name: str) -> Verb | Query:
    """Return the declaration of a verb or query that there is."""
    verb.load()
    return verb.VERBS.get(name) or verb.QUERIES[name]


def reason_withheld(name: str) -> Text | None:
    """Return why a verb is not offered to a model, or None when it is."""
    if any(marked(declared(name).input, Secret)):
        return _TAKES_SECRET
    return WITHHELD.get(name)


def check_offered(name: str) -> None:
    """Raise Forbidden for a verb that is not offered to a model."""
    why = reason_withheld(name)
    if why:
        words = name.replace(".", " ")
        raise Forbidden(
            f"{name} is not offered to a model: {why.en}",
            f"不向模型提供 {name}：{why.zh}",
            hint=(f"A person runs it: quanheng {words}", f"请由人员执行：quanheng {words}"),
            code="not_offered",
        )


def listed(session: Session, language: str) -> list[Tool]:
    """Return the tools for all that the session's actor may do here, in order of name."""
    names = [name for name in describe.commands() if reason_withheld(name) is None]
    found = [declared(name) for name in names]
    return [
        tool(item.name, language)
        for item in found
        if permission.decide(session, item.permission, item.name, scope=item.scope).allowed
    ]


@cache
def tool(name: str, language: str) -> Tool:
    """Return the tool for one verb or query: described in both languages, that of the caller first."""
    command, found = describe.commands()[name], declared(name)
    description = both(command.help, language, "\n")
    if command.makes:
        leaves = Text(*(sentence.format(", ".join(command.makes)) for sentence in _LEAVES))
        description += "\n" + both(leaves, language)
    return Tool(
        name=tool_name(name),
        title=command.help.say(language),
        description=description,
        input_schema=schema(command, found, language),
        annotations=hints(found),
    )


def both(text: Text, language: str, between: str = " / ") -> str:
    """Return a text in both languages, the asked one first.

    >>> both(Text("Title", "标题"), "zh")
    '标题 / Title'
    """
    first, second = (text.zh, text.en) if language == "zh" else (text.en, text.zh)
    return first + between + second


def hints(found: Verb | Query) -> ToolAnnotations:
    """Return the hints by which a host decides whether to ask its user first. Each errs on the side of asking."""
    if isinstance(found, Query):
        writes = any(_is_output(info) for info in found.input.model_fields.values())
        changes = writes or found.name in _SIGNS
        return ToolAnnotations(
            read_only_hint=not changes,
            destructive_hint=writes if changes else None,
            idempotent_hint=True if changes else None,
            open_world_hint=False,
        )
    return ToolAnnotations(
        read_only_hint=False,
        destructive_hint=found.name in DESTRUCTIVE,
        idempotent_hint=found.cache,
        open_world_hint=False if found.mode == "inline" else None,  # a job may call a host that the settings name
    )


def _is_output(info: Any) -> bool:
    mark = marker(info)
    return isinstance(mark, Local) and not mark.reads


def schema(command: Command, found: Verb | Query, language: str) -> dict[str, Any]:
    """Return the JSON schema of the arguments: the input's without what only `prepare` fills, and the options."""
    made = found.input.model_json_schema()
    shared = made.get("$defs", {})
    fields = found.input.model_fields
    options = {option.name: option for option in command.options}
    properties = {}
    for name, part in made["properties"].items():
        if not is_filled(fields[name]):
            help = Text(*help_of(fields[name]))
            properties[name] = {
                **_inlined(part, shared),
                "description": _explain(help, options[name], marker(fields[name]), language),
            }
    for name in command.universal:
        rule, text = _UNIVERSAL[name]
        properties[name] = {**rule, "description": both(text, language)}
    required = [name for name in made.get("required", []) if name in properties]
    closed: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**closed, "required": required} if required else closed


def _explain(help: Text, option: Option, mark: object, language: str) -> str:
    """Return what a field is, with the kinds of artifacts or the sort of path that it takes."""
    more = ""
    if option.kinds and "*" not in option.kinds:
        more = ", ".join(option.kinds)
    elif isinstance(mark, Local):
        more = both(_READS if mark.reads else _WRITES, language)
    return both(help, language) + (f" ({more})" if more else "")


def _inlined(part: Any, shared: Mapping[str, Any]) -> Any:
    """Return a part of a schema with what it refers to in place, and without the titles that pydantic makes up.

    Many hosts do not follow a `$ref`.
    """
    if isinstance(part, list):
        return [_inlined(item, shared) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        rest = {key: value for key, value in part.items() if key != "$ref"}
        return {**_inlined(shared[part["$ref"].rpartition("/")[2]], shared), **_inlined(rest, shared)}
    return dict(_kept(part, shared))


def _kept(part: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in part.items():
        if key == "properties":  # below it stand names of fields, of which one may be `title`
            yield key, {name: _inlined(item, shared) for name, item in value.items()}
        elif key in ("default", "enum", "const", "examples"):
            yield key, value
        elif key not in ("title", "zh"):
            yield key, _inlined(value, shared)
