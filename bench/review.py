"""Content review: recall on disguised terms, false hits on ordinary texts, and speed. Writes bench/results/review.md.

    python -m bench.review

Recall: disguises made by generators that share no table with the matcher (bench/review_cases.py). False hits: all
disguises of all terms on statutes, help pages, man pages and dialogues, which stand beside the repository.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from time import process_time
from typing import Any

from bench.corpus_text import read_kinds
from bench.review_cases import KINDS, SHORT, TERMS, Case, cases
from bench.timing import write_table
from quanheng.kinds.lexicons import LexiconTerm
from quanheng.stats import bound_lower
from quanheng.text.evasion import ORDER
from quanheng.text.lexicon_review import Reviewer
from quanheng.text.normalise import Shadow, shadow

SEED = 20
ALL = tuple(name for name in ORDER if name)
DEFAULT = ("traditional", "inserted", "lookalike")
SPEED_TERMS = 50_000
SPEED_MB = 8
REPEATS = 3


def term(text: str, evasion: Sequence[str]) -> LexiconTerm:
    """Return a term of the default mode."""
    return LexiconTerm.model_validate({"term": text, "risk": "A.1.h", "evasion": tuple(evasion)})


def is_found(reviewer: Reviewer, case: Case) -> bool:
    """Return whether a hit of the case's own term lies where it is hidden."""
    hits = reviewer.review(case.text).hits
    return any(hit.term == case.term and hit.start < case.end and hit.end > case.start for hit in hits)


def recall(found: list[Case]) -> list[list[str]]:
    """Return a row per kind of disguise: how many were found with every disguise, and with the default ones."""
    every, default = (Reviewer([term(text, names) for text in TERMS]) for names in (ALL, DEFAULT))
    rows = []
    for kind in KINDS:
        mine = [case for case in found if case.kind == kind]
        n, k = len(mine), sum(is_found(every, case) for case in mine)
        by_default = sum(is_found(default, case) for case in mine)
        rows.append(
            [
                f"recall: {kind}",
                f"{k} / {n}",
                f"{k / n:.3f}",
                f"≥ {bound_lower(k, n):.3f}",
                f"default: {by_default / n:.3f}",
            ]
        )
    return rows


def texts() -> dict[str, list[str]]:
    """Return ordinary texts by kind, as pieces of about 1,000 characters."""
    found = {}
    for name, kind in read_kinds().items():
        pieces, current = [], ""
        for paragraph in kind.paragraphs:
            current += paragraph + "\n"
            if len(current) >= 1000:
                pieces.append(current)
                current = ""
        found[name] = pieces
    return found


def false_hits(given: dict[str, list[str]], label: str, words: Sequence[str]) -> list[list[str]]:
    """Return a row per disguise: hits per megabyte of ordinary text, over all kinds of text, and by kind."""
    reviewer = Reviewer([term(text, ALL) for text in words])
    counts: Counter[tuple[str, str]] = Counter()
    sizes = {name: sum(len(piece.encode()) for piece in pieces) / 1e6 for name, pieces in given.items()}
    examples: dict[str, Counter[str]] = {name: Counter() for name in ORDER}
    for name, pieces in given.items():
        for piece in pieces:
            for hit in reviewer.review(piece).hits:
                counts[hit.evasion, name] += 1
                examples[hit.evasion][piece[hit.start : hit.end].replace("\n", "⏎")] += 1
    total = sum(sizes.values())
    rows = []
    for evasion in ORDER:
        k = sum(counts[evasion, name] for name in given)
        parts = ", ".join(f"{name} {counts[evasion, name] / sizes[name]:.2f}" for name in given)
        often = "、".join(word for word, _ in examples[evasion].most_common(4))
        rows.append(
            [
                f"hits of {label}: {evasion or 'plain, in texts that speak of it'}",
                f"{k} in {total:.1f} MB",
                f"{k / total:.2f} / MB",
                parts,
                often,
            ]
        )
    return rows


def speed(given: dict[str, list[str]]) -> list[list[str]]:
    """Return rows of megabytes per CPU second, the shadow view apart."""
    rng = random.Random(SEED)
    pieces = [piece for kind in ("dialogue", "statute", "help") for piece in given[kind]]
    rng.shuffle(pieces)
    chosen, size = [], 0
    while size < SPEED_MB * 1_000_000 and pieces:
        chosen.append(pieces.pop())
        size += len(chosen[-1].encode())
    alphabet = "".join(sorted({c for piece in pieces[:500] for c in piece if "\u4e00" <= c <= "\u9fff"}))
    rare = {"".join(rng.choice(alphabet) for _ in range(rng.randint(2, 6))) for _ in range(SPEED_TERMS)}
    common = {_cut(rng, pieces) for _ in range(SPEED_TERMS)}
    few = sorted(rare)[:2_000]
    views, shadow_seconds = _timed(lambda: [shadow(piece) for piece in chosen])
    rows = [
        ["speed: shadow view alone", f"{size / 1e6:.1f} MB", f"{size / 1e6 / shadow_seconds:.0f} MB / CPU-s", "", ""]
    ]
    lists = [
        (f"{len(rare):,} terms of random characters", rare, DEFAULT),
        (f"{len(common):,} terms cut out of ordinary text", common, DEFAULT),
        ("2,000 terms, every disguise", few, ALL),
    ]
    return rows + [_speed_row(label, sorted(words), names, chosen, views, size) for label, words, names in lists]


def _speed_row(
    label: str, words: list[str], names: Sequence[str], chosen: list[str], views: list[Shadow], size: int
) -> list[str]:
    reviewer, made = _timed(lambda: Reviewer([term(word, names) for word in words]), repeats=1)
    found, seconds = _timed(lambda: sum(len(reviewer.review(*pair).hits) for pair in zip(chosen, views, strict=True)))
    rate = f"{size / 1e6 / seconds:.0f} MB / CPU-s"
    return [f"speed: {label}", f"{size / 1e6:.1f} MB", rate, f"{found:,} hits", f"made in {made:.1f} s"]


def _cut(rng: random.Random, pieces: Sequence[str]) -> str:
    while True:
        piece = rng.choice(pieces)
        at = rng.randrange(len(piece))
        word = piece[at : at + rng.randint(3, 8)]
        if len(word) > 2 and all("\u4e00" <= character <= "\u9fff" for character in word):
            return word


def _timed(work: Any, repeats: int = REPEATS) -> tuple[Any, float]:
    """Return what the work gave, and the least CPU seconds it took."""
    seconds = []
    for _ in range(repeats):
        start = process_time()
        found = work()
        seconds.append(process_time() - start)
    return found, min(seconds)


def main() -> None:
    """Write bench/results/review.md."""
    given = texts()
    made = list(cases(SEED))
    write_table(
        "review",
        "Content review by a lexicon: disguises found, false hits, speed",
        [
            f"{len(TERMS)} terms (fraud, violence, weapons, drugs, sexual content), {len(made):,} disguises of them; "
            "bounds are one-sided at 95 %. Speed is one process, least of "
            f"{REPEATS}; the reviewer is given the shadow view.",
        ],
        ["what", "k / n", "result", "bound or parts", "remark"],
        [
            *recall(made),
            *false_hits(given, f"{len(TERMS)} terms", TERMS),
            *false_hits(given, f"{len(SHORT)} terms of two characters", SHORT),
            *speed(given),
        ],
    )


if __name__ == "__main__":
    main()
