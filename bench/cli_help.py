"""What a help screen costs: CPU seconds of `quanheng --help`, beside `python -c pass`. Bound: under 0.3 s."""

from __future__ import annotations

import resource
import subprocess
import sys

from bench.timing import Timing, write_table

ROUNDS = 15
BOUND_S = 0.3
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "quanheng --help": ["-m", "quanheng.cli.main", "--help"],
    "quanheng corpus build --help": ["-m", "quanheng.cli.main", "corpus", "build", "--help"],
}


def cpu_s(arguments: list[str]) -> float:
    """Return user and system time of one run of this Python, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Write bench/results/cli_help.md; the commands take turns, so that a busy machine hits all."""
    seen: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, arguments in COMMANDS.items():
            seen[name].append(cpu_s(arguments))
    times = {name: Timing(tuple(values)) for name, values in seen.items()}
    base = times["python -c pass"].median
    write_table(
        "cli_help",
        "What a help screen costs",
        [f"CPU seconds (user and system), n = {ROUNDS} rounds in turn; median (min to max). Bound: {BOUND_S} s."],
        ["command", "CPU", "× python -c pass", "of the bound"],
        [
            [name, time.range_text(), f"{time.median / base:.1f}", f"{time.median / BOUND_S:.2f}"]
            for name, time in times.items()
        ],
    )


if __name__ == "__main__":
    main()
