"""Which fields of a record make up a document: one, a path, several joined, or the turns of a dialogue.

text_field "data.content" is a path through objects (a number picks from a list); a field of exactly that name goes
before. `text_fields` are joined by a line end, and one may be missing. text_field "dialogue" reads records of turns:

- "messages", "conversations", "conversation" or "dialog": lists of {"role", "content"} or {"from", "value"} (the
  content may be a list of {"type": "text", "text"}), or of {"human", "assistant"} pairs, or plain strings in turn;
- "instruction" or "prompt" or "question" with "input", answered in "output", "response", "answer" or "completion",
  with "system" before, and "history" as a list of [question, answer].

Every turn becomes a line "系统：…", "用户：…" or "助手：…"; other roles keep their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from quanheng.errors import Invalid
from quanheng.kinds.sources import Reading

#: Asked in this order where a source does not name its text field.
USUAL_FIELDS = ("text", "content", "正文", "文本", "内容", "body", "review", "comment", "评论")
USUAL_URLS = ("url", "URL", "link", "source_url", "网址", "链接")
DIALOGUE = "dialogue"

_TURNS = ("messages", "conversations", "conversation", "dialog")
_ASKED = ("instruction", "prompt", "question")
_ANSWERED = ("output", "response", "answer", "completion")
_DIALOGUE_FIELDS = (*_TURNS, "system", "history", *_ASKED, "input", *_ANSWERED)
_SPEAKERS = {
    "system": "系统",
    "user": "用户",
    "human": "用户",
    "assistant": "助手",
    "gpt": "助手",
    "bot": "助手",
    "model": "助手",
}
_MISSING = object()


class Taken(NamedTuple):
    """The text and address of a record, or why it has none."""

    text: str | None
    url: str
    reason: str = ""


class Fields:
    """What a source says of its records, applied to one record after the other."""

    def __init__(self, reading: Reading) -> None:
        self._one = reading.text_field
        self._several = reading.text_fields
        self._url = reading.url_field

    def columns(self, names: list[str]) -> list[str]:
        """Return the columns of a table that are needed, in their order.

        Raises Invalid "no_text_field" when the text is in none of them.
        """
        text = [name for wanted in self._wanted(names) if (name := _root(wanted, names)) is not None]
        if not text:
            raise self._missing(names)
        url = self._url_of(names)
        return [name for name in names if name in text or name == url]

    def take(self, record: Mapping[str, Any]) -> Taken:
        """Return what a record gives. Reasons: "no_text_field", "text_is_not_text"."""
        found = self._text(record)
        return Taken(found.text, self._address(record), found.reason)

    def _wanted(self, names: Iterable[str]) -> tuple[str, ...]:
        if self._several:
            return self._several
        if self._one == DIALOGUE and DIALOGUE not in names:
            return _DIALOGUE_FIELDS
        if self._one is not None:
            return (self._one,)
        usual = next((name for name in USUAL_FIELDS if name in names), None)
        return () if usual is None else (usual,)

    def _text(self, record: Mapping[str, Any]) -> Taken:
        if self._several:
            return _joined([_at(record, name) for name in self._several])
        if self._one == DIALOGUE and DIALOGUE not in record:
            turns = list(_turns(record))
            return Taken("\n".join(turns), "") if turns else Taken(None, "", "no_text_field")
        wanted = self._wanted(record)
        value = _at(record, wanted[0]) if wanted else _MISSING
        if value is _MISSING:
            return Taken(None, "", "no_text_field")
        return Taken(value, "") if isinstance(value, str) else Taken(None, "", "text_is_not_text")

    def _address(self, record: Mapping[str, Any]) -> str:
        name = self._url or next((name for name in USUAL_URLS if name in record), None)
        value = _at(record, name) if name else None
        return value.strip() if isinstance(value, str) else ""

    def _url_of(self, names: list[str]) -> str | None:
        if self._url is not None:
            return _root(self._url, names)
        return next((name for name in USUAL_URLS if name in names), None)

    def _missing(self, names: list[str]) -> Invalid:
        wanted = " / ".join(self._several or ((self._one,) if self._one else USUAL_FIELDS))
        columns = ", ".join(names[:20])
        return Invalid(
            f"the table has no text column: looked for {wanted}",
            f"表中没有正文列：要找的是 {wanted}",
            hint=(
                f"Name it with text_field. The columns are: {columns}",
                f"请用 text_field 指明正文列。现有的列：{columns}",
            ),
            code="no_text_field",
        )


def _root(path: str, names: Iterable[str]) -> str | None:
    """Return the column that a path begins in."""
    if path in names:
        return path
    parts = path.split(".")
    roots = (".".join(parts[:length]) for length in range(len(parts) - 1, 0, -1))
    return next((root for root in roots if root in names), None)


def _at(value: Any, path: str) -> Any:
    """Return what stands at a path in nested records, or _MISSING."""
    if isinstance(value, dict) and path in value:
        return value[path]
    first, dot, rest = path.partition(".")
    if isinstance(value, dict) and first in value:
        value = value[first]
    elif isinstance(value, list) and first.isdecimal() and len(first) < 10 and int(first) < len(value):
        value = value[int(first)]
    else:
        return _MISSING
    return _at(value, rest) if dot else value


def _joined(values: list[Any]) -> Taken:
    present = [value for value in values if value is not _MISSING and value is not None]
    if not present:
        return Taken(None, "", "no_text_field")
    if not all(isinstance(value, (str, int, float)) for value in present):
        return Taken(None, "", "text_is_not_text")
    return Taken("\n".join(text for value in present if (text := str(value).strip())), "")


def _turns(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the turns of a record as lines."""
    for name in _TURNS:
        if isinstance(record.get(name), list):
            yield from _listed(record[name])
            return
    asked = next((record[name] for name in _ASKED if isinstance(record.get(name), str)), None)
    answered = next((record[name] for name in _ANSWERED if isinstance(record.get(name), str)), None)
    if asked is None and answered is None:
        return
    yield from _said("system", record.get("system"))
    history = record.get("history")
    for pair in history if isinstance(history, list) else []:
        if isinstance(pair, list):
            yield from _listed(pair)
    asked_of = [text for text in (asked, record.get("input")) if isinstance(text, str) and text.strip()]
    yield from _said("user", "\n".join(asked_of))
    yield from _said("assistant", answered)


def _listed(turns: list[Any]) -> Iterator[str]:
    for place, turn in enumerate(turns):
        if isinstance(turn, str):
            yield from _said(("user", "assistant")[place % 2], turn)
        elif isinstance(turn, Mapping):
            role = turn.get("role", turn.get("from"))
            if isinstance(role, str):
                yield from _said(role, _content(turn.get("content", turn.get("value"))))
            else:
                yield from _said("user", turn.get("human", turn.get("user")))
                yield from _said("assistant", turn.get("assistant", turn.get("bot")))


def _content(value: Any) -> Any:
    if isinstance(value, list):
        texts = [part.get("text") for part in value if isinstance(part, Mapping)]
        return "\n".join(text for text in texts if isinstance(text, str))
    return value


def _said(role: str, text: Any) -> Iterator[str]:
    if isinstance(text, str) and text.strip():
        yield f"{_SPEAKERS.get(role.lower(), role)}：{text.strip()}"
