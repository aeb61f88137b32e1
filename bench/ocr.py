"""Text recognition on drawn pages of Chinese statutes: ours (PP-OCRv6 through RapidOCR) and Tesseract, error and cost.

Text is that of ../shared/data/corpus; pages are drawn with Noto CJK fonts of the machine. Tesseract runs as a program
where it is installed (tesseract-ocr, -chi-sim, -chi-tra and their -vert); without it its columns are left out.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.timing import write_table
from quanheng.stats import bound_lower, bound_upper

TEXTS = Path(__file__).parents[2] / "shared" / "data" / "corpus" / "laws_national.jsonl.zst"
FONTS = Path("/usr/share/fonts/opentype/noto")
PAGES = 3
CHARACTERS = 300
WIDTH, HEIGHT, MARGIN = 1240, 877, 70
_SIMPLIFIED, _TRADITIONAL = 2, 3  # faces of the Noto collections


@dataclass(frozen=True)
class Look:
    """How a page looks; sizes in pixels, skew in degrees, blur and noise as standard deviations."""

    name: str
    size: int = 28
    columns: int = 1
    vertical: bool = False
    traditional: bool = False
    serif: bool = True
    noise: float = 0
    skew: float = 0
    blur: float = 0
    jpeg: int = 0


PLAIN = Look("28 px, serif")
LOOKS = (
    PLAIN,
    Look("18 px, sans", 18, serif=False),
    Look("14 px", 14),
    Look("28 px, noise 60", noise=60),
    Look("28 px, skew 1.5 degrees", skew=1.5),
    Look("20 px, JPEG quality 15", 20, jpeg=15),
    Look("traditional, 28 px", traditional=True),
    Look("two columns, 24 px", 24, columns=2),
    Look("vertical, 30 px", 30, vertical=True),
    Look("vertical, traditional, 30 px", 30, vertical=True, traditional=True),
)
#: From legible to not at all: for the floor of confidence.
WORSE = (
    *(replace(PLAIN, name=f"noise {noise}", noise=noise) for noise in (100, 120, 140, 160)),
    *(replace(PLAIN, name=f"blur {blur}", blur=blur) for blur in (2.5, 3.2, 3.8)),
)


def texts() -> list[str]:
    """Return statutes without marks and blanks."""
    import zstandard

    with TEXTS.open("rb") as stream:
        rows = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(stream), "utf-8")
        found = [re.sub(r"[#*\s]+", "", json.loads(row)["text"]) for row in rows]
    return [text for text in found if len(text) > 2000]


def draw(text: str, look: Look, seed: int) -> tuple[np.ndarray[Any, Any], str]:
    """Return a page as grey pixels, and what stands on it in the order of reading."""
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    name = "NotoSerifCJK-Regular.ttc" if look.serif else "NotoSansCJK-Regular.ttc"
    font = ImageFont.truetype(str(FONTS / name), look.size, index=_TRADITIONAL if look.traditional else _SIMPLIFIED)
    page = Image.new("L", (WIDTH, HEIGHT), 255)
    pen, written = ImageDraw.Draw(page), ""
    for x, y, piece in _places(text, look):
        if look.vertical:
            for row, char in enumerate(piece):
                pen.text((x, y + row * int(look.size * 1.1)), char, fill=0, font=font)
        else:
            pen.text((x, y), piece, fill=0, font=font)
        written += piece
    if look.blur:
        page = page.filter(ImageFilter.GaussianBlur(look.blur))
    if look.skew:
        page = page.rotate(look.skew, resample=Image.Resampling.BICUBIC, fillcolor=255)
    if look.jpeg:
        packed = io.BytesIO()
        page.save(packed, "JPEG", quality=look.jpeg)
        page = Image.open(packed)
    pixels = np.asarray(page).astype(float)
    if look.noise:
        pixels = pixels + np.random.default_rng(seed).normal(0, look.noise, pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8), written


def _places(text: str, look: Look) -> Iterator[tuple[int, int, str]]:
    """Yield where each line stands, and its text."""
    step = int(look.size * 1.6)
    if look.vertical:
        length = (HEIGHT - 2 * MARGIN) // int(look.size * 1.1)
        for number, x in enumerate(range(WIDTH - MARGIN - look.size, MARGIN, -step)):
            yield x, MARGIN, text[number * length : (number + 1) * length]
        return
    gap = 60
    width = (WIDTH - 2 * MARGIN - gap * (look.columns - 1)) // look.columns
    length, rows = width // look.size, (HEIGHT - 2 * MARGIN) // step
    rows = min(rows, -(-len(text) // (length * look.columns)))
    for line in range(rows * look.columns):
        column, row = divmod(line, rows)
        yield MARGIN + column * (width + gap), MARGIN + row * step, text[line * length : (line + 1) * length]


def distance(wanted: str, found: str) -> int:
    """Return the edit distance."""
    other = np.frombuffer(found.encode("utf-32-le"), np.uint32)
    row = np.arange(len(found) + 1)
    for at, char in enumerate(wanted, start=1):
        best = np.minimum(row[:-1] + (other != ord(char)), row[1:] + 1)
        full = np.concatenate([[at], best]) - np.arange(len(found) + 1)
        row = np.minimum.accumulate(full) + np.arange(len(found) + 1)
    return int(row[-1])


def folded(text: str) -> str:
    """Return the text without blanks, full-width forms as half-width ones."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def tesseract(page: np.ndarray[Any, Any], look: Look) -> tuple[str, float]:
    """Return what Tesseract reads, and its CPU seconds."""
    from PIL import Image

    packed = io.BytesIO()
    Image.fromarray(page).save(packed, "PNG")
    language = ("chi_tra" if look.traditional else "chi_sim") + ("_vert" if look.vertical else "")
    mode = "5" if look.vertical else "3"
    before = os.times()
    done = subprocess.run(
        ["tesseract", "-", "-", "-l", language, "--psm", mode, "--dpi", "150"],
        input=packed.getvalue(),
        capture_output=True,
        check=True,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
    )
    after = os.times()
    return done.stdout.decode(), after.children_user + after.children_system - sum(before[2:4])


