"""`corpus plan` foretells the disk that a build takes at the worst moment, within 30 %, for each way of keeping."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.data.corpus.conftest import MakeSource

from build_texts import texts_of
from quanheng.data.corpus import SourceInput, build, shipped_recipe
from quanheng.data.corpus import units as units_module
from quanheng.data.corpus.analyze import Task
from quanheng.data.corpus.estimate import DISK, estimate
from quanheng.data.corpus.keep import KEEPS
from quanheng.data.corpus.work import run_unit
from quanheng.store import LocalObjects, MemoryCache

WITHIN = 0.3


def on_disk(objects: LocalObjects) -> int:
    return sum(path.stat().st_size for path in objects.root.rglob("*") if path.is_file())


def measured(sources: list[SourceInput], objects: LocalObjects, root: Path, keep: str) -> tuple[int, int]:
    """Return the bytes on disk beside the sources after the unit when they were most, and at the end."""
    own = LocalObjects(root)
    for found in sources:
        for layer in found.layers.values():
            with objects.open(layer.digest) as stream:
                own.put_stream(stream)
    before, seen = on_disk(own), []

    def watched(function, items):  # type: ignore[no-untyped-def]
        for item in items:
            yield run_unit(item)
            seen.append(on_disk(own) - before)

    build(sources, shipped_recipe("web-zh"), own, MemoryCache(), lambda done, of: None, watched, keep=keep)  # type: ignore[arg-type]
    left = on_disk(own) - before
    return max(*seen, left), left


def test_the_disk_of_a_build_is_foretold(
    make_source: MakeSource, objects: LocalObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units_module, "UNIT_FILES", 1)
    sources = []
    for seed in (1, 2):
        lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts_of(seed, 10 * 120)]
        sources.append(make_source({f"{n}.jsonl": "\n".join(lines[n::10]).encode() for n in range(10)}, f"{seed}"))
    given = tuple(
        (found.digest, found.model, {title: layer.digest for title, layer in found.layers.items()}) for found in sources
    )
    total = sum(found.model.counts.bytes for found in sources)
    task = Task(objects=str(objects.root), sources=given, recipe=shipped_recipe("web-zh"))
    told = estimate(task, sample_bytes=total // 2)
    assert told["sampled"] < 0.7 * told["bytes"]
    names = dict(zip(KEEPS, DISK, strict=False))
    peaks = []
    for keep in KEEPS:
        peak, left = measured(sources, objects, tmp_path / keep, keep)
        assert told[names[keep]] == pytest.approx(peak, rel=WITHIN), keep
        if keep == "final":
            assert told["left_bytes"] == pytest.approx(left, rel=WITHIN)
        peaks.append(peak)
    assert peaks[0] < 0.9 * peaks[1] < peaks[2]
