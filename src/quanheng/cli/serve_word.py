"""`quanheng serve`: the pages and the API of a workspace, until it is stopped."""

from __future__ import annotations

from typing import Any

from quanheng.cli.caller import Caller


def serve(caller: Caller, values: dict[str, Any]) -> None:
    """Serve the workspace; says where, and how to sign in."""
    from quanheng.web.serve import PORT, Options
    from quanheng.web.serve import serve as run

    options = Options(
        caller.folder().resolve(),
        host=values.get("host") or "127.0.0.1",
        port=values.get("port") or PORT,
        certificate=values.get("certificate") or "",
        key=values.get("key") or "",
        behind_proxy=bool(values.get("behind_proxy")),
        log=bool(values.get("log")),
    )
    run(options, lambda link: tell(caller, options.url, link))


def tell(caller: Caller, url: str, link: str) -> None:
    """Say where the server answers, and the link that signs in once."""
    if caller.json:
        caller.print_json({"url": url, "link": link})
    elif link:
        caller.tell(
            f"Open this link; it signs you in once, within 10 minutes:\n\n  {link}\n",
            f"用浏览器打开下面的链接（10 分钟内有效，只能使用一次）：\n\n  {link}\n",
        )
        caller.tell("Ctrl-C stops the server.", "按 Ctrl-C 停止服务。")
    else:
        caller.tell(f"Serving at {url}; sign in with account and password.", f"服务地址 {url}，请用账号和密码登录。")
    caller.out.flush()
