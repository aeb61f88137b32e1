"""Paths that a caller from elsewhere gives: what they may name, in verbs, queries and flows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from calling import count, entries, other_session
from staged import DATA, elsewhere, later, register, staged

from quanheng.core import call, flow, worker
from quanheng.core.resolve import local_path
from quanheng.core.staging_folder import sweep
from quanheng.errors import Forbidden, Invalid, NotFound, QuanhengError

# ---------------------------------------------------------------- paths from elsewhere


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "etc/passwd",
        "~/.ssh/id_ed25519",
        "package:pydantic/pydantic/__init__.py",
        "file:///etc/passwd",
        "Upload:x",
        " upload:x",
        "\u0000",
    ],
)
def test_a_path_of_this_machine_is_refused(workspace: Any, path: str) -> None:
    with pytest.raises(QuanhengError) as caught:
        register(elsewhere(workspace), path)
    assert caught.value.code in ("local_path_refused", "bad_text")
    assert count("job") == 1  # that of the workspace's creation


@pytest.mark.parametrize(
    "path",
    [
        "shipped:../../etc/passwd",
        "shipped:/etc/passwd",
        "shipped:flows/../../x",
        "shipped:",
        "shipped:..\\x",
        "package:pydantic/../../../../etc/passwd",
        "package:pydantic//etc/passwd",
        "package:pydantic/",
        "package:pydantic",
    ],
)
def test_shipped_and_packaged_files_lie_inside_their_package(workspace: Any, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        local_path(path)
    assert caught.value.code == "bad_path"
    with pytest.raises(QuanhengError):
        register(elsewhere(workspace), path)
    with pytest.raises(QuanhengError):
        register(workspace.session, path)


def test_a_package_without_a_name_is_not_installed() -> None:
    with pytest.raises(NotFound):
        local_path("package:/x")


def test_a_shipped_file_may_be_named_from_elsewhere(workspace: Any) -> None:
    session = elsewhere(workspace)
    pack = {"file": "shipped:oversight/rules/packs/tc260-003-2024.json"}
    assert call.call(session, "rulepack.register", pack).digest


def test_a_query_writes_for_a_caller_from_elsewhere_only_into_its_scratch_folder(
    workspace: Any, tmp_path: Path
) -> None:
    pack = workspace.rulepack.register(file="shipped:oversight/rules/packs/tc260-003-2024.json").digest
    assessment = workspace.assessment.run(rulepack=pack).digest
    workspace.checkpoint.sign()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    bare = elsewhere(workspace)
    lent = dataclasses.replace(bare, scratch=scratch)
    bad = [
        str(tmp_path / "r.html"),
        f"{scratch}/../r.html",
        f"{scratch}/a/r.html",
        str(scratch),
        f"{scratch}/..",
        "r.html",
    ]
    for session, to in [(bare, f"{scratch}/r.html"), *[(lent, one) for one in bad]]:
        with pytest.raises(Forbidden) as caught:
            call.ask(session, "assessment.report", {"assessment": assessment, "to": to})
        assert caught.value.code == "local_path_refused"
    assert not list(scratch.iterdir()) and not (tmp_path / "r.html").exists()
    call.ask(lent, "assessment.report", {"assessment": assessment, "to": f"{scratch}/r.html"})
    assert [p.name for p in scratch.iterdir()] == ["r.html"]


def test_a_queued_job_reads_the_upload_that_was_named(workspace: Any) -> None:
    session = elsewhere(workspace)
    text = staged(session, "a.txt", DATA)
    job = register(session, text, detach=True).job
    seen: list[worker.Ended] = []
    worker.work(workspace, once=True, ended=seen.append)
    assert [(e.job, e.outcome) for e in seen] == [(job, "done")]
    assert register(session, text).outputs == seen[0].outputs


# ---------------------------------------------------------------- flows from elsewhere

PARAM_FLOW = """
[params]
where = "package:pydantic/pydantic/__init__.py"
[[step]]
id = "a"
verb = "files.register"
with = { path = "$where", title = "t" }
"""
EACH_FLOW = """
[params]
sources = [{ path = "package:pydantic/pydantic/__init__.py", title = "t" }]
[[step]]
id = "a"
verb = "files.register"
each = "$sources"
with = { path = "$item.path", title = "$item.title" }
"""
NESTED_FLOW = """
[params]
inner = {}
[[step]]
id = "a"
verb = "flow.run"
with = { flow = "inner", params = "$inner" }
"""
FIXED_FLOW = """
[[step]]
id = "a"
verb = "files.register"
with = { path = "package:pydantic/pydantic/__init__.py", title = "t" }
[[step]]
id = "b"
verb = "rulepack.register"
with = { file = "shipped:oversight/rules/packs/tc260-003-2024.json" }
"""


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that ships these flows, by name."""

    def ship(text: str, **more: str) -> None:
        known = {}
        for name, content in {"f": text, **more}.items():
            known[name] = tmp_path / f"{name}.toml"
            known[name].write_text(content, "utf-8")
        monkeypatch.setattr(flow, "shipped", lambda: known)

    return ship


