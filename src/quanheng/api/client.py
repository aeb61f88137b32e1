"""A workspace on a server, called from Python like one in a folder: `quanheng.connect(url, token)`.

Files in path fields are uploaded, files to write are downloaded, and jobs are waited for. Needs httpx and no Django.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from quanheng.api import transfers
from quanheng.api.wire import Wire
from quanheng.core.context import find_layer
from quanheng.core.jobs import CANCELLED, DONE, QUEUED, Result
from quanheng.core.resolve import local_path
from quanheng.core.runner import Listener, silent
from quanheng.core.session import FIRST_PROJECT
from quanheng.errors import Cancelled, Invalid, NotFound, QuanhengError
from quanheng.kinds import Kind, kind_model
from quanheng.store import JSON, Stored

#: Pauses between two looks at a job, in seconds: the first, and the longest.
LOOK_S, LONGEST_LOOK_S = 0.2, 2.0
#: A line of a job's log that its body wrote: time, English | Chinese.
_LINE = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z (.*) \| (.*)")


def connect(
    url: str,
    token: str = "",
    project: str = FIRST_PROJECT,
    *,
    insecure: bool = False,
    transport: httpx.BaseTransport | None = None,
) -> RemoteWorkspace:
    """Return the workspace of the server at `url`, called as the owner of this access token (a visitor without one).

    insecure: allow http to another machine, where anybody between can read the token. transport: another way to send
    requests, for tests. Nothing is sent before the first call.
    """
    return RemoteWorkspace(Wire(url, token, insecure=insecure, transport=transport), project)


@dataclass(frozen=True)
class RemoteLayer:
    """One file of an artifact."""

    title: str
    digest: str
    size: int
    media_type: str


@dataclass(frozen=True)
class RemoteArtifact:
    """An artifact that was read from a server: what `Workspace.load` returns, its layers read over HTTP."""

    digest: str
    kind: str
    model: Kind
    made_by: Mapping[str, JSON]
    layers: tuple[RemoteLayer, ...]
    open_bytes: Callable[[RemoteLayer], BinaryIO]

    def layer(self, title: str) -> RemoteLayer:
        """Return the layer with this title; NotFound names those there are."""
        return find_layer(self.digest, self.layers, title)

    def open_layer(self, title: str) -> BinaryIO:
        """Open the layer with this title for reading."""
        return self.open_bytes(self.layer(title))

    def rows(self, title: str) -> Iterator[dict[str, JSON]]:
        """Yield the rows of a JSONL layer."""
        with self.open_layer(title) as stream:
            for line in stream:
                yield json.loads(line)


class RemoteWorkspace:
    """A workspace on a server. Verbs and queries are methods: `workspace.corpus.build(sources=[…])`."""

    def __init__(self, wire: Wire, project: str) -> None:
        self._project = project
        self._wire = wire
        self._known: dict[str, dict[str, Any]] = {}
        self._held: dict[str, tuple[str, RemoteLayer]] = {}

    def __repr__(self) -> str:
        return f"RemoteWorkspace({self._wire.url!r}, project={self._project!r})"

    def __enter__(self) -> RemoteWorkspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name.split(".")[0] for name in self.operations())})

    def __getattr__(self, noun: str) -> RemoteNoun:
        if noun.startswith("_"):
            raise AttributeError(noun)
        nouns = {name.split(".")[0] for name in self.operations()}
        if noun not in nouns:
            raise AttributeError(f"a workspace has no {noun!r}; it has: {', '.join(sorted(nouns))}")
        return RemoteNoun(self, noun)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def operations(self, *, fresh: bool = False) -> Mapping[str, Mapping[str, Any]]:
        """Return what the server's document says of each verb and query, by name; read once."""
        if fresh or not self._known:
            paths = self._wire.send("GET", "/openapi.json").json()["paths"]
            told = [operation for methods in paths.values() for operation in methods.values()]
            self._known = {one["operationId"]: one["x-quanheng"] for one in told if "x-quanheng" in one}
        return self._known

    def call(
        self,
        name: str,
        /,  # a verb's own input may be called `name`
        *,
        as_name: str = "",
        again: bool = False,
        detach: bool = False,
        project: str | None = None,
        listener: Listener = silent,
        **data: Any,
    ) -> Any:
        """Run the verb or query `name` and return its Result or its answer; a job is waited for unless `detach`."""
        where = project or self._project
        known = self.operations()
        told = known.get(name) or self.operations(fresh=True).get(name, {})
        if told.get("kind") == "query":
            return self._ask(name, told, where, data)
        options = {"project": where, **({"as": as_name} if as_name else {}), **({"again": "true"} if again else {})}
        result = self._post(name, options, self._with_uploads(told, where, data))
        if result.state != QUEUED:
            if result.cached:
                listener("cached", {"verb": name, "outputs": list(result.outputs)})
            return result
        return result if detach else self._wait(name, result.job, where, as_name, listener)

    def put(self, source: bytes | Path) -> Stored:
        """Store a layer (bytes or a file) and return its digest and size; the actor may then name it in a manifest."""
        digest, size = transfers.Uploads(self._wire, self._project).layer(source)
        return Stored(digest, size)

    def upload(self, path: str | Path, *, project: str | None = None) -> str:
        """Return `upload:…` of a file or folder, to be named in the parameters of a flow."""
        return transfers.Uploads(self._wire, project or self._project).path(Path(os.path.expanduser(path)))

    def load(self, text: str) -> RemoteArtifact:
        """Return the artifact that `text` names, with its config and the way to its layers."""
        shown = self.call("artifact.show", artifact=text)
        digest, kind = str(shown["digest"]), str(shown["kind"])
        layers = tuple(RemoteLayer(**{key: one[key] for key in _LAYER}) for one in shown["layers"])
        self._held.update({layer.digest: (digest, layer) for layer in layers})
        model = kind_model(kind).model_validate_json(json.dumps(shown["config"]))
        return RemoteArtifact(digest, kind, model, shown["made_by"], layers, lambda one: self.open_layer(one.digest))

    def open_layer(self, digest: str) -> BinaryIO:
        """Open a layer for reading, of an artifact that was loaded before; its bytes are compared with the digest."""
        if digest not in self._held:
            raise NotFound(
                f"it is not known which artifact has layer {digest}",
                f"不知道数据层 {digest} 属于哪个制品",
                hint=("Load an artifact that has it first.", "请先用 load 读取含有它的制品。"),
                code="no_such_layer",
            )
        artifact, layer = self._held[digest]
        return transfers.open_layer(self._wire, artifact, digest, layer.size, self._project)

    # ------------------------------------------------------------ queries

    def _ask(self, name: str, told: Mapping[str, Any], project: str, data: Mapping[str, Any]) -> Any:
        field, address = told.get("output"), "/" + name.replace(".", "/")
        params = {"project": project, **{key: _plain(value) for key, value in data.items() if value is not None}}
        if not field:
            return self._wire.send("GET", address, params=params).json()
        if not params.get(field):
            raise _missing(name, field)
        path = Path(os.path.expanduser(str(params.pop(field))))
        headers = transfers.download(self._wire, address, params, path)
        said = json.loads(headers.get("Quanheng-Answer", "{}"))
        return {"path": str(data[field]), **said}

    # ------------------------------------------------------------ verbs

    def _with_uploads(self, told: Mapping[str, Any], project: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the input with what lies on this machine uploaded and named."""
        sent = {key: os.fspath(value) if isinstance(value, Path) else value for key, value in data.items()}
        for field in told.get("paths", []):
            text = sent.get(field)
            # An address is for the server to read, or to refuse.
            if isinstance(text, str) and not text.startswith(("upload:", "shipped:")) and "://" not in text:
                sent[field] = transfers.Uploads(self._wire, project).path(local_path(text))
        return sent

    def _post(self, name: str, options: Mapping[str, str], data: Mapping[str, Any]) -> Result:
        # The key makes it safe to send the call again when its answer was lost.
        answer = self._wire.send(
            "POST",
            "/" + name.replace(".", "/"),
            params=options,
            json=data,
            headers={"Idempotency-Key": str(uuid.uuid4())},
        ).json()
        return Result(answer["job"], tuple(answer["outputs"]), answer["cached"], answer["value"], answer["state"])

    def _wait(self, name: str, job: str, project: str, as_name: str, listener: Listener) -> Result:
        """Return the result of a queued job, telling the listener what it does; the job's error is raised."""
        listener("start", {"job": job, "verb": name, "name": as_name})
        try:
            seen = self._follow(job, project, listener)
        except KeyboardInterrupt:
            self.call("job.cancel", id=job, project=project)
            raise _interrupted() from None
        if seen["state"] != DONE:
            raise _error_of(seen)
        listener("end", {"job": job, "verb": name, "outputs": seen["outputs"]})
        return Result(job, tuple(seen["outputs"]))

    def _follow(self, job: str, project: str, listener: Listener) -> dict[str, Any]:
        """Return what the job's events say at its end."""
        heard, pause_s, cursor = _Heard(listener), LOOK_S, 0
        while True:
            seen = self._wire.send("GET", "/job/events", params={"id": job, "after": cursor, "project": project}).json()
            is_news = heard.hear(job, seen)
            cursor = seen["next"]
            if seen["finished"]:
                if not seen["lines"]:  # all of the log is told
                    return dict(seen)
                continue
            pause_s = LOOK_S if is_news else min(pause_s * 1.5, LONGEST_LOOK_S)
            time.sleep(pause_s)


_LAYER = ("title", "digest", "size", "media_type")


class _Heard:
    """Tells a listener what is new in a job's events, its steps' too."""

    def __init__(self, listener: Listener) -> None:
        self._tell = listener
        self._progress: dict[str, tuple[int, int | None]] = {}
        self._ended: set[str] = set()

    def hear(self, job: str, seen: Mapping[str, Any]) -> bool:
        """Return whether anything was new."""
        news = bool(seen["lines"])
        for line in seen["lines"]:
            found = _LINE.fullmatch(line)
            en, zh = found.groups() if found else (line, line)
            self._tell("log", {"job": job, "en": en, "zh": zh})
        for step in seen.get("steps", []):
            if step["id"] not in self._progress:
                self._tell("start", {"job": step["id"], "verb": step["verb"], "name": step["name"]})
            news |= self._hear_progress(step["id"], step)
            if step["finished"] and step["id"] not in self._ended:
                self._ended.add(step["id"])
                self._tell("end", {"job": step["id"], "verb": step["verb"], "outputs": []})
        return self._hear_progress(job, seen) or news

    def _hear_progress(self, job: str, seen: Mapping[str, Any]) -> bool:
        progress = (seen["done"], seen["total"])
        is_new = self._progress.get(job) != progress
        self._progress[job] = progress
        if is_new and progress != (0, None):
            self._tell("progress", {"job": job, "done": progress[0], "total": progress[1]})
        return is_new


class RemoteNoun:
    """The verbs and queries of one noun, as methods."""

    def __init__(self, workspace: RemoteWorkspace, noun: str) -> None:
        self._workspace = workspace
        self._noun = noun

    def __dir__(self) -> list[str]:
        return [name.split(".")[1] for name in self._workspace.operations() if name.startswith(self._noun + ".")]

    def __getattr__(self, action: str) -> Callable[..., Any]:
        if action.startswith("_") or action not in dir(self):
            raise AttributeError(f"{self._noun} has no {action!r}; it has: {', '.join(dir(self))}")

        def method(**data: Any) -> Any:
            return self._workspace.call(f"{self._noun}.{action}", **data)

        return method


def _plain(value: Any) -> Any:
    """Return a value as it stands in a query string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return os.fspath(value) if isinstance(value, Path) else value


def _missing(name: str, field: str) -> Invalid:
    """Return the error of a local call that does not say where to write."""
    return Invalid(
        f"{name} cannot use this input — {field}: it is missing",
        f"{name} 的输入有误——{field}：缺少这一项",
        hint=(
            f"See: quanheng {name.replace('.', ' ')} --help",
            f"用法见：quanheng {name.replace('.', ' ')} --help",
        ),
        code="bad_input",
    )


def _interrupted() -> Cancelled:
    return Cancelled(
        "stopped by the keyboard",
        "已被键盘中断",
        hint=("Run it again: finished steps are not repeated.", "再次执行即可继续，已完成的步骤不会重复。"),
    )


def _error_of(seen: Mapping[str, Any]) -> QuanhengError:
    """Return the error with which a job ended."""
    if seen["error"]:
        return QuanhengError.from_json(seen["error"])
    state = seen["state"]
    kind = Cancelled if state == CANCELLED else QuanhengError
    return kind(f"the job ended as {state}", f"作业结束状态：{state}")
