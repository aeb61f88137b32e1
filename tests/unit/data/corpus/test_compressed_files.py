"""Gzip and zstd files: streamed, seekable, bounded; damage costs what is behind it and nothing before."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus import compressed as module
from quanheng.data.corpus.compressed import Decompressed, decompressed
from quanheng.data.corpus.lines import Broken, Document
from quanheng.data.corpus.read import FileReader, format_of
from quanheng.kinds.sources import FileFormat, Reading

COMPRESS = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
ROWS = [
    json.dumps({"text": f"第{number}条评论，内容各不相同{number * 7919}"}, ensure_ascii=False) for number in range(3000)
]
LINES = ("\n".join(ROWS) + "\n").encode()


def read(data: bytes, format: FileFormat = "jsonl", **reading: Any) -> list[Document | Broken]:
    return list(FileReader(Reading(**reading)).read(io.BytesIO(data), format))


@pytest.mark.parametrize("codec", COMPRESS)
def test_any_text_format_may_be_compressed(codec: str) -> None:
    pack = COMPRESS[codec]
    assert read(pack(LINES)) == read(LINES) and len(read(LINES)) == 3000
    assert read(pack("甲\n乙".encode("gb18030")), "txt", document="line", encoding="gb18030")[1].text == "乙"
    assert read(pack("id,text\n1,甲\n".encode()), "csv") == [Document("2", "甲")]
    half = len(LINES) // 2
    assert read(pack(LINES[:half]) + pack(LINES[half:])) == read(LINES)  # members or frames, one after the other


@pytest.mark.parametrize("codec", COMPRESS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_cut_off_gives_the_rows_before_and_one_broken(codec: str, share: float) -> None:
    data = COMPRESS[codec](LINES)
    found = read(data[: int(len(data) * share)])
    documents, last = found[:-1], found[-1]
    assert all(isinstance(row, Document) for row in documents)
    assert documents == read(LINES)[: len(documents)]
    assert isinstance(last, Broken) and last.reason == "truncated" and last.row == str(len(documents) + 1)
    if codec == "gzip":
        assert len(documents) > 3000 * share * 0.5


def test_a_cut_inside_a_character_does_not_change_the_encoding() -> None:
    data = gzip.compress("甲乙丙丁\n".encode() * 40 + "戊己".encode())
    whole = zlib_prefix(data)
    found = read(whole, "txt", document="line")
    assert {row.text for row in found if isinstance(row, Document)} == {"甲乙丙丁"}
    assert [row.reason for row in found if isinstance(row, Broken)] == ["truncated"]
    [only] = read(whole, "txt", document="file")
    assert isinstance(only, Broken) and only.reason == "truncated"


def zlib_prefix(data: bytes) -> bytes:
    return data[:-9]  # the trailer and a byte


@pytest.mark.parametrize("codec", COMPRESS)
def test_flipped_bytes_are_damage_and_not_an_exception(codec: str) -> None:
    data = bytearray(COMPRESS[codec](LINES))
    data[len(data) // 2] ^= 0xFF
    found = read(bytes(data))
    assert [row.reason for row in found if isinstance(row, Broken)][-1] in ("damaged", "truncated")


def bomb(codec: str, size: int) -> bytes:
    if codec == "gzip":
        return gzip.compress(b"\0" * size)
    return zstandard.ZstdCompressor(level=19).compress(b"\0" * size)


@pytest.mark.parametrize("codec", COMPRESS)
def test_bombs_end_in_bounded_memory(codec: str) -> None:
    data = bomb(codec, 400 << 20)
    tracemalloc.start()
    found = list(FileReader(Reading(), limit=4 << 20).read(io.BytesIO(data), "jsonl"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row.reason for row in found if isinstance(row, Broken)][-1] == "decompression_bomb"
    assert peak < 400 << 20


def test_the_bound_on_bytes_holds_too() -> None:
    stream = Decompressed(io.BytesIO(gzip.compress(LINES)), most_bytes=1000)
    assert len(stream.read()) <= 1000 and stream.damage == "decompression_bomb"


@given(st.binary(max_size=300), st.lists(st.integers(0, 320), max_size=5), st.sampled_from(list(COMPRESS)))
def test_seeking_gives_what_a_plain_file_gives(data: bytes, places: list[int], codec: str) -> None:
    plain, packed = io.BytesIO(data), decompressed(io.BytesIO(COMPRESS[codec](data)))
    for place in places:
        plain.seek(place)
        packed.seek(place)
        assert packed.read(7) == plain.read(7)
    packed.seek(0)
    assert packed.read() == data


@given(st.binary(max_size=200), st.sampled_from([b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd"]), st.booleans())
def test_any_bytes_behind_the_mark(data: bytes, mark: bytes, real: bool) -> None:
    whole = COMPRESS["zstd"](data)[: max(4, len(data) // 2)] if real else mark + data
    for row in read(whole, "txt"):
        assert isinstance(row, (Document, Broken))


def test_zeros_behind_a_gzip_are_padding() -> None:
    assert read(gzip.compress(LINES) + b"\0" * 512) == read(LINES)


def test_names_tell_formats() -> None:
    names = {
        "a.jsonl.gz": "jsonl",
        "b.TXT.ZST": "txt",
        "c.warc.gz": "warc",
        "d.parquet.gz": None,
        "e.gz": None,
        "f": None,
    }
    assert {name: format_of(name) for name in names} == names
    assert module.SUFFIXES == (".gz", ".zst")
