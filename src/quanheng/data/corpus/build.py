"""A corpus out of sources: clean in parallel, merge in order, and leave shards, decisions, counts and cards.

Memory is bounded by a row group per open file and 16 bytes for every document kept (the set of digests that finds
exact duplicates: 1.6 GB of Python memory for 16 million documents); never by the size of the corpus.

Equal texts are told after masking, by the digest of the text that is kept. A digest of the unmasked text would let
anyone who guesses a phone number confirm it, so none is written anywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import cast

from quanheng.data.corpus.cards import REASONS, card, croissant
from quanheng.data.corpus.lines import excerpt
from quanheng.data.corpus.shards import DATA_COLUMNS, DECISION_COLUMNS, ShardWriter, parquet_rows
from quanheng.data.corpus.tally import SourceTally, Tally
from quanheng.data.corpus.work import Map, Unit, UnitFile, UnitResult, plan_units, read_broken, read_result, read_terms
from quanheng.errors import Corrupt, Invalid
from quanheng.kinds.data import Corpus, DropReason, LexiconTerm, PersonalDataType, Recipe, Shard, Source
from quanheng.store import Layer, LocalObjects, canonical_json
from quanheng.store.cache import CacheLike

Progress = Callable[[int, int | None], None]

CLEAN_UNIT = "quanheng.data.corpus.work:clean_unit"
JSONL = "application/jsonl"
#: First line of what rows_digest hashes; a change of the lines after it is a new number here.
ROWS_HEADER = b"quanheng corpus rows v1\n"
_DUPLICATE_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class SourceInput:
    """A source artifact: its digest, its model, and its layers by title."""

    digest: str
    model: Source
    layers: Mapping[str, Layer]


@dataclass(frozen=True, slots=True)
class CorpusResult:
    """The corpus' model, and its layers, which are in the object store."""

    model: Corpus
    layers: tuple[Layer, ...]


def build(
    sources: Sequence[SourceInput],
    recipe: Recipe,
    objects: LocalObjects,
    cache: CacheLike,
    progress: Progress,
    map: Map,
    lexicon: tuple[str, str] | None = None,
) -> CorpusResult:
    """Return the corpus made of `sources`, in the order given, by `recipe`.

    lexicon: the digest of the lexicon artifact, and that of its layer terms.jsonl. Whether a term has expired is not
    asked here: what a build does must not depend on the day.

    The same sources, recipe and lexicon give the same bytes under one version of pyarrow, and the same `rows_digest`
    under every version. Of equal texts the first stays. `progress` counts bytes of source files; `map` runs
    "module:function" over JSON items, in order, in this or other processes; `cache` lets a killed build go on.

    Raises Invalid "no_sources", "source_twice", "source_incomplete", or "empty_corpus" when nothing was kept.
    """
    _check(sources)
    units = _plan(sources, recipe, objects, lexicon[1] if lexicon else None)
    total = sum(unit.size for _, unit in units)
    done = 0
    progress(0, total)
    terms = read_terms(objects, lexicon[1]) if lexicon else []
    with _Merge(sources, recipe, objects, terms) as merge:
        for (place, unit), result in zip(
            units, _results([unit for _, unit in units], objects, cache, map), strict=True
        ):
            merge.add(place, unit, result)
            done += unit.size
            progress(done, total)
    if merge.tally.kept == 0:
        _nothing_kept(merge.tally)
    return _finish(merge, sources, recipe, objects, lexicon)


def _plan(
    sources: Sequence[SourceInput], recipe: Recipe, objects: LocalObjects, terms: str | None
) -> list[tuple[int, Unit]]:
    """Return the units of all sources in order, each with the number of its source."""
    return [
        (place, unit)
        for place, source in enumerate(sources)
        for unit in plan_units(
            _files(source),
            objects=str(objects.root),
            reading=source.model.reading,
            recipe=recipe,
            terms=terms,
        )
    ]


def _check(sources: Sequence[SourceInput]) -> None:
    if not sources:
        raise Invalid(
            "a corpus needs at least one source",
            "构建语料至少需要一个来源",
            hint=("Register one first: quanheng source add", "请先登记来源：quanheng source add"),
            code="no_sources",
        )
    twice = [digest for digest, times in Counter(source.digest for source in sources).items() if times > 1]
    if twice:
        raise Invalid(
            f"source {twice[0]} is given twice",
            f"来源 {twice[0]} 出现了两次",
            hint=("Name each source once.", "每个来源只写一次。"),
            code="source_twice",
        )


def _files(source: SourceInput) -> list[UnitFile]:
    files: list[UnitFile] = []
    for file in source.model.files:
        if file.title not in source.layers:
            raise Invalid(
                f"source {source.digest} has no layer for its file {file.title!r}",
                f"来源 {source.digest} 缺少文件 {file.title!r} 的数据层",
                hint=("Register the source again.", "请重新登记该来源。"),
                code="source_incomplete",
            )
        digest = source.layers[file.title].digest
        files.append(UnitFile(digest=digest, title=file.title, format=file.format, size=file.size))
    return files


