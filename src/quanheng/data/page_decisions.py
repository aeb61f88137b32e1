"""What the pages of a corpus show of its decisions: duplicates beside what they repeat, masked data, review."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, cast

from quanheng.core import bounded
from quanheng.core.context import Loaded
from quanheng.core.inputs import param
from quanheng.core.layer_rows import layer_rows
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.data.page_hits import Terms, named, terms_of
from quanheng.data.page_reading import MOST, SOURCE_HELP, OneCorpus, addressed, corpus_of, layer_files, source_of
from quanheng.errors import Conflict, Invalid
from quanheng.kinds.code_words import with_code
from quanheng.kinds.corpora import Corpus, CorpusV2
from quanheng.kinds.drop_reasons import REASONS
from quanheng.kinds.risks import RISKS
from quanheng.store import JSON

#: Reasons for which a document is dropped because another one says the same.
DUPLICATES = ("duplicate", "near_duplicate")
#: A duplicate names what it repeats, which may itself have been dropped for repeating another: so many steps at most.
CHAIN = 8


class OfDecisions(OneCorpus):
    """What queries about decisions have in common: of which source, and which of them are shown."""

    source: str = param("", *SOURCE_HELP, max_length=500)
    seed: int = param(0, "Another seed shows others", "换一个种子看另一些", ge=0, le=2**31)
    limit: int = param(10, "At most so many (1 to 200)", "最多多少条（1 至 200）", ge=1, le=MOST)


class CorpusDuplicates(OfDecisions):
    """Input of corpus.duplicates."""

    reason: str = param(
        "",
        "Only these: duplicate or near_duplicate",
        "只看这一类：duplicate 完全重复，或 near_duplicate 近似重复",
        pattern=r"^([a-z][a-z0-9_]{0,59})?$",
    )


@query(
    "corpus.duplicates",
    help=("Show dropped duplicates beside the document that was kept", "对照查看被剔除的重复文档和保留的那一份"),
)
def corpus_duplicates(session: Session, inp: CorpusDuplicates) -> Any:
    """Return dropped duplicates, each with the document that stays in its place; the same for the same seed.

    `population`: duplicates with this reason and of this source. `measure`: how alike, as the build wrote it: the
    share of common pieces (Jaccard), 1 for exact copies. `kept`: None where a corpus does not say what was repeated.
    """
    loaded, model = corpus_of(session, inp.corpus)
    found = _decided(session, loaded, inp, "drop", reasons=[inp.reason] if inp.reason else list(DUPLICATES))
    of = repeated(session, loaded, [row.get("of", "") for row in found["rows"]])
    titles = _titles(model)
    rows = [
        {
            "id": row["id"],
            "source": row["source"],
            "title": titles.get(row["source"], ""),
            "reason": row["reason"],
            "measure": row.get("measure", ""),
            "excerpt": row["excerpt"],
            "url": row.get("url", ""),
            "kept": of.get(row.get("of", "")),
        }
        for row in found["rows"]
    ]
    return {
        "digest": loaded.digest,
        "reason": inp.reason,
        "seed": inp.seed,
        "population": found["population"],
        "rows": addressed(session, rows),
    }


def repeated(session: Session, loaded: Loaded, ids: list[str]) -> dict[str, dict[str, Any]]:
    """Return, by the id that a duplicate names, the document of the corpus that stays, or the last decision on it."""
    known: dict[str, dict[str, Any]] = {}
    gone: dict[str, dict[str, Any]] = {}
    asked = {id for id in ids if id}
    for _ in range(CHAIN):
        if not asked:
            break
        found = _by_id(session, loaded, sorted(asked))
        known |= found["kept"]
        gone |= found["dropped"]
        asked = {row["of"] for row in found["dropped"].values() if row.get("of")} - known.keys() - gone.keys()
    ends = {id: row for id in ids if (row := _end_of(id, known, gone))}
    return dict(zip(ends, addressed(session, ends.values()), strict=True))


def _end_of(id: str, known: dict[str, dict[str, Any]], gone: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """Return the document at the end of a chain of duplicates, as far as the chain was followed."""
    last = None
    for _ in range(CHAIN + 1):
        if row := known.get(id):
            return {name: row[name] for name in ("id", "source", "text", "index")} | {"url": row.get("url") or ""}
        if (row := gone.get(id)) is None:
            break
        last = {"id": id, "source": row["source"], "text": row["excerpt"], "index": None, "url": row.get("url") or ""}
        id = row.get("of", "")
    return last


class CorpusMasked(OfDecisions):
    """Input of corpus.masked."""

    type: str = param(
        "", "Only documents with this type of personal data", "只看含此类个人信息的文档", pattern=r"^[a-z0-9_]{0,40}$"
    )


@query("corpus.masked", help=("Show what personal data was masked, and where", "查看遮盖了哪些个人信息"))
def corpus_masked(session: Session, inp: CorpusMasked) -> Any:
    """Return places masked by type and source, and some masked documents; the same for the same seed.

    `counts`: {source: {type: places}}. `documents`: masked documents by source. Rows are excerpts of documents as they
    stand in the corpus, with the places of what stands there for personal data.
    """
    loaded, model = corpus_of(session, inp.corpus)
    found = _decided(session, loaded, inp, "mask", types=[inp.type] if inp.type else [])
    counts: dict[str, Counter[str]] = {share.source: Counter() for share in model.per_source}
    documents: Counter[str] = Counter()
    for source, reason, n in found["counts"]:
        documents[source] += n
        counts.setdefault(source, Counter()).update({type: k * n for type, k in _types(reason)})
    titles = _titles(model)
    return {
        "digest": loaded.digest,
        "type": inp.type,
        "seed": inp.seed,
        "counts": {source: dict(sorted(types.items())) for source, types in counts.items()},
        "documents": {source: documents[source] for source in counts},
        "population": found["population"],
        "rows": addressed(session, (_masked(row, titles) for row in found["rows"])),
    }


def _types(reason: str) -> Iterator[tuple[str, int]]:
    """Yield types and places of the reason of a masked document: "mobile 1, qq 2"."""
    for part in reason.split(", "):
        type, _, n = part.partition(" ")
        yield type, int(n) if n.isdigit() else 0


def _masked(row: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    from quanheng.data.corpus import look

    return {
        "id": row["id"],
        "source": row["source"],
        "title": titles.get(row["source"], ""),
        "excerpt": row["excerpt"],
        "url": row.get("url", ""),
        "masked": [list(span) for span in _placed(row, look.placeholders(row["excerpt"]))],
    }


def _placed(row: dict[str, Any], known: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return where something stands for personal data: as the build noted it, else by the words that masking puts.

    A note is [step, start, length before, length after, type], `start` in the text as that step found it: a later step
    that edits moves it. A note that does not fall on a bracket is not trusted.
    """
    found, shift = [], 0
    for note in sorted(json.loads(row.get("spans") or "[]"), key=lambda note: note[1]):
        start = int(note[1]) + shift
        shift += int(note[3]) - int(note[2])
        end = start + int(note[3])
        if row["excerpt"][start : start + 1] == "〔" and row["excerpt"][end - 1 : end] == "〕":
            found.append((start, end))
    return sorted({*found, *known})


