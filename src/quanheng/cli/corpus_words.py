"""`quanheng show corpus:…`, `quanheng corpus account` and `corpus diff`: a corpus, or two, for a person, as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from quanheng.cli.answer import digest_text, print_pairs, print_rows
from quanheng.cli.caller import Caller
from quanheng.cli.document_words import write_rows
from quanheng.core.labels import label
from quanheng.kinds.code_words import with_code
from quanheng.kinds.counting import counted

Data = Mapping[str, Any]
#: What follows for a source from what people found in its sample.
FOLLOWS = {
    "use": ("may be used", "可以使用"),
    "read_more": ("read more", "须增加抽检"),
    "not_use": ("not to be used", "不得使用"),
    "unread": ("not sampled yet", "尚未抽检"),
}
#: Documents shown of those that stand in one of two corpora alone; the answer has more.
MOST_DOCUMENTS = 5
#: More rows of one table are left to --json.
MOST_ROWS = 60


def account(caller: Caller, answer: Data) -> None:
    """Write the account: totals, step by step, by source, by reason, bad items, regions and licences."""
    caller.print(f"{label('digest', caller.language)}  {digest_text(caller, answer['digest'])}")
    tables(caller, answer)


def show(caller: Caller, config: Data, answer: Data) -> None:
    """Write what a corpus says of itself, its account in place of a config of some thousand lines."""
    facts = {name: config[name] for name in ("rows_digest", "masked_documents", "language", "encodings")}
    facts["reviewed"] = config.get("review")
    shown = {name: value for name, value in facts.items() if value not in (None, {}, [])}
    print_pairs(caller, {"recipe": config["recipe"].get("name", "—"), **shown})
    tables(caller, answer)


def tables(caller: Caller, answer: Data) -> None:
    """Write the tables of an account."""
    at = 0 if caller.language == "zh" else 1
    units = list(answer["units"])
    _title(caller, "Totals", "合计")
    totals = {
        **{unit: f"{n:,}" for unit, n in answer["totals"].items()},
        **({"tokenizer": answer["tokenizer"]} if answer["tokenizer"] else {}),
    }
    print_pairs(caller, totals, 2)
    _table(caller, ("Step by step", "逐步留存"), [_step(row, units, at) for row in answer["funnel"]])
    _table(caller, ("By source, as kept", "按来源（采用）"), [_source(row, at) for row in answer["sources"]])
    for name, title in (
        ("dropped", ("Dropped, by source and reason", "剔除（按来源和原因）")),
        (
            "edited",
            ("Edited, of those kept, by source and what was replaced", "编辑（保留的文档，按来源和替换的内容）"),
        ),
        ("reviewed", ("Listed for review, by source and reason", "待复核（按来源和原因）")),
    ):
        _table(caller, title, list(_reasons(answer["sources"], name, at)))
    _bad(caller, answer)
    _table(caller, ("Region of origin", "境内外来源"), _shares(answer, "regions", lambda row: _region(row["name"], at)))
    _table(caller, ("Licences", "许可"), [_licence(row, at) for row in answer["licences"]])


def _title(caller: Caller, en: str, zh: str) -> None:
    caller.print()
    caller.tell(en, zh)


def _table(caller: Caller, title: tuple[str, str], rows: Sequence[Data]) -> None:
    if not rows:
        return
    _title(caller, *title)
    print_rows(caller, rows, 2, most=MOST_ROWS)


def _step(row: Data, units: Sequence[str], at: int) -> dict[str, Any]:
    from quanheng.data.corpus.card_account import step_text

    before, after = row["documents"]
    return {
        "step": step_text(row["step"], row["reason"], at),
        "documents": f"{after:,}",
        "fewer": f"{before - after:,}" if before != after else "",
        **{unit: f"{row[unit][1]:,}" for unit in units if unit != "documents"},
    }


def _region(name: str, at: int) -> str:
    from quanheng.data.corpus.card_account import REGIONS

    return REGIONS[name][at]


def _source(row: Data, at: int) -> dict[str, Any]:
    yes_no = ((("明确", "clear"), ("不明", "unclear"))[not row["licence_clear"]])[at]
    licence = row.get("licence", "NOASSERTION")
    return {
        "title": row["title"],
        "region": _region(row["region"], at),
        "licence": f"{licence} ({yes_no})" if licence != "NOASSERTION" else yes_no,
        **{unit: f"{n:,}" for unit, n in row["kept"].items()},
    }


def _reasons(sources: Sequence[Data], field: str, at: int) -> Any:
    for source in sources:
        for reason, amount in source.get(field, {}).items():
            yield {
                "title": source["title"],
                "reason": with_code("reason", reason, ("zh", "en")[at]),
                **{unit: f"{n:,}" for unit, n in amount.items()},
            }


def _bad(caller: Caller, answer: Data) -> None:
    """Write what the machine counted and what people found in samples, source by source."""
    people = answer["people"]
    limit = f"{people['limit']['num'] * 100 // people['limit']['den']} %"
    rows = [
        {
            "title": row["title"],
            "risky": _rate(row["risky"]["documents"], row["screened"]) if row.get("screened") else "",
            "broken_rows": _rate(row["broken_rows"], row["documents_read"] + row["broken_rows"]),
            "people": _rate(row["people"]["k"], row["people"]["n"]) if row["people"]["n"] else "",
            "upper": f"{Decimal(row['people']['upper']) * 100:.2f} %" if row["people"]["upper"] else "",
            "follows": _follows(caller, row["people"]),
        }
        for row in answer["sources"]
    ]
    _table(
        caller, (f"Bad items (at most {limit} in every source)", f"各来源的不良内容（每个来源不超过 {limit}）"), rows
    )
    caller.tell(
        "  By machine: all documents that content review saw, counted; by people: a sample with its exact bound.",
        "  内容复核命中：对全部经复核文档计数；人工抽检：样本及其精确置信上限。",
    )


def _follows(caller: Caller, people: Data) -> str:
    said = caller.say(FOLLOWS[people["follows"]])
    if not people["more"]:
        return said
    return said + caller.say(
        (f" ({people['more']:,} or more, all good)", f"（至少再抽检 {people['more']:,} 条且均合格）")
    )


def _rate(k: int, n: int) -> str:
    return f"{Decimal(k) * 100 / Decimal(n):.2f} % ({k:,}/{n:,})" if n else "—"


def _shares(answer: Data, field: str, name: Callable[[Data], str]) -> list[dict[str, Any]]:
    whole = answer["totals"]["documents"]
    return [
        {
            "name": name(row),
            "share": _rate(row["documents"], whole),
            **{unit: f"{row[unit]:,}" for unit in ("characters", "bytes", "tokens") if unit in row},
        }
        for row in answer[field]
    ]


def _licence(row: Data, at: int) -> dict[str, Any]:
    name = row["name"] if row["name"] != "NOASSERTION" else ("未标明", "not stated")[at]
    sizes = {unit: f"{row[unit]:,}" for unit in ("documents", "characters", "bytes", "tokens") if unit in row}
    return {"licence": name, "clear": row["clear"], "sources": row["sources"], **sizes}


def diff(caller: Caller, answer: Data) -> None:
    """Write two corpora side by side: totals, what each dropped and why, then the documents that one alone has."""
    sides = [answer["one"], answer["second"]]
    for name, side in zip(("one", "second"), sides, strict=True):
        caller.print(f"{label(name, caller.language)}  {digest_text(caller, side['digest'])}")
    units = [
        unit for unit in ("documents", "characters", "bytes", "tokens") if sides[0]["totals"].get(unit) is not None
    ]
    totals = [
        _beside("unit", label(unit, caller.language), [side["totals"].get(unit) or 0 for side in sides])
        for unit in units
    ]
    _table(caller, ("Totals", "合计"), totals)
    reasons = sorted({reason for side in sides for reason in side["dropped"]})
    dropped = [_beside("reason", reason, [side["dropped"].get(reason, 0) for side in sides]) for reason in reasons]
    _table(caller, ("Dropped, by reason", "剔除（按原因）"), dropped)
    caller.print()
    caller.tell(f"In both: {counted(answer['both'], 'documents')}", f"两份共有：{answer['both']:,} 条")
    _alone(caller, ("Only in the first", "仅第一份有"), sides[0], answer["only_first"], answer["shown_first"])
    _alone(caller, ("Only in the second", "仅第二份有"), sides[1], answer["only_second"], answer["shown_second"])
    caller.print()
    caller.tell("More of these, and others: --json, --seed", "查看更多：--json；换一批：--seed")


def _beside(field: str, name: str, numbers: Sequence[int]) -> dict[str, str]:
    """Return a row with a number of each of two corpora, and by how much the second is larger."""
    first, second = numbers
    more = f"{second - first:+,}" if first != second else "0"
    return {field: name, "one": f"{first:,}", "second": f"{second:,}", "difference": more}


def _alone(
    caller: Caller, title: tuple[str, str], side: Data, by_source: Mapping[str, int], rows: Sequence[Data]
) -> None:
    """Write how many documents one of two corpora has alone, by source, and some of them."""
    n = sum(by_source.values())
    _title(caller, f"{title[0]}: {counted(n, 'documents')}", f"{title[1]}：{n:,} 条")
    for source, k in by_source.items():
        caller.print(f"  {side['titles'].get(source, source)}  {k:,}")
    shown = [{name: row[name] for name in ("id", "source", "text")} for row in rows[:MOST_DOCUMENTS]]
    write_rows(caller, [{**row, "title": side["titles"].get(row["source"], "")} for row in shown])