def _results(units: list[Unit], objects: LocalObjects, cache: CacheLike, map: Map) -> Iterator[UnitResult]:
    """Yield the result of each unit in order; those in the cache are not made again."""
    keys = [unit.key() for unit in units]
    known = {key: result for key in keys if (result := _cached(key, objects, cache)) is not None}
    # Equal files in two sources have equal keys and are cleaned once.
    missing = {key: unit for key, unit in zip(keys, units, strict=True) if key not in known}
    made = map(CLEAN_UNIT, (unit.model_dump(mode="json") for unit in missing.values()))
    waiting = iter(missing)
    for key in keys:
        while key not in known:
            finished = next(waiting)
            answer = next(made, None)
            if not isinstance(answer, dict):
                raise Corrupt("the executor gave no result for a unit", "执行器没有返回该工作单元的结果")
            digest = str(answer["result"])
            known[finished] = read_result(objects, digest)
            cache.set(finished, digest)
        yield known[key]


def _cached(key: str, objects: LocalObjects, cache: CacheLike) -> UnitResult | None:
    """Return the cached result, unless one of its objects was evicted meanwhile."""
    digest = cache.get(key)
    if digest is None or not objects.exists(digest):
        return None
    result = read_result(objects, digest)
    # Touched, so that collection does not take them before the merge comes to them.
    return result if objects.touch(result.rows) and objects.touch(result.broken) else None


def _nothing_kept(tally: Tally) -> None:
    dropped = Counter[DropReason]()
    for source in tally.sources:
        dropped.update(source.dropped)
    broken = sum(source.broken for source in tally.sources)
    en = ", ".join(f"{REASONS[reason][1]} {count}" for reason, count in sorted(dropped.items()))
    zh = "、".join(f"{REASONS[reason][0]} {count}" for reason, count in sorted(dropped.items()))
    raise Invalid(
        f"no document was kept: {en or 'none was read'}; broken rows {broken}",
        f"没有保留任何文档：{zh or '没有读到文档'}；损坏的行 {broken}",
        hint=(
            "Check format, encoding and text field of the sources, or loosen the recipe.",
            "请检查来源的格式、编码和正文字段，或放宽配方。",
        ),
        code="empty_corpus",
    )


