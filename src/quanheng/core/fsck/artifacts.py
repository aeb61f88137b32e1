"""Checks of artifacts: manifest, config, kind, key, edges, layer uses, withdrawal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from quanheng.core.context import parse_config
from quanheng.core.fsck.entries import LogFacts
from quanheng.core.fsck.report import Findings, Progress
from quanheng.core.register import key_of
from quanheng.core.snapshot import as_stored, bytes_of, select, text_of
from quanheng.errors import QuanhengError
from quanheng.store import JSON, Layer, Manifest, canonical_json, parse_canonical, sha256_digest

BATCH = 500


class _Row(NamedTuple):
    id: int
    digest: str
    kind: str
    key: str
    manifest: bytes
    config: bytes
    is_withdrawn: bool
    reason: str


@dataclass(frozen=True)
class Sound:
    """An artifact whose manifest and config are what its digest promises."""

    id: int
    digest: str
    layers: tuple[Layer, ...]
    inputs: frozenset[tuple[str, str]]
    is_withdrawn: bool


def check_artifacts(findings: Findings, facts: LogFacts, progress: Progress) -> list[Sound]:
    """Check every artifact's row and indexes; return those whose manifest is sound."""
    (total,) = select("SELECT COUNT(*) FROM qh_core_artifact")[0]
    sound: list[Sound] = []
    last = None
    done = 0
    while rows := _rows(last):
        last = rows[-1].id
        good = [item for row in rows if (item := _check_row(findings, row)) is not None]
        _check_edges(findings, good, rows)
        _check_uses(findings, good, rows)
        for row in rows:
            _check_withdrawal(findings, facts, row)
        sound.extend(good)
        done += len(rows)
        progress(done, total)
    _check_dangling(findings)
    findings.counts["artifacts"] = done
    return sound


def _rows(last: int | None) -> list[_Row]:
    found = select(
        f"SELECT id, {as_stored('digest')}, {as_stored('kind')}, {as_stored('key')}, manifest, config,"
        f" withdrawn_at IS NOT NULL, {as_stored('withdrawn_reason')} FROM qh_core_artifact"
        + (" WHERE id > %s" if last is not None else "")
        + f" ORDER BY id LIMIT {BATCH}",
        [] if last is None else [last],
    )
    return [
        _Row(i, text_of(d), text_of(kind), text_of(key), bytes_of(m), bytes_of(c), bool(w), text_of(reason))
        for i, d, kind, key, m, c, w, reason in found
    ]


def _check_row(findings: Findings, row: _Row) -> Sound | None:
    """Return the artifact when manifest and config are sound; other columns are told of, but do no harm."""
    what = f"artifact {row.digest}"
    found = sha256_digest(row.manifest)
    if found != row.digest:
        findings.problem("manifest_digest", what, f"its manifest has digest {found}", f"清单的摘要值是 {found}")
        return None
    try:
        manifest = Manifest.parse(row.manifest)
    except QuanhengError as error:
        findings.problem("manifest_form", what, error.text.en, error.text.zh)
        return None
    if sha256_digest(row.config) != manifest.config.digest or len(row.config) != manifest.config.size:
        findings.problem("config_digest", what, "its config is not the one its manifest names", "配置与清单所记不符")
        return None
    if row.kind != manifest.kind:
        findings.problem("kind_column", what, f"its row says {row.kind}, its manifest {manifest.kind}",
                         f"记录中的类型是 {row.kind}，清单中是 {manifest.kind}")  # fmt: skip
    try:
        parse_canonical(row.config, "the config")
        _, made_by = parse_config(manifest.kind, row.config)
        inputs = _inputs(made_by)
    except (QuanhengError, ValueError, KeyError, TypeError) as error:
        told = error.text if isinstance(error, QuanhengError) else None
        findings.problem("config_kind", what, f"its config does not fit {manifest.kind}: {told.en if told else error}",
                         f"配置不符合类型 {manifest.kind}：{told.zh if told else error}")  # fmt: skip
        return None
    if row.key != key_of(made_by):
        findings.problem("key_column", what, "its key is not that of its derivation", "缓存键与其来历不符")
    return Sound(row.id, row.digest, manifest.layers, inputs, row.is_withdrawn)


def _inputs(made_by: Mapping[str, JSON]) -> frozenset[tuple[str, str]]:
    inputs: Any = made_by["inputs"]
    return frozenset((str(item["role"]), str(item["digest"])) for item in inputs)


