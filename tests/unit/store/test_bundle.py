from __future__ import annotations

import json
import zipfile

import pytest
from bundle_maker import ORIGIN, Maker, private, public

from quanheng.errors import Invalid
from quanheng.store.bundle import KeyLink, OutputProof
from quanheng.store.digest import sha256_digest
from quanheng.store.ed25519 import fingerprint


@pytest.fixture
def maker():
    return Maker().build()


def test_the_same_contents_give_the_same_bytes(maker, tmp_path):
    assert maker.write(tmp_path / "a.zip") == fingerprint(public(1))
    Maker().build().write(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_what_is_in_it(maker, tmp_path):
    maker.write(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as found:
        names = found.namelist()
        header = json.loads(found.read("bundle.json"))
        index = json.loads(found.read("index.json"))
        blobs = {name: found.read(name) for name in names if name.startswith("blobs/")}
        entry = json.loads(found.read("log/entries/000000000001.json"))
    assert header["format"] == "quanheng-bundle/v1"
    assert set(header["files"]) == set(names) - {"bundle.json", "bundle.sig"}
    assert (header["origin"], header["log_size"], header["mode"]) == (ORIGIN, len(maker.log), "open")
    assert [item["digest"] for item in index["manifests"]] == [maker.assessment]
    assert index["manifests"][0]["artifactType"] == "assessment/v1"
    assert all(sha256_digest(data) == "sha256:" + name.rsplit("/", 1)[1] for name, data in blobs.items())
    assert "digests" not in entry["outputs"] and entry["outputs"]["count"] == 300


def test_a_sealed_bundle_has_no_contents(tmp_path):
    maker = Maker(mode="sealed").build()
    maker.write(tmp_path / "a.zip")
    data = (tmp_path / "a.zip").read_bytes()
    assert b"some text" not in data
    with pytest.raises(Invalid, match="carries no layers"):
        maker.write(tmp_path / "b.zip", layers=maker.layers)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (lambda m: {"keys": ()}, "no signing key"),
        (lambda m: {"keys": (KeyLink(public(9)),)}, "not by the last"),
        (lambda m: {"roots": [sha256_digest(b"?")]}, "root"),
        (lambda m: {"configs": {}}, "config of"),
        (lambda m: {"layers": {}}, "layer 'data/part-0.jsonl'"),
        (lambda m: {"layers": {**m.layers, next(iter(m.layers)): b"other"}}, "holds bytes of digest"),
        (
            lambda m: {"manifests": {sha256_digest(b"?"): next(iter(m.manifests.values())), **m.manifests}},
            "holds bytes",
        ),
        (lambda m: {"entries": {}}, "do not belong together"),
        (lambda m: {"extra": {"../x": b""}}, "cannot be used"),
    ],
)
def test_parts_that_do_not_fit(maker, tmp_path, changes, says):
    with pytest.raises(Invalid, match=says) as caught:
        maker.write(tmp_path / "a.zip", **changes(maker))
    assert caught.value.text.zh and caught.value.hint
    assert not (tmp_path / "a.zip").exists()


def test_layers_may_be_files(maker, tmp_path):
    maker.write(tmp_path / "a.zip")
    paths = {}
    for digest, data in maker.layers.items():
        paths[digest] = tmp_path / digest[7:]
        paths[digest].write_bytes(data)
    maker.write(tmp_path / "b.zip", layers=paths)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_links_and_proofs_as_json():
    link = KeyLink(public(1), fingerprint(public(2)), private(2).sign(b""), sha256_digest(b""))
    assert set(link.to_json()) == {"artifact", "public_key", "replaces", "signature"}
    assert OutputProof(1, 2, (b"\1",)).to_json() == {"entry": 1, "index": 2, "path": ["01"]}
