"""Quanheng (权衡): from raw text to a filed, supervised AI service, with proof of every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "connect", "open"]

if TYPE_CHECKING:
    from quanheng.api.client import connect as connect
    from quanheng.core.workspace import open as open


def __getattr__(name: str) -> Any:
    """Load `open` and `connect` on first use, so that `import quanheng` stays free of Django and httpx."""
    if name == "open":
        from quanheng.core.workspace import open as open_workspace

        return open_workspace
    if name == "connect":
        from quanheng.api.client import connect as connect_to_server

        return connect_to_server
    raise AttributeError(f"module 'quanheng' has no attribute {name!r}")
