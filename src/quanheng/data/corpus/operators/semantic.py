"""Duplicates in meaning: documents that say the same in other words, by the vectors that an embedder gives them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from quanheng.data.corpus.asking import ALL_REJECTED, HARMLESS, HOW, EndpointParams
from quanheng.data.corpus.operator import Batch, CorpusStep, Gives, Sketch, Texts, Verdict, operator
from quanheng.errors import QuanhengError
from quanheng.kinds.base import DecimalText, Say
from quanheng.store import cache_key, sha256_digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from quanheng.data.corpus.asking import Answers
    from quanheng.endpoints import EmbeddingClient
    from quanheng.kinds.models import Endpoint

Progress = Callable[[int, int | None], None]

ROLE = "embedder"
#: A change of how texts are asked about; vectors that were kept are asked for again.
_ASKED = 1
_ZIP = b"PK"


class SemanticParams(EndpointParams):
    """`threshold`: cosine above 0, at most 1. `clusters`: 0 takes one for each 32,768 documents. `seed`: of these.

    characters, pieces: a text is cut into pieces of so many characters, at most so many from its beginning, and its
    vector is the mean of theirs. texts_at_once: in one request to an endpoint.
    """

    # `bench/results/semantic.md` says on which texts; another embedder has another scale.
    threshold: DecimalText = "0.97"
    clusters: Annotated[int, Field(ge=0, le=100_000)] = 0
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 1
    characters: Annotated[int, Field(ge=50, le=100_000)] = 2000
    pieces: Annotated[int, Field(ge=1, le=1000)] = 4
    texts_at_once: int = Field(default=32, ge=1, le=256)

    @model_validator(mode="after")
    def _in_range(self) -> SemanticParams:
        if not 0 < Decimal(self.threshold) <= 1:
            raise ValueError("threshold must be above 0 and at most 1")
        return self


@operator
class DeduplicateSemantic(CorpusStep):
    """Drops documents whose vector has a cosine of `threshold` or more with that of one that stays.

    The embedder is an endpoint that answers /v1/embeddings, or a folder of static vectors (Model2Vec). What it takes
    for alike, this drops: look at samples before a threshold is trusted. Exact and near duplicates go first, cheaper.
    """

    name = "deduplicate_semantic"
    version = 2
    reason = "semantic_duplicate"
    help = Say(
        en="Drop documents that mean the same as one that stays: cosine of their vectors, compared within clusters. "
        "The embedder is an endpoint or a folder of static vectors. An endpoint is sent the texts as they are at this "
        "step: place it after personal_data.",
        zh="去除与已保留文档语义相同的文档：在聚类内比较向量的余弦相似度。嵌入模型可以是端点，也可以是静态向量文件夹。"
        "发往端点的是这一步时的原文，请放在 personal_data 之后。",
    )
    assets = (ROLE,)
    aside = HOW | {"texts_at_once"}
    sketch_columns: Gives = (("vector", "float16[*]"),)
    reads_texts = False

    Params = SemanticParams

    def sketch(self, batch: Batch) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the vector of each text, at length 1."""
        import numpy as np

        from quanheng.data.corpus.dedup.semantic_clusters import normalised
        from quanheng.text.shingles import Packed

        size, most = self.params.characters, self.params.pieces
        # An empty text is asked about as a blank: every document has a vector, and all of one width.
        texts = [text or " " for text in batch.texts]
        pieces = [[text[at : at + size] for at in range(0, min(len(text), size * most), size)] for text in texts]
        found = self._embed([piece for some in pieces for piece in some])
        if self._asks:  # it has answered nothing of what is nothing but zeros
            self.unread += int((~found.any(axis=1)).sum())
        # Each piece at length 1, weighted by its characters.
        weights = np.array([float(len(piece)) for some in pieces for piece in some])
        weighted = normalised(found).astype(np.float64) * weights[:, None]
        ends = np.cumsum([len(some) for some in pieces], dtype=np.int64)
        vectors = np.zeros((len(batch), found.shape[1]))
        for row, (some, end) in enumerate(zip(pieces, ends.tolist(), strict=True)):
            vectors[row] = weighted[end - len(some) : end].sum(axis=0)
        offsets = np.arange(len(batch) + 1, dtype=np.int64) * vectors.shape[1]
        packed: Any = Packed(normalised(vectors).reshape(-1), offsets)
        return {"vector": packed}

    def resolve(
        self, sketches: Sequence[Sketch], texts: Texts, scratch: Path, progress: Progress
    ) -> Iterator[list[Verdict]]:
        """Yield the documents of each unit that repeat others in meaning. No text is read.

        Disk: 2 bytes × width of the vectors, and 20, a document.
        """
        from quanheng.data.corpus.dedup.order import Kept, Order
        from quanheng.data.corpus.dedup.semantic import find_alike

        given = self.params
        kept = Kept(Order.of(sketches), scratch)
        find_alike(
            sketches,
            "vector",
            kept,
            scratch,
            progress,
            threshold=Decimal(given.threshold),
            clusters=given.clusters,
            seed=given.seed,
        )
        yield from kept.verdicts(self.reason)

    @cached_property
    def _asks(self) -> bool:
        """Return whether the embedder is an endpoint."""
        with self.given[ROLE].open() as stream:
            return stream.read(len(_ZIP)) != _ZIP

    @cached_property
    def _embed(self) -> Callable[[Sequence[str]], NDArray[Any]]:
        """Return what embeds texts: a static model, or an endpoint."""
        from quanheng.data.corpus.dedup.semantic_model import StaticModel
        from quanheng.endpoints.asset import read_endpoint

        with self.given[ROLE].open() as stream:
            if stream.read(len(_ZIP)) == _ZIP:
                stream.seek(0)
                return StaticModel(stream).embed
            stream.seek(0)
            endpoint = read_endpoint(stream.read())
        return _Asking(endpoint, self.params, self.given[ROLE].answers).embed


