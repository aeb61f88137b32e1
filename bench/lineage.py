"""Lineage at one million artifacts: ancestors to depth 10, against the bound of 50 ms at the 95th percentile."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from time import perf_counter

import quanheng
from bench.timing import write_table

ARTIFACTS = 1_000_000
PARENTS = 2
QUESTIONS = 200
BOUND_MS = 50
SEED = 20261123


def _fill(rng: random.Random) -> list[str]:
    """Write artifacts with two parents each among the 1,000 before it: a long, narrow graph as versions make it.

    The rows hold no real manifests: only the walk is timed.
    """
    from quanheng.core.database import cursor
    from quanheng.core.models import Artifact

    pattern = Artifact.objects.order_by("id").values()[0]
    first = pattern["id"] + 1
    digests = [f"sha256:{rng.getrandbits(256):064x}" for _ in range(ARTIFACTS)]
    with cursor() as cur:
        cur.execute("BEGIN")
        cur.executemany(
            "INSERT INTO qh_core_artifact"
            " (id, digest, kind, manifest, config, key, job_id, created_at, withdrawn_reason)"
            " VALUES (%s, %s, 'files/v1', %s, %s, '', %s, %s, '')",
            ((first + i, d, b"", b"", pattern["job_id"], pattern["created_at"]) for i, d in enumerate(digests)),
        )
        edges = (
            (first + i, first + parent, f"r{j}")
            for i in range(1, ARTIFACTS)
            for j, parent in enumerate(rng.sample(range(max(0, i - 1000), i), min(PARENTS, i)))
        )
        cur.executemany("INSERT INTO qh_core_edge (dst, src, role) VALUES (%s, %s, %s)", edges)
        cur.execute("COMMIT")
        cur.execute("ANALYZE")
    return digests


def main() -> None:
    """Write bench/results/lineage.md."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as scratch, quanheng.open(Path(scratch) / "w"):
        from quanheng.core.lineage import ancestors

        digests = _fill(rng)
        rows = []
        for depth in (3, 6, 10):
            took, met = [], []
            for digest in rng.sample(digests[ARTIFACTS // 2 :], QUESTIONS):
                start = perf_counter()
                met.append(len(ancestors(digest, depth)))
                took.append((perf_counter() - start) * 1000)
            took.sort()
            p50, p95 = took[QUESTIONS // 2], took[int(QUESTIONS * 0.95)]
            rows.append(
                [
                    str(depth),
                    f"{sum(met) / QUESTIONS:.0f}",
                    f"{p50:.2f}",
                    f"{p95:.2f}",
                    f"{took[-1]:.2f}",
                    f"{p95 / BOUND_MS:.3f}",
                ]
            )
        size_mb = (Path(scratch) / "w" / "quanheng.db").stat().st_size / 2**20
    write_table(
        "lineage",
        "Ancestors in a graph of one million artifacts",
        [
            f"SQLite, {ARTIFACTS:,} artifacts, {PARENTS} parents each, seed {SEED}, {QUESTIONS} questions a row; "
            f"the database "
            f"takes {size_mb:.0f} MiB. Bound: depth 10 under {BOUND_MS} ms at the 95th percentile."
        ],
        ["depth", "edges met (mean)", "p50 ms", "p95 ms", "max ms", "p95 / bound"],
        rows,
    )


if __name__ == "__main__":
    main()
