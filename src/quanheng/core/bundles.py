"""Evidence bundles 证明材料包 from a workspace: artifacts with all they were made from, and the proof that they were.

What is written follows from the artifacts, the log's head and the keys alone, so that two exports at the same head
are identical byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from quanheng.core import artifacts, keys, lineage, log, permission
from quanheng.core.database import cursor, retry_locked
from quanheng.core.session import Session
from quanheng.errors import Conflict, NotFound
from quanheng.kinds.platform import Key
from quanheng.store import Manifest, canonical_json, merkle, parse_signed, sha256_digest, verify_signed
from quanheng.store.bundle import BundleContents, KeyLink, Mode, OutputProof, Withdrawn, write_bundle

#: Verbs whose entries are in every bundle: where the log and each of its keys begin.
_KEY_VERBS = ("workspace.create", "key.rotate")


@dataclass(frozen=True)
class Exported:
    """A bundle that was written: where, by which key, how much, and at which head of the log."""

    path: Path
    fingerprint: str
    size_bytes: int
    artifacts: int
    entries: int
    log_size: int
    root: str


@dataclass(frozen=True)
class _Artifact:
    digest: str
    job: str
    manifest: Manifest
    data: bytes
    config: bytes
    reason: str | None  # of the withdrawal, if it was withdrawn


def export_bundle(
    session: Session,
    digests: Sequence[str],
    to: Path,
    *,
    mode: Mode = "open",
    extra: Mapping[str, bytes] | None = None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Exported:
    """Return what was written to the file `to`: these artifacts of the session's project and all their ancestors.

    mode: "open" carries the layers (withdrawn and external ones excepted), "sealed" only manifests and configs.
    extra: files for people, by name. Needs the permission read. NotFound for an artifact or layer that is not here,
    Conflict when the signing key was changed meanwhile, or when no signed checkpoint reaches the artifacts' entries
    and the actor may not sign one.
    """
    retry_locked(lambda: permission.require(session, "read", "bundle.export"))
    retry_locked(lambda: _require_visible(session, digests))
    chain = retry_locked(_key_chain)
    wanted = lineage.closure([*digests, *(link.artifact for link in chain if link.artifact)])
    found = retry_locked(lambda: _read(wanted, progress))
    indexes = retry_locked(lambda: _entry_indexes(found))
    note = retry_locked(lambda: keys.note_for(session, max(indexes, default=-1) + 1))
    signer = retry_locked(lambda: keys.current(session.workspace.folder))
    if signer.fingerprint != chain[-1].fingerprint or not verify_signed(note, signer.public_key):
        raise Conflict(
            "the signing key was changed while the bundle was made",
            "导出证明材料包期间签名密钥发生了变更",
            hint=("Export again.", "请重新导出。"),
            code="key_changed",
        )
    checkpoint = parse_signed(note).checkpoint
    contents = BundleContents(
        mode=mode,
        roots=list(dict.fromkeys(digests)),
        manifests={a.digest: a.data for a in found},
        configs={a.manifest.config.digest: a.config for a in found},
        checkpoint=note,
        entries={index: retry_locked(lambda index=index: log.entry(index)) for index in indexes},  # type: ignore[misc]
        inclusion={
            index: retry_locked(lambda index=index: log.inclusion(index, checkpoint.size))  # type: ignore[misc]
            for index in indexes
        },
        keys=chain,
        layers=_layers(session, found) if mode == "open" else {},
        outputs=retry_locked(lambda: _output_proofs(found)),
        withdrawn=[Withdrawn(a.digest, sha256_digest(a.reason.encode())) for a in found if a.reason is not None],
        witness=retry_locked(lambda: _witnesses(checkpoint.size)),
        extra=dict(extra or {}),
    )
    fingerprint = write_bundle(to, contents, signer.sign)
    return Exported(
        to, fingerprint, to.stat().st_size, len(found), len(indexes), checkpoint.size, checkpoint.root.hex()
    )


def _require_visible(session: Session, digests: Sequence[str]) -> None:
    from quanheng.core.models import Placement

    for digest in digests:
        if not Placement.objects.filter(project_id=session.project_id, artifact__digest=digest).exists():
            raise NotFound(
                f"there is no artifact {digest} in this project",
                f"本项目中没有制品 {digest}",
                hint=("List what there is: quanheng artifact list", "查看现有制品：quanheng artifact list"),
                code="no_such_artifact",
            )


def _read(digests: Iterable[str], progress: Callable[[int, int | None], None]) -> list[_Artifact]:
    """Return these artifacts in order of digest."""
    from quanheng.core.models import Artifact

    wanted = sorted(set(digests))
    found: list[_Artifact] = []
    for low in range(0, len(wanted), 500):
        part = wanted[low : low + 500]
        rows = artifacts.rows(part)
        facts = Artifact.objects.filter(digest__in=part).order_by("digest")
        for digest, job, at, reason in facts.values_list("digest", "job_id", "withdrawn_at", "withdrawn_reason"):
            data, config = rows[digest]
            found.append(_Artifact(digest, job, Manifest.parse(data), data, config, reason if at else None))
        progress(len(found), len(wanted))
    return found


def _key_chain() -> list[KeyLink]:
    """Return the current key and those before it, oldest first, as far as each was signed for by the one before."""
    from quanheng.core.models import Artifact, SigningKey

    rows = {row.fingerprint: row for row in SigningKey.objects.all()}
    wanted = next((name for name, row in rows.items() if row.retired_at is None), None)
    chain: list[KeyLink] = []
    while wanted and wanted in rows:
        row = rows.pop(wanted)
        data = json.loads(bytes(Artifact.objects.values_list("config", flat=True).get(digest=row.artifact)))
        del data["made_by"]
        key = Key.model_validate_json(json.dumps(data))
        signature = bytes.fromhex(key.signature) if key.signature else None
        chain.append(KeyLink(bytes.fromhex(key.public_key), key.replaces, signature, row.artifact))
        wanted = key.replaces
    if not chain:
        raise NotFound(
            "this workspace has no signing key",
            "工作区没有签名密钥",
            hint=("Check the workspace: quanheng fsck", "请检查工作区：quanheng fsck"),
            code="no_key",
        )
    return chain[::-1]


def _entry_indexes(found: list[_Artifact]) -> list[int]:
    """Return the entries that first registered these artifacts, withdrew them, or began the log and its keys."""
    from quanheng.core.models import Job

    jobs = {a.job for a in found}
    jobs |= set(Job.objects.filter(verb__in=_KEY_VERBS, state="done").values_list("id", flat=True))
    for artifact in found:
        if artifact.reason is not None:
            rows = Job.objects.filter(verb="artifact.withdraw", state="done", inputs__contains=artifact.digest)
            jobs |= set(rows.values_list("id", flat=True))
    return sorted(log.indexes_of_jobs(sorted(jobs)).values())


def _layers(session: Session, found: list[_Artifact]) -> dict[str, Path]:
    """Return the files of all layers that an open bundle carries; NotFound when one is missing."""
    objects = session.workspace.objects
    layers: dict[str, Path] = {}
    for artifact in found:
        for layer in artifact.manifest.layers:
            if artifact.reason is None and not layer.is_external and layer.digest not in layers:
                objects.size(layer.digest)
                layers[layer.digest] = objects.path(layer.digest)
    return layers


def _output_proofs(found: list[_Artifact]) -> dict[str, OutputProof]:
    """Return where artifacts of large batches stand among the outputs of their entry, which names only the root."""
    by_job: dict[str, list[str]] = {}
    for artifact in found:
        by_job.setdefault(artifact.job, []).append(artifact.digest)
    proofs: dict[str, OutputProof] = {}
    entries = log.indexes_of_jobs(sorted(by_job))
    for job, outputs in _long_outputs(list(by_job)):
        position = {digest: index for index, digest in reversed(list(enumerate(outputs)))}
        nodes = _nodes(outputs)
        for digest in by_job[job]:
            path = merkle.inclusion_from_nodes(position[digest], len(outputs), nodes)
            proofs[digest] = OutputProof(entries[job], position[digest], tuple(path))
    return proofs


def _long_outputs(jobs: list[str]) -> Iterable[tuple[str, list[str]]]:
    for low in range(0, len(jobs), 500):
        part = jobs[low : low + 500]
        marks = ",".join(["%s"] * len(part))
        with cursor() as cur:
            cur.execute(f"SELECT id, outputs FROM qh_core_job WHERE outputs IS NOT NULL AND id IN ({marks})", part)
            rows = cur.fetchall()
        for job, outputs in rows:
            yield job, json.loads(outputs)


def _nodes(digests: list[str]) -> merkle.Lookup:
    nodes: dict[tuple[int, int], bytes] = {}

    def get(level: int, index: int) -> bytes:
        return nodes[level, index]

    for count, digest in enumerate(digests):
        leaf = merkle.leaf_hash(digest.encode("ascii"))
        nodes.update({(level, index): node for level, index, node in merkle.appended_nodes(count, leaf, get)})
    return get


def _witnesses(size: int) -> dict[str, bytes]:
    """Return what people outside saw: the checkpoint, its consistency with this head, and their letter or token."""
    from quanheng.core.models import Witness

    files: dict[str, bytes] = {}
    rows = Witness.objects.filter(checkpoint__size__lte=size).select_related("checkpoint").order_by("id")
    for row in rows:
        files[f"{row.id:06}.json"] = canonical_json(
            {
                "checkpoint": row.checkpoint.note,
                "consistency": [node.hex() for node in log.consistency(row.checkpoint.size, size)],
                "form": row.form,
                "proof": row.token,
                "date": row.witnessed_on.isoformat(),
            }
        )
    return files
