"""De-duplication and decontamination: recall and precision against brute force, error, speed, and cost at scale.

    python -m bench.dedup       writes bench/results/dedup.md

Texts: the statutes and dialogues beside the repository, and seeded near-duplicates of them (bench/corpus_text.py).
Times are CPU seconds of one process. datasketch and rensa must be installed; the benchmark items lie beside the texts.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from bench import corpus_text
from bench.dedup_scale import Unit, batch, incremental, near, resolving
from bench.timing import RESULTS, machine

SHARED = corpus_text.SOURCES.parent
SIZES = (1_000_000, 2_000_000, 5_000_000, 10_000_000)


def resolved(step: Any, texts: list[str], sketch: dict[str, Any]) -> list[Any]:
    with tempfile.TemporaryDirectory() as scratch:
        read = partial(_read, texts)
        return next(step.resolve([Unit(0, len(texts), sketch)], read, Path(scratch), lambda done, total: None))


def _read(texts: list[str], unit: int, rows: Sequence[int]) -> list[str]:
    return [texts[row] for row in rows]


def folded(text: str) -> str:
    """Return the folded view, made without the code that is measured."""
    from quanheng.text.normalise import shadow

    return "".join(c for c in shadow(text).text if unicodedata.category(c)[0] not in "PZ" and c not in "\n\t")


# --- recall and precision -------------------------------------------------------------------------------------------


def real_texts(seed: int) -> list[str]:
    """Return the statutes, 4,000 dialogues, and 2,500 seeded near-duplicates of both, in a mixed order."""
    rng = random.Random(seed)
    statutes = [
        row["text"]
        for name in ("laws_national", "laws_beijing_local")
        for row in corpus_text._rows(corpus_text.SOURCES / f"{name}.jsonl.zst")
        if len(row["text"]) > corpus_text.MIN_CHARACTERS
    ]
    dialogues = [
        f"{row['title']}\n{row['ask']}\n{row['answer']}"
        for row in corpus_text._rows(corpus_text.SOURCES / "meddialog_sample.jsonl.zst")
    ][:4_000]
    dialogues = [text for text in dialogues if len(text) > corpus_text.MIN_CHARACTERS]
    alphabet = "".join(sorted({c for c in "".join(statutes[:200]) if "\u4e00" <= c <= "\u9fff"}))
    base = rng.sample(dialogues, 2_000) + rng.sample([text for text in statutes if len(text) < 5_000], 500)
    planted = [corpus_text.near_duplicate(text, alphabet, rng)[0] for text in base]
    texts = [*statutes, *dialogues, *planted]
    rng.shuffle(texts)
    return texts


def exact_jaccards(texts: list[str]) -> Any:
    """Return the pairs with a common 5-character string and their Jaccard, ≥ 0.3: (earlier, later, jaccard)."""
    import scipy.sparse as sparse

    ids: dict[str, int] = {}
    indices: list[int] = []
    ends = [0]
    for text in map(folded, texts):
        grams = {text[i : i + 5] for i in range(len(text) - 4)} or {text}
        indices += [ids.setdefault(gram, len(ids)) for gram in grams]
        ends.append(len(indices))
    ones = np.ones(len(indices), np.int32)
    table = sparse.csr_matrix((ones, indices, ends), shape=(len(texts), len(ids)))
    sizes = np.diff(ends)
    found = []
    for start in range(0, len(texts), 500):
        shared = (table[start : start + 500] @ table.T).tocoo()
        one, other = shared.row + start, shared.col
        jaccard = shared.data / (sizes[one] + sizes[other] - shared.data)
        some = (one < other) & (jaccard >= 0.3)
        found.append((one[some], other[some], jaccard[some]))
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))


def wilson(hits: int, n: int) -> str:
    """Return "share (95 % interval) n"."""
    z, p = 1.96, hits / n
    middle, half = p + z * z / (2 * n), z * ((p * (1 - p) + z * z / (4 * n)) / n) ** 0.5
    low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    return f"{p:.4f} ({low:.4f} to {min(high, 1.0):.4f}), n = {n:,}"


def recall(texts: list[str], pairs: Any) -> list[str]:
    one, other, jaccard = pairs
    ranges = ((0.85, 1.1), (0.85, 0.9), (0.8, 0.85))
    lines = ["| bands × rows | found of J ≥ 0.85 | 0.85 to 0.9 | 0.8 to 0.85 | theory at 0.85 | left whole | wrong |"]
    lines.append("|---" * 7 + "|")
    from quanheng.text.shingles import chance_of_candidate

    exact = {(int(a), int(b)): float(j) for a, b, j in zip(one, other, jaccard, strict=True)}
    for bands, rows in ((16, 8), (18, 7)):
        step = near(bands=bands, rows=rows)
        sketch = step.sketch(batch(texts))
        keys = sketch["bands"]
        hit = (keys[one] == keys[other]).any(axis=1)
        high = jaccard >= 0.85
        some = [hit[(jaccard >= low) & (jaccard < top)] for low, top in ranges]
        verdicts = resolved(step, texts, sketch)
        gone = {v.row for v in verdicts}
        whole = sum(int(a) not in gone and int(b) not in gone for a, b in zip(one[high], other[high], strict=True))
        wrong = 0
        for v in verdicts:
            true = exact.get((v.of[1], v.row), 0.0)
            wrong += v.of[1] in gone or true < 0.8 or abs(true - v.measure) > 1e-12
        found = " | ".join(wilson(int(part.sum()), len(part)) for part in some)
        theory = chance_of_candidate(0.85, bands, rows)
        lines.append(f"| {bands} × {rows} | {found} | {theory:.4f} | {whole} | {wrong} of {len(verdicts):,} |")
    return lines


# --- error of the estimate ------------------------------------------------------------------------------------------


def errors(texts: list[str], pairs: Any) -> list[str]:
    """Return rmse and bias of each implementation on the same pairs, 128 permutations."""
    from datasketch import MinHash
    from rensa import CMinHash, RMinHash

    from quanheng.text.shingles import encode, fold, hash_shingles, signatures

    one, other, jaccard = pairs
    rng = np.random.default_rng(3)
    chosen: list[int] = []
    for low in np.arange(0.3, 1.0, 0.1):  # the same number from every tenth
        some = np.flatnonzero((jaccard >= low) & (jaccard < low + 0.1))
        chosen += rng.choice(some, min(100, len(some)), replace=False).tolist()
    needed = sorted({int(row) for row in (*one[chosen], *other[chosen])})
    place = {row: i for i, row in enumerate(needed)}
    contents = [folded(texts[row]) for row in needed]
    grams = [sorted({text[i : i + 5] for i in range(len(text) - 4)} or {text}) for text in contents]
    made: dict[str, tuple[float, Any]] = {}
    start = process_time()
    ours = signatures(hash_shingles(fold(encode(contents))))
    made["Quanheng (from text)"] = process_time() - start, ours
    start = process_time()
    sketched = []
    for some in grams:
        sketch = MinHash(128)
        sketch.update_batch([gram.encode() for gram in some])
        sketched.append(sketch.hashvalues)
    made["datasketch MinHash (from sets)"] = process_time() - start, np.array(sketched)
    for kind in (RMinHash, CMinHash):
        start, digests = process_time(), []
        for some in grams:
            peer = kind(128, 42)
            peer.update(some)
            digests.append(peer.digest())
        made[f"rensa {kind.__name__} (from sets)"] = process_time() - start, np.array(digests)
    a, b = [place[int(row)] for row in one[chosen]], [place[int(row)] for row in other[chosen]]
    exact = jaccard[chosen]
    theory = float(np.sqrt((exact * (1 - exact) / 128).mean()))
    hashes, squares, biases = hash_shingles(fold(encode(contents))), [], []
    for seed in range(1, 31):
        values = signatures(hashes, 128, seed)
        error = (values[a] == values[b]).mean(axis=1) - exact
        squares.append(float((error**2).mean()))
        biases.append(float(error.mean()))
    lines = [
        f"n = {len(chosen)} pairs, Jaccard 0.3 to 1; theory: rmse {theory:.4f}. Quanheng with 30 seeds: rmse "
        f"{np.mean(squares) ** 0.5:.4f} ({min(squares) ** 0.5:.4f} to {max(squares) ** 0.5:.4f}), bias "
        f"{np.mean(biases):+.4f} ± {np.std(biases) / 30**0.5:.4f}. One seed each:",
        "",
    ]
    lines += ["| implementation | rmse | bias | CPU s |", "|---|---|---|---|"]
    for name, (seconds, values) in made.items():
        error = (values[a] == values[b]).mean(axis=1) - exact
        lines.append(f"| {name} | {np.sqrt((error**2).mean()):.4f} | {error.mean():+.4f} | {seconds:.2f} |")
    return lines


# --- speed ----------------------------------------------------------------------------------------------------------


def speed(texts: list[str]) -> list[str]:
    """Return MB (UTF-8) per CPU second of each sketch; the best of three after compiling."""
    from quanheng.data.corpus.operators.deduplicate import DeduplicateExact, DeduplicateLines, DeduplicateSubstring
    from quanheng.text.shingles import encode, fold, hash_shingles, signatures

    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    exact = [DeduplicateExact(DeduplicateExact.Params(view=view), {}) for view in ("text", "folded")]
    hashes = hash_shingles(fold(encode(texts)))
    work: dict[str, Callable[[], object]] = {
        "deduplicate_exact, view text": lambda: exact[0].sketch(batch(texts)),
        "deduplicate_exact, view folded": lambda: exact[1].sketch(batch(texts)),
        "deduplicate_near, 16 × 8": lambda: near().sketch(batch(texts)),
        "deduplicate_near, 32 × 8": lambda: near(bands=32).sketch(batch(texts)),
        "deduplicate_near, 16 × 8, simplify": lambda: near(simplify=True).sketch(batch(texts)),
        "of it: fold": lambda: fold(encode(texts)),
        "of it: hashes": lambda: hash_shingles(fold(encode(texts))),
        "of it: signatures alone": lambda: signatures(hashes),
        "signatures alone, plain numpy": lambda: signatures(hashes, plain=True),
        "deduplicate_lines": lambda: DeduplicateLines(DeduplicateLines.Params(), {}).sketch(batch(texts)),
        "deduplicate_substring": lambda: DeduplicateSubstring(DeduplicateSubstring.Params(), {}).sketch(batch(texts)),
    }
    lines = [f"{megabytes:.1f} MB, {len(texts):,} documents.", "", "| what | MB per CPU s |", "|---|---|"]
    for name, run in work.items():
        best = min(_seconds(run) for _ in range(1 if "plain" in name else 3))
        lines.append(f"| {name} | {megabytes / best:,.0f} |")
    return lines


def _seconds(run: Callable[[], object]) -> float:
    start = process_time()
    run()
    return process_time() - start


# --- decontamination ------------------------------------------------------------------------------------------------


def benchmark_items() -> list[Any]:
    from quanheng.data.corpus.dedup.overlap import Item

    folder, items = SHARED / "evaluation", []
    for path in sorted((folder / "cmmlu/data/test").glob("*.csv")):
        with path.open(encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                items.append(Item(f"{path.stem}/{row['']}", "\n".join(row[key] for key in ("Question", *"ABCD"))))
    for path in sorted((folder / "agieval_zh").glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            row = json.loads(line)
            parts = [row.get("passage") or "", row["question"], *(row["options"] or [])]
            items.append(Item(f"{path.stem}/{number}", "\n".join(parts)))
    safety = json.loads((folder / "safetybench/test_zh_subset.json").read_text(encoding="utf-8"))
    rows = [row for some in safety.values() for row in some] if isinstance(safety, dict) else safety
    items += [Item(f"safetybench/{n}", "\n".join([row["question"], *row["options"]])) for n, row in enumerate(rows)]
    questions = (folder / "gsm8k/test.jsonl").read_text(encoding="utf-8").splitlines()
    return [*items, *(Item(f"gsm8k/{n}", json.loads(line)["question"]) for n, line in enumerate(questions))]


def contaminated() -> list[str]:
    """Return how many documents hold how much of an item, by n, and what is found when items are injected."""
    from quanheng.data.corpus.dedup.overlap import Index
    from quanheng.text.shingles import encode, fold

    items, kinds = benchmark_items(), _documents()
    views = {name: fold(encode(texts)) for name, texts in kinds.items()}
    said = ", ".join(f"{name} {len(texts):,}" for name, texts in kinds.items())
    lines = [f"{len(items):,} items; {said}. Documents that hold a share of 0.1 / 0.2 / 0.5 of an item:", ""]
    lines += ["| n | items too short | " + " | ".join(kinds) + " | MB per CPU s |"]
    lines.append("|---" * (len(kinds) + 3) + "|")
    for n in (8, 10, 13, 16, 20, 30):
        index, cells, seconds, characters = Index(items, n), [], 0.0, 0
        for view in views.values():
            start = process_time()
            share = index.find(view).share
            seconds, characters = seconds + process_time() - start, characters + len(view.values)
            cells.append(" / ".join(f"{int((share >= least).sum())}" for least in (0.1, 0.2, 0.5)))
        lines.append(f"| {n} | {index.short} | " + " | ".join(cells) + f" | {3 * characters / 1e6 / seconds:.0f} |")
    rng = random.Random(5)
    chosen = [item for item in rng.sample(items, 2_000) if len(folded(item.text)) >= 13]
    hosts = rng.choices(kinds["dialogues"], k=len(chosen))
    changed = [host + "\n" + _disguised(item.text, rng) + "\n" + host for item, host in zip(chosen, hosts, strict=True)]
    index = Index(items, 13)
    share = index.find(fold(encode(changed))).share
    hits = wilson(int((share == 1).sum()), len(chosen))
    lines += ["", f"Items injected with other punctuation, width and case, n = 13: share 1 in {hits}."]
    return lines


def _documents() -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {"statutes": [], "help": [], "man": [], "dialogues": []}
    rows = lambda name: corpus_text._rows(corpus_text.SOURCES / f"{name}.jsonl.zst")  # noqa: E731 - short
    kinds["statutes"] = [row["text"] for name in ("laws_national", "laws_beijing_local") for row in rows(name)]
    kinds["help"] = ["\n".join(corpus_text._html_paragraphs(r["html"])) for r in rows("libreoffice_help_html_cn_tw")]
    kinds["man"] = ["\n".join(corpus_text._roff_paragraphs(r["roff"])) for r in rows("manpages_zh_roff")]
    kinds["dialogues"] = [f"{r['title']}\n{r['ask']}\n{r['answer']}" for r in rows("meddialog_sample")]
    return kinds


def _disguised(text: str, rng: random.Random) -> str:
    made = []
    for c in text.upper():
        wide = chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and rng.random() < 0.5 else c
        made.append(wide + rng.choice(["", "", "", "，", " ", "\u200b"]))
    return "".join(made)


def main() -> None:
    """Write bench/results/dedup.md."""
    parser = argparse.ArgumentParser(description="De-duplication and decontamination")
    parser.add_argument("--scratch", type=Path, help="folder with room for 12 bytes × 16 bands × documents")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="of the synthetic resolutions")
    given = parser.parse_args(sys.argv[1:] if sys.argv[0].endswith("dedup.py") else [])
    texts = real_texts(7)
    pairs = exact_jaccards(texts)
    generated = [row["text"] for row, _ in corpus_text.documents(20, 1, corpus_text.Rates(), corpus_text.read_kinds())]
    parts = {
        "Recall and precision against brute force": [
            f"{len(texts):,} documents: statutes (many are revisions of each other), dialogues, and 2,500 "
            "near-duplicates of both with characters replaced. Brute force: all pairs, on sets of strings, no hashes. "
            "Threshold 0.8. Found: the pair shares a band; left whole: pairs of J ≥ 0.85 of which both stay; wrong: "
            "dropped for a text that went itself, or with a Jaccard below 0.8 or other than the exact one. "
            "Wilson intervals, 95 %; pairs of one family of revisions are not independent.",
            "",
            *recall(texts, pairs),
        ],
        "Error of the estimate": errors(texts, pairs),
        "Speed of the sketches": speed(generated),
        "Adding a tenth": incremental(generated),
        "Resolving": [
            "Synthetic sketches, 16 bands; every tenth document is near one before it, every fiftieth a copy. The CPU "
            "seconds hold the making of sketches (0.2 a million) and of the texts of 120 characters.",
            "",
            *resolving(given.sizes, given.scratch),
        ],
        "Decontamination": contaminated(),
    }
    lines = ["# De-duplication and decontamination", "", f"Machine: {machine()}. CPU seconds of one process.", ""]
    for title, part in parts.items():
        lines += [f"## {title}", "", *part, ""]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "dedup.md").write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main()
