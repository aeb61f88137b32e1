"""What the merge of an earlier corpus left, taken up again by a corpus that begins with all of its documents.

The merge leaves its counts in a small object of the cache, and beside them the digests of the layers it wrote: no text.
The next one over the same results of the same first sources adopts the shards that were full, writes the rows of the
last one again, copies the lists, and takes the samples as they were; so its bytes are those of a merge from the
beginning. Where a layer is gone meanwhile (withdrawn, taken down, collected), or its bytes are no longer those of its
digest, the merge does begin there: what is damaged would get new digests, and be sound from then on.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from quanheng.data.corpus.arrow import to_arrow
from quanheng.data.corpus.merge import Merge
from quanheng.data.corpus.recipe import Plan
from quanheng.data.corpus.shards import ShardWriter
from quanheng.data.corpus.steps import Size
from quanheng.data.corpus.tally import SourceTally, StepTally, Tally
from quanheng.data.corpus.units import Given, Placed
from quanheng.data.corpus.work import UnitResult
from quanheng.errors import Corrupt, NotFound, Unavailable
from quanheng.kinds.base import Model
from quanheng.kinds.corpora import CorpusSample
from quanheng.store import JSON, Layer, LocalObjects, Stored, cache_key, canonical_json, sha256_digest
from quanheng.text import personal_data

if TYPE_CHECKING:
    import hashlib

    import pyarrow as pa

#: A change of what the merge makes of the same results, or of what is kept of it, is a new version.
MERGED = 2
_TALLY_OF_ITS_OWN = ("made", "sources", "steps")
_SOURCE_OF_ITS_OWN = ("digest", "model")


class NotTakenUp(Exception):
    """A layer of the earlier corpus went, or was damaged, while it was read."""


class LayerLeft(Model):
    """A layer that a merge wrote; documents: rows of a shard."""

    digest: str
    size: int
    title: str
    media_type: str
    documents: int


class ShardsLeft(Model):
    """The shards that a merge wrote; is_open: whether the last one had room for more."""

    layers: tuple[LayerLeft, ...]
    is_open: bool


class Left(Model):
    """What a merge left: its layers, and its counts as JSON."""

    data: ShardsLeft
    decisions: ShardsLeft
    rejected: LayerLeft
    filter: LayerLeft
    samples: LayerLeft
    tally: dict[str, Any]
    sources: tuple[dict[str, Any], ...]
    steps: dict[str, dict[str, Any]]

    @property
    def layers(self) -> Iterator[LayerLeft]:
        """Yield all layers."""
        yield from (*self.data.layers, *self.decisions.layers, self.rejected, self.filter, self.samples)


@dataclass(frozen=True)
class Known:
    """What an earlier merge left, and how many units it took in."""

    left: Left
    units: int


class _Mending(LocalObjects):
    """A store where an object that is damaged is replaced when its bytes are put again."""

    def __init__(self, objects: LocalObjects, damaged: set[str]) -> None:
        super().__init__(objects.root)
        self._damaged = damaged

    def _already_there(self, stored: Stored) -> bool:
        return stored.digest not in self._damaged and super()._already_there(stored)


class Merges:
    """The merges of earlier corpora: by what they were given, up to the end of each of their sources."""

    def __init__(
        self, given: Given, samples: int, placed: Sequence[Placed], results: Sequence[Sequence[UnitResult]]
    ) -> None:
        #: Digests of layers that are those of the earlier corpus.
        self.adopted: frozenset[str] = frozenset()
        self._objects, self._cache = given.objects, given.cache
        self._damaged: set[str] = set()
        # By source: how many units there are up to its end, and the key of a merge that ended there.
        self._ends: list[tuple[int, str]] = []
        units, key = 0, _options(given.made, given.layers, samples)
        for place, source in enumerate(given.sources):
            first = units
            while units < len(placed) and placed[units].source == place:
                units += 1
            names = [_name(placed[at], [segment[at] for segment in results]) for at in range(first, units)]
            key = cache_key({"before": key, "source": source.digest, "units": names})
            self._ends.append((units, key))

    @property
    def objects(self) -> LocalObjects:
        """Return the store that a merge writes into: what was found damaged is replaced where it is written again."""
        return _Mending(self._objects, self._damaged) if self._damaged else self._objects

    def known(self) -> Known | None:
        """Return what the longest merge over the first sources left, if all of it is there still, and undamaged."""
        for units, key in reversed(self._ends):
            digest = self._cache.get(key)
            if digest is None or not self._objects.exists(digest):
                continue
            with self._objects.open(digest) as stream:
                data = stream.read()
            if sha256_digest(data) != digest:
                self._damaged.add(digest)
                continue
            try:
                left = Left.model_validate_json(data)
            except ValidationError:  # of another shape: as good as none
                continue
            # Touched, so that collection leaves them.
            if all([self._objects.touch(layer.digest) for layer in left.layers]) and self._are_sound(left):
                self.adopted = frozenset(layer.digest for layer in left.layers)
                return Known(left, units)
        return None

    def give_up(self, known: Known) -> None:
        """Note that what `known` returned could not be taken up."""
        self.adopted = frozenset()
        self._are_sound(known.left)

    def _are_sound(self, left: Left) -> bool:
        """Return whether the bytes of all layers are those of their digests; each that is damaged is noted."""
        return all([self._is_sound(layer.digest) for layer in left.layers])

    def _is_sound(self, digest: str) -> bool:
        try:
            self._objects.verify(digest)
        except NotFound:
            return False
        except (Corrupt, Unavailable):  # other bytes, or a disk that cannot read them
            self._damaged.add(digest)
            return False
        return True

    def keep(self, merge: Merge, samples: Stored) -> str:
        """Keep what a merge that has ended left, and return the digest of it. `samples`: what of it was stored."""
        left = Left(
            data=_shards(merge.data),
            decisions=_shards(merge.decisions),
            rejected=_layer(merge.rejected.result),
            filter=_layer(merge.filter.result),
            samples=_layer(samples),
            tally=_state(merge.tally, _TALLY_OF_ITS_OWN),
            sources=tuple(_state(source, _SOURCE_OF_ITS_OWN) for source in merge.tally.sources),
            steps={str(place): _state(step, ()) for place, step in sorted(merge.tally.steps.items())},
        )
        digest = self.objects.put_bytes(canonical_json(left.model_dump(mode="json"))).digest
        self._cache.set(self._ends[-1][1], digest)
        return digest


def _options(made: Plan, layers: Mapping[str, str], samples: int) -> str:
    """Return the key of what beside units decides what a merge writes; another pyarrow writes other bytes."""
    import pyarrow as pa

    said = {
        "merged": MERGED,
        "pyarrow": pa.__version__,
        "excerpts": personal_data.VERSION,
        "recipe": made.recipe.model_dump(mode="json"),
        "operators": [[place, operator.id] for place, operator in made.operators],
        "types": [[name, made.types[name]] for name in made.labels],
        "layers": dict(layers),
        "samples": samples,
    }
    return cache_key(said)


def _name(placed: Placed, results: Sequence[UnitResult]) -> str:
    """Return the key of what the merge reads of a unit."""
    said: JSON = [
        list(placed.numbers),
        [file.title for file in placed.unit.files],
        [result.model_dump_json() for result in results],  # text: canonical JSON looks at every number of it otherwise
    ]
    return cache_key(said)


def take_up(left: Left, merge: Merge, rows: hashlib._Hash) -> None:
    """Bring a merge that has just begun to where the earlier one stood at its end; `rows`: of its rows_digest.

    Raises NotTakenUp where a layer is gone, or cannot be read.
    """
    import pyarrow as pa

    try:
        _take_up(left, merge, rows)
    except (NotFound, Corrupt, OSError, ValueError, pa.ArrowException) as error:
        raise NotTakenUp from error


def _take_up(left: Left, merge: Merge, rows: hashlib._Hash) -> None:
    objects = merge.objects
    _fill(merge.tally, left.tally)
    for source, state in zip(merge.tally.sources, left.sources, strict=False):
        _fill(source, state)
    for place, state in left.steps.items():
        _fill(merge.tally.steps.setdefault(int(place), StepTally()), state)
    for table in _adopted(left.data, merge.data, objects, ("id", "source", "text_digest", "flags")):
        rows.update(_lines(table))
    for _ in _adopted(left.decisions, merge.decisions, objects, None):
        pass
    for layer, writer in ((left.rejected, merge.rejected), (left.filter, merge.filter)):
        with objects.open(layer.digest) as stream:
            shutil.copyfileobj(stream, writer)
    with objects.open(left.samples.digest) as stream:
        for line in stream:
            merge.samples.take_again(CorpusSample.model_validate_json(line))


def _adopted(
    left: ShardsLeft, writer: ShardWriter, objects: LocalObjects, names: Sequence[str] | None
) -> Iterator[pa.Table]:
    """Yield these columns of the shards, and let `writer` have them: full ones as they are, an open one row by row."""
    full = left.layers[: len(left.layers) - left.is_open]
    writer.adopt(
        [Layer(layer.digest, layer.size, layer.media_type, layer.title) for layer in full],
        [layer.documents for layer in full],
    )
    for layer in full if names else ():
        yield from _groups(objects, layer, names)
    for layer in left.layers[len(full) :]:
        for table in _groups(objects, layer, None):
            for batch in table.combine_chunks().to_batches():
                writer.add_table(batch, _sizes(batch))
            yield table


def _groups(objects: LocalObjects, layer: LayerLeft, names: Sequence[str] | None) -> Iterator[pa.Table]:
    import pyarrow.parquet as pq

    with objects.open(layer.digest) as stream, pq.ParquetFile(stream, pre_buffer=False) as table:
        for group in range(table.num_row_groups):
            yield table.read_row_group(group, columns=names, use_threads=False)


def _sizes(batch: pa.RecordBatch) -> list[int]:
    """Return the bytes that each row of a shard counted for: of its text, or of what was decided about it."""
    import pyarrow.compute as pc

    if "text" in batch.schema.names:
        return pc.binary_length(batch.column("text")).to_pylist()  # type: ignore[no-any-return]
    lengths = (pc.utf8_length(batch.column(name)).to_pylist() for name in ("excerpt", "spans"))
    return [quoted * 3 + spans for quoted, spans in zip(*lengths, strict=True)]


def _lines(table: pa.Table) -> memoryview:
    """Return the lines of rows as rows_digest hashes them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # Scalars of pyarrow: a str would make it import pandas.
    blank, tab, end, nothing = to_arrow([" ", "\t", "\n", ""], pa.string())
    columns = [table.column(name).combine_chunks() for name in ("id", "source", "text_digest")]
    flags = pc.binary_join(table.column("flags").combine_chunks(), blank)
    lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*columns, flags, tab), nothing, end)
    _, offsets, data = lines.buffers()
    ends = memoryview(offsets).cast("i")
    return memoryview(data)[ends[lines.offset] : ends[lines.offset + len(lines)]]