@dataclass
class _Merge:
    """Merges units in order: duplicates, ids, shards, decisions, counts. A context manager over its open files."""

    sources: Sequence[SourceInput]
    recipe: Recipe
    objects: LocalObjects
    terms: list[LexiconTerm]
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._seen: set[bytes] = set()
        self._rows = hashlib.sha256(ROWS_HEADER)
        self._files_before: Counter[int] = Counter()
        self.tally.sources = [SourceTally(source.digest, source.model) for source in self.sources]
        self._stack = ExitStack()

    def __enter__(self) -> _Merge:
        size, rows = self.recipe.shard_bytes, self.recipe.row_group_rows
        with ExitStack() as stack:
            self.data = stack.enter_context(
                ShardWriter(self.objects, "data/part-{:05d}.parquet", DATA_COLUMNS, shard_bytes=size, group_rows=rows)
            )
            self.decisions = stack.enter_context(
                ShardWriter(
                    self.objects, "decisions/part-{:05d}.parquet", DECISION_COLUMNS, shard_bytes=size, group_rows=rows
                )
            )
            self.rejected = stack.enter_context(self.objects.writer())
            self.filter = stack.enter_context(self.objects.writer())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *reason: object) -> None:
        self._stack.__exit__(*reason)  # type: ignore[arg-type]  # the three of every context manager

    @property
    def rows_digest(self) -> str:
        """Return the digest of the rows so far."""
        return "sha256:" + self._rows.hexdigest()

    def add(self, place: int, unit: Unit, result: UnitResult) -> None:
        """Take in the rows of the next unit of source number `place`."""
        source = self.tally.sources[place]
        self.tally.encodings.update(result.encodings)
        source.broken += result.broken_rows
        source.read += result.documents
        for broken in read_broken(self.objects, result.broken):
            line = {
                "source": source.digest,
                "file": unit.files[broken.file].title,
                "row": broken.row,
                "reason": broken.reason,
                "excerpt": broken.excerpt,
                "byte": broken.byte,
            }
            self.rejected.write(canonical_json(line) + b"\n")
        with self.objects.open(result.rows) as stream:
            for row in parquet_rows(stream):
                self._row(source, self._files_before[place], _UnitRow(*row))  # type: ignore[arg-type]  # from Parquet
        self._files_before[place] += len(unit.files)

    def _row(self, source: SourceTally, files_before: int, row: _UnitRow) -> None:
        self.tally.characters_read += row.characters_read
        # Source, number of the file in it, and row in the file: enough to find the document again.
        id = f"{source.digest[7:19]}-{files_before + row.file}-{row.row}"
        if row.reason:
            reason = cast(DropReason, row.reason)
            self._drop(source, id, reason, row.text, row.characters_read)
            return
        if self.recipe.deduplicate == "exact":
            key = row.digest[:_DUPLICATE_KEY_BYTES]
            if key in self._seen:
                self.tally.characters_masked += row.characters_read - len(row.text)
                self._drop(source, id, "duplicate", excerpt(row.text), len(row.text))
                return
            self._seen.add(key)
        self._keep(source, id, row)

    def _drop(self, source: SourceTally, id: str, reason: DropReason, head: str, characters: int) -> None:
        source.dropped[reason] += 1
        self.tally.characters_dropped[reason] += characters
        self._decide(source, id, "drop", reason, head)

    def _decide(self, source: SourceTally, id: str, decision: str, reason: str, head: str) -> None:
        self.decisions.add(((id, source.digest, decision, reason, head), len(head) * 3))

    def _keep(self, source: SourceTally, id: str, row: _UnitRow) -> None:
        flags = [row.script]
        source.kept += 1
        source.characters += len(row.text)
        source.bytes += row.bytes
        self.tally.language[row.script] += 1
        self.tally.characters_masked += row.characters_read - len(row.text)
        if row.masked:
            masked = cast(dict[PersonalDataType, int], json.loads(row.masked))
            flags.append("masked")
            self.tally.masked_documents += 1
            self.tally.personal_data.update(masked)
            what = ", ".join(f"{type} {count}" for type, count in sorted(masked.items()))
            self._decide(source, id, "mask", what, excerpt(row.text))
        if row.hits:
            flags.append(self._hit(id, json.loads(row.hits)))
        text_digest = "sha256:" + row.digest.hex()
        self._rows.update(f"{id}\t{source.digest}\t{text_digest}\t{' '.join(flags)}\n".encode())
        self.data.add(((id, source.digest, row.text, text_digest, flags), row.bytes))

    def _hit(self, id: str, hits: list[tuple[int, int, int]]) -> str:
        """Count the hits of a kept document, list it, and return its flag: "review" or "hit"."""
        risks = Counter(self.terms[place].risk for _, _, place in hits)
        review = any(self.terms[place].mode == "review" for _, _, place in hits)
        self.tally.hits += len(hits)
        self.tally.documents_hit += 1
        self.tally.documents_for_review += review
        self.tally.per_risk.update(risks)
        line = {"id": id, "mode": "review" if review else "count", "risks": dict(risks), "spans": hits}
        self.filter.write(canonical_json(line) + b"\n")
        return "review" if review else "hit"


@dataclass(frozen=True, slots=True)
class _UnitRow:
    """A row of a unit: the columns of UNIT_COLUMNS in order."""

    file: int
    row: str
    reason: str
    text: str
    digest: bytes
    characters_read: int
    bytes: int
    script: str
    masked: str
    hits: str


def _finish(
    merge: _Merge,
    sources: Sequence[SourceInput],
    recipe: Recipe,
    objects: LocalObjects,
    lexicon: tuple[str, str] | None,
) -> CorpusResult:
    shards = tuple(
        Shard(title=layer.title, documents=count)
        for layer, count in zip(merge.data.layers, merge.data.counts, strict=True)
    )
    filtered_by = (lexicon[0], len(merge.terms)) if lexicon else None
    model = merge.tally.model(recipe, filtered_by, merge.rows_digest, shards)
    rejected, hits = merge.rejected.result, merge.filter.result
    layers = [
        *merge.data.layers,
        *merge.decisions.layers,
        Layer(rejected.digest, rejected.size, JSONL, "rejected.jsonl"),
        Layer(hits.digest, hits.size, JSONL, "filter.jsonl"),
    ]
    models = [source.model for source in sources]
    texts = [
        ("croissant.json", "application/ld+json", croissant(model, models, layers)),
        ("card.zh.md", "text/markdown", card(model, models, "zh")),
        ("card.en.md", "text/markdown", card(model, models, "en")),
    ]
    for title, media_type, text in texts:
        stored = objects.put_bytes(text.encode("utf-8"))
        layers.append(Layer(stored.digest, stored.size, media_type, title))
    return CorpusResult(model, tuple(layers))


def rows_digest(rows: Iterable[tuple[str, str, str, Sequence[str]]]) -> str:
    """Return the `rows_digest` of (id, source, text_digest, flags) rows, so that anyone can compute it from shards."""
    found = hashlib.sha256(ROWS_HEADER)
    for id, source, text_digest, flags in rows:
        found.update(f"{id}\t{source}\t{text_digest}\t{' '.join(flags)}\n".encode())
    return "sha256:" + found.hexdigest()
