"""Slurm's command line tools: how they are called, and what their failures mean."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence

from quanheng.core.executors.functions import excerpt, unreachable
from quanheng.errors import Invalid, Unavailable

#: Seconds after which a silent tool is stopped; they try again by themselves for a while.
TIMEOUT_S = 120.0
#: More tasks than this at once serve nobody, and share the controller's table of jobs with everybody.
MOST_TASKS = 1000
#: What sbatch may see of the environment, because Slurm hands all of it on to the tasks. Never our own variables:
#: they hold the database and tokens.
PASSED_ON = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|PYTHON\w+|VIRTUAL_ENV|CONDA_PREFIX|LD_LIBRARY_PATH"
    r"|AWS_(ENDPOINT_URL(_S3)?|(DEFAULT_)?REGION|VIRTUAL_HOSTED_STYLE_REQUEST)"  # where storage is, without its keys
    r"|SLURM_CONF|SBATCH_(ACCOUNT|PARTITION|QOS|RESERVATION|TIMELIMIT|CONSTRAINT)|(OMP|MKL|OPENBLAS|NUMBA)_NUM_THREADS"
)
#: Options that are set here; another value would break the protocol of files.
_OURS = {
    "array", "chdir", "error", "export", "export-file", "help", "input", "job-name", "no-requeue", "open-mode",
    "output", "parsable", "quiet", "requeue", "test-only", "usage", "version", "wait", "wrap",
}  # fmt: skip


def environment() -> dict[str, str]:
    """Return the environment in which Slurm's tools run and which the tasks get."""
    return {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}


def find_tool(name: str) -> str:
    """Return the path of one of Slurm's tools."""
    path = shutil.which(name)
    if path is None:
        raise Unavailable(
            f"Slurm is not installed on this machine: {name} is missing",
            f"本机没有安装 Slurm：找不到 {name}",
            hint=(
                "Run it on a login node of the cluster, or use `executor = local`.",
                "请在集群的登录节点上运行，或改用 `executor = local`。",
            ),
            code="slurm_missing",
        )
    return path


def ask(words: Sequence[str]) -> str:
    """Return what a tool of Slurm says; Unavailable "slurm_failed" or "slurm_refused"."""
    command = [find_tool(words[0]), *words[1:]]
    try:
        done = subprocess.run(
            command,
            check=False,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(words[0], f"no answer in {TIMEOUT_S:.0f} s") from error
    if done.returncode == 0:
        return done.stdout
    told = done.stderr or done.stdout
    if words[0] != "sbatch" or re.search(r"contact slurm controller|timed out|[Tt]emporar|Connection refused", told):
        raise _failed(words[0], told)
    raise Unavailable(
        f"Slurm refused the tasks: {excerpt(told)}",
        f"Slurm 拒绝了任务：{excerpt(told)}",
        hint=(
            "Check the settings slurm_partition and slurm_options.",
            "请检查设置 slurm_partition 和 slurm_options。",
        ),
        code="slurm_refused",
    )


def _failed(tool: str, told: str) -> Unavailable:
    return Unavailable(
        f"{tool} failed: {excerpt(told)}",
        f"{tool} 执行失败：{excerpt(told)}",
        hint=("Check that the Slurm controller runs: sinfo", "请确认 Slurm 控制器正在运行：sinfo"),
        code="slurm_failed",
    )


def limits() -> int:
    """Return how many tasks an array may have; Unavailable "cluster_unreachable" when the controller is silent."""
    try:
        said = ask(["scontrol", "show", "config"])
    except Unavailable as error:
        if error.code == "slurm_failed":
            raise unreachable("Slurm", error.text.en) from error
        raise
    found = {name: int(value) for name, value in re.findall(r"^(MaxArraySize|MaxJobCount)\s*=\s*(\d+)", said, re.M)}
    # An index must be below MaxArraySize; of the controller's table of jobs at most half is taken.
    return max(1, min(MOST_TASKS, found.get("MaxArraySize", MOST_TASKS), found.get("MaxJobCount", 2 * MOST_TASKS) // 2))


def option_words(options: str) -> list[str]:
    """Return the options of the setting slurm_options, each `--name` or `--name=value`; Invalid "bad_slurm_options"."""
    hint = (
        "Write every option as --name=value, such as --time=02:00:00 --mem=8G --account=team.",
        "每个选项都写作 --名称=值，例如 --time=02:00:00 --mem=8G --account=team。",
    )
    try:
        words = shlex.split(options)
    except ValueError as error:
        raise Invalid(
            f"slurm_options cannot be read: {error}",
            f"无法解析设置 slurm_options：{error}",
            hint=hint,
            code="bad_slurm_options",
        ) from error
    for word in words:
        match = re.fullmatch(r"--([a-z][a-z-]*)(=.*)?", word, re.DOTALL)
        if match is None or match[1] in _OURS:
            raise Invalid(
                f"slurm_options may not contain {word!r}",
                f"设置 slurm_options 中不能有 {word!r}",
                hint=hint,
                code="bad_slurm_options",
            )
    return words