@pytest.mark.parametrize("text", [PARAM_FLOW, EACH_FLOW, FIXED_FLOW])
def test_a_flow_from_elsewhere_may_read_what_its_own_file_names(workspace: Any, flows: Any, text: str) -> None:
    flows(text)
    away = call.call(elsewhere(workspace), "flow.run", {"flow": "f"})
    here = call.call(workspace.session, "flow.run", {"flow": "f"})
    assert here.cached and here.outputs == away.outputs and len(away.outputs) == 1
    job = call.call(elsewhere(workspace), "flow.run", {"flow": "f"}, detach=True).job
    seen: list[worker.Ended] = []
    worker.work(workspace, once=True, ended=seen.append)
    assert [(e.job, e.outcome) for e in seen] == [(job, "done")]


ATTACKS = [
    "/etc/passwd",
    "package:pydantic/pydantic/main.py",
    "package:pydantic/../../../../etc/passwd",
    "package:../../x",
    "~/.ssh/id",
    "secret.txt",
]


@pytest.mark.parametrize("path", ATTACKS)
@pytest.mark.parametrize("detach", [False, True])
def test_a_path_in_the_parameters_of_a_flow_is_refused(workspace: Any, flows: Any, path: str, detach: bool) -> None:
    inner = {"inner": PARAM_FLOW}
    for text, params in (
        (PARAM_FLOW, {"where": path}),
        (EACH_FLOW, {"sources": [{"path": "shipped:flows/filing.toml", "title": "x"}, {"path": path, "title": "t"}]}),
    ):
        flows(text)
        with pytest.raises(Forbidden) as caught:
            call.call(elsewhere(workspace), "flow.run", {"flow": "f", "params": params}, detach=detach)
        assert caught.value.code == "local_path_refused"
    assert count("job") == 1  # refused at the door
    flows(NESTED_FLOW, **inner)
    data = {"flow": "f", "params": {"inner": {"where": path}}}
    with pytest.raises(Forbidden) as caught:
        call.call(elsewhere(workspace), "flow.run", data)
    assert caught.value.code == "local_path_refused"
    assert count("artifact") == 1


def test_the_flow_that_is_shipped_refuses_it_too(workspace: Any) -> None:
    source = {"path": "/etc/passwd", "title": "t", "as": "x"}
    with pytest.raises(Forbidden) as caught:
        call.call(elsewhere(workspace), "flow.run", {"flow": "filing", "params": {"sources": [source]}}, detach=True)
    assert caught.value.code == "local_path_refused"


def test_a_step_is_refused_a_path_even_if_the_door_was_passed(
    workspace: Any, flows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows(PARAM_FLOW)
    monkeypatch.setattr(flow, "refuse_param_paths", lambda session, inp: inp)
    with pytest.raises(Forbidden) as caught:
        call.call(elsewhere(workspace), "flow.run", {"flow": "f", "params": {"where": "/etc/passwd"}})
    assert caught.value.code == "local_path_refused" and entries(workspace)[-1]["outcome"] == "failed"


def test_uploads_and_shipped_files_in_the_parameters_of_a_flow_are_read(workspace: Any, flows: Any) -> None:
    flows(PARAM_FLOW)
    session = elsewhere(workspace)
    for where in (staged(session, "a.txt", DATA), "shipped:flows/filing.toml"):
        assert call.call(session, "flow.run", {"flow": "f", "params": {"where": where}}).digest
    other = dataclasses.replace(other_session(workspace), is_local=False)
    with pytest.raises(NotFound):
        call.call(other, "flow.run", {"flow": "f", "params": {"where": staged(session, "b.txt", DATA)}})


@pytest.mark.parametrize("file", ["/etc/passwd", "upload:" + "0" * 32, "shipped:flows/filing.toml"])
def test_a_flow_in_a_file_is_refused_from_elsewhere(workspace: Any, file: str) -> None:
    session = elsewhere(workspace)
    for ask in (
        lambda: call.call(session, "flow.run", {"file": file}),
        lambda: call.ask(session, "flow.show", {"file": file}),
    ):
        with pytest.raises(Forbidden) as caught:
            ask()
        assert caught.value.code == "local_path_refused"


def test_an_upload_in_the_parameters_of_a_waiting_flow_stays(workspace: Any, flows: Any) -> None:
    session = elsewhere(workspace)
    text = staged(session, "a.txt", DATA)
    flows(PARAM_FLOW)
    call.call(session, "flow.run", {"flow": "f", "params": {"where": text}}, detach=True)
    later(100)
    assert sweep(workspace) == 0
    seen: list[worker.Ended] = []
    worker.work(workspace, once=True, ended=seen.append)
    assert [e.outcome for e in seen] == ["done"], seen
