"""Book-like texts for the recipe of books: classics, poems, collections, chapters of manuals, beside the long ones.

The classics and poems are those of the npm package chinese-poetry (MIT), the chapters those of Debian's packages of
documentation (GPL and others). Neither is copied into the repository: unpack them into a folder, and name it.

    apt-get download debian-handbook debian-reference-zh-cn debian-reference-zh-tw maint-guide-zh-cn \\
        maint-guide-zh-tw debian-faq-zh-cn && for file in *.deb; do dpkg -x "$file" FOLDER; done
    npm pack chinese-poetry@2.0.1 && tar -xzf chinese-poetry-2.0.1.tgz -C FOLDER
    export QUANHENG_BENCH_BOOKS=FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bench import quality_texts

#: Kinds of the other texts that a publisher would call long: what the recipe is for.
LONG = (
    "statutes",
    "help pages, simplified",
    "help pages, traditional",
    "manual pages, simplified",
    "manual pages, traditional",
    "manual pages, every language",
)
_CHAPTERS = (
    "usr/share/doc/debian-handbook/html/zh-*/*.html",
    "usr/share/debian-reference/*.zh-*.html",
    "usr/share/doc/maint-guide-zh-*/html/*.html",
    "usr/share/doc/debian/FAQ/zh-cn/*.html",
)


def folder() -> Path:
    """Return where the packages were unpacked. Exits with a message when it is not named."""
    named = os.environ.get("QUANHENG_BENCH_BOOKS", "")
    if not Path(named, "package/dist").is_dir():
        sys.exit("QUANHENG_BENCH_BOOKS names no folder of unpacked books: see bench/quality_books.py")
    return Path(named)


@cache
def documents() -> dict[str, list[str]]:
    """Return the book-like texts of every kind, in the order of the files."""
    kinds = {name: texts for name, texts in quality_texts.documents().items() if name in LONG}
    for name, found in _KINDS.items():
        kinds[name] = [text for text in found() if text.strip()]
    return kinds


def _json(pattern: str) -> Iterator[Any]:
    for path in sorted(folder().glob(f"package/dist/{pattern}")):
        yield json.loads(path.read_text("utf-8"))


def _passages() -> Iterator[str]:
    seen = set[str]()
    for path in sorted((quality_texts.DATA / "evaluation/agieval_zh").glob("*.jsonl")):
        for line in path.read_text("utf-8").split("\n"):
            passage = (json.loads(line)["passage"] or "") if line.strip() else ""
            if passage not in seen:
                seen.add(passage)
                yield passage


def _chapters() -> Iterator[str]:
    from quanheng.data.corpus.extract import extract

    for pattern in _CHAPTERS:
        for path in sorted(folder().glob(pattern)):
            yield extract(path.read_text("utf-8"))


def _classics() -> Iterator[str]:
    for pattern in ("mengxue/*.json", "sishuwujing/*.json", "lunyu/*.json", "chuci/*.json", "shijing/*.json"):
        for tree in _json(pattern):
            yield from _parts(tree)
    for tree in _json("youmengying/*.json"):
        for row in tree:
            yield "\n".join((row["content"], *row["comment"]))


def _parts(tree: Any) -> Iterator[str]:
    """Yield each part of a book that holds lines, with its heading."""
    if isinstance(tree, list):
        for part in tree:
            yield from _parts(part)
    elif isinstance(tree, dict):
        lines = tree.get("paragraphs", tree.get("content"))
        if isinstance(lines, list) and lines and all(isinstance(line, str) for line in lines):
            heading = tree.get("chapter") if "paragraphs" in tree else tree.get("title")
            yield "\n".join((str(heading or tree.get("title", "")), *lines))
        else:
            yield from _parts(lines)


def _poems() -> Iterator[tuple[str, str]]:
    """Yield author and text of each poem, a song with its tune."""
    for pattern in ("quantangshi/poet.tang.*.json", "songci/ci.song.*.json", "yuanqu/yuanqu.json"):
        for rows in _json(pattern):
            for row in rows:
                yield row["author"], "\n".join((row.get("title") or row.get("rhythmic", ""), *row["paragraphs"]))
    for rows in _json("yudingquantangshi/json/*.json"):
        for row in rows:
            yield f"{row['author']} (imperial edition)", "\n".join((row["title"], *row["paragraphs"]))


def _single() -> Iterator[str]:
    for _, text in _poems():
        yield text


def _collections() -> Iterator[str]:
    """Yield all that an author wrote, as one document."""
    works = defaultdict[str, list[str]](list)
    for author, text in _poems():
        works[author].append(text)
    for texts in works.values():
        if len(texts) > 1:
            yield "\n\n".join(texts)


def _lives() -> Iterator[str]:
    for name in ("authors.tang", "authors.song"):
        for rows in _json(f"quantangshi/{name}.json"):
            for row in rows:
                yield f"{row['name']}\n{row['desc']}"


_KINDS: dict[str, Callable[[], Iterator[str]]] = {
    "passages of examinations": _passages,
    "chapters of books": _chapters,
    "classics": _classics,
    "poems": _single,
    "collections of poems": _collections,
    "lives of authors": _lives,
}
