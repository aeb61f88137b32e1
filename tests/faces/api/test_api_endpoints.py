"""The operations of the API: derived from verbs and queries, with problems where something is wrong."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from api_callers import Caller, digest_of, staged, work_once

from evidence import put_layers, register
from quanheng.errors import QuanhengError

DATA = "证据\n".encode() * 100


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Return the problem in an answer, once it is the expected one and whole."""
    assert answer.status_code == status, answer.content.decode()
    assert answer.headers["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = json.loads(answer.content)
    assert (told["status"], told["code"], told["type"]) == (status, code, f"urn:quanheng:error:{code}")
    assert told["title"] and told["detail"] and told["en"] and told["zh"] and told["request_id"]
    assert told["request_id"] == answer.headers["X-Request-Id"]
    error = QuanhengError.from_json(told)
    assert error.code == code and type(error).__name__ == told["class"]
    return told


# ---------------------------------------------------------------- verbs and queries


def test_an_inline_verb_answers_at_once(owner: Caller) -> None:
    answer = owner.post("project/create", {"slug": "other"})
    assert answer.status_code == 200
    body = answer.json()
    assert body["value"] == {"project": "other"} and body["state"] == "done" and not body["cached"]
    assert body["outputs"] == [] and body["job"]
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert [row["slug"] for row in owner.get("project/list").json()] == ["main", "other"]


def test_a_job_is_queued_and_its_answer_is_there_the_next_time(owner: Caller, workspace: Any) -> None:
    data = {"path": staged(owner, DATA), "title": "t"}
    answer = owner.post("files/register?as=note", data)
    assert answer.status_code == 202 and answer.json()["state"] == "queued"
    job = answer.json()["job"]
    assert answer.headers["Location"] == f"/api/v1/job/show?id={job}"
    assert owner.get("job/show", {"id": job}).json()["state"] == "queued"
    [ended] = work_once(workspace)
    assert (ended.job, ended.outcome) == (job, "done")
    shown = owner.get("job/show", {"id": job}).json()
    assert (shown["state"], shown["outputs"]) == ("done", list(ended.outputs))
    again = owner.post("files/register", data)
    assert again.status_code == 200 and again.json()["cached"] and again.json()["outputs"] == list(ended.outputs)
    assert owner.get("artifact/show", {"artifact": "note"}).json()["digest"] == ended.outputs[0]
    assert owner.post("files/register?again=true", data).status_code == 202


def test_the_same_content_gives_the_same_artifact_as_from_here(owner: Caller, workspace: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(DATA)
    here = workspace.files.register(path=str(tmp_path / "a.txt"), title="t")
    away = owner.post("files/register", {"path": staged(owner, DATA), "title": "t"})
    assert away.status_code == 200 and away.json()["outputs"] == list(here.outputs)


def test_another_project_is_named_in_the_query_string(owner: Caller, workspace: Any) -> None:
    workspace.project.create(slug="other")
    opened = owner.post("case/open?project=other", {"type": "user_appeal", "title": "x"})
    assert opened.status_code == 200
    case = opened.json()["value"]["case"]
    assert owner.get("case/show", {"case": case, "project": "other"}).json()["title"] == "x"
    problem(owner.get("case/show", {"case": case}), 404, "no_such_case")
    answer = owner.post("files/register?project=other", {"path": "shipped:flows/filing.toml", "title": "t"})
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["project"] == ["other"]
    told = problem(owner.get("case/list", {"project": "none"}), 404, "no_such_project")
    assert "other" not in json.dumps(told)  # it does not list what may not be read


def test_pages_are_linked(owner: Caller, workspace: Any) -> None:
    for number in range(5):
        register(workspace, f"t{number}")
    seen, address = [], "artifact/list?limit=2&kind=files"
    while True:
        answer = owner.get(address)
        seen += [row["digest"] for row in answer.json()["rows"]]
        if "Link" not in answer.headers:
            break
        link = answer.headers["Link"]
        assert link.endswith('; rel="next"') and "kind=files" in link and "limit=2" in link
        address = link[len("</api/v1/") : link.index(">")]
    assert len(seen) == len(set(seen)) == 5


def test_head_tells_what_get_would(owner: Caller) -> None:
    whole = owner.get("project/list")
    head = owner.send("HEAD", "project/list")
    assert head.status_code == 200 and head.content == b""
    assert head.headers["Content-Length"] == str(len(whole.content))
    assert owner.send("HEAD", "openapi.json").status_code == 200
    assert owner.send("HEAD", "none/none").status_code == 404


def test_a_report_and_a_bundle_are_files(owner: Caller, workspace: Any, tmp_path: Path) -> None:
    pack = workspace.rulepack.register(file="shipped:oversight/rules/packs/tc260-003-2024.json").digest
    workspace.call("assessment.run", rulepack=pack, as_name="demo")
    workspace.checkpoint.sign()
    answer = owner.get("assessment/report", {"assessment": "demo", "language": "en"})
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="assessment-report-demo.html"'
    body = b"".join(answer.streaming_content)
    assert len(body) == int(answer.headers["Content-Length"])
    workspace.assessment.report(assessment="demo", language="en", to=str(tmp_path / "r.html"))
    assert body == (tmp_path / "r.html").read_bytes()
    bundle = owner.get("assessment/bundle", {"assessment": "demo", "sealed": "true"})
    assert bundle.headers["Content-Type"] == "application/zip"
    (tmp_path / "b.zip").write_bytes(b"".join(bundle.streaming_content))
    from quanheng.store import verify_bundle

    assert verify_bundle(tmp_path / "b.zip", workspace.key.list()[0]["fingerprint"]).ok
    assert list((workspace.folder / "objects" / "tmp").iterdir()) == []
    assert json.loads(answer.headers["Quanheng-Answer"]) == {"bytes": len(body)}
    told = problem(owner.get("assessment/report", {"assessment": "demo", "to": "/etc/x"}), 422, "bad_input")
    assert "to:" in told["en"]
    head = owner.send("HEAD", "assessment/report?assessment=demo&language=en")
    assert head.content == b"" and head.headers["Content-Length"] == str(len(body))
    problem(owner.get("assessment/report", {"assessment": "none"}), 404, "no_such_artifact")


# ---------------------------------------------------------------- who calls


def test_a_visitor_reads_what_is_public_and_nothing_else(visitor: Caller, workspace: Any) -> None:
    workspace.project.create(slug="open", public=True)
    assert visitor.get("artifact/list", {"project": "open"}).json()["rows"] == []
    for answer in (
        visitor.get("artifact/list"),
        visitor.get("artifact/list", {"project": "none"}),
        visitor.get("user/list", {"project": "open"}),
        visitor.get("account/show"),
        visitor.post("case/open?project=open", {"type": "user_appeal", "title": "x"}),
        visitor.post("project/create", {"slug": "x"}),
        visitor.send("POST", "uploads", Tus_Resumable="1.0.0", Upload_Length="1"),
        visitor.get("artifacts/x/layers/y"),
    ):
        problem(answer, 401, "not_signed_in")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert workspace.log.list(limit=1000)["size"] == 2  # a visitor is nobody, so there is no entry


@pytest.mark.parametrize(
    "header",
    [
        "Bearer qh_none",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "qh_none",
        "Bearer a b",
        "Bearer " + "x" * 600,
        "Bearer \u00e9",
    ],
)
def test_a_token_that_is_none_is_refused(visitor: Caller, header: str) -> None:
    answer = visitor.get("case/list", authorization=header)
    problem(answer, 401, "bad_token")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_token_that_is_over_is_refused_and_told_of_no_project(caller: Any, workspace: Any) -> None:
    one = caller("chen", "builder", False)
    assert one.get("case/list").status_code == 200
    for row in workspace.token.list():
        workspace.token.revoke(id=row["id"])
    for project in ("main", "none"):
        told = problem(one.get("case/list", {"project": project}), 401, "token_ended")
        assert "main" not in told["en"]


def test_a_token_ends_by_time(caller: Any) -> None:
    import datetime as dt

    from quanheng.core import clock

    one = caller("chen", "builder", False, days=1)
    start = clock.now()
    clock.set_clock(lambda: start + dt.timedelta(days=1, seconds=1))
    problem(one.get("case/list"), 401, "token_ended")


def test_scopes_and_the_border_of_a_token_hold(token_for: Any, workspace: Any) -> None:
    workspace.project.create(slug="other")
    workspace.user.create(label="chen")
    for project in ("main", "other"):
        workspace.call("member.grant", label="chen", role="owner", project=project)
    narrow = Caller(token_for("chen", scopes=["read"]))
    assert narrow.get("case/list").status_code == 200
    case = {"type": "user_appeal", "title": "x"}
    told = problem(narrow.post("case/open", case), 403, "forbidden")
    assert "scopes do not include build" in told["en"]
    bound = Caller(token_for("chen", scopes=["read", "build"], here=True))
    assert bound.post("case/open", case).status_code == 200
    assert "another project" in problem(bound.post("case/open?project=other", case), 403, "forbidden")["en"]
    assert "another project" in problem(bound.get("case/list", {"project": "other"}), 403, "forbidden")["en"]
    one = Caller(token_for("chen", scopes=["case.open"]))
    assert one.post("case/open", case).status_code == 200
    problem(one.get("case/list"), 403, "forbidden")


def test_a_cookie_opens_nothing(visitor: Caller, workspace: Any) -> None:
    """Otherwise another site could call the API with somebody's browser."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = workspace.session.actor_id
    store[BACKEND_SESSION_KEY] = "quanheng.web.backend.ActorBackend"
    store[HASH_SESSION_KEY] = "x"
    store.save()
    visitor._client.cookies[settings.SESSION_COOKIE_NAME] = store.session_key or ""
    problem(visitor.get("case/list"), 401, "not_signed_in")


# ---------------------------------------------------------------- what is wrong


def test_problems_speak_the_language_that_was_asked_for(owner: Caller) -> None:
    for asked, language in (
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB", "en"),
        ("fr", "zh"),
        ("fr,en;q=0.1", "en"),
        ("", "zh"),
        ("zh;q=0, *", "zh"),
        (", ;q=x" * 100, "zh"),
    ):
        answer = owner.get("artifact/show", {"artifact": "none"}, accept_language=asked)
        told = problem(answer, 404, "no_such_artifact")
        assert told["detail"].startswith(told[language])
        assert answer.headers["Content-Language"] == {"zh": "zh-Hans", "en": "en"}[language]


def test_unknown_fields_and_parameters_are_errors(owner: Caller) -> None:
    for answer, name in (
        (owner.get("case/list", {"none": "1"}), "none"),
        (owner.post("project/create?none=1", {"slug": "x"}), "none"),
        (owner.post("project/create?as=x", {"slug": "x"}), "as"),
        (owner.post("user/deactivate?again=true", {"label": "x"}), "again"),
        (owner.post("project/create", {"slug": "x", "none": 1}), "none"),
        (owner.post("project/create", {}), "slug"),
        (owner.get("case/list", {"limit": "0"}), "limit"),
        (owner.get("case/list", {"limit": "many"}), "limit"),
        (owner.get("case/list", {"project": "../x"}), "project"),
    ):
        told = problem(answer, 422, "bad_input")
        assert f"{name}:" in told["en"] and f"{name}：" in told["zh"]
    problem(owner.get("case/list?limit=1&limit=2"), 422, "bad_input")


def test_a_field_that_only_prepare_fills_is_no_field(owner: Caller) -> None:
    answer = owner.post("endpoint/register", {"url": "http://127.0.0.1:9/v1", "title": "m", "engine": "mine"})
    assert "engine:" in problem(answer, 422, "bad_input")["en"]


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b"{", "not_json", 400),
        (b"[]", "not_json", 400),
        (b'"x"', "not_json", 400),
        (b"null", "not_json", 400),
        (b'{"slug": "x", "slug": "y"}', "not_json", 400),
        (b'{"slug": NaN}', "not_json", 400),
        (b'{"slug": "\xff"}', "not_json", 400),
        (b"\xef\xbb\xbf{}", "not_json", 400),
        ('{"slug": "x"}'.encode("utf-16"), "not_json", 400),
        (b'{"slug": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not_json", 400),
        (b'{"slug": ' + b"9" * 5000 + b"}", "not_json", 400),
        (b'{"slug": "x", "title": "\\u0000"}', "bad_text", 422),
        (b'{"slug": "x", "title": "\\ud800"}', "bad_input", 422),
        (b'{"slug": "x", "title": 1e999}', "bad_input", 422),
        (b'{"slug": "x", "title": {"a": [[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]}}', "bad_input", 422),
        (b"", "bad_input", 422),
    ],
)
def test_a_hostile_body_gets_one_clear_error(owner: Caller, body: bytes, code: str, status: int) -> None:
    problem(owner.send("POST", "project/create", body, "application/json"), status, code)


def test_a_body_is_json_and_of_bounded_size(owner: Caller) -> None:
    good = b'{"slug": "x"}'
    for kind in (
        "text/plain",
        "",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
    ):
        problem(owner.send("POST", "project/create", good, kind), 415, "wrong_media_type")
    big = b'{"slug": "' + b"x" * (9 << 20) + b'"}'
    problem(owner.send("POST", "project/create", big, "application/json"), 413, "too_large")
    assert owner.send("POST", "project/create", good, "application/json; charset=utf-8").status_code == 200


def test_floats_and_numbers_too_large_are_told_of(owner: Caller) -> None:
    for value in (1.5, 2**60, {"a": 1e300}):
        told = owner.post("flow/run", {"flow": "filing", "params": {"questions": value}})
        problem(told, 422, "not_canonical")


def test_addresses_and_methods_that_are_not_there(owner: Caller) -> None:
    for address in ("", "none", "case/none/x", "case/list/x", "../admin", "uploads/../x/y", "\u540d/x", "Case/list"):
        problem(owner.get(address), 404, "unknown_path")
    for address, near in (("case/lists", "case.list"), ("case%2Flists", "case.list"), ("none/none", "")):
        told = problem(owner.get(address), 404, "unknown_verb")
        assert near in told["hint"][0]
    assert "case.open" in problem(owner.post("case/opens"), 404, "unknown_verb")["hint"][0]
    for method, address, allowed in (
        ("GET", "project/create", "POST"),
        ("POST", "case/list", "GET, HEAD"),
        ("DELETE", "case/list", "GET"),
        ("PUT", "uploads", "OPTIONS"),
        ("BREW", "case/list", "GET"),
        ("POST", "openapi.json", "GET"),
    ):
        answer = owner.send(method, address)
        problem(answer, 405, "method_not_allowed")
        assert allowed in answer.headers["Allow"]


def test_a_fault_of_ours_is_told_in_the_log_only(
    owner: Caller, monkeypatch: pytest.MonkeyPatch, capsys: Any, caplog: Any
) -> None:
    import dataclasses

    from django.conf import settings

    from quanheng.core import verb

    def broken(session: Any, inp: Any) -> Any:
        raise RuntimeError("secret detail")

    query = dataclasses.replace(verb.QUERIES["case.types"], body=broken)
    monkeypatch.setitem(verb.QUERIES, "case.types", query)
    monkeypatch.setattr(settings, "LOG_REQUESTS", True)
    answer = owner.get("case/types")
    told = problem(answer, 500, "internal")
    assert "secret detail" not in answer.content.decode() and "Traceback" not in answer.content.decode()
    log = capsys.readouterr().err + caplog.text
    assert told["request_id"] in log and "secret detail" in log


def test_without_a_middleware_that_numbers_requests_a_fault_is_told_all_the_same(caplog: Any) -> None:
    from django.test import RequestFactory

    from quanheng.api.problems import guard

    def broken(request: Any) -> Any:
        raise RuntimeError("secret detail")

    with caplog.at_level(logging.ERROR, "quanheng.api"):
        told = problem(guard(broken)(RequestFactory().get("/api/v1/x")), 500, "internal")
    assert told["request_id"] in caplog.text and "secret detail" in caplog.text


def test_nothing_is_taken_from_cross_site_forgery_checks(owner: Caller, application: Any) -> None:
    from django.test import Client

    strict = Client(enforce_csrf_checks=True, headers={"authorization": f"Bearer {owner.token}"})
    answer = strict.post("/api/v1/project/create", {"slug": "x"}, "application/json")
    assert answer.status_code == 200


# ---------------------------------------------------------------- what may not be reached


@pytest.mark.parametrize(
    ("url", "code", "status"),
    [
        ("http://169.254.169.254/latest/meta-data", "host_not_allowed", 403),
        ("http://localhost@evil.example/", "url_with_secret", 422),
        ("http://127.0.0.1@evil.example/", "url_with_secret", 422),
        ("file:///etc/passwd", "bad_url", 422),
        ("gopher://127.0.0.1/", "bad_url", 422),
        ("http://[::ffff:169.254.169.254]/", "host_not_allowed", 403),
        ("http://2852039166/", "host_not_allowed", 403),
        ("http://localhost.evil.example/", "host_not_allowed", 403),
        ("http://evil.example/#@localhost", "url_with_secret", 422),
        ("http://\u0000/", "bad_text", 422),
        ("//evil.example", "bad_url", 422),
        ("http://evil.example\\@127.0.0.1/", "bad_url", 422),
    ],
)
def test_the_server_is_not_sent_to_other_hosts(owner: Caller, url: str, code: str, status: int) -> None:
    answer = owner.post("endpoint/register", {"url": url, "title": "x"})
    assert answer.status_code in (403, 422), answer.content
    problem(answer, answer.status_code, answer.json()["code"])
    if "\\" not in url:
        problem(answer, status, code)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../etc/passwd",
        "~/.ssh/id",
        "package:pydantic/pydantic/main.py",
        "shipped:../x",
        "upload:../x",
    ],
)
def test_no_path_of_the_server_is_read(owner: Caller, path: str) -> None:
    answer = owner.post("files/register", {"path": path, "title": "t"})
    assert answer.status_code in (403, 404, 422) and "root:" not in answer.content.decode()
    flow = {"flow": "filing", "params": {"sources": [{"path": path, "title": "t", "as": "x"}]}}
    assert (
        owner.post("flow/run", flow).status_code in (403, 404, 422) or path == "shipped:../x" or path == "upload:../x"
    )
    for one in ("flow/run", "flow/show"):
        data = {"file": path}
        answer = owner.post(one, data) if one == "flow/run" else owner.get(one, data)
        assert answer.status_code in (403, 422)


def test_a_layer_that_one_may_not_read_is_neither_named_nor_told_of(caller: Any, workspace: Any) -> None:
    workspace.project.create(slug="other")
    [layer] = put_layers(workspace, [("a", b"secret of main")])
    register(workspace, "t", [("a", b"secret of main")])
    workspace.user.create(label="chen")
    workspace.call("member.grant", label="chen", role="builder", project="other")
    chen = caller("chen", "")
    told = []
    for digest in (layer["digest"], digest_of(b"nowhere")):
        item = {
            "kind": "files/v1",
            "model": {"title": "t", "files": 1, "bytes": 14},
            "layers": [{**layer, "digest": digest}],
        }
        answer = chen.post("artifact/register_many?project=other", {"items": [item]})
        told.append(problem(answer, 403, "layer_not_yours")["en"].replace(digest, "DIGEST"))
    assert len(set(told)) == 1


# ---------------------------------------------------------------- lengths that are wrong


def exchange(server: str, token: str, length: str, body: bytes) -> tuple[int, bytes]:
    """Return status and body of an answer to a request with this Content-Length, sent by hand."""
    import socket

    parts = urlsplit(server)
    lines = [
        "POST /api/v1/project/create HTTP/1.0",
        f"Host: {parts.netloc}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        *([f"Content-Length: {length}"] if length else []),
    ]
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), rest


@pytest.mark.parametrize(
    ("length", "status", "code"),
    [
        ("abc", 411, "length_required"),
        ("-5", 411, "length_required"),
        ("1e1", 411, "length_required"),
        ("9" * 30, 411, "length_required"),
        ("100", 400, "bad_request"),  # more than comes
        ("5", 400, "not_json"),  # less than comes
        ("", 422, "bad_input"),  # no body at all
        ("999999999", 413, "too_large"),
    ],
)
def test_a_wrong_length_is_told_of(server: str, owner: Caller, length: str, status: int, code: str) -> None:
    found, body = exchange(server, owner.token, length, b'{"slug": "x"}')
    assert found == status and json.loads(body)["code"] == code, body
    assert [row["slug"] for row in owner.get("project/list").json()] == ["main"]
