"""Checks of signing keys, checkpoints, witnesses and names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from quanheng.core import log
from quanheng.core.fsck.artifacts import params_digest
from quanheng.core.fsck.entries import LogFacts
from quanheng.core.fsck.report import Findings
from quanheng.core.keys import ROTATION, private_path
from quanheng.core.snapshot import as_stored, bytes_of, select, text_of
from quanheng.errors import QuanhengError
from quanheng.store import fingerprint, parse_signed, verify_signed
from quanheng.store.ed25519 import verify

if TYPE_CHECKING:
    from quanheng.core.workspace import Workspace


def check_keys(findings: Findings, workspace: Workspace) -> dict[str, bytes]:
    """Check keys against their artifacts and each other; return the sound ones, by fingerprint."""
    rows = select(
        f"SELECT {as_stored('k.fingerprint')}, {as_stored('k.public_key')}, k.retired_at IS NULL, a.config"
        " FROM qh_core_signingkey k LEFT JOIN qh_core_artifact a ON a.digest = k.artifact"
    )
    configs: dict[str, dict[str, object]] = {}
    known: dict[str, bytes] = {}
    for raw_name, raw_public, _, config in rows:
        name, public = text_of(raw_name), _hex(text_of(raw_public))
        what = f"key {name}"
        if public is None or len(public) != 32 or fingerprint(public) != name:
            findings.problem("key", what, "its public half has another fingerprint", "公钥与指纹不符")
            continue
        known[name] = public
        try:
            configs[name] = json.loads(bytes_of(config)) if config is not None else {}
        except ValueError:  # the artifact's own check names the damage
            configs[name] = {}
        if configs[name].get("public_key") != public.hex():
            findings.problem("key", what, "its artifact does not hold this key", "其制品记载的不是该密钥")
    for name, config in configs.items():
        _check_rotation(findings, name, config, known)
    current = [text_of(row[0]) for row in rows if row[2]]
    if len(current) != 1:
        findings.problem(
            "key", "signing keys", f"{len(current)} are in force instead of one", f"有 {len(current)} 个在用，应为一个"
        )
    for name in current:
        if not private_path(workspace.folder, name).exists():
            findings.note("private_key_missing", f"key {name}", "its private half is not in keys/", "私钥不在 keys/ 中")
    return known


def _check_rotation(findings: Findings, name: str, config: dict[str, object], known: dict[str, bytes]) -> None:
    replaces, signature = config.get("replaces"), config.get("signature")
    if not replaces:
        return
    old = known.get(str(replaces))
    signed = _hex(str(signature))
    if old is None or signed is None or not verify(old, ROTATION + known[name], signed):
        findings.problem("key", f"key {name}", "the key it replaces did not sign for it", "被替换的密钥没有为它签名")


def _hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text) if text == text.lower() else None
    except ValueError:
        return None


def checkpoint_sizes() -> set[int]:
    """Return the sizes of the log at which checkpoints were signed."""
    return {row[0] for row in select("SELECT size FROM qh_core_checkpoint")}


def check_checkpoints(findings: Findings, facts: LogFacts, known: dict[str, bytes]) -> None:
    """Check signature, origin, root and time of every checkpoint, and the witnesses."""
    rows = select(
        f"SELECT id, size, {as_stored('fingerprint')}, {as_stored('note')} FROM qh_core_checkpoint ORDER BY id"
    )
    for _, size, raw_key, raw_note in rows:
        _check_checkpoint(findings, facts, known, (size, text_of(raw_key), text_of(raw_note)))
    findings.counts["checkpoints"] = len(rows)
    ids = {row[0] for row in rows}
    witnesses = select(
        f"SELECT w.id, w.checkpoint_id, c.size, {as_stored('w.form')}, {as_stored('w.token')},"
        f" CAST(w.witnessed_on AS CHAR(10)), {as_stored('w.job_id')}"
        " FROM qh_core_witness w LEFT JOIN qh_core_checkpoint c ON c.id = w.checkpoint_id"
    )
    for number, checkpoint, size, form, token, date, job in witnesses:
        what = f"witness {number}"
        call = facts.calls.get(text_of(job))
        params = {"size": size, "form": text_of(form), "proof": text_of(token), "date": text_of(date)}
        if checkpoint not in ids:
            findings.problem("witness", what, "its checkpoint is gone", "对应的检查点已不存在")
        elif call is None or params_digest(params, call.name, call.again) != call.params_digest:
            findings.problem("witness", what, "it is not what was entered into the log", "与登记时的存证不符")


def _check_checkpoint(findings: Findings, facts: LogFacts, known: dict[str, bytes], row: tuple[int, str, str]) -> None:
    size, key, note = row
    what = f"checkpoint {size} by {key}"
    if key not in known:
        findings.problem("checkpoint", what, "it names no key of this workspace", "不属于本工作区的任何密钥")
        return
    try:
        checkpoint = parse_signed(note).checkpoint
        signed = verify_signed(note, known[key])
    except QuanhengError as error:
        findings.problem("checkpoint", what, error.text.en, error.text.zh)
        return
    if not signed:
        findings.problem("checkpoint", what, "its signature does not hold", "签名无效")
    elif checkpoint.origin != facts.origin or checkpoint.size != size:
        findings.problem("checkpoint", what, "it was signed for another log or size", "签署的是另一份存证或另一条数")
    elif size > facts.size:
        findings.problem(
            "log_shorter", what, f"the log has only {facts.size} entries now", f"现在存证只有 {facts.size} 条"
        )
    elif _root(size) != checkpoint.root or checkpoint.time != facts.times.get(size):
        findings.problem("checkpoint", what, "the log had another root or time", "存证当时的根哈希或时间与此不同")


def _root(size: int) -> bytes | None:
    try:
        return log.root(size)
    except QuanhengError:  # a missing node, which the check of the tree names
        return None


def check_names(findings: Findings) -> None:
    """Check that each name points where its last move went, and fits the kind."""
    moves: dict[tuple[str, str, str], int] = {}
    for project, kind, slug, artifact in select(
        f"SELECT {as_stored('project_id')}, {as_stored('kind')}, {as_stored('slug')}, artifact_id"
        " FROM qh_core_namemove ORDER BY id"
    ):
        moves[text_of(project), text_of(kind), text_of(slug)] = artifact
    rows = select(
        f"SELECT {as_stored('n.project_id')}, {as_stored('n.kind')}, {as_stored('n.slug')}, n.artifact_id,"
        f" {as_stored('a.kind')} FROM qh_core_name n LEFT JOIN qh_core_artifact a ON a.id = n.artifact_id"
    )
    names = {
        (text_of(p), text_of(kind), text_of(slug)): (artifact, text_of(full)) for p, kind, slug, artifact, full in rows
    }
    for place in sorted(set(moves) | set(names)):
        what = f"name {place[1]}:{place[2]}"
        artifact, full = names.get(place, (None, place[1] + "/"))
        if artifact != moves.get(place):
            findings.problem("name", what, "it does not point where its last move went", "所指与最近一次变动不符")
        elif full.split("/", maxsplit=1)[0] != place[1]:
            findings.problem("name", what, f"it names a {full}", f"指向了 {full}")
    findings.counts["names"] = len(names)
