"""The client: a workspace on a server is called like one in a folder, and gives the same."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api_callers import Caller, digest_of, serving

import quanheng
from quanheng.api import transfers
from quanheng.api.client import RemoteWorkspace
from quanheng.core import call
from quanheng.core.session import token_session
from quanheng.errors import Conflict, Forbidden, Invalid, NotFound, QuanhengError, Unavailable

TEXT = (
    "昨天下午城里下了一场大雨，街上的行人纷纷躲进路边的书店。店主泡了一壶茶，请大家坐下来慢慢看书。\n"
    "有人翻开一本讲天气的旧书，里面记着三十年前那次洪水，桥被冲走了两座，渡船整整停了半个月。\n"
    "雨停以后天边出现彩虹，孩子们跑到广场上追着鸽子玩，卖糖葫芦的老人也推着小车回来了。\n"
)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Return a folder with two texts, one of them in a folder of its own."""
    made = tmp_path / "texts"
    (made / "内").mkdir(parents=True)
    (made / "a.txt").write_text(TEXT, "utf-8")
    (made / "内" / "b.txt").write_text(TEXT.replace("天气", "菜谱").replace("书店", "茶馆"), "utf-8")
    return made


# ---------------------------------------------------------------- the same as locally

Steps = list[tuple[str, str, Callable[[dict[str, str], Path], dict[str, Any]]]]
#: The main verbs, each with the outputs of those before: (name, as, input).
STEPS: Steps = [
    ("source.register", "s", lambda made, texts: {"path": str(texts), "title": "文"}),
    (
        "lexicon.register",
        "l",
        lambda made, texts: {
            "file": "shipped:oversight/lexicon/example.jsonl",
            "title": "词",
            "owner": "o",
        },
    ),
    ("corpus.build", "c", lambda made, texts: {"sources": [made["s"]], "lexicon": made["l"]}),
    (
        "benchmark.register",
        "b",
        lambda made, texts: {
            "file": "shipped:oversight/banks/must_refuse.jsonl",
            "purpose": "must_refuse",
            "title": "题",
            "owner": "o",
        },
    ),
    ("rulepack.register", "r", lambda made, texts: {"file": "shipped:oversight/rules/packs/tc260-003-2024.json"}),
    ("endpoint.register", "e", lambda made, texts: {"url": "http://127.0.0.1:9/v1", "title": "m"}),
    ("files.register", "f", lambda made, texts: {"path": str(texts / "a.txt"), "title": "件"}),
    ("assessment.run", "a", lambda made, texts: {"rulepack": made["r"], "corpus": made["c"], "lexicon": made["l"]}),
]


def run_all(workspace: Any, texts: Path, project: str) -> dict[str, str]:
    made: dict[str, str] = {}
    for name, short, data in STEPS:
        result = workspace.call(name, as_name=short, project=project, **data(made, texts))
        assert result.state == "done" and not result.cached and result.job
        made[short] = result.digest
    return made


def test_the_main_verbs_give_the_same_artifacts(
    remote: RemoteWorkspace, workspace: Any, texts: Path, worker: None
) -> None:
    pytest.importorskip("pyarrow")
    workspace.project.create(slug="other")
    away = run_all(remote, texts, "main")
    assert run_all(workspace, texts, "other") == away
    again = remote.files.register(path=texts / "a.txt", title="件")
    assert again.cached and again.outputs == (away["f"],) and again.job == ""
    assert remote.call("artifact.show", artifact="a")["digest"] == away["a"]


def test_inline_verbs_and_queries_answer_the_same(remote: RemoteWorkspace, workspace: Any) -> None:
    made = remote.project.create(slug="other", title="另一个")
    assert made.value == {"project": "other"} and made.outputs == () and made.state == "done"
    case = remote.case.open(type="user_appeal", title="x").value["case"]
    for name, data in (
        ("project.list", {}),
        ("case.list", {"limit": 5}),
        ("case.show", {"case": case}),
        ("flow.show", {"flow": "filing"}),
        ("log.list", {"limit": 3, "before": None}),
        ("config.show", {}),
        ("member.list", {}),
    ):
        assert remote.call(name, **data) == json.loads(json.dumps(workspace.call(name, **data))), name
    assert remote.call("case.list", project="other")["rows"] == []


