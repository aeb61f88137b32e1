"""Work on bytes from elsewhere, in a child process that can take only so much memory and time.

A reader of Parquet or of a bundle that meets hostile bytes may ask for any amount of memory, run for hours or crash;
here that ends the child, and the caller gets one clear error. `main` is what the child does: it reads a task from
standard input and writes one answer.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import traceback
from importlib import import_module
from typing import Any

from quanheng.core.forkserver import Child
from quanheng.errors import QuanhengError, Unavailable
from quanheng.store import JSON

#: What a child may have at most: address space in MiB, and seconds of a processor.
MEMORY_MB = 2048
TIME_S = 60
#: How much longer than its processor time a child may take, for a machine that is busy.
PATIENCE = 2


def run(function: str, task: JSON, *, memory_mb: int = MEMORY_MB, time_s: int = TIME_S) -> Any:
    """Return `function(task)`; `function` is "package.module:name", task and answer are JSON.

    Raises the QuanhengError that the function raised, and Unavailable (code "too_much") when the child was ended for
    its memory or time, or died.
    """
    order = json.dumps({"function": function, "task": task, "memory_mb": memory_mb, "time_s": time_s})
    # Fewer threads and no arenas in advance: address space is what is limited.
    environment = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with open(os.devnull, "w") as nowhere:
        child = Child("quanheng.core.bounded", stderr=nowhere.fileno(), environment=environment)
    patience = threading.Timer(time_s * PATIENCE, child.end)
    patience.start()
    try:
        child.stdin.write(order.encode("utf-8"))
        child.stdin.close()
        answer = json.loads(child.stdout.read())
    except (OSError, ValueError) as error:  # it was ended, or died: half an answer is none
        raise _too_much() from error
    finally:
        patience.cancel()
        child.end()
    if "error" in answer:
        raise QuanhengError.from_json(answer["error"])
    if "fault" in answer:
        raise RuntimeError(f"{function} failed in its child process:\n{answer['fault']}")
    return answer["answer"]


def _too_much() -> Unavailable:
    return Unavailable(
        "reading this took more memory or time than is allowed here",
        "读取该内容所需的内存或时间超出了此处的限制",
        hint=(
            "Download it and read it on your own machine.",
            "请下载后在自己的机器上读取。",
        ),
        code="too_much",
    )


def _limit(memory_mb: int, time_s: int) -> None:
    """Set the limits of this process. Only Linux counts address space so that a limit means something."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    os.nice(5)  # pages that others wait for come first
    resource.setrlimit(resource.RLIMIT_CPU, (time_s, time_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Do the task on standard input and write its answer."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed is no answer
    order = json.loads(sys.stdin.buffer.read())
    _limit(order["memory_mb"], order["time_s"])
    module, _, name = order["function"].partition(":")
    try:
        answer: dict[str, Any] = {"answer": getattr(import_module(module), name)(order["task"])}
    except QuanhengError as error:
        answer = {"error": error.to_json()}
    except MemoryError:
        answer = {"error": _too_much().to_json()}
    except Exception:
        answer = {"fault": traceback.format_exc()}
    out.write(json.dumps(answer))
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
