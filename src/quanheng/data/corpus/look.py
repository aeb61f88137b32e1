"""Looking into a corpus: a few documents, kept or dropped, drawn by a seed; how long documents are; sources as read.

Nothing here loads a corpus whole: columns that decide are read one row group at a time, and text only from the row
groups that hold a document which is shown. `sampled`, `opened` and `measured` take and give JSON, so that they can run
in a child process with limits: a corpus may have been registered from elsewhere, and Parquet is not to be trusted.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from quanheng.data.corpus.lines import Broken, excerpt
from quanheng.data.corpus.parts import COMPRESSED
from quanheng.data.corpus.read import Document, FileReader
from quanheng.errors import Corrupt, Invalid
from quanheng.kinds.base import Model
from quanheng.kinds.sources import FileFormat, Reading
from quanheng.stats import draw
from quanheng.text.personal_data import LABELS

if TYPE_CHECKING:
    import pyarrow.parquet as pq

#: A change of what `lengths` returns is a new version; it is part of the key under which a result is kept.
VERSION = 1
#: Shares (k, n) of the documents, shortest first, whose longest one is told.
QUANTILES = ((0, 1), (5, 100), (25, 100), (50, 100), (75, 100), (95, 100), (99, 100), (1, 1))
#: Pieces of this many characters count as repeated when they stood before; as in `clean`.
PIECE = 8
#: Of text files only the beginning is read for samples: telling the encoding of a whole file may take minutes.
HEAD_BYTES = 1024 * 1024

Open = Callable[[str], BinaryIO]
Span = tuple[int, int]


@dataclass(frozen=True)
class Kept:
    """A document of the corpus; `index` is its row number, from 0."""

    index: int
    id: str
    source: str
    text: str
    flags: tuple[str, ...]
    url: str = ""

    @classmethod
    def of(cls, index: int, row: dict[str, Any]) -> Kept:
        """Return the document in a row of a shard; those of the first engine have no address."""
        id, source, text = (str(row[name]) for name in ("id", "source", "text"))
        return cls(index, id, source, text, tuple(row["flags"]), str(row.get("url") or ""))


class Decided(NamedTuple):
    """A decision against a document, or to mask it; `excerpt` is all that was kept of a dropped one."""

    id: str
    source: str
    decision: str
    reason: str
    excerpt: str
    url: str = ""


class Drawn(NamedTuple):
    """Rows drawn, in the order of the corpus, and how many there are to draw from."""

    population: int
    rows: tuple[Any, ...]


class Hits(Model):
    """One line of filter.jsonl: hits in a document by risk, and (start, end, place of the term in the lexicon)."""

    id: str
    mode: str
    risks: dict[str, int]
    spans: tuple[tuple[int, int, int], ...]
    #: How each hit hid, "" for one that did not; and why the document is listed for review. Not of the first engine.
    evasions: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    url: str = ""

    def hits(self) -> list[list[Any]]:
        """Return [start, end, place of the term, how it hid] of each hit."""
        hidden = [*self.evasions, *([""] * len(self.spans))]
        return [[*span, hidden[place]] for place, span in enumerate(self.spans)]


class Bin(NamedTuple):
    """Documents of `low` to `high` characters, both included, and the characters in them."""

    low: int
    high: int
    documents: int
    characters: int


class Quantile(NamedTuple):
    """k of n documents, rounded up, are at most so many characters long."""

    k: int
    n: int
    characters: int


class Lengths(NamedTuple):
    """How long documents are, counted over all of them. One character is one code point."""

    documents: int
    characters: int
    bins: tuple[Bin, ...]
    quantiles: tuple[Quantile, ...]


def draw_kept(
    titles: Iterable[str], open_layer: Open, *, seed: int, n: int, source: str = "", flags: Sequence[str] = ()
) -> Drawn:
    """Return up to `n` documents as `Kept` rows, of one source (its digest) and with one of `flags` where given.

    titles: the data shards in order. The same seed and conditions give the same documents.
    """
    want = {"source": source} if source else {}
    found = _draw(titles, open_layer, seed, n, want, tuple(flags))
    return Drawn(found.population, tuple(Kept.of(index, row) for index, row in found.rows))


def draw_decided(
    titles: Iterable[str], open_layer: Open, *, seed: int, n: int, reason: str = "", source: str = ""
) -> Drawn:
    """Return up to `n` dropped documents as `Decided` rows, dropped for `reason` and of one source where given."""
    want = {"decision": "drop"}
    want |= {"reason": reason} if reason else {}
    want |= {"source": source} if source else {}
    found = _draw(titles, open_layer, seed, n, want, ())
    rows = [Decided(*(str(row[name]) for name in Decided._fields if name in row)) for _, row in found.rows]
    return Drawn(found.population, tuple(rows))


class _Group(NamedTuple):
    """A row group: where it is, the number of its first row in all shards, and how many of its rows are wanted."""

    title: str
    place: int
    first: int
    wanted: int


class _Found(NamedTuple):
    population: int
    rows: list[tuple[int, dict[str, Any]]]


def _draw(
    titles: Iterable[str], open_layer: Open, seed: int, n: int, want: dict[str, str], flags: tuple[str, ...]
) -> _Found:
    groups = list(_groups(titles, open_layer, want, flags))
    population = sum(group.wanted for group in groups)
    if not population or n < 1:
        return _Found(population, [])
    conditions = json.dumps([sorted(want.items()), flags], ensure_ascii=False)
    picked = draw(f"quanheng look {seed} {conditions}", population, min(n, population))
    rows: list[tuple[int, dict[str, Any]]] = []
    before = 0
    for group in groups:
        here = [pick - before for pick in picked if before <= pick < before + group.wanted]
        before += group.wanted
        if here:
            rows.extend(_rows(group, open_layer, want, flags, here))
    return _Found(population, rows)


def _groups(titles: Iterable[str], open_layer: Open, want: dict[str, str], flags: tuple[str, ...]) -> Iterator[_Group]:
    """Yield every row group; only the columns that decide are read, none where nothing is asked."""
    first = 0
    for title in titles:
        with _table(title, open_layer) as table:
            for place in range(table.num_row_groups):
                size = table.metadata.row_group(place).num_rows
                wanted = len(_wanted(table, place, want, flags)) if want or flags else size
                yield _Group(title, place, first, wanted)
                first += size


@contextmanager
def _table(title: str, open_layer: Open) -> Iterator[pq.ParquetFile]:
    """Open a Parquet layer for reading."""
    import pyarrow.parquet as pq

    with open_layer(title) as stream, pq.ParquetFile(stream, pre_buffer=False) as table:
        yield table


def _wanted(table: pq.ParquetFile, place: int, want: dict[str, str], flags: tuple[str, ...]) -> list[int]:
    """Return the places, in a row group, of the rows that fulfil the conditions."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [*want, *(["flags"] if flags else [])]
    read = table.read_row_group(place, columns=names, use_threads=False)
    mask = pa.array([True] * read.num_rows)
    for name, value in want.items():
        mask = pc.and_(mask, pc.equal(read.column(name).combine_chunks(), value))
    places = pc.indices_nonzero(mask).to_pylist()
    if flags:
        column = read.column("flags").combine_chunks()
        has = pc.is_in(column.flatten(), pa.array(list(flags), pa.string()))
        flagged = set(pc.list_parent_indices(column).filter(has).to_pylist())
        places = [at for at in places if at in flagged]
    return [int(at) for at in places]


