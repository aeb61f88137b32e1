"""The queries of the log: its entries, proofs about them, signed checkpoints and the keys that sign."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

from quanheng.core import clock
from quanheng.core.inputs import Input, param
from quanheng.core.queries import LIMIT, Page, older
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.core.verbs import Nothing
from quanheng.errors import Forbidden, NotFound
from quanheng.store import merkle
from quanheng.store.checkpoint import parse_signed


class LogList(Input):
    """Input of log.list."""

    limit: int = param(20, "At most so many entries (1 to 1000)", "最多多少条（1 至 1000）", ge=1, le=LIMIT)
    before: int | None = param(None, "Only entries before this one", "只看该条之前的")
    verb: str = param("", "Only entries of this verb", "只看该操作的", max_length=100)
    outcome: Literal["", "done", "failed", "cancelled", "denied"] = param(
        "", "Only entries with this outcome", "只看该结果的"
    )


@query("log.list", permission="read", help=("Show the newest log entries", "查看最新的存证"))
def log_list(session: Session, inp: LogList) -> Any:
    """Return origin, size, root and the newest entries of the log, newest first, and `next`, the `before` to go on.

    Whoever may not read in every project sees the entries of this one. `next` may come with fewer entries than asked
    for: then so many were looked through that the rest waits for the next call.
    """
    from quanheng.core import log, permission

    head = log.head()
    stop = min(head.size, inp.before if inp.before is not None else head.size)
    project = None if permission.reads_all(session) else session.project_id
    found, reached = log.matching(inp.limit, stop, project=project, verb=inp.verb, outcome=inp.outcome)
    entries = [{"index": index, **json.loads(data)} for index, data in found]
    return {
        "origin": head.origin,
        "size": head.size,
        "root": log.root(head.size).hex(),
        "entries": entries,
        "projects": _slugs(entry["project"] for entry in entries),
        "next": reached or None,
    }


def _slugs(ids: Iterable[str | None]) -> dict[str, str]:
    """Return the slugs of these projects by id: entries hold no names."""
    from quanheng.core.models import Project

    return dict(Project.objects.filter(id__in={number for number in ids if number}).values_list("id", "slug"))


class LogProof(Input):
    """Input of log.proof."""

    index: int = param(..., "Number of the entry, from 0", "存证序号，从 0 起", ge=0)


@query("log.proof", help=("Prove that an entry is in the log", "给出某条存证的包含证明"))
def log_proof(session: Session, inp: LogProof) -> Any:
    """Return entry, its project's slug, its text and leaf hash, inclusion path, size and root (hashes in hex).

    Forbidden for an entry of a project that is not read here.
    """
    from quanheng.core import log, permission

    entry = log.entry(inp.index)
    said = json.loads(entry)
    if said["project"] != session.project_id and not permission.reads_all(session):
        raise Forbidden(
            f"entry {inp.index} is of another project",
            f"第 {inp.index} 条存证属于其他项目",
            hint=("List those of this project: quanheng log list", "查看本项目的存证：quanheng log list"),
            code="entry_elsewhere",
        )
    size = log.head().size
    path = [node.hex() for node in log.inclusion(inp.index, size)]
    return {
        "index": inp.index,
        "entry": said,
        "project": _slugs([said["project"]]).get(said["project"]),
        "text": entry.decode("utf-8"),  # exactly the bytes that the leaf is the hash of
        "leaf": merkle.leaf_hash(entry).hex(),
        "size": size,
        "root": log.root(size).hex(),
        "path": path,
    }


class Sizes(Input):
    """Input of log.consistency."""

    first: int = param(..., "The earlier size", "较早的条数", ge=1)


@query("log.consistency", help=("Prove that the log only grew since an earlier size", "证明存证自某时起只增不改"))
def log_consistency(session: Session, inp: Sizes) -> Any:
    """Return the consistency path between an earlier size and now."""
    from quanheng.core import log

    size = log.head().size
    if inp.first > size:
        raise NotFound(
            f"the log has only {size} entries",
            f"存证只有 {size} 条",
            hint=("List them: quanheng log list", "查看存证：quanheng log list"),
            code="no_such_entry",
        )
    path = [node.hex() for node in log.consistency(inp.first, size)]
    return {
        "first": inp.first,
        "first_root": log.root(inp.first).hex(),
        "size": size,
        "root": log.root(size).hex(),
        "path": path,
    }


@query(
    "checkpoint.sign",
    permission="audit",
    scope="workspace",
    help=("Sign the present head of the log", "签署当前存证的检查点"),
)
def checkpoint_sign(session: Session, inp: Nothing) -> Any:
    """Return the signed note over the present log. The log does not change: the same head gives the same note."""
    from quanheng.core import keys

    note = keys.sign_checkpoint(session.workspace.folder)
    checkpoint = parse_signed(note).checkpoint
    return {"size": checkpoint.size, "root": checkpoint.root.hex(), "note": note}


@query("checkpoint.list", scope="workspace", help=("List signed checkpoints", "列出已签名的检查点"))
def checkpoint_list(session: Session, inp: Page) -> Any:
    """Return the newest checkpoints with their witnesses, and the cursor of the next page."""
    from quanheng.core.models import Checkpoint, Witness

    page = older(Checkpoint.objects.order_by("-id"), inp)
    seen: dict[int, list[str]] = {}
    for witness in Witness.objects.filter(checkpoint_id__in=[row.id for row in page]):
        seen.setdefault(witness.checkpoint_id, []).append(f"{witness.form} {witness.witnessed_on.isoformat()}")
    rows = [
        {
            "size": row.size,
            "fingerprint": row.fingerprint,
            "created": clock.text_of(row.created_at),
            "witnesses": seen.get(row.id, []),
        }
        for row in page
    ]
    return {"rows": rows, "next": str(page[-1].id) if len(page) == inp.limit else None}


@query("key.list", scope="workspace", help=("List signing keys", "列出签名密钥"))
def key_list(session: Session, inp: Nothing) -> Any:
    """Return the keys, the current one first."""
    from quanheng.core.models import SigningKey

    rows = sorted(SigningKey.objects.order_by("-created_at"), key=lambda r: r.retired_at is not None)
    return [
        {
            "fingerprint": r.fingerprint,
            "public_key": r.public_key,
            "created": clock.text_of(r.created_at),
            "retired": clock.text_of(r.retired_at) if r.retired_at else None,
        }
        for r in rows
    ]
