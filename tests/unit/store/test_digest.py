from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.errors import Invalid, NotFound
from quanheng.store.digest import CHUNK_BYTES, EMPTY_DIGEST, file_digest, is_digest, parse_digest, sha256_digest, short


def test_published_digests():
    # FIPS 180-2 appendix B.1 and the empty message
    assert sha256_digest(b"abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_digest(b"") == EMPTY_DIGEST


@given(st.binary())
def test_digest_round_trip(data):
    digest = sha256_digest(data)
    assert is_digest(digest)
    assert parse_digest(digest) == hashlib.sha256(data).hexdigest()
    assert len(short(digest)) == 9
    assert short(digest) == digest[7:11] + "…" + digest[-4:]


def test_file_is_read_in_pieces(tmp_path):
    data = bytes(range(256)) * (CHUNK_BYTES // 256) + b"tail"
    (tmp_path / "f").write_bytes(data)
    assert file_digest(tmp_path / "f") == sha256_digest(data)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(NotFound, match="nothing-here"):
        file_digest(tmp_path / "nothing-here")


@pytest.mark.parametrize(
    "text",
    ["", "sha256:", "sha256:" + "0" * 63, "sha256:" + "0" * 65, "sha256:" + "A" * 64, "md5:" + "0" * 64,
     " sha256:" + "0" * 64, "sha256:" + "0" * 64 + "\n", "sha256:" + "０" * 64],
)  # fmt: skip
def test_anything_else_is_invalid(text):
    assert not is_digest(text)
    with pytest.raises(Invalid) as caught:
        parse_digest(text)
    assert caught.value.code == "bad_digest"
    assert caught.value.text.zh and caught.value.hint
