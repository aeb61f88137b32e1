"""The Slurm executor against a real Slurm: order, errors, lost tasks, and nothing left behind."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import cluster_work
import clusters
from clusters import Slurm
from databases import Place, Templates, wait_until
from quanheng.core.executors import LocalExecutor, SlurmExecutor, slurm, slurm_commands
from quanheng.core.executors.slurm import Patience
from quanheng.core.executors.slurm_folder import Shared
from quanheng.errors import Conflict, QuanhengError, Unavailable

pytestmark = [
    pytest.mark.xdist_group("clusters"),
    pytest.mark.skipif(bool(clusters.missing_slurm()), reason=clusters.missing_slurm() or "it is here"),
]
HASTY = Patience(tries=2, ask_s=0.3, grace_s=0.5, silence_s=60)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Slurm]:
    with clusters.slurm() as made:
        yield made


@pytest.fixture(autouse=True)
def _speaks_to_it(cluster: Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**cluster.environment, "PYTHONPATH": clusters.PYTHONPATH}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def folder(tmp_path: Path, cluster: Slurm) -> Iterator[Path]:
    """Return the folder for tasks; afterwards nothing may be left in it, nor in Slurm."""
    made = tmp_path / "executor"
    yield made
    wait_until(lambda: not made.exists() or not os.listdir(made), "the folder of the tasks to be removed", 20)
    wait_until(lambda: not cluster.jobs(), "the jobs to leave Slurm", 20)


def in_bytes(answers: Any) -> bytes:
    return json.dumps(list(answers)).encode()


def running(marks: Path, node: str) -> bool:
    """Return whether a task that left its mark is running on the node."""
    return any(Path(f"/proc/{path.name.split('-')[2]}").exists() for path in marks.glob(f"*-{node}-*"))


def test_results_are_those_of_the_local_executor(folder: Path) -> None:
    items: list[Any] = [{"n": n, "rest_s": 0.2 if n < 3 else 0} for n in range(2 * clusters.MAX_ARRAY_SIZE + 1)]
    found = in_bytes(SlurmExecutor(folder, processes=3).map("cluster_work:work", iter(items)))
    assert found == in_bytes(LocalExecutor(1).map("cluster_work:work", items))


def test_the_folder_is_private_while_it_is_there(folder: Path) -> None:
    answers = SlurmExecutor(folder).map("cluster_work:work", [{"n": 1}, {"n": 2, "rest_s": 60}])
    next(answers)
    [made] = folder.iterdir()
    assert made.stat().st_mode & 0o777 == 0o700
    answers.close()  # type: ignore[attr-defined]


def test_an_error_of_our_tree_crosses_the_border_and_ends_the_rest(folder: Path) -> None:
    answers = SlurmExecutor(folder).map("cluster_work:clash", [1, 2, 3, 4])
    assert next(answers) == 1
    with pytest.raises(Conflict) as caught:
        next(answers)
    assert caught.value.code == "two_taken" and caught.value.say("zh") == "二已被占用\n请用三。"


@pytest.mark.parametrize(
    ("function", "word"), [("stumble", "nothing is known of 7"), ("unwritable", "set is not JSON")]
)
def test_code_that_fails_is_told_with_its_traceback(folder: Path, function: str, word: str) -> None:
    with pytest.raises(QuanhengError, match=word) as caught:
        list(SlurmExecutor(folder, patience=HASTY).map(f"cluster_work:{function}", [7]))
    assert caught.value.code == "task_failed" and word in caught.value.say("zh")


def test_a_task_that_dies_again_and_again_is_told_with_its_last_words(folder: Path) -> None:
    with pytest.raises(Unavailable, match="lost 2 times; its last words: about to allocate") as caught:
        list(SlurmExecutor(folder, patience=HASTY).map("cluster_work:die", [1]))
    assert caught.value.code == "task_lost"


def test_tasks_see_none_of_our_variables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANHENG_DATABASE", "postgresql://somebody:secret@db/quanheng")
    monkeypatch.setenv("A_SECRET", "x")
    assert list(SlurmExecutor(folder).map("cluster_work:variables", [0])) == [[]]


def test_a_killed_node_loses_nothing(folder: Path, cluster: Slurm, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    items: list[Any] = [{"n": n, "rest_s": 1.5, "marks": str(marks)} for n in range(clusters.MAX_ARRAY_SIZE)]
    answers = SlurmExecutor(folder, patience=Patience(ask_s=0.3, grace_s=0.3)).map("cluster_work:work", items)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(in_bytes, answers)
        wait_until(lambda: running(marks, "n2"), "a task on n2", 20)
        assert cluster.kill_node("n2") > 0
        cluster.tool("scontrol", "update", "nodename=n2", "state=down", "reason=killed")
        try:
            assert found.result() == in_bytes(cluster_work.work({"n": n}) for n in range(len(items)))
        finally:
            cluster.node("n2")
    begun = [path.name.split("-")[0] for path in marks.iterdir()]
    assert len(begun) > len(set(begun)) == len(items)  # something was lost and done again


def test_preempted_tasks_are_done_again(folder: Path, cluster: Slurm, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    items: list[Any] = [{"n": n, "rest_s": 2, "marks": str(marks)} for n in range(4)]
    answers = SlurmExecutor(folder, patience=Patience(ask_s=0.3, grace_s=0.3)).map("cluster_work:work", items)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(in_bytes, answers)
        wait_until(lambda: running(marks, "n1"), "a task on n1", 20)
        cluster.tool("sbatch", "-p", "high", "-N2", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 0.5")
        assert found.result() == in_bytes(cluster_work.work({"n": n}) for n in range(len(items)))
    assert len(list(marks.iterdir())) > len(items)


def test_a_controller_that_is_away_for_a_while_is_waited_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[str] = []

    def ask(words: list[str]) -> str:
        try:
            return slurm_commands.ask(words)
        except Unavailable as error:
            failures.append(error.code)
            raise

    monkeypatch.setattr(slurm, "ask", ask)
    with clusters.slurm() as cluster:  # its own: a restarted Slurm takes a minute to sort itself out
        monkeypatch.setenv("SLURM_CONF", cluster.other_conf(MessageTimeout=2))
        items: list[Any] = [{"n": n, "rest_s": 4, "marks": str(tmp_path)} for n in range(3)]
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(in_bytes, SlurmExecutor(folder, patience=HASTY).map("cluster_work:work", items))
            wait_until(lambda: len(list(tmp_path.glob("*-n*"))) == len(items), "the tasks to run", 20)
            cluster.kill_controller()
            wait_until(lambda: failures, "Slurm to be asked in vain", 20)
            cluster.start("slurmctld", "slurmctld", "-D")
            assert found.result() == in_bytes(cluster_work.work({"n": n}) for n in range(len(items)))
    assert set(failures) == {"slurm_failed"}


def test_a_killed_driver_leaves_nothing(folder: Path, cluster: Slurm) -> None:
    items = [{"n": 1}, {"n": 2, "rest_s": 60}, {"n": 3, "rest_s": 60}]
    with clusters.driver({"executor": "slurm"}, folder.parent, [("work", items)]) as driver:
        assert driver.stdout and json.loads(driver.stdout.readline())["answer"]["n"] == 1
        assert cluster.jobs()
        os.killpg(driver.pid, signal.SIGKILL)


def test_what_a_stopped_machine_left_is_removed_by_the_next(folder: Path) -> None:
    with Shared(folder) as running:
        abandoned = Shared(folder)
        abandoned.__enter__()
        abandoned._keeper.kill()
        abandoned._keeper.wait()
        os.close(abandoned._lock)
        foreign = Shared(folder)
        foreign.__enter__()
        (foreign.path / "lock").write_text("another-machine")
        fcntl.flock(foreign._lock, fcntl.LOCK_UN)  # as a file system shows locks that are kept per machine
        with Shared(folder):
            assert not abandoned.path.exists() and running.path.exists() and foreign.path.exists()
        foreign.__exit__()
    abandoned._keeper.stdin.close()  # type: ignore[union-attr]


def test_what_slurm_refuses_is_told_in_its_words(folder: Path) -> None:
    with pytest.raises(Unavailable, match="invalid partition specified: nowhere") as caught:
        list(SlurmExecutor(folder, partition="nowhere").map("cluster_work:work", [{"n": 1}]))
    assert caught.value.code == "slurm_refused"


def test_a_silent_controller_is_unreachable(folder: Path, cluster: Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    [port] = clusters.free_ports(1)
    monkeypatch.setenv("SLURM_CONF", cluster.other_conf(SlurmctldPort=port, MessageTimeout=2))
    with pytest.raises(Unavailable, match="Slurm cannot be reached") as caught:
        list(SlurmExecutor(folder).map("cluster_work:work", [{"n": 1}]))
    assert caught.value.code == "cluster_unreachable"


@pytest.mark.databases("sqlite")
def test_a_corpus_has_the_same_rows(place: Place, templates: Templates, cluster: Slurm, tmp_path: Path) -> None:
    before = cluster.tool("squeue", "-h", "-t", "all", "-o", "%A").split()
    found = clusters.build(place, tmp_path, executor="slurm", slurm_partition="low", slurm_options="--time=5")
    assert len(cluster.tool("squeue", "-h", "-t", "all", "-o", "%A").split()) > len(before)  # Slurm did the work
    assert found == clusters.build_locally(templates, tmp_path)
    wait_until(lambda: list((place.folder / "executor").iterdir()) == [], "the folder to be empty", 20)
