"""An open data set: mlcroissant loads it and reads its rows; a licence nobody knows stops it."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from quanheng.data.corpus.export import (
    ExportOptions,
    Publication,
    Split,
    damaged_files,
    publish,
    read_export,
)
from quanheng.data.corpus.export.croissant import ResponsibleAI
from quanheng.data.corpus.mix import MixGroup, choose, plan_mix
from quanheng.data.corpus.tokens import CorpusTokenizer, Training, count_corpus, train_tokenizer
from quanheng.errors import Invalid
from quanheng.kinds.base import Rate, Say
from quanheng.kinds.corpora import CorpusV2, Filtered, FunnelStep, OperatorUse, Shard, SourceShare, Totals
from quanheng.kinds.recipes import Recipe, Step

from .export_corpora import Made, a_source, digest_of, make_corpus, parquet_rows, quiet, some_texts, tree

PUBLICATION = Publication(
    name="test-statutes",
    title=Say(en="Statutes | for tests", zh="测试 | 法规"),
    publisher="测试单位",
    contact="data@example.org",
    published_on="2026-07-01",
    url="https://example.org/data",
    cite_as="@misc{x}",
)
SPLIT = Split("7", Rate(k=1, n=4))


def model_of(made: Made) -> CorpusV2:
    """Return the model that a build of these rows would have."""
    by_source = {digest: [text for _, owner, text in made.rows if owner == digest] for digest in made.files.sources}
    documents, characters = len(made.rows), sum(len(text) for _, _, text in made.rows)
    return CorpusV2(
        recipe=Recipe(
            name="test",
            title=Say(en="Test", zh="测试"),
            steps=(
                Step(use="length"),
                Step(drop="characters < 4", reason="too_short"),
                Step(use="lexicon", params={"weights": [1]}, optional=True),
            ),
            labels=("characters", "script"),
        ),
        funnel=(
            FunnelStep(
                step="drop",
                reason="too_short",
                documents_before=documents + 5,
                documents_after=documents,
                characters_before=characters + 9,
                characters_after=characters,
            ),
        ),
        totals=Totals(documents=documents, characters=characters, bytes=3 * characters),
        per_source=tuple(
            SourceShare(
                source=digest,
                title=made.files.sources[digest].title,
                region="domestic",
                licence_clear=made.files.sources[digest].licence.clear,
                documents_read=len(texts),
                documents_kept=len(texts),
                dropped={},
                broken_rows=0,
                characters_kept=sum(map(len, texts)),
                bytes_kept=3 * sum(map(len, texts)),
            )
            for digest, texts in by_source.items()
        ),
        personal_data={"mobile": 3},
        masked_documents=2,
        filtered=Filtered(documents=documents, documents_filtered=0),
        encodings={"utf-8": 1},
        language={"zh-Hans": documents},
        rows_digest="sha256:" + "e" * 64,
        shards=(Shard(title="data/part-00000.parquet", documents=documents),),
        operators=(OperatorUse(step=0, id="length/1:abc"),),
        skipped=(2,),
        review={"risk_terms": 4},
    )


@pytest.fixture
def made() -> Made:
    sources = {
        "甲": a_source("法规|甲<b>", spdx="CC-BY-4.0", found="CC BY 4.0"),
        "乙": a_source("文件乙", spdx="LicenseRef-official-documents", found="著作权法第五条"),
    }
    return make_corpus(some_texts(120), titles=sources)


def out(made: Made, target: Path, publication: Publication = PUBLICATION, **options: Any) -> Path:
    publish(made.files, model_of(made), publication, target, ExportOptions(part_bytes=3000, **options), quiet)
    return target


@pytest.fixture
def quiet_absl() -> Iterator[None]:
    """Let mlcroissant's own dependencies warn; that is not under test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("split", [None, SPLIT])
