"""Tokens beside each document of a build: counted once when it is read, again only where its text was edited."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from quanheng.store import LocalObjects

if TYPE_CHECKING:
    from quanheng.data.corpus.operator import Batch
    from quanheng.data.corpus.tokens import CorpusTokenizer

#: The column of a batch that holds them; no operator's, which begin with a letter.
TOKENS = "_tokens"
#: The role of the asset that counts. No operator reads it: it changes no text.
TOKENIZER = "tokenizer"


class TokenCounter:
    """Counts the tokens of texts, without special ones, by a tokenizer."""

    def __init__(self, tokenizer: CorpusTokenizer) -> None:
        self._tokenizer = tokenizer

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the tokens of each text."""
        from quanheng.data.corpus.tokens import text_batches

        return [len(ids) for lot in text_batches(texts) for ids in self._tokenizer.encode(lot)]

    def counted(self, batch: Batch) -> Batch:
        """Return the batch with the tokens of every text."""
        return batch.with_columns({TOKENS: self.count(batch.texts)}, ((TOKENS, "int64"),))

    def recounted(self, batch: Batch, rows: Sequence[int]) -> Batch:
        """Return the batch, whose texts in `rows` are new, with their tokens counted again."""
        tokens = batch.column(TOKENS).to_pylist()
        for row, n in zip(rows, self.count([batch.texts[row] for row in rows]), strict=True):
            tokens[row] = n
        return batch.with_columns({TOKENS: tokens}, ((TOKENS, "int64"),))


@lru_cache(maxsize=2)
def token_counter(root: str, digest: str) -> TokenCounter:
    """Return the counter of a tokenizer.json in the store at `root`; kept, since a worker runs many units."""
    from quanheng.data.corpus.tokens import CorpusTokenizer

    with LocalObjects(root).open(digest) as stream:
        return TokenCounter(CorpusTokenizer(stream.read()))
