"""datatrove's side of the corpus benchmark; run by bench/corpus.py in datatrove's own environment.

    python datatrove_chain.py FILE.jsonl FOLDER MODELS words|characters

FOLDER: an empty folder for its output. MODELS: a folder that holds lid.176.bin; the compressed model under that name
works too, and is the quicker one. Prints one line of JSON: version, options, operators, kept.

"words" is datatrove as it is shipped for Chinese: spaCy with jieba, Gopher's nine counts of repetition, at twice the
thresholds meant for English, which would drop most Chinese text. "characters" is the quickest we could make it:
its word tokenizer replaced by Python's `list`, one count of repeated strings of 10 characters, and MinHash on
strings of 5. Both: one worker, filters and MinHash signatures in one pass, uncompressed JSON between the passes.
"""

import json
import os
import shutil
import sys
from pathlib import Path

FILE, FOLDER, MODELS, MODE = sys.argv[1:5]
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_ASSETS_CACHE"] = str(Path(FOLDER, "assets"))
os.environ["HF_HOME"] = str(Path(FOLDER, "hub"))

import datatrove.pipeline.dedup.minhash as minhash  # noqa: E402
import datatrove.utils.word_tokenizers as tokenizers  # noqa: E402
from datatrove.executor import LocalPipelineExecutor  # noqa: E402
from datatrove.io import cached_assets_path, strip_protocol  # noqa: E402
from datatrove.pipeline.filters import (  # noqa: E402
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter  # noqa: E402
from datatrove.pipeline.readers import JsonlReader  # noqa: E402
from datatrove.pipeline.writers import JsonlWriter  # noqa: E402
from datatrove.utils.lid import FT176LID  # noqa: E402
from datatrove.utils.text import PUNCTUATION_SET  # noqa: E402, F401  (its table is built before the clock matters)

LANGUAGE = "cmn"


class Characters(tokenizers.WordTokenizer):
    """Every character but white space is a word."""

    def word_tokenize(self, text):
        return [character for character in text if not character.isspace()]

    def sent_tokenize(self, text):
        return [text]

    def span_tokenize(self, text):
        return [(0, len(text))]


def _place_model():
    """Put the language model where datatrove looks before it downloads."""
    folder = Path(cached_assets_path(library_name="datatrove", namespace="lid", subfolder=FT176LID.MODEL_SUBFOLDER))
    place = folder / strip_protocol(FT176LID.MODEL_URL).replace("/", "_")
    shutil.copyfile(Path(MODELS, "lid.176.bin"), place)
    Path(str(place) + ".completed").touch()


def main():
    if MODE == "characters":
        one = Characters(LANGUAGE)
        tokenizers.load_word_tokenizer = minhash.load_word_tokenizer = lambda language: one
        repetition = {"top_n_grams": (), "dup_n_grams": ((10, 0.3),)}
    else:
        # Twice Gopher's thresholds: with the English ones more than half of sound Chinese text is dropped.
        repetition = {
            "top_n_grams": ((2, 0.4), (3, 0.36), (4, 0.32)),
            "dup_n_grams": ((5, 0.3), (6, 0.28), (7, 0.26), (8, 0.24), (9, 0.22), (10, 0.2)),
        }
    _place_model()
    folder = Path(FOLDER)
    config = minhash.MinhashConfig(n_grams=5, num_buckets=9, hashes_per_bucket=13)
    data, name = str(Path(FILE).parent), Path(FILE).name
    stages = [
        [
            JsonlReader(data, glob_pattern=name, compression=None),
            FTFYFormatter(normalization="NFC"),
            PIIFormatter(),
            GopherQualityFilter(
                language=LANGUAGE,
                min_doc_words=30,
                max_doc_words=1_000_000,
                min_avg_word_length=None,
                max_avg_word_length=None,
                max_non_alpha_words_ratio=0.5,
                min_stop_words=0,
            ),
            GopherRepetitionFilter(language=LANGUAGE, **repetition),
            LanguageFilter("zh", language_threshold=0.5),
            JsonlWriter(str(folder / "filtered"), "${rank}.jsonl", compression=None),
            minhash.MinhashDedupSignature(str(folder / "signatures"), config, language=LANGUAGE),
        ],
        [minhash.MinhashDedupBuckets(str(folder / "signatures"), str(folder / "buckets"), config=config)],
        [minhash.MinhashDedupCluster(str(folder / "buckets"), str(folder / "remove"), config=config)],
        [
            JsonlReader(str(folder / "filtered"), compression=None),
            minhash.MinhashDedupFilter(str(folder / "remove")),
            JsonlWriter(str(folder / "out"), "${rank}.jsonl", compression=None),
        ],
    ]
    out, sys.stdout = sys.stdout, sys.stderr
    for number, stage in enumerate(stages):
        tasks = config.num_buckets if number == 1 else 1
        LocalPipelineExecutor(stage, tasks=tasks, workers=1, logging_dir=str(folder / f"log{number}")).run()
    sys.stdout = out
    kept = sum(1 for path in (folder / "out").iterdir() for _ in path.open(encoding="utf-8"))
    from importlib.metadata import version

    shingles = "strings of 5 characters" if MODE == "characters" else "strings of 5 words (jieba)"
    print(json.dumps({
        "version": version("datatrove"),
        "options": f"one worker, {shingles}, 9 × 13 = 117 permutations, 64-bit xxhash",
        "operators": [type(step).__name__ for stage in stages for step in stage],
        "kept": kept,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
