"""A corpus as its page shows it: the funnel, what it is made of, documents kept and dropped, their lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.utils.html import format_html

from quanheng.core import shown
from quanheng.core.call import ask
from quanheng.core.pages import View
from quanheng.core.preview import printable
from quanheng.core.shown import Shown, Word
from quanheng.data.corpus.account import Unit
from quanheng.data.pages.account import FIELDS, name_of, reasons_of, share_place, switch, unit_of
from quanheng.data.pages.recipe import funnel_places, operator_name, recipe_of
from quanheng.kinds.code_words import BROKEN, EVASIONS, LOOKS, PERSONAL_DATA, SCRIPTS
from quanheng.kinds.corpora import Corpus, CorpusV2, CorpusV3, FunnelStep, SourceShare
from quanheng.kinds.drop_reasons import REASONS, reason_name
from quanheng.kinds.recipes import Recipe, RecipeV1
from quanheng.kinds.risks import RISKS

#: A data card is never longer.
CARD_BYTES = 1024 * 1024
SHOWN = 8
#: Width of the funnel's bars in units of its drawing.
BAR = 300
REGIONS = {
    "domestic": ("domestic", "境内"),
    "overseas": ("overseas", "境外"),
    "unknown": ("region unknown", "境内外未知"),
}
STEPS = {
    "read": ("Read", "读入"),
    "edit": ("Edited", "编辑"),
    "drop": ("Dropped", "剔除"),
    "mask": ("Personal data masked", "遮盖个人信息"),
    "filter": ("Keyword search", "关键词查找"),
    "deduplicate": ("Duplicates removed", "去除重复"),
}
#: Steps over all documents that only edit.
EDITORS = ("deduplicate_lines", "deduplicate_substring")


def number_of(text: str) -> int:
    """Return the number that an address holds, 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def risk_name(risk: str, language: str) -> str:
    """Return what a risk is called."""
    name = RISKS[risk].name
    return name.zh if language == "zh" else name.en


def funnel(view: View, model: Corpus) -> dict[str, Any]:
    """Return every step with what it left and took, in documents and characters, and the widths of its bars."""
    unit = unit_of(view, model)
    widest = max((getattr(step, f"{unit}_before") for step in model.funnel), default=0)
    places = funnel_places(model)
    rows = [_funnel_row(view, model, index, places.get(index), widest, unit) for index in range(len(model.funnel))]
    broken = sum(share.broken_rows for share in model.per_source)
    unread = shown.total(f"/per_source/{place}/broken_rows" for place in range(len(model.per_source)))
    return {
        "rows": rows,
        "units": switch(view, model, "funnel"),
        "second": view.say(*SECOND[_second(unit)]),
        "broken": shown.count(broken, unread) if broken else "",
        "broken_href": _look("broken"),
        "recipe": recipe_of(view, model) if isinstance(model.recipe, Recipe) else None,
        "scale": _first_engine(view, model.recipe) if isinstance(model.recipe, RecipeV1) else [],
    }


#: What the second pair of columns of the funnel counts: documents stand in the first.
SECOND: dict[Unit, tuple[str, str]] = {
    "characters": ("Characters left", "留下（字）"),
    "bytes": ("Bytes left", "留下（字节）"),
    "tokens": ("Tokens left", "留下（词元）"),
}


def _second(unit: Unit) -> Unit:
    return "characters" if unit == "documents" else unit


