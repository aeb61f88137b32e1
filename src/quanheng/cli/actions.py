"""What the derived commands do: call the verb or ask the query, and show the answer."""

from __future__ import annotations

from typing import Any

from quanheng.cli import index
from quanheng.cli.caller import Caller


def call_verb(caller: Caller, name: str, values: dict[str, Any], universal: dict[str, Any]) -> Any:
    """Call the verb `name` with progress shown, print its result and return it."""
    from quanheng.cli.answer import print_result
    from quanheng.cli.screens import AFTER

    as_name = universal.get("as") or ""
    with caller.open() as workspace:
        with caller.listener() as hear:
            result = workspace.call(
                name,
                as_name=as_name,
                again=bool(universal.get("again")),
                detach=bool(universal.get("detach")),
                listener=hear,
                **values,
            )
        print_result(caller, name, result, as_name)
        if name in AFTER and not caller.json and result.outputs:
            AFTER[name](caller, workspace, values, result.outputs)
    return result


def ask_query(caller: Caller, name: str, values: dict[str, Any]) -> Any:
    """Return what the query `name` answers."""
    with caller.open() as workspace:
        return workspace.call(name, **values)


def act(command: index.Command) -> Any:
    """Return the action of a derived command."""

    def action(caller: Caller, values: dict[str, Any], universal: dict[str, Any]) -> None:
        from quanheng.cli.answer import print_answer
        from quanheng.cli.screens import SCREENS

        if command.kind == "verb":
            call_verb(caller, command.name, values, universal)
            return
        answer = ask_query(caller, command.name, values)
        screen = SCREENS.get(command.name)
        if screen and not caller.json:
            screen(caller, answer)
        else:
            print_answer(caller, answer, command.name)

    return action
