"""Queries about the workspace as a whole: is it sound, and how much is in it."""

from __future__ import annotations

from typing import Any

from quanheng.core.inputs import Input, param
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.core.verbs import Nothing


class FsckInput(Input):
    """Input of workspace.fsck."""

    quick: bool = param(False, "Compare sizes only; do not hash objects again", "只核对大小，不重新计算对象摘要")


@query("workspace.fsck", permission="audit", scope="workspace",
       help=("Check every row and byte of the workspace", "检查工作区的每条记录与每个字节"))  # fmt: skip
def workspace_fsck(session: Session, inp: FsckInput) -> Any:
    """Return problems, notes and counts; `quanheng fsck --repair` also rebuilds indexes."""
    from quanheng.core.fsck import fsck

    return fsck(session.workspace, session=session, quick=inp.quick).to_json()


@query("workspace.status", permission="audit", scope="workspace",
       help=("How much is in the workspace", "查看工作区的规模"))  # fmt: skip
def workspace_status(session: Session, inp: Nothing) -> Any:
    """Return counts and sizes, the log's head, and the newest checkpoint."""
    from django.db import connection
    from django.db.models import Count, Sum

    from quanheng.core import log
    from quanheng.core.models import Artifact, Checkpoint, Job, Layer, Project

    head = log.head()
    layers = Layer.objects.filter(is_external=False).aggregate(count=Count("digest"), size=Sum("size"))
    states = Job.objects.values_list("state").annotate(Count("id")).order_by("state")
    checkpoint = Checkpoint.objects.order_by("id").last()
    return {
        "database": connection.vendor,
        "projects": Project.objects.count(),
        "artifacts": Artifact.objects.count(),
        "withdrawn": Artifact.objects.exclude(withdrawn_at=None).count(),
        "layers": layers["count"],
        "bytes": layers["size"] or 0,
        "external_layers": Layer.objects.filter(is_external=True).count(),
        "jobs": dict(states),
        "log": {"origin": head.origin, "size": head.size, "time": head.time, "root": log.root(head.size).hex()},
        "checkpoint": checkpoint.size if checkpoint else None,
    }
