"""Pictures for Word: a strict reader opens them, and they are drawn where the numbers say."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.oversight.report.drawings import Drawing
from quanheng.oversight.report.png import BAR_HEIGHT, HEIGHT, WIDTH, bar_png, scale_png

INK = 0xA12C1D
share = st.floats(0, 1)


def pixels(png: bytes) -> list[list[int]]:
    """Return the rows of a palette PNG as colours; every chunk's checksum holds."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(png):
        size, name = struct.unpack_from(">L4s", png, at)
        body = png[at + 8 : at + 8 + size]
        assert zlib.crc32(name + body) == struct.unpack_from(">L", png, at + 8 + size)[0]
        chunks[name], at = body, at + 12 + size
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height, depth, kind = struct.unpack_from(">LLBB", chunks[b"IHDR"])
    assert (width, depth, kind) == (WIDTH, 2, 3)
    colours = [int.from_bytes(chunks[b"PLTE"][i : i + 3], "big") for i in range(0, 12, 3)]
    data, line = zlib.decompress(chunks[b"IDAT"]), WIDTH // 4 + 1
    assert len(data) == line * height
    rows = [data[i * line + 1 : (i + 1) * line] for i in range(height)]
    return [[colours[byte >> shift & 3] for byte in row for shift in (6, 4, 2, 0)] for row in rows]


@given(share)
def test_a_bar_is_as_long_as_its_share(value: float) -> None:
    middle = pixels(bar_png(value, INK))[BAR_HEIGHT // 2]
    assert middle.count(INK) == round(value * WIDTH)
    assert INK not in middle[middle.count(INK) :]


@given(share, share, share, st.one_of(st.none(), share), st.sampled_from(["ok", "no", "wait", "na"]))
def test_a_scale_is_drawn_where_the_numbers_say(
    limit: float, a: float, b: float, point: float | None, tone: str
) -> None:
    span = (min(a, b), max(a, b))
    drawing = Drawing(tone, "", limit, "", "middle", span, point)  # type: ignore[arg-type]
    rows = pixels(scale_png(drawing, INK))
    assert len(rows) == HEIGHT
    edge = rows[HEIGHT // 2 - 5]  # above the axis, inside the span's line
    if point is None:
        inked = [x for x, colour in enumerate(edge) if colour == INK]
        assert all(span[0] * WIDTH - 1 <= x <= max(span[1] * WIDTH, span[0] * WIDTH + 4) + 1 for x in inked)
        assert len(inked) >= (span[1] - span[0]) * WIDTH - 2
    else:
        at = min(max(int(point * WIDTH), 15), WIDTH - 15)
        hollow = tone in ("wait", "na")
        assert (rows[HEIGHT // 2][at] == INK) == (not hollow)


def test_the_same_drawing_is_the_same_file() -> None:
    assert bar_png(0.5, INK) == bar_png(0.5, INK)


@pytest.mark.parametrize("value", [-1.0, 2.0])
def test_a_bar_stays_inside(value: float) -> None:
    assert pixels(bar_png(value, INK))[BAR_HEIGHT // 2].count(INK) == (WIDTH if value > 0 else 0)
