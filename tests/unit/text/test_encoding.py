"""Encodings: round trips, the fixtures that broke other detectors, errors with their byte offset."""

from __future__ import annotations

import codecs
import doctest
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.errors import Invalid
from quanheng.text import encoding as module
from quanheng.text.encoding import CHUNK_BYTES, Detected, decode, detect, detect_bytes, try_decode, utf8_chunks

HANS = "第四章 我同劳埃德先生的一番交谈，以及上回所述的会议，使我有了足够的信心，希望自己的身体能好起来。"
HANT = "第四章 我同勞埃德先生的一番交談，以及上回所述的會議，使我有了足夠的信心，希望自己的身體能好起來。"


@pytest.mark.parametrize(
    ("text", "codec", "expected"),
    [
        (HANS, "utf-8", Detected("utf-8", 0)),
        (HANS, "utf-8-sig", Detected("utf-8", 3)),
        (HANS, "utf-16", Detected("utf-16-le", 2)),
        (HANS, "gb18030", Detected("gb18030", 0)),
        (HANT, "gb18030", Detected("gb18030", 0)),
        (HANS, "gb2312", Detected("gb18030", 0)),
        (HANT, "big5", Detected("big5", 0)),
        ("plain ascii", "ascii", Detected("utf-8", 0)),
        ("", "utf-8", Detected("utf-8", 0)),
        ("的师傅", "gb18030", Detected("gb18030", 0)),
    ],
)
def test_each_encoding_is_told_and_decoded(text: str, codec: str, expected: Detected) -> None:
    data = text.encode(codec)
    assert detect_bytes(data) == expected
    assert decode(data) == text


@given(st.text(max_size=200))
def test_utf8_is_always_utf8(text: str) -> None:
    data = text.encode("utf-8")
    marked = data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    assert marked or decode(data) == text


@given(st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        text = decode(data)
    except Invalid as error:
        assert error.code in ("unknown_encoding", "undecodable")
        assert error.hint
    else:
        assert isinstance(text, str)


def test_a_broken_byte_does_not_change_the_encoding_and_is_named() -> None:
    data = bytearray((HANS * 40).encode("utf-8"))
    data[300] = 0xFF
    assert detect_bytes(bytes(data)).encoding == "utf-8"
    with pytest.raises(Invalid, match="byte 300") as caught:
        decode(bytes(data))
    assert caught.value.code == "undecodable"
    # A file that stops in the middle of a character, as a crash leaves it.
    assert detect_bytes((HANS * 40).encode("utf-8")[:-1]).encoding == "utf-8"
    assert try_decode(HANS.encode("utf-8")[:-1], "utf-8").error_at == len(HANS.encode("utf-8")) - 3


def test_detection_looks_beyond_the_first_chunk() -> None:
    data = b"a" * (CHUNK_BYTES + 5) + b"\n" + HANS.encode("gb18030") * 30
    assert detect(io.BytesIO(data)).encoding == "gb18030"


@pytest.mark.parametrize("cut", range(5))
@pytest.mark.parametrize(
    "odd",
    [
        *(b"", "a¢€😀".encode(), b"\xe4\xbd", b"\xff", b"\xc1\xbf", b"\xc2a", b"\xe0\x9f\xbf", b"\xe0\xa0\xbf"),
        *(b"\xed\xa0\x80", b"\xed\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x80\x80", b"\xf4\x90\x80\x80"),
        *(b"\xf4\x8f\xbf\xbf", b"\xf5\x80\x80\x80", b"\xf0\x9f\x98", b"\xf0\x9fa\x80", b"\x80", b"\xe4\xbda"),
    ],
)
def test_a_large_file_is_utf8_where_its_bytes_decode(odd: bytes, cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 64)
    data = b"a" * (64 - cut) + odd + "中".encode() * 40
    found = module._utf8_failure(io.BytesIO(data[64:]), data[:64])
    monkeypatch.setattr(module, "_passed_over", lambda decoder, chunk: False)
    assert found == module._utf8_failure(io.BytesIO(data[64:]), data[:64])
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        assert found is not None
    else:
        assert found is None


def test_a_character_across_two_chunks_is_whole() -> None:
    data = b"a" * (CHUNK_BYTES - 1) + HANS.encode("utf-8")
    assert detect(io.BytesIO(data)).encoding == "utf-8"
    wide = ("a" * (CHUNK_BYTES // 2) + HANS).encode("utf-16")
    found = b"".join(utf8_chunks(io.BytesIO(wide), detect(io.BytesIO(wide))))
    assert found.decode("utf-8") == "a" * (CHUNK_BYTES // 2) + HANS


def test_the_euro_of_code_page_936_is_read() -> None:
    assert decode((HANS.encode("gb18030")) + b"70\x80", "gb18030") == HANS + "70€"
    assert detect_bytes(HANS.encode("gb18030") * 5 + b"70\x80").encoding == "gb18030"


def test_half_a_pair_in_utf16_does_not_stop_the_file() -> None:
    data = codecs.BOM_UTF16_LE + "好".encode("utf-16-le") + b"\x00\xd8" + "评".encode("utf-16-le") + b"\x01"
    found = b"".join(utf8_chunks(io.BytesIO(data), detect_bytes(data))).decode("utf-8")
    assert found.startswith("好") and "评" in found and "\ufffd" in found


def test_what_is_no_text_is_refused() -> None:
    for data in (bytes(range(256)) * 20, b"\x89PNG\r\n\x1a\n" + bytes(200) + bytes(range(128, 256)) * 9):
        with pytest.raises(Invalid) as caught:
            detect_bytes(data)
        assert caught.value.code == "unknown_encoding"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("10.txt", "gb18030"),
        ("11.txt", "utf-8"),
        ("18.txt", "utf-8"),
        ("test.txt", "utf-8"),
        ("test2.txt", "utf-8"),
        ("test3.txt", "utf-8"),
        ("test4.txt", "gb18030"),
        ("test5.txt", "utf-8"),
        ("test_ft.txt", "utf-8"),
        ("test_jp.txt", "utf-8"),
        # GBK read as Latin-1 and saved as UTF-8: the bytes are UTF-8, the text is not Chinese and is dropped as such.
        ("test_sample_gbk_with_cp936_1.txt", "utf-8"),
        ("test_sample_gbk_锟斤铐.txt", "utf-8"),
        # A chart of symbols without one letter, and Japanese: refused rather than read as the wrong characters.
        ("test_sample_big5.txt", None),
        ("test_sample_euc-jp.txt", None),
    ],
)
def test_real_files(shared_data: Path, name: str, expected: str | None) -> None:
    data = (shared_data / "corpus" / "charset" / name).read_bytes()
    if expected is None:
        with pytest.raises(Invalid):
            detect_bytes(data)
    else:
        assert detect_bytes(data).encoding == expected


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0
