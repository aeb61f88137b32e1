"""`quanheng job work`: runs the queue. One signal ends it after the present job, a second one at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any

from quanheng.cli.answer import short
from quanheng.cli.caller import Caller
from quanheng.core.labels import state

if TYPE_CHECKING:
    from quanheng.core.worker import Ended


def work(caller: Caller, values: dict[str, Any]) -> None:
    """Run queued jobs until stopped; with --once until the queue is empty."""
    from quanheng.core.worker import work as run

    once = bool(values.get("once"))
    with caller.open() as workspace:
        stop = _stop_on_signals(caller)
        if not once:
            caller.note(
                "Waiting for jobs; Ctrl-C ends after the present one", "等待作业；按 Ctrl-C 可在当前作业结束后退出"
            )
        with caller.listener() as hear:
            count = run(workspace, once=once, stop=stop, listener=hear, ended=lambda ended: _tell(caller, ended))
    if caller.json:
        caller.print_json({"jobs": count})
    else:
        caller.tell(f"Jobs run: {count}", f"已执行作业：{count}")


def _stop_on_signals(caller: Caller) -> threading.Event:
    """Return the event that the first SIGINT or SIGTERM sets; the second ends the process at once.

    Then the job's row still says that it is running under a dead process, and the next worker runs it again.
    """
    stop = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()
        caller.note(
            "Stopping after the present job; once more to stop at once (the job goes back into the queue)",
            "将在当前作业结束后退出；再按一次则立即退出（作业回到队列）",
        )

    signal.signal(signal.SIGINT, hear)
    signal.signal(signal.SIGTERM, hear)
    return stop


def _tell(caller: Caller, ended: Ended) -> None:
    """Write how a job ended, one line."""
    if caller.json:
        return
    words = f"{ended.verb.replace('.', ' ')}  {state(ended.outcome, caller.language)}"
    if ended.error:
        words += f"  {caller.say(ended.error.text)} ({ended.error.code})"
    else:
        words += "".join(f"  {short(d) if caller.on_terminal else d}" for d in ended.outputs)
    caller.print(f"{ended.job}  {words}")
    caller.out.flush()
