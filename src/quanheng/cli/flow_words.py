"""`quanheng flow run`, `flow show` and `flow plan`: a flow is named, or a file."""

from __future__ import annotations

from typing import Any

from quanheng.cli import screens
from quanheng.cli.actions import ask_query, call_verb
from quanheng.cli.answer import print_answer
from quanheng.cli.caller import Caller


def _which(text: str) -> dict[str, str]:
    """Return the input that `text` means: a path ends in .toml or holds a slash, anything else is a name."""
    return {"file": text} if text.endswith(".toml") or "/" in text else {"flow": text}


def run(caller: Caller, values: dict[str, Any]) -> None:
    """Run the flow with steps and bars shown."""
    given = {**_which(values["flow"]), "params": values.get("param", {})}
    call_verb(caller, "flow.run", given, {"detach": values.get("detach")})


def show(caller: Caller, values: dict[str, Any]) -> None:
    """Print parameters and steps of a flow, or the names of the flows."""
    answer = ask_query(caller, "flow.show", _which(values["flow"]) if values.get("flow") else {})
    if caller.json:
        print_answer(caller, answer)
    else:
        screens.flow(caller, answer)


def plan(caller: Caller, values: dict[str, Any]) -> None:
    """Print for each step whether it is there, would run or waits."""
    answer = ask_query(caller, "flow.plan", {**_which(values["flow"]), "params": values.get("param", {})})
    if caller.json:
        print_answer(caller, answer)
    else:
        screens.flow_plan(caller, answer)
