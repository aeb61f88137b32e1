"""A store in a temporary folder, and sources made of small files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.data.corpus.continued_corpora import source

from quanheng.data.corpus import AssetInput, SourceInput, read_lexicon, scan_folder, store_files
from quanheng.data.corpus import units as units_module
from quanheng.data.corpus.merge import Merge
from quanheng.kinds.sources import Collection, Licence, Origin, Reading, Source
from quanheng.store import LocalObjects, canonical_json, sha256_digest

MakeSource = Callable[..., SourceInput]


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "objects")


@pytest.fixture
def make_source(tmp_path: Path, objects: LocalObjects) -> MakeSource:
    """Return a function that registers {name: bytes} as a source."""
    return source_maker(tmp_path, objects)


def source_maker(tmp_path: Path, objects: LocalObjects) -> MakeSource:
    """Return what the fixture `make_source` returns, in a folder of one's own."""

    def make(files: dict[str, bytes], title: str = "测试", **reading: Any) -> SourceInput:
        folder = tmp_path / f"source-{sha256_digest(repr((files, title)).encode())[7:15]}"
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        stored = store_files(scan_folder(folder), objects, lambda done, total: None)
        model = Source(
            title=title,
            origin=Origin(type="open", name="tests", region="domestic"),
            licence=Licence(spdx="CC0-1.0", found="CC0", clear=True),
            collection=Collection(method="generated", has_record=True),
            files=stored.files,
            counts=stored.counts,
            reading=Reading(**reading),
        )
        digest = sha256_digest(canonical_json(model.model_dump(mode="json")))
        return SourceInput(digest, model, {layer.title: layer for layer in stored.layers})

    return make


@pytest.fixture
def sources(make_source: MakeSource, monkeypatch: pytest.MonkeyPatch) -> list[SourceInput]:
    """Return four sources, the third of them empty; a file is a unit."""
    monkeypatch.setattr(units_module, "UNIT_FILES", 1)
    found = [source(make_source, seed) for seed in (1, 2, 3)]
    return [*found[:2], make_source({"empty.jsonl": b"\n"}, "空"), found[2]]


@pytest.fixture
def lexicon(tmp_path: Path, objects: LocalObjects) -> dict[str, AssetInput]:
    path = tmp_path / "terms.jsonl"
    path.write_text('{"term": "诈骗", "risk": "A.1.h"}\n', "utf-8")
    _, terms = read_lexicon(path, title="t", version="1", owner="o")
    return {"lexicon": AssetInput("sha256:" + "1" * 64, objects.put_bytes(terms).digest)}


@pytest.fixture
def merged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each unit that a merge takes in adds the title of its first file."""
    found: list[str] = []
    add = Merge.add

    def noted(self: Merge, placed: Any, results: Any) -> None:
        found.append(f"{placed.source}/{placed.unit.files[0].title}")
        add(self, placed, results)

    monkeypatch.setattr(Merge, "add", noted)
    return found
