"""Promise 6: no network unless a setting names the host, no run-time downloads, and nothing that runs code is loaded.

The main job runs in a network namespace in which only loopback exists, and every process of it is watched twice: by
strace, where it is installed, and by a guard inside Python. Where namespaces are not permitted the guard alone remains.
"""

from __future__ import annotations

import ast
import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from main_job import command, missing_model, parameters, write_source

from databases import Place

SOURCE = Path(__file__).parents[2] / "src"

#: Runs in every Python process of the job: notes each connection and look-up, refuses those that lead outside.
GUARD = """
import os, socket
def _watch():
    target = os.environ.get("GUARD_FILE")
    if not target:
        return
    def note(what, host):
        text = host.decode() if isinstance(host, bytes) else str(host)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, f"{what} {text}\\n".encode())
        os.close(handle)
        if host is not None and text not in ("", "localhost", "::1") and not text.startswith("127."):
            raise OSError(f"the guard refuses {text}")
    def guarded(real):
        def method(self, address, *rest):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                note("connect", address[0])
            return real(self, address, *rest)
        return method
    socket.socket.connect = guarded(socket.socket.connect)
    socket.socket.connect_ex = guarded(socket.socket.connect_ex)
    look_up = socket.getaddrinfo
    def guarded_look_up(host, *rest, **named):
        note("look-up", host)
        return look_up(host, *rest, **named)
    socket.getaddrinfo = guarded_look_up
_watch()
"""
#: Brings loopback up in the new namespace, then becomes the command: no `ip` is needed.
IN_NAMESPACE = """
import fcntl, os, socket, struct, sys
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 0x41))  # SIOCSIFFLAGS, IFF_UP | IFF_RUNNING
os.execvp(sys.argv[1], sys.argv[1:])
"""


def isolated(words: list[str]) -> list[str]:
    """Return the command line that runs `words` where only loopback exists."""
    return ["unshare", "-rn", sys.executable, "-S", "-c", IN_NAMESPACE, *words]


def missing_namespace() -> str:
    """Return why the command cannot be run in a namespace of its own, or an empty text."""
    if shutil.which("unshare") is None:
        return "unshare is missing (Debian: util-linux)"
    done = subprocess.run(isolated(["true"]), capture_output=True, text=True)
    return f"network namespaces are not permitted: {done.stderr.strip()[-200:]}" if done.returncode else ""


def watched(words: list[str], trace: Path) -> list[str]:
    """Return the command line with strace in front, where it is installed and may trace."""
    if shutil.which("strace") is None:
        return words
    tracer = ["strace", "-f", "-qq", "-e", "trace=connect,sendto", "-o"]
    usable = subprocess.run([*tracer, os.devnull, "true"], capture_output=True).returncode == 0
    return [*tracer, str(trace), *words] if usable else words


def guard_environment(folder: Path) -> dict[str, str]:
    """Return what puts the guard into every Python process, and where it notes."""
    (folder / "guard").mkdir()
    (folder / "guard" / "sitecustomize.py").write_text(GUARD)
    known = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join([str(folder / "guard"), *([known] if known else [])])
    return {"PYTHONPATH": path, "GUARD_FILE": str(folder / "guard.txt")}


def outside(addresses: list[str]) -> list[str]:
    """Return the addresses that are not on this machine."""
    here = ("", "None", "localhost", "::1", "::")
    return [a for a in addresses if a not in here and not a.startswith("127.") and a != "0.0.0.0"]


def traced(trace: Path) -> list[str]:
    """Return the internet addresses that strace saw."""
    text = trace.read_text("utf-8", "replace") if trace.exists() else ""
    return re.findall(r'inet_(?:addr|pton)\((?:AF_INET6?, )?"([^"]+)"', text)


