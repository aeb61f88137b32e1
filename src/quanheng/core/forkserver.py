"""A process that has imported what jobs and readers need, and forks a child for each: it starts in milliseconds.

`python -P -m quanheng.core.forkserver FD` is that process. It has one thread, no database and no workspace, and is
started with the first child; it ends when the process that started it does. A child gets the environment, the folder
and the pipes of that moment, and a session of its own, so that whatever it starts ends with it. Where processes
cannot be forked safely (macOS), each child is a Python of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import IO, Any

#: macOS frameworks do not survive a fork without exec.
FORKS = sys.platform == "linux"
_LENGTH = 8
_lock = threading.Lock()
_server: _Server | None = None


class Child:
    """A child that runs a module's `main`, with pipes to its standard input and output."""

    def __init__(self, module: str, *, stderr: int, environment: dict[str, str] | None = None) -> None:
        """Start `main` of `module`. stderr: a file descriptor. environment: in place of that of this process."""
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        self.stdin: IO[bytes] = os.fdopen(ours_in, "wb")
        self.stdout: IO[bytes] = os.fdopen(ours_out, "rb")
        self._lock = threading.Lock()
        order = {"module": module, "folder": os.getcwd(), "environment": environment or dict(os.environ)}
        self._kill: Callable[[], object] | None
        try:
            self.pid, self._kill = (_forked if FORKS else _python)(order, [theirs_in, theirs_out, stderr])
        except BaseException:
            self._close()
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)

    def end(self) -> None:
        """End the child and everything it started, and close its pipes. Ends once, whoever asks."""
        with self._lock:
            kill, self._kill = self._kill, None
            if kill:
                with contextlib.suppress(OSError):  # the server is gone: the child ends with its standard input
                    kill()
                self._close()

    def _close(self) -> None:
        for pipe in (self.stdin, self.stdout):
            with contextlib.suppress(OSError):  # what was not yet written is for nobody
                pipe.close()


def _python(order: dict[str, Any], fds: list[int]) -> tuple[int, Callable[[], object]]:
    """Start a Python of its own; return its number, and what ends it and waits for that."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", order["module"]],
        stdin=fds[0],
        stdout=fds[1],
        stderr=fds[2],
        env=order["environment"],
        start_new_session=True,
    )

    def end() -> None:
        _kill(child.pid)
        child.wait()

    return child.pid, end


def _forked(order: dict[str, Any], fds: list[int]) -> tuple[int, Callable[[], object]]:
    """Have a child forked, by another server if that of before is gone; return its number, and what ends it."""
    global _server
    interpreter = {name: value for name, value in order["environment"].items() if name.startswith("PYTHON")}
    with _lock:
        if _server is not None and not _server.fits(interpreter):
            _server.stop()
            _server = None
        server = _server = _server or _Server(interpreter)
        pid = server.ask(order, fds)
    return pid, lambda: server.ask({"end": pid})


def _kill(pid: int) -> None:
    """Kill a process and its group, which has its number as soon as it has a session."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


class _Server:
    """This process's end of the server: one question at a time."""

    def __init__(self, interpreter: dict[str, str]) -> None:
        self._interpreter = interpreter
        self._socket, theirs = socket.socketpair()
        self._lock = threading.Lock()
        command = [sys.executable, "-P", "-m", "quanheng.core.forkserver", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # a Ctrl-C is for who asked
            )

    def fits(self, interpreter: dict[str, str]) -> bool:
        """Return whether it runs, with these variables that Python reads when it starts."""
        return self._socket.fileno() != -1 and self._process.poll() is None and self._interpreter == interpreter

    def ask(self, order: dict[str, Any], fds: list[int] | None = None) -> int:
        """Return the server's answer to an order. OSError when it is gone."""
        with self._lock:
            try:
                _send(self._socket, order, fds or [])
                answer, _ = _receive(self._socket)
            except BaseException:  # also a Ctrl-C: the answer to this would be taken for that to the next
                self._socket.close()
                raise
        if answer is None:
            raise ConnectionResetError("the process that forks children has ended")
        return int(answer["pid"])

    def forget(self) -> None:
        """Leave it to the process that this one was forked from."""
        self._socket.close()
        self._process.returncode = 0

    def stop(self) -> None:
        """End it and wait for that; children of it that run go on."""
        self._socket.close()
        self._process.wait()


def _stop() -> None:
    if _server is not None:
        _server.stop()


def _forget() -> None:
    global _server, _lock
    if _server is not None:
        _server.forget()
    _server, _lock = None, threading.Lock()


atexit.register(_stop)
os.register_at_fork(after_in_child=_forget)


def _send(to: socket.socket, message: dict[str, Any], fds: list[int]) -> None:
    body = json.dumps(message).encode()
    socket.send_fds(to, [len(body).to_bytes(_LENGTH, "big")], fds)
    to.sendall(body)


def _receive(source: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Return a message and the file descriptors with it; None at the end."""
    head, fds, _, _ = socket.recv_fds(source, _LENGTH, 3)
    head += _exactly(source, _LENGTH - len(head)) if head else b""
    if len(head) < _LENGTH:
        return None, fds
    body = _exactly(source, int.from_bytes(head, "big"))
    return json.loads(body), fds


def _exactly(source: socket.socket, size: int) -> bytes:
    parts = []
    while size and (part := source.recv(min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _become(order: dict[str, Any], fds: list[int]) -> None:
    """Be the child that was asked for, and never return."""
    try:
        os.setsid()
        for place, fd in enumerate(fds):
            os.dup2(fd, place)
            os.close(fd)
        os.environ.clear()
        os.environ.update(order["environment"])
        time.tzset()
        os.chdir(order["folder"])
        import_module(order["module"]).main()
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def main() -> None:
    """Fork children as the socket with the number in the arguments says, until it is closed."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    from quanheng.core import bounded, child, verb  # noqa: F401 - children run these

    verb.load()
    gc.collect()
    gc.freeze()  # what is here stays here: children share its memory
    while True:
        order, fds = _receive(orders)
        if order is None:
            return
        if "end" in order:
            pid = order["end"]
            _kill(pid)
            os.waitpid(pid, 0)
        else:
            pid = os.fork()
            if not pid:
                orders.close()
                _become(order, fds)
            for fd in fds:
                os.close(fd)
        try:
            _send(orders, {"pid": pid}, [])
        except OSError:  # nobody waits for it any more; the child's input has ended too
            return


if __name__ == "__main__":
    main()
