"""A drawing as a PNG of four colours, for formats that draw no lines themselves. The words beside it are not in it."""

from __future__ import annotations

import struct
import zlib
from math import hypot

from quanheng.oversight.report.drawings import Drawing

#: Pixels: 40 mm wide at 305 dots an inch.
WIDTH, HEIGHT, BAR_HEIGHT = 480, 64, 43
_AXIS, _LINE, _DASH, _RADIUS = 3, 11, 10, 15
_PAPER, _HAIR, _LIMIT, _INK = range(4)
_GREY, _LIMIT_GREY = 0xC9C4BA, 0x5F686F
_STORED = 0  # zlib's level: nothing is compressed, so that every zlib writes the same bytes


class _Picture:
    """Pixels by row, each one of four colours."""

    def __init__(self, height: int) -> None:
        self.rows = [bytearray(WIDTH) for _ in range(height)]

    def fill(self, x: float, y: float, width: float, height: float, colour: int) -> None:
        """Fill a rectangle, as far as it is inside."""
        left, right = max(0, round(x)), min(WIDTH, round(x + width))
        for row in self.rows[max(0, round(y)) : round(y + height)]:
            row[left:right] = bytes([colour]) * max(0, right - left)

    def ring(self, x: float, y: float, *, hollow: bool) -> None:
        """Draw the point: full, or hollow."""
        for row in range(len(self.rows)):
            for column in range(max(0, int(x) - _RADIUS), min(WIDTH, int(x) + _RADIUS + 1)):
                distance = hypot(column - x, row - y)
                if distance <= _RADIUS:
                    self.rows[row][column] = _PAPER if hollow and distance < _RADIUS - 6 else _INK

    def png(self, ink: int) -> bytes:
        """Return the picture as a file, `ink` (0xRRGGBB) being its fourth colour."""
        size = struct.pack(">LLBBBBB", WIDTH, len(self.rows), 2, 3, 0, 0, 0)
        palette = b"".join(colour.to_bytes(3, "big") for colour in (0xFFFFFF, _GREY, _LIMIT_GREY, ink))
        data = b"".join(b"\0" + _packed(row) for row in self.rows)
        chunks = ((b"IHDR", size), (b"PLTE", palette), (b"IDAT", zlib.compress(data, _STORED)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def scale_png(drawing: Drawing, ink: int) -> bytes:
    """Return a scale with its limit, its span and its point, without words."""
    picture, middle = _Picture(HEIGHT), HEIGHT // 2
    picture.fill(0, middle - 1, WIDTH, _AXIS, _HAIR)
    x = min(drawing.limit * WIDTH, WIDTH - 4)
    for y in range(0, HEIGHT, 2 * _DASH):
        picture.fill(x, y, 4, _DASH, _LIMIT)
    start, end = drawing.span
    picture.fill(start * WIDTH, middle - _LINE // 2, max((end - start) * WIDTH, 4), _LINE, _INK)
    if drawing.point is not None:
        at = min(max(drawing.point * WIDTH, _RADIUS), WIDTH - _RADIUS)
        picture.ring(at, middle, hollow=drawing.tone in ("wait", "na"))
    return picture.png(ink)


def bar_png(share: float, ink: int) -> bytes:
    """Return a bar for a share between 0 and 1."""
    picture = _Picture(BAR_HEIGHT)
    top = (BAR_HEIGHT - _LINE) // 2
    picture.fill(0, top, WIDTH, _LINE, _HAIR)
    picture.fill(0, top, min(max(share, 0.0), 1.0) * WIDTH, _LINE, _INK)
    return picture.png(ink)


def _packed(row: bytearray) -> bytes:
    """Return four pixels in each byte, the leftmost in the highest bits."""
    return bytes(a << 6 | b << 4 | c << 2 | d for a, b, c, d in zip(*(row[i::4] for i in range(4)), strict=True))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body))
