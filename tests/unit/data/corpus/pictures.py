"""Pictures of pages with Chinese text, drawn here: what text recognition is tested with."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
Image: Any = pytest.importorskip("PIL.Image", reason="Pillow comes with quanheng[ocr]")
ImageDraw: Any = pytest.importorskip("PIL.ImageDraw")
ImageFont: Any = pytest.importorskip("PIL.ImageFont")
fonts: Any = pytest.importorskip("pylopdf_fonts_zh_cn", reason="the font comes with quanheng[report]")

FONT = Path(fonts.__file__).parent / "NotoSerifSC-Regular.otf"
_WORDS = (
    "国家 有关 部门 应当 依法 管理 公民 法人 组织 权利 义务 规定 责任 人民政府 负责 监督 检查 申请 登记 机关 办法 施行"
)


def words(count: int, seed: int) -> str:
    """Return so many characters of text."""
    made = random.Random(seed)
    text = ""
    while len(text) < count:
        text += "".join(made.choice(_WORDS.split()) for _ in range(made.randint(3, 7))) + made.choice("，。")
    return text[:count]


def lines_of(text: str, length: int) -> list[str]:
    return [text[at : at + length] for at in range(0, len(text), length)]


def drawn(
    *columns: list[str], size: int = 28, width: int = 1000, height: int = 700, left: int = 60, column: int = 480
) -> Any:
    """Return a picture with columns of lines."""
    picture = Image.new("RGB", (width, height), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.truetype(str(FONT), size)
    for place, lines in enumerate(columns):
        for row, line in enumerate(lines):
            pen.text((left + place * column, 40 + row * int(size * 1.6)), line, fill="black", font=font)
    return picture


def vertical(lines: list[str], size: int = 30, width: int = 600, height: int = 700) -> Any:
    """Return a picture with lines of vertical text from the right."""
    picture = Image.new("L", (width, height), 255)
    pen, font = ImageDraw.Draw(picture), ImageFont.truetype(str(FONT), size)
    for place, line in enumerate(lines):
        for row, char in enumerate(line):
            pen.text((width - 80 - place * int(size * 1.6), 40 + row * int(size * 1.1)), char, fill=0, font=font)
    return picture


def saved(picture: Any, format: str, **options: Any) -> bytes:
    target = io.BytesIO()
    picture.save(target, format, **options)
    return target.getvalue()


def errors(wanted: str, found: str) -> int:
    """Return the edit distance of two texts without blanks."""
    a, b = "".join(wanted.split()), "".join(found.split())
    row = list(range(len(b) + 1))
    for at, char in enumerate(a, start=1):
        before, row[0] = row[0], at
        for place, other in enumerate(b, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (char != other))
    return row[-1]
