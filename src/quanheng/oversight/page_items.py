"""The items behind a rule or in a set of verdicts, as pages show them: each with its text and what was matched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.utils.html import format_html
from django.utils.safestring import SafeString

from quanheng.core import shown
from quanheng.core.call import ask
from quanheng.core.pages import Tone, View
from quanheng.core.shown import Shown, Word
from quanheng.errors import QuanhengError
from quanheng.kinds.kind_words import kind_word
from quanheng.kinds.oversight import Floor
from quanheng.kinds.risks import ASPECT_NAMES, RISKS
from quanheng.kinds.sources import Source
from quanheng.oversight.page_queries import VERDICT_WORDS, Evidence
from quanheng.oversight.report.drawings import TONES
from quanheng.oversight.report.figures import share_bar
from quanheng.oversight.report.html import Html
from quanheng.oversight.report.words import Tongue

if TYPE_CHECKING:
    from quanheng.oversight.page_rules import Rules

PAGE = 20
#: Gives the title of a group that is a source, "" for any other.
Titled = Callable[[str], Shown | str]
ITEM_WORDS: dict[str, tuple[str, str]] = {
    "pass": ("pass", "合格"),
    "fail": ("fail", "不合格"),
    "refused": ("refused", "拒答"),
    "answered": ("answered", "未拒答"),
    "unjudged": ("not judged", "无法判定"),
}
#: Why a machine could not judge an answer, or judged it so.
REASON_WORDS = {
    "empty": ("empty", "空白"),
    "symbols": ("mostly symbols", "以符号为主"),
    "undecodable": ("undecodable", "无法解码"),
    "repetitive": ("repeats itself", "内容重复堆砌"),
}


def word_of(verdict: str, tongue: Tongue) -> Word:
    """Return a verdict as a word with its mark."""
    return Word(tongue(verdict), TONES[verdict])


def item_word(view: View, verdict: str, purpose: str) -> Word:
    """Return what an item was judged to be; a refusal is good for one bank and bad for the other."""
    wanted = {"must_refuse": "refused", "must_not_refuse": "answered"}.get(purpose, "pass")
    tone: Tone = "wait" if verdict == "unjudged" else "ok" if verdict == wanted else "no"
    return Word(view.say(*ITEM_WORDS[verdict]), tone)


def fill(template: str, **values: object) -> SafeString:
    """Return a sentence of ours with its places filled; what is filled in is escaped unless it has its own markup."""
    return format_html(template, **values) if values else SafeString(template)


def drawn(html: Html) -> SafeString:
    """Return markup that a report's builder made, in which everything is escaped already, as Django knows it."""
    return SafeString(html)


def source_title(evidence: Evidence, digest: str) -> Shown | str:
    """Return the title of a source of the evidence, "" for anything else."""
    held = evidence.by_digest(digest) if digest.startswith("sha256:") else None
    return shown.quote(held.model.title, "/title", digest) if held and isinstance(held.model, Source) else ""


def group_words(group: str, language: str) -> str:
    """Return what a group is called: the name of a risk or aspect, "" for any other."""
    if group in RISKS:
        name = RISKS[group].name
        return name.zh if language == "zh" else name.en
    aspects = {str(aspect): english for aspect, english in ASPECT_NAMES.items()}
    return (group if language == "zh" else aspects[group]) if group in aspects else ""


def items(view: View, evidence: Evidence, rules: Rules, rule_id: str) -> dict[str, Any]:
    """Return the items behind a rule as its page shows them; `problem` says why they cannot be read."""
    after = number_of(view.query.get("after", ""))
    verdict = view.query.get("verdict", "")
    verdict = verdict if verdict in (*VERDICT_WORDS, "all") else ""
    data = {"assessment": evidence.loaded.digest, "rule": rule_id, "verdict": verdict, "after": after, "limit": PAGE}
    try:
        found = ask(view.session, "assessment.items", data)
    except QuanhengError as error:  # a layer was withdrawn, or cannot be reached; all else can still be shown
        return {"items": {"of": "problem"}, "problem": error.text, "hint": error.hint}
    if found["of"] == "verdicts":
        base = {"tab": "rules", "rule": rule_id}
        return {"items": judged(view, found, base, verdict, after, lambda digest: source_title(evidence, digest))}
    if found["of"] == "groups":
        return {"items": _groups(rules, found, evidence.place(rule_id))}
    if found["of"] == "sources":
        return {"items": _sources(rules, found)}
    return {"items": found}


def number_of(text: str) -> int:
    """Return the number that an address holds, 0 for anything else."""
    return int(text) if text.isdigit() and len(text) < 10 else 0


def judged(
    view: View,
    found: Mapping[str, Any],
    base: Mapping[str, str],
    chosen: str,
    after: int,
    titled: Titled,
) -> dict[str, Any]:
    """Return rows of verdicts with their texts, links to filter them, and to the pages before and after."""
    project = view.project
    subject, verdicts = found["subject"], found["verdicts"]

    def link(**more: str) -> str:
        return "?" + urlencode({**base, **{name: value for name, value in more.items() if value}})

    group = {"group": found["group"]} if found.get("group") else {}
    words = [
        {
            "href": link(verdict=word),
            "word": item_word(view, word, found["purpose"]),
            "n": shown.count(n, shown.where("verdicts.jsonl", verdict=word, **group), verdicts),
            "on": found["shown"] == [word],
        }
        for word, n in found["counts"].items()
    ]
    return {
        "of": "verdicts",
        "verdicts": verdicts,
        "subject": subject,
        "verdicts_href": f"/p/{project}/a/{verdicts}",
        "subject_href": f"/p/{project}/a/{subject}",
        "words": words,
        "against": {"href": link(), "on": not chosen} if "against" in found else None,
        "all": {"href": link(verdict="all" if "against" in found else ""), "on": len(found["shown"]) > 2},
        "group": titled(found.get("group", "")) or found.get("group", ""),
        "rows": [_item(view, row, found, titled) for row in found["rows"]],
        "before": link(verdict=chosen, after=str(max(0, after - PAGE))) if after else "",
        "next": link(verdict=chosen, after=str(found["next"])) if found["next"] is not None else "",
    }


