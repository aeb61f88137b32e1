"""The work unit of a build: some files of one source through a segment of the recipe. Runs in any process, stateless.

A unit's result depends only on its bytes, how they are read, and the operators; not on the source's name or its other
files. So it is kept in a cache, a killed build goes on where it was, and new files cost only themselves.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from pydantic import JsonValue

from quanheng.data.corpus import extract
from quanheng.data.corpus.arrow import to_arrow
from quanheng.data.corpus.asking import Answers
from quanheng.data.corpus.elsewhere import Elsewhere, fetch, fetch_part
from quanheng.data.corpus.lines import Broken
from quanheng.data.corpus.operator import Asset, Batch, CorpusStep
from quanheng.data.corpus.parts import Part, open_part
from quanheng.data.corpus.read import Document, FileReader
from quanheng.data.corpus.recipe import Plan, Segment, plan
from quanheng.data.corpus.sketches import SketchWriter
from quanheng.data.corpus.steps import (
    EDITS,
    FILE,
    LISTED,
    NOTHING,
    ROW,
    TEXT,
    URL,
    Counted,
    Dropped,
    Runner,
    size_of_batch,
)
from quanheng.data.corpus.tables import BatchWriter, RowWriter, batches_of
from quanheng.data.corpus.tally import ContentReview
from quanheng.data.corpus.token_counts import TOKENIZER, TOKENS, TokenCounter, token_counter
from quanheng.data.corpus.verdicts import apply_verdicts
from quanheng.errors import Invalid, QuanhengError
from quanheng.kinds.base import Model
from quanheng.kinds.lexicons import LexiconTerm
from quanheng.kinds.recipes import Recipe
from quanheng.kinds.sources import FileFormat, Reading
from quanheng.store import JSON, Cache, LocalObjects, ObjectStore, cache_key, canonical_json
from quanheng.text import encoding, mojibake, personal_data

if TYPE_CHECKING:
    import pyarrow as pa

#: A change of the reading of files or of the shape of a unit's results is a new version.
VERSION = 5
BATCH_DOCUMENTS = 1024
BATCH_CHARACTERS = 2_000_000
DROPPED_COLUMNS = (
    ("file", "int32"),
    ("row", "string"),
    ("step", "int32"),
    ("reason", "string"),
    ("excerpt", "string"),
    ("characters", "int64"),
    ("url", "string"),
    ("of", "string"),
    ("measure", "string"),
)
#: Formats whose text may be recognised in pictures of pages.
RECOGNISED = frozenset(("pdf", "png", "jpeg", "tiff", "webp", "pack"))
#: What the last segment leaves beside file, row, url, text and labels.
FINAL_COLUMNS = ("text_digest", "flags", "masked", "hits", EDITS, LISTED)

Map = Callable[[str, Iterable[JSON]], Iterator[JSON]]


class UnitFile(Model):
    """One file of a unit, or a part of it: digest of its layer, title for messages, format, size, and which part.

    elsewhere: where it is read in place, None for one in the object store.
    """

    digest: str
    title: str
    format: FileFormat
    size: int
    part: Part | None = None
    elsewhere: Elsewhere | None = None


class Facts(Model):
    """What expressions may ask about the source of a document."""

    licence_clear: bool
    region: str
    origin: str


class Unit(Model):
    """Everything that a worker needs, as JSON.

    files: read by the first segment; later ones read `rows`, the result of the one before, and apply `verdicts`.
    answers: folder of the cache with what endpoints answered before, which changes no result. again: the name of the
    round in which questions without a readable answer are asked once more.
    """

    objects: str
    recipe: Recipe
    assets: dict[str, str]
    segment: int
    files: tuple[UnitFile, ...]
    reading: Reading
    facts: Facts
    rows: str | None = None
    verdicts: str | None = None
    answers: str | None = None
    again: str | None = None

    @property
    def size(self) -> int:
        """Return the bytes of its files."""
        return sum(file.size for file in self.files)

    @property
    def tokens(self) -> TokenCounter | None:
        """Return what counts tokens, None where that was not asked for."""
        return token_counter(self.objects, self.assets[TOKENIZER]) if TOKENIZER in self.assets else None

    def key(self, made: Plan) -> str:
        """Return the cache key of its result."""
        segment = made.segments[self.segment]
        ready = [step for step in (*segment.steps, segment.corpus) if step]
        said: dict[str, Any] = {
            "unit": VERSION,
            # What is quoted of documents that are left out is masked by it, whatever the steps are.
            "excerpts": personal_data.VERSION,
            "steps": [step.operator.id if step.operator else step.step.model_dump(mode="json") for step in ready],
            "places": [step.place for step in ready],
            "judges": sorted(ContentReview.of(made).judges & {step.place for step in ready}),
            "last": [list(made.labels), sorted(made.types)] if self.segment == len(made.segments) - 1 else [],
        }
        if TOKENIZER in self.assets:
            said["tokenizer"] = self.assets[TOKENIZER]
        if self.segment == 0:
            said["reading"] = [encoding.VERSION, mojibake.VERSION, extract.VERSION]
            if self.reading.ocr != "never" and any(file.format in RECOGNISED for file in self.files):
                from quanheng.data.corpus.ocr import identity

                said["ocr"] = identity()
            said["files"] = [[file.digest, file.format, _part(file)] for file in self.files]
            said["how"] = self.reading.model_dump(mode="json", exclude={"notes"})
            said["facts"] = self.facts.model_dump(mode="json")
        else:
            said["rows"], said["verdicts"] = self.rows, self.verdicts
        return cache_key(said)


def _part(file: UnitFile) -> JSON:
    return file.part.model_dump(mode="json", exclude={"digest"}) if file.part else None


class UnitResult(Model):
    """What a unit left: digests of rows, dropped documents and sketch, and counts by place of the step.

    `read`: documents, characters, bytes and tokens as read; the first segment only. unread: questions to endpoints that
    got no readable answer; None where that was not counted.
    """

    rows: str
    dropped: str
    broken: str
    sketch: str | None
    documents: int
    broken_rows: int
    read: tuple[int, int, int, int]
    encodings: dict[str, int]
    repaired: dict[str, int]
    counts: dict[str, dict[str, JsonValue]]
    unread: int | None = None

    @property
    def objects(self) -> tuple[str, ...]:
        """Return the digests of its objects."""
        return tuple(digest for digest in (self.rows, self.dropped, self.broken, self.sketch) if digest)


class BrokenRow(NamedTuple):
    """A line of a unit's broken rows: the place of the file in the unit, and what `Broken` says."""

    file: int
    row: str
    reason: str
    excerpt: str
    byte: int | None
    url: str