def _funnel_row(view: View, model: Corpus, index: int, place: int | None, widest: int, unit: Unit) -> dict[str, Any]:
    """Return one step of the funnel; `place`: of its step in the recipe; unit: of its bars and second columns."""
    step, at, second = model.funnel[index], f"/funnel/{index}", _second(unit)
    less = step.documents_before - step.documents_after
    places_of = [f"{at}/{name}_{side}" for name in ("documents", second) for side in ("before", "after")]
    after, before = getattr(step, f"{unit}_after"), getattr(step, f"{unit}_before")
    left = getattr(step, f"{second}_after")
    fewer = getattr(step, f"{second}_before") - left
    use = model.recipe.steps[place].use if place is not None and isinstance(model.recipe, Recipe) else None
    href = _look(step.reason) if step.step == "drop" and step.reason else ""
    href = "?tab=duplicates" if step.step == "deduplicate" else href
    edits = not less and (use in EDITORS or step.step in ("edit", "mask"))
    return {
        "name": _step_name(view, step, use),
        "note": view.say("edits the text, drops no document", "只改文字，不减条数") if edits else "",
        "documents": shown.count(step.documents_after, f"{at}/documents_after"),
        "less": _taken(less, *places_of[:2]),
        "characters": shown.count(left, f"{at}/{second}_after"),
        "fewer": _taken(fewer, *places_of[2:]),
        "width": _px(after, widest),
        "gone": _px(max(0, before - after), widest) if before > after else "",
        "href": href if less else "",
    }


def _step_name(view: View, step: FunnelStep, use: str | None) -> str:
    """Return what a step of the funnel is called: by its operator, or why it dropped."""
    if use and step.step in ("edit", "deduplicate"):
        return operator_name(view, use)
    name = view.say(*STEPS[step.step])
    if step.step in ("drop", "edit") and step.reason:
        name += view.say(": ", "：") + _said(view, step.reason)
    return name


def _px(part: int, whole: int) -> str:
    return f"{part / whole * BAR:.1f}" if whole else "0"


def _taken(n: int, before: str, after: str) -> Any:
    """Return how much less there was after a step than before, or more: a mask may be longer than what it hides."""
    if n < 0:
        return format_html("+{}", shown.count(-n, f"{after} - {before}"))
    return format_html("−{}", shown.count(n, f"{before} - {after}")) if n else ""


def _look(reason: str) -> str:
    return "?" + urlencode({"tab": "samples", "reason": reason})


def _said(view: View, reason: str) -> str:
    """Return what a reason, or something else to look at, is called."""
    name = LOOKS.get(reason) or reason_name(reason)
    return view.say(name.en, name.zh)


def _first_engine(view: View, recipe: RecipeV1) -> list[tuple[str, Any]]:

    def rate(name: str) -> Any:
        value = getattr(recipe, name)
        return shown.limit(value.k, value.n, f"/recipe/{name}/k", f"/recipe/{name}/n")

    return [
        (view.say("Shortest document", "最短"), _characters(view, recipe.min_characters, "min_characters")),
        (view.say("Longest document", "最长"), _characters(view, recipe.max_characters, "max_characters")),
        (view.say("Han among letters, at least", "汉字占字母文字的比例不低于"), rate("min_han")),
        (view.say("Other Asian scripts, at most", "假名、谚文等不超过"), rate("max_foreign_script")),
        (view.say("Symbols, at most", "符号不超过"), rate("max_symbols")),
        (view.say("Repeated pieces, at most", "重复片段不超过"), rate("max_repetition")),
        (
            view.say("Duplicates", "去重"),
            view.say("equal texts after masking", "遮盖后完全相同")
            if recipe.deduplicate == "exact"
            else view.say("kept", "不去重"),
        ),
    ]


def _characters(view: View, n: int, name: str) -> Any:
    return format_html(view.say("{} characters", "{} 字", n), shown.count(n, f"/recipe/{name}"))


