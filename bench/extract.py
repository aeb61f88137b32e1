"""From WARC to clean text, in megabytes a CPU-second, and how much of the right text comes out: ours and datatrove's.

The WARC is made of the raw help pages in ../shared/data/corpus (zh-CN and zh-TW). The peer, datatrove's WARC reader
with its Trafilatura extractor at its defaults, runs in its own environment, named by BENCH_DATATROVE_PYTHON; without
one its row is left out. All pages of this help are made by one template, which says where the article stands: that is
the truth, without the list of related topics under it.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from time import process_time

from bench.timing import Timing, write_table
from quanheng.data.corpus import Document, FileReader
from quanheng.kinds.sources import Reading

PAGES = Path(__file__).parents[2] / "shared" / "data" / "corpus" / "libreoffice_help_html_cn_tw.jsonl.zst"
ROUNDS = 5
#: Trafilatura is slow: a part of the pages is enough for it.
SLOW_PAGES = 200
#: The peer works in a process of its own a page's time limit long: both processes' CPU time counts, and a limit of a
#: second on the clock would cost it pages on a busy machine.
PEER = """
import json, resource, sys
import trafilatura
from datatrove.data import Document
from datatrove.pipeline.readers import WarcReader
from datatrove.pipeline.extractors import Trafilatura
def cpu():
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)
reader = WarcReader(sys.argv[1], compression="gzip")
extractor = Trafilatura(timeout=60)
loaded = cpu()
texts = {document.metadata["url"]: document.text for document in extractor.run(reader.run())}
spent = cpu() - loaded
json.dump(texts, open(sys.argv[2], "w"))
print(spent)
"""
_ARTICLE = "#DisplayArea"
_BESIDE = ".relatedtopics, meta"
_TOKEN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W\u3400-\u9fff\uf900-\ufaff]+")


def write_warc(path: Path, pages: Sequence[str]) -> int:
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


def ours(path: Path, mode: str) -> tuple[float, dict[str, str]]:
    """Return CPU seconds, and the text of each page by its address."""
    start = process_time()
    with path.open("rb") as stream:
        found = [row for row in FileReader(Reading(extract=mode)).read(stream, "warc") if isinstance(row, Document)]
    return process_time() - start, {row.url or "": row.text for row in found}


def peer(python: str, folder: Path) -> tuple[float, dict[str, str]]:
    """Return the same of the peer. Exits with its last words when it fails."""
    texts = folder.parent / "texts.json"
    command = [python, "-c", PEER, str(folder), str(texts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return float(done.stdout.split()[-1]), json.loads(texts.read_text("utf-8"))


def article(page: str) -> str:
    """Return the text that the template of the help puts into a page's article."""
    from resiliparse.parse.html import HTMLTree

    document = HTMLTree.parse(page).document
    found = document.query_selector(_ARTICLE) if document else None
    if found is None:
        return ""
    for beside in found.query_selector_all(_BESIDE):
        beside.decompose()
    return str(found.text)


def agreement(text: str, truth: str) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the tokens, counted as often as they occur: a Han, or a word of others."""
    found, right = Counter(_TOKEN.findall(text)), Counter(_TOKEN.findall(truth))
    both = (found & right).total()
    if both == 0:
        return 0.0, 0.0, 0.0
    return both / found.total(), both / right.total(), 2 * both / (found.total() + right.total())


def qualities(texts: Mapping[str, str], truth: Mapping[str, str]) -> list[str]:
    """Return mean precision and recall, and mean F1 with its 95 % interval over pages; a page that is missing has 0."""
    scores = [agreement(texts.get(url, ""), right) for url, right in truth.items() if right]
    precision, recall, f1 = zip(*scores, strict=True)
    half = 1.96 * stdev(f1) / len(f1) ** 0.5
    return [
        f"{mean(precision):.3f}",
        f"{mean(recall):.3f}",
        f"{mean(f1):.3f} ({mean(f1) - half:.3f} to {mean(f1) + half:.3f})",
    ]


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
        sizes = {many: write_warc(many, pages), few: write_warc(few, _few(pages))}
        FileReader(Reading())  # what is imported on first use is not timed
        for mode in ("fast", "precise", "all"):
            ours(few, mode)
        work: dict[tuple[str, Path], Callable[[], tuple[float, dict[str, str]]]] = {
            (f"ours, {mode}", path): partial(ours, path, mode) for mode, path in _plan(many, few)
        }
        if python and Path(python).exists():
            work["datatrove, WarcReader + Trafilatura", few] = partial(peer, python, few.parent)
        seconds: dict[tuple[str, Path], list[float]] = {one: [] for one in work}
        texts = {}
        for _ in range(ROUNDS):  # in turn, so that a busy minute hits all
            for one, run in work.items():
                spent, texts[one] = run()
                seconds[one].append(spent)
        rows = [_row(*one, sizes, Timing(tuple(seconds[one])), texts[one], pages) for one in work]
    write_table("extract", "From WARC to clean text", _notes(len(work) > len(_plan(many, few))), HEADER, rows)


HEADER = (
    "what",
    "pages with text",
    "MB of HTML",
    "CPU time",
    "MB per CPU-second",
    "precision",
    "recall",
    "token F1 (95 %)",
)


def _row(
    what: str, path: Path, sizes: Mapping[Path, int], timing: Timing, texts: Mapping[str, str], pages: Sequence[str]
) -> list[str]:
    size = sizes[path] / 1e6
    low, high = size / max(timing.seconds), size / min(timing.seconds)
    own = _few(pages) if path.parent.name == "few" else pages
    truth = {f"http://help.example/{number}": article(page) for number, page in enumerate(own)}
    return [
        what,
        f"{len(texts):,} of {len(truth):,}",
        f"{size:.1f}",
        timing.range_text(),
        f"{size / timing.median:.2f} ({low:.2f} to {high:.2f})",
        *qualities(texts, truth),
    ]


def _few(pages: Sequence[str]) -> list[str]:
    """Return every nth page: they stand in the order of the help's parts."""
    return list(pages[:: len(pages) // SLOW_PAGES][:SLOW_PAGES])


def _notes(has_peer: bool) -> list[str]:
    notes = [
        f"n = {ROUNDS} rounds, all systems in turn; CPU time of all their processes, without imports, median (min to "
        "max); MB of HTML before compression.",
        "",
        "Not the same work. Ours, fast and all: Resiliparse, tables become Markdown, encodings and addresses are read. "
        "Ours, precise: Trafilatura, favouring precision, in our reader. The peer: Trafilatura, favouring precision "
        "and leaving out what it saw before (its defaults; without the latter its text here is the same), each page "
        "sent to a process of its own; its limit of a second a page is lifted.",
        "",
        "Quality: tokens (a Han, or a word of other letters and digits, as often as it occurs) against the article as "
        "the template of this help marks it, without the list of related topics; means over pages, a page without "
        "text counts 0. The article is found and read by Resiliparse, which ours uses too. One kind of page: a help "
        "system with short articles, on which rules that look for long paragraphs have a hard time.",
        "",
    ]
    if not has_peer:
        notes.append("No environment with datatrove and Trafilatura was here, so there is no peer.")
    return notes


def _plan(many: Path, few: Path) -> list[tuple[str, Path]]:
    return [("fast", many), ("all", many), ("fast", few), ("all", few), ("precise", few)]


if __name__ == "__main__":
    main()
