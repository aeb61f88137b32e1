"""Registering artifacts: one at a time against MLflow's model versions on the same kind of SQLite, and many at once."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter

import quanheng
from bench.timing import Timing, peer_python, write_table

SINGLE = 100
MANY = 10_000
ROUNDS = 5

#: Runs in MLflow's environment and answers one line per request with the seconds it took.
PEER = """
import logging, sys, time, tempfile
logging.disable(logging.CRITICAL)
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
import mlflow
folder = tempfile.mkdtemp(dir=sys.argv[1])
store = SqlAlchemyStore("sqlite:///" + folder + "/mlflow.db")
store.create_registered_model("m")
print(mlflow.__version__, flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    for i in range(int(line)):
        store.create_model_version("m", "file:///x", run_id=None)
    print(time.perf_counter() - start, flush=True)
"""


def _item(number: int) -> dict[str, object]:
    return {"kind": "files/v1", "model": {"title": f"file {number}", "files": 1, "bytes": number}}


def main() -> None:
    """Write bench/results/register.md."""
    with tempfile.TemporaryDirectory() as scratch:
        peer = subprocess.Popen(
            [peer_python("mlflow", "BENCH_MLFLOW_PYTHON"), "-c", PEER, scratch],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert peer.stdin and peer.stdout
        version = peer.stdout.readline().strip()
        with quanheng.open(Path(scratch) / "w") as workspace:
            single, theirs, many = _rounds(workspace, peer)
        peer.stdin.close()
        peer.wait()
    per_s, peer_per_s = SINGLE / single.median, SINGLE / theirs.median
    write_table(
        "register",
        "Registering artifacts",
        [
            f"n = {ROUNDS} interleaved rounds; median (min to max). Both on SQLite files on the same disk; "
            "Quanheng with "
            "synchronous=FULL and one log entry per call, MLflow with its defaults.",
            "Bounds: single ≥ 3 × MLflow; many ≥ 10,000/s.",
        ],
        ["what", "time", "per second", "ratio"],
        [
            [
                f"Quanheng {quanheng.__version__}, {SINGLE} single registers",
                single.range_text(),
                f"{per_s:.0f}",
                f"{per_s / peer_per_s:.1f} × MLflow",
            ],
            [f"MLflow {version}, {SINGLE} model versions", theirs.range_text(), f"{peer_per_s:.0f}", "1"],
            [
                f"Quanheng, register_many of {MANY:,}",
                many.range_text(),
                f"{MANY / many.median:,.0f}",
                f"{MANY / many.median / per_s:.0f} × single; {MANY / many.median / 10_000:.2f} × the bound",
            ],
        ],
    )


def _rounds(workspace: quanheng.core.workspace.Workspace, peer: subprocess.Popen[str]) -> tuple[Timing, Timing, Timing]:
    assert peer.stdin and peer.stdout
    single, theirs, many = [], [], []
    number = 0
    for _ in range(ROUNDS):
        start = perf_counter()
        for _ in range(SINGLE):
            number += 1
            workspace.artifact.register_many(items=[_item(number)])
        single.append(perf_counter() - start)
        peer.stdin.write(f"{SINGLE}\n")
        peer.stdin.flush()
        theirs.append(json.loads(peer.stdout.readline()))
        items = [_item(number + i + 1) for i in range(MANY)]
        number += MANY
        start = perf_counter()
        workspace.artifact.register_many(items=items)
        many.append(perf_counter() - start)
    return Timing(tuple(single)), Timing(tuple(theirs)), Timing(tuple(many))


if __name__ == "__main__":
    main()
