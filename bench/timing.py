"""What every benchmark shares: repeated timing, medians with their range, the machine, and a Markdown table."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Timing:
    """Seconds of each of `n` repetitions of the same work."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the median, in seconds."""
        return statistics.median(self.seconds)

    @property
    def n(self) -> int:
        """Return how often it was repeated."""
        return len(self.seconds)

    def range_text(self, scale: float = 1.0, unit: str = "s") -> str:
        """Return "median unit (min to max)", each times `scale`."""
        low, high = min(self.seconds) * scale, max(self.seconds) * scale
        return f"{self.median * scale:.3g} {unit} ({low:.3g} to {high:.3g})"


def interleaved(ours: Callable[[], object], peer: Callable[[], object], repeats: int) -> tuple[Timing, Timing]:
    """Return the timings of two pieces of work, done in turn, so that a busy minute hits both."""
    mine, theirs = [], []
    for _ in range(repeats):
        for work, into in ((ours, mine), (peer, theirs)):
            start = perf_counter()
            work()
            into.append(perf_counter() - start)
    return Timing(tuple(mine)), Timing(tuple(theirs))


def machine() -> str:
    """Return processor, cores and versions, in one line."""
    model = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    versions = f"{platform.system()}, Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, load {load:.1f} when written, {versions}"


def write_table(
    name: str, title: str, notes: Sequence[str], header: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """Write the table as bench/results/<name>.md and print it."""
    lines = [f"# {title}", "", f"Machine: {machine()}.", *notes, "", "| " + " | ".join(header) + " |"]
    lines.append("|" + "---|" * len(header))
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    text = "\n".join(lines) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text + "\n")


def peer_python(package: str, variable: str) -> str:
    """Return the Python of the peer's own environment (made on first use under bench/.peers)."""
    given = os.environ.get(variable)
    if given:
        return given
    folder = Path(__file__).parent / ".peers" / package
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", package], check=True)
    return str(python)