def _rows(
    group: _Group, open_layer: Open, want: dict[str, str], flags: tuple[str, ...], picked: list[int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    with _table(group.title, open_layer) as table:
        places = _wanted(table, group.place, want, flags) if want or flags else None
        at = [pick if places is None else places[pick] for pick in picked]
        rows = table.read_row_group(group.place, use_threads=False).take(at).to_pylist()
    yield from ((group.first + place, row) for place, row in zip(at, rows, strict=True))


def document(titles: Iterable[str], open_layer: Open, index: int) -> Kept:
    """Return the document in row `index` of the shards `titles`; Corrupt when they end before it."""
    for group in _groups(titles, open_layer, {}, ()):
        if group.first <= index < group.first + group.wanted:
            ((_, row),) = _rows(group, open_layer, {}, (), [index - group.first])
            return Kept.of(index, row)
    raise Corrupt(
        f"the shards end before row {index}",
        f"分片在第 {index} 行之前结束",
        hint=("Run: quanheng fsck", "请运行：quanheng fsck"),
        code="shard_rows",
    )


def lengths(titles: Iterable[str], open_layer: Open) -> Lengths:
    """Return how long the documents in the shards `titles` are; only the column of texts is read."""
    import pyarrow.compute as pc

    found: Counter[int] = Counter()
    for title in titles:
        with _table(title, open_layer) as table:
            for place in range(table.num_row_groups):
                read = table.read_row_group(place, columns=["text"], use_threads=False)
                counted = pc.value_counts(pc.utf8_length(read.column("text").combine_chunks()))
                found.update({item["values"]: item["counts"] for item in counted.to_pylist()})
    return lengths_of(found)


def lengths_of(found: Counter[int]) -> Lengths:
    """Return the lengths counted in `found` (characters → documents) as bins and quantiles.

    >>> lengths_of(Counter({3: 2, 7: 1})).bins
    (Bin(low=1, high=4, documents=2, characters=6), Bin(low=5, high=9, documents=1, characters=7))
    """
    documents = found.total()
    bins = [_bin(found, low, high) for low, high in _edges(max(found, default=0))]
    filled = [place for place, part in enumerate(bins) if part.documents]
    return Lengths(
        documents,
        sum(size * n for size, n in found.items()),
        tuple(bins[filled[0] : filled[-1] + 1] if filled else ()),
        tuple(Quantile(k, n, _quantile(found, k, n)) for k, n in QUANTILES) if documents else (),
    )


def _bin(found: Counter[int], low: int, high: int) -> Bin:
    inside = [(size, n) for size, n in found.items() if low <= size <= high]
    return Bin(low, high, sum(n for _, n in inside), sum(size * n for size, n in inside))


def _edges(longest: int) -> Iterator[tuple[int, int]]:
    """Yield bins in steps of 1, 2 and 5: 0, 1 to 4, 5 to 9, 10 to 19, 20 to 49, … up to the longest document."""
    yield 0, 0
    starts = [1, 5]
    power = 10
    while starts[-1] <= longest:
        starts += [power, 2 * power, 5 * power]
        power *= 10
    yield from ((low, high - 1) for low, high in pairwise(starts) if low <= max(longest, 1))


def _quantile(found: Counter[int], k: int, n: int) -> int:
    """Return the length of the document at rank k/n, rounded up, the shortest being the first."""
    rank = max(1, -(-found.total() * k // n))
    for size in sorted(found):
        rank -= found[size]
        if rank <= 0:
            return size
    raise ValueError("no document was counted")


def placeholders(text: str) -> list[Span]:
    """Return where masked personal data stood: the names in 〔 〕 that masking puts.

    >>> placeholders("联系电话〔手机号〕。")
    [(4, 9)]
    """
    found = []
    for label in LABELS.values():
        word, at = f"〔{label}〕", -1
        while (at := text.find(word, at + 1)) >= 0:
            found.append((at, at + len(word)))
    return sorted(found)


def repeated(text: str) -> list[Span]:
    """Return the stretches of a text whose pieces of 8 characters all stood in it before.

    >>> repeated("今天天气很好呀呀。今天天气很好呀呀。")
    [(9, 18)]
    """
    seen: set[str] = set()
    spans: list[Span] = []
    for at in range(len(text) - PIECE + 1):
        piece = text[at : at + PIECE]
        if piece not in seen:
            seen.add(piece)
        elif spans and at <= spans[-1][1]:
            spans[-1] = (spans[-1][0], at + PIECE)
        else:
            spans.append((at, at + PIECE))
    return spans


def first_documents(stream: BinaryIO, format: FileFormat, reading: Reading, n: int) -> list[Document | Broken]:
    """Return the first `n` documents or broken rows of a file, as a build reads them.

    Of text files only whole lines of the first megabyte are read, so that a document may end there. Raises Invalid
    as `FileReader.read` does.
    """
    source: BinaryIO = stream
    if format in ("txt", "markdown", "jsonl", "csv", "html"):
        head = stream.read(HEAD_BYTES)
        cut = head.rfind(b"\n") + 1
        if head.startswith(COMPRESSED):
            stream.seek(0)  # half a compressed file is a broken one; it is read as far as it is needed
        else:
            source = io.BytesIO(head if len(head) < HEAD_BYTES or not cut else head[:cut])
    found: list[Document | Broken] = []
    for item in FileReader(reading).read(source, format):
        found.append(item)
        if len(found) >= n:
            break
    return found


def sampled(task: Any) -> Any:
    """Return {"population", "rows"} for each of task["draws"]: `draw_kept` or, where "dropped", `draw_decided`."""
    return [_sampled(one) for one in task["draws"]]


def _sampled(task: Any) -> dict[str, Any]:
    titles, open_layer = _files(task)
    seed, n, source = task["seed"], task["n"], task["source"]
    with readable():
        if task["dropped"]:
            drawn = draw_decided(titles, open_layer, seed=seed, n=n, source=source, reason=task["reason"])
            return {"population": drawn.population, "rows": [row._asdict() for row in drawn.rows]}
        drawn = draw_kept(titles, open_layer, seed=seed, n=n, source=source, flags=task["flags"])
        return {"population": drawn.population, "rows": [asdict(row) for row in drawn.rows]}


def opened(task: Any) -> Any:
    """Return the document in row task["index"] as plain data."""
    titles, open_layer = _files(task)
    with readable():
        return asdict(document(titles, open_layer, task["index"]))


def measured(task: Any) -> Any:
    """Return `lengths` as plain data."""
    titles, open_layer = _files(task)
    with readable():
        found = lengths(titles, open_layer)
    return {
        "documents": found.documents,
        "characters": found.characters,
        "bins": [part._asdict() for part in found.bins],
        "quantiles": [part._asdict() for part in found.quantiles],
    }


def read_first(task: Any) -> Any:
    """Return by title the first documents of files ([title, path, format] each), as excerpts with data masked."""
    reading = Reading.model_validate_json(json.dumps(task["reading"]))
    found = {}
    for title, path, format in task["files"]:
        with open(path, "rb") as stream:
            found[title] = [_as_read(item) for item in first_documents(stream, format, reading, task["n"])]
    return found


def _as_read(item: Document | Broken) -> dict[str, Any]:
    broken = isinstance(item, Broken)
    text = item.excerpt if isinstance(item, Broken) else excerpt(item.text)
    return {
        "row": item.row,
        "reason": item.reason if isinstance(item, Broken) else "",
        "broken": broken,
        "characters": 0 if isinstance(item, Broken) else len(item.text),
        "text": text,
        "masked": [list(span) for span in placeholders(text)],
    }


def _files(task: Any) -> tuple[list[str], Open]:
    """Return the titles in task["files"] ([title, path] each) and the way to open them."""
    paths = {title: path for title, path in task["files"]}
    return [title for title, _ in task["files"]], lambda title: open(paths[title], "rb")


@contextmanager
def readable() -> Iterator[None]:
    """Turn what pyarrow says of a broken or strange file into an Invalid."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise Invalid(
            f"the Parquet layers of this corpus cannot be read: {error}",
            f"无法读取该语料的 Parquet 数据层：{error}",
            hint=("Run: quanheng fsck", "请运行：quanheng fsck"),
            code="unreadable_parquet",
        ) from error
