"""A function named by text, called in any process; what goes wrong in it travels back as data."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from quanheng.errors import Invalid, QuanhengError, Unavailable
from quanheng.store import JSON

#: What a message repeats of a long text: its end, where the reason stands.
EXCERPT_CHARACTERS = 1500


def find_function(reference: str) -> Callable[[JSON], JSON]:
    """Return the function that "package.module:name" means."""
    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise Invalid(
            f"no function {reference!r}",
            f"找不到函数 {reference!r}",
            hint=("Its name is written as package.module:name.", "名称应写作 package.module:name。"),
            code="no_such_function",
        ) from error


def call(reference: str, item: JSON) -> tuple[bool, Any]:
    """Return (True, result) or (False, error). An error of our tree takes more than one text, so it goes as data."""
    try:
        return True, find_function(reference)(item)
    except QuanhengError as error:
        return False, error.to_json()


def unwrap(answer: tuple[bool, Any]) -> JSON:
    """Return the result in what `call` returned, or raise its error."""
    ok, value = answer
    if ok:
        return value  # type: ignore[no-any-return]
    raise QuanhengError.from_json(value)


def excerpt(text: str) -> str:
    """Return the end of a long text."""
    text = text.strip()
    return text if len(text) <= EXCERPT_CHARACTERS else "…" + text[-EXCERPT_CHARACTERS:]


def task_failed(told: str) -> QuanhengError:
    """Return the error of a task whose code failed in a way nobody foresaw; `told` is its standard error."""
    return QuanhengError(
        f"a task failed on the cluster: {excerpt(told)}",
        f"集群上的一个任务出错：{excerpt(told)}",
        hint=(
            "Try it with `executor = local`; the job's log has the details: quanheng job logs",
            "请用 `executor = local` 再试一次；详情见作业日志：quanheng job logs",
        ),
        code="task_failed",
    )


def task_lost(tries: int, told: str) -> Unavailable:
    """Return the error of a task that ended `tries` times without an answer; `told` is its standard error."""
    said = excerpt(told)
    return Unavailable(
        f"a task was lost {tries} times" + (f"; its last words: {said}" if said else " and said nothing"),
        f"一个任务丢失了 {tries} 次" + (f"；最后的输出：{said}" if said else "，没有任何输出"),
        hint=(
            "Perhaps it lacked memory, or the nodes cannot see the workspace or Python. "
            "Run again; finished parts are not repeated.",
            "可能是内存不足，或计算节点看不到工作区或 Python 环境。请重新执行，已完成的部分不会重复。",
        ),
        code="task_lost",
    )


def unreachable(what: str, told: str) -> Unavailable:
    """Return the error of a cluster that does not answer."""
    return Unavailable(
        f"{what} cannot be reached: {excerpt(told)}",
        f"无法连接 {what}：{excerpt(told)}",
        hint=(
            "Check that the cluster runs and that this machine belongs to it, or use `executor = local`.",
            "请确认集群正在运行、本机已加入其中，或改用 `executor = local`。",
        ),
        code="cluster_unreachable",
    )