def test_errors_are_the_same(remote: RemoteWorkspace, workspace: Any, owner: Caller) -> None:
    local = token_session(workspace, owner.token)

    def here(name: str, data: dict[str, Any]) -> QuanhengError:
        from quanheng.core import verb

        with pytest.raises(QuanhengError) as caught:
            (call.ask if name in verb.QUERIES else call.call)(local, name, data)
        return caught.value

    for name, data in (
        ("artifact.show", {"artifact": "none"}),
        ("artifact.show", {}),
        ("artifact.show", {"artifact": "x", "none": 1}),
        ("project.create", {"slug": "main"}),
        ("project.create", {"slug": "BAD"}),
        ("case.open", {"type": "none", "title": "x"}),
        ("endpoint.register", {"url": "http://far.example/", "title": "x"}),
        ("token.revoke", {"id": "none"}),
        ("corpus.build", {"sources": ["none"]}),
        ("files.register", {"path": "/no/such/file", "title": "t"}),
        ("assessment.report", {"assessment": "none"}),
        ("none.none", {}),
        ("job.show", {"id": "none"}),
    ):
        with pytest.raises(QuanhengError) as caught:
            remote.call(name, **data)
        wanted = here(name, data)
        assert type(caught.value) is type(wanted), name
        assert caught.value.to_json() == wanted.to_json(), name