class CorpusReview(OneCorpus):
    """Input of corpus.review."""

    reason: str = param("", "Only listed for this reason", "只看因此列入复核的", pattern=r"^([a-z][a-z0-9_]{0,59})?$")
    risk: str = param("", "Only with hits of this risk", "只看命中此类风险的", pattern=r"^([A-E]\.[0-9]+(\.[a-z])?)?$")
    after: int = param(0, "Pass over so many documents", "跳过前多少条", ge=0)
    limit: int = param(20, "At most so many (1 to 200)", "最多多少条（1 至 200）", ge=1, le=MOST)


@query(
    "corpus.review",
    help=("List the documents marked for review, with the terms found in them", "列出待复核的文档及其命中的词"),
)
def corpus_review(session: Session, inp: CorpusReview) -> Any:
    """Return documents listed for review in order, with their hits, and where the next page begins.

    `total`: documents that the reason and risk asked for fit; `listed`: all that are listed. Raises Invalid
    "no_such_reason" or "no_such_risk" for what nothing can be listed for.
    `hits`: [start, end, place of the term in the keyword library, how it hid ("" where it did not)]. `hit_terms`: the
    terms themselves with their risks, as far as whoever asks may read the library (`terms_told`).
    """
    from quanheng.data.corpus.look import Hits

    loaded, model = corpus_of(session, inp.corpus)
    _check_review(inp, model)
    every = model.filtered.documents_for_review
    listed = (
        row
        for row in layer_rows(loaded, "filter.jsonl", Hits)
        if row.mode == "review"
        and (not inp.reason or inp.reason in row.reasons)
        and (not inp.risk or inp.risk in row.risks)
    )
    before = sum(1 for _ in islice(listed, inp.after))
    page = list(islice(listed, inp.limit + 1))
    total = before + len(page) + sum(1 for _ in listed) if inp.reason or inp.risk else every
    shown = page[: inp.limit]
    kept = _by_id(session, loaded, [row.id for row in shown])["kept"] if shown else {}
    titles = _titles(model)
    terms = terms_of(session, model, (span for row in shown for span in row.spans))
    return {
        "digest": loaded.digest,
        "terms_told": terms is not None,
        "total": total,
        "listed": every,
        "rows": addressed(session, (_listed(row, kept[row.id], titles, terms) for row in shown if row.id in kept)),
        "next": inp.after + inp.limit if len(page) > inp.limit else None,
    }