class _Asking:
    """Vectors asked of an endpoint, some texts at a time; each is kept as it comes and never asked for twice."""

    def __init__(self, endpoint: Endpoint, params: Any, answers: Answers | None) -> None:
        self._endpoint, self._params, self._answers = endpoint, params, answers
        self._width: int | None = None  # not known before the first vector

    def embed(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """Return the vectors of `texts`, shape (len(texts), width); zeros for one that the service turned down.

        Raises the first error that is about the endpoint and not about one text: what came before stays kept.
        """
        import numpy as np

        from quanheng.endpoints.asset import endpoint_bytes

        endpoint = sha256_digest(endpoint_bytes(self._endpoint))
        keys = {
            text: cache_key(
                {
                    "embedding": _ASKED,
                    "endpoint": endpoint,
                    "text": sha256_digest(text.encode("utf-8", "surrogatepass")),
                }
            )
            for text in dict.fromkeys(texts)
        }
        found = {text: vector for text, key in keys.items() if (vector := self._kept(key)) is not None}
        missing = [text for text in keys if text not in found]
        for text, vector in self._asked(missing, answered=bool(found) or self._width is not None):
            found[text] = vector
            if self._answers:
                self._answers.set(keys[text], base64.b64encode(vector.tobytes()).decode())
        widths = {len(vector) for vector in found.values()} | ({self._width} if self._width is not None else set())
        if len(widths) != 1:
            from quanheng.data.corpus.dedup.semantic import embedder_changed

            raise embedder_changed(widths)
        self._width = widths.pop()
        blank = np.zeros(self._width, np.float16)
        return np.stack([found.get(text, blank) for text in texts])

    def _kept(self, key: str) -> NDArray[np.float16] | None:
        import numpy as np

        kept = self._answers.get(key) if self._answers else None
        return np.frombuffer(base64.b64decode(kept), np.float16) if isinstance(kept, str) else None

    def _asked(self, texts: Sequence[str], *, answered: bool) -> Iterator[tuple[str, NDArray[np.float16]]]:
        """Yield texts with their vectors at length 1, as they come; without those that the service turned down.

        answered: whether it has ever answered; a service that turns down ALL_REJECTED texts or more and all that there
        are is no embedder.
        """
        from concurrent.futures import ThreadPoolExecutor

        from quanheng.endpoints import EmbeddingClient
        from quanheng.endpoints.asset import open_client
        from quanheng.endpoints.client import Patience

        if not texts:
            return
        params = self._params
        patience = Patience(answer_s=float(params.answer_s), attempts=params.attempts)
        groups = [texts[at : at + params.texts_at_once] for at in range(0, len(texts), params.texts_at_once)]
        rejected: list[QuanhengError] = []
        with (
            open_client(
                EmbeddingClient, self._endpoint, ROLE, concurrency=params.concurrency, patience=patience
            ) as client,
            ThreadPoolExecutor(client.concurrency, thread_name_prefix="embed") as pool,
        ):
            for found, errors in pool.map(lambda group: _group(client, group), groups):
                answered = answered or bool(found)
                rejected += errors
                yield from found
            if rejected and not answered:
                if len(rejected) >= ALL_REJECTED:
                    raise rejected[0]
                self._width = client.embed([HARMLESS]).shape[1]


def _group(
    client: EmbeddingClient, texts: Sequence[str]
) -> tuple[list[tuple[str, NDArray[np.float16]]], list[QuanhengError]]:
    """Return the texts of one request with their vectors; where it was turned down, each is asked about alone.

    Raises the error of a service that turns down something HARMLESS too.
    """
    from quanheng.data.corpus.dedup.semantic_clusters import normalised

    try:
        return list(zip(texts, normalised(client.embed(texts)), strict=True)), []
    except QuanhengError as error:
        if error.code != "endpoint_rejected":
            raise
        client.embed([HARMLESS])
        if len(texts) == 1:
            return [], [error]
    found, errors = [], []
    for text in texts:
        one, problem = _group(client, [text])
        found += one
        errors += problem
    return found, errors
