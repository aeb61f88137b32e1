"""Which executor the settings choose, and what is told when it cannot be used."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from types import ModuleType

import pytest

from quanheng.core.executors import Chosen, LocalExecutor, RayExecutor, SlurmExecutor, choose, open_executor
from quanheng.core.executors.slurm import _ranges
from quanheng.core.executors.slurm_commands import environment, limits, option_words
from quanheng.core.settings import Settings
from quanheng.errors import Invalid, Unavailable


def test_the_settings_choose(tmp_path: Path) -> None:
    (tmp_path / "quanheng.toml").write_text(
        'executor = "slurm"\nprocesses = 3\nslurm_partition = "cpu"\nslurm_options = "--mem=8G"\n', "utf-8"
    )
    chosen = choose(Settings(tmp_path))
    assert chosen == Chosen("slurm", 3, "local", "cpu", "--mem=8G")
    with open_executor(chosen, tmp_path) as executor:
        assert isinstance(executor, SlurmExecutor)
        assert (executor.folder, executor.processes) == (tmp_path / "executor", 3)
    assert choose(Settings(None)) == Chosen()
    with open_executor(Chosen(), tmp_path) as executor:
        assert isinstance(executor, LocalExecutor)
    with open_executor(Chosen("ray", ray_address=" 10.0.0.5:6379 "), tmp_path) as executor:
        assert isinstance(executor, RayExecutor) and executor.address == "10.0.0.5:6379"


@pytest.mark.parametrize(
    "options",
    ["--array=1", "--wrap=x", "--export=ALL", "-p cpu", "script.sh", "--mem 8G", "--mem='8G", "--job-name=x", "--"],
)
def test_options_that_would_break_the_tasks_are_refused(options: str) -> None:
    with pytest.raises(Invalid) as caught:
        option_words(options)
    assert caught.value.code == "bad_slurm_options" and "--time=02:00:00" in caught.value.say("zh")


def test_options_are_taken_apart_as_a_shell_does() -> None:
    assert option_words("") == []
    found = option_words("--mem=8G  --comment='two words' --exclusive")
    assert found == ["--mem=8G", "--comment=two words", "--exclusive"]


def test_slurm_gets_no_variable_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ("QUANHENG_DATABASE", "QUANHENG_TOKEN", "PGPASSWORD", "SLURM_JOB_ID", "SBATCH_WAIT", "XPATH")
    for name in refused:
        monkeypatch.setenv(name, "x")
    kept = {"PATH": "/bin", "SLURM_CONF": "/c", "PYTHONPATH": "/p", "LC_ALL": "C", "OMP_NUM_THREADS": "1"}
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    found = environment()
    assert {name: found[name] for name in kept} == kept
    assert not set(refused) & set(found)


def test_no_slurm_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="Slurm is not installed") as caught:
        list(SlurmExecutor(tmp_path).map("os.path:basename", ["a"]))
    assert caught.value.code == "slurm_missing" and "登录节点" in caught.value.say("zh")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "tasks"),
    [
        ("MaxArraySize            = 1001\nMaxJobCount             = 10000\n", 1000),
        ("MaxArraySize = 50\nMaxJobCount = 10000\n", 50),
        ("MaxArraySize = 1001\nMaxJobCount = 100\n", 50),
        ("MaxArraySize = 0\n", 1),
    ],
)
def test_arrays_stay_below_what_slurm_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, tasks: int
) -> None:
    tool = tmp_path / "scontrol"
    tool.write_text(f"#!/bin/sh\ncat <<'E'\n{said}E\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert limits() == tasks


@pytest.mark.parametrize(
    ("numbers", "said"), [([0], "0"), ([0, 1, 2], "0-2"), ([3, 5, 6, 9], "3,5-6,9"), (list(range(1000)), "0-999")]
)
def test_ranges(numbers: list[int], said: str) -> None:
    assert _ranges(numbers) == said


def test_no_ray_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Unavailable, match="Ray is not installed") as caught:
        list(RayExecutor("127.0.0.1:1").map("os.path:basename", ["a"]))
    assert caught.value.code == "ray_missing" and "quanheng[ray]" in caught.value.say("zh")


@pytest.fixture
def _something_like_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ray", "ray.exceptions"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))


@pytest.mark.usefixtures("_something_like_ray")
def test_nobody_at_the_address() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Unavailable, match=f"Ray .127.0.0.1:{port}. cannot be reached") as caught:
        list(RayExecutor(f"127.0.0.1:{port}").map("os.path:basename", ["a"]))
    assert caught.value.code == "cluster_unreachable"


@pytest.mark.usefixtures("_something_like_ray")
@pytest.mark.parametrize("address", ["ray://127.0.0.1:10001", "somewhere", ":6379", "host:port"])
def test_no_address(address: str) -> None:
    with pytest.raises(Invalid) as caught:
        list(RayExecutor(address).map("os.path:basename", ["a"]))
    assert caught.value.code == "bad_ray_address"


@pytest.mark.parametrize("executor", [RayExecutor(), SlurmExecutor(Path("/nowhere"))])
def test_a_wrong_name_fails_before_the_cluster_is_asked(executor: RayExecutor | SlurmExecutor) -> None:
    with pytest.raises(Invalid, match="no function"):
        list(executor.map("no_such_module:x", [1]))
    assert list(executor.map("os.path:basename", [])) == []