def composition(view: View, model: Corpus) -> dict[str, Any]:
    """Return what the corpus is made of."""
    n = model.totals.documents
    whole = "/totals/documents"
    masked = sum(model.personal_data.values())
    filtered = model.filtered
    reasons = _reasons(model)
    return {
        "n": shown.count(n, whole),
        "reasons": [_said(view, reason) for reason in reasons],
        "sources": [_share(view, share, place, model, reasons) for place, share in enumerate(model.per_source)],
        "scripts": [
            {
                "name": _script(view, name),
                "k": shown.count(k, f"/language/{name}"),
                "share": shown.share(k, n, f"/language/{name}", whole),
                "width": _px(k, n),
            }
            for name, k in sorted(model.language.items(), key=lambda item: -item[1])
        ],
        "encodings": [
            {"name": name, "k": shown.count(k, f"/encodings/{name}")} for name, k in sorted(model.encodings.items())
        ],
        "personal": [
            {
                "name": view.say(PERSONAL_DATA[name].en, PERSONAL_DATA[name].zh),
                "k": shown.count(k, f"/personal_data/{name}"),
            }
            for name, k in sorted(model.personal_data.items(), key=lambda item: -item[1])
        ],
        "masked": shown.count(masked, shown.total(f"/personal_data/{name}" for name in model.personal_data))
        if masked
        else "",
        "masked_documents": shown.count(model.masked_documents, "/masked_documents"),
        "names": isinstance(model, CorpusV2),
        "lexicon": filtered.lexicon or "",
        "terms": shown.count(filtered.lexicon_terms, "/filtered/lexicon_terms"),
        "hits": shown.count(filtered.lexicon_hits, "/filtered/lexicon_hits"),
        "hit": shown.count(filtered.documents_hit, "/filtered/documents_hit"),
        "review": shown.count(filtered.documents_for_review, "/filtered/documents_for_review"),
        "filtered": shown.count(filtered.documents_filtered, "/filtered/documents_filtered"),
        "per_risk": [
            {"id": risk, "name": risk_name(risk, view.language), "k": shown.count(k, f"/filtered/per_risk/{risk}")}
            for risk, k in sorted(filtered.per_risk.items(), key=lambda item: -item[1])
        ],
    }


def _share(view: View, share: SourceShare, place: int, model: Corpus, reasons: Sequence[str]) -> dict[str, Any]:
    at = f"/per_source/{place}"
    kept, read = f"{at}/documents_kept", f"{at}/documents_read"
    dropped = {str(reason): n for reason, n in share.dropped.items()}
    return {
        "href": f"/p/{view.project}/a/{share.source}",
        "title": shown.quote(share.title, f"{at}/title"),
        "read": shown.count(share.documents_read, read),
        "kept": shown.count(share.documents_kept, kept),
        "share": shown.share(share.documents_kept, share.documents_read, kept, read, places=1),
        "of_all": shown.share(share.documents_kept, model.totals.documents, kept, "/totals/documents", places=1),
        "characters": shown.count(share.characters_kept, f"{at}/characters_kept"),
        "dropped": [
            {
                "n": shown.count(dropped.get(reason, 0), f"{at}/dropped/{reason}"),
                "href": "?" + urlencode({"tab": "samples", "reason": reason, "source": share.source})
                if dropped.get(reason)
                else "",
                "name": _said(view, reason),
            }
            for reason in reasons
        ],
        "broken": shown.count(share.broken_rows, f"{at}/broken_rows"),
        "region": view.say(*REGIONS[share.region]),
        "clear": Word(view.say("clear", "明确"), "ok")
        if share.licence_clear
        else Word(view.say("unclear", "不明"), "no"),
    }


def clear(view: View, value: bool) -> Word:
    """Return whether a licence is clear, as a word."""
    return Word(view.say("clear", "明确"), "ok") if value else Word(view.say("unclear", "不明"), "no")