@pytest.mark.model
@pytest.mark.databases("sqlite")
@pytest.mark.skipif(bool(missing_model()), reason=missing_model() or "installed")
def test_the_main_job_without_a_network(place: Place, tmp_path: Path) -> None:
    words = parameters({"own": write_source(tmp_path / "own", 5, 10)}, questions=1)
    environment = {**place.environment, **guard_environment(tmp_path)}
    trace = tmp_path / "trace.txt"
    reason = missing_namespace()
    for number, rest in enumerate(
        (
            ["flow", "run", "filing", *words],
            ["assessment", "report", "demo", "--to", str(tmp_path / "report.html")],
            ["assessment", "bundle", "demo", "--to", str(tmp_path / "bundle.zip")],
            ["verify", str(tmp_path / "bundle.zip")],
        )
    ):
        line = watched(command("--lang", "en", *rest), trace) if number == 0 else command("--lang", "en", *rest)
        done = subprocess.run(
            line if reason else isolated(line),
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    noted = [line.split(" ", 1)[1] for line in Path(environment["GUARD_FILE"]).read_text("utf-8").splitlines()]
    assert noted, "the guard saw nothing, not even the question to the local model"
    assert outside(noted) == []
    assert outside(traced(trace)) == []
    page = (tmp_path / "report.html").read_text("utf-8")
    assert re.findall(r"""(?:src|href)=["'](?!#|data:)([^"']*)|url\((?!data:)""", page) == []
    assert "default-src 'none'" in html.unescape(page)
    if reason:
        pytest.skip(f"{reason}; the job was watched by the guard, and reached nothing outside")


def test_the_guard_and_the_namespace_would_have_told(tmp_path: Path) -> None:
    """The test above can fail: a connection to the outside is refused, noted and traced."""
    environment = {**os.environ, **guard_environment(tmp_path)}
    reach = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=2)"
    done = subprocess.run([sys.executable, "-c", reach], env=environment, capture_output=True, text=True)
    assert done.returncode != 0 and "the guard refuses 192.0.2.1" in done.stderr
    noted = Path(environment["GUARD_FILE"]).read_text("utf-8").splitlines()
    assert outside([line.split(" ", 1)[1] for line in noted]) != []
    trace = tmp_path / "trace.txt"
    line = watched([sys.executable, "-c", reach], trace)
    if line[0] == "strace" and not missing_namespace():
        done = subprocess.run(isolated(line), capture_output=True, text=True, timeout=30)
        assert done.returncode != 0 and "unreachable" in done.stderr
        assert outside(traced(trace)) == ["192.0.2.1"]


#: What loads objects that may run code, or runs text as code.
FORBIDDEN_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml"}
#: Of YAML, which Data-Juicer's recipes are written in: what makes no objects but those of JSON.
SAFE_YAML = {"yaml.safe_load", "yaml.scan", "yaml.AliasToken", "yaml.YAMLError"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "torch.load", "numpy.load", "np.load", "pandas.read_pickle"}


def dangers(text: str) -> list[str]:
    """Return what in a module would load objects or run text."""
    found = []
    tree = ast.parse(text)
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    is_safe = {name for name in used if name.startswith("yaml.")} <= SAFE_YAML
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import) and ast.unparse(node) == "import yaml" and is_safe and used:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "").split(".")[0]]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            module = ast.unparse(node.args[0]).strip("'\"") if node.args and called.endswith("import_module") else ""
            if called in FORBIDDEN_CALLS or module.split(".")[0] in FORBIDDEN_MODULES:
                found.append(f"{node.lineno}: {ast.unparse(node)[:80]}")
            if any(k.arg in ("allow_pickle", "shell") and ast.unparse(k.value) != "False" for k in node.keywords):
                found.append(f"{node.lineno}: {ast.unparse(node)[:80]}")
        found += [f"{node.lineno}: import {name}" for name in names if name in FORBIDDEN_MODULES]
    return found


def test_nothing_that_runs_code_is_loaded() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 80
    assert {str(f.relative_to(SOURCE)): d for f in files if (d := dangers(f.read_text("utf-8")))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from marshal import loads",
        "import yaml as y",
        "import yaml; yaml.load(f)",
        "import yaml; yaml.unsafe_load(f)",
        "from yaml import load",
        "eval('1')",
        "exec(text)",
        "import torch; torch.load(f)",
        "np.load(f, allow_pickle=True)",
        "importlib.import_module('pickle')",
        "subprocess.run(x, shell=True)",
        "__import__('os')",
    ],
)
def test_each_danger_would_be_found(text: str) -> None:
    assert dangers(text)


def test_a_host_is_asked_only_when_a_setting_names_it(place: Place) -> None:
    from quanheng.errors import Forbidden

    workspace = place.open()
    for verb, data in (
        ("endpoint.register", {"url": "https://model.example.com/v1", "title": "m"}),
        ("endpoint.register", {"url": "http://127.0.0.1.example.com/v1", "title": "m"}),
        ("endpoint.register", {"url": "http://192.0.2.1:8080/v1", "title": "m"}),
    ):
        with pytest.raises(Forbidden) as caught:
            workspace.call(verb, **data)
        assert caught.value.code == "host_not_allowed"
    denied = workspace.log.list(limit=3)["entries"]
    assert json.dumps(denied).find("example.com") == -1
    workspace = place.open(allowed_hosts="model.example.com")
    assert workspace.call("endpoint.register", url="https://model.example.com/v1", title="m").digest
