"""Every field of an answer that is printed has a word in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import quanheng
from quanheng.core.labels import LABELS, label

SOURCE = Path(quanheng.__file__).parent
HAN = re.compile(r"[\u4e00-\u9fff]")
#: Where answers and the values of verbs are made.
ANSWERS = (
    "core/queries.py",
    "core/log_queries.py",
    "core/artifact_queries.py",
    "core/verbs.py",
    "core/access_verbs.py",
    "core/maintenance.py",
    "core/case/rows.py",
    "core/case/clocks.py",
    "core/project_queries.py",
    "core/flow_plan.py",
    "core/job_queries.py",
    "core/save.py",
    "oversight/queries.py",
    "data/page_queries.py",
    "data/page_item_queries.py",
    "data/page_decisions.py",
    "data/account_queries.py",
    "data/corpus/account.py",
    "oversight/source_queries.py",
    "data/corpus_verbs.py",
    "data/takedown_verbs.py",
    "data/trial_queries.py",
    "data/lexicon_verbs.py",
    "data/page_lexicon_queries.py",
    "data/page_lexicon_versions.py",
    "data/corpus/lexicon_rows.py",
    "data/corpus/analyze.py",
    "data/corpus/compare.py",
    "data/corpus/describe.py",
    "data/corpus/estimate.py",
    "models/page_queries.py",
    "oversight/page_queries.py",
)
#: Two languages of one text, which are told as one.
BOTH = {"en", "zh"}


def _keys(file: str) -> Iterator[str]:
    """Yield the names of the fields in what the functions of a file return, or leave as `value`."""
    for node in ast.walk(ast.parse((SOURCE / file).read_text("utf-8"))):
        if isinstance(node, ast.Return) and node.value is not None:
            for part in ast.walk(node.value):
                if isinstance(part, ast.Dict):
                    yield from (k.value for k in part.keys if isinstance(k, ast.Constant) and isinstance(k.value, str))


@pytest.mark.parametrize("file", ANSWERS)
def test_every_field_of_an_answer_has_a_label(file: str) -> None:
    found = set(_keys(file)) - BOTH
    assert found and sorted(found - set(LABELS)) == []


def test_labels_are_in_both_languages_and_in_order() -> None:
    assert label("log_size", "zh") == "存证条数" and label("path", "en") == "file"
    for key, (en, zh) in LABELS.items():
        assert not HAN.search(en), key
        assert HAN.search(zh), key
