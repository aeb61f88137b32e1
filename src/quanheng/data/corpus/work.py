"""The work unit of a build: some files of one source in, their cleaned rows out. Runs in any process, without state.

A unit's result depends only on the bytes of its files, how they are read, the recipe and the lexicon, and not on the
source's name or its other files; so it can be kept in a cache, and a killed build goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib import import_module
from typing import NamedTuple, cast

from quanheng.data.corpus.clean import VERSION as CLEAN_VERSION
from quanheng.data.corpus.clean import Cleaned, clean
from quanheng.data.corpus.lines import Broken, excerpt
from quanheng.data.corpus.read import Document, FileReader
from quanheng.data.corpus.shards import UNIT_COLUMNS, TableWriter
from quanheng.errors import Invalid, QuanhengError
from quanheng.kinds.base import Model
from quanheng.kinds.data import FileFormat, LexiconTerm, Reading, Recipe
from quanheng.store import JSON, LocalObjects, ObjectStore, cache_key, canonical_json
from quanheng.text import encoding, lexicon, normalise, personal_data
from quanheng.text.lexicon import Matcher

#: A change of the reading of files or of the shape of a unit's rows is a new version.
VERSION = 1
#: Small files are done together: fewer objects to make durable.
UNIT_BYTES = 8 * 1024 * 1024
UNIT_FILES = 256
_GROUP_BYTES = 8 * 1024 * 1024
_GROUP_ROWS = 8192

Map = Callable[[str, Iterable[JSON]], Iterator[JSON]]


class UnitFile(Model):
    """One file of a unit: the digest of its layer, its title for messages, format and size."""

    digest: str
    title: str
    format: FileFormat
    size: int


class Unit(Model):
    """Everything that a worker needs, as JSON. `terms`: digest of the lexicon's terms.jsonl."""

    objects: str
    files: tuple[UnitFile, ...]
    reading: Reading
    recipe: Recipe
    terms: str | None

    @property
    def size(self) -> int:
        """Return the bytes of its files."""
        return sum(file.size for file in self.files)

    def key(self) -> str:
        """Return the cache key of its result."""
        versions = [VERSION, CLEAN_VERSION, encoding.VERSION, normalise.VERSION, personal_data.VERSION]
        recipe = self.recipe.model_dump(mode="json", exclude={"deduplicate", "shard_bytes", "row_group_rows"})
        return cache_key(
            {
                "unit": [*versions, lexicon.VERSION],
                "files": [[file.digest, file.format] for file in self.files],
                "reading": self.reading.model_dump(mode="json", exclude={"notes"}),
                "recipe": recipe,
                "terms": self.terms,
            }
        )


class UnitResult(Model):
    """What a unit left: digests of its rows (Parquet) and broken rows (JSONL), and counts."""

    rows: str
    broken: str
    documents: int
    broken_rows: int
    encodings: dict[str, int]


class BrokenRow(NamedTuple):
    """A line of a unit's broken rows: the place of the file in the unit, and what `Broken` says."""

    file: int
    row: str
    reason: str
    excerpt: str
    byte: int | None


@lru_cache(maxsize=2)
def _matcher(root: str, terms: str) -> Matcher:
    return Matcher(term.term for term in read_terms(LocalObjects(root), terms))


def read_terms(objects: ObjectStore, digest: str) -> list[LexiconTerm]:
    """Return the terms of a lexicon's layer terms.jsonl."""
    with objects.open(digest) as stream:
        return [LexiconTerm.model_validate_json(line) for line in stream]


