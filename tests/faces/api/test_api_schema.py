"""What the document promises, asked by a tool that somebody else wrote; and that the document is whole."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from api_callers import Caller, digest_of, staged, upload, work_once
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from evidence import register
from quanheng.core.describe import commands

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Examples per operation and mode; with QUANHENG_PROMISES=full ten times as many, and others each time.
DERANDOMIZE = os.environ.get("QUANHENG_PROMISES") != "full"
EXAMPLES = 5 if DERANDOMIZE else 50


@schemathesis.serializer("application/offset+octet-stream")
def as_bytes(context: Any, value: Any) -> bytes:
    """Return the bytes of a piece of an upload."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@pytest.fixture
def filled(workspace: Any, owner: Caller, caller: Any) -> dict[str, str]:
    """Return names of what is in a workspace with something of several kinds, and jobs in several states."""
    pack = workspace.call("rulepack.register", file="shipped:oversight/rules/packs/tc260-003-2024.json", as_name="demo")
    workspace.call("assessment.run", rulepack=pack.digest, as_name="demo")
    artifact = register(workspace, "t", [("a.txt", b"layer")], as_name="demo")
    workspace.checkpoint.sign()
    case = workspace.case.open(type="user_appeal", title="x").value["case"]
    caller("chen", "builder", False)
    owner.post("files/register?again=true", {"path": staged(owner, b"y"), "title": "t"})
    work_once(workspace)
    owner.post("flow/run", {"flow": "filing"})
    job = owner.post("files/register", {"path": staged(owner, b"x"), "title": "t"}).json()["job"]
    upload_id = upload(owner, b"abc", filename="a").headers["Location"].rpartition("/")[2]
    return {
        "project": "main",
        "artifact": "files:demo",
        "assessment": "demo",
        "rulepack": "demo",
        "digest": artifact,
        "layer_digest": digest_of(b"layer"),
        "id": job,
        "case": case,
        "label": "chen",
        "upload_id": upload_id,
        "path": f"upload:{upload_id}",
        "file": "shipped:flows/filing.toml",
        "flow": "filing",
        "type": "user_appeal",
        "index": "0",
        "first": "1",
    }


def operations(application: Any) -> Iterator[Any]:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    for found in schema.get_all_operations():
        yield found.ok()


def test_no_request_meets_a_fault_or_an_answer_that_is_not_promised(
    filled: dict[str, str], application: Any, owner: Caller
) -> None:
    answered = Counter[int]()
    headers = {"Authorization": f"Bearer {owner.token}"}
    succeeded = set()
    for operation in operations(application):
        seen = Counter[int]()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            ask_all(operation.as_strategy(mode), filled, headers, seen)
        answered += seen
        succeeded |= {operation.label} if any(status < 300 for status in seen) else set()
    print(f"{answered.total()} requests: {dict(answered)}; {len(succeeded)} operations succeeded")
    assert answered.total() > 5 * len(commands())
    assert len(succeeded) > len(commands()) / 2  # it does not only try the door


def ask_all(strategy: Any, known: dict[str, str], headers: dict[str, str], seen: Counter[int]) -> None:
    """Send generated requests, every other one with names of what is there, and count the statuses."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=DERANDOMIZE,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy, st.booleans())
    def ask(case: Any, knowing: bool) -> None:
        for part in (case.query, case.path_parameters, case.body) if knowing else ():
            if isinstance(part, dict):
                part.update({key: value for key, value in known.items() if isinstance(part.get(key), str | int)})
        seen[case.call_and_validate(headers=headers, checks=CHECKS).status_code] += 1

    ask()
