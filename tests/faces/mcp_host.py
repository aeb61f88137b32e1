"""An MCP host for tests: it starts servers and talks to them, by the SDK's own client or by raw lines."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult

from databases import Place, close_open

Script = Callable[[Client], Awaitable[Any]]


class Host:
    """An MCP host: starts a server for a workspace, runs a script with its client, and ends the server."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.errors = folder / "errors.txt"
        self.environment = {
            "QUANHENG_DATABASE": place.database,
            "QUANHENG_WORKSPACE": str(place.folder),
            "LC_ALL": "C.UTF-8",
        }

    def command(self, *words: str) -> list[str]:
        """Return the command line of the server."""
        return [sys.executable, "-m", "quanheng.cli.main", *words, "mcp"]

    def run(self, script: Script, *words: str, mode: str = "legacy", **environment: str) -> Any:
        """Return what the script returns; a traceback of the server fails the test."""
        command, *rest = self.command(*words)
        parameters = StdioServerParameters(command=command, args=rest, env={**self.environment, **environment})

        async def main() -> Any:
            with self.errors.open("w", encoding="utf-8") as errors, anyio.fail_after(120):
                async with Client(stdio_client(parameters, errlog=errors), mode=mode) as client:
                    return await script(client)

        try:
            return anyio.run(main)
        finally:
            told = self.errors.read_text("utf-8")
            assert "Traceback" not in told, told

    def call(self, tool: str, *words: str, **arguments: Any) -> CallToolResult:
        """Return the result of one call to a server of its own."""
        return self.run(lambda client: client.call_tool(tool, arguments), *words)  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def raw(self, *words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Yield a server process that has been initialised."""
        client = {"name": "test", "version": "1"}
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        with (
            self.errors.open("w") as errors,
            subprocess.Popen(
                self.command(*words),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                env={**self.place.environment, **self.environment, **environment},
            ) as process,
        ):
            try:
                assert ask(process, "initialize", hello)["result"]["serverInfo"]["name"] == "quanheng"
                send(process, {"jsonrpc": "2.0", "method": "notifications/initialized"})
                yield process
            finally:
                process.kill()


def send(process: subprocess.Popen[str], message: Any) -> None:
    """Write one line to a server."""
    assert process.stdin
    process.stdin.write((message if isinstance(message, str) else json.dumps(message)) + "\n")
    process.stdin.flush()


def ask(process: subprocess.Popen[str], method: str, params: Any, number: int = 1) -> Any:
    """Return a server's next line, after a request to it."""
    send(process, {"jsonrpc": "2.0", "id": number, "method": method, "params": params})
    assert process.stdout
    return json.loads(process.stdout.readline())


def text_of(result: CallToolResult) -> str:
    return "".join(item.text for item in result.content)  # type: ignore[union-attr]


def code_of(result: CallToolResult) -> str:
    """Return the error's code; a result that is no error fails."""
    assert result.is_error, result
    return str(result.structured_content["error"]["code"])


async def running(client: Client) -> int:
    """Return how many jobs are running."""
    listed = await client.call_tool("job_list", {})
    return [job["state"] for job in listed.structured_content["rows"]].count("running")


def token(place: Place, *scopes: str, role: str = "") -> str:
    """Return an access token with these scopes: of the workspace's owner, or of an account with one role here."""
    workspace = place.open()
    from quanheng.core.session import os_actor

    label = os_actor().label
    if role:
        label = "wang"
        workspace.user.create(label=label)
        workspace.member.grant(label=label, role=role)
    made = workspace.token.create(label=label, scopes=list(scopes)).value["token"]
    close_open()
    return str(made)


def ends(place: Place) -> list[tuple[str, str, str]]:
    """Return (verb, outcome, code) of the log's entries after the first, oldest first."""
    found = place.open().log.list(limit=1000)["entries"]
    close_open()
    return [(e["verb"], e["outcome"], e["code"]) for e in reversed(found[:-1])]


class Service(ThreadingHTTPServer):
    """A model's service on this machine that does not answer before it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.may_answer = threading.Event()
        self.asked = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"


class Answering(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.server.may_answer.wait(60)
        message = {"message": {"role": "assistant", "content": "好的。"}, "finish_reason": "stop"}
        data = json.dumps({"choices": [message], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()
        with contextlib.suppress(OSError):  # the asker may have been stopped
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        return


def prepared(place: Place, service: Service, folder: Path) -> dict[str, Any]:
    """Return the arguments of responses_generate for two questions to the service."""
    bank = folder / "bank.jsonl"
    rows = [{"id": f"q{n}", "risk": "A.1.f", "question": f"问题{n}？"} for n in range(2)]
    bank.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    workspace = place.open()
    workspace.benchmark.register(file=str(bank), purpose="must_refuse", title="题", owner="o", as_name="bank")
    workspace.endpoint.register(url=service.url, title="m", as_name="service")
    close_open()
    return {"endpoint": "service", "bank": "bank"}
