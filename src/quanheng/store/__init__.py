"""The ground floor: bytes, digests, manifests, the object store, the Merkle log, the cache, verification.

Standard library only. What reads URLs or whole bundles is loaded on first use, so that this import stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quanheng.store import merkle
from quanheng.store.cache import Cache, CacheLike, MemoryCache, cache_key
from quanheng.store.canonical import JSON, JSONLike, canonical_json, parse_canonical
from quanheng.store.canonical_zip import CanonicalZip, read_zip, write_zip
from quanheng.store.checkpoint import (
    Checkpoint,
    SignedCheckpoint,
    format_signed,
    note_text,
    parse_signed,
    verify_signed,
)
from quanheng.store.digest import CHUNK_BYTES, file_digest, is_digest, parse_digest, sha256_digest, short
from quanheng.store.ed25519 import fingerprint
from quanheng.store.filesystem import filesystem_of, is_network_filesystem
from quanheng.store.manifest import Descriptor, Layer, Manifest, build_manifest
from quanheng.store.objects import LocalObjects, ObjectStore, ObjectWriter, Stored

if TYPE_CHECKING:
    from quanheng.store.bundle import BundleContents, KeyLink, OutputProof, Withdrawn, write_bundle
    from quanheng.store.external import open_external
    from quanheng.store.verify import Verification, verify_bundle

__all__ = [
    "CHUNK_BYTES",
    "JSON",
    "BundleContents",
    "Cache",
    "CacheLike",
    "CanonicalZip",
    "Checkpoint",
    "Descriptor",
    "JSONLike",
    "KeyLink",
    "Layer",
    "LocalObjects",
    "Manifest",
    "MemoryCache",
    "ObjectStore",
    "ObjectWriter",
    "OutputProof",
    "SignedCheckpoint",
    "Stored",
    "Verification",
    "Withdrawn",
    "build_manifest",
    "cache_key",
    "canonical_json",
    "file_digest",
    "filesystem_of",
    "fingerprint",
    "format_signed",
    "is_digest",
    "is_network_filesystem",
    "merkle",
    "note_text",
    "open_external",
    "parse_canonical",
    "parse_digest",
    "parse_signed",
    "read_zip",
    "sha256_digest",
    "short",
    "verify_bundle",
    "verify_signed",
    "write_bundle",
    "write_zip",
]

_LAZY = {
    "BundleContents": "bundle",
    "KeyLink": "bundle",
    "OutputProof": "bundle",
    "Withdrawn": "bundle",
    "write_bundle": "bundle",
    "open_external": "external",
    "Verification": "verify",
    "verify_bundle": "verify",
}


def __getattr__(name: str) -> object:
    """Load bundles, verification and external layers on first use."""
    if name not in _LAZY:
        raise AttributeError(f"module 'quanheng.store' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"quanheng.store.{_LAZY[name]}"), name)
