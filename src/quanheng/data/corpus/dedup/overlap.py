"""How much of a benchmark item stands in a document: shared n-grams of the folded view, exactly counted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from quanheng.errors import Invalid
from quanheng.text.shingles import Packed, encode, fold, hash_shingles, sorted_set

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Item(NamedTuple):
    """One item of a benchmark: everything a model would be asked, options too."""

    id: str
    text: str


def read_items(stream: BinaryIO) -> list[Item]:
    """Return the items of JSON lines {"id", "text"}. Raises Invalid "bad_benchmark_line", naming the line."""
    items = []
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            id, text = row["id"], row["text"]
        except (ValueError, KeyError, TypeError) as error:
            raise _bad_line(number) from error
        if not isinstance(id, str) or not isinstance(text, str) or not id:
            raise _bad_line(number)
        items.append(Item(id, text))
    return items


def _bad_line(number: int) -> Invalid:
    return Invalid(
        f"line {number} of the benchmarks is not an item",
        f"评测题文件第 {number} 行不是有效的题目",
        hint=('Every line is {"id": "...", "text": "..."}.', '每行格式为 {"id": "...", "text": "..."}。'),
        code="bad_benchmark_line",
    )


class Overlap(NamedTuple):
    """Per document the largest share of one item's n-grams that it holds, and that item's place, -1 when none.

    of_document: the share of the document's own n-grams that stand in any item, each counted as often as it occurs.
    """

    share: NDArray[np.float64]
    item: NDArray[np.int64]
    of_document: NDArray[np.float64]


class Index:
    """The n-grams of many items: a sorted array of hashes behind a table of bits that turns nearly all away.

    n: code points of an n-gram. An item of fewer in its folded view cannot be told from chance and is left out:
    `short` counts those. 17 bytes per n-gram, and up to 64 MB for the table.
    """

    def __init__(self, items: Sequence[Item], n: int) -> None:
        self.n = n
        folded = fold(encode([item.text for item in items]))
        lengths = np.diff(folded.offsets)
        self.short = int((lengths < n).sum())
        hashes = hash_shingles(folded, n)
        grams = [sorted_set(hashes.part(i)) if lengths[i] >= n else hashes.values[:0] for i in range(len(items))]
        self._sizes = np.fromiter(map(len, grams), np.int64, len(grams))
        every = np.concatenate([*grams, np.empty(0, np.uint64)])
        owners = np.repeat(np.arange(len(grams)), self._sizes)
        order = np.lexsort((owners, every))
        self._owners = owners[order]
        self._keys, starts = np.unique(every[order], return_index=True)
        self._starts = np.append(starts, len(every))
        bits = min(26, max(16, len(self._keys).bit_length() + 4))
        self._shift = np.uint64(64 - bits)
        self._table = np.zeros(1 << bits, bool)
        self._table[self._keys >> self._shift] = True

    def find(self, folded: Packed) -> Overlap:
        """Return what each document, given in its folded view, holds of the items; of equals the first item."""
        documents, items = folded.n, max(len(self._sizes), 1)
        best = Overlap(np.zeros(documents), np.full(documents, -1, np.int64), np.zeros(documents))
        hashes = hash_shingles(folded, self.n)
        seen = np.flatnonzero(self._table[hashes.values >> self._shift])
        places = np.searchsorted(self._keys, hashes.values[seen])
        places[places == len(self._keys)] = 0
        found = np.flatnonzero(self._keys[places] == hashes.values[seen]) if len(self._keys) else seen[:0]
        rows = np.searchsorted(hashes.offsets, seen[found], side="right") - 1
        best.of_document[:] = np.bincount(rows, minlength=documents) / np.maximum(np.diff(hashes.offsets), 1)
        once = np.unique(rows * max(len(self._keys), 1) + places[found])
        rows, places = np.divmod(once, max(len(self._keys), 1))
        # A gram may be of several items: one record for each.
        counts = np.diff(self._starts)[places]
        ends = np.cumsum(counts)
        at = np.repeat(self._starts[places] - (ends - counts), counts) + np.arange(ends[-1] if len(ends) else 0)
        pairs, grams = np.unique(np.repeat(rows, counts) * items + self._owners[at], return_counts=True)
        rows, owners = np.divmod(pairs, items)
        shares = grams / self._sizes[owners]
        order = np.lexsort((owners, -shares, rows))
        first = order[np.unique(rows[order], return_index=True)[1]]
        best.share[rows[first]] = shares[first]
        best.item[rows[first]] = owners[first]
        return best


def overlap(items: Iterable[Item], documents: Sequence[str], n: int) -> Overlap:
    """Return what each document holds of the items.

    >>> overlap([Item("q1", "下列选项中属于私法的是")], ["题：下列选项中，属于私法的是"], 5).share.tolist()
    [1.0]
    """
    return Index(list(items), n).find(fold(encode(documents)))
