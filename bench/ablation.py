"""Does filtering help? A small n-gram model trained on kept, dropped and unfiltered text, measured on clean text.

    python -m bench.ablation

A proxy, not a language model: it says whether text of the same size teaches more about clean text, not how a large
model would fare. Training text: a mix of real text and rubbish (30 % of the characters), of the texts' first two
thirds; held out: the last third of every kind of real text. Every run has a seed of its own for the mix.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Sequence

import numpy as np

from bench import quality
from bench.timing import RESULTS, machine
from quanheng.data.corpus.train import coded
from quanheng.text.ngram_model import PER_BIT, train_ngram_model

SEEDS = 6
#: Student's t for 95 % and SEEDS - 1 degrees of freedom.
T = 2.571
CHARACTERS = 250_000
MIX = 3_000_000
RUBBISH = 0.3
HEAD = 2_000
HELD_OUT = 60_000
#: The perplexity is left out: judging an n-gram model by what an n-gram model kept would be a circle.
RULES = tuple(rule for rule in quality.RULES if rule.reason != "perplexity")


def mix(rng: random.Random, rubbish: float) -> list[str]:
    """Return texts of `MIX` characters in all, in random order; a kind of text is as likely as any other."""
    real = {name: [text for text in texts if quality.part_of(text) < 2] for name, texts in quality.good().items()}
    pools = {True: list(quality.bad().values()), False: list(real.values())}
    texts, sizes = list[str](), {True: 0, False: 0}
    while sum(sizes.values()) < MIX:
        is_rubbish = sizes[True] < rubbish * sum(sizes.values())
        text = rng.choice(rng.choice(pools[is_rubbish]))[:HEAD]
        sizes[is_rubbish] += len(text)
        texts.append(text)
    return list(dict.fromkeys(texts))


def cut(texts: Sequence[str], characters: int) -> list[str]:
    """Return the first texts of so many characters in all."""
    taken, room = list[str](), characters
    for text in texts:
        if room <= 0:
            break
        taken.append(text[:room])
        room -= len(taken[-1])
    return taken


def held_out() -> list[str]:
    """Return clean text of every kind, as many characters of each: Chinese by the rule, and not trained on."""
    texts = list[str]()
    for name, own in quality.good().items():
        rest = [text for text in own if quality.part_of(text) == 2]
        columns = quality.scores(rest, quality.model())
        rest = [rest[at] for at in np.flatnonzero(quality.chinese(columns))]
        random.Random(name).shuffle(rest)
        texts += cut([text[:HEAD] for text in rest], HELD_OUT)
    return texts


def is_dropped(texts: Sequence[str]) -> list[bool]:
    """Return which texts any of the rules in use drops."""
    columns = quality.scores(texts, quality.model())
    gone = np.any([quality.dropped(rule, columns, rule.used) for rule in RULES], axis=0)
    return [bool(one) for one in gone]


def run(seed: int, test: Sequence[str]) -> dict[str, float]:
    """Return the bits per character of the held-out text for each training text of one seed."""
    rng = random.Random(f"ablation-{seed}")
    found = {}
    for name, rubbish in (("mix", RUBBISH), ("real text alone", 0.0)):
        texts = mix(rng, rubbish)
        gone = is_dropped(texts)
        sets = {
            f"{name}, unfiltered": texts,
            f"{name}, kept": [text for text, out in zip(texts, gone, strict=True) if not out],
        }
        if rubbish:
            sets[f"{name}, dropped"] = [text for text, out in zip(texts, gone, strict=True) if out]
        for label, own in sets.items():
            taken = cut(own, CHARACTERS)
            if sum(map(len, taken)) < CHARACTERS:
                raise SystemExit(f"{label}: fewer than {CHARACTERS} characters")
            bits, characters = coded(train_ngram_model(taken, least=(1, 1, 1, 1)), test)
            found[label] = sum(bits) / PER_BIT / sum(characters)
    return found


def interval(values: Sequence[float]) -> str:
    """Return the mean and its 95 % interval over seeds (Student's t)."""
    mean = statistics.mean(values)
    half = T * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.3f} ({mean - half:.3f} to {mean + half:.3f})"


def main() -> None:
    """Measure, and write bench/results/ablation.md."""
    test = held_out()
    runs = [run(seed, test) for seed in range(SEEDS)]
    rows = []
    for label in runs[0]:
        base = label.split(",")[0] + ", unfiltered"
        less = [one[label] - one[base] for one in runs]
        rows.append([label, interval([one[label] for one in runs]), "–" if label == base else interval(less)])
    head = ["trained on", "bits per character of clean text", "less its unfiltered text"]
    lines = [
        "# Filtering, by proxy: what text of the same size teaches a small n-gram model",
        "",
        f"Machine: {machine()}.",
        f"{SEEDS} seeds; every training text has {CHARACTERS:,} characters, held out are {sum(map(len, test)):,} of "
        f"{len(quality.good())} kinds of real text. The mix has {RUBBISH:.0%} rubbish by characters (menus, wrongly "
        "decoded text, repetition, shuffled characters). Rules: the thresholds in use of quality.md, without the "
        "perplexity. Means with 95 % intervals over seeds (Student's t); the last column is paired by seed.",
        "",
        "The rubbish is made up and the thresholds were set on the same kinds of text, so this shows that the filter "
        "works as meant, not how much a real crawl gains. A 4-gram model is no language model.",
        *quality._table(head, rows),
    ]
    text = "\n".join(lines)
    (RESULTS / "ablation.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
