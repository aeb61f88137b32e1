"""From WARC to clean text, in megabytes a CPU-second: our readers, and datatrove's WARC reader with Trafilatura.

The WARC is made of the raw help pages in ../shared/data/corpus (zh-CN and zh-TW). The peer runs in its own environment,
named by BENCH_DATATROVE_PYTHON; without one its row is left out.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time

from bench.timing import Timing, write_table
from quanheng.data.corpus import Document, FileReader
from quanheng.kinds.data import Reading

PAGES = Path(__file__).parents[2] / "shared" / "data" / "corpus" / "libreoffice_help_html_cn_tw.jsonl.zst"
ROUNDS = 3
#: Trafilatura is slow: a part of the pages is enough for it.
SLOW_PAGES = 200
PEER = """
import json, sys, time
from datatrove.data import Document
from datatrove.pipeline.readers import WarcReader
from datatrove.pipeline.extractors import Trafilatura
loaded = time.process_time()
extractor = Trafilatura()
try:
    documents, what = WarcReader(sys.argv[1], compression="gzip").run(), "reader"
except ImportError:
    documents, what = (Document(page, str(n)) for n, page in enumerate(json.load(open(sys.argv[2])))), "pages"
texts = [document.text for document in extractor.run(documents)]
print(time.process_time() - loaded, sum(map(len, texts)), len(texts), what)
"""


def write_warc(path: Path, pages: list[str]) -> int:
    """Write a record a page, each its own gzip member as crawlers do; return the bytes of HTML."""
    size = 0
    with path.open("wb") as target:
        for number, page in enumerate(pages):
            body = page.encode()
            size += len(body)
            http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
            head = (
                "WARC/1.0\r\nWARC-Type: response\r\n"
                f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>\r\n"
                f"WARC-Target-URI: http://help.example/{number}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
                f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
            )
            target.write(gzip.compress(head.encode() + http + b"\r\n\r\n", mtime=0))
    return size


def ours(path: Path, mode: str) -> tuple[Timing, int, int]:
    """Return CPU seconds of each round, characters and documents."""
    seconds, characters, documents = [], 0, 0
    for _ in range(ROUNDS):
        start = process_time()
        with path.open("rb") as stream:
            found = [row for row in FileReader(Reading(extract=mode)).read(stream, "warc") if isinstance(row, Document)]
        seconds.append(process_time() - start)
        characters, documents = sum(len(row.text) for row in found), len(found)
    return Timing(tuple(seconds)), characters, documents


def peer(python: str, folder: Path, pages: list[str]) -> tuple[str, tuple[Timing, int, int]] | None:
    """Return the same of the peer and its name, None where it cannot run.

    Where its environment lacks what its WARC reader needs, it is given the pages themselves and saved the reading.
    """
    seconds, characters, documents = [], 0, 0
    given = folder.parent / "pages.json"
    given.write_text(json.dumps(pages))
    name = ""
    for _ in range(ROUNDS):
        done = subprocess.run(
            [python, "-c", PEER, str(folder), str(given)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.stderr.write(done.stderr[-1000:])
            return None
        cpu, count, number, what = done.stdout.split()[-4:]
        seconds.append(float(cpu))
        characters, documents = int(count), int(number)
        name = (
            "datatrove, WarcReader + Trafilatura" if what == "reader" else "datatrove, Trafilatura alone (pages given)"
        )
    return name, (Timing(tuple(seconds)), characters, documents)


def _pages() -> list[str]:
    import zstandard

    with PAGES.open("rb") as stream:
        rows = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(stream), "utf-8")
        return [json.loads(row)["html"] for row in rows]


def main() -> None:
    """Write bench/results/extract.md."""
    if not PAGES.exists():
        sys.stdout.write("extract: the help pages are not here; skipped\n")
        return
    pages = _pages()
    python = os.environ.get("BENCH_DATATROVE_PYTHON", "")
    with tempfile.TemporaryDirectory() as scratch:
        many, few = Path(scratch) / "all" / "p.warc.gz", Path(scratch) / "few" / "p.warc.gz"
        for path in (many, few):
            path.parent.mkdir()
        sizes = {many: write_warc(many, pages), few: write_warc(few, pages[:SLOW_PAGES])}
        FileReader(Reading())  # what is imported on first use is not timed
        ours(few, "fast"), ours(few, "precise")
        results = [(f"ours, {mode}", path, ours(path, mode)) for mode, path in _plan(many, few)]
        theirs = peer(python, few.parent, pages[:SLOW_PAGES]) if python and Path(python).exists() else None
        if theirs is not None:
            results.append((theirs[0], few, theirs[1]))
    rows = [
        [
            what,
            f"{n:,}",
            f"{sizes[path] / 1e6:.1f}",
            timing.range_text(),
            f"{sizes[path] / 1e6 / timing.median:.2f}",
            f"{size:,}",
        ]
        for what, path, (timing, size, n) in results
    ]
    note = "" if theirs is not None else " No environment with datatrove and Trafilatura was here, so there is no peer."
    write_table(
        "extract",
        "From WARC to clean text",
        [f"n = {ROUNDS} rounds, CPU time of one process, median (min to max); MB of HTML before compression.{note}"],
        ["what", "pages with text", "MB of HTML", "CPU time", "MB per CPU-second", "characters out"],
        rows,
    )


def _plan(many: Path, few: Path) -> list[tuple[str, Path]]:
    return [("fast", many), ("all", many), ("precise", few), ("fast", few)]


if __name__ == "__main__":
    main()
