"""Checkpoints: the signed head of the log as a C2SP tlog-checkpoint, a text one can print, mail and compare.

    quanheng/5f0c…            origin
    1024                      size
    CsUYapGGPo4dkMgIAUqom…=   root, base64
    time 2026-01-01T00:00:00Z our one extension line, optional

    — quanheng/5f0c… Az3grl…  signature: base64(4-byte key id || 64-byte Ed25519 signature)

Source: C2SP tlog-checkpoint and signed-note v1. Stricter here: at most 16 signatures, one extension line, and the
text must be byte for byte what would be written again.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from quanheng.errors import Corrupt, Invalid
from quanheng.store import ed25519
from quanheng.store.canonical import MAX_INTEGER
from quanheng.store.merkle import EMPTY_ROOT, HASH_BYTES

#: The signature type of Ed25519 in a signed note.
ED25519_TYPE = b"\x01"
#: A verifier must accept at least 16 signatures; more than we ever write needs no room.
MAX_SIGNATURES = 16

# No spaces and no plus sign; a checkpoint from elsewhere may use any URL-like name.
_NAME = re.compile(r"[!-*,-~]{1,255}")
_TIME = re.compile(r"[0-9]{4}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,9})?Z")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: its origin, how many entries, the 32-byte root over them, and when (RFC 3339, UTC)."""

    origin: str
    size: int
    root: bytes
    time: str | None = None

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.origin) is None:
            raise _invalid(f"{self.origin!r} is not an origin", f"{self.origin!r} 不是有效的来源名")
        if isinstance(self.size, bool) or not 0 <= self.size <= MAX_INTEGER:
            raise _invalid(f"{self.size!r} is not a log size", f"{self.size!r} 不是存证条数")
        if len(self.root) != HASH_BYTES or (self.size == 0 and self.root != EMPTY_ROOT):
            raise _invalid("the root is not the root of such a tree", "根哈希不属于这样的树")
        if self.time is not None and _TIME.fullmatch(self.time) is None:
            raise _invalid(
                f"{self.time!r} is not an RFC 3339 time in UTC", f"{self.time!r} 不是 RFC 3339 格式的 UTC 时间"
            )


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: who signed (name and 4-byte key id), and the bytes of the signature."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Return the line as it stands in a note."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.signature).decode('ascii')}\n"


@dataclass(frozen=True)
class SignedCheckpoint:
    """A checkpoint with its signatures, none of them checked yet."""

    checkpoint: Checkpoint
    signatures: tuple[NoteSignature, ...]

    def to_text(self) -> str:
        """Return the signed note."""
        return note_text(self.checkpoint) + "\n" + "".join(signature.line() for signature in self.signatures)


def note_text(checkpoint: Checkpoint) -> str:
    """Return the text that is signed, with its last newline."""
    root = base64.b64encode(checkpoint.root).decode("ascii")
    text = f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n"
    return text + (f"time {checkpoint.time}\n" if checkpoint.time is not None else "")


def key_id(name: str, public_key: bytes) -> bytes:
    """Return the 4 bytes that name a key in a note: the start of SHA-256(name || 0x0A || 0x01 || public key)."""
    return hashlib.sha256(name.encode("utf-8") + b"\n" + ED25519_TYPE + public_key).digest()[:4]


def format_signed(checkpoint: Checkpoint, *, name: str, public_key: bytes, sign: Callable[[bytes], bytes]) -> str:
    """Return the checkpoint as a signed note; `sign` makes the Ed25519 signature of the bytes it is given.

    Raises Invalid when the name has spaces or a plus sign, or the key and signature have wrong sizes.
    """
    if _NAME.fullmatch(name) is None:
        raise _invalid(f"{name!r} is not a key name", f"{name!r} 不是有效的密钥名")
    signature = sign(note_text(checkpoint).encode("utf-8"))
    if len(public_key) != ed25519.KEY_BYTES or len(signature) != ed25519.SIGNATURE_BYTES:
        raise _invalid("key or signature is not Ed25519", "密钥或签名不是 Ed25519")
    return SignedCheckpoint(checkpoint, (NoteSignature(name, key_id(name, public_key), signature),)).to_text()


def parse_signed(note: str | bytes) -> SignedCheckpoint:
    """Return the checkpoint and its signatures, unchecked; Corrupt for text that `to_text` would not write."""
    try:
        text = note.decode("utf-8") if isinstance(note, bytes) else note
        body, separator, tail = text.rpartition("\n\n")
        lines = body.split("\n")
        if not separator or len(lines) not in (3, 4) or _SIZE.fullmatch(lines[1]) is None:
            raise _corrupt("it does not have the lines of a checkpoint", "缺少检查点应有的各行")
        time = lines[3].removeprefix("time ") if len(lines) == 4 else None
        checkpoint = Checkpoint(lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True), time)
        signed = SignedCheckpoint(checkpoint, tuple(_signature(line) for line in tail.split("\n")[:-1]))
    except ValueError as error:
        raise _corrupt("it is not UTF-8, or its base64 is broken", "不是 UTF-8，或 base64 有误") from error
    except Invalid as error:
        raise _corrupt(error.text.en, error.text.zh) from error
    if not 1 <= len(signed.signatures) <= MAX_SIGNATURES:
        raise _corrupt(f"it has {len(signed.signatures)} signatures", f"有 {len(signed.signatures)} 个签名")
    if signed.to_text() != text:
        raise _corrupt("it is not in its one canonical form", "不是唯一的规范形式")
    return signed


def verify_signed(note: str | bytes, public_key: bytes) -> Checkpoint:
    """Return the checkpoint of the note once a signature of `public_key` on it is verified.

    Lines of other keys are passed over, as signed notes demand. Raises Corrupt when there is no line of this key, or
    one that does not verify.
    """
    signed = parse_signed(note)
    message = note_text(signed.checkpoint).encode("utf-8")
    own = [line for line in signed.signatures if line.key_id == key_id(line.name, public_key)]
    if not own:
        raise _corrupt(
            f"it is not signed by the key {ed25519.fingerprint(public_key)}",
            f"没有密钥 {ed25519.fingerprint(public_key)} 的签名",
        )
    if not all(ed25519.verify(public_key, message, line.signature) for line in own):
        raise _corrupt("its signature does not verify", "签名验证不通过")
    return signed.checkpoint


def _signature(line: str) -> NoteSignature:
    fields = line.split(" ")
    if len(fields) != 3 or fields[0] != "—" or _NAME.fullmatch(fields[1]) is None:
        raise _corrupt("a signature line is not as it should be", "签名行格式不对")
    data = base64.b64decode(fields[2], validate=True)
    if len(data) < 5:
        raise _corrupt("a signature is too short", "签名过短")
    return NoteSignature(fields[1], data[:4], data[4:])


def _invalid(en: str, zh: str) -> Invalid:
    return Invalid(
        f"the checkpoint cannot be written: {en}",
        f"无法写出存证检查点：{zh}",
        hint=("Check the workspace's log: quanheng fsck", "请检查工作区存证：quanheng fsck"),
        code="bad_checkpoint",
    )


def _corrupt(en: str, zh: str) -> Corrupt:
    return Corrupt(
        f"the checkpoint is damaged: {en}",
        f"存证检查点已损坏：{zh}",
        hint=("Compare it with the copy that was signed.", "请与签名时的副本核对。"),
        code="bad_checkpoint",
    )
