"""The cards of a corpus made by a recipe; its Croissant metadata with label columns, read by mlcroissant."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import pytest

from quanheng.data.corpus.cards import card, croissant, field_of
from quanheng.kinds.base import Say
from quanheng.kinds.corpora import CorpusV2, Filtered, FunnelStep, OperatorUse, Shard, SourceShare, Totals
from quanheng.kinds.recipes import Recipe, Step
from quanheng.kinds.sources import Source
from quanheng.store import Layer, sha256_digest

from .export_corpora import a_source, make_corpus, some_texts


def corpus(*ran: str) -> tuple[CorpusV2, list[Source]]:
    """Return a corpus of ten documents through which these operators went."""
    source = a_source("法规")
    funnel = [("read", None), ("edit", "repeated_line"), ("drop", "own_reason"), ("deduplicate", "duplicate")]
    model = CorpusV2(
        recipe=Recipe(
            name="r",
            title=Say(en="Recipe | one", zh="配方 | 一"),
            steps=(
                Step(use="length", params={"unit": "character", "list": [1, "二"]}),
                Step(drop="characters < 4 or x > 1", reason="too_short"),
                Step(review="risk > 3", reason="risk_terms"),
                Step(use="lexicon", optional=True),
            ),
        ),
        funnel=tuple(
            FunnelStep(
                step=step,  # type: ignore[arg-type]  # one of the names
                reason=reason,
                documents_before=10,
                documents_after=10,
                characters_before=50,
                characters_after=50,
            )
            for step, reason in funnel
        ),
        totals=Totals(documents=10, characters=50, bytes=150),
        per_source=(
            SourceShare(
                source="sha256:" + "a" * 64,
                title="法规",
                region="domestic",
                licence_clear=True,
                documents_read=10,
                documents_kept=10,
                dropped={},
                broken_rows=0,
                characters_kept=50,
                bytes_kept=150,
            ),
        ),
        personal_data={"mobile": 2, "address": 1},
        masked_documents=2,
        filtered=Filtered(documents=10, documents_filtered=0),
        encodings={"utf-8": 1},
        language={"zh-Hans": 9, "en": 1},
        rows_digest="sha256:" + "e" * 64,
        shards=(Shard(title="data/part-00000.parquet", documents=10),),
        operators=tuple(OperatorUse(step=0, id=f"{name}/1:0123456789abcdef") for name in ("length", *ran)),
        skipped=(3,),
        review={"risk_terms": 1},
    )
    return model, [source]


@pytest.mark.parametrize(
    ("ran", "zh", "en"),
    [
        ((), "- 没有去除重复的文本。", "- Duplicates were not removed."),
        (("deduplicate_lines", "decontaminate"), "- 没有去除重复的文本。", "- Duplicates were not removed."),
        (("deduplicate_exact",), "仅去除完全相同的文本", "near-duplicates are still here"),
        (
            ("deduplicate_exact", "deduplicate_near"),
            "近似重复以签名找出候选",
            "removed by their exact Jaccard",
        ),
    ],
)
def test_limits_say_which_duplicates_are_left(ran: tuple[str, ...], zh: str, en: str) -> None:
    model, sources = corpus(*ran)
    for language, words in (("zh", zh), ("en", en)):
        text = card(model, sources, language)  # type: ignore[arg-type]
        others = {"没有去除重复", "仅去除完全相同", "近似重复按估计", "were not removed", "still here\n", "an estimate"}
        assert words in text and sum(text.count(other) for other in others if other not in words) <= 1


def test_a_recipe_is_in_the_card_step_by_step() -> None:
    model, sources = corpus()
    zh, en = card(model, sources, "zh"), card(model, sources, "en")
    assert "## 配方：配方 \\| 一" in zh and "## Recipe: Recipe \\| one" in en
    row = '| 1 | length (unit = "character", list = [1, "二"]) | length/1:0123456789abcdef |'
    assert row in zh and row in en
    assert "| 2 | drop: characters &lt; 4 or x > 1 | 过短 |" in zh
    assert "| 3 | review: risk > 3 | risk terms found |" in en and "| 4 | lexicon | – |" in en
    assert "没有执行：lexicon" in zh and "1 篇待人工复核（命中风险词）" in zh
    assert "| 编辑：重复套话行 |" in zh and "| drop: own reason |" in en and "| 剔除：own_reason |" in zh
    assert "| en | 1 | 10.00 % |" in zh and "| address | 1 |" in en
    for block in re.findall(r"(?:^\|.*\n)+", zh + en, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_mlcroissant_reads_the_metadata_of_a_corpus_with_labels(tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    made = make_corpus(some_texts(10), shard_rows=100)
    with made.files.open_layer("data/part-00000.parquet") as stream:
        data = stream.read()
    layer = Layer(sha256_digest(data), len(data), "application/vnd.apache.parquet", "data/part-00000.parquet")
    model, sources = corpus()
    columns = (("url", "string"), ("characters", "int64"), ("script", "string"))
    text = croissant(model, sources, [layer], columns)
    (tmp_path / "croissant.json").write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metadata = mlcroissant.Dataset(jsonld=tmp_path / "croissant.json").metadata
    assert not metadata.ctx.issues.errors
    [records, licences] = metadata.record_sets
    assert licences.data and licences.data[0]["licences/documents"] > 0
    assert [field.name for field in records.fields][-3:] == ["url", "characters", "script"]
    [characters] = [field for field in json.loads(text)["recordSet"][0]["field"] if field["name"] == "characters"]
    assert characters["dataType"] == "sc:Integer"
    assert croissant(model, sources, [layer], ()) != text


@pytest.mark.parametrize(
    ("kind", "type", "repeated"),
    [
        ("string", "sc:Text", False),
        ("strings", "sc:Text", True),
        ("int64", "sc:Integer", False),
        ("float64", "sc:Float", False),
        ("bool", "sc:Boolean", False),
    ],
)
def test_types_of_columns(kind: str, type: str, repeated: bool) -> None:
    found = field_of("records", "files", "x", "An x.", kind)
    assert found["dataType"] == type and found.get("repeated", False) is repeated
