"""What a help screen costs: CPU seconds of `quanheng --help`, beside `python -c pass`. Goal: under 0.3 s."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

ROUNDS = 7
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "quanheng --help": ["-m", "quanheng.cli.main", "--help"],
    "quanheng corpus build --help": ["-m", "quanheng.cli.main", "corpus", "build", "--help"],
}


def cpu_s(arguments: list[str]) -> float:
    """Return user and system time of one run of this Python, in seconds."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def measure() -> dict[str, float]:
    """Return the median CPU seconds of each command; the commands take turns, so that a busy machine hits all."""
    seen: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, arguments in COMMANDS.items():
            seen[name].append(cpu_s(arguments))
    return {name: statistics.median(times) for name, times in seen.items()}


def main() -> None:
    """Print seconds and ratios."""
    found = measure()
    base = found["python -c pass"]
    for name, seconds in found.items():
        print(f"{name:32}{seconds:7.3f} s CPU  {seconds / base:5.1f} x")


if __name__ == "__main__":
    main()
