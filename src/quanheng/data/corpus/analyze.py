"""What a recipe would do, seen on a sample before it is built: how every column is distributed, what each judge takes.

Judges are asked and counted, and drop nothing, so that every later column is seen on all documents of the sample.
Steps that need all documents are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import Field

from quanheng.data.corpus.asking import Answers
from quanheng.data.corpus.elsewhere import Elsewhere
from quanheng.data.corpus.expression import Expression
from quanheng.data.corpus.lines import Broken, excerpt
from quanheng.data.corpus.operator import Batch, Editor, Tagger
from quanheng.data.corpus.read import Document
from quanheng.data.corpus.recipe import Plan, ReadyStep, plan
from quanheng.data.corpus.steps import Counted, Runner, note_edits
from quanheng.data.corpus.units import SourceInput, place_units, sample_file, source_layers
from quanheng.data.corpus.work import Unit, UnitFile, documents_to_batch, open_assets, read_file
from quanheng.kinds.base import Model
from quanheng.kinds.recipes import Recipe
from quanheng.kinds.sources import Source
from quanheng.stats import draw
from quanheng.store import JSON, Cache, LocalObjects

if TYPE_CHECKING:
    import numpy as np

#: Columns are told in so many bins of equal width between their 1 % and 99 % quantiles, and one on each side.
BINS = 20
QUANTILES = (0, 1, 5, 25, 50, 75, 95, 99, 100)
SHOWN = 8
#: Documents are taken from at most so many units, drawn by the seed.
MOST_UNITS = 16
MOST_ROWS = 20_000


class Task(Model):
    """What is to be analysed, as JSON. sources: digest, model, and digests of the files' layers by title.

    elsewhere: by digest, the layers that are read in place. answers: folder of the cache with what endpoints answered
    before. endpoints: roles of the assets that are endpoints. attempt: an expression that is tried on the sample beside
    the judges of the recipe.
    """

    objects: str
    sources: tuple[tuple[str, Source, dict[str, str]], ...]
    recipe: Recipe
    assets: dict[str, str] = Field(default_factory=dict)
    documents: int = 2000
    seed: int = 0
    attempt: str | None = None
    elsewhere: dict[str, Elsewhere] = Field(default_factory=dict)
    answers: str | None = None
    endpoints: tuple[str, ...] = ()

    def inputs(self) -> list[SourceInput]:
        """Return the sources with the hosts that may be called for them."""
        hosts = tuple(sorted({host for known in self.elsewhere.values() for host in known.hosts}))
        return [
            SourceInput(digest, model, source_layers(layers, self.elsewhere), hosts)
            for digest, model, layers in self.sources
        ]


def analyzed(task: JSON) -> JSON:
    """Return the analysis of a `Task`: see `analyze`. Runs in a process of its own."""
    import json

    return analyze(Task.model_validate_json(json.dumps(task)))


def analyze(task: Task) -> dict[str, Any]:
    """Return {"documents", "broken_rows", "columns", "judges", "tried"} over a seeded sample of documents.

    columns: by name, numbers as quantiles and bins (decimal texts), texts as counts of the most frequent values.
    judges: what each drop or review of the recipe would take of the sample, with documents on both sides. An endpoint
    among the assets is asked about every document of the sample, at most once for each text.
    """
    objects = LocalObjects(task.objects)
    answers = Answers(Cache(task.answers, objects), objects) if task.answers else None
    made = plan(task.recipe, open_assets(objects, task.assets, answers))
    batch, broken = _sample(task, made, objects)
    runner = Runner((), [])
    judges = []
    for segment in made.segments:
        for ready in segment.steps:
            if ready.expression is not None:
                judges.append(_judged(ready.expression, batch, task.seed, ready))
            else:
                batch = _through(ready, batch, runner)
    tried = Expression(task.attempt, made.types) if task.attempt else None
    return {
        "documents": len(batch),
        "broken_rows": broken,
        "columns": [_told(name, kind, batch) for name, kind in made.types.items() if name not in ("text", "url")],
        "judges": judges,
        "tried": _judged(tried, batch, task.seed) if tried else None,
    }


def _through(ready: ReadyStep, batch: Batch, runner: Runner) -> Batch:
    made = ready.operator
    if isinstance(made, Tagger):
        return batch.with_columns(runner.call(made, made.tag, batch), made.gives)
    assert isinstance(made, Editor)  # noqa: S101 - a plan holds no other step here
    edited, columns = runner.call(made, made.edit, batch)
    after = note_edits(ready.place, batch, edited, Counted()) if any(edit is not None for edit in edited) else batch
    return after.with_columns(columns, made.gives) if made.gives else after


def _sample(task: Task, made: Plan, objects: LocalObjects) -> tuple[Batch, int]:
    """Return documents drawn by the seed, from each of the drawn units by its size, and how many rows were broken."""
    import pyarrow as pa

    placed = place_units(task.inputs(), made, task.assets, objects, lambda file: sample_file(objects, file))
    picked = draw(f"quanheng analyze {task.seed}", len(placed), min(MOST_UNITS, len(placed)))
    sizes = [max(1, sum(file.size for file in placed[number].unit.files)) for number in picked]
    broken, tables = 0, []
    for number, size in zip(picked, sizes, strict=True):
        unit, n = placed[number].unit, -(-task.documents * size // sum(sizes))
        found = _drawn(unit, n, objects, f"quanheng analyze {task.seed} {number}")
        documents = [(place, one) for place, one in found if isinstance(one, Document)]
        broken += len(found) - len(documents)
        batch = documents_to_batch([place for place, _ in documents], [one for _, one in documents], unit.facts)
        tables.append(batch.table)
    return Batch(pa.Table.from_batches(tables).combine_chunks().to_batches(max_chunksize=None)[0]), broken


def _drawn(unit: Unit, n: int, objects: LocalObjects, seed: str) -> list[tuple[int, Document | Broken]]:
    """Return n rows of a unit, drawn from all; where each file is one document, only the files drawn are read.

    Of a unit with more than MOST_ROWS rows, which is one large file that cannot be cut, the first so many are all.
    """
    places: Sequence[int] = range(len(unit.files))
    if n < len(places) and all(_is_one_document(file, unit) for file in unit.files):
        places = draw(seed, len(places), n)
    rows = ((at, found) for at in places for found in read_file(objects, unit.files[at], unit.reading, {}, Counter()))
    found = list(islice(rows, MOST_ROWS))
    return [found[row] for row in draw(seed, len(found), n)] if n < len(found) else found


def _is_one_document(file: UnitFile, unit: Unit) -> bool:
    if file.format in ("txt", "html"):
        return unit.reading.document == "file"
    return file.format in ("pdf", "docx", "markdown", "png", "jpeg", "tiff", "webp")


def _judged(expression: Expression, batch: Batch, seed: int, ready: ReadyStep | None = None) -> dict[str, Any]:
    """Return what a condition holds of, with documents on both sides and the values that decided."""
    import numpy as np

    holds = expression.holds(batch)
    step = ready.step if ready else None
    return {
        "step": ready.place + 1 if ready else None,
        "expression": expression.text,
        "does": "review" if step and step.review is not None else "drop",
        "reason": step.reason if step else None,
        "k": int(holds.sum()),
        "n": len(batch),
        "taken": _shown(expression, batch, np.flatnonzero(holds).tolist(), seed),
        "left": _shown(expression, batch, np.flatnonzero(~holds).tolist(), seed),
    }


def _shown(expression: Expression, batch: Batch, rows: Sequence[int], seed: int) -> list[dict[str, Any]]:
    picked = draw(f"quanheng shown {seed}", len(rows), min(SHOWN, len(rows))) if rows else []
    return [
        {
            "excerpt": excerpt(batch.texts[rows[place]]),
            "values": {name: _plain(batch.column(name)[rows[place]].as_py()) for name in expression.columns},
        }
        for place in picked
    ]


def _plain(value: Any) -> Any:
    return f"{value:.4f}" if isinstance(value, float) else value


def _told(name: str, kind: str, batch: Batch) -> dict[str, Any]:
    import numpy as np

    column = batch.column(name)
    if kind in ("string", "strings", "bool"):
        values = Counter(
            str(v) for found in column.to_pylist() for v in (found if isinstance(found, list) else [found])
        )
        return {"name": name, "type": kind, "values": [[value, n] for value, n in values.most_common(BINS)]}
    numbers = np.sort(np.asarray(column.to_numpy(zero_copy_only=False), np.float64))
    if not len(numbers):
        return {"name": name, "type": kind, "quantiles": [], "bins": []}
    # Lower empirical quantile: the smallest value that at least this share of the documents does not exceed.
    at = [max(0, -(-len(numbers) * share // 100) - 1) for share in QUANTILES]
    quantiles = [[share, f"{numbers[place]:.4f}"] for share, place in zip(QUANTILES, at, strict=True)]
    return {"name": name, "type": kind, "quantiles": quantiles, "bins": _bins(numbers)}


def _bins(values: np.ndarray[Any, Any]) -> list[list[Any]]:
    """Return [from, to, documents]; both ends of the last bin belong to it."""
    import numpy as np

    low, high = values[len(values) // 100], values[-1 - len(values) // 100]
    if low == high:
        low, high = values[0], values[-1]
    edges = np.unique(np.concatenate(([values[0]], np.linspace(low, high, BINS + 1), [values[-1]])))
    if len(edges) == 1:
        return [[f"{edges[0]:.4f}", f"{edges[0]:.4f}", len(values)]]
    counts, edges = np.histogram(values, edges)
    return [[f"{edges[i]:.4f}", f"{edges[i + 1]:.4f}", int(n)] for i, n in enumerate(counts)]
