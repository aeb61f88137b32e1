"""Small corpora for the tests of exports and mixes: shards in memory with the columns of a corpus."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from quanheng.data.corpus.export_rows import CorpusFiles
from quanheng.kinds.sources import Collection, FileCounts, Licence, Origin, Source, SourceFile

CORPUS = "sha256:" + "c" * 64
_WORDS = [
    "条例",
    "规定",
    "北京",
    "市民",
    "服务",
    "数据",
    "安全",
    "模型",
    "GDP",
    " the ",
    "2023",
    "，",
    "。",
    "第〇条",
    "\n",
]


def quiet(done: int, total: int | None) -> None:
    """Take progress and say nothing."""


def digest_of(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def a_source(title: str, *, spdx: str = "CC0-1.0", clear: bool = True, found: str = "CC0") -> Source:
    return Source(
        title=title,
        origin=Origin(type="open", name="tests", region="domestic"),
        licence=Licence(spdx=spdx, found=found, clear=clear),
        collection=Collection(method="generated", has_record=True, collected_on="2026-05-01"),
        files=(SourceFile(title="a.txt", format="txt", size=1),),
        counts=FileCounts(files=1, bytes=1),
    )


@dataclass
class Made:
    """A corpus and its rows as they were put in: (id, source, text)."""

    files: CorpusFiles
    rows: list[tuple[str, str, str]]
    opened: list[str] = field(default_factory=list)


def schema_of(labels: bool) -> Any:
    """Return the columns of a corpus, with or without labels, none of which can be null."""
    import pyarrow as pa

    types = {name: pa.string() for name in ("id", "source", "text", "text_digest")}
    types["flags"] = pa.list_(pa.string())
    if labels:
        types |= {"url": pa.string(), "characters": pa.int64(), "script": pa.string()}
    return pa.schema([pa.field(name, type, nullable=False) for name, type in types.items()])


def parquet_bytes(rows: list[dict[str, object]], schema: Any = None, group_rows: int = 16) -> bytes:
    """Return a Parquet file of the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), buffer, row_group_size=group_rows)
    return buffer.getvalue()


def parquet_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.ParquetFile(path).read().to_pylist()
    return rows


def make_corpus(
    texts: Sequence[tuple[str, str]],
    *,
    titles: dict[str, Source] | None = None,
    shard_rows: int = 40,
    group_rows: int = 16,
    labels: bool = True,
) -> Made:
    """Return a corpus of (name of the source, text) rows."""
    names = list(dict.fromkeys(name for name, _ in texts))
    sources = titles or {name: a_source(name) for name in names}
    digests = {name: digest_of(name) for name in sources}
    rows = [(f"{name}-{at}", digests[name], text) for at, (name, text) in enumerate(texts)]
    schema = schema_of(labels)
    layers: dict[str, bytes] = {}
    for start in range(0, len(rows), shard_rows):
        shard = []
        for at, (id, source, text) in enumerate(rows[start : start + shard_rows], start=start):
            row = (id, source, text, digest_of(text), ["zh-Hans"])
            row += (f"https://example.org/{at}" if at % 2 else "", len(text), "zh-Hans") if labels else ()
            shard.append(dict(zip(schema.names, row, strict=True)))
        layers[f"data/part-{len(layers):05d}.parquet"] = parquet_bytes(shard, schema, group_rows)
    made = Made(files=None, rows=rows)  # type: ignore[arg-type]  # set below

    def open_layer(title: str) -> BinaryIO:
        made.opened.append(title)
        return io.BytesIO(layers[title])

    made.files = CorpusFiles(
        CORPUS, list(layers), open_layer, {digests[name]: source for name, source in sources.items()}, len(rows)
    )
    return made


def some_texts(count: int, *, seed: int = 1, names: Sequence[str] = ("甲", "乙")) -> list[tuple[str, str]]:
    """Return generated (source, text) rows, every text different."""
    chance = random.Random(seed)
    found = []
    for at in range(count):
        words = "".join(chance.choice(_WORDS) for _ in range(chance.randrange(3, 40)))
        found.append((names[at % len(names)], f"{words}（{at}）"))
    return found


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
