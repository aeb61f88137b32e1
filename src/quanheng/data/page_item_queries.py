"""What the pages of samples and sources show, as queries: the items of a sample, the first documents of a source."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any, cast

from quanheng.core import bounded
from quanheng.core.artifacts import load, load_digest
from quanheng.core.context import Loaded
from quanheng.core.inputs import Input, Takes, param
from quanheng.core.layer_rows import layer_rows
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.data.page_reading import MOST, SOURCE_HELP, source_of
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.samples import Sample, SampleItem
from quanheng.kinds.sources import Source
from quanheng.store import JSON


class SampleItems(Input):
    """Input of sample.items."""

    sample: Annotated[str, Takes("sample")] = param(..., "Sample", "样本")
    source: str = param("", *SOURCE_HELP)
    after: int = param(0, "Pass over so many items", "跳过前多少条", ge=0)
    limit: int = param(20, "At most so many (1 to 200)", "最多多少条（1 至 200）", ge=1, le=MOST)


@query("sample.items", help=("Show the items of a sample", "查看样本中的条目"))
def sample_items(session: Session, inp: SampleItems) -> Any:
    """Return items of a sample in order, with the title of each one's source, and where the next page begins."""
    loaded = load(session, inp.sample, "sample")
    assert isinstance(loaded.model, Sample)  # noqa: S101 - load has checked the kind
    titles = source_titles(session, loaded)
    source = source_of(session, titles, inp.source)
    found = (row for row in layer_rows(loaded, "items.jsonl", SampleItem) if source in ("", row.source))
    rows = list(islice(found, inp.after, inp.after + inp.limit + 1))
    return {
        "digest": loaded.digest,
        "corpus": input_of(loaded, "corpus"),
        "titles": titles,
        "rows": [{**row.model_dump(mode="json"), "title": titles.get(row.source, "")} for row in rows[: inp.limit]],
        "next": inp.after + inp.limit if len(rows) > inp.limit else None,
    }


def input_of(loaded: Loaded, role: str) -> str:
    """Return the digest of the artifact that `loaded` was made from in this role, "" when there is none."""
    return next(iter(loaded.made_from(role)), "")


def source_titles(session: Session, sample: Loaded) -> dict[str, str]:
    """Return the titles of the sources of a sample's corpus, by digest; none where it was not made from a corpus."""
    corpus = input_of(sample, "corpus")
    model = load_digest(session, corpus).model if corpus else None
    return {share.source: share.title for share in model.per_source} if isinstance(model, Corpus) else {}


class SourceSamples(Input):
    """Input of source.samples."""

    source: Annotated[str, Takes("source")] = param(..., "Source", "来源")
    limit: int = param(5, "At most so many of each file (1 to 50)", "每个文件最多多少条（1 至 50）", ge=1, le=50)
    files: int = param(3, "Of so many files at most (1 to 20)", "最多看多少个文件（1 至 20）", ge=1, le=20)


@query("source.samples", help=("Show the first documents of a source as they are read", "查看来源中最先读到的文档"))
def source_samples(session: Session, inp: SourceSamples) -> Any:
    """Return the first documents of the first files, as excerpts with personal data masked.

    A file that lies outside of the workspace is not fetched for this: its `state` is "elsewhere".
    """
    loaded = load(session, inp.source, "source")
    model = loaded.model
    assert isinstance(model, Source)  # noqa: S101 - load has checked the kind
    objects = session.workspace.objects
    known = model.files[: inp.files]
    here = {file.title: objects.exists(loaded.layer(file.title).digest) for file in known}
    files = [
        [file.title, str(objects.path(loaded.layer(file.title).digest)), file.format]
        for file in known
        if here[file.title]
    ]
    task = {"files": files, "reading": model.reading.model_dump(mode="json"), "n": inp.limit}
    read = bounded.run("quanheng.data.corpus.look:read_first", cast(JSON, task)) if files else {}
    return {
        "digest": loaded.digest,
        "files": [
            {"file": file.title, "state": "read" if here[file.title] else "elsewhere", "rows": read.get(file.title, [])}
            for file in known
        ],
        "of": len(model.files),
    }
