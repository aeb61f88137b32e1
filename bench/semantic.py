"""Duplicates in meaning: what clusters miss, and what a threshold drops, on pairs that are known to say the same.

Help pages of one path in simplified and in traditional Chinese (../shared/data/corpus) are translations of the same
English page by different people: the traditional one is turned into simplified characters, its words stay its own.
The static vectors are trained here, on the paragraphs of statutes, help pages and consultations: tokens by BPE, then
latent semantic analysis (tf-idf, truncated SVD, whitened). They stand in for a model that an operator would bring.
"""

from __future__ import annotations

import io
import json
import random
import re
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from bench.timing import write_table
from quanheng.stats import bound_lower, bound_upper

DATA = Path(__file__).parents[2] / "shared" / "data" / "corpus"
FILES = {
    "help": "libreoffice_help_html_cn_tw.jsonl.zst",
    "laws": "laws_national.jsonl.zst",
    "dialogues": "meddialog_sample.jsonl.zst",
}
VOCABULARY, WIDTH = 12_000, 256
TRAINING = 12_000
CROWD = 20_000
THRESHOLDS = ("0.80", "0.85", "0.90", "0.93", "0.95", "0.97", "0.98", "0.99")
CLUSTERS = (1, 2, 5, 20, 80, 320)
CLUSTER_THRESHOLDS = ("0.97", "0.90")