def _check_edges(findings: Findings, good: Sequence[Sound], rows: Sequence[_Row]) -> None:
    found = _by_artifact(
        f"SELECT e.dst, {as_stored('e.role')}, {as_stored('s.digest')} FROM qh_core_edge e"
        " LEFT JOIN qh_core_artifact s ON s.id = e.src WHERE e.dst >= %s AND e.dst <= %s",
        rows,
    )
    for item in good:
        edges = {(text_of(role), text_of(digest)) for role, digest in found.get(item.id, [])}
        if edges == item.inputs:
            continue
        missing = {digest for _, digest in item.inputs - edges} - _present({d for _, d in item.inputs - edges})
        for digest in sorted(missing):
            findings.problem("input_missing", f"artifact {item.digest}", f"its input {digest} is not here",
                             f"其输入 {digest} 不在工作区中")  # fmt: skip
        if edges != {pair for pair in item.inputs if pair[1] not in missing}:
            findings.problem(
                "edges", f"artifact {item.digest}", "its edges differ from its manifest", "血缘索引与清单不符"
            )
            findings.to_rebuild.add(item.id)


def _present(digests: set[str]) -> set[str]:
    if not digests:
        return set()
    marks = ",".join(["%s"] * len(digests))
    return {row[0] for row in select(f"SELECT digest FROM qh_core_artifact WHERE digest IN ({marks})", sorted(digests))}


def _check_uses(findings: Findings, good: Sequence[Sound], rows: Sequence[_Row]) -> None:
    found = _by_artifact(
        f"SELECT artifact_id, {as_stored('digest')} FROM qh_core_layeruse"
        " WHERE artifact_id >= %s AND artifact_id <= %s",
        rows,
    )
    for item in good:
        if {text_of(digest) for (digest,) in found.get(item.id, [])} != {layer.digest for layer in item.layers}:
            findings.problem("layer_uses", f"artifact {item.digest}", "its layer uses differ from its manifest",
                             "数据层索引与清单不符")  # fmt: skip
            findings.to_rebuild.add(item.id)


def _by_artifact(sql: str, rows: Sequence[_Row]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    for artifact, *rest in select(sql, [rows[0].id, rows[-1].id]):
        found.setdefault(artifact, []).append(tuple(rest))
    return found


def _check_withdrawal(findings: Findings, facts: LogFacts, row: _Row) -> None:
    """Check that the log says the same about a withdrawal, and that the reason is the one that was given."""
    what = f"artifact {row.digest}"
    call = facts.withdrawals.get(row.digest)
    if row.is_withdrawn != (call is not None):
        en = (
            "it is marked withdrawn, but the log knows nothing of it"
            if call is None
            else "the log says it was withdrawn"
        )
        zh = "被标记为已撤回，但没有相应存证" if call is None else "存证记有撤回，但没有标记"
        findings.problem("withdrawal", what, en, zh)
    elif call is None and row.reason:
        findings.problem("withdrawal", what, "it has a reason but was not withdrawn", "有撤回原因但并未撤回")
    elif call is not None and params_digest({"reason": row.reason}, call.name, call.again) != call.params_digest:
        findings.problem("withdrawal", what, "the reason is not the one that was given", "撤回原因与当时所记不符")
    if row.is_withdrawn:
        findings.count("withdrawn")
        findings.note("withdrawn", what, "it was withdrawn", "已撤回")


def params_digest(params: Mapping[str, JSON], name: str, again: str) -> str:
    """Return what an entry keeps of a call's parameters; the same as `jobs.Plan.params_digest`."""
    return sha256_digest(canonical_json({"params": dict(params), "name": name, "again": again}))


def _check_dangling(findings: Findings) -> None:
    """Find index rows that belong to no artifact: they would be met by nobody."""
    joins = {"edge": "dst", "layeruse": "artifact_id", "placement": "artifact_id", "name": "artifact_id"}
    for table, column in {**joins, "namemove": "artifact_id"}.items():
        for (row,) in select(
            f"SELECT DISTINCT t.{column} FROM qh_core_{table} t LEFT JOIN qh_core_artifact a ON a.id = t.{column}"
            " WHERE a.id IS NULL"
        ):
            findings.problem(
                "dangling", f"{table} of artifact row {row}", "there is no such artifact row", "所指的制品记录不存在"
            )
            if table in ("edge", "layeruse"):
                findings.to_rebuild.add(row)
