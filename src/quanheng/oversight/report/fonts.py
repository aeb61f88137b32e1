"""The one family of fonts that a PDF is set in, and which characters it has. Nothing of the system is asked."""

from __future__ import annotations

import struct
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from quanheng.errors import Corrupt
from quanheng.oversight.report.literal import JOINERS, is_seen

#: The package with Noto Sans SC and Noto Serif SC (OFL-1.1), pinned in the extra [report].
PACKAGE = "pylopdf_fonts_zh_cn"
SANS = "NotoSansSC-Regular.otf"
#: (platform, encoding) of the subtable with all of Unicode: Windows, UCS-4. Source: OpenType 1.9, cmap.
_ALL_OF_UNICODE = (3, 10)
_SEGMENTED = 12


def font_folder() -> Path:
    """Return the folder that holds the two fonts and no others."""
    return Path(str(files(PACKAGE)))


def can_show(char: str) -> bool:
    """Return whether the fonts have a glyph for a character that is seen."""
    return is_seen(char) and char not in JOINERS and ord(char) in characters(font_folder() / SANS)


@lru_cache(maxsize=1)
def characters(path: Path) -> frozenset[int]:
    """Return the code points for which the OpenType font at `path` has a glyph. Raises Corrupt if it cannot tell."""
    data = path.read_bytes()
    tables = struct.unpack_from(">H", data, 4)[0]
    records = (struct.unpack_from(">4sLLL", data, 12 + 16 * i) for i in range(tables))
    cmap = next((offset for tag, _, offset, _ in records if tag == b"cmap"), None)
    if cmap is not None:
        count = struct.unpack_from(">H", data, cmap + 2)[0]
        for i in range(count):
            platform, encoding, offset = struct.unpack_from(">HHL", data, cmap + 4 + 8 * i)
            if (platform, encoding) == _ALL_OF_UNICODE:
                return _segments(data, cmap + offset)
    raise _unreadable(path)


def _segments(data: bytes, start: int) -> frozenset[int]:
    """Return the code points of a subtable of format 12; those without a glyph (number 0) are not in it."""
    kind, groups = struct.unpack_from(">H", data, start)[0], struct.unpack_from(">L", data, start + 12)[0]
    if kind != _SEGMENTED:
        return frozenset()
    found: set[int] = set()
    for i in range(groups):
        first, last, glyph = struct.unpack_from(">LLL", data, start + 16 + 12 * i)
        found.update(range(first + (glyph == 0), last + 1))
    return frozenset(found)


def _unreadable(path: Path) -> Corrupt:
    return Corrupt(
        f"{path.name} does not say which characters it has",
        f"字体文件 {path.name} 未说明其包含的字符",
        hint=(f"Install {PACKAGE} again.", f"请重新安装 {PACKAGE}。"),
        code="font_damaged",
    )
