"""Layers that a caller brings: stored first, then noted as seen and as the caller's."""

from __future__ import annotations

from pathlib import Path

from quanheng.core import clock, permission, register
from quanheng.core.database import cursor, retry_locked, write
from quanheng.core.session import Session
from quanheng.errors import Forbidden
from quanheng.store import Stored


def put(session: Session, source: bytes | Path) -> Stored:
    """Store bytes or a file and return digest and size. A layer that collection is removing is waited for.

    Needs the permission build (or a token's scope "layer.put").
    """
    retry_locked(lambda: permission.require(session, "build", "layer.put"))
    objects = session.workspace.objects
    while True:
        stored = objects.put_bytes(source) if isinstance(source, bytes) else objects.put_file(source)
        doomed = write(lambda stored=stored: _note(session, stored))  # type: ignore[misc]
        if not doomed and objects.exists(stored.digest):
            return stored
        register.wait_while_doomed([stored.digest])


def _note(session: Session, stored: Stored) -> bool:
    """Enter the layer as seen now; return whether collection holds it."""
    with cursor() as cur:
        cur.execute(
            "INSERT INTO qh_core_layer (digest, size, is_external, seen_at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (digest) DO UPDATE SET seen_at = excluded.seen_at",
            [stored.digest, stored.size, False, clock.now()],
        )
        cur.execute("SELECT doomed_at FROM qh_core_layer WHERE digest = %s", [stored.digest])
        doomed = cur.fetchone()[0] is not None
        if not doomed:
            cur.execute(
                "INSERT INTO qh_core_upload (digest, actor_id) VALUES (%s, %s)"
                " ON CONFLICT (digest, actor_id) DO NOTHING",
                [stored.digest, session.actor_id],
            )
    return doomed


def require_layers(session: Session, digests: list[str]) -> None:
    """Raise Forbidden unless the actor uploaded each layer or can read an artifact that uses it."""
    for digest in dict.fromkeys(digests):
        with cursor() as cur:
            cur.execute(
                "SELECT 1 FROM qh_core_upload WHERE digest = %s AND actor_id = %s UNION ALL"
                " SELECT 1 FROM qh_core_layeruse u JOIN qh_core_placement p ON p.artifact_id = u.artifact_id"
                " WHERE u.digest = %s AND p.project_id = %s LIMIT 1",
                [digest, session.actor_id, digest, session.project_id],
            )
            if cur.fetchone() is None:
                raise Forbidden(
                    f"you have neither uploaded layer {digest} nor may you read it",
                    f"你既没有上传过数据层 {digest}，也无权读取它",
                    hint=("Upload it first.", "请先上传。"),
                    code="layer_not_yours",
                )