@lru_cache(maxsize=4)
def _plan(root: str, recipe: str, assets: str, folder: str | None, again: str | None) -> Plan:
    objects = LocalObjects(root)
    answers = Answers(Cache(folder, objects), objects, again) if folder else None
    return plan(Recipe.model_validate_json(recipe), open_assets(objects, json.loads(assets), answers))


def open_assets(objects: ObjectStore, digests: Mapping[str, str], answers: Answers | None = None) -> dict[str, Asset]:
    """Return the assets of these layers by role; `answers`: what endpoints among them answered before."""
    return {
        role: Asset(digest, lambda digest=digest: objects.open(digest), answers)  # type: ignore[misc]
        for role, digest in sorted(digests.items())
    }


def read_terms(objects: ObjectStore, digest: str) -> list[LexiconTerm]:
    """Return the terms of a lexicon's layer terms.jsonl."""
    with objects.open(digest) as stream:
        return [LexiconTerm.model_validate_json(line) for line in stream]


def run_unit(item: JSON) -> JSON:
    """Return {"result": digest} of the canonical JSON of a `UnitResult`; `item` is a `Unit`."""
    unit = Unit.model_validate_json(json.dumps(item))
    assets = json.dumps(unit.assets, sort_keys=True)
    made = _plan(unit.objects, unit.recipe.model_dump_json(), assets, unit.answers, unit.again)
    objects = LocalObjects(unit.objects)
    result = _Worker(unit, made, objects).run()
    return {"result": objects.put_bytes(canonical_json(result.model_dump(mode="json"))).digest}


