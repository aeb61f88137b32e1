"""The worked example in ARCHITECTURE.md, recomputed twice: with our code, and with hashlib and json alone."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from quanheng.core.context import config_bytes
from quanheng.kinds.platform import Files
from quanheng.store import Layer, build_manifest, canonical_json, merkle, sha256_digest

PAGE = Path(__file__).parents[2] / "ARCHITECTURE.md"
NOTE = "权为秤锤，衡为秤杆。\n".encode()


@pytest.fixture(scope="module")
def blocks() -> dict[str, str]:
    found = re.findall(r"```(?:json|text) (\w+)\n(.*?)\n```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(found) == len(dict(found)) == 8
    return dict(found)


def plain(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_with_the_standard_library_alone(blocks: dict[str, str]) -> None:
    content = sha(plain([["note.txt", sha(NOTE)]]))
    made_by = {
        "inputs": [],
        "params": {"path": {"content": content}, "title": "笔记"},
        "verb": "files.register",
        "version": 1,
    }
    assert blocks["made_by"] == plain(made_by).decode()
    assert blocks["key"] == sha(plain(made_by))
    assert blocks["layer"] == f"{len(NOTE)} bytes\n{sha(NOTE)}"
    config = plain({"bytes": len(NOTE), "files": 1, "title": "笔记", "made_by": made_by})
    assert blocks["config"] == config.decode()
    manifest = plain(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "files/v1",
            "config": {
                "mediaType": "application/vnd.quanheng.config.v1+json",
                "digest": sha(config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": "application/octet-stream",
                    "digest": sha(NOTE),
                    "size": len(NOTE),
                    "annotations": {"org.opencontainers.image.title": "note.txt"},
                }
            ],
        }
    )
    assert blocks["manifest"] == manifest.decode()
    assert blocks["identity"] == sha(manifest)
    entry = json.loads(blocks["entry"])
    assert plain(entry).decode() == blocks["entry"]
    assert entry["outputs"]["digests"] == [blocks["identity"]]
    assert entry["outputs"]["root"] == sha(b"\x00" + blocks["identity"].encode())
    assert entry["params_digest"] == sha(plain({"params": made_by["params"], "name": "note", "again": ""}))
    assert blocks["leaf"] == hashlib.sha256(b"\x00" + blocks["entry"].encode()).hexdigest()


def test_with_our_code(blocks: dict[str, str]) -> None:
    made_by = json.loads(blocks["made_by"])
    config = config_bytes(Files(title="笔记", files=1, bytes=len(NOTE)), made_by)
    layer = Layer(sha256_digest(NOTE), len(NOTE), "application/octet-stream", "note.txt")
    manifest = build_manifest("files/v1", config, (layer,))
    assert config.decode() == blocks["config"]
    assert manifest.to_bytes().decode() == blocks["manifest"]
    assert manifest.digest == blocks["identity"]
    assert sha256_digest(canonical_json(made_by)) == blocks["key"]
    assert merkle.leaf_hash(blocks["entry"].encode()).hex() == blocks["leaf"]


def test_a_real_call_leaves_that_very_artifact(tmp_path: Path, blocks: dict[str, str]) -> None:
    import quanheng

    note = tmp_path / "somewhere" / "note.txt"
    note.parent.mkdir()
    note.write_bytes(NOTE)
    with quanheng.open(tmp_path / "workspace") as workspace:
        result = workspace.call("files.register", path=str(note), title="笔记", as_name="note")
        assert result.digest == blocks["identity"]
        newest = workspace.log.list(limit=1)["entries"][0]
    expected = json.loads(blocks["entry"])
    for field in ("code", "inputs", "outcome", "outputs", "params_digest", "v", "verb", "version"):
        assert newest[field] == expected[field]
