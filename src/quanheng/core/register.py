"""Writing artifacts: manifest, config, edges, layer uses and names, inside the transaction that ends a job.

The layers lie in the object store before: temp → fsync → rename → fsync of the folder, then this one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quanheng.core import clock
from quanheng.core.context import Draft, config_bytes, parse_config
from quanheng.core.database import cursor, retry_locked
from quanheng.errors import Conflict, Invalid
from quanheng.store import JSON, Layer, LocalObjects, build_manifest, canonical_json, sha256_digest

#: How long a put waits for collection to finish with a doomed row, in seconds.
DOOMED_WAIT_S = 30.0


@dataclass(frozen=True)
class Prepared:
    """An artifact ready to be written."""

    digest: str
    kind: str
    manifest: bytes
    config: bytes
    key: str
    layers: tuple[Layer, ...]
    inputs: tuple[tuple[str, str], ...]


def key_of(made_by: Mapping[str, JSON]) -> str:
    """Return the key by which a cacheable verb's output is found: the SHA-256 of `made_by`."""
    return sha256_digest(canonical_json(dict(made_by)))


def prepare(draft: Draft, made_by: Mapping[str, JSON], key: str | None = None) -> Prepared:
    """Return the draft with its manifest and identity."""
    config = config_bytes(draft.model, made_by)
    manifest = build_manifest(draft.model.kind, config, draft.layers, draft.subject)
    inputs = made_by["inputs"]
    pairs = tuple((str(i["role"]), str(i["digest"])) for i in inputs) if isinstance(inputs, list) else ()  # type: ignore[index,call-overload]
    data = manifest.to_bytes()
    return Prepared(
        sha256_digest(data), draft.model.kind, data, config, key or key_of(made_by), tuple(draft.layers), pairs
    )


def check(prepared: Prepared) -> None:
    """Raise when the config would not be read back as it was written."""
    try:
        parse_config(prepared.kind, prepared.config)
    except ValueError as error:
        raise Invalid(
            f"the config of {prepared.kind} does not fit its kind: {error}",
            f"{prepared.kind} 的内容不符合该类型：{error}",
            hint=("Nothing was registered. Correct the content.", "没有登记任何制品。请改正内容。"),
            code="bad_config",
        ) from error


def insert(prepared: Sequence[Prepared], *, job_id: str, project_id: str, objects: LocalObjects) -> None:
    """Write artifacts and their indexes. In order of digest, so that two writers never wait for each other."""
    items = sorted(prepared, key=lambda p: p.digest)
    _refuse_withdrawn([p.digest for p in items])
    _insert_layers(items, objects)
    now = clock.now()
    with cursor() as cur:
        cur.executemany(
            "INSERT INTO qh_core_artifact (digest, kind, manifest, config, key, job_id, created_at, withdrawn_reason)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, '') ON CONFLICT (digest) DO NOTHING",
            [(p.digest, p.kind, p.manifest, p.config, p.key, job_id, now) for p in items],
        )
        cur.executemany(
            "INSERT INTO qh_core_placement (project_id, artifact_id, job_id)"
            " SELECT %s, id, %s FROM qh_core_artifact WHERE digest = %s"
            " ON CONFLICT (project_id, artifact_id) DO NOTHING",
            [(project_id, job_id, p.digest) for p in items],
        )
        edges = [(role, p.digest, source) for p in items for role, source in dict.fromkeys(p.inputs)]
        if edges:
            cur.executemany(
                "INSERT INTO qh_core_edge (dst, src, role) SELECT d.id, s.id, %s FROM qh_core_artifact d,"
                " qh_core_artifact s WHERE d.digest = %s AND s.digest = %s ON CONFLICT (dst, src, role) DO NOTHING",
                edges,
            )
        uses = [(layer, p.digest) for p in items for layer in dict.fromkeys(lay.digest for lay in p.layers)]
        if uses:
            cur.executemany(
                "INSERT INTO qh_core_layeruse (artifact_id, digest) SELECT id, %s FROM qh_core_artifact"
                " WHERE digest = %s ON CONFLICT (artifact_id, digest) DO NOTHING",
                uses,
            )


