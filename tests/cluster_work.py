"""Functions that tasks on a cluster run in the tests, and a driver to be killed. Items name what a task has to do."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from quanheng.errors import Conflict, QuanhengError


def work(item: Any) -> Any:
    """Leave a mark of having begun, rest for `rest_s`, and return what depends on nothing but `n`."""
    if "marks" in item:
        (Path(item["marks"]) / f"{item['n']}-{node()}-{os.getpid()}").touch()
    time.sleep(item.get("rest_s", 0))
    n = item["n"]
    return {"n": n, "power": n**70, "text": f"第{n}条 \ud83d", "share": n / 7, "none": None}


def node() -> str:
    """Return the node of Slurm or Ray that this process runs on."""
    return os.environ.get("SLURMD_NODENAME") or os.environ.get("QUANHENG_TEST_NODE", "").rpartition(":")[2]


def clash(item: Any) -> Any:
    """Raise an error of our tree for item 2, and let items after it take long."""
    if item == 2:
        raise Conflict("two is taken", "二已被占用", hint=("Take three.", "请用三。"), code="two_taken")
    time.sleep(60 if item > 2 else 0)
    return item


def stumble(item: Any) -> Any:
    """Fail in a way nobody foresaw."""
    raise LookupError(f"nothing is known of {item}")


def die(item: Any) -> Any:
    """Say a word, and be killed, as by a lack of memory."""
    print("about to allocate", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def variables(item: Any) -> Any:
    """Return the names of our variables, and of secrets, that a task can see."""
    return sorted(name for name in os.environ if name.startswith("QUANHENG_") or "SECRET" in name)


def unwritable(item: Any) -> Any:
    """Return what JSON cannot hold."""
    return {1, 2}


def main(chosen: str, folder: str, calls: str) -> None:
    """Print what each [function, items] of `calls` gives: a line for each answer, and how it ended."""
    from quanheng.core.executors import Chosen, open_executor

    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # as a job's child process does: Ray prints what workers print
    with open_executor(Chosen(**json.loads(chosen)), Path(folder)) as executor:
        for function, items in json.loads(calls):
            error = None
            try:
                for answer in executor.map(f"cluster_work:{function}", items):
                    print(json.dumps({"answer": answer}), file=told, flush=True)
            except QuanhengError as raised:
                error = raised.to_json()
            print(json.dumps({"end": error}), file=told, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
