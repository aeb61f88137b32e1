"""A corpus out of sources: units through the segments of a recipe, what needs all documents resolved between, merged.

Memory is bounded by the batches in hand, never by the size of the corpus: what lies between segments is on disk, and a
step that needs all documents works on sorted files. Every unit's result is kept under the digest of what it was made
of: a killed build goes on where it was, and new files cost only themselves and the resolution.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from quanheng.data.corpus.cards import card, croissant
from quanheng.data.corpus.merge import Merge
from quanheng.data.corpus.operator import CorpusStep, Sketch
from quanheng.data.corpus.parts import Part
from quanheng.data.corpus.recipe import Plan, plan
from quanheng.data.corpus.sketches import StoredSketch
from quanheng.data.corpus.steps import FILE, ROW, TEXT
from quanheng.data.corpus.tables import batches_of
from quanheng.data.corpus.tally import Tally
from quanheng.data.corpus.units import Placed, SourceInput, cut_file, document_id, place_units
from quanheng.data.corpus.verdicts import store_verdicts
from quanheng.data.corpus.work import Map, Unit, UnitResult, open_assets, read_result, read_terms
from quanheng.errors import Corrupt, Invalid
from quanheng.kinds.data import CorpusV2, Recipe, Shard
from quanheng.kinds.drop_reasons import reason_name
from quanheng.store import Layer, LocalObjects, cache_key, canonical_json
from quanheng.store.cache import CacheLike

Progress = Callable[[int, int | None], None]

RUN_UNIT = "quanheng.data.corpus.work:run_unit"
JSONL = "application/jsonl"
#: First line of what rows_digest hashes; a change of the lines after it is a new number here.
ROWS_HEADER = b"quanheng corpus rows v1\n"
#: A change of what `resolve` is given or of what is kept of it is a new version.
RESOLVE_VERSION = 1


@dataclass(frozen=True, slots=True)
class AssetInput:
    """An artifact that operators read: its digest, and that of the layer they open."""

    artifact: str
    layer: str


@dataclass(frozen=True, slots=True)
class CorpusResult:
    """The corpus' model, and its layers, which are in the object store."""

    model: CorpusV2
    layers: tuple[Layer, ...]


def build(
    sources: Sequence[SourceInput],
    recipe: Recipe,
    objects: LocalObjects,
    cache: CacheLike,
    progress: Progress,
    map: Map,
    assets: Mapping[str, AssetInput] | None = None,
) -> CorpusResult:
    """Return the corpus made of `sources`, in the order given, by `recipe`.

    assets: by role ("lexicon", "classifier", "benchmarks" …). Whether a term of a lexicon has expired is not asked
    here: what a build does must not depend on the day.

    The same sources, recipe and assets give the same bytes under one version of pyarrow, and the same `rows_digest`
    under every version and executor. `progress` counts bytes of source files, once a segment; `map` runs
    "module:function" over JSON items, in order, in this or other processes; `cache` lets a killed build go on.

    Raises Invalid "no_sources", "source_twice", "source_incomplete", what `plan` raises, or "empty_corpus" when
    nothing was kept.
    """
    given = dict(assets or {})
    _check(sources)
    layers = {role: asset.layer for role, asset in given.items()}
    made = plan(recipe, open_assets(objects, layers))
    run = _Run(made, layers, objects, cache, progress, map)
    placed = place_units(sources, made, layers, objects, run.parts)
    run.total = sum(unit.unit.size for unit in placed) * len(made.segments)
    progress(0, run.total)
    results = run.all_segments(sources, placed)
    terms = read_terms(objects, layers["lexicon"]) if "lexicon" in layers else []
    with Merge(sources, made, objects, terms, hashlib.sha256(ROWS_HEADER)) as merge:
        for number, unit in enumerate(placed):
            merge.add(unit, [segment[number] for segment in results])
    if merge.tally.kept == 0:
        _nothing_kept(merge.tally)
    return _finish(merge, sources, {role: asset.artifact for role, asset in given.items()})


