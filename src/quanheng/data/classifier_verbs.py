"""Classifiers of one's own: of quality, domain or risk, for the steps of a recipe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from quanheng.core.context import Draft, JobContext
from quanheng.core.inputs import Input, Local, param
from quanheng.core.resolve import local_path
from quanheng.core.verb import verb
from quanheng.errors import Invalid
from quanheng.kinds.exports import Classifier, LabelResult
from quanheng.store import Layer, canonical_json

if TYPE_CHECKING:
    from quanheng.data.corpus.train import Labelled

MODEL_LAYER, CARD_LAYER = "model.bin", "card.json"
#: Training holds its texts in memory: at most so many.
MOST_ROWS = 1_000_000


class ClassifierTrain(Input):
    """Input of classifier.train."""

    file: Annotated[str, Local()] = param(
        ...,
        'JSONL file: {"text": …, "labels": ["good"]}; no label is an example of none',
        'JSONL 文件：{"text": …, "labels": ["good"]}；无标签的为反例',
    )
    title: str = param(..., "Title", "标题", min_length=1, max_length=500)
    seed: str = param("1", "Another seed holds out other texts", "换一个种子留出另一些文本", max_length=100)


@verb(
    "classifier.train",
    permission="build",
    cache=True,
    makes=("classifier/v1",),
    help=(
        "Train a classifier of quality, domain or risk for use in recipes",
        "训练供配方使用的分类模型：质量、领域或风险",
    ),
)
def classifier_train(ctx: JobContext, inp: ClassifierTrain) -> Draft:
    """Leave the classifier with how each label did on a fifth of the texts, held out by their contents."""
    from quanheng.data.corpus.train import train_classifier

    rows = list(_rows(ctx, inp.file))
    made = train_classifier(rows, seed=inp.seed)
    card = json.loads(canonical_json(made.card))
    results = {
        label: LabelResult(hits=row["true_positives"], predicted=row["predicted"], actual=row["actual"])
        for label, row in card["per_label"].items()
    }
    model, said = ctx.objects.put_bytes(made.data), ctx.objects.put_bytes(canonical_json(made.card))
    return Draft(
        Classifier(
            title=inp.title,
            labels=tuple(sorted(results)),
            learned_from=card["trained_on"],
            held_out=card["held_out"],
            per_label=results,
        ),
        (
            Layer(model.digest, model.size, "application/octet-stream", MODEL_LAYER),
            Layer(said.digest, said.size, "application/json", CARD_LAYER),
        ),
    )


def _rows(ctx: JobContext, file: str) -> Iterator[Labelled]:
    """Yield text and labels of every line; Invalid "bad_row" names the first line that has none."""
    from quanheng.data.corpus.train import Labelled

    stored = ctx.objects.put_file(local_path(file))
    with ctx.objects.open(stored.digest) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                text, labels = row["text"], row.get("labels", [])
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise _bad(number) from error
            good = isinstance(text, str) and isinstance(labels, list) and all(isinstance(name, str) for name in labels)
            if not good or number > MOST_ROWS:
                raise _bad(number)
            yield Labelled(text, tuple(sorted(set(labels))))


def _bad(number: int) -> Invalid:
    return Invalid(
        f"line {number} is no text with labels, or there are more than {MOST_ROWS:,} lines",
        f"第 {number} 行不是带标签的文本，或行数超过 {MOST_ROWS}",
        hint=('A line is {"text": "…", "labels": ["good"]}.', '每行形如 {"text": "…", "labels": ["good"]}。'),
        code="bad_row",
    )
