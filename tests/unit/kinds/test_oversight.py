"""The kinds of oversight: shapes, sums, and a round trip through canonical JSON."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from quanheng.kinds import kind_model
from quanheng.kinds.base import Rate
from quanheng.kinds.oversight import Assessment, Counted, Judge, RulePack, Total, Verdicts
from quanheng.oversight.rules import Evidence, assess, load
from quanheng.store.canonical import canonical_json

DIGEST = "sha256:" + "a" * 64


def test_kinds_are_registered() -> None:
    assert kind_model("verdicts/v1") is Verdicts
    assert kind_model("rulepack/v1") is RulePack
    assert kind_model("assessment/v1") is Assessment


def test_assessment_survives_canonical_json() -> None:
    assessment = assess(load(), Evidence(), rulepack_digest=DIGEST)
    body = canonical_json(assessment.model_dump(mode="json"))
    again = Assessment.model_validate_json(body)
    assert again == assessment
    assert canonical_json(again.model_dump(mode="json")) == body


def test_rulepack_survives_canonical_json() -> None:
    body = canonical_json(load().model_dump(mode="json"))
    assert RulePack.model_validate_json(body) == load()


def test_verdict_counts_add_up() -> None:
    judge = Judge(type="human", method="manual", name="a", version="1")
    with pytest.raises(ValidationError, match="add up"):
        Verdicts(purpose="corpus", subject=DIGEST, judge=judge, n=3, counts={"pass": 2})


def test_total_adds_up() -> None:
    with pytest.raises(ValidationError, match="add up"):
        Total(value=2, counts=(Counted(artifact=DIGEST, pointer="/n", value=1),))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"layer": "a.jsonl", "pointer": "/n"},
        {"pointer": "/n", "where": {"verdict": "pass"}},
    ],
)
def test_count_names_one_place(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Counted(artifact=DIGEST, value=1, **fields)  # type: ignore[arg-type]


def test_validated_machine_states_its_rates() -> None:
    with pytest.raises(ValidationError, match="sensitivity"):
        Judge(type="machine", method="keyword", name="k", version="1", validated=True)
    rate = Rate(k=190, n=200)
    assert Judge(
        type="machine", method="keyword", name="k", version="1", validated=True, sensitivity=rate, specificity=rate
    ).validated


def test_unknown_field_is_refused() -> None:
    body = load().model_dump(mode="json") | {"extra": 1}
    with pytest.raises(ValidationError, match="extra"):
        RulePack.model_validate_json(canonical_json(body))