def _check(sources: Sequence[SourceInput]) -> None:
    if not sources:
        raise Invalid(
            "a corpus needs at least one source",
            "构建语料至少需要一个来源",
            hint=("Register one first: quanheng source register", "请先登记来源：quanheng source register"),
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


class _Run:
    """The segments of one build, each over all units."""

    def __init__(
        self,
        made: Plan,
        layers: Mapping[str, str],
        objects: LocalObjects,
        cache: CacheLike,
        progress: Progress,
        map: Map,
    ) -> None:
        self.made = made
        self.layers = layers
        self.objects = objects
        self.cache = cache
        self.progress = progress
        self.map = map
        self.done = self.total = 0

    def parts(self, digest: str) -> list[Part]:
        """Return the parts of a large file of lines; found once, then cached."""
        key = cache_key({"parts": 1, "file": digest})
        known = self.cache.get(key)
        if known is None or not self.objects.exists(known):
            found = [part.model_dump(mode="json") for part in cut_file(self.objects, digest)]
            known = self.objects.put_bytes(canonical_json(found)).digest
            self.cache.set(key, known)
        with self.objects.open(known) as stream:
            return [Part.model_validate(part) for part in json.loads(stream.read())]

    def all_segments(self, sources: Sequence[SourceInput], placed: Sequence[Placed]) -> list[list[UnitResult]]:
        """Return the results of every segment, each by unit."""
        results: list[list[UnitResult]] = []
        verdicts: Sequence[str | None] = [None] * len(placed)
        for number, segment in enumerate(self.made.segments):
            units = [
                unit.unit.model_copy(
                    update={
                        "segment": number,
                        "rows": results[-1][at].rows if results else None,
                        "verdicts": verdicts[at],
                    }
                )
                for at, unit in enumerate(placed)
            ]
            found = []
            for unit, result in zip(units, self._results(units), strict=True):
                found.append(result)
                self.done += unit.size
                self.progress(self.done, self.total)
            results.append(found)
            if segment.corpus and isinstance(segment.corpus.operator, CorpusStep):
                verdicts = self._resolve(segment.corpus.operator, sources, placed, found)
        return results

    def _results(self, units: list[Unit]) -> Iterator[UnitResult]:
        """Yield the result of each unit in order; those in the cache are not made again."""
        keys = [unit.key(self.made) for unit in units]
        known = {key: result for key in keys if (result := self._cached(key)) is not None}
        # Equal files in two sources have equal keys and are read once.
        missing = {key: unit for key, unit in zip(keys, units, strict=True) if key not in known}
        answers = self.map(RUN_UNIT, (unit.model_dump(mode="json") for unit in missing.values()))
        waiting = iter(missing)
        for key in keys:
            while key not in known:
                finished = next(waiting)
                answer = next(answers, None)
                if not isinstance(answer, dict):
                    raise Corrupt("the executor gave no result for a unit", "执行器没有返回该工作单元的结果")
                digest = str(answer["result"])
                known[finished] = read_result(self.objects, digest)
                self.cache.set(finished, digest)
            yield known[key]

    def _cached(self, key: str) -> UnitResult | None:
        """Return the cached result, unless one of its objects was evicted meanwhile."""
        digest = self.cache.get(key)
        if digest is None or not self.objects.exists(digest):
            return None
        result = read_result(self.objects, digest)
        # Touched, so that collection does not take them before the merge comes to them.
        return result if all(self.objects.touch(digest) for digest in result.objects) else None

    def _resolve(
        self,
        step: CorpusStep,
        sources: Sequence[SourceInput],
        placed: Sequence[Placed],
        results: Sequence[UnitResult],
    ) -> list[str | None]:
        """Return the digest of the verdicts on each unit, None where there are none."""
        ranks = _ranks(sources)
        key = cache_key(
            {
                "resolve": RESOLVE_VERSION,
                "step": step.id,
                "units": [
                    [result.sketch, result.rows, ranks[unit.source], sources[unit.source].digest, list(unit.numbers)]
                    for unit, result in zip(placed, results, strict=True)
                ],
            }
        )
        known = self.cache.get(key)
        if known is not None and self.objects.exists(known):
            with self.objects.open(known) as stream:
                kept: list[str | None] = json.loads(stream.read())
            if all(self.objects.touch(digest) for digest in kept if digest):
                return kept
        sketches: list[Sketch] = [
            StoredSketch(self.objects.path(str(result.sketch)), ranks[unit.source], result.documents)
            for unit, result in zip(placed, results, strict=True)
        ]
        reader = _Rows(self.objects, sources, placed, results)
        with self.objects.scratch() as scratch:
            found = [
                store_verdicts(self.objects, verdicts, reader.id_of)
                for verdicts in step.resolve(sketches, reader.texts, scratch, lambda done, total: None)
            ]
        if len(found) != len(placed):
            raise Corrupt(
                f"{step.name} gave verdicts on {len(found)} of {len(placed)} units",
                f"{step.name} 只对 {len(placed)} 个工作单元中的 {len(found)} 个给出了结论",
            )
        self.cache.set(key, self.objects.put_bytes(canonical_json(list(found))).digest)
        return found


def _ranks(sources: Sequence[SourceInput]) -> list[int]:
    """Return the rank of each source: those with a clear licence first, then as they were given."""
    order = sorted(range(len(sources)), key=lambda place: (not sources[place].model.licence.clear, place))
    return [order.index(place) for place in range(len(sources))]


class _Rows:
    """Texts and ids of documents between two segments, by (unit, row); a few units' columns in memory."""

    def __init__(
        self,
        objects: LocalObjects,
        sources: Sequence[SourceInput],
        placed: Sequence[Placed],
        results: Sequence[UnitResult],
    ) -> None:
        self._objects = objects
        self._sources = sources
        self._placed = placed
        self._results = results
        self._columns = lru_cache(maxsize=4)(self._read)

    def _read(self, unit: int, names: tuple[str, ...]) -> list[list[object]]:
        columns: list[list[object]] = [[] for _ in names]
        with self._objects.open(self._results[unit].rows) as stream:
            for table in batches_of(stream):
                for column, name in zip(columns, names, strict=True):
                    column.extend(table.column(name).to_pylist())
        return columns

    def texts(self, unit: int, rows: Sequence[int]) -> list[str]:
        """Return the texts of these rows of a unit."""
        (texts,) = self._columns(unit, (TEXT,))
        return [str(texts[row]) for row in rows]

    def id_of(self, place: tuple[int, int]) -> str:
        """Return the id of a document as the corpus has it."""
        unit, row = place
        files, rows = self._columns(unit, (FILE, ROW))
        placed = self._placed[unit]
        return document_id(self._sources[placed.source].digest, placed.numbers[int(str(files[row]))], str(rows[row]))


def _nothing_kept(tally: Tally) -> None:
    dropped = Counter[str]()
    for source in tally.sources:
        dropped.update(source.dropped)
    broken = sum(source.broken for source in tally.sources)
    en = ", ".join(f"{reason_name(reason).en} {count}" for reason, count in sorted(dropped.items()))
    zh = "、".join(f"{reason_name(reason).zh} {count}" for reason, count in sorted(dropped.items()))
    raise Invalid(
        f"no document was kept: {en or 'none was read'}; broken rows {broken}",
        f"没有保留任何文档：{zh or '没有读到文档'}；损坏的行 {broken}",
        hint=(
            "Check format, encoding and text field of the sources, or loosen the recipe.",
            "请检查来源的格式、编码和正文字段，或放宽配方。",
        ),
        code="empty_corpus",
    )


def _finish(merge: Merge, sources: Sequence[SourceInput], assets: Mapping[str, str]) -> CorpusResult:
    shards = [
        Shard(title=layer.title, documents=count)
        for layer, count in zip(merge.data.layers, merge.data.counts, strict=True)
    ]
    model = merge.tally.model(assets, len(merge.terms), merge.rows_digest, shards)
    rejected, hits = merge.rejected.result, merge.filter.result
    layers = [
        *merge.data.layers,
        *merge.decisions.layers,
        Layer(rejected.digest, rejected.size, JSONL, "rejected.jsonl"),
        Layer(hits.digest, hits.size, JSONL, "filter.jsonl"),
    ]
    models = [source.model for source in sources]
    columns = (("url", "string"), *((name, merge.made.types[name]) for name in merge.made.labels))
    texts = [
        ("croissant.json", "application/ld+json", croissant(model, models, layers, columns)),
        ("card.zh.md", "text/markdown", card(model, models, "zh")),
        ("card.en.md", "text/markdown", card(model, models, "en")),
    ]
    for title, media_type, text in texts:
        stored = merge.objects.put_bytes(text.encode("utf-8"))
        layers.append(Layer(stored.digest, stored.size, media_type, title))
    return CorpusResult(model, tuple(layers))


def rows_digest(rows: Iterable[tuple[str, str, str, Sequence[str]]]) -> str:
    """Return the `rows_digest` of (id, source, text_digest, flags) rows, so that anyone can compute it from shards."""
    found = hashlib.sha256(ROWS_HEADER)
    for id, source, text_digest, flags in rows:
        found.update(f"{id}\t{source}\t{text_digest}\t{' '.join(flags)}\n".encode())
    return "sha256:" + found.hexdigest()
