"""Corpora out of scanned pages, and without documents that mean the same: as a person would ask for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.data.static_vectors import TOPICS, tensors, tokenizer, vectors

from quanheng.errors import Invalid, NotFound
from unit.data.test_dedup_semantic import embedding, says
from unit.endpoints.loopback import serve

SEMANTIC = """
name = "meaning"
title = { en = "meaning", zh = "语义" }

[[steps]]
use = "deduplicate_semantic"
threshold = 0.95
"""
SCANS = """
name = "scans"
title = { en = "scans", zh = "扫描件" }
labels = ["ocr_confidence"]

[[steps]]
drop = "ocr_confidence < 0.5"
reason = "low_quality"
"""


def rows_of(workspace: Any, digest: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    loaded = workspace.load(digest)
    found: list[dict[str, Any]] = []
    for shard in loaded.model.shards:
        with loaded.open_layer(shard.title) as stream:
            found += pq.read_table(stream).to_pylist()
    return found


def decisions_of(workspace: Any, digest: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    loaded = workspace.load(digest)
    titles = sorted(layer.title for layer in loaded.layers if layer.title.startswith("decisions/"))
    found: list[dict[str, Any]] = []
    for title in titles:
        with loaded.open_layer(title) as stream:
            found += pq.read_table(stream).to_pylist()
    return found


@pytest.fixture
def texts(workspace: Any, tmp_path: Path) -> Any:
    """Return a workspace with a source without a clear licence, then one with: four topics each, in other words."""
    for name, licence, seed in (("unclear", "NOASSERTION", 1), ("clear", "CC0-1.0", 2)):
        folder = tmp_path / name
        folder.mkdir()
        rows = [says(topic, 40, seed) for topic in TOPICS]
        (folder / "rows.txt").write_text("\n".join(rows), "utf-8")
        workspace.source.register(path=str(folder), title=name, document="line", licence=licence, as_name=name)
    (tmp_path / "meaning.toml").write_text(SEMANTIC, "utf-8")
    return workspace


def build(workspace: Any, folder: Path, embedder: str) -> Any:
    sources = ["source:unclear", "source:clear"]
    return workspace.corpus.build(sources=sources, file=str(folder / "meaning.toml"), embedder=embedder)


def test_a_folder_of_static_vectors_and_an_endpoint_leave_the_same_documents(texts: Any, tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(tensors(embeddings=vectors()))
    (folder / "tokenizer.json").write_bytes(tokenizer())
    (folder / "config.json").write_text("{}")
    local = texts.files.register(path=str(folder), title="static vectors")
    made = build(texts, tmp_path, local.digest)
    stay = [row["text"] for row in rows_of(texts, made.digest)]
    assert stay == [says(topic, 40, 2) for topic in TOPICS]  # those with a clear licence
    dropped = decisions_of(texts, made.digest)
    assert {row["reason"] for row in dropped} == {"semantic_duplicate"} and len(dropped) == 4
    ids = {row["id"] for row in rows_of(texts, made.digest)}
    assert {row["of"] for row in dropped} == ids and all(0.95 <= float(row["measure"]) <= 1 for row in dropped)
    with serve(answer=embedding) as server:
        endpoint = texts.endpoint.register(url=server.url, title="embed")
        other = build(texts, tmp_path, endpoint.digest)
        assert [row["text"] for row in rows_of(texts, other.digest)] == stay
        assert len(server.requests) == 2
    (folder / "tokenizer.json").unlink()
    half = texts.files.register(path=str(folder), title="half")
    with pytest.raises(NotFound):
        build(texts, tmp_path, half.digest)
    (folder / "tokenizer.json").write_text("{")
    bad = texts.files.register(path=str(folder), title="bad")
    with pytest.raises(Invalid) as caught:
        build(texts, tmp_path, bad.digest)
    assert caught.value.code == "bad_embedder"


def test_scans_become_a_corpus_and_illegible_pages_are_listed(workspace: Any, tmp_path: Path) -> None:
    for package in ("rapidocr", "onnxruntime", "pypdfium2"):
        pytest.importorskip(package, reason="text recognition comes with quanheng[ocr]")
    from tests.unit.data.corpus.pictures import drawn, errors, lines_of, saved, words

    lines, others = lines_of(words(90, 3), 30), lines_of(words(90, 4), 30)
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "第一页.png").write_bytes(saved(drawn(lines, height=260), "PNG"))
    (folder / "合订.pdf").write_bytes(saved(drawn(others, height=260), "PDF", resolution=100))
    (folder / "说明.txt").write_text("这里是文字说明。", "utf-8")
    (folder / "坏.jpg").write_bytes(b"no picture")
    (tmp_path / "scans.toml").write_text(SCANS, "utf-8")
    plain = workspace.source.register(path=str(folder), title="scans", as_name="plain")
    assert {file.title for file in workspace.load(plain.digest).model.files} == {"合订.pdf", "说明.txt"}
    source = workspace.source.register(path=str(folder), title="scans", ocr="when_missing", as_name="scans")
    assert workspace.load(source.digest).model.reading.ocr == "when_missing"
    made = workspace.corpus.build(sources=["source:scans"], file=str(tmp_path / "scans.toml"))
    found = {row["text"]: row["ocr_confidence"] for row in rows_of(workspace, made.digest)}
    assert found.pop("这里是文字说明。") == 1
    assert len(found) == 2
    wanted = ["".join(some) for some in (lines, others)]
    assert all(min(errors(text, seen) for seen in found) <= 1 for text in wanted)
    assert all(0.9 < confidence < 1 for confidence in found.values())
    with workspace.load(made.digest).open_layer("rejected.jsonl") as stream:
        rejected = [json.loads(line) for line in stream]
    assert [(row["row"], row["reason"]) for row in rejected] == [("1", "not_a_picture")]