def samples(view: View, model: Corpus) -> dict[str, Any]:
    """Return documents that were kept on one side, and on the other those that were dropped, masked or hit."""
    if view.query.get("document", "").isdigit():
        return _document(view, model)
    counts = _how_many(model)
    reasons = [reason for reason in counts if counts[reason][0]]
    decision, reason = _asked(view, model, reasons)
    sources = {share.source: share.title for share in model.per_source}
    source = view.query.get("source", "")
    source = source if source in sources else ""
    seed = number_of(view.query.get("seed", ""))
    asked = {"corpus": view.artifact.digest, "source": source, "seed": seed, "limit": SHOWN, "decision": decision}
    found = ask(view.session, "corpus.samples", {**asked, "reason": reason or "kept", "beside": True})
    base = {"tab": "samples", "reason": reason, "source": source}
    again = {**base, **({"decision": decision} if decision else {}), "seed": seed + 1}
    return {
        "seed": seed,
        "decision": decision,
        "reason": reason,
        "reasons": [
            {
                "slug": name,
                "href": "?" + urlencode({**base, "reason": name}),
                "title": _said(view, name),
                "n": shown.count(*counts[name]),
                "on": name == reason and decision in ("", "drop"),
            }
            for name in reasons
        ]
        + _kept_chips(view, model, decision, reason, base),
        "sources": [{"digest": digest, "title": title, "on": digest == source} for digest, title in sources.items()],
        "absent": "" if view.query.get("reason", "") in ("", reason) else view.query["reason"][:100],
        "chosen": (name_of(view, reason) if decision else _said(view, reason)) if reason else "",
        "kept": [_row(view, row, model) for row in found["kept"]],
        "other": [_row(view, row, model, decision=decision) for row in found["rows"]] if reason else [],
        "excerpts": decision in ("", "drop") and reason not in ("masked", "hit", ""),
        "again": "?" + urlencode(again),
        "source": source,
    }


def _asked(view: View, model: Corpus, reasons: Sequence[str]) -> tuple[str, str]:
    """Return of which kept samples the address asks, and the reason; ("", reason) to draw from all of it."""
    decision, reason = view.query.get("decision", ""), view.query.get("reason", "")
    field = FIELDS.get(decision, "")
    if field and isinstance(model, CorpusV3) and reason in reasons_of(model, field):
        return decision, reason
    return "", reason if reason in reasons else next(iter(reasons), "")


def _kept_chips(view: View, model: Corpus, decision: str, reason: str, base: dict[str, str]) -> list[dict[str, Any]]:
    """Return what was edited and listed, by reason, to look at; a document that was dropped has its reason already."""
    if not isinstance(model, CorpusV3):
        return []
    found = []
    for name, word in (("edit", ("edited: ", "编辑：")), ("review", ("listed: ", "待复核："))):
        field = FIELDS[name]
        for one in reasons_of(model, field):
            n, place = share_place(field, one, model)
            found.append(
                {
                    "slug": one,
                    "href": "?" + urlencode({**base, "decision": name, "reason": one}),
                    "title": view.say(*word) + name_of(view, one),
                    "n": shown.count(n, place),
                    "on": (name, one) == (decision, reason),
                }
            )
    return found


def _how_many(model: Corpus) -> dict[str, tuple[int, str]]:
    """Return how many documents or rows there are to look at, and where that number stands."""
    shares = range(len(model.per_source))
    found = {
        reason: (
            sum(share.dropped.get(reason, 0) for share in model.per_source),
            shown.total(f"/per_source/{place}/dropped/{reason}" for place in shares),
        )
        for reason in _reasons(model)
    }
    broken = sum(share.broken_rows for share in model.per_source)
    return {
        **found,
        "masked": (model.masked_documents, "/masked_documents"),
        "hit": (model.filtered.documents_hit, "/filtered/documents_hit")
        if not isinstance(model, CorpusV2) or model.filtered.documents_hit >= model.filtered.documents_for_review
        else (model.filtered.documents_for_review, "/filtered/documents_for_review"),
        "broken": (broken, shown.total(f"/per_source/{place}/broken_rows" for place in shares)),
    }


def _reasons(model: Corpus) -> list[str]:
    """Return the reasons for which documents were dropped: those with a name first, in their order."""
    found = {reason for share in model.per_source for reason in share.dropped}
    return [*(reason for reason in REASONS if reason in found), *sorted(found - REASONS.keys())]


