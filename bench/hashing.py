"""Putting bytes into the object store: the cost over hashing alone, and over an fsynced copy without hashing."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.timing import interleaved, write_table
from quanheng.store import LocalObjects

SIZES = ((4 * 2**10, 100), (1 * 2**20, 30), (256 * 2**20, 1))
ROUNDS = 7


def _copy(source: Path, folder: Path) -> None:
    target = folder / "copy"
    shutil.copyfile(source, target)
    handle = os.open(target, os.O_RDWR)
    os.fsync(handle)
    os.close(handle)
    target.unlink()


def main() -> None:
    """Write bench/results/hashing.md."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        objects = LocalObjects(folder / "objects")
        for size, times in SIZES:
            source = folder / "source"
            put, copied = interleaved(_puts(objects, source, size, times), _copies(source, folder, size, times), ROUNDS)
            hashed, _ = interleaved(_hashes(source, times), lambda: None, ROUNDS)
            mib = size * times / 2**20
            rows.append(
                [
                    f"{times} × {size // 1024:,} KiB",
                    put.range_text(),
                    f"{mib / put.median:,.0f}",
                    f"{put.median / copied.median:.2f}",
                    f"{put.median / hashed.median:.2f}",
                ]
            )
    write_table(
        "hashing",
        "Putting layers into the object store",
        [
            f"n = {ROUNDS} interleaved rounds; median (min to max). Every put is new content: temp, fsync, rename, "
            "fsync of the "
            "folder. Peers in the same run: a copy with one fsync and no digest; SHA-256 alone from the page cache."
        ],
        ["what", "time", "MiB/s", "× copy with fsync", "× SHA-256 alone"],
        rows,
    )


def _fresh(source: Path, size: int) -> None:
    source.write_bytes(os.urandom(min(size, 2**20)) * max(1, size // 2**20))


def _puts(objects: LocalObjects, source: Path, size: int, times: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(times):
            _fresh(source, size)
            objects.put_file(source)

    return work


def _copies(source: Path, folder: Path, size: int, times: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(times):
            _fresh(source, size)
            _copy(source, folder)

    return work


def _hashes(source: Path, times: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(times):
            with source.open("rb") as stream:
                hashlib.file_digest(stream, "sha256")

    return work


if __name__ == "__main__":
    main()
