"""Children are as fresh as a Python of their own: both ways to start one are held to the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from databases import wait_until
from quanheng.core import forkserver
from quanheng.core.forkserver import Child

MODULE = """
import json, os, random, subprocess, sys
def main():
    for line in sys.stdin:
        print(json.dumps(eval(line)), flush=True)
    os._exit(0)
if __name__ == "__main__":
    main()
"""
Start = Callable[..., Child]


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the folder of the module that children run."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "answering.py").write_text(MODULE)
    return str(folder)


@pytest.fixture(params=["forked", "python"])
def start(request: pytest.FixtureRequest, modules: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what starts a child that evaluates lines; every child is ended."""
    if request.param == "forked" and not forkserver.FORKS:
        pytest.skip("processes are not forked on this system")
    monkeypatch.setattr(forkserver, "FORKS", request.param == "forked")
    monkeypatch.setenv("PYTHONPATH", modules, prepend=os.pathsep)
    children = []

    def begin(**named: Any) -> Child:
        children.append(Child("answering", stderr=2, **named))
        return children[-1]

    yield begin
    for child in children:
        child.end()


def ask(child: Child, expression: str) -> Any:
    child.stdin.write(expression.encode() + b"\n")
    child.stdin.flush()
    return json.loads(child.stdout.readline())


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_child_has_the_environment_and_the_folder_of_its_start(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start()
    monkeypatch.setenv("QH_ONE", "一")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nearby.py").write_text("")
    second, third = start(), start(environment={"PYTHONPATH": os.environ["PYTHONPATH"], "TZ": "Asia/Shanghai"})
    assert [ask(child, "os.environ.get('QH_ONE')") for child in (first, second, third)] == [None, "一", None]
    assert ask(second, "subprocess.run(['sh', '-c', 'echo $QH_ONE'], capture_output=True).stdout.decode()") == "一\n"
    assert ask(second, "os.getcwd()") == str(tmp_path) != ask(first, "os.getcwd()")
    assert ask(third, "__import__('time').localtime(0).tm_hour") == 8
    assert ask(second, "__import__('importlib.util').util.find_spec('nearby')") is None


def test_children_draw_different_numbers(start: Start) -> None:
    assert len({ask(start(), "random.random()") for _ in range(4)}) == 4


def test_what_python_reads_when_it_starts_is_minded(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    one = ask(start(), "hash('词')")
    monkeypatch.setenv("PYTHONHASHSEED", "2")
    assert ask(start(), "hash('词')") != one


def test_the_end_of_a_child_is_the_end_of_what_it_started(start: Start) -> None:
    child = start()
    pid, started = ask(child, "[os.getpid(), subprocess.Popen(['sleep', '1000']).pid]")
    assert ask(child, "os.getsid(0)") == pid and is_running(started)
    child.end()
    assert not is_running(pid)
    wait_until(lambda: not is_running(started), "what the child started to end")
    child.end()
    assert child.stdin.closed and child.stdout.closed


def test_a_child_that_died_is_ended_all_the_same(start: Start) -> None:
    child = start()
    child.stdin.write(b"os._exit(3)\n")
    child.stdin.flush()
    assert child.stdout.read() == b""
    child.end()
    assert ask(start(), "1") == 1


def test_pipes_do_not_pile_up(start: Start) -> None:
    start().end()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        child = start()
        within = ask(child, "len(os.listdir('/proc/self/fd'))")
        child.end()
    assert len(os.listdir("/proc/self/fd")) == before
    assert within <= 5  # three, the listing itself, and none of another child's


def test_a_module_that_cannot_be_run_is_an_end(start: Start) -> None:
    with open(os.devnull, "w") as nowhere:
        child = Child("quanheng.no_such_module", stderr=nowhere.fileno())
    assert child.stdout.read() == b""
    child.end()


@pytest.mark.parametrize("start", ["forked"], indirect=True)
class TestServer:
    """What only the process that forks children can do wrong."""

    def test_one_process_serves_many(self, start: Start) -> None:
        assert len({ask(start(), "os.getppid()") for _ in range(3)}) == 1

    def test_when_it_dies_its_children_end_and_another_takes_its_place(self, start: Start) -> None:
        child = start()
        server, pid = ask(child, "[os.getppid(), os.getpid()]")
        os.kill(server, signal.SIGKILL)
        wait_until(lambda: not is_running(server), "the server to end")
        child.end()
        wait_until(lambda: not is_running(pid), "a child to see the end of its input")
        again = ask(start(), "os.getppid()")
        assert again != server
        os.kill(again, signal.SIGKILL)
        wait_until(lambda: not is_running(again), "the other server to end")
        assert ask(start(), "os.getppid()") != again

    def test_a_question_that_was_broken_off_is_not_answered_to_the_next(
        self, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = ask(start(), "os.getppid()")

        def interrupted(source: Any) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as within, pytest.raises(KeyboardInterrupt):
            within.setattr(forkserver, "_receive", interrupted)
            start()
        assert ask(start(), "os.getppid()") != server
        wait_until(lambda: not is_running(server), "the server to end")

    def test_a_process_that_was_forked_has_its_own(self, start: Start) -> None:
        mine = ask(start(), "os.getppid()")
        ours, theirs = os.pipe()
        held = forkserver._lock
        held.acquire()  # as when another thread is starting a child
        pid = os.fork()
        if pid:
            held.release()
        else:
            try:
                signal.alarm(60)
                os.write(theirs, str(ask(start(), "os.getppid()")).encode())
                forkserver._stop()
            finally:
                os._exit(0)
        os.close(theirs)
        with os.fdopen(ours) as answer:
            other = int(answer.read())
        os.waitpid(pid, 0)
        assert mine == ask(start(), "os.getppid()") != other
        wait_until(lambda: not is_running(other), "the other server to end")

    def test_it_ends_with_whom_it_serves(self, start: Start) -> None:
        program = (
            "import json, time\n"
            "from quanheng.core.forkserver import Child\n"
            "child = Child('answering', stderr=2)\n"
            "child.stdin.write(b'[os.getppid(), os.getpid()]\\n'); child.stdin.flush()\n"
            "print(child.stdout.readline().decode(), flush=True)\n"
            "time.sleep(1000)\n"
        )
        asking = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        assert asking.stdout
        with asking.stdout as answer:
            pids = json.loads(answer.readline())
            asking.kill()
            asking.wait()
        wait_until(lambda: not any(map(is_running, pids)), "the server and its child to end")
