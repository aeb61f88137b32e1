"""The page of a keyword library, continued: its admission test, its versions and their differences, and its uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from quanheng.core import shown
from quanheng.core.call import ask
from quanheng.core.pages import View, tab
from quanheng.core.shown import Word
from quanheng.data.pages.corpus import evasion_name, number_of, risk_name
from quanheng.data.pages.lexicon import FORMS, PAGE, lexicon_model
from quanheng.kinds.field_words import FIELD_WORDS
from quanheng.kinds.lexicons import LexiconV2

#: Which evidence is listed, and what that is called.
WHICH = {
    "": ("all", "全部"),
    "demoted": ("mode changed", "方式已改"),
    "narrowed": ("disguises no longer looked for", "不再查找某些变体"),
    "unproven": ("not proven", "尚未证实"),
}
CHANGES = {"added": ("added", "新增"), "removed": ("removed", "删去"), "changed": ("changed", "改动")}
#: Fields of a term, as a difference names them.
FIELDS = {
    "risk": ("risk", "风险"),
    "mode": ("mode", "方式"),
    "category": ("category", "类别"),
    "weight": ("weight", "权重"),
    "with_terms": ("partners", "组合词"),
    "within": ("distance", "组合距离"),
    "unless": ("exceptions", "白名单"),
    "evasion": ("disguises", "变体"),
    "added": ("added on", "入库日期"),
    "expires": ("last day", "有效期"),
    "owner": ("owner", "责任人"),
    "note": ("note", "备注"),
}


@tab("lexicon", "admission", title=("Admission test", "入库检验"), template="data/lexicon_admission.html")
def lexicon_admission(view: View) -> Mapping[str, Any]:
    """Return what the test found of each term, those whose mode changed first; or that there was none."""
    model, digest = lexicon_model(view), view.artifact.digest
    test = model.admission if isinstance(model, LexiconV2) else None
    if test is None:
        return {"from": digest, "may": f"/p/{view.project}/do/lexicon/admit?" + urlencode({"lexicon": digest})}
    which = view.query.get("which", "demoted" if test.demoted else "")
    which = which if which in WHICH else ""
    after = number_of(view.query.get("after", ""))
    found = ask(view.session, "lexicon.evidence", {"lexicon": digest, "which": which, "after": after, "limit": PAGE})
    base = {"tab": "admission", "which": which}
    return {
        "from": digest,
        "test": test,
        "corpus": test.corpus,
        "documents": shown.count(test.documents, "/admission/documents"),
        "limit": shown.limit(test.limit.k, test.limit.n, "/admission/limit/k", "/admission/limit/n"),
        "demoted": shown.count(test.demoted, "/admission/demoted"),
        "kinds": [
            {
                "word": view.say(*WHICH[name]),
                "href": "?" + urlencode({"tab": "admission", "which": name}),
                "on": name == which,
            }
            for name in WHICH
        ],
        "rows": [_evidence(view, row) for row in found["rows"]],
        "before": "?" + urlencode({**base, "after": max(0, after - PAGE)}) if after else "",
        "next": "?" + urlencode({**base, "after": found["next"]}) if found["next"] is not None else "",
    }


def _evidence(view: View, row: Mapping[str, Any]) -> dict[str, Any]:
    at = f"admission.jsonl/{row['place']}"
    n = row["n"]

    def share(name: str) -> Any:
        return shown.share(row[name], n, f"{at}#{name}", f"{at}#n", places=3)

    return {
        "term": shown.quote(row["term"], f"{at}#term"),
        "risk": row["risk"],
        "name": risk_name(row["risk"], view.language),
        "k": shown.count(row["k"], f"{at}#k"),
        "share": share("k"),
        "upper": shown.bound("upper", row["k"], n, f"{at}#k", f"{at}#n", value=row["upper"]),
        "proven": _proven(view, row),
        "alone": shown.count(row["alone"], f"{at}#alone"),
        "alone_share": share("alone"),
        "together": shown.count(row["together"], f"{at}#together") if row["with_terms"] else "",
        "per_evasion": [
            {"name": evasion_name(view, name), "k": shown.count(k, f"{at}#per_evasion/{name}")}
            for name, k in row["per_evasion"].items()
        ],
        "was": view.say(*FORMS[row["mode_before"]]),
        "mode": view.say(*FORMS[row["mode"]]),
        "changed": row["mode"] != row["mode_before"],
        "dropped": [evasion_name(view, name) for name in row["evasion_before"] if name not in row["evasion"]],
        "why": _why(view, row),
        "excerpts": [shown.quote(text, f"{at}#excerpts/{place}") for place, text in enumerate(row["excerpts"])],
    }


def _proven(view: View, row: Mapping[str, Any]) -> Word | None:
    """Return whether the bound too is within the limit; None for a term that is only counted, which has no limit."""
    if row["mode"] == "count":
        return None
    return (
        Word(view.say("proven", "已证实"), "ok") if row["proven"] else Word(view.say("not proven", "尚未证实"), "wait")
    )


def _why(view: View, row: Mapping[str, Any]) -> str:
    """Return why a term has the mode and the disguises that it has now."""
    if row["mode"] == "combine" and row["mode_before"] == "review":
        return view.say(
            "By itself it hits too many ordinary texts; beside its partners it does not.",
            "单独出现时命中正常文本过多；与组合词同现时不超限。",
        )
    if row["mode"] == "count" and row["mode_before"] != "count":
        if row["with_terms"]:
            return view.say(
                "Beside its partners too it hits too many ordinary texts.", "与组合词同现时仍命中正常文本过多。"
            )
        return view.say(
            "It hits too many ordinary texts and has no partners to stand beside.",
            "命中正常文本过多，且没有组合词可以限定。",
        )
    if len(row["evasion"]) < len(row["evasion_before"]):
        return view.say(
            "Looked for under these disguises it would hit too many ordinary texts.",
            "按这些变体查找会命中正常文本过多。",
        )
    if row["mode"] == "count":
        return view.say("It is only counted, which has no limit.", "仅计数，不设限值。")
    if not row["proven"]:
        return view.say(
            "Within the limit so far; on so few texts the bound is above it.",
            "目前未超限；但文本太少，置信上限仍高于限值。",
        )
    return view.say("Within the limit.", "未超限。")


@tab("lexicon", "versions", title=("Versions", "版本"), template="data/lexicon_versions.html")
def lexicon_versions(view: View) -> Mapping[str, Any]:
    """Return the chain of versions, and what this one differs in from another, by default from the one before."""
    digest = view.artifact.digest
    rows = ask(view.session, "lexicon.versions", {"lexicon": digest})["rows"]
    here = next(place for place, row in enumerate(rows) if row["digest"] == digest)
    known = {row["digest"]: place for place, row in enumerate(rows) if not row["withdrawn"]}
    other = view.query.get("other", rows[here - 1]["digest"] if here else "")
    other = other if other in known and other != digest else ""
    return {
        "from": digest,
        "rows": [_version(view, row, digest, other) for row in reversed(rows)],
        "alone": len(rows) == 1,
        **(_difference(view, sorted((digest, other), key=known.__getitem__), other) if other else {}),
    }


def _version(view: View, row: Mapping[str, Any], digest: str, other: str) -> dict[str, Any]:
    here = row["digest"] == digest
    return {
        "digest": row["digest"],
        "here": here,
        "on": row["digest"] == other,
        "withdrawn": row["withdrawn"],
        "version": shown.quote(row["version"], "/version", row["digest"]),
        "terms": shown.count(row["terms"], "/terms", row["digest"]),
        "how": view.say("admission test", "入库检验")
        if row["verb"] == "lexicon.admit"
        else view.say("registered", "登记"),
        "created": row["created"],
        "names": row["names"],
        "href": "" if here or row["withdrawn"] else "?" + urlencode({"tab": "versions", "other": row["digest"]}),
    }


def _difference(view: View, pair: Sequence[str], other: str) -> dict[str, Any]:
    """Return what the later version of the two has differently, one sort of difference a page at a time."""
    first, second = pair
    change = view.query.get("change", "")
    after = number_of(view.query.get("after", ""))
    asked: dict[str, Any] = {"first": first, "second": second, "after": after, "limit": PAGE}
    found = ask(view.session, "lexicon.diff", {**asked, "change": change if change in CHANGES else "added"})
    if change not in CHANGES:  # opened at something to see
        change = next((name for name in CHANGES if found[name]), "added")
        if change != "added":
            found = ask(view.session, "lexicon.diff", {**asked, "change": change})
    base = {"tab": "versions", "other": other, "change": change}
    return {
        "first": first,
        "second": second,
        "changes": [
            {
                "word": view.say(*CHANGES[name]),
                "n": shown.count(found[name], f"terms/{first}#/{name}", second),
                "href": "?" + urlencode({**base, "change": name}),
                "on": name == change,
            }
            for name in CHANGES
        ],
        "change": change,
        "differing": [_differing(view, row, first if change == "removed" else second, first) for row in found["rows"]],
        "before": "?" + urlencode({**base, "after": max(0, after - PAGE)}) if after else "",
        "next": "?" + urlencode({**base, "after": found["next"]}) if found["next"] is not None else "",
    }


def _differing(view: View, row: Mapping[str, Any], digest: str, first: str) -> dict[str, Any]:
    place = f"terms.jsonl/{row['place']}"
    before = shown.where("terms.jsonl", term=row["term"])
    return {
        "term": shown.quote(row["term"], f"{place}#term", digest),
        "risk": row["risk"],
        "name": risk_name(row["risk"], view.language),
        "mode": view.say(*FORMS[row["mode"]]),
        "fields": [
            {
                "name": view.say(*FIELDS.get(name, FIELD_WORDS.get(name, (name, name)))),
                "was": _value(view, name, was, f"{before}#{name}", first),
                "now": _value(view, name, now, f"{place}#{name}", digest),
            }
            for name, (was, now) in row["fields"].items()
        ],
    }


def _value(view: View, name: str, value: Any, place: str, digest: str) -> Any:
    """Return a field of a term as a difference shows it."""
    if value in (None, "", []):
        return "—"
    if name == "mode":
        return view.say(*FORMS[value])
    if name == "evasion":
        return view.say(", ", "、").join(evasion_name(view, one) for one in value)
    if isinstance(value, int):
        return shown.count(value, place, digest)
    if isinstance(value, list):
        return shown.quote("；".join(value), place, digest)
    return shown.quote(value, place, digest)


@tab("lexicon", "uses", title=("Where it is used", "使用情况"), template="data/lexicon_uses.html")
def lexicon_uses(view: View) -> Mapping[str, Any]:
    """Return the corpora that were filtered with the library, and what else was made with it."""
    digest = view.artifact.digest
    rows = ask(view.session, "lexicon.uses", {"lexicon": digest})["rows"]
    return {
        "from": digest,
        "corpora": [_use(row) for row in rows if "documents" in row],
        "others": [row for row in rows if "documents" not in row],
        "build": f"/p/{view.project}/do/corpus/build?" + urlencode({"lexicon": digest}),
    }


def _use(row: Mapping[str, Any]) -> dict[str, Any]:
    digest = row["digest"]
    return {
        "digest": digest,
        "names": row["names"],
        "withdrawn": row["withdrawn"],
        "documents": shown.count(row["documents"], "/totals/documents", digest),
        "hit": shown.count(row["documents_hit"], "/filtered/documents_hit", digest),
        "hits": shown.count(row["lexicon_hits"], "/filtered/lexicon_hits", digest),
        "review": shown.count(row["documents_for_review"], "/filtered/documents_for_review", digest),
        "terms": shown.count(row["terms"], "/filtered/lexicon_terms", digest),
        "as_of": row["as_of"],
    }
