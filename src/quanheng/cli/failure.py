"""What is said when something goes wrong, and the exit code: one table for every command."""

from __future__ import annotations

import sys
import traceback

import click

from quanheng.cli.caller import Caller, usage
from quanheng.errors import Cancelled, QuanhengError

#: A reader that went away, as shells count it: 128 + SIGPIPE.
BROKEN_PIPE = 141


def interrupted() -> Cancelled:
    """Return the error for Ctrl-C."""
    return Cancelled(
        "stopped by the keyboard",
        "已被键盘中断",
        hint=(
            "Run it again to go on: finished steps are kept and not repeated.",
            "再次执行即可继续：已完成的步骤均已保留，不会重复。",
        ),
    )


def from_click(error: click.ClickException) -> QuanhengError:
    """Return click's complaint about the command line as an error of our tree."""
    words = ""
    if isinstance(error, click.UsageError) and error.ctx:
        words = error.ctx.command_path.partition(" ")[2]
    if isinstance(error, click.NoSuchOption):
        found = usage(f"there is no option {error.option_name}", f"没有选项 {error.option_name}", words)
        if error.possibilities:
            known = sorted(error.possibilities)
            hint = ("Did you mean: " + ", ".join(known), "是否想用：" + "、".join(known))
            return type(found)(found.text.en, found.text.zh, hint=hint, code=found.code)
        return found
    if isinstance(error, click.BadOptionUsage):
        return usage(
            f"the option {error.option_name} is used wrongly: it lacks its value, or takes none",
            f"选项 {error.option_name} 用法不对：缺少取值，或不接受取值",
            words,
        )
    if isinstance(error, click.BadParameter) and error.param:
        flag = error.param.opts[-1]
        return usage(f"{flag}: {error.message}", f"{flag} 的取值不对", words)
    return usage(error.format_message(), f"命令行有误：{error.format_message()}", words)


def unexpected(error: BaseException) -> QuanhengError:
    """Return what is said of an error that nobody foresaw."""
    told = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    return QuanhengError(
        f"unexpected error, which is a fault of Quanheng: {told}",
        f"意外错误（这是 Quanheng 自身的缺陷）：{told}",
        hint=(
            "What was finished is kept. Add --debug to see where it happened.",
            "已完成的内容均已保留。加上 --debug 可查看出错位置。",
        ),
        code="internal",
    )


def report(caller: Caller, error: BaseException) -> int:
    """Tell the error in the caller's language (as JSON on standard output with --json) and return the exit code."""
    if isinstance(error, KeyboardInterrupt | click.Abort) or (isinstance(error, Cancelled) and not error.hint):
        known: QuanhengError = interrupted()
    elif isinstance(error, QuanhengError):
        known = error
    elif isinstance(error, click.ClickException):
        known = from_click(error)
    else:
        known = unexpected(error)
    if caller.debug and not isinstance(error, click.ClickException | KeyboardInterrupt):
        traceback.print_exception(error, file=sys.stderr)
    if caller.json:
        caller.print_json({"error": known.to_json()})
    else:
        caller.note(f"Error: {known.text.en}", f"错误：{known.text.zh}")
        if known.hint:
            caller.note(f"Hint: {known.hint.en}", f"提示：{known.hint.zh}")
    return known.exit_code
