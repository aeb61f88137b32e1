"""What is taken out of a corpus again, and what was made of it meanwhile."""

from __future__ import annotations

import json
from typing import Annotated, Any

from quanheng.core.artifacts import load, rows, withdrawn_among
from quanheng.core.context import Draft, JobContext
from quanheng.core.inputs import Input, Takes, Veiled, param
from quanheng.core.lineage import descendants
from quanheng.core.session import Session
from quanheng.core.verb import query, verb
from quanheng.data.corpus_verbs import WithSources, fill_sources
from quanheng.data.takedowns import session_names, tell_copies
from quanheng.errors import Invalid
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.counting import counted
from quanheng.kinds.sources import Source


class CorpusTakedown(WithSources):
    """Input of corpus.takedown."""

    url: list[str] = param(
        [],
        "Addresses; one ending in * names all that begin so. Of a document without one the name of its file counts",
        "网址；以 * 结尾表示所有以此开头的网址。没有网址的文档以其文件名为准",
    )
    digest: list[str] = param([], "Digests of documents (text_digest)", "文档摘要（text_digest）")
    document: list[str] = param(
        [], "Ids of documents, as the lists of a corpus show them", "文档编号，与语料各列表所示一致"
    )
    source: Annotated[list[str], Takes("source")] = param([], "Whole sources", "整个来源")
    match: Annotated[list[str], Veiled()] = param(
        [],
        "Texts that stand in the documents; only a digest of them is kept",
        "文档中出现的文字；记录中只留摘要，不留原文",
    )


@verb(
    "corpus.takedown",
    version=3,
    permission="build",
    cache=True,
    makes=("corpus/v1", "corpus/v2", "corpus/v3"),
    prepare=fill_sources,
    help=(
        "Take documents down: make a new version without them, and list what was made from the old one",
        "下架文档：生成不含这些文档的新版本，并列出由旧版本产生的制品",
    ),
)
def corpus_takedown(ctx: JobContext, inp: CorpusTakedown) -> Draft:
    """Leave the corpus without what is named, in any layer; only shards that hold such documents are written anew."""
    from quanheng.data.corpus.takedown import Wanted, take_down

    corpus = ctx.one("corpus")
    model = corpus.model
    assert isinstance(model, Corpus)  # noqa: S101 - Takes has checked the kind
    wanted = Wanted(
        urls=tuple(inp.url),
        digests=tuple(inp.digest),
        ids=tuple(inp.document),
        sources=tuple(dict.fromkeys(loaded.digest for loaded in ctx.many("source"))),
        match=tuple(inp.match),
    )
    if not any((wanted.urls, wanted.digests, wanted.ids, wanted.sources, wanted.match)):
        raise Invalid(
            "say which documents are to be taken down",
            "请说明要下架哪些文档",
            hint=(
                "Use --url, --digest, --document, --source or --match.",
                "请使用 --url、--digest、--document、--source 或 --match。",
            ),
            code="nothing_named",
        )
    sources = [loaded.model for loaded in ctx.many("sources") if isinstance(loaded.model, Source)]
    made, layers, taken = take_down(model, corpus.layers, corpus.open_layer, wanted, ctx.objects, sources, ctx.progress)
    ctx.log(
        f"{counted(len(taken.ids), 'documents')} taken down; {counted(taken.emptied, 'excerpts')} elsewhere removed",
        f"已下架 {len(taken.ids):,} 篇文档；另清除其他各处的摘录 {taken.emptied:,} 条",
    )
    tell_copies(ctx, taken.copies)
    if inp.url and not taken.addressed:
        ctx.log(
            "this corpus keeps no addresses of dropped documents: name those by id or text",
            "该语料由较早的版本构建，未记录已剔除文档的网址：请按编号或文字指明",
        )
    return Draft(made, layers)


class CorpusUses(Input):
    """Input of corpus.uses."""

    corpus: Annotated[str, Takes("corpus")] = param(..., "Corpus", "语料")


@query(
    "corpus.uses",
    help=(
        "List what was made from a corpus: exports, models, samples, other corpora",
        "列出由语料产生的制品：导出、模型、样本和其他语料",
    ),
)
def corpus_uses(session: Session, inp: CorpusUses) -> Any:
    """Return the artifacts of the project that stem from the corpus, nearest first.

    rows: digest, kind, steps away, names in the project, its own title where it has one, and whether it was withdrawn.
    """
    loaded = load(session, inp.corpus, "corpus")
    found: dict[str, tuple[str, int]] = {}
    for step in descendants(loaded.digest, project=session.project_id):
        found.setdefault(step.digest, (step.kind, step.depth))
    names, gone = session_names(session, list(found)), set(withdrawn_among(found))
    titles = {digest: json.loads(config).get("title") for digest, (_, config) in rows(found).items()}
    return {
        "digest": loaded.digest,
        "rows": [
            {
                "digest": digest,
                "kind": kind,
                "steps": depth,
                "names": names[digest],
                "title": title if isinstance(title := titles[digest], str) else "",
                "withdrawn": digest in gone,
            }
            for digest, (kind, depth) in found.items()
        ],
    }
