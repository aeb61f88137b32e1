"""Checks of layers: rows, files in the object store, external ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quanheng.core.fsck.artifacts import Sound
from quanheng.core.fsck.report import Findings, Progress
from quanheng.core.snapshot import as_stored, select, select_in, text_of
from quanheng.errors import Corrupt, QuanhengError
from quanheng.store import CHUNK_BYTES, Layer

if TYPE_CHECKING:
    from quanheng.core.workspace import Workspace


@dataclass(frozen=True)
class Needed:
    """A layer that an artifact in force names, and one such artifact."""

    layer: Layer
    artifact: str


def check_layer_rows(findings: Findings, sound: Iterable[Sound]) -> dict[str, Needed]:
    """Compare the rows of layers with the manifests; return the layers that must be readable, by digest."""
    needed: dict[str, Needed] = {}
    for item in sound:
        if not item.is_withdrawn:
            for layer in item.layers:
                known = needed.get(layer.digest)
                if known is None or (known.layer.is_external and not layer.is_external):  # one must lie here
                    needed[layer.digest] = Needed(layer, item.digest)
    rows = {
        text_of(digest): (size, bool(external))
        for digest, size, external in select(f"SELECT {as_stored('digest')}, size, is_external FROM qh_core_layer")
    }
    for digest, need in needed.items():
        row = rows.get(digest)
        if row is None:
            findings.problem("layer_row", f"layer {digest}", f"its row is gone; artifact {need.artifact} uses it",
                             f"记录缺失；制品 {need.artifact} 在使用它")  # fmt: skip
        elif row[0] != need.layer.size or (row[1] and not need.layer.is_external):
            findings.problem("layer_row", f"layer {digest}", "its row differs from the manifests", "记录与清单不符")
    findings.counts["layers"] = len(needed)
    findings.counts["external"] = sum(need.layer.is_external for need in needed.values())
    return needed


def check_files(
    findings: Findings, workspace: Workspace, needed: dict[str, Needed], quick: bool, progress: Progress
) -> None:
    """Check every file of the store, named by an artifact or not: a damaged one would be taken for good by a put."""
    objects = workspace.objects
    seen: set[str] = set()
    sizes = {text_of(digest): size for digest, size in select(f"SELECT {as_stored('digest')}, size FROM qh_core_layer")}
    total = sum(not need.layer.is_external for need in needed.values())
    for digest in objects.iterate():
        try:
            _check_file(findings, workspace, digest, sizes.get(digest), quick)
        except QuanhengError as error:
            if not objects.exists(digest):  # collected, or withdrawn, while we looked
                continue
            findings.problem("object_unreadable", f"object {digest}", error.text.en, error.text.zh)
        seen.add(digest)
        progress(len(seen), max(total, len(seen)))
    missing = [d for d, need in needed.items() if d not in seen and not need.layer.is_external]
    for digest in sorted(_still_needed(missing)):
        if not objects.exists(digest):
            findings.problem("object_missing", f"object {digest}", f"artifact {needed[digest].artifact} needs it",
                             f"缺失，而制品 {needed[digest].artifact} 需要它")  # fmt: skip
    idle = len(seen - set(needed))
    if idle:
        findings.note("unused", "object store", f"{idle} objects that no artifact uses; collection removes old ones",
                      f"{idle} 个对象没有制品使用，过期后会被回收")  # fmt: skip


def check_withdrawn(
    findings: Findings, workspace: Workspace, sound: Iterable[Sound], needed: dict[str, Needed]
) -> None:
    """Note the layers of withdrawn artifacts that are still there, or there again."""
    for item in sound:
        if item.is_withdrawn:
            for layer in item.layers:
                if layer.digest not in needed and workspace.objects.exists(layer.digest):
                    what = f"object {layer.digest}"
                    findings.note("withdrawn_present", what, "its artifact was withdrawn", "所属制品已撤回，但文件仍在")


def _check_file(findings: Findings, workspace: Workspace, digest: str, size: int | None, quick: bool) -> None:
    objects = workspace.objects
    found = objects.size(digest)
    if size is not None and found != size:
        findings.problem("object_size", f"object {digest}", f"it has {found} bytes instead of {size}",
                         f"大小为 {found} 字节，应为 {size} 字节")  # fmt: skip
    findings.count("bytes", found)
    if not quick:
        try:
            objects.verify(digest)
        except Corrupt as error:
            findings.problem("object_damaged", f"object {digest}", error.text.en, error.text.zh)


def _still_needed(digests: list[str]) -> set[str]:
    """Return those of these layers that an artifact in force uses now, after the snapshot was let go."""
    sql = (
        "SELECT DISTINCT u.digest FROM qh_core_layeruse u JOIN qh_core_artifact a ON a.id = u.artifact_id"
        " WHERE a.withdrawn_at IS NULL AND u.digest IN ({marks})"
    )
    return {row[0] for row in select_in(sql, digests)}


def check_external(findings: Findings, workspace: Workspace, needed: dict[str, Needed], quick: bool) -> None:
    """Read external layers again where their host may be called; what cannot be reached is a note, not a damage."""
    for digest, need in needed.items():
        if not need.layer.is_external or workspace.objects.exists(digest):
            continue
        what = f"external layer {digest}"
        if quick:
            findings.note("external_unchecked", what, "it was not read (quick)", "未读取（快速检查）")
            continue
        try:
            _read_external(workspace, need.layer)
        except Corrupt as error:
            findings.problem("external_damaged", what, error.text.en, error.text.zh)
        except QuanhengError as error:
            findings.note("external_unreachable", what, error.text.en, error.text.zh)


def _read_external(workspace: Workspace, layer: Layer) -> None:
    from quanheng.store.external import open_external

    digest, size = hashlib.sha256(), 0
    with closing(open_external(layer, workspace.settings.allowed_hosts)) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    if "sha256:" + digest.hexdigest() != layer.digest or size != layer.size:
        raise Corrupt(
            f"its bytes have digest sha256:{digest.hexdigest()}", f"其内容的摘要值为 sha256:{digest.hexdigest()}"
        )
