"""The Ray executor: plain tasks on a Ray cluster (extra `[ray]`), or on one that it starts on this machine.

No code travels: tasks name functions of the installed package. No `runtime_env`, so nothing is downloaded; usage
statistics are off.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Self

from quanheng.core.executors.functions import call, find_function, task_failed, task_lost, unreachable, unwrap
from quanheng.errors import Invalid, Unavailable
from quanheng.store import JSON

#: How often Ray runs a task again whose worker or node was lost.
RETRIES = 3
#: A cluster of our own holds items and answers only, which are small; Ray would take 30 % of the memory.
OBJECT_STORE_BYTES = 256 << 20
_PROBE_S = 5.0


class RayExecutor:
    """Runs functions as Ray tasks, at most `processes` at once (0 = as many as the cluster has cores).

    address: "local" starts a cluster on this machine, "auto" finds the one this machine belongs to, else "host:port".
    A context manager; the cluster is joined at the first `map`.
    """

    def __init__(self, address: str = "local", processes: int = 0) -> None:
        self.address = address.strip() or "local"
        self.processes = processes
        self._ray: Any = None
        self._folder: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster, and end it when it was started here."""
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def map(self, function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        """Yield `function(item)` for each item; a task that is lost with its node is run again, RETRIES times.

        Unavailable "ray_missing", "cluster_unreachable" or "task_lost"; QuanhengError "task_failed".
        """
        find_function(function)
        todo = deque(items)
        if not todo:
            return
        ray = self._joined()
        task = ray.remote(num_cpus=1, max_retries=RETRIES, scheduling_strategy="SPREAD")(call)
        # Without a limit of ours, as many again wait in Ray, so that no core is idle between two tasks.
        limit = self.processes or 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
        window: deque[Any] = deque()
        running: list[Any] = []
        try:
            while todo or window:
                while todo and len(running) < limit and len(window) < 4 * limit:
                    window.append(task.remote(function, todo.popleft()))
                    running.append(window[-1])
                if window[0] in running:
                    _, running = ray.wait(running, num_returns=1, fetch_local=False)
                else:
                    yield unwrap(_get(ray, window.popleft()))
        finally:
            for waiting in window:
                with contextlib.suppress(ray.exceptions.RayError):  # it may be lost already
                    ray.cancel(waiting)

    def _joined(self) -> Any:
        if self._ray is None:
            # Read when Ray is imported: no statistics are sent, no `uv run` environment is copied to the workers.
            os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
            os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
            if self.address == "local":
                # Ray listens on every interface and runs what it is sent; only who knows the token may send.
                os.environ["RAY_AUTH_MODE"] = "token"
                os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
            ray = _imported()
            options = self._options()
            try:
                with _without_our_variables():
                    ray.init(logging_level="error", **options)
            except (OSError, RuntimeError, ValueError) as error:
                self.close()
                raise unreachable(f"Ray ({self.address})", str(error)) from error
            self._ray = ray
        return self._ray

    def _options(self) -> dict[str, Any]:
        if self.address == "local":
            # Private, because Ray writes down what workers print; removed at the end, which Ray does not do.
            self._folder = self._folder or tempfile.mkdtemp(prefix="qh-ray-")
            return {
                "address": "local",
                "_temp_dir": f"{self._folder}/ray",  # Ray opens this very folder to everybody
                "include_dashboard": False,
                "num_cpus": self.processes or None,
                "object_store_memory": OBJECT_STORE_BYTES,
                "_node_ip_address": "127.0.0.1",
            }
        if self.address != "auto":
            _probe(self.address)
        return {"address": self.address}


def _imported() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise Unavailable(
            "Ray is not installed",
            "没有安装 Ray",
            hint=(
                "Install it here and on every node: pip install 'quanheng[ray]'",
                "请在本机和所有节点上安装：pip install 'quanheng[ray]'",
            ),
            code="ray_missing",
        ) from error
    return ray


def _probe(address: str) -> None:
    """Raise unless something listens there: Ray itself would try for minutes before it says so."""
    host, _, port = address.rpartition(":")
    if not host or "/" in address or not port.isdigit():
        raise Invalid(
            f"{address} is no address of a Ray cluster",
            f"{address} 不是 Ray 集群的地址",
            hint=(
                "Set ray_address to local, auto or host:port, such as 10.0.0.5:6379.",
                "请把 ray_address 设为 local、auto 或 主机:端口，如 10.0.0.5:6379。",
            ),
            code="bad_ray_address",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PROBE_S).close()
    except OSError as error:
        raise unreachable(f"Ray ({address})", str(error)) from error


@contextlib.contextmanager
def _without_our_variables() -> Iterator[None]:
    """Hide our variables, among them the database and tokens, from the processes that Ray starts."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("QUANHENG_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _get(ray: Any, waiting: Any) -> tuple[bool, Any]:
    try:
        return ray.get(waiting)  # type: ignore[no-any-return]
    except ray.exceptions.RayTaskError as error:
        raise task_failed(str(error)) from error
    except ray.exceptions.RayError as error:
        raise task_lost(RETRIES + 1, str(error)) from error
