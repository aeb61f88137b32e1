"""The identity of an artifact: a worked example whose digests are computed here with hashlib and json alone."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from quanheng.core.context import Draft, config_bytes, parse_config
from quanheng.core.register import key_of, prepare
from quanheng.errors import Invalid
from quanheng.kinds.platform import Files
from quanheng.store import Layer

CONTENT = b"\xe4\xbd\xa0\xe5\xa5\xbd\n"
INPUT = "sha256:" + "1" * 64
MADE_BY: dict[str, Any] = {
    "verb": "files.register",
    "version": 1,
    "params": {"title": "证据", "path": {"content": "sha256:" + "2" * 64}},
    "inputs": [{"role": "corpus", "digest": INPUT}],
}


def canonical(value: object) -> bytes:
    """Canonical JSON of a value without floats and with ASCII keys: sorted, tight, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def example() -> Any:
    layer = Layer(sha256(CONTENT), len(CONTENT), "text/plain", "sub/你好.txt")
    return prepare(Draft(Files(title="证据", files=1, bytes=len(CONTENT)), (layer,)), MADE_BY)


def test_the_worked_example() -> None:
    config = canonical({"title": "证据", "files": 1, "bytes": 7, "made_by": MADE_BY})
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "files/v1",
            "config": {
                "mediaType": "application/vnd.quanheng.config.v1+json",
                "digest": sha256(config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": "text/plain",
                    "digest": sha256(CONTENT),
                    "size": 7,
                    "annotations": {"org.opencontainers.image.title": "sub/你好.txt"},
                }
            ],
        }
    )
    found = example()
    assert found.config == config
    assert found.manifest == manifest
    assert found.digest == sha256(manifest)
    assert found.key == key_of(MADE_BY) == sha256(canonical(MADE_BY))
    assert found.inputs == (("corpus", INPUT),) and found.kind == "files/v1"


def test_the_digest_is_fixed_for_good() -> None:
    """A change here is a change of every artifact's name: it needs a new manifest version, not a new number."""
    assert example().digest == "sha256:299d3318affb98a94d7fa35c8f7f77b4fd3e97c7b895e8c023ee8ba2e70e0a26"


@pytest.mark.parametrize(
    "change",
    [{"verb": "other.verb"}, {"version": 2}, {"params": {}}, {"inputs": []}],
)
def test_what_it_was_made_by_is_part_of_key_and_identity(change: dict[str, Any]) -> None:
    other = prepare(Draft(Files(title="证据", files=1, bytes=7)), {**MADE_BY, **change})
    same = prepare(Draft(Files(title="证据", files=1, bytes=7)), MADE_BY)
    assert other.digest != same.digest and other.key != same.key


def test_the_order_of_keys_is_not() -> None:
    turned = dict(reversed(MADE_BY.items()))
    assert key_of(turned) == key_of(MADE_BY)


def test_config_is_read_back() -> None:
    model = Files(title="证据", files=1, bytes=7)
    parsed, made_by = parse_config("files/v1", config_bytes(model, MADE_BY))
    assert parsed == model and made_by == MADE_BY


def test_a_float_has_no_place_in_an_identity() -> None:
    with pytest.raises(Invalid):
        key_of({**MADE_BY, "params": {"share": 0.5}})
