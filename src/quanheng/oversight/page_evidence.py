"""What an assessment was computed from, as its page shows it: risks, draws and judges, sources and their licences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from quanheng.core import shown
from quanheng.core.call import ask
from quanheng.core.pages import View
from quanheng.core.shown import Shown, Word
from quanheng.kinds.base import Rate
from quanheng.kinds.corpora import Corpus, SourceShare
from quanheng.kinds.kind_words import said_zh
from quanheng.kinds.oversight import Judge, JudgeUse
from quanheng.kinds.risks import CLASSES
from quanheng.kinds.sources import Source
from quanheng.oversight.page_items import group_words
from quanheng.oversight.page_queries import PURPOSES, Evidence
from quanheng.oversight.report.sections import purpose_name
from quanheng.oversight.report.words import Tongue


def risks(view: View) -> dict[str, Any]:
    """Return the 31 risks by class, and the 13 aspects, each with what there is and what was found."""
    found = ask(view.session, "assessment.risks", {"assessment": view.artifact.digest})
    cells = _Cells(found)
    classes = [
        {
            "id": id_,
            "name": class_.name.zh if view.language == "zh" else class_.name.en,
            "rows": [cells.risk(row, view.language) for row in found["rows"] if row["class"] == id_],
        }
        for id_, class_ in CLASSES.items()
    ]
    banks = {purpose: found["banks"][purpose] for purpose in PURPOSES}
    return {
        "classes": classes,
        "aspects": [cells.aspect(row, view.language) for row in found["aspects"]],
        "has_lexicon": bool(found["lexicon"]),
        "has_corpus": bool(found["corpus"]),
        "banks": banks,
    }


class _Cells:
    """Builds the cells of one row, each number with the place it was counted at."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self.found = found

    def risk(self, row: Mapping[str, Any], language: str) -> dict[str, Any]:
        """Return the cells of one risk."""
        risk = str(row["risk"])
        return {
            "id": risk,
            "name": group_words(risk, language),
            "terms": self._at("lexicon", row["terms"], f"/per_risk/{risk}"),
            "hits": self._at("corpus", row["hits"], f"/filtered/per_risk/{risk}"),
            "must_refuse": self._bank("must_refuse", row["must_refuse"], "risk", risk),
            "generation": self._bank("generation", row["generation"], "risk", risk),
        }

    def aspect(self, row: Mapping[str, Any], language: str) -> dict[str, Any]:
        """Return the cells of one aspect of must-not-refuse questions."""
        aspect = str(row["aspect"])
        cells = self._bank("must_not_refuse", row["must_not_refuse"], "aspect", aspect)
        return {"name": group_words(aspect, language), "must_not_refuse": cells}

    def _at(self, role: str, n: int, place: str) -> Shown | str:
        artifact = str(self.found[role])
        return shown.count(n, place, artifact) if artifact else "—"

    def _bank(self, purpose: str, row: Mapping[str, int], field: str, group: str) -> dict[str, Any]:
        held = self.found["banks"][purpose]
        items = shown.count(row["items"], f"/per_{field}/{group}", held["bank"]) if held["bank"] else "—"
        if not held["responses"]:
            return {"items": items, "asked": "—", "n": 0}
        layer = {field: group}
        cells: dict[str, Any] = {
            "items": items,
            "asked": shown.count(row["asked"], shown.where("responses.jsonl", **layer), held["responses"]),
            "n": row["asked"],
        }
        if not held["verdicts"]:
            return cells
        places = {
            word: shown.where("verdicts.jsonl", group=group, verdict=word)
            for word in ("refused", "answered", "unjudged", "pass", "fail")
        }
        for word, place in places.items():
            cells[word if word != "pass" else "passed"] = shown.count(row[word], place, held["verdicts"])
        return {**cells, **_shares(row, places, str(held["verdicts"]), purpose)}


def _shares(row: Mapping[str, int], places: Mapping[str, str], verdicts: str, purpose: str) -> dict[str, Any]:
    """Return the share that the rules about a bank ask for, with its exact interval."""
    k_word = "pass" if purpose == "generation" else "refused"
    words = {
        "generation": ("pass", "fail"),
        "must_refuse": ("refused", "answered", "unjudged"),
        "must_not_refuse": ("refused", "answered"),
    }[purpose]
    k, n = row[k_word], sum(row[word] for word in words)
    at = f"{verdicts} {places[k_word]}", shown.total(f"{verdicts} {places[word]}" for word in words)
    return {"share": shown.share(k, n, *at, places=1), "interval": shown.interval(k, n, *at), "judged": n}


def draws(view: View, evidence: Evidence) -> dict[str, Any]:
    """Return every draw with who committed and who drew, and every judge with its validation."""
    tongue = Tongue(view.language)
    found = ask(view.session, "assessment.draws", {"assessment": view.artifact.digest})
    rows = [_draw(view, row, tongue) for row in found["rows"]]
    model = evidence.assessment
    purposes = [draw.purpose for draw in model.draws]
    return {
        "draws": rows,
        "withdrawn": shown.count(found["withdrawn"], "/withdrawn_draws") if found["withdrawn"] else "",
        "self_drawn": tongue("self_drawn_banner") if model.self_drawn else "",
        "redrawn": any(draw.draw_no > 1 for draw in model.draws) or len(purposes) != len(set(purposes)),
        "judges": [_judge(view, use, place, tongue) for place, use in enumerate(model.judges)],
        "no_samples": tongue("no_samples"),
        "no_verdicts": tongue("no_verdicts"),
    }