class _Worker:
    """One unit through one segment."""

    def __init__(self, unit: Unit, made: Plan, objects: LocalObjects) -> None:
        self.unit = unit
        self.made = made
        self.objects = objects
        self.segment: Segment = made.segments[unit.segment]
        self.is_last = unit.segment == len(made.segments) - 1
        names, judges = [file.title for file in unit.files], ContentReview.of(made).judges
        self.runner = Runner(self.segment.steps, names, tokens=unit.tokens, judges=judges)
        self.read = NOTHING
        self.encodings: dict[str, int] = {}
        self.repaired = Counter[str]()
        self.broken_rows = 0

    def run(self) -> UnitResult:
        documents, unread = 0, self._unread()
        sketched = self.segment.corpus.operator if self.segment.corpus else None
        with ExitStack() as stack:
            self.broken = stack.enter_context(self.objects.writer())
            rows_out = stack.enter_context(self.objects.writer()) if self._changes_rows() else None
            dropped_out = stack.enter_context(self.objects.writer())
            rows = stack.enter_context(BatchWriter(rows_out)) if rows_out else None
            dropped = stack.enter_context(RowWriter(dropped_out, DROPPED_COLUMNS))
            sketch = SketchWriter(sketched) if isinstance(sketched, CorpusStep) else None
            for batch in self._batches():
                left = self.runner.run(batch)
                dropped.add_all(self.runner.take_dropped())
                if sketch and len(left):
                    sketch.add(self.runner.call(sketch.step, sketch.step.sketch, left), left)
                if rows:
                    rows.add(self._final(left) if self.is_last else left.table)
                documents += len(left)
        return UnitResult(
            rows=rows_out.result.digest if rows_out else str(self.unit.rows),
            dropped=dropped_out.result.digest,
            broken=self.broken.result.digest,
            sketch=sketch.store(self.objects) if sketch else None,
            documents=documents,
            broken_rows=self.broken_rows,
            read=(self.read.documents, self.read.characters, self.read.bytes, self.read.tokens),
            encodings=self.encodings,
            repaired=dict(sorted(self.repaired.items())),
            counts={str(place): counted.to_json() for place, counted in sorted(self.runner.counts.items())},
            unread=self._unread() - unread,
        )

    def _changes_rows(self) -> bool:
        """Return whether the rows that it leaves may be others than those that it reads; the same are not written."""
        is_one_step = self.unit.rows is not None and not self.segment.steps and not self.is_last
        return not (is_one_step and self.unit.verdicts is None and self.objects.touch(str(self.unit.rows)))

    def _unread(self) -> int:
        """Return how many questions got no readable answer in this process so far."""
        ready = (*self.segment.steps, self.segment.corpus)
        return sum(step.operator.unread for step in ready if step and step.operator)

    def _batches(self) -> Iterator[Batch]:
        if self.unit.rows is None:
            yield from self._read_files()
            return
        before = self.made.segments[self.unit.segment - 1].corpus
        with self.objects.open(self.unit.rows) as stream:
            tables = batches_of(stream)
            assert before is not None  # noqa: S101 - rows come from a segment that a corpus step ends
            counted = self.runner.counts.setdefault(before.place, Counted())
            if self.unit.verdicts is None:
                for table in tables:
                    batch = Batch(table)
                    counted.add(size_of_batch(batch), size_of_batch(batch))
                    yield batch
                return
            with self.objects.open(self.unit.verdicts) as verdicts:
                yield from apply_verdicts(before.place, map(Batch, tables), verdicts, self.runner, counted)

    def _read_files(self) -> Iterator[Batch]:
        for place, file in enumerate(self.unit.files):
            found = self._documents(place, file)
            while chunk := _chunk(found):
                batch = documents_to_batch([place] * len(chunk), chunk, self.unit.facts)
                batch = self.runner.tokens.counted(batch) if self.runner.tokens else batch
                self.read = self.read.plus(size_of_batch(batch))
                yield batch

    def _documents(self, place: int, file: UnitFile) -> Iterator[Document]:
        # A file in parts is one file of its encoding.
        encodings = self.encodings if file.part is None or file.part.start == 0 else {}
        for found in read_file(self.objects, file, self.unit.reading, encodings, self.repaired):
            if isinstance(found, Broken):
                self.broken.write(canonical_json([place, *found]) + b"\n")
                self.broken_rows += 1
            else:
                yield found

    def _final(self, batch: Batch) -> pa.RecordBatch:
        """Return the columns that the corpus is made of: text, digest, flags, labels, and what was found."""
        n, known = len(batch), set(batch.table.schema.names)
        empty = [""] * n
        script = batch.column("script").to_pylist() if "script" in known else empty
        masked = batch.column("masked").to_pylist() if "masked" in known else empty
        hits = batch.column("hits").to_pylist() if "hits" in known else empty
        listed = batch.column(LISTED).to_pylist()
        flags = []
        for form, mask, hit, review in zip(script, masked, hits, listed, strict=True):
            found = [form] if form else []
            found += ["masked"] if mask else []
            found += ["review"] if review else ["hit"] if hit else []
            flags.append(found)
        digests = ["sha256:" + hashlib.sha256(text).hexdigest() for text in batch.utf8()]
        done = batch.with_columns(
            {"text_digest": digests, "flags": flags, "masked": masked, "hits": hits},
            (("text_digest", "string"), ("flags", "strings"), ("masked", "string"), ("hits", "string")),
        )
        tokens = (TOKENS,) if self.runner.tokens else ()
        wanted = dict.fromkeys([FILE, ROW, URL, TEXT, *tokens, *FINAL_COLUMNS, *self.made.labels])
        return done.table.select(list(wanted))


