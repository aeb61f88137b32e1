"""A bundle as read: its header, keys and log, and its artifacts walked from the roots along their lineage.

Reading trusts nothing and stops at nothing it can go around: what is wrong becomes a `Problem` with its place, so that
one look at a bad bundle shows all that is bad.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from quanheng.errors import Corrupt, NotFound, QuanhengError, Text
from quanheng.store import bundle as form
from quanheng.store import ed25519, merkle
from quanheng.store.canonical import JSON, parse_canonical
from quanheng.store.canonical_zip import CanonicalZip
from quanheng.store.checkpoint import SignedCheckpoint, parse_signed
from quanheng.store.digest import PREFIX, is_digest, sha256_digest
from quanheng.store.manifest import EMPTY_BYTES, MAX_MANIFEST_BYTES, Manifest

#: Larger JSON files than this are not read into memory: no writer of ours makes them, and memory stays bounded.
MAX_JSON_BYTES = 256 << 20

_HEADER_FIELDS = {"files", "format", "key", "log_size", "mode", "origin", "roots", "withdrawn"}
_ENTRY_NAME = re.compile(f"{re.escape(form.ENTRIES)}([0-9]{{{form.INDEX_DIGITS}}})\\.json")
_HEX = re.compile(r"(?:[0-9a-f]{2})*")


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where: a file of the bundle, an artifact or a rule."""

    where: str
    text: Text


@dataclass(frozen=True)
class Header:
    """bundle.json, parsed."""

    mode: str
    roots: tuple[str, ...]
    origin: str
    log_size: int
    key: str
    withdrawn: dict[str, str]
    files: dict[str, str]


@dataclass(frozen=True)
class Artifact:
    """An artifact in the bundle: its manifest, and its config where that could be read."""

    digest: str
    manifest: Manifest
    config: dict[str, JSON] | None
    inputs: tuple[str, ...]


@dataclass
class Walk:
    """The artifacts reached from the roots, and what was wrong on the way."""

    artifacts: dict[str, Artifact] = field(default_factory=dict)
    manifest_problems: list[Problem] = field(default_factory=list)
    config_problems: list[Problem] = field(default_factory=list)
    lineage_problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """A log entry in the bundle: its bytes, and what it says about outputs."""

    index: int
    data: bytes
    outcome: str
    count: int
    root: str
    digests: tuple[str, ...] | None


