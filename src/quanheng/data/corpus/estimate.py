"""What a build will cost, from building a sample of it: processor time, memory, disk.

A sample of units, drawn by a seed, is built in a folder of its own, twice: a small part first, so that start-up
(imports, compiled kernels) is not taken for work. What the second build took is carried forward in proportion to bytes.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quanheng.data.corpus.analyze import Task
from quanheng.data.corpus.build import AssetInput, build
from quanheng.data.corpus.keep import KEEPS
from quanheng.data.corpus.recipe import plan
from quanheng.data.corpus.units import Placed, SourceInput, place_units, sample_file
from quanheng.data.corpus.work import open_assets, opened, run_here
from quanheng.errors import Invalid, QuanhengError
from quanheng.kinds.sources import FileCounts, Source, SourceFile
from quanheng.store import JSON, Layer, LocalObjects, MemoryCache, sha256_digest

#: Bytes of sources that are built to measure: more of them, a better guess; these take some ten seconds.
SAMPLE_BYTES = 24 * 1024 * 1024
_WARM_BYTES = 256 * 1024
_COPY = 1024 * 1024
#: Names of the disk that a build takes at the worst moment, by what is kept, and of what "final" leaves.
DISK = ("work_bytes", "work_stages_bytes", "work_all_bytes", "left_bytes")


def estimated(task: JSON) -> JSON:
    """Return the estimate of a `Task`; see `estimate`. Runs in a process of its own."""
    return estimate(Task.model_validate_json(json.dumps(task)))


def estimate(task: Task, *, sample_bytes: int = SAMPLE_BYTES) -> dict[str, Any]:
    """Return what building the task's sources by its recipe will cost.

    bytes: of the sources; sampled: of the sample. cpu_s: seconds of one processor, all in all; start_s: start-up of
    each process. memory_bytes: at the peak of one process. corpus_bytes: the layers left; work_bytes: the most that
    lies on disk beside the sources at one time, corpus and scratch files included, with keep = "final";
    work_stages_bytes, work_all_bytes: with the others; left_bytes: what lies there after a build with "final".
    Raises Invalid "nothing_to_measure" for sources without bytes.
    """
    objects = LocalObjects(task.objects)
    made = plan(task.recipe, open_assets(objects, task.assets))
    sources = task.inputs()
    placed = place_units(sources, made, task.assets, objects, lambda file: sample_file(objects, file))
    total = sum(file.size for source in sources for file in source.model.files)
    order = sorted(range(len(placed)), key=lambda place: sha256_digest(f"{task.seed} {place}".encode()))
    if total == 0:
        raise Invalid(
            "the sources hold no bytes to measure with",
            "来源中没有可供测算的内容",
            hint=("Register files with text.", "请登记含有文本的文件。"),
            code="nothing_to_measure",
        )
    begun = time.process_time()
    _measured(task, sources, placed, order, objects, _WARM_BYTES)
    start_s = time.process_time() - begun
    found = _measured(task, sources, placed, order, objects, sample_bytes)
    factor = total / found["bytes"]
    return {
        "bytes": total,
        "sampled": found["bytes"],
        "cpu_s": round(found["cpu_s"] * factor, 1),
        "start_s": round(start_s, 1),
        "memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "corpus_bytes": int(found["corpus_bytes"] * factor),
        **{name: int(found[name] * factor) for name in DISK},
        "documents": int(found["documents"] * factor),
    }


def _measured(
    task: Task,
    sources: Sequence[SourceInput],
    placed: Sequence[Placed],
    order: Sequence[int],
    objects: LocalObjects,
    most: int,
) -> dict[str, float]:
    """Return what building about `most` bytes took, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="quanheng-plan-") as folder:
        here = LocalObjects(Path(folder) / "objects")
        sample = _sample(sources, placed, order, objects, here, most)
        size = sum(source.model.counts.bytes for source in sample)
        assets = {role: AssetInput(digest, _copied(objects, here, digest)) for role, digest in task.assets.items()}
        begun = time.process_time()
        corpus, documents, disk = 0, 0, dict.fromkeys(DISK, 0)
        try:
            made = build(sample, task.recipe, here, MemoryCache(), lambda done, of: None, run_here, assets)
            corpus, documents = sum(layer.size for layer in made.layers), made.model.totals.documents
            peaks = [made.peak_bytes[keep] for keep in KEEPS]
            disk = dict(zip(DISK, [*peaks, made.left_bytes["final"]], strict=True))
        except QuanhengError as error:
            if error.code != "empty_corpus":
                raise
        return {
            "bytes": size,
            "cpu_s": time.process_time() - begun,
            "corpus_bytes": corpus,
            **disk,
            "documents": documents,
        }


def _copied(objects: LocalObjects, here: LocalObjects, digest: str) -> str:
    with objects.open(digest) as stream:
        return here.put_stream(stream).digest


def _sample(
    sources: Sequence[SourceInput],
    placed: Sequence[Placed],
    order: Sequence[int],
    objects: LocalObjects,
    here: LocalObjects,
    most: int,
) -> list[SourceInput]:
    """Return sources of the units that come first in `order`, up to about `most` bytes; at least one unit.

    Of a file of lines that is larger than all of that only its beginning is taken.
    """
    files: dict[int, list[tuple[SourceFile, Layer]]] = {}
    size = 0
    for number in order:
        unit = placed[number]
        for place, file in enumerate(unit.unit.files):
            if size >= most:
                break
            with opened(objects, file) as stream:
                lines = file.part is not None
                with here.writer() as out:
                    taken = 0
                    while (chunk := stream.read(_COPY)) and not (lines and size + taken >= most):
                        out.write(chunk)
                        taken += len(chunk)
            title = f"{number:06d}-{place:03d}-{file.title}"
            layer = Layer(out.result.digest, out.result.size, "text/plain", title)
            made = SourceFile(title=title, format=file.format, size=out.result.size)
            files.setdefault(unit.source, []).append((made, layer))
            size += out.result.size
    return [_source(sources[place], found) for place, found in sorted(files.items())]


def _source(source: SourceInput, found: Sequence[tuple[SourceFile, Layer]]) -> SourceInput:
    counts = FileCounts(files=len(found), bytes=sum(file.size for file, _ in found))
    fields = {**source.model.model_dump(), "files": tuple(file for file, _ in found), "counts": counts}
    model = Source.model_validate(fields)
    return SourceInput(source.digest, model, {layer.title: layer for _, layer in found})
