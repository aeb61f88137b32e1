from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from quanheng.kinds import kind_model
from quanheng.kinds.models import (
    Benchmark,
    Decoding,
    Endpoint,
    Engine,
    LanguageModel,
    ModelOrigin,
    Question,
    Response,
    Responses,
    Weights,
)
from quanheng.kinds.risks import ASPECT_NAMES, ASPECTS, CORE17, DATA_SIDE, RISKS
from quanheng.kinds.sources import Licence
from quanheng.store.canonical import canonical_json, parse_canonical

DIGEST = "sha256:" + "0" * 64
CLEAR = Licence(spdx="Apache-2.0", found="Apache-2.0", clear=True)
ENGINE = Engine(name="remote", version="1")
WEIGHTS = Weights(digest=DIGEST, size=1)


def test_the_31_risks() -> None:
    assert (len(RISKS), len(DATA_SIDE), len(CORE17), len(ASPECTS)) == (31, 29, 17, 13)
    assert set(ASPECT_NAMES) == set(ASPECTS)
    assert len({risk.name.zh for risk in RISKS.values()}) == len({risk.name.en for risk in RISKS.values()}) == 31
    assert next(iter(RISKS)) == "A.1.a" and list(RISKS)[-1] == "A.5.b"


def test_risks_agree_with_the_list_they_were_read_from(shared_data: Path) -> None:
    read = json.loads((shared_data / "oversight/rules/risks31.json").read_text("utf-8"))
    assert [row["id"] for row in read] == list(RISKS)
    for row in read:
        risk = RISKS[row["id"]]
        assert (risk.name.zh, risk.of.id, risk.of.name.zh) == (row["name"], row["class"], row["class_name"])
        assert (risk.data_side, risk.core17) == (row["data_side"], row["core17"])
        minimums = ("min_keywords", "min_generation_questions", "min_must_refuse_questions")
        assert (risk.of.min_keywords, risk.of.min_generation, risk.of.min_must_refuse) == tuple(
            row[name] or 0 for name in minimums
        )


@pytest.mark.parametrize(
    "made",
    [
        LanguageModel(
            name="m", weights=WEIGHTS, tuned=True, licence=CLEAR, origin=ModelOrigin(package="p", version="1")
        ),
        Endpoint(model="m", url="https://api.example.cn/v1", engine=ENGINE),
        Endpoint(model="m", weights=WEIGHTS, engine=ENGINE, decoding=Decoding(stop=("\n问",)), chat_template="答："),
        Benchmark(
            purpose="must_not_refuse",
            title="题",
            version="1",
            items=3,
            per_aspect={"文化": 3},
            licence=CLEAR,
            owner="某单位",
        ),
        Responses(purpose="generation", asked=2, bank_size=3, complete=False, max_tokens=64, failed=1),
    ],
    ids=lambda made: made.kind,
)
def test_every_kind_survives_canonical_json(made: LanguageModel | Endpoint | Benchmark | Responses) -> None:
    data = canonical_json(made.model_dump(mode="json"))
    again = kind_model(made.kind).model_validate_json(data)
    assert again == made and parse_canonical(data) == again.model_dump(mode="json")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/v1",
        "h/v1",
        "http://",
        "http://user@h/v1",
        "http://user:secret@h/v1",
        "http://h/v1?key=secret",
        "http://h/v1#secret",
    ],
)
def test_an_address_carries_no_secret(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Endpoint(model="m", url=url, engine=ENGINE)
    assert "http" in str(caught.value) or "address" in str(caught.value)


def test_an_endpoint_is_local_or_remote() -> None:
    for fields in ({}, {"url": "http://h/v1", "weights": WEIGHTS}):
        with pytest.raises(ValidationError, match="either"):
            Endpoint(model="m", engine=ENGINE, **fields)


@given(st.text(max_size=8))
def test_only_known_risks(risk: str) -> None:
    if risk in RISKS:
        assert Question(id="q", risk=risk, question="?").group == risk
    else:
        with pytest.raises(ValidationError):
            Question(id="q", risk=risk, question="?")


@pytest.mark.parametrize("group", [{}, {"risk": "A.1.f", "aspect": "文化"}, {"aspect": "天气"}])
def test_a_question_belongs_to_one_group(group: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Question(id="q", question="?", **group)


@pytest.mark.parametrize("text", ["", " \n", "问" * 2001])
def test_a_question_asks_something(text: str) -> None:
    with pytest.raises(ValidationError):
        Question(id="q", risk="A.1.f", question=text)


def test_a_bank_is_counted() -> None:
    with pytest.raises(ValidationError, match="sum over risks"):
        Benchmark(
            purpose="generation", title="题", version="1", items=2, per_risk={"A.5.a": 1}, licence=CLEAR, owner="o"
        )


def test_a_failed_response_is_empty() -> None:
    with pytest.raises(ValidationError, match="no answer"):
        Response(id="q", risk="A.1.f", question_digest=DIGEST, answer="答", error="endpoint_slow")


@pytest.mark.parametrize(
    "numbers",
    [
        {"asked": 4, "bank_size": 3, "complete": False, "failed": 0},
        {"asked": 2, "bank_size": 3, "complete": True, "failed": 0},
        {"asked": 3, "bank_size": 3, "complete": True, "failed": 1},
        {"asked": 3, "bank_size": 3, "complete": False, "failed": 0},
        {"asked": 3, "bank_size": 3, "complete": False, "failed": 2, "cut": 2},
    ],
)
def test_responses_say_what_they_hold(numbers: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Responses(purpose="generation", max_tokens=64, **numbers)


def test_numbers_other_than_counts_are_decimal_text() -> None:
    assert Decoding(temperature="0.7").temperature == "0.7"
    for wrong in (0.7, 0, "1e3", ".5"):
        with pytest.raises(ValidationError):
            Decoding(temperature=wrong)  # type: ignore[arg-type]
