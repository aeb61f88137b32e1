"""Lines in bounded memory, against bytes.split, and excerpts that leak nothing."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.data.corpus.lines import Broken, excerpt, excerpt_of_bytes, lines, text_lines

CHUNKS = st.lists(
    st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\xe5", b"\x00"]), max_size=9).map(b"".join), max_size=9
)


@given(CHUNKS)
def test_lines_are_those_of_split_whatever_the_chunks(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    expected = whole.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    found = list(lines(chunks))
    assert [line.data for line in found] == [line.removesuffix(b"\r") for line in expected]
    assert [line.number for line in found] == list(range(1, len(expected) + 1))
    for line in found:
        assert whole[line.offset : line.offset + line.size].rstrip(b"\r") == (line.data or b"").rstrip(b"\r")


@given(CHUNKS, st.integers(0, 5))
def test_a_line_above_the_limit_is_told_and_the_others_are_whole(chunks: list[bytes], limit: int) -> None:
    free = list(lines(chunks))
    bounded = list(lines(chunks, limit=limit))
    assert len(free) == len(bounded)
    for one, other in zip(free, bounded, strict=True):
        assert other.size == one.size and other.offset == one.offset
        assert other.data == (one.data if one.size <= limit else None)


def test_a_line_of_hundreds_of_megabytes_costs_no_more_memory_than_the_limit() -> None:
    chunk = b"x" * (1 << 20)

    def huge() -> Iterator[bytes]:
        yield b"first\n"
        for _ in range(600):
            yield chunk
        yield b"\nlast\n"

    tracemalloc.start()
    found = list(lines(huge(), limit=8 << 20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [line.data for line in found] == [b"first", None, b"last"]
    assert found[1].size == 600 << 20
    assert peak < 32 << 20


def test_an_undecodable_line_is_named_with_its_byte_and_the_next_one_is_read() -> None:
    data = "好\n".encode() + b"ab\xffcd\n" + "评".encode()
    found = list(text_lines(lines([data]), "utf-8"))
    assert [line.text for line in found] == ["好", None, "评"]
    assert found[1].broken == Broken("2", "undecodable", "ab\ufffdcd", 6)


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=300))
def test_an_excerpt_is_short_and_can_be_written(text: str) -> None:
    found = excerpt(text)
    assert len(found) <= 200
    found.encode("utf-8")


@given(st.binary(max_size=300))
def test_an_excerpt_of_any_bytes(data: bytes) -> None:
    for encoding in ("utf-8", "gb18030", "big5"):
        excerpt_of_bytes(data, encoding)  # type: ignore[arg-type]


@pytest.mark.parametrize("at", range(780, 801))
def test_no_number_shows_in_an_excerpt_even_cut_in_two(at: int) -> None:
    text = "好" * at + "13812345678" + "评" * 50
    assert "138" not in excerpt(text)
    assert "138" not in excerpt("电话13812345678" * 60)


def test_masking_that_shortens_does_not_pull_half_an_address_into_view() -> None:
    for length in range(20, 60):
        assert "aaa" not in excerpt(("a" * length + "@example.com，") * 60)
