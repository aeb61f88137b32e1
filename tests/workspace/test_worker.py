"""The worker and the sweep: a queued job has its effect once, whoever dies; a lost foreground job says so once."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from databases import Place, wait_until
from quanheng.core.database import setup_django
from quanheng.errors import Conflict, Forbidden

setup_django()

from quanheng.core import clock, jobs, worker  # noqa: E402 - models need Django set up
from quanheng.core.models import Actor, Artifact, Job, LogEntry  # noqa: E402


def queue(workspace: Any, folder: Path, title: str = "file", **more: Any) -> str:
    """Queue a job that registers one file and return its id."""
    path = folder / "evidence.txt"
    path.write_text("one line\n", "utf-8")
    return str(workspace.files.register(path=str(path), title=title, detach=True, **more).job)


def entries_of(job_id: str) -> list[dict[str, Any]]:
    return [json.loads(bytes(row.entry)) for row in LogEntry.objects.filter(job_id=job_id)]


def test_a_queued_job_is_run_as_its_actor_and_leaves_one_entry(workspace: Any, tmp_path: Path) -> None:
    job = queue(workspace, tmp_path, as_name="evidence")
    assert Job.objects.get(id=job).state == "queued" and not entries_of(job)
    seen: list[worker.Ended] = []
    assert worker.work(workspace, once=True, ended=seen.append) == 1
    assert [(e.job, e.outcome) for e in seen] == [(job, "done")]
    [entry] = entries_of(job)
    assert entry["outcome"] == "done" and entry["outputs"]["digests"] == list(seen[0].outputs)
    assert workspace.artifact.show(artifact="evidence")["digest"] == seen[0].outputs[0]
    assert entry["actor_id"] == workspace.session.actor_id


def test_the_queued_call_makes_the_same_artifact_as_the_foreground_one(workspace: Any, tmp_path: Path) -> None:
    job = queue(workspace, tmp_path)
    worker.work(workspace, once=True)
    again = workspace.files.register(path=str(tmp_path / "evidence.txt"), title="file")
    assert again.cached
    assert Artifact.objects.get(job_id=job).digest == again.digest


def test_a_file_changed_since_it_was_queued_is_not_read(workspace: Any, tmp_path: Path) -> None:
    job = queue(workspace, tmp_path)
    (tmp_path / "evidence.txt").write_text("another line\n", "utf-8")
    worker.work(workspace, once=True)
    [entry] = entries_of(job)
    assert (entry["outcome"], entry["code"]) == ("failed", "queued_changed")
    assert not Artifact.objects.filter(job_id=job).exists()


def test_a_cancelled_queued_job_ends_when_a_worker_meets_it(workspace: Any, tmp_path: Path) -> None:
    job = queue(workspace, tmp_path)
    workspace.job.cancel(id=job)
    worker.work(workspace, once=True)
    assert [e["outcome"] for e in entries_of(job)] == ["cancelled"]


def test_an_actor_who_was_deactivated_meanwhile_is_denied(workspace: Any, tmp_path: Path) -> None:
    job = queue(workspace, tmp_path)
    somebody = workspace.user.create(label="somebody").value["actor_id"]
    Job.objects.filter(id=job).update(actor_id=somebody)
    Actor.objects.filter(id=somebody).update(is_active=False)
    worker.work(workspace, once=True)
    [entry] = entries_of(job)
    assert (entry["outcome"], entry["code"], entry["actor_id"]) == ("denied", "forbidden", somebody)


def test_a_verb_of_another_version_is_not_run(workspace: Any, tmp_path: Path) -> None:
    job = queue(workspace, tmp_path)
    Job.objects.filter(id=job).update(version=99)
    worker.work(workspace, once=True)
    assert [(e["outcome"], e["code"], e["version"]) for e in entries_of(job)] == [("failed", "queued_changed", 99)]


def test_a_verb_that_is_gone_fails_with_one_entry(workspace: Any, tmp_path: Path) -> None:
    job = queue(workspace, tmp_path)
    Job.objects.filter(id=job).update(verb="gone.verb")
    worker.work(workspace, once=True)
    assert [(e["outcome"], e["code"]) for e in entries_of(job)] == [("failed", "unknown_verb")]


def test_a_fault_of_ours_ends_the_job_and_not_the_queue(
    workspace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = queue(workspace, tmp_path, "a"), queue(workspace, tmp_path, "b")
    real, calls = worker.execute, []

    def broken(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("a fault")
        return real(*arguments)

    monkeypatch.setattr(worker, "execute", broken)
    assert worker.work(workspace, once=True) == 2
    assert [(e["outcome"], e["code"]) for e in entries_of(first)] == [("failed", "internal")]
    assert [e["outcome"] for e in entries_of(second)] == ["done"]
    assert "a fault" in workspace.job.logs(id=first)["text"]


def begin_and_die(place: Place, workspace: Any, tmp_path: Path) -> str:
    """Leave the row of a foreground job whose process is gone, and return its id."""
    job = queue(workspace, tmp_path)
    Job.objects.filter(id=job).update(
        state="running",
        attempt=1,
        max_attempts=1,
        runner=dead_runner(),
        lease_until=clock.now() + dt.timedelta(hours=1),
    )
    return job


def dead_runner() -> str:
    """Return the name of a process of this machine that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    host, _, _ = jobs.runner_name().rsplit(":", 2)
    return f"{host}:{process.pid}:1"


