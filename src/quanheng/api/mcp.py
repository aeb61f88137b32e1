"""The MCP server: a program on this machine calls verbs and queries as tools, with its user's permissions.

One host at the other end of standard input and output, served until it closes them. Whom a call acts for is looked up
anew for each one, so that a token that was revoked or an account that was deactivated meanwhile ends here too. Such a
host acts for the local user, so that paths are allowed as on the command line.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
)
from pydantic import Field

from quanheng import __version__
from quanheng.api import mcp_resources, mcp_tools
from quanheng.api.mcp_answers import answered, done, failed
from quanheng.api.mcp_calls import Call, News, Threads
from quanheng.core import call as door
from quanheng.core import describe
from quanheng.core.child import unexpected
from quanheng.core.database import retry_locked
from quanheng.core.inputs import Input
from quanheng.core.resolve import validate
from quanheng.core.session import Session, local_session, token_session
from quanheng.core.verb import Query, Verb
from quanheng.core.workspace import Workspace
from quanheng.errors import Cancelled, NotFound, QuanhengError, Text

T = TypeVar("T")
Context = ServerRequestContext[Any, Any]
log = logging.getLogger("quanheng.mcp")

#: How long jobs have to end after the host closed its end, in seconds: a silent job looks up every 5 (core.runner).
HOST_LEFT_S = 10.0
#: The same after a signal; hosts send one before they kill. A job that needs longer was asked to stop in its row, and
#: whoever opens the workspace next ends it as cancelled.
SIGNAL_S = 1.5

INSTRUCTIONS = Text(
    "Quanheng takes AI models from raw text to a filed, supervised service and keeps proof of every step. Each tool is "
    "a verb, which leaves artifacts and one log entry, or a query, which only reads. Artifacts are named by digest, by "
    "name or by kind:name. Long jobs: pass detach=true where a worker runs, then ask job_show. An error has a code and "
    "a hint; a command in it, such as `quanheng job show`, is the tool job_show here.",
    "权衡把人工智能模型从原始文本带到完成备案、接受监管的服务，并为每一步留存凭证。每个工具是一项操作（产出制品并写入一条存证）"
    "或一项查询（只读）。制品用摘要、名称或 kind:名称 指定。耗时作业：有工作进程时传 detach=true，再用 job_show 查看。"
    "错误带有代码与提示；提示中的命令（如 quanheng job show）对应这里的工具 job_show。",
)


class Options(Input):
    """The options that verbs have beside their input."""

    as_name: str = Field("", alias="as")
    again: bool = False
    detach: bool = False


class Face:
    """The workspace as one MCP host sees it: as its actor, in its project, in its language."""

    def __init__(self, workspace: Workspace, token: str | None, project: str, language: str) -> None:
        self.workspace = workspace
        self.token = token
        self.project = project
        self.language = language
        self.threads = Threads()

    def session(self) -> Session:
        """Return the session of a call that begins now."""
        if self.token:
            token = self.token
            return retry_locked(lambda: token_session(self.workspace, token, self.project))
        return retry_locked(lambda: local_session(self.workspace, self.project))

    async def list_tools(self, ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        """Return the tools that the caller may call now."""
        return ListToolsResult(tools=await self._read(lambda s: mcp_tools.listed(s, self.language)))

    async def list_resources(self, ctx: Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
        """Return a page of the artifacts that the caller may read."""
        cursor = params.cursor if params else None
        return await self._read(lambda s: mcp_resources.listed(s, cursor))

    async def list_templates(self, ctx: Context, params: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        """Return the forms that addresses of resources have."""
        return mcp_resources.templates(self.language)

    async def read_resource(self, ctx: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        """Return an artifact or a layer."""
        return await self._read(lambda s: mcp_resources.read(s, params.uri, self.language))

    async def call_tool(self, ctx: Context, params: CallToolRequestParams) -> CallToolResult:
        """Call a verb or query. What goes wrong with it is a result too, which the model can read and act on."""
        name = mcp_tools.verb_name(params.name)
        if name is None:
            raise self._protocol_error(_no_such_tool(params.name))
        found = mcp_tools.declared(name)
        call = Call(self.language)
        work = partial(self._answer, call, found, params.arguments or {})
        long = isinstance(found, Verb) and found.mode != "inline"

        async def tell(news: News) -> None:
            await ctx.session.report_progress(*news)

        return await self.threads.run_call(call, work, tell, long=long)

    def _answer(self, call: Call, found: Verb | Query, arguments: dict[str, Any]) -> CallToolResult:
        """Return the result of a call, an error as one too (in the call's thread)."""
        try:
            call.check()
            mcp_tools.check_offered(found.name)
            call.session = self.session()
            given = exact(arguments)
            if isinstance(found, Query):
                return answered(door.ask(call.session, found.name, given), self.language)
            known = {name: given.pop(name) for name in describe.commands()[found.name].universal if name in given}
            options: Options = validate(found.name, Options, known)
            result = door.call(
                call.session,
                found.name,
                given,
                as_name=options.as_name,
                again=options.again,
                detach=options.detach,
                listener=call.listen,
            )
            return done(found.name, result, self.language)
        except QuanhengError as error:
            return failed(error, call.begun, self.language)
        except Exception as fault:  # a fault of ours ends this call, not the server
            log.exception("the call of %s failed", found.name)
            return failed(unexpected(fault), call.begun, self.language)

    async def _read(self, work: Callable[[Session], T]) -> T:
        """Return `work(session)`, run in a thread; errors become those of the protocol."""
        try:
            return await self.threads.run(lambda: work(self.session()))
        except QuanhengError as error:
            raise self._protocol_error(error) from error
        except Exception as fault:
            log.exception("a listing or reading failed")
            raise self._protocol_error(unexpected(fault), INTERNAL_ERROR) from fault

    def _protocol_error(self, error: QuanhengError, code: int = INVALID_PARAMS) -> MCPError:
        return MCPError(code, error.say(self.language), error.to_json())

    def server(self) -> Server[Any]:
        """Return the SDK's server with our handlers."""
        first, second = ("zh", "en") if self.language == "zh" else ("en", "zh")
        made: Server[Any] = Server(
            "quanheng",
            version=__version__,
            title="Quanheng 权衡",
            instructions=f"{INSTRUCTIONS.say(first)}\n\n{INSTRUCTIONS.say(second)}",
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,
            on_list_resources=self.list_resources,
            on_list_resource_templates=self.list_templates,
            on_read_resource=self.read_resource,
        )
        made.middleware.clear()  # the SDK's own sends traces wherever OTEL_* says; nothing leaves without a setting
        return made


def exact(value: Any) -> Any:
    """Return JSON data without floats, as on the command line: whole numbers as integers, others as decimal text.

    >>> exact({"a": [1.0, 0.5, 2]})
    {'a': [1, '0.5', 2]}
    """
    if isinstance(value, float):
        return int(value) if value.is_integer() else repr(value)
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    return [exact(item) for item in value] if isinstance(value, list) else value


def _no_such_tool(name: str) -> NotFound:
    from difflib import get_close_matches

    known = [mcp_tools.tool_name(name) for name in describe.commands()]
    near = get_close_matches(name, known, n=3) or ["tools/list"]
    return NotFound(
        f"there is no tool {name[:100]!r}",
        f"没有名为 {name[:100]!r} 的工具",
        hint=("Did you mean: " + ", ".join(near), "是否想用：" + "、".join(near)),
        code="unknown_tool",
    )


def serve(workspace: Workspace, token: str | None, project: str, language: str) -> None:
    """Serve the host on standard input and output until it closes them; a signal ends the process here.

    Nothing but the protocol gets onto standard output: meanwhile the SDK points the process's own at standard error.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    describe.commands()  # all verbs are known before the first thread asks
    face = Face(workspace, token, project, language)
    anyio.run(_serve, face)


async def _serve(face: Face) -> None:
    server = face.server()
    try:
        async with stdio_server() as (reading, writing):
            host_left = False
            async with anyio.create_task_group() as group:
                group.start_soon(_stop_on_signals, group.cancel_scope)
                await server.run(reading, writing, server.create_initialization_options())
                host_left = True
                group.cancel_scope.cancel()
            if not host_left:
                await face.threads.wait(SIGNAL_S)
                _leave(Cancelled.exit_code)  # the thread that waits for standard input cannot be stopped otherwise
    except* OSError:  # a host that died reads no more
        log.warning("the host is gone")
    if not await face.threads.wait(HOST_LEFT_S):
        _leave(0)


async def _stop_on_signals(stop: anyio.CancelScope) -> None:
    """Cancel the server at the first signal, and every call with it; a second one ends the process at once."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            stop.cancel()
            return


def _leave(code: int) -> None:
    """End the process without waiting for its threads. What they write is whole or not there at all."""
    sys.stderr.flush()
    os._exit(code)
