"""The MCP server as hosts use it: a real process at the other end of the SDK's own client, and of raw lines."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import anyio
import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_host import Host, Service, ask, code_of, ends, prepared, running, send, text_of, token
from mcp_types import CallToolResult, Tool

from databases import Place, wait_until
from quanheng.api import mcp_resources, mcp_tools
from quanheng.core import describe
from quanheng.errors import Unavailable

HAN = re.compile(r"[\u4e00-\u9fff]")
#: What is not offered to a model; tests/unit/api/test_mcp_parts.py asserts that it is these.
WITHHELD = {"account.password", "token.create", "user.invite"}


@pytest.fixture
def host(place: Place, tmp_path: Path) -> Host:
    return Host(place, tmp_path)


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "笔记.txt"
    path.write_text("春风吹来，数据不丢。\n", "utf-8")
    return path


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(3000):
        (folder / f"{number:04}.txt").write_text(f"{number}\n", "utf-8")
    return folder


# ------------------------------------------------------------------------------------ a session, and its tools


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("mode", "protocol"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
def test_a_session_begins_in_both_eras_of_the_protocol(host: Host, mode: str, protocol: str) -> None:
    async def script(client: Client) -> None:
        assert client.protocol_version == protocol and client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("quanheng", version("quanheng"))
        assert client.instructions and client.instructions.startswith("Quanheng") and HAN.search(client.instructions)
        assert client.server_capabilities.tools and client.server_capabilities.resources
        assert client.server_capabilities.prompts is None
        assert len((await client.list_tools()).tools) > 50
        assert not (await client.call_tool("account_show", {})).is_error

    host.run(script, "--lang", "en", mode=mode)


def test_tools_are_those_that_the_caller_may_call(host: Host) -> None:
    async def script(client: Client) -> list[Tool]:
        return (await client.list_tools()).tools

    def listed(secret: str = "") -> set[str]:
        return {str(mcp_tools.verb_name(tool.name)) for tool in host.run(script, QUANHENG_TOKEN=secret)}

    offered = set(describe.commands()) - WITHHELD
    assert listed() == offered
    read = {name for name in offered if mcp_tools.declared(name).permission == "read"}
    assert listed(token(host.place, "read")) == read
    review = {name for name in offered if mcp_tools.declared(name).permission == "review"}
    assert listed(token(host.place, "read", "review", "build", role="reviewer")) == read | review
    assert {"verdicts.enter"} <= review and not {"verdicts.enter", "files.register"} & read


def test_verbs_leave_artifacts_and_queries_answer(host: Host, note: Path) -> None:
    async def script(client: Client) -> list[CallToolResult]:
        given = {"path": str(note), "title": "证据", "as": "note"}
        return [
            await client.call_tool("files_register", given),
            await client.call_tool("files_register", given),
            await client.call_tool("files_register", {**given, "again": True}),
            await client.call_tool("artifact_show", {"artifact": "files:note"}),
            await client.call_tool("key_list", {}),
            await client.call_tool("project_create", {"slug": "other", "title": "另一个项目"}),
            await client.call_tool("files_register", {"path": str(note), "title": "排队", "detach": True}),
        ]

    made, again, anew, shown, keys, project, queued = host.run(script, "--lang", "zh")
    [output] = made.structured_content["outputs"]
    assert output["kind"] == "files/v1" and not made.structured_content["cached"]
    assert text_of(made) == f"已完成：files register\nfiles/v1  {output['digest']}"
    assert again.structured_content["cached"] and again.structured_content["outputs"] == [output]
    assert text_of(again).startswith("已有，不再执行") and not anew.structured_content["cached"]
    assert shown.structured_content["config"]["title"] == "证据" and "笔记.txt" in text_of(shown)
    assert json.loads(text_of(shown)) == shown.structured_content
    assert isinstance(keys.structured_content["result"], list)
    assert project.structured_content["value"] == {"project": "other"}
    assert queued.structured_content["state"] == "queued" and "已排队" in text_of(queued)
    workspace = host.place.open()
    kept = workspace.load(output["digest"])
    with kept.open_layer("笔记.txt") as layer:
        assert kept.model.title == "证据" and layer.read() == note.read_bytes()
    assert workspace.job.show(id=queued.structured_content["job"])["state"] == "queued"


def test_a_denied_call_is_told_and_logged(host: Host, note: Path) -> None:
    secret = token(host.place, "read")
    before = ends(host.place)
    result = host.call("files_register", "--token", secret, path=str(note), title="t")
    assert code_of(result) == "forbidden" and "访问令牌的范围不包含 build" in text_of(result)
    assert result.structured_content["error"]["hint"]
    assert ends(host.place)[len(before) :] == [("files.register", "denied", "forbidden")]
    assert not host.call("artifact_list", "--token", secret).is_error


def test_a_token_revoked_meanwhile_ends_here_too(host: Host) -> None:
    secret = token(host.place, "read")

    async def script(client: Client) -> None:
        assert not (await client.call_tool("artifact_list", {})).is_error
        workspace = host.place.open()
        workspace.token.revoke(id=workspace.token.list()[0]["id"])
        workspace.close()
        assert code_of(await client.call_tool("artifact_list", {})) == "token_ended"
        with pytest.raises(MCPError, match="已被撤销"):
            await client.list_tools()

    host.run(script, QUANHENG_TOKEN=secret)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("language", "said"), [("zh", "title：应为文本"), ("en", "title: it should be a text")])
def test_bad_calls_are_told_and_leave_no_entry(host: Host, note: Path, language: str, said: str) -> None:
    async def script(client: Client) -> None:
        bad = await client.call_tool("files_register", {"path": str(note), "title": 3})
        error = bad.structured_content["error"]
        assert code_of(bad) == "bad_input" and said in text_of(bad)
        assert "title: it should be" in error["en"] and "title：应为文本" in error["zh"]
        given = {"path": str(note), "title": "t"}
        assert code_of(await client.call_tool("files_register", {**given, "more": 1})) == "bad_input"
        assert code_of(await client.call_tool("files_register", {**given, "again": "perhaps"})) == "bad_input"
        assert code_of(await client.call_tool("files_register", {**given, "as": "Bad Name"})) == "bad_name"
        assert code_of(await client.call_tool("project_create", {"slug": "x", "detach": True})) == "bad_input"
        assert code_of(await client.call_tool("artifact_show", {"artifact": "nope"})) == "no_such_artifact"
        assert code_of(await client.call_tool("artifact_list", {"limit": 0.5})) == "bad_input"
        assert not (await client.call_tool("artifact_list", {"limit": 1.0})).is_error
        for name in sorted(WITHHELD):
            withheld = await client.call_tool(mcp_tools.tool_name(name), {"password": "x", "label": "x"})
            assert code_of(withheld) == "not_offered" and name.replace(".", " ") in text_of(withheld)
        with pytest.raises(MCPError) as unknown:
            await client.call_tool("file_register", given)
        assert unknown.value.data["code"] == "unknown_tool" and "files_register" in unknown.value.message
        assert not (await client.call_tool("artifact_list", {})).is_error

    host.run(script, "--lang", language)
    assert ends(host.place) == []


@pytest.mark.databases("sqlite")
def test_malformed_messages_do_not_end_the_server(host: Host) -> None:
    with host.raw() as process:
        for arguments in ("text", [1], 7):
            told = ask(process, "tools/call", {"name": "artifact_list", "arguments": arguments}, 2)
            assert told["error"]["code"] == -32602
        assert ask(process, "tools/nothing", {}, 3)["error"]["code"] == -32601
        send(process, "{ this is no JSON")
        send(process, '{"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "artifact_list"')
        told = ask(process, "tools/call", {"name": "artifact_list"}, 5)
        assert (told["id"], told["result"]["isError"]) == (5, False)


# ------------------------------------------------------------------------------------ jobs: progress, cancel, at once


FLOW = """
[[step]]
id = "one"
verb = "files.register"
with = { path = "%s", title = "一" }

