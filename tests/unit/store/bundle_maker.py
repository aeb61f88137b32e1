"""Makes whole evidence bundles in memory: artifacts, a log, keys, and an assessment computed from verdict rows."""

from __future__ import annotations

import copy
import zipfile
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quanheng.store import bundle as form
from quanheng.store import merkle
from quanheng.store.bundle import BundleContents, KeyLink, OutputProof, Withdrawn, write_bundle
from quanheng.store.canonical import canonical_json
from quanheng.store.canonical_zip import write_zip
from quanheng.store.checkpoint import Checkpoint, format_signed
from quanheng.store.digest import sha256_digest
from quanheng.store.exact_bound import exact_bound
from quanheng.store.manifest import Layer, build_manifest

ORIGIN = "quanheng/test"
BATCH = 300


def private(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "little"))


def public(number: int) -> bytes:
    return private(number).public_key().public_bytes_raw()


@dataclass
class Maker:
    """A small workspace. Change it, then `contents()` and `write()`."""

    mode: str = "open"
    keys: tuple[int, ...] = (1,)
    checkpoint_key: int | None = None
    pad: int = 0
    manifests: dict[str, bytes] = field(default_factory=dict)
    configs: dict[str, bytes] = field(default_factory=dict)
    layers: dict[str, bytes] = field(default_factory=dict)
    log: list[bytes] = field(default_factory=list)
    made_at: dict[str, int] = field(default_factory=dict)
    batch: list[str] = field(default_factory=list)

    def artifact(self, kind: str, fields: dict[str, Any], inputs=(), layers=None, external=(), log=True) -> str:
        made_by = {
            "verb": kind.split("/", maxsplit=1)[0] + ".make",
            "version": 1,
            "params": {},
            "inputs": [{"role": "input", "digest": digest} for digest in inputs],
        }
        config = canonical_json({**fields, "made_by": made_by})
        found = [Layer(sha256_digest(data), len(data), "application/jsonl", t) for t, data in (layers or {}).items()]
        manifest = build_manifest(kind, config, [*found, *external])
        self.manifests[manifest.digest] = manifest.to_bytes()
        self.configs[manifest.config.digest] = config
        self.layers |= {sha256_digest(data): data for data in (layers or {}).values()}
        if log:
            self.enter([manifest.digest])
        return manifest.digest

    def enter(self, outputs: list[str], outcome: str = "done") -> int:
        leaves = [merkle.leaf_hash(digest.encode()) for digest in outputs]
        summary: dict[str, Any] = {"count": len(outputs), "root": "sha256:" + merkle.root_of(leaves).hex()}
        if len(outputs) <= 256:
            summary["digests"] = outputs
        entry = {
            "v": 1, "time": f"2026-01-01T00:00:{len(self.log):02}.000000Z", "verb": "x.make", "version": 1,
            "actor_id": "a1", "project": "p", "job": f"j{len(self.log)}", "outcome": outcome, "code": None,
            "params_digest": sha256_digest(b"{}"), "inputs": [], "outputs": summary,
        }  # fmt: skip
        self.log.append(canonical_json(entry))
        if outcome == "done":
            self.made_at |= dict.fromkeys(outputs, len(self.log) - 1)
        return len(self.log) - 1

    def build(self) -> Maker:
        """Fill the workspace: a batch of sources, a corpus, verdicts, an assessment; and entries of other things."""
        self.enter([], "denied")
        self.batch = [
            self.artifact("source/v1", {"title": f"源 {i}"}, log=False) if i == 7 else sha256_digest(str(i).encode())
            for i in range(BATCH)
        ]
        self.enter(self.batch)
        url = Layer(sha256_digest(b"far"), 3, "text/plain", "far.txt", ("https://example.org/far.txt",))
        source = self.artifact("source/v1", {"title": "外部"}, external=[url])
        text = {"data/part-0.jsonl": b'{"text":"some text"}\n' * 3 + b"\0" * self.pad}
        documents = {"documents": 3, "types": ["a", "b"]}
        corpus = self.artifact("corpus/v1", documents, [self.batch[7], source], text)
        rows = b"".join(
            canonical_json(
                {"id": str(i), "group": "a", "n": i % 2, "ok": i > 1, "verdict": "pass" if i < 38 else "fail"}
            )
            + b"\n"
            for i in range(40)
        )
        verdicts = self.artifact(
            "verdicts/v1", {"n": 40, "counts": {"pass": 38, "fail": 2}}, [corpus], {"v.jsonl": rows}
        )
        self.enter([verdicts], "failed")
        self.verdicts, self.corpus, self.source = verdicts, corpus, source
        self.assessment = self.artifact("assessment/v1", self.results(), [verdicts, corpus])
        return self

    def results(self) -> dict[str, Any]:
        count = {"artifact": self.verdicts, "pointer": None, "layer": "v.jsonl"}
        k = {"value": 38, "counts": [{**count, "where": {"verdict": "pass"}, "value": 38}]}
        pointers = [("/counts/pass", 38), ("/counts/fail", 2)]
        n = {
            "value": 40,
            "counts": [
                {"artifact": self.verdicts, "layer": None, "pointer": p, "where": {}, "value": v} for p, v in pointers
            ],
        }
        one = {
            "rule": "ASS-COR-01", "verdict": "fails", "k": k, "n": n, "value": "0.950000", "force": "shall",
            "bound": {"side": "lower", "value": f"{exact_bound(38, 40, 'lower'):.6f}", "confidence": "0.95"},
            "test": {"form": "at_least", "num": 96, "den": 100, "min_n": 40}, "decisive": True,
        }  # fmt: skip
        types = {"artifact": self.corpus, "layer": None, "pointer": "/types", "where": {}, "value": 2}
        two = {
            "rule": "COR-SRC-01", "verdict": "conforms", "k": {"value": 2, "counts": [types]}, "n": None, "value": None,
            "bound": None, "test": {"form": "none", "num": 1, "den": 1, "min_n": None}, "force": "shall",
            "decisive": True,
        }  # fmt: skip
        tally = {"conforms": 1, "fails": 1, "not_applicable": 0, "pending": 0}
        return {"results": [one, two], "tally": tally, "overall": "fails"}

    def key_links(self) -> tuple[KeyLink, ...]:
        links = [KeyLink(public(self.keys[0]))]
        for old, new in zip(self.keys, self.keys[1:], strict=False):
            signature = private(old).sign(form.ROTATION_STATEMENT + public(new))
            links.append(KeyLink(public(new), links[-1].fingerprint, signature))
        return tuple(links)

    def contents(self, **changes: Any) -> BundleContents:
        leaves = [merkle.leaf_hash(entry) for entry in self.log]
        at = Checkpoint(ORIGIN, len(self.log), merkle.root_of(leaves), "2026-01-01T00:01:00.000000Z")
        key = self.checkpoint_key or self.keys[-1]
        here = sorted({self.made_at[digest] for digest in self.manifests if digest in self.made_at})
        batch_leaves = [merkle.leaf_hash(digest.encode()) for digest in self.batch]
        found = BundleContents(
            mode=self.mode,
            roots=[self.assessment],
            manifests=self.manifests,
            configs=self.configs,
            layers=self.layers if self.mode == "open" else {},
            checkpoint=format_signed(at, name=ORIGIN, public_key=public(key), sign=private(key).sign),
            entries={index: self.log[index] for index in here},
            inclusion={index: merkle.inclusion_path(leaves, index) for index in here},
            outputs={self.batch[7]: OutputProof(1, 7, tuple(merkle.inclusion_path(batch_leaves, 7)))},
            keys=self.key_links(),
            extra={"report.html": "<h1>报告</h1>".encode()},
        )
        return replace(found, **changes)

    def write(self, path, **changes: Any) -> str:
        return write_bundle(path, self.contents(**changes), private(self.keys[-1]).sign)

    def withdraw(self, digest: str) -> Withdrawn:
        return Withdrawn(digest, sha256_digest(b"the reason on record"))


def rewrite(path, target, change, key: int | None = 1) -> None:
    """Unpack a bundle, let `change` alter its files (name → bytes), and sign like the owner of `key`."""
    import json

    with zipfile.ZipFile(path) as found:
        files = {name: found.read(name) for name in found.namelist()}
    before = copy.copy(files)
    change(files)
    header = json.loads(files[form.BUNDLE])
    if files[form.BUNDLE] == before[form.BUNDLE]:
        header["files"] = {n: sha256_digest(d) for n, d in files.items() if n not in (form.BUNDLE, form.SIGNATURE)}
        files[form.BUNDLE] = canonical_json(header)
    if key is not None and files.get(form.SIGNATURE) == before[form.SIGNATURE]:
        files[form.SIGNATURE] = private(key).sign(form.BUNDLE_STATEMENT + files[form.BUNDLE]).hex().encode()
    write_zip(target, files)
