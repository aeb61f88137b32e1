"""A store in a temporary folder, and sources made of small files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quanheng.data.corpus import SourceInput, scan_folder, store_files
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