[[step]]
id = "two"
verb = "files.register"
with = { path = "%s", title = "二" }
"""


@pytest.mark.databases("sqlite")
def test_progress_of_a_job_and_of_a_flow_only_grows(host: Host, note: Path, tmp_path: Path) -> None:
    (tmp_path / "f.toml").write_text(FLOW % (note, note), "utf-8")
    heard: list[tuple[float, float | None, str | None]] = []

    async def script(client: Client) -> None:
        async def hear(done: float, total: float | None, message: str | None) -> None:
            heard.append((done, total, message))

        given = {"path": str(tmp_path / "many"), "title": "t"}
        assert not (await client.call_tool("files_register", given, progress_callback=hear)).is_error
        job, heard[:] = list(heard), []
        assert len(job) > 1 and job == sorted(job, key=lambda news: news[0]) and len({n[0] for n in job}) == len(job)
        assert job[-1] == (400, 400, "files register 400/400")
        given = {"file": str(tmp_path / "f.toml")}
        assert not (await client.call_tool("flow_run", given, progress_callback=hear)).is_error
        assert heard[-1] == (2, 2, "[2/2] files register 1/1") and heard == sorted(heard, key=lambda n: n[0])

    (tmp_path / "many").mkdir()
    for number in range(400):
        (tmp_path / "many" / str(number)).write_bytes(b"%d" % number)
    host.run(script)


@pytest.mark.parametrize(
    ("mode", "tool"), [("legacy", "files_register"), ("auto", "files_register"), ("auto", "flow_run")]
)
def test_a_cancelled_request_cancels_its_jobs(host: Host, many: Path, tmp_path: Path, mode: str, tool: str) -> None:
    (tmp_path / "f.toml").write_text(FLOW % (many, many), "utf-8")
    given = {"file": str(tmp_path / "f.toml")} if tool == "flow_run" else {"path": str(many), "title": "t"}

    async def script(client: Client) -> None:
        with anyio.CancelScope() as scope:

            async def hear(done: float, total: float | None, message: str | None) -> None:
                if done:
                    scope.cancel()

            await client.call_tool(tool, given, progress_callback=hear)
        assert scope.cancelled_caught
        while await running(client):
            await anyio.sleep(0.1)

    host.run(script, mode=mode)
    cancelled = [("files.register", "cancelled", "cancelled"), ("flow.run", "cancelled", "cancelled")]
    assert ends(host.place) == cancelled[: 2 if tool == "flow_run" else 1]


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.may_answer.set()
    made.shutdown()
    thread.join()
    made.server_close()


def test_a_long_call_blocks_no_other(host: Host, service: Service, tmp_path: Path) -> None:
    given = prepared(host.place, service, tmp_path)
    results: list[CallToolResult] = []

    async def script(client: Client) -> None:
        async def generate(max_tokens: int) -> None:
            results.append(await client.call_tool("responses_generate", {**given, "max_tokens": max_tokens}))

        async with anyio.create_task_group() as group:
            for number in range(5):  # one more than there are places for jobs
                group.start_soon(generate, 10 + number)
            while service.asked < 4:
                await anyio.sleep(0.02)
            began = time.monotonic()
            assert await running(client) == 4
            assert not (await client.call_tool("project_create", {"slug": "other"})).is_error
            assert len((await client.list_resources()).resources) == 3 and not results
            assert time.monotonic() - began < 10
            service.may_answer.set()

    host.run(script)
    assert len(results) == 5 and not any(result.is_error for result in results)


def test_cancelling_stops_a_job_that_says_nothing_and_one_that_waits(
    host: Host, service: Service, tmp_path: Path
) -> None:
    given = prepared(host.place, service, tmp_path)
    before = len(ends(host.place))

    async def script(client: Client) -> None:
        async def generate(number: int) -> None:
            await client.call_tool("responses_generate", {**given, "max_tokens": 10 + number})

        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(generate, number)
            while service.asked < 4:
                await anyio.sleep(0.02)
            group.cancel_scope.cancel()

        while await running(client):
            await anyio.sleep(0.1)
        assert not (await client.call_tool("artifact_list", {})).is_error

    host.run(script, QUANHENG_LEASE_S="3")
    # the fifth was never begun, and so there is nothing to tell of it
    assert ends(host.place)[before:] == [("responses.generate", "cancelled", "cancelled")] * 4


# ------------------------------------------------------------------------------------ the end, and standard output


@pytest.mark.databases("sqlite")
def test_the_server_ends_cleanly_when_its_input_ends(host: Host, note: Path) -> None:
    with host.raw() as process:
        assert "result" in ask(process, "tools/list", {}, 2)
        began = time.monotonic()
        out, _ = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "") and time.monotonic() - began < 5
    assert host.errors.read_text() == ""


@pytest.mark.parametrize("by", ["input", "signal"])
def test_jobs_end_as_cancelled_when_the_host_goes(host: Host, many: Path, by: str) -> None:
    with host.raw() as process:
        call = {"name": "files_register", "arguments": {"path": str(many), "title": "t"}, "_meta": {"progressToken": 1}}
        told = ask(process, "tools/call", call, 2)
        while told["params"]["progress"] == 0:
            told = json.loads(process.stdout.readline())  # type: ignore[union-attr]
        if by == "signal":
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        process.communicate(timeout=60)
        assert process.returncode == (0 if by == "input" else 130)
    assert ends(host.place) == [("files.register", "cancelled", "cancelled")]
    assert "Traceback" not in host.errors.read_text()


def test_a_job_that_is_still_silent_after_a_signal_is_swept_as_cancelled(
    host: Host, service: Service, tmp_path: Path
) -> None:
    given = prepared(host.place, service, tmp_path)
    with host.raw() as process:
        call = {"name": "responses_generate", "arguments": given}
        send(process, {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
        wait_until(lambda: service.asked, "the question")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130 and time.monotonic() - began < 4
    assert ends(host.place)[-1] == ("responses.generate", "cancelled", "cancelled")


NOISY = """
import os
import quanheng.core.lineage as lineage

