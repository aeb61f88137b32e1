"""What workspace tests register: small `files/v1` artifacts, whose layers and inputs the test chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Piece = tuple[str, bytes]


def put_layers(workspace: Any, pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """Return the layers of these (title, bytes), uploaded."""
    layers = []
    for title, data in pieces:
        stored = workspace.put(data)
        layers.append({"digest": stored.digest, "size": stored.size, "media_type": "text/plain", "title": title})
    return layers


def item(title: str, layers: Sequence[dict[str, Any]] = (), inputs: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """Return an item of artifact.register_many."""
    return {
        "kind": "files/v1",
        "model": {"title": title, "files": len(layers), "bytes": sum(layer["size"] for layer in layers)},
        "layers": list(layers),
        "inputs": [list(pair) for pair in inputs],
    }


def register(
    workspace: Any, title: str, pieces: Sequence[Piece] = (), inputs: Sequence[tuple[str, str]] = (), **options: Any
) -> str:
    """Return the digest of an artifact with these layers (title, bytes) and inputs (role, digest)."""
    made = item(title, put_layers(workspace, pieces), inputs)
    return str(workspace.call("artifact.register_many", items=[made], **options).digest)


def register_many(workspace: Any, titles: Sequence[str]) -> list[str]:
    """Return the digests of artifacts without layers, registered by one entry."""
    return list(workspace.artifact.register_many(items=[item(title) for title in titles]).outputs)