def _shards(writer: ShardWriter) -> ShardsLeft:
    layers = tuple(
        LayerLeft(digest=layer.digest, size=layer.size, title=layer.title, media_type=layer.media_type, documents=count)
        for layer, count in zip(writer.layers, writer.counts, strict=True)
    )
    return ShardsLeft(layers=layers, is_open=writer.ended_open)


def _layer(stored: Stored) -> LayerLeft:
    return LayerLeft(digest=stored.digest, size=stored.size, title="", media_type="", documents=0)


def _state(counts: Tally | SourceTally | StepTally, leave: Sequence[str]) -> dict[str, Any]:
    """Return counts as JSON."""
    return {f.name: _plain(getattr(counts, f.name)) for f in fields(counts) if f.name not in leave}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in sorted(value.items())}
    return list(value) if isinstance(value, Size) else int(value)


def _fill(counts: Tally | SourceTally | StepTally, state: Mapping[str, Any]) -> None:
    """Give counts that are still nothing the values that `_state` told."""
    for name, value in state.items():
        setattr(counts, name, _again(getattr(counts, name), value, places=name == "changed"))


def _again(was: Any, value: Any, *, places: bool) -> Any:
    if isinstance(was, Counter):
        return Counter({int(name) if places else name: n for name, n in value.items()})
    if isinstance(was, dict):
        return {name: Size(*size) for name, size in value.items()}
    return Size(*value) if isinstance(was, Size) else value
