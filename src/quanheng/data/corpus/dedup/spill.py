"""Records on disk, cut by key into partitions that are sorted one at a time: the only shuffle there is.

Every record has a key of `bits` bits and further columns; a partition holds a range of keys. Memory: the buffer while
writing, one partition while reading (more only when one key alone has more records than a partition).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quanheng.text.shingles import sorted_set

Arrays = dict[str, np.ndarray[Any, Any]]

#: Records of a partition: 2²¹ records of 12 bytes, their sorted copy and the permutation take 70 MB.
PARTITION = 2**21
#: Records buffered before they are written.
BUFFER = 2**20
_MOST_PARTITIONS = 1024
#: Places of a table for each key that it notes, and the most that there are: 128 MiB in two tables.
_PLACES_A_KEY, _MOST_BITS = 16, 26


class Spill:
    """Partition files of records {"key": uint64, and the columns named}.

    expected: how many records will come, for the number of partitions. bits: every key is below 2^bits.
    """

    def __init__(self, folder: Path, columns: Mapping[str, str], *, expected: int, bits: int = 64) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.types = {"key": "uint64", **columns}
        wanted = min(_MOST_PARTITIONS, max(1, expected // PARTITION))
        self.partitions = 1 << min(bits, (wanted - 1).bit_length())
        self._shift = np.uint64(bits - (self.partitions.bit_length() - 1))
        self._buffer: list[Arrays] = []
        self._buffered = 0
        self.records = 0

    def add(self, **columns: np.ndarray[Any, Any]) -> None:
        """Add records; a column is cast to its type."""
        self._buffer.append({name: columns[name].astype(kind, copy=False) for name, kind in self.types.items()})
        self._buffered += len(columns["key"])
        self.records += len(columns["key"])
        if self._buffered >= BUFFER:
            self._flush()

    def _flush(self) -> None:
        if not self._buffered:
            return
        records = {name: np.concatenate([part[name] for part in self._buffer]) for name in self.types}
        self._buffer, self._buffered = [], 0
        if self.partitions == 1:
            self._append(0, records)
            return
        places = (records["key"] >> self._shift).astype(np.uint16)
        order = np.argsort(places, kind="stable")  # a radix sort
        ends = np.cumsum(np.bincount(places, minlength=self.partitions))
        records = {name: values[order] for name, values in records.items()}
        start = 0
        for partition, end in enumerate(ends.tolist()):
            if end > start:
                self._append(partition, {name: values[start:end] for name, values in records.items()})
            start = end

    def _append(self, partition: int, records: Arrays) -> None:
        for name, values in records.items():
            with (self.folder / f"{partition:04d}.{name}").open("ab") as file:
                file.write(values.tobytes())

    def _read(self, partition: int, remove: bool) -> Arrays:
        """Return a partition's records, unsorted."""
        records = {}
        for name, kind in self.types.items():
            path = self.folder / f"{partition:04d}.{name}"
            records[name] = np.fromfile(path, kind) if path.exists() else np.empty(0, kind)
            if remove:
                path.unlink(missing_ok=True)
        return records

    def repeated(self) -> Iterator[Arrays]:
        """Yield per partition the records whose key occurs more than once, by key, then by the other columns.

        Reading removes the files.
        """
        for records in self._partitions():
            order = np.argsort(records["key"])
            keys = records["key"][order]
            again = np.zeros(len(keys), bool)
            np.equal(keys[1:], keys[:-1], out=again[1:])
            again[:-1] |= again[1:]
            # The quick sort above is not stable; only the few records that repeat are put in full order.
            some = order[again]
            yield self._in_order({name: values[some] for name, values in records.items()})

    def ordered(self, *, remove: bool = True) -> Iterator[Arrays]:
        """Yield per partition all records, by key, then by the other columns."""
        for records in self._partitions(remove=remove):
            yield self._in_order(records)

    def _partitions(self, *, remove: bool = True) -> Iterator[Arrays]:
        self._flush()
        for partition in range(self.partitions):
            yield self._read(partition, remove)

    def _in_order(self, records: Arrays) -> Arrays:
        full = np.lexsort(tuple(records[name] for name in reversed(self.types)))
        return {name: values[full] for name, values in records.items()}

    def distinct(self, *, remove: bool = True) -> Iterator[np.ndarray[Any, Any]]:
        """Yield the distinct keys of each partition, in order. Columns other than the key are not read."""
        self._flush()
        for partition in range(self.partitions):
            path = self.folder / f"{partition:04d}.key"
            if path.exists():
                yield sorted_set(np.fromfile(path, np.uint64))
                if remove:
                    path.unlink()


def group_starts(*columns: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return where each run of equal records begins, and the end: starts[i] to starts[i + 1] is run i."""
    n = len(columns[0])
    new = np.ones(n + 1, bool)
    if n:
        new[1:n] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.flatnonzero(new) if n else np.zeros(1, np.int64)


class Noted:
    """Tells of keys whether they were noted: never no of one that was, and yes of few others.

    Two tables by different bits of the key; with one place in 16 taken, one other key in 256 is taken for noted.
    """

    def __init__(self, expected: int) -> None:
        bits = min(_MOST_BITS, max(expected * _PLACES_A_KEY, 1).bit_length())
        self._tables = [(np.zeros(2**bits, bool), np.uint64(shift)) for shift in (0, 64 - bits)]
        self._mask = np.uint64(2**bits - 1)

    def add(self, keys: np.ndarray[Any, np.dtype[np.uint64]]) -> None:
        """Note keys."""
        for table, shift in self._tables:
            table[keys >> shift & self._mask] = True

    def among(self, keys: np.ndarray[Any, np.dtype[np.uint64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the places of the keys that were noted, and of few others."""
        places = np.arange(len(keys))
        for table, shift in self._tables:
            places = places[table[keys[places] >> shift & self._mask]]
        return places
