"""The Slurm executor: job arrays through `sbatch`, items and answers as files in a folder that all nodes share.

An answer on disk is the only proof that a task is done; `squeue` tells which tasks are still to come. A task that is
neither answered nor known to Slurm was lost (its node died, it was preempted, killed for memory) and is submitted
again. No accounting database is needed. Nothing stays behind: see `slurm_folder.Shared`.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quanheng.core.executors.functions import find_function, task_lost, unreachable, unwrap
from quanheng.core.executors.slurm_commands import ask, limits, option_words
from quanheng.core.executors.slurm_folder import Shared
from quanheng.errors import Unavailable
from quanheng.store import JSON

#: Longest pause between two looks at the folder; the first are shorter.
LOOK_S = 1.0


@dataclass(frozen=True)
class Patience:
    """How often Slurm is asked and how long is waited.

    tries: how often a task may be submitted. ask_s: seconds between two questions to the controller. grace_s: seconds
    that an answer may take to be seen here after its task ended (a network file system shows new files late).
    silence_s: seconds without a word of the controller after which it counts as unreachable.
    """

    tries: int = 4
    ask_s: float = 5.0
    grace_s: float = 15.0
    silence_s: float = 600.0


class SlurmExecutor:
    """Runs functions as array tasks of Slurm, at most `processes` at once (0 = as many as Slurm gives)."""

    def __init__(
        self,
        folder: Path,
        *,
        partition: str = "",
        options: str = "",
        processes: int = 0,
        patience: Patience | None = None,
    ) -> None:
        self.folder = folder
        self.processes = processes
        self.patience = patience or Patience()
        self._options = [*option_words(options), *([f"--partition={partition}"] if partition else [])]

    def map(self, function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        """Yield `function(item)` for each item.

        Unavailable "slurm_missing", "cluster_unreachable", "slurm_refused" or "task_lost"; QuanhengError "task_failed".
        """
        find_function(function)
        todo = list(items)
        if not todo:
            return
        tasks = limits()
        per_task = -(-len(todo) // tasks)
        pieces = [todo[start : start + per_task] for start in range(0, len(todo), per_task)]
        with Shared(self.folder) as shared:
            for number, piece in enumerate(pieces):
                shared.put_items(number, {"function": function, "items": piece})
            array = _Array(shared, len(pieces), self._words(shared), self.processes, self.patience)
            for found in array.answers():
                yield unwrap(found)

    def _words(self, shared: Shared) -> list[str]:
        worker = shlex.join([sys.executable, "-m", "quanheng.core.executor_worker", str(shared.path)])
        script = f'#!/bin/sh\nexec {worker} "$SLURM_ARRAY_TASK_ID"\n'
        shared.write("task.sh", script.encode())
        return [
            *self._options,
            f"--job-name={shared.name}",
            f"--chdir={shared.path}",
            f"--output={shared.path}/log/%a.txt",
            "--open-mode=truncate",
            "--no-requeue",  # tasks that were lost are counted here
            "--parsable",
        ]


class _Array:
    """The tasks of one `map`: submitted, watched, submitted again."""

    def __init__(self, shared: Shared, count: int, words: list[str], at_once: int, patience: Patience) -> None:
        self._shared = shared
        self._count = count
        self._words = words
        self._throttle = f"%{at_once}" if at_once else ""
        self._patience = patience
        self._tries: Counter[int] = Counter()
        self._missing: Mapping[int, float] = {}  # since when a task is neither answered nor known to Slurm
        self._heard = self._asked = time.monotonic()
        self._next = 0

    def answers(self) -> Iterator[tuple[bool, Any]]:
        """Yield the answers in order; Unavailable when a task was lost too often."""
        self._submit(range(self._count))
        while self._next < self._count:
            pause_s = 0.05
            while (found := self._shared.answers(self._next)) is None:
                time.sleep(pause_s)
                pause_s = min(LOOK_S, pause_s * 1.5)
                if time.monotonic() - self._asked >= self._patience.ask_s:
                    self._find_lost()
                    self._asked = time.monotonic()
            self._shared.repeat_log(self._next)
            yield from found
            self._next += 1

    def _submit(self, numbers: Iterable[int]) -> None:
        chosen = list(numbers)
        array = f"--array={_ranges(chosen)}{self._throttle}"
        ask(["sbatch", *self._words, array, str(self._shared.path / "task.sh")])
        self._tries.update(chosen)

    def _find_lost(self) -> None:
        """Submit again what was lost. The controller may be away for a while."""
        try:
            known = self._known()
            done = self._shared.answered()  # after the question: a task that ended in between left its answer
            now = time.monotonic()
            absent = [n for n in range(self._next, self._count) if n not in done and n not in known]
            self._missing = {number: self._missing.get(number, now) for number in absent}
            lost = [number for number, since in self._missing.items() if now - since >= self._patience.grace_s]
            for number in lost:
                if self._tries[number] >= self._patience.tries:
                    raise task_lost(self._tries[number], self._shared.log(number))
            if lost:
                self._submit(lost)
                self._missing = {n: since for n, since in self._missing.items() if n not in lost}
            self._heard = time.monotonic()
        except Unavailable as error:
            if error.code != "slurm_failed":
                raise
            if time.monotonic() - self._heard >= self._patience.silence_s:
                raise unreachable("Slurm", error.text.en) from error

    def _known(self) -> set[int]:
        """Return the tasks that wait or run; one that waits for its dead node to answer counts as running."""
        said = ask(["squeue", "--noheader", "--array", f"--name={self._shared.name}", "--format=%K"])
        return {int(word) for word in said.split() if word.isdigit()}


def _ranges(numbers: list[int]) -> str:
    """Return ascending numbers as sbatch takes them.

    >>> _ranges([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
