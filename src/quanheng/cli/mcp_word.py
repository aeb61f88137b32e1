"""`quanheng mcp`: serves the workspace to one MCP host on standard input and output."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

from quanheng.cli.caller import Caller
from quanheng.errors import Unavailable


def mcp(caller: Caller, values: dict[str, Any]) -> None:
    """Serve until the host closes standard input."""
    caller.json = False  # standard output is the protocol's; an error is told on standard error
    _need_mcp()
    with caller.open() as workspace:
        from quanheng.api.mcp import serve

        if sys.stdin.isatty():
            caller.note(
                "Waiting for an MCP host on standard input; such programs start this command themselves",
                "等待 MCP 主机从标准输入连接；此命令通常由主机程序自行启动",
            )
        serve(workspace, caller.token, caller.project, caller.language)


def _need_mcp() -> None:
    """Raise Unavailable when the SDK is not installed."""
    if find_spec("mcp") is None:
        raise Unavailable(
            "the MCP server needs the extra [mcp]",
            "使用 MCP 服务需要安装附加组件 [mcp]",
            hint=("Run: pip install 'quanheng[mcp]'", "请运行：pip install 'quanheng[mcp]'"),
            code="missing_extra",
        )