def clean_unit(item: JSON) -> JSON:
    """Return {"result": digest} of the canonical JSON of a `UnitResult`; `item` is a `Unit`."""
    unit = Unit.model_validate_json(json.dumps(item))
    objects = LocalObjects(unit.objects)
    matcher = _matcher(unit.objects, unit.terms) if unit.terms else None
    encodings: dict[str, int] = {}
    documents = broken_rows = 0
    with objects.writer() as broken_target, objects.writer() as rows_target:
        with TableWriter(rows_target, UNIT_COLUMNS, group_rows=_GROUP_ROWS, group_bytes=_GROUP_BYTES, level=1) as rows:
            for place, file in enumerate(unit.files):
                for found in _read(objects, file, unit.reading, encodings):
                    if isinstance(found, Broken):
                        broken_target.write(canonical_json([place, *found]) + b"\n")
                        broken_rows += 1
                    else:
                        rows.add(_row(place, found, clean(found.text, unit.recipe, matcher)))
                        documents += 1
    result = UnitResult(
        rows=rows_target.result.digest,
        broken=broken_target.result.digest,
        documents=documents,
        broken_rows=broken_rows,
        encodings=encodings,
    )
    return {"result": objects.put_bytes(canonical_json(result.model_dump(mode="json"))).digest}


def _read(
    objects: ObjectStore, file: UnitFile, reading: Reading, encodings: dict[str, int]
) -> Iterator[Document | Broken]:
    reader = FileReader(reading, encodings=encodings)
    with objects.open(file.digest) as stream:
        try:
            yield from reader.read(stream, file.format)
        except QuanhengError as error:
            # The reader knows columns and bytes, not names; whoever reads the message needs the name.
            hint = (error.hint.en, error.hint.zh) if error.hint else None
            raise type(error)(
                f"{file.title}: {error.text.en}", f"{file.title}：{error.text.zh}", hint=hint, code=error.code
            ) from error


def _row(place: int, found: Document, cleaned: Cleaned) -> tuple[tuple[object, ...], int]:
    """Return a row of UNIT_COLUMNS and the bytes of its text."""
    kept = cleaned.reason is None
    text = cleaned.text if kept else excerpt(cleaned.text)
    data = text.encode("utf-8")
    row = (
        place,
        found.row,
        cleaned.reason or "",
        text,
        hashlib.sha256(data).digest() if kept else b"",
        cleaned.characters_read,
        len(data),
        cleaned.script,
        json.dumps(dict(cleaned.masked)) if cleaned.masked else "",
        json.dumps(cleaned.hits) if cleaned.hits else "",
    )
    return row, len(data)


def run_here(function: str, items: Iterable[JSON]) -> Iterator[JSON]:
    """Yield `function(item)` for each item in this process; a `Map` for tests and small builds."""
    module, name = function.split(":")
    called = cast(Callable[[JSON], JSON], getattr(import_module(module), name))
    for item in items:
        yield called(item)


def plan_units(
    files: Iterable[UnitFile], *, objects: str, reading: Reading, recipe: Recipe, terms: str | None
) -> list[Unit]:
    """Return the units of one source: its files in order, small ones together."""
    groups: list[list[UnitFile]] = []
    size = 0
    for file in files:
        if not groups or len(groups[-1]) >= UNIT_FILES or size + file.size > UNIT_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(file)
        size += file.size
    return [Unit(objects=objects, files=tuple(group), reading=reading, recipe=recipe, terms=terms) for group in groups]


def read_result(objects: ObjectStore, digest: str) -> UnitResult:
    """Return the result of a unit from its object; Invalid "stale_unit" when it has another shape."""
    with objects.open(digest) as stream:
        data = stream.read()
    try:
        return UnitResult.model_validate_json(data)
    except ValueError as error:
        raise Invalid(
            f"the cached result {digest} has a shape of another version",
            f"缓存的中间结果 {digest} 属于其他版本",
            hint=("Clear the cache and build again.", "请清除缓存后重新构建。"),
            code="stale_unit",
        ) from error


def read_broken(objects: ObjectStore, digest: str) -> Iterator[BrokenRow]:
    """Yield the broken rows of a unit."""
    with objects.open(digest) as stream:
        for line in stream:
            file, row, reason, head, byte = json.loads(line)
            yield BrokenRow(file, row, reason, head, byte)
