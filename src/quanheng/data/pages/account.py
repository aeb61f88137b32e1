"""The account of a corpus as its page shows it: each source by reason, bad items, regions, licences, in one unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.utils.html import format_html

from quanheng.core import shown
from quanheng.core.call import ask
from quanheng.core.pages import Tone, View
from quanheng.core.shown import Word
from quanheng.data.corpus.account import Part, Unit, by_language, by_licence, by_region, units
from quanheng.kinds.code_words import code_word
from quanheng.kinds.corpora import Corpus, CorpusV3, SourceShare, SourceShareV3
from quanheng.kinds.drop_reasons import REASONS, reason_name

UNIT_NAMES: dict[Unit, tuple[str, str]] = {
    "documents": ("Documents", "条数"),
    "characters": ("Characters", "字数"),
    "bytes": ("Bytes", "字节"),
    "tokens": ("Tokens", "词元"),
}
REGIONS = {
    "domestic": ("domestic", "境内"),
    "overseas": ("overseas", "境外"),
    "unknown": ("unknown", "未知"),
}
#: What follows for a source from what people found in its sample.
FOLLOWS: dict[str, tuple[tuple[str, str], Tone]] = {
    "use": (("may be used", "可以使用"), "ok"),
    "read_more": (("read more", "须增加抽检"), "wait"),
    "not_use": (("not to be used", "不得使用"), "no"),
    "unread": (("not sampled yet", "尚未抽检"), "na"),
}
#: Fields of a source with amounts by reason, the decision that samples call them by, and a heading.
TABLES = (
    ("dropped_amounts", "drop", ("Dropped, by reason", "剔除（按原因）")),
    ("edited", "edit", ("Edited, of those kept, by what was replaced", "编辑（保留的文档，按替换的内容）")),
    ("reviewed", "review", ("Listed for review, of those kept", "待复核（保留的文档，按原因）")),
)
#: Field of a source by the decision.
FIELDS = {decision: field for field, decision, _ in TABLES}


def unit_of(view: View, model: Corpus) -> Unit:
    """Return the unit that the address asks for, documents for anything that the corpus is not counted in."""
    asked = view.query.get("unit", "")
    return next((unit for unit in units(model) if unit == asked), "documents")


def switch(view: View, model: Corpus, tab: str) -> list[dict[str, Any]]:
    """Return the links between the units of a corpus."""
    chosen = unit_of(view, model)
    return [
        {"href": "?" + urlencode({"tab": tab, "unit": unit}), "name": view.say(*UNIT_NAMES[unit]), "on": unit == chosen}
        for unit in units(model)
    ]


def account(view: View, model: Corpus) -> dict[str, Any]:
    """Return the tables of the account in the unit that was asked for."""
    unit = unit_of(view, model)
    head = {"units": switch(view, model, "account"), "unit": view.say(*UNIT_NAMES[unit])}
    parts = {
        "regions": _parts(view, model, by_region(model), unit, lambda part: view.say(*REGIONS[part.name])),
        "languages": _languages(view, model, unit),
        "licences": _licences(view, model, unit),
        "people": _people(view, model),
        "tokenizer": model.tokenizer if isinstance(model, CorpusV3) else None,
        "complete": isinstance(model, CorpusV3),
        "tables": [],
    }
    if isinstance(model, CorpusV3):
        parts["tables"] = [table for name in TABLES if (table := _by_reason(view, model, unit, *name))]
    return {
        **head,
        "sources": [_kept(view, place, share, unit, model) for place, share in enumerate(model.per_source)],
        **parts,
    }


def _href(view: View, source: str) -> str:
    return f"/p/{view.project}/a/{source}"


def _kept(view: View, place: int, share: SourceShare, unit: Unit, model: Corpus) -> dict[str, Any]:
    """Return what was read of a source and what was kept, and its share in the corpus."""
    at, whole = f"/per_source/{place}", f"/totals/{unit}"
    kept, read = int(getattr(share, f"{unit}_kept")), getattr(share, f"{unit}_read", None)
    total = int(getattr(model.totals, unit))
    return {
        "href": _href(view, share.source),
        "title": shown.quote(share.title, f"{at}/title"),
        "region": view.say(*REGIONS[share.region]),
        "clear": Word(view.say("licence clear", "许可明确"), "ok")
        if share.licence_clear
        else Word(view.say("licence unclear", "许可不明"), "no"),
        "read": shown.count(read, f"{at}/{unit}_read") if read is not None else "—",
        "kept": shown.count(kept, f"{at}/{unit}_kept"),
        "of_all": shown.share(kept, total, f"{at}/{unit}_kept", whole, places=1),
    }


def reasons_of(model: CorpusV3, field: str) -> list[str]:
    """Return the reasons under which a field of the sources has amounts: those with a name first, in their order."""
    found = {reason for share in model.per_source for reason in getattr(share, field)}
    return [*(reason for reason in REASONS if reason in found), *sorted(found - REASONS.keys())]


def name_of(view: View, reason: str) -> str:
    """Return what a reason, or what was replaced, is called."""
    said = code_word("reason", reason) or reason_name(reason)
    return view.say(said.en, said.zh)


def _by_reason(
    view: View, model: CorpusV3, unit: Unit, field: str, decision: str, title: tuple[str, str]
) -> dict[str, Any] | None:
    """Return a table of sources by reason, None where there is nothing in it."""
    found = reasons_of(model, field)
    if not found:
        return None
    return {
        "title": view.say(*title),
        "reasons": [name_of(view, reason) for reason in found],
        "rows": [
            {
                "href": _href(view, share.source),
                "title": shown.quote(share.title, f"/per_source/{place}/title"),
                "cells": [_cell(view, place, share, unit, field, decision, reason) for reason in found],
            }
            for place, share in enumerate(model.per_source)
        ],
        "sums": [_sum(view, model, unit, field, decision, reason) for reason in found]
        if len(model.per_source) > 1
        else [],
    }


def samples_of(decision: str, reason: str, source: str = "") -> str:
    """Return where the samples of a reason are looked at."""
    return "?" + urlencode({"tab": "samples", "decision": decision, "reason": reason, "source": source})


def _cell(
    view: View, place: int, share: SourceShareV3, unit: Unit, field: str, decision: str, reason: str
) -> dict[str, Any]:
    amount = getattr(share, field).get(reason)
    n = getattr(amount, unit) if amount else 0
    return {
        "n": shown.count(n, f"/per_source/{place}/{field}/{reason}/{unit}") if n else "",
        "name": name_of(view, reason),
        "href": samples_of(decision, reason, share.source) if n else "",
    }


def _sum(view: View, model: CorpusV3, unit: Unit, field: str, decision: str, reason: str) -> dict[str, Any]:
    places = [place for place, share in enumerate(model.per_source) if reason in getattr(share, field)]
    n = sum(getattr(getattr(model.per_source[place], field)[reason], unit) for place in places)
    at = shown.total(f"/per_source/{place}/{field}/{reason}/{unit}" for place in places)
    return {"n": shown.count(n, at), "name": name_of(view, reason), "href": samples_of(decision, reason)}


def _parts(
    view: View, model: Corpus, parts: Sequence[Part], unit: Unit, name: Callable[[Part], str]
) -> list[dict[str, Any]]:
    """Return parts of the corpus, each with its share in it."""
    return [{"name": name(part), **_part(model, part, unit)} for part in parts]


def _part(model: Corpus, part: Part, unit: Unit) -> dict[str, Any]:
    at = shown.total(f"/per_source/{place}/{unit}_kept" for place in part.places)
    n, whole = getattr(part.kept, unit), int(getattr(model.totals, unit))
    return {
        "n": shown.count(n, at),
        "share": shown.share(n, whole, at, f"/totals/{unit}"),
        "width": f"{n / whole * 300:.1f}" if whole else "0",
    }


def _languages(view: View, model: Corpus, unit: Unit) -> list[dict[str, Any]]:
    """Return languages by region, where there is more than one language."""
    parts = by_language(model)
    if len({part.name.split()[0] for part in parts}) < 2:
        return []

    def name(part: Part) -> str:
        language, region = part.name.split()
        return f"{language} · {view.say(*REGIONS[region])}"

    return _parts(view, model, parts, unit, name)


def _licences(view: View, model: Corpus, unit: Unit) -> list[dict[str, Any]]:
    if not isinstance(model, CorpusV3):
        return []  # an earlier kind names no licence; its sources do
    rows = []
    for part in by_licence(model):
        clear = Word(view.say("clear", "明确"), "ok") if part.clear else Word(view.say("unclear", "不明"), "no")
        name = part.name if part.name != "NOASSERTION" else view.say("not stated", "未标明")
        rows.append({"name": name, "clear": clear, **_part(model, part, unit)})
    return rows


def _people(view: View, model: Corpus) -> dict[str, Any]:
    """Return, source by source, what the machine found and what people found, and what follows."""
    found = ask(view.session, "verdicts.sources", {"corpus": view.artifact.digest})
    verdicts = found["verdicts"] or ""
    limit = f"{found['limit']['num'] * 100 // found['limit']['den']} %"
    return {
        "limit": limit,
        "rule": found["rule"],
        "verdicts": verdicts,
        "self_drawn": bool(found["self_drawn"]),
        "commit": f"/p/{view.project}/do/sample/commit?"
        + urlencode({"corpus": view.artifact.digest, "purpose": "source"}),
        "rows": [
            {**_machine(view, place, share), **_read(view, row, verdicts)}
            for place, (share, row) in enumerate(zip(model.per_source, found["rows"], strict=True))
        ],
    }


def _machine(view: View, place: int, share: SourceShare) -> dict[str, Any]:
    at = f"/per_source/{place}"
    rows = f"{at}/documents_read + {at}/broken_rows"
    base: dict[str, Any] = {
        "href": _href(view, share.source),
        "title": shown.quote(share.title, f"{at}/title"),
        "broken": shown.count(share.broken_rows, f"{at}/broken_rows"),
        "broken_share": shown.share(
            share.broken_rows, share.documents_read + share.broken_rows, f"{at}/broken_rows", rows
        ),
    }
    if not isinstance(share, SourceShareV3) or not share.screened:
        return {**base, "risky": "", "screened": "", "share": ""}
    k, n = f"{at}/risky/documents", f"{at}/screened"
    return {
        **base,
        "risky": shown.count(share.risky.documents, k),
        "screened": shown.count(share.screened, n),
        "share": shown.share(share.risky.documents, share.screened, k, n),
    }


def _read(view: View, row: dict[str, Any], verdicts: str) -> dict[str, Any]:
    (en, zh), tone = FOLLOWS[row["follows"]]
    told: dict[str, Any] = {
        "follows": Word(view.say(en, zh), tone),
        "more": "",
        "k": "",
        "n": "",
        "of": "",
        "upper": "",
    }
    if row["n"]:
        group = row["source"]
        fail = shown.where("verdicts.jsonl", verdict="fail", group=group)
        both = shown.total((fail, shown.where("verdicts.jsonl", verdict="pass", group=group)))
        k_at, n_at = f"{verdicts} {fail}", f"{verdicts} {both}"
        told |= {
            "more": _more(view, row, k_at, n_at),
            "k": shown.count(row["k"], fail, verdicts),
            "n": shown.count(row["n"], both, verdicts),
            "of": shown.share(row["k"], row["n"], k_at, n_at),
            "upper": shown.bound("upper", row["k"], row["n"], k_at, n_at, value=row["upper"]),
        }
    return told


def _more(view: View, row: dict[str, Any], k_at: str, n_at: str) -> Any:
    """Return how many more items are to be read, with what it follows from in its markup; "" for none."""
    if not row["more"]:
        return ""
    number = format_html('<data data-k="{}" data-n="{}" data-more>{}</data>', k_at, n_at, f"{row['more']:,}")
    return format_html(view.say("{} or more, all good", "至少再抽检 {} 条且均合格"), number)


def share_place(field: str, reason: str, model: CorpusV3) -> tuple[int, str]:
    """Return how many documents stand under a reason in a field of the sources, and where that number is."""
    places = [place for place, share in enumerate(model.per_source) if reason in getattr(share, field)]
    n = sum(getattr(model.per_source[place], field)[reason].documents for place in places)
    return n, shown.total(f"/per_source/{place}/{field}/{reason}/documents" for place in places)
