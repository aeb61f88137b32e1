"""What a build will cost, from building a sample of it: processor time, memory, disk.

A sample of units, drawn by a seed, is built in a folder of its own, twice: a small part first, so that start-up
(imports, compiled kernels) is not taken for work. What the second build took is carried forward in proportion to bytes.
Endpoints are never asked: their steps are passed over, and the documents that come to them are counted.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from quanheng.data.corpus.analyze import Task
from quanheng.data.corpus.build import AssetInput, build
from quanheng.data.corpus.keep import KEEPS
from quanheng.data.corpus.operator import Operator
from quanheng.data.corpus.recipe import plan
from quanheng.data.corpus.units import Placed, SourceInput, place_units, sample_file
from quanheng.data.corpus.work import open_assets, opened, read_result, run_here
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
    questions: of each step that asks an endpoint its number, operator and role, the documents that come to it, and the
    most questions about them; what asking takes is in no other number. Raises Invalid "nothing_to_measure" for sources
    without bytes.
    """
    objects = LocalObjects(task.objects)
    asking = _asking(task, objects)
    task = _unasked(task, asking)
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
    factor = total / found.bytes
    return {
        "bytes": total,
        "sampled": found.bytes,
        "cpu_s": round(found.cpu_s * factor, 1),
        "start_s": round(start_s, 1),
        "memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "corpus_bytes": int(found.corpus_bytes * factor),
        **{name: int(size * factor) for name, size in found.disk.items()},
        "documents": int(found.documents * factor),
        "questions": [
            {
                "step": place + 1,
                "use": operator.name,
                "role": role,
                "documents": (documents := round(found.reaching(place) * factor)),
                "at_most": documents * getattr(operator.params, "pieces", 1),
            }
            for place, (operator, role) in sorted(asking.items())
        ],
    }


def _asking(task: Task, objects: LocalObjects) -> dict[int, tuple[Operator, str]]:
    """Return the operators that would ask an endpoint, each with its role, by place of the step."""
    if not task.endpoints:
        return {}
    made = plan(task.recipe, open_assets(objects, task.assets))
    return {
        place: (operator, role)
        for place, operator in made.operators
        for role in task.endpoints
        if role in operator.given
    }


def _unasked(task: Task, asking: Mapping[int, object]) -> Task:
    """Return the task without its endpoints: steps that ask them, and conditions on the answers, are passed over."""
    steps = tuple(
        step.model_copy(update={"optional": True}) if place in asking else step
        for place, step in enumerate(task.recipe.steps)
    )
    assets = {role: digest for role, digest in task.assets.items() if role not in task.endpoints}
    return task.model_copy(update={"recipe": task.recipe.model_copy(update={"steps": steps}), "assets": assets})


class _Measured(NamedTuple):
    """What building a sample took. left: documents after each step, by its place; at -1 those that were read."""

    bytes: int
    cpu_s: float
    corpus_bytes: int
    documents: int
    disk: Mapping[str, int]
    left: Mapping[int, int]

    def reaching(self, place: int) -> int:
        """Return how many documents come to the step at a place."""
        return self.left[max((at for at in self.left if at < place), default=-1)] if self.left else 0


def _measured(
    task: Task,
    sources: Sequence[SourceInput],
    placed: Sequence[Placed],
    order: Sequence[int],
    objects: LocalObjects,
    most: int,
) -> _Measured:
    """Return what building about `most` bytes took, in a folder that is gone afterwards."""
    reached = Counter[int]()
    with tempfile.TemporaryDirectory(prefix="quanheng-plan-") as folder:
        here = LocalObjects(Path(folder) / "objects")
        sample = _sample(sources, placed, order, objects, here, most)
        size = sum(source.model.counts.bytes for source in sample)
        assets = {role: AssetInput(digest, _copied(objects, here, digest)) for role, digest in task.assets.items()}
        begun = time.process_time()
        corpus, documents, disk = 0, 0, dict.fromkeys(DISK, 0)

        def counting(function: str, items: Iterable[JSON]) -> Iterator[JSON]:
            for answer in run_here(function, items):
                assert isinstance(answer, dict)  # noqa: S101 - so a unit answers
                result = read_result(here, str(answer["result"]))
                reached[-1] += result.read[0]
                for place, counted in result.counts.items():
                    reached[int(place)] += cast(list[int], counted["after"])[0]
                yield answer

        try:
            made = build(sample, task.recipe, here, MemoryCache(), lambda done, of: None, counting, assets)
            corpus, documents = sum(layer.size for layer in made.layers), made.model.totals.documents
            peaks = [made.peak_bytes[keep] for keep in KEEPS]
            disk = dict(zip(DISK, [*peaks, made.left_bytes["final"]], strict=True))
        except QuanhengError as error:
            if error.code != "empty_corpus":
                raise
        return _Measured(size, time.process_time() - begun, corpus, documents, disk, reached)


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
