from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.store import ed25519

ORDER = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19
# RFC 8032 section 7.1: (public key, message, signature)
RFC_8032 = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
     "4a7c15e9716ed28dc027beceea1ec40a"),
    ("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
     "454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
     "3dca179c138ac17ad9bef1177331a704"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "message", "signature"), RFC_8032)
def test_rfc_8032_vectors(key, message, signature):
    key, message, signature = map(bytes.fromhex, (key, message, signature))
    assert ed25519.verify(key, message, signature)
    assert not ed25519.verify(key, message + b"x", signature)


def by_cryptography(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.data())
def test_agrees_with_cryptography(seed, message, data):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key = private.public_key().public_bytes_raw()
    signature = private.sign(message)
    assert ed25519.verify(key, message, signature)
    flipped = bytearray(signature)
    flipped[data.draw(st.integers(0, 63))] ^= 1 << data.draw(st.integers(0, 7))
    assert not ed25519.verify(key, message, bytes(flipped))
    assert not by_cryptography(key, message, bytes(flipped))
    other = bytearray(key)
    other[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
    assert (
        ed25519.verify(bytes(other), message, signature) == by_cryptography(bytes(other), message, signature) is False
    )


@pytest.fixture(scope="module")
def signed():
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return private.public_key().public_bytes_raw(), b"message", private.sign(b"message")


def test_every_flipped_bit_of_one_signature(signed):
    key, message, signature = signed
    for bit in range(512):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not ed25519.verify(key, message, bytes(flipped))


def test_scalar_must_be_below_the_order(signed):
    key, message, signature = signed
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    assert not ed25519.verify(key, message, signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize("cut", [0, 31, 33])
def test_wrong_sizes(signed, cut):
    key, message, signature = signed
    assert not ed25519.verify((key + key)[:cut], message, signature)
    assert not ed25519.verify(key, message, (signature + signature)[: 2 * cut])


SMALL_ORDER = [
    (1).to_bytes(32, "little"),
    (P - 1).to_bytes(32, "little"),
    bytes(32),
    (1 << 255).to_bytes(32, "little"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]


@pytest.mark.parametrize("key", SMALL_ORDER)
def test_keys_of_small_order_are_refused(key):
    # With such a key, R = [S]B is a signature of many messages.
    base = (4 * pow(5, -1, P) % P).to_bytes(32, "little")
    for message in (b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h"):
        assert not ed25519.verify(key, message, base + (1).to_bytes(32, "little"))


@pytest.mark.parametrize("y", [P, P + 1, 2**255 - 1, 1 | 1 << 255, 2])
def test_keys_that_are_no_canonical_points(y):
    assert not ed25519.verify(y.to_bytes(32, "little"), b"", bytes(64))


def test_second_encodings_of_a_point_are_no_points():
    # Nobody can sign for these, so only the decoder itself shows the difference.
    low = [y for y in range(19) if ed25519._decode(y.to_bytes(32, "little"))]
    assert low
    assert not any(ed25519._decode((y + P).to_bytes(32, "little")) for y in low)


def test_fingerprint_is_the_digest_of_the_raw_key():
    assert ed25519.fingerprint(bytes(32)) == "sha256:66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
