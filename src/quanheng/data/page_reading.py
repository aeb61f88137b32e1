"""What all queries about a corpus begin with: the corpus itself, and the files its Parquet layers lie in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any

from quanheng.core.artifacts import load
from quanheng.core.context import Loaded
from quanheng.core.inputs import Input, Takes, param
from quanheng.core.resolve import PREFIX_LENGTH, find_artifact
from quanheng.core.session import Session
from quanheng.errors import Conflict, NotFound
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.sources import Source

#: A page shows so many documents at most.
MOST = 200
#: The field of a query that asks for the documents of one source.
SOURCE_HELP = ("Only of this source (name, title or digest)", "只看该来源的（写名称、标题或摘要）")


class OneCorpus(Input):
    """Names a corpus."""

    corpus: Annotated[str, Takes("corpus")] = param(..., "Corpus", "训练数据（语料）")


def corpus_of(session: Session, name: str) -> tuple[Loaded, Corpus]:
    """Return the corpus that `name` names, with its model."""
    loaded = load(session, name, "corpus")
    assert isinstance(loaded.model, Corpus)  # noqa: S101 - load has checked the kind
    return loaded, loaded.model


def addressed(session: Session, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows about documents with the address of each, as a takedown takes it: "url".

    Where its file said none that is the name of the file; "" where the source may not be read or was withdrawn, and of
    what a takedown emptied.
    """
    from quanheng.data.corpus.addresses import address_of

    @cache
    def source(digest: str) -> Source | None:
        try:
            model = load(session, digest, "source").model
        except (NotFound, Conflict):  # another project's, or withdrawn
            return None
        return model if isinstance(model, Source) else None

    def address(row: dict[str, Any]) -> str:
        is_told = row.get("text") or row.get("excerpt")
        return row.get("url") or (address_of(row["id"], "", source(row["source"])) if is_told else "")

    return [{**row, "url": address(row)} for row in rows]


def shards(loaded: Loaded, folder: str) -> list[str]:
    """Return the titles of the Parquet layers of one folder of a corpus, in order."""
    return sorted(layer.title for layer in loaded.layers if layer.title.startswith(folder + "/"))


def layer_files(session: Session, loaded: Loaded, folder: str) -> list[list[str]]:
    """Return [title, path] of the Parquet layers of one folder; Conflict or NotFound when one is not in the store."""
    objects = session.workspace.objects
    layers = [loaded.layer(title) for title in shards(loaded, folder)]
    for layer in layers:
        if layer.is_external and not objects.exists(layer.digest):
            raise Conflict(
                f"the layer {layer.title} lies outside of this workspace",
                f"数据层 {layer.title} 存放在本工作区之外",
                hint=(f"Fetch it there: {layer.urls[0]}", f"请从该地址获取：{layer.urls[0]}"),
                code="layer_elsewhere",
            )
        objects.size(layer.digest)  # NotFound, by its digest, when it is gone
    return [[layer.title, str(objects.path(layer.digest))] for layer in layers]


def source_of(session: Session, titles: Mapping[str, str], text: str) -> str:
    """Return the digest of the source that `text` means: its digest, name, or title among these; "" for no text.

    titles: of the sources of a corpus, by digest. Raises NotFound "no_such_source" for a source that is not among them.
    """
    if not text or text in titles or not titles:
        return text
    is_digest = text.startswith("sha256:") and len(text) >= PREFIX_LENGTH
    meant = [digest for digest, title in titles.items() if title == text or (is_digest and digest.startswith(text))]
    if len(meant) == 1:
        return meant[0]
    known = [f"{digest[:PREFIX_LENGTH]} ({title})" for digest, title in titles.items()]
    error = NotFound(
        f"{text[:80]!r} is not a source of this corpus",
        f"{text[:80]!r} 不是该语料的来源",
        hint=("Its sources: " + ", ".join(known), "它的来源：" + "、".join(known)),
        code="no_such_source",
    )
    try:
        found = find_artifact(session, text, Takes("source"))
    except NotFound as unknown:
        raise error from unknown
    if found not in titles:
        raise error
    return found