def _check_review(inp: CorpusReview, model: Corpus) -> None:
    """Raise Invalid for a reason or risk that nothing in any corpus is listed for, naming those there are here."""
    reasons = dict(model.review) if isinstance(model, CorpusV2) else {}
    if inp.reason and inp.reason not in reasons and inp.reason not in REASONS:
        raise _no_such(("reason", "原因"), inp.reason, [with_code("reason", name, "zh") for name in reasons], reasons)
    risks = model.filtered.per_risk
    if inp.risk and inp.risk not in RISKS:
        raise _no_such(("risk", "风险"), inp.risk, [with_code("risk", name, "zh") for name in risks], risks)


def _no_such(what: tuple[str, str], name: str, named: list[str], known: Iterable[str]) -> Invalid:
    return Invalid(
        f"nothing is listed for review under the {what[0]} {name!r}: there is no such {what[0]}",
        f"没有 {name!r} 这一类{what[1]}，不会有文档因此列入复核",
        hint=(
            f"There are here: {', '.join(known) or 'none'}",
            f"此处有：{'、'.join(named) or '（无）'}",
        ),
        code="no_such_reason" if what[0] == "reason" else "no_such_risk",
    )


def _listed(row: Any, document: dict[str, Any], titles: dict[str, str], terms: Terms | None) -> dict[str, Any]:
    hits = row.hits()
    return {
        "id": row.id,
        "index": document["index"],
        "source": document["source"],
        "title": titles.get(document["source"], ""),
        "text": document["text"],
        "text_digest": document["text_digest"],
        "url": document.get("url", ""),
        "risks": dict(row.risks),
        "reasons": list(row.reasons),
        "hits": hits,
        "hit_terms": named(document["text"], hits, terms),
    }


def _decided(
    session: Session,
    loaded: Loaded,
    inp: OfDecisions,
    decision: str,
    *,
    reasons: list[str] | None = None,
    types: list[str] | None = None,
) -> dict[str, Any]:
    model = loaded.model
    assert isinstance(model, Corpus)  # noqa: S101 - corpus_of has checked it
    task = {
        "files": layer_files(session, loaded, "decisions"),
        "decision": decision,
        "reasons": reasons or [],
        "types": types or [],
        "source": source_of(session, _titles(model), inp.source),
        "seed": inp.seed,
        "n": inp.limit,
    }
    return cast(dict[str, Any], bounded.run("quanheng.data.page_look:decided", cast(JSON, task)))


def _by_id(session: Session, loaded: Loaded, ids: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
    task = {
        "data": layer_files(session, loaded, "data"),
        "decisions": layer_files(session, loaded, "decisions"),
        "ids": ids,
    }
    found = bounded.run("quanheng.data.page_look:by_id", cast(JSON, task))
    if missing := [id for id in ids if id not in found["kept"] and id not in found["dropped"]]:
        raise Conflict(
            f"the corpus names documents that it does not hold, {missing[0]!r} first",
            f"语料提到了自身没有的文档，例如 {missing[0]!r}",
            hint=("Run: quanheng fsck", "请运行：quanheng fsck"),
            code="no_such_document",
        )
    return cast(dict[str, dict[str, dict[str, Any]]], found)


def _titles(model: Corpus) -> dict[str, str]:
    return {share.source: share.title for share in model.per_source}
