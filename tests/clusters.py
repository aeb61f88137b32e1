"""A real Slurm and a real Ray on this machine's loopback, for tests: two nodes each, one of which can be killed.

Nothing of the machine's own configuration is used or touched: keys, ports, sockets and state lie in a temporary folder.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from databases import Place, Templates, wait_until

TESTS = Path(__file__).parent
#: PYTHONPATH of drivers and workers, which look for `cluster_work`.
PYTHONPATH = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Daemons end when the tests are killed.
WITH_US = ("setpriv", "--pdeathsig", "KILL")
#: A variable of the daemons and whatever they start before a task, by which they are found again.
MARK = "QUANHENG_TEST_NODE"
#: Small, so that a few items make an array of more than one item per task.
MAX_ARRAY_SIZE = 8
SLURM_CONF = """
ClusterName=quanhengtest
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_min_interval=0,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SlurmdParameters=config_overrides
MaxArraySize={array}
SlurmdTimeout=5
KillWait=2
InactiveLimit=0
ReturnToService=2
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2
PartitionName=low Nodes=n1,n2 Default=YES MaxTime=10 PriorityTier=1
PartitionName=high Nodes=n1,n2 MaxTime=10 PriorityTier=10 PreemptMode=OFF
"""


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback on which nobody listens now, outside the range that Ray and the kernel lend."""
    found: list[int] = []
    for port in range(21000 + os.getpid() % 500 * 16, 32000):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise OSError("no free ports")


def listens(port: int) -> bool:
    """Return whether somebody listens on a port of the loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def missing_slurm() -> str:
    """Return why Slurm cannot be started here, or an empty text."""
    lacking = [tool for tool in TOOLS if shutil.which(tool, path=SYSTEM) is None]
    wanted = "apt-get install slurmctld slurmd slurm-client munge"
    return f"Slurm is missing: {', '.join(lacking)} (Debian: {wanted})" if lacking else ""


def missing_ray() -> str:
    """Return why Ray cannot be started here, or an empty text."""
    return "" if find_spec("ray") else "Ray is missing (pip install 'quanheng[ray]')"


def processes_with(variable: str, value: str) -> set[int]:
    """Return the processes in whose environment the variable has this value."""
    wanted = f"{variable}={value}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
    return found


def kill(pids: set[int]) -> None:
    """End processes without a word."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@dataclass
