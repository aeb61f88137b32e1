"""Files that a caller names: read whole within a limit, written whole or not at all; and the files of an artifact."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from quanheng.core.artifacts import load
from quanheng.core.context import Loaded
from quanheng.core.inputs import Input, Local, Takes, param
from quanheng.core.session import Session
from quanheng.core.verb import query
from quanheng.errors import Conflict, Invalid, NotFound, Unavailable, system_said
from quanheng.store import file_digest
from quanheng.store.canonical_zip import write_zip
from quanheng.store.writing import writing

_CHUNK = 1024 * 1024


def read_file(path: Path, limit: int) -> bytes:
    """Return the bytes of a file of at most `limit` bytes. Raises NotFound, Invalid "too_large", or Unavailable."""
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except FileNotFoundError as error:
        raise NotFound(
            f"there is no file {path}",
            f"没有文件 {path}",
            hint=("Check the path.", "请检查路径。"),
            code="no_such_path",
        ) from error
    except OSError as error:
        raise Unavailable(
            f"{path} cannot be read: {system_said(error).en}",
            f"无法读取 {path}：{system_said(error).zh}",
            hint=("Check that it is a file, and its permissions.", "请确认它是文件，并检查其权限。"),
            code="unreadable_file",
        ) from error
    if len(data) > limit:
        raise Invalid(
            f"{path} is larger than {limit:,} bytes",
            f"{path} 大于 {limit:,} 字节",
            hint=("Split it.", "请拆分该文件。"),
            code="too_large",
        )
    return data


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; Unavailable says what the system refused."""
    with writing(path) as out:
        out.write(data)


class ArtifactSave(Input):
    """Input of artifact.save."""

    artifact: Annotated[str, Takes("*")] = param(..., "Artifact", "制品")
    to: Annotated[str, Local(reads=False)] = param(
        ..., "Folder to write its files into, new or empty; or a zip file", "要写入的文件夹（新建或空），或 zip 文件"
    )


@query("artifact.save", help=("Write the files of an artifact into a folder", "把制品的文件写入文件夹"))
def artifact_save(session: Session, inp: ArtifactSave) -> Any:
    """Write every layer under its title, and return how many files and bytes they are. A name in .zip makes one zip.

    A file that is there whole already is not written again, so that an interrupted save goes on. Conflict
    "target_not_empty" when the folder holds anything else; Invalid "bad_title" for a title that leads out of it.
    """
    loaded = load(session, inp.artifact)
    target = Path(os.path.expanduser(inp.to))
    titles = {layer.title: layer for layer in loaded.layers}
    if target.suffix.lower() == ".zip":
        return _zip(session, loaded, target)
    _check(target, titles)
    size = 0
    for title, layer in titles.items():
        path = target / title
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (path.is_file() and path.stat().st_size == layer.size and file_digest(path) == layer.digest):
            with loaded.open_layer(title) as stream, writing(path) as out:
                shutil.copyfileobj(stream, out, _CHUNK)
        size += layer.size
    return {"digest": loaded.digest, "path": inp.to, "files": len(titles), "bytes": size}


def _zip(session: Session, loaded: Loaded, target: Path) -> Any:
    """Write one zip of the layers, the same bytes each time; NotFound for a layer that lies elsewhere."""
    objects = session.workspace.objects
    entries: dict[str, bytes | Path] = {}
    for layer in loaded.layers:
        objects.size(layer.digest)  # says which one is not here
        entries[layer.title] = objects.path(layer.digest)
    write_zip(target, entries)
    size = sum(layer.size for layer in loaded.layers)
    return {"digest": loaded.digest, "path": str(target), "files": len(entries), "bytes": size}


def _check(target: Path, titles: Iterable[str]) -> None:
    known = set()
    for title in titles:
        parts = PurePosixPath(title).parts
        if title.startswith("/") or ".." in parts or "\\" in title or "\0" in title:
            raise Invalid(
                f"a file of the artifact is called {title[:200]!r}, which leads out of the folder",
                f"制品中的文件名 {title[:200]!r} 会写到文件夹之外",
                hint=("Read it through the API instead.", "请改用 API 读取。"),
                code="bad_title",
            )
        known.add(target / title)
    if target.exists() and not target.is_dir():
        raise _not_empty(target)
    for path in target.rglob("*") if target.exists() else ():
        if not path.is_dir() and path not in known and path.with_name(path.name.removesuffix(".part")) not in known:
            raise _not_empty(target)


def _not_empty(target: Path) -> Conflict:
    return Conflict(
        f"{target} holds something else",
        f"{target} 中已有其他内容",
        hint=("Name a new or empty folder.", "请指定新的或空的文件夹。"),
        code="target_not_empty",
    )
