"""Kinds of the platform itself: the keys that sign its checkpoints, and plain files."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints

from quanheng.kinds.base import Count, Digest, Kind, register_kind

PublicKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Signature = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


@register_kind
class Key(Kind):
    """A public key that signs checkpoints. `signature`: by the replaced key over the rotation statement."""

    kind: ClassVar[str] = "key/v1"
    algorithm: Literal["ed25519"]
    public_key: PublicKey
    replaces: Digest | None = None
    signature: Signature | None = None


@register_kind
class Files(Kind):
    """Plain files as they were given, for evidence that no other kind describes."""

    kind: ClassVar[str] = "files/v1"
    title: str
    files: Count
    bytes: Count