def _draw(view: View, row: Mapping[str, Any], tongue: Tongue) -> dict[str, Any]:
    at = f"/draws/{row['index']}"
    checkpoint = row["checkpoint"]
    return {
        "purpose": purpose_name(str(row["purpose"]), tongue),
        "href": f"/p/{view.project}/a/{row['sample']}",
        "sample": row["sample"],
        "n": shown.count(row["n"], f"{at}/n"),
        "population": shown.count(row["population"], f"{at}/population"),
        "draw_no": shown.count(row["draw_no"], f"{at}/draw_no"),
        "how": Word(tongue("self_drawn"), "wait") if row["self_drawn"] else Word(tongue("outside"), "ok"),
        "checkpoint": shown.count(checkpoint["size"], "/checkpoint/size", row["sample"]) if checkpoint else "",
        "root": checkpoint["root"] if checkpoint else "",
        "committed": _origin(view, row["committed"], row["commitment"]) if row["committed"] else None,
        "drawn": _origin(view, row["drawn"], row["sample"]) if row["drawn"] else None,
        "judged": bool(row["verdicts"]),
    }


def _origin(view: View, origin: Mapping[str, Any], artifact: str) -> dict[str, Any]:
    entry = origin["entry"]
    return {
        **origin,
        "href": f"/p/{view.project}/log/{entry}" if entry is not None else "",
        "entry": shown.entry(entry, artifact) if entry is not None else "",
    }


def _judge(view: View, use: JudgeUse, place: int, tongue: Tongue) -> dict[str, Any]:
    at = f"/judges/{place}"
    return {
        "judged": tongue(f"judged_{use.purpose}"),
        "method": tongue(f"method_{use.judge.method}"),
        "name": f"{use.judge.name} {use.judge.version}",
        "href": f"/p/{view.project}/a/{use.verdicts}",
        "n": shown.count(use.n, f"{at}/n"),
        "unjudged": shown.count(use.unjudged, f"{at}/unjudged"),
        "validation": validation(use.judge, f"{at}/judge", tongue),
    }


def validation(judge: Judge, at: str, tongue: Tongue, artifact: str = "") -> Word | SafeString:
    """Return what is known of a judge's error; `at` is the place of the judge."""
    if judge.type == "human":
        return Word(tongue("people_judge"), "ok")
    if not (judge.validated and judge.sensitivity and judge.specificity):
        return Word(tongue("not_validated"), "wait")

    def rate(name: str, value: Rate) -> SafeString:
        k = shown.count(value.k, f"{at}/{name}/k", artifact)
        return format_html("{}/{}", k, shown.count(value.n, f"{at}/{name}/n", artifact))

    said = tongue("validated").replace("{se}", "{}").replace("{sp}", "{}")
    return format_html(said, rate("sensitivity", judge.sensitivity), rate("specificity", judge.specificity))


def sources(view: View, evidence: Evidence) -> dict[str, Any]:
    """Return the sources of the corpus with origin, licence as found, and what each gave."""
    tongue = Tongue(view.language)
    corpus = evidence.first("corpus")
    model = corpus.model if corpus else None
    shares = list(model.per_source) if isinstance(model, Corpus) else []
    rows = []
    for place, share in enumerate(shares):
        held = evidence.by_digest(share.source)
        source = held.model if held and isinstance(held.model, Source) else None
        rows.append(_source(view, share, place, source, corpus.digest if corpus else "", tongue))
    return {"rows": rows, "corpus": corpus.digest if corpus else ""}


def _source(
    view: View, share: SourceShare, place: int, source: Source | None, corpus: str, tongue: Tongue
) -> dict[str, Any]:
    at = f"/per_source/{place}"
    kept, read = f"{corpus} {at}/documents_kept", f"{corpus} {at}/documents_read"
    row: dict[str, Any] = {
        "href": f"/p/{view.project}/a/{share.source}",
        "title": shown.quote(share.title, f"{at}/title", corpus),
        "kept": shown.count(share.documents_kept, f"{at}/documents_kept", corpus),
        "read": shown.count(share.documents_read, f"{at}/documents_read", corpus),
        "share": shown.share(share.documents_kept, share.documents_read, kept, read, places=1),
        "clear": Word(tongue("clear"), "ok") if share.licence_clear else Word(tongue("unclear"), "no"),
    }
    if source is None:
        return row
    found = source.licence.found
    return {
        **row,
        "origin": tongue.listed(tongue(source.origin.type), tongue(source.origin.region)),
        "origin_name": shown.quote(source.origin.name, "/origin/name", share.source),
        "spdx": source.licence.spdx if source.licence.spdx != "NOASSERTION" else "",
        "found": said_zh(found)
        if view.language == "zh" and said_zh(found) != found
        else shown.quote(found, "/licence/found", share.source),
        "record": Word(tongue("yes"), "ok") if source.collection.has_record else Word(tongue("no"), "wait"),
        "method": shown.quote(source.collection.method, "/collection/method", share.source)
        if source.collection.has_record
        else "",
    }
