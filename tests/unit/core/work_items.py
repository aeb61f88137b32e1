"""Functions that the executor's worker processes run in the tests."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from quanheng.errors import Conflict


def later_first(item: Any) -> Any:
    """Return the item and the process; early items take longer, so that results arrive out of order."""
    time.sleep(0.03 if item < 3 else 0)
    return [item * item, os.getpid()]


def clash(item: Any) -> Any:
    """Raise an error of our tree for item 2."""
    if item == 2:
        raise Conflict("two is taken", "二已被占用", hint=("Take three.", "请用三。"), code="two_taken")
    return item


def die(item: Any) -> Any:
    """Be killed, as by a lack of memory."""
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return item
