"""Duplicates in meaning: vectors that point the same way, looked for within clusters (SemDeDup).

    sketches: a vector each ─▶ centres from a sample ─▶ vectors by cluster, on disk ─▶ in a cluster, in the order of
    preference: one goes when it is `threshold` alike to one that stays

Source: Abbas et al. 2023, arXiv:2303.09540. Differs in: of alike documents the one preferred stays, not the one
furthest from its centre; no chains, what is compared with is what stays; a small corpus is one cluster, compared whole.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quanheng.data.corpus.dedup.order import Kept, Order, mapped
from quanheng.data.corpus.dedup.semantic_clusters import (
    MOST_SAMPLE,
    SAMPLE_EACH,
    learn_centres,
    nearest,
    products,
)
from quanheng.data.corpus.operator import Sketch
from quanheng.errors import Invalid

if TYPE_CHECKING:
    from numpy.typing import NDArray

Progress = Callable[[int, int | None], None]

#: Documents of a cluster on average, where their number is not given; as many or twice as many are compared whole.
CLUSTER = 32_768
_ROWS = 512
_STAYING = 8192


def find_alike(
    sketches: Sequence[Sketch],
    name: str,
    kept: Kept,
    scratch: Path,
    progress: Progress,
    *,
    threshold: Decimal,
    clusters: int,
    seed: int,
) -> int:
    """Set in `kept` what every document repeats in meaning; return how many clusters there were.

    name: the column of the vectors, float16, one after the other. clusters: 0 takes one for each `CLUSTER` documents.
    Memory: the centres, a sample, and two blocks of vectors. Disk: 2 bytes × width, and 8, a document.
    Raises Invalid "embedder_changed" when vectors differ in width.
    """
    order = kept.order
    width = _width(sketches, name)
    if not width:
        return 0
    wanted = clusters or (1 if order.total <= 2 * CLUSTER else -(-order.total // CLUSTER))
    centres = _centres(sketches, name, order, width, wanted, seed)
    vectors, numbers, ends = _by_cluster(sketches, name, order, centres, scratch, progress)
    start = 0
    for done, end in enumerate(ends.tolist(), start=1):
        _settle(vectors[start:end], numbers[start:end], kept, float(threshold))
        start = end
        progress(done + len(ends), 2 * len(ends))
    for name_of in ("vectors", "numbers"):
        (scratch / name_of).unlink()
    return len(centres)


def _width(sketches: Sequence[Sketch], name: str) -> int:
    widths = {len(sketch.column(name)) // sketch.rows for sketch in sketches if sketch.rows}
    if len(widths) > 1:
        raise embedder_changed(widths)
    return widths.pop() if widths else 0


def embedder_changed(widths: Collection[int]) -> Invalid:
    """Return the error for vectors that differ in width."""
    several = [str(width) for width in sorted(widths)]
    return Invalid(
        f"the embedder gave vectors of {' and of '.join(several)} numbers",
        f"嵌入模型给出的向量长度不一致：{'、'.join(several)}",
        hint=(
            "Another model answers there now: register it as an endpoint of its own, and build with that.",
            "该地址现由另一个模型应答：请另行登记端点后用它构建。",
        ),
        code="embedder_changed",
    )


def _rows(sketch: Sketch, name: str, width: int) -> NDArray[np.float16]:
    return sketch.column(name).reshape(sketch.rows, width)


def _centres(
    sketches: Sequence[Sketch], name: str, order: Order, width: int, wanted: int, seed: int
) -> NDArray[np.float16]:
    """Return the centres, learnt from a sample that a seed draws from the documents in their order."""
    if wanted <= 1:
        return np.zeros((1, width), np.float16)
    size = min(order.total, MOST_SAMPLE, wanted * SAMPLE_EACH)
    drawn = np.random.Generator(np.random.PCG64(seed)).choice(order.total, size, replace=False)
    units, rows = order.locate(np.sort(drawn))
    sample = np.empty((size, width), np.float16)
    for unit in np.unique(units).tolist():
        of_unit = units == unit
        sample[of_unit] = _rows(sketches[unit], name, width)[rows[of_unit]]
    known = sample[np.any(sample != 0, axis=1)]
    return learn_centres(known, wanted, seed) if len(known) else np.zeros((1, width), np.float16)


def _by_cluster(
    sketches: Sequence[Sketch],
    name: str,
    order: Order,
    centres: NDArray[np.float16],
    scratch: Path,
    progress: Progress,
) -> tuple[NDArray[np.float16], NDArray[np.uint32], NDArray[np.int64]]:
    """Return vectors and document numbers, mapped from disk, by cluster and in order there; and where each ends."""
    width = centres.shape[1]
    own = mapped(scratch / "clusters", np.int32, (order.total,))
    for done, unit in enumerate(order.units.tolist(), start=1):
        if sketches[unit].rows:
            own[order.numbers(unit)] = nearest(_rows(sketches[unit], name, width), centres)
        progress(done, 2 * len(order.units))
    ends = np.cumsum(np.bincount(own, minlength=len(centres)))
    free = ends - np.bincount(own, minlength=len(centres))
    vectors = mapped(scratch / "vectors", np.float16, (order.total, width))
    numbers = mapped(scratch / "numbers", np.uint32, (order.total,))
    for unit in order.units.tolist():
        at = order.numbers(unit)
        mine = np.asarray(own[at])
        by_cluster = np.argsort(mine, kind="stable")
        counts = np.bincount(mine, minlength=len(centres))
        # Rows of a cluster go to its free places, one after the other.
        first = np.repeat(free - (np.cumsum(counts) - counts), counts)
        places = first + np.arange(len(mine))
        if len(mine):
            vectors[places] = _rows(sketches[unit], name, width)[by_cluster]
            numbers[places] = by_cluster + at.start
        free += counts
    del own
    (scratch / "clusters").unlink()
    return vectors, numbers, ends


def _settle(vectors: NDArray[np.float16], numbers: NDArray[np.uint32], kept: Kept, threshold: float) -> None:
    """Set what the documents of one cluster repeat; those before them in order stay, or went."""
    lengths = _lengths(vectors)
    staying = np.zeros(len(vectors), bool)
    for start in range(0, len(vectors), _ROWS):
        end = min(start + _ROWS, len(vectors))
        block, long = vectors[start:end], lengths[start:end]
        of = np.full(end - start, -1, np.int64)
        measure = np.zeros(end - start)
        stay = np.flatnonzero(staying[:start])
        for part in range(0, len(stay), _STAYING):
            some = stay[part : part + _STAYING]
            open_ = np.flatnonzero(of < 0)
            alike = products(block[open_], vectors[some]) / np.outer(long[open_], lengths[some])
            first = (alike >= threshold).argmax(axis=1)
            hit = alike[np.arange(len(open_)), first] >= threshold
            of[open_[hit]], measure[open_[hit]] = some[first[hit]], alike[hit, first[hit]]
        alike = products(block, block) / np.outer(long, long)
        for row in range(end - start):
            if of[row] < 0:
                before = np.flatnonzero(staying[start : start + row] & (alike[row, :row] >= threshold))
                if len(before):
                    of[row], measure[row] = start + before[0], alike[row, before[0]]
            # What says nothing (a vector of zeros) is like nothing.
            staying[start + row] = of[row] < 0 and np.isfinite(long[row])
        gone = np.flatnonzero(of >= 0)
        kept.of[numbers[start:end][gone]] = numbers[of[gone]]
        kept.measure[numbers[start:end][gone]] = np.minimum(measure[gone], 1.0)


def _lengths(vectors: NDArray[np.float16]) -> NDArray[np.float64]:
    """Return the length of each vector, infinite for zeros; squares of float16 numbers add exactly."""
    found = np.empty(len(vectors))
    for start in range(0, len(vectors), _STAYING):
        wide = vectors[start : start + _STAYING].astype(np.float64)
        found[start : start + _STAYING] = np.sqrt((wide * wide).sum(axis=1))
    found[found == 0] = np.inf
    return found
