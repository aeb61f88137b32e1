"""The rows of a corpus that a sample points at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, cast

from quanheng.data.corpus.shards import parquet_rows
from quanheng.errors import Corrupt
from quanheng.kinds.corpora import Corpus
from quanheng.kinds.samples import SampleItem

_COLUMNS = ["id", "source", "text", "text_digest"]


def read_rows(corpus: Corpus, open_layer: Callable[[str], BinaryIO], indices: Iterable[int]) -> Iterator[SampleItem]:
    """Yield the rows of a corpus at `indices` (ascending, from 0); only shards that hold some are opened.

    open_layer: opens a layer of the corpus by its title. Raises Corrupt "shard_rows" when the shards hold fewer rows
    than the corpus says.
    """
    wanted = iter(indices)
    index = next(wanted, None)
    first = 0
    for shard in corpus.shards:
        last = first + shard.documents
        if index is not None and index < last:
            with open_layer(shard.title) as stream:
                for place, row in enumerate(parquet_rows(stream, _COLUMNS), start=first):
                    if place == index:
                        id, source, text, text_digest = cast(tuple[str, str, str, str], row)
                        yield SampleItem(index=place, id=id, source=source, text_digest=text_digest, text=text)
                        index = next(wanted, None)
        first = last
    if index is not None:
        raise Corrupt(
            f"the shards end before row {index}",
            f"分片在第 {index} 行之前结束",
            hint=("Run: quanheng fsck", "请运行：quanheng fsck"),
            code="shard_rows",
        )
