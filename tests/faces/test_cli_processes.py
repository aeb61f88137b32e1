"""The command line in a process of its own: completion, what is imported, pipes, signals, and a terminal."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from databases import Place, wait_until


def process(place: Place, *words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "quanheng.cli.main", *words],
        env={**place.environment, "LC_ALL": "C.UTF-8", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_and_answers(shell: str, tmp_path: Path) -> None:
    quanheng = [sys.executable, "-m", "quanheng.cli.main"]
    script = subprocess.run([*quanheng, "completion", shell], capture_output=True, text=True, cwd=tmp_path)
    assert script.returncode == 0 and "_QUANHENG_COMPLETE" in script.stdout

    def complete(line: str, count: int) -> str:
        environment = {**os.environ, "_QUANHENG_COMPLETE": f"{shell}_complete", "COMP_WORDS": line}
        last = line.rpartition(" ")[2]
        environment["COMP_CWORD"] = last if shell == "fish" else str(count)  # fish tells the word, not its number
        return subprocess.run(quanheng, capture_output=True, text=True, env=environment, cwd=tmp_path).stdout

    assert "corpus" in complete("quanheng corp", 1)
    assert "build" in complete("quanheng corpus ", 2)
    assert "--recipe" in complete("quanheng corpus build --rec", 3)


def test_help_imports_neither_django_nor_pydantic_nor_a_wing(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom quanheng.cli.main import run\nrun(['corpus', 'build', '--help'])\n"
        "heavy = {'django', 'pydantic', 'rich', 'cryptography', 'httpx', 'quanheng.core.verb', 'quanheng.data'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("words", ["--help", "log"])
def test_a_reader_that_leaves_is_no_error(place: Place, words: str) -> None:
    with process(place, words) as ran:
        assert ran.stdout and ran.stderr
        ran.stdout.close()
        assert (ran.wait(), ran.stderr.read()) == (141, "")


SLOW = """
[[step]]
id = "one"
verb = "files.register"
with = { path = "%s", title = "t" }
"""


def test_ctrl_c_ends_the_job_as_cancelled_and_says_that_steps_are_kept(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(3000):
        (folder / f"{number:04}.txt").write_text(f"{number}\n", "utf-8")
    with process(place, "--lang", "zh", "files", "register", str(folder), "t") as ran:
        workspace = place.open()
        from quanheng.core.models import Job

        wait_until(lambda: Job.objects.filter(state="running").exists(), "the job to begin")
        time.sleep(0.3)
        ran.send_signal(signal.SIGINT)
        out, err = ran.communicate(timeout=60)
    assert ran.returncode == 130 and "错误：已被键盘中断" in err and "提示：" in err
    assert out == "" and "Traceback" not in err
    entry = workspace.log.list()["entries"][0]
    assert (entry["verb"], entry["outcome"]) == ("files.register", "cancelled")


def test_a_worker_ends_after_the_present_job_on_sigterm(place: Place, tmp_path: Path) -> None:
    with process(place, "job", "work", "--lang", "en") as ran:
        assert ran.stderr and "Waiting for jobs" in ran.stderr.readline()
        if place.is_sqlite:
            with process(place, "job", "work", "--once", "--lang", "en") as second:
                _, err = second.communicate(timeout=60)
            assert second.returncode == 4 and "in use by another process (job work, pid " in err
        ran.send_signal(signal.SIGTERM)
        out, err = ran.communicate(timeout=60)
    assert ran.returncode == 0 and "Jobs run: 0" in out and "Stopping after the present job" in err


def on_a_terminal(place: Place, *words: str, **environment: str) -> str:
    """Return what a command writes when both its streams are a terminal of 80 columns."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "quanheng.cli.main", *words],
        env={**place.environment, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "COLUMNS": "80", **environment},
        stdin=follower, stdout=follower, stderr=follower,
    ) as ran:  # fmt: skip
        os.close(follower)
        seen = b""
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not part:
                break
            seen += part
        ran.wait()
    os.close(leader)
    return seen.decode()


def test_a_terminal_gets_short_digests_and_colours_unless_refused(place: Place) -> None:
    shown = on_a_terminal(place, "artifact", "list")
    assert re.search(r"sha256:[0-9a-f]{12}\b", shown) and not re.search(r"sha256:[0-9a-f]{13}", shown)
    assert "\x1b[1m" in shown
    from quanheng.cli.text import width

    plain = on_a_terminal(place, "job", "list", NO_COLOR="1", TERM="dumb")
    assert "\x1b[3" not in plain and all(width(line) <= 80 for line in plain.splitlines())


def test_a_terminal_gets_a_bar_and_one_result(place: Place, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n", "utf-8")
    shown = on_a_terminal(place, "files", "register", str(tmp_path / "a.txt"), "t")
    assert "files register" in shown and shown.count("已生成 files/v1") == 1