def test_a_lost_foreground_job_fails_as_lost_with_one_entry(place: Place, workspace: Any, tmp_path: Path) -> None:
    job = begin_and_die(place, workspace, tmp_path)
    assert worker.sweep(workspace) == worker.Swept((), (job,))
    assert worker.sweep(workspace) == worker.Swept((), ())
    [entry] = entries_of(job)
    assert (entry["outcome"], entry["code"], entry["outputs"]["count"]) == ("failed", "lost", 0)
    shown = workspace.job.show(id=job)
    assert shown["state"] == "failed" and "已消失" in shown["error"]["zh"] and shown["error"]["hint"]


def test_a_job_with_a_living_runner_or_a_lease_elsewhere_is_left_alone(workspace: Any, tmp_path: Path) -> None:
    here, elsewhere = queue(workspace, tmp_path, "a"), queue(workspace, tmp_path, "b")
    later = clock.now() + dt.timedelta(hours=1)
    Job.objects.filter(id=here).update(state="running", attempt=1, runner=jobs.runner_name(), lease_until=later)
    Job.objects.filter(id=elsewhere).update(state="running", attempt=1, runner="other-host:1:1", lease_until=later)
    assert worker.sweep(workspace) == worker.Swept((), ())
    Job.objects.filter(id=elsewhere).update(lease_until=clock.now() - dt.timedelta(seconds=1))
    assert worker.sweep(workspace) == worker.Swept((elsewhere,), ())


def test_a_job_is_tried_max_attempts_times_and_then_lost(workspace: Any, tmp_path: Path) -> None:
    job = queue(workspace, tmp_path)
    gone = dead_runner()
    for attempt in (1, 2, 3):
        assert jobs.claim(30) == job
        Job.objects.filter(id=job).update(runner=gone)
        swept = worker.sweep(workspace)
        assert swept == (worker.Swept((job,), ()) if attempt < 3 else worker.Swept((), (job,)))
    assert [e["code"] for e in entries_of(job)] == ["lost"]


def test_an_attempt_that_comes_back_after_the_sweep_changes_nothing(workspace: Any, tmp_path: Path) -> None:
    job = queue(workspace, tmp_path)
    assert jobs.claim(30) == job
    row = Job.objects.get(id=job)
    plan = worker.plan_of(workspace.session, row)
    Job.objects.filter(id=job).update(lease_until=clock.now() - dt.timedelta(seconds=1))
    worker.sweep(workspace)
    assert worker.work(workspace, once=True) == 1
    with pytest.raises(Conflict) as caught:
        worker.execute(workspace.session, plan, job, 1)
    assert caught.value.code == "fenced"
    assert [e["outcome"] for e in entries_of(job)] == ["done"]


