"""Embeddings: a vector for each of some texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from quanheng.endpoints import faults
from quanheng.endpoints.client import Client

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class _Vector(BaseModel):
    #: strict: "1.0" and true are no numbers of a vector
    model_config = ConfigDict(strict=True)
    index: int
    embedding: list[float]


class _Embeddings(BaseModel):
    data: list[_Vector]


class EmbeddingClient(Client):
    """Asks one endpoint for vectors of texts; see `Client`. The endpoint's system prompt and decoding play no part."""

    #: 256 vectors of 8,192 numbers of 25 characters, and room.
    most_bytes: ClassVar[int] = 64 * 1024 * 1024
    expected: ClassVar[tuple[str, str]] = faults.EMBEDDINGS

    def embed(self, texts: Sequence[str], *, width: int | None = None) -> NDArray[np.float32]:
        """Return the vectors of `texts`, in their order, as an array of shape (len(texts), width).

        `width`: the numbers that each vector must have, None where the first reply is to tell. No text asks nothing
        and gives shape (0, width or 0). A reply without exactly one whole, finite vector of that width for each text is
        endpoint_rubbish; what is tried again and what else is raised: `Client.post`.
        """
        import numpy as np

        if not texts:
            return np.zeros((0, width or 0), np.float32)
        body = {"model": self.endpoint.model, "input": list(texts), "encoding_format": "float"}
        data = self.post("/embeddings", body)
        try:
            found = _Embeddings.model_validate(json.loads(data)).data
        except (ValidationError, ValueError, RecursionError) as error:
            raise self.rubbish(data.decode("utf-8", "replace") or "nothing at all") from error
        if sorted(vector.index for vector in found) != list(range(len(texts))):
            raise self.rubbish(f"{len(found)} vectors for {len(texts)} texts, or two for one of them")
        widths = {len(vector.embedding) for vector in found}
        wanted = width or len(found[0].embedding)
        if widths != {wanted} or not wanted:
            raise self.rubbish(
                f"vectors of {', '.join(map(str, sorted(widths)))} numbers instead of {wanted or 'some'}"
            )
        with np.errstate(over="ignore"):
            vectors = np.array([vector.embedding for vector in sorted(found, key=_index)], np.float32)
        if not np.isfinite(vectors).all():
            raise self.rubbish("a vector with a number that is not finite")
        return vectors


def _index(vector: _Vector) -> int:
    return vector.index
