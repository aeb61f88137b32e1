"""Where the parts of a job run: processes of this machine, a Ray cluster, or Slurm. All fill `context.Executor`.

A part is a pure function over one JSON item. Workers get the item and whatever paths stand in it, so on a cluster the
workspace lies in a folder that all nodes share; the database is never told to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from quanheng.core.context import Executor
from quanheng.core.executors.functions import find_function
from quanheng.core.executors.local import LocalExecutor
from quanheng.core.settings import Settings

if TYPE_CHECKING:
    from quanheng.core.executors.ray import RayExecutor
    from quanheng.core.executors.slurm import SlurmExecutor

__all__ = ["Chosen", "LocalExecutor", "RayExecutor", "SlurmExecutor", "choose", "find_function", "open_executor"]


_LAZY = {"RayExecutor": "ray", "SlurmExecutor": "slurm"}


def __getattr__(name: str) -> object:
    """Load the executors of clusters on first use."""
    if name not in _LAZY:
        raise AttributeError(f"module 'quanheng.core.executors' has no attribute {name!r}")
    return getattr(import_module(f"quanheng.core.executors.{_LAZY[name]}"), name)


@dataclass(frozen=True)
class Chosen:
    """The settings that choose an executor, by their names."""

    executor: str = "local"
    processes: int = 0
    ray_address: str = "local"
    slurm_partition: str = ""
    slurm_options: str = ""


def choose(settings: Settings) -> Chosen:
    """Return what the settings of a workspace say."""
    return Chosen(
        executor=settings.text("executor"),
        processes=settings.number("processes"),
        ray_address=settings.text("ray_address"),
        slurm_partition=settings.text("slurm_partition"),
        slurm_options=settings.text("slurm_options"),
    )


@contextmanager
def open_executor(chosen: Chosen, workspace: Path) -> Iterator[Executor]:
    """Lend the chosen executor; a Ray cluster is left, or ended when it was started here, at the end of the block."""
    if chosen.executor == "ray":
        from quanheng.core.executors.ray import RayExecutor

        with RayExecutor(chosen.ray_address, chosen.processes) as executor:
            yield executor
    elif chosen.executor == "slurm":
        from quanheng.core.executors.slurm import SlurmExecutor

        yield SlurmExecutor(
            workspace / "executor",
            partition=chosen.slurm_partition,
            options=chosen.slurm_options,
            processes=chosen.processes,
        )
    else:
        with LocalExecutor(chosen.processes) as executor:
            yield executor