def title_of(model: Corpus, source: str, artifact: str = "") -> Shown | str:
    """Return the title of a source of the corpus. artifact: the corpus, where the page is about another."""
    found = next(((place, share) for place, share in enumerate(model.per_source) if share.source == source), None)
    return shown.quote(found[1].title, f"/per_source/{found[0]}/title", artifact) if found else source


def _row(
    view: View, row: Mapping[str, Any], model: Corpus, *, whole: bool = False, decision: str = ""
) -> dict[str, Any]:
    """Return one document or excerpt with its highlights. decision: of a sample that the build kept."""
    spans = [
        *((start, end, "") for start, end, _ in row["hits"]),
        *((start, end, "soft") for start, end in row["masked"]),
        *((start, end, "soft") for start, end in row["repeated"]),
    ]
    text, index = row["text"], row["index"]
    return {
        "id": row["id"],
        "title": title_of(model, row["source"]),
        "url": printable(row["url"]),
        "text": shown.passage(text, _place(row, decision), spans=spans, width=0 if whole else shown.PASSAGE),
        "cut": index is not None and len(text) > shown.PASSAGE and not whole,
        "href": "?" + urlencode({"tab": "samples", "document": index}) if index is not None else "",
        "problem": broken_name(view, row["reason"]) if "file" in row else "",
        "risks": [{"id": risk, "name": risk_name(risk, view.language)} for risk in row["risks"] if risk in RISKS],
        "flags": [_script(view, flag) for flag in row["flags"] if flag in SCRIPTS],
        "terms": terms_found(view, model, row["hit_terms"]),
    }


def _script(view: View, name: str) -> str:
    said = SCRIPTS.get(name)
    return view.say(said.en, said.zh) if said else name


def broken_name(view: View, reason: str) -> str:
    """Return why a row could not be read."""
    said = BROKEN.get(reason)
    return view.say(said.en, said.zh) if said else reason


def evasion_name(view: View, name: str) -> str:
    """Return what a disguise of terms is called."""
    said = EVASIONS.get(name)
    return view.say(said.en, said.zh) if said else name


def terms_found(view: View, model: Corpus, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each term that was found with its risk, and how it is hidden where that differs."""
    made = []
    for one in found:
        made.append(
            {
                "term": shown.quote(one["term"], f"terms.jsonl/{one['place']}#term", model.filtered.lexicon or ""),
                "id": one["risk"],
                "risk": risk_name(one["risk"], view.language),
                "way": evasion_name(view, one["hidden"]),
            }
        )
    return made


def _place(row: Mapping[str, Any], decision: str = "") -> str:
    if decision:
        return shown.where("samples.jsonl", decision=decision, reason=row["reason"], id=row["id"]) + "#excerpt"
    if row["index"] is not None:
        return shown.where("data/*", id=row["id"]) + "#text"
    if "file" in row:
        return shown.where("rejected.jsonl", source=row["source"], file=row["file"], row=row["row"]) + "#excerpt"
    return shown.where("decisions/*", id=row["id"], decision="drop") + "#excerpt"


def _document(view: View, model: Corpus) -> dict[str, Any]:
    """Return one document whole."""
    index = number_of(view.query["document"])
    row = ask(view.session, "corpus.document", {"corpus": view.artifact.digest, "index": index})
    n = len(row["text"])
    place = shown.where("data/*", id=row["id"]) + "#characters"
    return {
        "document": _row(view, row, model, whole=True),
        "characters": shown.count(n, place),
        "source_href": f"/p/{view.project}/a/{row['source']}",
        "before": "?" + urlencode({"tab": "samples", "document": index - 1}) if index else "",
        "next": "?" + urlencode({"tab": "samples", "document": index + 1}),
        "text_digest": row.get("text_digest", ""),
    }
