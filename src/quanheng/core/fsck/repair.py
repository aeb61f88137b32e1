"""Writing edges and layer uses anew from sound manifests."""

from __future__ import annotations

from collections.abc import Mapping

from quanheng.core.database import cursor, write
from quanheng.core.fsck.artifacts import Sound

#: Artifacts per transaction.
BATCH = 100


def rebuild(rows: set[int], sound: Mapping[int, Sound]) -> None:
    """Write edges and layer uses of these artifact rows anew; rows that are no artifact lose theirs."""
    ordered = sorted(rows)
    for low in range(0, len(ordered), BATCH):
        part = ordered[low : low + BATCH]
        write(lambda part=part: _rebuild(part, sound))  # type: ignore[misc]


def _rebuild(part: list[int], sound: Mapping[int, Sound]) -> None:
    with cursor() as cur:
        for row in part:
            cur.execute("DELETE FROM qh_core_edge WHERE dst = %s", [row])
            cur.execute("DELETE FROM qh_core_layeruse WHERE artifact_id = %s", [row])
            item = sound.get(row)
            if item is None:
                continue
            cur.executemany(
                "INSERT INTO qh_core_edge (dst, src, role) SELECT %s, id, %s FROM qh_core_artifact WHERE digest = %s",
                [(row, role, digest) for role, digest in sorted(item.inputs)],
            )
            cur.executemany(
                "INSERT INTO qh_core_layeruse (artifact_id, digest) VALUES (%s, %s)",
                [(row, digest) for digest in sorted({layer.digest for layer in item.layers})],
            )
