"""Mutates whole files of every format and reads them: `python -m bench.fuzz_readers SECONDS [FORMAT …]`.

Pictures are read by OCR where it is installed, and then cost a hundredfold; else only their refusal is tested.

A crash is any exception but the two that readers promise (no text column, unknown encoding is Broken), anything read
that is neither a document nor a broken row, or text that cannot be written as UTF-8. The input of a crash is kept.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import random
import sys
import traceback
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, cast, get_args

from tests.unit.data.corpus.samples import seeds

from quanheng.data.corpus.lines import Broken, Document
from quanheng.data.corpus.read import FileReader
from quanheng.errors import Invalid
from quanheng.kinds.sources import FileFormat, Reading

#: Pieces that parsers take seriously.
TOKENS = (
    b"<", b">", b"</", b"<!--", b"<table>", b"<tr><td>", b"<ul><li>", b"<meta charset=big5>", b"<!DOCTYPE x [",
    b"&#x110000;",
    b'"', b"\n", b"\r\n\r\n", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"PK\x03\x04",
    b"WARC/1.0\r\n", b"Content-Length: 99999999999\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b"{", b"}", b"[" * 300, b'{"text":', b"\\ud800", b"\\u0000", b"1e999", b"endobj", b"stream",
    b"/Encrypt", b"\x80\x81", b"---\n",
)  # fmt: skip
READINGS: tuple[dict[str, Any], ...] = (
    {},
    {"document": "line"},
    {"document": "paragraph", "encoding": "gb18030"},
    {"encoding": "utf-16"},
    {"markup": "pku_tagged"},
    {"text_field": "dialogue"},
    {"text_fields": ("id", "text"), "url_field": "a.0.b"},
    {"extract": "all", "encoding": "big5"},
)
#: Formats of pictures, and what Pillow calls them.
PICTURES = {"png": "PNG", "jpeg": "JPEG", "tiff": "TIFF", "webp": "WEBP"}
#: CPU seconds, so that a busy machine makes nothing slow.
SLOW_S = 10.0
LIMIT_BYTES = 1 << 20


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with one to eight changes: bytes, pieces, cuts, repeats."""
    result = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(result) + 1)
        match rng.randrange(6):
            case 0 if result:
                result[at % len(result)] = rng.randrange(256)
            case 1:
                result[at:at] = rng.choice(TOKENS)
            case 2:
                del result[at : at + rng.randint(1, 40)]
            case 3:
                result[at:at] = result[at : at + rng.randint(1, 60)] * rng.randint(1, 50)
            case 4:
                other = rng.randrange(len(result) + 1)
                result[at:at] = result[other : other + rng.randint(1, 99)]
            case _:
                if rng.random() < 0.2:
                    del result[at:]
    return bytes(result)


def pictures() -> dict[str, list[bytes]]:
    """Return small pictures of a line of text, in every format."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (160, 48), "white")
    ImageDraw.Draw(image).text((8, 16), "Hello 2024", fill="black")
    found = {}
    for format, name in PICTURES.items():
        files = []
        for mode in ("RGB", "L"):
            target = io.BytesIO()
            image.convert(mode).save(target, name)
            files.append(target.getvalue())
        found[format] = files
    return found


def readings(format: FileFormat) -> tuple[dict[str, Any], ...]:
    """Return the ways to read a format; pictures by OCR where it is installed."""
    if format in PICTURES and find_spec("rapidocr"):
        return ({"ocr": "always"}, {"ocr": "when_missing"})
    return READINGS


def check(data: bytes, format: FileFormat, reading: Reading) -> int:
    """Read a file, return how many rows it gave; raises on what is wrong."""
    rows = 0
    try:
        for row in FileReader(reading, limit=LIMIT_BYTES).read(io.BytesIO(data), format):
            rows += 1
            if not isinstance(row, (Document, Broken)):
                raise TypeError(f"{type(row).__name__} is neither a document nor a broken row")
            for part in row:
                if isinstance(part, str):
                    part.encode("utf-8")
    except Invalid as error:
        if error.code != "no_text_field":
            raise
    return rows


def fuzz(format: FileFormat, seconds: float, seed: int, kept: Path) -> Counter[str]:
    """Return counts of inputs, rows, crashes and slow inputs of one format."""
    rng = random.Random(f"{format} {seed}")
    whole = pictures()[format] if format in PICTURES else seeds()[format]
    found: Counter[str] = Counter()
    end = perf_counter() + seconds
    while perf_counter() < end:
        start = process_time()
        data = mutated(rng.choice(whole), rng)
        choice: dict[str, Any] = rng.choice(readings(format))
        found["inputs"] += 1
        try:
            found["rows"] += check(data, format, Reading(**choice))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            found["crashes"] += 1
            name = kept / f"{format}-{hashlib.sha256(data).hexdigest()[:12]}"
            name.write_bytes(data)
            sys.stdout.write(f"{name} {choice}\n{''.join(traceback.format_exception(error)[-3:])}\n")
        if process_time() - start > SLOW_S:
            found["slow"] += 1
            name = kept / f"{format}-slow-{hashlib.sha256(data).hexdigest()[:12]}"
            name.write_bytes(data)
            sys.stdout.write(f"slow: {name} {choice}\n")
    return found


def main() -> None:
    """Fuzz each format for its share of the time, print a line for each, and fail if anything crashed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float)
    parser.add_argument("formats", nargs="*", default=list(get_args(FileFormat)))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"))
    asked = parser.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    bad = 0
    for format in asked.formats:
        found = fuzz(cast(FileFormat, format), asked.seconds / len(asked.formats), asked.seed, asked.keep)
        bad += found["crashes"] + found["slow"]
        counts = f"{found['inputs']:,} inputs, {found['rows']:,} rows"
        sys.stdout.write(f"{format}: {counts}, {found['crashes']} crashes, {found['slow']} slow\n")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
