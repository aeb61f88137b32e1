"""The cost of resolving near-duplicates: synthetic sketches of any number of documents, and a tenth added to a corpus.

python -m bench.dedup_scale 1000000 --scratch FOLDER      prints a line of JSON
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from time import process_time, sleep
from typing import Any

import numpy as np

UNIT = 100_000
HAN = "".join(map(chr, range(0x4E00, 0x4E00 + 4096)))


def quiet(done: int, total: int | None) -> None:
    """Progress that nobody watches."""


@dataclass
class Unit:
    """A unit in memory: what an operator's `resolve` is given."""

    rank: int
    rows: int
    columns: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)

    def column(self, name: str) -> np.ndarray[Any, Any]:
        return self.columns[name]


def batch(texts: Sequence[str]) -> Any:
    import pyarrow as pa

    from quanheng.data.corpus.operator import Batch

    return Batch(pa.record_batch({"text": pa.array(texts, pa.string())}))


def near(**params: Any) -> Any:
    from quanheng.data.corpus.operators.deduplicate import DeduplicateNear

    return DeduplicateNear(DeduplicateNear.Params(**params), {})


@dataclass
class Synthetic:
    """Sketches of `n` documents made when asked: every tenth is like an earlier one, every fiftieth a copy."""

    n: int

    @property
    def units(self) -> list[Any]:
        return [SyntheticUnit(start, min(UNIT, self.n - start)) for start in range(0, self.n, UNIT)]

    def texts(self, unit: int, rows: Sequence[int]) -> list[str]:
        """Return texts of 120 characters; that of a near-duplicate differs from its model's in the last three."""
        numbers = np.asarray(rows, np.int64) + unit * UNIT
        models = model(numbers)
        made = []
        for number, of in zip(numbers.tolist(), models.tolist(), strict=True):
            at = of * 7919 % 3000
            text = HAN[at : at + 60] + HAN[of % 4001 : of % 4001 + 30] + HAN[of * 31 % 4001 :][:30]
            made.append(text if number == of else text[:-3] + HAN[number % 4000 : number % 4000 + 3])
        return made


def model(numbers: Any) -> Any:
    """Return for each document the one that it is like; itself when there is none."""
    from quanheng.text.shingles import mix

    drawn = (mix(numbers.astype(np.uint64)) % np.maximum(numbers, 1).astype(np.uint64)).astype(np.int64)
    return np.where((numbers % 10 == 9), drawn // 10 * 10, numbers)


@dataclass
class SyntheticUnit:
    start: int
    rows: int
    rank: int = 0

    def column(self, name: str) -> Any:
        from quanheng.text.shingles import mix

        numbers = np.arange(self.start, self.start + self.rows, dtype=np.int64)
        if name == "identity":
            same = np.where(numbers % 50 == 48, numbers - 1, numbers).astype(np.uint64)
            return np.stack([mix(same), mix(~same)], axis=1)
        # Ten of a near-duplicate's sixteen bands are those of its model.
        bands = np.arange(16)
        source = np.where(bands < 10, model(numbers)[:, None], numbers[:, None])
        return mix(mix(source.astype(np.uint64)) + bands.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))


def measure_resolve(n: int, folder: Path) -> dict[str, float]:
    """Return CPU seconds of each phase, peak memory and peak disk in bytes of resolving `n` documents."""
    from quanheng.data.corpus.dedup.bands import find_pairs
    from quanheng.data.corpus.dedup.exact import find_copies
    from quanheng.data.corpus.dedup.order import Kept, Order
    from quanheng.data.corpus.dedup.verify import keep_roots

    made, step = Synthetic(n), near()
    units = made.units
    units[0].column("bands"), step._sets(made.texts(0, [1, 2]))  # compile
    peak, done = [0], threading.Event()
    watch = threading.Thread(target=_watch, args=(folder, peak, done))
    watch.start()
    marks = [process_time()]
    kept = Kept(Order.of(units), folder)
    find_copies(units, "identity", kept, folder, quiet)
    marks.append(process_time())
    pairs, total = find_pairs(units, "bands", 16, kept, folder, quiet, representatives=32)
    marks.append(process_time())
    compared = keep_roots(pairs, total, kept, made.texts, step._sets, Fraction("0.8"), folder, quiet)
    kept.follow()
    dropped = sum(len(some) for some in kept.verdicts("near_duplicate"))
    marks.append(process_time())
    done.set()
    watch.join()
    start = process_time()
    for unit in units:
        unit.column("bands")
        unit.column("identity")
    making = process_time() - start
    return {
        "n": n,
        "copies_s": marks[1] - marks[0],
        "pairs_s": marks[2] - marks[1],
        "verify_s": marks[3] - marks[2],
        "making_sketches_s": making,
        "compared": compared,
        "dropped": dropped,
        "peak_memory": peak_memory(),
        "peak_disk": peak[0],
    }


