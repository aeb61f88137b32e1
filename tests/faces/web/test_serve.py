"""`quanheng serve` as a process: starting, stopping, crashing, many clients, and who may be reached from where."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from databases import Place, close_open, wait_until
from serving import Served, serving


def test_it_prints_a_link_that_signs_in_once_and_stops_cleanly(place: Place) -> None:
    with serving(place) as server:
        with httpx.Client(trust_env=False) as client:
            page = client.get(server.link)
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            assert token
            answer = client.post(server.link, data={"csrfmiddlewaretoken": token[1]})
            assert answer.status_code == 302
            assert client.get(f"{server.url}/account").status_code == 200
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 20
    lines = [json.loads(line) for line in server.err if line.startswith("{")]
    assert {line["path"] for line in lines} >= {"/sign-in/…", "/account", "/healthz"}
    assert all(re.fullmatch("[0-9a-f]{16}", line["request"]) for line in lines)
    assert server.link.rsplit("/", 1)[1] not in "".join(server.err)


def test_a_request_that_is_under_way_is_answered_before_the_end(place: Place) -> None:
    with serving(place) as server, httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:

        def slowly() -> Any:
            yield b"a" * 10
            time.sleep(1.5)
            yield b"b" * 10

        answers: list[int] = []
        thread = threading.Thread(
            target=lambda: answers.append(client.post("/sign-in", content=slowly()).status_code), daemon=True
        )
        thread.start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        thread.join(30)
        assert answers == [403]  # no form of ours: refused, but answered
        assert server.process.wait(60) == 0


def test_a_killed_worker_is_replaced_and_its_session_lives_on(place: Place) -> None:
    with serving(place) as server, contextlib.closing(server.browser()) as client:
        assert client.get("/account").status_code == 200
        (worker,) = server.workers()
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: server.workers() not in ([], [worker]), "a new worker")
        server.wait()
        assert client.get("/account").status_code == 200


def test_a_job_survives_the_death_of_the_server(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(3000):
        (folder / f"{number:04}.txt").write_bytes(b"%d" % number * 50)
    workspace = place.open()
    job = workspace.files.register(path=str(folder), title="t", detach=True).job
    with serving(place) as server, contextlib.closing(server.browser()) as client:
        wait_until(lambda: _state(client, job) == "running", "the job to run")
        os.kill(server.workers()[0], signal.SIGKILL)
        wait_until(lambda: _state(client, job) == "done", "the job to be done by the next worker", 60)
    workspace = place.open()
    assert workspace.job.show(id=job)["attempt"] == 2
    assert [e["outcome"] for e in workspace.log.list()["entries"] if e["job"] == job] == ["done"]


def _state(client: httpx.Client, job: str) -> str:
    try:
        return str(client.get(f"/p/main/jobs/{job}.json").json()["state"])
    except (httpx.HTTPError, KeyError, ValueError):
        return ""


def test_two_hundred_clients_at_once(place: Place) -> None:
    with serving(place) as server, contextlib.closing(server.browser()) as client:
        cookies = dict(client.cookies)

        def ask(number: int) -> int:
            with httpx.Client(base_url=server.url, trust_env=False, timeout=60, cookies=cookies) as one:
                return one.get("/p/main/members" if number % 2 else "/account").status_code

        with ThreadPoolExecutor(200) as pool:
            assert Counter(pool.map(ask, range(200))) == {200: 200}


@pytest.mark.databases("sqlite")
def test_beyond_this_machine_it_takes_https_and_a_password(place: Place) -> None:
    close_open()

    def refused(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "quanheng.cli.main", "--json", "serve", *words],
            env=place.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode != 0
        return done.stdout + done.stderr

    assert "no_https" in refused("--host", "0.0.0.0")
    assert "nobody_can_sign_in" in refused("--host", "0.0.0.0", "--behind-proxy")
    subprocess.run(
        [sys.executable, "-m", "quanheng.cli.main", "account", "password"],
        env=place.environment,
        input="correct horse battery\n",
        text=True,
        check=True,
        capture_output=True,
    )
    server = Served(place, "--host", "127.0.0.2", "--behind-proxy").wait("127.0.0.2")
    try:
        assert json.loads("".join(server.out))["link"] != ""  # 127.0.0.2 is this machine still
    finally:
        server.stop()


@pytest.mark.databases("sqlite")
def test_a_port_in_use_is_told(place: Place) -> None:
    with serving(place) as server:
        done = subprocess.run(
            [sys.executable, "-m", "quanheng.cli.main", "serve", "--port", str(server.port)],
            env=place.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 4 and str(server.port) in done.stderr and "Traceback" not in done.stderr


@pytest.mark.databases("sqlite")
def test_the_command_line_works_beside_the_server(place: Place, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("春风", "utf-8")
    with serving(place) as server, contextlib.closing(server.browser()) as client:
        done = subprocess.run(
            [sys.executable, "-m", "quanheng.cli.main", "files", "register", str(tmp_path / "a.txt"), "标题"],
            env=place.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert client.get("/p/main/members").status_code == 200
