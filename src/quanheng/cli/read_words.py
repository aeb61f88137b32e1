"""Root words that only read: show, log show, log checkpoint, verify, completion."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

from quanheng.cli import screens
from quanheng.cli.actions import ask_query
from quanheng.cli.answer import print_answer
from quanheng.cli.caller import Caller
from quanheng.errors import NotFound


def show(caller: Caller, values: dict[str, Any]) -> None:
    """Print the page of an artifact."""
    with caller.open() as workspace:
        answer = workspace.call("artifact.show", **values)
        if caller.json:
            print_answer(caller, answer)
        elif answer["kind"].startswith("assessment/"):
            from quanheng.cli.assessment_words import verdicts
            from quanheng.kinds.oversight import Assessment

            # its verdicts in words instead of a config of some thousand lines
            screens.artifact(caller, {**answer, "config": {}})
            caller.print()
            verdicts(caller, workspace, Assessment.model_validate_json(json.dumps(answer["config"])))
        elif answer["kind"].startswith("corpus/"):
            from quanheng.cli.corpus_words import show as corpus

            screens.artifact(caller, {**answer, "config": {}})
            caller.print()
            corpus(caller, answer["config"], workspace.call("corpus.account", corpus=answer["digest"]))
        else:
            screens.artifact(caller, answer)


def log_show(caller: Caller, values: dict[str, Any]) -> None:
    """Print one entry of the log in full."""
    number = int(values["index"])
    answer = ask_query(caller, "log.list", {"before": number + 1, "limit": 1})
    found = [entry for entry in answer["entries"] if entry["index"] == number]
    if not found:
        raise NotFound(
            f"the log has no entry {number}; it has {answer['size']}, counted from 0",
            f"存证里没有第 {number} 条；共 {answer['size']} 条，从 0 起计",
            hint=("See: quanheng log", "查看：quanheng log"),
            code="no_such_entry",
        )
    print_answer(caller, found[0])


def log_checkpoint(caller: Caller, values: dict[str, Any]) -> None:
    """Print the signed note over the present log."""
    answer = ask_query(caller, "checkpoint.sign", values)
    if caller.json:
        print_answer(caller, answer)
    else:
        caller.out.write(answer["note"])


def verify(caller: Caller, values: dict[str, Any]) -> None:
    """Check a bundle in this process and exit 0 only when every check holds."""
    from quanheng.store.verify import verify_bundle

    result = verify_bundle(values["bundle"], values.get("key"))
    screens.verification(caller, result)
    click.get_current_context().exit(result.exit_code)


def completion(caller: Caller, values: dict[str, Any]) -> None:
    """Print the script that the shell sources."""
    from click.shell_completion import get_completion_class

    program = os.path.basename(sys.argv[0])
    program = program if program in ("quanheng", "qh") else "quanheng"
    made = get_completion_class(values["shell"])
    assert made is not None  # noqa: S101 - the choices are click's
    root = click.get_current_context().find_root().command
    caller.out.write(made(root, {}, program, f"_{program.upper()}_COMPLETE").source() + "\n")