def test_two_workers_on_one_sqlite_workspace_conflict(place: Place, workspace: Any) -> None:
    if not place.is_sqlite:
        pytest.skip("on PostgreSQL several workers may run")
    with worker.exclusive(workspace.folder, "job work"), pytest.raises(Conflict) as caught:
        worker.work(workspace, once=True)
    assert caught.value.code == "server_running" and str(os.getpid()) in caught.value.text.zh
    assert worker.work(workspace, once=True) == 0


def test_two_workers_on_postgresql_share_the_queue(place: Place, workspace: Any, tmp_path: Path) -> None:
    if place.is_sqlite:
        pytest.skip("on SQLite there is one worker")
    with worker.exclusive(workspace.folder, "job work"):
        queue(workspace, tmp_path)
        assert worker.work(workspace, once=True) == 1


def test_working_takes_the_permission_operate(place: Place, workspace: Any) -> None:
    workspace.user.create(label="reader")
    workspace.member.grant(label="reader", role="auditor")
    token = workspace.token.create(label="reader", scopes=["read", "operate"]).value["token"]
    reader = place.open(token=token)
    with pytest.raises(Forbidden):
        worker.work(reader, once=True)


def queue_flow_by_token(place: Place, workspace: Any, tmp_path: Path, scopes: list[str]) -> tuple[Any, str]:
    """Return (what token.create answered, id of the flow's job that this token queued)."""
    workspace.user.create(label="builder")
    workspace.member.grant(label="builder", role="owner")
    made = workspace.token.create(label="builder", scopes=scopes).value
    (tmp_path / "x").write_text("x", "utf-8")
    flow = tmp_path / "f.toml"
    one = f"[[step]]\nid = 'a'\nverb = 'files.register'\nwith = {{ path = '{tmp_path / 'x'}', title = 'y' }}\n"
    two = "[[step]]\nid = 'b'\nverb = 'artifact.withdraw'\nwith = { artifact = '@a', reason = 'none' }\n"
    flow.write_text(one + two, "utf-8")
    return made, str(place.open(token=made["token"]).flow.run(file=str(flow), detach=True).job)


def test_a_flow_that_a_token_queued_runs_within_its_scopes(place: Place, workspace: Any, tmp_path: Path) -> None:
    _, job = queue_flow_by_token(place, workspace, tmp_path, ["build"])
    seen: list[worker.Ended] = []
    assert worker.work(place.open(), once=True, ended=seen.append) == 1
    [ended] = seen
    assert (ended.job, ended.outcome, ended.error and ended.error.code) == (job, "failed", "forbidden")
    assert Artifact.objects.get(kind="files/v1").withdrawn_at is None  # the account owns the project, the token not
    assert Job.objects.get(verb="artifact.withdraw").state == "denied"


def test_a_flow_whose_token_was_revoked_meanwhile_is_denied(place: Place, workspace: Any, tmp_path: Path) -> None:
    made, job = queue_flow_by_token(place, workspace, tmp_path, ["build"])
    workspace = place.open()
    workspace.token.revoke(id=made["id"])
    worker.work(workspace, once=True)
    assert [(e["outcome"], e["code"]) for e in entries_of(job)] == [("denied", "token_ended")]
    assert not Artifact.objects.filter(kind="files/v1").exists()


