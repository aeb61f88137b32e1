"""The units of a build: small files of a source together, large files of lines in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader

from quanheng.data.corpus.elsewhere import Elsewhere, Streamed
from quanheng.data.corpus.keep import Ledger
from quanheng.data.corpus.parts import Part, can_split, sample_parts, split
from quanheng.data.corpus.recipe import Plan
from quanheng.data.corpus.work import Facts, Map, Unit, UnitFile
from quanheng.errors import Invalid
from quanheng.kinds.sources import Source
from quanheng.store import Layer, LocalObjects
from quanheng.store.cache import CacheLike

#: Small files are done together: fewer objects to make durable.
UNIT_BYTES = 8 * 1024 * 1024
UNIT_FILES = 256
_STREAM_BYTES = 1024 * 1024

PartsOf = Callable[[UnitFile], list[Part]]
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class SourceInput:
    """A source artifact: its digest, its model, and its layers by title.

    hosts: those that may be called for layers that lie elsewhere.
    """

    digest: str
    model: Source
    layers: Mapping[str, Layer]
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """What a build was given: sources, recipe made ready, layers of its assets by role, and what it runs by."""

    sources: Sequence[SourceInput]
    made: Plan
    layers: Mapping[str, str]
    objects: LocalObjects
    cache: CacheLike
    progress: Progress
    map: Map
    ledger: Ledger
    again: str | None = None


@dataclass(frozen=True)
class Placed:
    """A unit, the place of its source, and for each of its files the number of the file in the source."""

    source: int
    unit: Unit
    numbers: tuple[int, ...]


def place_units(
    sources: Sequence[SourceInput],
    made: Plan,
    layers: Mapping[str, str],
    objects: LocalObjects,
    parts_of: PartsOf | None = None,
) -> list[Placed]:
    """Return the units of all sources in order; `parts_of` cuts a large file of lines."""
    cut = parts_of or (lambda file: cut_file(objects, file))
    placed = []
    for place, source in enumerate(sources):
        model = source.model
        facts = Facts(licence_clear=model.licence.clear, region=model.origin.region, origin=model.origin.type)
        for group in _groups(source, objects, cut):
            unit = Unit(
                objects=str(objects.root),
                recipe=made.recipe,
                assets=dict(layers),
                segment=0,
                files=tuple(file for _, file in group),
                reading=model.reading,
                facts=facts,
            )
            placed.append(Placed(place, unit, tuple(number for number, _ in group)))
    return placed


def cut_file(objects: LocalObjects, file: UnitFile) -> list[Part]:
    """Return the parts of a large file of lines, none when it must be read whole.

    One that lies elsewhere is read twice and not held; its parts are hashed, as its whole is.
    """
    if file.elsewhere is not None:
        with _streamed(file.elsewhere, file) as far:
            return split(far, digests=True)
    with objects.open(file.digest) as stream:
        return split(stream)


def sample_file(objects: LocalObjects, file: UnitFile) -> list[Part]:
    """Return parts of a large file of lines to look at: all, but only some of one that lies elsewhere."""
    if file.elsewhere is None:
        return cut_file(objects, file)
    with _streamed(file.elsewhere, file) as far:
        return sample_parts(far, file.elsewhere.size)


def _streamed(elsewhere: Elsewhere, file: UnitFile) -> BufferedReader:
    return BufferedReader(Streamed(elsewhere.layer(file.digest, file.title), elsewhere.hosts), _STREAM_BYTES)


def source_layers(layers: Mapping[str, str], elsewhere: Mapping[str, Elsewhere]) -> dict[str, Layer]:
    """Return layers by title from their digests, and for those that lie elsewhere from what is known of them."""
    return {
        title: elsewhere[digest].layer(digest, title) if digest in elsewhere else Layer(digest, 0, "text/plain", title)
        for title, digest in layers.items()
    }


def _groups(source: SourceInput, objects: LocalObjects, parts_of: PartsOf) -> Iterator[list[tuple[int, UnitFile]]]:
    """Yield the files of a source in order as units, each file with its number."""
    group: list[tuple[int, UnitFile]] = []
    size = 0
    for number, file in _files(source, objects, parts_of):
        if group and (len(group) >= UNIT_FILES or size + file.size > UNIT_BYTES):
            yield group
            group, size = [], 0
        group.append((number, file))
        size += file.size
    if group:
        yield group


def _files(source: SourceInput, objects: LocalObjects, parts_of: PartsOf) -> Iterator[tuple[int, UnitFile]]:
    for number, file in enumerate(source.model.files):
        if file.title not in source.layers:
            raise Invalid(
                f"source {source.digest} has no layer for its file {file.title!r}",
                f"来源 {source.digest} 缺少文件 {file.title!r} 的数据层",
                hint=("Register the source again.", "请重新登记该来源。"),
                code="source_incomplete",
            )
        layer = source.layers[file.title]
        elsewhere = None
        if layer.is_external and not objects.exists(layer.digest):
            elsewhere = Elsewhere.of(layer, source.hosts)
        whole = UnitFile(digest=layer.digest, title=file.title, format=file.format, size=file.size, elsewhere=elsewhere)
        parts = parts_of(whole) if can_split(file.format, source.model.reading, file.size) else []
        for part in parts:
            yield number, whole.model_copy(update={"part": part, "size": part.end - part.start})
        if not parts:
            yield number, whole


def document_id(source: str, file: int, row: str) -> str:
    """Return source, number of the file in it, and row in the file: enough to find the document again."""
    return f"{source[7:19]}-{file}-{row}"
