"""The child process in which a job's body runs: no database, only the store, the cache and messages to the parent.

Started by `quanheng.core.forkserver`. The first line of standard input is the task; when the parent goes away, standard
input ends, and the whole process group is killed. Messages are JSON lines on the original standard output;
whatever the body prints goes to standard error, which the parent keeps as the job's log.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from quanheng.core.context import Draft, Executor, JobContext, Loaded, Settled, parse_config
from quanheng.core.executors import Chosen, open_executor
from quanheng.errors import QuanhengError
from quanheng.store import JSON, Cache, Descriptor, Layer, LocalObjects, Manifest

#: Progress is sent at most this often.
REPORT_EVERY_S = 0.1


class Channel:
    """Sends messages to the parent, progress at most every REPORT_EVERY_S seconds."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._last = 0.0

    def send(self, event: str, data: Mapping[str, JSON]) -> None:
        """Send one message; progress in between is dropped, the last one (done == total) never."""
        if event == "progress":
            now = time.monotonic()
            if now - self._last < REPORT_EVERY_S and data.get("done") != data.get("total"):
                return
            self._last = now
        with self._lock:
            self._stream.write(json.dumps({"event": event, **data}) + "\n")
            self._stream.flush()


def layer_to_json(layer: Layer) -> dict[str, JSON]:
    """Return a layer as plain data."""
    return {
        "digest": layer.digest,
        "size": layer.size,
        "media_type": layer.media_type,
        "title": layer.title,
        "urls": list(layer.urls),
        "annotations": [list(pair) for pair in layer.annotations],
    }


def layer_from_json(data: Mapping[str, Any]) -> Layer:
    """Return the layer that `layer_to_json` described."""
    return Layer(
        digest=data["digest"],
        size=data["size"],
        media_type=data["media_type"],
        title=data["title"],
        urls=tuple(data["urls"]),
        annotations=tuple((k, v) for k, v in data["annotations"]),
    )


def subject_to_json(subject: Descriptor | None) -> JSON:
    """Return the artifact that another is evidence about, as plain data."""
    return None if subject is None else [subject.media_type, subject.digest, subject.size]


def subject_from_json(data: Any) -> Descriptor | None:
    """Return the subject that `subject_to_json` described."""
    return None if data is None else Descriptor(media_type=data[0], digest=data[1], size=data[2])


def load(manifest: bytes, config: bytes, opener: Any) -> Loaded:
    """Return an artifact from its bytes."""
    parsed = Manifest.parse(manifest)
    model, made_by = parse_config(parsed.kind, config)
    return Loaded(parsed.digest, parsed, model, made_by, opener)


def _context(task: Mapping[str, Any], executor: Executor, channel: Channel) -> JobContext:
    objects = LocalObjects(Path(task["objects"]))
    settings = Settled(
        processes=task["processes"],
        allowed_hosts=frozenset(task["allowed_hosts"]),
        executor=task["executor"]["executor"],
        workspace=task["workspace"],
    )

    def open_bytes(layer: Layer) -> Any:
        if layer.urls and not objects.exists(layer.digest):
            from quanheng.store.external import open_external

            return open_external(layer, settings.allowed_hosts)
        return objects.open(layer.digest)

    inputs = {
        role: [load(base64.b64decode(m), base64.b64decode(c), open_bytes) for m, c in pairs]
        for role, pairs in task["inputs"].items()
    }
    return JobContext(
        objects=objects,
        cache=Cache(Path(task["cache"]), objects),
        executor=executor,
        settings=settings,
        inputs=inputs,
        made_by=task["made_by"],
        again=task["again"] or None,
        report=channel.send,
    )


def _drafts(result: object) -> list[Draft]:
    if result is None:
        return []
    return list(result) if isinstance(result, list | tuple) else [result]  # type: ignore[list-item]


def _run(task: Mapping[str, Any], channel: Channel) -> None:
    from quanheng.core.verb import find_verb

    verb = find_verb(task["verb"])
    with open_executor(Chosen(**task["executor"]), Path(task["workspace"])) as executor:
        context = _context(task, executor, channel)
        drafts = _drafts(verb.body(context, verb.input.model_validate_json(task["input"])))
    outputs: list[JSON] = [
        {
            "kind": draft.model.kind,
            "model": draft.model.model_dump(mode="json"),
            "layers": [layer_to_json(layer) for layer in draft.layers],
            "subject": subject_to_json(draft.subject),
        }
        for draft in drafts
    ]
    channel.send("done", {"outputs": outputs})


def _die_with_parent() -> None:
    while sys.stdin.buffer.read(4096):
        continue
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Run the task given on standard input and report its end."""
    channel = Channel(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    task = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        _run(task, channel)
    except QuanhengError as error:
        channel.send("failed", {"error": error.to_json()})  # type: ignore[dict-item]
    except MemoryError:
        channel.send("failed", {"error": _out_of_memory().to_json()})  # type: ignore[dict-item]
    except Exception as error:
        traceback.print_exc()
        channel.send("failed", {"error": unexpected(error).to_json()})  # type: ignore[dict-item]
    os._exit(0)


def _out_of_memory() -> QuanhengError:
    return QuanhengError(
        "the job ran out of memory",
        "作业内存不足",
        hint=(
            "Use fewer processes (setting `processes`) or a larger machine.",
            "请减少工作进程数（设置 processes）或换更大的机器。",
        ),
        code="out_of_memory",
    )


def unexpected(error: Exception) -> QuanhengError:
    """Return the error of code that failed in a way nobody foresaw."""
    return QuanhengError(
        f"the job's code failed: {type(error).__name__}: {error}",
        f"作业代码出错：{type(error).__name__}: {error}",
        hint=("The job's log has the details: quanheng job logs", "详情见作业日志：quanheng job logs"),
        code="body_failed",
    )


if __name__ == "__main__":
    main()
