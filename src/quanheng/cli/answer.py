"""How answers look: any plain data as a table or as lines of name and value; what a verb did in a line or two."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quanheng.cli.text import clean, table, width, wrap
from quanheng.core.labels import DATA_FIELDS, STATES, label, state
from quanheng.kinds.code_words import has_codes, with_code
from quanheng.kinds.kind_words import said_zh

if TYPE_CHECKING:
    from quanheng.cli.caller import Caller
    from quanheng.core.jobs import Result

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d+Z")
#: Hex digits shown of a digest: enough to name it again (core.resolve finds an artifact by them).
SHOWN_HEX = 12
#: Rows with more fields than fit beside each other are written as blocks of name and value.
MOST_COLUMNS = 7
#: Columns up to this width, such as ids, are never wrapped on a terminal: they are there to be copied.
STIFF = 32
#: Fields of a kind that hold words of ours where nobody gave any.
_SAID = ("found", "method")
#: Fields whose word depends on the question: query, field of its answer, the label that says what it is there.
CALLED: Mapping[str, Mapping[str, str]] = {
    "case.show": {"next": "next_steps"},
    "corpus.samples": {"kept": "kept_beside"},
    "lexicon.diff": {"first": "earlier", "second": "later"},
    "lexicon.evidence": {"n": "terms_found"},
    "lexicon.match": {"n": "hits_all"},
    "lexicon.terms": {"n": "terms_found"},
    "source.samples": {"of": "files_in_all"},
}


def short(digest: str) -> str:
    """Return the beginning of a digest, which commands take for the whole.

    >>> short("sha256:" + "8f3c" * 16)
    'sha256:8f3c8f3c8f3c'
    """
    return digest[: len("sha256:") + SHOWN_HEX]


def digest_text(caller: Caller, digest: str) -> str:
    """Return a digest as it is shown: short on a terminal, whole for a file or a program."""
    return short(digest) if caller.on_terminal else digest


def utc_time(text: str) -> str:
    """Return a time of the log or a table to the second, with its zone.

    >>> utc_time("2026-11-23T23:04:34.123456Z")
    '2026-11-23 23:04:34 UTC'
    """
    return f"{text[:19].replace('T', ' ')} UTC"


def is_said(value: object) -> bool:
    """Return whether a value is a sentence in both languages."""
    return isinstance(value, Mapping) and {"en", "zh"} <= set(value) <= {"en", "zh", "hint", "class", "code"}


def cell(caller: Caller, value: Any, key: str = "") -> str:
    """Return a value as one short text. On a terminal digests are shortened; elsewhere nothing is lost.

    key: the field that it stands in; states and codes are told by their words.
    """
    if key in ("state", "outcome") and isinstance(value, str) and value in STATES:
        return state(value, caller.language)
    if value is None or value == "" or value == [] or value == {}:
        return "—"
    if isinstance(value, bool):
        return caller.say(("yes", "是") if value else ("no", "否"))
    if is_said(value):
        return caller.say((value["en"], value["zh"]))
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={cell(caller, item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return caller.say((", ", "、")).join(cell(caller, item, key) for item in value)
    if key in _SAID and caller.language == "zh" and isinstance(value, str):
        value = said_zh(value)
    value = with_code(key, value, caller.language) if isinstance(value, str) and key else value
    text = str(value).replace("\n", " ").replace("\t", " ")
    if _TIME.fullmatch(text):
        return utc_time(text)
    if caller.on_terminal and key != "fingerprint":  # a fingerprint is compared, so all of it must be seen
        return _DIGEST.sub(lambda m: short(m[0]), text)
    return text


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys of the rows in order of appearance, without those that no row has a value for."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return [key for key in keys if any(row.get(key) not in (None, "", [], {}) for row in rows)]


def _one_language(caller: Caller, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with `en` and `zh` beside other values put together as one."""
    if "en" in row and "zh" in row and not is_said(row):
        kept = {key: value for key, value in row.items() if key not in ("en", "zh")}
        return {**kept, "meaning": caller.say((row["en"], row["zh"]))}
    return dict(row)


