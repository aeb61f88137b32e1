"""Digests: "sha256:" and 64 lower-case hex digits, the only way content is named."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from quanheng.errors import Invalid
from quanheng.store import _disk

PREFIX = "sha256:"
#: Bytes read or written at a time; large enough that system calls cost nothing, small enough to forget.
CHUNK_BYTES = 1 << 20
#: The digest of no bytes at all.
EMPTY_DIGEST = PREFIX + hashlib.sha256(b"").hexdigest()

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


def sha256_digest(data: bytes | bytearray | memoryview) -> str:
    """Return "sha256:<hex>" of `data`.

    >>> sha256_digest(b"")
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    """
    return PREFIX + hashlib.sha256(data).hexdigest()


def file_digest(path: str | Path) -> str:
    """Return the digest of a file, read in pieces of CHUNK_BYTES; NotFound or Unavailable when it cannot be read."""
    with _disk.disk_errors(path), open(path, "rb") as stream:
        return PREFIX + hashlib.file_digest(stream, "sha256").hexdigest()


def is_digest(text: str) -> bool:
    """Return whether `text` is a digest as `sha256_digest` writes it."""
    return _DIGEST.fullmatch(text) is not None


def parse_digest(text: str) -> str:
    """Return the 64 hex digits of a digest; Invalid for anything else.

    >>> parse_digest("sha256:" + "0" * 64) == "0" * 64
    True
    """
    found = _DIGEST.fullmatch(text)
    if found is None:
        raise Invalid(
            f"{text!r} is not a digest",
            f"{text!r} 不是摘要值",
            hint=(
                "A digest is 'sha256:' and 64 lower-case hex digits.",
                "摘要值由“sha256:”和 64 位小写十六进制数字组成。",
            ),
            code="bad_digest",
        )
    return found[1]


def short(digest: str) -> str:
    """Return the digest as pages show it: the first and last four hex digits.

    >>> short("sha256:8f3c" + "0" * 56 + "e21a")
    '8f3c…e21a'
    """
    digits = parse_digest(digest)
    return f"{digits[:4]}…{digits[-4:]}"
