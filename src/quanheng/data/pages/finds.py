"""What a build found, as the page of a corpus shows it: duplicates in pairs, masked personal data, the review list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from quanheng.core import permission, shown
from quanheng.core.call import ask
from quanheng.core.pages import View
from quanheng.core.preview import printable
from quanheng.data.page_decisions import DUPLICATES
from quanheng.data.pages.corpus import number_of, risk_name, terms_found, title_of
from quanheng.kinds.code_words import PERSONAL_DATA
from quanheng.kinds.corpora import Corpus, CorpusV2
from quanheng.kinds.drop_reasons import reason_name
from quanheng.kinds.risks import RISKS

#: So many pairs, masked documents and documents for review stand on one page.
PAIRS, MASKED, LISTED = 10, 12, 20
#: Characters around the first hit of a document for review, and of each side of a pair.
WIDTH = 320


def type_name(view: View, type: str) -> str:
    """Return what a type of personal data is called."""
    said = PERSONAL_DATA.get(type)
    return view.say(said.en, said.zh) if said else type.replace("_", " ")


def _source_of(view: View, model: Corpus) -> str:
    """Return the digest of the source that the address asks for, "" for none or an unknown one."""
    wanted = view.query.get("source", "")
    return wanted if wanted in {share.source for share in model.per_source} else ""


def _sources(model: Corpus, chosen: str) -> list[dict[str, Any]]:
    return [{"digest": s.source, "title": s.title, "on": s.source == chosen} for s in model.per_source]


def _dropped(model: Corpus, reason: str) -> tuple[int, str]:
    """Return how many documents were dropped for a reason, and where that number stands."""
    shares = model.per_source
    places = shown.total(f"/per_source/{place}/dropped/{reason}" for place in range(len(shares)))
    return sum(share.dropped.get(reason, 0) for share in shares), places


def duplicates_in_all(model: Corpus) -> tuple[int, str]:
    """Return how many duplicates were dropped, and where that number stands."""
    found = [_dropped(model, reason) for reason in DUPLICATES if _dropped(model, reason)[0]]
    return sum(n for n, _ in found), shown.total(place for _, place in found)


def duplicates(view: View, model: Corpus) -> dict[str, Any]:
    """Return duplicates in pairs: on one side what stays, on the other the beginning of what was dropped."""
    counts = {reason: _dropped(model, reason) for reason in DUPLICATES}
    reasons = [reason for reason in DUPLICATES if counts[reason][0]]
    reason = view.query.get("reason", "")
    reason = reason if reason in reasons else ""
    source, seed = _source_of(view, model), number_of(view.query.get("seed", ""))
    base = {"tab": "duplicates", "reason": reason, "source": source}
    found: Mapping[str, Any] = {"rows": []}
    if reasons:
        asked = {"corpus": view.artifact.digest, "reason": reason, "source": source, "seed": seed, "limit": PAIRS}
        found = ask(view.session, "corpus.duplicates", asked)
    whole = duplicates_in_all(model)
    return {
        "all": {"href": "?" + urlencode({**base, "reason": ""}), "on": not reason, "n": shown.count(*whole)}
        if reasons
        else None,
        "reasons": [
            {
                "title": _reason(view, name),
                "href": "?" + urlencode({**base, "reason": name}),
                "n": shown.count(*counts[name]),
                "on": name == reason,
            }
            for name in reasons
        ],
        "reason": reason,
        "source": source,
        "sources": _sources(model, source),
        "seed": seed,
        "again": "?" + urlencode({**base, "seed": seed + 1}),
        "rows": [_pair(view, model, row) for row in found["rows"]],
        "says_which": isinstance(model, CorpusV2),
    }


def _pair(view: View, model: Corpus, row: Mapping[str, Any]) -> dict[str, Any]:
    gone = shown.where("decisions/*", id=row["id"], decision="drop")
    kept = row["kept"]
    near = row["reason"] == "near_duplicate"
    return {
        "reason": _reason(view, row["reason"]),
        "measure": shown.quote(row["measure"], gone + "#measure") if row["measure"] and near else "",
        "id": row["id"],
        "title": title_of(model, row["source"]),
        "url": printable(row["url"]),
        "text": shown.passage(row["excerpt"], gone + "#excerpt", width=WIDTH),
        "kept": _kept(model, kept) if kept else None,
    }


def _kept(model: Corpus, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stays of a pair: a document of the corpus, or the beginning of one that was dropped later."""
    stays = kept["index"] is not None
    place = (
        shown.where("data/*", id=kept["id"]) + "#text"
        if stays
        else shown.where("decisions/*", id=kept["id"], decision="drop") + "#excerpt"
    )
    return {
        "id": kept["id"],
        "title": title_of(model, kept["source"]),
        "url": printable(kept["url"]),
        "text": shown.passage(kept["text"], place, width=WIDTH),
        "href": "?" + urlencode({"tab": "samples", "document": kept["index"]}) if stays else "",
    }


def _reason(view: View, reason: str) -> str:
    name = reason_name(reason)
    return view.say(name.en, name.zh)


