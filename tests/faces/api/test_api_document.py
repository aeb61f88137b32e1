"""The document of the API: whole, in both languages, shown without anything inline; and the page that explains it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from api_callers import Caller

from browsing import Watched, browser, missing
from quanheng.core.describe import commands
from quanheng.core.inputs import Local, Secret, is_filled, marker
from quanheng.core.verb import QUERIES, VERBS
from quanheng.errors import HTTP_STATUSES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "api.md"
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
def document(visitor: Caller) -> dict[str, Any]:
    answer = visitor.get("openapi.json")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/json"
    same = visitor.get("openapi.json", if_none_match=answer.headers["ETag"])
    assert same.status_code == 304 and same.content == b""
    return dict(answer.json())


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations by their id, each with its method and address."""
    found = {}
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["operationId"] not in found
            found[operation["operationId"]] = {**operation, "method": method, "address": address}
    return found


def test_every_verb_and_query_has_one_operation(document: dict[str, Any]) -> None:
    found = operations(document)
    assert set(commands()) == {name for name in found if "x-quanheng" in found[name]}
    for name in commands():
        operation, noun = found[name], name.split(".", maxsplit=1)[0]
        assert operation["address"] == "/api/v1/" + name.replace(".", "/") and operation["tags"] == [noun]
        assert operation["method"] == ("post" if name in VERBS else "get")
        help_ = commands()[name].help
        assert help_.en in operation["summary"] and help_.zh in operation["summary"]


def test_fields_are_those_of_the_input_in_both_languages(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        if name not in commands():
            continue
        fields = (VERBS.get(name) or QUERIES[name]).input.model_fields
        offered = {
            key
            for key, info in fields.items()
            if not is_filled(info)
            and not (isinstance(marker(info), Local) and not (marker(info).reads and marker(info).remote))  # type: ignore[union-attr]
        }
        if name in VERBS:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            shown = schema["properties"]
            assert schema["additionalProperties"] is False
            assert set(schema.get("required", [])) == {key for key in offered if fields[key].is_required()}
            assert operation["security"] == [{"bearer": []}]
        else:
            shown = {one["name"]: one for one in operation["parameters"] if one["name"] != "project"}
            assert {} in operation["security"]  # visitors read what is public
        assert set(shown) == offered, name
        for key, schema in shown.items():
            assert CHINESE.search(schema["description"]) and re.search("[a-z]", schema["description"]), f"{name} {key}"


def test_what_may_be_answered_is_told(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        statuses = set(operation["responses"])
        assert {"400", "401", "403", "404", "409", "422", "500", "503"} <= statuses, name
        if name in VERBS:
            assert ("202" in statuses) == (VERBS[name].mode != "inline") and {"200", "411", "413", "415"} <= statuses
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                told = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
                assert list(told["content"]) == ["application/problem+json"]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_no_secret_has_an_example_or_a_default(document: dict[str, Any]) -> None:
    for name, verb in VERBS.items():
        for key, info in verb.input.model_fields.items():
            if isinstance(marker(info), Secret):
                body = operations(document)[name]["requestBody"]["content"]["application/json"]["schema"]
                assert "examples" not in body["properties"][key] and not body["properties"][key].get("default")


@pytest.mark.browser
@pytest.mark.skipif(bool(missing()), reason=missing())
@pytest.mark.databases("sqlite")
def test_the_page_shows_it_without_anything_inline_or_from_elsewhere(server: str) -> None:
    with browser() as running:
        watched = Watched.open(running, server)
        answer = watched.page.goto("/api/v1/docs")
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy and "style-src 'self'" in policy and "unsafe" not in policy
        tags = watched.page.locator(".opblock-tag")
        tags.first.wait_for()
        assert tags.count() > 20
        tags.first.click()
        watched.page.locator(".opblock").first.click()
        watched.page.locator(".opblock .parameters").first.wait_for()
        assert watched.faults() == {}
        assert "<script>" not in answer.text() and "style=" not in answer.text()


# ---------------------------------------------------------------- the page in docs/


@pytest.fixture(scope="module")
def examples() -> dict[str, str]:
    """Return the examples of the page by their name."""
    found = re.findall(r"```(?:sh|python) (\w+)\n(.*?)\n```", PAGE.read_text("utf-8"), re.DOTALL)
    assert [name for name, _ in found] == ["curl", "client"]
    return dict(found)


def test_the_example_with_curl_runs(
    examples: dict[str, str], server: str, owner: Caller, workspace: Any, worker: None, tmp_path: Path
) -> None:
    environment = {"PATH": os.environ["PATH"], "QH": server, "TOKEN": owner.token}
    done = subprocess.run(
        ["bash", "-eu", "-c", examples["curl"]], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert '"case":' in done.stdout and '"state":"queued"' in done.stdout and "files.register" in done.stdout


def test_the_example_with_the_client_runs(
    examples: dict[str, str], server: str, owner: Caller, worker: None, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("note.txt").write_text("权为秤锤，衡为秤杆。\n", "utf-8")
    exec(compile(examples["client"], str(PAGE), "exec"), {"QH": server, "TOKEN": owner.token})
    assert "files/v1 权为秤锤" in capsys.readouterr().out


def test_the_page_names_what_there_is() -> None:
    from quanheng.api import problems, tus
    from quanheng.api.replay import SHOWN_ONCE

    page = PAGE.read_text("utf-8")
    statuses = {*HTTP_STATUSES.values(), *problems.STATUSES.values(), 200, 202, 403, 404, 409, 422, 500, 503}
    table = page.partition("| 状态 · status |")[2].partition("\n\n")[0]
    assert {str(status) for status in statuses} <= set(re.findall(r"\b[2-5]\d\d\b", table)) | {"200", "202"}
    for word in (*SHOWN_ONCE, *tus.EXTENSIONS.split(","), tus.DIGEST_HEADER, "Quanheng-Answer", "Idempotent-Replayed"):
        assert word in page, word