class Bundle:
    """A bundle over an open zip whose every byte is as our writer writes it."""

    def __init__(self, zipped: CanonicalZip, header: Header, header_bytes: bytes) -> None:
        self.zip = zipped
        self.header = header
        self.header_bytes = header_bytes
        self._digests: dict[str, str] = {}

    def json(self, name: str) -> JSON:
        """Return a canonical JSON file of the bundle; Corrupt when it is not, NotFound when it is not there."""
        if self.zip.size(name) > MAX_JSON_BYTES:
            raise damaged(name, "it is too large", "过大")
        return parse_canonical(self.zip.read(name), name)

    def digest_of(self, name: str) -> str:
        """Return the digest of a file of the bundle; each is hashed once."""
        if name not in self._digests:
            with self.zip.open(name) as stream:
                self._digests[name] = PREFIX + hashlib.file_digest(stream, "sha256").hexdigest()
        return self._digests[name]

    @cached_property
    def blobs(self) -> frozenset[str]:
        """Return the digests that the files under blobs/sha256/ are named by."""
        prefix = form.BLOBS
        return frozenset(PREFIX + name.removeprefix(prefix) for name in self.zip.names if name.startswith(prefix))

    @cached_property
    def keys(self) -> tuple[form.KeyLink, ...]:
        """Return the keys, oldest first; Corrupt when keys.json is not as it should be."""
        try:
            listed = _mapping(self.json(form.KEYS))["keys"]
            return tuple(_key(_mapping(item)) for item in _list(listed))
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(form.KEYS, f"its fields are not those of keys ({error})", f"字段不对：{error}") from error

    @cached_property
    def checkpoint(self) -> SignedCheckpoint:
        """Return the signed head of the log, its signature not yet checked."""
        if self.zip.size(form.CHECKPOINT) > MAX_JSON_BYTES:
            raise damaged(form.CHECKPOINT, "it is too large", "过大")
        return parse_signed(self.zip.read(form.CHECKPOINT))

    @cached_property
    def inclusion(self) -> dict[int, list[bytes]]:
        """Return the inclusion path of each entry."""
        try:
            paths = _mapping(_mapping(self.json(form.PROOFS))["entries"])
            return {int(index): [_hex(node) for node in _list(path)] for index, path in paths.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(form.PROOFS, f"its fields are not those of proofs ({error})", f"字段不对：{error}") from error

    @cached_property
    def outputs(self) -> dict[str, form.OutputProof]:
        """Return the proofs of outputs whose entry lists only their root."""
        try:
            proofs = _mapping(_mapping(self.json(form.PROOFS))["outputs"])
            return {digest: _output(_mapping(proof)) for digest, proof in proofs.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(form.PROOFS, f"its fields are not those of proofs ({error})", f"字段不对：{error}") from error

    @cached_property
    def entry_names(self) -> dict[int, str]:
        """Return the file name of each entry by index; names of another form are left to `strange_files`."""
        found = ((_ENTRY_NAME.fullmatch(name), name) for name in self.zip.names)
        return {int(match[1]): name for match, name in found if match}

    @cached_property
    def entries(self) -> tuple[dict[int, Entry], list[Problem]]:
        """Return the entries that could be read, by index, and the problems of the others."""
        good: dict[int, Entry] = {}
        bad: list[Problem] = []
        for index, name in self.entry_names.items():
            try:
                good[index] = _entry(index, self.zip.read(name), self.json(name))
            except QuanhengError as error:
                bad.append(Problem(name, error.text))
            except (KeyError, TypeError, ValueError) as error:
                bad.append(Problem(name, Text(f"a field is missing or wrong ({error})", f"字段缺失或不对：{error}")))
        return good, bad

    @cached_property
    def walk(self) -> Walk:
        """Return the artifacts reached from the roots (and from keys) by their inputs and subjects."""
        walk = Walk()
        queue = [(root, form.BUNDLE) for root in self.header.roots]
        queue += [(key.artifact, form.KEYS) for key in self._keys_if_readable() if key.artifact]
        while queue:
            digest, source = queue.pop()
            if digest in walk.artifacts:
                continue
            if digest not in self.blobs:
                text = Text(
                    f"{digest} is needed by {source}, but not in the bundle", f"{source} 需要 {digest}，但材料包中没有"
                )
                walk.lineage_problems.append(Problem(source, text))
                continue
            artifact = self._artifact(digest, walk)
            if artifact is not None:
                walk.artifacts[digest] = artifact
                queue += [(item, digest) for item in artifact.inputs]
        return walk

    def rows(self, blob: str) -> Iterator[bytes]:
        """Yield the lines of a layer in the bundle."""
        with self.zip.open(form.blob_name(blob)) as stream:
            yield from stream

    def _keys_if_readable(self) -> tuple[form.KeyLink, ...]:
        try:
            return self.keys
        except (Corrupt, NotFound):
            return ()  # the check of the keys says so

    def _artifact(self, digest: str, walk: Walk) -> Artifact | None:
        name = form.blob_name(digest)
        try:
            if self.zip.size(name) > MAX_MANIFEST_BYTES:
                raise damaged(name, "it is too large for a manifest", "超过清单的大小限制")
            manifest = Manifest.parse(self.zip.read(name))
        except Corrupt as error:
            walk.manifest_problems.append(Problem(name, error.text))
            return None
        subject = () if manifest.subject is None else (manifest.subject.digest,)
        config_name = form.blob_name(manifest.config.digest)
        try:
            if self.zip.size(config_name) != manifest.config.size:
                raise damaged(config_name, "its size is not the one in the manifest", "大小与清单所载不符")
            config = _mapping(self.json(config_name))
            inputs = _inputs(config)
        except QuanhengError as error:
            walk.config_problems.append(Problem(digest, error.text))
            return Artifact(digest, manifest, None, subject)
        except (KeyError, TypeError, ValueError) as error:
            text = Text(f"its config does not say how it was made ({error})", f"配置没有说明其如何产生：{error}")
            walk.config_problems.append(Problem(digest, text))
            return Artifact(digest, manifest, None, subject)
        return Artifact(digest, manifest, config, (*inputs, *subject))

    @cached_property
    def allowed_blobs(self) -> frozenset[str]:
        """Return the digests that something in the bundle points at; in a sealed bundle, no layers."""
        found = {sha256_digest(EMPTY_BYTES)}
        for artifact in self.walk.artifacts.values():
            found |= {artifact.digest, artifact.manifest.config.digest}
            if self.header.mode == "open":
                found |= {layer.digest for layer in artifact.manifest.layers}
        return frozenset(found)

    def strange_files(self) -> Iterable[str]:
        """Yield the names of files that no bundle has."""
        fixed = {form.BUNDLE, form.SIGNATURE, form.KEYS, form.OCI_LAYOUT, form.INDEX, form.CHECKPOINT, form.PROOFS}
        for name in self.zip.names:
            known = name in fixed or _ENTRY_NAME.fullmatch(name) or name.startswith((form.WITNESS, form.EXTRA))
            blob = name.startswith(form.BLOBS) and is_digest(PREFIX + name.removeprefix(form.BLOBS))
            if not known and not blob:
                yield name


def read_header(data: bytes) -> Header:
    """Return bundle.json parsed; Corrupt when it does not have exactly its fields."""
    value = parse_canonical(data, form.BUNDLE)
    try:
        found = _mapping(value)
        if set(found) != _HEADER_FIELDS or found["format"] != form.FORMAT or found["mode"] not in ("open", "sealed"):
            raise ValueError("format, mode or the set of fields")
        withdrawn = [_mapping(item) for item in _list(found["withdrawn"])]
        return Header(
            mode=_text(found["mode"]),
            roots=tuple(_digest(root) for root in _list(found["roots"])),
            origin=_text(found["origin"]),
            log_size=_integer(found["log_size"]),
            key=_digest(found["key"]),
            withdrawn={_digest(item["digest"]): _digest(item["reason"]) for item in withdrawn},
            files={name: _digest(digest) for name, digest in _mapping(found["files"]).items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(form.BUNDLE, f"its fields are not those of a bundle ({error})", f"字段不对：{error}") from error


def damaged(name: str, en: str, zh: str) -> Corrupt:
    """Return the error for a file of the bundle that is not what it should be."""
    return Corrupt(
        f"{name} is damaged: {en}",
        f"{name} 已损坏：{zh}",
        hint=("Ask the sender of the bundle for it again.", "请向材料包提供者重新索取。"),
        code="bundle_damaged",
    )


def _key(item: dict[str, JSON]) -> form.KeyLink:
    if set(item) != {"artifact", "public_key", "replaces", "signature"}:
        raise ValueError("the set of fields")
    public_key = _hex(item["public_key"])
    signature = None if item["signature"] is None else _hex(item["signature"])
    if len(public_key) != ed25519.KEY_BYTES:
        raise ValueError("public_key")
    replaces = None if item["replaces"] is None else _digest(item["replaces"])
    return form.KeyLink(
        public_key, replaces, signature, None if item["artifact"] is None else _digest(item["artifact"])
    )


def _output(item: dict[str, JSON]) -> form.OutputProof:
    path = tuple(_hex(node) for node in _list(item["path"]))
    return form.OutputProof(_integer(item["entry"]), _integer(item["index"]), path)


def _entry(index: int, data: bytes, value: JSON) -> Entry:
    """Return an entry whose outputs add up to their root; ValueError otherwise."""
    item = _mapping(value)
    if item["v"] != 1 or not isinstance(item["time"], str) or not isinstance(item["verb"], str):
        raise ValueError("v, time or verb")
    outputs = _mapping(item["outputs"])
    count, root = _integer(outputs["count"]), _digest(outputs["root"])
    digests = None
    if "digests" in outputs:
        digests = tuple(_digest(digest) for digest in _list(outputs["digests"]))
        leaves = [merkle.leaf_hash(digest.encode("ascii")) for digest in digests]
        if len(digests) != count or PREFIX + merkle.root_of(leaves).hex() != root:
            raise ValueError("outputs do not add up to their root")
    return Entry(index, data, _text(item["outcome"]), count, root, digests)


def _inputs(config: dict[str, JSON]) -> tuple[str, ...]:
    made_by = _mapping(config["made_by"])
    _text(made_by["verb"])
    _integer(made_by["version"])
    _mapping(made_by["params"])
    inputs = [_mapping(item) for item in _list(made_by["inputs"])]
    return tuple(_digest(item["digest"]) for item in inputs if _text(item["role"]))


def _mapping(value: JSON) -> dict[str, JSON]:
    if not isinstance(value, dict):
        raise TypeError(f"an object is expected, not {json.dumps(value)[:40]}")
    return value


def _list(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise TypeError(f"a list is expected, not {json.dumps(value)[:40]}")
    return value


def _text(value: JSON) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is expected, not {json.dumps(value)[:40]}")
    return value


def _integer(value: JSON) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"an integer is expected, not {json.dumps(value)[:40]}")
    return value


def _digest(value: JSON) -> str:
    if not is_digest(_text(value)):
        raise ValueError(f"a digest is expected, not {json.dumps(value)[:80]}")
    return _text(value)


def _hex(value: JSON) -> bytes:
    if _HEX.fullmatch(_text(value)) is None:
        raise ValueError(f"hex digits are expected, not {json.dumps(value)[:40]}")
    return bytes.fromhex(_text(value))
