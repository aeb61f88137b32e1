"""`quanheng demo`: hands over to the demonstration."""

from __future__ import annotations

from typing import Any

from quanheng.cli.caller import Caller


def demo(caller: Caller, values: dict[str, Any]) -> None:
    """Run the demonstration with the options that were given."""
    from quanheng.cli.demo import run

    run(caller, **values)
