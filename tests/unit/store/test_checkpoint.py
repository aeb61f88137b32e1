from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.errors import Corrupt, Invalid
from quanheng.store.checkpoint import (
    Checkpoint,
    NoteSignature,
    SignedCheckpoint,
    format_signed,
    key_id,
    note_text,
    parse_signed,
    verify_signed,
)
from quanheng.store.merkle import EMPTY_ROOT

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
ROOT = bytes(range(100, 132))
POINT = Checkpoint("quanheng/5f0c", 1024, ROOT, "2026-01-02T03:04:05.678901Z")


def signed(point=POINT, name="quanheng/5f0c"):
    return format_signed(point, name=name, public_key=PUBLIC, sign=PRIVATE.sign)


def test_the_text_line_by_line():
    lines = signed().split("\n")
    assert lines[:5] == [
        "quanheng/5f0c", "1024", base64.b64encode(ROOT).decode(), "time 2026-01-02T03:04:05.678901Z", ""
    ]  # fmt: skip
    dash, name, data = lines[5].split(" ")
    assert (dash, name, lines[6:]) == ("—", "quanheng/5f0c", [""])
    raw = base64.b64decode(data)
    assert raw[:4] == key_id("quanheng/5f0c", PUBLIC)
    PRIVATE.public_key().verify(raw[4:], note_text(POINT).encode())


def test_published_key_id():
    # The key of the Go checksum database (golang.org/x/mod/sumdb/note): "sum.golang.org+033de0ae+Ac4zctda…"
    key = base64.b64decode("Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
    assert key[0] == 1
    assert key_id("sum.golang.org", key[1:]).hex() == "033de0ae"


def test_published_note_parses():
    # The example of C2SP tlog-checkpoint
    note = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa "
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    )
    found = parse_signed(note)
    assert found.checkpoint.size == 20852163
    assert found.checkpoint.time is None
    assert found.signatures[0].key_id.hex() == "033de0ae"
    assert found.to_text() == note


@given(st.integers(1, 2**53 - 1), st.binary(min_size=32, max_size=32), st.sampled_from([None, "2026-01-02T03:04:05Z"]))
@settings(deadline=None, max_examples=30)
def test_round_trip(size, root, time):
    point = Checkpoint("quanheng/a", size, root, time)
    note = signed(point, "quanheng/a")
    assert parse_signed(note).checkpoint == point
    assert parse_signed(note.encode()).to_text() == note
    assert verify_signed(note, PUBLIC) == point


def test_an_empty_log_has_the_empty_root():
    assert verify_signed(signed(Checkpoint("quanheng/a", 0, EMPTY_ROOT)), PUBLIC).size == 0
    with pytest.raises(Invalid):
        Checkpoint("quanheng/a", 0, ROOT)


def test_a_flip_in_every_byte_is_refused():
    note = signed().encode()
    for position in range(len(note)):
        for bit in (position % 8, (position + 5) % 8):
            flipped = bytearray(note)
            flipped[position] ^= 1 << bit
            with pytest.raises(Corrupt):
                verify_signed(bytes(flipped), PUBLIC)


def test_wrong_key():
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(Corrupt, match="not signed by the key"):
        verify_signed(signed(), other)


def test_signatures_of_unknown_keys_are_passed_over():
    found = parse_signed(signed())
    witness = NoteSignature("witness.example/w1", b"abcd", b"timestamped cosignature")
    both = SignedCheckpoint(found.checkpoint, (witness, *found.signatures)).to_text()
    assert verify_signed(both, PUBLIC) == POINT
    with pytest.raises(Corrupt):
        verify_signed(SignedCheckpoint(found.checkpoint, (witness,)).to_text(), PUBLIC)
    with pytest.raises(Corrupt, match="17 signatures"):
        parse_signed(SignedCheckpoint(found.checkpoint, (witness,) * 17).to_text())


NOTE = signed()
BODY, SIGNATURE = NOTE.split("\n\n")


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        BODY,
        BODY + "\n",
        BODY + "\n\n",
        NOTE + "\n",
        NOTE[:-1],
        "\n" + NOTE,
        NOTE.replace("1024", "01024"),
        NOTE.replace("1024", "+1024"),
        NOTE.replace("1024", "１０２４"),
        NOTE.replace("time ", ""),
        NOTE.replace("time ", "time  "),
        NOTE.replace("\n\n", "\nmore\n\n"),
        NOTE.replace("=\ntime", "\ntime"),
        NOTE.replace("\n", "\r\n"),
        NOTE.replace("— ", "- "),
        NOTE.replace("2026-01", "2026-21"),
        NOTE.replace("quanheng/5f0c\n1024", "quan heng\n1024"),
        BODY + "\n\n— a AAAA\n",
        BODY + "\n\n— a ????\n",
    ],
)
def test_other_texts_are_corrupt(note):
    with pytest.raises(Corrupt):
        parse_signed(note)


@given(st.text(max_size=80))
def test_any_text_is_refused_or_canonical(text):
    try:
        found = parse_signed(text)
    except Corrupt:
        return
    assert found.to_text() == text


@pytest.mark.parametrize(
    "make",
    [
        lambda: Checkpoint("a b", 1, ROOT),
        lambda: Checkpoint("a+b", 1, ROOT),
        lambda: Checkpoint("", 1, ROOT),
        lambda: Checkpoint("a\nb", 1, ROOT),
        lambda: Checkpoint("a", -1, ROOT),
        lambda: Checkpoint("a", 1, ROOT[:-1]),
        lambda: Checkpoint("a", 1, ROOT, "yesterday"),
        lambda: Checkpoint("a", 1, ROOT, "2026-01-02T03:04:05+08:00"),
        lambda: signed(name="a b"),
        lambda: format_signed(POINT, name="a", public_key=PUBLIC, sign=lambda _: b"short"),
    ],
)
def test_what_cannot_be_written(make):
    with pytest.raises(Invalid):
        make()