class Slurm:
    """A running Slurm; `environment` makes its tools speak to it."""

    folder: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Return what must be in the environment."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": f"{os.environ['PATH']}:{SYSTEM}"}

    def tool(self, *words: str) -> str:
        """Return what one of the tools prints."""
        return subprocess.run(
            words, env={**os.environ, **self.environment}, check=True, capture_output=True, text=True, timeout=30
        ).stdout

    def start(self, name: str, *words: str) -> None:
        """Start one daemon in the foreground; its processes are told by a variable of ours."""
        binary = shutil.which(words[0], path=SYSTEM)
        assert binary
        with open(self.folder / f"{name}.out", "ab") as out:
            self.daemons[name] = subprocess.Popen(
                [*WITH_US, binary, *words[1:]],
                env={**os.environ, **self.environment, MARK: f"{self.folder}:{name}"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def node(self, name: str) -> None:
        """Start a node, and wait until it takes tasks."""
        self.start(name, "slurmd", "-D", "-N", name)
        wait_until(lambda: self.tool("sinfo", "-h", "-n", name, "-o", "%T").strip() == "idle", f"{name} to be idle", 30)

    def kill_node(self, name: str) -> int:
        """Kill a node as a power cut does, with all its tasks; return how many processes of tasks there were."""
        daemon = self.daemons.pop(name)
        tasks = processes_with("SLURMD_NODENAME", name) & processes_with("SLURM_CONF", self.environment["SLURM_CONF"])
        kill(processes_with(MARK, f"{self.folder}:{name}") | tasks)  # the daemon, a supervisor per task, the tasks
        daemon.wait()
        return len(tasks)

    def kill_controller(self) -> None:
        """Kill the controller; what runs goes on."""
        kill(processes_with(MARK, f"{self.folder}:slurmctld"))
        self.daemons.pop("slurmctld").wait()

    def other_conf(self, **changes: str | int) -> str:
        """Write another slurm.conf, in which some lines are different, and return its path."""
        lines = (self.folder / "slurm.conf").read_text().splitlines()
        kept = [line for line in lines if line.partition("=")[0] not in changes]
        path = self.folder / f"slurm-{'-'.join(changes)}.conf"
        path.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in changes.items())]) + "\n")
        return str(path)

    def jobs(self) -> list[str]:
        """Return the names of the jobs that wait or run."""
        return self.tool("squeue", "-h", "-r", "-o", "%j").split()

    def stop(self) -> None:
        """Stop all and remove the folder."""
        for name, daemon in self.daemons.items():
            kill(processes_with(MARK, f"{self.folder}:{name}"))
            daemon.wait()
        kill(processes_with("SLURM_CONF", self.environment["SLURM_CONF"]))
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def slurm() -> Iterator[Slurm]:
    """Yield a running Slurm with two nodes of two cores."""
    folder = Path(tempfile.mkdtemp(prefix="qhs-"))  # short: sockets have short names
    made = Slurm(folder)
    try:
        (folder / "state").mkdir()
        (folder / "munge.key").write_bytes(os.urandom(128))
        (folder / "munge.key").chmod(0o600)
        host = socket.gethostname().partition(".")[0]
        text = SLURM_CONF.format(
            host=host, user=getpass.getuser(), folder=folder, ports=free_ports(3), array=MAX_ARRAY_SIZE
        )
        (folder / "slurm.conf").write_text(text)
        (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        files = [f"--{kind}-file={folder}/munge.{kind}" for kind in ("key", "pid", "log", "seed")]
        made.start("munged", "munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *files)
        wait_until((folder / "munge.socket").exists, "munged to listen", 10)
        made.start("slurmctld", "slurmctld", "-D")
        for name in ("n1", "n2"):
            made.node(name)
        yield made
    finally:
        made.stop()


@dataclass
class Ray:
    """A running Ray of two raylets with one core each."""

    folder: Path
    port: int
    environment: dict[str, str]
    nodes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Return where the driver joins it."""
        return f"127.0.0.1:{self.port}"

    def start(self, name: str, *words: str) -> None:
        """Start one raylet, the first one with the cluster's own services."""
        binary = Path(sys.executable).parent / "ray"
        common = ["--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats", "--block"]
        with open(self.folder / f"{name}.out", "ab") as out:
            self.nodes[name] = subprocess.Popen(
                [*WITH_US, str(binary), "start", *words, *common],
                env={**os.environ, **self.environment, MARK: f"{self.folder}:{name}"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def kill_node(self, name: str) -> None:
        """Kill a raylet, its workers and its helpers."""
        kill(processes_with(MARK, f"{self.folder}:{name}"))
        self.nodes.pop(name).wait()

    def told(self, name: str) -> str:
        """Return what a node printed."""
        return (self.folder / f"{name}.out").read_text("utf-8", "replace")


@contextlib.contextmanager
def ray() -> Iterator[Ray]:
    """Yield a running Ray of two nodes; "n2" may be killed."""
    folder = Path(tempfile.mkdtemp(prefix="qhr-"))
    [port] = free_ports(1)
    quick = {"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "3"}
    access = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    made = Ray(folder, port, {**quick, **access, "PYTHONPATH": PYTHONPATH, "RAY_USAGE_STATS_ENABLED": "0"})
    try:
        head = [f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"]
        made.start("n1", "--head", *head, "--min-worker-port=0", "--max-worker-port=0")
        wait_until(lambda: listens(port), "Ray's head to listen", 60)
        made.start("n2", f"--address={made.address}", "--min-worker-port=0", "--max-worker-port=0")
        wait_until(lambda: all("runtime started" in made.told(name) for name in made.nodes), "Ray to start", 60)
        yield made
    finally:
        for name in list(made.nodes):
            made.kill_node(name)
        shutil.rmtree(folder, ignore_errors=True)


def build(place: Place, folder: Path, **settings: Any) -> tuple[str, str]:
    """Return the digest of a small corpus and that of its rows, built from scratch under these settings."""
    workspace = place.open(**settings)
    sources = []
    for name in "甲乙":
        lines = [f"{name}处第{n}封来信：今天读了一本书，电话1380013{n % 90:04}。\n" for n in range(100)]
        path = folder / f"{name}.txt"
        path.write_text("".join(lines), "utf-8")
        sources.append(workspace.source.register(path=str(path), title=name, document="line").digest)
    built = workspace.corpus.build(sources=sources)
    return built.digest, workspace.load(built.digest).model.rows_digest


def build_locally(templates: Templates, folder: Path) -> tuple[str, str]:
    """Return what `build` returns with the local executor, in a workspace of its own, with a cache of its own."""
    place = templates.place("sqlite", folder / "local")
    found = build(place, folder, executor="local", processes=1)
    templates.remove(place)
    return found


def driver(
    chosen: dict[str, Any], folder: Path, calls: Sequence[tuple[str, list[Any]]], **environment: str
) -> subprocess.Popen[str]:
    """Start `cluster_work.main` in a process group of its own, as a job's child process is started."""
    return subprocess.Popen(
        [sys.executable, str(TESTS / "cluster_work.py"), json.dumps(chosen), str(folder), json.dumps(calls)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def read_calls(lines: Iterable[str]) -> Iterator[tuple[list[Any], Any]]:
    """Yield the answers of each call and the error that ended it, or None, from what a driver prints."""
    answers: list[Any] = []
    for line in lines:
        told = json.loads(line)
        if "answer" in told:
            answers.append(told["answer"])
        else:
            yield answers, told["end"]
            answers = []