def ours(page: np.ndarray[Any, Any], look: Look) -> tuple[str, float, float]:
    """Return what ours reads, its CPU seconds and its confidence."""
    from quanheng.data.corpus.ocr import recogniser

    start = time.process_time()
    found = recogniser().read(page)
    return found.text, time.process_time() - start, found.confidence


def rate(errors: int, n: int) -> str:
    """Return a share of characters with its one-sided 95% bounds."""
    low, high = bound_lower(min(errors, n), n), bound_upper(min(errors, n), n)
    return f"{100 * errors / n:.2f}% ({100 * low:.2f} to {100 * high:.2f})"


def pages(look: Look) -> Iterator[tuple[np.ndarray[Any, Any], str]]:
    """Yield the pages of a look, the same for every engine."""
    from opencc_pyo3 import OpenCC

    chosen = random.Random(look.name)
    known = texts()
    for number in range(PAGES):
        text = chosen.choice(known)[300 : 300 + CHARACTERS]
        yield draw(OpenCC("s2t").convert(text) if look.traditional else text, look, number)


def measure(look: Look, read: Callable[..., Any]) -> tuple[int, int, int, float, float]:
    """Return errors, errors but for width, characters, CPU seconds and mean confidence over the pages."""
    errors = narrow = n = 0
    seconds, sure = 0.0, []
    for page, written in pages(look):
        found, spent, *confidence = read(page, look)
        errors += distance(re.sub(r"\s", "", written), re.sub(r"\s", "", found))
        narrow += distance(folded(written), folded(found))
        n += len(written)
        seconds += spent
        sure += confidence
    return errors, narrow, n, seconds, float(np.mean(sure)) if sure else 0.0


def main() -> None:
    """Write bench/results/ocr.md."""
    if not TEXTS.exists() or not FONTS.exists():
        sys.stdout.write("ocr: the statutes or the Noto CJK fonts are not here; skipped\n")
        return
    from quanheng.data.corpus.ocr import identity, recogniser

    recogniser()
    peer = shutil.which("tesseract") is not None
    rows = []
    for look in (*LOOKS, *WORSE):
        errors, narrow, n, seconds, sure = measure(look, ours)
        row = [
            look.name,
            f"{n:,}",
            rate(errors, n),
            f"{100 * narrow / n:.2f}%",
            f"{sure:.3f}",
            f"{seconds / PAGES:.1f}",
        ]
        if peer and look in LOOKS:
            errors, narrow, n, seconds, _ = measure(look, tesseract)
            row += [rate(errors, n), f"{100 * narrow / n:.2f}%", f"{seconds / PAGES:.1f}"]
        rows.append([*row, *["-"] * (9 - len(row))])
    version = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=True) if peer else None
    write_table(
        "ocr",
        "Text recognition on drawn pages of Chinese text",
        [
            f"n = {PAGES} pages of {WIDTH} × {HEIGHT} pixels a row (half of A4 at 150 dpi); CER = edit distance "
            "through characters, blanks left out, with one-sided 95% bounds that take characters for independent. “But "
            "for width”: full- and half-width punctuation taken for equal. CPU of one thread.",
            f"Ours: {identity()}. Peer: {version.stdout.splitlines()[0] if version else 'not installed'}.",
            "Pages are drawn, not scanned: real scans are worse. Of the errors on vertical traditional pages, where "
            "they were looked at, all were punctuation marks left out or narrow. "
            "Below a confidence of 0.9 a page is kept aside.",
        ],
        [
            "page", "characters", "CER", "but for width", "confidence", "CPU s a page",
            "Tesseract: CER", "but for width", "CPU s a page",
        ],
        rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
