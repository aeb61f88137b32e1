"""A recipe that does all there is to do, sources for it, and builds of them: for the tests of continued merges."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from build_texts import texts_of
from quanheng.data.corpus import AssetInput, CorpusResult, SourceInput, build, parse_recipe, run_here
from quanheng.kinds.recipes import Recipe
from quanheng.store import LocalObjects, MemoryCache

if TYPE_CHECKING:
    from tests.unit.data.corpus.conftest import MakeSource

#: Documents are dropped, edited, masked, listed for review, hit by terms, and repeated.
RECIPE = parse_recipe(
    """
name = "continued"
title = { en = "continued", zh = "续" }
labels = ["characters", "script"]
[[steps]]
use = "normalise"
[[steps]]
use = "length"
[[steps]]
use = "personal_data"
[[steps]]
use = "script"
[[steps]]
drop = "characters < 4"
reason = "too_short"
[[steps]]
use = "deduplicate_exact"
[[steps]]
use = "lexicon"
optional = true
[[steps]]
review = "risk_density > 0"
reason = "listed"
[[steps]]
use = "deduplicate_lines"
min_documents = 5
[[steps]]
use = "deduplicate_near"
"""
)


def shaped(shard_bytes: int, row_group_rows: int) -> Recipe:
    return RECIPE.model_copy(update={"shard_bytes": shard_bytes, "row_group_rows": row_group_rows})


def source(make_source: MakeSource, seed: int, files: int = 3) -> SourceInput:
    named = {}
    for number in range(files):
        texts = texts_of(10 * seed + number, 20)
        lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
        lines[5] = json.dumps({"text": f"请致电13812345678咨询第{seed}{number}号诈骗案的进展，谢谢大家。"})
        lines[6] = json.dumps({"text": f"联系人邮箱是 a{seed}{number}@example.com，电话13912345678，欢迎来信。"})
        named[f"{number}.jsonl"] = "\n".join([*lines, "{broken " + str(number)]).encode()
    return make_source(named, f"来源 {seed}")


def made(
    given: Sequence[SourceInput],
    objects: LocalObjects,
    cache: Any,
    recipe: Recipe = RECIPE,
    assets: dict[str, AssetInput] | None = None,
    **rest: Any,
) -> CorpusResult:
    return build(given, recipe, objects, cache, lambda done, total: None, run_here, assets, **rest)


def old(number: int) -> list[str]:
    return [f"{number}/{file}.jsonl" for file in range(3)]


def states(objects: LocalObjects, cache: MemoryCache) -> dict[str, str]:
    found = {}
    for key, digest in dict.items(cache):
        if objects.exists(digest) and b'"decisions":' in objects.path(digest).read_bytes():
            found[key] = digest
    assert found
    return found