def test_mlcroissant_loads_the_metadata_and_reads_every_row(
    made: Made, tmp_path: Path, quiet_absl: None, split: Split | None
) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    target = out(made, tmp_path / "out", split=split)
    dataset = mlcroissant.Dataset(jsonld=target / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors and not dataset.metadata.ctx.issues.warnings
    read: dict[str, dict[str, Any]] = {}
    for records in ("train", "validation") if split else ("train",):
        rows = list(dataset.records(record_set=records))
        assert len(rows) == read_export(target).documents[records]
        for row in rows:
            plain = {key.split("/")[1]: value for key, value in row.items()}
            read[plain["id"].decode()] = plain
    assert len(read) == 120
    for at, (id, source, text) in enumerate(made.rows):
        row = read[id]
        assert row["text"].decode() == text and row["source_digest"].decode() == source
        assert row["characters"] == len(text) and row["script"] == b"zh-Hans" and list(row["flags"]) == [b"zh-Hans"]
        assert row["url"] == (f"https://example.org/{at}".encode() if at % 2 else None)


def test_mlcroissant_knows_the_responsible_ai_fields(made: Made, tmp_path: Path, quiet_absl: None) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    target = out(made, tmp_path / "out")
    metadata = mlcroissant.Dataset(jsonld=target / "croissant.json").metadata
    assert "generated" in metadata.data_collection
    assert metadata.data_collection_type == ["Secondary Data analysis"]
    assert metadata.personal_sensitive_information == ["mobile: 3 places replaced by the name of the type"]
    assert any("zh-Hans 120 of 120" in bias for bias in metadata.data_biases)
    assert metadata.data_annotation_protocol and "No human labels" in metadata.data_annotation_protocol[0]
    assert metadata.data_preprocessing_protocol == ["drop (too short): 125 to 120 documents"]
    assert metadata.data_limitations and metadata.data_use_cases and metadata.data_release_maintenance_plan
    assert metadata.annotations_per_item == "0" and metadata.machine_annotation_tools == ["length/1:abc"]
    assert set(metadata.license) == {"LicenseRef-official-documents", "https://spdx.org/licenses/CC-BY-4.0.html"}
    assert metadata.version == "1.0.0" and str(metadata.date_published).startswith("2026-07-01")
    data = json.loads((target / "croissant.json").read_text())
    assert data["conformsTo"] == ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
    assert data["rai:dataCollectionTimeframe"] == ["2026-05-01"]


def test_mlcroissant_refuses_metadata_that_is_broken(made: Made, tmp_path: Path, quiet_absl: None) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    target = out(made, tmp_path / "out")
    data = json.loads((target / "croissant.json").read_text())
    data["recordSet"][0]["field"][0]["source"]["fileSet"]["@id"] = "none"
    (target / "croissant.json").write_text(json.dumps(data))
    with pytest.raises(mlcroissant.ValidationError):
        mlcroissant.Dataset(jsonld=target / "croissant.json")


def test_croissant_names_every_other_file_with_its_sha256(made: Made, tmp_path: Path) -> None:
    target = out(made, tmp_path / "out", split=SPLIT)
    data = json.loads((target / "croissant.json").read_text())
    files = {item["@id"]: item["sha256"] for item in data["distribution"] if item["@type"] == "cr:FileObject"}
    sums = dict(line.split("  ")[::-1] for line in (target / "SHA256SUMS").read_text().splitlines())
    assert set(sums) - set(files) == {"croissant.json", "export.json"}  # written after it
    assert all(sums[path] == digest for path, digest in files.items())
    assert damaged_files(target) == []


def test_the_folder_is_a_hub_folder_with_both_cards(made: Made, tmp_path: Path) -> None:
    target = out(made, tmp_path / "out", split=SPLIT)
    _, head, body = (target / "README.md").read_text().split("---\n", 2)
    meta = yaml.safe_load(head)
    assert meta["license"] == ["cc-by-4.0", "other"] and meta["license_name"] == "LicenseRef-official-documents"
    zh, en = (target / "card.zh.md").read_text(), (target / "card.en.md").read_text()
    assert zh in body and en in body
    for card, words in (
        (
            zh,
            [
                "# 测试 \\| 法规",
                "## 许可",
                "法规\\|甲&lt;b>",
                "著作权法第五条",
                "## 划分",
                "data@example.org",
                "### 来源",
                "过短",
            ],
        ),
        (
            en,
            [
                "# Statutes \\| for tests",
                "## Licences",
                "official-documents",
                "## Splits",
                "Takedown".lower(),
                "### Sources",
            ],
        ),
    ):
        for word in words:
            assert word in card, word
        assert "<b>" not in card and card.count("\n# ") == 0
        for block in re.findall(r"(?:^\|.*\n)+", card, re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1
    assert "可选步骤缺少所需的词表或模型，没有执行：lexicon" in zh and "4 篇待人工复核（命中风险词）" in zh
    assert "to be reviewed (risk terms found)" in en and "Sources without a clear licence" not in en


def test_the_licence_table_adds_up(made: Made, tmp_path: Path) -> None:
    target = out(made, tmp_path / "out", split=SPLIT)
    rows = json.loads((target / "licences.json").read_text())
    for row in rows:
        mine = [text for _, source, text in made.rows if source == row["source"]]
        assert (row["documents"], row["characters"]) == (len(mine), sum(map(len, mine)))
    assert [(row["spdx"], row["found"], row["clear"]) for row in rows] == [
        ("CC-BY-4.0", "CC BY 4.0", True),
        ("LicenseRef-official-documents", "著作权法第五条", True),
    ]


def test_what_nobody_found_is_said_in_the_language_of_the_card(made: Made, tmp_path: Path) -> None:
    source = a_source("问答集", spdx="CC-BY-4.0", found="nothing found")
    corpus = make_corpus(some_texts(30), titles={"甲": source, "乙": a_source("法规")})
    target = out(corpus, tmp_path / "out", PUBLICATION)
    zh = (target / "card.zh.md").read_text()
    assert "nothing found" not in zh and "未查到" in zh
    assert "nothing found" in (target / "card.en.md").read_text()


def unclear(made: Made) -> Made:
    source = a_source("问答集", spdx="NOASSERTION", clear=False, found="网站未说明")
    return make_corpus(some_texts(30), titles={"甲": a_source("法规"), "乙": source})


def test_a_source_without_a_clear_licence_stops_it(made: Made, tmp_path: Path) -> None:
    corpus = unclear(made)
    for said in (None, "  \n"):
        with pytest.raises(Invalid) as error:
            out(corpus, tmp_path / "out", replace(PUBLICATION, acknowledgement=said))
        assert error.value.code == "licence_unclear"
        assert "问答集" in str(error.value) and "网站未说明" in str(error.value) and "法规" not in str(error.value)
    assert not corpus.opened and list(tmp_path.iterdir()) == []


def test_an_acknowledgement_is_printed(made: Made, tmp_path: Path) -> None:
    said = "站方已书面同意 <b>公开</b> | 2026 年 5 月"
    target = out(unclear(made), tmp_path / "out", replace(PUBLICATION, acknowledgement=said))
    for name in ("README.md", "card.zh.md", "card.en.md"):
        assert "> 站方已书面同意 &lt;b>公开&lt;/b> \\| 2026 年 5 月" in (target / name).read_text()
    assert said in json.loads((target / "croissant.json").read_text())["rai:dataLimitations"][-1]
    assert "- unknown" in (target / "README.md").read_text()
    assert [row["clear"] for row in json.loads((target / "licences.json").read_text())] == [True, False]


def test_an_unclear_source_outside_the_mix_is_no_obstacle(made: Made, tmp_path: Path) -> None:
    corpus = unclear(made)
    data = train_tokenizer([text for _, _, text in corpus.rows], Training(vocabulary=300), quiet)
    totals = count_corpus(corpus.files, CorpusTokenizer(data), tmp_path / "counts", quiet)
    groups = [MixGroup("laws", (digest_of("甲"),), 1)]
    plan = plan_mix(groups, totals, total=totals.per_source[digest_of("甲")].tokens, seed="s")
    choice = choose(plan, corpus.files, lambda: (tmp_path / "counts").open("rb"), quiet)
    target = out(corpus, tmp_path / "out", mix=choice)
    rows = [row for path in target.glob("data/*") for row in parquet_rows(path)]
    assert len(rows) == 15 and {row["source"] for row in rows} == {"法规"}
    assert len(json.loads((target / "licences.json").read_text())) == 1


@pytest.mark.parametrize(
    "wrong", [{"name": "名"}, {"name": "a b"}, {"version": "1"}, {"version": "1.0.0\n"}, {"published_on": "2026"}]
)
def test_what_the_formats_do_not_take_is_refused(made: Made, tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid) as error:
        out(made, tmp_path / "out", replace(PUBLICATION, **wrong))  # type: ignore[arg-type]
    assert error.value.code == "bad_publication"


def test_statements_of_the_publisher_replace_those_of_the_corpus(made: Made, tmp_path: Path) -> None:
    rai = ResponsibleAI(data_biases=("Only statutes.",))
    target = out(made, tmp_path / "out", replace(PUBLICATION, rai=rai))
    data = json.loads((target / "croissant.json").read_text())
    assert data["rai:dataBiases"] == ["Only statutes."] and data["rai:dataCollection"]


def test_the_same_publication_has_the_same_bytes(made: Made, tmp_path: Path) -> None:
    assert tree(out(made, tmp_path / "a", split=SPLIT)) == tree(out(made, tmp_path / "b", split=SPLIT))