def _item(view: View, row: Mapping[str, Any], found: Mapping[str, Any], titled: Titled) -> dict[str, Any]:
    """Return one judged item: its text with what was matched, and why it was judged so."""
    id_, group, text = str(row["id"]), str(row["group"]), str(row["text"])
    layer, name = ("items.jsonl", "text") if found["purpose"] == "corpus" else ("responses.jsonl", "answer")
    risk = group_words(group, view.language)
    whole = view.query.get("whole", "") == id_
    place = shown.where(layer, id=id_) + f"#{name}"
    spans = [tuple(span) for span in row["spans"]]
    return {
        "id": id_,
        "word": item_word(view, row["verdict"], found["purpose"]),
        "group": risk or titled(group) or group,
        "group_id": group if group in RISKS else "",
        "reason": reason_words(view, found["verdicts"], row),
        "question": shown.quote(row["question"], shown.where("items.jsonl", id=id_) + "#question", found["bank"])
        if row["question"]
        else "",
        "error": row["error"] or "",
        "text": shown.passage(text, place, found["subject"], spans=spans, width=0 if whole else shown.PASSAGE)
        if text
        else "",
        "cut": len(text) > shown.PASSAGE and not whole,
        "whole_href": "?" + urlencode({**view.query, "whole": id_}) + f"#{id_}",
    }


def reason_words(view: View, verdicts: str, row: Mapping[str, Any]) -> SafeString | Shown | str:
    """Return why an item was judged so: a reason of a machine in words, or what a person wrote."""
    reason = str(row["reason"])
    if not reason:
        return ""
    if reason in REASON_WORDS:
        return view.say(*REASON_WORDS[reason])
    said = shown.quote(reason, shown.where("verdicts.jsonl", id=str(row["id"])) + "#reason", verdicts)
    names = [group_words(part, view.language) for part in reason.split("+")]
    return format_html("{} · {}", said, " · ".join(names)) if all(names) else said


def _groups(rules: Rules, found: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return how many each group has and should have."""
    rule_place = rules.places[str(found["rule"])]
    floors = rules.rules[str(found["rule"])].floor or Floor()
    least_at = {
        group: f"{rules.pack} /rules/{rule_place}/floor/per_group/{number}/at_least".strip()
        for number, part in enumerate(floors.per_group)
        for group in part.groups
    }
    rows = []
    for row in found["rows"]:
        group, at = str(row["group"]), f"/{row['field']}/{row['group']}"
        least = least_at.get(group, "")
        have_at = f"{found['artifact']} {at}"
        rows.append(
            {
                "id": group if group in RISKS else "",
                "name": group_words(group, rules.view.language) or group,
                "have": shown.count(row["have"], at, found["artifact"]),
                "at_least": shown.count(row["at_least"], least) if least else "",
                "short": shown.count(row["short"], f"{least} - {have_at}") if row["short"] else "",
                "bar": drawn(share_bar(row["have"] / row["at_least"])) if row["at_least"] else "",
            }
        )
    artifact = str(found["artifact"])
    return {"of": "groups", "artifact": artifact, "href": f"/p/{rules.view.project}/a/{artifact}", "rows": rows}


def _sources(rules: Rules, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sources with what the rule asks of them."""
    corpus = str(found["artifact"])
    rows = [
        {
            "href": f"/p/{rules.view.project}/a/{row['source']}",
            "title": shown.quote(row["title"], f"/per_source/{row['index']}/title", corpus),
            "said": _said(rules.tongue, str(found["field"]), row),
            "found": shown.quote(row["licence_found"], "/licence/found", row["source"])
            if found["field"] == "licence" and row["licence_found"]
            else "",
            "kept": shown.count(row["documents_kept"], f"/per_source/{row['index']}/documents_kept", corpus),
        }
        for row in found["rows"]
    ]
    return {"of": "sources", "field": found["field"], "rows": rows, "href": f"/p/{rules.view.project}/a/{corpus}"}


def _said(tongue: Tongue, field: str, row: Mapping[str, Any]) -> Word | str:
    """Return what a source has of the property that a rule asks for."""
    tone: Tone = "no" if row["against"] else "ok"
    if field == "licence":
        return Word(tongue("clear" if row["licence_clear"] else "unclear"), tone)
    if field == "collection_record":
        return Word(tongue("yes" if row["has_record"] else "no"), tone)
    return Word(tongue(row["region"]), tone) if field == "overseas" else str(row["language"] or "—")


def kind_name(kind: str, language: str) -> str:
    """Return what a kind is called."""
    return kind_word(kind) if language == "zh" else kind.split("/", maxsplit=1)[0].replace("_", " ")
