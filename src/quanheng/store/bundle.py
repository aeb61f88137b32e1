"""The evidence bundle 证明材料包: a canonical zip that anyone can verify offline, with Python alone.

    bundle.json                     what this is, and the digest of every other file
    bundle.sig                      Ed25519 over "quanheng bundle v1" and bundle.json, hex
    keys.json                       the signing key, and the keys it replaced, each signing for the next
    oci-layout, index.json          the roots, as an OCI image layout
    blobs/sha256/<hex>              manifests, configs and, in an open bundle, layers
    log/checkpoint                  the signed head of the log
    log/entries/<12 digits>.json    entries, byte for byte
    log/proofs.json                 where the entries stand in the log, and outputs in large batches
    log/witness/…                   what someone outside holds, if anyone does
    extra/…                         for people, e.g. report.html

`open` carries contents; `sealed` carries digests, counts, verdicts and proofs only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from quanheng.errors import Invalid
from quanheng.store import ed25519
from quanheng.store.canonical import JSONLike, canonical_json
from quanheng.store.canonical_zip import Content, write_zip
from quanheng.store.checkpoint import parse_signed
from quanheng.store.digest import PREFIX, file_digest, parse_digest, sha256_digest
from quanheng.store.manifest import EMPTY_BYTES, Manifest

FORMAT = "quanheng-bundle/v1"
Mode: TypeAlias = Literal["open", "sealed"]

BUNDLE, SIGNATURE, KEYS = "bundle.json", "bundle.sig", "keys.json"
OCI_LAYOUT, INDEX = "oci-layout", "index.json"
BLOBS, ENTRIES, WITNESS, EXTRA = "blobs/sha256/", "log/entries/", "log/witness/", "extra/"
CHECKPOINT, PROOFS = "log/checkpoint", "log/proofs.json"

OCI_LAYOUT_BYTES = b'{"imageLayoutVersion":"1.0.0"}'
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
#: What a signature is made over starts with a line that no other signature of ours starts with.
BUNDLE_STATEMENT = b"quanheng bundle v1\n"
ROTATION_STATEMENT = b"quanheng key rotation v1\n"
#: Digits of an entry's index in its file name, so that names sort like indexes.
INDEX_DIGITS = 12


@dataclass(frozen=True)
class KeyLink:
    r"""A public key (32 bytes); when it replaced another: that one's fingerprint and signature for this key.

    The signature is over "quanheng key rotation v1\n" and the 32 bytes. `artifact`: the key/v1 artifact in the
    bundle that says the same.
    """

    public_key: bytes
    replaces: str | None = None
    signature: bytes | None = None
    artifact: str | None = None

    @property
    def fingerprint(self) -> str:
        """Return how people name the key."""
        return ed25519.fingerprint(self.public_key)

    def to_json(self) -> dict[str, JSONLike]:
        """Return the link as keys.json has it."""
        return {
            "artifact": self.artifact,
            "public_key": self.public_key.hex(),
            "replaces": self.replaces,
            "signature": None if self.signature is None else self.signature.hex(),
        }


@dataclass(frozen=True)
class OutputProof:
    """Where an artifact stands among the outputs of an entry that lists only their root: RFC 6962 inclusion."""

    entry: int
    index: int
    path: tuple[bytes, ...]

    def to_json(self) -> dict[str, JSONLike]:
        """Return the proof as log/proofs.json has it."""
        return {"entry": self.entry, "index": self.index, "path": [node.hex() for node in self.path]}


@dataclass(frozen=True)
class Withdrawn:
    """An artifact whose layers were taken back, and the digest of the reason that is on record."""

    digest: str
    reason: str

    def to_json(self) -> dict[str, JSONLike]:
        """Return it as bundle.json has it."""
        return {"digest": self.digest, "reason": self.reason}


@dataclass(frozen=True)
class BundleContents:
    """All that goes into a bundle.

    manifests, configs, layers: by their own digests; layers as bytes or files, none when sealed. entries: bytes by
    index, with an inclusion path each to the root of `checkpoint` (a signed note). keys: oldest first, each signed
    for by the one before; the last one signs the bundle. outputs: for artifacts whose entry lists no digests.
    witness, extra: by file name.
    """

    mode: Mode
    roots: Sequence[str]
    manifests: Mapping[str, bytes]
    configs: Mapping[str, bytes]
    checkpoint: str
    entries: Mapping[int, bytes]
    inclusion: Mapping[int, Sequence[bytes]]
    keys: Sequence[KeyLink]
    layers: Mapping[str, Content] = field(default_factory=dict)
    outputs: Mapping[str, OutputProof] = field(default_factory=dict)
    withdrawn: Sequence[Withdrawn] = ()
    witness: Mapping[str, Content] = field(default_factory=dict)
    extra: Mapping[str, Content] = field(default_factory=dict)


def write_bundle(path: str | Path, contents: BundleContents, sign: Callable[[bytes], bytes]) -> str:
    """Write the bundle and return the fingerprint of the key that signed it.

    `sign` makes the Ed25519 signature of the last of `contents.keys`. The same contents give the same bytes.
    Raises Invalid, naming what is missing, when a part does not fit the others; nothing is written then.
    """
    if not contents.keys:
        raise _unfit("there is no signing key", "没有签名密钥")
    files = _files(contents)
    digests = {name: _content_digest(content) for name, content in files.items()}
    for name, digest in digests.items():
        if name.startswith(BLOBS) and PREFIX + name.removeprefix(BLOBS) != digest:
            raise _unfit(f"{name} holds bytes of digest {digest}", f"{name} 的内容摘要值为 {digest}")
    key = contents.keys[-1]
    checkpoint = parse_signed(contents.checkpoint).checkpoint
    header = canonical_json(
        {
            "files": digests,
            "format": FORMAT,
            "key": key.fingerprint,
            "log_size": checkpoint.size,
            "mode": contents.mode,
            "origin": checkpoint.origin,
            "roots": sorted(set(contents.roots)),
            "withdrawn": [item.to_json() for item in sorted(contents.withdrawn, key=lambda item: item.digest)],
        }
    )
    message = BUNDLE_STATEMENT + header
    signature = sign(message)
    if not ed25519.verify(key.public_key, message, signature):
        raise _unfit("the signature is not by the last of the keys", "签名不是由最后一个密钥作出")
    write_zip(path, {**files, BUNDLE: header, SIGNATURE: signature.hex().encode("ascii")})
    return key.fingerprint


def entry_name(index: int) -> str:
    """Return the file name of a log entry.

    >>> entry_name(7)
    'log/entries/000000000007.json'
    """
    return f"{ENTRIES}{index:0{INDEX_DIGITS}}.json"


def blob_name(digest: str) -> str:
    """Return the file name of a blob."""
    return BLOBS + parse_digest(digest)


def index_bytes(roots: Mapping[str, Manifest]) -> bytes:
    """Return the index.json of these root artifacts, by digest."""
    manifests = [
        {**manifest.descriptor.to_json(), "artifactType": manifest.kind} for _, manifest in sorted(roots.items())
    ]
    return canonical_json({"manifests": manifests, "mediaType": INDEX_TYPE, "schemaVersion": 2})


def _files(contents: BundleContents) -> dict[str, Content]:
    """Return every file but bundle.json and bundle.sig."""
    manifests = {digest: Manifest.parse(data) for digest, data in contents.manifests.items()}
    for root in contents.roots:
        if root not in manifests:
            raise _unfit(f"the root {root} is not among the manifests", f"根制品 {root} 不在清单之中")
    if set(contents.inclusion) != set(contents.entries):
        raise _unfit("entries and inclusion paths do not belong together", "存证条目与包含证明不对应")
    files: dict[str, Content] = {
        OCI_LAYOUT: OCI_LAYOUT_BYTES,
        INDEX: index_bytes({root: manifests[root] for root in contents.roots}),
        KEYS: canonical_json({"keys": [key.to_json() for key in contents.keys]}),
        CHECKPOINT: contents.checkpoint.encode("utf-8"),
        PROOFS: _proofs(contents),
    }
    files |= {blob_name(digest): data for digest, data in contents.manifests.items()}
    files |= {blob_name(m.config.digest): _config(contents, digest, m) for digest, m in manifests.items()}
    files |= {blob_name(digest): content for digest, content in _layers(contents, manifests).items()}
    files |= {entry_name(index): data for index, data in contents.entries.items()}
    files |= {WITNESS + name: content for name, content in contents.witness.items()}
    files |= {EXTRA + name: content for name, content in contents.extra.items()}
    return files


def _config(contents: BundleContents, digest: str, manifest: Manifest) -> bytes:
    if manifest.config.digest not in contents.configs:
        raise _unfit(f"the config of {digest} is missing", f"缺少 {digest} 的配置")
    return contents.configs[manifest.config.digest]


def _layers(contents: BundleContents, manifests: Mapping[str, Manifest]) -> dict[str, Content]:
    """Return the layer blobs: the empty one where OCI needs it, and in an open bundle all that must be there."""
    withdrawn = {item.digest for item in contents.withdrawn}
    found: dict[str, Content] = {}
    if any(not manifest.layers for manifest in manifests.values()):
        found[sha256_digest(EMPTY_BYTES)] = EMPTY_BYTES
    if contents.mode == "sealed":
        if contents.layers:
            raise _unfit("a sealed bundle carries no layers", "封存的材料包不含数据层")
        return found
    for digest, manifest in manifests.items():
        for layer in manifest.layers:
            if layer.is_external or (digest in withdrawn and layer.digest not in contents.layers):
                continue
            if layer.digest not in contents.layers:
                raise _unfit(f"layer {layer.title!r} of {digest} is missing", f"缺少 {digest} 的数据层 {layer.title!r}")
            found[layer.digest] = contents.layers[layer.digest]
    return found


def _proofs(contents: BundleContents) -> bytes:
    entries = {f"{index:0{INDEX_DIGITS}}": [node.hex() for node in path] for index, path in contents.inclusion.items()}
    outputs = {digest: proof.to_json() for digest, proof in contents.outputs.items()}
    return canonical_json({"entries": entries, "outputs": outputs})


def _content_digest(content: Content) -> str:
    return PREFIX + hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else file_digest(content)


def _unfit(en: str, zh: str) -> Invalid:
    return Invalid(
        f"the bundle cannot be written: {en}",
        f"无法写出证明材料包：{zh}",
        hint=("Collect its parts again; run: quanheng fsck", "请重新收集其组成部分，并运行：quanheng fsck"),
        code="bundle_unfit",
    )