def rows_of(name: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file."""
    import zstandard

    with (DATA / FILES[name]).open("rb") as stream:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(stream), "utf-8"):
            yield json.loads(line)


def help_pairs() -> dict[str, dict[str, str]]:
    """Return {path: {"cn": text, "tw": text in simplified characters}} of pages that are there in both."""
    from quanheng.data.corpus.extract import extract
    from quanheng.text.normalise import to_simplified

    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows_of("help"):
        text = extract(row["html"], "fast")
        path = re.sub(r"zh-(CN|TW)", "", row["path"], flags=re.IGNORECASE)
        if text and len(text) >= 100:
            found[path][row["lang"][-2:]] = to_simplified(text)
    return {path: pages for path, pages in sorted(found.items()) if len(pages) == 2}


def paragraphs(pairs: dict[str, dict[str, str]]) -> list[str]:
    """Return paragraphs of 30 characters or more, shuffled by a seed."""
    found = [part for row in rows_of("laws") for part in row["text"].split("\n") if len(part) >= 30]
    found += [row["answer"] for row in rows_of("dialogues") if len(row["answer"]) >= 30]
    found += [
        part for pages in pairs.values() for text in pages.values() for part in text.split("\n") if len(part) >= 30
    ]
    random.Random(1).shuffle(found)
    return found


def train(texts: Sequence[str]) -> bytes:
    """Return the zip of static vectors learnt from texts."""
    from tests.unit.data.static_vectors import tensors
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Punctuation(), pre_tokenizers.Whitespace()])
    made.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=["[UNK]"], max_token_length=4, show_progress=False),
    )
    size = made.get_vocab_size()
    rows, columns = [], []
    for row, coded in enumerate(made.encode_batch(list(texts))):
        rows += [row] * len(coded.ids)
        columns += coded.ids
    counts = np.zeros((len(texts), size), np.float32)
    np.add.at(counts, (np.array(rows), np.array(columns)), 1)
    idf = np.log((1 + len(texts)) / (1 + (counts > 0).sum(axis=0)))
    matrix = np.log1p(counts) * idf
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    # Randomised SVD: Halko, Martinsson, Tropp 2011, with two rounds of power iteration.
    probe = matrix @ np.random.default_rng(1).normal(size=(size, WIDTH + 16)).astype(np.float32)
    for _ in range(2):
        probe = matrix @ (matrix.T @ np.linalg.qr(probe)[0])
    basis = np.linalg.qr(probe)[0]
    _, strengths, directions = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    # The first direction is what all texts share; the others count alike. Without this every page is like every other.
    vectors = directions[1 : WIDTH + 1].T * idf[:, None] / strengths[1 : WIDTH + 1]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("model.safetensors", tensors(embeddings=vectors.astype(np.float32)))
        archive.writestr("tokenizer.json", made.to_str())
    return target.getvalue()


class Sketched:
    """Vectors as the sketch of one unit."""

    rank = 0

    def __init__(self, vectors: np.ndarray[Any, Any]) -> None:
        self.rows, self._vectors = len(vectors), vectors

    def column(self, name: str) -> np.ndarray[Any, Any]:
        """Return the vectors, one after the other."""
        return self._vectors.reshape(-1)


def drops(vectors: np.ndarray[Any, Any], threshold: str, clusters: int) -> tuple[dict[int, int], float]:
    """Return {document: what it repeats}, and CPU seconds."""
    from quanheng.data.corpus.dedup.order import STAYS, Kept, Order
    from quanheng.data.corpus.dedup.semantic import find_alike

    sketch = Sketched(vectors)
    start = process_time()
    with tempfile.TemporaryDirectory() as scratch:
        kept = Kept(Order.of([sketch]), Path(scratch))
        find_alike(
            [sketch], "vector", kept, Path(scratch), lambda done, total: None,
            threshold=Decimal(threshold), clusters=clusters, seed=1,
        )  # fmt: skip
        return {n: int(of) for n, of in enumerate(kept.of) if of != STAYS}, process_time() - start


def share(k: int, n: int) -> str:
    """Return k of n with one-sided 95% bounds."""
    return f"{k:,} of {n:,}, {100 * k / n:.1f}% ({100 * bound_lower(k, n):.1f} to {100 * bound_upper(k, n):.1f})"


def near(texts: Sequence[str], threshold: str) -> dict[int, int]:
    """Return what MinHash and exact Jaccard find."""
    from tests.unit.data.dedup_units import one_unit, step

    with tempfile.TemporaryDirectory() as scratch:
        [found] = one_unit(*texts).resolve(step("deduplicate_near", threshold=threshold), Path(scratch))
    return {verdict.row: verdict.of[1] for verdict in found}


def counted(found: dict[int, int], paths: Sequence[str]) -> list[str]:
    """Return which of the second pages of a pair went for their first, and what went for another page."""
    half = len(paths) // 2
    own = sum(paths[later] == paths[earlier] for later, earlier in found.items())
    return [share(own, half), share(len(found) - own, len(paths))]


def main() -> None:
    """Write bench/results/semantic.md."""
    if not all((DATA / name).exists() for name in FILES.values()):
        sys.stdout.write("semantic: the texts are not here; skipped\n")
        return
    from quanheng.data.corpus.dedup.semantic_clusters import normalised
    from quanheng.data.corpus.dedup.semantic_model import StaticModel

    pairs = help_pairs()
    parts = paragraphs(pairs)
    data = train(parts[:TRAINING])
    model = StaticModel(io.BytesIO(data))
    paths = [*pairs, *pairs]
    texts = [*(pages["cn"] for pages in pairs.values()), *(pages["tw"] for pages in pairs.values())]
    vectors = normalised(model.embed([text[:8000] for text in texts]))
    rows = [["near (Jaccard 0.8)", *counted(near(texts, "0.8"), paths)]]
    rows += [["near (Jaccard 0.5)", *counted(near(texts, "0.5"), paths)]]
    rows += [[f"cosine {least}", *counted(drops(vectors, least, 1)[0], paths)] for least in THRESHOLDS]
    crowd = normalised(model.embed(parts[:CROWD]))
    more = []
    for least in CLUSTER_THRESHOLDS:
        whole, spent = drops(crowd, least, 1)
        for clusters in CLUSTERS:
            found, seconds = (whole, spent) if clusters == 1 else drops(crowd, least, clusters)
            more.append(
                [
                    f"cosine {least}, {clusters} clusters",
                    share(len(found.keys() & whole), len(whole)),
                    f"{seconds:.1f} CPU s",
                ]
            )
    write_table(
        "semantic",
        "Duplicates in meaning",
        [
            f"n = {len(pairs)} pairs of help pages in simplified and traditional Chinese (translations of one page by "
            f"different people); static vectors of {WIDTH} numbers trained on {min(TRAINING, len(parts)):,} paragraphs "
            f"({len(data) / 1e6:.1f} MB). “Pair” = the second page went for the first of its pair; “other” = a page "
            "went for one of another path, of all pages: some of these are alike too, so this is no error rate.",
            f"Clusters: {len(crowd):,} paragraphs; of what one cluster drops (every pair compared) what k clusters "
            "drop too. A build takes one cluster up to 65,536 documents. One-sided 95% bounds.",
        ],
        ["what", "pair, or drops through all", "other, or cost"],
        [*rows, *more],
    )


if __name__ == "__main__":
    main()
