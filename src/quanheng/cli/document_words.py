"""`quanheng corpus review | samples | duplicates | masked | document`: documents for a person to read.

Everything else that an answer holds (places of hits, digests of sources) is there with --json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quanheng.cli.answer import cell
from quanheng.cli.caller import Caller
from quanheng.cli.text import wrap
from quanheng.core.labels import label
from quanheng.kinds.code_words import with_code
from quanheng.kinds.counting import counted

Data = Mapping[str, Any]
#: Characters of a document that are shown, and of those how many stand before the first place that is marked.
WIDTH, BEFORE = 240, 80
#: So many characters are kept of a document that was dropped (`quanheng.data.corpus.lines`).
EXCERPT = 200
#: Lines of a document on a terminal are indented by so much.
INDENT = "    "


def review(caller: Caller, answer: Data) -> None:
    """Write the documents listed for review, each with the terms that were found in it."""
    rows, total, listed = answer["rows"], answer["total"], answer["listed"]
    if rows:
        caller.tell(
            f"Listed for review: {total:,}; shown: {len(rows):,}", f"待复核文档：共 {total:,} 条，列出 {len(rows):,} 条"
        )
    elif total:
        caller.tell(f"The list ends before: it has {total:,}.", f"已到末尾（共 {total:,} 条）。")
    elif listed:
        caller.tell(f"None of this kind; listed for review: {listed:,}.", f"没有这一类（列入复核的共 {listed:,} 条）。")
    else:
        caller.tell("No document is listed for review.", "没有列入复核的文档。")
    write_rows(caller, rows)
    if any(row["hits"] for row in rows) and not answer["terms_told"]:
        caller.print()
        caller.tell(
            "The terms are not told: the keyword library is not in this project, withdrawn, or not yours to read.",
            "未列出具体词条：关键词库不在本项目、已撤回，或你无权查看。",
        )
    _next(caller, answer)


def samples(caller: Caller, answer: Data) -> None:
    """Write documents kept or dropped, and how many there are of the kind."""
    name = with_code("reason", answer["reason"], caller.language)
    n, shown = answer["population"], len(answer["rows"])
    if n:
        caller.tell(f"{name}: {shown:,} of {counted(n, 'documents')}", f"{name}：共 {n:,} 条，列出 {shown:,} 条")
    else:
        caller.tell(f"{name}: there are none", f"{name}：没有这一类文档")
    write_rows(caller, [{**row, "reason": ""} if row["reason"] == answer["reason"] else row for row in answer["rows"]])
    if answer["kept"]:
        caller.print()
        caller.tell("Kept, to compare", "对照：保留的文档")
        write_rows(caller, answer["kept"])
    if shown < n:
        caller.print()
        again = answer["seed"] + 1
        caller.tell(f"Others: --seed {again}", f"换一批：--seed {again}")


def duplicates(caller: Caller, answer: Data) -> None:
    """Write duplicates, each above the document that stays in its place."""
    n, shown = answer["population"], len(answer["rows"])
    caller.tell(f"Duplicates: {shown:,} of {n:,} dropped", f"重复文档：共剔除 {n:,} 条，列出 {shown:,} 条")
    for number, row in enumerate(answer["rows"], 1):
        _row(caller, number, {**row, "text": row["excerpt"], "index": None})
        kept = row["kept"]
        if kept is None:
            caller.tell("  what it repeats is not recorded", "  未记录与哪一条重复")
            continue
        gone = "" if kept["index"] is not None else caller.say((" (dropped later on)", "（后来也被剔除）"))
        caller.print(caller.say(("  repeats  ", "  与之重复  ")) + kept["id"] + gone)
        _text(caller, kept["text"], ())


def masked(caller: Caller, answer: Data) -> None:
    """Write how much personal data was masked, by type, and documents with what stands in its place."""
    places: dict[str, int] = {}
    for types in answer["counts"].values():
        for name, n in types.items():
            places[name] = places.get(name, 0) + n
    documents = sum(answer["documents"].values())
    caller.tell(
        f"Personal data masked: {counted(sum(places.values()), 'places')} in {counted(documents, 'documents')}",
        f"遮盖个人信息 {sum(places.values()):,} 处，涉及 {documents:,} 条文档",
    )
    for name, n in sorted(places.items(), key=lambda item: (-item[1], item[0])):
        caller.print(f"  {with_code('type', name, caller.language)}  {n:,}")
    write_rows(caller, [{**row, "text": row["excerpt"], "index": None} for row in answer["rows"]])


def document(caller: Caller, answer: Data) -> None:
    """Write one document whole; of a dropped one what was kept of it, and what stays in its place."""
    gone, text = answer.get("index") is None, answer["text"]
    cut = gone and len(text) >= EXCERPT
    _row(caller, 0, {**answer, "text": text + "…"} if cut else answer, width=0)
    if not gone:
        return
    if cut:
        caller.tell(
            f"  Dropped: only the first {EXCERPT} characters are kept.", f"  已剔除：只保存了开头 {EXCERPT} 个字符。"
        )
    if kept := answer.get("kept"):
        later = "" if kept["index"] is not None else caller.say((" (dropped later on)", "（后来也被剔除）"))
        caller.print(caller.say(("  repeats  ", "  与之重复  ")) + kept["id"] + later)
        _text(caller, kept["text"], ())


def write_rows(caller: Caller, rows: Sequence[Data]) -> None:
    """Write documents one after the other, numbered from 1."""
    for number, row in enumerate(rows, 1):
        _row(caller, number, row)


def _row(caller: Caller, number: int, row: Data, *, width: int = WIDTH) -> None:
    """Write one document: where it is from, why it stands here, what was found in it, and its text."""
    if number:
        caller.print()
    at = row.get("index")
    place = caller.say((f"corpus row {at}", f"语料第 {at} 行")) if at is not None else ""
    head = "  ".join(filter(None, (row["id"], row.get("title", ""), place)))
    caller.print(f"{number}. {head}" if number else head)
    for name in ("url", "reason", "reasons", "measure", "flags", "hit_terms"):
        said = _said(caller, name, row.get(name))
        if said:
            caller.print(f"  {label(name, caller.language)}  {said}")
    if "text_digest" in row:
        caller.print(f"  {label('text_digest', caller.language)}  {cell(caller, row['text_digest'])}")
    if row["text"]:
        _text(caller, row["text"], [*row.get("hits", ()), *row.get("repeated", ())], width)
    else:
        caller.print(INDENT + caller.say(("(its text was cleared by a takedown)", "（正文已随下架清除）")))


def _said(caller: Caller, name: str, value: Any) -> str:
    if not value or (name == "reason" and value == "kept"):
        return ""
    return (
        caller.say(("; ", "；")).join(_term(caller, one) for one in value)
        if name == "hit_terms"
        else cell(caller, value, name)
    )


def _term(caller: Caller, found: Data) -> str:
    """Return a term with its risk, and how it is written where that differs."""
    said = f"{found['term']} · {with_code('risk', found['risk'], caller.language)}"
    if found["hidden"]:
        way = with_code("hidden", found["hidden"], caller.language)
        said += " · " + (
            caller.say((f"as {found['written']}, {way}", f"写作 {found['written']}，{way}"))
            if found["written"]
            else way
        )
    return said


def _text(caller: Caller, text: str, marks: Iterable[Sequence[Any]], width: int = WIDTH) -> None:
    """Write a text, or the part of it around the first mark, with 【 】 about what is marked."""
    spans = sorted((mark[0], mark[1]) for mark in marks)
    start = max(0, spans[0][0] - BEFORE) if width and spans else 0
    end = min(len(text), start + width) if width else len(text)
    said, at = "…" if start else "", start
    for low, high in spans:
        if low >= at and high <= end:
            said += f"{text[at:low]}【{text[low:high]}】"
            at = high
    said += text[at:end] + ("…" if end < len(text) else "")
    said = said if not width else " ".join(said.split())
    for line in wrap(said, caller.columns - len(INDENT)) if caller.on_terminal else said.split("\n"):
        caller.print(INDENT + line)


def _next(caller: Caller, answer: Data) -> None:
    if answer["next"] is not None:
        caller.print()
        caller.tell(f"More: --after {answer['next']}", f"还有更多：--after {answer['next']}")
