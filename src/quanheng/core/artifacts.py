"""Reading artifacts: by name or digest, within what the session's project can see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

from quanheng.core.child import load as load_bytes
from quanheng.core.context import Loaded
from quanheng.core.database import cursor
from quanheng.core.inputs import Takes
from quanheng.core.resolve import find_artifact
from quanheng.core.session import Session
from quanheng.errors import NotFound
from quanheng.store import Layer


def rows(digests: Iterable[str]) -> dict[str, tuple[bytes, bytes]]:
    """Return manifest and config bytes of these artifacts, by digest."""
    wanted = list(dict.fromkeys(digests))
    found: dict[str, tuple[bytes, bytes]] = {}
    for low in range(0, len(wanted), 500):
        part = wanted[low : low + 500]
        marks = ",".join(["%s"] * len(part))
        with cursor() as cur:
            cur.execute(
                f"SELECT digest, manifest, config FROM qh_core_artifact WHERE digest IN ({marks})",
                part,
            )
            found.update({d: (bytes(m), bytes(c)) for d, m, c in cur.fetchall()})
    return found


def load_digest(session: Session, digest: str) -> Loaded:
    """Return the artifact with this digest, whatever project it is in; for callers that have checked."""
    found = rows([digest]).get(digest)
    if found is None:
        raise NotFound(
            f"there is no artifact {digest}",
            f"没有制品 {digest}",
            hint=("List what there is: quanheng artifact list", "查看现有制品：quanheng artifact list"),
            code="no_such_artifact",
        )
    objects = session.workspace.objects
    allowed = session.workspace.settings.allowed_hosts

    def open_bytes(layer: Layer) -> BinaryIO:
        if layer.urls and not objects.exists(layer.digest):
            from quanheng.store.external import open_external

            return open_external(layer, allowed)
        return objects.open(layer.digest)

    return load_bytes(found[0], found[1], open_bytes)


def load(session: Session, text: str, *kinds: str) -> Loaded:
    """Return the artifact that `text` names in the session's project; of these kinds only, when any are given."""
    from quanheng.core import permission

    permission.require(session, "read", "artifact.show")
    return load_digest(session, find_artifact(session, text, Takes(*(kinds or ("*",)))))


def withdrawn_among(digests: Iterable[str]) -> list[str]:
    """Return those of these artifacts that were withdrawn, sorted."""
    wanted = sorted(set(digests))
    found: list[str] = []
    for low in range(0, len(wanted), 500):
        part = wanted[low : low + 500]
        marks = ",".join(["%s"] * len(part))
        with cursor() as cur:
            cur.execute(
                f"SELECT digest FROM qh_core_artifact WHERE digest IN ({marks})"
                " AND withdrawn_at IS NOT NULL ORDER BY digest",
                part,
            )
            found.extend(row[0] for row in cur.fetchall())
    return found


def summary(session: Session, digest: str) -> dict[str, Any]:
    """Return what `show` tells of an artifact: kind, names, config, layers, job, entry, withdrawal."""
    from quanheng.core import log
    from quanheng.core.lineage import ancestors
    from quanheng.core.models import Artifact, Name

    artifact = Artifact.objects.select_related("job").get(digest=digest)
    loaded = load_digest(session, digest)
    names = Name.objects.filter(artifact=artifact, project_id=session.project_id).values_list("slug", flat=True)
    return {
        "digest": digest,
        "kind": loaded.kind,
        "names": list(names),
        "made_by": dict(loaded.made_by),
        "config": loaded.model.model_dump(mode="json"),
        "layers": [
            {"title": lay.title, "digest": lay.digest, "size": lay.size, "media_type": lay.media_type}
            for lay in loaded.layers
        ],
        "job": artifact.job_id,
        "entry": log.indexes_of_jobs([artifact.job_id]).get(artifact.job_id),
        "withdrawn": artifact.withdrawn_reason if artifact.withdrawn_at else None,
        "withdrawn_ancestors": withdrawn_among({step.digest for step in ancestors(digest)}),
        "size": sum(lay.size for lay in loaded.layers),
    }