def personal(view: View, model: Corpus) -> dict[str, Any]:
    """Return masked places by type and source, and masked documents with what stands for the data highlighted."""
    types = [name for name, _ in sorted(model.personal_data.items(), key=lambda item: (-item[1], item[0]))]
    type_ = view.query.get("type", "")
    type_ = type_ if type_ in types else ""
    source, seed = _source_of(view, model), number_of(view.query.get("seed", ""))
    asked = {"corpus": view.artifact.digest, "type": type_, "source": source, "seed": seed, "limit": MASKED}
    found = ask(view.session, "corpus.masked", asked)
    base = {"tab": "personal", "type": type_, "source": source}
    return {
        "types": [_type(view, model, name, base, type_, found["counts"]) for name in types],
        "sources": _sources(model, source),
        "heads": [title_of(model, share.source) for share in model.per_source],
        "documents": [
            {
                "label": share.title,
                "n": shown.count(
                    found["documents"].get(share.source, 0),
                    shown.where("decisions/*", decision="mask", source=share.source),
                ),
            }
            for share in model.per_source
        ],
        "masked": shown.count(model.masked_documents, "/masked_documents"),
        "n": shown.count(model.totals.documents, "/totals/documents"),
        "part": shown.share(
            model.masked_documents, model.totals.documents, "/masked_documents", "/totals/documents", places=2
        ),
        "type": type_,
        "type_name": type_name(view, type_) if type_ else "",
        "source": source,
        "seed": seed,
        "again": "?" + urlencode({**base, "seed": seed + 1}),
        "all": "?" + urlencode({**base, "type": ""}),
        "rows": [_masked(model, row) for row in found["rows"]],
        "names": any(name in types for name in ("name", "address")),
    }