def print_rows(
    caller: Caller, rows: Sequence[Mapping[str, Any]], indent: int = 0, *, raw: bool = False, most: int | None = None
) -> None:
    """Write rows as a table; an empty list says that there is nothing. most: the first so many, and how many more."""
    if not rows:
        caller.print(" " * indent + caller.say(("(nothing here yet)", "（暂无内容）")))
        return
    shown = rows[:most]
    _print_rows(caller, [_one_language(caller, row) for row in shown], indent, raw, most)
    if len(shown) < len(rows):
        en = f"… the first {len(shown):,} of {len(rows):,}; all of them: --json"
        zh = f"……以上为前 {len(shown):,} 项，共 {len(rows):,} 项；查看全部：--json"
        caller.print(" " * indent + caller.say((en, zh)))


def _print_rows(caller: Caller, said: list[dict[str, Any]], indent: int, raw: bool, most: int | None) -> None:
    keys = _columns(said)
    head = [key if raw else label(key, caller.language) for key in keys]
    cells = [[cell(caller, row.get(key), _told(key, raw)) for key in keys] for row in said]
    deep = any(is_deep(value) for row in said for value in row.values())
    if deep or len(keys) > MOST_COLUMNS or (caller.on_terminal and not _fits(caller, head, cells, indent)):
        for number, row in enumerate(said):
            if number:
                caller.print()
            print_pairs(caller, row, indent, raw=raw, most=most)
    elif caller.on_terminal:
        _rich_table(caller, head, cells, indent)
    else:
        for line in table(head, cells):
            caller.print(" " * indent + line)


def _fits(caller: Caller, head: list[str], cells: list[list[str]], indent: int) -> bool:
    """Return whether the rows fit beside each other on the terminal, long texts wrapped."""
    widths = [max(width(row[i]) for row in (head, *cells)) for i in range(len(head))]
    return indent + sum(w if w <= STIFF else 24 for w in widths) + 2 * len(widths) <= caller.columns


def _rich_table(caller: Caller, head: list[str], cells: list[list[str]], indent: int) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text as RichText

    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for number, title in enumerate(head):
        column = [clean(row[number]) for row in cells]
        stiff = max((width(text) for text in column), default=0) <= STIFF
        made.add_column(title, no_wrap=stiff, overflow="fold")
    for row in cells:
        made.add_row(*(RichText(clean(text)) for text in row))
    Console(file=caller.out, highlight=False).print(Padding(made, (0, 0, 0, indent)))


def _told(key: str, raw: bool) -> str:
    """Return the field whose words tell a value: none where data stands as it is, but for these."""
    return key if not raw or key in ("state", "outcome", "fingerprint", *_SAID) else ""


def print_pairs(
    caller: Caller,
    data: Mapping[str, Any],
    indent: int = 0,
    *,
    raw: bool = False,
    codes: str = "",
    most: int | None = None,
) -> None:
    """Write a mapping as lines of name and value; rows and mappings inside it follow below their name.

    raw: names as they stand in the data, for what a kind or a verb calls its own fields; so below DATA_FIELDS too.
    codes: the field of which these names are codes, told by their words. most: of a list, so many.
    """
    data = data if raw else _one_language(caller, data)
    named = _names(codes, caller.language) if codes else (lambda key: key) if raw else _labels(caller.language)
    names = {key: named(key) for key in data}
    left = min(max((width(name) for name in names.values()), default=0), 24)
    for key, value in data.items():
        name = " " * indent + names[key]
        if is_rows(value):
            caller.print(name)
            print_rows(caller, value, indent + 2, raw=raw, most=most)
        elif isinstance(value, Mapping) and value and not is_said(value):
            caller.print(name)
            as_is = raw or key in DATA_FIELDS or all(is_said(item) for item in value.values())
            inside = key if has_codes(key) and not raw else ""
            print_pairs(caller, value, indent + 2, raw=as_is, codes=inside, most=most)
        else:
            _print_pair(
                caller, name + " " * (indent + left - width(name)), _first(caller, value, most), _told(key, raw)
            )


def _first(caller: Caller, value: Any, most: int | None) -> Any:
    """Return of a list so many, with how many there are; anything else as it is."""
    if not isinstance(value, list) or most is None or len(value) <= most:
        return value
    return [*value[:most], caller.say((f"… ({len(value):,} in all)", f"……（共 {len(value):,} 项）"))]


