"""Runs every benchmark in turn: `make bench`."""

from __future__ import annotations

import importlib
import sys

#: `corpus`, `dedup`, `review` and `quality` are run by name: they take long or need packages of their own.
NAMES = ("register", "lineage", "hashing", "cli_help", "pages", "extract", "personal_data", "ablation")


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    for name in sys.argv[1:] or NAMES:
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
