"""A batch through its steps: counts that add up, reviews listed, and a plugin that raises named with its document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from quanheng.data.corpus import build, parquet_rows, parse_recipe, run_here
from quanheng.data.corpus import operator as operator_module
from quanheng.data.corpus.lines import Document
from quanheng.data.corpus.operator import Batch, Edited, Editor, Replaced, Tagger
from quanheng.data.corpus.steps import Runner, Size
from quanheng.data.corpus.work import Facts, documents_to_batch
from quanheng.errors import Invalid
from quanheng.kinds.base import Say
from quanheng.store import LocalObjects, MemoryCache

from .conftest import MakeSource

HEAD = 'name = "mine"\ntitle = { en = "a", zh = "甲" }\n'
SAID = Say(en="a plugin", zh="插件")


class Picky(Tagger):
    """Cannot bear one text."""

    name = "picky"
    help = SAID
    gives = (("words", "int64"),)

    def tag(self, batch: Batch) -> Mapping[str, Any]:
        """Raise on it."""
        if any("坏" in text for text in batch.texts):
            raise ZeroDivisionError("no words")
        return {"words": [len(text) for text in batch.texts]}


class Stars(Editor):
    """Puts stars in the place of digits."""

    name = "stars"
    help = SAID
    gives = ()

    def edit(self, batch: Batch) -> Any:
        """Return the texts with a star for each digit."""
        edited: list[Edited | None] = []
        for text in batch.texts:
            spans = tuple(Replaced(at, at + 1, "**", "digit") for at, c in enumerate(text) if c.isdigit())
            edited.append(Edited("".join("**" if c.isdigit() else c for c in text), spans) if spans else None)
        return edited, {}


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    class Point:
        def __init__(self, made: Any) -> None:
            self.name, self._made = made.name, made

        def load(self) -> Any:
            return self._made

    monkeypatch.setattr(operator_module, "entry_points", lambda group: [Point(Picky), Point(Stars)])
    operator_module.operators.cache_clear()
    yield
    for name in ("picky", "stars"):
        operator_module._REGISTRY.pop(name, None)
    operator_module.operators.cache_clear()


def run(make_source: MakeSource, objects: LocalObjects, steps: str, lines: list[str]) -> Any:
    source = make_source({"a.txt": "\n".join(lines).encode()}, document="line")
    return build([source], parse_recipe(HEAD + steps), objects, MemoryCache(), lambda done, total: None, run_here)


def test_a_plugin_that_raises_is_named_with_its_document(make_source: MakeSource, objects: LocalObjects) -> None:
    with pytest.raises(Invalid) as caught:
        run(make_source, objects, '[[steps]]\nuse = "picky"\n', ["好的文本", "另一篇好的文本", "坏的文本"])
    said = caught.value.text.en
    assert caught.value.code == "operator_failed"
    assert "picky" in said and "a.txt, row 3" in said and "ZeroDivisionError: no words" in said
    assert not list((objects.root / "tmp").iterdir())


def test_edits_are_noted_where_they_stand_in_the_new_text(make_source: MakeSource, objects: LocalObjects) -> None:
    made = run(make_source, objects, '[[steps]]\nuse = "stars"\n', ["一1二22三", "没有"])
    rows = {}
    for layer in made.layers:
        if layer.title.startswith(("data/", "decisions/")):
            with objects.open(layer.digest) as stream:
                rows[layer.title.split("/")[0]] = list(parquet_rows(stream))
    text = rows["data"][0][2]
    assert text == "一**二****三"
    [decision] = rows["decisions"]
    assert decision[2:4] == ("edit", "digit")
    assert [(text[start : start + now], was, what) for _, start, was, now, what in json.loads(decision[7])] == [
        ("**", 1, "digit")
    ] * 3
    assert made.model.edits == {"digit": 3} and [step.reason for step in made.model.funnel] == [None, "stars"]


def test_review_lists_and_keeps(make_source: MakeSource, objects: LocalObjects) -> None:
    steps = (
        '[[steps]]\nuse = "length"\n[[steps]]\nreview = "characters > 5"\nreason = "long"\n'
        '[[steps]]\nreview = "characters > 6"\nreason = "longer"\n'
    )
    made = run(make_source, objects, steps, ["短文本", "这一篇文本", "这一篇长文本", "这一篇更长文本"])
    assert made.model.totals.documents == 4 and made.model.review == {"long": 2, "longer": 1}
    assert made.model.filtered.documents_for_review == 2 and made.model.filtered.lexicon_hits == 0
    [layer] = [layer for layer in made.layers if layer.title == "filter.jsonl"]
    with objects.open(layer.digest) as stream:
        assert [json.loads(line)["reasons"] for line in stream] == [["long"], ["long", "longer"]]


def test_judges_see_the_source(make_source: MakeSource, objects: LocalObjects) -> None:
    with pytest.raises(Invalid) as caught:
        run(make_source, objects, '[[steps]]\ndrop = "licence_clear and origin == \'open\'"\nreason = "x"\n', ["正文"])
    assert caught.value.code == "empty_corpus" and "x 1" in caught.value.text.en


def test_a_name_belongs_to_one_operator() -> None:
    class Other(Tagger):
        name = "length"
        help = SAID

    operator_module.operators()
    with pytest.raises(ValueError, match="twice"):
        operator_module.operator(Other)


def test_what_one_step_drops_is_counted_by_its_reason_and_told_in_order() -> None:
    documents = [Document(str(row), "字" * (row + 1), f"u{row}") for row in range(5)]
    batch = documents_to_batch([0] * 5, documents, Facts(licence_clear=True, region="cn", origin="open"))
    runner = Runner((), ["a.jsonl"])
    runner.drop(7, ["b", "a", "b"], batch, [0, 2, 4], [("x", "1"), ("", ""), ("y", "0.9")])
    told = [(one.row, one.step, one.reason, one.excerpt, one.of, one.measure) for one in runner.take_dropped()]
    assert told == [("0", 7, "b", "字", "x", "1"), ("2", 7, "a", "字" * 3, "", ""), ("4", 7, "b", "字" * 5, "y", "0.9")]
    assert runner.counts[7].dropped == {"b": Size(2, 6, 18), "a": Size(1, 3, 9)}