def _labels(language: str) -> Callable[[str], str]:
    return lambda key: label(key, language)


def _names(field: str, language: str) -> Callable[[str], str]:
    """Return what names the keys of a mapping that are codes; one without a word is called as a field is."""

    def named(key: str) -> str:
        said = with_code(field, key, language)
        return label(key, language) if said == key and field not in DATA_FIELDS else said

    return named


def _print_pair(caller: Caller, name: str, value: Any, key: str) -> None:
    if isinstance(value, str) and value.strip().count("\n"):
        caller.print(name)
        for line in value.rstrip("\n").split("\n"):
            caller.print("  " + line)
        return
    text = cell(caller, value, key)
    room = caller.columns - width(name) - 2
    whole = " " not in text and text.isascii()  # a digest or a path is copied, so no line end comes into it
    lines = wrap(text, room) if caller.on_terminal and room > 20 and not whole else [text]
    caller.print(f"{name}  {lines[0]}")
    for line in lines[1:]:
        caller.print(" " * (width(name) + 2) + line)


def is_rows(value: object) -> bool:
    """Return whether a value is a list of mappings."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def is_deep(value: object) -> bool:
    """Return whether a value does not fit into a cell: rows, or a mapping of more than a sentence."""
    return is_rows(value) or (isinstance(value, Mapping) and len(value) > 2 and not is_said(value))


def print_answer(caller: Caller, value: Any, query: str = "") -> None:
    """Write what a query answered: a table, lines of name and value, or JSON with --json."""
    if caller.json:
        caller.print_json(value)
    elif isinstance(value, list):
        if value and not is_rows(value):
            for item in value:
                caller.print(cell(caller, item))
        else:
            print_rows(caller, value)
    elif isinstance(value, Mapping) and set(value) == {"rows", "next"}:
        print_rows(caller, value["rows"])
        if value["next"]:
            caller.tell(f"More: --after {value['next']}", f"还有更多：--after {value['next']}")
    elif isinstance(value, Mapping):
        called = CALLED.get(query, {})
        shown = {called.get(key, key): item for key, item in value.items() if (key, item) != ("next", None)}
        print_pairs(caller, shown)
    else:
        caller.print(cell(caller, value))


def result_json(result: Result) -> dict[str, Any]:
    """Return a verb's result as plain data."""
    kinds = kinds_of(result)
    return {
        "job": result.job or None,
        "state": result.state,
        "cached": result.cached,
        "outputs": [{"digest": digest, "kind": kinds[digest]} for digest in result.outputs],
        "value": dict(result.value),
    }


def kinds_of(result: Result) -> dict[str, str]:
    """Return the kind of each output."""
    from quanheng.core.artifacts import rows
    from quanheng.core.database import retry_locked
    from quanheng.store import Manifest

    return {
        digest: Manifest.parse(data).kind for digest, (data, _) in retry_locked(lambda: rows(result.outputs)).items()
    }


def print_result(caller: Caller, name: str, result: Result, as_name: str = "") -> None:
    """Write what a verb did: what it left, or that it was there before, or where it is queued."""
    if caller.json:
        caller.print_json(result_json(result))
        return
    words = name.replace(".", " ")
    if result.state == "queued":
        caller.tell(f"Queued: job {result.job}", f"已排队：作业 {result.job}")
        caller.tell(
            f"It runs when a worker does: quanheng job work. See: quanheng job show {result.job}",
            f"由工作进程执行：quanheng job work；查看进展：quanheng job show {result.job}",
        )
        return
    if result.cached:
        caller.tell("Already there, nothing was run", "已有，不再执行")
    kinds = kinds_of(result)
    for digest in result.outputs:
        named = caller.say((f"  named {as_name}", f"  名称 {as_name}")) if as_name else ""
        mark = "  " if result.cached else caller.say(("Made ", "已生成 "))
        shown = short(digest) if caller.on_terminal else digest
        caller.print(f"{mark}{kinds[digest]}  {shown}{named}")
    if not result.outputs and not result.cached:
        caller.tell(f"Done: {words}", f"已完成：{words}")
    if result.value:
        print_pairs(caller, dict(result.value), 2)
