"""A corpus out of sources: units through the segments of a recipe, what needs all documents resolved between, merged.

Memory is bounded by the batches in hand, never by the size of the corpus: what lies between segments is on disk, and a
step that needs all documents works on sorted files. Every unit's result is kept under the digest of what it was made
of (`segments.py`): a killed build goes on where it was, and new files cost themselves, the resolution, and the last
shard (`continued.py`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from quanheng.data.corpus.bottom_k import PER_REASON
from quanheng.data.corpus.cards import card, croissant
from quanheng.data.corpus.continued import Known, Merges, NotTakenUp, take_up
from quanheng.data.corpus.keep import Keep, Ledger, Release, full
from quanheng.data.corpus.merge import Merge
from quanheng.data.corpus.recipe import plan
from quanheng.data.corpus.segments import Run
from quanheng.data.corpus.tally import Tally
from quanheng.data.corpus.token_counts import TOKENIZER
from quanheng.data.corpus.units import Given, Progress, SourceInput
from quanheng.data.corpus.work import Map, open_assets, read_terms
from quanheng.errors import Invalid, QuanhengError
from quanheng.kinds.corpora import CorpusV3, Shard
from quanheng.kinds.drop_reasons import reason_name
from quanheng.kinds.recipes import Recipe
from quanheng.store import Layer, LocalObjects, Stored, canonical_json
from quanheng.store.cache import CacheLike

JSONL = "application/jsonl"
#: First line of what rows_digest hashes; a change of the lines after it is a new number here.
ROWS_HEADER = b"quanheng corpus rows v1\n"


@dataclass(frozen=True, slots=True)
class AssetInput:
    """An artifact that operators read: its digest, and that of the layer they open."""

    artifact: str
    layer: str


@dataclass(frozen=True, slots=True)
class CorpusResult:
    """The corpus' model, and its layers, which are in the object store.

    peak_bytes: by what is kept, the most bytes that objects and scratch files added by the build took at one time,
    corpus included; only that of the build's own `keep` is measured, the others follow from it. left_bytes: what of
    them lies there now.
    """

    model: CorpusV3
    layers: tuple[Layer, ...]
    peak_bytes: Mapping[Keep, int] = field(default_factory=dict, compare=False)
    left_bytes: Mapping[Keep, int] = field(default_factory=dict, compare=False)


def build(
    sources: Sequence[SourceInput],
    recipe: Recipe,
    objects: LocalObjects,
    cache: CacheLike,
    progress: Progress,
    map: Map,
    assets: Mapping[str, AssetInput] | None = None,
    samples: int = PER_REASON,
    keep: Keep = "final",
    release: Release | None = None,
    again: str | None = None,
) -> CorpusResult:
    """Return the corpus made of `sources`, in the order given, by `recipe`.

    assets: by role ("lexicon", "classifier", "benchmarks" …). Whether a term of a lexicon has expired is asked of the
    day that the recipe names (`as_of` of its lexicon steps), never of the clock. samples: documents of each reason
    that are kept for people, in samples.jsonl. keep: what stays of what lies between the steps (`keep.py`); it changes
    nothing in the corpus. release: lets objects go; without it they are deleted from `objects`. again: a new name for
    a round in which endpoints are asked once more what they turned down or answered unreadably; units where all was
    answered, and every other question, stay as they are.

    The same sources, recipe and assets give the same bytes under one version of pyarrow, and the same `rows_digest`
    under every version and executor. `progress` counts bytes of source files once a segment, and a share of them for
    each resolution; `map` runs "module:function" over JSON items, in order, in this or other processes; `cache` lets a
    killed build go on.

    Raises Invalid "no_sources", "source_twice", "source_incomplete", what `plan` raises, or "empty_corpus" when
    nothing was kept; Unavailable "disk_full", after which the same build goes on once there is room; Conflict
    "rows_changed" when a step makes other documents each time.
    """
    given = dict(assets or {})
    _check(sources)
    layers = {role: asset.layer for role, asset in given.items()}
    made = plan(recipe, open_assets(objects, layers))
    ledger = Ledger(objects, keep, release)
    run = Run(Given(sources, made, layers, objects, cache, progress, map, ledger, again))
    try:
        results = run.all_segments()
        merges = Merges(run.given, samples, run.placed, results)
        merge = _merged(run, merges, samples)
        if merge.tally.kept == 0:
            _nothing_kept(merge.tally)
        kept = _store_samples(merge)
        model, left = _finish(merge, kept, sources, {role: asset.artifact for role, asset in given.items()})
    except QuanhengError as error:
        if error.code != "disk_full":
            raise
        raise full(error) from error
    ledger.add(layer.digest for layer in left if layer.digest not in merges.adopted)
    ledger.add([merges.keep(merge, kept)])
    run.let_verdicts_go()
    return CorpusResult(model, left, ledger.peaks, ledger.now)


def _merged(run: Run, merges: Merges, samples: int) -> Merge:
    """Return the merge of all units when it has ended: begun where that of an earlier corpus did, if there is one."""
    sources, layers = run.given.sources, run.given.layers
    terms = read_terms(run.objects, layers["lexicon"]) if "lexicon" in layers else []

    def merged(known: Known | None) -> Merge:
        rows = hashlib.sha256(ROWS_HEADER)
        with Merge(sources, run.made, merges.objects, terms, rows, samples, TOKENIZER in layers) as merge:
            if known:
                take_up(known.left, merge, rows)
            for at in range(known.units if known else 0, len(run.placed)):
                merge.add(run.placed[at], [segment[at] for segment in run.results])
        return merge

    if known := merges.known():
        try:
            return merged(known)
        except NotTakenUp:  # the earlier corpus was withdrawn, or its disk failed, in this moment
            merges.give_up(known)
    return merged(None)


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


def _store_samples(merge: Merge) -> Stored:
    rows = (canonical_json(row.model_dump(mode="json")) + b"\n" for row in merge.samples.rows())
    return merge.objects.put_bytes(b"".join(rows))


def _finish(
    merge: Merge, kept: Stored, sources: Sequence[SourceInput], assets: Mapping[str, str]
) -> tuple[CorpusV3, tuple[Layer, ...]]:
    shards = [
        Shard(title=layer.title, documents=count)
        for layer, count in zip(merge.data.layers, merge.data.counts, strict=True)
    ]
    model = merge.tally.model(assets, merge.terms_in_force, merge.rows_digest, shards, merge.samples.k)
    rejected, hits = merge.rejected.result, merge.filter.result
    layers = [
        *merge.data.layers,
        *merge.decisions.layers,
        Layer(rejected.digest, rejected.size, JSONL, "rejected.jsonl"),
        Layer(hits.digest, hits.size, JSONL, "filter.jsonl"),
        Layer(kept.digest, kept.size, JSONL, "samples.jsonl"),
    ]
    models = [source.model for source in sources]
    columns = (("url", "string"), *merge.columns)
    texts = [
        ("croissant.json", "application/ld+json", croissant(model, models, layers, columns)),
        ("card.zh.md", "text/markdown", card(model, models, "zh")),
        ("card.en.md", "text/markdown", card(model, models, "en")),
    ]
    for title, media_type, text in texts:
        stored = merge.objects.put_bytes(text.encode("utf-8"))
        layers.append(Layer(stored.digest, stored.size, media_type, title))
    return model, tuple(layers)


def rows_digest(rows: Iterable[tuple[str, str, str, Sequence[str]]]) -> str:
    """Return the `rows_digest` of (id, source, text_digest, flags) rows, so that anyone can compute it from shards."""
    found = hashlib.sha256(ROWS_HEADER)
    for id, source, text_digest, flags in rows:
        found.update(f"{id}\t{source}\t{text_digest}\t{' '.join(flags)}\n".encode())
    return "sha256:" + found.hexdigest()
