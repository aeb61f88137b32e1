"""The account of a corpus as a query, with what people found in samples of its sources beside what machines counted."""

from __future__ import annotations

from typing import Any

from quanheng.core.call import ask
from quanheng.core.context import Loaded
from quanheng.core.layer_rows import layer_rows
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.data.page_reading import OneCorpus, corpus_of
from quanheng.errors import NotFound
from quanheng.kinds.corpora import CorpusSample, CorpusV3

#: The layer of samples that a build keeps for people.
SAMPLES = "samples.jsonl"


@query(
    "corpus.account",
    help=(
        "Account for every document of a corpus: kept or dropped and why, by source, region and licence",
        "语料总账：每条文档的去向，按原因、来源、境内外和许可汇总",
    ),
)
def corpus_account(session: Session, inp: OneCorpus) -> Any:
    """Return the account of `data.corpus.account`, and under "people" what people found in samples by source.

    What the machine found (`risky` of `screened`) is a count over all documents; what people found is a sample, with an
    exact bound. Only the second says whether a source may be used.
    """
    from quanheng.data.corpus.account import account

    loaded, model = corpus_of(session, inp.corpus)
    found = account(model)
    people = ask(session, "verdicts.sources", {"corpus": loaded.digest})
    rows = {
        row["source"]: {key: row[key] for key in ("k", "n", "upper", "follows", "more", "gaps")}
        for row in people["rows"]
    }
    sources = [{**source, "people": rows[source["source"]]} for source in found["sources"]]
    about = {key: people[key] for key in ("rule", "limit", "verdicts", "sample", "self_drawn", "unjudged")}
    return {"digest": loaded.digest, **found, "sources": sources, "people": about}


def kept_samples(loaded: Loaded, decision: str, reason: str, source: str) -> list[CorpusSample]:
    """Return what a build kept for people of a decision and reason, of one source where given, in order of rank.

    NotFound "no_samples" for a corpus that has none.
    """
    if not isinstance(loaded.model, CorpusV3):
        raise NotFound(
            "no samples were kept with this corpus: it is of an earlier kind",
            "该语料属于较早的类型，构建时没有保留样例",
            hint=("Build it again: quanheng corpus build", "请重新构建：quanheng corpus build"),
            code="no_samples",
        )
    rows = [
        row
        for row in layer_rows(loaded, SAMPLES, CorpusSample)
        if row.decision == decision and row.reason == reason and source in ("", row.source)
    ]
    if source:
        return sorted((row for row in rows if row.rank_in_source), key=lambda row: row.rank_in_source or 0)
    return sorted((row for row in rows if row.rank), key=lambda row: row.rank or 0)