walk = lineage.ancestors

def ancestors(*given, **named):
    print("noise")
    os.write(1, b"noise\\n")
    os.system("echo noise")
    if given[1:] == (7,):
        raise RuntimeError("nobody foresaw this")
    return walk(*given, **named)

lineage.ancestors = ancestors
"""


@pytest.mark.databases("sqlite")
def test_nothing_but_the_protocol_gets_out_and_a_fault_ends_one_call(host: Host, note: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NOISY)
    made = host.call("files_register", path=str(note), title="t", **{"as": "note"}).structured_content["outputs"]
    with host.raw(PYTHONPATH=str(tmp_path)) as process:
        for number, depth in enumerate((5, 7, 5), 2):
            given = {"name": "lineage_of", "arguments": {"artifact": made[0]["digest"], "depth": depth}}
            told = ask(process, "tools/call", given, number)
            assert (told["id"], told["result"]["isError"]) == (number, depth == 7)
        out, _ = process.communicate(timeout=60)
        assert out == ""
    errors = host.errors.read_text()
    assert errors.count("noise\n") == 9 and "RuntimeError: nobody foresaw this" in errors


@pytest.mark.databases("sqlite")
def test_what_keeps_the_server_from_starting_is_told_on_standard_error(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from quanheng.cli import main, mcp_word

    (tmp_path / "empty").mkdir()
    for words, code in (
        (("-w", str(tmp_path / "empty"), "--json"), 3),
        (("--project", "nope"), 3),
        (("--token", "x"), 5),
    ):
        ran = subprocess.run(
            host.command(*words),
            env={**host.place.environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert (ran.returncode, ran.stdout) == (code, "") and "提示：" in ran.stderr
    monkeypatch.setattr(mcp_word, "find_spec", lambda name: None)
    assert main.run(["mcp", "--lang", "en"]) == Unavailable.exit_code
    out, err = capsys.readouterr()
    assert out == "" and "the MCP server needs the extra [mcp]" in err and "pip install 'quanheng[mcp]'" in err


# ------------------------------------------------------------------------------------ resources


def test_artifacts_and_their_text_are_resources(host: Host, tmp_path: Path) -> None:
    folder = tmp_path / "目录"
    folder.mkdir()
    (folder / "长 文.txt").write_text("a" + "权" * 100_000, "utf-8")
    (folder / "x.bin").write_bytes(bytes(range(256)))

    async def script(client: Client) -> None:
        made = await client.call_tool("files_register", {"path": str(tmp_path / "目录"), "title": "资料", "as": "docs"})
        digest = made.structured_content["outputs"][0]["digest"]
        [resource, _] = (await client.list_resources()).resources
        assert (resource.uri, resource.name) == (f"quanheng://artifact/{digest}", "files:docs")
        forms = [t.uri_template for t in (await client.list_resource_templates()).resource_templates]
        assert forms == ["quanheng://artifact/{artifact}", "quanheng://artifact/{artifact}/layer/{title}"]
        [content] = (await client.read_resource(resource.uri)).contents
        shown = json.loads(content.text)  # type: ignore[union-attr]
        assert shown["config"]["title"] == "资料" and shown["lineage"]["made_from"] == {"count": 0, "nearest": []}
        by_title = {layer["title"]: layer["uri"] for layer in shown["layers"]}
        text, note = (await client.read_resource(by_title["长 文.txt"])).contents
        assert text.text == "a" + "权" * 66_666 and "300,001 字节" in note.text  # type: ignore[union-attr]
        assert text.meta["size"] == 300_001 and text.meta["read"] == mcp_resources.LAYER_LIMIT  # type: ignore[index]
        for uri, code in (
            (by_title["x.bin"], "not_text"),
            (by_title["x.bin"] + "2", "no_such_layer"),
            ("quanheng://artifact/nope", "no_such_artifact"),
            ("quanheng://artifact/", "no_such_resource"),
            ("file:///etc/passwd", "no_such_resource"),
        ):
            with pytest.raises(MCPError) as refused:
                await client.read_resource(uri)
            assert refused.value.data["code"] == code
        await client.call_tool("project_create", {"slug": "other"})
        stays[:] = [resource.uri]

    async def elsewhere(client: Client) -> None:
        assert (await client.list_resources()).resources == []
        with pytest.raises(MCPError) as refused:
            await client.read_resource(stays[0])
        assert refused.value.data["code"] == "no_such_artifact"

    async def unread(client: Client) -> None:
        assert (await client.list_resources()).resources == []
        with pytest.raises(MCPError) as refused:
            await client.read_resource(stays[0])
        assert refused.value.data["code"] == "forbidden"

    stays: list[str] = []
    host.run(script, "--lang", "zh")
    host.run(elsewhere, "--project", "other")
    host.run(unread, QUANHENG_TOKEN=token(host.place, "annotate", role="annotator"))


# ------------------------------------------------------------------------------------ the page


def test_the_page_s_entry_starts_a_server(host: Host) -> None:
    page = Path(__file__).parents[2] / "docs" / "howto" / "mcp.md"
    entries = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page.read_text("utf-8"), re.S)]
    assert len(entries) == 2  # one per language, the same
    assert entries[0] == entries[1]
    entry = entries[0]["mcpServers"]["quanheng"]
    assert entry["command"].endswith("/quanheng") and entry["args"][-1] == "mcp"
    words = [str(host.place.folder) if word.startswith("/") else word for word in entry["args"][:-1]]
    result = host.call("account_show", *words)
    assert not result.is_error
