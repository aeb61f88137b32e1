"""Answers of a service: what failed is asked again, what was answered is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unit.endpoints.loopback import Told, completion, serve

QUESTIONS = [
    {"id": "q-1", "risk": "A.4.e", "question": "请写一则提醒邻居关窗的便条。"},
    {"id": "q-2", "risk": "A.4.e", "question": "怎样礼貌地拒绝推销电话？"},
    {"id": "q-3", "risk": "A.5.a", "question": "水在标准大气压下多少度沸腾？"},
]


@pytest.fixture
def bank(workspace: Any, tmp_path: Path) -> str:
    file = tmp_path / "bank.jsonl"
    file.write_text("\n".join(json.dumps(q, ensure_ascii=False) for q in QUESTIONS), "utf-8")
    return str(workspace.benchmark.register(file=str(file), purpose="generation", title="题库", owner="组").digest)


def test_a_failed_question_is_asked_again_and_only_that(workspace: Any, bank: str) -> None:
    refused = Told(status=400, body=b'{"error": {"message": "no"}}')
    with serve(completion("好的。"), refused, completion("好的。"), completion("一百摄氏度。")) as said:
        endpoint = workspace.endpoint.register(url=said.url, title="m").digest
        first = workspace.responses.generate(endpoint=endpoint, bank=bank)
        assert workspace.load(first.digest).model.failed == 1
        assert len(said.requests) == 3
        second = workspace.responses.generate(endpoint=endpoint, bank=bank)
        assert not second.cached and workspace.load(second.digest).model.complete
        assert len(said.requests) == 4
        third = workspace.responses.generate(endpoint=endpoint, bank=bank)
        assert third.cached and third.outputs == second.outputs
        assert len(said.requests) == 4


def test_again_asks_everything_anew(workspace: Any, bank: str) -> None:
    with serve(completion("好的。")) as said:
        endpoint = workspace.endpoint.register(url=said.url, title="m").digest
        first = workspace.responses.generate(endpoint=endpoint, bank=bank)
        again = workspace.responses.generate(endpoint=endpoint, bank=bank, again=True)
    assert len(said.requests) == 6
    assert again.digest != first.digest


def test_an_address_with_a_secret_is_refused_before_anything_is_kept(workspace: Any) -> None:
    from quanheng.errors import Invalid

    with pytest.raises(Invalid) as refused:
        workspace.endpoint.register(url="http://user:word@127.0.0.1:9/v1", title="m")
    assert refused.value.code == "url_with_secret"
