"""What a verb's body gets and gives: loaded inputs, the store, progress, and drafts of artifacts.

Free of Django, because bodies run in child processes and remote workers that have no database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, TypeVar

from quanheng.errors import Invalid, NotFound
from quanheng.kinds import Kind, kind_model
from quanheng.store import JSON, Cache, Descriptor, Layer, LocalObjects, Manifest, canonical_json


class Executor(Protocol):
    """Runs a pure function over JSON items on other processes or machines, results in the order of items."""

    def map(self, function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        """Yield `function(item)` for each item; `function` is "package.module:name"."""
        ...


@dataclass(frozen=True)
class Draft:
    """An artifact that a body wants to leave: its kind's model and its layers, already in the store."""

    model: Kind
    layers: tuple[Layer, ...] = ()
    subject: Descriptor | None = None  # the artifact that this one is evidence about


class Titled(Protocol):
    """A layer, wherever it lies."""

    @property
    def title(self) -> str:
        """Return the path of the layer inside its artifact."""
        ...


L = TypeVar("L", bound=Titled)


def find_layer(digest: str, layers: Sequence[L], title: str) -> L:
    """Return the layer with this title of the artifact `digest`; NotFound names those there are."""
    for layer in layers:
        if layer.title == title:
            return layer
    titles = ", ".join(layer.title for layer in layers)
    raise NotFound(
        f"artifact {digest} has no layer {title!r}",
        f"制品 {digest} 没有名为 {title!r} 的数据层",
        hint=(f"It has: {titles}", f"它有：{titles}"),
        code="no_such_layer",
    )


@dataclass(frozen=True)
class Loaded:
    """An artifact that was read: digest, parsed config and the way to its layers."""

    digest: str
    manifest: Manifest
    model: Kind
    made_by: Mapping[str, JSON]
    open_bytes: Callable[[Layer], BinaryIO]

    @property
    def kind(self) -> str:
        """Return the kind, "name/vN"."""
        return self.manifest.kind

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Return the layers in order."""
        return self.manifest.layers

    def layer(self, title: str) -> Layer:
        """Return the layer with this title; NotFound names those there are."""
        return find_layer(self.digest, self.layers, title)

    def open_layer(self, title: str) -> BinaryIO:
        """Open the layer with this title for reading."""
        return self.open_bytes(self.layer(title))

    def made_from(self, role: str) -> list[str]:
        """Return the digests of the artifacts that it was made from in this role, in order."""
        inputs = self.made_by.get("inputs")
        found = [item for item in inputs if isinstance(item, dict)] if isinstance(inputs, list) else []
        return [str(item["digest"]) for item in found if item["role"] == role]

    def rows(self, title: str) -> Iterator[dict[str, JSON]]:
        """Yield the rows of a JSONL layer."""
        with self.open_layer(title) as stream:
            for line in stream:
                yield json.loads(line)


@dataclass(frozen=True)
class Settled:
    """The settings a body may see; never the database URL."""

    processes: int = 0
    allowed_hosts: frozenset[str] = frozenset()
    executor: str = "local"
    workspace: str = ""  # folder for caches of borrowed files (models); not part of any artifact


@dataclass
class JobContext:
    """What the body of a job verb gets."""

    objects: LocalObjects
    cache: Cache
    executor: Executor
    settings: Settled
    inputs: Mapping[str, list[Loaded]]
    made_by: Mapping[str, JSON]
    again: str | None = None  # the nonce of --again: answers asked before do not count
    report: Callable[[str, Mapping[str, JSON]], None] = field(default=lambda event, data: None)

    def one(self, role: str) -> Loaded:
        """Return the single artifact given for `role`."""
        found = self.inputs.get(role, [])
        if len(found) != 1:
            raise Invalid(f"{role} takes one artifact, got {len(found)}", f"{role} 需要一个制品，得到 {len(found)} 个")
        return found[0]

    def many(self, role: str) -> list[Loaded]:
        """Return the artifacts given for `role`, in order."""
        return list(self.inputs.get(role, []))

    def optional(self, role: str) -> Loaded | None:
        """Return the artifact given for `role`, or None."""
        found = self.inputs.get(role, [])
        return found[0] if found else None

    def progress(self, done: int, total: int | None = None) -> None:
        """Tell how far the work is; cheap to call often."""
        self.report("progress", {"done": done, "total": total})

    def log(self, en: str, zh: str) -> None:
        """Write one line into the job's log, in both languages."""
        self.report("log", {"en": en, "zh": zh})

    def release(self, digests: Sequence[str]) -> None:
        """Let objects go that this job stored and needs no more; what anybody has brought or registered stays.

        The process that holds the database removes them, some time after this returns.
        """
        self.report("release", {"digests": list(digests)})

    def map(self, function: str, items: Iterable[JSON]) -> Iterator[JSON]:
        """Run a pure function over JSON items through the executor, results in order."""
        return self.executor.map(function, items)


def config_bytes(model: Kind, made_by: Mapping[str, JSON]) -> bytes:
    """Return the config of an artifact: the kind's model and `made_by`, as canonical JSON."""
    fields: dict[str, JSON] = model.model_dump(mode="json")
    if "made_by" in fields:
        raise Invalid("a kind may not have a field made_by", "类型不能有名为 made_by 的字段")
    return canonical_json({**fields, "made_by": dict(made_by)})


def parse_config(kind: str, config: bytes) -> tuple[Kind, dict[str, JSON]]:
    """Return the kind's model and `made_by` from config bytes."""
    data = json.loads(config)
    made_by = data.pop("made_by")
    return kind_model(kind).model_validate_json(json.dumps(data)), made_by