def peak_memory() -> int:
    """Return the most bytes this process had in memory, file pages that it mapped included.

    Not `ru_maxrss`: that of a child begins with its parent's.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024


def _watch(folder: Path, peak: list[int], done: threading.Event) -> None:
    while not done.is_set():
        size = 0
        for path, _, names in os.walk(folder):
            for name in names:
                try:
                    size += os.stat(os.path.join(path, name)).st_blocks * 512
                except FileNotFoundError:  # a partition that was just read
                    continue
        peak[0] = max(peak[0], size)
        sleep(0.5)


def resolving(sizes: Sequence[int], folder: Path | None) -> list[str]:
    """Return the cost of resolving synthetic sketches, the formula fitted to it, and what it says of 10⁸ and 10⁹."""
    rows = []
    for n in sizes:
        command = [sys.executable, "-m", "bench.dedup_scale", str(n)]
        command += ["--scratch", str(folder)] if folder else []
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    names = "documents, copies s, pairs s, texts and verify s, CPU s in all, memory MB, disk MB, compared, dropped"
    lines = ["| " + " | ".join(names.split(", ")) + " |", "|---" * 9 + "|"]
    for row in rows:
        cpu = row["copies_s"] + row["pairs_s"] + row["verify_s"]
        lines.append(
            f"| {row['n']:,} | {row['copies_s']:.1f} | {row['pairs_s']:.1f} | {row['verify_s']:.1f} | {cpu:.1f} | "
            f"{row['peak_memory'] / 1e6:,.0f} | {row['peak_disk'] / 1e6:,.0f} | {row['compared']:,} | "
            f"{row['dropped']:,} |"
        )
    sizes_ = np.array([row["n"] for row in rows], float)
    fits = {}
    for name, values in (
        ("cpu", [row["copies_s"] + row["pairs_s"] + row["verify_s"] for row in rows]),
        ("memory", [row["peak_memory"] for row in rows]),
        ("disk", [row["peak_disk"] for row in rows]),
    ):
        slope, base = np.polyfit(sizes_, np.array(values, float), 1, w=1 / sizes_**0.5)
        worst = max(abs(slope * n + base - value) / value for n, value in zip(sizes_, values, strict=True))
        fits[name] = slope, base, worst
    cpu, memory, disk = fits["cpu"], fits["memory"], fits["disk"]
    lines += [
        "",
        f"Fitted: CPU s = {cpu[0] * 1e6:.2f} · n/10⁶ {cpu[1]:+.1f} (worst residual {cpu[2]:.0%}); memory MB = "
        f"{memory[0]:.1f} · n/10⁶ {memory[1] / 1e6:+.0f} ({memory[2]:.0%}); disk MB = {disk[0]:.0f} · n/10⁶ "
        f"{disk[1] / 1e6:+.0f} ({disk[2]:.0%}).",
        *(
            f"Extrapolated, not measured: {n:,} documents take {(cpu[0] * n + cpu[1]) / 60:,.0f} CPU min, "
            f"{(memory[0] * n + memory[1]) / 1e9:.1f} GB of memory, {(disk[0] * n + disk[1]) / 1e9:,.0f} GB of disk."
            for n in (100_000_000, 1_000_000_000)
            if n > max(sizes)
        ),
    ]
    return lines


def incremental(texts: list[str]) -> list[str]:
    """Return what adding a tenth costs when sketches and verdicts of the rest are kept."""
    from quanheng.data.corpus.operators.deduplicate import DeduplicateSubstring

    lines = [
        f"{sum(len(text.encode()) for text in texts) / 1e6:.1f} MB, {len(texts):,} documents, of which a tenth of the "
        "rest is new. CPU s, the best of five.",
        "",
        "| step | sketching all | the new ones | resolving all | continuing | adding, of building again |",
        "|---|---|---|---|---|---|",
    ]
    for step in (near(), DeduplicateSubstring(DeduplicateSubstring.Params(), {})):
        times = [_added(step, texts, len(texts) * 10 // 11) for _ in range(5)]
        whole, new, resolve, more = (min(column) for column in zip(*times, strict=True))
        share = (new + more) / (whole + resolve)
        lines.append(f"| {step.name} | {whole:.2f} | {new:.2f} | {resolve:.2f} | {more:.2f} | {share:.0%} |")
    return lines


def _added(step: Any, texts: list[str], old: int) -> tuple[float, float, float, float]:
    """Return CPU-seconds of sketching all and the new ones, of resolving all, and of going on from the old ones."""
    from quanheng.data.corpus.operator import Known

    start = process_time()
    sketches = [step.sketch(batch(texts[:old]))]
    middle = process_time()
    sketches.append(step.sketch(batch(texts[old:])))
    end = process_time()
    units = [
        Unit(0, rows, {name: getattr(values, "values", values) for name, values in sketch.items()})
        for rows, sketch in zip((old, len(texts) - old), sketches, strict=True)
    ]

    def read(unit: int, rows: Sequence[int]) -> list[str]:
        return [texts[old * unit + row] for row in rows]

    def spent(work: Callable[[Path], Any]) -> tuple[Any, float]:
        with tempfile.TemporaryDirectory() as scratch:
            begun = process_time()
            found = list(work(Path(scratch)))
            return found, process_time() - begun

    before, _ = spent(lambda scratch: step.resolve(units[:1], read, scratch, quiet))
    afresh, resolve = spent(lambda scratch: step.resolve(units, read, scratch, quiet))
    known = Known(1, lambda: iter(before))
    continued, more = spent(lambda scratch: step.resume(known, units, read, scratch, quiet))
    assert continued == afresh
    return end - start, end - middle, resolve, more


def main() -> None:
    """Measure one resolution."""
    parser = argparse.ArgumentParser(description="The cost of resolving near-duplicates")
    parser.add_argument("documents", type=int)
    parser.add_argument("--scratch", type=Path, help="folder with room for 12 bytes × 16 bands × documents")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
        sys.stdout.write(json.dumps(measure_resolve(given.documents, Path(folder))) + "\n")


if __name__ == "__main__":
    main()