def test_a_queued_flow_with_nothing_to_do_ends_done(workspace: Any, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x", "utf-8")
    flow = tmp_path / "f.toml"
    step = f"[[step]]\nid = 'a'\nverb = 'files.register'\nwith = {{ path = '{tmp_path / 'x'}', title = 'y' }}\n"
    flow.write_text(step, "utf-8")
    first = workspace.flow.run(file=str(flow))
    job = workspace.flow.run(file=str(flow), detach=True).job
    seen: list[worker.Ended] = []
    worker.work(workspace, once=True, ended=seen.append)
    assert [(e.job, e.outcome, e.outputs) for e in seen] == [(job, "done", first.outputs)]
    assert Job.objects.get(id=job).state == "done"
    [entry] = entries_of(job)
    assert (entry["outcome"], entry["outputs"]["digests"]) == ("done", list(first.outputs))


def test_an_idle_flow_whose_job_was_taken_deletes_nothing(workspace: Any, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x", "utf-8")
    flow = tmp_path / "f.toml"
    step = f"[[step]]\nid = 'a'\nverb = 'files.register'\nwith = {{ path = '{tmp_path / 'x'}', title = 'y' }}\n"
    flow.write_text(step, "utf-8")
    workspace.flow.run(file=str(flow))

    def take(event: str, data: Any) -> None:
        if event == "cached":
            Job.objects.filter(state="running").update(attempt=7)

    with pytest.raises(Conflict) as caught:
        workspace.flow.run(file=str(flow), listener=take)
    assert caught.value.code == "fenced"
    assert Job.objects.filter(verb="flow.run", state="running", attempt=7).count() == 1


def test_stop_ends_an_idle_worker(workspace: Any) -> None:
    stop = threading.Event()
    stop.set()
    assert worker.work(workspace, stop=stop) == 0


WORKER = textwrap.dedent(
    """
    import os, sys, time
    import quanheng
    from quanheng.core import jobs, worker
    workspace = quanheng.open(os.environ["QUANHENG_WORKSPACE"])
    stage = sys.argv[1]
    def stop_here(*arguments, **named):
        print("here", flush=True)
        time.sleep(600)
    if stage == "claimed":
        worker.execute = stop_here
    elif stage == "finishing":
        jobs.finish = stop_here
    worker.work(workspace, once=True)
    """
)


@pytest.mark.parametrize("stage", ["claimed", "finishing"])
def test_a_worker_killed_in_a_job_is_replaced_and_the_effect_comes_once(
    place: Place, workspace: Any, tmp_path: Path, stage: str
) -> None:
    job = queue(workspace, tmp_path, as_name="evidence")
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, stage], env=place.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        assert Job.objects.get(id=job).state == "running"
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(lambda: job in jobs.silent_jobs(), "the runner to be gone")
    assert worker.work(workspace, once=True) == 1
    row = Job.objects.get(id=job)
    assert (row.state, row.attempt) == ("done", 2)
    assert [e["outcome"] for e in entries_of(job)] == ["done"]
    assert Artifact.objects.filter(job_id=job).count() == 1
    assert len(workspace.name.history(name="evidence")) == 1
    assert workspace.call("workspace.fsck")["problems"] == []


def test_a_flow_whose_worker_was_killed_in_a_step_goes_on(place: Place, workspace: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n", "utf-8")
    flow = tmp_path / "f.toml"
    flow.write_text(
        f"[[step]]\nid = 'a'\nverb = 'files.register'\nwith = {{ path = '{tmp_path / 'a.txt'}', title = 't' }}\n",
        "utf-8",
    )
    job = workspace.flow.run(file=str(flow), detach=True).job
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, "finishing"], env=place.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    [step] = Job.objects.filter(parent_id=job)
    wait_until(lambda: set(jobs.silent_jobs()) == {job, step.id}, "both runners to be gone")
    assert worker.work(workspace, once=True) == 1
    assert [(e["outcome"], e["code"]) for e in entries_of(step.id)] == [("failed", "lost")]
    assert [e["outcome"] for e in entries_of(job)] == ["done"]
    assert sorted(Job.objects.filter(parent_id=job).values_list("state", flat=True)) == ["done", "failed"]
    assert Artifact.objects.filter(kind="files/v1").count() == 1
    assert workspace.call("workspace.fsck")["problems"] == []
