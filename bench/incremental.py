"""What a tenth more data costs, how much disk a build takes by what it keeps, and how well `corpus plan` foretells.

CPU-seconds and bytes, in one process each. Disk is looked at from outside, many times a second.

Sizes after the first are measured in time alone, with one recipe.

python -m bench.incremental [MB …]
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
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

from bench.corpus_text import write
from bench.timing import write_table

REPEATS = 2
SIZES_MB = (26.0, 250.0)
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


#: Where the time of a build goes: columns of the results, and the functions whose time they are.
PARTS = {"units": "_segment", "resolutions": "_resolve", "merge": "_merged"}


@contextlib.contextmanager
def _watched(parts: Counter[str]) -> Iterator[None]:
    """Add the CPU-seconds of the parts of the builds in the block to `parts`."""
    from quanheng.data.corpus import build, segments

    # The package gives the function the name of its module.
    owners = {"_merged": sys.modules[build.__module__]}
    with contextlib.ExitStack() as stack:
        for part, name in PARTS.items():
            owner: Any = owners.get(name, segments.Run)
            called = getattr(owner, name)

            def timed(*given: Any, part: str = part, called: Any = called) -> Any:
                begun = time.process_time()
                try:
                    return called(*given)
                finally:
                    parts[part] += time.process_time() - begun

            setattr(owner, name, timed)
            stack.callback(setattr, owner, name, called)
        yield


def measured(what: str, large: str, small: str, keep: str = "final", recipe: str = "web-zh") -> dict[str, float]:
    """Return CPU-seconds of building `large`, then of both with what is kept; or of both; or what planning both says.

    Seconds of the PARTS are those of the last build.

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
            parts, begun = Counter[str](), time.process_time()
            with _watched(parts):
                made(given_now)
            found[name] = time.process_time() - begun
            found |= {part: parts[part] for part in PARTS}
        return found


def _run(what: str, large: Path, small: Path, *more: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, what, str(large), str(small), *more], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout))


def main(arguments: list[str] | None = None) -> None:
    """Write bench/results/incremental.md."""
    sizes = [float(size) for size in arguments or ()] or list(SIZES_MB)
    with tempfile.TemporaryDirectory() as folder:
        pairs = [_texts(Path(folder), size) for size in sizes]
        every = [
            ("both", "final", "web-zh"),
            ("added", "final", "web-zh"),
            ("added", "stages", "web-zh"),
            ("both", "final", PASSAGES),
            ("added", "final", PASSAGES),
        ]
        rows = _times(sizes[0], pairs[0], every)
        planned = [_run("plan", *pairs[0]) for _ in range(REPEATS)]
        disk = {keep: _run("disk", *pairs[0], keep) for keep in ("final", "stages", "all")}
        cpu = [run["cpu_s"] for run in planned]
        told = [f"{mean(cpu):.2f}", _range(cpu), f"{mean(cpu) / float(rows[0][3]):.3f}"]
        rows.append([f"{sizes[0]:g}", "foretold by plan", "web-zh", *told, *["–"] * len(PARTS)])
        for size, pair in zip(sizes[1:], pairs[1:], strict=True):
            rows += _times(size, pair, every[:2])
    said = [
        f"bench/corpus_text.py and a tenth more, n = {REPEATS}, one process each; CPU-seconds, with what is imported "
        "and compiled on first use where the process had not done so. Of them: what runs the steps over units, the "
        "resolutions of duplicates, and the merge into shards, lists and counts.",
        "",
        "## Disk",
        "",
        f"{sizes[0]:g} MB. MB beside the sources, corpus included, recipe web-zh, n = 1: on the disk at the worst "
        "moment, looked at every 20 ms; what the build says of it; what plan foretold, and its ratio to the first; "
        "afterwards.",
        "",
        "| keep | at the worst moment | the build says | plan foretold | ratio | afterwards |",
        "|---|---|---|---|---|---|",
    ]
    names = {"final": "work_bytes", "stages": "work_stages_bytes", "all": "work_all_bytes"}
    for keep, run in disk.items():
        most = mean(found[names[keep]] for found in planned)
        shown = [f"{value / 1e6:.1f}" for value in (run["peak"], run["said"], most)]
        said.append(f"| {keep} | {' | '.join(shown)} | {most / run['peak']:.2f} | {run['left'] / 1e6:.1f} |")
    said += ["", f"The corpus itself: {disk['final']['corpus'] / 1e6:.1f} MB.", "", "## Time", ""]
    write_table(
        "incremental",
        "Adding a tenth, and foretelling a build",
        said,
        ["MB", "build", "recipe", "CPU s", "range", "ratio to afresh", *PARTS],
        rows,
    )


def _texts(folder: Path, size: float) -> tuple[Path, Path]:
    """Return a text of `size` MB, and another of a tenth of it."""
    large, small = folder / f"large-{size:g}.jsonl", folder / f"small-{size:g}.jsonl"
    write(large, megabytes=size, seed=1)
    write(small, megabytes=size / 10, seed=2)
    return large, small


def _times(size: float, pair: tuple[Path, Path], every: list[tuple[str, str, str]]) -> list[list[str]]:
    """Return a row of the results for each (what, keep, recipe)."""
    times = {key: [_run(key[0], *pair, *key[1:]) for _ in range(REPEATS)] for key in every}
    rows = []
    for (what, keep, recipe), runs in times.items():
        values, fresh = [run["both"] for run in runs], mean(run["both"] for run in times["both", "final", recipe])
        name = "everything afresh" if what == "both" else f"a tenth added, keep {keep}"
        parts = [f"{mean(run[part] for run in runs):.2f}" for part in PARTS]
        shown = [f"{mean(values):.2f}", _range(values), f"{mean(values) / fresh:.3f}"]
        rows.append([f"{size:g}", name, recipe, *shown, *parts])
    return rows


def _range(values: list[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"


if __name__ == "__main__":
    main(sys.argv[1:])
