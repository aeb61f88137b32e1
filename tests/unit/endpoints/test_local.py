from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from quanheng.endpoints import LocalServer, assemble, demo_endpoint, local
from quanheng.errors import Corrupt, Invalid, NotFound, Unavailable
from quanheng.kinds.models import Endpoint, Engine, Weights
from quanheng.store.digest import file_digest

QUESTIONS = ("为什么天空是蓝色的？", "端午节有哪些习俗？", "护士的日常工作有哪些？")


def local_endpoint(path: Path, **more: object) -> Endpoint:
    weights = Weights(digest=file_digest(path), size=path.stat().st_size)
    return demo_endpoint().model_copy(update={"weights": weights, **more})


@pytest.fixture
def rubbish(tmp_path: Path) -> Path:
    path = tmp_path / "rubbish.gguf"
    path.write_bytes(b"GGUF, but not really" * 100)
    return path


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemble(tmp_path_factory.mktemp("model"))


def alive(pid: int) -> bool:
    """Return whether the process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_other_bytes_are_found_before_anything_starts(rubbish: Path) -> None:
    endpoint = local_endpoint(rubbish)
    rubbish.write_bytes(rubbish.read_bytes() + b"\0")
    with pytest.raises(Corrupt) as caught, LocalServer(rubbish, endpoint):
        pass
    assert caught.value.code == "weights_differ" and file_digest(rubbish) in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught, LocalServer(tmp_path / "none.gguf", demo_endpoint()):
        pass
    assert caught.value.code == "no_model_file"


def test_other_engine_version(rubbish: Path) -> None:
    endpoint = local_endpoint(rubbish, engine=Engine(name="xllamacpp", version="0.0.1"))
    with pytest.raises(Invalid) as caught, LocalServer(rubbish, endpoint):
        pass
    assert caught.value.code == "engine_differs"


def test_missing_engine(rubbish: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = local_endpoint(rubbish)
    monkeypatch.setattr(local, "_PACKAGE", "no-such-engine")
    with pytest.raises(Unavailable) as caught, LocalServer(rubbish, endpoint):
        pass
    assert caught.value.code == "extra_missing"


def test_remote_endpoint_has_no_local_server(tmp_path: Path) -> None:
    remote = Endpoint(model="m", url="http://h/v1", engine=Engine(name="remote", version="1"))
    with pytest.raises(Invalid) as caught:
        LocalServer(tmp_path, remote)
    assert caught.value.code == "not_local"


def test_address_outside_the_block(rubbish: Path) -> None:
    with pytest.raises(ValueError, match="context manager"):
        LocalServer(rubbish, local_endpoint(rubbish)).client()


def test_file_that_is_no_model(rubbish: Path) -> None:
    server = LocalServer(rubbish, local_endpoint(rubbish))
    with pytest.raises(Unavailable) as caught, server:
        pass
    assert caught.value.code == "local_model_failed" and server.pid is None
    assert "GGUF" in caught.value.text.en  # the engine's own reason, not the end of a traceback


def test_child_that_never_gets_ready_is_ended(rubbish: Path) -> None:
    server = LocalServer(rubbish, local_endpoint(rubbish), start_within_s=0.01)
    with pytest.raises(Unavailable, match=r"not ready within 0\.01 s"), server:
        pass
    assert server.pid is None


@pytest.mark.model
def test_answers_are_equal_in_any_order_and_on_any_run(model_file: Path) -> None:
    endpoint = demo_endpoint(max_tokens=12)
    found: list[dict[str, str]] = []
    for questions in (QUESTIONS, QUESTIONS[::-1]):
        with LocalServer(model_file, endpoint) as server, server.client() as client:
            found.append({question: client.ask(question).answer for question in questions})
            assert client.ask(questions[0]).answer == found[-1][questions[0]]
    assert found[0] == found[1] and all(found[0].values())


@pytest.mark.model
def test_serves_only_this_machine_and_only_its_owner(model_file: Path) -> None:
    with LocalServer(model_file, demo_endpoint()) as server:
        assert server.url.startswith("http://127.0.0.1:") and server.url.endswith("/v1")
        stranger = httpx.post(f"{server.url}/chat/completions", json={"messages": []}, trust_env=False)
        assert stranger.status_code == 401
        pid, listening = server.pid, listeners(server.pid)
        assert listening and all(address == "127.0.0.1" for address in listening)
    assert pid and gone_within(pid, 1)


@pytest.mark.model
def test_ends_when_the_block_fails(model_file: Path) -> None:
    with pytest.raises(ZeroDivisionError), LocalServer(model_file, demo_endpoint()) as server:
        pid = server.pid
        raise ZeroDivisionError
    assert pid and gone_within(pid, 1)


@pytest.mark.model
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_does_not_outlive_its_parent(model_file: Path, how: signal.Signals) -> None:
    code = (
        "import sys, time; from quanheng.endpoints import LocalServer, demo_endpoint\n"
        f"with LocalServer({str(model_file)!r}, demo_endpoint()) as s: print(s.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout
    with parent.stdout:
        pid = int(parent.stdout.readline())
    os.kill(parent.pid, how)
    parent.wait(5)
    assert gone_within(pid, 5)


@pytest.mark.model
def test_killed_server_is_an_endpoint_that_is_down(model_file: Path) -> None:
    with LocalServer(model_file, demo_endpoint()) as server, server.client(sleep=lambda s: None) as client:
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(Unavailable) as caught:
            client.ask("好吗？")
    assert caught.value.code == "endpoint_down"


def listeners(pid: int | None) -> list[str]:
    """Return the IPv4 addresses on which the process listens, from /proc; "::" counts as an address of its own."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(os.readlink(fd).removeprefix("socket:[").removesuffix("]"))
        except FileNotFoundError:
            continue
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address = bytes.fromhex(fields[1].split(":")[0])
                found.append(".".join(str(byte) for byte in reversed(address)) if len(address) == 4 else "::")
    return found
