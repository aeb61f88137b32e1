"""Many artifacts in one call: one transaction, one entry with count and Merkle root."""

from __future__ import annotations

import json
from typing import Any

from quanheng.core import register
from quanheng.core.child import layer_from_json
from quanheng.core.context import Draft
from quanheng.core.database import cursor
from quanheng.core.resolve import check_url, withdrawn
from quanheng.core.uploads import require_layers
from quanheng.errors import Invalid, NotFound
from quanheng.kinds import Kind, kind_model
from quanheng.store import JSON


def prepare_items(ctx: Any, items: list[Any]) -> list[register.Prepared]:
    """Return the items as prepared artifacts; Forbidden for a layer that is not the actor's, NotFound for an input."""
    require_inputs(ctx.session, [digest for item in items for _, digest in item.inputs])
    layers = [layer for item in items for layer in item.layers]
    # An external layer that is here is read from here, whatever its URL says: it takes the same right.
    objects = ctx.session.workspace.objects
    require_layers(ctx.session, [layer.digest for layer in layers if not layer.urls or objects.exists(layer.digest)])
    for url in dict.fromkeys(url for layer in layers for url in layer.urls):
        check_url(ctx.session, url, loopback=False)
    prepared = []
    for number, item in enumerate(items):
        model = _model(number, item)
        own = tuple(layer_from_json(layer.model_dump(mode="json")) for layer in item.layers)
        made_by: dict[str, JSON] = {
            **ctx.plan.made_by,
            "params": {},
            "inputs": [{"role": role, "digest": digest} for role, digest in item.inputs],
        }
        prepared.append(register.prepare(Draft(model, own), made_by))
    return prepared


def _model(number: int, item: Any) -> Kind:
    try:
        return kind_model(item.kind).model_validate_json(json.dumps(item.model))
    except ValueError as error:  # pydantic's ValidationError is one
        raise Invalid(
            f"item {number} does not fit the kind {item.kind}: {error}",
            f"第 {number} 项不符合类型 {item.kind}：{error}",
            hint=("Nothing was registered. Correct the item.", "没有登记任何制品。请改正该项。"),
            code="bad_config",
        ) from error


def require_inputs(session: Any, digests: list[str]) -> None:
    """Raise NotFound for a digest that is no artifact of the session's project, Conflict for a withdrawn one."""
    wanted = list(dict.fromkeys(digests))
    for low in range(0, len(wanted), 500):
        part = wanted[low : low + 500]
        marks = ",".join(["%s"] * len(part))
        with cursor() as cur:
            cur.execute(
                "SELECT a.digest, a.withdrawn_at FROM qh_core_artifact a JOIN qh_core_placement p"
                f" ON p.artifact_id = a.id WHERE p.project_id = %s AND a.digest IN ({marks})",
                [session.project_id, *part],
            )
            found = dict(cur.fetchall())
        for digest in part:
            if digest not in found:
                raise NotFound(
                    f"there is no artifact {digest} in this project",
                    f"本项目中没有制品 {digest}",
                    hint=("Register its inputs first.", "请先登记它的输入。"),
                    code="no_such_artifact",
                )
            if found[digest]:
                raise withdrawn(digest, digest)
