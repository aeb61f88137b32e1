"""What all queries about a corpus begin with: the corpus itself, and the files its Parquet layers lie in."""

from __future__ import annotations

from typing import Annotated

from quanheng.core.artifacts import load
from quanheng.core.context import Loaded
from quanheng.core.inputs import Input, Takes, param
from quanheng.core.session import Session
from quanheng.errors import Conflict
from quanheng.kinds.corpora import Corpus

#: A page shows so many documents at most.
MOST = 200


class OneCorpus(Input):
    """Names a corpus."""

    corpus: Annotated[str, Takes("corpus")] = param(..., "Corpus", "训练数据（语料）")


def corpus_of(session: Session, name: str) -> tuple[Loaded, Corpus]:
    """Return the corpus that `name` names, with its model."""
    loaded = load(session, name, "corpus")
    assert isinstance(loaded.model, Corpus)  # noqa: S101 - load has checked the kind
    return loaded, loaded.model


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
