"""`quanheng lexicon check` and `lexicon match`: rows of a list that cannot be used, terms found in a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quanheng.cli.answer import print_rows
from quanheng.cli.caller import Caller
from quanheng.kinds.code_words import with_code
from quanheng.kinds.counting import counted

Data = Mapping[str, Any]


def check(caller: Caller, answer: Data) -> None:
    """Write the rows of a term list that cannot be used, then how many they are."""
    if answer["rows"]:
        print_rows(caller, answer["rows"])
        caller.print()
    terms, bad = answer["terms"], len(answer["rows"])
    if bad:
        caller.tell(
            f"Rows that cannot be used: {bad:,}; terms: {terms:,}", f"有 {bad:,} 行不可用；可用的词 {terms:,} 个"
        )
    else:
        caller.tell(f"Every row can be used; terms: {terms:,}", f"全部可用，共 {terms:,} 个词")


def match(caller: Caller, answer: Data) -> None:
    """Write what a build would do with the text, then each place that was found and whether it counts."""
    n, counts = answer["n"], answer["hits_counted"]
    if answer["decision"] == "review":
        caller.tell("Listed for review", "列入复核")
    else:
        caller.tell("Not listed for review", "不列入复核")
    day = answer["as_of"]
    caller.tell(
        f"{counted(answer['terms'], 'terms')} looked for{f', those in force on {day}' if day else ''}, in "
        f"{counted(answer['characters'], 'characters')}; {counted(n, 'places')} found, {counts:,} of them count; "
        f"their weights add up to {answer['weighted']:,}",
        f"{f'按 {day} 有效的词，' if day else ''}共查 {answer['terms']:,} 个词，文本 {answer['characters']:,} 字；"
        f"找到 {n:,} 处，其中计入 {counts:,} 处，权重合计 {answer['weighted']:,}",
    )
    if answer["hits"]:
        caller.print()
        print_rows(caller, [_hit(caller, hit) for hit in answer["hits"]])
    if n > len(answer["hits"]):
        caller.tell(f"The first {len(answer['hits']):,} places are shown.", f"只列出前 {len(answer['hits']):,} 处。")


def _hit(caller: Caller, hit: Data) -> dict[str, Any]:
    term = hit["term"]
    if hit["why_not"]:
        said = with_code("why_not", hit["why_not"], caller.language)
        follows = caller.say((f"does not count: {said}", f"不计：{said}"))
    elif hit["suspect"]:
        follows = caller.say(("a suspicion: for review, without weight", "疑似：供复核，不加权"))
    else:
        follows = caller.say(("counts", "计入"))
    return {
        "written": hit["written"],
        "term": term["term"],
        "risk": term["risk"],
        "hidden": hit["evasion"] or caller.say(("as it is", "原样")),
        "mode": term["mode"],
        "follows": follows,
    }
