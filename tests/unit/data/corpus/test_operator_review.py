"""The operators of content review: columns of a batch, and no document dropped."""

from __future__ import annotations

import json
from io import BytesIO

import pytest

from quanheng.data.corpus.operator import Asset, Batch, Tagger, make
from quanheng.data.corpus.operators import review
from quanheng.errors import Invalid
from quanheng.kinds.lexicons import LexiconTerm
from quanheng.store import canonical_json, sha256_digest
from quanheng.text.linear import train_linear

TEXTS = ["电信诈骗", "詐*騙，诈骗集团", "炸片", "代考价格面议", "价格表", "今天天气很好", "", "反诈骗宣传"]
TERMS = (
    LexiconTerm(term="诈骗", risk="A.1.h", evasion=("traditional", "inserted", "homophone"), unless=("反诈骗宣传",)),
    LexiconTerm(term="集团", risk="A.1.h", mode="count", weight=5),
    LexiconTerm(term="价格", risk="A.3.e", mode="combine", with_terms=("代考",), within=5),
)


def asset(data: bytes) -> Asset:
    return Asset(sha256_digest(data), lambda: BytesIO(data))


def batch(texts: list[str]) -> Batch:
    import pyarrow as pa

    return Batch(pa.record_batch({"text": pa.array(texts, pa.string())}))


def lexicon(*terms: LexiconTerm) -> Asset:
    return asset(b"".join(canonical_json(term.model_dump(mode="json")) + b"\n" for term in terms))


def tagged(name: str, texts: list[str], assets: dict[str, Asset], **params: object) -> dict[str, list[object]]:
    operator = make(name, params, assets)
    assert isinstance(operator, Tagger)
    given = batch(texts)
    after = given.with_columns(operator.tag(given), operator.gives)
    assert after.texts == texts
    return {column: after.column(column).to_pylist() for column, _ in operator.gives}


def test_the_lexicon_marks_and_never_drops() -> None:
    columns = tagged("lexicon", TEXTS, {"lexicon": lexicon(*TERMS)})
    hits = [json.loads(found) if found else [] for found in columns["hits"]]  # type: ignore[arg-type]
    assert hits == [
        [[2, 4, 0, ""]],
        [[0, 3, 0, "inserted"], [4, 6, 0, ""], [6, 8, 1, ""]],
        [[0, 2, 0, "homophone"]],
        [[2, 4, 2, ""]],
        [],
        [],
        [],
        [],
    ]
    assert columns["hit_terms"] == [1, 2, 1, 1, 0, 0, 0, 0]
    assert columns["risk_density"] == [2500.0, 25_000 / 8, 0.0, 10_000 / 6, 0.0, 0.0, 0.0, 0.0]
    assert columns["for_review"] == [True, True, True, True, False, False, False, False]


def test_a_counted_term_is_not_for_review() -> None:
    columns = tagged("lexicon", ["集团公司"], {"lexicon": lexicon(TERMS[1])})
    assert (columns["hit_terms"], columns["risk_density"], columns["for_review"]) == ([1], [1250.0], [False])


def test_the_identity_is_that_of_the_terms() -> None:
    one, other = (make("lexicon", {}, {"lexicon": lexicon(term)}).id for term in TERMS[:2])
    assert one != other and one == make("lexicon", {}, {"lexicon": lexicon(TERMS[0])}).id


def test_a_batch_without_documents() -> None:
    assert tagged("lexicon", [], {"lexicon": lexicon(*TERMS)})["hits"] == []


@pytest.fixture(scope="module")
def classifier() -> Asset:
    texts = ["诈骗转账客服", "刷单返利诈骗", "枪支弹药出售", "出售仿真枪", "今天天气很好", "公园里有花"] * 3
    labelled = [["A.1.h"], ["A.1.h"], ["A.1.f"], ["A.1.f"], [], []] * 3
    return asset(train_linear(texts, labelled, ["A.1.f", "A.1.h"], seed="t", bits=10, epochs=20).write())


def test_the_classifier_names_risks_from_a_score_on(classifier: Asset) -> None:
    texts = ["刷单返利诈骗", "枪支弹药出售", "今天天气很好"]
    columns = tagged("risk_classifier", texts, {"classifier": classifier})
    assert columns["risk_labels"] == [["A.1.h"], ["A.1.f"], []]
    scores = columns["risk_score"]
    assert scores[0] > 0.5 and scores[1] > 0.5 and scores[2] < 0.5  # type: ignore[operator]
    every = tagged("risk_classifier", texts, {"classifier": classifier}, min_score="0")
    assert every["risk_labels"][:2] == [["A.1.h", "A.1.f"], ["A.1.f", "A.1.h"]] and every["risk_score"] == scores
    assert tagged("risk_classifier", texts, {"classifier": classifier}, min_score="1")["risk_labels"] == [[], [], []]
    assert tagged("risk_classifier", [], {"classifier": classifier})["risk_score"] == []


def test_both_are_told_in_two_languages_and_strange_parameters_are_refused(classifier: Asset) -> None:
    for cls in (review.LexiconTagger, review.RiskClassifier):
        assert cls.help.en and cls.help.zh
    with pytest.raises(Invalid):
        make("risk_classifier", {"min_score": 0.5}, {"classifier": classifier})
