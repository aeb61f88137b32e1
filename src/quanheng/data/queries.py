"""What the data wing suggests to do next: from text to training data to a sample that people can judge."""

from __future__ import annotations

from collections.abc import Iterator

from quanheng.core.holdings import Held, made_into, newest
from quanheng.core.next import Step, suggests
from quanheng.core.session import Session
from quanheng.errors import Text
from quanheng.kinds.counting import counted

#: More sources than this are not written into an address; people tick them in the form.
MOST_SOURCES = 60
#: 《生成式人工智能服务安全基本要求》: at least 4,000 items of the training data are judged by people.
MANUAL_SAMPLE = 4_000
BY_ITSELF = Text("runs by itself", "自动执行")


@suggests
def text_to_corpus(session: Session) -> Iterator[Step]:
    """Suggest to register text, and to build training data from sources that are in none yet."""
    sources = newest(session, "source")
    if not sources:
        yield Step(
            "source.register",
            Text("Register the text your training data is made of", "登记训练数据所用的文本"),
            Text("a few minutes for each source", "每个来源几分钟"),
            order=11,
        )
        return
    used = made_into(session, sources, "corpus")
    unused = [source for source in sources if not used[source.digest]]
    if not unused:
        return
    n, is_first = len(unused), len(unused) == len(sources)
    found = (f"Build training data from {counted(n, 'sources')}", f"用 {n} 个来源构建训练数据")
    more = (
        f"Build training data anew: {counted(n, 'sources')} in none yet",
        f"重新构建训练数据：有 {n} 个来源尚未纳入",
    )
    yield Step("corpus.build", Text(*(found if is_first else more)), BY_ITSELF, _all(sources), 10 if is_first else 20)


def _all(sources: list[Held]) -> dict[str, list[str]]:
    """Return the sources as input, oldest first: of duplicates the copy of the first source stays."""
    return {"sources": [source.digest for source in reversed(sources)]} if len(sources) <= MOST_SOURCES else {}


@suggests
def corpus_to_sample(session: Session) -> Iterator[Step]:
    """Suggest to promise a sample of the newest training data, and to draw what was promised."""
    corpora = newest(session, "corpus", 1)
    if not corpora:
        return
    corpus = corpora[0]
    documents = corpus.config["totals"]["documents"]
    if documents and not made_into(session, corpora, "sample_commitment")[corpus.digest]:
        n = min(MANUAL_SAMPLE, documents)
        items = counted(n, "items")
        yield Step(
            "sample.commit",
            Text(
                f"Promise a sample of {items} for review by people, before anybody can know what it holds",
                f"承诺抽取 {n:,} 条供人工复核：先承诺，后抽取",
            ),
            Text("about a minute", "约 1 分钟"),
            {"corpus": corpus.digest, "purpose": "manual", "n": str(MANUAL_SAMPLE)},
            order=10,
        )
    promised = newest(session, "sample_commitment")
    drawn = made_into(session, promised, "sample")
    for promise in promised:
        if not drawn[promise.digest]:
            yield _draw(session, promise)


def _draw(session: Session, promise: Held) -> Step:
    """Return the step of drawing a sample; a promise of one's own stands after those of others."""
    n = promise.config["n"]
    own = promise.actor_id == session.actor_id
    text = (
        Text(
            f"Have the promised sample of {counted(n, 'items')} drawn, best by an auditor: drawn by yourself it is "
            "called so",
            f"抽取已承诺的 {n:,} 条样本：最好由审计员抽取，自行抽取会被标明",
        )
        if own
        else Text(
            f"Draw the sample of {counted(n, 'items')} that somebody else promised", f"抽取他人已承诺的 {n:,} 条样本"
        )
    )
    return Step("sample.draw", text, BY_ITSELF, {"commitment": promise.digest}, order=12 if own else 10)
