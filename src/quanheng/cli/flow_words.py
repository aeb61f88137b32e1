"""`quanheng flow run`, `flow show`, `flow plan` and `recipe lint`: a flow or recipe is named, or a file."""

from __future__ import annotations

from typing import Any

from quanheng.cli import screens
from quanheng.cli.actions import ask_query, call_verb
from quanheng.cli.answer import print_answer
from quanheng.cli.caller import Caller


def _which(text: str, name: str = "flow") -> dict[str, str]:
    """Return the input that `text` means: what holds a dot or a slash is a file, anything else a name."""
    return {"file": text} if "." in text or "/" in text else {name: text}


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


def lint(caller: Caller, values: dict[str, Any]) -> None:
    """Print the steps of a recipe as they would run."""
    named = _which(values.pop("recipe"), "recipe") if "recipe" in values else {}
    answer = ask_query(caller, "recipe.lint", {**named, **values})
    if caller.json:
        print_answer(caller, answer)
    else:
        screens.recipe_lint(caller, answer)
