"""The entry point of `quanheng` and `qh`: parse, run, tell errors, return the exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from quanheng.cli import language as lang
from quanheng.cli.caller import Caller
from quanheng.cli.failure import BROKEN_PIPE, report
from quanheng.cli.tree import build


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    signal.signal(signal.SIGTERM, _stop)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a stream that somebody replaced
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(run(sys.argv[1:]))


def _stop(number: int, frame: FrameType | None) -> None:
    """End as with Ctrl-C, so that the running job is ended in the table and in the log."""
    raise KeyboardInterrupt


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; output goes to the process's streams."""
    language = lang.choose(arguments)
    root = build(language)
    completing = _complete(root)
    if completing is not None:
        return completing
    caller = Caller(
        language=language, json="--json" in _before_end(arguments), token=os.environ.get("QUANHENG_TOKEN") or None
    )
    try:
        lang.check(lang.given(arguments, "--lang"))
        code = _invoke(root, caller, list(arguments))
        caller.out.flush()
        return code
    except BrokenPipeError:
        return _pipe_is_gone()
    except (Exception, KeyboardInterrupt) as error:
        try:
            return report(caller, error)
        except BrokenPipeError:
            return _pipe_is_gone()


def _before_end(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments in front of `--`."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _invoke(root: click.Group, caller: Caller, arguments: list[str]) -> int:
    try:
        with root.make_context("quanheng", arguments, obj=caller) as ctx:
            root.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    return 0


def _complete(root: click.Group) -> int | None:
    """Answer the shell when it asks for completions; None when it does not."""
    for program in ("quanheng", "qh"):
        variable = f"_{program.upper()}_COMPLETE"
        if os.environ.get(variable):
            from click.shell_completion import shell_complete

            return shell_complete(root, {}, program, variable, os.environ[variable])
    return None


def _pipe_is_gone() -> int:
    """Return quietly when the reader of our output has left."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


if __name__ == "__main__":
    main()