def documents_to_batch(places: Sequence[int], documents: Sequence[Document], facts: Facts) -> Batch:
    """Return documents as the first step sees them; `places`: of the file of each in its unit."""
    import pyarrow as pa

    n = len(documents)
    texts, written = _texts(documents)
    columns: dict[str, pa.Array] = {
        FILE: to_arrow(places, pa.int32()),
        ROW: to_arrow([found.row for found in documents], pa.string()),
        URL: to_arrow([found.url for found in documents], pa.string()),
        TEXT: written,
        "licence_clear": to_arrow([facts.licence_clear] * n, pa.bool_()),
        "region": to_arrow([facts.region] * n, pa.string()),
        "origin": to_arrow([facts.origin] * n, pa.string()),
        "ocr_confidence": to_arrow([found.confidence for found in documents], pa.float64()),
        EDITS: to_arrow([""] * n, pa.string()),
        LISTED: to_arrow([[]] * n, pa.list_(pa.string())),
    }
    fields = [pa.field(name, array.type, nullable=False) for name, array in columns.items()]
    return Batch(pa.record_batch(list(columns.values()), schema=pa.schema(fields)), texts)


def _texts(documents: Sequence[Document]) -> tuple[list[str], pa.Array]:
    """Return the texts of documents, and the same as Arrow has them."""
    import pyarrow as pa

    texts = [found.text for found in documents]
    try:
        return texts, to_arrow(texts, pa.string())
    except UnicodeEncodeError:
        # A lone surrogate is no character of UTF-8; what Arrow cannot hold must not stop a build.
        mended = [text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for text in texts]
        return mended, to_arrow(mended, pa.string())


def _chunk(found: Iterator[Document]) -> list[Document]:
    """Return the next documents: at most so many, and of at most so many characters unless it is one."""
    chunk: list[Document] = []
    size = 0
    for document in islice(found, BATCH_DOCUMENTS):
        chunk.append(document)
        size += len(document.text)
        if size >= BATCH_CHARACTERS:
            break
    return chunk


@contextmanager
def opened(objects: ObjectStore, file: UnitFile) -> Iterator[BinaryIO]:
    """Lend the bytes of a file, or of the part that it is, as a seekable file: out of the store, or read in place."""
    if file.elsewhere is None or objects.exists(file.digest):
        with objects.open(file.digest) as stream:
            yield open_part(stream, file.part) if file.part else stream
        return
    layer, hosts, part = file.elsewhere.layer(file.digest, file.title), file.elsewhere.hosts, file.part
    with fetch_part(layer, hosts, part.start, part.end, part.digest) if part else fetch(layer, hosts) as held:
        yield held


def read_file(
    objects: ObjectStore, file: UnitFile, reading: Reading, encodings: dict[str, int], repaired: Counter[str]
) -> Iterator[Document | Broken]:
    """Yield the documents and broken rows of a file or part of one; errors name the file. Counts into the last two."""
    reader = FileReader(reading, encodings=encodings)
    if (part := file.part) is not None:
        reading = reading.model_copy(update={"encoding": part.encoding})
        reader = FileReader(reading, encodings=encodings, bytes_before=part.start, lines_before=part.first_line - 1)
    with opened(objects, file) as stream:
        try:
            yield from reader.read(stream, file.format)
            repaired.update(reader.mended)
        except QuanhengError as error:
            # The reader knows columns and bytes, not names; whoever reads the message needs the name.
            hint = (error.hint.en, error.hint.zh) if error.hint else None
            raise type(error)(
                f"{file.title}: {error.text.en}", f"{file.title}：{error.text.zh}", hint=hint, code=error.code
            ) from error


def run_here(function: str, items: Iterable[JSON]) -> Iterator[JSON]:
    """Yield `function(item)` for each item in this process; a `Map` for tests and small builds."""
    module, name = function.split(":")
    called = cast(Callable[[JSON], JSON], getattr(import_module(module), name))
    for item in items:
        yield called(item)


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
            hint=(
                "Run `quanheng workspace collect --cached`, then build again.",
                "请运行 quanheng workspace collect --cached，然后重新构建。",
            ),
            code="stale_unit",
        ) from error


def read_broken(objects: ObjectStore, digest: str) -> Iterator[BrokenRow]:
    """Yield the broken rows of a unit."""
    with objects.open(digest) as stream:
        for line in stream:
            yield BrokenRow(*json.loads(line))


def read_dropped(objects: ObjectStore, digest: str) -> Iterator[Dropped]:
    """Yield the documents that a unit left out."""
    with objects.open(digest) as stream:
        for table in batches_of(stream):
            for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
                yield Dropped(*row)
