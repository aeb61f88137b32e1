"""What a tenth more data costs, how much disk a build takes by what it keeps, and how well `corpus plan` foretells.

CPU-seconds and bytes, in one process each. Disk is looked at from outside, many times a second.

python -m bench.incremental [MB]
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import mean
from typing import Any

from bench.corpus_text import write
from bench.timing import write_table

REPEATS = 2
SIZE_MB = 40.0
#: Run in a process of its own, so that nothing is compiled or cached from the run before.
_CHILD = """
import json, sys
from bench.incremental import measured
print(json.dumps(measured(*sys.argv[1:])))
"""


def _source(path: Path, objects: Any) -> Any:
    from quanheng.data.corpus import SourceInput
    from quanheng.kinds.sources import Collection, FileCounts, Licence, Origin, Source, SourceFile
    from quanheng.store import Layer, sha256_digest

    stored = objects.put_file(path)
    model = Source(
        title=path.name,
        origin=Origin(type="open", name="bench"),
        licence=Licence(found="", clear=False),
        collection=Collection(method="", has_record=False),
        files=(SourceFile(title=path.name, format="jsonl", size=stored.size),),
        counts=FileCounts(files=1, bytes=stored.size),
    )
    layer = Layer(stored.digest, stored.size, "application/jsonl", path.name)
    return SourceInput(sha256_digest(path.name.encode()), model, {path.name: layer})


#: web-zh, with repeated passages taken out before near-duplicates are.
PASSAGES = "web-zh + deduplicate_substring"


def _recipe(name: str) -> Any:
    from quanheng.data.corpus import shipped_recipe
    from quanheng.kinds.recipes import Step

    made = shipped_recipe("web-zh")
    if name != PASSAGES:
        return made
    at = next(place for place, step in enumerate(made.steps) if step.use == "deduplicate_near")
    return made.model_copy(update={"steps": (*made.steps[:at], Step(use="deduplicate_substring"), *made.steps[at:])})


class _Watch:
    """The most bytes of files under a folder beyond those at first, looked at every few milliseconds."""

    def __init__(self, root: Path) -> None:
        self._root, self._first = root, _size(root)
        self.peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._done.wait(0.02):
            self.peak = max(self.peak, _size(self._root) - self._first)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._done.set()
        self._thread.join()
        self.left = _size(self._root) - self._first
        self.peak = max(self.peak, self.left)


def _size(root: Path) -> int:
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(folder, name)).st_size
    return total


def measured(what: str, large: str, small: str, keep: str = "final", recipe: str = "web-zh") -> dict[str, float]:
    """Return CPU-seconds of building `large`, then of both with what is kept; or of both; or what planning both says.

    With "disk", bytes at the worst moment and afterwards in place of seconds: to look costs time itself.
    """
    from quanheng.data.corpus import build, run_here
    from quanheng.data.corpus.analyze import Task
    from quanheng.data.corpus.estimate import estimate
    from quanheng.store import LocalObjects, MemoryCache

    with tempfile.TemporaryDirectory() as folder:
        objects, cache, steps = LocalObjects(Path(folder) / "objects"), MemoryCache(), _recipe(recipe)
        sources = [_source(Path(large), objects), _source(Path(small), objects)]
        if what == "plan":
            given = tuple(
                (source.digest, source.model, {title: found.digest for title, found in source.layers.items()})
                for source in sources
            )
            return dict(estimate(Task(objects=str(objects.root), sources=given, recipe=steps)))

        def made(given: Any) -> Any:
            return build(given, steps, objects, cache, lambda done, total: None, run_here, keep=keep)  # type: ignore[arg-type]

        if what == "disk":
            with _Watch(objects.root) as watch:
                done = made(sources)
            said = {"said": done.peak_bytes[keep], "corpus": sum(layer.size for layer in done.layers)}
            return {"peak": watch.peak, "left": watch.left, **said}
        found: dict[str, float] = {}
        for name, given_now in (
            {"first": sources[:1], "both": sources}.items() if what == "added" else [("both", sources)]
        ):
            begun = time.process_time()
            made(given_now)
            found[name] = time.process_time() - begun
        return found


def _run(what: str, large: Path, small: Path, *more: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, what, str(large), str(small), *more], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout))


def main(arguments: list[str] | None = None) -> None:
    """Write bench/results/incremental.md."""
    size = float(arguments[0]) if arguments else SIZE_MB
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder) / "large.jsonl", Path(folder) / "small.jsonl"
        write(large, megabytes=size, seed=1)
        write(small, megabytes=size / 10, seed=2)
        times = {
            (what, keep, recipe): [_run(what, large, small, keep, recipe) for _ in range(REPEATS)]
            for what, keep, recipe in (
                ("both", "final", "web-zh"),
                ("added", "final", "web-zh"),
                ("added", "stages", "web-zh"),
                ("both", "final", PASSAGES),
                ("added", "final", PASSAGES),
            )
        }
        planned = [_run("plan", large, small) for _ in range(REPEATS)]
        disk = {keep: _run("disk", large, small, keep) for keep in ("final", "stages", "all")}
    rows = [_time_row(*key, runs, times["both", "final", key[2]]) for key, runs in times.items()]
    rows.append(_row("foretold by plan", "web-zh", [run["cpu_s"] for run in planned], times["both", "final", "web-zh"]))
    said = [
        f"{size:g} MB of bench/corpus_text.py and a tenth more, n = {REPEATS}, one process each; CPU-seconds, with "
        "what is imported and compiled on first use where the process had not done so.",
        "",
        "## Disk",
        "",
        "MB beside the sources, corpus included, recipe web-zh, n = 1: on the disk at the worst moment, looked at "
        "every 20 ms; what the build says of it; what plan foretold, and its ratio to the first; afterwards.",
        "",
        "| keep | at the worst moment | the build says | plan foretold | ratio | afterwards |",
        "|---|---|---|---|---|---|",
    ]
    names = {"final": "work_bytes", "stages": "work_stages_bytes", "all": "work_all_bytes"}
    for keep, run in disk.items():
        told = mean(found[names[keep]] for found in planned)
        sizes = [f"{value / 1e6:.1f}" for value in (run["peak"], run["said"], told)]
        said.append(f"| {keep} | {' | '.join(sizes)} | {told / run['peak']:.2f} | {run['left'] / 1e6:.1f} |")
    said += ["", f"The corpus itself: {disk['final']['corpus'] / 1e6:.1f} MB.", "", "## Time", ""]
    write_table(
        "incremental",
        "Adding a tenth, and foretelling a build",
        said,
        ["build", "recipe", "CPU s", "range", "ratio to afresh"],
        rows,
    )


def _time_row(
    what: str, keep: str, recipe: str, runs: list[dict[str, float]], fresh: list[dict[str, float]]
) -> list[str]:
    name = "everything afresh" if what == "both" else f"a tenth added, keep {keep}"
    return _row(name, recipe, [run["both"] for run in runs], fresh)


def _row(name: str, recipe: str, values: list[float], fresh: list[dict[str, float]]) -> list[str]:
    ratio = mean(values) / mean(run["both"] for run in fresh)
    return [name, recipe, f"{mean(values):.2f}", f"{min(values):.2f} to {max(values):.2f}", f"{ratio:.2f}"]


if __name__ == "__main__":
    main(sys.argv[1:])