def _refuse_withdrawn(digests: list[str]) -> None:
    """Raise Conflict when one of these artifacts was withdrawn: the same content does not come back unnoticed."""
    from quanheng.core.resolve import withdrawn

    for low in range(0, len(digests), 500):
        part = digests[low : low + 500]
        marks = ",".join(["%s"] * len(part))
        with cursor() as cur:
            cur.execute(
                f"SELECT digest FROM qh_core_artifact WHERE withdrawn_at IS NOT NULL AND digest IN ({marks})",
                part,
            )
            row = cur.fetchone()
        if row:
            raise withdrawn(row[0], row[0])


def _insert_layers(items: Sequence[Prepared], objects: LocalObjects) -> None:
    layers: dict[str, Layer] = {}
    for layer in (layer for p in items for layer in p.layers):
        if layer.digest not in layers or not layer.urls:  # one that must lie here counts before one elsewhere
            layers[layer.digest] = layer
    if not layers:
        return
    now = clock.now()
    with cursor() as cur:
        cur.executemany(
            "INSERT INTO qh_core_layer (digest, size, is_external, seen_at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (digest) DO UPDATE SET seen_at = excluded.seen_at,"
            " is_external = qh_core_layer.is_external AND excluded.is_external",
            [(d, layer.size, bool(layer.urls), now) for d, layer in sorted(layers.items())],
        )
    doomed = set(doomed_among(list(layers)))
    for digest, layer in layers.items():
        if layer.urls and not objects.exists(digest):
            continue
        if digest in doomed or not objects.exists(digest) or objects.size(digest) != layer.size:
            raise Conflict(
                f"layer {digest} was collected before the artifact that needs it was written",
                f"数据层 {digest} 在登记制品之前已被回收",
                hint=("Run the verb again; nothing was lost.", "请重新执行该操作；没有丢失任何内容。"),
                code="layer_collected",
            )


def doomed_among(digests: list[str]) -> list[str]:
    """Return those of these layers that collection is removing now."""
    found: list[str] = []
    for low in range(0, len(digests), 500):
        part = digests[low : low + 500]
        marks = ",".join(["%s"] * len(part))
        with cursor() as cur:
            cur.execute(
                f"SELECT digest FROM qh_core_layer WHERE doomed_at IS NOT NULL AND digest IN ({marks})",
                part,
            )
            found.extend(row[0] for row in cur.fetchall())
    return found


def wait_while_doomed(digests: list[str]) -> None:
    """Return once collection has let go of all these layers; Conflict after DOOMED_WAIT_S seconds."""
    deadline = time.monotonic() + DOOMED_WAIT_S
    while retry_locked(lambda: doomed_among(digests)):
        if time.monotonic() > deadline:
            raise Conflict(
                "collection has held a layer for too long; it may have been killed",
                "回收程序占用数据层的时间过长，可能已中断",
                hint=("Run: quanheng workspace collect", "请运行：quanheng workspace collect"),
                code="collection_stuck",
            )
        time.sleep(0.02)


def move_name(*, project_id: str, kind: str, slug: str, digest: str, job_id: str) -> None:
    """Let (project, kind without version, slug) name an artifact from now on, and keep the history."""
    from quanheng.core.models import Artifact, Name, NameMove

    artifact_id = Artifact.objects.values_list("id", flat=True).get(digest=digest)
    short = kind.split("/", maxsplit=1)[0]
    Name.objects.update_or_create(project_id=project_id, kind=short, slug=slug, defaults={"artifact_id": artifact_id})
    NameMove.objects.create(
        project_id=project_id,
        kind=short,
        slug=slug,
        artifact_id=artifact_id,
        job_id=job_id,
        moved_at=clock.now(),
    )
