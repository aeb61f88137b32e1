"""Ed25519 keys that sign checkpoints. Private halves are files with mode 0600; rotation is a verb and an entry."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from quanheng.core import clock, log, permission
from quanheng.core.session import Session
from quanheng.errors import Conflict, Corrupt, NotFound, Unavailable
from quanheng.kinds.platform import Key
from quanheng.store._disk import fsync_folder
from quanheng.store.checkpoint import Checkpoint, format_signed
from quanheng.store.ed25519 import fingerprint

ROTATION = b"quanheng key rotation v1\n"


@dataclass(frozen=True)
class Signer:
    """A key that can sign: its fingerprint, public half and folder of private keys."""

    fingerprint: str
    public_key: bytes
    folder: Path

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of `message` (64 bytes)."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        path = private_path(self.folder, self.fingerprint)
        try:
            return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text("ascii").strip())).sign(message)
        except FileNotFoundError as error:
            raise Unavailable(
                f"the private key {self.fingerprint} is not in this workspace",
                f"工作区里没有私钥 {self.fingerprint}",
                hint=(
                    "Put its file back under keys/, or start a new key: quanheng key rotate --lost",
                    "请把私钥文件放回 keys/，或启用新密钥：quanheng key rotate --lost",
                ),
                code="key_missing",
            ) from error
        except ValueError as error:
            raise Corrupt(
                f"the private key file {path.name} is damaged",
                f"私钥文件 {path.name} 已损坏",
                hint=("Put the right file back.", "请放回正确的文件。"),
                code="key_damaged",
            ) from error


def private_path(folder: Path, key: str) -> Path:
    """Return where the private half of the key with this fingerprint lies."""
    return folder / "keys" / (key.removeprefix("sha256:") + ".key")


def create_private(folder: Path) -> Signer:
    """Return a new key, whose private half is written (mode 0600, fsync of file and folder) under `folder`/keys."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    name = fingerprint(public)
    path = private_path(folder, name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, private.private_bytes_raw().hex().encode("ascii") + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    fsync_folder(path.parent)
    fsync_folder(folder)
    return Signer(name, public, folder)


def key_model(new: Signer, old: Signer | None) -> Key:
    """Return the kind `key/v1` for a new key, signed by the one it replaces."""
    if old is None:
        return Key(algorithm="ed25519", public_key=new.public_key.hex())
    signature = old.sign(ROTATION + new.public_key).hex()
    return Key(algorithm="ed25519", public_key=new.public_key.hex(), replaces=old.fingerprint, signature=signature)


def record(signer: Signer, artifact: str) -> None:
    """Enter a new key into the table and retire the others (inside the open transaction)."""
    from quanheng.core.models import SigningKey

    now = clock.now()
    SigningKey.objects.filter(retired_at=None).update(retired_at=now)
    SigningKey.objects.create(
        fingerprint=signer.fingerprint, public_key=signer.public_key.hex(), artifact=artifact, created_at=now
    )


def current(folder: Path) -> Signer:
    """Return the key that signs now."""
    from quanheng.core.models import SigningKey

    row = SigningKey.objects.filter(retired_at=None).first()
    if row is None:
        raise NotFound(
            "this workspace has no signing key",
            "工作区没有签名密钥",
            hint=("Check the workspace: quanheng fsck", "请检查工作区：quanheng fsck"),
            code="no_key",
        )
    return Signer(row.fingerprint, bytes.fromhex(row.public_key), folder)


def note_for(session: Session, size: int) -> str:
    """Return a signed note over at least the first `size` entries, by the key that signs now.

    Whoever may sign gets one over the present log; others the newest that was signed, Conflict when none reaches.
    """
    from quanheng.core.models import Checkpoint as Row

    folder = session.workspace.folder
    if permission.decide(session, "audit", "checkpoint.sign", scope="workspace").allowed:
        return sign_checkpoint(folder)
    signed = Row.objects.filter(fingerprint=current(folder).fingerprint, size__gte=size)
    row = signed.order_by("-size").first()
    if row:
        return row.note
    raise Conflict(
        f"no signed checkpoint reaches the first {size} entries of the log",
        f"还没有覆盖前 {size} 条存证的已签名检查点",
        hint=(
            "Ask an auditor of the workspace to sign one: quanheng checkpoint sign",
            "请工作区的 auditor 签署：quanheng checkpoint sign",
        ),
        code="no_checkpoint",
    )


def sign_checkpoint(folder: Path) -> str:
    """Return the signed note over the present log; the same head gives the same note."""
    from quanheng.core.models import Checkpoint as Row

    at = log.head()
    signer = current(folder)
    row = Row.objects.filter(size=at.size, fingerprint=signer.fingerprint).first()
    if row:
        return row.note
    checkpoint = Checkpoint(origin=at.origin, size=at.size, root=log.root(at.size), time=at.time)
    note = format_signed(checkpoint, name=at.origin, public_key=signer.public_key, sign=signer.sign)
    Row.objects.get_or_create(
        size=at.size, fingerprint=signer.fingerprint, defaults={"note": note, "created_at": clock.now()}
    )
    return Row.objects.get(size=at.size, fingerprint=signer.fingerprint).note