def test_a_job_that_fails_raises_its_error(
    remote: RemoteWorkspace, workspace: Any, worker: None, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{", "utf-8")
    data = {"file": str(bad), "title": "t", "owner": "o"}
    with pytest.raises(QuanhengError) as away:
        remote.call("lexicon.register", **data)
    with pytest.raises(QuanhengError) as here:
        workspace.call("lexicon.register", **data)
    assert type(away.value) is type(here.value) and away.value.code == here.value.code
    assert away.value.text == here.value.text and away.value.hint == here.value.hint


def test_denials_are_raised_and_logged(server: str, caller: Any, workspace: Any) -> None:
    chen = caller("chen", "auditor", False)
    with quanheng.connect(server, chen.token) as remote, pytest.raises(Forbidden) as caught:
        remote.case.open(type="user_appeal", title="x")
    assert caught.value.code == "forbidden"
    assert workspace.log.list(limit=1)["entries"][0]["outcome"] == "denied"


# ---------------------------------------------------------------- jobs


def test_a_job_is_heard(remote: RemoteWorkspace, worker: None, texts: Path) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    result = remote.call(
        "files.register",
        path=texts,
        title="t",
        as_name="x",
        listener=lambda event, data: heard.append((event, dict(data))),
    )
    events = [event for event, _ in heard]
    assert events[0] == "start" and events[-1] == "end"
    assert heard[0][1] == {"job": result.job, "verb": "files.register", "name": "x"}
    assert heard[-1][1] == {"job": result.job, "verb": "files.register", "outputs": list(result.outputs)}
    assert ("progress", {"job": result.job, "done": 2, "total": 2}) in heard
    again: list[str] = []
    remote.call("files.register", path=texts, title="t", listener=lambda event, data: again.append(event))
    assert again == ["cached"]


def test_the_log_of_a_job_is_heard_in_both_languages(remote: RemoteWorkspace, worker: None, texts: Path) -> None:
    (texts / "unknown.bin").write_bytes(b"\0")
    heard: list[dict[str, Any]] = []
    remote.call(
        "source.register",
        path=texts,
        title="t",
        listener=lambda event, data: heard.append(dict(data)) if event == "log" else None,
    )
    assert any("passed over" in line["en"] and "跳过" in line["zh"] for line in heard)


def test_a_detached_job_is_not_waited_for(remote: RemoteWorkspace, texts: Path) -> None:
    result = remote.call("files.register", path=texts / "a.txt", title="t", detach=True)
    assert result.state == "queued" and result.outputs == ()
    assert remote.job.show(id=result.job)["state"] == "queued"


def test_stopping_the_client_cancels_the_job(
    remote: RemoteWorkspace, workspace: Any, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quanheng.api import client
    from quanheng.errors import Cancelled

    def stop(pause_s: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(client.time, "sleep", stop)
    with pytest.raises(Cancelled):
        remote.files.register(path=texts / "a.txt", title="t")
    [job] = [row for row in workspace.job.list()["rows"] if row["verb"] == "files.register"]
    assert workspace.job.show(id=job["id"])["cancelling"]


def test_a_flow_is_run_on_uploaded_files(
    remote: RemoteWorkspace, workspace: Any, worker: None, texts: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from quanheng.core import flow

    step = (
        '[params]\nwhere = ""\n[[step]]\nid = "a"\nverb = "files.register"\nwith = { path = "$where", title = "t" }\n'
    )
    (tmp_path / "f.toml").write_text(step, "utf-8")
    monkeypatch.setattr(flow, "shipped", lambda: {"f": tmp_path / "f.toml"})
    heard: list[str] = []
    result = remote.call(
        "flow.run",
        flow="f",
        params={"where": remote.upload(texts)},
        listener=lambda event, data: heard.append(f"{event} {data.get('verb', '')}".strip()),
    )
    assert result.outputs == workspace.files.register(path=str(texts), title="t").outputs
    assert "start files.register" in heard and heard[-1] == "end flow.run"
    with pytest.raises(Forbidden) as caught:
        remote.flow.run(flow="f", params={"where": str(texts)})
    assert caught.value.code == "local_path_refused"


# ---------------------------------------------------------------- files


def test_layers_are_put_and_read(remote: RemoteWorkspace, workspace: Any, tmp_path: Path) -> None:
    data = b'{"a": 1}\n{"a": 2}\n'
    path = tmp_path / "rows.jsonl"
    path.write_bytes(data)
    stored = remote.put(path)
    assert stored == remote.put(data) == workspace.put(data)
    layer = {"digest": stored.digest, "size": stored.size, "media_type": "application/jsonl", "title": "rows"}
    item = {"kind": "files/v1", "model": {"title": "t", "files": 1, "bytes": stored.size}, "layers": [layer]}
    digest = remote.artifact.register_many(items=[item]).digest
    remote.name.set(artifact=digest, name="x")
    away, here = remote.load("x"), workspace.load("x")
    assert away.digest == here.digest == digest and away.kind == here.kind and away.model == here.model
    assert away.made_by == here.made_by and [one.title for one in away.layers] == ["rows"]
    assert list(away.rows("rows")) == list(here.rows("rows")) == [{"a": 1}, {"a": 2}]
    with away.open_layer("rows") as stream, remote.open_layer(stored.digest) as other:
        assert stream.read() == other.read() == data
    with pytest.raises(NotFound, match="has no layer"):
        away.open_layer("none")
    with pytest.raises(NotFound, match="which artifact"):
        remote.open_layer(digest_of(b"unknown"))


def test_a_report_and_a_bundle_are_written_here(remote: RemoteWorkspace, workspace: Any, tmp_path: Path) -> None:
    pack = workspace.rulepack.register(file="shipped:oversight/rules/packs/tc260-003-2024.json").digest
    workspace.call("assessment.run", rulepack=pack, as_name="demo")
    workspace.checkpoint.sign()
    told = remote.assessment.report(assessment="demo", to=tmp_path / "r.html")
    here = workspace.assessment.report(assessment="demo", to=str(tmp_path / "h.html"))
    assert (tmp_path / "r.html").read_bytes() == (tmp_path / "h.html").read_bytes()
    assert told == {**here, "path": str(tmp_path / "r.html")}
    told = remote.assessment.bundle(assessment="demo", to=tmp_path / "b.zip", sealed=True)
    from quanheng.store import verify_bundle

    assert verify_bundle(tmp_path / "b.zip", told["fingerprint"]).ok
    assert told["bytes"] == (tmp_path / "b.zip").stat().st_size
    with pytest.raises(Unavailable) as caught:
        remote.assessment.report(assessment="demo", to=tmp_path / "none" / "r.html")
    assert caught.value.code == "not_written"
    with pytest.raises(NotFound):
        remote.assessment.report(assessment="none", to=tmp_path / "n.html")
    assert not list(tmp_path.glob("n.html*"))


def test_folders_of_one_file_and_of_none(remote: RemoteWorkspace, workspace: Any, worker: None, tmp_path: Path) -> None:
    folder = tmp_path / "f"
    (folder / "sub").mkdir(parents=True)
    for maker in (remote, workspace):
        with pytest.raises(Invalid) as caught:
            maker.files.register(path=str(folder), title="t")
        assert caught.value.code == "empty_folder"
    (folder / "sub" / "a.txt").write_bytes(b"x")
    assert remote.files.register(path=str(folder), title="t").outputs == (
        workspace.files.register(path=str(folder), title="t").outputs
    )
    with pytest.raises(NotFound) as missing:
        remote.files.register(path=tmp_path / "none", title="t")
    assert missing.value.code == "no_such_path"


def test_a_large_file_goes_in_pieces(
    remote: RemoteWorkspace, workspace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "PIECE", 1000)
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * 20)
    assert remote.put(path).digest == digest_of(path.read_bytes())


def test_a_file_that_changes_meanwhile_is_refused(
    remote: RemoteWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    monkeypatch.setattr(transfers, "file_digest", lambda path: digest_of(b"other"))
    with pytest.raises(Invalid) as caught:
        remote.files.register(path=path, title="t")
    assert caught.value.code == "digest_mismatch"


# ---------------------------------------------------------------- how it is used


def test_nouns_and_verbs_are_listed(remote: RemoteWorkspace, workspace: Any) -> None:
    from quanheng.core import verb

    assert set(verb.nouns()) <= set(dir(remote))
    assert sorted(dir(remote.corpus)) == sorted(dir(workspace.corpus))
    with pytest.raises(AttributeError, match="a workspace has no 'none'"):
        remote.none
    with pytest.raises(AttributeError, match="corpus has no 'none'"):
        remote.corpus.none()
    assert not hasattr(remote, "_none")


def test_inside_an_event_loop(remote: RemoteWorkspace) -> None:
    async def main() -> Any:
        return remote.project.list()

    assert [row["slug"] for row in asyncio.run(main())] == ["main"]


def test_without_django() -> None:
    code = "import sys, quanheng; quanheng.connect('https://x.example'); print('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    code = "import sys, quanheng; print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_twenty_clients_at_once(server: str, owner: Caller, workspace: Any, worker: None, tmp_path: Path) -> None:
    start, faults, digests = threading.Barrier(20), [], []
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text(f"{number}", "utf-8")

    def one(number: int) -> None:
        try:
            with quanheng.connect(server, owner.token) as remote:
                start.wait()
                made = remote.case.open(type="user_appeal", title=str(number))
                assert remote.case.show(case=made.value["case"])["title"] == str(number)
                digests.append(remote.files.register(path=tmp_path / f"{number}.txt", title="t").digest)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults
    assert len(set(digests)) == 20 and len(workspace.case.list()["rows"]) == 20
    entries = workspace.log.list(limit=1000)["entries"]
    assert [entry["index"] for entry in entries] == list(reversed(range(len(entries))))


def test_a_visitor_reads_what_is_public(server: str, workspace: Any) -> None:
    workspace.project.create(slug="open", public=True)
    with quanheng.connect(server, project="open") as remote:
        assert remote.artifact.list()["rows"] == []
        with pytest.raises(Forbidden) as caught:
            remote.case.open(type="user_appeal", title="x")
        assert caught.value.code == "not_signed_in"


def test_another_server_in_between_is_named(application: Any, owner: Caller) -> None:
    with serving(application) as address, quanheng.connect(address, "qh_wrong") as remote:
        with pytest.raises(Forbidden) as caught:
            remote.project.list()
        assert caught.value.code == "bad_token"


def test_a_conflict_is_a_conflict(remote: RemoteWorkspace) -> None:
    with pytest.raises(Conflict):
        remote.project.create(slug="main")
