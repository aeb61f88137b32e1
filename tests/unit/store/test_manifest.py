from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.errors import Corrupt, Invalid, QuanhengError
from quanheng.store.canonical import canonical_json
from quanheng.store.digest import sha256_digest
from quanheng.store.manifest import ETAG, MAX_LAYERS, Descriptor, Layer, Manifest, build_manifest

DIGEST = sha256_digest(b"x")
SEGMENT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=6
).filter(lambda s: s not in (".", ".."))
LAYERS = st.builds(
    Layer,
    digest=st.binary().map(sha256_digest),
    size=st.integers(0, 2**53 - 1),
    media_type=st.sampled_from(["application/jsonl", "application/vnd.apache.parquet", "text/plain"]),
    title=st.lists(SEGMENT, min_size=1, max_size=3).map("/".join),
    urls=st.sampled_from([(), ("https://example.org/a",)]),
    annotations=st.sampled_from([(), ((ETAG, '"v1"'),), (("z", "1"), ("a", "2"))]),
)


@given(st.lists(LAYERS, max_size=4, unique_by=lambda layer: layer.title), st.booleans())
def test_round_trip(layers, with_subject):
    subject = build_manifest("source/v1", b"{}", []).descriptor if with_subject else None
    manifest = build_manifest("corpus/v1", b'{"n":1}', layers, subject)
    again = Manifest.parse(manifest.to_bytes())
    assert again == manifest
    assert again.digest == manifest.digest == sha256_digest(manifest.to_bytes())
    assert again.layers == tuple(layers)
    assert canonical_json(json.loads(manifest.to_bytes())) == manifest.to_bytes()


def test_it_is_an_oci_manifest_byte_for_byte():
    manifest = build_manifest("corpus/v1", b"{}", [Layer(DIGEST, 1, "text/plain", "a/b.txt")])
    assert json.loads(manifest.to_bytes()) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "corpus/v1",
        "config": {
            "mediaType": "application/vnd.quanheng.config.v1+json",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
        },
        "layers": [
            {
                "mediaType": "text/plain",
                "digest": DIGEST,
                "size": 1,
                "annotations": {"org.opencontainers.image.title": "a/b.txt"},
            }
        ],
    }


def test_identity_is_frozen():
    # Artifacts in every workspace are named by this; when it changes, all of them change their name.
    manifest = build_manifest("corpus/v1", b"{}", [Layer(DIGEST, 1, "text/plain", "a")])
    assert manifest.digest == "sha256:" + FROZEN


FROZEN = "f2c0122e612efdce8dfcce3b36a6af7805a628e02532659847d9f63cf8753eef"


def test_without_layers_the_empty_descriptor_stands_in():
    manifest = build_manifest("name/v1", b"{}", [])
    document = json.loads(manifest.to_bytes())
    # OCI image spec 1.1, section "Guidance for an Empty Descriptor"
    assert document["layers"] == [
        {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
        }
    ]
    assert Manifest.parse(manifest.to_bytes()).layers == ()


def test_external_layer():
    layer = Layer(DIGEST, 1, "text/plain", "a", ("https://example.org/a",), ((ETAG, '"v1"'),))
    found = Manifest.parse(build_manifest("source/v1", b"{}", [layer]).to_bytes()).layers[0]
    assert found.is_external
    assert found.etag == '"v1"'
    assert not Layer(DIGEST, 1, "text/plain", "a").is_external


@pytest.mark.parametrize(
    "title",
    ["", "/a", "a//b", "../a", "a/..", "./a", "a/./b", "a\\b", "a\0b", "a\nb", "a/", "x" * 1025, "\ud800", "a\x7f"],
)
def test_bad_titles(title):
    with pytest.raises(Invalid):
        Layer(DIGEST, 1, "text/plain", title)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Layer("sha256:1", 1, "text/plain", "a"),
        lambda: Layer(DIGEST, -1, "text/plain", "a"),
        lambda: Layer(DIGEST, True, "text/plain", "a"),
        lambda: Layer(DIGEST, 1, "text", "a"),
        lambda: Layer(DIGEST, 1, "text/plain", "a", ("file:///etc/passwd",)),
        lambda: Layer(DIGEST, 1, "text/plain", "a", (), (("x", "1"), ("x", "2"))),
        lambda: build_manifest("corpus", b"{}", []),
        lambda: build_manifest("Corpus/v1", b"{}", []),
        lambda: build_manifest("corpus/v0", b"{}", []),
        lambda: build_manifest("corpus/v1", b"{}", [Layer(DIGEST, 1, "text/plain", "a")] * 2),
        lambda: build_manifest("corpus/v1", b"{}", [], DIGEST),
        lambda: build_manifest(
            "corpus/v1", b"{}", [Layer(DIGEST, 1, "text/plain", str(i)) for i in range(MAX_LAYERS + 1)]
        ),
        lambda: build_manifest(
            "corpus/v1", b"{}", [Layer(DIGEST, 1, "text/plain", f"{i:0900}/{i}") for i in range(MAX_LAYERS)]
            + [Layer(DIGEST, 1, "text/plain", "z", (), (("n", "x" * 2**22),))]
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_a_manifest(make):
    with pytest.raises(Invalid) as caught:
        make()
    assert caught.value.hint


def test_four_thousand_layers_are_allowed():
    layers = [Layer(DIGEST, 1, "text/plain", f"part-{i:05}") for i in range(MAX_LAYERS)]
    assert len(Manifest.parse(build_manifest("corpus/v1", b"{}", layers).to_bytes()).layers) == MAX_LAYERS


def change(**fields):
    document = json.loads(build_manifest("corpus/v1", b"{}", [Layer(DIGEST, 1, "text/plain", "a")]).to_bytes())
    document.update(fields)
    return canonical_json(document)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"[]", b"null", change(schemaVersion=3), change(mediaType="x/y"), change(artifactType=1),
        change(layers=None), change(layers=[]), change(layers=[{}]), change(extra=1), change(config={}),
        change(annotations={}), change(subject=None), change(subject=DIGEST), change(layers=[{"digest": DIGEST}]),
        change(config={"digest": DIGEST, "mediaType": "text/plain", "size": 1}), b" " + change(), change() + b"\n",
    ],
)  # fmt: skip
def test_what_is_no_manifest(data):
    with pytest.raises(Corrupt):
        Manifest.parse(data)


@given(st.data())
def test_every_flipped_bit_is_another_manifest_or_none(data):
    original = build_manifest("corpus/v1", b"{}", [Layer(DIGEST, 1, "text/plain", "a")])
    flipped = bytearray(original.to_bytes())
    flipped[data.draw(st.integers(0, len(flipped) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = Manifest.parse(bytes(flipped))
    except QuanhengError:
        return
    assert found.digest != original.digest


def test_descriptor_points_at_the_manifest():
    manifest = build_manifest("corpus/v1", b"{}", [])
    assert manifest.descriptor == Descriptor(manifest.digest, len(manifest.to_bytes()), manifest.descriptor.media_type)
