"""Withdrawal 撤回: an artifact's layers go; its manifest, its entry and the reason stay."""

from __future__ import annotations

from typing import Any

from quanheng.core import clock, permission
from quanheng.core.session import Session
from quanheng.errors import Forbidden
from quanheng.store import JSON


def withdraw(ctx: Any, reason: str) -> Any:
    """Return the answer of artifact.withdraw; layers that nothing else uses are removed after the transaction."""
    from quanheng.core.call import Inline
    from quanheng.core.lineage import descendants
    from quanheng.core.models import Artifact, LayerUse

    session, digest = ctx.session, ctx.input("artifact")
    artifact = Artifact.objects.get(digest=digest)
    _require_all_of_it(session, artifact)
    artifact.withdrawn_at, artifact.withdrawn_reason = clock.now(), reason
    artifact.save(update_fields=["withdrawn_at", "withdrawn_reason"])
    layers = list(LayerUse.objects.filter(artifact=artifact).values_list("digest", flat=True))
    used = LayerUse.objects.filter(digest__in=layers, artifact__withdrawn_at=None)
    shared = set(used.values_list("digest", flat=True))
    alone = [layer for layer in layers if layer not in shared]
    where = None if permission.reads_all(session) else session.project_id
    made: list[JSON] = [*sorted({step.digest for step in descendants(digest, project=where)})]
    value: dict[str, JSON] = {"layers_shared": len(shared), "descendants": made}
    return Inline(value=value, after=lambda: _remove(session, alone))


def _require_all_of_it(session: Session, artifact: Any) -> None:
    """Raise Forbidden when other projects hold the artifact and the actor does not own them all."""
    from quanheng.core.models import Placement

    if not Placement.objects.filter(artifact=artifact).exclude(project_id=session.project_id).exists():
        return
    if permission.decide(session, "own", "artifact.withdraw", scope="workspace").allowed:
        return
    raise Forbidden(
        "artifact.withdraw is not allowed: other projects hold this artifact too, and its layers would go for them all",
        "不能执行 artifact.withdraw：其他项目也持有该制品，撤回会同时删除它们的数据层",
        hint=(
            "Ask an owner of the whole workspace to withdraw it.",
            "请由整个工作区的 owner 撤回。",
        ),
        code="forbidden",
    )


def _remove(session: Session, layers: list[str]) -> dict[str, JSON]:
    """Return how many layers were removed, and `layers_left` when some were not: a later collection takes those."""
    from quanheng.core.collect import remove_layers

    objects = session.workspace.objects
    here = [layer for layer in layers if objects.exists(layer)]
    try:
        removed = remove_layers(session.workspace, layers, actor_id=session.actor_id).layers
    except Exception:  # whatever it was: the withdrawal is in the log, and stands
        removed = sum(not objects.exists(layer) for layer in here)
    answer: dict[str, JSON] = {"layers_deleted": removed}
    return {**answer, "layers_left": True} if removed < len(here) else answer
