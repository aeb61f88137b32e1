"""What the pages of the data wing show, as queries: documents of a corpus, and their lengths."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from quanheng.core import bounded
from quanheng.core.context import Loaded
from quanheng.core.inputs import Local, param
from quanheng.core.layer_rows import layer_rows
from quanheng.core.save import write_file
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.data import account_queries as _account  # noqa: F401 - its query is registered with these
from quanheng.data import page_decisions
from quanheng.data import page_item_queries as _items  # noqa: F401 - so are these
from quanheng.data import page_lexicon_versions as _lexicons  # noqa: F401 - so are these, and what it imports
from quanheng.data.account_queries import kept_samples
from quanheng.data.page_hits import named, terms_of
from quanheng.data.page_reading import (
    MOST,
    SOURCE_HELP,
    OneCorpus,
    addressed,
    corpus_of,
    layer_files,
    shards,
    source_of,
)
from quanheng.errors import Invalid, NotFound
from quanheng.kinds.base import Model
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.counting import counted
from quanheng.kinds.drop_reasons import REASONS
from quanheng.kinds.recipes import RecipeV1
from quanheng.store import JSON

#: What `corpus.samples` can be asked for beside a reason for dropping: kept documents, all or those with a finding.
FLAGS: dict[str, tuple[str, ...]] = {"kept": (), "masked": ("masked",), "hit": ("hit", "review")}


class Rejected(Model):
    """One line of a corpus' rejected.jsonl: a row that could not be read."""

    source: str
    file: str
    row: str
    reason: str
    excerpt: str
    byte: int | None = None
    url: str = ""


class CorpusSamples(OneCorpus):
    """Input of corpus.samples."""

    reason: str = param(
        "kept",
        "What to show: kept, masked, hit, a reason for dropping, or broken",
        "看什么：kept 保留的、masked 有遮盖的、hit 命中关键词的、某一剔除原因，或 broken 读不出的",
        pattern=r"^[a-z][a-z0-9_]{0,59}$",
    )
    source: str = param("", *SOURCE_HELP)
    seed: int = param(0, "Another seed shows others", "换一个种子看另一些", ge=0, le=2**31)
    limit: int = param(10, "At most so many (1 to 200)", "最多多少条（1 至 200）", ge=1, le=MOST)
    beside: bool = param(False, "Also some that were kept, to compare", "同时给出一些保留的文档，供对照")
    decision: Literal["", "drop", "edit", "review"] = param(
        "",
        "Of those that the build kept for people: dropped, edited or listed for this reason",
        "只看构建时为人工查看保留的样例：drop 剔除的、edit 编辑的、review 待复核的",
    )


