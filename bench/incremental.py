"""What a tenth more data costs, and how well `corpus plan` foretells a build: CPU-seconds, in one process each.

python -m bench.incremental [MB]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

from bench.corpus_text import write
from bench.timing import write_table

REPEATS = 3
SIZE_MB = 40.0
#: Run in a process of its own, so that nothing is compiled or cached from the run before.
_CHILD = """
import json, sys
from bench.incremental import measured
print(json.dumps(measured(*sys.argv[1:])))
"""


def _source(path: Path, objects: Any) -> Any:
    from quanheng.data.corpus import SourceInput
    from quanheng.kinds.data import Collection, FileCounts, Licence, Origin, Source, SourceFile
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


def measured(what: str, large: str, small: str) -> dict[str, float]:
    """Return CPU-seconds of building `large`, then of both with what is kept; or of both, or of planning both."""
    from quanheng.data.corpus import build, run_here, shipped_recipe
    from quanheng.data.corpus.analyze import Task
    from quanheng.data.corpus.estimate import estimate
    from quanheng.store import LocalObjects, MemoryCache

    with tempfile.TemporaryDirectory() as folder:
        objects, cache, recipe = LocalObjects(Path(folder) / "objects"), MemoryCache(), shipped_recipe("web-zh")
        sources = [_source(Path(large), objects), _source(Path(small), objects)]
        if what == "plan":
            given = tuple(
                (source.digest, source.model, {title: found.digest for title, found in source.layers.items()})
                for source in sources
            )
            return dict(estimate(Task(objects=str(objects.root), sources=given, recipe=recipe)))
        found: dict[str, float] = {}
        steps = {"first": sources[:1], "both": sources} if what == "added" else {"both": sources}
        before = sum(path.stat().st_size for path in objects.root.rglob("*") if path.is_file())
        for name, given_now in steps.items():
            begun = time.process_time()
            made = build(given_now, recipe, objects, cache, lambda done, total: None, run_here)
            found[name] = time.process_time() - begun
        found["disk"] = sum(path.stat().st_size for path in objects.root.rglob("*") if path.is_file()) - before
        found["corpus"] = sum(layer.size for layer in made.layers)
        return found


def _run(what: str, large: Path, small: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, what, str(large), str(small)], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout))


def main(arguments: list[str] | None = None) -> None:
    """Write bench/results/incremental.md."""
    size = float(arguments[0]) if arguments else SIZE_MB
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder) / "large.jsonl", Path(folder) / "small.jsonl"
        write(large, megabytes=size, seed=1)
        write(small, megabytes=size / 10, seed=2)
        added = [_run("added", large, small) for _ in range(REPEATS)]
        fresh = [_run("both", large, small) for _ in range(REPEATS)]
        planned = [_run("plan", large, small) for _ in range(REPEATS)]
    whole, tenth = mean(run["both"] for run in fresh), mean(run["both"] for run in added)
    foretold = mean(run["cpu_s"] for run in planned)
    told_disk, disk = mean(run["work_bytes"] for run in planned), mean(run["disk"] for run in fresh)

    def spread(values: list[float]) -> str:
        return f"{min(values):.2f} to {max(values):.2f}"

    rows = [
        ["everything afresh", f"{whole:.2f}", spread([run["both"] for run in fresh]), "1.00"],
        ["a tenth added", f"{tenth:.2f}", spread([run["both"] for run in added]), f"{tenth / whole:.2f}"],
        ["foretold by plan", f"{foretold:.2f}", spread([run["cpu_s"] for run in planned]), f"{foretold / whole:.2f}"],
    ]
    said = [
        f"{size:g} MB of bench/corpus_text.py and a tenth more, recipe web-zh, n = {REPEATS}, one process "
        "each; CPU-seconds, with what is imported and compiled on first use where the process had not done so.",
        f"Disk beside the sources: foretold {told_disk / 1e6:.0f} MB, measured {disk / 1e6:.0f} MB "
        f"(ratio {told_disk / disk:.2f}); the corpus itself {mean(run['corpus'] for run in fresh) / 1e6:.0f} MB.",
    ]
    write_table(
        "incremental", "Adding a tenth, and foretelling a build", said, ["build", "CPU s", "range", "ratio"], rows
    )


if __name__ == "__main__":
    main(sys.argv[1:])
