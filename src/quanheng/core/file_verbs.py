"""The verb for plain files: evidence that no other kind describes, kept as it was given."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from quanheng.core.context import Draft
from quanheng.core.inputs import Input, Local, param
from quanheng.core.resolve import local_path
from quanheng.core.verb import verb
from quanheng.errors import Conflict, Invalid

if TYPE_CHECKING:
    from quanheng.core.context import JobContext
    from quanheng.store import Layer


class FilesRegister(Input):
    """Input of files.register."""

    path: Annotated[str, Local(folders=True)] = param(
        ..., "A file, or a folder with files", "一个文件，或装有文件的文件夹"
    )
    title: str = param(..., "What the files are", "这些文件是什么", min_length=1, max_length=200)


@verb(
    "files.register",
    cache=True,
    permission="build",
    makes=("files/v1",),
    help=("Register plain files as evidence", "登记普通文件，作为佐证"),
)
def files_register(ctx: JobContext, inp: FilesRegister) -> Any:
    """Leave `files/v1`, one layer per file, titled by its path inside the folder.

    Invalid when the folder is empty, has more files than an artifact has layers (4,000), or holds anything that is
    neither file nor folder; Conflict when the files change while they are read.
    """
    from quanheng.kinds.platform import Files

    path = local_path(inp.path)
    found = [(path.name, path)] if path.is_file() else plain_files(path)
    layers = []
    ctx.progress(0, len(found))
    for number, (title, file) in enumerate(found, 1):
        layers.append(_layer(ctx, title, file))
        ctx.progress(number, len(found))
    _check_unchanged(ctx, layers)
    size = sum(layer.size for layer in layers)
    return Draft(Files(title=inp.title, files=len(layers), bytes=size), tuple(layers))


def plain_files(folder: Path) -> list[tuple[str, Path]]:
    """Return (path inside the folder, path) of every file, sorted; Invalid when there is none."""
    from quanheng.store.manifest import MAX_LAYERS

    paths = sorted(folder.rglob("*"))
    for path in paths:
        if not path.is_file() and not path.is_dir():
            what = "a link that leads nowhere" if path.is_symlink() else f"no plain file ({_type_of(path)})"
            raise Invalid(
                f"{path.relative_to(folder)} is {what}",
                f"{path.relative_to(folder)} 不是普通文件",
                hint=("Take it out of the folder; nothing was registered.", "请将它移出文件夹；没有登记任何内容。"),
                code="not_a_file",
            )
    files = [(path.relative_to(folder).as_posix(), path) for path in paths if path.is_file()]
    if not files:
        raise Invalid(
            f"the folder {folder.name} has no files",
            f"文件夹 {folder.name} 里没有文件",
            hint=("Name a folder with files in it.", "请指定装有文件的文件夹。"),
            code="empty_folder",
        )
    if len(files) > MAX_LAYERS:
        raise Invalid(
            f"the folder {folder.name} has {len(files)} files; an artifact holds at most {MAX_LAYERS}",
            f"文件夹 {folder.name} 里有 {len(files)} 个文件；一个制品最多 {MAX_LAYERS} 个",
            hint=("Register its parts, or pack them into one file.", "请分批登记，或打包成一个文件。"),
            code="too_many_files",
        )
    return files


def _type_of(path: Path) -> str:
    return stat.filemode(path.lstat().st_mode)[0]


def _layer(ctx: JobContext, title: str, file: Path) -> Layer:
    from quanheng.store import Layer

    stored = ctx.objects.put_file(file)
    return Layer(stored.digest, stored.size, "application/octet-stream", title)


def _check_unchanged(ctx: JobContext, layers: list[Layer]) -> None:
    """Raise Conflict unless the layers are the content that the call's key was computed from."""
    from quanheng.store import canonical_json, sha256_digest

    listing = [[layer.title, layer.digest] for layer in layers]
    content = sha256_digest(canonical_json(listing))
    params = ctx.made_by["params"]
    if not isinstance(params, dict) or params.get("path") != {"content": content}:
        raise Conflict(
            "the files changed while they were read",
            "读取过程中文件发生了变化",
            hint=("Run it again once nobody writes to them.", "请在无人写入时重新执行。"),
            code="changed_while_read",
        )
