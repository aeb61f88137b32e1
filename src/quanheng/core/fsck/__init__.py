"""fsck: checks every evidence row and every byte of a workspace, and names what differs.

Row times (created_at and the like), accounts, settings and queues are no evidence; the times that count are those in
the log. `repair` rebuilds what is only an index of manifests: edges and layer uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quanheng.core import log, permission
from quanheng.core.database import is_sqlite, retry_locked
from quanheng.core.fsck import artifacts, entries, keys, layers
from quanheng.core.fsck.repair import rebuild
from quanheng.core.fsck.report import Findings, Problem, Progress, Report
from quanheng.core.snapshot import select, snapshot
from quanheng.errors import QuanhengError

if TYPE_CHECKING:
    from quanheng.core.session import Session
    from quanheng.core.workspace import Workspace

__all__ = ["Problem", "Report", "fsck"]

#: Problems that `repair` removes.
REBUILT = frozenset({"edges", "layer_uses", "dangling"})


def fsck(
    workspace: Workspace,
    *,
    repair: bool = False,
    quick: bool = False,
    progress: Progress = lambda done, total: None,
    session: Session | None = None,
) -> Report:
    """Return everything that is wrong in the workspace, each with the object or row it is about.

    quick: sizes of objects only, instead of hashing them again. repair: edges and layer uses are written anew from
    the manifests (needs the permission own; a check needs audit). session: who asks, when not the workspace's own.
    Others may go on working meanwhile.
    """
    asker, needed = session or workspace.session, "own" if repair else "audit"
    retry_locked(lambda: permission.require(asker, needed, "workspace.fsck", scope="workspace"))
    return check(workspace, repair=repair, quick=quick, progress=progress)


def check(
    workspace: Workspace, *, repair: bool = False, quick: bool = False, progress: Progress = lambda done, total: None
) -> Report:
    """Return what `fsck` returns, for callers that have checked the permission."""
    findings = Findings()
    with snapshot():
        _check_database(findings, quick)
        facts = entries.check_log(findings, keys.checkpoint_sizes(), progress)
        sound = artifacts.check_artifacts(findings, facts, progress)
        known = keys.check_keys(findings, workspace)
        keys.check_checkpoints(findings, facts, known)
        keys.check_names(findings)
        needed = layers.check_layer_rows(findings, sound)
        root = _root(facts.size)
    layers.check_files(findings, workspace, needed, quick, progress)
    layers.check_withdrawn(findings, workspace, sound, needed)
    layers.check_external(findings, workspace, needed, quick)
    _note_temporary(findings, workspace)
    repaired: list[Problem] = []
    if repair and findings.to_rebuild:
        rebuild(findings.to_rebuild, {item.id: item for item in sound})
        repaired = [problem for problem in findings.problems if _is_rebuilt(problem)]
        findings.problems = [problem for problem in findings.problems if not _is_rebuilt(problem)]
    return Report(findings.problems, findings.notes, repaired, findings.counts, root)


def _is_rebuilt(problem: Problem) -> bool:
    dangling = problem.code == "dangling" and not problem.what.startswith(("edge", "layeruse"))
    return problem.code in REBUILT and not dangling


def _root(size: int) -> str:
    try:
        return log.root(size).hex()
    except QuanhengError:  # a missing node, which the check of the tree has named
        return ""


def _check_database(findings: Findings, quick: bool) -> None:
    """Ask SQLite whether its file is sound, and whether every reference has its row; PostgreSQL enforces the latter."""
    if not is_sqlite():
        return
    for (answer,) in select("PRAGMA quick_check" if quick else "PRAGMA integrity_check"):
        if answer != "ok":
            findings.problem("database", "database file", str(answer), str(answer))
    for table, row, parent, _ in select("PRAGMA foreign_key_check"):
        findings.problem(
            "reference",
            f"{table} row {row}",
            f"what it names in {parent} is not there",
            f"它在 {parent} 中所指的记录不存在",
        )


def _note_temporary(findings: Findings, workspace: Workspace) -> None:
    count = sum(1 for _ in (workspace.objects.root / "tmp").glob("*.part"))
    if count:
        findings.note(
            "temporary", "temporary files", f"{count}: killed writers left them, or writers are at work",
            f"{count} 个：由中断的写入留下，或正在写入",
        )  # fmt: skip
