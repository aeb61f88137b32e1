"""Boilerplate lines: the same line at the head or tail of many documents of one source.

Only the first and last few lines of a document are looked at, never its middle; and neither short lines nor headings
and formulas of statutes ("第一条", "自公布之日起施行"): over whole documents those are as frequent as boilerplate.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from quanheng.data.corpus.dedup.order import Order, Progress
from quanheng.data.corpus.dedup.spill import Spill, group_starts
from quanheng.data.corpus.operator import Sketch, Verdict
from quanheng.text.compiled import load
from quanheng.text.shingles import Packed, fold, mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

REASON = "repeated_line"
_LINE = re.compile(r"\S[^\n]*")
#: Headings of statutes; when they take effect; by which decision they were made or amended.
_LEGAL = re.compile(r"[#\s]*第[〇零一二三四五六七八九十百千\d]+[编章节条款项目]")
_LEGAL_ENDS = ("施行", "实施", "生效", "废止", "修正", "修订", "通过", "公布", "批准")
#: One of these may close a formula.
_CLOSING = ("）", ")", "。")


class Filled(NamedTuple):
    """The lines of many texts that are not blank: line i is [starts[i], ends[i]) of their code points, without its
    blanks in front; those of text t are lines firsts[t] to firsts[t + 1].
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    firsts: NDArray[np.int64]


def filled_lines(texts: Packed, *, plain: bool = False) -> Filled:
    """Return the lines that are not blank of texts as code points. plain: take the path that needs no compiler."""
    points, offsets = texts
    firsts = np.zeros(texts.n + 1, np.int64)
    kernels = None if plain else load("line_kernels")
    if kernels is not None:
        most = (len(points) + texts.n) // 2 + 1  # a line and its end are two characters at least
        starts, ends = np.empty(most, np.int64), np.empty(most, np.int64)
        count = kernels.filled_lines(points, offsets, texts.n, starts, ends, firsts)
        return Filled(starts[:count], ends[:count], firsts)
    found: list[tuple[int, int]] = []
    for row in range(texts.n):
        begin = int(offsets[row])
        found += [(begin + match.start(), begin + match.end()) for match in _LINE.finditer(_text(texts.part(row)))]
        firsts[row + 1] = len(found)
    spans = np.array(found, np.int64).reshape(-1, 2)
    return Filled(spans[:, 0].copy(), spans[:, 1].copy(), firsts)


def _text(points: NDArray[np.uint32]) -> str:
    return points.tobytes().decode("utf-32-le", "surrogatepass")


class _Edges(NamedTuple):
    """Of each text the first and last `most` lines, shape (n, 2 · most): which line it is, -1 where there is none.

    cut_starts, cut_ends: the span to take out with a line, in the text: one of the line ends beside it goes too.
    """

    lines: NDArray[np.int64]
    cut_starts: NDArray[np.int64]
    cut_ends: NDArray[np.int64]


def _edges(filled: Filled, offsets: NDArray[np.int64], most: int) -> _Edges:
    if not len(filled.starts):
        empty = np.full((len(offsets) - 1, 2 * most), -1, np.int64)
        return _Edges(empty, empty, empty)
    counts = np.diff(filled.firsts)[:, None]
    at = np.arange(2 * most)[None, :]
    is_head = at < most
    number = np.where(is_head, at, at + np.maximum(counts - 2 * most, 0))
    lines = np.minimum(filled.firsts[:-1, None] + number, len(filled.starts) - 1)
    is_last = number + 1 == counts
    starts, ends = filled.starts[lines], filled.ends[lines]
    next_starts = filled.starts[np.minimum(lines + 1, len(filled.starts) - 1)]
    cut_starts = np.where(is_head, starts, filled.ends[lines - 1])
    cut_ends = np.where(is_last, offsets[1:, None], np.where(is_head, next_starts, ends))
    lines[number >= counts] = -1
    begin = offsets[:-1, None]
    return _Edges(lines, cut_starts - begin, cut_ends - begin)


def is_legal(line: str) -> bool:
    """Return whether a line is a heading or a closing formula of a statute; one mark may close the formula."""
    ended = line.rstrip()
    if ended[-1:] in _CLOSING:
        ended = ended[:-1]
    return ended.endswith(_LEGAL_ENDS) or _LEGAL.match(line) is not None


def _may_be_legal(points: NDArray[np.uint32], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return False only for lines that are not legal, by their first and last characters."""
    last, before = points[ends - 1], points[np.maximum(ends - 2, 0)]
    last = np.where(np.isin(last, _codes(_CLOSING)), before, last)
    blank: NDArray[np.bool_] = (last <= ord(" ")) | (last >= 0x80) & (last < 0x3001) | (last == ord("\u3000"))
    return blank | np.isin(last, _codes(end[-1] for end in _LEGAL_ENDS)) | np.isin(points[starts], _codes("#第"))


def _codes(characters: Iterable[str]) -> NDArray[np.uint32]:
    return np.array([ord(character) for character in characters], np.uint32)


def sketch_lines(texts: Packed, most: int, min_characters: int) -> dict[str, NDArray[Any]]:
    """Return per text the hashes (0: none) and spans of its edge lines, shape (n, 2 · most), and its line count."""
    filled = filled_lines(texts)
    edges = _edges(filled, texts.offsets, most)
    rows, places = np.nonzero(edges.lines >= 0)
    lines = edges.lines[rows, places]
    starts, ends = filled.starts[lines], filled.ends[lines]
    stays = np.ones(len(lines), bool)
    for i in np.flatnonzero(_may_be_legal(texts.values, starts, ends)).tolist():
        stays[i] = not is_legal(_text(texts.values[starts[i] : ends[i]]))
    rows, places = rows[stays], places[stays]
    shape = (texts.n, 2 * most)
    hashes, cut_starts, cut_ends = np.zeros(shape, np.uint64), np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)
    cut_starts[rows, places] = edges.cut_starts[rows, places]
    cut_ends[rows, places] = edges.cut_ends[rows, places]
    hashes[rows, places] = _hashes(fold(_parts(texts.values, starts[stays], ends[stays])), min_characters)
    return {"hashes": hashes, "starts": cut_starts, "ends": cut_ends, "lines": np.diff(filled.firsts).astype(np.uint32)}


def _parts(points: NDArray[np.uint32], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Packed:
    """Return these spans of code points, one behind the other."""
    lengths = ends - starts
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    at = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return Packed(points[at], offsets)


def _hashes(folded: Packed, min_characters: int) -> NDArray[np.uint64]:
    """Return the hash of each sequence, 0 for those of fewer than `min_characters`."""
    found = np.zeros(folded.n, np.uint64)
    long = np.flatnonzero(np.diff(folded.offsets) >= min_characters)
    data = folded.values.tobytes()
    spans = zip((4 * folded.offsets[long]).tolist(), (4 * folded.offsets[long + 1]).tolist(), strict=True)
    digests = b"".join([hashlib.blake2b(data[start:end], digest_size=8).digest() for start, end in spans])
    found[long] = np.maximum(np.frombuffer(digests, "<u8"), np.uint64(1))
    return found


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
