"""A new version of a corpus without some documents, at about the cost of the shards that hold them.

What is taken down is dropped with the reason "taken_down" and without an excerpt; what other layers quoted of it, or of
what was never in the corpus and is named by the same words, is emptied (`traces.py`). Other shards stay the layers they
are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, BinaryIO

from quanheng.data.corpus.addresses import Addresses
from quanheng.data.corpus.build import JSONL, ROWS_HEADER
from quanheng.data.corpus.cards import card, croissant
from quanheng.data.corpus.shards import DECISION_COLUMNS, PARQUET, ShardWriter, TableWriter, parquet_rows
from quanheng.data.corpus.takedown_counts import Listed, Taken, counted
from quanheng.data.corpus.taken_down import Down
from quanheng.data.corpus.traces import (
    OpenLayer,
    Traces,
    emptied_decisions,
    emptied_lines,
    has_addresses,
    kept_originals,
    tables,
)
from quanheng.errors import Conflict, Invalid, NotFound
from quanheng.kinds.base import Model
from quanheng.kinds.corpora import Corpus, CorpusV3, Shard
from quanheng.kinds.sources import Source
from quanheng.store import Layer, LocalObjects
from quanheng.text.normalise import shadow

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLES = "samples.jsonl"
#: So many ids are named in a hint.
SHOWN = 10
Progress = Callable[[int, int | None], None]


class Wanted(Model):
    """Which documents go: whoever one of these names.

    urls: addresses (`addresses.py`), one ending in * names all that begin so. digests: `text_digest` of documents.
    sources: digests. match: a text that stands in the document, width and case aside. Addresses and ids also name
    documents that were dropped.
    """

    urls: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    match: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def parts(self) -> tuple[str, ...]:
        """Return the texts of `match` as they are looked for; Invalid "blank_text" for one that every document has."""
        found = tuple(shadow(text).text for text in self.match)
        if not all(part.strip() for part in found):
            raise Invalid(
                "a text to look for is blank: every document would match",
                "要查找的文字为空白：所有文档都会匹配",
                hint=("Give words that stand in the documents.", "请给出文档中实际出现的文字。"),
                code="blank_text",
            )
        return found


def take_down(
    corpus: Corpus,
    layers: Sequence[Layer],
    open_layer: OpenLayer,
    wanted: Wanted | Down,
    objects: LocalObjects,
    sources: Sequence[Source],
    progress: Progress,
) -> tuple[Corpus, tuple[Layer, ...], Taken]:
    """Return the new version, its layers, and what was taken.

    wanted: what is named, or what was taken down before and is to stay down: then it is no fault where the corpus has
    nothing of it, and a copy may stay (`Taken.copies`). The list of all that was taken down so far is among the layers.

    Raises NotFound "no_such_source" or "no_such_document" for a source, digest or id that the corpus has not,
    "nothing_matches" when nothing is named in any layer, Conflict "kept_elsewhere" for the id or the whole address of a
    copy whose original would stay, Invalid "empty_corpus" when no document would be left.
    """
    down, is_again = Down.of(layers, open_layer), isinstance(wanted, Down)
    if isinstance(wanted, Down):
        down.update(wanted)
        known = {share.source for share in corpus.per_source}
        wanted = Wanted(ids=tuple(down.documents), digests=down.digests, sources=tuple(sorted(down.sources & known)))
    _check_sources(corpus, wanted.sources)
    digests = (share.source for share in corpus.per_source)
    named = Named(wanted, Addresses(wanted.urls, dict(zip(digests, sources, strict=True))))
    taken = Taken(whole=named.sources)
    kept, shards, rows_digest = _shards_without(corpus, layers, open_layer, named, objects, taken, progress)
    told = [layer for layer in layers if layer.title.startswith("decisions/")]
    ids = _dropped(named, taken, told, open_layer, is_again=is_again)
    traces = Traces(ids, named.sources, named.parts, taken.quotes, named.addresses)
    decisions, personal = _decisions(told, open_layer, objects, taken, traces)
    others = [
        emptied_lines(layer.title, open_layer, objects, traces, drop=layer.title == SAMPLES)
        for layer in layers
        if layer.title in ("rejected.jsonl", SAMPLES)
    ]
    taken.emptied, taken.dropped = traces.emptied, set(traces.dropped)
    if not is_again:
        _check_named(wanted, taken)
    filtered, hits = _filtered(open_layer, objects, taken)
    model = counted(corpus, shards, rows_digest, taken, personal, filtered)
    down.note(taken, traces)
    with open_layer(shards[0].title) as stream:
        columns = _more_columns(stream)
    made = [*kept, *decisions, others[0], hits, *others[1:], down.store(objects)]
    return model, (*made, *_told(model, sources, made, columns, objects)), taken


def _shards_without(
    corpus: Corpus,
    layers: Sequence[Layer],
    open_layer: OpenLayer,
    named: Named,
    objects: LocalObjects,
    taken: Taken,
    progress: Progress,
) -> tuple[list[Layer], list[Shard], str]:
    """Return the shards without what is named, which is added to `taken`, as layers and as told, and rows_digest."""
    import hashlib

    shards, kept = [], []
    rows = hashlib.sha256(ROWS_HEADER)
    by_title = {layer.title: layer for layer in layers}
    for number, shard in enumerate(corpus.shards):
        hit = named.rows(open_layer(shard.title), taken.digests)
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
    if not kept:
        raise Invalid(
            "no document would be left in the corpus",
            "下架后语料中将没有任何文档",
            hint=("Withdraw the corpus: quanheng artifact withdraw", "请撤回整个语料：quanheng artifact withdraw"),
            code="empty_corpus",
        )
    return kept, shards, "sha256:" + rows.hexdigest()


def _dropped(
    named: Named, taken: Taken, decisions: Sequence[Layer], open_layer: OpenLayer, *, is_again: bool
) -> set[str]:
    """Return the ids of all that is named, of what was dropped too."""
    whole, begun = named.addresses.dropped(decisions, open_layer)
    if not is_again:
        _check_originals([*sorted(named.ids), *sorted(whole)], taken, decisions, open_layer)
    passed = sorted(named.ids) if is_again else sorted(begun)
    taken.copies = len(_left(passed, taken, decisions, open_layer))
    taken.addressed = all(has_addresses(layer, open_layer) for layer in decisions)
    return {*taken.ids, *named.ids, *whole, *begun}


def _check_sources(corpus: Corpus, named: Sequence[str]) -> None:
    """Raise NotFound "no_such_source" for a source of which the corpus has nothing."""
    known = {share.source: share.title for share in corpus.per_source}
    for digest in named:
        if digest not in known:
            near = get_close_matches(digest, known, n=3, cutoff=0.0)
            said = ", ".join(f"{source[:19]} {known[source]}" for source in near)
            raise NotFound(
                f"the corpus was not made of the source {digest}",
                f"该语料不含来源 {digest}",
                hint=(f"It was made of: {said}", f"它的来源有：{said}"),
                code="no_such_source",
            )


def _left(ids: Sequence[str], taken: Taken, decisions: Sequence[Layer], open_layer: OpenLayer) -> dict[str, str]:
    """Return for each of these documents that was dropped for what it repeats of one that stays the id of that one."""
    originals = kept_originals((id for id in ids if id not in taken.ids), decisions, open_layer)
    return {id: kept for id, kept in originals.items() if kept not in taken.ids}


def _check_originals(ids: Sequence[str], taken: Taken, decisions: Sequence[Layer], open_layer: OpenLayer) -> None:
    """Raise Conflict "kept_elsewhere" when a document is named whose text, or nearly that, a kept one still holds."""
    left = _left(ids, taken, decisions, open_layer)
    if not left:
        return
    copy, original = next(iter(left.items()))
    kept = list(dict.fromkeys(left.values()))
    named = " ".join(f"--document {id}" for id in kept[:SHOWN]) + (" …" if len(kept) > SHOWN else "")
    raise Conflict(
        f"the document {copy} was dropped as a copy: the kept document {original} holds its text, or nearly that",
        f"文档 {copy} 因重复已被剔除：相同或近似的文字仍在保留的文档 {original} 中",
        hint=(
            f"Look at what was kept, and name it too: {named}; or name its source, or a text that stands in both. To "
            "take down only what an address names, end it in *.",
            f"请查看所保留的文档，并一并指明：{named}；也可指明其来源，或两者共有的文字。"
            "如只下架该网址自身的内容，请在网址末尾加 *。",
        ),
        code="kept_elsewhere",
    )


def _check_named(wanted: Wanted, taken: Taken) -> None:
    """Raise NotFound for a digest or an id that the corpus has not, or when nothing at all is named."""
    for missing in (*wanted.digests, *wanted.ids):
        if missing not in taken.digests and missing not in taken.ids and missing not in taken.dropped:
            raise NotFound(
                f"the corpus has no document {missing}",
                f"语料中没有文档 {missing}",
                hint=(
                    "Give digests and ids whole, as the lists of the corpus show them; what was taken down before is "
                    "there no more. Look first: quanheng corpus samples",
                    "摘要和编号须与语料各列表所示完全一致；此前已下架的文档不在其中。可先查看：quanheng corpus samples",
                ),
                code="no_such_document",
            )
    if not taken.ids and not taken.emptied:
        raise NotFound(
            "no document of the corpus is named by this",
            "语料中没有符合条件的文档",
            hint=(
                "Addresses must be whole, or end in *; of a document without one the name of its file counts. Look "
                "first: quanheng corpus samples",
                "网址须写完整，或以 * 结尾；没有网址的文档以其文件名为准。可先查看：quanheng corpus samples",
            ),
            code="nothing_matches",
        )


class Named:
    """What is named, to be looked for in shards. parts: texts as `shadow` folds them."""

    def __init__(self, wanted: Wanted, addresses: Addresses) -> None:
        self.addresses = addresses
        self.parts = wanted.parts()
        self.ids, self.sources = frozenset(wanted.ids), frozenset(wanted.sources)
        self._digests = frozenset(wanted.digests)
        asked = {
            "id": (self.ids, addresses),
            "url": (addresses,),
            "text_digest": (self._digests,),
            "source": (self.sources, addresses),
            "text": (self.parts,),
        }
        #: The columns that decide.
        self._columns = [name for name, ways in asked.items() if any(ways)]

    def rows(self, stream: BinaryIO, digests: set[str]) -> list[int]:
        """Return the numbers of the rows of a shard that are named; digests that name one are added to `digests`."""
        found, first = [], 0
        for table in tables(stream, self._columns) if self._columns else ():
            columns = {name: table.column(name).to_pylist() for name in table.schema.names}
            if self.addresses:
                urls = columns.get("url") or [None] * table.num_rows  # the first engine had none
                columns["address"] = self.addresses.rows(columns["id"], columns["source"], urls)
            for row in range(table.num_rows):
                is_named = (
                    ("address" in columns and self.addresses.mean(columns["address"][row]))
                    or ("source" in columns and columns["source"][row] in self.sources)
                    or ("id" in columns and columns["id"][row] in self.ids)
                )
                if "text_digest" in columns and (digest := columns["text_digest"][row]) in self._digests:
                    digests.add(digest)
                    is_named = True
                if not is_named and self.parts:
                    seen = shadow(columns["text"][row]).text
                    is_named = any(part in seen for part in self.parts)
                if is_named:
                    found.append(first + row)
            first += table.num_rows
        return found


def _without(
    stream: BinaryIO, rows: set[int], title: str, objects: LocalObjects, corpus: Corpus, taken: Taken
) -> tuple[Layer, int]:
    """Return the shard without these rows, and how many it has left."""
    left = first = 0
    with objects.writer() as out:
        writer: TableWriter | None = None
        for table in tables(stream):
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
    old: Sequence[Layer], open_layer: OpenLayer, objects: LocalObjects, taken: Taken, traces: Traces
) -> tuple[list[Layer], Counter[str]]:
    """Return the decisions with those to take down, emptied of what has to go; and personal data that is gone."""
    personal = Counter[str]()

    def told(row: Mapping[str, Any]) -> None:
        if row["id"] not in taken.ids:
            return
        if row["decision"] == "mask":
            personal.update({what: int(n) for what, n in map(str.split, row["reason"].split(", "))})
        if row["decision"] in ("mask", "edit"):
            taken.note(taken.edited, row["id"], _edited(row))

    traces.find_copies(old, open_layer)
    made = [emptied_decisions(layer, open_layer, objects, traces, told) for layer in old]
    number = max((int(layer.title[-13:-8]) for layer in old), default=-1) + 1
    with ShardWriter(
        objects, f"decisions/part-{number:05d}.parquet", DECISION_COLUMNS, shard_bytes=2**62, group_rows=8192
    ) as writer:
        for row in taken.rows():
            writer.add((row, 0))
    return [*made, *writer.layers], personal


def _edited(row: Mapping[str, Any]) -> set[str]:
    """Return what was replaced in a document, by its decision."""
    spans = {str(span[4]) for span in json.loads(row["spans"])} if row.get("spans") else set()
    masked = {part.split()[0] for part in row["reason"].split(", ")} if row["decision"] == "mask" else set()
    return spans | masked


def _filtered(open_layer: OpenLayer, objects: LocalObjects, taken: Taken) -> tuple[Listed, Layer]:
    gone = Listed()
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
