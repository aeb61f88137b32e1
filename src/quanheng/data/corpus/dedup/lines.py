"""Boilerplate lines: the same line at the head or tail of many documents of one source.

Only the first and last few lines of a document are looked at, never its middle; and neither short lines nor headings
and formulas of statutes ("第一条", "自公布之日起施行"): over whole documents those are as frequent as boilerplate.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from quanheng.data.corpus.dedup.order import Order, Progress
from quanheng.data.corpus.dedup.spill import Spill, group_starts
from quanheng.data.corpus.operator import Sketch, Verdict
from quanheng.text.shingles import encode, fold, mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

REASON = "repeated_line"
_LINE = re.compile(r"\S[^\n]*")
#: Headings of statutes; when they take effect; by which decision they were made or amended.
_LEGAL = re.compile(r"[#\s]*第[〇零一二三四五六七八九十百千\d]+[编章节条款项目]")
_LEGAL_ENDS = ("施行", "实施", "生效", "废止", "修正", "修订", "通过", "公布", "批准")


class Line(NamedTuple):
    """A line's own place, and the span to take out with it: one of the line ends beside it goes too."""

    start: int
    end: int
    cut_start: int
    cut_end: int


def edge_lines(text: str, most: int) -> tuple[list[Line], int]:
    """Return the first and last `most` lines of `text` that are not blank, and how many lines it has in all."""
    found = [match.span() for match in _LINE.finditer(text)]
    n = len(found)
    lines = []
    for i, (start, end) in enumerate(found):
        if i < most:
            lines.append(Line(start, end, start, found[i + 1][0] if i + 1 < n else len(text)))
        elif i >= n - most:
            lines.append(Line(start, end, found[i - 1][1], len(text) if i + 1 == n else end))
    return lines, n


def _is_legal(line: str) -> bool:
    """Return whether a line is a heading or a closing formula of a statute; one mark may close the formula."""
    ended = line.rstrip()
    if ended[-1:] in ("）", ")", "。"):
        ended = ended[:-1]
    return ended.endswith(_LEGAL_ENDS) or _LEGAL.match(line) is not None


def sketch_lines(texts: Sequence[str], most: int, min_characters: int) -> dict[str, NDArray[Any]]:
    """Return per text the hashes (0: none) and spans of its edge lines, shape (n, 2 · most), and its line count."""
    shape = (len(texts), 2 * most)
    hashes, starts, ends = np.zeros(shape, np.uint64), np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)
    counts = np.zeros(len(texts), np.uint32)
    contents: list[str] = []
    places: list[tuple[int, int]] = []
    for row, text in enumerate(texts):
        lines, counts[row] = edge_lines(text, most)
        for at, line in enumerate(lines):
            content = text[line.start : line.end]
            if not _is_legal(content):
                starts[row, at], ends[row, at] = line.cut_start, line.cut_end
                contents.append(content)
                places.append((row, at))
    folded = fold(encode(contents))
    for i, (row, at) in enumerate(places):
        part = folded.part(i)
        if len(part) >= min_characters:
            digest = hashlib.blake2b(part.tobytes(), digest_size=8).digest()
            hashes[row, at] = int.from_bytes(digest, "little") or 1
    return {"hashes": hashes, "starts": starts, "ends": ends, "lines": counts}


class _Boilerplate(NamedTuple):
    """The keys of the lines that are boilerplate, sorted; the first document and the number of documents of each."""

    keys: NDArray[np.uint64]
    first: NDArray[np.uint32]
    documents: NDArray[np.int64]


def find_lines(
    sketches: Sequence[Sketch], scratch: Path, progress: Progress, *, min_documents: int
) -> Iterator[list[Verdict]]:
    """Yield per unit the spans of lines that at least `min_documents` documents of the same source have.

    Documents of one rank are of one source. `measure` is the share of its documents. A document that would lose all
    of its lines loses none: copies of whole documents are another step's.
    """
    order = Order.of(sketches)
    boilerplate = _boilerplate(sketches, order, scratch, min_documents, progress)
    per_rank: dict[int, int] = {}
    for sketch in sketches:
        per_rank[sketch.rank] = per_rank.get(sketch.rank, 0) + sketch.rows
    for unit, sketch in enumerate(sketches):
        progress(len(sketches) + unit, 2 * len(sketches))
        yield _verdicts(sketch, order, unit, boilerplate, per_rank[sketch.rank])


def _keys(hashes: NDArray[np.uint64], rank: int) -> NDArray[np.uint64]:
    return mix(hashes ^ mix(np.array([rank + 1], np.int64).view(np.uint64)))


def _boilerplate(
    sketches: Sequence[Sketch], order: Order, scratch: Path, min_documents: int, progress: Progress
) -> _Boilerplate:
    width = sketches[0].column("hashes").shape[1] if sketches else 1
    spill = Spill(scratch / "lines", {"number": "uint32"}, expected=order.total * width)
    for done, unit in enumerate(order.units.tolist()):
        hashes = sketches[unit].column("hashes")
        rows, places = np.nonzero(hashes)
        keys = _keys(hashes[rows, places], sketches[unit].rank)
        spill.add(key=keys, number=rows + order.starts[unit])
        progress(done + 1, 2 * len(sketches))
    found = [(np.empty(0, np.uint64), np.empty(0, np.uint32), np.empty(0, np.int64))]
    for records in spill.repeated():
        once = group_starts(records["key"], records["number"])[:-1]  # a line twice in a document counts once
        keys, numbers = records["key"][once], records["number"][once]
        starts = group_starts(keys)
        many = np.flatnonzero(np.diff(starts) >= min_documents)
        found.append((keys[starts[many]], numbers[starts[many]], np.diff(starts)[many]))
    shutil.rmtree(scratch / "lines")
    return _Boilerplate(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _verdicts(sketch: Sketch, order: Order, unit: int, boilerplate: _Boilerplate, of_source: int) -> list[Verdict]:
    if not len(boilerplate.keys):
        return []
    hashes, starts, ends = (sketch.column(name) for name in ("hashes", "starts", "ends"))
    keys = _keys(hashes, sketch.rank)
    at = np.minimum(np.searchsorted(boilerplate.keys, keys), len(boilerplate.keys) - 1)
    hit = (hashes != 0) & (boilerplate.keys[at] == keys)
    hit[hit.sum(axis=1) == sketch.column("lines")] = False
    verdicts, last = [], (-1, 0)
    for row, place in zip(*(axis.tolist() for axis in np.nonzero(hit)), strict=True):
        which = int(at[row, place])
        # The last head line and the first tail line may both claim the line end between them.
        start = max(int(starts[row, place]), last[1] if last[0] == row else 0)
        last = row, int(ends[row, place])
        first = int(boilerplate.first[which])
        of = (-1, -1)
        if first != order.starts[unit] + row:
            units, rows = order.locate(np.array([first]))
            of = int(units[0]), int(rows[0])
        verdicts.append(Verdict(row, start, last[1], REASON, of, float(boilerplate.documents[which]) / of_source))
    return verdicts
