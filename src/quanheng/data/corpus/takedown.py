"""A new version of a corpus without some documents, at about the cost of the shards that hold them.

What is taken down is dropped with the reason "taken_down" and without an excerpt; excerpts that earlier decisions and
samples kept of it, or of its copies, are emptied. Other shards stay the layers they are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from quanheng.data.corpus.build import JSONL, ROWS_HEADER
from quanheng.data.corpus.cards import card, croissant
from quanheng.data.corpus.shards import DECISION_COLUMNS, PARQUET, ShardWriter, TableWriter, parquet_rows
from quanheng.errors import Invalid, NotFound
from quanheng.kinds.base import Model
from quanheng.kinds.corpora import (
    Amount,
    Corpus,
    CorpusSample,
    CorpusV2,
    CorpusV3,
    FunnelStep,
    FunnelStepV3,
    Shard,
    SourceShare,
    SourceShareV3,
    Totals,
    TotalsV3,
)
from quanheng.kinds.sources import Source
from quanheng.store import Layer, LocalObjects, canonical_json
from quanheng.text.normalise import shadow

if TYPE_CHECKING:
    import pyarrow as pa

REASON = "taken_down"
SAMPLES = "samples.jsonl"
OpenLayer = Callable[[str], BinaryIO]
Progress = Callable[[int, int | None], None]


class Wanted(Model):
    """Which documents go: whoever one of these names.

    urls: addresses, one ending in * names all that begin so. digests: `text_digest` of documents. sources: digests.
    match: a text that stands in the document, width and case aside.
    """

    urls: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    match: tuple[str, ...] = ()

    def columns(self, known: Sequence[str]) -> list[str]:
        """Return the columns that decide."""
        wanted = {"url": self.urls, "text_digest": self.digests, "source": self.sources, "text": self.match}
        return [name for name, asked in wanted.items() if asked and name in known]


@dataclass
class Taken:
    """What went: ids, by source documents, characters, bytes and tokens, and the sources' counts by what was done.

    tokens are 0 where the corpus has none.
    """

    ids: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    sources: dict[str, list[int]] = field(default_factory=dict)
    edited: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    reviewed: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    language: Counter[str] = field(default_factory=Counter)
    masked: int = 0
    rows: list[tuple[object, ...]] = field(default_factory=list)

    def add(self, id: str, source: str, text: str, flags: Sequence[str], tokens: int) -> None:
        """Count a document."""
        size = (1, len(text), len(text.encode("utf-8")), tokens)
        self.ids[id] = source, size
        _plus(self.sources.setdefault(source, [0] * len(size)), size)
        self.language.update(flags[:1])
        self.masked += "masked" in flags
        self.rows.append((id, source, "drop", REASON, "", "", "", ""))

    def note(self, into: dict[str, dict[str, list[int]]], id: str, names: Iterable[str]) -> None:
        """Count a document that is gone under each of the names that it had been counted under."""
        source, size = self.ids[id]
        for name in names:
            _plus(into.setdefault(source, {}).setdefault(name, [0] * len(size)), size)


def _plus(counts: list[int], size: Sequence[int]) -> None:
    for place, n in enumerate(size):
        counts[place] += n


def take_down(
    corpus: Corpus,
    layers: Sequence[Layer],
    open_layer: OpenLayer,
    wanted: Wanted,
    objects: LocalObjects,
    sources: Sequence[Source],
    progress: Progress,
) -> tuple[Corpus, tuple[Layer, ...], Taken]:
    """Return the new version, its layers, and what was taken.

    Raises NotFound "nothing_matches" when no document is named, Invalid "empty_corpus" when none would be left.
    """
    import hashlib

    taken, shards, kept = Taken(), [], []
    rows = hashlib.sha256(ROWS_HEADER)
    by_title = {layer.title: layer for layer in layers}
    for number, shard in enumerate(corpus.shards):
        hit = _rows_hit(open_layer(shard.title), wanted)
        layer, left = by_title[shard.title], shard.documents
        if hit:
            layer, left = _without(open_layer(shard.title), set(hit), shard.title, objects, corpus, taken)
        if left:
            kept.append(layer)
            shards.append(Shard(title=shard.title, documents=left))
            with objects.open(layer.digest) if hit else open_layer(shard.title) as stream:
                for id, source, digest, flags in parquet_rows(stream, ["id", "source", "text_digest", "flags"]):
                    rows.update(f"{id}\t{source}\t{digest}\t{' '.join(flags)}\n".encode())  # type: ignore[arg-type]
        progress(number + 1, len(corpus.shards))
    if not taken.ids:
        raise NotFound(
            "no document of the corpus is named by this",
            "语料中没有符合条件的文档",
            hint=(
                "Addresses and digests must be whole; an address may end in *. Look first: quanheng corpus samples",
                "网址和摘要须写完整，网址可以 * 结尾。可先查看：quanheng corpus samples",
            ),
            code="nothing_matches",
        )
    if not kept:
        raise Invalid(
            "no document would be left in the corpus",
            "下架后语料中将没有任何文档",
            hint=("Withdraw the corpus: quanheng artifact withdraw", "请撤回整个语料：quanheng artifact withdraw"),
            code="empty_corpus",
        )
    decisions, personal = _decisions(layers, open_layer, objects, taken)
    filtered, hits = _filtered(open_layer, objects, taken)
    digest = "sha256:" + rows.hexdigest()
    model = _model(corpus, shards, digest, taken, personal, filtered)
    made = [*kept, *decisions, by_title["rejected.jsonl"], hits]
    if SAMPLES in by_title:
        made.append(_samples(open_layer, objects, taken.ids))
    with open_layer(shards[0].title) as stream:
        columns = _more_columns(stream)
    return model, (*made, *_told(model, sources, made, columns, objects)), taken


def _rows_hit(stream: BinaryIO, wanted: Wanted) -> list[int]:
    """Return the numbers of the rows of a shard that are named."""
    import pyarrow.parquet as pq

    found, first = [], 0
    addresses = frozenset(url for url in wanted.urls if not url.endswith("*"))
    beginnings = tuple(url[:-1] for url in wanted.urls if url.endswith("*"))
    parts = [shadow(text).text for text in wanted.match]
    with stream, pq.ParquetFile(stream, pre_buffer=False) as table:
        names = wanted.columns(table.schema_arrow.names)
        for group in range(table.num_row_groups if names else 0):
            read = table.read_row_group(group, columns=names, use_threads=False)
            columns = {name: read.column(name).to_pylist() for name in names}
            for row in range(read.num_rows):
                url = columns["url"][row] if "url" in columns else ""
                is_named = (
                    url in addresses
                    or (bool(beginnings) and bool(url) and url.startswith(beginnings))
                    or ("text_digest" in columns and columns["text_digest"][row] in wanted.digests)
                    or ("source" in columns and columns["source"][row] in wanted.sources)
                )
                if not is_named and parts:
                    seen = shadow(columns["text"][row]).text
                    is_named = any(part in seen for part in parts)
                if is_named:
                    found.append(first + row)
            first += read.num_rows
    return found


def _tables(stream: BinaryIO) -> Iterator[pa.Table]:
    import pyarrow.parquet as pq

    with stream, pq.ParquetFile(stream, pre_buffer=False) as table:
        for group in range(table.num_row_groups):
            yield table.read_row_group(group, use_threads=False)


def _without(
    stream: BinaryIO, rows: set[int], title: str, objects: LocalObjects, corpus: Corpus, taken: Taken
) -> tuple[Layer, int]:
    """Return the shard without these rows, and how many it has left."""
    left = first = 0
    with objects.writer() as out:
        writer: TableWriter | None = None
        for table in _tables(stream):
            columns = _columns_of(table.schema)
            tokens = table.column("tokens").to_pylist() if _counts_tokens(corpus) else [0] * table.num_rows
            writer = writer or TableWriter(out, columns, group_rows=corpus.recipe.row_group_rows).__enter__()
            keep = []
            for row, (id, source, text, flags) in enumerate(
                zip(*(table.column(name).to_pylist() for name in ("id", "source", "text", "flags")), strict=True)
            ):
                if first + row in rows:
                    taken.add(id, source, text, flags, tokens[row])
                else:
                    keep.append(row)
            first += table.num_rows
            left += len(keep)
            if keep:
                batch = table.take(keep).combine_chunks().to_batches()[0]
                writer.add_table(batch, [len(text.encode("utf-8")) for text in batch.column("text").to_pylist()])
        if writer:
            writer.__exit__(None, None, None)
    return Layer(out.result.digest, out.result.size, PARQUET, title), left


def _counts_tokens(corpus: Corpus) -> bool:
    return isinstance(corpus, CorpusV3) and corpus.tokenizer is not None


def _columns_of(schema: pa.Schema) -> tuple[tuple[str, str], ...]:
    import pyarrow as pa

    def word(kind: pa.DataType) -> str:
        if pa.types.is_list(kind):
            return "strings"
        return {"double": "float64"}.get(str(kind), str(kind))

    return tuple((field.name, word(field.type)) for field in schema)


def _decisions(
    layers: Sequence[Layer], open_layer: OpenLayer, objects: LocalObjects, taken: Taken
) -> tuple[list[Layer], Counter[str]]:
    """Return the decisions with those to take down, emptied of excerpts of what is gone; and personal data gone."""
    old = [layer for layer in layers if layer.title.startswith("decisions/")]
    personal = Counter[str]()
    made: list[Layer] = []
    for layer in old:
        with open_layer(layer.title) as stream:
            names = [name for name, _ in _schema_of(stream) if name in ("id", "of")]  # the first engine had no "of"
        with open_layer(layer.title) as stream:
            touched = any(not taken.ids.keys().isdisjoint(row) for row in parquet_rows(stream, names))
        made.append(_emptied(layer, open_layer, objects, taken, personal) if touched else layer)
    number = max((int(layer.title[-13:-8]) for layer in old), default=-1) + 1
    with ShardWriter(
        objects, f"decisions/part-{number:05d}.parquet", DECISION_COLUMNS, shard_bytes=2**62, group_rows=8192
    ) as writer:
        for row in taken.rows:
            writer.add((row, 0))
    return [*made, *writer.layers], personal


def _emptied(layer: Layer, open_layer: OpenLayer, objects: LocalObjects, taken: Taken, personal: Counter[str]) -> Layer:
    names = [name for name, _ in DECISION_COLUMNS]
    with objects.writer() as out, TableWriter(out, DECISION_COLUMNS, group_rows=8192) as writer:
        for table in _tables(open_layer(layer.title)):
            for row in table.to_pylist():
                is_gone = row["id"] in taken.ids
                if is_gone and row["decision"] == "mask":
                    personal.update({what: int(n) for what, n in map(str.split, row["reason"].split(", "))})
                if is_gone and row["decision"] in ("mask", "edit"):
                    taken.note(taken.edited, row["id"], _edited(row))
                # A copy of what is taken down says the same.
                is_copy = row.get("of", "") in taken.ids
                emptied = {**row, "excerpt": "", "spans": ""} if is_gone or is_copy else row
                # Decisions of the first engine have fewer columns.
                writer.add((tuple(emptied.get(name) or "" for name in names), 0))
    return Layer(out.result.digest, out.result.size, PARQUET, layer.title)


def _edited(row: Mapping[str, Any]) -> set[str]:
    """Return what was replaced in a document, by its decision."""
    spans = {str(span[4]) for span in json.loads(row["spans"])} if row.get("spans") else set()
    masked = {part.split()[0] for part in row["reason"].split(", ")} if row["decision"] == "mask" else set()
    return spans | masked


def _samples(open_layer: OpenLayer, objects: LocalObjects, ids: Mapping[str, object]) -> Layer:
    """Return the samples without documents that are gone and without copies of them; ranks stay what they were."""
    with objects.writer() as out, open_layer(SAMPLES) as stream:
        for line in stream:
            row = CorpusSample.model_validate_json(line)
            if row.id not in ids and row.of not in ids:
                out.write(canonical_json(row.model_dump(mode="json")) + b"\n")
    return Layer(out.result.digest, out.result.size, JSONL, SAMPLES)


@dataclass
class _Gone:
    """What filter.jsonl told of the documents that are gone."""

    hits: int = 0
    documents: int = 0
    review: int = 0
    risks: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


def _filtered(open_layer: OpenLayer, objects: LocalObjects, taken: Taken) -> tuple[_Gone, Layer]:
    gone = _Gone()
    with objects.writer() as out, open_layer("filter.jsonl") as stream:
        for line in stream:
            row = json.loads(line)
            if row["id"] not in taken.ids:
                out.write(line)
                continue
            gone.hits += len(row["spans"])
            gone.documents += bool(row["spans"])
            gone.review += row["mode"] == "review"
            gone.risks.update(row["risks"])
            gone.reasons.update(row.get("reasons", ()))
            taken.note(taken.reviewed, row["id"], row.get("reasons", ()))
    return gone, Layer(out.result.digest, out.result.size, JSONL, "filter.jsonl")


def _less(counts: Mapping[Any, int], gone: Mapping[str, int]) -> dict[Any, int]:
    """Return counts less what is gone; what is then none is left out."""
    left = {name: n - gone.get(name, 0) for name, n in counts.items()}
    return {name: n for name, n in left.items() if n}


def _model(
    corpus: Corpus, shards: Sequence[Shard], digest: str, taken: Taken, personal: Counter[str], gone: _Gone
) -> Corpus:
    totals = [sum(counts[place] for counts in taken.sources.values()) for place in range(4)]
    whole, filtered = corpus.totals, corpus.filtered
    left = whole.model_copy(
        update={
            "documents": whole.documents - totals[0],
            "characters": whole.characters - totals[1],
            "bytes": whole.bytes - totals[2],
        }
    )
    if isinstance(left, TotalsV3) and left.tokens is not None:
        left = left.model_copy(update={"tokens": left.tokens - totals[3]})
    step = _step(corpus.funnel[-1], left)
    changed: dict[str, Any] = {
        "funnel": (*corpus.funnel, step),
        "totals": left,
        "per_source": tuple(_share(share, taken) for share in corpus.per_source),
        "personal_data": _less(corpus.personal_data, personal),
        "masked_documents": corpus.masked_documents - taken.masked,
        "filtered": filtered.model_copy(
            update={
                "documents": left.documents,
                "documents_filtered": left.documents if filtered.documents_filtered else 0,
                "lexicon_hits": filtered.lexicon_hits - gone.hits,
                "documents_hit": filtered.documents_hit - gone.documents,
                "documents_for_review": filtered.documents_for_review - gone.review,
                "per_risk": _less(filtered.per_risk, gone.risks),
            }
        ),
        "language": _less(corpus.language, taken.language),
        "rows_digest": digest,
        "shards": tuple(shards),
    }
    if isinstance(corpus, CorpusV2):
        changed["review"] = _less(corpus.review, gone.reasons)
    # Checked again: sums that do not hold must not become an artifact.
    return type(corpus).model_validate_json(corpus.model_copy(update=changed).model_dump_json())


def _step(last: FunnelStep, left: Totals) -> FunnelStep:
    """Return the step of the funnel that takes down."""
    step = FunnelStep(
        step="drop",
        reason=REASON,
        documents_before=last.documents_after,
        documents_after=left.documents,
        characters_before=last.characters_after,
        characters_after=left.characters,
    )
    if not (isinstance(last, FunnelStepV3) and isinstance(left, TotalsV3)):
        return step
    return FunnelStepV3(
        **step.model_dump(),
        bytes_before=last.bytes_after,
        bytes_after=left.bytes,
        tokens_before=last.tokens_after,
        tokens_after=left.tokens,
    )


def _share(share: SourceShare, taken: Taken) -> SourceShare:
    """Return what a source gave without what is gone.

    What content review found in it stays: how good a source was does not change when some of it is taken down.
    """
    counts = taken.sources.get(share.source)
    if not counts:
        return share
    documents, characters, size, tokens = counts
    dropped = dict(share.dropped)
    dropped[REASON] = dropped.get(REASON, 0) + documents
    changed: dict[str, Any] = {
        "documents_kept": share.documents_kept - documents,
        "characters_kept": share.characters_kept - characters,
        "bytes_kept": share.bytes_kept - size,
        "dropped": dict(sorted(dropped.items())),
    }
    if isinstance(share, SourceShareV3):
        amounts = _amounts(share.dropped_amounts, {REASON: [-n for n in counts]}, share.tokens_kept is not None)
        changed |= {
            "tokens_kept": share.tokens_kept - tokens if share.tokens_kept is not None else None,
            "dropped_amounts": amounts,
            "edited": _amounts(share.edited, taken.edited.get(share.source, {}), share.tokens_kept is not None),
            "reviewed": _amounts(share.reviewed, taken.reviewed.get(share.source, {}), share.tokens_kept is not None),
        }
    return share.model_copy(update=changed)


def _amounts(amounts: Mapping[str, Amount], gone: Mapping[str, Sequence[int]], tokens: bool) -> dict[str, Amount]:
    """Return amounts less what is gone; what is then none is left out."""
    left = {}
    for name in sorted({*amounts, *gone}):
        had = amounts.get(name) or Amount(documents=0, characters=0, bytes=0)
        less = gone.get(name, (0, 0, 0, 0))
        if had.documents > less[0]:
            left[name] = Amount(
                documents=had.documents - less[0],
                characters=had.characters - less[1],
                bytes=had.bytes - less[2],
                tokens=(had.tokens or 0) - less[3] if tokens else None,
            )
    return left


def _more_columns(stream: BinaryIO) -> tuple[tuple[str, str], ...]:
    """Return the columns of a shard after the five that every corpus has."""
    return _schema_of(stream)[5:]


def _schema_of(stream: BinaryIO) -> tuple[tuple[str, str], ...]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(stream, pre_buffer=False) as table:
        return _columns_of(table.schema_arrow)


def _told(
    model: Corpus,
    sources: Sequence[Source],
    layers: Sequence[Layer],
    columns: tuple[tuple[str, str], ...],
    objects: LocalObjects,
) -> list[Layer]:
    texts = (
        ("croissant.json", "application/ld+json", croissant(model, sources, layers, columns)),
        ("card.zh.md", "text/markdown", card(model, sources, "zh")),
        ("card.en.md", "text/markdown", card(model, sources, "en")),
    )
    made = []
    for title, media_type, text in texts:
        stored = objects.put_bytes(text.encode("utf-8"))
        made.append(Layer(stored.digest, stored.size, media_type, title))
    return made
