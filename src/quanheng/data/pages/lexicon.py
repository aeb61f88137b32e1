"""The page of a keyword library: its terms and how they stand today, a text tried, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.utils.html import format_html

from quanheng.core import clock, shown
from quanheng.core.call import ask
from quanheng.core.pages import Action, Bar, Tone, View, bar, tab, title
from quanheng.core.shown import Word
from quanheng.data.pages.corpus import evasion_name, number_of, risk_name
from quanheng.errors import QuanhengError, Text
from quanheng.kinds.code_words import MODES, TERM_STATES
from quanheng.kinds.lexicons import Lexicon, LexiconV2, LexiconV3

PAGE = 50
#: Days ahead within which a term is shown as running out.
WITHIN = 30
#: Owners among which one may choose; more are found by text.
OWNERS = 50
#: The same, short, to choose from.
FORMS = {"review": ("for review", "列入复核"), "count": ("counted only", "仅计数"), "combine": ("combined", "组合词")}
TONES: Mapping[str, Tone] = {"in_force": "na", "expiring": "wait", "expired": "no"}


def _mode(view: View, mode: str) -> str:
    """Return what a hit of a term does, in words."""
    return view.say(MODES[mode].en, MODES[mode].zh)


def _state(view: View, state: str) -> Word:
    """Return how a term stands, as a word with its mark."""
    return Word(view.say(TERM_STATES[state].en, TERM_STATES[state].zh), TONES[state])


def lexicon_model(view: View) -> Lexicon:
    """Return the model of the library that the page is about."""
    assert isinstance(view.artifact.model, Lexicon)  # noqa: S101 - registered for this kind
    return view.artifact.model


@title("lexicon")
def lexicon_title(view: View) -> str:
    """Return the title of a keyword library."""
    return lexicon_model(view).title


@bar("lexicon")
def lexicon_bar(view: View) -> Bar:
    """Return how many terms there are, how many have expired or soon will, and who answers for them."""
    model, digest = lexicon_model(view), view.artifact.digest
    found = ask(view.session, "lexicon.expiring", {"lexicon": digest, "within": WITHIN, "limit": 1})
    first = date.fromisoformat(found["on"])
    counts: list[tuple[str, str, Any]] = [
        (shown.count(len(model.per_risk), "/per_risk", digest), view.say("of the risks covered", "涉及的风险种类"), ""),
        (
            shown.count(found["expired"], _until(first - timedelta(days=1)), digest),
            view.say("expired", "已过期（词）"),
            "no" if found["expired"] else "",
        ),
        (
            shown.count(found["expiring"], _until(first + timedelta(days=WITHIN), first), digest),
            view.say("run out within a month", "一个月内到期（词）"),
            "wait" if found["expiring"] else "",
        ),
    ]
    if isinstance(model, LexiconV3) and model.bad_rows:
        counts.append(
            (shown.count(model.bad_rows, "/bad_rows", digest), view.say("rows left out", "未登记的行"), "wait")
        )
    attention = found["expired"] or found["expiring"] or len(counts) > 3
    word = format_html(view.say("{} terms", "{} 个词", model.terms), shown.count(model.terms, "/terms", digest))
    return Bar(word, "wait" if attention else "na", tuple(counts), _said(view, model), _actions(model, digest))


def _until(last: date, first: date | None = None) -> str:
    """Return the place of the terms whose last day lies there."""
    return shown.where("terms.jsonl", expires=f"{first.isoformat() if first else ''}..{last.isoformat()}")


def _said(view: View, model: Lexicon) -> tuple[str, ...]:
    digest = view.artifact.digest
    said: list[str] = [
        format_html(
            view.say("Version {}. Owned by {}.", "版本 {}。责任人：{}。"),
            shown.quote(model.version, "/version", digest),
            shown.quote(model.owner, "/owner", digest),
        )
    ]
    if not (isinstance(model, LexiconV2) and model.admission):
        said.append(view.say("It had no admission test on ordinary texts.", "尚未用正常文本做入库检验。"))
    if model.note:
        said.append(shown.quote(model.note, "/note", digest))
    return tuple(said)


def _actions(model: Lexicon, digest: str) -> tuple[Action, ...]:
    again = {
        "title": model.title,
        "owner": model.owner,
        "note": model.note,
        "version": _next(model.version),
        "replaces": digest,
        "bad_rows": "leave_out",
    }
    left_out = isinstance(model, LexiconV3) and model.bad_rows
    return (
        *(
            (
                Action(
                    "lexicon.left_out",
                    Text("Rows left out (XLSX)", "下载未登记的行（XLSX）"),
                    {"lexicon": digest},
                    main=True,
                ),
            )
            if left_out
            else ()
        ),
        Action("lexicon.register", Text("Upload a new version…", "上传新版本……"), again, main=not left_out),
        Action("lexicon.admit", Text("Test on ordinary texts…", "入库检验……"), {"lexicon": digest}),
        Action("corpus.build", Text("Build a corpus with it…", "用它构建训练数据……"), {"lexicon": digest}),
        Action("lexicon.sheet", Text("Download (XLSX)", "下载（XLSX）"), {"lexicon": digest}),
    )


def _next(version: str) -> str:
    """Return the version after this one where it ends in a number, else the same.

    >>> _next("7"), _next("2026.9"), _next("first")
    ('8', '2026.10', 'first')
    """
    digits = len(version) - len(version.rstrip("0123456789"))
    return version[: len(version) - digits] + str(int(version[-digits:]) + 1) if 0 < digits < 10 else version


@tab("lexicon", "terms", title=("Terms", "词条"), template="data/lexicon.html")
def lexicon_terms(view: View) -> Mapping[str, Any]:
    """Return the terms that fit the filter, a page at a time."""
    model, digest = lexicon_model(view), view.artifact.digest
    asked = _asked(view, model)
    after = number_of(view.query.get("after", ""))
    found = ask(
        view.session, "lexicon.terms", {"lexicon": digest, **asked, "within": WITHIN, "after": after, "limit": PAGE}
    )
    days = date.fromisoformat(found["on"]), date.fromisoformat(found["until"])
    given = {name: value for name, value in asked.items() if value}
    base = {"tab": "terms", **given}
    return {
        "from": digest,
        "asked": asked,
        "n": shown.count(found["n"], _place(asked, model, days)),
        "some": bool(given),
        "states": [
            {
                "word": _state(view, name),
                "n": shown.count(found["states"][name], _place({"state": name}, model, days)),
                "href": "?" + urlencode({"tab": "terms", "state": name}),
                "on": asked["state"] == name,
            }
            for name in TERM_STATES
        ],
        "total": shown.count(model.terms, "/terms"),
        "risks": [
            {"id": id_, "name": risk_name(id_, view.language), "n": n, "on": id_ == asked["risk"]}
            for id_, n in model.per_risk.items()
        ],
        "modes": [{"name": name, "word": view.say(*FORMS[name]), "on": name == asked["mode"]} for name in FORMS],
        "owners": [{"name": name, "on": name == asked["owner"]} for name in list(found["owners"])[:OWNERS]]
        if len(found["owners"]) > 1
        else [],
        "rows": [_row(view, model, row) for row in found["rows"]],
        "tested": isinstance(model, LexiconV2) and model.admission is not None,
        "before": "?" + urlencode({**base, "after": max(0, after - PAGE)}) if after else "",
        "next": "?" + urlencode({**base, "after": found["next"]}) if found["next"] is not None else "",
        "first": f"{after + 1:,}",
        "last": f"{after + len(found['rows']):,}",
    }


def _asked(view: View, model: Lexicon) -> dict[str, str]:
    """Return the filter that the address asks for; what is no value of a field asks nothing."""
    risk, mode, state = (view.query.get(name, "") for name in ("risk", "mode", "state"))
    return {
        "text": view.query.get("text", "").strip()[:100],
        "risk": risk if risk in model.per_risk else "",
        "mode": mode if mode in FORMS else "",
        "owner": view.query.get("owner", "")[:500],
        "state": state if state in TERM_STATES else "",
    }


def _place(asked: Mapping[str, str], model: Lexicon, days: tuple[date, date]) -> str:
    """Return the place of the terms that a filter lets through."""
    today, near = days
    fixed = {name: asked[name] for name in ("risk", "mode") if asked.get(name)}
    if asked.get("text"):
        fixed["term"] = f"*{asked['text']}*"
    owner = asked.get("owner", "")
    wanted = [{"owner": one} for one in (("", owner) if owner == model.owner else (owner,))] if owner else [{}]
    ranges = {
        "expired": f"..{(today - timedelta(days=1)).isoformat()}",
        "expiring": f"{today.isoformat()}..{near.isoformat()}",
        "in_force": f"..{near.isoformat()}",
    }
    state = asked.get("state", "")
    dated = [{**fixed, **one, "expires": ranges[state]} for one in wanted] if state else []
    plain = [{**fixed, **one} for one in wanted] if state in ("", "in_force") else []
    signs = [("+", one) for one in plain] + [("-" if plain else "+", one) for one in dated]
    return " ".join(
        part
        for place, (sign, one) in enumerate(signs)
        for part in ((sign,) if place else ()) + (shown.where("terms.jsonl", **one) if one else "/terms",)
    )


def _row(view: View, model: Lexicon, row: Mapping[str, Any]) -> dict[str, Any]:
    at = f"terms.jsonl/{row['place']}"
    evidence = row["admission"]
    own = row["owner"] == model.owner
    return {
        "term": shown.quote(row["term"], f"{at}#term"),
        "risk": row["risk"],
        "name": risk_name(row["risk"], view.language),
        "category": shown.quote(row["category"], f"{at}#category") if row["category"] else "",
        "mode": _mode(view, row["mode"]),
        "partners": [shown.quote(word, f"{at}#with_terms/{place}") for place, word in enumerate(row["with_terms"])],
        "unless": [shown.quote(word, f"{at}#unless/{place}") for place, word in enumerate(row["unless"])],
        "within": shown.count(row["within"], f"{at}#within"),
        "weight": shown.count(row["weight"], f"{at}#weight"),
        "evasions": [evasion_name(view, name) for name in row["evasion"]],
        "owner": "" if own else shown.quote(row["owner"], f"{at}#owner"),
        "added": shown.quote(row["added"], f"{at}#added") if row["added"] else "",
        "expires": shown.quote(row["expires"], f"{at}#expires") if row["expires"] else "",
        "state": _state(view, row["state"]) if row["expires"] else None,
        "note": shown.quote(row["note"], f"{at}#note") if row["note"] else "",
        "hit": shown.count(evidence["k"], f"admission.jsonl/{row['place']}#k") if evidence else "",
        "of": shown.count(evidence["n"], f"admission.jsonl/{row['place']}#n") if evidence else "",
        "became": _became(view, evidence) if evidence else "",
    }


def _became(view: View, evidence: Mapping[str, Any]) -> str:
    if evidence["mode"] == evidence["mode_before"]:
        return ""
    return "→ " + view.say(*FORMS[evidence["mode"]])


@tab("lexicon", "match", title=("Try a text", "试查文本"), template="data/lexicon_match.html", is_long=True)
def lexicon_match(view: View) -> Mapping[str, Any]:
    """Return the form, and what the library finds in the text that was sent."""
    digest = view.artifact.digest
    text, day = view.query.get("text", "").replace("\r\n", "\n"), view.query.get("as_of", "").strip()
    found: dict[str, Any] = {"from": digest, "text": text, "day": day, "today": clock.now().date().isoformat()}
    if not text.strip():
        return found
    try:
        told = ask(view.session, "lexicon.match", {"lexicon": digest, "text": text, "as_of": day})
    except QuanhengError as error:  # shown beside the form, so that what was typed stays
        return {**found, "error": error}
    counted = [hit for hit in told["hits"] if not hit["why_not"]]
    spans = [(hit["start"], hit["end"], "soft" if hit["why_not"] else "") for hit in told["hits"]]
    review = told["decision"] == "review"
    return {
        **found,
        "tried": True,
        "word": Word(view.say("Listed for review", "列入复核"), "wait")
        if review
        else Word(view.say("Not listed for review", "不列入复核"), "ok"),
        "counted": told["hits_counted"],
        "others": told["n"] - told["hits_counted"],
        "terms": told["terms"],
        "as_of": told["as_of"],
        "marked": shown.passage(text, "tried", spans=spans, width=0),
        "rows": [_hit(view, text, hit) for hit in told["hits"]],
        "cut": told["n"] > len(told["hits"]),
        "some": bool(counted),
    }


WHY_NOT = {
    "excused": ("excused by a context (白名单)", "落在白名单语境内，不计"),
    "alone": ("without its partner nearby, not counted", "附近没有组合词，不计"),
}


def _hit(view: View, text: str, hit: Mapping[str, Any]) -> dict[str, Any]:
    term, at = hit["term"], f"terms.jsonl/{hit['place']}"
    counts = Word(view.say("counts", "计入"), "wait")
    if hit["suspect"] and not hit["why_not"]:
        counts = Word(view.say("a suspicion: for review, not in the density", "疑似：供复核，不计入密度"), "wait")
    return {
        "seen": text[hit["start"] : hit["end"]],
        "term": shown.quote(term["term"], f"{at}#term"),
        "href": "?" + urlencode({"tab": "terms", "text": term["term"]}),
        "risk": term["risk"],
        "name": risk_name(term["risk"], view.language),
        "evasion": evasion_name(view, hit["evasion"]) if hit["evasion"] else view.say("as written", "原样"),
        "mode": _mode(view, term["mode"]),
        "word": Word(view.say(*WHY_NOT[hit["why_not"]]), "na") if hit["why_not"] else counts,
    }