@query(
    "corpus.samples",
    help=(
        "Look at some documents of a corpus: kept, dropped for a reason, or with hits",
        "抽看语料中的文档：保留的、因某一原因剔除的、有命中的",
    ),
)
def corpus_samples(session: Session, inp: CorpusSamples) -> Any:
    """Return a few documents with why they stand there and what to highlight; the same for the same seed.

    `population`: how many there are. Of kept documents `index` is the row in the corpus and `text` is whole; of others
    `text` is the excerpt that was kept. `url`: the address, of a document without one the name of its file. `kept`:
    kept documents beside them, where they were asked for.
    """
    loaded, model = corpus_of(session, inp.corpus)
    titles = {share.source: share.title for share in model.per_source}
    inp = inp.model_copy(update={"source": source_of(session, titles, inp.source)})
    if inp.decision:
        return _kept(session, loaded, model, inp)
    _known_reason(inp.reason, model)
    draws = [] if inp.reason == "broken" else [_draw(session, loaded, inp, inp.reason)]
    if inp.beside:
        draws.append(_draw(session, loaded, inp, "kept"))
    found: list[Any] = json.loads(_sampled(json.dumps({"draws": draws}, sort_keys=True))) if draws else []
    kept = documents(session, loaded, found.pop()["rows"]) if inp.beside else []
    population, rows = _broken(loaded, inp) if inp.reason == "broken" else _rows(session, loaded, inp.reason, found[0])

    def titled(some: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return addressed(session, [{**row, "title": titles.get(str(row["source"]), "")} for row in some])

    return {
        "digest": loaded.digest,
        "reason": inp.reason,
        "seed": inp.seed,
        "population": population,
        "rows": titled(rows),
        "kept": titled(kept),
    }


def _kept(session: Session, loaded: Loaded, model: Corpus, inp: CorpusSamples) -> dict[str, Any]:
    """Return samples that the build kept; another seed shows the next of them. `population`: documents there were."""
    kept = kept_samples(loaded, inp.decision, inp.reason, inp.source)
    field = {"drop": "dropped_amounts", "edit": "edited", "review": "reviewed"}[inp.decision]
    known = sorted({name for share in model.per_source for name in getattr(share, field)})
    if inp.reason not in known:
        raise _no_such_reason(inp.reason, known)
    shares = [share for share in model.per_source if inp.source in ("", share.source)]
    amounts = [getattr(share, field).get(inp.reason) for share in shares]
    start = inp.seed * inp.limit % max(1, len(kept))
    titles = {share.source: share.title for share in model.per_source}
    draws = {"draws": [_draw(session, loaded, inp, "kept")] if inp.beside else []}
    beside = [row for draw in json.loads(_sampled(json.dumps(draws, sort_keys=True))) for row in draw["rows"]]
    page = kept[start : start + inp.limit]
    terms = _terms_by_id(session, loaded, model, {row.id for row in page}) if inp.decision == "review" else {}
    return {
        "digest": loaded.digest,
        "reason": inp.reason,
        "seed": inp.seed,
        "population": sum(amount.documents for amount in amounts if amount),
        "rows": addressed(
            session,
            (
                {
                    **_dropped(row.model_dump()),
                    "title": titles.get(row.source, ""),
                    "rank": row.rank,
                    "hit_terms": terms.get(row.id, []),
                }
                for row in page
            ),
        ),
        "kept": addressed(
            session,
            ({**row, "title": titles.get(str(row["source"]), "")} for row in documents(session, loaded, beside)),
        ),
    }


def _terms_by_id(session: Session, loaded: Loaded, model: Corpus, ids: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the terms found in these documents; an excerpt says not how they are written, since it may end before."""
    from quanheng.data.corpus import look

    lines = [row for row in layer_rows(loaded, "filter.jsonl", look.Hits) if row.id in ids]
    terms = terms_of(session, model, (span for line in lines for span in line.spans)) if lines else None
    return {line.id: named("", line.hits(), terms) for line in lines}


def _known_reason(reason: str, model: Corpus) -> None:
    """Raise Invalid "no_such_reason" unless documents of this or of any corpus are dropped for `reason`."""
    mine = {name for share in model.per_source for name in share.dropped}
    if reason in FLAGS or reason == "broken" or reason in REASONS or reason in mine:
        return
    raise _no_such_reason(reason, [*FLAGS, "broken", *sorted(mine)])


def _no_such_reason(reason: str, known: Sequence[str]) -> Invalid:
    return Invalid(
        f"there are no documents to show under {reason!r}",
        f"没有 {reason!r} 这一类文档",
        hint=(
            "Say --reason, one of: " + (", ".join(known) or "there are none"),
            "请用 --reason 指明，可选：" + ("、".join(known) or "（无）"),
        ),
        code="no_such_reason",
    )


@lru_cache(maxsize=64)
def _sampled(task: str) -> str:
    """Return the draws of a task as JSON: its files are named by their content, so the same task has the same answer.

    Kept in memory only: what is withdrawn is refused before anybody asks here, and leaves no copy on disk.
    """
    return json.dumps(bounded.run("quanheng.data.corpus.look:sampled", json.loads(task)))


def _draw(session: Session, loaded: Loaded, inp: CorpusSamples, reason: str) -> dict[str, Any]:
    """Return the task of one draw, as `data.corpus.look` takes it."""
    dropped = reason not in FLAGS
    files = layer_files(session, loaded, "decisions" if dropped else "data")
    more = {"reason": reason} if dropped else {"flags": list(FLAGS[reason])}
    return {"files": files, "dropped": dropped, "seed": inp.seed, "n": inp.limit, "source": inp.source, **more}


def _rows(session: Session, loaded: Loaded, reason: str, drawn: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    if reason in FLAGS:
        return drawn["population"], documents(session, loaded, drawn["rows"])
    return drawn["population"], [_dropped(row) for row in drawn["rows"]]


def look_at(session: Session, loaded: Loaded, function: str, **task: Any) -> Any:
    """Return what a function of `data.corpus.look` answers over the data shards, from a child with limits."""
    files = layer_files(session, loaded, "data")
    return bounded.run(f"quanheng.data.corpus.look:{function}", cast(JSON, {"files": files, **task}))


def documents(session: Session, loaded: Loaded, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return kept documents as rows, each with its hits and the places where personal data was masked.

    `hit_terms`: the terms of the hits with their risks, where whoever asks may read the keyword library.
    """
    from quanheng.data.corpus import look

    flagged = {row["id"] for row in rows if {"hit", "review"} & set(row["flags"])}
    found = layer_rows(loaded, "filter.jsonl", look.Hits) if flagged else ()
    lines = {row.id: row for row in found if row.id in flagged}
    model = loaded.model
    assert isinstance(model, Corpus)  # noqa: S101 - corpus_of has checked it
    terms = terms_of(session, model, (span for line in lines.values() for span in line.spans)) if lines else None
    made = []
    for row in rows:
        line, text = lines.get(row["id"]), row["text"]
        made.append(
            {
                **_bare(row, "kept", text),
                "index": row["index"],
                "flags": row["flags"],
                "risks": sorted(line.risks) if line else [],
                "hits": [list(span) for span in line.spans] if line else [],
                "hit_terms": named(text, line.hits(), terms) if line else [],
                "masked": [list(span) for span in look.placeholders(text)] if "masked" in row["flags"] else [],
            }
        )
    return made


def _dropped(row: dict[str, Any]) -> dict[str, Any]:
    """Return a decision as a row, with what to highlight in its excerpt."""
    from quanheng.data.corpus import look

    text = row["excerpt"]
    return {
        **_bare(row, row["reason"], text),
        "masked": [list(span) for span in look.placeholders(text)],
        "repeated": [list(span) for span in look.repeated(text)] if row["reason"] == "repetitive" else [],
    }


def _bare(row: dict[str, Any], reason: str, text: str) -> dict[str, Any]:
    lists: dict[str, Any] = {"flags": [], "risks": [], "hits": [], "hit_terms": [], "masked": [], "repeated": []}
    told = {"id": row["id"], "index": None, "source": row["source"], "url": row.get("url") or ""}
    return {**told, "reason": reason, "text": text, **lists}


def _broken(loaded: Loaded, inp: CorpusSamples) -> tuple[int, list[dict[str, Any]]]:
    """Return rows that could not be read; read twice, so that a long list is never held."""
    from quanheng.stats import draw

    def matching() -> Iterator[Rejected]:
        return (row for row in layer_rows(loaded, "rejected.jsonl", Rejected) if inp.source in ("", row.source))

    population = sum(1 for _ in matching())
    if not population:
        return 0, []
    picked = set(draw(f"quanheng broken {inp.seed}", population, min(inp.limit, population)))
    rows = []
    for place, row in enumerate(matching()):
        if place in picked:
            said = {"id": f"{row.file}:{row.row}", "source": row.source, "url": row.url or row.file}
            rows.append({**_bare(said, row.reason, row.excerpt), "file": row.file, "row": row.row})
    return population, rows


class CorpusDocument(OneCorpus):
    """Input of corpus.document."""

    index: int | None = param(None, "Row of the document, from 0", "文档所在行，从 0 起", ge=0)
    document: str = param(
        "",
        "In its place: id of the document, as the lists show it; of one that was dropped, the decision is shown",
        "也可改填文档编号，与各列表所示一致；若该文档已被剔除，则显示其取舍记录",
        max_length=100,
    )


@query(
    "corpus.document",
    help=(
        "Show one document of a corpus in full; of a dropped one its beginning",
        "查看语料中一篇文档的全文；已被剔除的只有开头",
    ),
)
def corpus_document(session: Session, inp: CorpusDocument) -> Any:
    """Return the document in one row of the corpus, or with an id, whole, with its hits and masked places.

    Of one that was dropped: its excerpt, the reason, and in `kept` the document that stays in its place, where it
    repeats one; `index` is None. After a takedown the excerpt is empty.
    """
    loaded, model = corpus_of(session, inp.corpus)
    if (inp.index is None) == (not inp.document):
        raise Invalid(
            "name the document by its row or by its id",
            "请用行号或编号指明一篇文档",
            hint=("Use either --index or --document.", "请使用 --index 或 --document 之一。"),
            code="which_document",
        )
    if inp.index is not None and inp.index >= model.totals.documents:
        raise NotFound(
            f"the corpus has only {counted(model.totals.documents, 'documents')}",
            f"该语料只有 {model.totals.documents} 篇文档",
            hint=("Rows count from 0.", "行号从 0 起。"),
            code="no_such_document",
        )
    index, gone = (inp.index, None) if inp.index is not None else _place_of(session, loaded, model, inp.document)
    row = gone or documents(session, loaded, [look_at(session, loaded, "opened", index=index)])[0]
    titles = {share.source: share.title for share in model.per_source}
    return {**addressed(session, [row])[0], "digest": loaded.digest, "title": titles.get(row["source"], "")}


def _place_of(session: Session, loaded: Loaded, model: Corpus, id: str) -> tuple[int, dict[str, Any] | None]:
    """Return the row of the document with an id, or the decision by which it was dropped; NotFound for none."""
    files = {folder: layer_files(session, loaded, folder) for folder in ("data", "decisions")}
    found = bounded.run("quanheng.data.page_look:by_id", cast(JSON, {**files, "ids": [id]}))
    if kept := found["kept"].get(id):
        return int(kept["index"]), None
    if dropped := found["dropped"].get(id):
        of = dropped.get("of", "")
        kept = page_decisions.repeated(session, loaded, [of]).get(of) if of else None
        return 0, {**_dropped({**dropped, "id": id}), "kept": kept}
    known = {share.source[7:19]: share.title for share in model.per_source}
    near = [id[:12]] if id[:12] in known else get_close_matches(id[:12], known, n=3, cutoff=0.0)
    said = ", ".join(f"{digits}-… ({known[digits]})" for digits in near)
    raise NotFound(
        f"the corpus has no document {id!r}",
        f"语料中没有编号为 {id!r} 的文档",
        hint=(
            f"Ids of its documents look so: {said}. See: quanheng corpus samples",
            f"其文档编号形如：{said}。可查看：quanheng corpus samples",
        ),
        code="no_such_document",
    )


@query("corpus.histogram", help=("Show how long the documents of a corpus are", "查看语料中文档长度的分布"))
def corpus_histogram(session: Session, inp: OneCorpus) -> Any:
    """Return documents per length and quantiles, counted over all of them once and then kept in the cache."""
    from quanheng.data.corpus import look
    from quanheng.store import cache_key, canonical_json

    loaded, _ = corpus_of(session, inp.corpus)
    titles = shards(loaded, "data")
    workspace = session.workspace
    key = cache_key({"corpus.histogram": look.VERSION, "shards": [loaded.layer(title).digest for title in titles]})
    digest = workspace.cache.get(key)
    if digest is None:
        found = look_at(session, loaded, "measured")
        digest = workspace.objects.put_bytes(canonical_json(found)).digest
        workspace.cache.set(key, digest)
    with workspace.objects.open(digest) as stream:
        kept = json.loads(stream.read())
    return {"digest": loaded.digest, **kept}


class CorpusRecipe(OneCorpus):
    """Input of recipe.export."""

    to: Annotated[str, Local(reads=False)] = param(..., "File to write", "要写入的文件")
    format: Literal["toml"] = param("toml", "Format: toml", "格式：toml")


@query(
    "recipe.export",
    help=("Write the recipe that a corpus was built by as a TOML file", "把构建语料所用的配方写成 TOML 文件"),
)
def recipe_export(session: Session, inp: CorpusRecipe) -> Any:
    """Write the recipe that a corpus was built by; NotFound "no_recipe" for a corpus of the first engine."""
    from quanheng.data.corpus.juicer import recipe_text

    loaded, model = corpus_of(session, inp.corpus)
    if isinstance(model.recipe, RecipeV1):
        raise NotFound(
            "this corpus was built by the first engine, which had no recipes",
            "该语料由第一代引擎构建，没有配方",
            hint=("Its parameters stand on its page.", "其参数见制品页面。"),
            code="no_recipe",
        )
    text = recipe_text(model.recipe)
    write_file(Path(inp.to), text.encode("utf-8"))
    return {"path": inp.to, "digest": loaded.digest, "characters": len(text)}
