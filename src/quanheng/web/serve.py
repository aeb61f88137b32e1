"""`quanheng serve`: gunicorn with threads over one workspace, and the job queue beside it. Signals stop it gracefully.

The server's process forks one worker; the worker opens the workspace, answers requests in threads and runs queued
jobs in further threads (their bodies in child processes). A worker that dies is started anew, and the jobs that it
ran go back into the queue.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from quanheng.core import worker
from quanheng.core.database import retry_locked, unbind
from quanheng.core.workspace import Workspace
from quanheng.core.workspace import open as open_workspace
from quanheng.errors import Conflict, Invalid, QuanhengError

#: How long a running request may take after the signal to stop, in seconds.
GRACE_S = 30
#: A one-time link for the person at this machine is good for so long.
LINK_VALID = dt.timedelta(minutes=10)
PORT = 8930


@dataclass(frozen=True)
class Options:
    """How to serve: where to listen, and what stands in front."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = PORT
    certificate: str = ""
    key: str = ""
    behind_proxy: bool = False
    log: bool = True

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_secure(self) -> bool:
        """Return whether people reach it over https."""
        return bool(self.certificate) or self.behind_proxy

    @property
    def url(self) -> str:
        """Return the address to type."""
        host = f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}"


def check(options: Options) -> None:
    """Raise Invalid for an address beyond this machine without https: passwords would travel in clear."""
    if options.is_loopback or options.is_secure:
        return
    raise Invalid(
        f"{options.host} can be reached from elsewhere, and without https passwords would travel in clear",
        f"{options.host} 可从其他机器访问；没有 https 时密码会以明文传输",
        hint=(
            "Give --certificate and --key, or --behind-proxy when a proxy of yours does https.",
            "请给出 --certificate 与 --key；若前面有负责 https 的反向代理，请加 --behind-proxy。",
        ),
        code="no_https",
    )


def check_port(options: Options) -> None:
    """Raise Conflict when somebody listens at the port already."""
    host = options.host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, options.port))
        except OSError as error:
            raise Conflict(
                f"cannot listen at {options.host}:{options.port}: {error.strerror}",
                f"无法监听 {options.host}:{options.port}：{error.strerror}",
                hint=("Choose another with --port.", "请用 --port 另选一个端口。"),
                code="port_in_use",
            ) from error


def prepare(options: Options) -> str:
    """Return the one-time sign-in link of a server that only this machine reaches, "" for any other.

    Conflict when nobody could sign in: beyond this machine that takes an active account with a password.
    """
    with open_workspace(options.folder, create=False):
        from quanheng.core.accounts import NO_PASSWORD, make_link
        from quanheng.core.models import Actor
        from quanheng.core.session import os_actor

        if options.is_loopback:
            return f"{options.url}/sign-in/{make_link(retry_locked(os_actor), LINK_VALID)}"
        people = Actor.objects.filter(is_active=True, kind__in=("person", "os")).exclude(password__in=(NO_PASSWORD, ""))
        if not retry_locked(people.exists):
            raise Conflict(
                "no account has a password yet, so nobody could sign in from elsewhere",
                "还没有设置密码的账号，其他机器上无人能够登录",
                hint=("Set yours first: quanheng account password", "请先设置自己的密码：quanheng account password"),
                code="nobody_can_sign_in",
            )
    return ""


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn, set up in code: no configuration file, no control socket, no version in its answers."""

    def __init__(self, options: Options, ready: Callable[[], None]) -> None:
        self.options = options
        self.ready = ready
        self.jobs: Jobs | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        options = self.options
        host = options.host.strip("[]")
        values: dict[str, Any] = {
            "bind": f"[{host}]:{options.port}" if ":" in host else f"{host}:{options.port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": self._threads(),
            "timeout": 120,
            "graceful_timeout": GRACE_S,
            "keepalive": 5,
            "loglevel": "warning",
            "control_socket_disable": True,
            "proc_name": "quanheng",
            "when_ready": lambda server: self.ready(),
            "worker_exit": lambda server, process: self.stop_jobs(),
            "post_worker_init": self.start_jobs,
            "certfile": options.certificate or None,
            "keyfile": options.key or None,
            "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,  # noqa: S108 - heartbeat only
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def _threads(self) -> int:
        from quanheng.core.settings import Settings

        return Settings(self.options.folder).number("serve_threads")

    def load(self) -> Any:
        """Return the application; runs in the worker's process, after the fork."""
        from quanheng.web.configure import configure

        workspace = open_workspace(self.options.folder, create=False)
        hosts = [self.options.host, *(["localhost", "127.0.0.1", "[::1]"] if self.options.is_loopback else [])]
        secure, proxy = self.options.is_secure, self.options.behind_proxy
        configure(workspace, hosts=hosts, secure=secure, behind_proxy=proxy, log=self.options.log)
        from quanheng.web.wsgi import application

        self.workspace = workspace
        return application

    def start_jobs(self, process: Any) -> None:
        """Begin to run queued jobs in the worker's process."""
        lanes = self.workspace.settings.number("serve_jobs")
        if lanes:
            self.jobs = Jobs(self.workspace, lanes)
            self.jobs.start()

    def stop_jobs(self) -> None:
        """Stop taking jobs. One that is running goes back into the queue when this process is gone."""
        if self.jobs:
            self.jobs.stop.set()


class Jobs(threading.Thread):
    """Runs the queue beside the server; what hinders it is told in the server's log."""

    def __init__(self, workspace: Workspace, lanes: int) -> None:
        super().__init__(daemon=True, name="jobs")
        self.workspace = workspace
        self.lanes = lanes
        self.stop = threading.Event()

    def run(self) -> None:
        """Run until `stop` is set; wait while another process runs the queue, and take over when it has ended."""
        told = False
        while not self.stop.is_set():
            try:
                worker.work(self.workspace, lanes=self.lanes, stop=self.stop)
            except QuanhengError as error:
                if not told:
                    sys.stderr.write(error.say(self.workspace.settings.text("language")) + "\n")
                    told = True
                self.stop.wait(5)
        unbind()


def serve(options: Options, told: Callable[[str], None]) -> None:
    """Serve until a signal ends it. told: called with the sign-in link ("" without one) once requests are answered."""
    check(options)
    check_port(options)
    link = prepare(options)
    Server(options, lambda: told(link)).run()