def _type(
    view: View, model: Corpus, name: str, base: Mapping[str, str], chosen: str, counts: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    by_source = [
        {
            "label": share.title,
            "n": shown.count(
                counts.get(share.source, {}).get(name, 0),
                shown.where("decisions/*", decision="mask", source=share.source) + f"#masked({name})",
            ),
        }
        for share in model.per_source
    ]
    return {
        "name": type_name(view, name),
        "href": "?" + urlencode({**base, "type": name}),
        "on": name == chosen,
        "n": shown.count(model.personal_data[name], f"/personal_data/{name}"),  # type: ignore[index]
        "by_source": by_source,
    }


def _masked(model: Corpus, row: Mapping[str, Any]) -> dict[str, Any]:
    place = shown.where("decisions/*", id=row["id"], decision="mask") + "#excerpt"
    return {
        "id": row["id"],
        "title": title_of(model, row["source"]),
        "url": printable(row["url"]),
        "text": shown.passage(row["excerpt"], place, spans=[(start, end, "soft") for start, end in row["masked"]]),
    }


def review(view: View, model: Corpus) -> dict[str, Any]:
    """Return a page of the documents listed for review, each with a box to mark it for takedown."""
    digest, listed = view.artifact.digest, model.filtered.documents_for_review
    reasons = dict(model.review) if isinstance(model, CorpusV2) else {}
    asked_for = view.query.get("reason", ""), view.query.get("risk", "")
    reason, risk = (
        one if one in known else "" for one, known in zip(asked_for, (reasons, model.filtered.per_risk), strict=True)
    )
    after = number_of(view.query.get("after", ""))
    asked = {"corpus": digest, "reason": reason, "risk": risk, "after": after, "limit": LISTED}
    found: Mapping[str, Any] = ask(view.session, "corpus.review", asked) if listed else {"rows": [], "next": None}
    base = {"tab": "review", "reason": reason, "risk": risk}
    return {
        "n": shown.count(listed, "/filtered/documents_for_review"),
        "of": shown.count(model.totals.documents, "/totals/documents"),
        "part": shown.share(
            listed, model.totals.documents, "/filtered/documents_for_review", "/totals/documents", places=2
        ),
        "reasons": _ways(view, base, "reason", [(name, _reason(view, name)) for name in reasons])
        if len(reasons) > 1
        else [],
        "risks": _ways(
            view, base, "risk", [(id_, risk_name(id_, view.language)) for id_ in sorted(model.filtered.per_risk)]
        ),
        "listed": bool(listed),
        "absent": "、".join(one for one in asked_for if one not in ("", reason, risk))[:100],
        "told": found.get("terms_told", True) or not any(row["hits"] for row in found["rows"]),
        "lexicon": model.filtered.lexicon or "",
        "rows": [_listed(view, model, row) for row in found["rows"]],
        "corpus": digest,
        "may": permission.decide(view.session, "build", "corpus.takedown").allowed,
        "action": f"/p/{view.project}/do/corpus/takedown",
        "back": f"/p/{view.project}/a/{digest}?" + urlencode({**base, "after": after}),
        "before": "?" + urlencode({**base, "after": max(0, after - LISTED)}) if after else "",
        "next": "?" + urlencode({**base, "after": found["next"]}) if found["next"] is not None else "",
        "uses": ask(view.session, "corpus.uses", {"corpus": digest})["rows"][:PAIRS] if listed else [],
    }


def _ways(view: View, base: Mapping[str, str], field: str, names: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the choices of a field, as links; the first one asks for all."""
    chosen = base[field]
    every = [("", view.say("All", "全部")), *names]
    return [
        {
            "title": name,
            "id": value if field == "risk" else "",
            "href": "?" + urlencode({**base, field: value}),
            "on": value == chosen,
        }
        for value, name in every
    ]


def _listed(view: View, model: Corpus, row: Mapping[str, Any]) -> dict[str, Any]:
    text = shown.passage(
        row["text"],
        shown.where("data/*", id=row["id"]) + "#text",
        spans=[(start, end, "") for start, end, *_ in row["hits"]],
        width=WIDTH,
    )
    return {
        "id": row["id"],
        "digest": row["text_digest"],
        "text": text,
        "title": title_of(model, row["source"]),
        "url": printable(row["url"]),
        "href": "?" + urlencode({"tab": "samples", "document": row["index"]}),
        "risks": [{"id": id_, "name": risk_name(id_, view.language)} for id_ in sorted(row["risks"]) if id_ in RISKS],
        "reasons": [_reason(view, name) for name in row["reasons"]],
        "terms": terms_found(view, model, row["hit_terms"]),
    }


def compare(view: View, model: Corpus) -> dict[str, Any]:
    """Return the corpus beside another one of the project: totals, what was dropped and why, texts of one alone."""
    digest = view.artifact.digest
    rows = ask(view.session, "artifact.list", {"kind": "corpus", "limit": 100})["rows"]
    others = [row for row in rows if row["digest"] != digest and not row["withdrawn"]]
    other, seed = view.query.get("other", ""), number_of(view.query.get("seed", ""))
    other = other if any(row["digest"] == other for row in others) else ""
    choices = [{**row, "title": _named(row), "on": row["digest"] == other} for row in others]
    if not other:
        return {"choices": choices, "other": ""}
    found = ask(view.session, "corpus.diff", {"first": digest, "second": other, "seed": seed})
    return {
        "choices": choices,
        "other": other,
        "seed": seed,
        "again": "?" + urlencode({"tab": "compare", "other": other, "seed": seed + 1}),
        "totals": _totals(view, found),
        "reasons": _reasons(view, found),
        "both": shown.count(found["both"], f"diff/{other}#/both"),
        "sides": [_side(found, "first", digest, other), _side(found, "second", digest, other)],
    }


def _named(row: Mapping[str, Any]) -> str:
    short = row["digest"].removeprefix("sha256:")[:12]
    return " · ".join([*row["names"][:2], short, row["created"][:16].replace("T", " ")])


def _totals(view: View, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = {
        "documents": ("Documents", "条数"),
        "characters": ("Characters", "字数"),
        "bytes": ("Bytes", "字节"),
        "tokens": ("Tokens", "词元"),
    }
    sides = [found["one"], found["second"]]
    return [
        {
            "name": view.say(*names[name]),
            "sides": [shown.count(side["totals"][name], f"/totals/{name}", side["digest"]) for side in sides],
        }
        for name in names
        if all(side["totals"].get(name) is not None for side in sides)
    ]


def _reasons(view: View, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what each dropped for which reason, the reasons with the largest difference first."""
    sides = [found["one"], found["second"]]
    every = {reason for side in sides for reason in side["dropped"]}
    counts = {reason: [side["dropped"].get(reason, 0) for side in sides] for reason in sorted(every)}
    order = sorted(counts, key=lambda reason: -abs(counts[reason][0] - counts[reason][1]))
    return [{"name": _reason(view, reason), "sides": [_side_count(side, reason) for side in sides]} for reason in order]


def _side_count(side: Mapping[str, Any], reason: str) -> Any:
    places = shown.total(f"/per_source/{place}/dropped/{reason}" for place in range(len(side["titles"])))
    return shown.count(side["dropped"].get(reason, 0), places, side["digest"])


def _side(found: Mapping[str, Any], role: str, digest: str, other: str) -> dict[str, Any]:
    """Return the texts that stand in one of the two alone: how many of each source, and some of them."""
    side = found["one" if role == "first" else role]
    places = {source: place for place, source in enumerate(side["titles"])}

    def title(source: str) -> Any:
        if source not in places:
            return source
        return shown.quote(side["titles"][source], f"/per_source/{places[source]}/title", side["digest"])

    alone = found[f"only_{role}"]
    total = sum(alone.values())
    return {
        "digest": side["digest"],
        "n": shown.count(total, shown.total(f"diff/{other}#/only_{role}/{source}" for source in alone))
        if total
        else "",
        "sources": [
            {"title": title(source), "n": shown.count(n, f"diff/{other}#/only_{role}/{source}")}
            for source, n in alone.items()
        ],
        "rows": [
            {
                "id": row["id"],
                "title": title(row["source"]),
                "text": shown.passage(
                    row["text"], shown.where("data/*", id=row["id"]) + "#text", side["digest"], width=WIDTH
                ),
            }
            for row in found[f"shown_{role}"][:PAIRS]
        ],
    }
