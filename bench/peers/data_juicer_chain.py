"""Data-Juicer's side of the corpus benchmark; run by bench/corpus.py in Data-Juicer's own environment.

    python data_juicer_chain.py FILE.jsonl FOLDER MODELS

FOLDER: an empty folder for its output. MODELS: a folder that holds lid.176.bin; the compressed model under that name
works too, and is the quicker one. Prints one line of JSON: version, options, operators, kept.

What stands here to be fair: one process (`np: 1`), no cache on disk, no monitor, no tracer, turbo mode, filters not
fused (both quicker when tried: 24.9 CPU-s for 10 MB; without turbo 27.7, fused 32.0), the `character` tokenization
that its documentation recommends for Chinese, and only the patterns of personal data that the others look for too.
"""

import json
import os
import sys
from pathlib import Path

FILE, FOLDER, MODELS = sys.argv[1:4]
os.environ["DATA_JUICER_MODELS_CACHE"] = MODELS
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["HF_HOME"] = str(Path(FOLDER, "hub"))
os.environ["DATA_JUICER_CACHE_HOME"] = str(Path(FOLDER, "cache"))

from data_juicer.utils.lazy_loader import LazyLoader  # noqa: E402


def _refuse(package, *rest):
    raise ImportError(f"Data-Juicer wanted to install {package} at run time; install it beforehand")


# It installs what it misses in the middle of a run, without asking; that is neither its speed nor allowed here.
LazyLoader._install_package = classmethod(lambda cls, package, *rest: _refuse(package))

OPERATORS = [
    {"fix_unicode_mapper": {"normalization": "NFC"}},
    {"whitespace_normalization_mapper": {}},
    {"clean_email_mapper": {}},
    {"pii_redaction_mapper": {
        "mask_paths": False, "mask_emails": False, "mask_secrets": False, "mask_ids": False, "mask_phones": True,
        "mask_id_cards": True, "mask_channel_ids": False, "mask_platform_open_ids": False, "mask_pem": False,
        "mask_jwt": False, "mask_urls": False, "mask_ips": True, "mask_macs": False, "redact_keys": ["text"],
    }},
    {"text_length_filter": {"min_len": 50, "max_len": 1_000_000}},
    {"alphanumeric_filter": {"min_ratio": 0.5}},
    {"special_characters_filter": {"max_ratio": 0.4}},
    {"character_repetition_filter": {"rep_len": 10, "max_ratio": 0.3}},
    {"language_id_score_filter": {"lang": "zh", "min_score": 0.5}},
    {"document_minhash_deduplicator": {
        "tokenization": "character", "window_size": 5, "lowercase": True, "num_permutations": 128,
        "jaccard_threshold": 0.8,
    }},
]  # fmt: skip


def main():
    recipe = {
        "project_name": "bench",
        "dataset_path": FILE,
        "export_path": str(Path(FOLDER, "out.jsonl")),
        "np": 1,
        "auto_op_parallelism": False,
        "use_cache": False,
        "turbo": True,
        "open_monitor": False,
        "open_tracer": False,
        "op_fusion": False,
        "process": OPERATORS,
    }
    path = Path(FOLDER, "recipe.yaml")
    # JSON is YAML.
    path.write_text(json.dumps(recipe), encoding="utf-8")
    import data_juicer
    from data_juicer.config import init_configs
    from data_juicer.core.executor import DefaultExecutor

    # Prints go to standard error, so that the last line of standard output is ours.
    out, sys.stdout = sys.stdout, sys.stderr
    executor = DefaultExecutor(init_configs(["--config", str(path)]))
    executor.run()
    sys.stdout = out
    with Path(FOLDER, "out.jsonl").open(encoding="utf-8") as file:
        kept = sum(1 for _ in file)
    print(json.dumps({
        "version": data_juicer.__version__,
        "options": "np=1, turbo, strings of 5 characters, 128 permutations, threshold 0.8",
        "operators": [name for operator in OPERATORS for name in operator],
        "kept": kept,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
